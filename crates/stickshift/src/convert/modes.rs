//! From mode to mode: waiting for the ports of a mode, leaving CD-ROM, turning updates off, entering download mode.

use std::time::Duration;

use crate::at::At;
use crate::convert::journal::Record;
use crate::convert::load::{find, wait_for_download_mode};
use crate::convert::plan::{misfit, refuse_not_flashable};
use crate::convert::request::ConvertRequest;
use crate::convert::resumption::fingerprint;
use crate::error::{Detail, Effect, Error, ErrorKind, Result, Verdict};
use crate::event::Session;
use crate::hilink::device;
use crate::link::{Bus, Changes};
use crate::modem::identity::{self, Identity};
use crate::modem::web::{self, Login};
use crate::profile::Catalogue;
use crate::stick::identify::Gate;
use crate::stick::{Mode, Place, Role, Stick};
use crate::switching::{self, Goal, MediumConsent, SwitchRequest};
use crate::waiting::wait_for_stick;
use crate::wire::at::Final;

/// From AT^GODLOAD to download mode: 2.5 s and an enumeration, with room to spare.
const GOES_TO_DOWNLOAD: Duration = Duration::from_secs(45);
/// How long a stick that just appeared may take to get all its ports.
const SETTLES: Duration = Duration::from_secs(20);

/// The stick at `place`, once the ports that its mode has are there.
pub(super) fn settled(bus: &mut dyn Bus, place: &Place, session: &mut Session<'_>) -> Result<Stick> {
    let ready = |stick: &Stick| match stick.mode {
        Mode::Download => stick.interface(Role::Flash).is_some_and(|i| i.tty.is_some()),
        Mode::BootRom => stick.interface(Role::BootRom).is_some_and(|i| i.tty.is_some()),
        Mode::Modem | Mode::HilinkSerial => stick.ports().next().is_some(),
        // Its ids are there before its interfaces.
        Mode::Unknown => !stick.interfaces.is_empty(),
        _ => true,
    };
    match wait_for_stick(bus, place, SETTLES, session, ready)? {
        Some(stick) => Ok(stick),
        None => find(bus, place),
    }
}

/// Switches a stick that shows its CD-ROM: by the first of `goals` that leads anywhere else.
///
/// # Errors
/// What the last goal reports, and what is at the place then. Untouched only while no goal got a message out.
pub(super) fn leave_cdrom(
    bus: &mut dyn Bus,
    stick: &Stick,
    goals: &[Goal],
    session: &mut Session<'_>,
) -> Result<()> {
    let mut left = Verdict::Untouched;
    try_goals(bus, stick, goals, &mut left, session).map_err(|e| e.after(left))
}

/// `left` becomes what all goals that got a message out leave.
fn try_goals(
    bus: &mut dyn Bus,
    stick: &Stick,
    goals: &[Goal],
    left: &mut Verdict,
    session: &mut Session<'_>,
) -> Result<()> {
    let catalogue = Catalogue::builtin();
    let mut last: Option<Error> = None;
    for goal in goals {
        // A stick that ignored one message may still take the next; one that is away or became something else is not asked again.
        if !is_cdrom(bus, &stick.place, &mut last)? {
            return Ok(());
        }
        session.step("switch", format!("switching {} from CD-ROM", stick.place));
        let request = SwitchRequest { catalogue: &catalogue, profile: None, goal: *goal };
        let outcome = switching::prepare(bus, stick, &request, session).and_then(|mut prepared| {
            // The owner agreed to a conversion; a medium that is known to be mounted stops it all the same.
            prepared.consent = MediumConsent::NotKnown;
            switching::switch_and_wait(bus, prepared, session)
        });
        let Err(e) = outcome else { return Ok(()) };
        *left = left.worse(e.verdict().unwrap_or(Verdict::Unknown));
        if e.is(ErrorKind::Interrupted) {
            return Err(e);
        }
        session.warn("not-switched", format!("{e}"));
        last = Some(e);
    }
    if !is_cdrom(bus, &stick.place, &mut last)? {
        return Ok(());
    }
    Err(last.unwrap_or_else(|| Error::new(ErrorKind::NotSwitched, "the stick stays a CD-ROM")))
}

/// Whether the stick still shows its CD-ROM. That one which is away left after a message says more than that nothing is there: `last`.
fn is_cdrom(bus: &mut dyn Bus, place: &Place, last: &mut Option<Error>) -> Result<bool> {
    match find(bus, place) {
        Ok(stick) => Ok(stick.mode == Mode::Cdrom),
        Err(e) => Err(last.take().filter(|last| last.is(ErrorKind::Disconnected)).unwrap_or(e)),
    }
}

/// Turns automatic updates off: an update in the middle of a conversion, or before the next attempt, may close the gate. A stick that does
/// not allow that is converted all the same.
///
/// # Errors
/// `Interrupted`, with the verdict of the request.
pub(super) fn stop_updates(
    bus: &mut dyn Bus,
    place: &Place,
    login: Option<&Login>,
    session: &mut Session<'_>,
) -> Result<()> {
    session.step("no-updates", "turning the stick's automatic updates off");
    let outcome = bus
        .open_http(place)
        .and_then(|mut link| web::open(&mut *link, login, session)?.call(&device::automatic_updates(false)));
    match outcome {
        Err(e) if e.is(ErrorKind::Interrupted) => Err(e.verdict_if_unset(Verdict::Unknown)),
        Err(e) => {
            session.warn("updates-stay", format!("automatic updates could not be turned off: {e}"));
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

/// AT^SFM=1 and AT^GODLOAD, each once in an attempt; then download mode must show. The stick may not have been asked what it is before: that is done
/// first, and one that the images are not for, or that is not the `planned` one, is left as it is.
///
/// # Errors
/// `ImageMismatch`, `JournalMismatch`, `GateClosed` and what the port reports before AT^SFM, untouched; `GateClosed` when AT^GODLOAD is refused; `Timeout` when download mode does not show.
pub(super) fn enter_download(
    bus: &mut dyn Bus,
    stick: &Stick,
    request: &ConvertRequest,
    planned: &Record,
    session: &mut Session<'_>,
) -> Result<()> {
    let untouched = |e: Error| e.verdict_if_unset(Verdict::Untouched);
    session.step("ask", "asking the stick what it is");
    {
        let asked = identity::ask_at(bus, stick, session).map_err(untouched)?;
        let (seen, mut link) = asked.ok_or_else(|| untouched(identity::mute(stick)))?;
        let mut at = At::new(&mut *link).with_cancel(session.cancel().clone());
        if planned.stick.has_another_imei(&fingerprint(&seen, &planned.secret)) {
            return Err(untouched(
                Error::new(ErrorKind::JournalMismatch, "another stick is here than the plan was made for")
                    .with("differs-in", "IMEI")
                    .detail(Detail::AnotherStick),
            ));
        }
        refuse_misfit(&seen, request).map_err(untouched)?;
        refuse_not_flashable(Some(stick), Some(&seen))?;
        if seen.gate() == Gate::Closed {
            let version = seen.firmware.unwrap_or_default();
            return Err(untouched(
                Error::new(
                    ErrorKind::GateClosed,
                    format!("firmware {version} refuses to be replaced from outside"),
                )
                .with("version", version),
            ));
        }
        session.step("godload", "bringing the stick into download mode: AT^GODLOAD");
        godload(&mut at)?;
    }
    wait_for_download_mode(bus, &stick.place, GOES_TO_DOWNLOAD, session)
        .map_err(|e| e.verdict_if_unset(Verdict::Recoverable))?;
    Ok(())
}

/// AT^SFM=1 and AT^GODLOAD. A stick that is gone before it answers may be on its way: the bus tells.
///
/// # Errors
/// `GateClosed` when AT^GODLOAD is refused: unknown where the refusal may have been another program's.
fn godload(at: &mut At<'_>) -> Result<()> {
    // Only some know it; it does no harm elsewhere.
    at.command("AT^SFM=1", Effect::Changes, Duration::from_secs(5))
        .map_err(|e| e.verdict_if_unset(Verdict::Unknown))?;
    match at.command("AT^GODLOAD", Effect::Changes, Duration::from_secs(10)) {
        Ok(answer) if answer.result == Final::Ok => Ok(()),
        Ok(answer) => {
            let refused = Error::new(ErrorKind::GateClosed, "the stick refuses AT^GODLOAD")
                .with("answer", &answer.result);
            // What AT^SFM set stays set.
            Err(at.assess(refused).verdict_if_unset(Verdict::Recoverable))
        }
        Err(e) if e.is(ErrorKind::Disconnected) || e.is(ErrorKind::Timeout) => Ok(()),
        Err(e) => Err(e.verdict_if_unset(Verdict::Unknown)),
    }
}

fn refuse_misfit(seen: &Identity, request: &ConvertRequest) -> Result<()> {
    if request.consents.mismatch {
        return Ok(());
    }
    let platforms = request.files.iter().map(|file| file.version().platform);
    match platforms.filter_map(|platform| misfit(seen, platform.as_deref())).next() {
        Some(text) => Err(Error::new(ErrorKind::ImageMismatch, text)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::at::tests::Port;

    #[test]
    fn a_refusal_that_may_be_another_programs_leaves_the_stick_in_doubt() {
        const OK: &str = "\r\nOK\r\n";
        const ERROR: &str = "\r\nERROR\r\n";
        let both = format!("{ERROR}{OK}");
        for (of_sfm, of_godload, verdict) in [
            (ERROR, ERROR, Verdict::Untouched),
            (OK, ERROR, Verdict::Recoverable),
            (ERROR, &both, Verdict::Unknown),
            (OK, &both, Verdict::Unknown),
            (&both, ERROR, Verdict::Unknown),
        ] {
            let mut port = Port::new(|line: &str| match line {
                "AT^SFM=1" => of_sfm.as_bytes().to_vec(),
                "AT^GODLOAD" => of_godload.as_bytes().to_vec(),
                _ => OK.as_bytes().to_vec(),
            });
            let error = godload(&mut At::new(&mut port)).unwrap_err();
            assert_eq!(error.verdict(), Some(verdict), "{of_sfm:?} {of_godload:?}");
        }
    }
}
