//! The operator's network behind a stick, as packets: what a stick sends goes in, what comes back comes out. NCM, Ethernet, PPP and MBIM put
//! their own frames around the same packets.
//!
//! Nothing passes without a bearer, or with another source address than the bearer's. Every destination answers: ICMP echo, echo on port 7
//! (TCP and UDP), names on port 53 (UDP), and a web server on port 80. A router advertisement comes when an IPv6 bearer comes up, and whenever
//! one is asked for. Nothing is read or sent by itself: see [`Operator::turn`].
//!
//! ```
//! use std::time::Duration;
//!
//! use stickshift_emu::network::{Bearer, Ipv4Bearer, Operator, Quirks};
//!
//! let ipv4 = Ipv4Bearer {
//!     address: [10, 0, 0, 2].into(),
//!     prefix: 30,
//!     gateway: [10, 0, 0, 1].into(),
//!     dns: [[10, 0, 0, 53].into(); 2],
//! };
//! let mut operator = Operator::new(Quirks::default());
//! operator.connect(Duration::ZERO, Bearer { ipv4: Some(ipv4), ipv6: None, mtu: 1500 });
//! // An echo request from the stick to 8.8.8.8.
//! operator.send(&[
//!     0x45, 0, 0, 28, 0, 0, 0, 0, 64, 1, 0x60, 0xd0, 10, 0, 0, 2, 8, 8, 8, 8, 8, 0, 0xf7, 0xfd, 0, 1, 0, 1,
//! ]);
//! operator.turn(Duration::ZERO);
//! let reply = operator.receive().expect("an echo reply");
//! assert_eq!((&reply[12..16], reply[20]), (&[8, 8, 8, 8][..], 0));
//! ```

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use smoltcp::iface::{Config, Interface, PollResult, SocketHandle, SocketSet};
use smoltcp::phy::Medium;
use smoltcp::socket::{tcp, udp};
use smoltcp::wire::{HardwareAddress, IpCidr};
use stickshift::link::Moment;

use crate::network::bearer::Bearer;
use crate::network::site::Visit;
use crate::network::wire::Wire;
use crate::network::{dns, icmp6, instant};

/// Connections to the web server at once; the rest wait for one to end.
const VISITS: usize = 8;
const ECHOES: usize = 2;
const ECHO: u16 = 7;
const WEB: u16 = 80;
const BUFFER: usize = 64 * 1024;
/// Addresses of the operator's own.
const OWN_IPV4: Ipv4Addr = Ipv4Addr::new(192, 0, 0, 1);
const OWN_IPV6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 1);

/// What is wrong with a network that has given a bearer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quirks {
    /// Packets of more bytes are lost without a word.
    pub black_hole: Option<u16>,
    /// Web requests are sent to a login page, and nothing but names and the web works.
    pub portal: bool,
    /// Name servers do not answer.
    pub no_names: bool,
    /// Nothing but names works.
    pub names_only: bool,
}

/// The virtual network of one operator.
pub struct Operator {
    quirks: Quirks,
    link: Option<Link>,
    /// What the stick sent and nobody looked at yet.
    sent: VecDeque<Vec<u8>>,
    due: Option<Moment>,
    /// Bytes to and from the stick, over all bearers.
    carried: (u64, u64),
}

/// A bearer, and the host at its other end.
struct Link {
    bearer: Bearer,
    wire: Wire,
    interface: Interface,
    sockets: SocketSet<'static>,
    names: SocketHandle,
    datagram_echo: SocketHandle,
    echoes: Vec<SocketHandle>,
    visits: Vec<(SocketHandle, Visit)>,
}

impl std::fmt::Debug for Operator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Operator")
            .field("quirks", &self.quirks)
            .field("bearer", &self.bearer())
            .finish_non_exhaustive()
    }
}

impl Operator {
    /// A network that has given no bearer.
    pub fn new(quirks: Quirks) -> Self {
        Operator { quirks, link: None, sent: VecDeque::new(), due: None, carried: (0, 0) }
    }

    /// What the stick has of it.
    pub fn bearer(&self) -> Option<&Bearer> {
        self.link.as_ref().map(|link| &link.bearer)
    }

    /// A bearer came up, in place of the one before. One more family, or one less, leaves what passes over the other one alone; the same
    /// bearer again changes nothing.
    pub fn connect(&mut self, now: Moment, bearer: Bearer) {
        let before = self.bearer().cloned();
        if before.as_ref() == Some(&bearer) {
            return;
        }
        let goes_on = before.as_ref().is_some_and(|before| bearer.extends(before) || before.extends(&bearer));
        let advertised = bearer.ipv6.filter(|ipv6| before.and_then(|before| before.ipv6) != Some(*ipv6));
        let link = match self.link.take().filter(|_| goes_on) {
            Some(link) => Link { bearer, ..link },
            None => {
                self.sent.clear();
                Link::new(bearer, now)
            }
        };
        let link = self.link.insert(link);
        if let Some(ipv6) = &advertised {
            link.wire.outgoing.push_back(icmp6::advertisement(ipv6, link.bearer.mtu));
        }
        self.due = Some(now);
    }

    /// The bearer is gone, with all that was on its way.
    pub fn disconnect(&mut self) {
        self.link = None;
        self.sent.clear();
        self.due = None;
    }

    /// A packet from the stick. Without a bearer it is lost.
    pub fn send(&mut self, packet: &[u8]) {
        let Some(link) = &self.link else { return };
        if passes(&link.bearer, &self.quirks, packet) {
            self.carried.1 += packet.len() as u64;
            self.sent.push_back(packet.to_vec());
        }
    }

    /// The next packet for the stick.
    pub fn receive(&mut self) -> Option<Vec<u8>> {
        let link = self.link.as_mut()?;
        loop {
            let packet = link.wire.outgoing.pop_front()?;
            if self.quirks.black_hole.is_none_or(|most| packet.len() <= usize::from(most)) {
                self.carried.0 += packet.len() as u64;
                return Some(packet);
            }
        }
    }

    /// Bytes that the stick has received and sent, over all bearers.
    pub fn carried(&self) -> (u64, u64) {
        self.carried
    }

    /// Does what is due at `now`.
    pub fn turn(&mut self, now: Moment) {
        let Some(link) = &mut self.link else { return };
        if self.sent.is_empty() && self.due.is_none_or(|due| due > now) && !link.wants_room() {
            return;
        }
        for packet in self.sent.drain(..) {
            match link.bearer.ipv6 {
                Some(ipv6) if icmp6::kind(&packet) == Some(icmp6::ROUTER_SOLICITATION) => {
                    link.wire.outgoing.push_back(icmp6::advertisement(&ipv6, link.bearer.mtu));
                }
                _ => link.wire.incoming.push_back(packet),
            }
        }
        link.work(now, &self.quirks);
        self.due = link.next(now);
    }

    /// When [`turn`](Self::turn) will have something to do by itself.
    pub fn next(&self) -> Option<Moment> {
        self.due
    }
}

/// Whether the network takes a packet from the stick.
fn passes(bearer: &Bearer, quirks: &Quirks, packet: &[u8]) -> bool {
    if quirks.black_hole.is_some_and(|most| packet.len() > usize::from(most)) {
        return false;
    }
    let part = |at: usize| packet.get(at..at + 16).and_then(|bytes| <[u8; 16]>::try_from(bytes).ok());
    let (protocol, payload, own) = match packet.first().map(|first| first >> 4) {
        Some(4) if packet.len() >= 20 => {
            let header = usize::from(packet[0] & 0x0f) * 4;
            let source = [packet[12], packet[13], packet[14], packet[15]];
            let own = bearer.ipv4.is_some_and(|ipv4| ipv4.address.octets() == source);
            (packet[9], packet.get(header..).unwrap_or_default(), own)
        }
        Some(6) => {
            let Some(source) = part(8).map(Ipv6Addr::from) else { return false };
            let own = bearer.ipv6.is_some_and(|ipv6| {
                ipv6.has(source) || source.is_unicast_link_local() || source.is_unspecified()
            });
            (packet[6], packet.get(icmp6::HEADER..).unwrap_or_default(), own)
        }
        _ => return false,
    };
    let to = payload.get(2..4).map(|port| u16::from_be_bytes([port[0], port[1]]));
    let names = matches!(protocol, 6 | 17) && to == Some(dns::PORT);
    let web = protocol == 6 && to == Some(WEB);
    let advertised = icmp6::kind(packet) == Some(icmp6::ROUTER_SOLICITATION);
    let refused = (quirks.no_names && names)
        || (quirks.names_only && !names && !advertised)
        || (quirks.portal && !names && !web && !advertised);
    own && !refused
}

impl Link {
    fn new(bearer: Bearer, now: Moment) -> Self {
        let mut wire = Wire::new(Medium::Ip, usize::from(bearer.mtu));
        let mut interface = Interface::new(Config::new(HardwareAddress::Ip), &mut wire, instant(now));
        interface.update_ip_addrs(|all| {
            // The list has room for one of each family.
            let _ = all.push(IpCidr::new(OWN_IPV4.into(), 32));
            let _ = all.push(IpCidr::new(OWN_IPV6.into(), 128));
        });
        // Every address is its own.
        interface.set_any_ip(true);
        let routes = interface.routes_mut();
        let _ = routes.add_default_ipv4_route(OWN_IPV4);
        let _ = routes.add_default_ipv6_route(OWN_IPV6);
        let mut sockets = SocketSet::new(Vec::new());
        let mut datagrams = |port| {
            let packets = || udp::PacketBuffer::new(vec![udp::PacketMetadata::EMPTY; 16], vec![0; 16 * 1500]);
            let mut socket = udp::Socket::new(packets(), packets());
            // A fresh socket takes any port.
            let _ = socket.bind(port);
            sockets.add(socket)
        };
        let (names, datagram_echo) = (datagrams(dns::PORT), datagrams(ECHO));
        let mut stream = |port| {
            let buffer = || tcp::SocketBuffer::new(vec![0; BUFFER]);
            let mut socket = tcp::Socket::new(buffer(), buffer());
            let _ = socket.listen(port);
            sockets.add(socket)
        };
        let visits = (0..VISITS).map(|_| (stream(WEB), Visit::default())).collect();
        let echoes = (0..ECHOES).map(|_| stream(ECHO)).collect();
        Link { bearer, wire, interface, sockets, names, datagram_echo, echoes, visits }
    }

    /// Whether something waited for packets to be taken.
    fn wants_room(&self) -> bool {
        self.wire.was_full && self.wire.outgoing.is_empty()
    }

    fn work(&mut self, now: Moment, quirks: &Quirks) {
        self.wire.was_full = false;
        loop {
            let polled = self.interface.poll(instant(now), &mut self.wire, &mut self.sockets);
            let busy = self.answer_names() | self.echo_datagrams() | self.echo_streams() | self.serve(quirks);
            if !busy && self.wire.incoming.is_empty() && polled == PollResult::None {
                return;
            }
        }
    }

    fn next(&mut self, now: Moment) -> Option<Moment> {
        // A full cable is looked at when it is empty.
        if self.wire.was_full {
            return None;
        }
        let delay = self.interface.poll_delay(instant(now), &self.sockets)?;
        Some(now + Duration::from_micros(delay.total_micros()))
    }

    fn answer_names(&mut self) -> bool {
        let translated = self.bearer.ipv4.is_none();
        let socket = self.sockets.get_mut::<udp::Socket<'_>>(self.names);
        let Ok((query, from)) = socket.recv() else { return false };
        if let Some(reply) = dns::answer(query, translated) {
            // It comes from the address that was asked. A reply that finds no room is asked for again.
            let _ = socket.send_slice(&reply, from);
        }
        true
    }

    fn echo_datagrams(&mut self) -> bool {
        let socket = self.sockets.get_mut::<udp::Socket<'_>>(self.datagram_echo);
        let Ok((data, from)) = socket.recv() else { return false };
        let data = data.to_vec();
        let _ = socket.send_slice(&data, from);
        true
    }

    fn echo_streams(&mut self) -> bool {
        let mut busy = false;
        for &handle in &self.echoes {
            let socket = self.sockets.get_mut::<tcp::Socket<'_>>(handle);
            if !socket.is_open() {
                // A closed socket may listen.
                let _ = socket.listen(ECHO);
                continue;
            }
            let room = socket.send_capacity() - socket.send_queue();
            if socket.can_recv() && socket.can_send() {
                let received = socket.recv(|bytes| {
                    let taken = bytes.len().min(room);
                    (taken, bytes[..taken].to_vec())
                });
                if let Ok(bytes) = received {
                    let _ = socket.send_slice(&bytes);
                    busy |= !bytes.is_empty();
                }
            } else if !socket.may_recv() && socket.may_send() && socket.recv_queue() == 0 {
                socket.close();
                busy = true;
            }
        }
        busy
    }

    /// Moves bytes of the web server once; whether there may be more to do.
    fn serve(&mut self, quirks: &Quirks) -> bool {
        let mut busy = false;
        for (handle, visit) in &mut self.visits {
            let socket = self.sockets.get_mut::<tcp::Socket<'_>>(*handle);
            if !socket.is_open() {
                *visit = Visit::default();
                let _ = socket.listen(WEB);
                continue;
            }
            let peer = socket.remote_endpoint().map_or(IpAddr::V4(OWN_IPV4), |end| end.addr.into());
            while socket.can_recv() {
                let Ok(()) = socket.recv(|bytes| {
                    visit.receive(bytes, peer, quirks.portal);
                    (bytes.len(), ())
                }) else {
                    break;
                };
                busy = true;
            }
            while visit.has_output() && socket.can_send() {
                let Ok(sent @ 1..) = socket.send(|room| {
                    let filled = visit.fill(room);
                    (filled, filled)
                }) else {
                    break;
                };
                busy |= sent > 0;
            }
            let given_up = !socket.may_recv() && !visit.has_output();
            if (visit.is_over() || given_up) && socket.may_send() {
                socket.close();
                busy = true;
            }
        }
        busy
    }
}

#[cfg(test)]
mod tests;
