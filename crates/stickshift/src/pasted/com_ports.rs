//! Names of ports on Windows, and of which interface each is: a name stands in the line of its ids, or before or after it in the same record.

use super::usbconfig::maker_named;
use super::{PastedDevice, Reader};
use crate::stick::{Mode, Role, UsbId, classify};

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
/// Names and ids of one text.
const MOST_TOLD: usize = 512;
/// No key of a list of properties is longer.
const LONGEST_KEY: usize = 24;

/// A port as Windows names it: `HUAWEI Mobile Connect - PC UI Interface (COM5)`. A modem has no number in its name.
#[derive(Clone, Debug)]
pub(super) struct Port {
    number: Option<String>,
    role: Option<Role>,
    maker: Option<&'static str>,
    /// It has a name beside its number.
    named: bool,
}

/// Names and ids, as they follow one another.
#[derive(Debug)]
enum Told {
    Name(Port),
    /// With the number of the interface, where that is told.
    Ids(UsbId, Option<u8>),
    /// A line that has both.
    Row,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct ComPorts {
    told: Vec<Told>,
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

/// `COM5`
fn is_number(text: &str) -> bool {
    let number = text.strip_prefix("COM").unwrap_or_default();
    (1..=3).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit())
}

impl Port {
    /// A name that has a number: `.. (COM5)`.
    fn numbered(text: &str) -> Option<Port> {
        let (before, rest) = text.split_once("(COM")?;
        let number = format!("COM{}", rest.split_once(')')?.0);
        let maker = before.split_whitespace().find_map(maker_named);
        let port = Port { number: Some(number), role: role_in(before), maker, named: true };
        port.number.as_deref().is_some_and(is_number).then_some(port)
    }

    /// In the line that has the ids of its device.
    fn beside_ids(text: &str) -> Option<Port> {
        if let Some(port) = Port::numbered(text) {
            return Some(port);
        }
        // A port may have lost its number.
        let at = text.to_ascii_uppercase().find("USB\\")?;
        let (before, after) = text.split_at(at);
        let after = after.split_once([',', '\t', ' ']).map_or("", |(_, after)| after);
        let name = if role_in(before).is_some() { before } else { after };
        let role = role_in(name).filter(|role| is_of_a_stick(name, Some(*role)))?;
        Some(Port { number: None, role: Some(role), maker: None, named: true })
    }

    /// A property of a port without a number in its name: `Name: HUAWEI Mobile Connect - 3G Modem`, `Drive Letter : COM5`.
    fn property(text: &str) -> Option<Port> {
        let (key, value) = text.split_once([':', '=']).filter(|(key, _)| key.trim().len() <= LONGEST_KEY)?;
        let value = value.trim();
        let plain = key.trim().bytes().all(|b| b.is_ascii_alphabetic() || b == b' ');
        let role = role_in(value).filter(|role| is_of_a_stick(value, Some(*role)));
        let number = is_number(value).then(|| value.to_owned());
        let told = plain && (role.is_some() || number.is_some());
        told.then_some(Port { number, role, maker: None, named: false })
    }

    /// As the port of an interface.
    fn put(&self, device: &mut PastedDevice, interface: u8) {
        if self.number.is_none() && classify(device.id, 0, &[]).mode == Mode::Cdrom {
            return;
        }
        if let Some(role) = self.role {
            device.names.entry(interface).or_insert_with(|| role.code().to_owned());
        }
        let attached = device.attached(interface);
        attached.class = attached.class.or(Some([0xff; 3]));
        attached.tty = attached.tty.take().or_else(|| self.number.clone());
    }

    fn words(&self) -> Option<String> {
        let maker = self.maker.map(|maker| format!(" of {maker}")).unwrap_or_default();
        let what_for = match self.role {
            Some(Role::Pcui) => "it takes AT commands",
            Some(Role::Modem) => "it is for dialling, and takes AT commands",
            Some(Role::Diag) => "it is for diagnostics of the maker",
            Some(Role::Gps) => "it tells positions (NMEA)",
            _ => "what it is for, its name does not tell",
        };
        let number = self.number.as_ref().filter(|_| self.named)?;
        Some(format!("{number} is a port{maker}: {what_for}"))
    }
}

/// One record: its names, and the ids that they are of, where only one interface is meant.
struct Record {
    names: Vec<Port>,
    owner: Option<(UsbId, u8)>,
}

impl Record {
    /// The one port that the names tell of.
    fn port(&self) -> Option<Port> {
        let mut numbers: Vec<&String> = self.names.iter().filter_map(|port| port.number.as_ref()).collect();
        numbers.dedup();
        let mut roles: Vec<Role> = self.names.iter().filter_map(|port| port.role).collect();
        roles.dedup();
        if numbers.len() > 1 || roles.len() > 1 || self.names.is_empty() {
            return None;
        }
        let number = numbers.first().map(|number| (*number).clone());
        Some(Port { number, role: roles.first().copied(), maker: None, named: true })
    }

    fn is_whole(&self) -> bool {
        self.owner.is_some() && self.port().is_some()
    }
}

impl ComPorts {
    fn tell(&mut self, told: Told) {
        if self.told.len() < MOST_TOLD {
            self.told.push(told);
        }
    }

    /// The records of lists that put the ids before their name, or after it.
    fn records(&self, ids_first: bool) -> Vec<Record> {
        let mut records = Vec::new();
        let (mut names, mut ids): (Vec<Port>, Vec<(UsbId, Option<u8>)>) = (Vec::new(), Vec::new());
        let end = |names: &mut Vec<Port>, ids: &mut Vec<(UsbId, Option<u8>)>, records: &mut Vec<Record>| {
            ids.dedup();
            let owner = if let [(id, Some(interface))] = ids[..] { Some((id, interface)) } else { None };
            records.push(Record { names: std::mem::take(names), owner });
            ids.clear();
        };
        for told in &self.told {
            let begins = match told {
                Told::Row => true,
                Told::Name(_) => !ids_first && !ids.is_empty(),
                Told::Ids(..) => ids_first && !names.is_empty(),
            };
            if begins {
                end(&mut names, &mut ids, &mut records);
            }
            match told {
                Told::Name(port) => names.push(port.clone()),
                Told::Ids(id, interface) => ids.push((*id, *interface)),
                Told::Row => {}
            }
        }
        end(&mut names, &mut ids, &mut records);
        records
    }

    /// The order in which more names find their interface; where both do alike, that of the first line.
    fn finish(self) -> Vec<Record> {
        let begins = self.told.iter().find(|told| !matches!(told, Told::Row));
        let (before, after) = (self.records(true), self.records(false));
        let count = |records: &[Record]| records.iter().filter(|record| record.is_whole()).count();
        let order = count(&before).cmp(&count(&after));
        let is_first = matches!(begins, Some(Told::Ids(..)));
        if order.is_gt() || order.is_eq() && is_first { before } else { after }
    }
}

impl Reader {
    /// A line with the ids of a device, and whether the name of its port stands in it, too.
    pub(super) fn ids_of_port(&mut self, index: usize, interface: Option<u8>, text: &str) {
        let named = interface.zip(Port::beside_ids(text));
        let id = self.devices[index].id;
        self.com_ports.tell(if named.is_some() { Told::Row } else { Told::Ids(id, interface) });
        if let Some((interface, port)) = named {
            port.put(&mut self.devices[index], interface);
        }
    }

    /// The name of a port; the ids of its device may stand near it.
    pub(super) fn com_port_line(&mut self, text: &str) -> bool {
        let numbered = Port::numbered(text).filter(|port| {
            let before = text.split("(COM").next().unwrap_or_default();
            let value = before.rsplit([':', '=']).next().unwrap_or_default();
            is_of_a_stick(value, port.role)
        });
        let taken = numbered.is_some();
        if let Some(port) = numbered.or_else(|| Port::property(text)) {
            self.com_ports.tell(Told::Name(port));
        }
        taken
    }

    /// Gives the ports to their interfaces, and tells of those of which no ids are told.
    pub(super) fn join_com_ports(&mut self) {
        let mut ports = Vec::new();
        for record in std::mem::take(&mut self.com_ports).finish() {
            let owner = record.owner.zip(record.port());
            let device =
                owner.as_ref().and_then(|((id, _), _)| self.devices.iter_mut().find(|d| d.id == *id));
            match (device, owner) {
                (Some(device), Some(((_, interface), port))) => port.put(device, interface),
                _ => ports.extend(record.names.iter().filter_map(Port::words)),
            }
        }
        ports.truncate(MOST_PORTS);
        if self.devices.iter().any(|device| device.id != super::NO_ID) {
            self.said.extend(ports);
        } else if !ports.is_empty() {
            self.nameless.extend(ports);
            self.nameless.push("the hardware ids of the ports, which the device manager shows among their details, tell more: add them".to_owned());
        }
    }
}
