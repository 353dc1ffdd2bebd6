//! Carrying a conversion out: the steps of its plan, one after another. A look at the bus before each step may skip it or stop the work;
//! nothing is done that the plan does not name.

use std::path::Path;

use crate::convert::boot_pin::wait_for_boot_rom;
use crate::convert::journal::{FileRecord, Journal};
use crate::convert::modes::{enter_download, leave_cdrom, settled, stop_updates};
use crate::convert::plan::{ConversionPlan, Step};
use crate::convert::proof::prove;
use crate::convert::request::{ConvertRequest, Converted};
use crate::convert::resumption::{drop_stale, fingerprint};
use crate::convert::{FirmwareFile, flash, load};
use crate::error::{Error, ErrorKind, Result, Verdict};
use crate::event::Session;
use crate::link::Bus;
use crate::modem::identity::Identity;
use crate::stick::{Mode, Place, Stick};
use crate::switching::{Goal, web_ports};

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
    drop_stale(&mut journal, &request.files, planned.before.as_ref(), session)?;
    let mut travel = Travel { place, journal: &mut journal, changed: false };
    let outcome = travel.run(bus, &planned.steps, request, session);
    let changed = travel.changed;
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
    journal.finish()?;
    Ok(Converted { before: planned.before.clone(), after })
}

fn open_journal(planned: &ConversionPlan, request: &ConvertRequest, folder: &Path) -> Result<Journal> {
    let records: Vec<FileRecord> = request.files.iter().map(FirmwareFile::record).collect();
    let seen = planned.before.as_ref().map(fingerprint).unwrap_or_default();
    if !request.resume {
        return Journal::begin(folder, &planned.place, seen, records);
    }
    let mut journal = Journal::load(folder, &planned.place)?;
    journal.check_files(&records)?;
    journal.check_stick(&seen)?;
    Ok(journal)
}

struct Travel<'t> {
    place: &'t Place,
    journal: &'t mut Journal,
    /// A step before the one that runs may have changed something that the journal does not hold: the mode, or a setting.
    changed: bool,
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
        if steps.contains(&Step::Load) && request.loader.is_none() {
            return Err(needs_loader());
        }
        // Why the boot pin is needed, where another way was tried first.
        let mut refused: Option<Error> = None;
        for step in steps {
            session.check().map_err(untouched)?;
            if *step == Step::Verify {
                break;
            }
            let stick = settled(bus, self.place, session).map_err(untouched)?;
            // The last run sent everything and was stopped before the proof.
            if self.all_sent() && speaks(&stick) {
                break;
            }
            match step.due_in(stick.mode) {
                Due::Now => {}
                Due::Passed => continue,
                Due::Fallen if refused.is_some() && *step != Step::BootPin => continue,
                Due::Fallen => return Err(fell_back(&stick, *step)),
            }
            let outcome = self.take(bus, *step, &stick, refused.take(), request, session);
            match outcome {
                Ok(()) => self.changed = true,
                Err(e) if step.may_be_refused() && is_refusal(&e) => {
                    self.changed |= e.verdict() != Some(Verdict::Untouched);
                    if !steps.contains(&Step::BootPin) {
                        return Err(needs_loader().because(e));
                    }
                    session.warn("soft-way-closed", format!("{e}"));
                    refused = Some(e);
                }
                Err(e) => return Err(e),
            }
        }
        prove(bus, self.place, request, session)
    }

    fn take(
        &mut self,
        bus: &mut dyn Bus,
        step: Step,
        stick: &Stick,
        refused: Option<Error>,
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
                    Mode::Cdrom => leave_cdrom(bus, &stick, &[Goal::Serial], session),
                    _ => Ok(()),
                }
            }
            Step::EnterDownload => enter_download(bus, stick, request, session),
            Step::BootPin => wait_for_boot_rom(bus, place, refused, session),
            Step::Load => {
                let loader = request.loader.as_ref().ok_or_else(needs_loader)?;
                load::load(bus, place, loader, session).map(drop)
            }
            Step::Flash => {
                let consents = request.consents;
                flash::flash_files(bus, place, &mut request.files, consents, self.journal, session).map(drop)
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

/// Whether the boot pin is the way on after such a failure; it is not where the computer or the owner is the reason.
fn is_refusal(error: &Error) -> bool {
    let others =
        [ErrorKind::Interrupted, ErrorKind::PortBusy, ErrorKind::PermissionDenied, ErrorKind::ImageMismatch];
    !others.iter().any(|kind| error.is(*kind))
}

fn needs_loader() -> Error {
    Error::new(ErrorKind::GateClosed, "the boot pin is the way left, and that needs a loader")
        .with_verdict(Verdict::Untouched)
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

    /// Whether the boot pin is another way to the same end.
    fn may_be_refused(self) -> bool {
        matches!(self, Step::OpenPorts | Step::EnterDownload)
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
}
