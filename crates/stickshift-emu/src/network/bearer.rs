//! What the operator gives one data connection: addresses, name servers, packet size.

use std::net::{Ipv4Addr, Ipv6Addr};

/// One data connection (PDP context, EPS bearer) while it is up. It has at least one of both families.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bearer {
    /// IPv4, when the network gave it.
    pub ipv4: Option<Ipv4Bearer>,
    /// IPv6, when the network gave it.
    pub ipv6: Option<Ipv6Bearer>,
    /// The largest packet in bytes, IP header included.
    pub mtu: u16,
}

impl Bearer {
    /// Whether it is `other` with one more family, or the same.
    pub(super) fn extends(&self, other: &Bearer) -> bool {
        let ipv4 = other.ipv4.is_none() || other.ipv4 == self.ipv4;
        let ipv6 = other.ipv6.is_none() || other.ipv6 == self.ipv6;
        ipv4 && ipv6 && self.mtu == other.mtu
    }
}

/// The IPv4 half of a bearer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ipv4Bearer {
    /// The stick's address.
    pub address: Ipv4Addr,
    /// Bits of the network, 1 to 30.
    pub prefix: u8,
    /// The other end.
    pub gateway: Ipv4Addr,
    /// Two name servers.
    pub dns: [Ipv4Addr; 2],
}

impl Ipv4Bearer {
    /// The network mask: 255.255.255.252 for a prefix of 30.
    pub fn mask(&self) -> Ipv4Addr {
        Ipv4Addr::from(u32::MAX << (32 - u32::from(self.prefix.clamp(1, 32))))
    }
}

/// The IPv6 half of a bearer: a prefix of 64 bits for the stick alone, and the interface identifier that the network wants in its
/// link-local address (3GPP TS 29.061 section 11.2.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ipv6Bearer {
    /// The first 64 bits of every address of the stick.
    pub prefix: u64,
    /// The last 64 bits of the address that the network proposes.
    pub interface_id: u64,
    /// Two name servers.
    pub dns: [Ipv6Addr; 2],
}

/// Link-local address of the other end of every bearer.
pub const IPV6_GATEWAY: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);

impl Ipv6Bearer {
    /// Prefix and interface identifier together.
    pub fn address(&self) -> Ipv6Addr {
        Ipv6Addr::from(u128::from(self.prefix) << 64 | u128::from(self.interface_id))
    }

    /// Whether an address lies in the prefix.
    pub fn has(&self, address: Ipv6Addr) -> bool {
        u128::from(address) >> 64 == u128::from(self.prefix)
    }
}

/// What subscriber number `number` gets from the network with its connection number `turn`. Each connection of each subscriber has
/// other addresses.
pub(crate) fn addresses(number: u16, turn: u16) -> (Ipv4Bearer, Ipv6Bearer) {
    // A network of four addresses per connection; the first one is 10.249.198.120/30.
    let place = u32::from(number % 128) + 128 * u32::from(turn % 128);
    let network = u32::from(Ipv4Addr::new(10, 249, 0, 0)) | 0xc678_u32.wrapping_add(4 * place) & 0xfffc;
    let ipv4 = Ipv4Bearer {
        address: Ipv4Addr::from(network + 2),
        prefix: 30,
        gateway: Ipv4Addr::from(network + 1),
        dns: [Ipv4Addr::new(10, 177, 0, 34), Ipv4Addr::new(10, 161, 187, 116)],
    };
    let ipv6 = Ipv6Bearer {
        // Within 2001:db8::/32, which is for documentation.
        prefix: 0x2001_0db8_0000_0000 | u64::from(number) << 16 | u64::from(turn),
        interface_id: 1 + u64::from(number),
        dns: [0x34, 0x74].map(|last| Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, last)),
    };
    (ipv4, ipv6)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_first_one_is_known_and_no_two_are_alike() {
        let (ipv4, ipv6) = addresses(0, 0);
        assert_eq!(ipv4.address, Ipv4Addr::new(10, 249, 198, 122));
        assert_eq!((ipv4.gateway, ipv4.mask()), ([10, 249, 198, 121].into(), [255, 255, 255, 252].into()));
        assert_eq!(ipv6.address(), "2001:db8::1".parse::<Ipv6Addr>().unwrap());
        assert!(ipv6.has(ipv6.address()) && !ipv6.has(IPV6_GATEWAY));
        let all: BTreeSet<_> =
            (0..120).flat_map(|number| (0..20).map(move |turn| addresses(number, turn).0.address)).collect();
        assert_eq!(all.len(), 120 * 20);
    }
}
