//! What `online` asks of it and changes on it.

use super::*;
use crate::online::computer::MAIN_TABLE;

/// How pppd ends where it agrees on neither IPv4 nor IPv6, and where the network ends the call (pppd(8), EXIT STATUS).
const NEITHER_CAME_UP: i32 = 10;
pub(super) const CALL_ENDED: i32 = 16;

impl Computer for Simulated {
    fn cards(&mut self, stick: &Stick) -> Result<Vec<CardState>> {
        self.look();
        let mut cards = Vec::new();
        for interface in stick.interfaces.iter().filter(|i| i.netdev.is_some()) {
            let is_it = |held: &Held| {
                held.place.as_deref() == Some(stick.place.as_str())
                    && held.state.interface == Some(interface.number)
            };
            if !self.state.cards.iter().any(is_it) {
                let name = interface.netdev.as_deref().unwrap_or("wwan0");
                let card = self.add(name, Some(&stick.place), Some(EVERY_MAC));
                let ndp = self.weather.wants_ndp_at_end;
                let held = self.there(&card)?;
                held.state.interface = Some(interface.number);
                held.state.driver.clone_from(&interface.driver);
                held.state.ndp_to_end = ndp.then_some(false);
            }
            cards.extend(self.state.cards.iter().find(|held| is_it(held)).map(|held| held.state.clone()));
        }
        Ok(cards)
    }

    fn card(&mut self, card: &Card) -> Result<Option<CardState>> {
        self.look();
        Ok(self.held(card).map(|held| held.state.clone()))
    }

    fn every_card(&mut self) -> Result<Vec<CardState>> {
        self.look();
        Ok(self.state.cards.iter().map(|held| held.state.clone()).collect())
    }

    fn default_routes(&mut self) -> Result<Vec<Route>> {
        let main = |r: &&Route| r.to.is_none() && r.table == MAIN_TABLE;
        Ok(self.state.routes.iter().filter(main).cloned().collect())
    }

    fn ipv6_router(&mut self, card: &Card) -> Result<Option<IpAddr>> {
        let all = self.default_routes()?;
        Ok(all.iter().find(|route| route.v6 && route.card == *card).and_then(|route| route.via))
    }

    fn owner(&mut self, card: &Card) -> Option<Owner> {
        let is_sticks =
            self.held(card).is_some_and(|held| held.place.is_some() && !card.name.starts_with("ppp"));
        self.weather.owner.filter(|_| is_sticks)
    }

    fn resolver(&mut self) -> &'static str {
        "a list in memory"
    }

    fn taken_back_by(&mut self, change: &Change) -> Result<Option<Change>> {
        let has_route = |route: &Route, state: &State| state.routes.contains(route);
        Ok(match change {
            Change::Link { card, up } => {
                let was = self.there(card)?.state.up;
                (was != *up).then(|| Change::Link { card: card.clone(), up: was })
            }
            Change::Mac { card, mac } => {
                let was = self.there(card)?.state.mac;
                was.filter(|was| was != mac).map(|mac| Change::Mac { card: card.clone(), mac })
            }
            Change::Arp { card, on } => {
                let was = self.there(card)?.state.arp;
                (was != *on).then(|| Change::Arp { card: card.clone(), on: was })
            }
            Change::Mtu { card, mtu } => {
                let was = self.there(card)?.state.mtu;
                (was != *mtu).then(|| Change::Mtu { card: card.clone(), mtu: was })
            }
            Change::Setting { card, name, value } => {
                let was = Simulated::setting(self.there(card)?, *name);
                let back = Change::Setting { card: card.clone(), name: *name, value: was.clone() };
                (was != *value).then_some(back)
            }
            Change::Address { card, address, add } => {
                let has = self.there(card)?.state.addresses.contains(address);
                let back = Change::Address { card: card.clone(), address: *address, add: !add };
                (has != *add).then_some(back)
            }
            Change::Route { route, add } => {
                self.there(&route.card)?;
                let back = Change::Route { route: route.clone(), add: !add };
                (has_route(route, &self.state) != *add).then_some(back)
            }
            Change::Rule { rule, add } => {
                let back = Change::Rule { rule: rule.clone(), add: !add };
                (self.state.rules.contains(rule) != *add).then_some(back)
            }
            Change::Resolver { card, servers } => {
                let before = self.state.resolver.iter().find(|(c, _)| c == card);
                let before = before.map(|(_, servers)| servers.clone()).unwrap_or_default();
                (before != *servers).then(|| Change::Resolver { card: card.clone(), servers: before })
            }
            Change::EndProgram { .. } => None,
        })
    }

    fn apply(&mut self, change: &Change) -> Result<()> {
        self.made += 1;
        if self.weather.fails_at == Some(self.made) {
            return Err(Error::new(ErrorKind::Io, format!("the system refuses: {change}")));
        }
        match change {
            Change::Link { card, up } => {
                let held = self.there(card)?;
                held.state.up = *up;
                if !up {
                    // As the kernel does it.
                    held.state.addresses.retain(|n| n.address.is_ipv4());
                    self.state.routes.retain(|route| route.card != *card);
                }
            }
            Change::Mac { card, mac } => {
                let held = self.there(card)?;
                if held.state.up {
                    return Err(Error::new(ErrorKind::Io, "the interface is up"));
                }
                held.state.mac = Some(*mac);
            }
            Change::Arp { card, on } => self.there(card)?.state.arp = *on,
            Change::Mtu { card, mtu } => self.there(card)?.state.mtu = *mtu,
            Change::Setting { card, name, value } => {
                let held = self.there(card)?;
                if *name == SettingName::NdpToEnd {
                    held.state.ndp_to_end = Some(value == "Y");
                }
                held.settings.insert(name.words(), value.clone());
                let untouched = Held { settings: BTreeMap::new(), ..held.clone() };
                if *name != SettingName::NdpToEnd && Simulated::setting(&untouched, *name) == *value
                    || *name == SettingName::NdpToEnd
                {
                    held.settings.remove(name.words());
                }
            }
            Change::Address { card, address, add } => {
                let held = self.there(card)?;
                held.state.addresses.retain(|n| n != address);
                if *add {
                    held.state.addresses.push(*address);
                }
            }
            Change::Route { route, add } => {
                self.there(&route.card)?;
                self.state.routes.retain(|r| r != route);
                if *add {
                    self.state.routes.push(route.clone());
                }
            }
            Change::Rule { rule, add } => {
                self.state.rules.retain(|r| r != rule);
                if *add {
                    self.state.rules.push(rule.clone());
                }
            }
            Change::Resolver { card, servers } => {
                self.state.resolver.retain(|(c, _)| c != card);
                if !servers.is_empty() {
                    self.state.resolver.push((card.clone(), servers.clone()));
                }
            }
            Change::EndProgram { pid, .. } => {
                if let Some(Program { link: Some((port, _)), .. }) = self.programs.get_mut(pid) {
                    // As a modem hears that its terminal goes. It may be gone itself.
                    let _ = port.write(b"+++").and_then(|()| port.write(b"ATH\r"));
                }
                self.end(*pid);
            }
        }
        self.tell_reached();
        Ok(())
    }

    fn lease(&mut self, card: &Card, _: Option<&DhcpLease>, _: Duration) -> Result<Option<DhcpLease>> {
        if !self.weather.dhcp || !self.there(card)?.state.up {
            return Ok(None);
        }
        let address = Network { address: [192, 168, 8, 100].into(), prefix: 24 };
        self.by_dhcp.push(address.address);
        self.leases += 1;
        Ok(Some(DhcpLease {
            address,
            router: Some([192, 168, 8, 1].into()),
            dns: vec![[192, 168, 8, 1].into()],
            mtu: None,
            server: [192, 168, 8, 1].into(),
            time: self.weather.lease,
            renew_after: self.weather.lease / 2,
        }))
    }

    fn name_servers6(&mut self, card: &Card, _: Duration) -> Result<Vec<IpAddr>> {
        let up = self.there(card)?.state.up;
        Ok(if up && self.weather.dhcp6 { vec![NAME_SERVER6] } else { Vec::new() })
    }

    fn await_address(&mut self, card: &Card, v6: bool, _: Duration) -> Result<Option<Network>> {
        let (advertises, owner) = (self.weather.advertises, self.weather.owner.is_some());
        let held = self.there(card)?;
        let found = if v6 {
            advertises.then(|| Network { address: [0x2001, 0xdb8, 0, 0, 0, 0, 0, 9].into(), prefix: 64 })
        } else {
            owner.then(|| Network { address: [192, 168, 8, 101].into(), prefix: 24 })
        };
        let new = found.filter(|n| !held.state.addresses.contains(n));
        held.state.addresses.extend(new);
        held.state.up |= owner;
        if let (true, Some(_)) = (owner, found) {
            self.state.routes.push(Route {
                to: None,
                v6,
                via: None,
                card: card.clone(),
                source: None,
                metric: 20_100,
                table: MAIN_TABLE,
            });
        }
        Ok(found)
    }

    fn probe(&mut self, card: &Card, probe: &Probe) -> Result<Answer> {
        let (Probe::Echo { to, .. } | Probe::Page { to, .. } | Probe::Name { server: to, .. }) = probe;
        let to = *to;
        if !self.carries(card, to.is_ipv6()) {
            return Ok(Answer::Silence);
        }
        if !self.outside.answers.load(Ordering::Relaxed) {
            let state = self.there(card)?.state.clone();
            let is_router = state.addresses.iter().any(|own| own.holds(to));
            return Ok(if is_router { router_alone(probe) } else { Answer::Silence });
        }
        Ok(match probe {
            Probe::Echo { bytes, .. } if *bytes > self.weather.largest => Answer::Silence,
            Probe::Echo { .. } => Answer::Echo(Duration::from_millis(40)),
            Probe::Name { name, v6: true, .. } if name == "ipv4only.arpa" => match self.weather.nat64 {
                true => Answer::Addresses(vec![[0x64, 0xff9b, 0, 0, 0, 0, 0xc000, 0xaa].into()]),
                false => Answer::Addresses(Vec::new()),
            },
            Probe::Name { .. } if !self.weather.names => Answer::Addresses(Vec::new()),
            Probe::Name { v6: true, .. } => Answer::Addresses(vec![[0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into()]),
            Probe::Name { .. } => Answer::Addresses(vec![[198, 51, 100, 7].into()]),
            Probe::Page { .. } => {
                let (status, to) = self.weather.page;
                if status == 0 { Answer::Silence } else { Answer::Page { status, to: to.map(str::to_owned) } }
            }
        })
    }

    fn start_pppd(&mut self, _: &dyn ByteLink, pppd: &Pppd) -> Result<PppdRuns> {
        self.started += 1;
        let runs = PppdRuns { pid: 4710 + self.started, started: 1 };
        let without_v4 = !self.weather.ipv4 || pppd.options.iter().any(|option| option == "noip");
        let program = Program { place: pppd.name.parse().ok(), without_v4, card: None, link: None };
        self.programs.insert(runs.pid, program);
        Ok(runs)
    }

    fn leave_to_pppd(&mut self, port: Box<dyn ByteLink>, runs: &PppdRuns) -> Result<()> {
        if self.weather.pppd_ends.is_some() {
            self.programs.remove(&runs.pid);
            return Ok(());
        }
        let Some(mut program) = self.programs.remove(&runs.pid) else { return Ok(()) };
        if program.without_v4 && !self.weather.advertises {
            self.ended_with = NEITHER_CAME_UP;
            return Ok(());
        }
        let own = match program.without_v4 {
            true => Network { address: [0xfe80, 0, 0, 0, 0, 0, 0, 9].into(), prefix: 64 },
            false => Network { address: [10, 64, 0, 9].into(), prefix: 32 },
        };
        let card = self.add("ppp0", program.place.as_ref(), None);
        let held = self.there(&card)?;
        held.state.up = true;
        held.state.addresses.push(own);
        program.card = Some(card);
        program.link = self.ppp.map(|end| (port, end()));
        self.programs.insert(runs.pid, program);
        Ok(())
    }

    fn pppd_state(&mut self, runs: &PppdRuns) -> Result<PppdState> {
        self.look();
        let Some(program) = self.programs.get(&runs.pid) else {
            return Ok(PppdState::Ended(self.weather.pppd_ends.unwrap_or(self.ended_with)));
        };
        let v6_alone = program.without_v4;
        let Some(card) = program.card.clone() else { return Ok(PppdState::Negotiates) };
        let addresses = self.held(&card).map(|held| held.state.addresses.clone());
        Ok(match addresses {
            Some(addresses) => PppdState::Up {
                card,
                addresses,
                peer: (!v6_alone).then(|| [10, 64, 64, 64].into()),
                dns: if v6_alone { Vec::new() } else { vec![[10, 177, 0, 34].into()] },
            },
            None => PppdState::Ended(CALL_ENDED),
        })
    }

    fn recorded(&mut self) -> Vec<Place> {
        self.records.keys().filter_map(|place| place.parse().ok()).collect()
    }

    fn recall(&mut self, place: &Place) -> Result<Option<Record>> {
        Ok(self.records.get(place.as_str()).cloned())
    }

    fn keep(&mut self, record: &Record) -> Result<()> {
        self.kept += 1;
        if self.weather.full_at.is_some_and(|full| self.kept >= full) {
            return Err(Error::new(ErrorKind::FileUnwritable, "no space is left"));
        }
        self.records.insert(record.place.clone(), record.clone());
        Ok(())
    }

    fn forget(&mut self, place: &Place) -> Result<()> {
        self.records.remove(place.as_str());
        Ok(())
    }

    fn usage(&mut self, place: &Place) -> Option<Usage> {
        self.usages.get(place.as_str()).cloned()
    }

    fn keep_usage(&mut self, place: &Place, usage: &Usage) -> Result<()> {
        self.usages.insert(place.to_string(), usage.clone());
        Ok(())
    }

    fn period(&mut self, per: Per) -> String {
        format!("{per:?} 1")
    }

    fn reset_port(&mut self, place: &Place) -> Result<()> {
        self.resets += 1;
        self.unplug(place);
        Ok(())
    }

    fn boot(&mut self) -> String {
        format!("run {}", self.restarts)
    }

    fn may_change(&mut self) -> Result<()> {
        Ok(())
    }
}

/// What the router in a stick answers while nobody beyond it does: what it remembers, and nothing new.
fn router_alone(probe: &Probe) -> Answer {
    match probe {
        Probe::Echo { .. } => Answer::Echo(Duration::from_millis(1)),
        Probe::Name { name, v6: false, .. } if name == "a.root-servers.net" => {
            Answer::Addresses(vec![[198, 51, 100, 7].into()])
        }
        // SERVFAIL.
        Probe::Name { .. } => Answer::Refused(2),
        Probe::Page { .. } => Answer::Silence,
    }
}
