//! PPP on the stick's side of a dialled port, written from RFC 1661 and its kin: the link, who may use it, addresses, and IP packets to and
//! from the operator's network.

mod addresses;
mod automaton;
mod credentials;
mod framing;
mod lcp;
mod packet;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use stickshift::link::Moment;

use crate::ppp::addresses::{Ipv4, Ipv6};
use crate::ppp::automaton::{Layer, LayerEvent, Negotiation};
use crate::ppp::credentials::Gate;
use crate::ppp::framing::{Deframer, EVERY_CONTROL};
use crate::ppp::lcp::{Link, Method};
use crate::ppp::packet::ControlPacket;
use crate::random::Random;

pub use credentials::Admission;

const IPV4: u16 = 0x0021;
const IPV6: u16 = 0x0057;
const IPCP: u16 = 0x8021;
const IPV6CP: u16 = 0x8057;
const LCP: u16 = 0xc021;
const PAP: u16 = 0xc023;
const CHAP: u16 = 0xc223;

const PROTOCOL_REJECT: u8 = 8;
const ECHO_REQUEST: u8 = 9;
const ECHO_REPLY: u8 = 10;
const DISCARD_REQUEST: u8 = 11;

/// Packets that wait for somebody to fetch them; what is more is lost, as anywhere in a network.
const MOST_PACKETS: usize = 256;

/// What the network gives to whoever dials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PppOptions {
    /// The host's address and the two name servers; `None` in a network without IPv4.
    pub ipv4: Option<([u8; 4], [[u8; 4]; 2])>,
    /// The host's interface identifier, for a host that has none; `None` in a network without IPv6.
    pub ipv6: Option<[u8; 8]>,
    /// Whom it lets in.
    pub admission: Admission,
    /// Decides the magic number and the challenge.
    pub seed: u64,
}

/// The address that sticks show as the other end's, whatever the network is.
const PEER: [u8; 4] = [10, 64, 64, 64];

/// How the link stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Its options, or who may use it, are being agreed.
    Establishing,
    /// Addresses may be asked for, and packets pass once there is one.
    Network,
    /// It is over: the stick says so and takes commands again.
    Over,
}

/// One dialled link.
#[derive(Clone, Debug)]
pub struct Ppp {
    link: Layer<Link>,
    gate: Option<Gate>,
    ipv4: Option<Layer<Ipv4>>,
    ipv6: Option<Layer<Ipv6>>,
    admission: Admission,
    random: Random,
    /// When the first word is said.
    begins: Option<Moment>,
    phase: Phase,
    deframer: Deframer,
    to_host: Vec<u8>,
    to_network: VecDeque<Vec<u8>>,
}

impl PartialEq for Ppp {
    /// As far as anybody outside can tell.
    fn eq(&self, other: &Self) -> bool {
        (self.phase, &self.to_host) == (other.phase, &other.to_host)
    }
}

impl Eq for Ppp {}

impl Ppp {
    /// A link that speaks at `begins`.
    pub fn new(options: &PppOptions, begins: Moment) -> Self {
        let mut random = Random::new(options.seed);
        // Everybody is let in, whether he says who he is or not; a stick that does not ask could not tell a wrong password.
        let link =
            Link::new(Some(Method::Chap), options.admission != Admission::Everybody, magic(&mut random));
        let ipv4 = |(theirs, dns)| Layer::new(Ipv4 { own: Some(PEER), theirs, dns });
        Ppp {
            link: Layer::new(link),
            gate: None,
            ipv4: options.ipv4.map(ipv4),
            ipv6: options.ipv6.map(|id| Layer::new(Ipv6::new([0, 0, 0, 0, 0, 0, 0, 1], id))),
            admission: options.admission.clone(),
            random,
            begins: Some(begins),
            phase: Phase::Establishing,
            deframer: Deframer::default(),
            to_host: Vec::new(),
            to_network: VecDeque::new(),
        }
    }

    /// How it stands.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Whether packets of this version of IP pass.
    pub fn carries(&self, version: u8) -> bool {
        self.phase == Phase::Network
            && match version {
                4 => self.ipv4.as_ref().is_some_and(Layer::is_opened),
                6 => self.ipv6.as_ref().is_some_and(Layer::is_opened),
                _ => false,
            }
    }

    /// Octets for the host.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.to_host)
    }

    /// The next IP packet for the network.
    pub fn take_packet(&mut self) -> Option<Vec<u8>> {
        self.to_network.pop_front()
    }

    /// An IP packet for the host; one that cannot pass is lost.
    pub fn give_packet(&mut self, packet: &[u8]) {
        let version = packet.first().map_or(0, |first| first >> 4);
        let fits = packet.len() <= usize::from(self.link.negotiation.their_mru);
        if self.carries(version) && fits {
            self.say(if version == 4 { IPV4 } else { IPV6 }, packet);
        }
    }

    /// The network ends it.
    pub fn hang_up(&mut self, now: Moment) {
        let mut out = Vec::new();
        self.link.close(now, &mut out);
        self.say_all(LCP, out);
        if self.link.is_closed() {
            self.phase = Phase::Over;
        }
    }

    /// When it has something to do by itself.
    pub fn next_tick(&self) -> Option<Moment> {
        let layers = [
            self.begins,
            self.link.next_tick(),
            self.gate.as_ref().and_then(Gate::next_tick),
            self.ipv4.as_ref().and_then(Layer::next_tick),
            self.ipv6.as_ref().and_then(Layer::next_tick),
        ];
        layers.into_iter().flatten().min().filter(|_| self.phase != Phase::Over)
    }

    /// Does what is due by `now`.
    pub fn tick(&mut self, now: Moment) {
        let mut out = Vec::new();
        if self.begins.is_some_and(|at| at <= now) {
            self.begins = None;
            self.link.open(now, &mut out);
        }
        let event = self.link.tick(now, &mut out);
        self.say_all(LCP, out);
        self.link_event(now, event);
        if let Some(gate) = &mut self.gate {
            let mut out = Vec::new();
            gate.tick(now, &mut out);
            self.say_all(CHAP, out);
            self.look_at_gate(now);
        }
        let mut out = Vec::new();
        if let Some(layer) = &mut self.ipv4 {
            layer.tick(now, &mut out);
        }
        self.say_all(IPCP, out);
        let mut out = Vec::new();
        if let Some(layer) = &mut self.ipv6 {
            layer.tick(now, &mut out);
        }
        self.say_all(IPV6CP, out);
    }

    /// Octets from the host, in pieces of any size.
    pub fn receive(&mut self, now: Moment, octets: &[u8]) {
        self.tick(now);
        let map = self.link.negotiation.our_map;
        for (protocol, packet) in self.deframer.push(octets, map) {
            if self.phase == Phase::Over {
                return;
            }
            self.packet(now, protocol, &packet);
        }
    }

    fn packet(&mut self, now: Moment, protocol: u16, packet: &[u8]) {
        let control = ControlPacket::parse(packet);
        match (protocol, control) {
            (LCP, Some(control)) => self.link_packet(now, &control),
            // Nothing else counts before both ends agree on the link.
            _ if !self.link.is_opened() => {}
            (PAP | CHAP, Some(control)) => self.gate_packet(now, protocol, &control),
            // .. and nothing but that before the host was let in.
            _ if self.phase != Phase::Network => {}
            (IPCP, Some(control)) if self.ipv4.is_some() => {
                let out = answered(&mut self.ipv4, now, &control);
                self.say_all(IPCP, out);
            }
            (IPV6CP, Some(control)) if self.ipv6.is_some() => {
                let out = answered(&mut self.ipv6, now, &control);
                self.say_all(IPV6CP, out);
            }
            (IPV4, _) if self.ipv4.is_some() => self.pass_on(4, packet),
            (IPV6, _) if self.ipv6.is_some() => self.pass_on(6, packet),
            (LCP | IPCP | IPV6CP, None) => {}
            _ => {
                let mut rejected = protocol.to_be_bytes().to_vec();
                rejected.extend_from_slice(&packet[..packet.len().min(1400)]);
                let id = self.link.next_id();
                self.say_all(LCP, vec![ControlPacket::new(PROTOCOL_REJECT, id, rejected)]);
            }
        }
    }

    fn pass_on(&mut self, version: u8, packet: &[u8]) {
        if self.carries(version) && self.to_network.len() < MOST_PACKETS {
            self.to_network.push_back(packet.to_vec());
        }
    }

    fn link_packet(&mut self, now: Moment, packet: &ControlPacket) {
        let mut out = Vec::new();
        let event = match packet.code {
            1..=7 => self.link.receive(now, packet, &mut out),
            PROTOCOL_REJECT => {
                match packet.data[..] {
                    [0x80, 0x21, ..] => self.ipv4 = None,
                    [0x80, 0x57, ..] => self.ipv6 = None,
                    _ => {}
                }
                None
            }
            ECHO_REQUEST if self.link.is_opened() => {
                let magic = self.link.negotiation.magic;
                let rest = packet.data.get(4..).unwrap_or_default();
                out.push(ControlPacket::new(ECHO_REPLY, packet.id, [&magic, rest].concat()));
                None
            }
            ECHO_REQUEST | ECHO_REPLY | DISCARD_REQUEST => None,
            _ => {
                self.link.reject_code(packet, &mut out);
                None
            }
        };
        // What both ends agreed on holds from the next packet on.
        self.say_all(LCP, out);
        self.link_event(now, event);
    }

    fn link_event(&mut self, now: Moment, event: Option<LayerEvent>) {
        if self.link.negotiation.hopeless && self.phase != Phase::Over {
            self.link.negotiation.hopeless = false;
            return self.hang_up(now);
        }
        match event {
            None => {}
            Some(LayerEvent::Up) => {
                self.link.negotiation.agreed();
                match self.link.negotiation.method {
                    Some(method) => {
                        let challenge: Vec<u8> =
                            (0..2).flat_map(|_| self.random.next().to_be_bytes()).collect();
                        let challenge = challenge.try_into().unwrap_or([0; 16]);
                        let mut gate = Gate::new(self.admission.clone(), method, challenge);
                        let mut out = Vec::new();
                        gate.open(now, &mut out);
                        self.gate = Some(gate);
                        self.say_all(CHAP, out);
                    }
                    None => self.open_network(now),
                }
            }
            Some(LayerEvent::Down) => {
                self.phase = Phase::Establishing;
                self.gate = None;
                self.link.negotiation.our_map = EVERY_CONTROL;
                self.ipv4.iter_mut().for_each(Layer::lower_down);
                self.ipv6.iter_mut().for_each(Layer::lower_down);
            }
            Some(LayerEvent::Finished) => self.phase = Phase::Over,
        }
    }

    fn gate_packet(&mut self, now: Moment, protocol: u16, packet: &ControlPacket) {
        let Some(gate) = &mut self.gate else { return };
        if protocol != (if gate.method == Method::Pap { PAP } else { CHAP }) {
            return;
        }
        let mut out = Vec::new();
        gate.receive(packet, &mut out);
        self.say_all(protocol, out);
        self.look_at_gate(now);
    }

    fn look_at_gate(&mut self, now: Moment) {
        match self.gate.as_ref().and_then(Gate::outcome) {
            Some(true) if self.phase == Phase::Establishing => self.open_network(now),
            Some(false) => self.hang_up(now),
            _ => {}
        }
    }

    fn open_network(&mut self, now: Moment) {
        self.phase = Phase::Network;
        let mut out = Vec::new();
        if let Some(layer) = &mut self.ipv4 {
            layer.open(now, &mut out);
        }
        self.say_all(IPCP, out);
        let mut out = Vec::new();
        if let Some(layer) = &mut self.ipv6 {
            layer.open(now, &mut out);
        }
        self.say_all(IPV6CP, out);
    }

    fn say_all(&mut self, protocol: u16, packets: Vec<ControlPacket>) {
        for packet in packets {
            self.say(protocol, &packet.encode());
        }
    }

    fn say(&mut self, protocol: u16, packet: &[u8]) {
        // Those that agree on the map cannot depend on it.
        let map = if protocol == LCP { EVERY_CONTROL } else { self.link.negotiation.their_map };
        self.to_host.extend(framing::frame(protocol, packet, map));
    }
}

/// What a layer says to a packet of its own.
fn answered<N: Negotiation>(
    layer: &mut Option<Layer<N>>,
    now: Moment,
    packet: &ControlPacket,
) -> Vec<ControlPacket> {
    let mut out = Vec::new();
    if let Some(layer) = layer {
        match packet.code {
            1..=7 => _ = layer.receive(now, packet, &mut out),
            _ => layer.reject_code(packet, &mut out),
        }
    }
    out
}

fn magic(random: &mut Random) -> [u8; 4] {
    (random.next() as u32 | 1).to_be_bytes()
}
