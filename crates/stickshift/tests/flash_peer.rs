//! Images made by an independent builder, flashed to an independent stick (tests/peers/dload_emulator.py) over a pty, with every
//! fault that it can play.

#![cfg(target_os = "linux")]

use std::cell::Cell;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use stickshift::convert::FirmwareFile;
use stickshift::convert::flash::{ImagePayload, partitions};
use stickshift::error::{Error, ErrorKind, Result, Verdict};
use stickshift::event::{Cancel, Event, Session};
use stickshift::flash::{self, Finish, Handshake, NoObserver, Observer, Outcome, Phase, SignatureFacts};
use stickshift::host::SerialLink;
use stickshift::link::{ByteLink, Moment};

use test_support::{peer, python_is_here};

/// An image of make_firmware.py and the SHA-256 of what of each partition must arrive.
struct Firmware {
    file: FirmwareFile,
    expected: Vec<(String, String)>,
    _folder: tempfile::TempDir,
}

/// Eight partitions: the table, two of the boot chain, one packed with zlib, one with LZMA, one of 1 byte, one of unknown code.
fn firmware(arguments: &[&str]) -> Firmware {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fw.bin");
    let run = Command::new("python3")
        .arg(peer("make_firmware.py"))
        .arg(&path)
        .args(arguments)
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(run.success());
    let facts: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.path().join("fw.bin.json")).unwrap()).unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let expected =
        facts["parts"].as_array().unwrap().iter().map(|p| (text(&p["code"]), text(&p["sha256"]))).collect();
    let file = FirmwareFile::open(&path, &mut Session::quiet()).unwrap();
    Firmware { file, expected, _folder: folder }
}

impl Firmware {
    fn signature(&self) -> Option<SignatureFacts> {
        let kind = self.file.image.kind().unwrap().content();
        self.file.signature().map(|s| SignatureFacts { kind, key: s.key_hex(), length: s.length })
    }

    fn payload(&mut self) -> ImagePayload<'_> {
        ImagePayload { facts: partitions(&self.file), file: &mut self.file, hash: Default::default() }
    }
}

/// A port on which time runs faster: a minute of silence is over in three seconds.
struct Hurried(SerialLink);

const HURRY: u32 = 20;

impl ByteLink for Hurried {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.0.write(bytes)
    }

    fn read(&mut self, buffer: &mut [u8], deadline: Moment) -> Result<usize> {
        self.0.read(buffer, deadline / HURRY)
    }

    fn discard_input(&mut self) -> Result<()> {
        self.0.discard_input()
    }

    fn now(&self) -> Moment {
        self.0.now() * HURRY
    }

    fn sleep(&mut self, time: Duration) {
        self.0.sleep(time / HURRY);
    }
}

/// dload_emulator.py at the other end of a pty.
struct Peer {
    process: Child,
    /// Kept open: it says something at its end.
    _output: BufReader<ChildStdout>,
    port: PathBuf,
    folder: tempfile::TempDir,
}

impl Peer {
    fn start(options: &[&str]) -> Peer {
        let folder = tempfile::tempdir().unwrap();
        let mut process = Command::new("python3")
            .arg(peer("dload_emulator.py"))
            .arg("--link")
            .arg(folder.path().join("port"))
            .arg("--report")
            .arg(folder.path().join("report"))
            .arg("--trace")
            .arg(folder.path().join("trace"))
            .args(options)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        let port = PathBuf::from(line.trim_end().strip_prefix("ready ").unwrap());
        Peer { process, _output: output, port, folder }
    }

    fn open(&self) -> SerialLink {
        SerialLink::open(&self.port).unwrap()
    }

    fn handshake(&self, link: &mut dyn ByteLink, firmware: &Firmware) -> Result<Handshake> {
        flash::handshake(link, firmware.signature().as_ref(), &mut Session::quiet())
    }

    /// Handshake, every partition, reset. `hurried`: where silence is part of the test, and the handshake not.
    fn flash(&self, firmware: &mut Firmware, hurried: bool, observer: &mut dyn Observer) -> Result<Outcome> {
        let mut link = self.open();
        self.handshake(&mut link, firmware)?;
        let mut link: Box<dyn ByteLink> = if hurried { Box::new(Hurried(link)) } else { Box::new(link) };
        flash::run(&mut *link, &mut firmware.payload(), 0, Finish::Reset, observer, &mut Session::quiet())
    }

    /// Waits for its end and gives what it saw.
    fn seen(mut self) -> Seen {
        self.process.wait().unwrap();
        let report = fs::read(self.folder.path().join("report")).unwrap();
        let trace = fs::read_to_string(self.folder.path().join("trace")).unwrap();
        Seen {
            report: serde_json::from_slice(&report).unwrap(),
            trace: trace.lines().map(str::to_owned).collect(),
        }
    }

    /// Ends it, by the command that it knows in both phases, and gives what it saw.
    fn stop(self) -> Seen {
        self.open().write(b"AT^RESET\r").unwrap();
        self.seen()
    }

    /// For dialogues after which it would go on waiting.
    fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// What the peer saw.
struct Seen {
    report: serde_json::Value,
    /// `> hex` and `< hex`; long frames shortened to 24 bytes, their length, and 12 bytes.
    trace: Vec<String>,
}

impl Seen {
    /// Code and hash of the partitions in the order they were closed.
    fn partitions(&self) -> Vec<(String, String)> {
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let parts = self.report["parts"].as_array().unwrap();
        parts.iter().map(|p| (text(&p["code"]), text(&p["sha256"]))).collect()
    }

    fn at(&self) -> Vec<&str> {
        self.report["at"].as_array().unwrap().iter().map(|a| a.as_str().unwrap()).collect()
    }

    fn errors(&self) -> &Vec<serde_json::Value> {
        self.report["errors"].as_array().unwrap()
    }

    fn has_sent(&self, hex: &str) -> bool {
        let hex: String = hex.split_whitespace().collect();
        self.trace.iter().any(|line| line.strip_prefix("> ").is_some_and(|frame| frame == hex))
    }
}

/// How far a flash came.
#[derive(Default)]
struct Progress {
    begun: Vec<usize>,
    acknowledged: Vec<usize>,
}

impl Observer for Progress {
    fn begins(&mut self, index: usize) -> Result<()> {
        self.begun.push(index);
        Ok(())
    }

    fn acknowledged(&mut self, index: usize) -> Result<()> {
        self.acknowledged.push(index);
        Ok(())
    }
}

/// The whole flash works with these options, and everything arrives.
fn arrives(options: &[&str], image: &[&str]) -> Option<Seen> {
    if !python_is_here() {
        return None;
    }
    let mut firmware = firmware(image);
    let peer = Peer::start(options);
    let mut progress = Progress::default();
    let hurried = options.contains(&"--silent");
    let outcome = peer.flash(&mut firmware, hurried, &mut progress).unwrap();
    let seen = peer.seen();
    assert_eq!(outcome, Outcome::Complete);
    assert_eq!(seen.partitions(), firmware.expected, "{options:?}");
    assert_eq!(progress.begun, [0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(progress.acknowledged, progress.begun);
    Some(seen)
}

/// The handshake fails with these options; its error. Nothing was touched.
fn handshake_fails(options: &[&str], image: &[&str]) -> Option<Error> {
    if !python_is_here() {
        return None;
    }
    let firmware = firmware(image);
    let peer = Peer::start(options);
    let error = peer.handshake(&mut peer.open(), &firmware).unwrap_err();
    assert_eq!(error.verdict(), Some(Verdict::Untouched), "{error:?}");
    let seen = peer.stop();
    assert!(!seen.trace.iter().any(|line| line.starts_with("> 7e41")), "a partition was begun");
    Some(error)
}

/// The flash breaks off with these options: its error, how far it came, and what the peer saw.
fn breaks_off(options: &[&str]) -> Option<(Error, Progress, Seen)> {
    if !python_is_here() {
        return None;
    }
    let mut firmware = firmware(&[]);
    let peer = Peer::start(options);
    let mut progress = Progress::default();
    let error = peer.flash(&mut firmware, false, &mut progress).unwrap_err();
    let seen = if error.is(ErrorKind::Disconnected) { peer.seen() } else { peer.stop() };
    assert_eq!(seen.partitions(), firmware.expected[..seen.partitions().len()]);
    Some((error, progress, seen))
}

#[test]
fn a_signed_image_arrives_with_the_originals_bytes() {
    let Some(seen) = arrives(&[], &[]) else { return };
    assert_eq!(
        seen.at(),
        [
            "AT^DLOADVER?",
            "AT^DLOADINFO?",
            "AT^SIGNVER=1,0,778A8D175E602B7B779D9E05C330B5279B0661BF2EED99A20445B366D63DD697,2430",
            "AT^DATAMODE",
            "HDLC reset 0A",
            "AT^RESET",
        ]
    );
    // The original's 104 frames for this image and a question behind each of its 8 ends; its 102 acknowledgements.
    assert_eq!((seen.report["frames"].as_u64(), seen.report["acks"].as_u64()), (Some(104 + 8), Some(102)));
    assert!(seen.errors().is_empty());
    for frame in [
        "7e 0c 14 3a 7e",
        "7e 45 d1 e5 7e",
        "7e 41 00 01 00 00 00 00 11 7d 5e 00 00 00 cf d5 7e",
        "7e 43 00 00 11 7d 5e 00 00 00 00 01 00 00 00 00 00 00 00 00 00 00 00 00 00 23 e6 7e",
        "7e 43 00 00 30 39 00 00 00 00 5a 00 00 00 00 00 00 00 00 00 00 00 00 00 02 eb 7e",
        "7e 0a 22 5f 7e",
        "41 54 5e 52 45 53 45 54 0d",
    ] {
        assert!(seen.has_sent(frame), "{frame}");
    }
    for (begins, ends) in [
        ("7e420000000110007054 6162", "7a ef 9c 7e"),
        ("7e420000000201 7d5e 44c9f2", "ff9b5b7e"),
        ("7e4200000004003963 5e55bf", "e2567e"),
    ] {
        let plain = |hex: &str| hex.split_whitespace().collect::<String>();
        let (begins, ends) = (format!("> {}", plain(begins)), plain(ends));
        let found = seen.trace.iter().any(|line| line.starts_with(&begins) && line.ends_with(&ends));
        assert!(found, "{begins} .. {ends}");
    }
    let fillers = seen.report["parts"].as_array().unwrap().iter().map(|p| p["end_filler"].as_str().unwrap());
    assert!(fillers.into_iter().all(|filler| filler.bytes().all(|b| b == b'0')));
}

#[test]
fn plain_and_embedded_images_arrive() {
    let Some(seen) = arrives(&[], &["--no-sign", "--no-compress"]) else { return };
    assert!(!seen.at().iter().any(|command| command.starts_with("AT^SIGNVER")));
    arrives(&[], &["--exe", "--block", "512", "--seed", "7"]);
    arrives(&[], &["--big", "2"]);
}

#[test]
fn sticks_that_behave_in_their_own_way_are_flashed() {
    for options in [
        &["--echo"][..],
        &["--lead-7e"],
        &["--require-sign"],
        &["--state", "hdlc"],
        &["--state", "hdlc", "--at-nak"],
        &["--slow", "5"],
    ] {
        arrives(options, &[]);
    }
}

#[test]
fn a_port_that_is_deaf_to_at_in_its_binary_phase_is_flashed() {
    if !python_is_here() {
        return;
    }
    let mut firmware = firmware(&[]);
    let peer = Peer::start(&["--state", "hdlc", "--at-deaf", "--idle", "5"]);
    let mut link = peer.open();
    let found = peer.handshake(&mut link, &firmware).unwrap();
    assert_eq!(found.phase, Phase::Binary);
    let mut payload = firmware.payload();
    flash::run(&mut link, &mut payload, 0, Finish::Leave, &mut NoObserver, &mut Session::quiet()).unwrap();
    drop(link);
    assert_eq!(peer.stop().partitions(), firmware.expected);
}

#[test]
fn what_the_stick_says_of_itself_is_read() {
    if !python_is_here() {
        return;
    }
    let firmware = firmware(&[]);
    let peer = Peer::start(&["--ident", "M9650UE__1", "--echo"]);
    let said = peer.handshake(&mut peer.open(), &firmware).unwrap();
    assert_eq!(said.phase, Phase::At);
    assert_eq!(said.version.as_deref(), Some("7200B--SKCBADZM"));
    assert_eq!(said.product.as_deref(), Some("M9650UE__1"));
    let info = said.info.unwrap();
    assert_eq!(info.software.as_deref(), Some("21.180.01.00.00"));
    assert_eq!((info.product.as_deref(), info.download_type), (Some("M9650UE__1"), Some(0)));
    let platform = firmware.file.version().platform;
    let wrong = flash::fit::wrong_product(platform.as_deref(), said.product.as_deref());
    assert_eq!(wrong.as_deref(), Some("the image is for E3372h_153, the stick is M9650UE__1"));
    peer.kill();
}

#[test]
fn a_key_that_the_stick_does_not_accept() {
    let other = "00".repeat(32);
    let Some(error) = handshake_fails(&["--key", &other], &[]) else { return };
    assert!(error.is(ErrorKind::SignatureRefused), "{error:?}");
    assert!(error.fact("key").unwrap().starts_with("778A8D17"));
    assert_eq!(error.fact("answer"), Some("1 OK"));
}

#[test]
fn a_stick_that_wants_a_signature_and_an_image_without_one() {
    let Some(error) = handshake_fails(&["--require-sign"], &["--no-sign"]) else { return };
    assert!(
        error.is(ErrorKind::SignatureRefused) && error.what().contains("the image has none"),
        "{error:?}"
    );
}

#[test]
fn another_version_of_the_protocol() {
    let Some(error) = handshake_fails(&["--dloadver", "1.0"], &[]) else { return };
    assert!(error.is(ErrorKind::NotInDownloadMode), "{error:?}");
    assert_eq!((error.fact("version"), error.fact("expected")), (Some("1.0"), Some("2.0")));
}

#[test]
fn a_port_that_says_nothing() {
    if !python_is_here() {
        return;
    }
    let firmware = firmware(&[]);
    let peer = Peer::start(&["--mute"]);
    let error = peer.handshake(&mut Hurried(peer.open()), &firmware).unwrap_err();
    assert!(error.is(ErrorKind::NotInDownloadMode), "{error:?}");
    assert_eq!(error.verdict(), Some(Verdict::Untouched));
    peer.kill();
}

#[test]
fn refusals_are_told_with_their_code_and_place() {
    for (what, kind, partition, block) in [
        ("start,2:0e", ErrorKind::SignatureRefused, "2", None),
        ("block,3,2:05", ErrorKind::RequestRefused, "3", Some("2")),
        ("block,3,2:01", ErrorKind::RequestRefused, "3", Some("2")),
        ("block,4,33:07", ErrorKind::RequestRefused, "4", Some("33")),
        ("end,4:0c", ErrorKind::SignatureRefused, "4", None),
        ("end,7:07", ErrorKind::RequestRefused, "7", None),
    ] {
        let Some((error, progress, seen)) = breaks_off(&["--nak", what]) else { return };
        let code = what.split_once(':').unwrap().1;
        assert!(error.is(kind), "{what}: {error:?}");
        assert_eq!(error.verdict(), Some(Verdict::Recoverable), "{what}");
        assert_eq!(error.fact("code"), Some(code), "{what}");
        assert_eq!((error.fact("acknowledged"), error.fact("block")), (Some(partition), block), "{what}");
        let partition: usize = partition.parse().unwrap();
        assert_eq!(error.fact("partition"), Some((partition + 1).to_string().as_str()), "{what}");
        assert_eq!(progress.acknowledged, (0..partition).collect::<Vec<_>>(), "{what}");
        assert_eq!(seen.partitions().len(), partition);
        // A damaged frame is sent three times more; a failed operation has the partition begun once more, for that gets no further.
        let times = match code {
            "01" => 4,
            "07" => 2,
            _ => 1,
        };
        assert_eq!(seen.errors().len(), times, "{what}: {:?}", seen.errors());
    }
}

#[test]
fn a_stick_that_refuses_the_first_start_is_untouched() {
    let Some((error, progress, seen)) = breaks_off(&["--nak", "start,0:02"]) else { return };
    assert!(
        error.is(ErrorKind::RequestRefused) && error.what().contains("not in flashing mode"),
        "{error:?}"
    );
    assert_eq!(error.verdict(), Some(Verdict::Untouched));
    assert!(progress.acknowledged.is_empty() && seen.partitions().is_empty());
}

#[test]
fn one_request_without_an_answer_is_made_good() {
    for what in ["start,0", "start,3", "block,0,1", "block,2,3", "block,3,37", "block,5,1"] {
        let Some(seen) = arrives(&["--silent", what, "--idle", "60"], &[]) else { return };
        assert!(seen.errors().is_empty(), "{what}: {:?}", seen.errors());
    }
}

#[test]
fn an_end_without_an_answer_is_asked_for_again() {
    let Some(seen) = arrives(&["--silent", "end,3", "--idle", "60"], &[]) else { return };
    let sent = |head: &str| seen.trace.iter().filter(|line| line.starts_with(head)).count();
    let (starts, ends) = (sent("> 7e41"), sent("> 7e43"));
    assert_eq!((starts, ends), (seen.partitions().len(), seen.partitions().len() + 1));
}

#[test]
fn a_stick_that_is_pulled_is_told_with_its_place() {
    for (what, partition, block) in [
        ("start,0", 0, None),
        ("block,0,1", 0, Some("1")),
        ("block,3,37", 3, Some("37")),
        ("start,6", 6, None),
        ("end,7", 7, None),
    ] {
        let Some((error, progress, seen)) = breaks_off(&["--die-at", what]) else { return };
        assert!(error.is(ErrorKind::Disconnected), "{what}: {error:?}");
        assert_eq!(error.verdict(), Some(Verdict::Recoverable), "{what}");
        assert_eq!(error.fact("partition"), Some((partition + 1).to_string().as_str()), "{what}");
        assert_eq!(error.fact("block"), block, "{what}");
        assert_eq!(progress.acknowledged.len(), partition, "{what}");
        assert_eq!(seen.partitions().len(), partition, "{what}");
    }
}

#[test]
fn a_stick_that_leaves_at_the_end_of_its_table_may_have_restarted() {
    if !python_is_here() {
        return;
    }
    let mut firmware = firmware(&[]);
    let peer = Peer::start(&["--die-at", "end,0"]);
    let mut progress = Progress::default();
    let outcome = peer.flash(&mut firmware, false, &mut progress).unwrap();
    assert_eq!(outcome, Outcome::RestartedAfterTable { next: 0 });
    assert!(progress.acknowledged.is_empty());
    peer.seen();
}

/// Asks to stop when progress has come to a number of bytes of a partition.
fn stop_in(partition: usize, cancel: &Cancel) -> impl FnMut(Event) {
    let present = Cell::new(None);
    move |event| match event {
        Event::Step { code: "flash-partition", .. } => {
            present.set(Some(present.get().map_or(0, |p: usize| p + 1)))
        }
        Event::Progress { .. } if present.get() == Some(partition) => cancel.cancel(),
        _ => {}
    }
}

#[test]
fn a_stop_waits_for_the_end_of_a_partition_that_the_stick_needs_to_start() {
    if !python_is_here() {
        return;
    }
    let mut firmware = firmware(&[]);
    for (stop, acknowledged, block) in [(0, 1, None), (2, 3, None), (3, 3, Some("1")), (4, 4, Some("1"))] {
        let peer = Peer::start(&[]);
        let mut link = peer.open();
        peer.handshake(&mut link, &firmware).unwrap();
        let cancel = Cancel::new();
        let mut session = Session::new(stop_in(stop, &cancel), cancel.clone());
        let mut payload = firmware.payload();
        let error =
            flash::run(&mut link, &mut payload, 0, Finish::Reset, &mut NoObserver, &mut session).unwrap_err();
        assert!(error.is(ErrorKind::Interrupted), "{error:?}");
        assert_eq!(error.verdict(), Some(Verdict::Recoverable));
        assert_eq!(error.fact("acknowledged"), Some(acknowledged.to_string().as_str()));
        assert_eq!(error.fact("block"), block);
        // The next run finds the port as it was left, and goes on with the partition that was broken off.
        let found = peer.handshake(&mut link, &firmware).unwrap();
        assert_eq!(found.product.as_deref(), Some("E3372h_153"));
        let mut payload = firmware.payload();
        let first = acknowledged;
        flash::run(&mut link, &mut payload, first, Finish::Reset, &mut NoObserver, &mut Session::quiet())
            .unwrap();
        assert_eq!(peer.seen().partitions(), firmware.expected);
    }
}

#[test]
fn two_files_go_over_one_port() {
    if !python_is_here() {
        return;
    }
    let mut first = firmware(&[]);
    let mut second = firmware(&["--seed", "2", "--no-sign"]);
    let peer = Peer::start(&[]);
    let mut link = peer.open();
    for (firmware, finish) in [(&mut first, Finish::Leave), (&mut second, Finish::Reset)] {
        let found = peer.handshake(&mut link, firmware).unwrap();
        assert_eq!(found.phase, Phase::At);
        let mut payload = firmware.payload();
        flash::run(&mut link, &mut payload, 0, finish, &mut NoObserver, &mut Session::quiet()).unwrap();
    }
    let expected: Vec<_> = first.expected.into_iter().chain(second.expected).collect();
    let seen = peer.seen();
    assert_eq!(seen.partitions(), expected);
    assert!(seen.at().contains(&"HDLC leave 01"));
}
