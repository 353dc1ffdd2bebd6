//! `usb-devices`, and the kernel's file `/sys/kernel/debug/usb/devices` of the same form (Linux, Documentation/driver-api/usb/usb.rst).
//! stickshift's own report adds a line with the descriptors in bytes.

use std::collections::HashMap;

use super::number::{self, bcd, byte, hex, leading, string, word};
use super::{
    Format, MOST_CONFIGURATIONS, MOST_ENDPOINTS, MOST_INTERFACES, NO_ID, PastedDevice, Reader, configuration,
};
use crate::stick::{Place, UsbId};
use crate::wire::usb::{
    ConfigurationDescriptor, DeviceDescriptor, EndpointDescriptor, InterfaceDescriptor, split_configurations,
};

/// No hub stands behind more than six others.
const DEEPEST: usize = 6;
/// The line of stickshift's own report.
const DESCRIPTORS: &str = "descriptors:";

const NUMBERED_0: &str =
    "an old usb-devices prints the numbers of interfaces from 08 on as 0: those interfaces are left out";

/// The state of such a listing.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub(super) device: Option<usize>,
    /// The number of the next interface, which old versions of `usb-devices` take for an octal one and print as 0.
    no_octal: Option<u8>,
    /// Ports on the way to a device, by bus and number; empty for a root hub.
    ways: HashMap<(u16, u16), Vec<u16>>,
}

/// `Bus=01 Lev=01 Cls=00(>ifc )` by name.
pub(super) struct Fields<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Fields<'a> {
    pub(super) fn of(text: &'a str) -> Fields<'a> {
        let mut found = Vec::new();
        // A key ends at `=`; its value may follow after spaces.
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('=') {
            let key = before.rsplit(char::is_whitespace).next().unwrap_or_default();
            let value = after.trim_start();
            let end = value.find(char::is_whitespace).unwrap_or(value.len());
            found.push((key, &value[..end]));
            rest = &value[end..];
        }
        Fields(found)
    }

    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|(key, _)| *key == name).map(|(_, value)| *value)
    }

    fn number(&self, name: &str) -> Option<u16> {
        word(self.get(name).and_then(leading))
    }

    /// `0x81(I)`, `ff(vend.)`, `03`.
    fn hex(&self, name: &str) -> Option<u8> {
        byte(self.get(name).and_then(hex))
    }

    fn decimal(&self, name: &str) -> Option<u8> {
        byte(self.get(name).and_then(leading))
    }
}

impl Reader {
    pub(super) fn usb_devices_line(&mut self, text: &str) -> bool {
        if let Some(digits) = text.strip_prefix(DESCRIPTORS) {
            let is_read = self.raw_descriptors(digits.trim());
            if !is_read {
                self.descriptors_are_damaged();
            }
            return is_read;
        }
        if let Some(number) = no_octal(text) {
            self.listing.no_octal = Some(number);
            return true;
        }
        let Some((letter, rest)) = letter(text) else { return false };
        let fields = Fields::of(rest);
        match letter {
            'T' => {
                self.listing.no_octal = None;
                self.topology(&fields);
            }
            'P' if fields.get("Vendor").is_some() => self.product(&fields),
            'I' => self.interface(&fields),
            _ => {}
        }
        if letter == 'C' && self.listing.device.is_none() && fields.get("#Ifs").is_some() {
            // Its head was cut off, and its ids with it.
            self.listing.device = self.add(PastedDevice::new(NO_ID));
        }
        let Some(device) = self.listing.device.and_then(|index| self.devices.get_mut(index)) else {
            return letter == 'T';
        };
        match letter {
            'D' => {
                device.class = ["Cls", "Sub", "Prot"].map(|name| fields.hex(name).unwrap_or(0));
                device.configuration_count = fields.decimal("#Cfgs");
            }
            'S' => {
                let Some((key, value)) = rest.split_once('=') else { return true };
                match key.trim() {
                    "Manufacturer" => device.manufacturer = string(value),
                    "Product" => device.product = string(value),
                    "SerialNumber" => device.serial = string(value),
                    _ => {}
                }
            }
            'C' => device.begin_listed(text, &fields),
            'N' => self.nodes(&fields),
            'E' => {
                let last = device.configurations.last_mut().and_then(|c| c.interfaces.last_mut());
                let Some(interface) = last else { return true };
                let told = (fields.get("Ad"), fields.get("Atr"), fields.get("MxPS"));
                if interface.endpoints.len() < MOST_ENDPOINTS && matches!(told, (Some(_), Some(_), Some(_))) {
                    interface.endpoints.push(EndpointDescriptor {
                        address: fields.hex("Ad").unwrap_or(0),
                        attributes: fields.hex("Atr").unwrap_or(0),
                        max_packet: fields.number("MxPS").unwrap_or(0),
                        // In milliseconds or microseconds: of no use as bInterval.
                        interval: 0,
                        extra: Vec::new(),
                    });
                }
            }
            _ => {}
        }
        true
    }

    /// `T:  Bus=01 Lev=01 Prnt=01 Port=00 Cnt=01 Dev#=  5 Spd=480 MxCh= 0` begins a device. Ports are counted from 0 here.
    fn topology(&mut self, fields: &Fields<'_>) {
        let device = self.add(PastedDevice::new(NO_ID));
        self.listing.device = device;
        let Some(device) = device.and_then(|index| self.devices.get_mut(index)) else { return };
        let (Some(bus), Some(number)) = (fields.number("Bus"), fields.number("Dev#")) else { return };
        device.address = Some((bus, number));
        // stickshift's own report knows the place.
        device.place = fields.get("Place").and_then(|place| place.parse().ok());
        let (Some(level), Some(port)) = (fields.number("Lev"), fields.number("Port")) else { return };
        let parent = fields.number("Prnt").and_then(|parent| self.listing.ways.get(&(bus, parent)));
        let way = match (level, parent) {
            (0, _) => Vec::new(),
            (1, _) => vec![port.saturating_add(1)],
            (_, Some(way)) if way.len() < DEEPEST => {
                way.iter().copied().chain([port.saturating_add(1)]).collect()
            }
            // The hub that it hangs on was not pasted.
            _ => {
                device.hangs_on = fields.number("Prnt").map(|parent| [bus, level, parent, port]);
                return;
            }
        };
        device.place = place(bus, &way);
        self.listing.ways.insert((bus, number), way);
    }

    /// `P:  Vendor=12d1 ProdID=1506 Rev=01.02`
    fn product(&mut self, fields: &Fields<'_>) {
        let started = self.listing.device.and_then(|index| self.devices.get(index));
        if started.is_none_or(|device| device.id != NO_ID) {
            // The lines before it were cut off.
            self.listing.device = self.add(PastedDevice::new(NO_ID));
        }
        let Some(index) = self.listing.device else { return };
        let ids = (fields.get("Vendor").and_then(number::id), fields.get("ProdID").and_then(number::id));
        let (Some(vendor), Some(product)) = ids else { return };
        let id = UsbId::new(vendor, product);
        let address = self.devices[index].address;
        // Another command of the same text may have shown it already.
        let same = |d: &PastedDevice| address.is_some() && d.address == address && d.id == id;
        let known = self.devices.iter().position(same);
        let index = match known {
            Some(known) if known != index => {
                let begun = self.devices.remove(index);
                let known = known - usize::from(known > index);
                let device = &mut self.devices[known];
                device.place = begun.place.or(device.place.take());
                device.class = begun.class;
                device.configuration_count = begun.configuration_count;
                // With drivers, it says more than what was there.
                if device.configurations.iter().all(|c| c.interfaces.is_empty()) {
                    device.configurations.clear();
                    device.counts.clear();
                }
                known
            }
            _ => index,
        };
        self.listing.device = Some(index);
        self.listed(index);
        let device = &mut self.devices[index];
        device.id = id;
        device.release = fields.get("Rev").and_then(bcd).or(device.release);
        device.is_in(if self.own.is_some() { Format::Report } else { Format::UsbDevices });
    }

    /// `I:  If#=0x0 Alt= 0 #EPs= 3 Cls=ff(vend.) Sub=03 Prot=10 Driver=option`
    fn interface(&mut self, fields: &Fields<'_>) {
        let Some(device) = self.listing.device.and_then(|index| self.devices.get_mut(index)) else { return };
        let number = fields.get("If#").and_then(|n| if n.contains('x') { hex(n) } else { leading(n) });
        let Some(mut number) = byte(number) else { return };
        let no_octal = self.listing.no_octal.take();
        // Of two digits each; a line that ends before them is cut.
        let class = |name: &str| fields.get(name).filter(|v| digits(v) == 2).and_then(|v| byte(hex(v)));
        let (Some(class), Some(subclass), Some(protocol)) = (class("Cls"), class("Sub"), class("Prot"))
        else {
            device.without_class.insert(number);
            return;
        };
        if device.configurations.is_empty() {
            device.configurations.push(configuration(1, Vec::new()));
            device.counts.push(None);
        }
        let Some(configuration) = device.configurations.last_mut() else { return };
        let described = device.formats.contains(&Format::LsusbVerbose);
        let active = device.active.is_none_or(|active| active == configuration.value) || described;
        if configuration.interfaces.len() < MOST_INTERFACES && !described {
            let alternate = fields.decimal("Alt").unwrap_or(0);
            let is_known = |number: u8| {
                configuration.interfaces.iter().any(|i| (i.number, i.alternate) == (number, alternate))
            };
            if number == 0 && is_known(0) {
                let Some(told) = no_octal.filter(|told| !is_known(*told)) else {
                    device.remark(NUMBERED_0);
                    return;
                };
                number = told;
            }
            let class = [class, subclass, protocol];
            let described =
                InterfaceDescriptor { number, alternate, class, ..InterfaceDescriptor::default() };
            configuration.interfaces.push(described);
            if let Some(count) = fields.decimal("#EPs") {
                device.tells_endpoints(number, alternate, count);
                device.one_way.extend((count == 1 && active).then_some(number));
            }
        }
        if let Some(driver) = fields.get("Driver").filter(|_| active) {
            let bound = (!driver.starts_with('(')).then(|| string(driver)).flatten();
            device.attached(number).driver = Some(bound);
        }
    }

    /// Of stickshift's own report: `N:  If#=0 Tty=ttyUSB0 Net=wwan0 Wdm=cdc-wdm0`.
    fn nodes(&mut self, fields: &Fields<'_>) {
        let Some(device) = self.listing.device.and_then(|index| self.devices.get_mut(index)) else { return };
        let Some(number) = fields.decimal("If#") else { return };
        let attached = device.attached(number);
        let name = |name: &str| fields.get(name).and_then(string);
        attached.tty = name("Tty");
        attached.netdev = name("Net");
        attached.cdc_wdm = name("Wdm");
    }

    /// Device descriptor and configurations in bytes: they say more than the lines before.
    fn raw_descriptors(&mut self, digits: &str) -> bool {
        let Some(device) = self.listing.device.and_then(|index| self.devices.get_mut(index)) else {
            return false;
        };
        let Some(bytes) = crate::hex::decode(digits) else { return false };
        let Some(rest) = bytes.get(DeviceDescriptor::LENGTH..) else { return false };
        let Ok(parts) = split_configurations(rest) else { return false };
        let told = parts.len();
        let parsed: Vec<ConfigurationDescriptor> = parts
            .into_iter()
            .take(MOST_CONFIGURATIONS)
            .filter_map(|part| ConfigurationDescriptor::parse(part).ok())
            .filter(|c| c.interfaces.len() <= MOST_INTERFACES)
            .collect();
        let is_whole = parsed.len() == told;
        if !parsed.is_empty() {
            device.counts = vec![None; parsed.len()];
            device.told_endpoints.clear();
            device.configurations = parsed;
        }
        is_whole
    }
}

impl PastedDevice {
    /// `C:* #Ifs= 5 Cfg#= 1 Atr=80 MxPwr=500mA`; the star marks the active one.
    fn begin_listed(&mut self, text: &str, fields: &Fields<'_>) {
        let value = fields.decimal("Cfg#").unwrap_or(1);
        if text.starts_with("C:*") || self.active.is_none() {
            self.active = Some(value);
        }
        let described = self.formats.contains(&Format::LsusbVerbose);
        if self.configurations.len() >= MOST_CONFIGURATIONS || described {
            return;
        }
        let mut configuration = configuration(value, Vec::new());
        configuration.attributes = fields.hex("Atr").unwrap_or(0x80);
        let power = fields.get("MxPwr").and_then(leading).map(|ma| ma / 2);
        configuration.max_power = byte(power).unwrap_or(configuration.max_power);
        self.configurations.push(configuration);
        self.counts.push(fields.decimal("#Ifs"));
    }
}

/// `/usr/bin/usb-devices: line 79: printf: 08: invalid octal number`
fn no_octal(text: &str) -> Option<u8> {
    let (_, after) = text.split_once("printf: ").filter(|(before, _)| before.contains("usb-devices"))?;
    let (number, _) = after.split_once(':').filter(|(number, _)| number.len() == 2)?;
    u8::from_str_radix(number, 16).ok()
}

pub(super) fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_hexdigit).count()
}

/// The letter of a line and what follows its colon or star.
pub(super) fn letter(text: &str) -> Option<(char, &str)> {
    let letter = text.chars().next().filter(|c| "TBDPSCIEAN".contains(*c))?;
    let rest = text[1..].strip_prefix(':')?;
    let rest = rest.strip_prefix('*').unwrap_or(rest);
    rest.contains('=').then_some((letter, rest))
}

/// The place at the end of these ports.
pub(super) fn place(bus: u16, way: &[u16]) -> Option<Place> {
    if way.is_empty() {
        return None;
    }
    let ports: Vec<String> = way.iter().map(u16::to_string).collect();
    format!("{bus}-{}", ports.join(".")).parse().ok()
}
