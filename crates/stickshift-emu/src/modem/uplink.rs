//! A modem's data connection and the network that it leads to.

use stickshift::link::Moment;

use crate::modem::{Modem, Way};
use crate::network::{Operator, Quirks};

/// The network that a modem's bearer leads to, for as long as it is up.
#[derive(Debug)]
pub(crate) struct Uplink {
    operator: Operator,
    /// When the bearer changes by itself.
    changes: Option<Moment>,
}

impl Uplink {
    pub(crate) fn new(quirks: Quirks) -> Self {
        Uplink { operator: Operator::new(quirks), changes: None }
    }

    /// The network follows the modem's bearer, and does what is due. `runs`: the modem's firmware runs.
    pub(crate) fn turn(&mut self, now: Moment, modem: &mut Modem, runs: bool) {
        if runs {
            modem.data.redial(now);
        }
        match modem.data.bearer(now).filter(|_| runs) {
            Some(bearer) => self.operator.connect(now, bearer),
            None => self.operator.disconnect(),
        }
        self.changes = modem.data.next(now).filter(|_| runs);
        self.operator.turn(now);
        modem.data.carried = self.operator.carried();
    }

    /// When there is something to do without being asked.
    pub(crate) fn next(&self) -> Option<Moment> {
        self.changes.into_iter().chain(self.operator.next()).min()
    }

    /// A packet from the host over `way`. It is lost when another one holds the connection.
    pub(crate) fn send(&mut self, now: Moment, modem: &mut Modem, way: Way, packet: &[u8]) {
        if modem.data.way() == Some(way) {
            self.operator.send(packet);
            self.turn(now, modem, true);
        }
    }

    /// The next packet for the host, when `way` holds the connection.
    pub(crate) fn receive(&mut self, modem: &Modem, way: Way) -> Option<Vec<u8>> {
        if modem.data.way() == Some(way) { self.operator.receive() } else { None }
    }
}
