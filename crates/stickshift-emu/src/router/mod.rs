//! The router behind the network card of HiLink firmware and its kin: one address that hands out another, with the stick's web server on it.
//! What the host sends elsewhere leaves with the bearer's address. Ethernet frames go in and come out; nothing is read or sent by itself.
//!
//! Addresses and lease as in docs/protocols/hilink-at.md section 1.1.

pub mod http;

use std::collections::VecDeque;

use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::socket::{tcp, udp};
use smoltcp::wire::{EthernetAddress, HardwareAddress, IpCidr, IpEndpoint, Ipv4Address};
use stickshift::link::Moment;

use crate::device::Device;
use crate::network::dhcp::{self, Lease};
use crate::network::ip::{self, Frame, Ipv4};
use crate::network::wire::Wire;
use crate::network::{dns, instant};
use crate::router::http::Connection;

/// The router's own Ethernet address: a local one.
const MAC: [u8; 6] = [0x02, 0x0c, 0x5b, 0x8f, 0x27, 0x01];
/// So many connections at once; the rest wait for one to end.
const CONNECTIONS: usize = 8;
const BUFFER: usize = 16 * 1024;
/// The first of the pool .100 to .200.
const HOST: u8 = 100;
const LEASE_S: u32 = 86_400;
/// So many frames wait for the host; then the network has to wait.
const MOST_WAITING: usize = 32;
/// So many questions for names are remembered until their answer comes.
const MOST_QUESTIONS: usize = 64;

/// The router.
pub struct Router {
    address: Ipv4Address,
    /// Ethernet and IP address of the host, as last seen.
    host: Option<([u8; 6], Ipv4Address)>,
    /// Ports from which the host asked the router for a name.
    questions: VecDeque<u16>,
    wire: Wire,
    interface: Interface,
    sockets: SocketSet<'static>,
    dhcp: SocketHandle,
    web: Vec<(SocketHandle, Connection, Vec<u8>)>,
}

impl std::fmt::Debug for Router {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Router").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Router {
    /// One at `address`/24, just booted.
    pub fn new(address: [u8; 4], now: Moment) -> Self {
        let mut wire = Wire::default();
        let config = Config::new(HardwareAddress::Ethernet(EthernetAddress(MAC)));
        let mut interface = Interface::new(config, &mut wire, instant(now));
        let address = Ipv4Address::from(address);
        interface.update_ip_addrs(|all| {
            // The list has room for more than one.
            let _ = all.push(IpCidr::new(address.into(), 24));
        });
        let mut sockets = SocketSet::new(Vec::new());
        let packets = || udp::PacketBuffer::new(vec![udp::PacketMetadata::EMPTY; 8], vec![0; 8 * 600]);
        let mut socket = udp::Socket::new(packets(), packets());
        // A fresh socket takes any port.
        let _ = socket.bind(dhcp::SERVER_PORT);
        let dhcp = sockets.add(socket);
        let web = (0..CONNECTIONS)
            .map(|_| {
                let buffer = || tcp::SocketBuffer::new(vec![0; BUFFER]);
                (sockets.add(tcp::Socket::new(buffer(), buffer())), Connection::default(), Vec::new())
            })
            .collect();
        let questions = VecDeque::new();
        Router { address, host: None, questions, wire, interface, sockets, dhcp, web }
    }

    /// A frame came from the host.
    pub fn receive(&mut self, frame: &[u8]) {
        self.wire.incoming.push_back(frame.to_vec());
    }

    /// The next frame for the host.
    pub fn take(&mut self) -> Option<Vec<u8>> {
        self.wire.outgoing.pop_front()
    }

    /// Does what is due at `now`. Requests go to `device`, and packets over its bearer.
    pub fn turn(&mut self, now: Moment, device: &mut dyn Device) {
        let frames = std::mem::take(&mut self.wire.incoming);
        for frame in frames {
            match self.outward(&frame, now, device) {
                Some(packet) => device.packet_out(now, &packet),
                None => self.wire.incoming.push_back(frame),
            }
        }
        self.serve_home(now, device);
        while self.wire.outgoing.len() < MOST_WAITING
            && let Some(packet) = device.packet_in(now)
        {
            let frame = self.inward(packet);
            self.wire.outgoing.extend(frame);
        }
    }

    /// What of a frame leaves over the bearer; `None` for what is for the router, or for nobody.
    fn outward(&mut self, frame: &[u8], now: Moment, device: &dyn Device) -> Option<Vec<u8>> {
        let Frame { to, from, payload, .. } = Frame::parse(frame).filter(|frame| frame.kind == ip::IPV4)?;
        let packet = Ipv4::parse(payload).filter(|_| to == MAC)?;
        let question = match packet.udp_ports() {
            Some((from, dns::PORT)) if packet.destination == self.address => Some(from),
            _ => None,
        };
        let [a, b, c, _] = packet.destination.octets();
        let here = self.address.octets()[..3] == [a, b, c];
        if (here && question.is_none())
            || packet.destination.is_multicast()
            || packet.destination.is_broadcast()
        {
            return None;
        }
        let bearer = device.bearer(now)?.ipv4?;
        self.host = Some((from, packet.source));
        let destination = match question {
            Some(port) => {
                self.questions.truncate(MOST_QUESTIONS - 1);
                self.questions.push_front(port);
                bearer.dns[0]
            }
            None => packet.destination,
        };
        let mut packet = payload.to_vec();
        ip::readdress(&mut packet, bearer.address, destination);
        Some(packet)
    }

    /// A packet that came over the bearer as a frame for the host.
    fn inward(&mut self, mut packet: Vec<u8>) -> Option<Vec<u8>> {
        let (mac, address) = self.host?;
        let parsed = Ipv4::parse(&packet)?;
        let source = match parsed.udp_ports() {
            Some((dns::PORT, to)) if self.questions.contains(&to) => {
                self.questions.retain(|port| *port != to);
                self.address
            }
            _ => parsed.source,
        };
        ip::readdress(&mut packet, source, address);
        Some(ip::packet_frame(mac, MAC, &packet))
    }

    /// Answers what is for the router itself.
    fn serve_home(&mut self, now: Moment, device: &mut dyn Device) {
        loop {
            self.interface.poll(instant(now), &mut self.wire, &mut self.sockets);
            let busy = self.serve_dhcp() | self.serve_web(now, device);
            if !busy && self.wire.incoming.is_empty() {
                return;
            }
        }
    }

    /// When there is something to do next.
    pub fn next(&mut self, now: Moment) -> Option<Moment> {
        let delay = self.interface.poll_delay(instant(now), &self.sockets);
        let of_network = delay.map(|delay| now + std::time::Duration::from_micros(delay.total_micros()));
        self.web.iter().filter_map(|(_, connection, _)| connection.next()).chain(of_network).min()
    }

    fn serve_dhcp(&mut self) -> bool {
        let socket = self.sockets.get_mut::<udp::Socket<'_>>(self.dhcp);
        let Ok((request, _)) = socket.recv() else { return false };
        let [a, b, c, _] = self.address.octets();
        let lease = Lease {
            server: self.address,
            host: Ipv4Address::new(a, b, c, HOST),
            mask: Ipv4Address::new(255, 255, 255, 0),
            dns: vec![self.address],
            mtu: None,
            seconds: LEASE_S,
        };
        if let Some(reply) = dhcp::reply(request, &lease) {
            let everybody = IpEndpoint::new(Ipv4Address::BROADCAST.into(), dhcp::CLIENT_PORT);
            // A reply that finds no room is asked for again.
            let _ = socket.send_slice(&reply, everybody);
        }
        true
    }

    /// Moves bytes once; whether there may be more to do.
    fn serve_web(&mut self, now: Moment, device: &mut dyn Device) -> bool {
        let mut busy = false;
        for (handle, connection, unsent) in &mut self.web {
            let socket = self.sockets.get_mut::<tcp::Socket<'_>>(*handle);
            if !socket.is_open() {
                *connection = Connection::default();
                unsent.clear();
                // A closed socket may listen.
                let _ = socket.listen(80);
                continue;
            }
            let received = socket.can_recv().then(|| socket.recv(|bytes| (bytes.len(), bytes.to_vec())));
            if let Some(Ok(bytes)) = received {
                connection.receive(now, &bytes, device);
                busy = true;
            }
            unsent.extend(connection.take(now));
            if !unsent.is_empty()
                && let Ok(sent) = socket.send_slice(unsent)
                && sent > 0
            {
                unsent.drain(..sent);
                busy = true;
            }
            let answered = connection.is_over() && unsent.is_empty();
            let given_up = !socket.may_recv() && socket.may_send() && connection.next().is_none();
            if (answered || given_up) && socket.may_send() {
                socket.close();
                busy = true;
            }
        }
        busy
    }
}

#[cfg(test)]
mod tests;
