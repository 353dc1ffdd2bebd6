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

mod changes;

use std::fs::File;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};
use crate::link::ByteLink;
use crate::online::probe::{Answer, Probe};
use crate::online::record::{Record, Usage};
use crate::online::stay::Per;
use crate::stick::{Place, Stick};

pub use changes::{Card, Change, MAIN_TABLE, Network, Route, Rule, SettingName, mac_words};

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

/// Stands behind the number in the file of [`Computer::stays`] while that process keeps a stick online. Only a sudden end leaves it there.
pub const KEEPS: &str = " keeps";

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

    /// Who said last that it keeps the stick at `place` online, by its number, and whether it still runs. `None` after an end that was told.
    fn keeper(&mut self, place: &Place) -> Option<(u32, bool)> {
        let _ = place;
        None
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
