//! Dialogues played from tapes: the frames are those of docs/protocols/balong-flash.md section 2.2.

use std::time::Duration;

use super::*;
use crate::error::{Error, ErrorKind, Verdict};
use crate::event::{Event, Session};
use crate::link::flood::Flood;
use crate::link::{ByteLink, Direction, Moment, Tape, TapeLink};

mod refusals;
mod restarts;

const KEY: &str = "778A8D175E602B7B779D9E05C330B5279B0661BF2EED99A20445B366D63DD697";
const VERSION: &str = "> 7e0c143a7e\n< 0d0f37323030422d2d534b434241445a4dc37b7e\n";
const PRODUCT: &str = "> 7e45d1e57e\n< 7e4548554157454920453333373268 5f313533000000d4ed7e\n";
const ACK: &str = "< 7e026ad37e\n";
const DATAMODE: &str = "> 41545e444154414d4f44450d\n< 0d0a4f4b0d0a\n";
/// What ends whatever was left half said.
const CLEAR: &str = "> 0d7e7e\n";
const RESET: &str = "> 7e0a225f7e\n";
/// AT^RESET
const AT_RESET: &str = "> 41545e52455345540d\n";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// A line of a tape: an AT command and its answer.
fn at(command: &str, answer: &str) -> String {
    format!("> {}0d\n< {}\n", hex(command.as_bytes()), hex(answer.as_bytes()))
}

fn greeting() -> String {
    at("AT^DLOADVER?", "\r\n2.0\r\n\r\nOK\r\n")
}

fn info() -> String {
    at("AT^DLOADINFO?", "\r\nERROR\r\n")
}

fn signature() -> SignatureFacts {
    SignatureFacts { kind: 1, key: KEY.into(), length: 2430 }
}

fn link(tape: &str) -> TapeLink {
    TapeLink::new(Tape::parse(tape).unwrap())
}

/// The handshake against `tape`, which must be used up.
fn shake(tape: &str, signature: Option<&SignatureFacts>) -> Result<Handshake> {
    let mut link = link(tape);
    let result = handshake(&mut link, signature, &mut Session::quiet());
    assert!(link.is_finished(), "not everything on the tape happened: {result:?}");
    result
}

/// A payload of one partition.
struct Small(Vec<PartitionFacts>, Vec<u8>);

impl Small {
    /// One partition `code` of these bytes.
    fn of(code: u32, data: &[u8]) -> Self {
        let facts = PartitionFacts { code, name: "Small".into(), size: data.len() as u64, boot_chain: false };
        Small(vec![facts], data.to_vec())
    }
}

impl Payload for Small {
    fn partitions(&self) -> &[PartitionFacts] {
        &self.0
    }

    fn open(&mut self, _index: usize) -> Result<Box<dyn Read + '_>> {
        Ok(Box::new(self.1.as_slice()))
    }
}

fn frame(body: &[u8]) -> String {
    let mut out = Vec::new();
    crate::wire::hdlc::encode(body, &mut out);
    format!("> {}\n", hex(&out))
}

/// What a stick that refuses says.
fn refusal(code: u8) -> String {
    frame(&[3, 0, code]).replace('>', "<")
}

/// The version request, and its answer after that of an earlier request.
fn version_after(reply: &str) -> String {
    VERSION.replace('<', &format!("{reply}<"))
}

const CODE: u32 = 0x0059_0000;
const DATA: [u8; 4] = [0x7d, 0x7e, 0x7f, 0x00];

fn start_frame() -> String {
    frame(&message::start(CODE, 4))
}

fn block_frame() -> String {
    "> 7e420000000100047d5d7d5e7f0033e97e\n".into()
}

fn end_frame() -> String {
    frame(&message::end(CODE, 4))
}

/// The four bytes sent against `tape`, which must be used up; with the warnings that were given.
fn send(tape: &str, finish: Finish) -> (Result<Outcome>, Vec<&'static str>) {
    let mut link = link(tape);
    let mut warnings = Vec::new();
    let sink = |event| {
        if let Event::Warning { code, .. } = event {
            warnings.push(code);
        }
    };
    let mut session = Session::new(sink, crate::event::Cancel::new());
    let mut payload = Small::of(CODE, &DATA);
    let result = run(&mut link, &mut payload, 0, finish, &mut NoObserver, &mut session);
    drop(session);
    assert!(link.is_finished(), "not everything on the tape happened: {result:?}");
    (result, warnings)
}

/// A payload that was changed since its check, as is seen before it begins, or when it was read.
struct Changed {
    small: Small,
    at_start: bool,
}

impl Payload for Changed {
    fn partitions(&self) -> &[PartitionFacts] {
        self.small.partitions()
    }

    fn open(&mut self, index: usize) -> Result<Box<dyn Read + '_>> {
        self.small.open(index)
    }

    fn before_start(&mut self, _index: usize) -> Result<()> {
        if self.at_start { Err(Error::new(ErrorKind::FileCorrupt, "changed")) } else { Ok(()) }
    }

    fn before_end(&mut self, _index: usize) -> Result<()> {
        Err(Error::new(ErrorKind::FileCorrupt, "changed"))
    }
}

#[test]
fn what_was_changed_is_not_begun_or_not_ended() {
    let read = format!("{}{ACK}{}{ACK}", start_frame(), block_frame());
    for (at_start, tape, verdict) in
        [(true, "", Verdict::Untouched), (false, read.as_str(), Verdict::Recoverable)]
    {
        let mut link = link(tape);
        let mut payload = Changed { small: Small::of(CODE, &DATA), at_start };
        let finish = Finish::Reset;
        let result = run(&mut link, &mut payload, 0, finish, &mut NoObserver, &mut Session::quiet());
        let error = result.unwrap_err();
        assert!(error.is(ErrorKind::FileCorrupt) && link.is_finished(), "{error:?}");
        assert_eq!(error.verdict(), Some(verdict));
    }
}

#[test]
fn a_handshake_is_the_originals() {
    let signed = format!("AT^SIGNVER=1,0,{KEY},2430");
    let tape =
        format!("{}{}{}{DATAMODE}{VERSION}{PRODUCT}", greeting(), info(), at(&signed, "\r\n0\r\n\r\nOK\r\n"));
    let said = shake(&tape, Some(&signature())).unwrap();
    assert_eq!(said.phase, Phase::At);
    assert_eq!(said.version.as_deref(), Some("7200B--SKCBADZM"));
    assert_eq!(said.product.as_deref(), Some("E3372h_153"));
    // Without a signature there is nothing to announce.
    let tape = format!("{}{}{DATAMODE}{VERSION}{PRODUCT}", greeting(), info());
    assert_eq!(shake(&tape, None).unwrap(), Handshake { info: said.info.clone(), ..said });
}

#[test]
fn every_refusal_to_at_means_the_binary_phase_and_is_seen_at_once() {
    // Some of these frames are all ASCII.
    for code in 1..=0x11 {
        for flag in ["7e", ""] {
            let refusal = refusal(code).replacen("7e", flag, 1);
            let tape = format!("> 41545e444c4f41445645523f0d\n{refusal}{VERSION}{PRODUCT}");
            let mut link = link(&tape);
            let said = handshake(&mut link, Some(&signature()), &mut Session::quiet()).unwrap();
            assert_eq!(said.phase, Phase::Binary, "{code:02x}");
            assert!(link.is_finished());
            assert!(link.now() < Duration::from_secs(1), "{code:02x}: waited {:?}", link.now());
        }
    }
}

#[test]
fn silence_to_at_means_the_binary_phase_when_frames_are_answered() {
    let tape = format!("> 41545e444c4f41445645523f0d\n{VERSION}{PRODUCT}");
    assert_eq!(shake(&tape, None).unwrap().phase, Phase::Binary);
    let deaf = format!("> 41545e444c4f41445645523f0d\n> 7e0c143a7e\n{CLEAR}").repeat(3);
    let error = shake(&deaf, None).unwrap_err();
    assert!(error.is(ErrorKind::NotInDownloadMode), "{error:?}");
    assert_eq!(error.verdict(), Some(Verdict::Untouched));
}

#[test]
fn replies_may_come_late_twice_and_in_pieces() {
    // An acknowledgement of an aborted run in front, the version in two pieces and twice.
    let tape = "> 41545e444c4f41445645523f0d\n> 7e0c143a7e\n< 7e026ad37e7e0d0f3732\n\
                < 3030422d2d534b434241445a4dc37b7e\n< 0d0f37323030422d2d534b434241445a4dc37b7e\n"
        .to_owned()
        + PRODUCT;
    assert_eq!(shake(&tape, None).unwrap().product.as_deref(), Some("E3372h_153"));
}

#[test]
fn a_stick_need_not_tell_its_product() {
    let tape = format!("{}{}{DATAMODE}{VERSION}> 7e45d1e57e\n< 7e0300069e4c7e\n", greeting(), info());
    let said = shake(&tape, None).unwrap();
    assert_eq!((said.product, said.version.is_some()), (None, true));
}

#[test]
fn what_is_not_in_download_mode_is_told_apart() {
    for (answer, words, version) in [
        ("\r\nERROR\r\n", "ordinary AT port", None),
        ("AT^DLOADVER?\r\r\nERROR\r\n", "ordinary AT port", None),
        ("\r\nCOMMAND NOT SUPPORT\r\n", "ordinary AT port", None),
        ("\r\n+CME ERROR: 3\r\n", "ordinary AT port", None),
        ("\r\nOK\r\n", "does not report", None),
        ("\r\n3.0\r\n\r\nOK\r\n", "another version", Some("3.0")),
    ] {
        // Believed when it is said twice.
        let error = shake(&at("AT^DLOADVER?", answer).repeat(2), None).unwrap_err();
        assert!(
            error.is(ErrorKind::NotInDownloadMode) && error.what().contains(words),
            "{answer:?}: {error:?}"
        );
        assert_eq!(error.verdict(), Some(Verdict::Untouched));
        assert_eq!(error.fact("version"), version);
    }
}

#[test]
fn refusals_before_the_binary_phase_are_explained() {
    let signed = format!("AT^SIGNVER=1,0,{KEY},2430");
    let good = at(&signed, "\r\n0\r\n\r\nOK\r\n");
    let refused = at("AT^DATAMODE", "\r\nERROR\r\n").repeat(2);
    let before = greeting() + &info();
    let cases = [
        (
            before.clone() + &at(&signed, "\r\n1\r\n\r\nOK\r\n").repeat(2),
            true,
            ErrorKind::SignatureRefused,
            "key",
        ),
        (before.clone() + &at(&signed, "\r\nERROR\r\n").repeat(2), true, ErrorKind::SignatureRefused, "key"),
        (before.clone() + &refused, false, ErrorKind::SignatureRefused, "the image has none"),
        (before + &good + &refused, true, ErrorKind::RequestRefused, "binary phase"),
    ];
    for (tape, with_signature, kind, words) in cases {
        let error = shake(&tape, with_signature.then(signature).as_ref()).unwrap_err();
        assert!(error.is(kind) && error.what().contains(words), "{error:?}");
        assert_eq!(error.verdict(), Some(Verdict::Untouched));
        assert!(error.fact("answer").is_some());
    }
}

#[test]
fn a_refusal_is_believed_when_it_is_repeated() {
    let signed = format!("AT^SIGNVER=1,0,{KEY},2430");
    let good = at(&signed, "\r\n0\r\n\r\nOK\r\n");
    let bad = |answer: &str| at(&signed, answer);
    let before = greeting() + &info();
    let after = format!("{DATAMODE}{VERSION}{PRODUCT}");
    let silent = format!("> {}0d\n{CLEAR}", hex(signed.as_bytes()));
    for once in [bad("\r\n1\r\n\r\nOK\r\n"), bad("\r\nERROR\r\n"), silent] {
        let said = shake(&format!("{before}{once}{good}{after}"), Some(&signature())).unwrap();
        assert_eq!(said.phase, Phase::At, "{once}");
    }
    // The version question, and so is the change of phase.
    let other = at("AT^DLOADVER?", "\r\nERROR\r\n");
    let refused = at("AT^DATAMODE", "\r\nERROR\r\n");
    shake(&format!("{other}{before}{refused}{after}"), None).unwrap();
}

#[test]
fn every_state_of_the_other_side_is_recognised() {
    let asked = "> 41545e444c4f41445645523f0d\n";
    let not_binary = "> 7e0c143a7e\n< 7e0300069e4c7e\n";
    let after = format!("{}{DATAMODE}{VERSION}{PRODUCT}", info());
    // The command was lost, and the port is in its AT phase: it refuses the frame.
    let tape = format!("{asked}{not_binary}{CLEAR}{}{after}", greeting());
    assert_eq!(shake(&tape, None).unwrap().phase, Phase::At);
    // AT^DATAMODE was lost, or its answer.
    let lost = format!("> {}0d\n", hex(b"AT^DATAMODE"));
    let tape = format!("{}{}{lost}{not_binary}{CLEAR}{DATAMODE}{VERSION}{PRODUCT}", greeting(), info());
    assert_eq!(shake(&tape, None).unwrap().phase, Phase::At);
    let tape = format!("{}{}{lost}{VERSION}{PRODUCT}", greeting(), info());
    assert_eq!(shake(&tape, None).unwrap().phase, Phase::At);
}

#[test]
fn a_partition_is_the_originals() {
    let tape = format!("{}{ACK}{}{ACK}{}{ACK}{VERSION}", start_frame(), block_frame(), end_frame());
    assert_eq!(send(&tape, Finish::Stay).0.unwrap(), Outcome::Complete);
    let tape = format!("{tape}{RESET}{ACK}{AT_RESET}< 0d0a4f4b0d0a\n");
    assert_eq!(send(&tape, Finish::Reset).0.unwrap(), Outcome::Complete);
}

#[test]
fn leaving_need_not_be_understood() {
    let sent = format!("{}{ACK}{}{ACK}{}{ACK}{VERSION}", start_frame(), block_frame(), end_frame());
    for reply in [ACK, "< 7e0300069e4c7e\n", ""] {
        let (result, warnings) = send(&format!("{sent}> 7e01f1e17e\n{reply}"), Finish::Leave);
        assert_eq!((result.unwrap(), warnings), (Outcome::Complete, vec![]));
    }
}

#[test]
fn a_reset_that_is_refused_is_tried_in_words() {
    let sent = format!("{}{ACK}{}{ACK}{}{ACK}{VERSION}{RESET}", start_frame(), block_frame(), end_frame());
    let (result, warnings) =
        send(&format!("{sent}< 7e0300069e4c7e\n{AT_RESET}< 0d0a4f4b0d0a\n"), Finish::Reset);
    assert_eq!((result.unwrap(), warnings), (Outcome::Complete, vec!["reset"]));
    let (result, warnings) = send(&format!("{sent}{AT_RESET}{RESET}{AT_RESET}"), Finish::Reset);
    let told = vec!["reset", "reset", "restart-not-seen"];
    assert_eq!((result.unwrap(), warnings), (Outcome::Complete, told));
    let (result, _) = send(&format!("{sent}< 7e0300069e4c7e\n{AT_RESET}< 7e0300069e4c7e\n"), Finish::Reset);
    let error = result.unwrap_err();
    assert!(error.is(ErrorKind::RequestRefused), "{error:?}");
    assert_eq!((error.fact("code"), error.verdict()), (Some("06"), Some(Verdict::Recoverable)));
}

#[test]
fn a_block_is_repeated_and_made_sure_of_before_the_end() {
    let damaged = "< 7e026ad47e\n";
    for reply in [refusal(1), damaged.to_owned(), String::new()] {
        let tape = format!(
            "{}{ACK}{}{reply}{VERSION}{}{ACK}{}{ACK}{VERSION}",
            start_frame(),
            block_frame(),
            block_frame(),
            end_frame()
        );
        let (result, warnings) = send(&tape, Finish::Stay);
        assert_eq!((result.unwrap(), warnings), (Outcome::Complete, vec!["repeat"]));
    }
}

#[test]
fn an_answer_that_is_only_late_is_waited_for() {
    // The stick was busy: its acknowledgement stands before the answer to the question what became of the block.
    let asked = format!("{}{ACK}{}", start_frame(), block_frame());
    let silent = "> 7e0c143a7e\n".repeat(3);
    let tape = format!("{asked}{silent}{}{}{ACK}{VERSION}", version_after(ACK), end_frame());
    let (result, warnings) = send(&tape, Finish::Stay);
    assert_eq!((result.unwrap(), warnings), (Outcome::Complete, vec!["repeat"]));
    // For a minute, and no longer.
    let dead = format!("{asked}{}", "> 7e0c143a7e\n".repeat(6));
    let mut link = link(&dead);
    let mut payload = Small::of(CODE, &DATA);
    let error =
        run(&mut link, &mut payload, 0, Finish::Stay, &mut NoObserver, &mut Session::quiet()).unwrap_err();
    assert_eq!((error.kind(), error.verdict()), (ErrorKind::Timeout, Some(Verdict::Recoverable)));
    assert!(link.is_finished() && link.now() <= Duration::from_secs(62), "{:?}", link.now());
}

#[test]
fn a_partition_is_begun_again_while_that_gets_further() {
    let once = format!("{}{ACK}{}{}{VERSION}", start_frame(), block_frame(), refusal(7));
    let good = format!("{}{ACK}{}{ACK}{}{ACK}{VERSION}", start_frame(), block_frame(), end_frame());
    let (result, warnings) = send(&format!("{once}{good}"), Finish::Stay);
    assert_eq!((result.unwrap(), warnings), (Outcome::Complete, vec!["partition-restart"]));
    let error = send(&once.repeat(2), Finish::Stay).0.unwrap_err();
    assert_eq!((error.fact("code"), error.fact("block")), (Some("07"), Some("1")));
    assert_eq!(error.verdict(), Some(Verdict::Recoverable));
    // Nor is a refusal of another kind argued with.
    let other = format!("{}{ACK}{}{}{VERSION}", start_frame(), block_frame(), refusal(5));
    assert_eq!(send(&other, Finish::Stay).0.unwrap_err().fact("code"), Some("05"));
}

#[test]
fn an_image_that_is_shorter_than_it_said_stops_in_words() {
    let mut payload = Small::of(CODE, &DATA);
    payload.0[0].size = 9000;
    let tape = frame(&message::start(CODE, 9000)) + ACK;
    let mut link = link(&tape);
    let error =
        run(&mut link, &mut payload, 0, Finish::Stay, &mut NoObserver, &mut Session::quiet()).unwrap_err();
    assert!(error.is(ErrorKind::FileTruncated), "{error:?}");
    assert_eq!(error.verdict(), Some(Verdict::Recoverable));
}

#[test]
fn a_port_that_never_falls_silent_is_given_up() {
    let patterns: [&[u8]; 6] = [
        b"\r\n^RSSI:17\r\n",
        b"diagnostic",
        b"~",
        b"\x7e\x7e\x3a\xa1\x6e\x7e",
        b"\x7e\x02\x6a\xd3\x7e",
        b"\x7e\x02\x6a\xd4\x7e",
    ];
    for pattern in patterns {
        let mut link = Flood::of(pattern);
        let error = handshake(&mut link, None, &mut Session::quiet()).unwrap_err();
        assert!(error.is(ErrorKind::NotInDownloadMode), "{pattern:02x?}: {error:?}");
        assert!(link.now < Duration::from_secs(60), "{pattern:02x?}: {:?}", link.now);
        let mut payload = Small::of(CODE, &DATA);
        let mut link = Flood::of(pattern);
        let result = run(&mut link, &mut payload, 0, Finish::Stay, &mut NoObserver, &mut Session::quiet());
        assert!(link.now < Duration::from_secs(3600), "{pattern:02x?}: {:?}", link.now);
        // Only a port that acknowledges everything is believed.
        assert_eq!(result.is_ok(), pattern == b"\x7e\x02\x6a\xd3\x7e", "{pattern:02x?}: {result:?}");
    }
}

#[test]
fn what_the_stick_holds_is_read_tolerantly() {
    let said = "\r\n\r\nswver:\t21.180.01.00.00\r\n\r\niso:\r\n\r\nProduct Name: E3372h-153 \r\n\r\ndload type:x\r\n\r\nOK\r\n";
    let tape = format!("{}{}{DATAMODE}{VERSION}{PRODUCT}", greeting(), at("AT^DLOADINFO?", said));
    let info = shake(&tape, None).unwrap().info.unwrap();
    assert_eq!(info.software.as_deref(), Some("21.180.01.00.00"));
    assert_eq!((info.product.as_deref(), info.download_type), (Some("E3372h-153"), None));
}

#[test]
fn a_reply_cut_anywhere_is_asked_for_again() {
    let whole = Tape::parse(VERSION).unwrap().entries[1].1.clone();
    for cut in 1..whole.len() {
        let tape = Tape {
            entries: [
                Tape::parse("> 41545e444c4f41445645523f0d\n> 7e0c143a7e\n").unwrap().entries,
                vec![(Direction::FromStick, whole[..cut].to_vec())],
                Tape::parse(&format!("{CLEAR}> 41545e444c4f41445645523f0d\n{VERSION}{PRODUCT}"))
                    .unwrap()
                    .entries,
            ]
            .concat(),
        };
        let mut link = TapeLink::new(tape);
        let said = handshake(&mut link, None, &mut Session::quiet()).unwrap();
        assert_eq!(said.version.as_deref(), Some("7200B--SKCBADZM"), "cut at {cut}");
        assert!(link.is_finished());
    }
}

#[test]
fn every_refusal_keeps_its_code_wherever_it_comes() {
    let begun = format!("{}{ACK}", start_frame());
    let sent = format!("{begun}{}{ACK}", block_frame());
    for code in 0x02..=0x11 {
        let no = refusal(code);
        let authorisation = (0x0a..=0x0e).contains(&code);
        let kind = if authorisation { ErrorKind::SignatureRefused } else { ErrorKind::RequestRefused };
        // A failed operation is worth one more try of the whole partition, an unknown command of what was asked: it may be another's.
        let failed = code == nak::OPERATION_FAILED;
        let (whole, asked) = (if failed { 2 } else { 1 }, if code == nak::INVALID_COMMAND { 4 } else { 1 });
        let refused = |request: String| format!("{request}{no}{VERSION}").repeat(asked);
        let at_start = refused(start_frame()).repeat(whole);
        let at_block = format!("{begun}{}", refused(block_frame())).repeat(whole);
        let at_end = format!("{sent}{}", refused(end_frame())).repeat(whole);
        for (tape, verdict) in
            [(at_start, Verdict::Untouched), (at_block, Verdict::Recoverable), (at_end, Verdict::Recoverable)]
        {
            let error = send(&tape, Finish::Stay).0.unwrap_err();
            assert!(error.is(kind), "{code:02x}: {error:?}");
            assert_eq!(error.fact("code"), Some(format!("{code:02x}").as_str()));
            assert_eq!((error.verdict(), error.fact("partition")), (Some(verdict), Some("1")), "{code:02x}");
            assert!(error.what().ends_with(nak::words(code)), "{error}");
        }
    }
}

#[test]
fn what_arrived_damaged_is_sent_four_times_in_all() {
    let damaged = refusal(nak::BAD_FRAME);
    let four = |request: String| format!("{request}{damaged}{VERSION}").repeat(4);
    let begun = format!("{}{ACK}", start_frame());
    let ended = format!("{begun}{}{ACK}{}", block_frame(), four(end_frame()));
    for tape in [four(start_frame()), format!("{begun}{}", four(block_frame())), ended.clone()] {
        let error = send(&tape, Finish::Stay).0.unwrap_err();
        assert_eq!((error.fact("code"), error.verdict()), (Some("01"), Some(Verdict::Recoverable)));
    }
    let last = format!("{damaged}{VERSION}");
    let fourth_time = ended.strip_suffix(&last).unwrap().to_owned() + ACK + VERSION;
    assert_eq!(send(&fourth_time, Finish::Stay).0.unwrap(), Outcome::Complete);
}

#[test]
fn an_acknowledgement_that_comes_twice_is_one() {
    let twice = "< 7e026ad37e7e026ad37e\n";
    let tape = format!("{}{twice}{}{twice}{}{twice}{VERSION}", start_frame(), block_frame(), end_frame());
    assert_eq!(send(&tape, Finish::Stay).0.unwrap(), Outcome::Complete);
    // One that lags behind must not hide what the stick says to the end.
    let judged = version_after(&refusal(0x0c));
    let tape = format!("{}{ACK}{}{twice}{}{ACK}{judged}", start_frame(), block_frame(), end_frame());
    assert!(send(&tape, Finish::Stay).0.unwrap_err().is(ErrorKind::SignatureRefused));
}
