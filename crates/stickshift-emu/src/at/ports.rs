//! All AT ports of running firmware, and what they will say unasked.

use std::collections::BTreeMap;
use std::time::Duration;

use stickshift::link::Moment;

use crate::at::port::AtPort;
use crate::device::outbox::Outbox;
use crate::device::{Appearance, Function};

/// How often a chatty stick says how it receives.
const CHATTER: Duration = Duration::from_secs(2);

#[derive(Debug, Default)]
pub(crate) struct AtPorts {
    ports: BTreeMap<u8, AtPort>,
    later: Vec<(Moment, u8, String)>,
    chatter: Option<Moment>,
}

impl AtPorts {
    /// Modem and PCUI ports take AT commands, as do those of the oldest sticks, which say nothing of themselves; diagnostic ports
    /// are mute.
    pub(crate) fn of(appearance: &Appearance) -> Self {
        let interfaces = appearance.configurations.iter().flat_map(|c| &c.interfaces);
        let serial = interfaces.filter(|i| i.function == Function::Serial);
        let at = serial.filter(|i| matches!(i.alternates[0].class[2], 0x01 | 0x02 | 0x10 | 0x12 | 0xff));
        AtPorts { ports: at.map(|i| (i.number, AtPort::new())).collect(), ..AtPorts::default() }
    }

    /// One interface alone takes AT commands.
    pub(crate) fn only(interface: u8) -> Self {
        AtPorts { ports: [(interface, AtPort::new())].into(), ..AtPorts::default() }
    }

    /// From now on it says every few seconds how it receives, on every port where `AT^CURC=0` does not forbid it.
    pub(crate) fn chatter(&mut self, now: Moment) {
        self.chatter = Some(now + CHATTER);
    }

    /// No port takes AT commands.
    pub(crate) fn is_empty(&self) -> bool {
        self.ports.is_empty()
    }

    pub(crate) fn get_mut(&mut self, interface: u8) -> Option<&mut AtPort> {
        self.ports.get_mut(&interface)
    }

    /// A line that comes unasked at `due`.
    pub(crate) fn say(&mut self, due: Moment, interface: u8, line: String) {
        self.later.push((due, interface, line));
    }

    /// What is due by `now` is said.
    pub(crate) fn tick(&mut self, now: Moment, outbox: &mut Outbox) {
        while let Some(at) = self.chatter.filter(|&at| at <= now) {
            for (&interface, port) in self.ports.iter().filter(|(_, port)| port.reports) {
                if port.is_online() {
                    continue;
                }
                outbox.put(interface, at, b"\r\n^RSSI:20\r\n\r\r\n^HCSQ:\"LTE\",30,19,66,0\r\r\n".to_vec());
            }
            self.chatter = Some(at + CHATTER);
        }
        self.later.sort_by_key(|line| line.0);
        let due = self.later.partition_point(|line| line.0 <= now);
        for (at, interface, line) in self.later.drain(..due) {
            outbox.put(interface, at, format!("\r\n{line}\r\n").into_bytes());
        }
    }

    /// When something is said next.
    pub(crate) fn next_due(&self) -> Option<Moment> {
        self.later.iter().map(|line| line.0).chain(self.chatter).min()
    }
}
