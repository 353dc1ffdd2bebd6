//! `stickshift list`: every stick, what it is, its ports, who holds them, and what to do next.

use std::io::{self, Write};

use clap::Args;
use serde::Serialize;
use stickshift::error::Result;
use stickshift::link::Bus;
use stickshift::mask;
use stickshift::modem::identity::at_ports;
use stickshift::profile::{Catalogue, purpose};
use stickshift::stick::{
    Drive, DriveKind, Interface, Mode, Place, Stick, is_huawei_design, product_name, vendor_name,
};

use crate::context::Context;
use crate::output::Report;
use crate::output::json::Outcome;
use crate::select::its_page;
use crate::undisturbed;

/// List every stick: USB port path, ids, name, mode, ports and their roles, who holds them, what to do next.
///
/// "AT commands" names the port for a terminal program, the likeliest first. A mode such as boot ROM or download is no defect: the stick waits
/// for a loader or for firmware, and "next" names the command.
#[derive(Args, Debug)]
pub(crate) struct ListArgs {
    /// Keep running and report sticks as they are plugged in, unplugged and switched
    #[arg(long)]
    watch: bool,
}

pub(crate) fn run(context: &mut Context, args: ListArgs) -> Result<()> {
    context.output.outcome_is(Outcome::Untouched);
    let mut bus = context.bus()?;
    let catalogue = context.catalogue();
    let sticks = bus.sticks()?;
    let mut list = List::of(&sticks);
    for (report, stick) in list.sticks.iter_mut().zip(&sticks) {
        report.look_at_drives(&mut *bus, stick, &catalogue)?;
        report.look_at_its_name(context, &mut *bus, stick)?;
    }
    if args.watch {
        return watch(context, bus.as_mut(), list);
    }
    context.output.finish(&list);
    Ok(())
}

/// Prints what is there, then every change, until the user stops it.
fn watch(context: &Context, bus: &mut dyn Bus, list: List) -> Result<()> {
    context.output.stream("list", &list);
    let mut known = list.sticks;
    known.sort_by(|a, b| a.place.cmp(&b.place));
    while context.wait_change(bus, None)? {
        let mut now = Vec::new();
        for stick in &bus.sticks()? {
            let mut report = StickReport::of(stick);
            report.look_at_its_name(context, bus, stick)?;
            now.push(report);
        }
        now.sort_by(|a, b| a.place.cmp(&b.place));
        let at = |all: &[StickReport], place: &Place| all.iter().position(|stick| stick.place == *place);
        for stick in known.iter().filter(|stick| at(&now, &stick.place).is_none()) {
            context.output.stream("gone", &Change { sign: '-', stick });
        }
        for stick in &now {
            match at(&known, &stick.place).map(|index| &known[index]) {
                None => context.output.stream("came", &Change { sign: '+', stick }),
                Some(before) if before != stick => {
                    context.output.stream("changed", &Change { sign: '~', stick });
                }
                Some(_) => {}
            }
        }
        known = now;
        if context.output.is_unread() {
            return Ok(());
        }
    }
    Ok(())
}

/// A stick that came, went or changed, in one line; whole in JSON.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(transparent)]
struct Change<'a> {
    #[serde(skip)]
    sign: char,
    stick: &'a StickReport,
}

impl Report for Change<'_> {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{} {}", self.sign, self.stick.line())
    }
}

/// All sticks.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct List {
    sticks: Vec<StickReport>,
}

impl List {
    fn of(sticks: &[Stick]) -> List {
        List { sticks: sticks.iter().map(StickReport::of).collect() }
    }
}

impl Report for List {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.sticks.is_empty() {
            return writeln!(out, "no stick is plugged in");
        }
        for (index, stick) in self.sticks.iter().enumerate() {
            if index > 0 {
                writeln!(out)?;
            }
            stick.text(out)?;
        }
        Ok(())
    }
}

/// One stick as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct StickReport {
    #[serde(serialize_with = "as_text")]
    #[cfg_attr(test, schemars(with = "String"))]
    place: Place,
    id: String,
    name: String,
    /// What the settings call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    called: Option<String>,
    /// The number that the system gave it on its bus, another one each time it is plugged in; none where the system does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    device_number: Option<u32>,
    /// What the id is known for, where it is.
    known_as: Option<&'static str>,
    /// The USB serial number, masked: some makers put the IMEI there.
    serial: Option<String>,
    release: String,
    mode: &'static str,
    mode_text: &'static str,
    configuration: u8,
    configurations: u8,
    interfaces: Vec<InterfaceReport>,
    /// The ports that take AT commands as far as its descriptors tell, the likeliest first.
    at_ports: Vec<String>,
    evidence: Vec<String>,
    next: String,
}

/// One interface as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct InterfaceReport {
    number: u8,
    role: &'static str,
    /// Class, subclass and protocol, `ff/03/12`.
    class: String,
    driver: Option<String>,
    tty: Option<String>,
    netdev: Option<String>,
    cdc_wdm: Option<String>,
    holder: Option<String>,
    /// Whether this user may open the port; none where there is no port.
    may_open: Option<bool>,
}

impl StickReport {
    pub(crate) fn of(stick: &Stick) -> StickReport {
        StickReport {
            place: stick.place.clone(),
            id: stick.id.to_string(),
            name: name(stick),
            called: None,
            device_number: None,
            known_as: product_name(stick.id),
            serial: stick.serial.as_deref().map(mask::identity),
            release: format!("{:x}.{:02x}", stick.release >> 8, stick.release & 0xff),
            mode: stick.mode.code(),
            mode_text: stick.mode_words(),
            configuration: stick.configuration,
            configurations: stick.configurations,
            interfaces: stick.interfaces.iter().map(InterfaceReport::of).collect(),
            at_ports: at_nodes(stick),
            evidence: stick.evidence.clone(),
            next: next(stick),
        }
    }
}

impl StickReport {
    /// A stick that waits to be switched, unless its drives say that it is none, or that somebody uses them.
    fn look_at_drives(&mut self, bus: &mut dyn Bus, stick: &Stick, catalogue: &Catalogue) -> Result<()> {
        if stick.mode != Mode::Cdrom {
            return Ok(());
        }
        let drives = bus.drives(&stick.place)?.unwrap_or_default();
        let is_disk = !drives.is_empty() && drives.iter().all(|drive| drive.kind != DriveKind::Cdrom);
        if is_disk && !catalogue.knows(stick.id) {
            (self.mode, self.mode_text) = (Mode::Unknown.code(), "disk");
            self.evidence.push("no switching profile knows it, and it shows a disk, not a CD-ROM".to_owned());
            self.next = "nothing: it is no stick that is known".to_owned();
        } else if let Some(used) = drives.iter().find_map(Drive::in_use) {
            self.next = format!("unmount it ({used}), then stickshift switch {}", stick.place);
        }
        Ok(())
    }

    /// What the settings call it, and its number.
    fn look_at_its_name(&mut self, context: &Context, bus: &mut dyn Bus, stick: &Stick) -> Result<()> {
        self.called = context.name_of(stick, None);
        self.device_number = bus.address(&stick.place)?;
        Ok(())
    }

    /// All that matters in one line.
    pub(crate) fn line(&self) -> String {
        let ports = self.interfaces.iter().filter_map(|i| {
            let node = i.tty.as_deref().or(i.netdev.as_deref()).or(i.cdc_wdm.as_deref())?;
            Some(format!(", {} {node}", i.role))
        });
        let ports: String = ports.collect();
        let called = self.in_brackets();
        format!("{}  {}  {}{called}: {}{ports}", self.place, self.id, self.name, self.mode_text)
    }

    fn in_brackets(&self) -> String {
        self.called.as_ref().map(|called| format!(" ({called})")).unwrap_or_default()
    }
}

impl InterfaceReport {
    fn of(i: &Interface) -> InterfaceReport {
        let node = i.tty.as_deref().or(i.cdc_wdm.as_deref());
        InterfaceReport {
            number: i.number,
            role: i.role.code(),
            class: format!("{:02x}/{:02x}/{:02x}", i.class, i.subclass, i.protocol),
            driver: i.driver.clone(),
            tty: i.tty.clone(),
            netdev: i.netdev.clone(),
            cdc_wdm: i.cdc_wdm.clone(),
            holder: i.holder.clone(),
            may_open: node.and_then(may_open),
        }
    }

    fn line(&self) -> String {
        let mut words = vec![format!("{:<8}", self.role)];
        words.extend([&self.tty, &self.netdev, &self.cdc_wdm].into_iter().flatten().cloned());
        match &self.driver {
            Some(driver) => words.push(format!("({}, {driver})", self.class)),
            None => words.push(format!("({}, no driver)", self.class)),
        }
        if let Some(holder) = &self.holder {
            words.push(format!("held by {holder}"));
        }
        if self.may_open == Some(false) {
            words.push("no permission".to_owned());
        }
        words.join(" ")
    }
}

impl Report for StickReport {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}  {}  {}{}", self.place, self.id, self.name, self.in_brackets())?;
        writeln!(out, "  mode  {}", self.mode_text)?;
        for interface in &self.interfaces {
            writeln!(out, "  if {:<2} {}", interface.number, interface.line())?;
        }
        if !self.at_ports.is_empty() {
            writeln!(out, "  AT commands: {}", self.at_ports.join(", else "))?;
        }
        for line in &self.evidence {
            writeln!(out, "  why   {line}")?;
        }
        writeln!(out, "  next  {}", self.next)
    }
}

/// The paths of the ports that may take AT commands; no network card or firmware loader does.
fn at_nodes(stick: &Stick) -> Vec<String> {
    if !matches!(stick.mode, Mode::Modem | Mode::HilinkSerial) {
        return Vec::new();
    }
    let node = |number| {
        let port = stick.interfaces.iter().find(|i| i.number == number)?;
        port.tty.clone().or_else(|| port.cdc_wdm.clone())
    };
    at_ports(stick).into_iter().filter_map(node).collect()
}

/// A stick as `list` shows it.
pub(crate) fn text_of(stick: &Stick) -> String {
    let mut text = Vec::new();
    // Writing to memory does not fail.
    let _ = StickReport::of(stick).text(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// The stick's own product text, with its maker where the text does not name it.
fn name(stick: &Stick) -> String {
    let maker =
        stick.manufacturer.as_deref().or_else(|| vendor_name(stick.id.vendor)).unwrap_or("unknown maker");
    mask::name(&match stick.product.as_deref() {
        Some(product) if product.to_lowercase().contains(&maker.to_lowercase()) => product.to_owned(),
        Some(product) => format!("{maker} {product}"),
        None => maker.to_owned(),
    })
}

/// The command, or the act, that most people want now.
fn next(stick: &Stick) -> String {
    let place = &stick.place;
    if stick.interfaces.iter().any(|i| i.tty.as_deref().and_then(may_open) == Some(false)) {
        return "stickshift setup udev (as root, once), then plug the stick in again".to_owned();
    }
    if let Some(holder) = stick.ports().find_map(|i| i.holder.as_deref()) {
        return undisturbed::about(holder);
    }
    #[cfg(feature = "pasted")]
    if let Some(next) = crate::select::taken_by_a_program(stick, place.as_str()) {
        return next;
    }
    match stick.mode {
        Mode::Cdrom => match purpose::no_modem(stick.id) {
            Some(what) => format!("nothing: it is {what}, no modem"),
            None => format!("stickshift switch {place}"),
        },
        Mode::Hilink if !is_huawei_design(stick.id.vendor) => {
            format!("{}; in this mode it serves `stickshift online`", its_page(stick))
        }
        Mode::Hilink => format!(
            "stickshift hilink status {place}; for AT commands or an address of its own: stickshift identify {place}"
        ),
        Mode::HilinkSerial | Mode::Modem => format!("stickshift identify {place}"),
        Mode::BootRom => format!("stickshift load LOADER {place}"),
        Mode::Download => format!("stickshift flash FIRMWARE {place}"),
        Mode::Fastboot => "unplug it, hold the boot pin to ground, and plug it in again".to_owned(),
        #[cfg(feature = "pasted")]
        _ if stickshift::stick::waits_for_chip_firmware(stick) => crate::select::CHIP_DOWNLOAD.to_owned(),
        _ => format!("stickshift identify {place}"),
    }
}

#[cfg(target_os = "linux")]
fn may_open(node: &str) -> Option<bool> {
    let path = std::path::Path::new(node);
    // A virtual stick's ports have names and no nodes.
    path.exists().then(|| stickshift::host::can_open(path))
}

#[cfg(not(target_os = "linux"))]
fn may_open(_: &str) -> Option<bool> {
    None
}

fn as_text<S: serde::Serializer>(place: &Place, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.serialize_str(place.as_str())
}

#[cfg(test)]
pub(crate) fn shapes(shapes: &mut crate::output::schema::Shapes) {
    shapes.result::<List>("list");
    shapes.no_result("list");
    shapes.event::<List>("list", "list");
    shapes.event::<StickReport>("list", "came");
    shapes.event::<StickReport>("list", "changed");
    shapes.event::<StickReport>("list", "gone");
}

#[cfg(test)]
mod tests {
    use super::*;
    use stickshift::stick::{NoProfiles, UsbId};

    fn stick() -> Stick {
        let interface = |number: u8, protocol: u8, tty: &str, holder: Option<&str>| Interface {
            driver: Some("option".into()),
            tty: Some(tty.into()),
            holder: holder.map(str::to_owned),
            ..Interface::new(number, [0xff, 3, protocol])
        };
        let mut stick = Stick {
            release: 0x0102,
            manufacturer: Some("HUAWEI".into()),
            product: Some("HUAWEI Mobile".into()),
            serial: Some("860000000000001".into()),
            interfaces: vec![
                interface(0, 0x10, "/dev/nowhere0", Some("ModemManager (pid 612)")),
                interface(1, 0x12, "/dev/nowhere1", None),
            ],
            ..Stick::new("1-1.2".parse().unwrap(), UsbId::new(0x12d1, 0x1506))
        };
        stick.classify(&NoProfiles);
        stick
    }

    #[cfg(feature = "pasted")]
    #[test]
    fn a_program_that_has_the_stick_for_itself_is_told() {
        let taken = |codes: [u8; 3]| {
            let mut stick = Stick::new("1-1".parse().unwrap(), UsbId::new(0x12d1, 0x1506));
            let held = Interface { driver: Some("usbfs".into()), ..Interface::new(1, codes) };
            stick.interfaces = vec![Interface::new(0, [0xff, 3, 0x12]), held];
            stick.classify(&NoProfiles);
            text_of(&stick)
        };
        let said = taken([0xff, 3, 0x10]);
        assert!(said.contains("next  a program has interface 1 for itself (usbfs)"), "{said}");
        let said = taken([0xff, 0x42, 1]);
        assert!(said.contains("next  stickshift identify 1-1"), "{said}");
    }

    #[test]
    fn a_modem_in_words() {
        let mut text = Vec::new();
        List::of(&[stick()]).text(&mut text).unwrap();
        assert_eq!(
            String::from_utf8(text).unwrap(),
            "1-1.2  12d1:1506  HUAWEI Mobile\n\
             \x20 mode  modem (serial ports)\n\
             \x20 if 0  modem    /dev/nowhere0 (ff/03/10, option) held by ModemManager (pid 612)\n\
             \x20 if 1  pcui     /dev/nowhere1 (ff/03/12, option)\n\
             \x20 AT commands: /dev/nowhere1, else /dev/nowhere0\n\
             \x20 why   12d1:1506 is known: modem with network: E3372 Stick, E3272, E3276, E398, E353\n\
             \x20 why   the system's driver option serves modems only\n\
             \x20 next  stop ModemManager (pid 612) before you talk to the stick; flash, load and convert take it from there by themselves\n"
        );
    }

    #[cfg(feature = "virtual")]
    #[test]
    fn a_disk_is_no_stick_and_a_mounted_one_is_not_switched() {
        use std::time::Duration;
        use stickshift_emu::computer::VirtualBus;
        use stickshift_emu::sticks::{bystanders, switchable, zerocd::ZeroCd};

        let next = |options, mounted: bool| {
            let mut bus = VirtualBus::new();
            let place: Place = "1-1".parse().unwrap();
            bus.plug(&place, Box::new(ZeroCd::new(options)));
            bus.advance(Duration::from_secs(1));
            if mounted {
                bus.mount(Duration::ZERO, &place, (0, 0), "/media/x");
            }
            let stick = bus.sticks().unwrap().remove(0);
            let mut report = StickReport::of(&stick);
            report.look_at_drives(&mut bus, &stick, &Catalogue::builtin()).unwrap();
            (report.mode, report.next)
        };
        assert_eq!(
            next(bystanders::huawei_disk(), false),
            ("unknown", "nothing: it is no stick that is known".to_owned())
        );
        let k3772 = || switchable::options("k3772").unwrap();
        assert_eq!(next(k3772(), false).1, "stickshift switch 1-1");
        let mounted = next(k3772(), true).1;
        assert_eq!(mounted, "unmount it (its CD-ROM is mounted at /media/x), then stickshift switch 1-1");
    }

    #[test]
    fn a_change_is_one_line() {
        let mut text = Vec::new();
        Change { sign: '+', stick: &StickReport::of(&stick()) }.text(&mut text).unwrap();
        assert_eq!(
            String::from_utf8(text).unwrap(),
            "+ 1-1.2  12d1:1506  HUAWEI Mobile: modem (serial ports), modem /dev/nowhere0, pcui /dev/nowhere1\n"
        );
    }

    #[test]
    fn the_serial_number_is_masked_in_json() {
        let product = Some("HUAWEI 860000000000001 _SN:91F44CD6".to_owned());
        let json = serde_json::to_string(&StickReport::of(&Stick { product, ..stick() })).unwrap();
        assert!(!json.contains("860000000000001") && !json.contains("91F44CD6"), "{json}");
        assert!(json.contains("\"mode\":\"modem\"") && json.contains("\"place\":\"1-1.2\""), "{json}");
    }

    #[test]
    fn a_page_of_another_maker_leads_to_what_knows_a_way() {
        let mut stick = stick();
        stick.interfaces.clear();
        stick.mode = Mode::Hilink;
        assert!(next(&stick).contains("stickshift identify"), "{}", next(&stick));
        stick.id = "19d2:1405".parse().unwrap();
        assert!(
            next(&stick).contains("stickshift online") && !next(&stick).contains("identify"),
            "{}",
            next(&stick)
        );
    }

    #[test]
    fn every_mode_has_a_next_step() {
        let mut stick = stick();
        stick.interfaces.clear();
        for mode in Mode::ALL {
            stick.mode = mode;
            assert!(!next(&stick).is_empty());
        }
    }
}
