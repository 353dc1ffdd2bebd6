//! What a conversion will do, before anything is sent.

use crate::boot::{Loader, Partition, PartitionTable};
use crate::convert::{flash, load};
use crate::error::{ErrorKind, Result};
use crate::event::Session;
use crate::firmware::Version;
use crate::flash::fit;
use crate::link::Bus;
use crate::modem::identity::{self, Identity};
use crate::plan::{Consent, Objection, Plan};
use crate::stick::identify::{Gate, image_kind, model_of};
use crate::stick::{Mode, Stick};

use super::{Request, Target};

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
            let model = seen.hardware.as_deref().and_then(model_of).or_else(|| seen.product.clone());
            load::plan(loader, model.as_deref(), plan);
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
        if file.is_main() {
            plan_kind(&file.version(), seen, request.to, plan);
        }
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
            "no rule tells whether version {stated} of {} is Stick or HiLink firmware",
            of.unwrap_or("this stick")
        )),
    }
}

/// What a stick says of itself against an image's platform: its product, or else its board. The hardware code of an image is not compared:
/// it is no hardware version of a stick.
pub(super) fn misfit(seen: &Identity, platform: Option<&str>) -> Option<String> {
    let product = fit::objections(platform, seen.product.as_deref(), None, None).into_iter().next();
    product.or_else(|| fit::wrong_board(platform?, seen.hardware.as_deref()?))
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
