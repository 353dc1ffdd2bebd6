//! The data connection: whoever dials, it takes two seconds (docs/protocols/hilink-at.md sections 1.7 and 3.6).

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use stickshift::link::Moment;

use crate::modem::families::Families;
use crate::modem::trouble::{IPV4_ONLY, IPV6_ONLY, Trouble};
use crate::network::{Bearer, Ipv4Bearer, Ipv6Bearer, addresses};
use crate::ppp::Admission;

/// From dialling to an address.
pub(crate) const DIALLING: Duration = Duration::from_secs(2);

/// From an IPv4 address to an IPv6 address on a bearer that has both.
pub(crate) const SECOND_STAGE: Duration = Duration::from_millis(500);

/// How long a router waits before it dials again.
const REDIALS: Duration = Duration::from_secs(5);

/// The data connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataState {
    /// Nobody has dialled.
    Down,
    /// Dialled, and no address yet.
    Connecting,
    /// There is an address.
    Up,
}

/// Who holds the data connection, and gets its packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The stick itself, as a router behind its network card.
    Router,
    /// The host, over the network card of `AT^NDISDUP`.
    Ncm,
    /// The host, over the port on which it dialled.
    Ppp,
    /// The host, over MBIM.
    Mbim,
}

/// A connection since somebody dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Dialled {
    at: Moment,
    way: Way,
    wanted: Families,
    /// What the network gives of it, or why it gives nothing.
    given: Result<Families, Option<u8>>,
    /// When the network ends it.
    ends: Option<Moment>,
    /// The stick alone believes in it.
    stale: bool,
    /// What had been carried before.
    carried: (u64, u64),
}

impl Dialled {
    /// When it has an address, or is refused.
    fn settles(&self) -> Moment {
        self.at + DIALLING
    }

    fn is_over(&self, now: Moment) -> bool {
        (self.given.is_err() && now >= self.settles()) || self.ends.is_some_and(|ends| now >= ends)
    }
}

/// A profile of the web UI.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DataProfile {
    /// Its number, from 1.
    pub index: u32,
    /// As the web UI lists it.
    pub name: String,
    /// Access point.
    pub apn: String,
    /// For the access point; empty for none.
    pub username: String,
    /// For the access point; empty for none.
    pub password: String,
    /// 0 none, 1 PAP, 2 CHAP, 3 either.
    pub auth: u8,
    /// It came with the firmware and cannot be changed.
    pub read_only: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Data {
    /// The web UI's switch.
    pub(crate) switch: bool,
    /// 0 automatic, 1 by hand.
    pub(crate) connect_mode: u8,
    pub(crate) roam: bool,
    pub(crate) idle: u32,
    pub(crate) mtu: u16,
    pub(crate) profiles: Vec<DataProfile>,
    pub(crate) current: u32,
    /// `AT+CGDCONT`, by context: protocol and access point.
    pub(crate) contexts: Vec<(u8, String, String)>,
    /// Counts the sticks from 0, so that no two have the same address.
    pub(crate) subscriber: u16,
    /// The network refuses every user name and password.
    pub(crate) refuses_logins: bool,
    /// Bytes that the network carried to the stick and from it since power.
    pub(crate) carried: (u64, u64),
    /// What may go wrong.
    pub(crate) trouble: Trouble,
    dialled: Option<Dialled>,
    /// Counts connections that the network ended; each is followed by one with another address.
    turn: u16,
    /// What is said unasked of connections, and when.
    reports: VecDeque<(Moment, String)>,
    /// How often the state was asked for.
    pub(crate) asked: u32,
}

/// An access point that wants a user and a password, and which.
pub(crate) const SECURED: [&str; 3] = ["secured", "user", "secret"];

impl Data {
    pub(crate) fn new() -> Self {
        let factory = DataProfile {
            index: 1,
            name: "Orange".into(),
            apn: "orange".into(),
            username: "orange".into(),
            password: "orange".into(),
            auth: 0,
            read_only: true,
        };
        Data {
            switch: true,
            connect_mode: 0,
            roam: false,
            idle: 600,
            mtu: 1500,
            profiles: vec![factory],
            current: 1,
            contexts: vec![(1, "IP".into(), "orange".into())],
            subscriber: 0,
            refuses_logins: false,
            carried: (0, 0),
            trouble: Trouble::default(),
            dialled: None,
            turn: 0,
            reports: VecDeque::new(),
            asked: 0,
        }
    }

    /// A router dials by itself.
    pub(crate) fn boot(&mut self, now: Moment, routes: bool) {
        self.dialled = None;
        self.reports.clear();
        if routes && self.switch && self.connect_mode == 0 {
            self.dial(now, Way::Router, Families::IPV4);
        } else if !routes && self.trouble.stale {
            self.dial(now.saturating_sub(DIALLING), Way::Ncm, Families::IPV4);
            self.reports.clear();
            self.dialled = self.dialled.map(|dialled| Dialled { stale: true, ..dialled });
        }
    }

    /// Whom an access point lets in.
    pub(crate) fn admission(&self, apn: &str) -> Admission {
        let [secured, user, password] = SECURED;
        match apn {
            _ if self.refuses_logins => Admission::Nobody,
            apn if apn == secured => Admission::Only(user.into(), password.into()),
            _ => Admission::Everybody,
        }
    }

    /// The connection, unless it was refused or the network has ended it.
    fn connection(&self, now: Moment) -> Option<Dialled> {
        self.dialled.filter(|dialled| !dialled.is_over(now))
    }

    pub(crate) fn state(&self, now: Moment) -> DataState {
        match self.connection(now) {
            None => DataState::Down,
            Some(dialled) if now < dialled.settles() => DataState::Connecting,
            Some(_) => DataState::Up,
        }
    }

    /// How long it has been up.
    pub(crate) fn time(&self, now: Moment) -> Duration {
        self.connection(now).map_or(Duration::ZERO, |dialled| now.saturating_sub(dialled.settles()))
    }

    /// Who holds the connection, from dialling on.
    pub(crate) fn way(&self) -> Option<Way> {
        self.dialled.map(|dialled| dialled.way)
    }

    /// Dials; a connection that is there already stays as it is.
    pub(crate) fn dial(&mut self, now: Moment, way: Way, wanted: Families) {
        if self.connection(now).is_some() {
            return;
        }
        if self.dialled.is_some_and(|before| before.ends.is_some_and(|ends| ends <= now)) {
            self.turn += 1;
        }
        let given = self.given(wanted);
        let settles = now + DIALLING;
        let ends = self.trouble.drops_after.filter(|_| given.is_ok()).map(|time| settles + time);
        let carried = self.carried;
        self.dialled = Some(Dialled { at: now, way, wanted, given, ends, stale: false, carried });
        if way == Way::Ncm {
            self.report(settles, wanted, given, ends);
        }
    }

    /// The cause with which the network refuses what was dialled last.
    pub(crate) fn refusal(&self) -> Option<Option<u8>> {
        self.dialled.and_then(|dialled| dialled.given.err())
    }

    /// What the network gives of what is wanted, or the cause of its refusal.
    fn given(&self, wanted: Families) -> Result<Families, Option<u8>> {
        if let Some(cause) = self.trouble.refused {
            return Err(Some(cause));
        }
        let Some(only) = self.trouble.only else { return Ok(wanted) };
        let given = wanted.both(only);
        if given.names().next().is_none() {
            return Err(Some(if only.ipv4 { IPV4_ONLY } else { IPV6_ONLY }));
        }
        Ok(given)
    }

    /// `^NDISSTAT:` of each family that was wanted.
    fn report(
        &mut self,
        settles: Moment,
        wanted: Families,
        given: Result<Families, Option<u8>>,
        ends: Option<Moment>,
    ) {
        let down = |cause: Option<u8>, family: &str| {
            format!("^NDISSTAT:0,{},,\"{family}\"", cause.map(|c| c.to_string()).unwrap_or_default())
        };
        let mut at = settles;
        for family in wanted.names() {
            let line = match given {
                Err(cause) => down(cause, family),
                Ok(given) if given.names().any(|name| name == family) => {
                    format!("^NDISSTAT:1,,,\"{family}\"")
                }
                Ok(given) => down(Some(if given.ipv4 { IPV4_ONLY } else { IPV6_ONLY }), family),
            };
            self.reports.push_back((at, line));
            at += SECOND_STAGE;
        }
        if let (Some(ends), Ok(given)) = (ends, given) {
            // Regular deactivation.
            self.reports.extend(given.names().map(|family| (ends, down(Some(36), family))));
        }
    }

    /// Dialling fails in the stick itself, or in a network that says why.
    pub(crate) fn fail(&mut self, now: Moment, wanted: Families, cause: Option<u8>) {
        self.reports.clear();
        self.report(now + DIALLING, wanted, Err(cause), None);
    }

    /// Hangs up.
    pub(crate) fn hang_up(&mut self, now: Moment) {
        let ncm = self.connection(now).filter(|dialled| dialled.way == Way::Ncm);
        self.reports.clear();
        if let Some(given) = ncm.and_then(|dialled| dialled.given.ok()) {
            let at = now + Duration::from_secs(1);
            self.reports.extend(given.names().map(|family| (at, format!("^NDISSTAT:0,36,,\"{family}\""))));
        }
        // What the network ended is remembered until the next dialling.
        self.dialled = self.dialled.filter(|dialled| dialled.ends.is_some_and(|ends| ends <= now));
    }

    /// The network ends the connection, if there is one.
    pub(crate) fn end(&mut self, now: Moment) {
        let Some(mut dialled) = self.connection(now) else { return };
        dialled.ends = Some(now);
        self.dialled = Some(dialled);
        self.reports.clear();
        if let (Way::Ncm, Ok(given)) = (dialled.way, dialled.given) {
            self.reports.extend(given.names().map(|family| (now, format!("^NDISSTAT:0,36,,\"{family}\""))));
        }
    }

    /// A router dials again by itself.
    pub(crate) fn redial(&mut self, now: Moment) {
        if self.redials_at().is_some_and(|at| at <= now) {
            self.dial(now, Way::Router, Families::IPV4);
        }
    }

    fn redials_at(&self) -> Option<Moment> {
        let by_itself = self.switch && self.connect_mode == 0;
        let lost = self.dialled.filter(|dialled| by_itself && dialled.way == Way::Router)?;
        lost.ends.map(|ends| ends + REDIALS)
    }

    /// What is said unasked by `now`.
    pub(crate) fn told(&mut self, now: Moment) -> Option<(Moment, String)> {
        self.reports.front().is_some_and(|(at, _)| *at <= now).then(|| self.reports.pop_front()).flatten()
    }

    /// The families that a context asks for; one that nobody defined asks for IPv4.
    pub(crate) fn wanted(&self, context: u8) -> Families {
        let defined = self.contexts.iter().find(|(id, ..)| *id == context);
        Families::of(defined.map_or("IP", |(_, protocol, _)| protocol))
    }

    /// The families that were asked for, with the state of each: 0 down, 1 up, 2 connecting.
    pub(crate) fn states(&self, now: Moment) -> Vec<(&'static str, u8)> {
        let Some(dialled) = self.connection(now) else { return vec![("IPV4", 0)] };
        let state = |family| match (dialled.given, now < dialled.settles()) {
            (_, true) => 2,
            (Ok(given), false) => {
                let late = family == "IPV6" && given.ipv4 && now < dialled.settles() + SECOND_STAGE;
                if late { 2 } else { u8::from(given.names().any(|name| name == family)) }
            }
            (Err(_), false) => 0,
        };
        dialled.wanted.names().map(|family| (family, state(family))).collect()
    }

    /// What the network has given by `now`: IPv6 comes a little later than IPv4.
    pub(crate) fn bearer(&self, now: Moment) -> Option<Bearer> {
        let dialled = self.connection(now).filter(|dialled| !dialled.stale && !self.trouble.no_address)?;
        let (families, (ipv4, ipv6)) = (dialled.given.ok()?, self.addresses());
        let up = now.checked_sub(dialled.settles())?;
        let second = families.ipv6 && (!families.ipv4 || up >= SECOND_STAGE);
        Some(Bearer { ipv4: families.ipv4.then_some(ipv4), ipv6: second.then_some(ipv6), mtu: self.mtu })
    }

    /// What the network gives when it is asked for.
    pub(crate) fn addresses(&self) -> (Ipv4Bearer, Ipv6Bearer) {
        addresses(self.subscriber, self.turn)
    }

    /// When it changes by itself after `now`, or has something to say.
    pub(crate) fn next(&self, now: Moment) -> Option<Moment> {
        let changes = self.dialled.into_iter().flat_map(|dialled| {
            let settles = dialled.settles();
            [Some(settles), Some(settles + SECOND_STAGE), dialled.ends].into_iter().flatten()
        });
        changes
            .chain(self.redials_at())
            .filter(|&at| at > now)
            .chain(self.reports.front().map(|report| report.0))
            .min()
    }

    /// Bytes received and sent while it is up: a steady trickle, and what the host sends and fetches.
    pub(crate) fn traffic(&self, now: Moment) -> (u64, u64) {
        let seconds = self.time(now).as_secs();
        let before = self.dialled.map_or(self.carried, |dialled| dialled.carried);
        let (received, sent) = (self.carried.0 - before.0, self.carried.1 - before.1);
        (seconds * 30_100 + received, seconds * 1_431 + sent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dialling_takes_its_time_and_a_router_dials_alone() {
        let mut data = Data::new();
        let at = Moment::from_secs;
        data.boot(at(5), false);
        assert_eq!(data.state(at(100)), DataState::Down);
        data.dial(at(100), Way::Ncm, data.wanted(1));
        data.dial(at(101), Way::Ppp, data.wanted(1));
        assert_eq!(data.way(), Some(Way::Ncm));
        assert_eq!(data.state(at(101)), DataState::Connecting);
        assert_eq!(data.state(at(102)), DataState::Up);
        assert_eq!(data.traffic(at(103)), (30_100, 1_431));
        data.hang_up(at(103));
        assert_eq!((data.state(at(103)), data.traffic(at(103))), (DataState::Down, (0, 0)));
        data.boot(at(200), true);
        assert_eq!(data.state(at(202)), DataState::Up);
        data.switch = false;
        data.boot(at(300), true);
        assert_eq!(data.state(at(400)), DataState::Down);
    }

    #[test]
    fn a_network_refuses_drops_and_is_remembered_wrongly() {
        let at = Moment::from_secs;
        let both = Families { ipv4: true, ipv6: true };
        let with = |trouble| Data { trouble, ..Data::new() };
        let told =
            |data: &mut Data, now| std::iter::from_fn(|| data.told(now)).map(|t| t.1).collect::<Vec<_>>();

        let mut data = with(Trouble { refused: Some(33), ..Trouble::default() });
        data.dial(at(10), Way::Ncm, Families::IPV4);
        assert_eq!((data.state(at(11)), data.state(at(12))), (DataState::Connecting, DataState::Down));
        assert_eq!(told(&mut data, at(12)), ["^NDISSTAT:0,33,,\"IPV4\""]);

        let only = Families { ipv4: false, ipv6: true };
        let mut data = with(Trouble { only: Some(only), ..Trouble::default() });
        data.dial(at(10), Way::Ncm, both);
        let bearer = data.bearer(at(13)).unwrap();
        assert!(bearer.ipv4.is_none() && bearer.ipv6.is_some());
        assert_eq!(data.states(at(13)), [("IPV4", 0), ("IPV6", 1)]);
        assert_eq!(told(&mut data, at(13)), ["^NDISSTAT:0,51,,\"IPV4\"", "^NDISSTAT:1,,,\"IPV6\""]);
        data.hang_up(at(14));
        data.dial(at(20), Way::Ncm, Families::IPV4);
        assert_eq!(data.state(at(23)), DataState::Down);

        let mut data = with(Trouble { drops_after: Some(at(5)), ..Trouble::default() });
        data.dial(at(10), Way::Ncm, Families::IPV4);
        let first = data.bearer(at(12)).unwrap();
        assert_eq!((data.next(at(12)), data.bearer(at(17))), (Some(at(12)), None));
        assert_eq!(told(&mut data, at(17)), ["^NDISSTAT:1,,,\"IPV4\"", "^NDISSTAT:0,36,,\"IPV4\""]);
        data.hang_up(at(18));
        data.dial(at(20), Way::Ncm, Families::IPV4);
        assert_ne!(data.bearer(at(22)).unwrap(), first, "it has another address");

        let mut data = with(Trouble { stale: true, ..Trouble::default() });
        data.boot(at(0), false);
        assert_eq!((data.state(at(9)), data.bearer(at(9))), (DataState::Up, None));
        data.hang_up(at(9));
        data.dial(at(10), Way::Ncm, Families::IPV4);
        assert!(data.bearer(at(12)).is_some());
    }

    #[test]
    fn a_bearer_comes_up_family_by_family() {
        let mut data = Data::new();
        data.contexts = vec![(1, "IPV4V6".into(), String::new()), (2, "IPV6".into(), String::new())];
        let at = Moment::from_millis;
        let has = |data: &Data, now| data.bearer(now).map(|b| (b.ipv4.is_some(), b.ipv6.is_some()));
        data.dial(at(1000), Way::Ncm, data.wanted(1));
        assert_eq!((has(&data, at(2999)), data.next(at(1000))), (None, Some(at(3000))));
        assert_eq!(has(&data, at(3000)), Some((true, false)));
        assert_eq!(has(&data, at(3500)), Some((true, true)));
        data.hang_up(at(3900));
        assert_eq!(has(&data, at(4000)), None);
        data.dial(at(4000), Way::Ppp, data.wanted(2));
        assert_eq!(has(&data, at(6000)), Some((false, true)));
        data.hang_up(at(7000));
        data.dial(at(8000), Way::Ppp, data.wanted(7));
        assert_eq!(has(&data, at(10_000)), Some((true, false)));
    }
}
