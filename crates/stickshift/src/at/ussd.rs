//! USSD, the codes such as `*100#`: docs/protocols/hilink-at.md section 3.7.

use std::time::Duration;

use crate::at::{At, Command, PATIENT, number, quoted, text};
use crate::error::{Effect, Error, ErrorKind, Result};
use crate::hex;
use crate::link::Changes;
use crate::wire::at::{Final, fields};
use crate::wire::pdu;

/// How long the network may take to answer.
pub const NETWORK_TIMEOUT: Duration = Duration::from_secs(60);

/// What the network's word means for the dialogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyKind {
    /// Answered; the dialogue is over.
    Done,
    /// The network waits for a reply.
    ReplyExpected,
    /// The network ended the dialogue.
    Ended,
    /// The network does not know such a thing.
    NotSupported,
    /// The network did not answer.
    TimedOut,
}

/// The network's word, `+CUSD:`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// What became of it.
    pub kind: ReplyKind,
    /// The text, decoded where it could be and as it came otherwise.
    pub text: String,
}

/// Reads what follows `+CUSD:`.
pub fn read_reply(value: &str) -> Option<Reply> {
    let f = fields(value);
    let kind = match number(&f, 0)? {
        0 => ReplyKind::Done,
        1 => ReplyKind::ReplyExpected,
        2 => ReplyKind::Ended,
        4 => ReplyKind::NotSupported,
        5 => ReplyKind::TimedOut,
        _ => return None,
    };
    let raw = text(&f, 1).unwrap_or_default();
    let decoded = pdu::unpack_ussd(&raw, number(&f, 2).unwrap_or(15));
    Some(Reply { kind, text: decoded.unwrap_or(raw) })
}

/// Sends a code, or a reply within a dialogue, and waits for the network's word.
///
/// Many sticks want the code as packed 7-bit in hex and refuse plain text, others the reverse: packed is tried first, and
/// plain when the stick refuses it.
///
/// # Errors
/// `Usage` for a code that cannot be written; `AtRefused`; `Timeout` when the network says nothing (the dialogue is cancelled).
pub fn ask(at: &mut At<'_>, code: &str) -> Result<Reply> {
    let packed = pdu::pack_ussd(code).filter(|p| !p.is_empty()).ok_or_else(|| {
        Error::new(ErrorKind::Usage, "not a USSD code: it holds characters that cannot be sent")
    })?;
    let plain = quoted(code)?;
    // An old report is no answer to this code. The others stay.
    while at.wait_urc("+CUSD", Duration::ZERO)?.is_some() {}
    at.expect_urc("+CUSD");
    let command = format!("AT+CUSD=1,\"{}\",15", hex::encode_upper(&packed));
    let mut answer = at.command(&command, Effect::Changes, PATIENT)?;
    // A refusal in doubt may have been somebody else's: the code is not sent twice.
    if answer.result != Final::Ok && !at.standing().is_in_doubt() {
        answer = at.command(&format!("AT+CUSD=1,{plain},15"), Effect::Changes, PATIENT)?;
    }
    if answer.result != Final::Ok {
        return Err(at.refused("AT+CUSD=1,..", &answer.result));
    }
    match at.wait_urc("+CUSD", NETWORK_TIMEOUT) {
        Ok(Some(value)) => read_reply(&value).ok_or_else(|| {
            Error::new(ErrorKind::UnexpectedAnswer, "the network's answer does not read as USSD")
        }),
        Ok(None) => {
            at.run_if_known(&cancel())?;
            Err(Error::new(ErrorKind::Timeout, "the network did not answer the USSD code")
                .with("seconds", NETWORK_TIMEOUT.as_secs()))
        }
        Err(e) => {
            // Nobody waits for the dialogue any more; that it cannot be ended changes nothing about why.
            let _ = at.run_if_known(&cancel());
            Err(e)
        }
    }
}

/// `AT+CUSD=2`: ends a dialogue.
pub fn cancel() -> Command<()> {
    Command::plain("AT+CUSD=2")
}

/// `AT^USSDMODE=`: whether codes go as plain text (0) or as PDUs (1).
pub fn set_mode(pdu: bool) -> Command<()> {
    Command::plain(format!("AT^USSDMODE={}", u8::from(pdu)))
}
