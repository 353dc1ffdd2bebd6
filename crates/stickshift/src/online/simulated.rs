//! A computer in memory, with a network behind it: for `--virtual`, and for tests of what is left behind.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};
use crate::link::{Bus, ByteLink, Moment};
use crate::online::computer::{
    Card, CardState, Change, Computer, DhcpLease, Network, Owner, Pppd, PppdRuns, PppdState, Route, Rule,
    SettingName,
};
use crate::online::probe::{Answer, Probe};
use crate::online::record::{Record, Usage};
use crate::online::stay::Per;
use crate::stick::{Place, Stick};

mod computer;

/// How the network behind the computer behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weather {
    /// A DHCP server answers.
    pub dhcp: bool,
    /// How long a lease of it holds.
    pub lease: Duration,
    /// PPP agrees on IPv4.
    pub ipv4: bool,
    /// Routers advertise IPv6.
    pub advertises: bool,
    /// The network translates from IPv6 to IPv4.
    pub nat64: bool,
    /// A DHCPv6 server tells name servers.
    pub dhcp6: bool,
    /// Addresses answer at all.
    pub addresses: bool,
    /// Only addresses that DHCP gave get answers: the stick's own words are wrong.
    pub only_dhcp: bool,
    /// Name servers know the host that is asked for.
    pub names: bool,
    /// Status of the page that is asked for, and where it sends on to.
    pub page: (u16, Option<&'static str>),
    /// Largest packet that gets through.
    pub largest: u16,
    /// NCM frames have to have their table at their end.
    pub wants_ndp_at_end: bool,
    /// Who else sets addresses.
    pub owner: Option<Owner>,
    /// The computer's address on its cable, in a network of 24 bits.
    pub cable: [u8; 4],
    /// How pppd ends, where it does not come up.
    pub pppd_ends: Option<i32>,
    /// Nothing passes until then, on the clock of the bus.
    pub mute_until: Option<Moment>,
    /// The change of the computer, counted from 1, that fails.
    pub fails_at: Option<usize>,
    /// The record, counted from 1, from which on none can be kept.
    pub full_at: Option<usize>,
}

impl Default for Weather {
    fn default() -> Self {
        Weather {
            dhcp: true,
            lease: Duration::from_secs(86_400),
            ipv4: true,
            advertises: false,
            nat64: true,
            dhcp6: false,
            addresses: true,
            only_dhcp: false,
            names: true,
            page: (204, None),
            largest: 1500,
            wants_ndp_at_end: false,
            owner: None,
            cable: [192, 168, 1, 20],
            pppd_ends: None,
            mute_until: None,
            fails_at: None,
            full_at: None,
        }
    }
}

/// One interface and its settings.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Held {
    place: Option<String>,
    state: CardState,
    settings: BTreeMap<&'static str, String>,
}

/// All that changes of the computer may touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct State {
    cards: Vec<Held>,
    routes: Vec<Route>,
    rules: Vec<Rule>,
    resolver: Vec<(Card, Vec<IpAddr>)>,
}

/// What happens outside while the computer is in somebody's hands. Clones are about the same computer.
#[derive(Clone, Debug)]
pub struct Outside {
    answers: Arc<AtomicBool>,
    bytes: Arc<Mutex<u64>>,
    reached: Arc<Mutex<BTreeSet<String>>>,
}

impl Outside {
    /// Whether anybody beyond any stick answers, from now on. A router in a stick answers all the same.
    pub fn answers(&self, answers: bool) {
        self.answers.store(answers, Ordering::Relaxed);
    }

    /// Whether an interface of the stick at a place is up with an IPv4 address: its web server is behind that.
    pub fn reaches(&self, place: &Place) -> bool {
        self.reached.lock().is_ok_and(|reached| reached.contains(place.as_str()))
    }

    /// So many bytes pass through the interfaces of every stick.
    pub fn pass(&self, bytes: u64) {
        *self.bytes.lock().unwrap_or_else(PoisonError::into_inner) += bytes;
    }
}

/// What a pppd says and hears on its port. Without one a dialled port is closed, and the link taken for one that stands.
pub trait PppEnd: Send {
    /// Does what is due, and waits for nothing. `false` when the link is over.
    fn turn(&mut self, port: &mut dyn ByteLink) -> bool;
}

/// A pppd that runs; its interface is there once it has a dialled port.
struct Program {
    place: Option<Place>,
    /// By its options: no IPv4.
    without_v4: bool,
    card: Option<Card>,
    link: Option<(Box<dyn ByteLink>, Box<dyn PppEnd>)>,
}

/// A computer in memory.
pub struct Simulated {
    /// How its network behaves.
    pub weather: Weather,
    state: State,
    records: BTreeMap<String, Record>,
    usages: BTreeMap<String, Usage>,
    /// How often a lease was given or renewed.
    pub leases: u32,
    /// How often a USB port was reset.
    pub resets: u32,
    /// The pppds that run, by process.
    programs: BTreeMap<u32, Program>,
    ppp: Option<fn() -> Box<dyn PppEnd>>,
    /// How the last pppd ended.
    ended_with: i32,
    started: u32,
    outside: Outside,
    /// The bus that tells when a stick has gone and come back.
    bus: Option<Box<dyn Bus>>,
    appearances: BTreeMap<String, Option<u32>>,
    by_dhcp: Vec<IpAddr>,
    restarts: u32,
    made: usize,
    kept: usize,
    next_index: u32,
}

/// The hardware address that every HiLink stick of a model has.
const EVERY_MAC: [u8; 6] = [0x0c, 0x5b, 0x8f, 0x27, 0x9a, 0x64];

/// What a DHCPv6 server tells.
const NAME_SERVER6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 0x34));

impl Simulated {
    /// One with a cable: a default route with metric 100, and name servers of its own.
    pub fn new(weather: Weather) -> Simulated {
        let mut computer = Simulated {
            weather,
            state: State::default(),
            records: BTreeMap::new(),
            usages: BTreeMap::new(),
            leases: 0,
            resets: 0,
            programs: BTreeMap::new(),
            ppp: None,
            ended_with: computer::CALL_ENDED,
            started: 0,
            outside: Outside {
                answers: Arc::new(AtomicBool::new(true)),
                bytes: Arc::default(),
                reached: Arc::default(),
            },
            bus: None,
            appearances: BTreeMap::new(),
            by_dhcp: Vec::new(),
            restarts: 0,
            made: 0,
            kept: 0,
            next_index: 2,
        };
        let cable = computer.add("eth0", None, Some([0x52, 0x54, 0, 0x12, 0x34, 0x56]));
        let [a, b, c, _] = computer.weather.cable;
        let address = Network { address: computer.weather.cable.into(), prefix: 24 };
        if let Some(held) = computer.held(&cable) {
            held.state.up = true;
            held.state.addresses.push(address);
        }
        computer.state.routes.push(Route {
            to: None,
            v6: false,
            via: Some([a, b, c, 1].into()),
            card: cable,
            source: None,
            metric: 100,
            table: super::computer::MAIN_TABLE,
        });
        computer
    }

    /// The same beside a bus: interfaces go with their sticks, and time is the bus's.
    #[must_use]
    pub fn beside(mut self, bus: Box<dyn Bus>) -> Simulated {
        self.bus = Some(bus);
        self
    }

    /// The same with pppds that speak.
    #[must_use]
    pub fn with_ppp(mut self, end: fn() -> Box<dyn PppEnd>) -> Simulated {
        self.ppp = Some(end);
        self
    }

    /// A handle of what happens outside.
    pub fn outside(&self) -> Outside {
        self.outside.clone()
    }

    /// Ends a pppd: its interface goes.
    fn end(&mut self, pid: u32) {
        let Some(Program { card: Some(card), .. }) = self.programs.remove(&pid) else { return };
        self.state.cards.retain(|held| held.state.card != card);
        self.state.routes.retain(|route| route.card != card);
    }

    /// Tells the outside which sticks' web servers are within reach.
    fn tell_reached(&self) {
        let is_near =
            |held: &&Held| held.state.up && held.state.addresses.iter().any(|n| n.address.is_ipv4());
        let near = self.state.cards.iter().filter(is_near).filter_map(|held| held.place.clone()).collect();
        if let Ok(mut reached) = self.outside.reached.lock() {
            *reached = near;
        }
    }

    /// Takes away the interfaces of sticks that have left the bus since, or came back, and those of pppds whose link is over.
    fn look(&mut self) {
        let over =
            |program: &mut Program| program.link.as_mut().is_some_and(|(port, end)| !end.turn(&mut **port));
        let ended: Vec<u32> =
            self.programs.iter_mut().filter_map(|(pid, program)| over(program).then_some(*pid)).collect();
        ended.into_iter().for_each(|pid| self.end(pid));
        let passed = std::mem::take(&mut *self.outside.bytes.lock().unwrap_or_else(PoisonError::into_inner));
        self.state
            .cards
            .iter_mut()
            .filter(|held| held.place.is_some())
            .for_each(|h| h.state.bytes.0 += passed);
        let Some(bus) = &mut self.bus else { return };
        let places: Vec<String> = self.state.cards.iter().filter_map(|held| held.place.clone()).collect();
        let mut gone = Vec::new();
        for place in places {
            let Ok(at) = place.parse::<Place>() else { continue };
            let now = bus.address(&at).ok().flatten();
            let before = self.appearances.insert(place, now);
            if now.is_none() || before.is_some_and(|before| before != now) {
                gone.push(at);
            }
        }
        for place in gone {
            self.unplug(&place);
        }
    }

    /// Everything that changes may touch, as text: two looks that are equal show that nothing is left.
    pub fn everything(&self) -> String {
        let mut lines = Vec::new();
        for Held { state, settings, .. } in &self.state.cards {
            lines.push(format!("{state:?} {settings:?}"));
        }
        lines.extend(self.state.routes.iter().map(ToString::to_string));
        lines.extend(self.state.rules.iter().map(ToString::to_string));
        lines.extend(self.state.resolver.iter().map(|(card, servers)| format!("{card}: {servers:?}")));
        lines.sort();
        lines.join("\n")
    }

    /// Whether a record is kept of the stick at a place.
    pub fn remembers(&self, place: &Place) -> bool {
        self.records.contains_key(place.as_str())
    }

    /// The computer is started anew: what the kernel held is gone, what stands in files stays.
    pub fn restart(&mut self) {
        self.restarts += 1;
        self.state.rules.clear();
        self.state.cards.retain(|held| held.place.is_none());
        let cards: Vec<Card> = self.state.cards.iter().map(|held| held.state.card.clone()).collect();
        self.state.routes.retain(|route| cards.contains(&route.card));
        self.programs.clear();
        // Numbers are given anew.
        self.next_index = cards.iter().map(|card| card.index).max().unwrap_or(1) + 1;
    }

    /// The stick at `place` is unplugged: its interfaces go, and what hangs on them.
    pub fn unplug(&mut self, place: &Place) {
        let is_its = |held: &Held| held.place.as_deref() == Some(place.as_str());
        let gone: Vec<Card> =
            self.state.cards.iter().filter(|h| is_its(h)).map(|h| h.state.card.clone()).collect();
        self.state.cards.retain(|held| !is_its(held));
        self.state.routes.retain(|route| !gone.contains(&route.card));
        self.tell_reached();
    }

    /// How many interfaces, routes, rules and programs there are: what grows without end is leaked.
    pub fn count(&self) -> [usize; 4] {
        let State { cards, routes, rules, .. } = &self.state;
        [cards.len(), routes.len(), rules.len(), self.programs.len()]
    }

    fn add(&mut self, name: &str, place: Option<&Place>, mac: Option<[u8; 6]>) -> Card {
        let taken = |n: &str, state: &State| state.cards.iter().any(|h| h.state.card.name == n);
        let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
        let mut name = name.to_owned();
        for number in 0.. {
            if !taken(&name, &self.state) {
                break;
            }
            name = format!("{stem}{number}");
        }
        let card = Card { name, index: self.next_index };
        self.next_index += 1;
        self.state.cards.push(Held {
            place: place.map(ToString::to_string),
            state: CardState {
                card: card.clone(),
                interface: None,
                driver: None,
                mac,
                up: false,
                arp: true,
                mtu: 1500,
                addresses: Vec::new(),
                bytes: (0, 0),
                ndp_to_end: None,
            },
            settings: BTreeMap::new(),
        });
        card
    }

    fn held(&mut self, card: &Card) -> Option<&mut Held> {
        self.state.cards.iter_mut().find(|held| held.state.card == *card)
    }

    fn there(&mut self, card: &Card) -> Result<&mut Held> {
        self.held(card)
            .ok_or_else(|| Error::new(ErrorKind::Disconnected, format!("there is no interface {card}")))
    }

    /// Whether packets of this kind get out through the interface, and answers back.
    fn carries(&mut self, card: &Card, v6: bool) -> bool {
        let Weather { addresses, only_dhcp, wants_ndp_at_end, .. } = self.weather;
        let now = self.bus.as_ref().map(|bus| bus.now());
        if self.weather.mute_until.is_some_and(|until| now.is_some_and(|now| now < until)) {
            return false;
        }
        let by_dhcp = self.by_dhcp.clone();
        let routed = self.state.routes.iter().any(|r| r.card == *card && r.to.is_none() && r.v6 == v6);
        let Some(held) = self.held(card) else { return false };
        let own = held.state.addresses.iter().find(|n| n.address.is_ipv6() == v6);
        let right = own.is_some_and(|n| v6 || !only_dhcp || by_dhcp.contains(&n.address));
        addresses
            && routed
            && right
            && held.state.up
            && !(wants_ndp_at_end && held.state.ndp_to_end == Some(false))
    }

    fn setting(held: &Held, name: SettingName) -> String {
        let usual = match name {
            SettingName::AcceptRa | SettingName::AcceptRaDefault => "1",
            SettingName::RaMetric => "1024",
            SettingName::NdpToEnd if held.state.ndp_to_end == Some(false) => "N",
            SettingName::NdpToEnd => "Y",
            SettingName::DisableIpv6 | SettingName::ReversePath => "0",
        };
        held.settings.get(name.words()).cloned().unwrap_or_else(|| usual.to_owned())
    }
}
