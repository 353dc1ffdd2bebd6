//! What may go wrong between a stick, the network and the host, by the words of [`FaultPlan`].

use std::time::Duration;

use crate::fault::{FaultKind, FaultPlan};
use crate::modem::families::Families;
use crate::network::Quirks;

/// Until a bearer is dropped, when no time was given.
const DROPS_AFTER: Duration = Duration::from_secs(20);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a late network is looked for, when no time was given.
const SEARCHES: Duration = Duration::from_secs(20);
/// Requested service option not subscribed (3GPP TS 24.008 annex I).
const NOT_SUBSCRIBED: u8 = 33;
pub(crate) const IPV4_ONLY: u8 = 50;
pub(crate) const IPV6_ONLY: u8 = 51;
/// Ethernet's packets, less what two tunnels take.
const BLACK_HOLE: u16 = 1420;

/// How a network takes a stick in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Registration {
    #[default]
    Home,
    Roaming,
    Denied,
    Searching,
    /// At home, so long after power.
    After(Duration),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) registration: Registration,
    /// Every connection is refused with this cause.
    pub(crate) refused: Option<u8>,
    /// The network gives no other family.
    pub(crate) only: Option<Families>,
    /// An earlier connection was never ended.
    pub(crate) stale: bool,
    /// Connections have no address.
    pub(crate) no_address: bool,
    /// `AT^DHCP?` prints the first octet of an address first.
    pub(crate) swapped: bool,
    /// `AT^DHCP?` is refused.
    pub(crate) dhcp_refused: bool,
    /// `AT^NDISSTATQRY?` answers in another form each time.
    pub(crate) odd_states: bool,
    /// The network ends every connection after this time.
    pub(crate) drops_after: Option<Duration>,
}

impl Trouble {
    pub(crate) fn of(plan: &FaultPlan) -> Self {
        let has = |kind| plan.has(kind);
        let time = |kind, usual| plan.property(kind).map(|fault| fault.time.unwrap_or(usual));
        let registration = if has(FaultKind::Denied) {
            Registration::Denied
        } else if has(FaultKind::Searching) {
            Registration::Searching
        } else if has(FaultKind::Roaming) {
            Registration::Roaming
        } else {
            time(FaultKind::LateNetwork, SEARCHES).map_or(Registration::Home, Registration::After)
        };
        let cause = |kind| plan.property(kind).map(|fault| fault.bytes.first().copied());
        let only = |ipv4| Families { ipv4, ipv6: !ipv4 };
        let drops = time(FaultKind::BearerDrops, DROPS_AFTER);
        Trouble {
            registration,
            refused: cause(FaultKind::Refused).map(|cause| cause.unwrap_or(NOT_SUBSCRIBED)),
            only: if has(FaultKind::Ipv4Only) {
                Some(only(true))
            } else {
                has(FaultKind::Ipv6Only).then(|| only(false))
            },
            stale: has(FaultKind::StaleBearer),
            no_address: has(FaultKind::NoAddress),
            swapped: has(FaultKind::DhcpSwapped),
            dhcp_refused: has(FaultKind::DhcpRefused),
            odd_states: has(FaultKind::OddStates),
            drops_after: drops.or_else(|| has(FaultKind::DailyCut).then_some(DAY)),
        }
    }
}

impl Quirks {
    pub(crate) fn of(plan: &FaultPlan) -> Self {
        Quirks {
            black_hole: plan.has(FaultKind::MtuHole).then_some(BLACK_HOLE),
            portal: plan.has(FaultKind::Portal),
            no_names: plan.has(FaultKind::NoNames),
            names_only: plan.has(FaultKind::NamesOnly),
        }
    }
}
