//! The SIM and its codes.
//!
//! A wrong PIN costs a try, and after the last one only the PUK helps; after the last PUK the SIM is dead. So whatever spends a try looks
//! first how many there are, and leaves the last one alone unless it is told otherwise.

use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::at::sim as at_sim;
use crate::error::{Detail, Error, ErrorKind, Result, Tried, Verdict};
use crate::hilink::pin as web_pin;
use crate::link::Changes;
use crate::mbim::{self, Mbim};
use crate::modem::locks::{lock_of, locked};
use crate::modem::look::Seen;
use crate::modem::{Modem, Way};
use crate::wire::mbim::basic::{self, PinOperation, ReadyState};

mod over_web;

/// What the SIM waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SimCondition {
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
    /// There is none.
    Absent,
    /// It does not answer as one.
    Failed,
    /// The stick is still looking at it.
    Starting,
    /// It accepted a code and was not seen since.
    NotSeen,
    /// Something else, in the stick's words or numbers.
    Other(String),
}

impl fmt::Display for SimCondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SimCondition::Ready => "ready",
            SimCondition::Pin => "waits for its PIN",
            SimCondition::Puk => "blocked: waits for its PUK",
            SimCondition::Pin2 => "waits for its PIN2",
            SimCondition::Puk2 => "waits for its PUK2",
            SimCondition::Absent => "no SIM",
            SimCondition::Failed => "does not answer",
            SimCondition::Starting => "is starting",
            SimCondition::NotSeen => "accepted the code; its state was not seen since",
            SimCondition::Other(words) if lock_of(words).is_some() => {
                return write!(f, "waits for {words}, the code of a lock of the stick, not of the SIM");
            }
            SimCondition::Other(words) => words,
        })
    }
}

impl SimCondition {
    /// Stable code; of another condition, the stick's own words.
    pub fn code(&self) -> &str {
        match self {
            SimCondition::Ready => "ready",
            SimCondition::Pin => "pin",
            SimCondition::Puk => "puk",
            SimCondition::Pin2 => "pin2",
            SimCondition::Puk2 => "puk2",
            SimCondition::Absent => "absent",
            SimCondition::Failed => "failed",
            SimCondition::Starting => "starting",
            SimCondition::NotSeen => "not-seen",
            SimCondition::Other(words) => words,
        }
    }
}

impl Serialize for SimCondition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

/// The SIM and its codes as they stand. What the stick does not tell is `None`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SimStatus {
    /// What it waits for.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub state: SimCondition,
    /// Whether the PIN is asked for at power-up.
    pub asked_for: Option<bool>,
    /// Tries of the PIN that are left.
    pub pin_tries: Option<u8>,
    /// Tries of the PUK that are left.
    pub puk_tries: Option<u8>,
}

/// What a code is used for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum PinUse<'a> {
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

/// Whether the last try may be spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastTry {
    /// Refuse when one try is left, or when it cannot be seen how many there are.
    Keep,
    /// The owner said so.
    MaySpend,
}

impl PinUse<'_> {
    /// # Errors
    /// `Usage` for what is no code.
    fn check(self) -> Result<()> {
        let (pin, puk) = match self {
            PinUse::Enter(pin) | PinUse::Enable(pin) | PinUse::Disable(pin) => ([pin, pin], None),
            PinUse::Change(pin, new) => ([pin, new], None),
            PinUse::Unblock(puk, new) => ([new, new], Some(puk)),
        };
        let digits = |code: &str| code.bytes().all(|b| b.is_ascii_digit());
        if puk.is_some_and(|puk| puk.len() != 8 || !digits(puk)) {
            return Err(Error::new(ErrorKind::Usage, "a PUK has 8 digits"));
        }
        if pin.iter().any(|pin| !(4..=8).contains(&pin.len()) || !digits(pin)) {
            return Err(Error::new(ErrorKind::Usage, "a PIN has 4 to 8 digits"));
        }
        Ok(())
    }

    fn unblocks(self) -> bool {
        matches!(self, PinUse::Unblock(..))
    }

    /// The tries that a wrong code takes one of.
    fn tries(self, status: &SimStatus) -> Option<u8> {
        if self.unblocks() { status.puk_tries } else { status.pin_tries }
    }

    /// Whether the stick would take it for what it is. Whoever asks the owner for a code looks first.
    ///
    /// # Errors
    /// What keeps it from being sent: there is no SIM, or the stick waits for another code.
    pub fn is_waited_for(self, state: &SimCondition) -> Result<()> {
        use SimCondition as S;
        let (kind, what) = match (self, state) {
            (_, S::Absent) => (ErrorKind::NoSim, "the stick has no SIM"),
            (_, S::Other(words)) if lock_of(words).is_some() => return Err(locked(words)),
            (PinUse::Unblock(..), S::Puk) => return Ok(()),
            (PinUse::Unblock(..), _) => {
                (ErrorKind::Usage, "the SIM is not blocked: there is nothing to unblock")
            }
            (_, S::Puk) => (ErrorKind::SimPukNeeded, "the SIM is blocked and wants its PUK"),
            (PinUse::Enter(_) | PinUse::Enable(_), S::Pin) => return Ok(()),
            // 3GPP TS 27.007 section 8.3: until then a stick takes a few commands alone, and these are none of them.
            (_, S::Pin) => (ErrorKind::SimPinNeeded, "the SIM waits for its PIN first"),
            (PinUse::Enter(_), _) => (ErrorKind::Usage, "the stick does not wait for the PIN"),
            _ => return Ok(()),
        };
        Err(Error::new(kind, what).with("state", state))
    }

    /// What shows that it is done: nothing for a new PIN, which no one can see.
    fn is_done(self, now: &SimStatus) -> Option<bool> {
        match self {
            PinUse::Enter(_) | PinUse::Unblock(..) => Some(now.state == SimCondition::Ready),
            PinUse::Enable(_) if now.state == SimCondition::Pin => Some(true),
            PinUse::Enable(_) => now.asked_for,
            PinUse::Disable(_) => now.asked_for.map(|on| !on),
            PinUse::Change(..) => None,
        }
    }

    /// Whether the SIM is as it would be afterwards: the code need not be sent.
    pub fn is_needless(self, now: &SimStatus) -> bool {
        let counts = matches!(self, PinUse::Enter(_)) || self.is_waited_for(&now.state).is_ok();
        !self.unblocks() && counts && self.is_done(now) == Some(true)
    }

    /// The tries that are left of the code that a wrong one is counted for.
    pub fn tries_left(self, now: &SimStatus) -> Option<u8> {
        self.tries(now)
    }

    /// That a wrong code was counted, with what is left.
    fn counted(self, wrong: Error, now: &SimStatus) -> Error {
        let mut wrong = wrong.with_verdict(Verdict::Recoverable);
        let tries = self.tries(now);
        if let Some(tries) = tries {
            wrong = wrong.detail(Detail::TriesLeft(tries));
        }
        match self.unblocks() {
            true if tries == Some(0) => wrong.detail(Detail::NextStep(DEAD)),
            // Where tries are not counted, what it waits for shows it.
            false if tries == Some(0) || now.state == SimCondition::Puk => {
                wrong.detail(Detail::NextStep(BLOCKED))
            }
            _ => wrong,
        }
    }

    /// What became of it, by what was there before and what is there now.
    fn seen(self, before: &SimStatus, now: &SimStatus) -> Seen {
        let (had, has) = (self.tries(before), self.tries(now));
        // A SIM is blocked by wrong codes alone, whether it counts them or not.
        let blocked = !self.unblocks() && before.state != SimCondition::Puk && now.state == SimCondition::Puk;
        if blocked || had.is_some() && has.is_some() && has < had {
            return Seen::Other(WRONG.to_owned());
        }
        match (self.is_done(before), self.is_done(now)) {
            (Some(false), Some(true)) => Seen::Done,
            // A right code gives its tries back.
            (None, _) if had.is_some() && has > had => Seen::Done,
            (Some(false), Some(false)) if had.is_some() && had == has => Seen::Untouched,
            _ => Seen::Nothing,
        }
    }
}

/// What is left after the last try of the PIN.
const BLOCKED: &str =
    "the SIM is blocked now: `stickshift pin unblock` takes the operator's PUK and a new PIN";

/// What is left after the last try of the PUK.
const DEAD: &str = "the SIM cannot be used any more: the operator replaces it";

const NOT_ASKED_FOR: &str = "`stickshift pin enable` first: only a PIN that is asked for can be changed";

const WRONG: &str = "a try of the code was counted";

impl Modem<'_> {
    /// What the SIM waits for; over AT and MBIM, a SIM that is starting is waited for.
    ///
    /// # Errors
    /// `NoSim` over AT, where there is none; as [`At::run`](crate::at::At::run) and [`Hilink::call`](crate::hilink::Hilink::call).
    pub fn sim_condition(&mut self) -> Result<SimCondition> {
        match &mut self.way {
            Way::At(at) => at_sim::wait_state(at).map(of_at),
            Way::Web(web) => web.call(&web_pin::status()).map(|status| of_web(status.state)),
            Way::Mbim(mbim) => condition_over_mbim(mbim).map(|(state, _)| state),
        }
    }

    /// SIM state and attempts left.
    ///
    /// # Errors
    /// As [`sim_condition`](Self::sim_condition).
    pub fn sim_status(&mut self) -> Result<SimStatus> {
        match &mut self.way {
            Way::At(at) => {
                let state = of_at(at_sim::wait_state(at)?);
                let (_, tries) = at_sim::code_tries(at)?;
                let asked_for = at.run_if_known(&at_sim::pin_enabled())?;
                Ok(SimStatus { state, asked_for, pin_tries: tries.pin, puk_tries: tries.puk })
            }
            Way::Web(web) => {
                let status = web.call(&web_pin::status())?;
                Ok(SimStatus {
                    state: of_web(status.state),
                    asked_for: status.pin_enabled,
                    pin_tries: status.pin_tries,
                    puk_tries: status.puk_tries,
                })
            }
            Way::Mbim(mbim) => {
                let (state, pin) = condition_over_mbim(mbim)?;
                let asked_for = mbim.run_if_known(&mbim::pin1_enabled())?.flatten();
                let of = |kind| pin.filter(|pin| pin.kind == kind)?.remaining?.try_into().ok();
                // Blocked: there is no try of the PIN left.
                let none_left = (state == SimCondition::Puk).then_some(0);
                let (pin_tries, puk_tries) = (of(basic::PIN1).or(none_left), of(basic::PUK1));
                Ok(SimStatus { state, asked_for, pin_tries, puk_tries })
            }
        }
    }

    /// Uses a code, and looks at the SIM afterwards.
    ///
    /// ```
    /// use stickshift::event::{Cancel, Session};
    /// use stickshift::link::Bus;
    /// use stickshift::modem::{LastTry, Modem, PinUse, SimCondition, identity};
    ///
    /// let (mut bus, stick) = stickshift_emu::testkit::plugged("e3372h-stick-pin", 1, None)?;
    /// let interface = identity::find_at_port(&mut bus, &stick, &mut Session::quiet())?.expect("an AT port");
    /// let mut port = bus.open_port(&stick.place, interface)?;
    /// let mut modem = Modem::over_at(&mut *port, &Cancel::new())?;
    /// let before = modem.sim_status()?;
    /// assert_eq!((before.state, before.pin_tries), (SimCondition::Pin, Some(3)));
    /// let after = modem.use_code(PinUse::Enter("1234"), LastTry::Keep)?;
    /// assert_eq!(after.state, SimCondition::Ready);
    /// # Ok::<(), stickshift::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Usage` for what is no code; `LastTry` when one try is left or the number is not known; `SimPukNeeded` when the SIM is blocked
    /// already; `NoSim`; `WrongPin` when the SIM counted a try: recoverable, with the tries that are left. Whether a try was
    /// counted, or a PIN replaced, may stay unknown after trouble.
    pub fn use_code(&mut self, code: PinUse<'_>, last: LastTry) -> Result<SimStatus> {
        code.check().map_err(|e| self.assess(e))?;
        let before = self.look_before(code)?;
        // A code that is not needed is not sent: some sticks count it all the same.
        if code.is_needless(&before) && !matches!(code, PinUse::Change(..)) {
            return Ok(before);
        }
        // The stick would take it for the code of what it waits for, and count it there.
        code.is_waited_for(&before.state).map_err(|e| self.assess(e))?;
        guard(code.tries(&before), last).map_err(|e| self.assess(e))?;
        let sent = match &mut self.way {
            Way::At(at) => at.run(&match code {
                PinUse::Enter(pin) => at_sim::enter(pin),
                PinUse::Enable(pin) => at_sim::set_pin_enabled(true, pin),
                PinUse::Disable(pin) => at_sim::set_pin_enabled(false, pin),
                PinUse::Change(pin, new) => at_sim::change(pin, new),
                PinUse::Unblock(puk, new) => at_sim::unblock(puk, new),
            }),
            Way::Web(web) => over_web::use_code(web, code, &before),
            Way::Mbim(mbim) => mbim.run(&match code {
                PinUse::Enter(pin) => mbim::use_pin(basic::PIN1, PinOperation::Enter, pin, ""),
                PinUse::Enable(pin) => mbim::use_pin(basic::PIN1, PinOperation::Enable, pin, ""),
                PinUse::Disable(pin) => mbim::use_pin(basic::PIN1, PinOperation::Disable, pin, ""),
                PinUse::Change(pin, new) => mbim::use_pin(basic::PIN1, PinOperation::Change, pin, new),
                PinUse::Unblock(puk, new) => mbim::use_pin(basic::PUK1, PinOperation::Enter, puk, new),
            }),
        };
        let sent = sent.map_err(|e| match (code, over_web::is_wrong_code(&e)) {
            (PinUse::Disable(_), _) if e.refusal().is_some() => e.detail(Detail::Tried(Tried::PinOff)),
            (_, true) => Error::new(ErrorKind::WrongPin, "the code is wrong").because(e),
            _ => e,
        });
        self.after_a_code(code, &before, sent).map_err(|e| match e.refusal() {
            // Whoever stopped it was faster than the code.
            None if e.verdict() == Some(Verdict::Untouched) => e,
            _ => e.detail(Detail::CodeSent),
        })
    }

    /// What has to be known before a code is sent, and no more: every question is one more that can fail. The code itself is not looked at.
    ///
    /// # Errors
    /// As [`sim_status`](Self::sim_status).
    pub fn look_before(&mut self, code: PinUse<'_>) -> Result<SimStatus> {
        let Way::At(at) = &mut self.way else { return self.sim_status() };
        let (state, tries) = at_sim::code_tries(at)?;
        let state = match state {
            Some(state) => of_at(state),
            None => of_at(at_sim::wait_state(at)?),
        };
        let asked_for = match code {
            // It is not told while the SIM waits for a code.
            _ if state == SimCondition::Pin => Some(true),
            PinUse::Enable(_) | PinUse::Disable(_) if code.is_waited_for(&state).is_ok() => {
                at.run_if_known(&at_sim::pin_enabled())?
            }
            _ => None,
        };
        Ok(SimStatus { state, asked_for, pin_tries: tries.pin, puk_tries: tries.puk })
    }

    /// The SIM after a code was sent, or what is to be said of it.
    fn after_a_code(&mut self, code: PinUse<'_>, before: &SimStatus, sent: Result<()>) -> Result<SimStatus> {
        let patient = self.now() + STARTING;
        let now = self.looking(|modem| {
            loop {
                // One question that fails says nothing about the code.
                let now = modem.sim_status().or_else(|_| modem.sim_status());
                // A code that was taken shows a little later on many sticks.
                let shows = |now: &SimStatus| {
                    code.is_done(now) != Some(false) || matches!(code.seen(before, now), Seen::Other(_))
                };
                if sent.is_err() || modem.now() >= patient || now.as_ref().is_ok_and(shows) {
                    return now;
                }
                modem.sleep(Duration::from_secs(1));
            }
        });
        let sent = sent.map_err(|e| match (code, &now) {
            (PinUse::Change(..), Ok(SimStatus { asked_for: Some(false), .. })) if e.refusal().is_some() => {
                e.detail(Detail::NextStep(NOT_ASKED_FOR))
            }
            _ => e,
        });
        let error = match (sent, &now) {
            // The stick's word counts where nothing speaks against it.
            (Ok(()), Ok(now)) => match code.seen(before, now) {
                Seen::Done => return Ok(now.clone()),
                Seen::Nothing if code.is_done(now) != Some(false) => return Ok(now.clone()),
                Seen::Other(_) => Error::new(ErrorKind::WrongPin, "the stick took a code, and a try is gone"),
                _ => {
                    self.stand(self.standing().in_doubt());
                    let what = "the stick took the code, and its SIM is as before";
                    let next =
                        "`stickshift pin status` shows what the SIM waits for, and the tries that are left";
                    let kind = ErrorKind::UnexpectedAnswer;
                    let cause = Error::new(kind, "it said OK, and 15 seconds later nothing came of it");
                    let error = Error::new(kind, what).because(cause).detail(Detail::NextStep(next));
                    return Err(error.with_verdict(Verdict::Unknown));
                }
            },
            // What was entered is forgotten when the power goes; everything else is kept.
            (Ok(()), Err(_)) if matches!(code, PinUse::Enter(_)) => {
                return now.map_err(|e| {
                    let what = "the stick accepted the PIN, and did not say since what its SIM waits for";
                    Error::new(e.kind(), what).because(e).with_verdict(Verdict::Unknown)
                });
            }
            (Ok(()), Err(_)) => {
                let state = SimCondition::NotSeen;
                return Ok(SimStatus { state, asked_for: None, pin_tries: None, puk_tries: None });
            }
            // Refused, and no try is gone: the refusal is all there is.
            (Err(error), Ok(now))
                if error.verdict() == Some(Verdict::Untouched)
                    && code.tries(before).is_some()
                    && code.tries(now) >= code.tries(before)
                    && !matches!(code.seen(before, now), Seen::Other(_))
                    && code.seen(before, now) != Seen::Done =>
            {
                return Err(error);
            }
            (Err(error), Ok(now))
                if error.is(ErrorKind::WrongPin)
                    && (code.tries(now).is_none() || code.tries(before).is_none()) =>
            {
                self.settle(true);
                return Err(code.counted(error, now));
            }
            (Err(error), Ok(_)) => error,
            (Err(error), Err(_)) => {
                // A refusal of a code may have cost a try, whatever its number.
                let refused = error.refusal().is_some() && error.verdict() == Some(Verdict::Untouched);
                return Err(match error.is(ErrorKind::WrongPin) {
                    true => {
                        self.settle(true);
                        error.with_verdict(Verdict::Recoverable)
                    }
                    false if refused => {
                        self.stand(self.standing().in_doubt());
                        error.with_verdict(Verdict::Unknown)
                    }
                    false => error,
                });
            }
        };
        let silent = error.refusal().is_none();
        // What a refusal says of itself counts less than the tries.
        let error = if error.verdict() == Some(Verdict::Untouched) {
            error.with_verdict(Verdict::Unknown)
        } else {
            error
        };
        let mut last_seen = None;
        let outcome = self.after_trouble(error, |modem| {
            let now = modem.sim_status()?;
            let seen = code.seen(before, &now);
            last_seen = Some(now);
            // A code that was not answered may be counted later than anybody looks.
            Ok(if silent && seen == Seen::Untouched { Seen::Nothing } else { seen })
        });
        match (outcome, last_seen) {
            (Ok(()), Some(now)) => Ok(now),
            (Ok(()), None) => self.sim_status(),
            (Err(error), Some(now))
                if error.verdict() == Some(Verdict::Recoverable)
                    && matches!(code.seen(before, &now), Seen::Other(_)) =>
            {
                Err(code.counted(Error::new(ErrorKind::WrongPin, "the code is wrong"), &now))
            }
            (Err(error), _) => Err(error),
        }
    }
}

/// How long a SIM that is starting is waited for.
const STARTING: Duration = Duration::from_secs(15);

/// What the SIM waits for, and what is told of the code.
fn condition_over_mbim(mbim: &mut Mbim<'_>) -> Result<(SimCondition, Option<basic::PinInfo>)> {
    let patient = mbim.now() + STARTING;
    let subscriber = loop {
        let subscriber = mbim.run(&mbim::subscriber())?;
        if subscriber.ready != ReadyState::NotInitialized || mbim.now() >= patient {
            break subscriber;
        }
        mbim.check()?;
        mbim.sleep(Duration::from_secs(1));
    };
    let state = match subscriber.ready {
        ReadyState::SimNotInserted => return Ok((SimCondition::Absent, None)),
        ReadyState::Initialized => SimCondition::Ready,
        ReadyState::NotInitialized => SimCondition::Starting,
        ReadyState::BadSim | ReadyState::Failure => SimCondition::Failed,
        ReadyState::NotActivated => SimCondition::Other("its subscription is not active".to_owned()),
        ReadyState::Other(number) => SimCondition::Other(format!("state {number}")),
        ReadyState::Locked => {
            let pin = mbim.run(&mbim::pin())?;
            let state = match pin.kind {
                basic::PIN1 => SimCondition::Pin,
                basic::PUK1 => SimCondition::Puk,
                basic::PIN2 => SimCondition::Pin2,
                basic::PUK2 => SimCondition::Puk2,
                kind => SimCondition::Other(format!("waits for code {kind}")),
            };
            return Ok((state, Some(pin)));
        }
    };
    Ok((state, mbim.run_if_known(&mbim::pin())?))
}

fn guard(left: Option<u8>, last: LastTry) -> Result<()> {
    if last == LastTry::MaySpend || left.is_some_and(|n| n > 1) {
        return Ok(());
    }
    Err(match left {
        Some(n) => Error::new(ErrorKind::LastTry, "this would spend the last try of the code")
            .detail(Detail::TriesLeft(n)),
        None => Error::new(ErrorKind::LastTry, "the stick does not report how many attempts are left"),
    })
}

fn of_at(state: at_sim::SimState) -> SimCondition {
    use at_sim::SimState as S;
    match state {
        S::Ready => SimCondition::Ready,
        S::Pin => SimCondition::Pin,
        S::Puk => SimCondition::Puk,
        S::Pin2 => SimCondition::Pin2,
        S::Puk2 => SimCondition::Puk2,
        S::Other(words) if words == "NOT READY" => SimCondition::Starting,
        S::Other(words) => SimCondition::Other(words),
    }
}

fn of_web(state: web_pin::SimState) -> SimCondition {
    use web_pin::SimState as S;
    match state {
        S::Absent => SimCondition::Absent,
        S::Failed => SimCondition::Failed,
        S::Ready | S::PinDisabled => SimCondition::Ready,
        S::Checking => SimCondition::Starting,
        S::Pin => SimCondition::Pin,
        S::Puk => SimCondition::Puk,
        S::Other(number) => SimCondition::Other(format!("state {number}")),
    }
}
