//! The SIM and its codes. Like over AT, the last try of a code is left alone unless told otherwise.

use crate::error::{Detail, Error, ErrorKind, Result, Verdict};
use crate::hilink::refusal::code_of;
use crate::hilink::{Call, Hilink, unexpected};

/// What the SIM waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SimState {
    /// There is none.
    Absent,
    /// It does not answer as one.
    Failed,
    /// Nothing: it is ready.
    Ready,
    /// Nothing: its PIN is switched off.
    PinDisabled,
    /// It is being looked at.
    Checking,
    /// Its PIN.
    Pin,
    /// Its PUK.
    Puk,
    /// A number that no document names.
    Other(u16),
}

/// `pin/status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// What it waits for.
    pub state: SimState,
    /// Whether the PIN is asked for at power-up, where the stick tells.
    pub pin_enabled: Option<bool>,
    /// Tries left for the PIN.
    pub pin_tries: Option<u8>,
    /// Tries left for the PUK.
    pub puk_tries: Option<u8>,
}

/// `GET pin/status`.
pub fn status() -> Call<Status> {
    Call::get("/api/pin/status", |r| {
        let state = match r.number("SimState").ok_or_else(|| unexpected("a SIM state"))? {
            255 => SimState::Absent,
            256 => SimState::Failed,
            257 => SimState::Ready,
            258 => SimState::PinDisabled,
            259 => SimState::Checking,
            260 => SimState::Pin,
            261 => SimState::Puk,
            other => SimState::Other(other),
        };
        let pin_enabled = match r.number::<u16>("PinOptState") {
            Some(258) => Some(false),
            Some(257 | 259) => Some(true),
            _ => None,
        };
        Ok(Status {
            state,
            pin_enabled,
            pin_tries: r.number("SimPinTimes"),
            puk_tries: r.number("SimPukTimes"),
        })
    })
}

/// What a code is used for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Operation<'a> {
    /// The PIN, because the SIM waits for it.
    Enter(&'a str),
    /// The PIN, to have it asked for at power-up.
    Enable(&'a str),
    /// The PIN, to have it no longer asked for.
    Disable(&'a str),
    /// The PIN and its successor.
    Change(&'a str, &'a str),
    /// The PUK and a new PIN.
    Unblock(&'a str, &'a str),
}

/// Uses a code; the last try only when `spend_last` says so.
///
/// # Errors
/// `Usage` for what is no code; `LastTry` when one try is left or the number is not known; `WrongPin` (fact `tries`) when the stick refused and a try
/// is gone; `NoSim`, `SimPukNeeded`; as [`Hilink::call`] otherwise.
pub fn operate(hilink: &mut Hilink<'_>, operation: Operation<'_>, spend_last: bool) -> Result<()> {
    let (kind, pin, new, puk) = match operation {
        Operation::Enter(pin) => ("0", pin, "", ""),
        Operation::Enable(pin) => ("1", pin, "", ""),
        Operation::Disable(pin) => ("2", pin, "", ""),
        Operation::Change(pin, new) => ("3", pin, new, ""),
        Operation::Unblock(puk, new) => ("4", new, new, puk),
    };
    let digits = |code: &str, least, most| {
        (least..=most).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_digit())
    };
    let sane =
        digits(pin, 4, 8) && (new.is_empty() || digits(new, 4, 8)) && (puk.is_empty() || digits(puk, 8, 8));
    if !sane || (kind == "3" && new.is_empty()) || (kind == "4" && puk.is_empty()) {
        return Err(untouched(ErrorKind::Usage, "a PIN has 4 to 8 digits, a PUK has 8"));
    }
    let before = hilink.call(&status())?;
    let unblocks = kind == "4";
    match before.state {
        SimState::Absent => return Err(untouched(ErrorKind::NoSim, "the stick has no SIM")),
        SimState::Puk if !unblocks => {
            return Err(untouched(ErrorKind::SimPukNeeded, "the SIM is blocked and wants its PUK"));
        }
        _ => {}
    }
    let left = |s: &Status| if unblocks { s.puk_tries } else { s.pin_tries };
    match left(&before) {
        Some(n) if n > 1 || spend_last => {}
        None if spend_last => {}
        Some(n) => {
            return Err(untouched(ErrorKind::LastTry, "this would spend the last try of the code")
                .detail(Detail::TriesLeft(n)));
        }
        None => {
            return Err(untouched(
                ErrorKind::LastTry,
                "the stick does not tell how many tries of the code are left",
            ));
        }
    }
    let fields = [("OperateType", kind), ("CurrentPin", pin), ("NewPin", new), ("PukCode", puk)];
    let mut call = Call::set("/api/pin/operate", &fields);
    call.may_need_encryption = true;
    let Err(error) = hilink.call(&call) else { return Ok(()) };
    // The codes of refused PINs differ from stick to stick: what tells is a try that is gone.
    if code_of(&error).is_none() {
        return Err(error);
    }
    let after = hilink.call(&status())?;
    if left(&after) < left(&before) {
        let tries = left(&after).unwrap_or(0);
        return Err(Error::new(ErrorKind::WrongPin, "the code is wrong").detail(Detail::TriesLeft(tries)));
    }
    Err(error)
}

fn untouched(kind: ErrorKind, what: &str) -> Error {
    Error::new(kind, what).with_verdict(Verdict::Untouched)
}
