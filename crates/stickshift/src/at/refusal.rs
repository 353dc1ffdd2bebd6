use crate::at::plain;
use crate::error::refusals::{self, Meaning, Tried};
use crate::error::{Detail, Error, ErrorKind, Refusal, RefusalFamily};
use crate::mask;
use crate::wire::at::Final;

/// By which number a result refuses, and what that means. Some sticks write words in place of the number.
fn meant(result: &Final) -> Option<(RefusalFamily, &str, Option<i32>, Option<&'static Meaning>)> {
    let (family, code) = match result {
        Final::CmeError(code) => (RefusalFamily::Cme, &**code),
        Final::CmsError(code) => (RefusalFamily::Cms, &**code),
        // Command aborted by user.
        Final::Aborted => (RefusalFamily::Cme, "52"),
        _ => return None,
    };
    let (number, meaning) = match code.parse::<u16>() {
        Ok(number) => {
            let code = i32::from(number);
            (Some(code), refusals::meaning(Refusal { family, code }, None))
        }
        Err(_) => {
            let meaning = refusals::named(family, code);
            (meaning.map(|m| m.from), meaning)
        }
    };
    Some((family, code, number, meaning))
}

/// Whether the network refuses: it is not there, or does not take the stick.
pub(super) fn is_of_network(result: &Final) -> bool {
    meant(result).and_then(|(_, _, number, _)| number).is_some_and(|n| matches!(n, 30..=32 | 103..))
}

/// Whether a result says that there is no SIM, whose tries could be counted.
pub(super) fn is_without_sim(result: &Final) -> bool {
    meant(result).and_then(|(.., meaning)| meaning?.kind) == Some(ErrorKind::NoSim)
}

/// Whether a result says that waiting helps.
pub(super) fn is_busy(result: &Final) -> bool {
    meant(result).and_then(|(_, _, _, meaning)| meaning).is_some_and(|meaning| meaning.busy)
}

/// Whether a result says that what was asked for may have been done all the same. To a text that was handed over, one that names no reason
/// says so, too: it may be how the wait for the network ended.
pub(super) fn is_in_doubt(result: &Final, told: bool) -> bool {
    match meant(result) {
        // 100 of +CME, 500 of +CMS: unknown. Up to 255 the network itself refuses.
        Some((_, _, number, Some(meaning))) => {
            meaning.in_doubt
                || *result == Final::Aborted
                || told
                    && (matches!(number, Some(100 | 500)) || meaning.name.is_empty() && number > Some(255))
        }
        _ => told,
    }
}

/// Commands about messages that are stored.
const STORE: &str = "AT+CMGL AT+CMGR AT+CMGD AT+CMGW AT+CPMS";

/// The error for a result other than `OK`: what the SIM lacks has kinds of its own, everything else is `AtRefused`,
/// with the facts `command` (masked), `code` and `meaning` where there are any.
pub fn refusal(command: &str, result: &Final) -> Error {
    let Some((family, code, number, meaning)) = meant(result) else {
        return Error::new(ErrorKind::AtRefused, words(ErrorKind::AtRefused))
            .with("command", mask::text(command))
            .with("code", result);
    };
    let kind = meaning.and_then(|m| m.kind).unwrap_or(ErrorKind::AtRefused);
    let mut error = Error::new(kind, words(kind)).with("command", mask::text(command));
    if let Some(number) = number {
        error = error.detail(Detail::Refusal(Refusal { family, code: number }));
    }
    if STORE.split(' ').any(|start| plain(command).starts_with(start)) {
        error = error.detail(Detail::Tried(Tried::StoredMessages));
    }
    let name = if family == RefusalFamily::Cms { "cms" } else { "cme" };
    error = match number {
        _ if *result == Final::Aborted => error.with("code", result),
        Some(number) => error.with("code", format!("{name} {number}")),
        None => error.with("code", format!("{name} {}", mask::words(code))),
    };
    match meaning {
        Some(meaning) if !meaning.name.is_empty() => error.with("meaning", meaning.name),
        _ => error,
    }
}

fn words(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::NoSim => "the stick has no SIM",
        ErrorKind::SimPinNeeded => "the SIM wants its PIN",
        ErrorKind::SimPukNeeded => "the SIM is blocked and wants its PUK",
        ErrorKind::WrongPin => "the code is wrong",
        _ => "the stick refused an AT command",
    }
}
