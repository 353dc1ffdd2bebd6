use crate::error::refusals;
use crate::error::{Detail, Error, ErrorKind, Refusal, RefusalFamily};
use crate::mask;

/// The API has no such path, or the firmware no such function.
pub const ABSENT: i32 = 100_002;
/// The firmware is busy, it does not say with what.
pub const BUSY: i32 = 100_004;
/// The token is not the one that was given out.
pub(super) const WRONG_TOKEN: i32 = 125_001;
/// There is no such session (any more).
pub(super) const WRONG_SESSION: i32 = 125_002;
/// The token was used already.
pub(super) const STALE_TOKEN: i32 = 125_003;
/// The USSD answer has not come yet.
pub(super) const USSD_WAITS: i32 = 111_019;
/// A dialogue with the network is open: after a code was taken, its own.
pub(super) const USSD_OPEN: i32 = 111_013;

pub(super) const LOCKED: &str = "the stick takes no login for a while";

/// The error for `<error><code>`: what the SIM lacks and logins have kinds of their own, everything else is `HilinkRefused`,
/// with the facts `path`, `code` and `meaning`.
pub fn refusal(path: &str, code: i32) -> Error {
    let refusal = Refusal { family: RefusalFamily::Hilink, code };
    let meaning = refusals::meaning(refusal, None);
    let kind = meaning.and_then(|m| m.kind).unwrap_or(ErrorKind::HilinkRefused);
    let what = match kind {
        ErrorKind::LoginNeeded => "the stick wants a login for this",
        ErrorKind::LoginRefused => "the stick refused the login",
        ErrorKind::LoginLocked => LOCKED,
        ErrorKind::SessionTaken => "another user is logged in to the stick",
        ErrorKind::NoSim => "the stick has no SIM",
        ErrorKind::SimPinNeeded => "the SIM wants its PIN",
        ErrorKind::SimPukNeeded => "the SIM is blocked and wants its PUK",
        _ => "the stick refused a HiLink request",
    };
    let name = meaning.map(|m| m.name).filter(|name| !name.is_empty());
    Error::new(kind, what)
        .with("path", mask::address(path))
        .with("code", code)
        .detail(Detail::Refusal(refusal))
        .with("meaning", name.unwrap_or("not known"))
}

/// Whether the number says that waiting helps.
pub(super) fn is_busy(error: &Error) -> bool {
    code_of(error).is_some() && error.meaning().is_some_and(|meaning| meaning.busy)
}

/// Whether the session that the request belonged to is over.
pub(super) fn is_stale(error: &Error) -> bool {
    matches!(code_of(error), Some(WRONG_TOKEN | WRONG_SESSION | STALE_TOKEN))
}

/// The code of a refusal, `None` for every other error.
pub fn code_of(error: &Error) -> Option<i32> {
    error.refusal_of(RefusalFamily::Hilink)
}
