//! The changes of the computer, and what they are about: interfaces, addresses, routes, rules, name servers.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

/// A network interface by name and by the kernel's number for it, which is another one after every appearance.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Card {
    /// `wwan0`.
    pub name: String,
    /// ifindex.
    pub index: u32,
}

impl fmt::Display for Card {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// An address with the length of its network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    /// The address.
    pub address: IpAddr,
    /// Bits of the network, 24 for 255.255.255.0.
    pub prefix: u8,
}

impl Network {
    /// With a mask in the form of an address; a mask with holes counts as that of the single address.
    pub fn with_mask(address: Ipv4Addr, mask: Ipv4Addr) -> Network {
        let bits = u32::from(mask);
        let whole = bits.leading_ones() + bits.trailing_zeros() == 32 && bits != 0;
        let prefix = if whole { bits.leading_ones() as u8 } else { 32 };
        Network { address: address.into(), prefix }
    }

    /// Whether `other` is in this network.
    pub fn holds(&self, other: IpAddr) -> bool {
        let bits = |address: IpAddr| match address {
            IpAddr::V4(a) => (u128::from(u32::from(a)) << 96, 32),
            IpAddr::V6(a) => (u128::from(a), 128),
        };
        let ((own, width), (theirs, other_width)) = (bits(self.address), bits(other));
        let prefix = u32::from(self.prefix.min(width));
        width == other_width && (prefix == 0 || (own ^ theirs) >> (128 - prefix) == 0)
    }

    /// The network itself, with the bits of the host cleared.
    pub fn base(&self) -> Network {
        let cleared = |bits: u128, width: u32| {
            let prefix = u32::from(self.prefix).min(width);
            if prefix == 0 { 0 } else { bits >> (width - prefix) << (width - prefix) }
        };
        let address = match self.address {
            IpAddr::V4(a) => IpAddr::V4((cleared(u32::from(a).into(), 32) as u32).into()),
            IpAddr::V6(a) => IpAddr::V6(cleared(a.into(), 128).into()),
        };
        Network { address, prefix: self.prefix }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// A row of a routing table of the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Destination; `None` for a default route.
    pub to: Option<Network>,
    /// Of IPv6, which a default route does not tell by its destination.
    pub v6: bool,
    /// The next router; none for what is on the link itself.
    pub via: Option<IpAddr>,
    /// Through which interface.
    pub card: Card,
    /// The source address that programs get by it (prefsrc).
    pub source: Option<IpAddr>,
    /// Smaller ones come first.
    pub metric: u32,
    /// 254 is the main table.
    pub table: u32,
}

/// RT_TABLE_MAIN of `linux/rtnetlink.h`: where the routes of every program are.
pub const MAIN_TABLE: u32 = 254;

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.to {
            Some(to) => write!(f, "{to}")?,
            None => f.write_str(if self.v6 { "default (IPv6)" } else { "default" })?,
        }
        if let Some(via) = self.via {
            write!(f, " via {via}")?;
        }
        write!(f, " dev {}", self.card)?;
        if self.metric > 0 {
            write!(f, " metric {}", self.metric)?;
        }
        if self.table != MAIN_TABLE {
            write!(f, " table {}", self.table)?;
        }
        Ok(())
    }
}

/// A rule that sends packets to a routing table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Packets with this source address,
    pub from: Option<IpAddr>,
    /// or of sockets that are bound to this interface.
    pub bound_to: Option<String>,
    /// IPv6.
    pub v6: bool,
    /// Where the rule stands among the others.
    pub priority: u32,
    /// Number of the routing table that they go by.
    pub table: u32,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.priority)?;
        if let Some(from) = self.from {
            write!(f, "from {from} ")?;
        }
        if let Some(name) = &self.bound_to {
            write!(f, "oif {name} ")?;
        }
        write!(f, "lookup {}", self.table)
    }
}

/// One change of the computer. What takes it back is another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Takes an interface up or down.
    Link {
        /// Which.
        card: Card,
        /// Up.
        up: bool,
    },
    /// Gives it another hardware address; it has to be down.
    Mac {
        /// Which.
        card: Card,
        /// The address.
        mac: [u8; 6],
    },
    /// Has it ask for hardware addresses, or not.
    Arp {
        /// Which.
        card: Card,
        /// Whether.
        on: bool,
    },
    /// Sets the largest IP packet.
    Mtu {
        /// Which.
        card: Card,
        /// Bytes.
        mtu: u32,
    },
    /// A setting of the kernel, or of a driver, for it.
    Setting {
        /// Of which interface.
        card: Card,
        /// Below /proc/sys or, for a driver's, below /sys/class/net/NAME: `net/ipv6/conf/accept_ra`, `cdc_ncm/ndp_to_end`.
        name: SettingName,
        /// What is written into that file: `0`, `1`.
        value: String,
    },
    /// Adds an address, or removes it.
    Address {
        /// Of which interface.
        card: Card,
        /// The address. No route follows from it.
        address: Network,
        /// Adds it.
        add: bool,
    },
    /// Adds a route, or removes it.
    Route {
        /// The route.
        route: Route,
        /// Adds it.
        add: bool,
    },
    /// Adds a rule, or removes it.
    Rule {
        /// The rule.
        rule: Rule,
        /// Adds it.
        add: bool,
    },
    /// Name servers of an interface; none takes them back.
    Resolver {
        /// Of which interface.
        card: Card,
        /// The servers.
        servers: Vec<IpAddr>,
    },
    /// Ends a program that this one started: pppd.
    EndProgram {
        /// Its process.
        pid: u32,
        /// When it was started, in the kernel's ticks: another process of that number is left alone.
        started: u64,
    },
}

/// Settings of the kernel and of drivers that going online may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingName {
    /// `net.ipv6.conf.NAME.accept_ra`: 2 takes router advertisements on a computer that forwards, too.
    AcceptRa,
    /// `net.ipv6.conf.NAME.accept_ra_defrtr`: whether a default route follows from them.
    AcceptRaDefault,
    /// `net.ipv6.conf.NAME.ra_defrtr_metric`: the metric of that route; not in kernels before 5.12.
    RaMetric,
    /// `net.ipv6.conf.NAME.disable_ipv6`.
    DisableIpv6,
    /// `net.ipv4.conf.NAME.rp_filter`: 2 takes answers that come through another interface than the route says.
    ReversePath,
    /// `cdc_ncm/ndp_to_end`: Huawei's firmware reads NCM frames whose table stands at their end alone.
    NdpToEnd,
}

impl SettingName {
    /// As people write it, without the interface.
    pub fn words(self) -> &'static str {
        match self {
            SettingName::AcceptRa => "accept_ra",
            SettingName::AcceptRaDefault => "accept_ra_defrtr",
            SettingName::RaMetric => "ra_defrtr_metric",
            SettingName::DisableIpv6 => "disable_ipv6",
            SettingName::ReversePath => "rp_filter",
            SettingName::NdpToEnd => "ndp_to_end",
        }
    }
}

impl Change {
    /// The interface that it is about; what happened to one that is gone is gone with it.
    pub fn card(&self) -> Option<&Card> {
        match self {
            Change::Link { card, .. }
            | Change::Mac { card, .. }
            | Change::Arp { card, .. }
            | Change::Mtu { card, .. }
            | Change::Setting { card, .. }
            | Change::Address { card, .. }
            | Change::Resolver { card, .. } => Some(card),
            Change::Route { route, .. } => Some(&route.card),
            Change::Rule { .. } | Change::EndProgram { .. } => None,
        }
    }

    /// Whether it outlives a restart of the computer.
    pub fn outlives_a_restart(&self) -> bool {
        matches!(self, Change::Resolver { .. })
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = |add: &bool| if *add { "add" } else { "remove" };
        match self {
            Change::Link { card, up } => write!(f, "{card} {}", if *up { "up" } else { "down" }),
            Change::Mac { card, mac } => write!(f, "{card} hardware address {}", mac_words(*mac)),
            Change::Arp { card, on } => write!(f, "{card} arp {}", if *on { "on" } else { "off" }),
            Change::Mtu { card, mtu } => write!(f, "{card} mtu {mtu}"),
            Change::Setting { card, name, value } => write!(f, "{card} {} = {value}", name.words()),
            Change::Address { card, address, add } => {
                write!(f, "{} address {address} dev {card}", sign(add))
            }
            Change::Route { route, add } => write!(f, "{} route {route}", sign(add)),
            Change::Rule { rule, add } => write!(f, "{} rule {rule}", sign(add)),
            Change::Resolver { card, servers } if servers.is_empty() => {
                write!(f, "name servers of {card} as before")
            }
            Change::Resolver { card, servers } => {
                let servers: Vec<String> = servers.iter().map(IpAddr::to_string).collect();
                write!(f, "name servers of {card}: {}", servers.join(", "))
            }
            Change::EndProgram { pid, .. } => write!(f, "end pppd (process {pid})"),
        }
    }
}

/// Six pairs of lower-case hex digits: `02:00:5e:10:00:01`.
pub fn mac_words(mac: [u8; 6]) -> String {
    mac.map(|b| format!("{b:02x}")).join(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_and_networks() {
        let network = |a: [u8; 4], m: [u8; 4]| Network::with_mask(a.into(), m.into()).to_string();
        assert_eq!(network([10, 0, 0, 1], [255, 255, 255, 252]), "10.0.0.1/30");
        assert_eq!(network([10, 0, 0, 1], [255, 255, 255, 255]), "10.0.0.1/32");
        assert_eq!(network([10, 0, 0, 1], [0, 0, 0, 0]), "10.0.0.1/32");
        assert_eq!(network([10, 0, 0, 1], [255, 0, 255, 0]), "10.0.0.1/32");
        let net = Network { address: [192, 168, 8, 100].into(), prefix: 24 };
        assert!(net.holds([192, 168, 8, 1].into()) && !net.holds([192, 168, 9, 1].into()));
        assert_eq!(net.base().to_string(), "192.168.8.0/24");
        let six = Network { address: "2001:db8::1:2".parse().unwrap(), prefix: 64 };
        assert_eq!(six.base().to_string(), "2001:db8::/64");
        assert!(six.holds("2001:db8::9".parse().unwrap()) && !six.holds([10, 0, 0, 1].into()));
        assert!(Network { address: [0, 0, 0, 0].into(), prefix: 0 }.holds([9, 9, 9, 9].into()));
    }
}
