//! The SIM and its codes.
//!
//! ```
//! use stickshift::error::Effect;
//! use stickshift::hilink::pin::{self, Operation};
//!
//! let enter = pin::operate(Operation::Enter("1234"));
//! assert_eq!(enter.effect, Effect::Changes, "a wrong code costs a try");
//! assert!(enter.may_need_encryption);
//! ```

use crate::hilink::{Call, Repeat, unexpected};

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

/// `POST pin/operate`. A wrong code costs a try, so it goes out once. Some firmware takes it encrypted only.
pub fn operate(operation: Operation<'_>) -> Call<()> {
    let (kind, pin, new, puk) = match operation {
        Operation::Enter(pin) => ("0", pin, "", ""),
        Operation::Enable(pin) => ("1", pin, "", ""),
        Operation::Disable(pin) => ("2", pin, "", ""),
        Operation::Change(pin, new) => ("3", pin, new, ""),
        Operation::Unblock(puk, new) => ("4", new, new, puk),
    };
    let fields = [("OperateType", kind), ("CurrentPin", pin), ("NewPin", new), ("PukCode", puk)];
    let mut call = Call::set("/api/pin/operate", &fields);
    call.may_need_encryption = true;
    call.repeated(Repeat::Never)
}
