//! Sending a loader to the boot ROM, and seeing it start at the same place on the bus.
//!
//! ```
//! use stickshift::convert::load;
//! use stickshift::error::ErrorKind;
//! use stickshift::stick::{Mode, Stick, UsbId};
//!
//! let mut stick = Stick::new("1-1".parse().unwrap(), UsbId::new(0x12d1, 0x1443));
//! stick.mode = Mode::BootRom;
//! load::check_mode(&stick)?;
//! stick.mode = Mode::Download;
//! assert!(load::check_mode(&stick).unwrap_err().is(ErrorKind::NotInBootMode), "a loader runs already");
//! # Ok::<(), stickshift::error::Error>(())
//! ```

use std::path::Path;
use std::time::Duration;

use crate::boot::{self, Block, Chip, Downloaded, Loader, Safety, Start};
use crate::convert::place_link::PlaceLink;
use crate::error::{Detail, Error, ErrorKind, Result, Shows, Verdict};
use crate::event::Session;
use crate::flash::facts::loader_kit;
use crate::link::Bus;
use crate::plan::{Consent, Objection, Plan};
use crate::stick::{Mode, Place, Role, Stick};
use crate::waiting::wait_for_stick;

/// The longest that a loader was reported to take until its ports show, with room to spare.
const LOADER_STARTS: Duration = Duration::from_secs(90);
/// How long the boot ROM's descriptors may linger after its last answer.
const ROM_LEAVES: Duration = Duration::from_secs(20);
/// How long a stick that came back with the boot ROM's ids may take until its loader shows: a B525 shows them for about 30 s
/// (docs/protocols/balong-boot.md section 6).
const ROM_IDS_LINGER: Duration = Duration::from_secs(45);

/// A loader that runs.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What was sent.
    pub sent: Downloaded,
    /// What stands at the place now.
    pub stick: Stick,
}

/// A change to the loader, by its code, as a step of the plan.
fn change_in_words(code: &str) -> &str {
    match code {
        "erase-patch" => "patch the loader in memory so that it does not erase",
        "fastboot-cut" => "cut the loader in memory so that it stops in fastboot",
        "partition-table" => "replace the loader's partition table in memory",
        "file-flag" => "set the loader's file flag in memory",
        "bad-block-patch" => "patch the loader in memory so that it also erases bad blocks",
        other => other,
    }
}

/// What sending this loader would do to a stick; `model` where it is known.
pub fn plan(loader: &Loader, model: Option<&str>, plan: &mut Plan) {
    let assessment = loader.assess();
    let known = loader.known();
    for change in loader.changes() {
        let text = format!("{} (offset {:#x})", change_in_words(change.what), change.offset);
        plan.step("loader-change", text, None);
    }
    let bytes = Block::ALL.iter().map(|b| loader.block(*b).len() as u64).sum();
    let flash = match assessment.safety {
        Safety::PatchedHere | Safety::AlreadySafe => "the flash is not touched",
        Safety::Stock => "when it starts it erases the whole flash",
        Safety::Unknown => "whether it erases the flash when it starts is not known",
    };
    plan.step("load-block", format!("send the loader to the boot ROM (into memory; {flash})"), Some(bytes));
    plan.step("wait-loader", "wait until the loader's ports appear on the same USB port", None);
    plan.evidence.push(format!("the loader is {}", assessment.safety.words()));
    plan.evidence.extend(assessment.evidence.iter().map(|e| e.text.clone()));
    plan.evidence.extend(known.map(|known| format!("the file is {}: {}", known.name, known.about)));
    plan.evidence.extend(loader.oddities().into_iter().map(|o| o.text));
    plan_chip(loader, model, plan);
    if matches!(assessment.safety, Safety::Stock | Safety::Unknown) {
        let text = match assessment.safety {
            Safety::Stock => format!("the loader erases the whole flash: {} are lost", boot::WOULD_LOSE),
            _ => {
                format!("nothing shows that the loader spares the flash: {} may be lost", boot::WOULD_LOSE)
            }
        };
        plan.objections.push(Objection { consent: Consent::Erase, text });
    }
}

/// What the name of a loader's file tells: nothing in the file does.
pub fn plan_name(file: &Path, plan: &mut Plan) {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    if let Some(kit) = loader_kit(&name) {
        plan.dangers.push(format!("{name}: {}; {}", kit.what, kit.next));
    }
}

/// Holds the chip of the loader against the stick's, as far as both are known.
fn plan_chip(loader: &Loader, model: Option<&str>, plan: &mut Plan) {
    if let Some(text) = model.and_then(|model| loader.misfit(model)) {
        plan.objections.push(Objection { consent: Consent::Mismatch, text });
        return;
    }
    let models = |chip: &Chip| format!("{} ({})", chip.name, chip.models.join(", "));
    let of_stick = model.and_then(Chip::of_model);
    plan.evidence.push(match (loader.chip(), of_stick) {
        (Some(chip), Some(_)) => format!("the loader is for {}, which the stick has", models(chip)),
        (Some(chip), None) => {
            format!(
                "the loader is for {}; the stick's chip is unknown: its boot ROM does not report it",
                models(chip)
            )
        }
        (None, Some(chip)) => {
            format!("the stick has a {}; nothing shows which chip the loader is for", models(chip))
        }
        (None, None) => "nothing shows which chip the loader is for, or which the stick has".to_owned(),
    });
}

/// Refuses a stick that is in another mode than its boot ROM. One that runs a loader already is told apart: it takes firmware.
///
/// # Errors
/// `NotInBootMode` (facts `id`, `mode`), untouched.
pub fn check_mode(stick: &Stick) -> Result<()> {
    let error = |what: String| {
        Error::new(ErrorKind::NotInBootMode, what)
            .with("id", stick.id)
            .with("mode", stick.mode.code())
            .with_verdict(Verdict::Untouched)
    };
    match stick.mode {
        Mode::BootRom => Ok(()),
        Mode::Download => Err(error(format!(
            "the stick at {} is in download mode: a loader runs already, or its firmware was asked to take firmware",
            stick.place
        ))
        .detail(Detail::LoaderRuns)),
        _ => {
            let shows = stick.mode_words();
            Err(error(format!("the stick at {} is not in its boot ROM: {shows}", stick.place)))
        }
    }
}

/// What a failure means after a loader was sent whole that erases the flash, or may: the flash is not what it was.
fn after_erasing(loader: &Loader, error: Error) -> Error {
    match loader.assess().safety {
        Safety::PatchedHere | Safety::AlreadySafe => error,
        Safety::Stock | Safety::Unknown => error.detail(Detail::MayHaveErased).with_verdict(Verdict::Unknown),
    }
}

/// The same of a download that failed, where the loader may have run by then.
fn after_download(loader: &Loader, error: Error) -> Error {
    if error.has(&Detail::StartUnseen) { after_erasing(loader, error) } else { error }
}

/// Sends a loader to the stick at `place` and waits until something else than the boot ROM stands there. The caller has made sure
/// that the loader may be sent: [`Loader::refuse_erasing`].
///
/// # Errors
/// `NotInBootMode` when the stick is not in its boot ROM; what [`boot::download`] reports; `LoaderNotStarted` when everything was
/// sent and the boot ROM stays or nothing comes back.
pub fn load(bus: &mut dyn Bus, place: &Place, loader: &Loader, session: &mut Session<'_>) -> Result<Loaded> {
    let stick = find(bus, place)?;
    check_mode(&stick)?;
    let mut link = PlaceLink::open(bus, &stick, Role::BootRom, session.cancel().clone())
        .map_err(|e| e.verdict_if_unset(Verdict::Untouched))?;
    let sent = boot::download(&mut link, loader, session);
    // The port must be free when the stick comes back, or its tty gets another number for no reason.
    drop(link);
    let sent = match sent {
        Ok(sent) => sent,
        Err(error) => return Err(say_what_shows(bus, place, after_download(loader, error))),
    };
    if let Start::NotConfirmed(why) = &sent.start {
        session.warn(
            "start-not-confirmed",
            format!("the last packet was sent and its answer was not seen: {why}"),
        );
    }
    session.step("wait-loader", "waiting until the loader's ports appear");
    let stick = wait_for_loader(bus, place, loader, session)?;
    Ok(Loaded { sent, stick })
}

/// Sends a loader to the boot ROM behind a port of which nothing but its node is known: `bus` shows that alone, and the loader's ports
/// will not show on it. That the boot ROM accepted it and answers no more is all that is seen of the start.
///
/// # Errors
/// What [`boot::download`] and [`boot::check_end`] report; `LoaderNotStarted` with the verdict unknown when the end was not seen.
pub fn load_by_port(
    bus: &mut dyn Bus,
    place: &Place,
    loader: &Loader,
    session: &mut Session<'_>,
) -> Result<Downloaded> {
    let stick = find(bus, place)?;
    let mut link = PlaceLink::open(bus, &stick, Role::BootRom, session.cancel().clone())
        .map_err(|e| e.verdict_if_unset(Verdict::Untouched))?;
    let mut sent = boot::download(&mut link, loader, session).map_err(|e| after_download(loader, e))?;
    match &sent.start {
        Start::Accepted => {
            sent.start = boot::check_end(&mut link, &sent, session).map_err(|e| after_erasing(loader, e))?;
        }
        Start::HungUp => {}
        Start::NotConfirmed(why) => {
            return Err(Error::new(
                ErrorKind::LoaderNotStarted,
                "everything was sent; whether the loader started was not seen",
            )
            .with("instead", why)
            .with_verdict(Verdict::Unknown))
            .map_err(|e| after_erasing(loader, e));
        }
    }
    Ok(sent)
}

/// Waits, after a loader was sent, until the place shows something that is not the boot ROM, and the ports that belong to it.
///
/// # Errors
/// `LoaderNotStarted` when the boot ROM stays or nothing comes back; `Interrupted`, and what the bus reports. Recoverable, and after a loader
/// that erases, or may, unknown.
pub fn wait_for_loader(
    bus: &mut dyn Bus,
    place: &Place,
    loader: &Loader,
    session: &mut Session<'_>,
) -> Result<Stick> {
    watch_for_loader(bus, place, session).map_err(|e| {
        say_what_shows(bus, place, after_erasing(loader, e.verdict_if_unset(Verdict::Recoverable)))
    })
}

fn watch_for_loader(bus: &mut dyn Bus, place: &Place, session: &mut Session<'_>) -> Result<Stick> {
    let begun = bus.now();
    let mut seen_to_leave = false;
    let mut back = false;
    let mut found = crate::waiting::wait_at(bus, place, LOADER_STARTS, session, |stick| match stick {
        None => {
            seen_to_leave = true;
            false
        }
        Some(stick) if stick.mode == Mode::BootRom => {
            back = seen_to_leave;
            back
        }
        Some(stick) => is_ready(stick),
    })?;
    if back {
        // Either the loader fell over, or these are its first ids.
        session.note(
            "boot-rom-ids",
            "the stick shows its boot ROM's ids again; some do before their loader does",
        );
        let later =
            wait_for_stick(bus, place, ROM_IDS_LINGER, session, |s| s.mode != Mode::BootRom && is_ready(s))?;
        found = Some(later).filter(Option::is_some).or(found);
    }
    match found.flatten() {
        Some(stick) if stick.mode != Mode::BootRom => Ok(stick),
        Some(_) => Err(not_started("the stick fell back into its boot ROM")),
        None if !seen_to_leave && bus.now() - begun >= ROM_LEAVES => {
            Err(not_started("the boot ROM stayed on the bus"))
        }
        None => Err(not_started("nothing came back at this place")),
    }
}

/// In download mode the port that takes firmware must have a tty; other modes are taken as they are.
fn is_ready(stick: &Stick) -> bool {
    stick.mode != Mode::Download || stick.interface(Role::Flash).is_some_and(|port| port.tty.is_some())
}

fn not_started(why: &str) -> Error {
    Error::new(ErrorKind::LoaderNotStarted, format!("the loader was sent and did not start: {why}"))
        .with_verdict(Verdict::Recoverable)
}

/// What stands at `place` now.
///
/// # Errors
/// `NoStick`, and what the bus reports.
pub fn find(bus: &mut dyn Bus, place: &Place) -> Result<Stick> {
    bus.sticks()?.into_iter().find(|s| s.place == *place).ok_or_else(|| {
        Error::new(ErrorKind::NoStick, format!("no stick at {place}")).with_verdict(Verdict::Untouched)
    })
}

/// Adds to the error of a touched stick what its place shows now (fact `place-shows`: the mode, or `nothing`): the way back begins
/// there. Nothing is added where it is known already, or the bus cannot be asked.
pub(crate) fn say_what_shows(bus: &mut dyn Bus, place: &Place, error: Error) -> Error {
    if error.place_shows().is_some()
        || !matches!(error.verdict(), Some(Verdict::Recoverable | Verdict::Unknown))
    {
        return error;
    }
    match bus.sticks() {
        Ok(all) => {
            let mode = all.iter().find(|s| s.place == *place).map(|s| s.mode);
            error
                .with("place-shows", mode.map_or("nothing", Mode::code))
                .detail(Detail::PlaceShows(shows(mode)))
        }
        Err(_) => error,
    }
}

/// What a place shows, as far as the way back depends on it.
pub(crate) fn shows(mode: Option<Mode>) -> Shows {
    match mode {
        Some(Mode::Download) => Shows::Download,
        Some(Mode::BootRom) => Shows::BootRom,
        Some(_) => Shows::Other,
        None => Shows::Nothing,
    }
}

/// Waits for the stick's flash port at `place`, as after a restart into download mode.
///
/// # Errors
/// `Timeout` when it does not come, `Interrupted`, and what the bus reports.
pub fn wait_for_download_mode(
    bus: &mut dyn Bus,
    place: &Place,
    limit: Duration,
    session: &mut Session<'_>,
) -> Result<Stick> {
    wait_for_stick(bus, place, limit, session, |s| s.mode == Mode::Download && is_ready(s))?.ok_or_else(
        || {
            Error::new(ErrorKind::Timeout, format!("no stick came into download mode at {place}"))
                .with("waited-seconds", limit.as_secs())
        },
    )
}
