//! The journey itself: from whatever a stick is to the firmware its owner wants.
//!
//! Driven by what stands at the place on the bus: each step looks, does one thing, and looks again, so that any step can be the first.

mod boot_pin;
mod place_link;
pub(crate) mod plan;
mod proof;

pub mod came_back;
pub mod firmware_file;
pub mod flash;
pub mod journal;
pub mod load;

pub use firmware_file::FirmwareFile;
pub use journal::Journal;

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use crate::at::At;
use crate::boot::Loader;
use crate::convert::journal::{FileRecord, Fingerprint};
use crate::convert::load::{find, wait_for_download_mode};
use crate::error::{Error, ErrorKind, Result, Verdict};
use crate::event::Session;
use crate::link::Bus;
use crate::modem::identity::{self, Identity};
use crate::modem::web::{self, Login};
use crate::plan::Consents;
use crate::profile::Catalogue;
use crate::stick::identify::{Gate, Kind};
use crate::stick::{Mode, Place, Role, Stick};
use crate::switching::web_ports;
use crate::switching::{self, Goal};
use crate::waiting::wait_for_stick;

pub use plan::plan;

use boot_pin::by_needle;
use plan::misfit;
use proof::prove;

/// From AT^GODLOAD to download mode: 2.5 s and an enumeration, with room to spare.
const GOES_TO_DOWNLOAD: Duration = Duration::from_secs(45);
/// How long a stick that just appeared may take to get all its ports.
const SETTLES: Duration = Duration::from_secs(20);
/// The same state is entered this often at most: a stick that falls back again and again is not fought.
const SAME_STATE: u32 = 3;

/// What a stick is to become.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// Stick firmware: a plain modem.
    Stick,
    /// HiLink firmware: a network card with a router.
    Hilink,
}

impl Target {
    /// The kind of firmware that it has then.
    pub fn kind(self) -> Kind {
        match self {
            Target::Stick => Kind::Stick,
            Target::Hilink => Kind::Hilink,
        }
    }

    /// `stick` or `hilink`, as on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Target::Stick => "stick",
            Target::Hilink => "hilink",
        }
    }
}

/// What is needed for a conversion.
pub struct Request {
    /// What the stick is to become.
    pub to: Target,
    /// For a stick in its boot ROM.
    pub loader: Option<Loader>,
    /// In flashing order: see [`order`].
    pub files: Vec<FirmwareFile>,
    /// The consents that were given.
    pub consents: Consents,
    /// Go on with the journal's work.
    pub resume: bool,
    /// For a web server that wants it.
    pub login: Option<Login>,
    /// Turn the stick's automatic updates off first.
    pub no_updates: bool,
}

/// What a conversion led to.
#[derive(Clone, Debug, Serialize)]
pub struct Converted {
    /// What the stick said before, where it could be asked.
    pub before: Option<Identity>,
    /// What it says now.
    pub after: Identity,
}

/// Puts files into the order that the direction demands: main firmware, then web UI on the way to Stick; the other way round on
/// the way to HiLink.
pub fn order(files: &mut [FirmwareFile], to: Target) {
    files.sort_by_key(|file| file.is_main() != (to == Target::Stick));
}

/// Carries the journey out. [`plan`] has been shown and agreed to.
///
/// # Errors
/// `ImageMismatch` for a stick that the images are not for; `JournalMismatch` and `NoJournal` on resuming; `GateClosed` when the boot pin is needed and no
/// loader was given; `VersionMismatch` when the stick runs something else afterwards; and what the steps report. The verdict is the truth
/// about the stick as far as it was seen.
pub fn convert(
    bus: &mut dyn Bus,
    place: &Place,
    request: &mut Request,
    before: Option<Identity>,
    folder: &Path,
    session: &mut Session<'_>,
) -> Result<Converted> {
    if let Some(loader) = &request.loader {
        loader.refuse_erasing(request.consents.erase)?;
    }
    let records: Vec<FileRecord> = request.files.iter().map(FirmwareFile::record).collect();
    let seen = before.as_ref().map(fingerprint).unwrap_or_default();
    let untouched = |e: Error| e.verdict_if_unset(Verdict::Untouched);
    let mut journal = if request.resume {
        let mut journal = Journal::load(folder, place).map_err(untouched)?;
        journal.check_files(&records).map_err(untouched)?;
        journal.check_stick(&seen).map_err(untouched)?;
        journal
    } else {
        Journal::begin(folder, place, seen, records).map_err(untouched)?
    };
    let touched_before = journal.record.touched;
    let outcome = travel(bus, place, request, &mut journal, session);
    let after = outcome.map_err(|e| {
        let touched = touched_before || journal.record.touched;
        let error = match e.verdict() {
            Some(Verdict::Untouched) if e.is(ErrorKind::JournalMismatch) => e,
            Some(Verdict::Untouched) | None if touched => e.with_verdict(Verdict::Recoverable),
            _ => e.verdict_if_unset(Verdict::Untouched),
        };
        load::say_what_shows(bus, place, error)
    })?;
    journal.finish()?;
    Ok(Converted { before, after })
}

fn fingerprint(identity: &Identity) -> Fingerprint {
    Fingerprint {
        hardware: identity.hardware.clone(),
        imei_hash: identity.imei.as_deref().map(Fingerprint::hash_imei),
        ..Fingerprint::default()
    }
}

/// From state to state until the firmware is on it, then the proof.
fn travel(
    bus: &mut dyn Bus,
    place: &Place,
    request: &mut Request,
    journal: &mut Journal,
    session: &mut Session<'_>,
) -> Result<Identity> {
    let all_sent = |journal: &Journal| journal.record.files.iter().all(|f| f.acknowledged == f.partitions);
    let mut entered: HashMap<Mode, u32> = HashMap::new();
    loop {
        session.check()?;
        let stick = settled(bus, place, session)?;
        // The last run sent everything and was stopped before the proof.
        if all_sent(journal)
            && matches!(stick.mode, Mode::Modem | Mode::Hilink | Mode::HilinkSerial | Mode::Cdrom)
        {
            return prove(bus, place, request, session);
        }
        let times = entered.entry(stick.mode).or_default();
        *times += 1;
        if *times > SAME_STATE {
            return Err(Error::new(
                ErrorKind::GateClosed,
                format!("the stick falls back into {} again and again", stick.mode),
            ));
        }
        match stick.mode {
            Mode::Download => {
                flash::flash_files(bus, place, &mut request.files, request.consents, journal, session)?;
                return prove(bus, place, request, session);
            }
            Mode::BootRom => load_from_boot_rom(bus, place, request, session)?,
            Mode::Modem | Mode::HilinkSerial => {
                if let Err(e) = go_to_download(bus, &stick, request, session) {
                    by_needle(bus, place, request, e, session)?;
                }
            }
            Mode::Hilink => {
                if request.no_updates {
                    stop_updates(bus, place, request.login.as_ref(), session)?;
                }
                if let Err(e) = web_ports::open(bus, place, request.login.as_ref(), session) {
                    by_needle(bus, place, request, e, session)?;
                }
            }
            Mode::Cdrom => leave_cdrom(bus, &stick, &[Goal::Serial, Goal::Usual], session)?,
            Mode::Fastboot | Mode::Unknown => {
                return Err(Error::new(
                    ErrorKind::NotInDownloadMode,
                    format!("there is no way on from {}", stick.mode),
                )
                .with("id", stick.id)
                .with("mode", stick.mode.code()));
            }
        }
    }
}

/// The stick at `place`, once the ports that its mode has are there.
fn settled(bus: &mut dyn Bus, place: &Place, session: &mut Session<'_>) -> Result<Stick> {
    let ready = |stick: &Stick| match stick.mode {
        Mode::Download => stick.interface(Role::Flash).is_some_and(|i| i.tty.is_some()),
        Mode::BootRom => stick.interface(Role::BootRom).is_some_and(|i| i.tty.is_some()),
        Mode::Modem | Mode::HilinkSerial => stick.ports().next().is_some(),
        _ => true,
    };
    match wait_for_stick(bus, place, SETTLES, session, ready)? {
        Some(stick) => Ok(stick),
        None => find(bus, place),
    }
}

/// Switches a stick that shows its CD-ROM: by the first of `goals` that leads anywhere else.
fn leave_cdrom(bus: &mut dyn Bus, stick: &Stick, goals: &[Goal], session: &mut Session<'_>) -> Result<()> {
    let catalogue = Catalogue::builtin();
    let mut last = None;
    for goal in goals {
        // A stick that ignored one message may still take the next; one that is away or became something else is not asked again.
        if find(bus, &stick.place)?.mode != Mode::Cdrom {
            return Ok(());
        }
        session.step("switch", format!("switch {} from CD-ROM", stick.place));
        let request = switching::SwitchRequest { catalogue: &catalogue, profile: None, goal: *goal };
        let outcome = switching::prepare(bus, stick, &request, session)
            .and_then(|prepared| switching::switch_and_wait(bus, prepared, session));
        match outcome {
            Ok(_) => return Ok(()),
            Err(e) if e.is(ErrorKind::Interrupted) => return Err(e),
            Err(e) => {
                session.warn("not-switched", format!("{e}"));
                last = Some(e);
            }
        }
    }
    if find(bus, &stick.place)?.mode != Mode::Cdrom {
        return Ok(());
    }
    Err(last.unwrap_or_else(|| Error::new(ErrorKind::NotSwitched, "the stick stays a CD-ROM")))
}

fn load_from_boot_rom(
    bus: &mut dyn Bus,
    place: &Place,
    request: &Request,
    session: &mut Session<'_>,
) -> Result<()> {
    let Some(loader) = &request.loader else {
        return Err(Error::new(ErrorKind::Usage, "the stick is in its boot ROM: a loader is needed"));
    };
    load::load(bus, place, loader, session)?;
    Ok(())
}

/// An update in the middle of a conversion, or before the next attempt, closes the soft way. A stick that does not let them be turned off is
/// converted all the same.
fn stop_updates(
    bus: &mut dyn Bus,
    place: &Place,
    login: Option<&Login>,
    session: &mut Session<'_>,
) -> Result<()> {
    session.step("no-updates", "turn the stick's automatic updates off");
    let outcome = bus.open_http(place).and_then(|mut link| {
        web::open(&mut *link, login, session)?.call(&crate::hilink::device::automatic_updates(false))
    });
    match outcome {
        Err(e) if e.is(ErrorKind::Interrupted) => Err(e),
        Err(e) => {
            session.warn("updates-stay", format!("automatic updates could not be turned off: {e}"));
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

/// AT^SFM=1 and AT^GODLOAD, each once; then download mode must show. The stick may not have been asked what it is before: then that is done
/// first, and one that the images are not for is left as it is.
fn go_to_download(
    bus: &mut dyn Bus,
    stick: &Stick,
    request: &Request,
    session: &mut Session<'_>,
) -> Result<()> {
    let port = [Role::Pcui, Role::Modem, Role::Serial]
        .into_iter()
        .find_map(|role| stick.interfaces.iter().find(|i| i.role == role && i.tty.is_some()))
        .ok_or_else(|| identity::mute(stick))?;
    let number = port.number;
    session.step("ask", "ask the stick what it is");
    {
        let mut link = bus.open_port(&stick.place, number)?;
        let mut at = At::new(&mut *link).with_cancel(session.cancel().clone());
        at.init()?;
        let seen = identity::over_at(&mut at)?;
        refuse_misfit(&seen, request)?;
        if seen.gate() == Gate::Closed {
            let version = seen.firmware.unwrap_or_default();
            return Err(Error::new(
                ErrorKind::GateClosed,
                format!("firmware {version} refuses to be replaced from outside"),
            )
            .with("version", version));
        }
        session.step("godload", "bring the stick into download mode: AT^GODLOAD");
        // Only some know it; it does no harm elsewhere.
        let _ = at.command("AT^SFM=1", Duration::from_secs(5))?;
        let answer = at.command("AT^GODLOAD", Duration::from_secs(10));
        match answer {
            Ok(answer) if answer.result == crate::wire::at::Final::Ok => {}
            Ok(answer) => {
                return Err(Error::new(ErrorKind::GateClosed, "the stick refuses AT^GODLOAD")
                    .with("answer", format!("{:?}", answer.result)));
            }
            // Gone before it answered: the bus tells.
            Err(e) if e.is(ErrorKind::Disconnected) || e.is(ErrorKind::Timeout) => {}
            Err(e) => return Err(e),
        }
    }
    wait_for_download_mode(bus, &stick.place, GOES_TO_DOWNLOAD, session)?;
    Ok(())
}

fn refuse_misfit(seen: &Identity, request: &Request) -> Result<()> {
    if request.consents.mismatch {
        return Ok(());
    }
    let platforms = request.files.iter().map(|file| file.version().platform);
    match platforms.filter_map(|platform| misfit(seen, platform.as_deref())).next() {
        Some(text) => Err(Error::new(ErrorKind::ImageMismatch, text)),
        None => Ok(()),
    }
}
