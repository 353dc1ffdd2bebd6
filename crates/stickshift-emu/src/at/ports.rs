//! All AT ports of running firmware, and what they will say unasked.

use std::collections::BTreeMap;
use std::time::Duration;

use stickshift::link::Moment;

use crate::at::port::AtPort;
use crate::device::outbox::Outbox;
use crate::device::{Appearance, Function};
use crate::modem::data::DataState;
use crate::modem::uplink::Uplink;
use crate::modem::{Modem, Way};
use crate::ppp::Phase;

/// How often a chatty stick says how it receives.
const CHATTER: Duration = Duration::from_secs(2);

/// So many octets of packets wait for the host; then the network has to wait.
const MOST_WAITING: usize = 16 * 1024;

#[derive(Debug, Default)]
pub(crate) struct AtPorts {
    ports: BTreeMap<u8, AtPort>,
    later: Vec<(Moment, u8, String)>,
    chatter: Option<Moment>,
}

impl AtPorts {
    /// Modem and PCUI ports take AT commands, as do those of the oldest sticks, which say nothing of themselves, and the control channel of
    /// Huawei's NCM; diagnostic ports are mute.
    pub(crate) fn of(appearance: &Appearance) -> Self {
        let interfaces = appearance.configurations.iter().flat_map(|c| &c.interfaces);
        let at = interfaces.filter(|i| match (i.function, i.alternates[0].class) {
            (Function::Serial, [.., protocol]) => matches!(protocol, 0x01 | 0x02 | 0x10 | 0x12 | 0xff),
            (Function::Ncm, [class, ..]) => class == 0xff,
            _ => false,
        });
        AtPorts { ports: at.map(|i| (i.number, AtPort::new())).collect(), ..AtPorts::default() }
    }

    /// One interface alone takes AT commands.
    pub(crate) fn only(interface: u8) -> Self {
        AtPorts::at([interface])
    }

    /// These interfaces take AT commands.
    pub(crate) fn at(interfaces: impl IntoIterator<Item = u8>) -> Self {
        let ports = interfaces.into_iter().map(|number| (number, AtPort::new()));
        AtPorts { ports: ports.collect(), ..AtPorts::default() }
    }

    /// From now on it says every few seconds how it receives, on every port where `AT^CURC=0` does not forbid it.
    pub(crate) fn chatter(&mut self, now: Moment) {
        self.chatter = Some(now + CHATTER);
    }

    /// No port takes AT commands.
    pub(crate) fn is_empty(&self) -> bool {
        self.ports.is_empty()
    }

    /// More than one port takes AT commands.
    pub(crate) fn are_several(&self) -> bool {
        self.ports.len() > 1
    }

    pub(crate) fn get_mut(&mut self, interface: u8) -> Option<&mut AtPort> {
        self.ports.get_mut(&interface)
    }

    /// A line that comes unasked at `due`.
    pub(crate) fn say(&mut self, due: Moment, interface: u8, line: String) {
        self.later.push((due, interface, line));
    }

    /// Moves what dialled links carry. A link that is over, or whose connection was ended elsewhere, gives its port back; ports that were
    /// asked to tell such events do.
    pub(crate) fn carry(&mut self, now: Moment, modem: &mut Modem, uplink: &mut Uplink, outbox: &mut Outbox) {
        let mut over = None;
        for (&interface, port) in &mut self.ports {
            let Some(link) = port.link(now) else { continue };
            while let Some(packet) = link.take_packet() {
                uplink.send(now, modem, Way::Ppp, &packet);
            }
            outbox.put(interface, now, link.take());
            // What the host does not fetch stays in the network.
            while outbox.waiting(interface) < MOST_WAITING
                && let Some(packet) = uplink.receive(modem, Way::Ppp)
            {
                link.give_packet(&packet);
                outbox.put(interface, now, link.take());
            }
            if link.phase() == Phase::Over || modem.data.state(now) == DataState::Down {
                modem.data.hang_up(now);
                port.hang_up();
                outbox.put(interface, now, b"\r\nNO CARRIER\r\n".to_vec());
                over = Some(interface);
            }
        }
        let others = self
            .ports
            .iter()
            .filter(|(interface, port)| over.is_some_and(|o| o != **interface) && port.events);
        for (&interface, _) in others.filter(|(_, port)| !port.is_online()) {
            outbox.put(interface, now, b"\r\n+CGEV: NW PDN DEACT 1\r\n".to_vec());
        }
    }

    /// The host lowers DTR on a port: a dialled link ends, without a word. `false` when no port is there.
    pub(crate) fn lower_dtr(&mut self, now: Moment, interface: u8, modem: &mut Modem) -> bool {
        let Some(port) = self.ports.get_mut(&interface) else { return false };
        if port.is_online() {
            modem.data.hang_up(now);
        }
        port.hang_up();
        true
    }

    /// A line about the whole stick is said on every port that takes commands, where `AT^CURC=0` does not forbid it.
    pub(crate) fn announce(&self, at: Moment, line: &str, outbox: &mut Outbox) {
        for (&interface, _) in self.ports.iter().filter(|(_, port)| port.reports && !port.is_online()) {
            outbox.put(interface, at, format!("\r\n{line}\r\n").into_bytes());
        }
    }

    /// What is due by `now` is said.
    pub(crate) fn tick(&mut self, now: Moment, modem: &Modem, outbox: &mut Outbox) {
        while let Some(at) = self.chatter.filter(|&at| at <= now) {
            // docs/protocols/hilink-at.md section 3.6: seconds, rates, bytes, qualities.
            let (received, sent) = modem.data.traffic(at);
            let seconds = modem.data.time(at).as_secs();
            let flow = match modem.data.state(at) {
                DataState::Up => format!(
                    "\r\n^DSFLOWRPT:{seconds:08X},00000000,00000000,{sent:016X},{received:016X},0003E800,0003E800\r\n"
                ),
                _ => String::new(),
            };
            for (&interface, port) in self.ports.iter().filter(|(_, port)| port.reports) {
                if port.is_online() {
                    continue;
                }
                outbox.put(interface, at, b"\r\n^RSSI:20\r\n\r\r\n^HCSQ:\"LTE\",30,19,66,0\r\r\n".to_vec());
                outbox.put(interface, at, flow.clone().into_bytes());
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
        let links = self.ports.values().filter_map(AtPort::next_due);
        self.later.iter().map(|line| line.0).chain(self.chatter).chain(links).min()
    }
}
