//! Ids as Windows and macOS show them: `USB\VID_12D1&PID_1506&REV_0102&MI_00`, and `Product ID: 0x1506` before `Vendor ID: 0x12d1`, or both as JSON.
//! And the names of ports on Windows.

use super::number::{id, string};
use super::usbconfig::maker_named;
use super::web::pairs;
use super::{Format, PastedDevice, Reader};
use crate::stick::{Mode, Role, UsbId, classify};

/// One device as programs of macOS tell it, which write other lines between.
#[derive(Debug, Default)]
pub(super) struct Told {
    vendor: Option<u16>,
    product: Option<u16>,
    maker: Option<String>,
    name: Option<String>,
}

/// What the drivers of makers call their ports on Windows, in small letters, and what such a port is for.
const PORTS: &[(&str, Role)] = &[
    ("pc ui", Role::Pcui),
    ("pcui", Role::Pcui),
    ("at port", Role::Pcui),
    ("at interface", Role::Pcui),
    ("at command", Role::Pcui),
    ("diag", Role::Diag),
    ("dm port", Role::Diag),
    ("dm interface", Role::Diag),
    ("nmea", Role::Gps),
    ("gps", Role::Gps),
    ("modem", Role::Modem),
];
/// Ports of one text; more are left out.
const MOST_PORTS: usize = 64;

/// A port with its number, as Windows names it: `HUAWEI Mobile Connect - PC UI Interface (COM5)`.
#[derive(Debug)]
pub(super) struct Port {
    name: String,
    role: Option<Role>,
    maker: Option<&'static str>,
}

/// What a port of this name is for.
fn role_in(name: &str) -> Option<Role> {
    let lower = name.to_lowercase();
    PORTS.iter().find(|(words, _)| lower.contains(words)).map(|(_, role)| *role)
}

/// Bluetooth and telephone lines have modems, too.
fn is_of_a_stick(name: &str, role: Option<Role>) -> bool {
    name.split_whitespace().any(|word| maker_named(word).is_some())
        || name.to_lowercase().contains("hs-usb")
        || role.is_some_and(|r| r != Role::Modem)
}

fn name_port(device: &mut PastedDevice, interface: u8, role: Option<Role>) {
    if let Some(role) = role {
        device.names.entry(interface).or_insert_with(|| role.code().to_owned());
    }
    let attached = device.attached(interface);
    attached.class = attached.class.or(Some([0xff; 3]));
}

impl Port {
    fn in_line(text: &str) -> Option<Port> {
        let (before, rest) = text.split_once("(COM")?;
        let number = rest.split_once(')')?.0;
        let is_number = (1..=3).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit());
        let role = role_in(before);
        let maker = before.split_whitespace().find_map(maker_named);
        (is_number && is_of_a_stick(before, role)).then(|| Port { name: format!("COM{number}"), role, maker })
    }

    /// As the port of an interface.
    fn put(self, device: &mut PastedDevice, interface: u8) {
        name_port(device, interface, self.role);
        device.attached(interface).tty = Some(self.name);
    }

    fn words(&self) -> String {
        let maker = self.maker.map(|maker| format!(" of {maker}")).unwrap_or_default();
        let what_for = match self.role {
            Some(Role::Pcui) => "it takes AT commands",
            Some(Role::Modem) => "it is for dialling, and takes AT commands",
            Some(Role::Diag) => "it is for diagnostics of the maker",
            Some(Role::Gps) => "it tells positions (NMEA)",
            _ => "what it is for, its name does not tell",
        };
        format!("{} is a port{maker}: {what_for}", self.name)
    }
}

impl Told {
    /// A line of `ioreg -p IOUSB -l`, which writes ids in decimal and in any order.
    fn ioreg(&mut self, text: &str) -> bool {
        let text = text.trim_start_matches(['|', ' ']);
        if text.starts_with("+-o ") {
            *self = Told::default();
            return false;
        }
        let Some((key, value)) = text.split_once("\" = ") else { return false };
        let value = value.trim();
        let name = || string(value.trim_matches('"'));
        match key {
            "\"idVendor" => self.vendor = value.parse().ok(),
            "\"idProduct" => self.product = value.parse().ok(),
            "\"USB Vendor Name" | "\"kUSBVendorString" => self.maker = name(),
            "\"USB Product Name" | "\"kUSBProductString" => self.name = name(),
            _ => return false,
        }
        true
    }

    /// A value of `system_profiler SPUSBDataType -json`, or of SPUSBHostDataType, which macOS 26 has in its place. The name stands first.
    fn json(&mut self, key: &str, value: &str) -> bool {
        match key {
            "_name" => *self = Told { name: string(value), ..Told::default() },
            "product_id" | "USBDeviceKeyProductID" => self.product = id(value),
            "vendor_id" | "USBDeviceKeyVendorID" => self.vendor = id(value),
            "manufacturer" | "USBDeviceKeyVendorName" => self.maker = string(value),
            _ => return false,
        }
        key != "_name"
    }

    /// What is told so far, where the ids are.
    fn told(&self) -> Option<(UsbId, Option<String>, Option<String>)> {
        Some((UsbId::new(self.vendor?, self.product?), self.maker.clone(), self.name.clone()))
    }
}

impl Reader {
    pub(super) fn windows_line(&mut self, text: &str) -> bool {
        if !text.contains("ID_") && !text.contains("id_") {
            return false;
        }
        // Of a list of names, the last one is not that of the first ids.
        let before = self.com_port.take_if(|_| self.com_ports.is_empty());
        let named = Port::in_line(text).or(before);
        let mut named = named.filter(|_| text.to_ascii_uppercase().contains("&MI_"));
        // A modem has no number in its name, and a port may have lost it.
        let name = text.to_ascii_uppercase().find("USB\\").map_or("", |at| &text[..at]);
        let role = role_in(name).filter(|role| is_of_a_stick(name, Some(*role)));
        let text = text.to_ascii_uppercase();
        let mut found = false;
        for (at, _) in text.match_indices("VID_") {
            let field = |name: &str| text[at..].split_whitespace().next()?.split_once(name).map(|(_, v)| v);
            let vendor = id(&text[at + "VID_".len()..]);
            let Some((vendor, product)) = vendor.zip(field("&PID_").and_then(id)) else { continue };
            found = true;
            let Some(index) = self.only(UsbId::new(vendor, product), Format::Windows) else { continue };
            let device = &mut self.devices[index];
            device.release = device.release.or(field("&REV_").and_then(id));
            let interface = field("&MI_").and_then(|rest| u8::from_str_radix(rest.get(..2)?, 16).ok());
            if let Some((port, interface)) = named.take_if(|_| interface.is_some()).zip(interface) {
                port.put(device, interface);
            } else if let Some(interface) = interface.filter(|_| role.is_some())
                && classify(device.id, 0, &[]).mode != Mode::Cdrom
            {
                name_port(device, interface, role);
            }
        }
        found
    }

    /// The name of a port; the ids of its device may follow in the next line.
    pub(super) fn com_port_line(&mut self, text: &str) -> bool {
        let Some(port) = Port::in_line(text) else { return false };
        self.end_com_port();
        self.com_port = Some(port);
        true
    }

    /// What follows is not of the port that was named last.
    pub(super) fn end_com_port(&mut self) {
        if let Some(port) = self.com_port.take().filter(|_| self.com_ports.len() < MOST_PORTS) {
            self.com_ports.push(port.words());
        }
    }

    /// Tells of the ports of which no ids are told.
    pub(super) fn say_com_ports(&mut self) {
        self.end_com_port();
        let ports = std::mem::take(&mut self.com_ports);
        if self.devices.iter().any(|device| device.id != super::NO_ID) {
            self.said.extend(ports);
        } else if !ports.is_empty() {
            self.nameless.extend(ports);
            self.nameless.push("the hardware ids of the ports, which the device manager shows among their details, tell more: add them".to_owned());
        }
    }

    /// A line of macOS' system_profiler.
    pub(super) fn profiler_line(&mut self, text: &str) -> bool {
        if let Some(product) = text.strip_prefix("Product ID:").and_then(id) {
            self.product = Some(product);
            return true;
        }
        if self.ioreg.ioreg(text) {
            let told = self.ioreg.told();
            self.told_of(told, Format::Ioreg);
            return true;
        }
        let mut is_json = false;
        for (key, value) in pairs(text) {
            if self.profiled.json(key, value) {
                let told = self.profiled.told();
                self.told_of(told, Format::Profiler);
                is_json = true;
            }
        }
        if text.starts_with('}') {
            self.profiled = Told::default();
        }
        if is_json {
            return true;
        }
        let vendor = text.strip_prefix("Vendor ID:").and_then(id);
        let Some((vendor, product)) = vendor.zip(self.product.take()) else { return false };
        let _ = self.only(UsbId::new(vendor, product), Format::Profiler);
        true
    }

    fn told_of(&mut self, told: Option<(UsbId, Option<String>, Option<String>)>, format: Format) {
        if let Some((id, maker, name)) = told
            && let Some(index) = self.only(id, format)
        {
            let device = &mut self.devices[index];
            device.manufacturer = device.manufacturer.take().or(maker);
            device.product = device.product.take().or(name);
        }
    }
}
