//! The journey itself: from whatever a stick is to the firmware its owner wants.
//!
//! Driven by what stands at the place on the bus: each step looks, does one thing, and looks again, so that any step can be the first.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use crate::at::At;
use crate::boot::{Loader, Partition, PartitionTable};
use crate::error::{Error, ErrorKind, Result, Verdict};
use crate::event::Session;
use crate::flash::fit;
use crate::journey::firmware_file::FirmwareFile;
use crate::journey::identity::{self, Identity};
use crate::journey::journal::{FileRecord, Fingerprint, Journal};
use crate::journey::load::{self, find, wait_for_download_mode};
use crate::journey::plan::{Consent, Consents, Objection, Plan};
use crate::journey::switching::{self, Goal};
use crate::journey::wait::{wait_at, wait_for_stick};
use crate::journey::web::{self, Login};
use crate::journey::{doors, flash};
use crate::link::Bus;
use crate::profile::Catalogue;
use crate::stick::identify::Gate;
use crate::stick::{Mode, Place, Role, Stick};

/// From AT^GODLOAD to download mode: 2.5 s and an enumeration, with room to spare.
const GOES_TO_DOWNLOAD: Duration = Duration::from_secs(45);
/// From the reset to the new firmware's interfaces: the first start restores the NV memory and takes long.
const FIRST_START: Duration = Duration::from_secs(180);
/// How long somebody may take with a case, a needle and a cable.
const NEEDLE: Duration = Duration::from_secs(1800);
/// How long a stick that just appeared may take to get all its ports.
const SETTLES: Duration = Duration::from_secs(20);
/// How long other programs may try a modem that has just appeared.
const OTHERS_TRY: Duration = Duration::from_secs(30);
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
    /// The word for it.
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

/// Looks at the stick and says what would be done to it. Sends nothing that changes anything.
///
/// # Errors
/// What the bus reports. A stick that does not answer is planned for by what the bus shows.
pub fn plan(
    bus: &mut dyn Bus,
    stick: &Stick,
    request: &Request,
    session: &mut Session<'_>,
) -> Result<(Plan, Option<Identity>)> {
    let seen = match identity::ask(bus, stick, request.login.as_ref(), session) {
        Ok(identity) => identity,
        Err(e) if e.is(ErrorKind::Interrupted) => return Err(e),
        Err(e) => {
            session.warn("no-identity", format!("the stick does not say what it is: {e}"));
            None
        }
    };
    let mut plan = Plan::new(format!(
        "{} {} at {} to {} firmware",
        stick.id,
        stick.mode,
        stick.place,
        request.to.word()
    ));
    if let Some(identity) = &seen {
        plan.evidence.push(format!("the stick says: {identity}"));
    }
    plan_way(stick, seen.as_ref(), request, &mut plan);
    flash::plan(&request.files, &mut plan);
    plan_tables(request, &mut plan);
    plan.step("verify", "wait for the first start and compare the stick's version with the image's", None);
    plan_fit(seen.as_ref(), request, &mut plan);
    plan.dangers.push("SMS and settings on the stick may be lost; IMEI, serial number and calibration are not part of the image".into());
    Ok((plan, seen))
}

/// Compares the flash as the loader divides it with how the images do: an owner who took a loader of another line sees it here.
fn plan_tables(request: &Request, plan: &mut Plan) {
    let Some(of_loader) = request.loader.as_ref().and_then(Loader::table) else { return };
    for file in &request.files {
        let Some(of_file) = &file.table else { continue };
        let name = file.path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        match difference(&of_loader, of_file) {
            None => plan.evidence.push(format!("the loader and {name} divide the flash alike")),
            Some(first) => plan.dangers.push(format!(
                "the loader and {name} divide the flash differently ({first}); the stick restarts when it takes the new table"
            )),
        }
    }
}

/// The first partition of which two tables say different things.
pub(super) fn difference(loader: &PartitionTable, image: &PartitionTable) -> Option<String> {
    let (loader, image) = (loader.partitions(), image.partitions());
    let place = |p: Option<&Partition>| match p {
        Some(p) => format!("{} at {:#x}, {:#x} bytes", p.name, p.start, p.length),
        None => "nothing more".to_owned(),
    };
    (0..loader.len().max(image.len()))
        .map(|index| (place(loader.get(index)), place(image.get(index))))
        .find(|(loader, image)| loader != image)
        .map(|(loader, image)| format!("loader: {loader}; image: {image}"))
}

/// The steps from here to download mode.
fn plan_way(stick: &Stick, seen: Option<&Identity>, request: &Request, plan: &mut Plan) {
    let nothing = Identity::default();
    let seen = seen.unwrap_or(&nothing);
    match stick.mode {
        Mode::Download => plan.evidence.push("the stick is in download mode already".into()),
        Mode::BootRom => {}
        Mode::Cdrom => {
            plan.step(
                "switch",
                "switch it from CD-ROM: to serial ports where it knows that (11 06 30), else as usual",
                None,
            );
            plan_gate(seen, plan);
        }
        Mode::Hilink => {
            if request.no_updates {
                plan.step("no-updates", "turn the stick's automatic updates off", None);
            }
            plan.step("hilink-door", "ask the stick's web server for serial ports (device/mode, CGI)", None);
            plan_gate(seen, plan);
        }
        _ => plan_gate(seen, plan),
    }
    match &request.loader {
        Some(loader) if stick.mode == Mode::BootRom || seen.gate() != Gate::Open => {
            load::plan(loader, plan);
        }
        Some(_) => plan.evidence.push("the loader is not needed unless the boot pin has to be used".into()),
        None => {}
    }
}

fn plan_gate(seen: &Identity, plan: &mut Plan) {
    match seen.gate() {
        Gate::Open => plan.step("godload", "bring it into download mode with AT^GODLOAD", None),
        Gate::Closed => plan.step(
            "needle",
            format!(
                "firmware {} refuses to be replaced: the boot pin is the way",
                seen.firmware.as_deref().unwrap_or_default()
            ),
            None,
        ),
        Gate::Unknown => {
            plan.step("godload", "try AT^GODLOAD; if it is refused, the boot pin is the way", None)
        }
    }
}

fn plan_fit(seen: Option<&Identity>, request: &Request, plan: &mut Plan) {
    for file in &request.files {
        let platform = file.version().platform;
        if let Some(text) = seen.and_then(|seen| misfit(seen, platform.as_deref())) {
            plan.objections.push(Objection { consent: Consent::Mismatch, text });
        }
        let version = file.version().version;
        let kind = version.split('.').next().unwrap_or_default();
        let family = platform.as_deref().unwrap_or_default();
        let ruled = ["E3272", "E3276", "E3372"].iter().any(|f| family.contains(f));
        let wrong = match request.to {
            Target::Stick => kind == "22",
            Target::Hilink => kind == "21",
        };
        if file.is_main() && ruled && wrong {
            plan.objections.push(Objection {
                consent: Consent::Mismatch,
                text: format!("version {version} of {family} is not {} firmware", request.to.word()),
            });
        }
    }
}

/// What a stick says of itself against an image's platform: its product, or else its board. The hardware code of an image is not compared:
/// it is no hardware version of a stick.
fn misfit(seen: &Identity, platform: Option<&str>) -> Option<String> {
    let product = fit::objections(platform, seen.product.as_deref(), None, None).into_iter().next();
    product.or_else(|| fit::wrong_board(platform?, seen.hardware.as_deref()?))
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
        product: None,
        hardware: identity.hardware.clone(),
        imei_hash: identity.imei.as_deref().map(Fingerprint::hash_imei),
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
                if let Err(e) = doors::open(bus, place, request.login.as_ref(), session) {
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
        let request = switching::Request { catalogue: &catalogue, profile: None, goal: *goal };
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

/// The last way: the boot pin. Explains it, and waits for the boot ROM; says so when the attempt missed.
fn by_needle(
    bus: &mut dyn Bus,
    place: &Place,
    request: &Request,
    why: Error,
    session: &mut Session<'_>,
) -> Result<()> {
    let no_reason_for_it =
        [ErrorKind::Interrupted, ErrorKind::PortBusy, ErrorKind::PermissionDenied, ErrorKind::ImageMismatch];
    if no_reason_for_it.iter().any(|kind| why.is(*kind)) {
        return Err(why);
    }
    session.warn("soft-way-closed", format!("{why}"));
    if request.loader.is_none() {
        return Err(Error::new(
            ErrorKind::GateClosed,
            "the boot pin is the way left, and that needs a loader",
        )
        .because(why));
    }
    session.step("needle", NEEDLE_TEXT);
    let mut was_away = false;
    let mut missed = false;
    let end = bus.now() + NEEDLE;
    loop {
        let left = end.saturating_sub(bus.now());
        let found = wait_at(bus, place, left, session, |stick| match stick {
            None => {
                was_away = true;
                false
            }
            Some(stick) if matches!(stick.mode, Mode::BootRom | Mode::Download) => true,
            Some(_) => {
                missed = was_away;
                missed
            }
        })?;
        match found.flatten() {
            Some(stick) if matches!(stick.mode, Mode::BootRom | Mode::Download) => return Ok(()),
            Some(stick) => {
                session.warn(
                    "needle-missed",
                    format!("it came back as {} ({}): the pin was not held, and its LED lights up. Unplug it and try again", stick.id, stick.mode),
                );
                (was_away, missed) = (false, false);
            }
            None => {
                return Err(Error::new(ErrorKind::Timeout, "the stick did not come up in its boot ROM")
                    .with("waited-seconds", NEEDLE.as_secs()));
            }
        }
    }
}

/// What to do with the needle. Also in docs/journey.md, with more words.
const NEEDLE_TEXT: &str = "unplug the stick, open its case, hold the boot pin to ground with a needle, plug it into the same USB port, \
    then let go: the LED stays dark";

/// Waits for the first start, and compares what the stick says with the image.
fn prove(bus: &mut dyn Bus, place: &Place, request: &Request, session: &mut Session<'_>) -> Result<Identity> {
    session.step("wait-first-start", "wait for the first start of the new firmware (it may take minutes)");
    let unknown = |e: Error| e.verdict_if_unset(Verdict::Unknown);
    let speaks = |s: &Stick| matches!(s.mode, Mode::Modem | Mode::Hilink | Mode::HilinkSerial | Mode::Cdrom);
    let stick = wait_for_stick(bus, place, FIRST_START, session, speaks).map_err(unknown)?;
    let Some(stick) = stick else {
        let now = find(bus, place).ok();
        let (shown, verdict) = match now {
            Some(s) if matches!(s.mode, Mode::BootRom | Mode::Download) => {
                (s.mode.code(), Verdict::Recoverable)
            }
            Some(s) => (s.mode.code(), Verdict::Unknown),
            None => ("nothing", Verdict::Unknown),
        };
        return Err(Error::new(
            ErrorKind::VersionMismatch,
            "everything was sent, and the new firmware was not seen to start",
        )
        .with("place-shows", shown)
        .with("waited-seconds", FIRST_START.as_secs())
        .with_verdict(verdict));
    };
    if stick.mode == Mode::Cdrom {
        leave_cdrom(bus, &stick, &[Goal::Usual], session).map_err(|e| e.with_verdict(Verdict::Unknown))?;
    }
    session.step("verify", "ask the stick what it is now");
    let stick = settled(bus, place, session).map_err(unknown)?;
    let after = ask_newcomer(bus, &stick, request.login.as_ref(), session)
        .and_then(|seen| seen.ok_or_else(|| identity::mute(&stick)))
        .map_err(|e| e.with_verdict(Verdict::Unknown))?;
    compare(&after, request)?;
    Ok(after)
}

/// Other programs try a modem that has just appeared: they are waited for.
fn ask_newcomer(
    bus: &mut dyn Bus,
    stick: &Stick,
    login: Option<&Login>,
    session: &mut Session<'_>,
) -> Result<Option<Identity>> {
    let end = bus.now() + OTHERS_TRY;
    loop {
        match identity::ask(bus, stick, login, session) {
            Err(e) if e.is(ErrorKind::PortBusy) && bus.now() < end => {
                session.note("port-busy", format!("{e}; waiting for it"));
                wait_at(bus, &stick.place, Duration::from_secs(1), session, |_| false)?;
            }
            other => return other,
        }
    }
}

fn compare(after: &Identity, request: &Request) -> Result<()> {
    let wanted = request.files.iter().find(|f| f.is_main()).map(|f| f.version().version).unwrap_or_default();
    let differs = |what: &str, expected: &str, found: &str| {
        Err(Error::new(
            ErrorKind::VersionMismatch,
            format!("the stick came back with another {what} than was flashed"),
        )
        .with("expected", expected)
        .with("found", found)
        .with_verdict(Verdict::Recoverable))
    };
    let version = after.firmware.as_deref().unwrap_or_default();
    if !wanted.is_empty() && version != wanted {
        return differs("firmware version", &wanted, version);
    }
    match after.kind {
        Some(kind) if kind != request.to.word() => differs("kind of firmware", request.to.word(), kind),
        _ => Ok(()),
    }
}
