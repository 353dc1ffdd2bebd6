//! The data connection: whoever dials, it takes two seconds (docs/protocols/hilink-at.md sections 1.7 and 3.6).

use std::time::Duration;

use stickshift::link::Moment;

use crate::network::{Bearer, Ipv4Bearer, Ipv6Bearer, addresses};
use crate::ppp::Admission;

/// From dialling to an address.
pub(crate) const DIALLING: Duration = Duration::from_secs(2);

/// From an IPv4 address to an IPv6 address on a bearer that has both.
pub(crate) const SECOND_STAGE: Duration = Duration::from_millis(500);

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
}

/// A connection since somebody dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Dialled {
    at: Moment,
    way: Way,
    families: Families,
    /// What had been carried before.
    carried: (u64, u64),
}

/// A profile of the web UI.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    dialled: Option<Dialled>,
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
            dialled: None,
        }
    }

    /// A router dials by itself.
    pub(crate) fn boot(&mut self, now: Moment, routes: bool) {
        self.dialled = None;
        if routes && self.switch && self.connect_mode == 0 {
            self.dial(now, Way::Router, Families::IPV4);
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

    pub(crate) fn state(&self, now: Moment) -> DataState {
        match self.dialled {
            None => DataState::Down,
            Some(Dialled { at, .. }) if now < at + DIALLING => DataState::Connecting,
            Some(_) => DataState::Up,
        }
    }

    /// How long it has been up.
    pub(crate) fn time(&self, now: Moment) -> Duration {
        self.dialled.map_or(Duration::ZERO, |dialled| now.saturating_sub(dialled.at + DIALLING))
    }

    /// Who holds the connection, from dialling on.
    pub(crate) fn way(&self) -> Option<Way> {
        self.dialled.map(|dialled| dialled.way)
    }

    /// Dials; a connection that is there already stays as it is.
    pub(crate) fn dial(&mut self, now: Moment, way: Way, families: Families) {
        self.dialled.get_or_insert(Dialled { at: now, way, families, carried: self.carried });
    }

    pub(crate) fn hang_up(&mut self) {
        self.dialled = None;
    }

    /// The families that a context asks for; one that nobody defined asks for IPv4.
    pub(crate) fn wanted(&self, context: u8) -> Families {
        let defined = self.contexts.iter().find(|(id, ..)| *id == context);
        Families::of(defined.map_or("IP", |(_, protocol, _)| protocol))
    }

    /// What the network has given by `now`: IPv6 comes a little later than IPv4.
    pub(crate) fn bearer(&self, now: Moment) -> Option<Bearer> {
        let Dialled { at, families, .. } = self.dialled?;
        let (ipv4, ipv6) = self.addresses();
        let up = now.checked_sub(at + DIALLING)?;
        let second = families.ipv6 && (!families.ipv4 || up >= SECOND_STAGE);
        Some(Bearer { ipv4: families.ipv4.then_some(ipv4), ipv6: second.then_some(ipv6), mtu: self.mtu })
    }

    /// What the network gives when it is asked for.
    pub(crate) fn addresses(&self) -> (Ipv4Bearer, Ipv6Bearer) {
        addresses(self.subscriber, 0)
    }

    /// When [`bearer`](Self::bearer) changes by itself after `now`.
    pub(crate) fn next(&self, now: Moment) -> Option<Moment> {
        let up = self.dialled?.at + DIALLING;
        [up, up + SECOND_STAGE].into_iter().find(|&at| at > now)
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
        data.hang_up();
        assert_eq!((data.state(at(103)), data.traffic(at(103))), (DataState::Down, (0, 0)));
        data.boot(at(200), true);
        assert_eq!(data.state(at(202)), DataState::Up);
        data.switch = false;
        data.boot(at(300), true);
        assert_eq!(data.state(at(400)), DataState::Down);
    }

    #[test]
    fn a_bearer_comes_up_family_by_family() {
        let mut data = Data::new();
        data.contexts = vec![(1, "IPV4V6".into(), String::new()), (2, "IPV6".into(), String::new())];
        let at = Moment::from_millis;
        let has = |data: &Data, now| data.bearer(now).map(|b| (b.ipv4.is_some(), b.ipv6.is_some()));
        data.dial(at(1000), Way::Ncm, data.wanted(1));
        assert_eq!((has(&data, at(2999)), data.next(at(1000))), (None, Some(at(3000))));
        assert_eq!((has(&data, at(3000)), data.next(at(3000))), (Some((true, false)), Some(at(3500))));
        assert_eq!((has(&data, at(3500)), data.next(at(3500))), (Some((true, true)), None));
        data.hang_up();
        assert_eq!((has(&data, at(4000)), data.next(at(4000))), (None, None));
        data.dial(at(4000), Way::Ppp, data.wanted(2));
        assert_eq!(has(&data, at(6000)), Some((false, true)));
        data.hang_up();
        data.dial(at(8000), Way::Ppp, data.wanted(7));
        assert_eq!(has(&data, at(10_000)), Some((true, false)));
    }
}
