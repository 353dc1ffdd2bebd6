//! The network behind a HiLink stick's network card: a router at one address that hands out another, with the stick's web server on it. Ethernet
//! frames go in and come out; nothing is read or sent by itself.
//!
//! Addresses and lease as in docs/protocols/hilink-at.md section 1.1. What stands behind the router is nowhere.

mod bearer;
mod dhcp;
mod dns;
pub mod http;
mod icmp6;
mod operator;
mod site;
mod wire;

pub(crate) use bearer::addresses;
pub use bearer::{Bearer, IPV6_GATEWAY, Ipv4Bearer, Ipv6Bearer};
pub use operator::{Operator, Quirks};

use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::socket::{tcp, udp};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, HardwareAddress, IpCidr, IpEndpoint, Ipv4Address};
use stickshift::link::Moment;

use crate::device::Device;
use crate::network::http::Connection;
use wire::Wire;

/// The router's own Ethernet address: a local one.
const MAC: [u8; 6] = [0x02, 0x0c, 0x5b, 0x8f, 0x27, 0x01];
/// So many connections at once; the rest wait for one to end.
const CONNECTIONS: usize = 8;
const BUFFER: usize = 16 * 1024;

/// The router.
pub struct Router {
    address: Ipv4Address,
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
        Router { address, wire, interface, sockets, dhcp, web }
    }

    /// A frame came from the host.
    pub fn receive(&mut self, frame: &[u8]) {
        self.wire.incoming.push_back(frame.to_vec());
    }

    /// The next frame for the host.
    pub fn take(&mut self) -> Option<Vec<u8>> {
        self.wire.outgoing.pop_front()
    }

    /// Does what is due at `now`. Requests go to `device`.
    pub fn turn(&mut self, now: Moment, device: &mut dyn Device) {
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
        if let Some(reply) = dhcp::reply(request, self.address) {
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

fn instant(now: Moment) -> Instant {
    Instant::from_micros(i64::try_from(now.as_micros()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;
