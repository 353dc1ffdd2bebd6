//! The kernel's log: what came, what it was called, which drivers took it, and what went wrong.

use std::collections::BTreeMap;

use super::number::{bcd, hex, string, word};
use super::{Format, MOST_DEVICES, PastedDevice, Reader, class_of_driver};
use crate::stick::{Place, UsbId};

/// Ids that stood at one place one after another; more are left out.
const MOST_EARLIER: usize = 16;

/// What the log told, by place: the device that stands there last.
#[derive(Debug, Default)]
pub(super) struct Log {
    places: BTreeMap<Place, Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    device: Option<PastedDevice>,
    earlier: Vec<UsbId>,
    /// Interfaces for which a serial driver was found, and whose port has no name yet.
    unnamed: Vec<u8>,
    remarks: Vec<&'static str>,
}

/// What the kernel says when a device does not work, and what that mostly means.
const TROUBLE: &[(&str, &str)] = &[
    (
        "unable to enumerate USB device",
        "the kernel could not read its descriptors: another port or cable, no hub without power of its own",
    ),
    ("device descriptor read", "the kernel had to ask for its descriptors again: a bad cable, port or hub"),
    (
        "device not accepting address",
        "it did not take its address: a bad cable, port or hub, or too little power",
    ),
    ("over-current", "a port reported over-current: a hub with a power supply of its own"),
    ("can't set config", "the kernel could not select its configuration"),
    ("no of eligible configuration", "the kernel found no configuration that the port can feed"),
    ("rejected 1 configuration due to insufficient", "the port does not give the power that it asks for"),
];

impl Reader {
    pub(super) fn kernel_log_line(&mut self, text: &str) -> bool {
        let Some(found) = find(text) else { return false };
        if self.log.places.len() >= MOST_DEVICES && !self.log.places.contains_key(&found.place) {
            self.full = true;
            return true;
        }
        let seen = self.log.places.entry(found.place.clone()).or_default();
        match found.interface {
            Some(interface) => seen.by_driver(found.driver, interface, found.rest),
            None if found.driver == "usb" => seen.of_device(&found.place, found.rest),
            None => {}
        }
        true
    }

    /// Puts what the log told to the devices of the other lines.
    pub(super) fn join_log(&mut self) {
        for (place, seen) in std::mem::take(&mut self.log.places) {
            let Some(mut told) = seen.device else { continue };
            told.earlier = seen.earlier;
            for remark in seen.remarks {
                told.remark(remark);
            }
            let same = |d: &PastedDevice| {
                d.id == told.id
                    && (d.place.as_ref() == Some(&place) || d.address.is_some() && d.address == told.address)
            };
            let Some(device) = self.devices.iter_mut().find(|d| same(d)) else {
                self.add(told);
                continue;
            };
            device.is_in(Format::KernelLog);
            device.place = Some(place);
            device.release = device.release.or(told.release);
            device.manufacturer = device.manufacturer.take().or(told.manufacturer);
            device.product = device.product.take().or(told.product);
            device.serial = device.serial.take().or(told.serial);
            device.earlier = told.earlier;
            device.gone = told.gone;
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
    }
}

impl Seen {
    /// `usb 1-1.2: ..`
    fn of_device(&mut self, place: &Place, text: &str) {
        let trouble = TROUBLE.iter().find(|(words, _)| text.contains(words));
        if let Some((_, remark)) = trouble
            && !self.remarks.contains(remark)
        {
            self.remarks.push(remark);
        }
        if let Some(rest) = text.strip_prefix("New USB device found") {
            let value = |name: &str| rest.split_once(name).map(|(_, v)| v.trim_start());
            let id = |name: &str| value(name).and_then(hex).and_then(|n| word(Some(n)));
            let (Some(vendor), Some(product)) = (id("idVendor="), id("idProduct=")) else { return };
            let address = self.device.take().and_then(|before| self.before(before));
            let mut device = PastedDevice::new(UsbId::new(vendor, product));
            device.is_in(Format::KernelLog);
            device.place = Some(place.clone());
            device.address = address;
            let release = value("bcdDevice=").map(|v| v.split(char::is_whitespace).next().unwrap_or(v));
            device.release = release.and_then(bcd);
            self.device = Some(device);
            self.unnamed.clear();
            return;
        }
        if let Some((_, number)) = text.split_once("USB device number ").filter(|_| text.starts_with("new "))
        {
            let digits: String = number.chars().take_while(char::is_ascii_digit).collect();
            let bus = place.as_str().split('-').next().and_then(|bus| bus.parse().ok());
            let address = bus.zip(digits.parse().ok());
            if let Some(before) = self.device.take() {
                self.before(before);
            }
            // Its ids come in the next line.
            self.device = address
                .map(|address| PastedDevice { address: Some(address), ..PastedDevice::new(super::NO_ID) });
            return;
        }
        let Some(device) = &mut self.device else { return };
        if text.starts_with("USB disconnect") {
            device.gone = true;
        } else if let Some(value) = text.strip_prefix("Product:") {
            device.product = string(value);
        } else if let Some(value) = text.strip_prefix("Manufacturer:") {
            device.manufacturer = string(value);
        } else if let Some(value) = text.strip_prefix("SerialNumber:") {
            device.serial = string(value);
        } else if let Some((_, node)) = text.split_once("now attached to ") {
            let node = node.split(char::is_whitespace).next().and_then(string);
            if !self.unnamed.is_empty() {
                let interface = self.unnamed.remove(0);
                device.attached(interface).tty = node;
            }
        }
    }

    /// A device that another one follows at this place. Returns the address, where it is the announcement of the follower.
    fn before(&mut self, device: PastedDevice) -> Option<(u16, u16)> {
        if device.id == super::NO_ID {
            return device.address;
        }
        if self.earlier.last() != Some(&device.id) && self.earlier.len() < MOST_EARLIER {
            self.earlier.push(device.id);
        }
        None
    }

    /// `option 1-1.2:1.0: GSM modem (1-port) converter detected`
    fn by_driver(&mut self, driver: &str, interface: u8, rest: &str) {
        let Some(device) = &mut self.device else { return };
        let attached = device.attached(interface);
        let Some(class) = class_of_driver(driver) else { return };
        let words = || rest.split(|c: char| c.is_whitespace() || matches!(c, ':' | ','));
        let node = |prefix: &str| words().find(|word| word.starts_with(prefix)).and_then(string);
        if rest.contains("unregister") || rest.contains("disconnected from") {
            return;
        }
        attached.class = attached.class.or(Some(class));
        attached.driver = Some(Some(driver.replace("usb_storage", "usb-storage")));
        if rest.contains("converter detected") {
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
        }
    }
}

/// What a line of the log is about.
struct Found<'a> {
    driver: &'a str,
    place: Place,
    interface: Option<u8>,
    /// What follows the place.
    rest: &'a str,
}

/// Finds `driver place:` anywhere in a line: time, host and level before it come in many forms.
fn find(text: &str) -> Option<Found<'_>> {
    let mut at = 0;
    let mut before = "";
    for word in text.split_whitespace().take(24) {
        // The offset of the word in the text.
        at += text[at..].find(word)?;
        let end = at + word.len();
        let plain = word.trim_end_matches(':');
        let (place, interface) = match plain.split_once(':') {
            Some((place, interface)) => (place, Some(interface)),
            None => (plain, None),
        };
        let closed = word.ends_with(':') || interface.is_some();
        if let Ok(place) = place.parse::<Place>()
            && closed
            && !before.is_empty()
        {
            let number = interface.map(|i| i.split_once('.')?.1.parse::<u8>().ok());
            let interface = match number {
                Some(None) => return None,
                Some(number) => number,
                None => None,
            };
            return Some(Found { driver: before, place, interface, rest: text[end..].trim_start() });
        }
        before = word.rsplit(']').next().unwrap_or(word);
        at = end;
    }
    None
}
