//! From a port that should take firmware to the binary phase, and what the stick says it is
//! (docs/protocols/balong-flash.md section 2.2).

use std::time::Duration;

use crate::error::{Detail, Error, ErrorKind, Result, Verdict};
use crate::event::Session;
use crate::flash::facts;
use crate::flash::message::{PRODUCT_ID, Reply, VERSION};
use crate::flash::nak::INVALID_COMMAND;
use crate::flash::port::{Heard, Port};
use crate::hex;
use crate::link::{ByteLink, NEVER_QUIET, QUIET};
use crate::wire::at::{Answer, Collector, Final, Progress};
use crate::wire::hdlc::Deframer;

/// How long a silent port is listened to before it is seen whether the user wants to stop.
const LISTEN: Duration = Duration::from_millis(500);
/// How long an AT command may take before it is asked again, or another phase is thought of.
const AT_ANSWER: Duration = Duration::from_secs(3);
/// How long a question of the binary phase may take.
const QUESTION: Duration = Duration::from_secs(2);
/// How long a stick may take to check a signature, after it was announced once more.
const SIGNATURE_CHECK: Duration = Duration::from_secs(10);
/// How often the port is asked for its protocol, in both phases each time.
const GREETINGS: u32 = 3;
/// How often a command or question is asked that is not answered, or not in the same way twice.
const ASKED: u32 = 4;
/// A line end and two flags: ends a command, a frame, or what is left of either, and is nothing on its own.
const CLEAR: &[u8] = b"\r\x7e\x7e";
/// Of what is no answer, this much is kept to be shown.
const NOISE_LIMIT: usize = 32;
/// The code of sticks that have no binary phase, in the table of odd ones.
const NO_DATAMODE: &str = "no-datamode";
/// The only version of the download protocol that is known.
const KNOWN_VERSION: &str = "2.0";

/// The signature that an image carries, as it is announced to the stick.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureFacts {
    /// What the package holds: the file header's first byte, low three bits. 7 when there is no file header.
    pub kind: u8,
    /// Hash of the public key, 64 upper-case hex digits.
    pub key: String,
    /// Length of the trailer in bytes.
    pub length: u32,
}

/// In which phase the port was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It answered AT commands.
    At,
    /// It was in the binary phase already, for example after an aborted run.
    Binary,
}

/// What the stick said before the first partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handshake {
    /// In which phase the port was found.
    pub phase: Phase,
    /// Version of its protocol.
    pub version: Option<String>,
    /// Product id without `HUAWEI `, `E3372h_153`.
    pub product: Option<String>,
    /// What AT^DLOADINFO? said, where it was asked and answered.
    pub info: Option<DownloadInfo>,
}

/// The answer to AT^DLOADINFO?.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DownloadInfo {
    /// `swver`: the firmware that is on the stick.
    pub software: Option<String>,
    /// `product name`.
    pub product: Option<String>,
    /// `dload type`: 0 normal, 1 download mode.
    pub download_type: Option<u8>,
}

/// Brings the port into the binary phase. Nothing is written to the stick's flash by any of it.
///
/// # Errors
/// `NotInDownloadMode` (facts `answer`, `version`) when something else is behind the port; `SignatureRefused`; `RequestRefused`;
/// `Timeout`; `Disconnected`; `Interrupted`. The verdict is always `Untouched`.
pub fn handshake(
    link: &mut dyn ByteLink,
    signature: Option<&SignatureFacts>,
    session: &mut Session<'_>,
) -> Result<Handshake> {
    run(link, signature, session).map_err(|e| e.verdict_if_unset(Verdict::Untouched))
}

fn run(
    link: &mut dyn ByteLink,
    signature: Option<&SignatureFacts>,
    session: &mut Session<'_>,
) -> Result<Handshake> {
    session.step("flash-handshake", "asking the port for its download protocol");
    quieten(link)?;
    session.check()?;
    let (phase, info, version) = match greet(link, session)? {
        Greeting::At => {
            let info = at(link, "AT^DLOADINFO?")?.map(|answer| parse_info(&answer));
            if let Some(signature) = signature {
                announce_signature(link, signature, session)?;
            }
            let product = info.as_ref().and_then(|info| info.product.clone()).unwrap_or_default();
            let version = enter_binary_phase(link, signature.is_some(), &product, session)?;
            (Phase::At, info, version)
        }
        Greeting::Binary(version) => {
            session.note("binary-phase", "the port is in its binary phase already");
            (Phase::Binary, None, version)
        }
    };
    let mut port = Port::new(link);
    let mut product = None;
    for _ in 0..ASKED {
        match question(&mut port, &PRODUCT_ID, |r| {
            matches!(r, Reply::ProductId(_) | Reply::Nak(INVALID_COMMAND))
        })? {
            Some(Reply::ProductId(id)) => {
                let id = id.strip_prefix("HUAWEI").unwrap_or(&id).trim();
                product = (!id.is_empty()).then(|| id.to_owned());
                break;
            }
            Some(_) => break,
            None => {}
        }
    }
    if product.is_none() {
        session.warn("no-product-id", "the stick does not report its product id");
    }
    Ok(Handshake { phase, version: Some(version), product, info })
}

enum Greeting {
    At,
    /// With the version that it reported.
    Binary(String),
}

/// Throws away what arrived unasked, and waits for the end of it where it goes on.
fn quieten(link: &mut dyn ByteLink) -> Result<()> {
    link.discard_input()?;
    let now = link.now();
    if link.read(&mut [0; 64], now)? > 0 {
        link.drain(QUIET, NEVER_QUIET)?;
    }
    Ok(())
}

/// Ends whatever a run before, or a damaged line, may have left half said.
fn clear_line(link: &mut dyn ByteLink) -> Result<()> {
    link.write(CLEAR)?;
    link.drain(QUIET, NEVER_QUIET)?;
    Ok(())
}

/// In which phase the port is: the one in which it answers. Both are asked in turn, for either question may get lost.
fn greet(link: &mut dyn ByteLink, session: &Session<'_>) -> Result<Greeting> {
    let mut seen = Vec::new();
    let mut before = None;
    for round in 0..GREETINGS {
        session.check()?;
        match exchange_until(link, "AT^DLOADVER?", AT_ANSWER, &|| session.check())? {
            Said::Answer(answer) => {
                let Err(error) = check_version(&answer) else { return Ok(Greeting::At) };
                // A command that arrived damaged is refused, too: believed when it is said twice.
                if before.replace(answer.clone()) == Some(answer) || round + 1 == GREETINGS {
                    return Err(error);
                }
                continue;
            }
            Said::Frame | Said::Nothing => {}
            Said::Noise(bytes) => seen = bytes,
        }
        // A port in its AT phase refuses the question, and is asked in words again.
        if let Some(version) = ask_version(link, 1)? {
            return Ok(Greeting::Binary(version));
        }
        clear_line(link)?;
    }
    let error = not_in_download_mode("the port does not speak the download protocol");
    if seen.is_empty() {
        return Err(error);
    }
    let shown = hex::encode(&seen);
    Err(error.with("answer", shown))
}

fn check_version(answer: &Answer) -> Result<()> {
    if answer.result != Final::Ok {
        return Err(not_in_download_mode("an ordinary AT port: it does not know the download protocol"));
    }
    match answer.lines.first().map(String::as_str) {
        Some(KNOWN_VERSION) => Ok(()),
        Some(other) => Err(not_in_download_mode("the stick speaks another version of the download protocol")
            .with("version", other)
            .with("expected", KNOWN_VERSION)),
        None => Err(not_in_download_mode("the stick does not report its download protocol version")),
    }
}

/// A refusal is believed when it is repeated: one flipped bit makes another key of a key.
fn announce_signature(
    link: &mut dyn ByteLink,
    signature: &SignatureFacts,
    session: &Session<'_>,
) -> Result<()> {
    let command = format!("AT^SIGNVER={},0,{},{}", signature.kind, signature.key, signature.length);
    let mut before = None;
    for asked in 1..=ASKED {
        session.check()?;
        let wait = if asked == 1 { AT_ANSWER } else { SIGNATURE_CHECK };
        match exchange(link, &command, wait)? {
            Said::Answer(answer) => {
                if answer.result == Final::Ok && answer.lines.first().map(String::as_str) == Some("0") {
                    return Ok(());
                }
                if before.replace(answer.clone()) == Some(answer.clone()) {
                    return Err(Error::new(
                        ErrorKind::SignatureRefused,
                        "the stick does not accept the image's signature key",
                    )
                    .with("key", &signature.key)
                    .with("answer", words(&answer)));
                }
                link.drain(QUIET, NEVER_QUIET)?;
            }
            _ => clear_line(link)?,
        }
    }
    Err(Error::new(ErrorKind::Timeout, "the stick does not answer to the signature"))
}

/// AT^DATAMODE; the version question tells whether it took effect. Gives the version.
fn enter_binary_phase(
    link: &mut dyn ByteLink,
    announced: bool,
    product: &str,
    session: &Session<'_>,
) -> Result<String> {
    let mut before = None;
    for _ in 0..ASKED {
        session.check()?;
        if let Said::Answer(answer) = exchange(link, "AT^DATAMODE", AT_ANSWER)?
            && answer.result != Final::Ok
        {
            if before.replace(answer.clone()) == Some(answer.clone()) {
                return Err(refused_binary_phase(&answer, announced, product));
            }
            link.drain(QUIET, NEVER_QUIET)?;
            continue;
        }
        if let Some(version) = ask_version(link, 2)? {
            return Ok(version);
        }
        clear_line(link)?;
    }
    Err(Error::new(ErrorKind::Timeout, "the stick does not go into its binary phase"))
}

fn refused_binary_phase(answer: &Answer, announced: bool, product: &str) -> Error {
    if let Some(odd) = facts::odd_stick(product, "").filter(|odd| odd.code == NO_DATAMODE) {
        return not_in_download_mode(odd.what)
            .with("answer", words(answer))
            .detail(Detail::NextStep(odd.next));
    }
    let (kind, what) = if announced {
        (ErrorKind::RequestRefused, "the stick refuses to go into its binary phase")
    } else {
        (
            ErrorKind::SignatureRefused,
            "the stick refuses to go into its binary phase: it wants a signature and the image has none",
        )
    };
    let error = Error::new(kind, what).with("answer", words(answer));
    match announced {
        true => error.detail(Detail::NextStep(
            "unplug the stick, bring it into download mode again, and run the same command",
        )),
        false => error,
    }
}

fn ask_version(link: &mut dyn ByteLink, times: u32) -> Result<Option<String>> {
    let mut port = Port::new(link);
    for _ in 0..times {
        match question(&mut port, &VERSION, |r| matches!(r, Reply::Version(_) | Reply::Nak(INVALID_COMMAND)))?
        {
            Some(Reply::Version(version)) => return Ok(Some(version)),
            // The AT phase.
            Some(_) => return Ok(None),
            None => {}
        }
    }
    Ok(None)
}

/// Asks once. Something else first, such as an acknowledgement that an aborted run left behind, does not answer the question.
fn question(port: &mut Port<'_>, body: &[u8], wanted: fn(&Reply) -> bool) -> Result<Option<Reply>> {
    let end = port.link.now() + QUESTION;
    let mut heard = port.ask(body, QUESTION)?;
    while let Heard::Reply(reply) = heard {
        if wanted(&reply) {
            return Ok(Some(reply));
        }
        let left = end.saturating_sub(port.link.now());
        if left.is_zero() {
            break;
        }
        heard = port.hear(left)?;
    }
    Ok(None)
}

/// Sends an AT command, twice if need be, and reads its answer; `None` when there is none.
fn at(link: &mut dyn ByteLink, command: &str) -> Result<Option<Answer>> {
    for _ in 0..2 {
        if let Said::Answer(answer) = exchange(link, command, AT_ANSWER)? {
            return Ok(Some(answer));
        }
        clear_line(link)?;
    }
    Ok(None)
}

/// What an AT command was met with.
enum Said {
    /// An AT answer.
    Answer(Answer),
    /// A reply of the binary phase: no AT answer will come.
    Frame,
    /// Something that is neither.
    Noise(Vec<u8>),
    /// Silence.
    Nothing,
}

fn exchange(link: &mut dyn ByteLink, command: &str, timeout: Duration) -> Result<Said> {
    exchange_until(link, command, timeout, &|| Ok(()))
}

/// The same for a question that may be left without its answer: `stops` is asked after each read.
fn exchange_until(
    link: &mut dyn ByteLink,
    command: &str,
    timeout: Duration,
    stops: &dyn Fn() -> Result<()>,
) -> Result<Said> {
    link.discard_input()?;
    let mut collector = Collector::new();
    collector.begin(command);
    let mut deframer = Deframer::new();
    link.write(format!("{command}\r").as_bytes())?;
    let deadline = link.now() + timeout;
    let mut noise = Vec::new();
    let mut buffer = [0; 512];
    loop {
        let n = link.read(&mut buffer, deadline.min(link.now() + LISTEN))?;
        let bytes = &buffer[..n];
        if let Progress::Done(answer) = collector.push(bytes)? {
            return Ok(Said::Answer(answer));
        }
        deframer.push(bytes);
        while let Some(frame) = deframer.next() {
            if frame.is_ok_and(|body| matches!(Reply::parse(&body), Reply::Nak(_) | Reply::Ack)) {
                return Ok(Said::Frame);
            }
        }
        noise.extend_from_slice(&bytes[..n.min(NOISE_LIMIT - noise.len())]);
        stops()?;
        // A port that never falls silent must not keep us past the deadline either.
        if link.now() >= deadline {
            return Ok(match collector.settle() {
                Progress::Done(answer) => Said::Answer(answer),
                _ if noise.is_empty() => Said::Nothing,
                _ => Said::Noise(noise),
            });
        }
    }
}

fn parse_info(answer: &Answer) -> DownloadInfo {
    let value = |name: &str| {
        answer.lines.iter().find_map(|line| {
            let (n, v) = line.split_once(':')?;
            (n.trim().eq_ignore_ascii_case(name) && !v.trim().is_empty()).then(|| v.trim().to_owned())
        })
    };
    DownloadInfo {
        software: value("swver"),
        product: value("product name"),
        download_type: value("dload type").and_then(|v| v.parse().ok()),
    }
}

fn words(answer: &Answer) -> String {
    format!("{} {}", answer.lines.join(" "), answer.result).trim().to_owned()
}

fn not_in_download_mode(what: &str) -> Error {
    Error::new(ErrorKind::NotInDownloadMode, what)
}
