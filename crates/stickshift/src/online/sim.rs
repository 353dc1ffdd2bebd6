//! The SIM and its PIN: one try, and never the last.

use crate::error::{Detail, Error, ErrorKind, Refusal, RefusalFamily, Result, Verdict};
use crate::modem::{LastTry, Modem, PinUse, SimCondition, locked};
use crate::online::run::{Run, twice};
use crate::online::up::Access;

/// What the record's way is while a PIN that was refused is remembered: it is not sent again.
pub(super) const PIN_REFUSED: &str = "pin-refused";

/// Brings the SIM to where it can be used.
///
/// # Errors
/// `NoSim`, `SimPinNeeded`, `SimPukNeeded`, `WrongPin`, `LastTry`; as [`Modem::sim_condition`].
pub(super) fn ready(run: &mut Run<'_, '_>, modem: &mut Modem<'_>, access: &mut Access<'_>) -> Result<()> {
    run.session.step("sim", "SIM and PIN");
    let condition = twice(|| modem.sim_condition())?;
    run.session.note("sim", format!("the SIM is: {condition}"));
    match condition {
        SimCondition::NotSeen => Ok(()),
        SimCondition::Ready | SimCondition::Pin2 | SimCondition::Puk2 => {
            access.pin_was_refused = false;
            Ok(())
        }
        SimCondition::Pin => enter(run, modem, access),
        SimCondition::Puk => {
            Err(Error::new(ErrorKind::SimPukNeeded, "the SIM is blocked after wrong PINs and wants its PUK"))
        }
        SimCondition::Absent => Err(Error::new(ErrorKind::NoSim, "the stick has no SIM")),
        SimCondition::Failed => {
            Err(Error::new(ErrorKind::NoSim, "the SIM does not answer as one").detail(refusal(13)))
        }
        SimCondition::Starting => {
            Err(Error::new(ErrorKind::NoSim, "the SIM is still starting").detail(refusal(14)))
        }
        SimCondition::Other(words) => Err(locked(&words)),
    }
}

fn refusal(code: i32) -> Detail {
    Detail::Refusal(Refusal { family: RefusalFamily::Cme, code })
}

/// Keeps in mind that a PIN was refused, or that nobody saw whether it was, until `down`, or until the SIM is seen ready.
pub(super) fn remember(run: &mut Run<'_, '_>) {
    run.record.way = PIN_REFUSED.to_owned();
    if let Err(error) = run.computer.keep(&run.record) {
        run.session.warn("sim", format!("that the PIN was refused cannot be kept in mind: {error}"));
    }
}

fn enter(run: &mut Run<'_, '_>, modem: &mut Modem<'_>, access: &mut Access<'_>) -> Result<()> {
    if access.pin_was_refused {
        remember(run);
        let what = "no PIN was sent: one was refused in an earlier run, or its answer was lost";
        return Err(Error::new(ErrorKind::SimPinNeeded, what).detail(Detail::PinRefusedBefore));
    }
    let Some(pin) = (access.pin)()? else {
        return Err(Error::new(ErrorKind::SimPinNeeded, "the SIM wants its PIN, and none was given"));
    };
    match modem.use_code(PinUse::Enter(&pin), LastTry::Keep) {
        Ok(_) => {
            run.pin_entered = true;
            run.session.note("sim", "the SIM took its PIN");
            Ok(())
        }
        Err(error) => {
            // A try whose answer is lost may be spent.
            if error.is(ErrorKind::WrongPin) || error.verdict() == Some(Verdict::Unknown) {
                access.pin_was_refused = true;
                remember(run);
            }
            let by_stick = matches!(
                error.kind(),
                ErrorKind::AtRefused | ErrorKind::HilinkRefused | ErrorKind::MbimRefused
            );
            if by_stick && error.has(&Detail::CodeSent) {
                let next =
                    "`stickshift pin status` shows the SIM: look before you try `stickshift pin enter`";
                let what = "the stick did not take the PIN, and does not say why";
                let refused = Error::new(ErrorKind::SimPinNeeded, what).because(error);
                return Err(refused.detail(Detail::NextStep(next)));
            }
            Err(error)
        }
    }
}
