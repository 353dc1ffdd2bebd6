//! `inspect` of what people paste: `lsusb -v`, `usb-devices`, the kernel's log, `mmcli -m`, or a report of stickshift's own.

use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;
use stickshift::at::ports::PortCode;
use stickshift::error::{ErrorKind, Refusal, RefusalFamily, Result, refusals};
use stickshift::mask;
use stickshift::pasted::{self, Format, ManagedModem, OwnReport, Paste, PastedDevice, Teller};
use stickshift::profile::{Attributes, Catalogue, Entry, builtin};
use stickshift::stick::{
    Interface, KnownIds, Mode, Role, Stick, Switching, is_android_network, keeps_ids, may_take_firmware,
    no_stick, product_name, stick_makers, vendor_name, waits_for_chip_firmware,
};

use crate::context::Context;
use crate::files;
use crate::output::Report;
use crate::select::{OTHER_PAGE, concerns, port_place};

mod drivers;
mod next;

use drivers::network_purpose;
use next::next;

/// What a text says of sticks.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct PasteReport {
    kind: &'static str,
    /// The commands that printed it.
    printed_by: Vec<&'static str>,
    sticks: Vec<PastedStick>,
    modems: Vec<PastedModem>,
    /// What a report of stickshift's own says of the computer.
    report: Option<PastedReport>,
    /// USB devices in the text whose ids are not known as a stick's.
    others: usize,
    /// The text tells of a device whose ids are not in it; `remarks` says what it may be.
    has_nameless: bool,
    remarks: Vec<String>,
}

/// What a report of stickshift's own says of the computer, and what of the report is damaged.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct PastedReport {
    program: Option<String>,
    system: Option<String>,
    drivers: Option<Vec<String>>,
    missing_drivers: Option<Vec<String>>,
    /// What is cut, missing or of a wrong kind.
    damage: Vec<String>,
}

/// What a report says that a stick is.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Said {
    about: &'static str,
    value: String,
}

/// A stick of a text.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct PastedStick {
    id: String,
    place: Option<String>,
    name: String,
    known_as: Option<&'static str>,
    mode: &'static str,
    mode_text: &'static str,
    /// What a report of stickshift's own says that it is.
    said: Vec<Said>,
    interfaces: Vec<PastedPort>,
    /// What stood at the same place before, the oldest first.
    earlier: Vec<String>,
    /// The switching profile that fits, in a few words.
    profile: Option<String>,
    /// Whether the text ends with it unplugged.
    gone: bool,
    evidence: Vec<String>,
    remarks: Vec<String>,
    next: String,
}

/// An interface of a stick of a text.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct PastedPort {
    number: u8,
    role: &'static str,
    /// Class, subclass and protocol, `ff/03/12`, or the class alone, `ff`: as much as the text holds; none where it names a driver at most.
    class: Option<String>,
    what_for: &'static str,
    driver: Option<String>,
    /// Its serial port, network interface or control channel, as the text names it.
    node: Option<String>,
}

/// A modem as ModemManager shows it, or as it answered itself.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct PastedModem {
    name: String,
    place: Option<String>,
    mode: &'static str,
    mode_text: &'static str,
    firmware: Option<String>,
    hardware: Option<String>,
    /// Masked.
    imei: Option<String>,
    drivers: Vec<String>,
    /// What it shows on USB by a setting of its own.
    shows: Option<String>,
    ports: Vec<ManagedPort>,
    state: Option<String>,
    next: String,
}

/// A port and what ModemManager takes it for.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ManagedPort {
    name: String,
    kind: String,
    what_for: &'static str,
}

/// Shows what a text says of sticks; `false` when the file is no such text.
///
/// # Errors
/// What reading reports.
pub(crate) fn inspect(context: &Context, path: &Path) -> Result<bool> {
    let bytes = match files::read(path) {
        Ok(bytes) => bytes,
        Err(e) if e.is(ErrorKind::FileTooLarge) => return Ok(false),
        Err(e) => return Err(e),
    };
    Ok(show(context, &bytes))
}

/// The same of a text itself.
pub(crate) fn show(context: &Context, text: &[u8]) -> bool {
    let Some(paste) = pasted::read(text) else { return false };
    context.output.finish(&PasteReport::of(&paste, &context.catalogue()));
    true
}

impl PasteReport {
    fn of(paste: &Paste, catalogue: &Catalogue) -> PasteReport {
        let place = port_place();
        let all = paste.devices.iter().map(|device| (device, device.stick(&place, catalogue)));
        let is_one = |device: &PastedDevice, stick: &Stick| {
            concerns(stick, catalogue) && device.other_thing(stick, catalogue).is_none()
        };
        let (sticks, others): (Vec<_>, Vec<_>) = all.partition(|(device, stick)| is_one(device, stick));
        let mut printed_by: Vec<_> =
            paste.devices.iter().flat_map(|d| &d.formats).map(|f| f.command()).collect();
        printed_by.extend(paste.modems.iter().map(|modem| match modem.told_by {
            Teller::At => "AT commands",
            Teller::Program => "gammu or chan_dongle",
            Teller::Control => "qmicli, mbimcli or uqmi",
            Teller::HuaweiPage | Teller::OtherPage => "web page",
            Teller::ModemManager => Format::ModemManager.command(),
        }));
        printed_by.extend(paste.report.as_ref().map(|_| Format::Report.command()));
        printed_by.sort_unstable();
        printed_by.dedup();
        let twice = |stick: &Stick| sticks.iter().filter(|(_, other)| other.id == stick.id).count() > 1;
        let shown = sticks.iter().map(|(device, stick)| {
            // By its ids, because its place may be another one by now; they do not tell two of a kind apart.
            let name = device.place.as_ref().filter(|_| twice(stick)).map(ToString::to_string);
            PastedStick::of(device, stick, catalogue, &name.unwrap_or_else(|| stick.id.to_string()))
        });
        let shown: Vec<PastedStick> = shown.collect();
        let only = match shown.as_slice() {
            [stick] => Some(format!("{} ({})", stick.name, stick.id)),
            _ => None,
        };
        let modems = paste.modems.iter().map(|modem| PastedModem::of(modem, only.as_deref())).collect();
        let mut remarks = paste.remarks.clone();
        for (device, other) in &others {
            let what = catalogue.no_modem(other.id);
            remarks.extend(what.map(|what| format!("{} is {what}, no modem", other.id)));
            let is_unknown = no_stick(other.id).is_none();
            let maker = vendor_name(other.id.vendor)
                .filter(|_| is_unknown && sticks.is_empty() && may_be_one(device, other));
            remarks.extend(maker.filter(|_| what.is_none()).map(|maker| {
                format!(
                    "{} is of {maker}, a maker of modems and of other things: `usb-devices` shows what it is",
                    other.id
                )
            }));
            // usb_modeswitch and routers list them among the rest.
            let is_hub = no_stick(other.id).is_some_and(|what| what.contains("root hub"));
            let may_be_taken_for_one =
                concerns(other, catalogue) || !is_unknown || vendor_name(other.id.vendor).is_some();
            let thing = device
                .other_thing(other, catalogue)
                .filter(|_| what.is_none() && may_be_taken_for_one && !is_hub);
            remarks.extend(thing.map(|what| {
                format!("{} ({}) is no cellular stick: {what}", other.id, mask::name(&name(device)))
            }));
        }
        remarks.extend(paste.page_errors.iter().map(|number| page_error(*number)));
        remarks.dedup();
        PasteReport {
            kind: "usb-text",
            printed_by,
            sticks: shown,
            modems,
            report: paste.report.as_ref().map(PastedReport::of),
            others: others.len(),
            has_nameless: paste.has_nameless || !paste.page_errors.is_empty(),
            remarks,
        }
    }
}

impl PastedReport {
    fn of(report: &OwnReport) -> PastedReport {
        PastedReport {
            program: report.program.as_deref().map(mask::text),
            system: report.system.as_deref().map(mask::text),
            drivers: report.drivers.clone(),
            missing_drivers: report.missing_drivers.clone(),
            damage: report.damage.iter().map(|line| mask::text(line)).collect(),
        }
    }

    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let missing = self.missing_drivers.as_ref().filter(|all| !all.is_empty()).map(|all| all.join(" "));
        for (name, value) in [("program", &self.program), ("system", &self.system), ("missing", &missing)] {
            if let Some(value) = value {
                let what = if name == "missing" { "drivers " } else { "" };
                writeln!(out, "  {name:<7} {what}{value}")?;
            }
        }
        self.damage.iter().try_for_each(|line| writeln!(out, "damaged: {line}"))
    }
}

/// Whether a device of which the ids alone are told, and are not known, may be a modem.
fn may_be_one(device: &PastedDevice, stick: &Stick) -> bool {
    const OTHERS: &[&str] =
        &["hub", "keyboard", "mouse", "bluetooth", "camera", "webcam", "printer", "audio", "touch", "reader"];
    let name = device.listed_as.as_deref().or(device.product.as_deref()).unwrap_or_default().to_lowercase();
    let of_sticks = stick_makers().any(|(vendor, _)| vendor == stick.id.vendor);
    !of_sticks && stick.interfaces.is_empty() && !OTHERS.iter().any(|word| name.contains(word))
}

impl PastedStick {
    /// `word`: what names it on the command line.
    fn of(device: &PastedDevice, stick: &Stick, catalogue: &Catalogue, word: &str) -> PastedStick {
        let attributes = Attributes {
            scsi: None,
            manufacturer: stick.manufacturer.clone(),
            product: stick.product.clone(),
            serial: None,
        };
        let chosen = catalogue.choose(stick.id, &attributes).chosen.map(|chosen| chosen.entry);
        // A profile with these ids is for a drive, and this is none.
        let shares = stick.mode == Mode::Hilink && is_android_network(stick.id);
        let profile = chosen.as_ref().filter(|_| !shares).map(|entry| entry.parameters.summary());
        // Where what the drive calls itself decides among several profiles, none is chosen here.
        let several = chosen.is_none()
            && stick.mode == Mode::Cdrom
            && !device.left
            && !device.returning
            && !device.gone
            && { catalogue.switching(stick.id).is_some_and(|switching| switching != Switching::LeavesAlone) };
        let switching = match &chosen {
            Some(entry) => Some(entry.parameters.switching()),
            None => catalogue.switching(stick.id),
        };
        let either = is_either(stick, switching, chosen.as_ref());
        let next = match catalogue.no_modem(stick.id).filter(|_| stick.mode == Mode::Cdrom) {
            Some(what) => format!(
                "it is {what}, no modem: where it shows itself as a drive, {}",
                next(device, stick, switching, either, word)
            ),
            None if several => format!(
                "stickshift profile show {} lists several profiles; which fits, the texts of the drive tell, as `lsusb -v` shows them",
                stick.id
            ),
            None => next(device, stick, switching, either, word),
        };
        PastedStick {
            id: stick.id.to_string(),
            place: device.place.as_ref().map(ToString::to_string),
            name: mask::name(&name(device)),
            known_as: product_name(stick.id),
            mode: if either && stick.mode == Mode::Cdrom { Mode::Unknown } else { stick.mode }.code(),
            mode_text: match () {
                () if device.left => "left after its switch message",
                () if device.returning => "not told: it came again, and the text ends there",
                () if either && stick.mode == Mode::Modem => {
                    "modem, or not switched yet: its ids are the same in both"
                }
                () if either => "switched, or not yet: its ids may be the same in both",
                () if stick.interfaces.is_empty()
                    && stick.mode == Mode::Unknown
                    && may_take_firmware(stick.id) =>
                {
                    "running, or waiting for firmware: its ids are the same in both"
                }
                () => mode_words(device, stick),
            },
            said: device.said.iter().map(|(about, value)| Said { about, value: mask::text(value) }).collect(),
            interfaces: stick.interfaces.iter().map(|i| PastedPort::of(device, stick, i)).collect(),
            earlier: device.earlier.iter().map(ToString::to_string).collect(),
            next,
            profile,
            gone: device.gone,
            evidence: stick.evidence.clone(),
            remarks: device.remarks.iter().cloned().chain(telephone(device, stick)).collect(),
        }
    }
}

impl PastedPort {
    /// What the text holds of its class, and its driver where that tells more; with a space before it.
    fn told(&self) -> String {
        let whole = self.class.as_ref().is_some_and(|class| class.contains('/'));
        let driver = self.driver.as_ref().filter(|_| !whole);
        let told: Vec<&str> =
            [self.class.as_ref(), driver].into_iter().flatten().map(String::as_str).collect();
        if told.is_empty() { String::new() } else { format!(" ({})", told.join(", ")) }
    }

    fn of(device: &PastedDevice, stick: &Stick, i: &Interface) -> PastedPort {
        PastedPort {
            number: i.number,
            role: i.role.code(),
            class: device.class_told(i.number),
            what_for: match i.role {
                Role::Network => network_purpose(device.id, i),
                Role::Serial if device.lacks_endpoints(i.number) => {
                    "purpose not told: its endpoints are missing in the text"
                }
                Role::Serial if waits_for_chip_firmware(stick) => what_for(Role::Flash),
                role => what_for(role),
            },
            driver: i.driver.clone(),
            node: i.tty.clone().or_else(|| i.netdev.clone()).or_else(|| i.cdc_wdm.clone()),
        }
    }
}

/// The purpose of a port for somebody who reads its role for the first time.
fn what_for(role: Role) -> &'static str {
    match role {
        Role::Pcui => "AT commands",
        Role::Modem => "dial-up (PPP), and AT commands",
        Role::Diag => "diagnostics of the maker",
        Role::Gps => "positions (NMEA)",
        Role::BootRom => "takes a loader",
        Role::Flash => "takes firmware",
        Role::Storage => "CD-ROM or card reader",
        Role::Serial => "serial, purpose not told: `stickshift identify` asks",
        _ => "-",
    }
}

/// Whether the ids alone are told of a stick that may show the same ones before a switch and after it.
fn is_either(stick: &Stick, switching: Option<Switching>, chosen: Option<&Entry>) -> bool {
    // As usb_modeswitch reads a profile: a class without ids is what the same ids show then.
    let same = |entry: &Entry| entry.parameters.target_class.is_some() && entry.targets().is_empty();
    let keeps = || match stick.mode {
        Mode::Modem => true,
        Mode::Cdrom => {
            keeps_ids(stick.id)
                || chosen.is_some_and(same) && builtin::further_targets(stick.id).next().is_none()
        }
        _ => false,
    };
    stick.interfaces.is_empty() && switching == Some(Switching::Sends) && keeps()
}

/// What is to be said of a drive whose name is that of a telephone.
fn telephone(device: &PastedDevice, stick: &Stick) -> Option<String> {
    let names = [device.product.as_deref(), device.listed_as.as_deref(), product_name(stick.id)];
    let is_one = names.into_iter().flatten().any(|name| name.to_lowercase().contains("phone"));
    let waits = stick.mode == Mode::Cdrom && is_one;
    waits.then(|| "it may be a telephone: that is switched only where it is to be a modem".to_owned())
}

/// Its mode. Which ports it lacks is told by lists of all interfaces alone.
fn mode_words(device: &PastedDevice, stick: &Stick) -> &'static str {
    let whole = device.formats.iter().any(|format| format.shows_all());
    if whole || stick.mode != Mode::Modem || stick.interfaces.iter().any(|i| i.role.is_serial()) {
        stick.mode_words()
    } else {
        stick.mode.words()
    }
}

fn name(device: &PastedDevice) -> String {
    let maker = device.manufacturer.as_deref().or_else(|| vendor_name(device.id.vendor));
    match (maker, device.product.as_deref(), device.listed_as.as_deref()) {
        (Some(maker), Some(product), _) if !product.to_lowercase().contains(&maker.to_lowercase()) => {
            format!("{maker} {product}")
        }
        (_, Some(product), _) => product.to_owned(),
        (_, None, Some(listed)) => listed.to_owned(),
        (Some(maker), None, None) => maker.to_owned(),
        (None, None, None) => "unknown maker".to_owned(),
    }
}

impl PastedModem {
    /// `only` is the name of the only stick of the text: what tells no model is of that one.
    fn of(modem: &ManagedModem, only: Option<&str>) -> PastedModem {
        let words = [&modem.manufacturer, &modem.model].into_iter().flatten().cloned().collect::<Vec<_>>();
        let stick = modem.place.as_ref().map(ToString::to_string).unwrap_or_default();
        let state = modem.state.as_deref().unwrap_or_default();
        let lock = modem.lock.as_deref().unwrap_or_default();
        let next = match (state, lock) {
            (_, "sim-pin") if modem.pin_tries == Some(1) => format!(
                "the SIM wants its PIN, and after one more wrong one its PUK: be sure of it, then stickshift pin enter {stick}"
            ),
            (_, "sim-pin") => format!("the SIM wants its PIN: stickshift pin enter {stick}"),
            (_, "sim-puk") => format!("the SIM wants its PUK: stickshift pin unblock {stick}"),
            ("failed", _) if modem.failed.as_deref() == Some("sim-missing") => {
                "it sees no SIM: take it out, look at its contacts and its orientation, and plug the stick in again"
                    .to_owned()
            }
            ("failed", _) if modem.failed.as_deref() == Some("sim-error") => {
                "its SIM does not work: try it in a phone, clean its contacts, and plug the stick in again".to_owned()
            }
            _ if modem.told_by == Teller::HuaweiPage => {
                "it is online by itself once its page is set up: stickshift hilink status, or stickshift identify".to_owned()
            }
            _ if modem.told_by == Teller::OtherPage => {
                format!("it is online by itself once its page is set up: {OTHER_PAGE}")
            }
            _ if matches!(modem.told_by, Teller::At | Teller::Program | Teller::Control) => "stickshift identify asks it for more".to_owned(),
            ("connected", _) => "it is online through ModemManager".to_owned(),
            _ => format!("ModemManager holds its ports: systemctl stop ModemManager, then stickshift identify {stick}"),
        };
        PastedModem {
            name: match words.is_empty() {
                true => only.unwrap_or("unknown modem").to_owned(),
                false => mask::name(&words.join(" ")),
            },
            place: modem.place.as_ref().map(ToString::to_string),
            mode: modem.mode().code(),
            mode_text: modem.mode().words(),
            firmware: modem.revision.as_deref().map(mask::text),
            hardware: modem.hardware.as_deref().map(mask::text),
            imei: modem.equipment_id.as_deref().map(masked_identity),
            drivers: modem.drivers.clone(),
            shows: modem.shows.as_deref().map(mask::text),
            ports: modem.ports.iter().map(ManagedPort::of).collect(),
            state: modem.state.clone().map(|state| match &modem.failed {
                Some(why) => format!("{state} ({why})"),
                None => state,
            }),
            next: next.trim_end().to_owned(),
        }
    }
}

/// An identity is shown by its two ends: what else stands in its field must not move them.
fn masked_identity(field: &str) -> String {
    const LEAST: usize = 14;
    let mut numbers = field.split(|c: char| !c.is_ascii_digit());
    mask::identity(numbers.find(|digits| digits.len() >= LEAST).unwrap_or_else(|| field.trim()))
}

impl ManagedPort {
    fn of((name, kind): &(String, String)) -> ManagedPort {
        let what_for = match kind.to_ascii_lowercase().as_str() {
            "at" | "pcui" => "AT commands",
            "modem" => "dial-up (PPP), and AT commands",
            "qmi" | "mbim" => "control channel",
            "net" | "ncm" | "ecm" | "rndis" => "network",
            "gps" => "positions (NMEA)",
            "qcdm" | "diag" => "diagnostics",
            "cdrom" | "sd" => "CD-ROM or card reader",
            _ => setport_words(name).unwrap_or("-"),
        };
        ManagedPort { name: name.clone(), kind: kind.clone(), what_for }
    }
}

/// What a code of `AT^SETPORT` stands for: `^SETPORT 16`.
fn setport_words(name: &str) -> Option<&'static str> {
    let code = name.strip_prefix("^SETPORT ").and_then(|code| u8::from_str_radix(code, 16).ok())?;
    PortCode(code).words()
}

/// What the page of a HiLink stick answered, in words.
fn page_error(number: i32) -> String {
    let refusal = Refusal { family: RefusalFamily::Hilink, code: number };
    let (cause, help) = refusals::meaning(refusal, None)
        .map_or((String::new(), String::new()), |m| (format!(": {}", m.cause), format!("; {}", m.help)));
    format!(
        "a HiLink stick's web page, or a router with the same page, answered the error {number}{cause}{help}"
    )
}

impl Report for PasteReport {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        if !self.printed_by.is_empty() {
            writeln!(out, "text of {}", self.printed_by.join(", "))?;
        }
        if let Some(report) = &self.report {
            report.text(out)?;
        }
        for stick in &self.sticks {
            stick.text(out)?;
        }
        for modem in &self.modems {
            modem.text(out)?;
        }
        match (self.sticks.is_empty() && self.modems.is_empty(), self.has_nameless) {
            (true, true) => writeln!(out, "it does not tell the ids of the stick")?,
            (true, false) => writeln!(out, "no stick that is known is in it")?,
            (false, _) => {}
        }
        match self.others {
            0 => {}
            1 => writeln!(out, "1 other USB device, whose ids are not known as a stick's")?,
            n => writeln!(out, "{n} other USB devices, whose ids are not known as a stick's")?,
        }
        self.remarks.iter().try_for_each(|remark| writeln!(out, "note: {remark}"))
    }
}

impl PastedStick {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let place = self.place.as_deref().map(|place| format!("{place}  ")).unwrap_or_default();
        writeln!(out, "{place}{}  {}", self.id, self.name)?;
        writeln!(out, "  mode    {}", self.mode_text)?;
        for said in &self.said {
            writeln!(out, "  {:<7} {}", said.about, said.value)?;
        }
        for id in &self.earlier {
            writeln!(out, "  before  {id}")?;
        }
        for port in &self.interfaces {
            let node = port.node.as_deref().map(|node| format!(" {node}")).unwrap_or_default();
            writeln!(out, "  if {:<4} {:<8}{node}{} {}", port.number, port.role, port.told(), port.what_for)?;
        }
        if let Some(profile) = &self.profile {
            writeln!(out, "  profile {profile}")?;
        }
        for line in &self.evidence {
            writeln!(out, "  why     {line}")?;
        }
        if self.gone {
            writeln!(out, "  note    the text ends with it unplugged")?;
        }
        for line in &self.remarks {
            writeln!(out, "  note    {line}")?;
        }
        writeln!(out, "  next    {}", self.next)
    }
}

impl PastedModem {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let place = self.place.as_deref().map(|place| format!("{place}  ")).unwrap_or_default();
        writeln!(out, "{place}{}", self.name)?;
        writeln!(out, "  mode      {}", self.mode_text)?;
        let lines = [
            ("version", &self.firmware),
            ("hardware", &self.hardware),
            ("imei", &self.imei),
            ("state", &self.state),
            ("shows", &self.shows),
        ];
        for (name, value) in lines {
            if let Some(value) = value {
                writeln!(out, "  {name:<9} {value}")?;
            }
        }
        for port in &self.ports {
            writeln!(out, "  port      {} ({}) {}", port.name, port.kind, port.what_for)?;
        }
        writeln!(out, "  next      {}", self.next)
    }
}

#[cfg(test)]
pub(crate) fn shapes(shapes: &mut crate::output::schema::Shapes) {
    shapes.result::<PasteReport>("inspect");
}

#[cfg(test)]
mod tests;
