//! The computer in memory beside virtual sticks, shared by every command of a run: what one took online, another sees and takes back.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use stickshift::error::Result;
use stickshift::link::{Bus, ByteLink};
use stickshift::online::computer::{
    Card, CardState, Change, Computer, DhcpLease, Network, Owner, Pppd, PppdRuns, PppdState, Route,
};
use stickshift::online::probe::{Answer, Probe};
use stickshift::online::record::Usage;
use stickshift::online::stay::Per;
use stickshift::online::{Record, Simulated, Weather};
use stickshift::stick::{Place, Stick};
use stickshift_emu::computer::{Leads, VirtualBus};

#[derive(Clone)]
pub(crate) struct VirtualComputer {
    simulated: Arc<Mutex<Simulated>>,
    bus: VirtualBus,
}

impl VirtualComputer {
    /// One whose interfaces come and go with the sticks of a bus, with `weather` behind them.
    pub(crate) fn beside(bus: &VirtualBus, weather: Weather) -> VirtualComputer {
        let computer = Simulated::new(weather).beside(Box::new(bus.clone()));
        VirtualComputer { simulated: Arc::new(Mutex::new(computer)), bus: bus.clone() }
    }

    fn inner(&self) -> MutexGuard<'_, Simulated> {
        self.simulated.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the virtual stick behind a network card leads to; `None` for every other interface.
    fn leads(&mut self, card: &Card) -> Result<Option<Leads>> {
        let has_it = |stick: &Stick| stick.interfaces.iter().any(|i| i.netdev.as_deref() == Some(&card.name));
        let place = self.bus.sticks()?.into_iter().find(has_it).map(|stick| stick.place);
        Ok(place.and_then(|place| self.bus.leads(&place)))
    }
}

/// How long an operator's lease holds.
const LEASE: Duration = Duration::from_secs(86_400);

/// What a network card that is the bearer itself hands out.
fn of_bearer(leads: &Leads) -> Option<DhcpLease> {
    let given = leads.bearer.as_ref().filter(|_| leads.answers_dhcp)?.ipv4?;
    Some(DhcpLease {
        address: Network { address: given.address.into(), prefix: given.prefix },
        router: Some(given.gateway),
        dns: given.dns.to_vec(),
        mtu: None,
        server: given.gateway,
        time: LEASE,
        renew_after: LEASE / 2,
    })
}

/// The weather that the fault of the network named `word` makes behind this computer; `false`: it makes none.
pub(crate) fn fault_strikes(weather: &mut Weather, word: &str) -> bool {
    match word {
        "portal" => weather.page = (302, Some("http://portal.example/")),
        "no-names" => weather.names = false,
        "names-only" => weather.page = (0, None),
        "mtu-hole" => weather.largest = 1420,
        "ipv6-only" => (weather.ipv4, weather.advertises, weather.dhcp6) = (false, true, true),
        "mute-dhcp" => weather.dhcp = false,
        // A stick that says so itself is heard before; one that dials alone just carries nothing.
        "denied" | "searching" => weather.addresses = false,
        // No pppd speaks here: this is how it would end (pppd(8), EXIT STATUS).
        "refused" => (weather.addresses, weather.pppd_ends) = (false, Some(16)),
        "no-address" => weather.pppd_ends = Some(10),
        "auth-refused" => weather.pppd_ends = Some(19),
        _ => return false,
    }
    true
}

/// Each call by itself: commands that share the computer do not wait for each other's end.
impl Computer for VirtualComputer {
    fn cards(&mut self, stick: &Stick) -> Result<Vec<CardState>> {
        self.inner().cards(stick)
    }

    fn card(&mut self, card: &Card) -> Result<Option<CardState>> {
        self.inner().card(card)
    }

    fn every_card(&mut self) -> Result<Vec<CardState>> {
        self.inner().every_card()
    }

    fn default_routes(&mut self) -> Result<Vec<Route>> {
        self.inner().default_routes()
    }

    fn ipv6_router(&mut self, card: &Card) -> Result<Option<IpAddr>> {
        self.inner().ipv6_router(card)
    }

    fn owner(&mut self, card: &Card) -> Option<Owner> {
        self.inner().owner(card)
    }

    fn resolver(&mut self) -> &'static str {
        self.inner().resolver()
    }

    fn taken_back_by(&mut self, change: &Change) -> Result<Option<Change>> {
        self.inner().taken_back_by(change)
    }

    fn apply(&mut self, change: &Change) -> Result<()> {
        self.inner().apply(change)
    }

    fn lease(
        &mut self,
        card: &Card,
        again: Option<&DhcpLease>,
        limit: Duration,
    ) -> Result<Option<DhcpLease>> {
        match self.leads(card)? {
            Some(leads) if !leads.router => {
                let is_up = self.inner().card(card)?.is_some_and(|state| state.up);
                Ok(of_bearer(&leads).filter(|_| is_up))
            }
            _ => self.inner().lease(card, again, limit),
        }
    }

    fn await_address(&mut self, card: &Card, v6: bool, limit: Duration) -> Result<Option<Network>> {
        self.inner().await_address(card, v6, limit)
    }

    fn probe(&mut self, card: &Card, probe: &Probe) -> Result<Answer> {
        // Without a data connection nobody beyond the stick answers, whatever its router has handed out.
        match self.leads(card)? {
            Some(Leads { bearer: None, .. }) => Ok(Answer::Silence),
            _ => self.inner().probe(card, probe),
        }
    }

    fn start_pppd(&mut self, port: &dyn ByteLink, pppd: &Pppd) -> Result<PppdRuns> {
        self.inner().start_pppd(port, pppd)
    }

    fn leave_to_pppd(&mut self, port: Box<dyn ByteLink>, pppd: &PppdRuns) -> Result<()> {
        self.inner().leave_to_pppd(port, pppd)
    }

    fn pppd_state(&mut self, pppd: &PppdRuns) -> Result<PppdState> {
        self.inner().pppd_state(pppd)
    }

    fn recorded(&mut self) -> Vec<Place> {
        self.inner().recorded()
    }

    fn recall(&mut self, place: &Place) -> Result<Option<Record>> {
        self.inner().recall(place)
    }

    fn keep(&mut self, record: &Record) -> Result<()> {
        self.inner().keep(record)
    }

    fn forget(&mut self, place: &Place) -> Result<()> {
        self.inner().forget(place)
    }

    fn usage(&mut self, place: &Place) -> Option<Usage> {
        self.inner().usage(place)
    }

    fn keep_usage(&mut self, place: &Place, usage: &Usage) -> Result<()> {
        self.inner().keep_usage(place, usage)
    }

    fn period(&mut self, per: Per) -> String {
        self.inner().period(per)
    }

    fn reset_port(&mut self, place: &Place) -> Result<()> {
        self.inner().reset_port(place)
    }

    fn boot(&mut self) -> String {
        self.inner().boot()
    }

    fn may_change(&mut self) -> Result<()> {
        self.inner().may_change()
    }
}
