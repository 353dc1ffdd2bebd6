//! Short messages in PDU mode: docs/protocols/hilink-at.md section 3.7. Text mode truncates and mangles and is not used.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::at::{At, Command, PATIENT, fields_of, number, text, unexpected};
use crate::error::{Effect, Error, ErrorKind, Result, Verdict};
use crate::hex;
use crate::wire::at::{Answer, Final, fields, value_of};
use crate::wire::pdu::{self, Body, Message, Part};

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

/// One place of the message store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its number.
    pub index: u16,
    /// How it stands.
    pub status: Status,
    /// The message; `None` when its PDU cannot be decoded.
    pub message: Option<Message>,
}

/// `AT+CMGF=0`: messages as PDUs. To be sent before everything else here.
pub fn pdu_mode() -> Command<()> {
    Command::plain("AT+CMGF=0").that(Effect::Reads)
}

/// `AT+CMGL=4`: every stored message. Unread ones count as read from then on, so it is no mere question.
pub fn list() -> Command<Vec<Stored>> {
    Command::new("AT+CMGL=4", |answer| {
        let mut stored = Vec::new();
        for (i, line) in answer.lines.iter().enumerate() {
            let Some(value) = value_of(line, "+CMGL") else { continue };
            let f = fields(value);
            let (Some(index), Some(status)) = (number(&f, 0), status(&f, 1)) else {
                return Err(unexpected("a list of messages", answer));
            };
            stored.push(Stored { index, status, message: message_after(answer, i) });
        }
        Ok(stored)
    })
    .that(Effect::Changes)
    .within(PATIENT)
}

/// `AT+CMGR=`: one stored message; `None` when the place is empty. Its index in the value is 0: the answer does not repeat it.
pub fn read(index: u16) -> Command<Option<Stored>> {
    Command::new(format!("AT+CMGR={index}"), |answer| {
        let Some(i) = answer.lines.iter().position(|line| value_of(line, "+CMGR").is_some()) else {
            return Ok(None);
        };
        let f = fields_of(answer, "+CMGR", "a message")?;
        // Empty places are told as a message of length 0 by some.
        if number::<u16>(&f, f.len().saturating_sub(1)) == Some(0) {
            return Ok(None);
        }
        let status = status(&f, 0).ok_or_else(|| unexpected("a message", answer))?;
        Ok(Some(Stored { index: 0, status, message: message_after(answer, i) }))
    })
    .that(Effect::Changes)
    .within(PATIENT)
}

fn status(fields: &[&str], index: usize) -> Option<Status> {
    Some(match number(fields, index)? {
        0 => Status::Unread,
        1 => Status::Read,
        2 => Status::Unsent,
        3 => Status::Sent,
        _ => return None,
    })
}

fn message_after(answer: &Answer, index: usize) -> Option<Message> {
    let bytes = hex::decode(answer.lines.get(index + 1)?)?;
    pdu::decode(&bytes).ok()
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

/// `AT+CPMS?`: where messages are read from.
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
    at.run(&pdu_mode())?;
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
    let answer = at.command_with_text(&command, text.as_bytes(), Duration::from_secs(120))?;
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

/// A message that came, whole: the parts of a long one put together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Where its parts are stored, in order.
    pub indices: Vec<u16>,
    /// Whether every part had been read.
    pub read: bool,
    /// `+` and digits, or a name. An identity.
    pub from: String,
    /// When the service centre took the first part.
    pub time: pdu::Timestamp,
    /// What it says; data for programs is shown in hex.
    pub text: String,
    /// Parts that have not come (yet).
    pub missing: u8,
}

/// What the parts of one long message have in common: sender, reference, how many they are.
type Whole = (String, u16, u8);

/// Place in the store and text, by the part's number.
type Parts = BTreeMap<u8, (u16, String)>;

/// The messages that came, oldest place first, long ones put together.
pub fn received(stored: &[Stored]) -> Vec<Received> {
    let mut whole: Vec<Received> = Vec::new();
    // A part that is there twice begins a new message.
    let mut open: BTreeMap<Whole, (usize, Parts)> = BTreeMap::new();
    for Stored { index, status, message } in stored {
        let Some(Message::Deliver { from, time, part, body }) = message else { continue };
        let text = match body {
            Body::Text(text) => text.clone(),
            Body::Data(data) => hex::encode_upper(data),
        };
        let read = *status == Status::Read;
        let single = |text: String| Received {
            indices: vec![*index],
            read,
            from: from.clone(),
            time: *time,
            text,
            missing: 0,
        };
        let Some(Part { reference, total, number }) = *part else {
            whole.push(single(text));
            continue;
        };
        let key = (from.clone(), reference, total);
        if open.get(&key).is_none_or(|(_, parts)| parts.contains_key(&number)) {
            whole.push(single(String::new()));
            open.insert(key.clone(), (whole.len() - 1, Parts::new()));
        }
        if let Some((at, parts)) = open.get_mut(&key) {
            parts.insert(number, (*index, text));
            let message = &mut whole[*at];
            message.read &= read;
            message.time = message.time.min(*time);
            message.indices = parts.values().map(|(index, _)| *index).collect();
            message.text = parts.values().map(|(_, text)| text.as_str()).collect();
            message.missing = total - parts.len() as u8;
        }
    }
    whole
}
