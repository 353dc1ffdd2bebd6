//! Headers of Ethernet, IPv4 and UDP, as far as the stick itself looks at them or writes them (RFC 791, RFC 768, RFC 1624).

use std::net::Ipv4Addr;

pub(crate) const IPV4: u16 = 0x0800;
pub(crate) const ARP: u16 = 0x0806;
pub(crate) const IPV6: u16 = 0x86dd;
pub(crate) const UDP: u8 = 17;
const TCP: u8 = 6;
const ETHERNET: usize = 14;
const BROADCAST: [u8; 6] = [0xff; 6];

/// An Ethernet frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    pub(crate) to: [u8; 6],
    pub(crate) from: [u8; 6],
    pub(crate) kind: u16,
    pub(crate) payload: &'a [u8],
}

impl<'a> Frame<'a> {
    pub(crate) fn parse(frame: &'a [u8]) -> Option<Self> {
        let head = frame.get(..ETHERNET)?;
        let address = |at: usize| std::array::from_fn(|i| head[at + i]);
        let kind = u16::from_be_bytes([head[12], head[13]]);
        Some(Frame { to: address(0), from: address(6), kind, payload: &frame[ETHERNET..] })
    }
}

/// The bytes of an Ethernet frame.
pub(crate) fn frame(to: [u8; 6], from: [u8; 6], kind: u16, payload: &[u8]) -> Vec<u8> {
    [&to[..], &from, &kind.to_be_bytes(), payload].concat()
}

/// A packet for the host at `host` as a frame from `from`; what is for many goes to many.
pub(crate) fn packet_frame(host: [u8; 6], from: [u8; 6], packet: &[u8]) -> Vec<u8> {
    match packet.first().map(|first| first >> 4) {
        Some(6) if packet.get(24) == Some(&0xff) => {
            let mut group = [0x33, 0x33, 0, 0, 0, 0];
            if let Some(last) = packet.get(36..40) {
                group[2..].copy_from_slice(last);
            }
            frame(group, from, IPV6, packet)
        }
        Some(6) => frame(host, from, IPV6, packet),
        _ if packet.get(16..20) == Some(&[255; 4]) => frame(BROADCAST, from, IPV4, packet),
        _ => frame(host, from, IPV4, packet),
    }
}

/// What of an IPv4 packet is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ipv4<'a> {
    pub(crate) source: Ipv4Addr,
    pub(crate) destination: Ipv4Addr,
    pub(crate) protocol: u8,
    /// Not the first fragment: there are no ports.
    pub(crate) rest: bool,
    pub(crate) payload: &'a [u8],
}

impl<'a> Ipv4<'a> {
    pub(crate) fn parse(packet: &'a [u8]) -> Option<Self> {
        let head = packet.get(..20).filter(|head| head[0] >> 4 == 4)?;
        let address = |at: usize| Ipv4Addr::new(head[at], head[at + 1], head[at + 2], head[at + 3]);
        let total = usize::from(u16::from_be_bytes([head[2], head[3]]));
        Some(Ipv4 {
            source: address(12),
            destination: address(16),
            protocol: head[9],
            rest: u16::from_be_bytes([head[6], head[7]]) & 0x1fff != 0,
            payload: packet.get(usize::from(head[0] & 0x0f) * 4..total)?,
        })
    }

    /// Source and destination port of UDP.
    pub(crate) fn udp_ports(&self) -> Option<(u16, u16)> {
        let &[s0, s1, d0, d1] = self.payload.get(..4).filter(|_| self.protocol == UDP && !self.rest)? else {
            return None;
        };
        Some((u16::from_be_bytes([s0, s1]), u16::from_be_bytes([d0, d1])))
    }
}

/// A UDP datagram in an IPv4 packet.
pub(crate) fn datagram(from: (Ipv4Addr, u16), to: (Ipv4Addr, u16), data: &[u8]) -> Vec<u8> {
    let udp_length = 8 + data.len() as u16;
    let mut packet = vec![0x45, 0];
    packet.extend((20 + udp_length).to_be_bytes());
    packet.extend([0, 0, 0, 0, 64, UDP, 0, 0]);
    packet.extend(from.0.octets());
    packet.extend(to.0.octets());
    let sum = !ones_sum(0, &packet);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    packet.extend(from.1.to_be_bytes());
    packet.extend(to.1.to_be_bytes());
    packet.extend(udp_length.to_be_bytes());
    // Over IPv4 a datagram may go without a checksum, which zero says.
    packet.extend([0, 0]);
    packet.extend_from_slice(data);
    packet
}

/// Puts other addresses into an IPv4 packet, and makes its checksums right again.
pub(crate) fn readdress(packet: &mut [u8], source: Ipv4Addr, destination: Ipv4Addr) {
    let Some(parsed) = Ipv4::parse(packet) else { return };
    let (protocol, rest) = (parsed.protocol, parsed.rest);
    let old: [u8; 8] = std::array::from_fn(|at| packet[12 + at]);
    packet[12..16].copy_from_slice(&source.octets());
    packet[16..20].copy_from_slice(&destination.octets());
    let new: [u8; 8] = std::array::from_fn(|at| packet[12 + at]);
    update(packet, 10, &old, &new);
    let payload = usize::from(packet[0] & 0x0f) * 4;
    let at = match protocol {
        TCP => payload + 16,
        // A datagram without a checksum stays without one.
        UDP if packet.get(payload + 6..payload + 8).is_some_and(|sum| sum != [0, 0]) => payload + 6,
        _ => return,
    };
    if !rest {
        update(packet, at, &old, &new);
    }
}

/// The checksum at `at` follows a change of what it covers.
fn update(packet: &mut [u8], at: usize, old: &[u8; 8], new: &[u8; 8]) {
    let Some(&[high, low]) = packet.get(at..at + 2) else { return };
    let negated: Vec<u8> = old.iter().map(|byte| !byte).collect();
    let sum = ones_sum(ones_sum(!u16::from_be_bytes([high, low]), &negated), new);
    packet[at..at + 2].copy_from_slice(&(!sum).to_be_bytes());
}

/// The sum of 16-bit words in ones' complement.
fn ones_sum(begin: u16, bytes: &[u8]) -> u16 {
    let word = |pair: &[u8]| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0));
    let mut sum = u32::from(begin) + bytes.chunks(2).map(word).sum::<u32>();
    while sum >> 16 != 0 {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

#[cfg(test)]
mod tests {
    use smoltcp::phy::ChecksumCapabilities;
    use smoltcp::wire::{Ipv4Packet, TcpControl, TcpPacket, TcpRepr, TcpSeqNumber, UdpPacket};

    use super::*;

    const LAN: Ipv4Addr = Ipv4Addr::new(192, 168, 8, 100);
    const WAN: Ipv4Addr = Ipv4Addr::new(10, 249, 198, 122);
    const FAR: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 255);

    #[test]
    fn a_datagram_is_read_by_another_stack() {
        let bytes = datagram((LAN, 68), (FAR, 67), b"hello");
        let packet = Ipv4Packet::new_checked(&bytes).unwrap();
        assert!(packet.verify_checksum());
        let datagram = UdpPacket::new_checked(packet.payload()).unwrap();
        assert_eq!((datagram.src_port(), datagram.dst_port(), datagram.payload()), (68, 67, &b"hello"[..]));
        let parsed = Ipv4::parse(&bytes).unwrap();
        assert_eq!((parsed.source, parsed.destination, parsed.udp_ports()), (LAN, FAR, Some((68, 67))));
        for cut in 0..bytes.len() {
            assert_eq!(Ipv4::parse(&bytes[..cut]), None, "{cut}");
        }
    }

    #[test]
    fn other_addresses_keep_the_checksums_right() {
        let segment = TcpRepr {
            src_port: 40_000,
            dst_port: 80,
            control: TcpControl::Psh,
            seq_number: TcpSeqNumber(1),
            ack_number: Some(TcpSeqNumber(2)),
            window_len: 3,
            window_scale: None,
            max_seg_size: None,
            sack_permitted: false,
            sack_ranges: [None; 3],
            timestamp: None,
            payload: b"odd",
        };
        let mut payload = vec![0; segment.buffer_len()];
        let checks = ChecksumCapabilities::default();
        segment.emit(&mut TcpPacket::new_unchecked(&mut payload[..]), &LAN.into(), &FAR.into(), &checks);
        let mut bytes = datagram((LAN, 0), (FAR, 0), &payload[8..]);
        bytes.truncate(20);
        bytes.extend_from_slice(&payload);
        bytes[9] = TCP;
        let mut packet = Ipv4Packet::new_unchecked(&mut bytes[..]);
        packet.set_total_len(20 + payload.len() as u16);
        packet.fill_checksum();
        readdress(&mut bytes, WAN, FAR);
        let packet = Ipv4Packet::new_checked(&bytes).unwrap();
        assert!(packet.verify_checksum());
        let segment = TcpPacket::new_checked(packet.payload()).unwrap();
        assert!(segment.verify_checksum(&WAN.into(), &FAR.into()));
    }
}
