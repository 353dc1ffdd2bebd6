//! What the tests of this room have in common.

use std::time::Duration;

use stickshift::link::Moment;

use crate::at::port::AtPort;
use crate::identity::Identity;
use crate::modem::Modem;
use crate::sticks::huawei::HuaweiOptions;

/// A port of a stick that was plugged in a minute ago.
pub(crate) struct Rig {
    pub(crate) port: AtPort,
    pub(crate) id: Identity,
    pub(crate) modem: Modem,
    pub(crate) now: Moment,
    /// What comes unasked, and when.
    pub(crate) later: Vec<(Duration, String)>,
}

impl Rig {
    pub(crate) fn new() -> Self {
        Rig::with(HuaweiOptions::stick().identity())
    }

    pub(crate) fn with(id: Identity) -> Self {
        let mut modem = Modem::new(&id.ports);
        modem.boot(Moment::ZERO, false, Duration::ZERO);
        let mut rig = Rig { port: AtPort::new(), id, modem, now: Moment::from_secs(60), later: Vec::new() };
        rig.ask("ATE0");
        rig.ask("AT+CMEE=1");
        rig
    }

    /// What is said to one command, all lines joined by blanks.
    pub(crate) fn ask(&mut self, command: &str) -> String {
        self.bytes(format!("{command}\r").as_bytes()).split_whitespace().collect::<Vec<_>>().join(" ")
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> String {
        self.port.push(bytes);
        let mut said = Vec::new();
        while let Some(command) = self.port.next_command() {
            let answer = self.port.answer(&command, &self.id, &mut self.modem, self.now);
            said.extend(answer.bytes);
            self.later.extend(answer.later);
        }
        String::from_utf8(said).unwrap()
    }
}
