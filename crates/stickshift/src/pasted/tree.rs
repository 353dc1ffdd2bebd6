//! `lsusb -t`: places, classes by name, drivers. With `-v`, ids too.

use std::collections::BTreeMap;

use super::lines::Line;
use super::number::string;
use super::usb_devices::place;
use super::{Attached, Format, PastedDevice, Reader, class_of_driver, without_ids};
use crate::stick::{Place, UsbId};

/// Columns by which each hub indents what stands behind it.
const STEP: usize = 4;
/// Devices of one tree; more are left out.
const MOST: usize = 1024;

/// What the tree told.
#[derive(Debug, Default)]
pub(super) struct Tree {
    bus: u16,
    /// Ports on the way, with the column of each.
    way: Vec<(usize, u16)>,
    found: BTreeMap<(u16, u16), Branch>,
    last: Option<(u16, u16)>,
}

#[derive(Debug, Default)]
struct Branch {
    place: Option<Place>,
    id: Option<UsbId>,
    name: Option<String>,
    interfaces: BTreeMap<u8, Attached>,
}

impl Reader {
    pub(super) fn tree_line(&mut self, line: &Line<'_>) -> bool {
        let tree = &mut self.tree;
        if let Some(rest) = line.text.strip_prefix("/:") {
            // `Bus 01.Port 1: Dev 1, Class=root_hub, Driver=xhci_hcd/12p, 480M`
            let Some(bus) = rest.trim_start().strip_prefix("Bus ") else { return false };
            let Some((bus, rest)) = bus.split_once('.') else { return false };
            let Ok(bus) = bus.trim().parse() else { return false };
            tree.bus = bus;
            tree.way.clear();
            tree.last = rest.split_once("Dev ").and_then(|(_, dev)| digits(dev)).map(|dev| (bus, dev));
            return true;
        }
        if let Some(rest) = line.text.strip_prefix("|__").or_else(|| line.text.strip_prefix("`__")) {
            return tree.branch(line.indent, rest.trim_start());
        }
        if let Some(rest) = line.text.strip_prefix("ID ")
            && let Some(last) = tree.last
        {
            let (id, name) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
            if let (Ok(id), Some(branch)) = (id.parse(), tree.found.get_mut(&last)) {
                branch.id = Some(id);
                branch.name = string(name);
            }
            return true;
        }
        false
    }

    /// Puts what the tree told to the devices of the other lines.
    pub(super) fn join_tree(&mut self) {
        let mut nameless = 0;
        for (address, branch) in std::mem::take(&mut self.tree.found) {
            let known = self
                .devices
                .iter()
                .position(|d| d.address == Some(address) && branch.id.is_none_or(|id| id == d.id));
            // The log of the same text may tell what stands there.
            let logged = branch.place.as_ref().and_then(|place| self.log.id_at(place));
            let index = match (known, branch.id.or(logged)) {
                (Some(index), _) => Some(index),
                (None, Some(id)) => {
                    self.add(PastedDevice { address: Some(address), ..PastedDevice::new(id) })
                }
                (None, None) => {
                    nameless += 1;
                    self.nameless.extend(without_ids::evidence(branch.place.as_ref(), &branch.interfaces));
                    None
                }
            };
            let Some(device) = index.and_then(|index| self.devices.get_mut(index)) else { continue };
            device.is_in(Format::LsusbTree);
            device.place = branch.place.or(device.place.take());
            device.listed_as = device.listed_as.take().or(branch.name);
            for (number, attached) in branch.interfaces {
                let known = device.attached(number);
                known.class = known.class.or(attached.class);
                known.named_class = attached.named_class;
                known.driver = attached.driver.or(known.driver.take());
            }
        }
        if nameless > 0 && self.devices.is_empty() && !self.log.names_any() {
            self.nameless.push("`lsusb -t` alone names no ids: add the lines of `lsusb`".to_owned());
        }
    }
}

impl Tree {
    /// `Port 2: Dev 5, If 0, Class=Vendor Specific Class, Driver=option, 480M`
    fn branch(&mut self, column: usize, text: &str) -> bool {
        let Some((port, rest)) = text.strip_prefix("Port ").and_then(|rest| rest.split_once(':')) else {
            return false;
        };
        let Some(port) = digits(port) else { return false };
        let Some(device) = field(rest, "Dev ").and_then(digits) else { return false };
        let address = (self.bus, device);
        // A forum that strips spaces takes the depth along, and with it the place.
        let depth_known = column >= STEP;
        while self.way.last().is_some_and(|(at, _)| *at >= column) {
            self.way.pop();
        }
        self.way.push((column, port));
        if self.found.len() >= MOST && !self.found.contains_key(&address) {
            return true;
        }
        let ports: Vec<u16> = self.way.iter().map(|(_, port)| *port).collect();
        let branch = self.found.entry(address).or_default();
        if depth_known {
            branch.place = place(self.bus, &ports);
        }
        self.last = Some(address);
        let Some(interface) = field(rest, "If ").and_then(digits).and_then(|n| u8::try_from(n).ok()) else {
            return true;
        };
        let class = rest.split_once("Class=").map(|(_, c)| c.split(',').next().unwrap_or_default().trim());
        let driver = rest.split_once("Driver=").map(|(_, d)| d.split(',').next().unwrap_or_default().trim());
        let driver = driver.map(|d| (!d.is_empty() && !d.starts_with(['[', '('])).then(|| plain_name(d)));
        let named_class = class.and_then(class_named);
        let by_driver = driver.as_ref().and_then(|d| d.as_deref()).and_then(class_of_driver);
        let class = named_class.map(|class| likely_class(class, by_driver)).or(by_driver);
        branch.interfaces.insert(interface, Attached { class, named_class, driver, ..Attached::default() });
        true
    }
}

/// `xhci_hcd/12p` is `xhci_hcd`.
fn plain_name(driver: &str) -> String {
    driver.split('/').next().unwrap_or_default().chars().take(64).collect()
}

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.split_once(name).map(|(_, rest)| rest)
}

fn digits(text: &str) -> Option<u16> {
    let text = text.trim_start();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok()
}

/// bInterfaceClass by its name in lsusb.
fn class_named(name: &str) -> Option<u8> {
    Some(match name {
        // The second names are those of usbutils before 003.
        "Mass Storage" | "stor." => 0x08,
        "Communications" | "comm." => 0x02,
        "CDC Data" | "data" => 0x0a,
        "Vendor Specific Class" | "vend." => 0xff,
        "Wireless" | "wlcon" => 0xe0,
        "Miscellaneous Device" | "misc" => 0xef,
        "Human Interface Device" | "HID" => 0x03,
        "Hub" | "hub" | "root_hub" => 0x09,
        "Audio" | "audio" => 0x01,
        "Video" | "video" => 0x0e,
        "Chip/SmartCard" | "scard" => 0x0b,
        "Application Specific Interface" | "app." => 0xfe,
        _ => return None,
    })
}

/// What an interface of this class most likely is, with what its driver goes with.
fn likely_class(class: u8, by_driver: Option<[u8; 3]>) -> [u8; 3] {
    match (class, by_driver) {
        // One driver may take functions of several kinds; the class that is printed counts.
        (_, Some(told)) if told[0] == class => told,
        (0x08, _) => [0x08, 0x06, 0x50],
        (0xff, _) => [0xff, 0xff, 0xff],
        // RNDIS comes under three classes.
        (0x02, Some([0xe0, ..])) => [0x02, 0x02, 0xff],
        (0xef, Some([0xe0, ..])) => [0xef, 0x04, 0x01],
        (class, _) => [class, 0, 0],
    }
}
