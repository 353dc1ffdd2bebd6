//! USSD, the codes such as `*100#`: docs/protocols/hilink-at.md section 3.7.
//!
//! ```
//! use stickshift::at::ussd::{self, ReplyKind};
//!
//! // What follows `+CUSD:`.
//! let reply = ussd::read_reply("0,\"Balance: 12.34 EUR\",15").unwrap();
//! assert_eq!(reply.kind, ReplyKind::Done);
//! assert_eq!(reply.text.as_deref(), Some("Balance: 12.34 EUR"));
//! ```

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::at::{At, Command, PATIENT, quoted};
use crate::error::{Detail, Effect, Error, ErrorKind, Result, Verdict};
use crate::hex;
use crate::link::Changes;
use crate::wire::at::Final;
use crate::wire::pdu;

/// How long the network may take to answer.
pub const NETWORK_TIMEOUT: Duration = Duration::from_secs(60);

/// How long what has come already takes to be read.
const AT_ONCE: Duration = Duration::from_millis(50);

/// How long reports from before are read away.
const OLD_REPORTS: Duration = Duration::from_secs(5);

/// In which form a code goes to the stick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// Packed 7-bit in hexadecimal, what Huawei's sticks want.
    Packed,
    /// The characters themselves.
    Plain,
    /// UCS2 in hexadecimal.
    Ucs2,
}

impl Coding {
    /// Every form.
    pub const ALL: [Coding; 3] = [Coding::Packed, Coding::Plain, Coding::Ucs2];

    /// The forms to try, in this order, on a stick of this maker (`AT+CGMI`): Huawei's want packed codes, others send such digits to the
    /// network as they are, and the standard has plain ones.
    pub fn tried(maker: &str) -> [Coding; 2] {
        match maker.is_empty() || maker.to_ascii_lowercase().contains("huawei") {
            true => [Coding::Packed, Coding::Plain],
            false => [Coding::Plain, Coding::Packed],
        }
    }

    fn word(self) -> &'static str {
        match self {
            Coding::Packed => "packed",
            Coding::Plain => "plain",
            Coding::Ucs2 => "ucs2",
        }
    }

    /// The command that sends `code` in this form.
    ///
    /// # Errors
    /// `Usage` for a code that cannot be written so.
    fn command(self, code: &str) -> Result<String> {
        let cannot =
            || Error::new(ErrorKind::Usage, "not a USSD code: it holds characters that cannot be sent");
        let (text, scheme) = match self {
            _ if code.is_empty() => return Err(cannot()),
            Coding::Packed => (hex::encode_upper(&pdu::pack_ussd(code).ok_or_else(cannot)?), 15),
            Coding::Plain => (code.to_owned(), 15),
            Coding::Ucs2 => (code.encode_utf16().map(|unit| format!("{unit:04X}")).collect(), 72),
        };
        Ok(format!("AT+CUSD=1,{},{scheme}", quoted(&text)?))
    }
}

impl fmt::Display for Coding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Coding {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Coding, String> {
        let known = Coding::ALL.into_iter().find(|coding| coding.word() == text);
        known.ok_or_else(|| "known forms: packed, plain, ucs2".to_owned())
    }
}

/// What the network's word means for the dialogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyKind {
    /// Answered; the dialogue is over.
    Done,
    /// The network waits for a reply.
    ReplyExpected,
    /// The network ended the dialogue.
    Ended,
    /// Another program or the SIM's menu took the answer.
    TakenByAnother,
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
    /// The text, decoded where it could be and as it came otherwise; `None` when the network sent none.
    pub text: Option<String>,
}

/// Reads what follows `+CUSD:`. The text runs from the first quotation mark to the last one, whatever stands between them.
pub fn read_reply(value: &str) -> Option<Reply> {
    let value = value.trim();
    let (kind, rest) = value.split_once(',').unwrap_or((value, ""));
    let kind = match kind.trim().parse::<u8>().ok()? {
        0 => ReplyKind::Done,
        1 => ReplyKind::ReplyExpected,
        2 => ReplyKind::Ended,
        3 => ReplyKind::TakenByAnother,
        4 => ReplyKind::NotSupported,
        5 => ReplyKind::TimedOut,
        _ => return None,
    };
    let rest = rest.trim();
    let (raw, scheme) = match (rest.strip_prefix('"'), rest.rsplit_once(',')) {
        (Some(open), _) => match open.rsplit_once('"') {
            Some((raw, after)) if is_tail(after) => (raw, after.trim().trim_start_matches(',').trim()),
            // The closing mark is lost.
            _ => (open, ""),
        },
        (None, Some((raw, scheme))) if scheme.trim().parse::<u8>().is_ok() => (raw, scheme.trim()),
        (None, _) => (rest, ""),
    };
    let text = (!raw.is_empty()).then(|| pdu::ussd_text(raw, scheme.parse().unwrap_or(15)));
    Some(Reply { kind, text })
}

/// What may follow the text: a data coding scheme, or nothing.
fn is_tail(after: &str) -> bool {
    after.trim().chars().all(|c| c == ',' || c == ' ' || c.is_ascii_digit())
}

/// Sends a code, or a reply within a dialogue, and waits for the network's word. Gives the form in which the code went through, too.
///
/// The code goes out in the first of `forms`, and in the next one where the stick refuses it or the network does not know it: it may have been
/// sent digits in place of the code.
/// `is_reply`: the code answers a question of the network, and is not sent when the network has ended the dialogue meanwhile: it would be
/// taken for a code.
///
/// # Errors
/// `Usage` for a code that cannot be written; `AtRefused`, also when the refusal comes after the command was accepted; `Timeout` when the
/// network says nothing (the dialogue is cancelled).
pub fn ask(at: &mut At<'_>, code: &str, forms: &[Coding], is_reply: bool) -> Result<(Reply, Coding)> {
    let forms = forms.iter().map(|form| Ok((*form, form.command(code)?))).collect::<Result<Vec<_>>>()?;
    let last = forms.len().saturating_sub(1);
    for (turn, (coding, command)) in forms.into_iter().enumerate() {
        // An old report is no answer to this code. A port that never stops reporting is not waited for.
        let quiet_by = at.now() + OLD_REPORTS;
        while let Some(old) = at.wait_urc("+CUSD", AT_ONCE)? {
            if at.now() >= quiet_by {
                return Err(Error::new(
                    ErrorKind::UnexpectedAnswer,
                    "the stick reports USSD answers that nobody asked for, without end",
                ));
            }
            if is_reply && read_reply(&old).is_none_or(|old| old.kind != ReplyKind::ReplyExpected) {
                let what = "the network ended the dialogue before the reply was sent";
                return Err(Error::new(ErrorKind::AtRefused, what).with_verdict(Verdict::Recoverable));
            }
        }
        at.expect_urc("+CUSD");
        let answer = at.command(&command, Effect::Changes, PATIENT)?;
        if answer.result != Final::Ok {
            // A refusal in doubt may have been somebody else's: the code is not sent twice.
            if turn < last && !at.standing().is_in_doubt() {
                continue;
            }
            return Err(at.refused("AT+CUSD=1,..", &answer.result));
        }
        let reply = await_reply(at)?;
        if reply.kind == ReplyKind::NotSupported && turn < last {
            continue;
        }
        return Ok((reply, coding));
    }
    Err(Error::new(ErrorKind::AtRefused, "the stick took the code in no form"))
}

fn await_reply(at: &mut At<'_>) -> Result<Reply> {
    match at.wait_report("+CUSD", NETWORK_TIMEOUT) {
        Ok(Some(value)) => read_reply(&value).ok_or_else(|| {
            Error::new(ErrorKind::UnexpectedAnswer, "the network's answer does not read as USSD")
        }),
        Ok(None) => {
            close(at);
            Err(Error::new(ErrorKind::Timeout, "the network did not answer the USSD code")
                .because(Error::new(
                    ErrorKind::Timeout,
                    "the stick took the code, and the network was silent",
                ))
                .detail(Detail::NextStep(
                    "see what became of it before you send it again; check the code, and the signal",
                ))
                .with("seconds", NETWORK_TIMEOUT.as_secs()))
        }
        Err(e) => {
            close(at);
            Err(e)
        }
    }
}

/// Ends a dialogue, also after a request to stop. That it cannot be ended changes nothing: the network ends it by itself.
pub fn close(at: &mut At<'_>) {
    let cancel = at.take_cancel();
    let _ = at.run_if_known(&self::cancel());
    at.put_cancel(cancel);
}

/// `AT+CUSD=2`: ends a dialogue.
pub fn cancel() -> Command<()> {
    Command::plain("AT+CUSD=2")
}

/// `AT^USSDMODE=`: whether codes go as plain text (0) or as PDUs (1).
pub fn set_mode(pdu: bool) -> Command<()> {
    Command::plain(format!("AT^USSDMODE={}", u8::from(pdu)))
}
