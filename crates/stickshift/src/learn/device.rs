use std::collections::VecDeque;

use crate::learn::Seen;
use crate::learn::sent::{Sent, span};
use crate::mask;
use crate::stick::UsbId;
use crate::wire::usb::DeviceDescriptor;

/// What is remembered of what was sent to a device: more than the longest method has commands.
const MAX_SENT: usize = 64;
/// Configurations of a device that are remembered.
const MAX_CONFIGURATIONS: usize = 16;
/// Bytes of a configuration that are remembered.
const MAX_CONFIGURATION: usize = 4096;
/// Names of routine transfers that are told apart.
const MAX_ROUTINE: usize = 64;

/// One device, from its first packet at an address to its last.
#[derive(Debug)]
pub(super) struct Device {
    pub(super) bus: u16,
    pub(super) address: u8,
    /// The hub and the port that were reset before it appeared.
    pub(super) port: Option<(u8, u16)>,
    pub(super) descriptor: Option<DeviceDescriptor>,
    pub(super) configurations: Vec<Vec<u8>>,
    /// Every SET_CONFIGURATION that it took: frame, time, value.
    pub(super) selected: Vec<(u64, u64, u8)>,
    /// Every SET_INTERFACE to another than the first setting: frame, time, interface, value. The first one is what a driver leaves behind.
    pub(super) alternates: Vec<(u64, u64, u8, u8)>,
    /// Texts by their index in the descriptors.
    pub(super) texts: Vec<(u8, String)>,
    pub(super) scsi: Option<[String; 2]>,
    pub(super) is_cdrom: bool,
    pub(super) is_hub: bool,
    pub(super) commands: u64,
    pub(super) packets: u64,
    pub(super) first: (u64, u64),
    pub(super) last: (u64, u64),
    /// The last packet that shows it alive: a transfer that it completed.
    pub(super) alive: (u64, u64),
    pub(super) gone: Option<Gone>,
    /// The system said of a transfer that there is no device any more.
    pub(super) left: bool,
    /// Its port was reset while it was there.
    pub(super) reset: Option<(u64, u64)>,
    pub(super) sent: VecDeque<Sent>,
    pub(super) routine: Vec<(&'static str, u64)>,
    /// The last routine command, in case nothing else was sent.
    pub(super) last_routine: Option<Sent>,
    /// Data bytes that the last command still takes.
    pub(super) data_out: u32,
    /// The endpoint that commands go to.
    pub(super) commands_to: Option<u8>,
    /// Transfers to it of which the capture holds no byte.
    pub(super) unseen: u64,
    /// The tag whose status is awaited, and whether it is of `last_routine`.
    pub(super) awaited: Option<([u8; 4], bool)>,
    pub(super) inquiry: bool,
    pub(super) last_tag: u32,
    pub(super) tags_in_order: u32,
    pub(super) cut: u64,
}

/// How a device left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gone {
    pub(super) number: u64,
    pub(super) time_ns: u64,
    pub(super) why: &'static str,
    /// Later traffic cannot take it back.
    pub(super) certain: bool,
}

/// One interface of a configuration descriptor that may be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Interface {
    pub(super) number: u8,
    pub(super) alternate: u8,
    pub(super) class: [u8; 3],
    /// The first bulk endpoint in each direction: OUT, IN.
    pub(super) first_bulk: [Option<u8>; 2],
    /// All its endpoints, bit by bit: OUT in the lower half, IN in the upper.
    endpoints: u32,
}

impl Interface {
    pub(super) fn has_endpoint(&self, address: u8) -> bool {
        self.endpoints & bit(address) != 0
    }
}

/// The bit of an endpoint's address.
fn bit(address: u8) -> u32 {
    1 << ((address & 0x0f) + ((address & 0x80) >> 3))
}

impl Device {
    pub(super) fn new(bus: u16, address: u8, number: u64, time_ns: u64) -> Self {
        let now = (number, time_ns);
        Device {
            bus,
            address,
            port: None,
            descriptor: None,
            configurations: Vec::new(),
            selected: Vec::new(),
            alternates: Vec::new(),
            texts: Vec::new(),
            scsi: None,
            is_cdrom: false,
            is_hub: false,
            commands: 0,
            packets: 0,
            first: now,
            last: now,
            alive: now,
            gone: None,
            left: false,
            reset: None,
            sent: VecDeque::new(),
            routine: Vec::new(),
            last_routine: None,
            data_out: 0,
            commands_to: None,
            unseen: 0,
            awaited: None,
            inquiry: false,
            last_tag: 0,
            tags_in_order: 0,
            cut: 0,
        }
    }

    pub(super) fn id(&self) -> Option<UsbId> {
        self.descriptor.map(|d| UsbId::new(d.vendor, d.product))
    }

    /// The address as Wireshark writes it, with the ids where they are known.
    pub(super) fn name(&self) -> String {
        match self.id() {
            Some(id) => format!("{}.{} ({id})", self.bus, self.address),
            None => format!("{}.{}", self.bus, self.address),
        }
    }

    pub(super) fn remember(&mut self, sent: Sent) {
        if self.sent.len() >= MAX_SENT {
            self.sent.pop_front();
        }
        self.sent.push_back(sent);
    }

    pub(super) fn count_routine(&mut self, name: &'static str) {
        if let Some((_, count)) = self.routine.iter_mut().find(|(n, _)| *n == name) {
            *count += 1;
        } else if self.routine.len() < MAX_ROUTINE {
            self.routine.push((name, 1));
        }
    }

    /// Takes a configuration descriptor in. `false` when it contradicts one that is known: another device answers.
    pub(super) fn configuration(&mut self, bytes: &[u8]) -> bool {
        if bytes.len() < 9 || bytes[1] != 2 {
            return true;
        }
        let bytes = &bytes[..bytes.len().min(MAX_CONFIGURATION)];
        let Some(known) = self.configurations.iter_mut().find(|c| c[5] == bytes[5]) else {
            if self.configurations.len() < MAX_CONFIGURATIONS {
                self.configurations.push(bytes.to_vec());
            }
            return true;
        };
        let both = known.len().min(bytes.len());
        if known[..both] != bytes[..both] {
            return false;
        }
        if bytes.len() > known.len() {
            *known = bytes.to_vec();
        }
        true
    }

    /// The interfaces of a configuration, as far as the capture holds it.
    pub(super) fn interfaces(&self, value: Option<u8>) -> Vec<Interface> {
        self.configuration_of(value).map_or(Vec::new(), interfaces)
    }

    /// A configuration descriptor, or the first one known.
    fn configuration_of(&self, value: Option<u8>) -> Option<&[u8]> {
        let found = self.configurations.iter().find(|c| value.is_none_or(|value| c[5] == value));
        found.map(Vec::as_slice)
    }

    /// The configuration that was selected last.
    fn active_configuration(&self) -> Option<&[u8]> {
        let selected = self.selected.iter().rev().map(|s| s.2).find(|v| *v != 0);
        let active = self.configuration_of(selected).filter(|bytes| !interfaces(bytes).is_empty());
        active.or_else(|| self.configuration_of(None))
    }

    /// Its interfaces.
    pub(super) fn active_interfaces(&self) -> Vec<Interface> {
        self.active_configuration().map_or(Vec::new(), interfaces)
    }

    /// How many bytes of it the capture holds, and how many it has, where those are not all.
    pub(super) fn cut_configuration(&self) -> Option<(usize, usize)> {
        let bytes = self.active_configuration()?;
        let all = usize::from(u16::from_le_bytes([bytes[2], bytes[3]])).min(MAX_CONFIGURATION);
        (bytes.len() < all).then_some((bytes.len(), all))
    }

    /// Whether it was asked who it is, as everything is that comes.
    pub(super) fn was_asked(&self) -> bool {
        self.descriptor.is_some() || !self.configurations.is_empty() || !self.selected.is_empty()
    }

    /// Whether it is, or may be, a disk.
    pub(super) fn is_storage(&self) -> bool {
        self.commands > 0 || self.active_interfaces().iter().any(|i| i.class[0] == 8)
    }

    /// Whether it is nothing but a disk.
    pub(super) fn is_only_storage(&self) -> bool {
        let interfaces = self.active_interfaces();
        if interfaces.is_empty() { self.commands > 0 } else { interfaces.iter().all(|i| i.class[0] == 8) }
    }

    /// Whether it may be what a stick becomes: a modem or a network card, or of unknown kind.
    pub(super) fn may_be_modem(&self) -> bool {
        let interfaces = self.active_interfaces();
        let fits = |i: &Interface| matches!(i.class, [2 | 0x0a | 0xef | 0xff, ..] | [0xe0, 1, 3]);
        interfaces.is_empty() || interfaces.iter().any(fits)
    }

    /// The class that usb_modeswitch compares: of the device, or of its first interface.
    pub(super) fn class(&self) -> Option<u8> {
        let of_device = self.descriptor.map(|d| d.class[0]).filter(|c| !matches!(c, 0 | 0xef));
        of_device.or_else(|| self.active_interfaces().first().map(|i| i.class[0]))
    }

    /// What it is, in words.
    pub(super) fn what(&self) -> String {
        if self.is_hub {
            return "hub".to_owned();
        }
        if self.is_cdrom && self.is_only_storage() {
            return "install disk (CD-ROM)".to_owned();
        }
        let mut words: Vec<&str> = Vec::new();
        for interface in self.active_interfaces().iter().filter(|i| i.alternate == 0) {
            let word = match interface.class {
                [8, ..] => "storage",
                [2, 0x06, _] => "Ethernet",
                [2, 0x0d, _] => "NCM",
                [2, 0x0e, _] => "MBIM",
                [2, 0x02, _] => "serial",
                [2, ..] => "communication",
                [0x0a, ..] => continue,
                [3, ..] => "input",
                [7, ..] => "printer",
                [0xe0, ..] => "wireless",
                [0xff, ..] => "vendor",
                _ => "other",
            };
            if !words.contains(&word) {
                words.push(word);
            }
        }
        match (words.is_empty(), self.commands) {
            (false, _) => words.join(", "),
            (true, 0) => "unknown".to_owned(),
            (true, _) => "storage".to_owned(),
        }
    }

    fn text(&self, index: u8) -> Option<String> {
        self.texts.iter().find(|(i, _)| *i == index && index != 0).map(|(_, text)| text.clone())
    }

    pub(super) fn seen(&self, start_ns: u64) -> Seen {
        let since = |ns: u64| ns.saturating_sub(start_ns);
        let d = self.descriptor;
        Seen {
            bus: self.bus,
            address: self.address,
            port: self.port.map(|(_, port)| port),
            id: self.id(),
            // Some makers write the serial number into the name.
            texts: [d.map(|d| d.manufacturer_index), d.map(|d| d.product_index)]
                .map(|index| index.and_then(|index| self.text(index)).map(|text| mask::text(&text))),
            scsi: self.scsi.clone(),
            what: self.what(),
            packets: self.packets,
            frames: (self.first.0, self.last.0),
            times_ns: (since(self.first.1), since(self.last.1)),
            left: self.gone.map(|g| format!("{}, at {}", g.why, span(since(g.time_ns)))),
        }
    }
}

/// Walks over a configuration descriptor as far as it goes.
fn interfaces(bytes: &[u8]) -> Vec<Interface> {
    let mut found: Vec<Interface> = Vec::new();
    let mut at = 0;
    while let Some(length) = bytes.get(at).map(|l| usize::from(*l)).filter(|l| *l >= 2) {
        if let Some(&[9, 4, number, alternate, _, class, subclass, protocol]) = bytes.get(at..at + 8) {
            let class = [class, subclass, protocol];
            found.push(Interface { number, alternate, class, first_bulk: [None; 2], endpoints: 0 });
        }
        if let (Some(&[_, 5, address, attributes]), Some(interface)) =
            (bytes.get(at..at + 4), found.last_mut())
        {
            interface.endpoints |= bit(address);
            if attributes & 3 == 2 {
                interface.first_bulk[usize::from(address >> 7)].get_or_insert(address);
            }
        }
        at += length;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_number_in_a_name_is_hidden() {
        let bytes = [18, 1, 0, 2, 0, 0, 0, 64, 0xc6, 5, 0x25, 0x90, 0, 1, 1, 2, 0, 1];
        let mut device = Device::new(1, 2, 0, 0);
        device.descriptor = DeviceDescriptor::parse(&bytes).ok();
        device.texts = vec![(1, "Maker".to_owned()), (2, "IDP_CID:0402_SN:89ABCDEF".to_owned())];
        assert_eq!(
            device.seen(0).texts,
            [Some("Maker".to_owned()), Some("IDP_CID:****_SN:********".to_owned())]
        );
    }
}
