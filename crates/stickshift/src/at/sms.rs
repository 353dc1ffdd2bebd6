//! Short messages in PDU mode: docs/protocols/hilink-at.md section 3.7. Text mode truncates and mangles and is not used.
//!
//! ```
//! use stickshift::at::{At, sms};
//! use stickshift::link::{Tape, TapeLink};
//!
//! // AT+CPMS?: the store on the SIM holds 3 of 20 messages.
//! let tape = Tape::parse(
//!     "> 41542b43504d533f0d\n< 0d0a2b43504d533a2022534d222c332c32302c22534d222c332c32302c22534d222c332c32300d0a0d0a4f4b0d0a",
//! )?;
//! let mut port = TapeLink::new(tape);
//! let store = At::new(&mut port).run(&sms::store())?;
//! assert_eq!((store.name.as_str(), store.used, store.size), ("SM", 3, 20));
//! # Ok::<(), stickshift::error::Error>(())
//! ```

use std::time::Duration;

use crate::at::{At, Command, PATIENT, fields_of, number, quoted, text, unexpected};
use crate::error::{Detail, Effect, Error, ErrorKind, Result, Verdict};
use crate::hex;
use crate::wire::at::{Final, fields, value_of};
use crate::wire::pdu::{self, Message};

/// How long the network may take to accept a message: refusals after 135 seconds are reported.
pub const SEND_TIMEOUT: Duration = Duration::from_secs(180);

/// How a stored message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Came, not read.
    Unread,
    /// Came, read.
    Read,
    /// Written, not sent.
    Unsent,
    /// Sent.
    Sent,
}

/// One place of a message store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its number; `None` where the stick's line does not say.
    pub index: Option<u16>,
    /// How it stands; `None` where the stick's line does not say.
    pub status: Option<Status>,
    /// What is stored, with the service centre address in front; empty where no PDU came.
    pub pdu: Vec<u8>,
    /// The message; `None` when its PDU cannot be decoded.
    pub message: Option<Message>,
}

/// `AT+CMGF=0`: messages as PDUs. To be sent before everything else here.
pub fn pdu_mode() -> Command<()> {
    Command::plain("AT+CMGF=0").that(Effect::Reads)
}

/// Brings the port to it.
///
/// # Errors
/// As [`At::run`]; a modem without PDUs cannot be used.
pub(crate) fn use_pdus(at: &mut At<'_>) -> Result<()> {
    at.run(&pdu_mode()).map_err(|e| match e.kind() {
        ErrorKind::AtRefused => {
            e.detail(Detail::NextStep("this modem has no PDU mode: put the SIM into another stick"))
        }
        _ => e,
    })
}

/// `AT+CMGL=4`: every message of the store that is being read. Unread ones count as read from then on, so it is no mere question. One
/// line that does not read costs its own message at most.
pub fn list() -> Command<Vec<Stored>> {
    Command::new("AT+CMGL=4", |answer| Ok(listed(&answer.lines))).that(Effect::Changes).within(PATIENT)
}

/// What a list gave before it broke off, and the refusal that it broke off with.
///
/// # Errors
/// As [`At::run`] where it gave nothing.
pub fn list_as_far_as_it_goes(at: &mut At<'_>) -> Result<(Vec<Stored>, Option<Error>)> {
    let command = list();
    let answer = at.command(&command.text, command.effect, command.timeout)?;
    if answer.result == Final::Ok {
        return Ok((listed(&answer.lines), None));
    }
    let refused = at.refused(&command.text, &answer.result);
    match listed(&answer.lines) {
        nothing if nothing.is_empty() => Err(refused),
        stored => Ok((stored, Some(refused))),
    }
}

/// `AT+CMGR=`: one stored message; `None` when the place is empty.
pub fn read(index: u16) -> Command<Option<Stored>> {
    Command::new(format!("AT+CMGR={index}"), |answer| {
        let Some(at) = answer.lines.iter().position(|line| value_of(line, "+CMGR").is_some()) else {
            return Ok(None);
        };
        let f = fields_of(answer, "+CMGR", "a message")?;
        // Empty places are told as a message of length 0 by some.
        if number::<u16>(&f, f.len().saturating_sub(1)) == Some(0) {
            return Ok(None);
        }
        let pdu = answer.lines[at + 1..].iter().find_map(|line| pdu_in(line));
        Ok(Some(stored(None, &f, pdu.unwrap_or_default())))
    })
    .that(Effect::Changes)
    .within(PATIENT)
}

/// The entries of a list: a header, and the PDU below it. A PDU whose header is lost is an entry, too.
fn listed(lines: &[String]) -> Vec<Stored> {
    let mut all: Vec<(Vec<&str>, Option<Vec<u8>>)> = Vec::new();
    for line in lines {
        if let Some(value) = value_of(line, "+CMGL") {
            all.push((fields(value), None));
        } else if let Some(pdu) = pdu_in(line) {
            match all.last_mut() {
                Some((_, below @ None)) => *below = Some(pdu),
                _ => all.push((Vec::new(), Some(pdu))),
            }
        } else if let Some((head, below)) = all.last_mut()
            && head.get(1).is_some_and(|status| status.starts_with("REC") || status.starts_with("STO"))
        {
            // Some list in text mode whatever was asked for: what they say is kept with its header.
            let kept = below.get_or_insert_with(|| head[1..].join(", ").into_bytes());
            kept.push(b'\n');
            kept.extend_from_slice(line.as_bytes());
        }
    }
    let entry = |(head, pdu): (Vec<&str>, Option<Vec<u8>>)| {
        stored(number(&head, 0), head.get(1..).unwrap_or_default(), pdu.unwrap_or_default())
    };
    all.into_iter().map(entry).collect()
}

fn pdu_in(line: &str) -> Option<Vec<u8>> {
    let digits = line.trim();
    // Of a message that lost a digit the octets are kept.
    let whole = if digits.len() > 16 { digits.len() & !1 } else { digits.len() };
    hex::decode(digits.get(..whole)?).filter(|octets| octets.len() > 1)
}

/// `head`: status, the name in the phone book, the length.
fn stored(index: Option<u16>, head: &[&str], pdu: Vec<u8>) -> Stored {
    let decoded = pdu::decode(&pdu).ok().or_else(|| {
        // Some leave the service centre address out: then the length is that of all octets.
        let length = head.last().and_then(|field| field.parse::<usize>().ok());
        (length == Some(pdu.len())).then(|| pdu::decode(&[&[0], &*pdu].concat()).ok())?
    });
    Stored { index, status: status(head), pdu, message: decoded }
}

fn status(fields: &[&str]) -> Option<Status> {
    Some(match fields.first()?.to_ascii_uppercase().as_str() {
        "0" | "REC UNREAD" => Status::Unread,
        "1" | "REC READ" => Status::Read,
        "2" | "STO UNSENT" => Status::Unsent,
        "3" | "STO SENT" => Status::Sent,
        _ => return None,
    })
}

/// `AT+CMGD=`: deletes one message.
pub fn delete(index: u16) -> Command<()> {
    Command::plain(format!("AT+CMGD={index}")).within(PATIENT)
}

/// How full the store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    /// `SM` is the SIM, `ME` the stick.
    pub name: String,
    /// Places taken.
    pub used: u16,
    /// Places there are.
    pub size: u16,
}

/// `AT+CPMS?`: where messages are read from and deleted.
pub fn store() -> Command<Store> {
    Command::new("AT+CPMS?", |answer| {
        let f = fields_of(answer, "+CPMS", "a message store")?;
        let bad = || unexpected("a message store", answer);
        Ok(Store {
            name: text(&f, 0).ok_or_else(bad)?,
            used: number(&f, 1).ok_or_else(bad)?,
            size: number(&f, 2).ok_or_else(bad)?,
        })
    })
}

/// `AT+CPMS=?`: the stores that messages can be read from.
pub fn stores() -> Command<Vec<String>> {
    Command::new("AT+CPMS=?", |answer| {
        let value = answer.value("+CPMS").ok_or_else(|| unexpected("message stores", answer))?;
        // The first list is the one for reading. Some put it into parentheses twice, some into none.
        let first = value.trim_start_matches('(').split(')').next().unwrap_or_default();
        let mut names: Vec<String> = Vec::new();
        for name in first.split(',').map(|name| name.trim_matches(['"', ' ', '('])) {
            let is_name = (1..=8).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric());
            if is_name && !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    })
}

/// `AT+CPMS=`: messages are read from and deleted in this store; where they are written and kept stays as it is. Gives the places that
/// are taken, where the answer says it.
///
/// # Errors
/// `Usage` for what is no name.
pub fn use_store(name: &str) -> Result<Command<Option<u16>>> {
    let text = format!("AT+CPMS={}", quoted(name)?);
    Ok(Command::new(text, |answer| Ok(answer.value("+CPMS").and_then(|value| number(&fields(value), 0))))
        .that(Effect::Changes)
        .within(PATIENT))
}

/// `AT+CSCA?`: the service centre's number; `None` when the SIM has none, and then nothing can be sent.
pub fn centre() -> Command<Option<String>> {
    Command::new("AT+CSCA?", |answer| Ok(text(&fields_of(answer, "+CSCA", "a service centre")?, 0)))
}

/// Sends a text, in as many parts as it takes, and gives the reference number of each, where it reads as one. `mark` ties the parts together on the receiver's
/// side and should differ from one long message to the next.
///
/// # Errors
/// As [`pdu::submit`] and [`At::run`]. When parts were sent before one failed, the fact `parts-sent` says how many.
pub fn send(at: &mut At<'_>, to: &str, text: &str, mark: u8) -> Result<Vec<Option<u8>>> {
    let pdus = pdu::submit(to, text, mark, false)?;
    use_pdus(at)?;
    let mut references = Vec::new();
    for pdu in &pdus {
        let reference = send_one(at, pdu).map_err(|e| e.with("parts-sent", references.len()))?;
        references.push(reference);
    }
    Ok(references)
}

fn send_one(at: &mut At<'_>, pdu: &pdu::Pdu) -> Result<Option<u8>> {
    let command = format!("AT+CMGS={}", pdu.length);
    let text = hex::encode_upper(&pdu.bytes);
    let answer = at.command_with_text(&command, text.as_bytes(), SEND_TIMEOUT)?;
    if answer.result != Final::Ok {
        return Err(at.refused(&command, &answer.result));
    }
    let Some(value) = answer.value("+CMGS") else {
        let what = "the stick said OK and gave the message no number";
        return Err(Error::new(ErrorKind::UnexpectedAnswer, what).with_verdict(Verdict::Unknown));
    };
    // It went; what its number is, nobody asks.
    Ok(number(&fields(value), 0))
}
