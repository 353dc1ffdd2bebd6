//! The stick's end of a network card that is the bearer itself: frames go in and come out, and the packets in them are the bearer's.
//!
//! What Ethernet needs besides packets is answered here: ARP and neighbour solicitations for the gateway, and DHCP with the bearer's
//! address. Frames to any Ethernet address are taken, since a host that was told not to ask for one sends to none in particular.

use std::collections::VecDeque;
use std::net::Ipv6Addr;

use crate::network::bearer::{Bearer, IPV6_GATEWAY};
use crate::network::dhcp::{self, Lease};
use crate::network::ip::{self, Frame, Ipv4, packet_frame};
use crate::network::{dhcp6, icmp6};

/// The Ethernet address of the stick's end: a local one.
const MAC: [u8; 6] = [0x02, 0x50, 0xf3, 0x00, 0x00, 0x00];
const NEIGHBOUR_SOLICITATION: u8 = 135;
const NEIGHBOUR_ADVERTISEMENT: u8 = 136;
const LEASE_S: u32 = 7200;

/// A virtual network card at the bearer.
#[derive(Debug)]
pub struct Card {
    /// The host's Ethernet address, as last seen.
    host: [u8; 6],
    /// Frames for the host that are no packets of the bearer.
    answers: VecDeque<Vec<u8>>,
    /// DHCP is not answered.
    mute: bool,
}

impl Card {
    /// `host`: the address that the stick's descriptors give the host. `mute`: requests for an address by DHCP are not answered.
    pub fn new(host: [u8; 6], mute: bool) -> Self {
        Card { host, answers: VecDeque::new(), mute }
    }

    /// A frame came from the host while the card has `bearer`; the packet in it that is for the network.
    pub fn receive<'a>(&mut self, frame: &'a [u8], bearer: Option<&Bearer>) -> Option<&'a [u8]> {
        let Frame { from, kind, payload, .. } = Frame::parse(frame)?;
        let bearer = bearer?;
        self.host = from;
        match kind {
            ip::ARP => self.answer_arp(payload, bearer),
            ip::IPV4 => {
                let packet = Ipv4::parse(payload)?;
                if packet.udp_ports().is_some_and(|(_, to)| to == dhcp::SERVER_PORT) {
                    self.answer_dhcp(packet.payload.get(8..)?, bearer);
                    return None;
                }
                return Some(payload);
            }
            ip::IPV6 if icmp6::kind(payload) == Some(NEIGHBOUR_SOLICITATION) => {
                self.answer_neighbour(payload);
            }
            ip::IPV6 if icmp6::udp_port(payload) == Some(dhcp6::SERVER_PORT) => {
                self.answer_dhcp6(payload, bearer);
            }
            ip::IPV6 => return Some(payload),
            _ => {}
        }
        None
    }

    /// The next frame for the host that is no packet of the bearer.
    pub fn take(&mut self) -> Option<Vec<u8>> {
        self.answers.pop_front()
    }

    /// A packet of the bearer as a frame for the host.
    pub fn frame(&self, packet: &[u8]) -> Vec<u8> {
        packet_frame(self.host, MAC, packet)
    }

    /// Every address but the host's own is here.
    fn answer_arp(&mut self, request: &[u8], bearer: &Bearer) {
        let (Some(head), Some(ipv4)) = (request.get(..28), bearer.ipv4) else { return };
        let (sender, wanted) = (&head[14..18], &head[24..28]);
        // Who asks for an address of its own wants to hear that nobody has it.
        let own = wanted == ipv4.address.octets() || wanted == sender;
        if head[..8] != [0, 1, 8, 0, 6, 4, 0, 1] || own {
            return;
        }
        let reply = [&[0, 1, 8, 0, 6, 4, 0, 2][..], &MAC, wanted, &head[8..14], sender].concat();
        self.answers.push_back(ip::frame(self.host, MAC, ip::ARP, &reply));
    }

    fn answer_neighbour(&mut self, packet: &[u8]) {
        let address = |at: usize| {
            packet.get(at..at + 16).and_then(|b| <[u8; 16]>::try_from(b).ok()).map(Ipv6Addr::from)
        };
        let (Some(from), Some(target)) = (address(8), address(icmp6::HEADER + 8)) else { return };
        // Whoever has no address yet wants to know whether it may take this one.
        if from.is_unspecified() || target != IPV6_GATEWAY {
            return;
        }
        // A router; asked for; in place of what was known.
        let mut reply = vec![NEIGHBOUR_ADVERTISEMENT, 0, 0, 0, 0xe0, 0, 0, 0];
        reply.extend(target.octets());
        reply.extend([2, 1]);
        reply.extend(MAC);
        let packet = icmp6::packet(target, from, reply);
        self.answers.push_back(ip::frame(self.host, MAC, ip::IPV6, &packet));
    }

    fn answer_dhcp6(&mut self, packet: &[u8], bearer: &Bearer) {
        let from = packet.get(8..24).and_then(|b| <[u8; 16]>::try_from(b).ok()).map(Ipv6Addr::from);
        let request = packet.get(icmp6::HEADER + 8..);
        let (Some(from), Some(request)) = (from, request) else { return };
        let Some(ipv6) = bearer.ipv6.filter(|_| !self.mute) else { return };
        if let Some(reply) = dhcp6::reply(request, &ipv6.dns) {
            let ports = (dhcp6::SERVER_PORT, dhcp6::CLIENT_PORT);
            let packet = icmp6::datagram(IPV6_GATEWAY, from, ports, &reply);
            self.answers.push_back(ip::frame(self.host, MAC, ip::IPV6, &packet));
        }
    }

    fn answer_dhcp(&mut self, request: &[u8], bearer: &Bearer) {
        let Some(ipv4) = bearer.ipv4.filter(|_| !self.mute) else { return };
        let lease = Lease {
            server: ipv4.gateway,
            host: ipv4.address,
            mask: ipv4.mask(),
            dns: ipv4.dns.to_vec(),
            mtu: Some(bearer.mtu),
            seconds: LEASE_S,
        };
        if let Some(reply) = dhcp::reply(request, &lease) {
            let everybody = ([255; 4].into(), dhcp::CLIENT_PORT);
            let packet = ip::datagram((ipv4.gateway, dhcp::SERVER_PORT), everybody, &reply);
            self.answers.push_back(packet_frame(self.host, MAC, &packet));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::bearer::addresses;

    const HOST: [u8; 6] = [0x0c, 0x5b, 0x8f, 0x27, 0x9a, 0x64];

    fn bearer() -> Bearer {
        let (ipv4, ipv6) = addresses(0, 0);
        Bearer { ipv4: Some(ipv4), ipv6: Some(ipv6), mtu: 1500 }
    }

    fn arp(sender: [u8; 4], wanted: [u8; 4]) -> Vec<u8> {
        let body = [&[0, 1, 8, 0, 6, 4, 0, 1][..], &HOST, &sender, &[0; 6], &wanted].concat();
        ip::frame([0xff; 6], HOST, ip::ARP, &body)
    }

    #[test]
    fn every_address_but_the_hosts_own_is_the_sticks() {
        let (mut card, bearer) = (Card::new([0; 6], false), bearer());
        let own = [10, 249, 198, 122];
        card.receive(&arp(own, [10, 249, 198, 121]), Some(&bearer));
        let reply = card.take().unwrap();
        assert_eq!((&reply[..6], &reply[6..12], reply[21]), (&HOST[..], &MAC[..], 2));
        assert_eq!(reply[28..32], [10, 249, 198, 121]);
        card.receive(&arp(own, [8, 8, 8, 8]), Some(&bearer));
        assert!(card.take().is_some());
        for (sender, wanted) in [([0; 4], own), (own, own), ([1, 2, 3, 4], [1, 2, 3, 4])] {
            card.receive(&arp(sender, wanted), Some(&bearer));
            assert_eq!(card.take(), None);
        }
        card.receive(&arp(own, [10, 249, 198, 121]), None);
        assert_eq!(card.take(), None, "there is no bearer");
    }

    #[test]
    fn dhcp_gives_the_bearers_address() {
        let (mut card, bearer) = (Card::new([0; 6], false), bearer());
        let mut discover = vec![0; 240];
        discover[..8].copy_from_slice(&[1, 1, 6, 0, 1, 2, 3, 4]);
        discover[236..].copy_from_slice(&[99, 130, 83, 99]);
        discover.extend([53, 1, 1, 255]);
        let packet = ip::datagram(([0; 4].into(), 68), ([255; 4].into(), 67), &discover);
        let frame = ip::frame([0xff; 6], HOST, ip::IPV4, &packet);
        assert_eq!(card.receive(&frame, Some(&bearer)), None);
        let reply = card.take().unwrap();
        assert_eq!(reply[14 + 28 + 16..][..4], [10, 249, 198, 122]);
        let only = Bearer { ipv4: None, ..bearer.clone() };
        card.receive(&frame, Some(&only));
        assert_eq!(card.take(), None);
        let mut mute = Card::new([0; 6], true);
        mute.receive(&frame, Some(&bearer));
        assert_eq!(mute.take(), None);
    }

    #[test]
    fn dhcpv6_tells_name_servers() {
        let (mut card, bearer) = (Card::new([0; 6], false), bearer());
        let request = [11, 1, 2, 3, 0, 6, 0, 2, 0, 23];
        let (host, everybody) = ("fe80::9".parse().unwrap(), "ff02::1:2".parse().unwrap());
        let packet = icmp6::datagram(host, everybody, (546, 547), &request);
        let frame = ip::frame([0x33, 0x33, 0, 1, 0, 2], HOST, ip::IPV6, &packet);
        assert_eq!(card.receive(&frame, Some(&bearer)), None);
        let reply = card.take().unwrap();
        assert_eq!((&reply[..6], reply[14 + 40 + 8]), (&HOST[..], 7));
        assert!(reply.ends_with(&bearer.ipv6.unwrap().dns[1].octets()));
        let mut mute = Card::new([0; 6], true);
        mute.receive(&frame, Some(&bearer));
        assert_eq!(mute.take(), None);
    }

    #[test]
    fn packets_pass_to_any_ethernet_address() {
        let (mut card, bearer) = (Card::new([0; 6], false), bearer());
        let packet = ip::datagram(([10, 249, 198, 122].into(), 9), ([8; 4].into(), 9), b"x");
        let frame = ip::frame([0, 1, 2, 3, 4, 5], HOST, ip::IPV4, &packet);
        assert_eq!(card.receive(&frame, Some(&bearer)), Some(&packet[..]));
        assert_eq!(card.frame(&packet)[..6], HOST);
        for cut in 0..frame.len() {
            assert_eq!(card.receive(&frame[..cut], Some(&bearer)), None, "{cut}");
        }
    }

    #[test]
    fn neighbours_find_the_gateway() {
        let (mut card, bearer) = (Card::new(HOST, false), bearer());
        let mut ask = |from: &str, target: Ipv6Addr| {
            let mut message = vec![NEIGHBOUR_SOLICITATION, 0, 0, 0, 0, 0, 0, 0];
            message.extend(target.octets());
            let packet = icmp6::packet(from.parse().unwrap(), "ff02::1:ff00:1".parse().unwrap(), message);
            card.receive(&ip::frame([0x33; 6], HOST, ip::IPV6, &packet), Some(&bearer));
            card.take()
        };
        let reply = ask("fe80::2", IPV6_GATEWAY).unwrap();
        assert_eq!((reply[14 + 40], reply[14 + 44]), (NEIGHBOUR_ADVERTISEMENT, 0xe0));
        assert_eq!(reply[reply.len() - 6..], MAC);
        assert_eq!(ask("::", IPV6_GATEWAY), None, "it may take it");
        assert_eq!(ask("fe80::2", "fe80::3".parse().unwrap()), None);
    }
}
