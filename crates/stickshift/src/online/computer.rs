//! What going online needs of the computer: its network interfaces, and changes to them that can be taken back.
//!
//! ```
//! use stickshift::online::computer::Network;
//!
//! let network = Network::with_mask("10.64.1.2".parse()?, "255.255.255.252".parse()?);
//! assert_eq!(network.prefix, 30);
//! assert!(network.holds("10.64.1.1".parse()?) && !network.holds("10.64.1.5".parse()?));
//! # Ok::<(), std::net::AddrParseError>(())
//! ```

use std::fmt;
use std::fs::File;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};
use crate::link::ByteLink;
use crate::online::probe::{Answer, Probe};
use crate::online::record::{Record, Usage};
use crate::online::stay::Per;
use crate::stick::{Place, Stick};

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

/// A network interface as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardState {
    /// Name and ifindex at the time of the look.
    pub card: Card,
    /// bInterfaceNumber of the USB interface behind it.
    pub interface: Option<u8>,
    /// The kernel driver, `huawei_cdc_ncm`.
    pub driver: Option<String>,
    /// Hardware address; `None` for an interface without Ethernet frames.
    pub mac: Option<[u8; 6]>,
    /// IFF_UP, whether or not there is a carrier.
    pub up: bool,
    /// Without IFF_NOARP: it asks for hardware addresses.
    pub arp: bool,
    /// Largest IP packet, bytes.
    pub mtu: u32,
    /// Each with the length of its network.
    pub addresses: Vec<Network>,
    /// Bytes received and sent since it appeared.
    pub bytes: (u64, u64),
    /// Whether the table of an NCM frame stands at its end, where the driver tells.
    pub ndp_to_end: Option<bool>,
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

/// What a DHCP server gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DhcpLease {
    /// The address.
    pub address: Network,
    /// The router.
    pub router: Option<Ipv4Addr>,
    /// Name servers.
    pub dns: Vec<Ipv4Addr>,
    /// Largest packet, where the server tells.
    pub mtu: Option<u16>,
    /// Who gave it.
    pub server: Ipv4Addr,
    /// For how long.
    pub time: Duration,
    /// When it is to be renewed: what the server says, else half of that.
    pub renew_after: Duration,
}

/// Who sets the addresses of an interface, if not we.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// NetworkManager.
    NetworkManager,
    /// systemd-networkd.
    Networkd,
    /// OpenWrt's netifd.
    Netifd,
}

impl Owner {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Owner::NetworkManager => "NetworkManager",
            Owner::Networkd => "systemd-networkd",
            Owner::Netifd => "netifd",
        }
    }
}

/// What pppd is started with.
#[derive(Clone, PartialEq, Eq)]
pub struct Pppd {
    /// Names the connection in pppd's own words and hooks: the stick's place.
    pub name: String,
    /// Its options, without those of names and secrets.
    pub options: Vec<String>,
    /// User name and password, given to pppd by a file that only root reads.
    pub secret: Option<(String, String)>,
}

/// pppd as it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PppdRuns {
    /// Its process, and when that was started.
    pub pid: u32,
    /// In the kernel's ticks.
    pub started: u64,
}

/// What pppd has made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PppdState {
    /// It still talks to the network.
    Negotiates,
    /// The interface is there, with its addresses.
    Up {
        /// `ppp0`.
        card: Card,
        /// Ours.
        addresses: Vec<Network>,
        /// The network's end of it; often 10.64.64.64.
        peer: Option<IpAddr>,
        /// Name servers.
        dns: Vec<IpAddr>,
    },
    /// It ended, with this code.
    Ended(i32),
}

/// What going online needs of the computer. `host` has the real one; [`Simulated`](crate::online::Simulated) is one in memory.
pub trait Computer: Send {
    /// The network interfaces of a stick, as the bus shows it.
    ///
    /// # Errors
    /// `Io`.
    fn cards(&mut self, stick: &Stick) -> Result<Vec<CardState>>;

    /// One interface; `None` where it is gone.
    ///
    /// # Errors
    /// `Io`.
    fn card(&mut self, card: &Card) -> Result<Option<CardState>>;

    /// Every interface with its addresses, to see twins and networks that overlap.
    ///
    /// # Errors
    /// `Io`.
    fn every_card(&mut self) -> Result<Vec<CardState>>;

    /// Routes to everywhere in the main table.
    ///
    /// # Errors
    /// `Io`.
    fn default_routes(&mut self) -> Result<Vec<Route>>;

    /// The router that advertises itself on an interface.
    ///
    /// # Errors
    /// `Io`.
    fn ipv6_router(&mut self, card: &Card) -> Result<Option<IpAddr>>;

    /// Who else sets the addresses of an interface.
    fn owner(&mut self, card: &Card) -> Option<Owner>;

    /// How names are resolved here, in words: `systemd-resolved`, `resolvconf`, `/etc/resolv.conf`.
    fn resolver(&mut self) -> &'static str;

    /// What takes `change` back; `None` where it is so already, or where the kernel has no such setting: nothing is to be done then.
    ///
    /// # Errors
    /// `Io`; `Disconnected` where the interface is gone.
    fn taken_back_by(&mut self, change: &Change) -> Result<Option<Change>>;

    /// Makes a change. One that is made already is no failure.
    ///
    /// # Errors
    /// `PermissionDenied`; `Disconnected` where the interface is gone; `Io`.
    fn apply(&mut self, change: &Change) -> Result<()>;

    /// Asks the DHCP server behind an interface that is up; `None` when none answers within `limit`. With `again`, the lease is asked
    /// to be given once more.
    ///
    /// # Errors
    /// `PermissionDenied`, `Disconnected`, `Interrupted`, `Io`.
    fn lease(&mut self, card: &Card, again: Option<&DhcpLease>, limit: Duration)
    -> Result<Option<DhcpLease>>;

    /// Asks the DHCPv6 servers behind an interface for name servers; none where nobody answers within `limit`.
    ///
    /// # Errors
    /// `PermissionDenied`, `Disconnected`, `Interrupted`, `Io`.
    fn name_servers6(&mut self, card: &Card, limit: Duration) -> Result<Vec<IpAddr>> {
        let _ = (card, limit);
        Ok(Vec::new())
    }

    /// Waits until the kernel or another program has given an interface an address of this kind that reaches beyond the link.
    ///
    /// # Errors
    /// `Disconnected`, `Interrupted`, `Io`.
    fn await_address(&mut self, card: &Card, v6: bool, limit: Duration) -> Result<Option<Network>>;

    /// Asks something through an interface.
    ///
    /// # Errors
    /// `PermissionDenied`, `Disconnected`, `Interrupted`, `Io`.
    fn probe(&mut self, card: &Card, probe: &Probe) -> Result<Answer>;

    /// Starts the system's pppd on a port that is to be dialled. It waits, and leaves the port alone from the return of this call on, until
    /// [`leave_to_pppd`](Self::leave_to_pppd): whoever starts it after the call was answered misses the network's first word.
    ///
    /// # Errors
    /// `Unsupported` where there is no pppd or the port cannot be handed over; `PermissionDenied`, `Interrupted`, `Io`.
    fn start_pppd(&mut self, port: &dyn ByteLink, pppd: &Pppd) -> Result<PppdRuns> {
        let _ = (port, pppd);
        Err(Error::new(ErrorKind::Unsupported, "this computer runs no pppd"))
    }

    /// Leaves the dialled port to the pppd that waits for it.
    ///
    /// # Errors
    /// `Io`.
    fn leave_to_pppd(&mut self, port: Box<dyn ByteLink>, pppd: &PppdRuns) -> Result<()> {
        let _ = (port, pppd);
        Ok(())
    }

    /// What pppd has made; waits a moment for news.
    ///
    /// # Errors
    /// `Io`.
    fn pppd_state(&mut self, pppd: &PppdRuns) -> Result<PppdState> {
        let _ = pppd;
        Ok(PppdState::Ended(4))
    }

    /// The right to change the connection of the stick at `place`, until what comes is dropped: two programs would take each other's changes for
    /// what they had found. Waits a while for whoever has it.
    ///
    /// # Errors
    /// `PortBusy` where it is not given back.
    fn turn(&mut self, place: &Place) -> Result<Option<File>> {
        let _ = place;
        Ok(None)
    }

    /// The right to keep the stick at `place` online, or to be sure that nobody does, until what comes is dropped.
    ///
    /// # Errors
    /// `PortBusy`, which names the process that has it.
    fn stays(&mut self, place: &Place) -> Result<Option<File>> {
        let _ = place;
        Ok(None)
    }

    /// The places of which something is recorded.
    fn recorded(&mut self) -> Vec<Place>;

    /// What was recorded of the stick at `place`.
    ///
    /// # Errors
    /// `FileUnreadable`, `FileCorrupt`.
    fn recall(&mut self, place: &Place) -> Result<Option<Record>>;

    /// Keeps a record; complete or not at all.
    ///
    /// # Errors
    /// `FileUnwritable`, `PermissionDenied`.
    fn keep(&mut self, record: &Record) -> Result<()>;

    /// Forgets the record of the stick at `place`.
    ///
    /// # Errors
    /// `FileUnwritable`.
    fn forget(&mut self, place: &Place) -> Result<()>;

    /// What passed through the stick at `place` in the period that was counted last.
    fn usage(&mut self, place: &Place) -> Option<Usage>;

    /// Keeps that.
    ///
    /// # Errors
    /// `FileUnwritable`.
    fn keep_usage(&mut self, place: &Place, usage: &Usage) -> Result<()>;

    /// Names the present day or month.
    fn period(&mut self, per: Per) -> String;

    /// Takes the stick at `place` off the bus and on again, as far as the system can.
    ///
    /// # Errors
    /// `PermissionDenied`, `Unsupported`, `Io`.
    fn reset_port(&mut self, place: &Place) -> Result<()>;

    /// Names the present run of the computer; another one after a restart.
    fn boot(&mut self) -> String;

    /// Whether it can make changes at all, said before the first: needs root.
    ///
    /// # Errors
    /// `PermissionDenied`.
    fn may_change(&mut self) -> Result<()>;
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
