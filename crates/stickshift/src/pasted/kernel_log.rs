//! The kernel's log: what came, what it was called, which drivers took it, and what went wrong.

use std::collections::BTreeMap;

use self::trouble::{BROKEN, NOT_PROBED, NOT_STARTED, TROUBLE, UNDER_VOLTAGE, UNPOWERED};
use super::log_line::{Found, find, registered};
use super::number::{bcd, id, string};
use super::order::{Runs, uptime};
use super::successors::apart;
use super::{Attached, Format, MOST_DEVICES, NO_ID, PastedDevice, Reader, class_of_driver};
use crate::stick::{MODEM_DRIVERS, Mode, Place, UsbId, classify, may_take_firmware};

mod trouble;

/// Ids that stood at one place one after another; more are left out.
const MOST_EARLIER: usize = 16;

/// Addresses that one place had one after another; more are left out.
const MOST_ADDRESSES: usize = 64;

/// What the log told, by place: the device that stands there last.
#[derive(Debug, Default)]
pub(super) struct Log {
    places: BTreeMap<Place, Seen>,
    /// usb_modeswitch says in it that a switch failed.
    unswitched: bool,
    /// What it says of the computer, or of no place.
    remarks: Vec<&'static str>,
    /// A CD-ROM drive that came, as it calls itself.
    cdrom: Option<String>,
}

#[derive(Debug, Default)]
struct Seen {
    device: Option<PastedDevice>,
    /// The one before, where its follower has no ids yet.
    last: Option<PastedDevice>,
    /// What stood there before, in order.
    before: Vec<PastedDevice>,
    /// How often a device with the same ids followed.
    returns: u32,
    /// Interfaces for which a serial driver was found, and whose port has no name yet.
    unnamed: Vec<u8>,
    /// Names of ports that came after several of those: whose each is shows when the others came, or do not.
    names: Vec<Option<String>>,
    /// Serial ports of which the text does not tell whose interfaces they are.
    loose: Vec<String>,
    /// Network interfaces of old kernels, whose lines name the port alone, and their drivers.
    networks: Vec<(String, String)>,
    remarks: Vec<&'static str>,
    unsteady: bool,
    /// When the last line of it was written, in microseconds since the system was started.
    at: Option<u64>,
    /// Addresses of devices that left it.
    left: Vec<(u16, u16)>,
}

/// A stick that is switched, and one that is replugged twice, come with the same ids less often.
const MANY_RETURNS: u32 = 3;

/// A driver takes a device sooner than that, in microseconds. Where lines that stand before its ids are later by more, they are of another start of
/// the system, and of what was there then.
const TAKEN_AFTER: u64 = 60_000_000;

/// What usb_modeswitch and its dispatcher write, to the log or the terminal, when a switch failed.
const UNSWITCHED: &[&str] = &[
    ":ffffffff on ",
    "Mode switch has failed",
    "Mode switching may have failed",
    "Mode switch most likely failed",
    "No new devices in target mode or class found",
    "message endpoint not given or found",
];
/// What stands in the text then.
const UNSWITCHED_REMARK: &str = "usb_modeswitch failed in this text: it may have switched nothing";

/// What stands in the text whose lines were turned round.
const BACKWARD: &str = "its latest lines stand first: it was read from its end to its beginning";
/// What is not sure then.
const TIMELESS: &str =
    "the lines have no times: the last one was taken for the latest; `lsusb` shows what it is now";

impl Reader {
    pub(super) fn kernel_log_line(&mut self, text: &str) -> bool {
        let crashed = text.contains("usb_modeswitch") && text.contains("segfault");
        if crashed || UNSWITCHED.iter().any(|words| text.contains(words)) {
            self.log.unswitched = true;
            return true;
        }
        if UNDER_VOLTAGE.0.iter().any(|words| text.contains(words)) {
            self.log.remark(UNDER_VOLTAGE.1);
            return true;
        }
        if let Some(name) = text.split_once(": CD-ROM ").filter(|(before, _)| before.contains("scsi ")) {
            // `scsi 0:0:0:0: CD-ROM            ZTE      USB SCSI CD-ROM  2.31 PQ: 0 ANSI: 2`
            let words = name.1.split(" PQ:").next().unwrap_or_default().split_whitespace();
            self.log.cdrom = string(&words.collect::<Vec<_>>().join(" "));
            return true;
        }
        if let Some((node, driver, ports)) = registered(text) {
            self.log.network(node, driver, ports);
            return true;
        }
        let Some(found) = find(text) else {
            let broken = text.contains("error -71") && text.contains("tty");
            if broken {
                self.log.remark(BROKEN);
            }
            return broken;
        };
        if self.log.places.len() >= MOST_DEVICES && !self.log.places.contains_key(&found.place) {
            self.full = true;
            return true;
        }
        let seen = self.log.places.entry(found.place.clone()).or_default();
        let now = uptime(text);
        if let (Some(before), Some(now)) = (seen.at, now)
            && before > now.saturating_add(TAKEN_AFTER)
        {
            seen.forget_unnamed();
        }
        seen.at = now.or(seen.at);
        match found.interface {
            Some(interface) => seen.by_driver(&found, interface),
            None if found.driver == "usb" => seen.of_device(&found.place, found.rest),
            None => {}
        }
        true
    }

    /// Puts what the log told to the devices of the other lines. Remarks on what it says of no single device.
    /// And whether usb_modeswitch failed.
    pub(super) fn join_log(&mut self) -> (Vec<String>, bool) {
        let log = std::mem::take(&mut self.log);
        let mut remarks: Vec<String> = log.remarks.iter().map(|remark| (*remark).to_owned()).collect();
        remarks.extend((self.runs == Runs::Backward).then(|| BACKWARD.to_owned()));
        let ends: Vec<(UsbId, bool)> =
            log.places.values().filter_map(|seen| seen.device.as_ref()).map(|d| (d.id, d.gone)).collect();
        for (place, seen) in log.places {
            let Some(mut told) = seen.device else {
                remarks.extend(seen.remarks.iter().map(|remark| format!("{place}: {remark}")));
                let left = (!seen.left.is_empty()).then(|| format!("{place}: a device was unplugged"));
                self.nameless.extend(left.filter(|_| self.devices.is_empty()));
                continue;
            };
            remark_ports(
                &mut told,
                &seen.networks,
                seen.loose.into_iter().chain(seen.names.into_iter().flatten()),
            );
            let others;
            (others, told.earlier) = apart(seen.before, &told);
            if told.earlier.last() == Some(&told.id) {
                told.earlier.pop();
            }
            for other in others {
                // A list before the log may show it.
                if !self.devices.iter().any(|d| d.id == other.id && d.place.is_none()) {
                    self.add(PastedDevice { place: Some(place.clone()), ..other });
                }
            }
            if self.runs == Runs::Untold && !told.earlier.is_empty() {
                told.remark(TIMELESS);
            }
            if seen.returns >= MANY_RETURNS {
                told.remark("it left and came back again and again: where nobody unplugged it, its cable, port or hub is bad, or gives too little power");
            }
            told.unsteady = seen.unsteady || seen.returns >= MANY_RETURNS;
            told.unpowered = seen.remarks.contains(&UNPOWERED) && told.attached.is_empty();
            let never_came = told.id == NO_ID && told.attached.is_empty();
            if let (true, Some(last), None) = (never_came, seen.last, self.logged(&place, &told, &seen.left))
            {
                // What was announced did not come, or the text ends before it tells as what it came.
                told.earlier.pop();
                told = PastedDevice {
                    earlier: told.earlier,
                    gone: seen.unsteady,
                    returning: !seen.unsteady,
                    ..last
                };
            }
            for remark in seen.remarks {
                told.remark(remark);
            }
            if told.id != NO_ID
                && let Some(before) = self.take_switched(&seen.left, told.id)
                && !told.earlier.contains(&before)
            {
                told.earlier.insert(0, before);
            }
            // What an older list of the same text shows.
            let was = |d: &PastedDevice| {
                d.place.is_none()
                    && d.id != told.id
                    && told.earlier.contains(&d.id)
                    && d.address.is_some_and(|address| seen.left.contains(&address))
            };
            self.devices.retain(|device| !was(device));
            let alone = ends.iter().filter(|(id, gone)| *id == told.id && !gone).count() == 1;
            let index = self.logged(&place, &told, &seen.left).or_else(|| self.only_listed(&told, alone));
            let Some(device) = index.and_then(|index| self.devices.get_mut(index)) else {
                told.place.get_or_insert(place);
                self.add(told);
                continue;
            };
            device.is_in(Format::KernelLog);
            device.place = Some(place);
            join(device, told);
        }
        // A modem may show a drive beside its ports.
        let is_told = |device: &PastedDevice| device.id != NO_ID || has_modem_driver(&device.attached);
        let is_told = self.devices.iter().any(is_told);
        if let Some(name) = log.cdrom.filter(|_| !is_told) {
            self.nameless.push(format!(
                "a CD-ROM drive came ({name}), as a stick shows that is not switched yet; its ids are missing"
            ));
        }
        remarks.extend(log.unswitched.then(|| UNSWITCHED_REMARK.to_owned()));
        (remarks, log.unswitched)
    }

    /// The device of the other lines that the log tells of: by its place or its address now or before; where the log does not name its ids,
    /// the only modem or else the only device on its bus.
    fn logged(&mut self, place: &Place, told: &PastedDevice, left: &[(u16, u16)]) -> Option<usize> {
        let same = |d: &PastedDevice| {
            let known = d.address.is_some_and(|address| Some(address) == told.address);
            let before = d.address.is_some_and(|address| left.contains(&address));
            match told.id {
                NO_ID => known || d.place.as_ref() == Some(place),
                id => d.id == id && (d.place.as_ref() == Some(place) || known || before),
            }
        };
        let mut index = self.devices.iter().position(|d| d.id != NO_ID && same(d));
        if index.is_none() && told.id == NO_ID && told.address.is_none() {
            let on_bus = |d: &PastedDevice| {
                let bus = d.address.map(|(bus, _)| bus);
                d.id != NO_ID
                    && d.place.is_none()
                    && d.class[0] != 0x09
                    && bus.is_some()
                    && bus == bus_of(place)
            };
            let is_modem = |d: &PastedDevice| {
                classify(d.id, d.class[0], &[]).mode != Mode::Unknown || may_take_firmware(d.id)
            };
            let all: Vec<usize> = (0..self.devices.len()).filter(|n| on_bus(&self.devices[*n])).collect();
            let modems: Vec<usize> = all.iter().copied().filter(|n| is_modem(&self.devices[*n])).collect();
            index = match (&modems[..], &all[..]) {
                ([one], _) | ([], [one]) => Some(*one),
                _ => None,
            };
        }
        // Its drive was there before it was switched.
        let has_more =
            told.attached.values().any(|attached| attached.class.is_some_and(|class| class[0] != 0x08));
        index.or_else(|| self.only_switched().filter(|_| told.id == NO_ID && has_more))
    }

    /// The only listed device with the ids of the only one of them in the log, whatever its address: it came again between the two commands.
    fn only_listed(&self, told: &PastedDevice, alone: bool) -> Option<usize> {
        let same = |index: &usize| {
            let device = &self.devices[*index];
            device.id == told.id && device.place.is_none()
        };
        let mut all = (0..self.devices.len()).filter(same);
        let (Some(one), None) = (all.next(), all.next()) else { return None };
        (alone && !told.gone && told.id != NO_ID).then_some(one)
    }
}

/// Remarks on the network interfaces of a device, and on the serial ports of which no interface is told.
fn remark_ports(told: &mut PastedDevice, networks: &[(String, String)], loose: impl Iterator<Item = String>) {
    for (node, driver) in networks {
        told.remark(&format!("{node} is its network interface, of the driver {driver}"));
    }
    let loose: Vec<String> = loose.collect();
    if !loose.is_empty() {
        let ports = loose.join(", ");
        told.remark(&format!("its serial ports are {ports}; of which interface each is, is not told"));
    }
}

/// Adds what the log told to a device of the other lines, which know better what both tell.
fn join(device: &mut PastedDevice, told: PastedDevice) {
    device.release = device.release.or(told.release);
    device.manufacturer = device.manufacturer.take().or(told.manufacturer);
    device.product = device.product.take().or(told.product);
    device.serial = device.serial.take().or(told.serial);
    device.active = device.active.or(told.active);
    if !told.earlier.is_empty() {
        device.earlier = told.earlier;
    }
    device.gone = told.gone;
    device.returning = told.returning;
    device.unsteady = told.unsteady;
    device.unpowered = told.unpowered;
    device.remarks.extend(told.remarks);
    for (number, attached) in told.attached {
        let known = device.attached(number);
        known.class = known.class.or(attached.class);
        known.driver = known.driver.take().or(attached.driver);
        known.tty = known.tty.take().or(attached.tty);
        known.netdev = known.netdev.take().or(attached.netdev);
        known.cdc_wdm = known.cdc_wdm.take().or(attached.cdc_wdm);
    }
}

fn has_modem_driver(attached: &BTreeMap<u8, Attached>) -> bool {
    let mut drivers = attached.values().filter_map(|a| a.driver.as_ref()?.as_deref());
    drivers.any(|driver| MODEM_DRIVERS.contains(&driver))
}

fn bus_of(place: &Place) -> Option<u16> {
    place.as_str().split('-').next()?.parse().ok()
}

/// `new high-speed USB device number 4 using xhci_hcd`, before Linux 3.0 `new full speed USB device using uhci_hcd and address 3`,
/// `USB disconnect, device number 4`.
fn address(text: &str) -> Option<u16> {
    let (_, rest) = text.split_once("device number ").or_else(|| text.split_once("address "))?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

impl Log {
    /// The ids of what stands at a place in the end.
    pub(super) fn id_at(&self, place: &Place) -> Option<UsbId> {
        let device = self.places.get(place)?.device.as_ref()?;
        (device.id != NO_ID && !device.gone).then_some(device.id)
    }

    pub(super) fn names_any(&self) -> bool {
        self.places.keys().any(|place| self.id_at(place).is_some())
    }

    /// A network interface of the only device at the end of these ports.
    fn network(&mut self, node: &str, driver: &str, ports: &str) {
        let ends = |place: &Place| place.as_str().split_once('-').is_some_and(|(_, way)| way == ports);
        let mut all = self.places.iter_mut().filter(|(place, seen)| seen.device.is_some() && ends(place));
        if let (Some((_, seen)), None) = (all.next(), all.next())
            && seen.networks.len() < MOST_EARLIER
        {
            seen.networks.push((node.to_owned(), driver.to_owned()));
        }
    }

    fn remark(&mut self, remark: &'static str) {
        if !self.remarks.contains(&remark) {
            self.remarks.push(remark);
        }
    }
}

/// A text without the line that lost its beginning to it: `BG96 usb 1-1.5: SerialNumber: 8664..`
fn own_text(value: &str) -> &str {
    let next = value.match_indices(" usb ").find(|(at, words)| {
        let word = value[at + words.len()..].split(':').next();
        word.is_some_and(|word| word.parse::<Place>().is_ok())
    });
    next.map_or(value, |(at, _)| &value[..at])
}

impl Seen {
    /// `usb 1-1.2: ..`
    fn of_device(&mut self, place: &Place, text: &str) {
        self.remark_on_trouble(text);
        if let Some(rest) = text.strip_prefix("New USB device found") {
            let value = |name: &str| rest.split_once(name).map(|(_, v)| v.trim_start());
            let ids = (value("idVendor=").and_then(id), value("idProduct=").and_then(id));
            let (Some(vendor), Some(product)) = ids else { return };
            let same = |before: &PastedDevice| before.id == UsbId::new(vendor, product);
            let mut device = match self.device.take() {
                // Its announcement, or lines of its drivers that someone put first.
                Some(begun) if begun.id == NO_ID => {
                    self.returns += u32::from(self.last.as_ref().is_some_and(same));
                    PastedDevice { id: UsbId::new(vendor, product), ..begun }
                }
                before => {
                    self.returns += u32::from(before.as_ref().is_some_and(same));
                    before.into_iter().for_each(|before| self.before(before));
                    self.forget_ports();
                    PastedDevice::new(UsbId::new(vendor, product))
                }
            };
            device.is_in(Format::KernelLog);
            device.place = Some(place.clone());
            let release = value("bcdDevice=").map(|v| v.split(char::is_whitespace).next().unwrap_or(v));
            device.release = release.and_then(bcd);
            self.device = Some(device);
            return;
        }
        let number = bus_of(place).zip(address(text));
        if text.starts_with("new ") && number.is_some() {
            if let Some(before) = self.device.take().filter(|before| before.id != NO_ID) {
                self.before(before.clone());
                self.last = Some(before);
            }
            self.forget_ports();
            // Its ids come in the next line, or in none: before Linux 2.6.26, and where people cut.
            self.device = Some(PastedDevice { address: number, ..PastedDevice::new(NO_ID) });
            return;
        }
        if text.starts_with("reset ") && number.is_some() {
            let device = self.device.get_or_insert_with(|| PastedDevice::new(NO_ID));
            device.address = device.address.or(number);
            return;
        }
        if text.starts_with("USB disconnect") {
            if self.left.len() < MOST_ADDRESSES {
                self.left.extend(number);
            }
            self.device = self.device.take().filter(|device| device.id != NO_ID);
        }
        // `airprime converter now attached to ttyUSB1`, which `grep ttyUSB` leaves of the lines of a modem.
        let of_modem = ["modem", "airprime"].iter().any(|word| text.contains(word));
        if of_modem && text.contains("converter now attached to ") {
            self.device.get_or_insert_with(|| PastedDevice::new(NO_ID));
        }
        let Some(device) = &mut self.device else { return };
        if text.starts_with("USB disconnect") {
            device.gone = true;
        } else if let Some(value) = text.strip_prefix("Product:") {
            device.product = string(own_text(value));
        } else if let Some(value) = text.strip_prefix("Manufacturer:") {
            device.manufacturer = string(own_text(value));
        } else if let Some(value) = text.strip_prefix("SerialNumber:") {
            device.serial = string(own_text(value));
        } else if let Some((_, node)) = text.split_once("now attached to ") {
            let node = node.split(char::is_whitespace).next();
            let node = node.filter(|node| node.ends_with(|c: char| c.is_ascii_digit())).and_then(string);
            if !self.unnamed.is_empty() {
                self.names.push(node);
                // As many as interfaces: each its own, or all of them after all interfaces, as `grep` sorts them.
                if self.names.len() == self.unnamed.len() {
                    for (interface, node) in self.unnamed.drain(..).zip(self.names.drain(..)) {
                        device.attached(interface).tty = node;
                    }
                }
            } else if of_modem && self.loose.len() < MOST_EARLIER {
                self.loose.extend(node);
            }
        }
    }

    fn remark_on_trouble(&mut self, text: &str) {
        if let Some((_, remark, unsteady)) = TROUBLE.iter().find(|(words, ..)| text.contains(words)) {
            self.remark(remark);
            self.unsteady |= unsteady;
        }
    }

    fn remark(&mut self, remark: &'static str) {
        if !self.remarks.contains(&remark) {
            self.remarks.push(remark);
        }
    }

    /// A device that another one follows at this place.
    fn before(&mut self, device: PastedDevice) {
        let again = self.before.last().is_some_and(|last| last.id == device.id);
        if device.id != NO_ID && !again && self.before.len() < MOST_EARLIER {
            self.before.push(device);
        }
    }

    /// What has no ids is not what comes.
    fn forget_unnamed(&mut self) {
        if self.device.as_ref().is_some_and(|device| device.id == NO_ID) {
            self.device = None;
            self.forget_ports();
        }
    }

    /// Another interface comes before all names are there: lines are missing, and a name is that of the interface right before it.
    fn pair_names(&mut self) {
        if self.names.is_empty() {
            return;
        }
        match (self.names.as_mut_slice(), self.unnamed.last(), &mut self.device) {
            ([node], Some(last), Some(device)) => device.attached(*last).tty = node.take(),
            (names, ..) => {
                let room = MOST_EARLIER.saturating_sub(self.loose.len());
                self.loose.extend(names.iter_mut().filter_map(Option::take).take(room));
            }
        }
        self.names.clear();
        self.unnamed.clear();
    }

    fn forget_ports(&mut self) {
        self.unnamed.clear();
        self.names.clear();
        self.loose.clear();
        self.networks.clear();
    }

    /// `option 1-1.2:1.0: GSM modem (1-port) converter detected`
    fn by_driver(&mut self, found: &Found<'_>, interface: u8) {
        let (driver, rest) = (found.driver, found.rest);
        // A driver looks at the interface: whether it takes it is told by the next line.
        if rest.starts_with("usb_probe_interface") {
            return;
        }
        self.remark_on_trouble(rest);
        let class = class_of_driver(driver);
        // Drives, keyboards and hubs whose ids are not in the text are of no interest.
        let may_begin = class.is_some_and(|class| !matches!(class[0], 0x03 | 0x08 | 0x09));
        let failed = rest.contains("probe with driver") && rest.contains("failed");
        if rest.contains("Not our interface") || failed {
            if failed && class.is_some_and(|class| !matches!(class[0], 0x03 | 0x08 | 0x09)) {
                self.remark(NOT_PROBED);
            }
            return;
        }
        let over = rest.contains("unregister") || rest.contains("disconnected");
        if self.device.is_none() && may_begin && !over {
            self.device = Some(PastedDevice::new(NO_ID));
        }
        let Some(device) = &mut self.device else { return };
        if over {
            if let Some(attached) = device.attached.get_mut(&interface) {
                attached.tty = None;
            }
            return;
        }
        if class.is_some() && found.configuration.is_some() && device.active != found.configuration {
            // Another configuration: its interfaces are others.
            device.attached.clear();
            device.active = found.configuration;
        }
        let attached = device.attached(interface);
        let Some(class) = class else { return };
        let words = || rest.split(|c: char| c.is_whitespace() || matches!(c, ':' | ',' | '>'));
        let node = |prefix: &str| words().find(|word| word.starts_with(prefix)).and_then(string);
        // usb-storage speaks of what it looks at, too: of Huawei's modems, which another driver takes then.
        let is_drive = |class: [u8; 3]| class[0] == 0x08;
        if is_drive(class) && attached.class.is_some_and(|known| !is_drive(known)) {
            return;
        }
        attached.class = attached.class.filter(|known| !is_drive(*known)).or(Some(class));
        attached.driver = Some(Some(driver.replace("usb_storage", "usb-storage")));
        if rest.contains("converter detected") {
            self.pair_names();
            if !self.unnamed.contains(&interface) {
                self.unnamed.push(interface);
            }
            return;
        }
        attached.tty = attached.tty.take().or_else(|| node("ttyACM"));
        attached.cdc_wdm = attached.cdc_wdm.take().or_else(|| node("cdc-wdm"));
        let is_net = |word: &&str| {
            ["eth", "enx", "enp", "wwan", "wwx", "wwp", "usb"].iter().any(|p| word.starts_with(p))
                && word.bytes().any(|b| b.is_ascii_digit())
                && !word.starts_with("usb-")
        };
        // `cdc_ether 1-1:1.0 enx0c5b8f279a64: renamed from eth1`
        if (rest.contains("register ") || rest.contains("renamed from"))
            && let Some(name) = words().find(is_net)
        {
            attached.netdev = string(name);
            self.remarks.retain(|remark| *remark != NOT_STARTED);
        }
    }
}
