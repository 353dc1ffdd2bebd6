//! `lsusb` and `lsusb -v`.

use super::lines::Line;
use super::number::{bcd, byte, id, leading, string, text_after, word};
use super::viewers::Viewer;
use super::{
    Format, MOST_CONFIGURATIONS, MOST_ENDPOINTS, MOST_INTERFACES, PastedDevice, Reader, USUAL_POWER,
    configuration,
};
use crate::hex;
use crate::stick::UsbId;
use crate::wire::usb::{ConfigurationDescriptor, EndpointDescriptor, InterfaceDescriptor};

/// Class-specific descriptors of one interface are shorter; more is left out.
const MOST_EXTRA: usize = 1024;

/// Where in the descriptors the lines are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Section {
    /// In none, or in one that says nothing of interest: qualifiers of other speeds, statuses.
    #[default]
    Other,
    Device,
    Configuration,
    Interface,
    Endpoint,
    /// A descriptor of the CDC kind: its row in the table, and the fields that came.
    Cdc(usize, Vec<Option<u32>>),
}

/// The state of `lsusb -v`.
#[derive(Debug, Default)]
pub(super) struct Verbose {
    section: Section,
    /// The device that the next descriptors are of.
    pub(super) device: Option<usize>,
    /// Its line was seen, and nothing of its descriptors.
    fresh: bool,
    /// The lines are of FreeBSD's usbconfig.
    pub(super) of_usbconfig: bool,
    pub(super) viewer: Viewer,
    /// What was seen of the interface that the next lines are of.
    interface: Option<Begun>,
}

/// How far the descriptor of an interface was read.
#[derive(Debug, Default)]
struct Begun {
    number: bool,
    class: bool,
    protocol: bool,
}

/// How wide a field is, in bytes, or that it is printed as a version.
#[derive(Clone, Copy, Debug)]
enum Width {
    Bytes(usize),
    Version,
}

/// A functional descriptor (USB CDC 1.2 section 5.2.3, NCM 1.0 section 5.2, MBIM 1.0 section 6.4): its heading, its subtype, its fields.
struct Functional {
    heading: &'static str,
    subtype: u8,
    fields: &'static [(&'static str, Width)],
}

const FUNCTIONAL: &[Functional] = &[
    Functional { heading: "CDC Header:", subtype: 0x00, fields: &[("bcdCDC", Width::Version)] },
    Functional {
        heading: "CDC Call Management:",
        subtype: 0x01,
        fields: &[("bmCapabilities", Width::Bytes(1)), ("bDataInterface", Width::Bytes(1))],
    },
    Functional { heading: "CDC ACM:", subtype: 0x02, fields: &[("bmCapabilities", Width::Bytes(1))] },
    Functional {
        heading: "CDC Union:",
        subtype: 0x06,
        fields: &[("bMasterInterface", Width::Bytes(1)), ("bSlaveInterface", Width::Bytes(1))],
    },
    Functional {
        heading: "CDC Ethernet:",
        subtype: 0x0f,
        fields: &[
            ("iMacAddress", Width::Bytes(1)),
            ("bmEthernetStatistics", Width::Bytes(4)),
            ("wMaxSegmentSize", Width::Bytes(2)),
            ("wNumberMCFilters", Width::Bytes(2)),
            ("bNumberPowerFilters", Width::Bytes(1)),
        ],
    },
    Functional {
        heading: "CDC NCM:",
        subtype: 0x1a,
        fields: &[("bcdNcmVersion", Width::Version), ("bmNetworkCapabilities", Width::Bytes(1))],
    },
    Functional {
        heading: "CDC MBIM:",
        subtype: 0x1b,
        fields: &[
            ("bcdMBIMVersion", Width::Version),
            ("wMaxControlMessage", Width::Bytes(2)),
            ("bNumberFilters", Width::Bytes(1)),
            ("bMaxFilterSize", Width::Bytes(1)),
            ("wMaxSegmentSize", Width::Bytes(2)),
            ("bmNetworkCapabilities", Width::Bytes(1)),
        ],
    },
];

/// What lsusb writes where it may not ask the device.
const NOT_OPENED: &str = "Couldn't open device";

impl Reader {
    /// `Bus 001 Device 005: ID 12d1:1506 Huawei Technologies Co., Ltd.`
    pub(super) fn lsusb_line(&mut self, line: &Line<'_>) -> bool {
        let Some((address, id, name)) = head(line.text) else { return false };
        // `lsusb -D` tells of one that `lsusb` listed.
        let same = |d: &PastedDevice| d.id == id;
        let is_dump =
            line.text.starts_with("Device: ") && self.devices.iter().filter(|d| same(d)).count() == 1;
        let index = match self.devices.iter().position(same).filter(|_| is_dump) {
            Some(index) => Some(index),
            None => self.device(address, id, Format::Lsusb),
        };
        self.begin_verbose(index);
        if let Some(index) = index {
            self.listed(index);
            self.devices[index].listed_as = string(name);
        }
        true
    }

    /// A line of the descriptors.
    pub(super) fn verbose_line(&mut self, text: &str) -> bool {
        if text.starts_with(NOT_OPENED) {
            let remark = "lsusb ran without root: the texts of the device are missing";
            if let Some(device) = self.verbose.device.and_then(|i| self.devices.get_mut(i)) {
                device.remark(remark);
            }
            return true;
        }
        if let Some(bytes) = unrecognized(text) {
            self.extra(&bytes);
            return true;
        }
        if self.viewer_line(text) {
            return true;
        }
        if let Some(begun) = text.strip_suffix(':').filter(|t| !t.is_empty()) {
            return self.heading(begun);
        }
        if let Some(heading) = text.split_once(':').map(|(before, _)| before).filter(|b| is_closing(b)) {
            return self.heading(heading);
        }
        let Some((key, value)) = text.split_once(char::is_whitespace) else { return false };
        // FreeBSD's usbconfig writes `idVendor = 0x12d1`.
        self.field(key, value.trim_start_matches([' ', '\t', '=']).trim_end())
    }

    pub(super) fn heading(&mut self, heading: &str) -> bool {
        let section = match heading {
            "Device Descriptor" => {
                self.end_functional();
                self.begin_device();
                self.verbose.section = Section::Device;
                return true;
            }
            "Configuration Descriptor" => Section::Configuration,
            "Interface Descriptor" => Section::Interface,
            "Endpoint Descriptor" => Section::Endpoint,
            _ if is_closing(heading) => Section::Other,
            _ => {
                let named = |f: &Functional| f.heading.strip_suffix(':') == Some(heading);
                let Some(row) = FUNCTIONAL.iter().position(named) else {
                    // Of some other descriptor, whose fields share names with those that matter.
                    let inside = !matches!(self.verbose.section, Section::Other);
                    let is_list = matches!(heading, "Transfer Type" | "(Bus Powered)" | "Self Powered");
                    if inside && heading.ends_with("Descriptor") && !is_list {
                        self.end_functional();
                        self.verbose.section = Section::Other;
                    }
                    return inside;
                };
                Section::Cdc(row, vec![None; FUNCTIONAL[row].fields.len()])
            }
        };
        self.end_functional();
        match section {
            Section::Configuration => {
                self.begin_configuration();
            }
            Section::Interface => self.begin_interface(),
            Section::Endpoint => self.begin_endpoint(),
            _ => {}
        }
        self.verbose.section = section;
        true
    }

    /// The device that the lines are of; one without ids where its head was cut off.
    fn verbose_device(&mut self) -> Option<&mut PastedDevice> {
        if self.verbose.device.is_none() {
            self.verbose.device = self.add(PastedDevice::new(super::NO_ID));
            self.verbose.device.into_iter().for_each(|index| self.listed(index));
        }
        let device = self.devices.get_mut(self.verbose.device?)?;
        device.is_in(match &self.verbose {
            Verbose { of_usbconfig: true, .. } => Format::Usbconfig,
            Verbose { viewer: Viewer { seen: true, .. }, .. } => Format::Viewer,
            _ => Format::LsusbVerbose,
        });
        Some(device)
    }

    fn begin_device(&mut self) {
        self.end_interface();
        if !self.verbose.fresh {
            self.verbose.device = None;
        }
        self.verbose.fresh = false;
        if let Some(device) = self.verbose_device() {
            // The same device once more: what was there is replaced.
            device.configurations.clear();
            device.counts.clear();
            device.names.clear();
            device.told_endpoints.clear();
            device.without_class.clear();
            device.composition = None;
        }
    }

    fn begin_configuration(&mut self) {
        self.end_interface();
        self.verbose.fresh = false;
        let Some(device) = self.verbose_device() else { return };
        if device.configurations.len() < MOST_CONFIGURATIONS {
            device.configurations.push(configuration(0, Vec::new()));
            device.counts.push(None);
        }
    }

    fn begin_interface(&mut self) {
        self.end_interface();
        let Some(device) = self.verbose_device() else { return };
        if device.configurations.is_empty() {
            device.configurations.push(configuration(1, Vec::new()));
            device.counts.push(None);
            device.remark("the text is cut: it does not show the whole configuration");
        }
        if let Some(configuration) = device.configurations.last_mut()
            && configuration.interfaces.len() < MOST_INTERFACES
        {
            configuration.interfaces.push(InterfaceDescriptor::default());
            self.verbose.interface = Some(Begun::default());
        }
    }

    /// Takes an interface away again whose descriptor ends too early: what it would be taken for is another thing.
    fn end_interface(&mut self) {
        let Some(begun) = self.verbose.interface.take() else { return };
        let Some(configuration) = self.verbose_configuration() else { return };
        let told = |i: &InterfaceDescriptor| matches!(i.class[0], 0x02 | 0xe0 | 0xef | 0xff);
        let needs_protocol = configuration.interfaces.last().is_some_and(told);
        if !begun.number || !begun.class || needs_protocol && !begun.protocol {
            let number = configuration.interfaces.pop().filter(|_| begun.number).map(|i| i.number);
            let device = self.verbose.device.and_then(|index| self.devices.get_mut(index));
            device.into_iter().for_each(|device| device.without_class.extend(number));
        }
    }

    fn begin_endpoint(&mut self) {
        let Some(interface) = self.verbose_interface() else { return };
        if interface.endpoints.len() < MOST_ENDPOINTS {
            let endpoint = EndpointDescriptor {
                address: 0,
                attributes: 0,
                max_packet: 0,
                interval: 0,
                extra: Vec::new(),
            };
            interface.endpoints.push(endpoint);
        }
    }

    fn verbose_configuration(&mut self) -> Option<&mut ConfigurationDescriptor> {
        self.devices.get_mut(self.verbose.device?)?.configurations.last_mut()
    }

    fn verbose_interface(&mut self) -> Option<&mut InterfaceDescriptor> {
        self.verbose_configuration()?.interfaces.last_mut()
    }

    pub(super) fn field(&mut self, key: &str, value: &str) -> bool {
        let number = leading(value);
        // Such a line is enough to begin a device whose head was cut off.
        if matches!(key, "idVendor" | "idProduct") && self.verbose.section == Section::Other {
            if key == "idVendor" {
                self.begin_device();
            }
            self.verbose.section = Section::Device;
        }
        // Of `grep bInterface` the headings are missing.
        let begun = self.verbose.interface.as_ref().is_some_and(|begun| !begun.number);
        if key == "bInterfaceNumber" && self.verbose.device.is_some() && !begun {
            self.end_functional();
            self.begin_interface();
            self.verbose.section = Section::Interface;
        }
        // FreeBSD's list has no headings.
        let last = self.verbose_interface().and_then(|i| i.endpoints.last()).map(|e| e.address);
        let begun = match self.verbose.section {
            Section::Interface => self.verbose.interface.is_some(),
            Section::Endpoint => last != Some(0),
            _ => false,
        };
        if key == "bEndpointAddress" && begun {
            self.begin_endpoint();
            self.verbose.section = Section::Endpoint;
        }
        if self.verbose.fresh && matches!(key, "iManufacturer" | "iProduct" | "bcdDevice") {
            self.verbose.section = Section::Device;
        }
        match &mut self.verbose.section {
            Section::Other => return false,
            Section::Cdc(row, fields) => {
                let named = FUNCTIONAL[*row].fields.iter().position(|(name, _)| *name == key);
                let Some(at) = named else { return true };
                // A union may name several slaves; the first is the data interface.
                let is_version = matches!(FUNCTIONAL[*row].fields[at].1, Width::Version);
                let value = if is_version { bcd(value).map(u32::from) } else { number };
                fields[at] = fields[at].or(value);
            }
            Section::Device => self.device_field(key, value, number),
            Section::Configuration => self.configuration_field(key, value, number),
            Section::Interface => {
                if let Some(begun) = &mut self.verbose.interface {
                    match key {
                        "bInterfaceNumber" => begun.number = number.is_some(),
                        "bInterfaceClass" => begun.class = number.is_some(),
                        "bInterfaceProtocol" => begun.protocol = number.is_some(),
                        _ => {}
                    }
                }
                let interface = self.verbose_interface().map(|i| (i.number, i.alternate));
                if key == "bNumEndpoints"
                    && let Some(device) = self.verbose.device.and_then(|index| self.devices.get_mut(index))
                {
                    if let Some(((interface, alternate), count)) = interface.zip(byte(number)) {
                        device.tells_endpoints(interface, alternate, count);
                        let one_way = count == 1 && device.configurations.len() == 1;
                        device.one_way.extend(one_way.then_some(interface));
                    }
                    return true;
                }
                if key == "iInterface" {
                    self.name_interface(value);
                    return true;
                }
                let Some(interface) = self.verbose_interface() else { return true };
                let Some(byte) = byte(number) else { return true };
                match key {
                    "bInterfaceNumber" => interface.number = byte,
                    "bAlternateSetting" => interface.alternate = byte,
                    "bInterfaceClass" => interface.class[0] = byte,
                    "bInterfaceSubClass" => interface.class[1] = byte,
                    "bInterfaceProtocol" => interface.class[2] = byte,
                    _ => {}
                }
            }
            Section::Endpoint => {
                let Some(endpoint) = self.verbose_interface().and_then(|i| i.endpoints.last_mut()) else {
                    return true;
                };
                match (key, byte(number)) {
                    ("bEndpointAddress", Some(address)) => endpoint.address = address,
                    ("bmAttributes", Some(attributes)) => endpoint.attributes = attributes,
                    ("bInterval", Some(interval)) => endpoint.interval = interval,
                    ("wMaxPacketSize", _) => endpoint.max_packet = word(number).unwrap_or(0),
                    _ => {}
                }
            }
        }
        true
    }

    /// `8 Mobile Diag Interface`
    fn name_interface(&mut self, value: &str) {
        let number = self.verbose_interface().map(|i| i.number);
        let device = self.verbose.device.and_then(|index| self.devices.get_mut(index));
        if let (Some(number), Some(device), Some(name)) = (number, device, text_after(value).and_then(string))
            && device.configurations.len() == 1
        {
            device.names.entry(number).or_insert(name);
        }
    }

    fn device_field(&mut self, key: &str, value: &str, number: Option<u32>) {
        let Some(device) = self.verbose_device() else { return };
        match key {
            "idVendor" => {
                device.half_an_id |= device.id == super::NO_ID;
                device.id.vendor = id(value).unwrap_or(device.id.vendor);
            }
            "idProduct" => {
                let read = id(value);
                device.half_an_id = device.id.vendor == 0 || device.half_an_id && read.is_none();
                device.id.product = read.unwrap_or(device.id.product);
            }
            "bcdDevice" => device.release = bcd(value).or_else(|| id(value)).or(device.release),
            "bDeviceClass" => device.class[0] = byte(number).unwrap_or(0),
            "bDeviceSubClass" => device.class[1] = byte(number).unwrap_or(0),
            "bDeviceProtocol" => device.class[2] = byte(number).unwrap_or(0),
            "iManufacturer" => device.manufacturer = text_after(value).and_then(string),
            "iProduct" => device.product = text_after(value).and_then(string),
            "iSerial" | "iSerialNumber" => device.serial = text_after(value).and_then(string),
            "bNumConfigurations" => device.configuration_count = byte(number),
            _ => {}
        }
    }

    fn configuration_field(&mut self, key: &str, value: &str, number: Option<u32>) {
        if key == "bNumInterfaces" {
            let device = self.verbose.device.and_then(|index| self.devices.get_mut(index));
            if let Some(count) = device.and_then(|d| d.counts.last_mut()) {
                *count = byte(number);
            }
            return;
        }
        if key == "iConfiguration" {
            let device = self.verbose.device.and_then(|index| self.devices.get_mut(index));
            if let Some(device) = device.filter(|device| device.configurations.len() == 1) {
                device.composition = text_after(value).and_then(string);
            }
            return;
        }
        let Some(configuration) = self.verbose_configuration() else { return };
        match key {
            "bConfigurationValue" => configuration.value = byte(number).unwrap_or(1),
            "bmAttributes" => configuration.attributes = byte(number).unwrap_or(0x80),
            "MaxPower" | "bMaxPower" => {
                // lsusb writes milliamperes; the byte of the descriptor counts two of them.
                let unit = if value.starts_with("0x") { 1 } else { 2 };
                configuration.max_power = byte(number.map(|n| n / unit)).unwrap_or(USUAL_POWER);
            }
            _ => {}
        }
    }

    /// Class-specific descriptors in bytes.
    fn extra(&mut self, bytes: &[u8]) {
        self.end_functional();
        if let Some(interface) = self.verbose_interface()
            && interface.extra.len() + bytes.len() <= MOST_EXTRA
            && usize::from(bytes[0]) == bytes.len()
        {
            interface.extra.extend_from_slice(bytes);
        }
    }

    fn end_functional(&mut self) {
        let Section::Cdc(row, fields) = std::mem::take(&mut self.verbose.section) else { return };
        let functional = &FUNCTIONAL[row];
        let mut bytes = vec![0, 0x24, functional.subtype];
        for (value, (_, width)) in fields.iter().zip(functional.fields) {
            let count = match width {
                Width::Bytes(count) => *count,
                Width::Version => 2,
            };
            bytes.extend_from_slice(&value.unwrap_or(0).to_le_bytes()[..count]);
        }
        bytes[0] = bytes.len() as u8;
        if let Some(interface) = self.verbose_interface()
            && interface.extra.len() + bytes.len() <= MOST_EXTRA
        {
            interface.extra.extend_from_slice(&bytes);
        }
        // The next field of an interface without a heading belongs to it no more.
        self.verbose.section = Section::Interface;
    }

    /// What follows is of a device whose line was just read; `None`: of one whose ids follow.
    pub(super) fn begin_verbose(&mut self, device: Option<usize>) {
        self.end_verbose();
        self.verbose = Verbose { device, fresh: device.is_some(), ..Verbose::default() };
    }

    /// The text ends, or another device begins.
    pub(super) fn end_verbose(&mut self) {
        self.end_functional();
        self.end_interface();
        self.verbose.section = Section::Other;
    }
}

/// Headings after which nothing of interest comes until the next known one.
fn is_closing(heading: &str) -> bool {
    heading.starts_with("Device Qualifier")
        || matches!(
            heading,
            "Binary Object Store Descriptor" | "Device Status" | "Interface Association" | "Hub Descriptor"
        )
}

/// Address, ids and name.
type Head<'a> = (Option<(u16, u16)>, UsbId, &'a str);

/// What a line of `lsusb` says, wherever in the line it begins: after a prompt, a mark of a list, the tail of another line.
/// Without the address, `ID 12d1:1f01 ..` is enough where a line begins with it, or with what the cut or `lsusb -D` left before it.
fn head(text: &str) -> Option<Head<'_>> {
    let number = |text: &str| text.trim().parse::<u16>().ok();
    let ids = |rest: &str| -> Option<(usize, UsbId)> {
        let id = rest.split(|c: char| !c.is_ascii_hexdigit() && c != ':').next()?;
        Some((id.len(), id.parse().ok().filter(|_| id.len() == 9)?))
    };
    // Some write it down by hand: `bus 003 device 005: ID ..`.
    let lower = text.to_ascii_lowercase();
    for (at, _) in lower.match_indices("bus ") {
        let Some((bus, rest)) = lower[at + 4..].split_once(" device ") else { break };
        let Some((device, rest)) = rest.split_once(':') else { break };
        let Some(rest) = rest.trim_start().strip_prefix("id ") else { continue };
        let rest = &text[text.len() - rest.len()..];
        let rest = rest.trim_start();
        let (Some(bus), Some(device), Some((length, id))) = (number(bus), number(device), ids(rest)) else {
            continue;
        };
        return Some((Some((bus, device)), id, rest[length..].trim_start()));
    }
    let cut = text.strip_prefix("Device").and_then(|rest| rest.split_once(':'));
    let rest = match cut {
        Some((device, rest)) if device.trim().is_empty() || number(device).is_some() => rest.trim_start(),
        Some(_) => return None,
        None => text,
    };
    let rest = rest.strip_prefix("ID ")?.trim_start();
    let (length, id) = ids(rest)?;
    Some((None, id, rest[length..].trim_start()))
}

/// A descriptor that lsusb only prints in bytes.
fn unrecognized(text: &str) -> Option<Vec<u8>> {
    let rest = text
        .strip_prefix("** UNRECOGNIZED:")
        .or_else(|| text.strip_prefix("INTERFACE CLASS:"))
        .or_else(|| text.strip_prefix("UNRECOGNIZED:"))?;
    let bytes = hex::decode(&rest.split_whitespace().collect::<String>())?;
    (bytes.len() >= 2).then_some(bytes)
}
