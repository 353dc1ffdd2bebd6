//! The router advertisement of a bearer (RFC 4861 section 4.2, RFC 8106 section 5.1), and what else of ICMPv6 no socket answers.

use std::net::Ipv6Addr;

use crate::network::bearer::{IPV6_GATEWAY, Ipv6Bearer};

pub(super) const HEADER: usize = 40;
pub(super) const ICMPV6: u8 = 58;
pub(super) const ROUTER_SOLICITATION: u8 = 133;
const ROUTER_ADVERTISEMENT: u8 = 134;
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
/// How long the router and the name servers are good for.
const LIFETIME_S: u16 = 9000;
const HOP_LIMIT: u8 = 255;

/// Type of an ICMPv6 message without extension headers; `None` for another packet.
pub(super) fn kind(packet: &[u8]) -> Option<u8> {
    (packet.first()? >> 4 == 6 && *packet.get(6)? == ICMPV6).then(|| packet.get(HEADER).copied()).flatten()
}

/// The router of a bearer tells its prefix, its name servers and the size of packets to all nodes.
pub(super) fn advertisement(bearer: &Ipv6Bearer, mtu: u16) -> Vec<u8> {
    // Other configuration is there to be asked for; addresses are not.
    let mut message = vec![ROUTER_ADVERTISEMENT, 0, 0, 0, 64, 0x40];
    message.extend(LIFETIME_S.to_be_bytes());
    message.extend([0; 8]);
    // The MTU.
    message.extend([5, 1, 0, 0]);
    message.extend(u32::from(mtu).to_be_bytes());
    // The prefix: not on the link, for addresses that hosts make themselves, for ever.
    message.extend([3, 4, 64, 0x40]);
    message.extend([0xff; 8]);
    message.extend([0; 4]);
    message.extend(bearer.prefix.to_be_bytes());
    message.extend([0; 8]);
    // The name servers.
    message.extend([25, 1 + 2 * bearer.dns.len() as u8, 0, 0]);
    message.extend(u32::from(LIFETIME_S).to_be_bytes());
    message.extend(bearer.dns.iter().flat_map(Ipv6Addr::octets));
    packet(IPV6_GATEWAY, ALL_NODES, message)
}

/// An ICMPv6 message whose checksum is still zero as a packet.
pub(super) fn packet(from: Ipv6Addr, to: Ipv6Addr, mut message: Vec<u8>) -> Vec<u8> {
    let sum = checksum(from, to, ICMPV6, &message);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    ipv6(from, to, ICMPV6, &message)
}

/// The destination port of a UDP datagram without extension headers; `None` for another packet.
pub(super) fn udp_port(packet: &[u8]) -> Option<u16> {
    let is_udp = packet.first()? >> 4 == 6 && *packet.get(6)? == super::ip::UDP;
    let port = packet.get(HEADER + 2..HEADER + 4).filter(|_| is_udp)?;
    Some(u16::from_be_bytes([port[0], port[1]]))
}

/// A UDP datagram in an IPv6 packet.
pub(super) fn datagram(
    from: Ipv6Addr,
    to: Ipv6Addr,
    (source, destination): (u16, u16),
    data: &[u8],
) -> Vec<u8> {
    let mut datagram = Vec::new();
    datagram.extend(source.to_be_bytes());
    datagram.extend(destination.to_be_bytes());
    datagram.extend((data.len() as u16 + 8).to_be_bytes());
    datagram.extend([0, 0]);
    datagram.extend_from_slice(data);
    let sum = checksum(from, to, super::ip::UDP, &datagram);
    datagram[6..8].copy_from_slice(&sum.to_be_bytes());
    ipv6(from, to, super::ip::UDP, &datagram)
}

/// An IPv6 packet that no router forwards.
pub(super) fn ipv6(from: Ipv6Addr, to: Ipv6Addr, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x60, 0, 0, 0];
    packet.extend((payload.len() as u16).to_be_bytes());
    packet.extend([protocol, HOP_LIMIT]);
    packet.extend(from.octets());
    packet.extend(to.octets());
    packet.extend_from_slice(payload);
    packet
}

/// The checksum of what stands in an IPv6 packet (RFC 8200 section 8.1).
pub(super) fn checksum(from: Ipv6Addr, to: Ipv6Addr, protocol: u8, payload: &[u8]) -> u16 {
    let words = |bytes: &[u8]| -> u32 {
        bytes
            .chunks(2)
            .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0)))
            .sum()
    };
    let mut sum = words(&from.octets()) + words(&to.octets()) + words(payload);
    sum += payload.len() as u32 + u32::from(protocol);
    while sum >> 16 != 0 {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use smoltcp::phy::ChecksumCapabilities;
    use smoltcp::wire::{Icmpv6Packet, Icmpv6Repr, Ipv6Packet, NdiscRepr};

    use super::*;
    use crate::network::bearer::addresses;

    #[test]
    fn an_advertisement_is_read_by_another_stack() {
        let (_, bearer) = addresses(3, 1);
        let bytes = advertisement(&bearer, 1420);
        let packet = Ipv6Packet::new_checked(&bytes).unwrap();
        assert_eq!((packet.hop_limit(), packet.dst_addr()), (255, ALL_NODES));
        let message = Icmpv6Packet::new_checked(packet.payload()).unwrap();
        let checks = ChecksumCapabilities::default();
        let repr = Icmpv6Repr::parse(&packet.src_addr(), &packet.dst_addr(), &message, &checks).unwrap();
        let Icmpv6Repr::Ndisc(NdiscRepr::RouterAdvert { mtu, prefix_info, router_lifetime, .. }) = repr
        else {
            panic!("{repr:?}");
        };
        assert_eq!((mtu, router_lifetime.secs()), (Some(1420), 9000));
        let prefix = prefix_info.unwrap();
        assert_eq!((prefix.prefix_len, prefix.prefix), (64, "2001:db8:3:1::".parse().unwrap()));
        assert_eq!(kind(&bytes), Some(134));
    }
}
