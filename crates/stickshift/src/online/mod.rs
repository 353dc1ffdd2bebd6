//! From the plugged stick to packets: `up`, `down`, `status`.
//!
//! [`up`] goes step by step: port, SIM, registration, bearer, address, route, name service, reach. Each step is an event with the code of
//! [`STEPS`], and each fails with a kind of error of its own. What it changes, on the stick and on the computer, is recorded before it is
//! changed, so that [`down`] puts it back as it was found: after a failure, after a crash, after a restart. What is needed of the
//! computer is the trait [`Computer`]. The rules and where they come from: docs/online.md.
//!
//! ```
//! use stickshift::online::{Wanted, WantedWay};
//!
//! let wanted = Wanted { apn: Some("internet".into()), way: WantedWay::Ncm, ..Wanted::default() };
//! assert!(!wanted.roaming && wanted.metric.is_none());
//! ```

mod apn;
pub mod computer;
mod down;
mod plan;
pub mod probe;
mod reach;
pub mod record;
mod registration;
mod run;
mod settle;
mod sim;
mod simulated;
mod status;
pub mod stay;
mod up;
mod wanted;
mod ways;

use std::net::IpAddr;

use serde::Serialize;

pub use apn::{Apn, ApnSource, suggested};
pub use computer::Computer;
pub use down::{Taken, down};
pub use plan::{plan, plan_staying};
pub use record::Record;
pub use simulated::{Outside, PppEnd, Simulated, Weather};
pub use status::{Status, status};
pub use up::{Access, up};
pub use wanted::{CHECK_HOST, Wanted, WantedWay};
pub use ways::{Way, dials_alone, serves};

/// The steps of [`up`] by the codes of their events, in order.
pub const STEPS: [&str; 8] =
    ["port", "sim", "registration", "bearer", "address", "route", "name-service", "reach"];

/// A connection that stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Connection {
    /// The stick's place.
    pub place: String,
    /// `ncm`, `ppp`, `hilink`, `mbim`, `ecm`.
    pub way: &'static str,
    /// The network interface that packets go through.
    pub interface: String,
    /// The operator's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
    /// In another operator's network.
    pub roaming: bool,
    /// The access point name that was used; empty for the network's own, none where the stick does not tell.
    pub apn: Option<String>,
    /// Who said so.
    pub apn_from: String,
    /// The computer's addresses, with the lengths of their networks.
    pub addresses: Vec<String>,
    /// Where the addresses are from: `the stick`, `DHCP`, `router advertisement`, `PPP`.
    pub address_from: Vec<&'static str>,
    /// The next IPv4 router; none where the interface itself is the way.
    pub gateway: Option<String>,
    /// The next IPv6 router; none where the interface itself is the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway6: Option<String>,
    /// Name servers.
    pub dns: Vec<String>,
    /// Metric of its default route; none without one.
    pub metric: Option<u32>,
    /// The routing table of its own, for programs that choose this stick.
    pub table: u32,
    /// Largest packet.
    pub mtu: u32,
    /// The largest that was seen to pass, where it is less than the interface takes and the owner or another program set that.
    pub passes: Option<u16>,
    /// Its lease, for whoever has to renew it.
    #[serde(skip)]
    pub lease: Option<computer::DhcpLease>,
    /// What answers through it: `name server 10.0.0.1`, `page of connectivitycheck.gstatic.com`.
    pub reaches: Vec<String>,
    /// What is now on the stick and on the computer that was not there before.
    pub changed: Vec<String>,
}

/// The routing table of the stick at a place: the same after every replug, another one for each port.
pub fn table_of(place: &str) -> u32 {
    20_000 + fingerprint(place) % 10_000
}

/// A hardware address for the interface of the stick at a place: made here, and the same after every replug.
pub fn mac_of(place: &str) -> [u8; 6] {
    let [a, b, c, d] = fingerprint(place).to_be_bytes();
    // Locally administered, to one host.
    [0x02, 0x53, a, b, c, d]
}

/// FNV-1a.
fn fingerprint(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// Addresses as they are shown.
fn words(addresses: &[IpAddr]) -> Vec<String> {
    addresses.iter().map(IpAddr::to_string).collect()
}
