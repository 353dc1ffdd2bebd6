//! The modem behind both ways_in: what AT commands and the web server read and change is one SIM, one radio, one message store.

pub(crate) mod data;
pub(crate) mod families;
mod held;
pub(crate) mod radio;
pub(crate) mod sim;
pub(crate) mod sms;
mod state;
pub(crate) mod tpdu;
pub(crate) mod trouble;
pub(crate) mod uplink;
pub(crate) mod ussd;

use std::time::Duration;

use stickshift::link::Moment;

use data::Data;
use radio::Radio;
use sim::Sim;
use sms::Messages;
use trouble::Registration;
use ussd::Ussd;

pub use data::{DataProfile, DataState, Way};
pub use families::Families;
pub use held::{DataSettings, Held, Kept, Outgoing, RadioSettings, Running, SimCard, StoredMessage};
pub use sim::SimState;
pub use sms::{MessageState, Store};
pub use state::ModemState;

/// A modem, over all its reboots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Modem {
    pub(crate) sim: Sim,
    pub(crate) radio: Radio,
    pub(crate) data: Data,
    pub(crate) messages: Messages,
    pub(crate) ussd: Ussd,
    /// `AT^SETPORT`, which shows after the next restart.
    pub(crate) ports: String,
    /// `AT^U2DIAG`.
    pub(crate) u2diag: u16,
    /// The code that `AT^DATALOCK` wants before ports may be changed.
    pub(crate) datalock: Option<String>,
    /// The web UI looks for new firmware by itself.
    pub(crate) updates: bool,
    /// When its firmware started last.
    booted: Moment,
}

impl Modem {
    /// As it left the factory, with a SIM in it that wants no PIN, and messages on it and in the stick.
    pub fn new(ports: &str) -> Self {
        Modem {
            sim: Sim::new(),
            radio: Radio::new(),
            data: Data::new(),
            messages: Messages::new(),
            ussd: Ussd::default(),
            ports: ports.to_owned(),
            u2diag: 255,
            datalock: None,
            updates: true,
            booted: Moment::ZERO,
        }
    }

    /// The SIM wants its PIN, `1234`; its PUK is `12345678`.
    #[must_use]
    pub fn with_pin(mut self) -> Self {
        self.sim.lock();
        self
    }

    /// There is no SIM.
    #[must_use]
    pub fn without_sim(mut self) -> Self {
        self.sim.present = false;
        self
    }

    /// Ports may be changed only after `AT^DATALOCK` with this code.
    #[must_use]
    pub fn with_datalock(mut self, code: &str) -> Self {
        self.datalock = Some(code.to_owned());
        self
    }

    /// 15 digits. The first subscriber's network code is the one for tests.
    pub(crate) fn imsi(&self) -> String {
        format!("00101{:010}", 1 + u32::from(self.data.subscriber))
    }

    /// 19 digits, without the filler that some ways show behind them.
    pub(crate) fn iccid(&self) -> String {
        format!("89{:017}", 1 + u32::from(self.data.subscriber))
    }

    /// The numbers and texts that were sent, in order.
    pub fn sent(&self) -> impl Iterator<Item = (&str, &str)> {
        self.messages.sent()
    }

    /// Whether data is on, whoever switched it.
    pub fn is_online(&self, now: Moment) -> bool {
        self.data.state(now) == data::DataState::Up
    }

    /// What is not kept over a restart is gone. `slow_sim`: how long the SIM is busy then.
    pub(crate) fn boot(&mut self, now: Moment, routes: bool, slow_sim: Duration) {
        self.sim.boot(now + slow_sim);
        self.ussd.boot();
        self.messages.boot();
        self.booted = now;
        let ready = self.sim.is_ready(now + slow_sim);
        // A router waits for its network.
        let starts = match self.data.trouble.registration {
            Registration::After(time) => now + time,
            _ => now,
        };
        let may = ready && self.may_connect(starts.max(now + slow_sim), self.data.roam);
        self.data.boot(starts, routes && may);
    }

    /// As `AT+CREG?` counts: 0 not looking, 1 at home, 2 looking, 3 denied, 5 roaming.
    pub(crate) fn registration(&self, now: Moment) -> u8 {
        if self.radio.function != 1 || !self.sim.is_ready(now) {
            return 0;
        }
        match self.data.trouble.registration {
            Registration::Home => 1,
            Registration::Roaming => 5,
            Registration::Denied => 3,
            Registration::Searching => 2,
            Registration::After(time) => {
                if now < self.booted + time {
                    2
                } else {
                    1
                }
            }
        }
    }

    /// It is in a network that its owner allows it to use.
    pub(crate) fn may_connect(&self, now: Moment, roaming: bool) -> bool {
        matches!((self.registration(now), roaming), (1, _) | (5, true))
    }
}
