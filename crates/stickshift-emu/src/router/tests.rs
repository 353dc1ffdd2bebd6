use std::time::Duration;

use smoltcp::iface::{Config, Interface, SocketSet};
use smoltcp::socket::tcp;
use smoltcp::wire::{EthernetAddress, HardwareAddress, IpAddress, IpCidr};

use super::*;
use crate::network::page_reader::{self, PageReader, TURNS};
use crate::sticks::catalogue::plugged_in;

/// A host with one network card and a stick at the other end of its cable.
struct Rig {
    stick: Box<dyn Device>,
    router: Router,
    now: Moment,
    wire: Wire,
    host: Interface,
    sockets: SocketSet<'static>,
    /// Every so many frames from the host are lost.
    loses: Option<usize>,
    frames: usize,
}

impl Rig {
    fn new(loses: Option<usize>) -> Rig {
        let (stick, now) = plugged_in("e3372h");
        let mut wire = Wire::default();
        let config =
            Config::new(HardwareAddress::Ethernet(EthernetAddress([0x0c, 0x5b, 0x8f, 0x27, 0x9a, 0x64])));
        let mut host = Interface::new(config, &mut wire, instant(now));
        host.update_ip_addrs(|all| all.push(IpCidr::new(IpAddress::v4(192, 168, 8, 100), 24)).unwrap());
        host.routes_mut().add_default_ipv4_route(Ipv4Address::new(192, 168, 8, 1)).unwrap();
        let router = Router::new([192, 168, 8, 1], now);
        Rig { stick, router, now, wire, host, sockets: SocketSet::new(Vec::new()), loses, frames: 0 }
    }

    fn step(&mut self) {
        self.host.poll(instant(self.now), &mut self.wire, &mut self.sockets);
        while let Some(frame) = self.wire.outgoing.pop_front() {
            self.frames += 1;
            if self.loses.is_none_or(|every| !self.frames.is_multiple_of(every)) {
                self.router.receive(&frame);
            }
        }
        self.router.turn(self.now, &mut *self.stick);
        while let Some(frame) = self.router.take() {
            self.wire.incoming.push_back(frame);
        }
        self.now += Duration::from_millis(10);
    }

    fn connect(&mut self) -> SocketHandle {
        self.connect_to(IpAddress::v4(192, 168, 8, 1))
    }

    fn connect_to(&mut self, address: IpAddress) -> SocketHandle {
        page_reader::connect(&mut self.host, &mut self.sockets, address, 8192)
    }

    /// Sends a request and reads until the server closes.
    fn get(&mut self, path: &str) -> String {
        self.get_from(IpAddress::v4(192, 168, 8, 1), path)
    }

    fn get_from(&mut self, address: IpAddress, path: &str) -> String {
        let mut page = PageReader::new(self.connect_to(address), path, "192.168.8.1");
        for _ in 0..TURNS {
            self.step();
            if page.turn(&mut self.sockets) && !page.answer.is_empty() {
                return String::from_utf8(page.answer).unwrap();
            }
        }
        panic!("no answer to {path}: {}", String::from_utf8_lossy(&page.answer));
    }
}

#[test]
fn the_web_server_answers_over_ethernet() {
    let mut rig = Rig::new(None);
    for _ in 0..3 * CONNECTIONS {
        let answer = rig.get("/api/device/basic_information");
        assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.contains("E3372"), "{answer}");
    }
}

#[test]
fn lost_frames_are_sent_again() {
    let mut rig = Rig::new(Some(4));
    for _ in 0..5 {
        assert!(rig.get("/").contains("csrf_token"));
    }
    assert!(rig.frames > 20);
}

#[test]
fn a_host_that_leaves_makes_room() {
    let mut rig = Rig::new(None);
    for _ in 0..2 * CONNECTIONS {
        let handle = rig.connect();
        for _ in 0..5 {
            rig.step();
        }
        rig.sockets.get_mut::<tcp::Socket<'_>>(handle).abort();
        rig.step();
    }
    assert!(rig.get("/api/device/basic_information").contains("E3372"));
}

#[test]
fn frames_that_are_none_are_dropped() {
    let mut rig = Rig::new(None);
    for length in [0, 1, 13, 14, 60, 1514, 4000] {
        rig.router.receive(&vec![0xff; length]);
        rig.router.turn(rig.now, &mut *rig.stick);
    }
    assert!(rig.get("/").contains("csrf_token"));
}

#[test]
fn the_host_reaches_the_network_with_the_bearers_address() {
    let mut rig = Rig::new(None);
    // A router dials by itself.
    rig.now += Duration::from_secs(5);
    rig.stick.tick(rig.now);
    let seen = rig.get_from(IpAddress::v4(198, 18, 0, 1), "/address");
    assert!(seen.ends_with("\r\n\r\n10.249.198.122\n"), "{seen}");
    let large = rig.get_from(IpAddress::v4(198, 18, 0, 1), "/bytes/200000");
    assert!(large.ends_with("0024998\n0024999\n"));

    let packets = || udp::PacketBuffer::new(vec![udp::PacketMetadata::EMPTY; 4], vec![0; 2000]);
    let mut socket = udp::Socket::new(packets(), packets());
    socket.bind(5000).unwrap();
    let home = IpAddress::v4(192, 168, 8, 1);
    socket.send_slice(b"\0\x07\x01\0\0\x01\0\0\0\0\0\0\x01a\0\0\x01\0\x01", (home, 53)).unwrap();
    let handle = rig.sockets.add(socket);
    (0..10).for_each(|_| rig.step());
    let socket = rig.sockets.get_mut::<udp::Socket<'_>>(handle);
    let (answer, from) = socket.recv().unwrap();
    assert_eq!((answer[7], from.endpoint), (1, (home, 53).into()));
}
