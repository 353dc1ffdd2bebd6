//! The stick's data connection, and the network that it leads to.

use stickshift::link::Moment;

use crate::modem::Way;
use crate::network::Operator;
use crate::sticks::huawei::{HuaweiStick, Program};

impl HuaweiStick {
    /// The network behind the stick follows the modem's bearer, and does what is due.
    pub(super) fn turn_network(&mut self, now: Moment) {
        let runs = matches!(self.running, Program::Hilink | Program::HilinkSerial(_) | Program::Stick(_));
        match self.modem.data.bearer(now).filter(|_| runs) {
            Some(bearer) => self.operator.connect(now, bearer),
            None => self.operator.disconnect(),
        }
        self.bearer_due = self.modem.data.next(now).filter(|_| runs);
        self.operator.turn(now);
    }

    /// When the network has something to do by itself.
    pub(super) fn network_due(&self) -> Option<Moment> {
        self.bearer_due.into_iter().chain(self.operator.next()).min()
    }

    /// The network behind the stick, when `way` holds the data connection. A packet that was sent is looked at when the stick
    /// [ticks](crate::device::Device::tick) next.
    pub fn operator(&mut self, way: Way) -> Option<&mut Operator> {
        (self.modem.data.way() == Some(way)).then_some(&mut self.operator)
    }
}
