//! Virtual sticks out of texts: a report, `lsusb -v`, `usb-devices`, the kernel's log. They show the descriptors that were pasted; one that
//! waits to be switched takes what the switching profile of its ids sends.

use std::collections::BTreeSet;
use std::path::Path;

use stickshift::error::{Error, ErrorKind, Result};
use stickshift::pasted::{self, PastedDevice};
use stickshift::profile::{Attributes, Catalogue};
use stickshift::stick::{
    Interface, KnownIds, Mode, Role, Stick, Switching, classify, is_huawei_design, linux_drivers,
    usual_interfaces,
};
use stickshift::wire::usb::{ConfigurationDescriptor, InterfaceDescriptor};
use stickshift_emu::device::{Alternate, Appearance, Configuration, Device, Function, UsbInterface};
use stickshift_emu::sticks::appearances::storage;
use stickshift_emu::sticks::fault_words;
use stickshift_emu::sticks::switchable::from_parts;
use stickshift_emu::sticks::zerocd::ZeroCdOptions;

use crate::select::{concerns, port_place};
use crate::{any_stick, files};

/// What stands between the name of a file and the number of a stick in it.
const NUMBER: char = '#';
/// bInterfaceClass of the data interfaces of CDC functions.
const CDC_DATA: u8 = 0x0a;
/// Drivers of Linux that make serial ports of a modem's own interfaces.
const SERIAL_DRIVERS: [&str; 4] = ["option", "qcserial", "sierra", "hso"];
/// Drivers that make no port of the interface: a program has it by usbfs, and hso's ports go another way than its interfaces.
const NO_PORTS: [&str; 2] = ["usbfs", "hso"];
/// A bulk endpoint, as endpoint descriptors name it.
const BULK: u8 = 2;
/// An interrupt endpoint.
const INTERRUPT: u8 = 3;
/// Class, subclass and protocol of an interface of which a driver tells nothing but that it is the maker's own.
const UNTOLD: [u8; 3] = [0xff; 3];

/// Whether a name is that of a file: the names of virtual sticks have no dots and no slashes.
fn is_file(name: &str) -> bool {
    name.contains(['.', '/', '\\'])
}

/// The names of all sticks in the file of that name; the name itself when it is none of a file, or of one stick in a file.
///
/// # Errors
/// As [`named`].
pub(crate) fn each(name: &str) -> Result<Vec<String>> {
    if !is_file(name) || numbered(name).1.is_some() {
        return Ok(vec![name.to_owned()]);
    }
    let count = read(name)?.len();
    Ok(match count {
        1 => vec![name.to_owned()],
        _ => (1..=count).map(|number| format!("{name}{NUMBER}{number}")).collect(),
    })
}

/// The stick of a file, the first one unless `#2` follows its name; `None` when `name` is none of a file.
///
/// # Errors
/// `WrongFileKind` when the file is no text that describes a stick; `Usage` when it has no such stick, or there is no such fault; what reading
/// reports.
pub(crate) fn named(name: &str, fault: Option<&str>) -> Result<Option<Box<dyn Device>>> {
    if !is_file(name) {
        return Ok(None);
    }
    let (path, number) = numbered(name);
    let sticks = read(path)?;
    let there = sticks.len();
    let index = number.unwrap_or(1).wrapping_sub(1);
    let (device, stick) = sticks.into_iter().nth(index).ok_or_else(|| {
        Error::new(ErrorKind::Usage, format!("{path} describes no stick number {}", number.unwrap_or(1)))
            .with("sticks", there)
    })?;
    let stick = fault_words::switched_stick(name, options(&device, &stick)?, fault, 1)?;
    Ok(Some(Box::new(stick)))
}

fn numbered(name: &str) -> (&str, Option<usize>) {
    match name.rsplit_once(NUMBER) {
        Some((path, number)) if number.parse::<usize>().is_ok() => (path, number.parse().ok()),
        _ => (name, None),
    }
}

/// The sticks that a file describes; at least one.
fn read(path: &str) -> Result<Vec<(PastedDevice, Stick)>> {
    let bytes = files::read(Path::new(path))?;
    let paste = pasted::read(&bytes).unwrap_or_default();
    let (catalogue, place) = (Catalogue::builtin(), port_place());
    let all = paste.devices.into_iter().map(|device| {
        let stick = device.stick(&place, &catalogue);
        (device, stick)
    });
    let is_one = |device: &PastedDevice, stick: &Stick| {
        concerns(stick, &catalogue) && device.other_thing(stick, &catalogue).is_none()
    };
    let sticks: Vec<_> = all.filter(|(device, stick)| is_one(device, stick)).collect();
    if sticks.is_empty() {
        let what = format!(
            "{path} is no text of lsusb, usb-devices, dmesg or `stickshift report` with a stick in it"
        );
        return Err(Error::new(ErrorKind::WrongFileKind, what));
    }
    Ok(sticks)
}

fn options(device: &PastedDevice, stick: &Stick) -> Result<ZeroCdOptions> {
    let catalogue = Catalogue::builtin();
    let attributes = Attributes {
        scsi: None,
        manufacturer: device.manufacturer.clone(),
        product: device.product.clone(),
        serial: None,
    };
    let chosen = catalogue.choose(device.id, &attributes).chosen.map(|chosen| chosen.entry);
    let waits = matches!(stick.mode, Mode::Cdrom | Mode::Unknown);
    let messages = chosen.filter(|_| waits).map(|entry| any_stick::messages(&entry, device.id));
    let model = device.product.clone().unwrap_or_else(|| device.id.to_string());
    let left_alone = catalogue.switching(device.id) == Some(Switching::LeavesAlone);
    let shown = appearance(device, stick, left_alone)?;
    let interfaces: Vec<UsbInterface> =
        shown.configurations.iter().flat_map(|c| &c.interfaces).cloned().collect();
    let drivers = interfaces.iter().filter_map(|i| Some((i.number, driver(device, i)?))).collect();
    let at = matches!(stick.mode, Mode::Modem | Mode::HilinkSerial).then(|| takes_at(&shown));
    Ok(ZeroCdOptions { drivers, at, ..from_parts(&model, shown, messages.unwrap_or_default()) })
}

/// The driver that the text names, or that lists the ids where it names none.
fn driver(device: &PastedDevice, interface: &UsbInterface) -> Option<Option<String>> {
    let told = device.attached.get(&interface.number).and_then(|attached| attached.driver.clone());
    let vendors_own = interface.function == Function::Serial && interface.alternates[0].class[0] == 0xff;
    let listed = || linux_drivers(device.id).iter().find(|driver| SERIAL_DRIVERS.contains(driver));
    told.or_else(|| vendors_own.then(listed).flatten().map(|driver| Some((*driver).to_owned())))
}

/// The interfaces of a modem that take AT commands: all ports but those whose purpose is known to be another.
fn takes_at(shown: &Appearance) -> BTreeSet<u8> {
    let first = shown.configurations.iter().take(1);
    let interfaces: Vec<Interface> = first.flat_map(any_stick::interfaces).collect();
    let roles = classify(shown.id, shown.class[0], &interfaces).roles;
    let other = |number: u8| {
        let mut roles = interfaces.iter().zip(&roles);
        roles.any(|(i, role)| i.number == number && matches!(role, Role::Diag | Role::Gps))
    };
    let all = shown.configurations.iter().flat_map(|c| &c.interfaces);
    let at = all.filter(|i| match i.function {
        Function::Serial => !other(i.number),
        Function::Ncm => i.alternates[0].class[0] == 0xff,
        _ => false,
    });
    at.map(|i| i.number).collect()
}

/// What the stick shows. Endpoints that the text does not tell are made up where its interfaces cannot do without.
fn appearance(device: &PastedDevice, stick: &Stick, left_alone: bool) -> Result<Appearance> {
    let configurations = device.descriptors();
    if configurations.iter().any(|c| c.encode().len() >= usize::from(u16::MAX)) {
        let what = "the descriptors in the text are longer than USB allows";
        return Err(Error::new(ErrorKind::WrongFileKind, what));
    }
    // The one in use comes first: a host selects that.
    let shown = device.shown().map(|c| c.value);
    let (mut first, rest): (Vec<_>, Vec<_>) =
        configurations.iter().partition(|c| shown.is_none_or(|value| c.value == value));
    first.extend(rest);
    let mut made: Vec<Configuration> = Vec::new();
    for one in first {
        let value = if one.value == 0 { made.len() as u8 + 1 } else { one.value };
        if made.iter().all(|c| c.value != value) {
            let mut one = one.clone();
            if made.is_empty() {
                one.interfaces.extend(cut_off(&one, stick));
            }
            made.push(Configuration { value, interfaces: interfaces(&one, stick, device) });
        }
    }
    if let [only] = &mut made[..] {
        add_those_without_a_driver(only, stick);
    }
    if made.iter().all(|c| c.interfaces.is_empty()) {
        // Ids alone.
        let told = !left_alone && stick.mode != Mode::Unknown;
        made = vec![Configuration { value: 1, interfaces: if told { usual(stick) } else { Vec::new() } }];
    }
    Ok(Appearance {
        id: device.id,
        release: device.release.unwrap_or(0),
        class: device.class,
        manufacturer: device.manufacturer.clone(),
        product: device.product.clone(),
        serial: device.serial.clone(),
        configurations: made,
    })
}

/// The interfaces whose endpoints the text lacks, which the stick shows all the same.
fn cut_off(shown: &ConfigurationDescriptor, stick: &Stick) -> Vec<InterfaceDescriptor> {
    let lacking = stick.interfaces.iter().filter(|i| shown.interfaces.iter().all(|d| d.number != i.number));
    let class = |i: &Interface| [i.class, i.subclass, i.protocol];
    lacking
        .map(|i| InterfaceDescriptor { number: i.number, class: class(i), ..InterfaceDescriptor::default() })
        .collect()
}

/// The ports of a modem by its ids whose network card alone a log shows: no driver took them.
fn add_those_without_a_driver(shown: &mut Configuration, stick: &Stick) {
    let mut seen = Stick { interfaces: any_stick::interfaces(shown), ..stick.clone() };
    seen.classify(&Catalogue::builtin());
    let told = matches!(seen.mode, Mode::Hilink | Mode::Unknown);
    if seen.interfaces.is_empty() || !told || !matches!(stick.mode, Mode::Modem | Mode::HilinkSerial) {
        return;
    }
    let there = |number: u8| shown.interfaces.iter().any(|i| i.number == number);
    let listed = usual_interfaces(stick.id).into_iter().filter(|i| i.role.is_serial()).map(|i| i.number);
    let mut ports: Vec<u8> = listed.filter(|number| !there(*number)).collect();
    if ports.is_empty() {
        ports.extend((0..u8::MAX).find(|number| !there(*number)));
    }
    let endpoints = shown.interfaces.iter().flat_map(|i| &i.alternates).flat_map(|a| &a.endpoints);
    let mut used: BTreeSet<u8> = endpoints.map(|(address, ..)| *address).collect();
    for number in ports {
        let endpoints = [0x80, 0x00].iter().filter_map(|direction| free(&mut used, *direction)).collect();
        let alternates = vec![Alternate { class: UNTOLD, extra: Vec::new(), endpoints }];
        shown.interfaces.push(UsbInterface { number, function: Function::Raw, alternates });
    }
    shown.interfaces.sort_by_key(|i| i.number);
}

/// The interfaces of a stick of which nothing but its ids is known: those that the data tell of.
fn usual(stick: &Stick) -> Vec<UsbInterface> {
    match stick.mode {
        Mode::Cdrom => vec![storage(0, 0x81, 0x01)],
        Mode::Hilink | Mode::HilinkSerial | Mode::Modem => any_stick::shows(stick.id, None).interfaces(),
        _ => {
            let endpoints = vec![(0x81, BULK, 512), (0x01, BULK, 512)];
            let alternate = Alternate { class: [0xff; 3], extra: Vec::new(), endpoints };
            vec![UsbInterface { number: 0, function: Function::Serial, alternates: vec![alternate] }]
        }
    }
}

fn interfaces(
    configuration: &ConfigurationDescriptor,
    stick: &Stick,
    device: &PastedDevice,
) -> Vec<UsbInterface> {
    let numbers: BTreeSet<u8> = configuration.interfaces.iter().map(|i| i.number).collect();
    let mut used: BTreeSet<u8> =
        configuration.interfaces.iter().flat_map(|i| &i.endpoints).map(|e| e.address).collect();
    let mut made = Vec::new();
    let mut before = Function::Raw;
    for number in numbers {
        let all: Vec<&InterfaceDescriptor> =
            configuration.interfaces.iter().filter(|i| i.number == number).collect();
        let shown = stick.interfaces.iter().find(|i| i.number == number);
        let is_qmi = all[0].class == UNTOLD
            && all[0].endpoints.is_empty()
            && shown.is_some_and(|i| i.role == Role::Network);
        let mut function = function(all[0].class, shown, before);
        before = function;
        let driver = device.attached.get(&number).and_then(|attached| attached.driver.as_ref());
        let is_closed = driver.is_some_and(|d| d.as_deref().is_some_and(|d| NO_PORTS.contains(&d)));
        if function == Function::Serial && is_closed {
            function = Function::Raw;
        }
        let last = all.len() - 1;
        let alternates = all.iter().enumerate().map(|(index, one)| {
            let mut endpoints: Vec<(u8, u8, u16)> = one
                .endpoints
                .iter()
                .filter(|e| e.address & 0x0f != 0)
                .map(|e| (e.address, e.kind(), e.max_packet & 0x07ff))
                .collect();
            let carries = matches!(function, Function::Serial | Function::Storage | Function::Ethernet);
            let is_control = one.class[0] == 0x02;
            if endpoints.is_empty() && carries && index == last && !is_control {
                endpoints = [0x80, 0x00].iter().filter_map(|direction| free(&mut used, *direction)).collect();
            }
            let mut class = one.class;
            if is_qmi {
                // By the driver alone. The classification knows QMI by its notifications, Huawei's by its protocol.
                let notifies = free(&mut used, 0x80).map(|(address, ..)| (address, INTERRUPT, 8));
                endpoints.extend(notifies);
                endpoints.extend([0x80, 0x00].iter().filter_map(|direction| free(&mut used, *direction)));
                class = if is_huawei_design(stick.id.vendor) { [0xff, 0x01, 0x09] } else { UNTOLD };
            }
            Alternate { class, extra: one.extra.clone(), endpoints }
        });
        made.push(UsbInterface { number, function, alternates: alternates.collect() });
    }
    made
}

/// A bulk endpoint that no interface has; `None` when all fifteen are taken.
fn free(used: &mut BTreeSet<u8>, direction: u8) -> Option<(u8, u8, u16)> {
    let address = (1..=15).map(|number| direction | number).find(|address| !used.contains(address))?;
    used.insert(address);
    Some((address, BULK, 512))
}

/// What the bytes on an interface are. A data interface goes with the one before it.
fn function([class, subclass, protocol]: [u8; 3], shown: Option<&Interface>, before: Function) -> Function {
    match (class, subclass) {
        (0x08, _) => Function::Storage,
        (0x02, 0x0d | 0x0e) => Function::Ncm,
        (0x02, 0x06 | 0x0c) | (0xe0, 0x01) | (0xef, 0x04) => Function::Ethernet,
        (CDC_DATA, _) if matches!(before, Function::Ethernet | Function::Ncm) => before,
        (CDC_DATA, _) => Function::Raw,
        _ => match shown.map(|i| i.role) {
            Some(Role::Network) if (class, subclass) == (0x02, 0x02) => Function::Ethernet,
            // Huawei's NCM; QMI and the rest are of another kind.
            Some(Role::Network) if class == 0xff && matches!(protocol, 0x16 | 0x46 | 0x76) => Function::Ncm,
            Some(
                Role::Pcui
                | Role::Modem
                | Role::Diag
                | Role::Gps
                | Role::Serial
                | Role::BootRom
                | Role::Flash,
            ) => Function::Serial,
            _ => Function::Raw,
        },
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;
    use std::time::Duration;

    use stickshift::event::Session;
    use stickshift::link::{Bus, ClassifiedBus};
    use stickshift::switching::{Goal, SwitchRequest, prepare, switch_and_wait};
    use stickshift_emu::computer::VirtualBus;

    use super::*;

    fn fixtures() -> Vec<PathBuf> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/pasted");
        let mut all: Vec<_> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
        all.sort();
        all
    }

    fn shown(stick: &Stick) -> Vec<(u8, [u8; 3], Role)> {
        stick.interfaces.iter().map(|i| (i.number, [i.class, i.subclass, i.protocol], i.role)).collect()
    }

    #[test]
    fn every_stick_of_a_text_plays_what_the_text_says() {
        let (mut played, mut switched) = (0, 0);
        for path in fixtures() {
            let name = path.to_str().unwrap();
            let Ok(described) = read(name) else { continue };
            assert_eq!(each(name).unwrap().len(), described.len());
            for (number, (device, stick)) in (1..).zip(described) {
                let mut bus = VirtualBus::new();
                let place = port_place();
                bus.plug(&place, named(&format!("{name}#{number}"), None).unwrap().unwrap());
                bus.advance(Duration::from_secs(30));
                let catalogue = std::sync::Arc::new(Catalogue::builtin());
                let mut classified = ClassifiedBus::new(Box::new(bus.clone()), catalogue.clone());
                let there = classified.device(&place).unwrap().unwrap_or_else(|| panic!("{name} #{number}"));
                assert_eq!((there.id, there.mode), (stick.id, stick.mode), "{name} #{number}");
                if !stick.interfaces.is_empty() && !device.configurations.is_empty() {
                    let roles = |stick: &Stick| {
                        shown(stick).into_iter().map(|(n, class, _)| (n, class)).collect::<Vec<_>>()
                    };
                    assert_eq!(roles(&there), roles(&stick), "{name} #{number}");
                }
                let network = |stick: &Stick| {
                    let all = stick.interfaces.iter().filter(|i| i.role == Role::Network);
                    all.map(|i| i.number).collect::<Vec<_>>()
                };
                assert_eq!(network(&there), network(&stick), "{name} #{number}");
                played += 1;
                if stick.mode == Mode::Cdrom {
                    let request = SwitchRequest { catalogue: &catalogue, profile: None, goal: Goal::Usual };
                    let prepared = prepare(&mut bus, &there, &request, &mut Session::quiet()).unwrap();
                    let after = switch_and_wait(&mut bus, prepared, &mut Session::quiet()).unwrap();
                    assert!(after.expected, "{name}");
                    switched += 1;
                }
            }
        }
        assert!(played >= 40 && switched >= 7, "{played} {switched}");
    }

    #[test]
    fn published_descriptors_are_played() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("paste.txt");
        let catalogue = std::sync::Arc::new(Catalogue::builtin());
        for report in test_support::reports::all() {
            for text in report.texts() {
                fs::write(&path, &text).unwrap();
                let bus = VirtualBus::new();
                let place = port_place();
                bus.plug(&place, named(path.to_str().unwrap(), None).unwrap().unwrap());
                bus.advance(Duration::from_secs(30));
                let mut classified = ClassifiedBus::new(Box::new(bus.clone()), catalogue.clone());
                let there = classified.device(&place).unwrap().unwrap();
                assert_eq!(
                    (there.id.to_string(), there.mode.code()),
                    (report.id.clone(), &*report.mode),
                    "{text}"
                );
                assert_eq!(there.interfaces.len(), report.roles.len(), "{text}");
            }
        }
    }

    /// What no driver of serial ports has, and a log shows nothing of, gets no node.
    #[test]
    fn no_port_is_made_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("paste.txt");
        let ports = |driver: &str| {
            let port =
                |n: u8| format!("I:  If#= {n} Alt= 0 #EPs= 3 Cls=ff(vend.) Sub=ff Prot=ff Driver={driver}\n");
            format!(
                "P:  Vendor=0af0 ProdID=6971 Rev=00.00\nC:  #Ifs= 2 Cfg#= 1 Atr=a0 MxPwr=500mA\n{}{}",
                port(0),
                port(1)
            )
        };
        let log = "usb 1-1: New USB device found, idVendor=2cb7, idProduct=0001\n\
                   cdc_ether 1-1:1.0 eth1: register 'cdc_ether' at usb-0000:00:14.0-1, CDC Ethernet Device, 00:a0:c6:00:00:00\n";
        for (text, nodes) in
            [(ports("option"), 2), (ports("hso"), 0), (ports("usbfs"), 0), (log.to_owned(), 0)]
        {
            fs::write(&path, &text).unwrap();
            let bus = VirtualBus::new();
            bus.plug(&port_place(), named(path.to_str().unwrap(), None).unwrap().unwrap());
            bus.advance(Duration::from_secs(30));
            let catalogue = std::sync::Arc::new(Catalogue::builtin());
            let mut classified = ClassifiedBus::new(Box::new(bus.clone()), catalogue);
            let there = classified.device(&port_place()).unwrap().unwrap();
            assert_eq!((there.mode, there.ports().count()), (Mode::Modem, nodes), "{text}");
        }
    }

    #[test]
    fn what_is_no_text_of_a_stick_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hello.txt");
        fs::write(&path, "hello\n").unwrap();
        let name = path.to_str().unwrap();
        assert!(named(name, None).is_err_and(|e| e.is(ErrorKind::WrongFileKind)));
        // Firmware with a text in it, which `inspect` takes for none either.
        fs::write(&path, b"Bus 001 Device 002: ID 12d1:1f01 x\n\0\x01\x02").unwrap();
        assert!(named(name, None).is_err_and(|e| e.is(ErrorKind::WrongFileKind)));
        assert!(named("./no-such-file", None).is_err_and(|e| e.is(ErrorKind::FileNotFound)));
        assert!(named("k3772", None).unwrap().is_none());
        fs::write(&path, "Bus 001 Device 002: ID 12d1:1f01 x\n").unwrap();
        assert!(named(name, Some("ignores")).is_ok());
        assert!(named(&format!("{name}#2"), None).is_err_and(|e| e.is(ErrorKind::Usage)));
    }
}
