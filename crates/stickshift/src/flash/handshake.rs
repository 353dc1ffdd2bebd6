//! From a port that should take firmware to the binary phase, and what the stick says it is
//! (docs/protocols/balong-flash.md section 2.2).

use std::time::Duration;

use crate::error::{Error, ErrorKind, Result, Verdict};
use crate::event::Session;
use crate::flash::message::{PRODUCT_ID, Reply, VERSION};
use crate::flash::port::{Heard, Port};
use crate::hex;
use crate::link::ByteLink;
use crate::wire::at::{Answer, Collector, Final, Progress};
use crate::wire::hdlc::Deframer;

/// Stale input is over when nothing came for so long ..
const QUIET: Duration = Duration::from_millis(30);
/// .. and is not waited for longer than this.
const NEVER_QUIET: Duration = Duration::from_secs(2);
/// How long an AT command may take. Longer than any seen; a binary port is known by its silence only after this.
const AT_ANSWER: Duration = Duration::from_secs(3);
/// How long a question of the binary phase may take.
const QUESTION: Duration = Duration::from_secs(3);
/// How long the stick may take to check an announced signature or to change phase.
const PHASE_CHANGE: Duration = Duration::from_secs(10);
/// Of what is no answer, this much is kept to be shown.
const NOISE_LIMIT: usize = 32;
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
    session.step("flash-handshake", "ask the port for its download protocol");
    link.discard_input()?;
    link.drain(QUIET, NEVER_QUIET)?;
    session.check()?;
    let (phase, info) = match greet(link)? {
        Greeting::At => {
            let info = at(link, "AT^DLOADINFO?", AT_ANSWER)?.map(|answer| parse_info(&answer));
            if let Some(signature) = signature {
                announce_signature(link, signature)?;
            }
            enter_binary_phase(link, signature.is_some())?;
            (Phase::At, info)
        }
        Greeting::Binary => {
            session.note("binary-phase", "the port is in its binary phase already");
            (Phase::Binary, None)
        }
    };
    let mut port = Port::new(link);
    let Some(Reply::Version(version)) = question(&mut port, &VERSION, |r| matches!(r, Reply::Version(_)))?
    else {
        return Err(not_in_download_mode("the port does not speak the download protocol"));
    };
    let product = match question(&mut port, &PRODUCT_ID, |r| matches!(r, Reply::ProductId(_)))? {
        Some(Reply::ProductId(id)) => {
            Some(id.strip_prefix("HUAWEI ").unwrap_or(&id).to_owned()).filter(|id| !id.is_empty())
        }
        _ => {
            session.warn("no-product-id", "the stick does not tell its product id");
            None
        }
    };
    Ok(Handshake { phase, version: Some(version), product, info })
}

enum Greeting {
    At,
    Binary,
}

/// AT^DLOADVER?, and what comes of it: words of the AT phase, a frame of the binary phase, or nothing.
fn greet(link: &mut dyn ByteLink) -> Result<Greeting> {
    const COMMAND: &str = "AT^DLOADVER?";
    let mut seen = Vec::new();
    // Twice: a frame that an aborted run left half sent may swallow the first one.
    for _ in 0..2 {
        match exchange(link, COMMAND, AT_ANSWER)? {
            Said::Answer(answer) => return judge_version(&answer),
            Said::Frame | Said::Nothing => return Ok(Greeting::Binary),
            Said::Noise(bytes) => seen = bytes,
        }
    }
    // Noise, but no answer: the version request decides.
    let mut port = Port::new(link);
    if question(&mut port, &VERSION, |r| matches!(r, Reply::Version(_)))?.is_some() {
        return Ok(Greeting::Binary);
    }
    let shown = hex::encode(&seen);
    Err(not_in_download_mode("the port does not speak the download protocol").with("answer", shown))
}

fn judge_version(answer: &Answer) -> Result<Greeting> {
    if answer.result != Final::Ok {
        return Err(not_in_download_mode("an ordinary AT port: it does not know the download protocol"));
    }
    match answer.lines.first().map(String::as_str) {
        Some(KNOWN_VERSION) => Ok(Greeting::At),
        Some(other) => Err(not_in_download_mode("the stick speaks another version of the download protocol")
            .with("version", other)
            .with("expected", KNOWN_VERSION)),
        None => Err(not_in_download_mode("the stick does not tell the version of its download protocol")),
    }
}

fn announce_signature(link: &mut dyn ByteLink, signature: &SignatureFacts) -> Result<()> {
    let command = format!("AT^SIGNVER={},0,{},{}", signature.kind, signature.key, signature.length);
    let Some(answer) = at(link, &command, PHASE_CHANGE)? else {
        return Err(Error::new(ErrorKind::Timeout, "the stick does not answer to the signature"));
    };
    if answer.result == Final::Ok && answer.lines.first().map(String::as_str) == Some("0") {
        return Ok(());
    }
    Err(Error::new(ErrorKind::SignatureRefused, "the stick does not accept the image's signature key")
        .with("key", &signature.key)
        .with("answer", words(&answer)))
}

fn enter_binary_phase(link: &mut dyn ByteLink, announced: bool) -> Result<()> {
    let Some(answer) = at(link, "AT^DATAMODE", PHASE_CHANGE)? else {
        return Err(Error::new(ErrorKind::Timeout, "the stick does not answer to AT^DATAMODE"));
    };
    match answer.result {
        Final::Ok => Ok(()),
        _ if announced => {
            Err(Error::new(ErrorKind::RequestRefused, "the stick refuses to go into its binary phase")
                .with("answer", words(&answer)))
        }
        _ => Err(Error::new(
            ErrorKind::SignatureRefused,
            "the stick refuses to go into its binary phase: it wants a signature and the image has none",
        )
        .with("answer", words(&answer))),
    }
}

fn question(port: &mut Port<'_>, body: &[u8], wanted: fn(&Reply) -> bool) -> Result<Option<Reply>> {
    for _ in 0..3 {
        let end = port.link.now() + QUESTION;
        let mut heard = port.ask(body, QUESTION)?;
        // Something else first, such as an acknowledgement that an aborted run left behind, does not answer the question.
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
    }
    Ok(None)
}

/// Sends an AT command and reads its answer; `None` when there is none.
fn at(link: &mut dyn ByteLink, command: &str, timeout: Duration) -> Result<Option<Answer>> {
    match exchange(link, command, timeout)? {
        Said::Answer(answer) => Ok(Some(answer)),
        _ => Ok(None),
    }
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
    link.discard_input()?;
    let mut collector = Collector::new();
    collector.begin(command);
    let mut deframer = Deframer::new();
    link.write(format!("{command}\r").as_bytes())?;
    let deadline = link.now() + timeout;
    let mut noise = Vec::new();
    let mut buffer = [0; 512];
    loop {
        let n = link.read(&mut buffer, deadline)?;
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
        // A port that never falls silent must not keep us past the deadline either.
        if n == 0 || link.now() >= deadline {
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
