//! What a conversion will do, before anything is sent.

use crate::boot::{Chip, Loader, Partition, PartitionTable};
use crate::convert::request::{ConvertRequest, Target};
use crate::convert::{FirmwareFile, flash, load};
use crate::error::{Detail, Error, ErrorKind, Result, Verdict};
use crate::event::Session;
use crate::firmware::Version;
use crate::flash::{facts, fit};
use crate::link::Bus;
use crate::modem::assessment::cannot_be_flashed;
use crate::modem::identity::{self, Identity};
use crate::plan::{Consent, Objection, Plan};
use crate::stick::identify::{Gate, image_kind, model_of};
use crate::stick::{Mode, Place, Stick, is_huawei_design, other_maker};

/// A conversion, planned: what is shown to the owner, and the steps that [`convert()`](crate::convert::convert()) carries out. Both come from
/// one decision.
pub struct ConversionPlan {
    /// The port of the stick.
    pub place: Place,
    /// The plan as it is shown.
    pub plan: Plan,
    /// What the stick says of itself; `None` where it could not be asked.
    pub before: Option<Identity>,
    pub(super) steps: Vec<Step>,
}

/// A step of a conversion. Each leads from one mode to the next; one that the stick is past is skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    LeaveCdrom,
    StopUpdates,
    OpenPorts,
    EnterDownload,
    /// The owner grounds the boot pin. After [`Step::EnterDownload`] or [`Step::OpenPorts`] only where these are refused.
    BootPin,
    Load,
    Flash,
    Verify,
}

impl Step {
    /// What it is, for people.
    pub(super) fn name(self) -> &'static str {
        match self {
            Step::LeaveCdrom => "switch it from CD-ROM",
            Step::StopUpdates => "turn automatic updates off",
            Step::OpenPorts => "ask the web server for serial ports",
            Step::EnterDownload => "enter download mode",
            Step::BootPin => "ground the boot pin",
            Step::Load => "send the loader",
            Step::Flash => "flash",
            Step::Verify => "compare the version",
        }
    }
}

/// Looks at the stick and plans its conversion. Sends nothing that changes anything.
///
/// # Errors
/// `NotInDownloadMode` for a stick in a mode from which no way is known, `Usage` for one in its boot ROM without a loader, `GateClosed` for
/// one that is known to refuse other firmware without a loader, and what the bus
/// reports; all untouched. A stick that does not answer is planned for by what the bus shows.
pub fn plan(
    bus: &mut dyn Bus,
    stick: &Stick,
    request: &ConvertRequest,
    session: &mut Session<'_>,
) -> Result<ConversionPlan> {
    let untouched = |e: Error| e.verdict_if_unset(Verdict::Untouched);
    let mut ask = |bus: &mut dyn Bus| identity::ask(bus, stick, request.login.as_ref(), session);
    let seen = match ask(bus) {
        // A damaged answer may name a version that opens the stick's case: it is asked once more.
        Ok(Some(identity)) if identity.gate() == Gate::Closed => ask(bus),
        first => first,
    };
    let seen = match seen {
        Ok(identity) => identity,
        Err(e) if e.is(ErrorKind::Interrupted) => return Err(untouched(e)),
        // The stick counts each: the same login is not tried again.
        Err(e) if e.is(ErrorKind::LoginRefused) => return Err(e.verdict_if_unset(Verdict::Recoverable)),
        Err(e) => {
            session.warn("no-identity", format!("the stick did not identify itself: {e}"));
            None
        }
    };
    refuse_not_flashable(Some(stick), seen.as_ref())?;
    let title = format!(
        "convert {} ({}, {}) to {} firmware",
        stick.place,
        stick.id,
        stick.mode_words(),
        request.to.kind().name()
    );
    let mut plan = Plan::new(title);
    if let Some(identity) = &seen {
        plan.evidence.push(format!("reported by the stick: {identity}"));
    }
    let steps = steps(stick, seen.as_ref(), request).map_err(untouched)?;
    for step in &steps {
        show(*step, stick.mode, seen.as_ref(), request, &mut plan);
    }
    if steps.contains(&Step::EnterDownload) {
        plan.evidence.push(
            "what fails before the flash is written is tried again; only a refusal leads to the boot pin"
                .into(),
        );
    }
    if request.no_updates && !steps.contains(&Step::StopUpdates) {
        plan.dangers.push(format!("automatic updates are not turned off: {NO_WEB_PAGE}"));
    }
    plan_oddity(&steps, seen.as_ref(), &mut plan);
    plan_same(seen.as_ref(), request, &mut plan);
    if request.loader.is_some() && !steps.contains(&Step::Load) {
        plan.evidence.push("the loader is not needed: the stick is in download mode".into());
    }
    plan_tables(request, &mut plan);
    plan_maker(stick, seen.as_ref(), &mut plan);
    plan_fit(seen.as_ref(), request, &mut plan);
    if steps.contains(&Step::Load) {
        plan_loader(seen.as_ref(), request, &mut plan);
    }
    plan_no_loader(request, &mut plan);
    plan.dangers.push(
        "SMS and settings on the stick may be lost; IMEI, serial number and calibration are not part of the image".into(),
    );
    Ok(ConversionPlan { place: stick.place.clone(), plan, before: seen, steps })
}

/// Why automatic updates stay as they are.
pub(super) const NO_WEB_PAGE: &str =
    "that is a setting of the web interface, which the stick does not show on this way";

/// Refuses a stick to which nobody is known to have given other firmware, and one of another maker than the images are from.
///
/// # Errors
/// `NotFlashable`, untouched.
pub(super) fn refuse_not_flashable(stick: Option<&Stick>, seen: Option<&Identity>) -> Result<()> {
    if let Some((id, maker)) = stick.and_then(|stick| Some((stick.id, other_maker(stick.id.vendor)?)))
        && !names_known_stick(seen)
    {
        let what = format!("this is a stick of {maker}, and the firmware is for sticks that Huawei made");
        return Err(Error::new(ErrorKind::NotFlashable, what)
            .with("id", id)
            .detail(Detail::NextStep("take firmware from its own maker, and the program that is made for it"))
            .with_verdict(Verdict::Untouched));
    }
    let past_the_gate = stick.is_some_and(|stick| matches!(stick.mode, Mode::Download | Mode::BootRom));
    match cannot_be_flashed(stick, seen).filter(|_| !past_the_gate) {
        None => Ok(()),
        Some(rule) => Err(Error::new(
            ErrorKind::NotFlashable,
            format!("this stick cannot be flashed with what is known: {}", rule.why),
        )
        .with("source", rule.of.source)
        .with_verdict(Verdict::Untouched)),
    }
}

/// Whether the stick says that it is one of those that are known here: brands sell them under ids of their own.
fn names_known_stick(seen: Option<&Identity>) -> bool {
    seen.is_some_and(|seen| seen.names().are_known())
}

/// Objects to a stick whose ids no maker is known for, unless it says what it is.
fn plan_maker(stick: &Stick, seen: Option<&Identity>, plan: &mut Plan) {
    if !is_huawei_design(stick.id.vendor) && !names_known_stick(seen) {
        plan.objections.push(Objection {
            consent: Consent::Mismatch,
            text: format!("nothing shows that Huawei made the stick with the ids {}", stick.id),
        });
    }
}

/// The steps from the mode that the stick is in.
fn steps(stick: &Stick, seen: Option<&Identity>, request: &ConvertRequest) -> Result<Vec<Step>> {
    let gate = seen.map_or(Gate::Unknown, Identity::gate);
    let updates = request.no_updates.then_some(Step::StopUpdates);
    let mut steps = Vec::new();
    match stick.mode {
        Mode::Download => {}
        Mode::BootRom if request.loader.is_none() => {
            let what = "the stick is in its boot ROM: a loader is needed";
            return Err(Error::new(ErrorKind::Usage, what).detail(Detail::NoLoader));
        }
        Mode::BootRom => steps.push(Step::Load),
        Mode::Cdrom => {
            steps.push(Step::LeaveCdrom);
            steps.extend(updates);
            steps.extend([Step::OpenPorts, Step::EnterDownload]);
        }
        Mode::Hilink => {
            steps.extend(updates);
            steps.extend(
                (gate != Gate::Closed)
                    .then_some([Step::OpenPorts, Step::EnterDownload])
                    .into_iter()
                    .flatten(),
            );
        }
        Mode::Modem | Mode::HilinkSerial => {
            steps.extend((gate != Gate::Closed).then_some(Step::EnterDownload));
        }
        _ => {
            let what = format!("no way to other firmware is known from this mode: {}", stick.mode_words());
            return Err(Error::new(ErrorKind::NotInDownloadMode, what)
                .with("id", stick.id)
                .with("mode", stick.mode.code()));
        }
    }
    let past_the_pin = matches!(stick.mode, Mode::Download | Mode::BootRom);
    if !past_the_pin && gate == Gate::Closed && request.loader.is_none() {
        return Err(needs_loader());
    }
    if !past_the_pin && (request.loader.is_some() || gate == Gate::Closed) {
        steps.extend([Step::BootPin, Step::Load]);
    }
    steps.extend([Step::Flash, Step::Verify]);
    Ok(steps)
}

/// Its firmware refuses to be replaced, and the other way in was not prepared.
pub(super) fn needs_loader() -> Error {
    Error::new(ErrorKind::GateClosed, "the boot pin is the way left, and that needs a loader")
        .detail(Detail::NoLoader)
        .with_verdict(Verdict::Untouched)
}

/// Adds a step to the plan that is shown.
fn show(step: Step, mode: Mode, seen: Option<&Identity>, request: &ConvertRequest, plan: &mut Plan) {
    let version = seen.and_then(|seen| seen.firmware.as_deref()).unwrap_or_default();
    match step {
        Step::LeaveCdrom => plan.step(
            "switch",
            "switch it from CD-ROM: to serial ports if it supports that (11 06 30), else as usual",
            None,
        ),
        Step::StopUpdates if mode == Mode::Hilink => {
            plan.step("no-updates", "turn the stick's automatic updates off", None);
        }
        Step::StopUpdates => plan.step(
            "no-updates",
            "if it is a network card: turn the stick's automatic updates off",
            None,
        ),
        Step::OpenPorts if mode == Mode::Hilink => {
            plan.step("web-ports", "request serial ports via the web API (device/mode, then /CGI)", None);
        }
        Step::OpenPorts => plan.step(
            "web-ports",
            "if it is a network card: request serial ports via the web API (device/mode, then /CGI)",
            None,
        ),
        Step::EnterDownload => plan.step("godload", "bring it into download mode with AT^GODLOAD", None),
        Step::BootPin if seen.map_or(Gate::Unknown, Identity::gate) == Gate::Closed => plan.step(
            "boot-pin",
            format!("firmware {version} refuses to be replaced: ground the boot pin with a needle while you plug it in"),
            None,
        ),
        Step::BootPin => plan.step(
            "boot-pin",
            "only if that is refused: ground the boot pin with a needle while you plug it in, then send the loader",
            None,
        ),
        Step::Load => {
            // Without a loader no steps are made.
            if let Some(loader) = &request.loader {
                let hardware = seen.and_then(|seen| seen.hardware.as_deref()).and_then(model_of);
                let model = hardware.or_else(|| seen.and_then(|seen| seen.product.clone()));
                load::plan(loader, model.as_deref(), plan);
            }
        }
        Step::Flash => flash::plan(&request.files, plan),
        Step::Verify => {
            plan.step("verify", "wait for the first start and compare the stick's version with the image's", None);
        }
    }
}

/// Says that the stick has what it is to get. A resumed run may have written it, and says itself what it sends.
fn plan_same(seen: Option<&Identity>, request: &ConvertRequest, plan: &mut Plan) {
    let Some(runs) = seen.and_then(|seen| seen.firmware.as_deref()).filter(|_| !request.resume) else {
        return;
    };
    let is_it = |file: &FirmwareFile| file.is_main() && file.version().version == runs;
    if seen.and_then(|seen| seen.kind) == Some(request.to.word()) && request.files.iter().any(is_it) {
        plan.dangers.push(format!(
            "the stick runs {} firmware {runs} already: the same version is written again",
            request.to.kind().name()
        ));
    }
}

/// Compares the flash as the loader divides it with how the images do: an owner who took a loader of another line sees it here.
fn plan_tables(request: &ConvertRequest, plan: &mut Plan) {
    let Some(of_loader) = request.loader.as_ref().and_then(Loader::table) else { return };
    for file in &request.files {
        let Some(of_file) = &file.table else { continue };
        let name = file.path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        match difference(&of_loader, of_file) {
            None => plan.evidence.push(format!("the loader and {name} have the same partition table")),
            Some(first) => plan.dangers.push(format!(
                "the loader and {name} have different partition tables ({first}); the stick restarts when it takes the new one"
            )),
        }
    }
}

/// The first partition of which two tables say different things.
pub(crate) fn difference(loader: &PartitionTable, image: &PartitionTable) -> Option<String> {
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

/// Holds each file against its role, the stick and the loader, as far as they say what they are.
fn plan_fit(seen: Option<&Identity>, request: &ConvertRequest, plan: &mut Plan) {
    for file in &request.files {
        let platform = file.version().platform;
        if let Some(text) = file.wrong_role() {
            plan.objections.push(Objection { consent: Consent::Mismatch, text });
        }
        if let Some(text) = seen.and_then(|seen| misfit(seen, platform.as_deref())) {
            plan.objections.push(Objection { consent: Consent::Mismatch, text });
        }
        if file.is_main() {
            plan_kind(&file.version(), seen, request.to, plan);
        }
    }
}

/// What is reported of the download mode of this stick's firmware, where the way leads through it.
fn plan_oddity(steps: &[Step], seen: Option<&Identity>, plan: &mut Plan) {
    let Some(seen) = seen.filter(|_| steps.contains(&Step::EnterDownload)) else { return };
    // A product or a board tells an E3372s from an E3372h; the model of both is E3372.
    let of_board = seen.hardware.as_deref().and_then(model_of);
    let (product, version) = (seen.product.as_deref().or(of_board.as_deref()), seen.firmware.as_deref());
    if let Some(odd) = facts::odd_stick(product.unwrap_or_default(), version.unwrap_or_default()) {
        plan.dangers.push(format!("{}; {}", odd.what, odd.next));
    }
}

/// Where the stick does not say what it is, the loader is held against the images: both are for one chip.
fn plan_loader(seen: Option<&Identity>, request: &ConvertRequest, plan: &mut Plan) {
    let known = seen.is_some_and(|seen| seen.hardware.is_some() || seen.product.is_some());
    let Some(loader) = request.loader.as_ref().filter(|_| !known) else { return };
    let platforms = request.files.iter().filter_map(|file| file.version().platform);
    let misfit = |platform: String| {
        let (of_loader, of_image) = (loader.chip()?, Chip::of_model(&platform)?);
        let text = format!(
            "the loader is for {}, the images are for {platform}, which has a {}",
            of_loader.name, of_image.name
        );
        (of_loader != of_image).then_some(text)
    };
    if let Some(text) = platforms.filter_map(misfit).next() {
        plan.objections.push(Objection { consent: Consent::Mismatch, text });
    }
}

/// Without a loader at hand, nothing brings a stick back whose boot loader was written in part.
fn plan_no_loader(request: &ConvertRequest, plan: &mut Plan) {
    if request.loader.is_none() && request.files.iter().any(flash::holds_boot_loader) {
        plan.objections.push(Objection {
            consent: Consent::NoLoader,
            text: "the boot loader is written and no loader was given: only a loader recovers a stick that is interrupted there"
                .into(),
        });
    }
}

/// Whether main firmware of this version is what the stick is to become.
fn plan_kind(version: &Version, seen: Option<&Identity>, to: Target, plan: &mut Plan) {
    let platform = version.platform.as_deref();
    let stated = &version.version;
    let of = platform.or(seen.and_then(|seen| seen.product.as_deref().or(seen.model.as_deref())));
    let by_stick = || seen.and_then(|seen| seen.names().kind(stated));
    match platform.and_then(|platform| image_kind(platform, stated)).or_else(by_stick) {
        Some(rule) if rule.kind == to.kind() => {}
        Some(rule) => plan.objections.push(Objection {
            consent: Consent::Mismatch,
            text: format!(
                "version {stated} of {} is {} firmware, not {}",
                of.unwrap_or("this stick"),
                rule.kind.name(),
                to.kind().name()
            ),
        }),
        None => plan.dangers.push(format!(
            "no rule determines whether version {stated} of {} is Stick or HiLink firmware",
            of.unwrap_or("this stick")
        )),
    }
}

/// What a stick says of itself against an image's platform: its product, or else its board, or else its model. The hardware code of an image is not compared:
/// it is no hardware version of a stick.
pub(super) fn misfit(seen: &Identity, platform: Option<&str>) -> Option<String> {
    let product = fit::wrong_product(platform, seen.product.as_deref());
    let board = || fit::wrong_board(platform?, seen.hardware.as_deref()?);
    // A marketing name counts where nothing better is known: operators sell sticks under names of their own.
    let named = || match seen.product.is_none() && seen.names().board().is_none() {
        true => fit::wrong_model(platform?, seen.model.as_deref()?),
        false => None,
    };
    product.or_else(board).or_else(named)
}

#[cfg(test)]
#[path = "plan_tests.rs"]
pub(super) mod tests;
