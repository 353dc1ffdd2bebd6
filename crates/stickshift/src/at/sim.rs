//! The SIM and its codes: docs/protocols/hilink-at.md section 3.5.
//!
//! A wrong PIN costs a try, and after the last one only the PUK helps; after the last PUK the SIM is dead. So every call here
//! that spends a try looks first how many there are, and leaves the last one alone unless it is told otherwise.

use std::time::Duration;

use crate::at::{At, Command, PATIENT, fields_of, number, unexpected};
use crate::error::{Detail, Effect, Error, ErrorKind, Result};
use crate::wire::at::Final;

/// What the SIM waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SimState {
    /// Nothing: it is ready, or has no PIN.
    Ready,
    /// Its PIN.
    Pin,
    /// Its PUK: it is blocked.
    Puk,
    /// PIN2, for a few functions only.
    Pin2,
    /// PUK2.
    Puk2,
    /// Something else, in the stick's words: an operator lock for example.
    Other(String),
}

impl SimState {
    fn of_word(word: &str) -> SimState {
        match word {
            "READY" => SimState::Ready,
            "SIM PIN" => SimState::Pin,
            "SIM PUK" => SimState::Puk,
            "SIM PIN2" => SimState::Pin2,
            "SIM PUK2" => SimState::Puk2,
            other => SimState::Other(other.to_owned()),
        }
    }
}

/// `AT+CPIN?`: what the SIM waits for.
pub fn state() -> Command<SimState> {
    Command::new("AT+CPIN?", |answer| {
        let fields = fields_of(answer, "+CPIN", "a SIM state")?;
        fields.first().map(|word| SimState::of_word(word)).ok_or_else(|| unexpected("a SIM state", answer))
    })
}

/// Tries left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tries {
    /// What the SIM waits for.
    pub state: SimState,
    /// For the PUK.
    pub puk: Option<u8>,
    /// For the PIN.
    pub pin: Option<u8>,
    /// For the PUK2.
    pub puk2: Option<u8>,
    /// For the PIN2.
    pub pin2: Option<u8>,
}

/// `AT^CPIN?`: tries left for each code.
pub fn tries() -> Command<Tries> {
    Command::new("AT^CPIN?", |answer| {
        let fields = fields_of(answer, "^CPIN", "tries left")?;
        let state = fields.first().map(|word| SimState::of_word(word));
        Ok(Tries {
            state: state.ok_or_else(|| unexpected("tries left", answer))?,
            puk: number(&fields, 2),
            pin: number(&fields, 3),
            puk2: number(&fields, 4),
            pin2: number(&fields, 5),
        })
    })
}

/// `AT+CLCK="SC",2`: whether the SIM asks for its PIN at power-up.
pub fn pin_enabled() -> Command<bool> {
    Command::new("AT+CLCK=\"SC\",2", |answer| match number(&fields_of(answer, "+CLCK", "a lock state")?, 0) {
        Some(0) => Ok(false),
        Some(1) => Ok(true),
        _ => Err(unexpected("a lock state", answer)),
    })
    .within(PATIENT)
}

/// What a PIN is to be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PinUse<'a> {
    /// Entered because the SIM waits for it.
    Enter,
    /// No longer asked for at power-up.
    Disable,
    /// Asked for at power-up from now on.
    Enable,
    /// Replaced by this one.
    Change(&'a str),
}

/// Whether the last try may be spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastTry {
    /// Refuse when one try is left, or when it cannot be seen how many there are.
    Keep,
    /// The owner said so.
    MaySpend,
}

/// The SIM's state, waiting up to ten seconds while the SIM is busy starting.
///
/// # Errors
/// `NoSim`, and what [`At::run`] gives.
pub fn wait_state(at: &mut At<'_>) -> Result<SimState> {
    let end = at.now() + Duration::from_secs(10);
    loop {
        let answer = at.command(&state().text, Effect::Reads, PATIENT)?;
        let busy = matches!(&answer.result, Final::CmeError(code) if code == "14" || code.eq_ignore_ascii_case("SIM busy"));
        if busy && at.now() < end {
            at.check()?;
            at.sleep(Duration::from_secs(1));
            continue;
        }
        return match &answer.result {
            Final::Ok => state().parse(&answer),
            Final::CmeError(code) if code == "11" || code.eq_ignore_ascii_case("SIM PIN required") => {
                Ok(SimState::Pin)
            }
            Final::CmeError(code) if code == "12" || code.eq_ignore_ascii_case("SIM PUK required") => {
                Ok(SimState::Puk)
            }
            other => Err(at.refused(&state().text, other)),
        };
    }
}

/// Uses the PIN.
///
/// # Errors
/// `Usage` for what is no PIN; `LastTry` when one try is left (fact `tries`) or the number is not known; `WrongPin` (fact `tries`: what is
/// left then); `SimPukNeeded` when the SIM is blocked already.
pub fn use_pin(at: &mut At<'_>, purpose: PinUse<'_>, pin: &str, last: LastTry) -> Result<()> {
    check_code("a PIN", pin, 4..=8)?;
    if let PinUse::Change(new) = purpose {
        check_code("a PIN", new, 4..=8)?;
    }
    let left = at.run_if_known(&tries())?;
    if left.as_ref().is_some_and(|t| t.state == SimState::Puk) {
        return Err(Error::new(ErrorKind::SimPukNeeded, "the SIM is blocked and wants its PUK"));
    }
    guard("PIN", left.and_then(|t| t.pin), last)?;
    let command = match purpose {
        PinUse::Enter => format!("AT+CPIN=\"{pin}\""),
        PinUse::Disable => format!("AT+CLCK=\"SC\",0,\"{pin}\""),
        PinUse::Enable => format!("AT+CLCK=\"SC\",1,\"{pin}\""),
        PinUse::Change(new) => format!("AT+CPWD=\"SC\",\"{pin}\",\"{new}\""),
    };
    spend(at, command, |t| t.pin)
}

/// Unblocks the SIM with its PUK and gives it a new PIN.
///
/// # Errors
/// As [`use_pin`], with the PUK's tries.
pub fn unblock(at: &mut At<'_>, puk: &str, new_pin: &str, last: LastTry) -> Result<()> {
    check_code("a PUK", puk, 8..=8)?;
    check_code("a PIN", new_pin, 4..=8)?;
    let left = at.run_if_known(&tries())?;
    guard("PUK", left.and_then(|t| t.puk), last)?;
    spend(at, format!("AT+CPIN=\"{puk}\",\"{new_pin}\""), |t| t.puk)
}

fn spend(at: &mut At<'_>, command: String, left: fn(&Tries) -> Option<u8>) -> Result<()> {
    let sent = at.run(&Command::plain(command).within(PATIENT));
    let Err(error) = sent else { return Ok(()) };
    if !matches!(error.kind(), ErrorKind::WrongPin | ErrorKind::SimPukNeeded | ErrorKind::AtRefused) {
        return Err(error);
    }
    let now = at.run_if_known(&tries())?.as_ref().and_then(left);
    Err(match now {
        Some(tries) => error.detail(Detail::TriesLeft(tries)),
        None => error,
    })
}

fn guard(what: &str, left: Option<u8>, last: LastTry) -> Result<()> {
    if last == LastTry::MaySpend || left.is_some_and(|n| n > 1) {
        return Ok(());
    }
    let error = match left {
        Some(n) => Error::new(ErrorKind::LastTry, format!("this would spend the last try of the {what}"))
            .detail(Detail::TriesLeft(n)),
        None => Error::new(
            ErrorKind::LastTry,
            format!("the stick does not tell how many tries of the {what} are left"),
        ),
    };
    Err(error)
}

fn check_code(what: &str, code: &str, length: std::ops::RangeInclusive<usize>) -> Result<()> {
    if length.contains(&code.len()) && code.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(());
    }
    let (least, most) = (length.start(), length.end());
    let digits = if least == most { format!("{least}") } else { format!("{least} to {most}") };
    Err(Error::new(ErrorKind::Usage, format!("{what} has {digits} digits")))
}
