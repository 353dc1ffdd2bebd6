use smoltcp::wire::{IpAddress, IpCidr};

use super::*;
use crate::network::bearer::addresses;
use crate::network::page_reader::{self, PageReader, TURNS};

/// A host with the addresses of a bearer, and the network at its other end.
struct Rig {
    operator: Operator,
    now: Moment,
    wire: Wire,
    host: Interface,
    sockets: SocketSet<'static>,
}

fn both() -> Bearer {
    let (ipv4, ipv6) = addresses(0, 0);
    Bearer { ipv4: Some(ipv4), ipv6: Some(ipv6), mtu: 1500 }
}

impl Rig {
    fn new(quirks: Quirks) -> Rig {
        let mut wire = Wire::new(Medium::Ip, 1500);
        let mut host = Interface::new(Config::new(HardwareAddress::Ip), &mut wire, instant(Moment::ZERO));
        let (ipv4, ipv6) = addresses(0, 0);
        host.update_ip_addrs(|all| {
            all.push(IpCidr::new(ipv4.address.into(), 30)).unwrap();
            all.push(IpCidr::new(ipv6.address().into(), 64)).unwrap();
        });
        host.routes_mut().add_default_ipv4_route(ipv4.gateway).unwrap();
        host.routes_mut().add_default_ipv6_route(crate::network::IPV6_GATEWAY).unwrap();
        let mut operator = Operator::new(quirks);
        operator.connect(Moment::ZERO, both());
        Rig { operator, now: Moment::ZERO, wire, host, sockets: SocketSet::new(Vec::new()) }
    }

    fn step(&mut self) {
        self.host.poll(instant(self.now), &mut self.wire, &mut self.sockets);
        while let Some(packet) = self.wire.outgoing.pop_front() {
            self.operator.send(&packet);
        }
        self.operator.turn(self.now);
        while let Some(packet) = self.operator.receive() {
            self.wire.incoming.push_back(packet);
        }
        self.now += Duration::from_millis(10);
    }

    /// Sends a request to port 80 of an address and reads until the server closes; `None` when it never does.
    fn get(&mut self, address: IpAddress, path: &str) -> Option<Vec<u8>> {
        let handle = page_reader::connect(&mut self.host, &mut self.sockets, address, 60_000);
        let mut page = PageReader::new(handle, path, "example.org");
        for _ in 0..TURNS {
            self.step();
            if page.turn(&mut self.sockets) {
                return Some(page.answer).filter(|answer| !answer.is_empty());
            }
        }
        None
    }

    /// The answer to a question for a name over IPv4.
    fn ask(&mut self, server: IpAddress) -> Option<Vec<u8>> {
        let packets = || udp::PacketBuffer::new(vec![udp::PacketMetadata::EMPTY; 4], vec![0; 2000]);
        let mut socket = udp::Socket::new(packets(), packets());
        socket.bind(5000).unwrap();
        socket.send_slice(b"\0\x07\x01\0\0\x01\0\0\0\0\0\0\x01a\0\0\x01\0\x01", (server, 53)).unwrap();
        let handle = self.sockets.add(socket);
        (0..5).for_each(|_| self.step());
        let socket = self.sockets.get_mut::<udp::Socket<'_>>(handle);
        let answer = socket.recv().ok().map(|(answer, from)| {
            assert_eq!(from.endpoint.addr, server);
            answer.to_vec()
        });
        self.sockets.remove(handle);
        answer
    }
}

const FAR: IpAddress = IpAddress::v4(198, 18, 7, 7);
const FAR6: IpAddress = IpAddress::v6(0x2001, 0xdb8, 0xfffe, 0, 0, 0, 0, 7);

#[test]
fn every_destination_answers_over_both_families() {
    let mut rig = Rig::new(Quirks::default());
    for address in [FAR, IpAddress::v4(10, 249, 198, 121), FAR6] {
        let answer = rig.get(address, "/bytes/300000").unwrap();
        let start = answer.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4;
        let expected: Vec<u8> = (0..37_500).flat_map(|n| format!("{n:07}\n").into_bytes()).collect();
        assert!(answer[start..] == expected, "{address}: {} bytes", answer.len() - start);
    }
    let seen = |answer: Vec<u8>| String::from_utf8(answer).unwrap().lines().last().unwrap().to_owned();
    assert_eq!(seen(rig.get(FAR, "/address").unwrap()), "10.249.198.122");
    assert_eq!(seen(rig.get(FAR6, "/address").unwrap()), "2001:db8::1");
    assert_eq!(rig.ask(FAR).unwrap()[7], 1);
    let (received, sent) = rig.operator.carried();
    assert!(received > 900_000 && sent > 1000);
}

#[test]
fn nothing_passes_without_a_bearer_or_with_a_foreign_address() {
    let mut rig = Rig::new(Quirks::default());
    rig.operator.disconnect();
    assert_eq!(rig.get(FAR, "/"), None);
    assert_eq!(rig.operator.next(), None);
    let (ipv4, ipv6) = addresses(0, 1);
    rig.operator.connect(rig.now, Bearer { ipv4: Some(ipv4), ipv6: Some(ipv6), mtu: 1500 });
    assert_eq!(rig.get(FAR, "/"), None);
    rig.operator.connect(rig.now, Bearer { ipv6: None, ..both() });
    assert!(rig.get(FAR, "/").is_some());
    assert_eq!(rig.get(FAR6, "/"), None);
}

#[test]
fn an_ipv6_bearer_is_advertised_when_it_comes_up_and_on_demand() {
    let mut operator = Operator::new(Quirks::default());
    operator.connect(Moment::ZERO, both());
    operator.turn(Moment::ZERO);
    let advertisement = operator.receive().unwrap();
    assert_eq!((icmp6::kind(&advertisement), operator.receive()), (Some(134), None));
    let from = "fe80::2".parse().unwrap();
    let all_routers = "ff02::2".parse().unwrap();
    operator.send(&icmp6::packet(from, all_routers, vec![133, 0, 0, 0, 0, 0, 0, 0]));
    operator.turn(Moment::ZERO);
    assert_eq!(operator.receive(), Some(advertisement));
    let mut operator = Operator::new(Quirks::default());
    operator.connect(Moment::ZERO, Bearer { ipv6: None, ..both() });
    operator.turn(Moment::ZERO);
    assert_eq!(operator.receive(), None);
}

#[test]
fn a_family_that_comes_later_leaves_connections_alone() {
    let mut rig = Rig::new(Quirks::default());
    rig.operator.connect(rig.now, Bearer { ipv6: None, ..both() });
    let buffer = || tcp::SocketBuffer::new(vec![0; 1000]);
    let handle = rig.sockets.add(tcp::Socket::new(buffer(), buffer()));
    let socket = rig.sockets.get_mut::<tcp::Socket<'_>>(handle);
    socket.connect(rig.host.context(), (FAR, ECHO), 50_000).unwrap();
    (0..5).for_each(|_| rig.step());
    rig.operator.connect(rig.now, both());
    let socket = rig.sockets.get_mut::<tcp::Socket<'_>>(handle);
    socket.send_slice(b"still here").unwrap();
    (0..5).for_each(|_| rig.step());
    let socket = rig.sockets.get_mut::<tcp::Socket<'_>>(handle);
    assert_eq!(socket.recv(|bytes| (bytes.len(), bytes.to_vec())).unwrap(), b"still here");
    assert!(rig.get(FAR6, "/").is_some());
}

#[test]
fn each_quirk_stops_its_own_traffic() {
    let mut hole = Rig::new(Quirks { black_hole: Some(1420), ..Quirks::default() });
    assert!(hole.get(FAR, "/").is_some(), "small packets pass");
    assert_eq!(hole.get(FAR, "/bytes/100000"), None);
    let mut mute = Rig::new(Quirks { no_names: true, ..Quirks::default() });
    assert_eq!(mute.ask(FAR), None);
    assert!(mute.get(FAR, "/").is_some());
    let mut names = Rig::new(Quirks { names_only: true, ..Quirks::default() });
    assert!(names.ask(FAR).is_some());
    assert_eq!(names.get(FAR, "/"), None);
    let mut portal = Rig::new(Quirks { portal: true, ..Quirks::default() });
    assert!(portal.get(FAR, "/generate_204").unwrap().starts_with(b"HTTP/1.1 302"));
}

#[test]
fn packets_that_are_none_are_dropped() {
    let mut rig = Rig::new(Quirks::default());
    for first in [0x00, 0x40, 0x45, 0x4f, 0x60, 0xff] {
        for length in [0, 1, 19, 20, 39, 40, 41, 1500, 9000] {
            let mut packet = vec![first; length];
            if let Some(source) = packet.get_mut(12..16) {
                source.copy_from_slice(&[10, 249, 198, 122]);
            }
            rig.operator.send(&packet);
            rig.operator.turn(rig.now);
        }
    }
    assert!(rig.get(FAR, "/").is_some());
}
