//! What Linux shows of the USB bus under `/sys/bus/usb/devices`.

use std::fs;
use std::path::{Path, PathBuf};

use super::holder;
use crate::stick::{Endpoint, Hindrance, Interface, Mode, Place, Role, Stick, UsbId};
use crate::wire::usb::{ConfigurationDescriptor, DeviceDescriptor, split_configurations};

/// Strings of devices are their makers' text, or an attacker's; longer ones are cut.
const LONGEST_STRING: usize = 126;

/// Where sysfs and the device nodes are. Tests give trees of their own.
#[derive(Clone, Debug)]
pub struct Roots {
    /// `/sys`.
    pub sys: PathBuf,
    /// `/dev`.
    pub dev: PathBuf,
}

/// What a device says of itself in words.
#[derive(Clone, Debug, Default)]
pub(super) struct Strings {
    manufacturer: Option<String>,
    product: Option<String>,
    serial: Option<String>,
}

impl Strings {
    pub(super) fn put_into(self, device: &mut Stick) {
        device.manufacturer = self.manufacturer;
        device.product = self.product;
        device.serial = self.serial;
    }
}

impl Default for Roots {
    fn default() -> Self {
        Roots { sys: "/sys".into(), dev: "/dev".into() }
    }
}

impl Roots {
    /// Every USB device there is, ordered by place, not classified. A device that leaves while it is read is left out.
    pub fn devices(&self) -> Vec<Stick> {
        self.places().filter_map(|place| self.device(&place)).collect()
    }

    /// The same without what the kernel gives only to whoever holds the device's lock: the strings. This never waits for a device.
    pub(super) fn devices_at_once(&self) -> Vec<Stick> {
        let at_once = |place: Place| {
            let configuration = self.shown_configuration(&place);
            self.described(&place, configuration)
        };
        self.places().filter_map(at_once).collect()
    }

    /// The device at `place`, not classified, without who holds its ports. Waits while a driver holds the device's lock.
    pub fn device(&self, place: &Place) -> Option<Stick> {
        let mut device = self.described(place, self.configuration(place))?;
        self.strings(place).put_into(&mut device);
        Some(device)
    }

    fn places(&self) -> impl Iterator<Item = Place> {
        let entries = fs::read_dir(self.usb_devices()).into_iter().flatten().flatten();
        let mut places: Vec<Place> = entries.filter_map(|e| e.file_name().to_str()?.parse().ok()).collect();
        places.sort();
        places.into_iter()
    }

    /// The file of the device's descriptors.
    pub(super) fn descriptors(&self, place: &Place) -> PathBuf {
        self.usb_devices().join(place.as_str()).join("descriptors")
    }

    /// bConfigurationValue of the device at `place`; 0 for none. Waits for the device's lock.
    pub(super) fn configuration(&self, place: &Place) -> u8 {
        let value = attribute(&self.usb_devices().join(place.as_str()), "bConfigurationValue");
        value.and_then(|value| value.parse().ok()).unwrap_or(0)
    }

    /// The same from the names of the folders of its interfaces, which nobody locks; 0 while there are none.
    fn shown_configuration(&self, place: &Place) -> u8 {
        let prefix = format!("{place}:");
        let folders = children(&self.usb_devices().join(place.as_str()), &prefix).into_iter();
        let mut values = folders.filter_map(|path| {
            let name = path.file_name()?.to_str()?.strip_prefix(&prefix)?;
            name.split('.').next()?.parse().ok()
        });
        values.next().unwrap_or(0)
    }

    /// What the device at `place` says of itself in words. Waits for the device's lock.
    pub(super) fn strings(&self, place: &Place) -> Strings {
        let folder = self.usb_devices().join(place.as_str());
        let string = |name: &str| attribute(&folder, name).filter(|s| !s.is_empty()).map(|s| printable(&s));
        Strings { manufacturer: string("manufacturer"), product: string("product"), serial: string("serial") }
    }

    /// Why the system does not use the device at `place`. Waits for the device's lock.
    pub fn hindrance(&self, place: &Place) -> Option<Hindrance> {
        let folder = self.usb_devices().join(place.as_str());
        attribute(&folder, "idVendor")?;
        let forbidden = |folder: &Path| attribute(folder, "authorized").as_deref() == Some("0");
        if forbidden(&folder) {
            return Some(Hindrance::NotAuthorized { interface: None });
        }
        if self.configuration(place) == 0 {
            return Some(Hindrance::NotConfigured { wants_ma: wants_ma(&folder) });
        }
        let interfaces = children(&folder, &format!("{place}:"));
        let number = |path: &Path| path.file_name()?.to_str()?.rsplit('.').next()?.parse().ok();
        let interface =
            interfaces.iter().filter(|path| forbidden(path)).filter_map(|path| number(path)).min()?;
        Some(Hindrance::NotAuthorized { interface: Some(interface) })
    }

    fn described(&self, place: &Place, configuration: u8) -> Option<Stick> {
        let folder = self.usb_devices().join(place.as_str());
        let hex = |name: &str| u16::from_str_radix(&attribute(&folder, name)?, 16).ok();
        let number = |name: &str| attribute(&folder, name)?.parse().ok();
        Some(Stick {
            place: place.clone(),
            id: UsbId::new(hex("idVendor")?, hex("idProduct")?),
            release: hex("bcdDevice").unwrap_or(0),
            class: hex("bDeviceClass").unwrap_or(0) as u8,
            manufacturer: None,
            product: None,
            serial: None,
            configuration,
            configurations: number("bNumConfigurations").unwrap_or(1),
            interfaces: self.interfaces(&folder, place, configuration),
            mode: Mode::Unknown,
            evidence: Vec::new(),
        })
    }

    /// Fills in who holds the ports of `sticks`, in one pass over all processes.
    pub fn find_holders(&self, sticks: &mut [Stick]) {
        let mut ports: Vec<(PathBuf, &mut Interface)> = Vec::new();
        for interface in sticks.iter_mut().flat_map(|s| &mut s.interfaces) {
            if let Some(node) = interface.tty.as_ref().or(interface.cdc_wdm.as_ref()) {
                ports.push((PathBuf::from(node), interface));
            }
        }
        if ports.is_empty() {
            return;
        }
        let nodes: Vec<PathBuf> = ports.iter().map(|(node, _)| node.clone()).collect();
        for (index, holder) in holder::others(&nodes.iter().map(PathBuf::as_path).collect::<Vec<_>>()) {
            ports[index].1.holder = Some(holder.to_string());
        }
    }

    /// The node of the whole device, `/dev/bus/usb/001/005`.
    pub fn usb_node(&self, place: &Place) -> Option<PathBuf> {
        let folder = self.usb_devices().join(place.as_str());
        let number = |name: &str| attribute(&folder, name)?.parse::<u16>().ok();
        let (bus, device) = (number("busnum")?, number("devnum")?);
        Some(self.dev.join(format!("bus/usb/{bus:03}/{device:03}")))
    }

    /// The number of the device at `place` on its bus.
    pub fn address(&self, place: &Place) -> Option<u32> {
        attribute(&self.usb_devices().join(place.as_str()), "devnum")?.parse().ok()
    }

    /// The kernel driver that is bound to an interface of the device at `place`.
    pub fn driver(&self, place: &Place, interface: u8) -> Option<String> {
        let device = self.usb_devices().join(place.as_str());
        let configuration: u8 = attribute(&device, "bConfigurationValue")?.parse().ok()?;
        driver(&device.join(format!("{place}:{configuration}.{interface}")))
    }

    pub(super) fn usb_devices(&self) -> PathBuf {
        self.sys.join("bus/usb/devices")
    }

    fn interfaces(&self, device: &Path, place: &Place, configuration: u8) -> Vec<Interface> {
        if configuration == 0 {
            return Vec::new();
        }
        let descriptor = active_descriptor(device, configuration);
        let prefix = format!("{place}:{configuration}.");
        let folder = |number: u8| device.join(format!("{prefix}{number}"));
        // The kernel makes the folders one by one; the descriptors say from the start what there will be.
        let mut numbers: Vec<u8> = match &descriptor {
            Some(d) => d.defaults().map(|i| i.number).collect(),
            None => {
                let names = children(device, &prefix).into_iter();
                names
                    .filter_map(|path| path.file_name()?.to_str()?.strip_prefix(&prefix)?.parse().ok())
                    .collect()
            }
        };
        numbers.sort_unstable();
        numbers.dedup();
        let found = numbers.into_iter().filter_map(|n| self.interface(&folder(n), n, descriptor.as_ref()));
        found.collect()
    }

    fn interface(
        &self,
        folder: &Path,
        number: u8,
        configuration: Option<&ConfigurationDescriptor>,
    ) -> Option<Interface> {
        let descriptor = configuration.and_then(|c| c.defaults().find(|i| i.number == number));
        let [class, subclass, protocol] = match descriptor {
            Some(d) => d.class,
            None => {
                let hex = |name: &str| u8::from_str_radix(&attribute(folder, name)?, 16).ok();
                [hex("bInterfaceClass")?, hex("bInterfaceSubClass")?, hex("bInterfaceProtocol")?]
            }
        };
        let endpoints = descriptor.map(|d| d.endpoints.iter()).into_iter().flatten();
        let node = |name: String| self.dev.join(name).to_string_lossy().into_owned();
        Some(Interface {
            number,
            class,
            subclass,
            protocol,
            endpoints: endpoints
                .map(|e| Endpoint { address: e.address, kind: e.kind(), max_packet: e.max_packet })
                .collect(),
            role: Role::Other,
            driver: driver(folder),
            tty: tty(folder).map(node),
            netdev: first_child(&folder.join("net"), ""),
            // Kernels before 3.5 had it under "usb".
            cdc_wdm: first_child(&folder.join("usbmisc"), "cdc-wdm")
                .or_else(|| first_child(&folder.join("usb"), "cdc-wdm"))
                .map(node),
            holder: None,
        })
    }
}

/// Whether this process may open `node` for reading and writing.
pub fn can_open(node: &Path) -> bool {
    use rustix::fs::Access;
    rustix::fs::access(node, Access::READ_OK | Access::WRITE_OK).is_ok()
}

pub(super) fn attribute(folder: &Path, name: &str) -> Option<String> {
    let bytes = fs::read(folder.join(name)).ok()?;
    Some(String::from_utf8_lossy(&bytes).trim().to_owned())
}

/// No control characters: these strings end up on terminals.
fn printable(text: &str) -> String {
    text.chars().take(LONGEST_STRING).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn driver(interface: &Path) -> Option<String> {
    let link = fs::read_link(interface.join("driver")).ok()?;
    Some(link.file_name()?.to_str()?.to_owned())
}

/// usb-serial puts `ttyUSB0` straight into the interface's folder, cdc-acm puts `ttyACM0` under `tty`.
fn tty(interface: &Path) -> Option<String> {
    first_child(interface, "ttyUSB").or_else(|| first_child(&interface.join("tty"), "tty"))
}

fn first_child(folder: &Path, prefix: &str) -> Option<String> {
    let names = children(folder, prefix).into_iter();
    names.filter_map(|path| path.file_name()?.to_str().map(str::to_owned)).min()
}

/// What stands in a folder under a name that begins with `prefix`.
pub(super) fn children(folder: &Path, prefix: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let fits = |name: &std::ffi::OsStr| name.to_str().is_some_and(|n| n.starts_with(prefix));
    entries.filter(|e| fits(&e.file_name())).map(|e| e.path()).collect()
}

/// What the first configuration of a device asks for, in mA. On a port of USB 3 the kernel counts in other units.
fn wants_ma(device: &Path) -> Option<u16> {
    let bytes = fs::read(device.join("descriptors")).ok()?;
    let all = split_configurations(bytes.get(DeviceDescriptor::LENGTH..)?).ok()?;
    let first = ConfigurationDescriptor::parse(all.first()?).ok()?;
    // In Mbit/s; of the slowest there is half a one.
    let superspeed = attribute(device, "speed")
        .and_then(|speed| speed.split('.').next()?.parse().ok())
        .is_some_and(|speed: u32| speed >= 5000);
    Some(u16::from(first.max_power) * if superspeed { 8 } else { 2 })
}

/// The active configuration out of the binary file `descriptors`, where it can be read and understood.
fn active_descriptor(device: &Path, configuration: u8) -> Option<ConfigurationDescriptor> {
    let bytes = fs::read(device.join("descriptors")).ok()?;
    let all = split_configurations(bytes.get(DeviceDescriptor::LENGTH..)?).ok()?;
    let parsed = all.into_iter().filter_map(|one| ConfigurationDescriptor::parse(one).ok());
    parsed.into_iter().find(|c| c.value == configuration)
}

#[cfg(test)]
mod tests;
