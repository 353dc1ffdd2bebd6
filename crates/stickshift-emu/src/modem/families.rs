//! The families of addresses: IPv4 and IPv6.

/// The families of addresses that a connection asks for, or has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Families {
    /// IPv4.
    pub ipv4: bool,
    /// IPv6.
    pub ipv6: bool,
}

impl Families {
    /// What a router asks for.
    pub(crate) const IPV4: Families = Families { ipv4: true, ipv6: false };

    /// By the name of a PDP type: `IP`, `IPV6`, `IPV4V6`.
    pub(crate) fn of(protocol: &str) -> Self {
        Families { ipv4: protocol != "IPV6", ipv6: protocol != "IP" }
    }

    pub(crate) fn both(self, other: Families) -> Self {
        Families { ipv4: self.ipv4 && other.ipv4, ipv6: self.ipv6 && other.ipv6 }
    }

    /// `IPV4` and `IPV6`, as far as they are meant.
    pub(crate) fn names(self) -> impl Iterator<Item = &'static str> {
        self.ipv4.then_some("IPV4").into_iter().chain(self.ipv6.then_some("IPV6"))
    }
}
