//! Carrying a conversion out: the steps of its plan, one after another. A look at the bus before each step may skip it or stop the work;
//! nothing is done that the plan does not name.

use std::path::Path;
use std::time::Duration;

use crate::convert::boot_pin::wait_for_boot_rom;
use crate::convert::journal::{FileRecord, Journal, Secret};
use crate::convert::load::find;
use crate::convert::modes::{enter_download, leave_cdrom, settled, stop_updates};
use crate::convert::plan::{ConversionPlan, NO_WEB_PAGE, Step, needs_loader};
use crate::convert::proof::{prove, shown};
use crate::convert::request::{ConvertRequest, Converted};
use crate::convert::resumption::{drop_stale, fingerprint};
use crate::convert::{FirmwareFile, flash, load};
use crate::error::{Detail, Error, ErrorKind, RefusalFamily, Result, Verdict};
use crate::event::Session;
use crate::link::Bus;
use crate::modem::identity::Identity;
use crate::stick::{Mode, Place, Stick};
use crate::switching::{Goal, web_ports};
use crate::waiting::{wait_at, wait_for_stick};

/// Carries `planned` out. It has been shown and agreed to.
///
/// # Errors
/// `ImageMismatch` for a stick that the images are not for; `JournalMismatch` and `NoJournal` on resuming; `GateClosed` when the boot pin is
/// the only way left and no loader was given; `NotInDownloadMode` when the stick falls back to where it has been; `VersionMismatch` when it
/// runs something else afterwards; and what the steps report. The verdict is on all that was done, by an interrupted run before too.
pub fn convert(
    bus: &mut dyn Bus,
    planned: &ConversionPlan,
    request: &mut ConvertRequest,
    folder: &Path,
    session: &mut Session<'_>,
) -> Result<Converted> {
    let untouched = |e: Error| e.verdict_if_unset(Verdict::Untouched);
    let place = &planned.place;
    if let Some(loader) = &request.loader {
        loader.refuse_erasing(request.consents.erase)?;
    }
    let mut journal = open_journal(planned, request, folder).map_err(untouched)?;
    let is_stale = drop_stale(&mut journal, &request.files, planned.before.as_ref(), session)?;
    // What an interrupted run wrote may be what it runs now; that one recorded what was there before.
    let is_as_before = is_stale || !journal.record.touched;
    let recorded = journal.record.stick.software.clone();
    let mut travel = Travel { place, journal: &mut journal, changed: false, told: None };
    let outcome = travel.run(bus, &planned.steps, request, session);
    let (changed, told) = (travel.changed, travel.told.take());
    let after = outcome.map_err(|e| {
        let error = match e.verdict() {
            // Another stick than the one of the journal: only what this run did to it counts.
            Some(Verdict::Untouched) if e.is(ErrorKind::JournalMismatch) && !changed => e,
            Some(Verdict::Untouched) | None if journal.record.touched => e.with_verdict(Verdict::Recoverable),
            Some(Verdict::Untouched) if changed => e.with_verdict(Verdict::Recoverable),
            _ => e,
        };
        load::say_what_shows(bus, place, error)
    })?;
    if let Err(e) = journal.finish() {
        session.warn("journal-stays", format!("the work is done; the record of it stays: {e}"));
    }
    let before = planned.before.clone();
    let ran = match is_as_before {
        true => before.as_ref().and_then(|before| before.firmware.clone()).or(told),
        false => recorded,
    };
    let shown = shown(before.as_ref(), ran.as_deref(), &after, request);
    Ok(Converted { before, after, shown })
}

fn open_journal(planned: &ConversionPlan, request: &ConvertRequest, folder: &Path) -> Result<Journal> {
    let records: Vec<FileRecord> = request.files.iter().map(FirmwareFile::record).collect();
    let seen = |secret| planned.before.as_ref().map(|before| fingerprint(before, secret)).unwrap_or_default();
    if !request.resume {
        return Journal::begin(folder, &planned.place, seen(&Secret::of(folder)?), records);
    }
    let mut journal = Journal::load(folder, &planned.place)?;
    journal.check_files(&records)?;
    journal.check_stick(&seen(&journal.record.secret))?;
    Ok(journal)
}

/// So often the way to download mode is tried.
const TRIES: u32 = 4;
/// So often AT^GODLOAD must be refused, or the version be one that refuses it: a damaged answer says the same once.
const REFUSALS: u32 = 2;
/// How long a stick that left may take to come back.
const COMES_BACK: Duration = Duration::from_secs(60);
/// How long another program that holds a port is given.
const OTHERS_TRY: Duration = Duration::from_secs(10);

struct Travel<'t> {
    place: &'t Place,
    journal: &'t mut Journal,
    /// A step before the one that runs may have changed something that the journal does not hold: the mode, or a setting.
    changed: bool,
    /// The version that the stick had when download mode first answered.
    told: Option<String>,
}

impl Travel<'_> {
    fn run(
        &mut self,
        bus: &mut dyn Bus,
        steps: &[Step],
        request: &mut ConvertRequest,
        session: &mut Session<'_>,
    ) -> Result<Identity> {
        let untouched = |e: Error| e.verdict_if_unset(Verdict::Untouched);
        let mut soft_way = SoftWay::of(steps);
        let mut index = 0;
        while let Some(step) = steps.get(index).copied().filter(|step| *step != Step::Verify) {
            session.check().map_err(untouched)?;
            let stick = settled(bus, self.place, session).map_err(untouched)?;
            // The last run sent everything and was stopped before the proof.
            if self.all_sent() && speaks(&stick) {
                break;
            }
            let step = match soft_way.turn(step, stick.mode) {
                Turn::Take(step) => step,
                Turn::Skip => {
                    if step == Step::StopUpdates {
                        let what = format!("automatic updates were not turned off: {NO_WEB_PAGE}");
                        session.warn("updates-stay", what);
                    }
                    index += 1;
                    continue;
                }
                Turn::Stop => return Err(fell_back(&stick, step)),
            };
            let error = match self.take(bus, step, &stick, &mut soft_way, request, session) {
                Ok(()) => {
                    self.changed = true;
                    // A step that is taken again leads back to where the plan was.
                    index += usize::from(steps.get(index) == Some(&step));
                    continue;
                }
                Err(error) if step.is_soft() && may_be_tried_again(&error) => error,
                Err(error) => return Err(error),
            };
            self.changed |= error.verdict() != Some(Verdict::Untouched);
            match soft_way.after_failure(step, error) {
                Next::TryAgain(error) => self.wait_for_it(bus, step, error, session)?,
                Next::Closed(error) if !steps.contains(&Step::BootPin) => {
                    return Err(needs_loader().because(error));
                }
                Next::Closed(error) => {
                    session.warn("soft-way-closed", format!("{error}"));
                    soft_way.closed = Some(error);
                }
                Next::GiveUp(error) => return Err(self.given_up(bus, error)),
            }
        }
        prove(bus, self.place, request, &self.journal.record, session)
    }

    /// Says what went wrong, and waits until the stick shows again.
    ///
    /// # Errors
    /// `error` when it does not come back.
    fn wait_for_it(
        &self,
        bus: &mut dyn Bus,
        step: Step,
        error: Error,
        session: &mut Session<'_>,
    ) -> Result<()> {
        session
            .warn("tried-again", format!("{}: {error}; looking at the stick and trying again", step.name()));
        if error.is(ErrorKind::PortBusy) {
            wait_at(bus, self.place, OTHERS_TRY, session, |_| false)?;
        }
        match wait_for_stick(bus, self.place, COMES_BACK, session, |stick| way(stick.mode).is_some()) {
            Ok(Some(_)) => Ok(()),
            Ok(None) => Err(self.given_up(bus, error)),
            Err(stopped) => Err(stopped.verdict_if_unset(error.verdict().unwrap_or(Verdict::Unknown))),
        }
    }

    /// The error of a step that writes nothing to the flash, once it is not tried again. What shows then decides over what is known.
    fn given_up(&self, bus: &mut dyn Bus, error: Error) -> Error {
        let shows = find(bus, self.place).ok().is_some_and(|stick| way(stick.mode).is_some());
        match error.verdict() {
            Some(Verdict::Unknown) | None if shows => error.with_verdict(Verdict::Recoverable),
            _ => error,
        }
    }

    fn take(
        &mut self,
        bus: &mut dyn Bus,
        step: Step,
        stick: &Stick,
        soft_way: &mut SoftWay,
        request: &mut ConvertRequest,
        session: &mut Session<'_>,
    ) -> Result<()> {
        let place = self.place;
        match step {
            Step::LeaveCdrom => leave_cdrom(bus, stick, &[Goal::Serial, Goal::Usual], session),
            Step::StopUpdates => stop_updates(bus, place, request.login.as_ref(), session),
            Step::OpenPorts => {
                let stick = web_ports::open(bus, place, request.login.as_ref(), session)?;
                match stick.mode {
                    // The web server's request led there.
                    Mode::Cdrom => leave_cdrom(bus, &stick, &[Goal::Serial], session)
                        .map_err(|e| e.after(Verdict::Recoverable)),
                    _ => Ok(()),
                }
            }
            Step::EnterDownload => enter_download(bus, stick, request, &self.journal.record, session),
            Step::BootPin => wait_for_boot_rom(bus, place, soft_way.closed.take(), session),
            Step::Load => {
                let loader = request.loader.as_ref().ok_or_else(needs_loader)?;
                load::load(bus, place, loader, session).map(drop)
            }
            Step::Flash => {
                let consents = request.consents;
                let files = &mut request.files;
                let flashed = flash::flash_files(bus, place, files, consents, self.journal, session)?;
                self.told = flashed.handshake.info.and_then(|info| info.software);
                Ok(())
            }
            Step::Verify => Ok(()),
        }
    }

    fn all_sent(&self) -> bool {
        self.journal.record.files.iter().all(|f| f.acknowledged == f.partitions)
    }
}

/// Whether firmware runs on it.
fn speaks(stick: &Stick) -> bool {
    matches!(stick.mode, Mode::Modem | Mode::Hilink | Mode::HilinkSerial | Mode::Cdrom)
}

/// Whether trying again may help; it does not where the computer or the owner is the reason.
fn may_be_tried_again(error: &Error) -> bool {
    !matches!(
        error.kind(),
        ErrorKind::Interrupted
            | ErrorKind::PermissionDenied
            | ErrorKind::ImageMismatch
            | ErrorKind::JournalMismatch
            | ErrorKind::LoginNeeded
            | ErrorKind::LoginRefused
            | ErrorKind::LoginLocked
            | ErrorKind::SessionTaken
            | ErrorKind::WeakLogin
    )
}

fn fell_back(stick: &Stick, step: Step) -> Error {
    Error::new(
        ErrorKind::NotInDownloadMode,
        format!("the stick reverted to {}: the plan cannot continue with \"{}\"", stick.mode, step.name()),
    )
    .with("id", stick.id)
    .with("mode", stick.mode.code())
    .with_verdict(Verdict::Untouched)
}

/// Whether it is a step's turn, by the mode that the stick is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    Now,
    /// The stick is past it.
    Passed,
    /// The stick is in a mode from which this step does not go on.
    Fallen,
}

impl Step {
    fn due_in(self, mode: Mode) -> Due {
        let (at, wanted) = (
            way(mode),
            match self {
                Step::LeaveCdrom => way(Mode::Cdrom),
                Step::StopUpdates | Step::OpenPorts => way(Mode::Hilink),
                Step::EnterDownload => way(Mode::Modem),
                Step::BootPin if way(mode).is_some_and(|at| at < BOOT_ROM) => return Due::Now,
                Step::BootPin | Step::Load => Some(BOOT_ROM),
                Step::Flash => way(Mode::Download),
                Step::Verify => return Due::Now,
            },
        );
        match (at, wanted) {
            (Some(at), Some(wanted)) if at == wanted && self != Step::BootPin => Due::Now,
            (Some(at), Some(wanted)) if at >= wanted => Due::Passed,
            _ => Due::Fallen,
        }
    }

    /// Whether it is part of the way to download mode that leaves the case closed. It writes nothing to the flash.
    fn is_soft(self) -> bool {
        matches!(self, Step::LeaveCdrom | Step::OpenPorts | Step::EnterDownload)
    }
}

/// The way to download mode through the stick's own ports. Only a refusal closes it: after anything else it is tried again.
struct SoftWay {
    /// The plan has it.
    planned: bool,
    /// Failures that were tried again.
    failures: u32,
    /// How often the stick refused AT^GODLOAD.
    refusals: u32,
    /// Why it is closed: the boot pin is the way left.
    closed: Option<Error>,
    /// Whether the boot pin was asked for.
    pin: bool,
}

/// What is done about a step now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// This step: the plan's, or one that leads back to where the plan was.
    Take(Step),
    Skip,
    Stop,
}

/// What follows from a failure.
enum Next {
    TryAgain(Error),
    Closed(Error),
    GiveUp(Error),
}

impl SoftWay {
    fn of(steps: &[Step]) -> SoftWay {
        let planned = steps.contains(&Step::EnterDownload);
        SoftWay { planned, failures: 0, refusals: 0, closed: None, pin: false }
    }

    fn turn(&mut self, step: Step, mode: Mode) -> Turn {
        let is_closed = self.closed.is_some() || self.pin;
        if is_closed && (step.is_soft() || step == Step::StopUpdates) {
            return Turn::Skip;
        }
        // The boot pin is asked for after a refusal alone, or where the plan has no other way.
        let waits_for_refusal = step == Step::BootPin && self.planned && !is_closed;
        match step.due_in(mode) {
            Due::Now if waits_for_refusal => self.again_from(mode),
            Due::Now => {
                self.pin |= step == Step::BootPin;
                Turn::Take(step)
            }
            Due::Passed => Turn::Skip,
            Due::Fallen if self.planned && !is_closed => self.again_from(mode),
            Due::Fallen => Turn::Stop,
        }
    }

    /// The stick fell back on the way: the step that leads on from where it is.
    fn again_from(&mut self, mode: Mode) -> Turn {
        let soft = [Step::LeaveCdrom, Step::OpenPorts, Step::EnterDownload];
        let Some(step) = soft.into_iter().find(|step| step.due_in(mode) == Due::Now) else {
            return Turn::Stop;
        };
        self.failures += 1;
        if self.failures < TRIES { Turn::Take(step) } else { Turn::Stop }
    }

    fn after_failure(&mut self, step: Step, error: Error) -> Next {
        let refused = match step {
            Step::OpenPorts => {
                let refused = error.refusal_of(RefusalFamily::Hilink).is_some();
                // Whoever answered every request has refused them all.
                if refused && !error.has(&Detail::Unanswered) {
                    return Next::Closed(error);
                }
                refused
            }
            Step::EnterDownload => error.is(ErrorKind::GateClosed),
            _ => false,
        };
        self.refusals += u32::from(refused);
        if step == Step::EnterDownload && self.refusals >= REFUSALS {
            return Next::Closed(error);
        }
        self.failures += 1;
        match self.failures < TRIES {
            true => Next::TryAgain(error),
            false if refused => Next::Closed(error),
            false => Next::GiveUp(error),
        }
    }
}

/// The boot ROM's place in [`way`].
const BOOT_ROM: u8 = 3;

/// How far a mode is on the way to download mode; `None` where no way leads on.
fn way(mode: Mode) -> Option<u8> {
    match mode {
        Mode::Cdrom => Some(0),
        Mode::Hilink => Some(1),
        Mode::Modem | Mode::HilinkSerial => Some(2),
        Mode::BootRom => Some(BOOT_ROM),
        Mode::Download => Some(4),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Refusal;

    #[test]
    fn a_look_at_the_bus_skips_a_step_or_stops() {
        use Due::{Fallen, Now, Passed};
        let row = |step: Step| {
            [Mode::Cdrom, Mode::Hilink, Mode::Modem, Mode::BootRom, Mode::Download, Mode::Fastboot]
                .map(|mode| step.due_in(mode))
        };
        assert_eq!(row(Step::LeaveCdrom), [Now, Passed, Passed, Passed, Passed, Fallen]);
        assert_eq!(row(Step::OpenPorts), [Fallen, Now, Passed, Passed, Passed, Fallen]);
        assert_eq!(row(Step::EnterDownload), [Fallen, Fallen, Now, Passed, Passed, Fallen]);
        assert_eq!(row(Step::BootPin), [Now, Now, Now, Passed, Passed, Fallen]);
        assert_eq!(row(Step::Load), [Fallen, Fallen, Fallen, Now, Passed, Fallen]);
        assert_eq!(row(Step::Flash), [Fallen, Fallen, Fallen, Fallen, Now, Fallen]);
    }

    #[test]
    fn only_refusals_close_the_soft_way() {
        let steps = [Step::OpenPorts, Step::EnterDownload, Step::BootPin, Step::Load, Step::Flash];
        let silent = || Error::new(ErrorKind::Timeout, "x");
        let outcomes = |error: fn() -> Error| {
            let mut way = SoftWay::of(&steps);
            (0..TRIES)
                .map(|_| match way.after_failure(Step::EnterDownload, error()) {
                    Next::TryAgain(_) => "again",
                    Next::Closed(_) => "closed",
                    Next::GiveUp(_) => "given up",
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(outcomes(|| Error::new(ErrorKind::Timeout, "x")), ["again", "again", "again", "given up"]);
        assert_eq!(outcomes(|| Error::new(ErrorKind::GateClosed, "x"))[..2], ["again", "closed"]);

        let code = Refusal { family: RefusalFamily::Hilink, code: 100_002 };
        let web = || Error::new(ErrorKind::NotSwitched, "x").detail(Detail::Refusal(code));
        let mut way = SoftWay::of(&steps);
        assert!(matches!(way.after_failure(Step::OpenPorts, web()), Next::Closed(_)));
        let mut way = SoftWay::of(&steps);
        let half = || web().detail(Detail::Unanswered);
        assert!(matches!(way.after_failure(Step::OpenPorts, half()), Next::TryAgain(_)));
        assert!(matches!(way.after_failure(Step::OpenPorts, silent()), Next::TryAgain(_)));
    }

    #[test]
    fn a_stick_that_fell_back_is_led_on_from_where_it_is() {
        let steps = [Step::EnterDownload, Step::BootPin, Step::Load, Step::Flash];
        let mut way = SoftWay::of(&steps);
        assert_eq!(way.turn(Step::EnterDownload, Mode::Hilink), Turn::Take(Step::OpenPorts));
        assert_eq!(way.turn(Step::BootPin, Mode::Modem), Turn::Take(Step::EnterDownload));
        assert_eq!(way.turn(Step::Flash, Mode::Cdrom), Turn::Take(Step::LeaveCdrom));
        assert_eq!(way.turn(Step::Flash, Mode::Cdrom), Turn::Stop, "not for ever");
        let mut way = SoftWay::of(&steps);
        way.closed = Some(Error::new(ErrorKind::GateClosed, "x"));
        assert_eq!(way.turn(Step::EnterDownload, Mode::Modem), Turn::Skip);
        assert_eq!(way.turn(Step::BootPin, Mode::Modem), Turn::Take(Step::BootPin));
        assert_eq!(way.turn(Step::Load, Mode::Modem), Turn::Stop);
        // The plan's own boot pin needs no refusal.
        let mut way = SoftWay::of(&steps[1..]);
        assert_eq!(way.turn(Step::BootPin, Mode::Hilink), Turn::Take(Step::BootPin));
    }
}
