//! The data connection: whoever dials, it takes two seconds (docs/protocols/hilink-at.md sections 1.7 and 3.6).

use std::time::Duration;

use stickshift::link::Moment;

/// From dialling to an address.
pub(crate) const DIALLING: Duration = Duration::from_secs(2);

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
    dialled: Option<Moment>,
}

/// The address that a connection gets, with mask, gateway and the two name servers.
pub(crate) const ADDRESS: [[u8; 4]; 5] =
    [[10, 249, 198, 122], [255, 255, 255, 252], [10, 249, 198, 121], [10, 177, 0, 34], [10, 161, 187, 116]];

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
            dialled: None,
        }
    }

    /// A router dials by itself.
    pub(crate) fn boot(&mut self, now: Moment, routes: bool) {
        self.dialled = (routes && self.switch && self.connect_mode == 0).then_some(now);
    }

    pub(crate) fn state(&self, now: Moment) -> DataState {
        match self.dialled {
            None => DataState::Down,
            Some(at) if now < at + DIALLING => DataState::Connecting,
            Some(_) => DataState::Up,
        }
    }

    /// How long it has been up.
    pub(crate) fn time(&self, now: Moment) -> Duration {
        self.dialled.map_or(Duration::ZERO, |at| now.saturating_sub(at + DIALLING))
    }

    pub(crate) fn dial(&mut self, now: Moment) {
        self.dialled.get_or_insert(now);
    }

    pub(crate) fn hang_up(&mut self) {
        self.dialled = None;
    }

    /// Bytes received and sent while it is up; a steady trickle.
    pub(crate) fn traffic(&self, now: Moment) -> (u64, u64) {
        let seconds = self.time(now).as_secs();
        (seconds * 30_100, seconds * 1_431)
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
        data.dial(at(100));
        data.dial(at(101));
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
}
