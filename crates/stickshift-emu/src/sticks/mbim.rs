//! A stick that is MBIM and nothing else, as laptops have it: a network function, and no port for AT commands.

use std::collections::BTreeSet;
use std::time::Duration;

use stickshift::link::{ControlSetup, Moment};
use stickshift::stick::UsbId;

use crate::device::{Appearance, Configuration, Device, UsbReply};
use crate::fault::{Channel, Cut, Fault, FaultKind, FaultPlan, StepFaults};
use crate::identity::{Dialect, Identity, subscriber};
use crate::mbim::{GET_ENCAPSULATED as GET, HostMessage, LONGEST, MbimFunction, SEND_ENCAPSULATED as SEND};
use crate::modem::trouble::Trouble;
use crate::modem::uplink::Uplink;
use crate::modem::{Held, Modem, ModemState, Way};
use crate::network::{Bearer, Quirks};
use crate::sticks::appearances;

/// From power to the bus, and what a slow SIM takes longer.
const BOOT: Duration = Duration::from_secs(5);
const SLOW_SIM: Duration = Duration::from_secs(10);

/// How often a chatty one says how it receives.
const CHATTER: Duration = Duration::from_secs(2);

/// What it is before it is plugged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MbimOptions {
    /// Its ids.
    pub id: UsbId,
    /// iManufacturer and iProduct.
    pub texts: [String; 2],
    /// What it says of itself.
    pub identity: Identity,
    /// Its modem, with the SIM in it.
    pub modem: Modem,
    /// What goes wrong.
    pub faults: FaultPlan,
}

impl MbimOptions {
    /// A Sierra Wireless EM7455 in the composition with MBIM alone.
    pub fn em7455() -> Self {
        MbimOptions {
            id: UsbId::new(0x1199, 0x9079),
            texts: ["Sierra Wireless, Incorporated", "Sierra Wireless EM7455 Qualcomm Snapdragon X7 LTE-A"]
                .map(str::to_owned),
            identity: Identity {
                model: "EM7455".into(),
                product: "EM7455".into(),
                hardware: "EM7455".into(),
                board: String::new(),
                version: "SWI9X30C_02.33.03.00".into(),
                webui: String::new(),
                imei: "860000000000009".into(),
                serial: String::new(),
                ports: String::new(),
                dialect: Dialect::Lte,
                hilink: false,
                gate_closed: true,
            },
            modem: Modem::new(""),
            faults: FaultPlan::none(0),
        }
    }
}

/// Whether a fault without a step has something to strike. Its network card is dialled by messages, which tell the address, too.
fn can_strike(kind: FaultKind) -> bool {
    let of_card = kind.is_of_at() || matches!(kind, FaultKind::MuteChannel | FaultKind::MuteDhcp);
    let of_messages =
        matches!(kind, FaultKind::Split | FaultKind::SlowSim | FaultKind::Chatty | FaultKind::AuthRefused);
    kind.is_of_network() && !of_card || of_messages
}

/// The virtual MBIM stick.
#[derive(Debug)]
pub struct MbimStick {
    options: MbimOptions,
    shown: Appearance,
    on_bus: bool,
    enumeration: u32,
    /// When it comes on the bus.
    coming: Option<Moment>,
    function: MbimFunction,
    modem: Modem,
    uplink: Uplink,
    chatter: Option<Moment>,
    steps: u32,
    struck: BTreeSet<u32>,
}

impl MbimStick {
    /// It is not plugged in yet.
    pub fn new(options: MbimOptions) -> Self {
        let [manufacturer, product] = options.texts.clone();
        let shown = Appearance {
            id: options.id,
            release: 0x0006,
            class: [0; 3],
            manufacturer: Some(manufacturer),
            product: Some(product),
            serial: None,
            configurations: vec![Configuration { value: 1, interfaces: appearances::mbim(0).to_vec() }],
        };
        let mut modem = options.modem.clone();
        modem.data.subscriber = subscriber(options.faults.seed());
        modem.radio.roaming &= u8::from(!options.faults.has(FaultKind::Roaming));
        MbimStick {
            shown,
            on_bus: false,
            enumeration: 0,
            coming: None,
            function: MbimFunction::new(),
            modem,
            uplink: Uplink::new(Quirks::of(&options.faults)),
            chatter: None,
            steps: 0,
            struck: BTreeSet::new(),
            options,
        }
    }

    /// The network ends its data connection, if it has one.
    pub fn end_connection(&mut self, now: Moment) {
        self.tick(now);
        self.modem.data.end(now);
        self.tick(now);
    }

    /// How many messages it received.
    pub fn steps(&self) -> u32 {
        self.steps
    }

    /// The faults that have a step at which nothing went wrong so far, and those that cannot strike it.
    pub fn unfired(&self) -> impl Iterator<Item = &Fault> {
        let faults = self.options.faults.faults().iter();
        faults.filter(|f| match f.step {
            Some(step) => !self.struck.contains(&step),
            None => !can_strike(f.kind),
        })
    }

    fn has(&self, kind: FaultKind) -> bool {
        self.options.faults.has(kind)
    }

    fn leave(&mut self, now: Moment, back: Option<Moment>) {
        self.on_bus = false;
        self.modem.data.hang_up(now);
        self.function = MbimFunction::new();
        self.chatter = None;
        self.coming = back;
    }

    fn appear(&mut self, at: Moment) {
        self.on_bus = true;
        self.enumeration += 1;
        self.modem.data.refuses_logins = self.has(FaultKind::AuthRefused);
        self.modem.data.trouble = Trouble::of(&self.options.faults);
        self.modem.boot(at, false, if self.has(FaultKind::SlowSim) { SLOW_SIM } else { Duration::ZERO });
        self.chatter = self.has(FaultKind::Chatty).then_some(at + CHATTER);
    }

    fn step(&mut self) -> StepFaults {
        self.steps += 1;
        if self.options.faults.strikes(self.steps, Channel::Messages) {
            self.struck.insert(self.steps);
        }
        self.options.faults.at(self.steps)
    }

    /// A message came whole. `false` when the stick is gone.
    fn message(&mut self, now: Moment, message: &HostMessage) -> bool {
        let step = self.step();
        if let Some(Cut::Unplugged(back)) = step.cut {
            self.leave(now, back.map(|time| now + time + BOOT));
            return false;
        }
        if step.dropped {
            return true;
        }
        if !step.before.is_empty() {
            self.function.say(now, [step.before.clone()]);
            let unasked = self.function.chatter();
            self.function.say(now, unasked);
        }
        if !step.noise.is_empty() {
            let others = self.function.others_answer();
            self.function.say(now, others);
        }
        let longest = step.split.then_some(64);
        let (after, mut answer) = match step.nak {
            Some(_) => (Duration::ZERO, self.function.refuse(message)),
            None => self.function.act(message, &mut self.modem, &self.options.identity, now, longest),
        };
        if let Some(Cut::PowerLost(back)) = step.cut {
            self.leave(now, Some(now + back + BOOT));
            return false;
        }
        if step.muted {
            answer.clear();
        }
        if step.stolen {
            // Another program reads the same channel, and gets every other message.
            answer = answer.into_iter().skip(1).step_by(2).collect();
        }
        if step.inside {
            let middle = answer.len() / 2;
            answer.splice(middle..middle, self.function.unasked(now, &self.modem, longest));
        }
        let due = now + after + step.delay;
        if step.duplicate {
            self.function.say(due, answer.clone());
        }
        self.function.say(due, answer);
        true
    }
}

impl Device for MbimStick {
    fn appearance(&self) -> Option<&Appearance> {
        self.on_bus.then_some(&self.shown)
    }

    fn enumeration(&self) -> u32 {
        self.enumeration
    }

    fn power(&mut self, now: Moment, on: bool) {
        self.tick(now);
        if !on {
            self.leave(now, None);
        } else if !self.on_bus && self.coming.is_none() {
            self.coming = Some(now + BOOT);
        }
    }

    fn tick(&mut self, now: Moment) {
        if let Some(at) = self.coming.filter(|at| *at <= now) {
            self.coming = None;
            self.appear(at);
        }
        while let Some(at) = self.chatter.filter(|at| *at <= now) {
            let unasked = self.function.chatter();
            self.function.say(at, unasked);
            self.chatter = Some(at + CHATTER);
        }
        self.uplink.turn(now, &mut self.modem, self.on_bus);
        self.function.follow(now, &self.modem);
    }

    fn next_tick(&self) -> Option<Moment> {
        let timers = [self.coming, self.function.next_due(), self.chatter, self.uplink.next()];
        timers.into_iter().flatten().min()
    }

    fn serial_write(&mut self, _now: Moment, _interface: u8, _bytes: &[u8]) {}

    fn serial_read(&mut self, _now: Moment, _interface: u8) -> Vec<u8> {
        Vec::new()
    }

    fn control(&mut self, now: Moment, setup: ControlSetup, data: &[u8], length: u16) -> UsbReply {
        self.tick(now);
        match (setup.request_type, setup.request) {
            SEND if data.len() > LONGEST => UsbReply::Stall,
            SEND => match self.function.push(data) {
                Some(message) if !self.message(now, &message) => UsbReply::Gone,
                _ => UsbReply::Done(Vec::new()),
            },
            GET => {
                let mut message = self.function.take(now).unwrap_or_default();
                message.truncate(usize::from(length));
                UsbReply::Done(message)
            }
            _ => UsbReply::Stall,
        }
    }

    fn message_available(&mut self, now: Moment, _interface: u8) -> bool {
        self.tick(now);
        self.function.announce(now)
    }

    fn bearer(&self, now: Moment) -> Option<Bearer> {
        let held = self.on_bus && self.modem.data.way() == Some(Way::Mbim);
        self.modem.data.bearer(now).filter(|_| held)
    }

    fn packet_out(&mut self, now: Moment, packet: &[u8]) {
        self.tick(now);
        self.uplink.send(now, &mut self.modem, Way::Mbim, packet);
    }

    fn packet_in(&mut self, now: Moment) -> Option<Vec<u8>> {
        self.tick(now);
        self.uplink.receive(&self.modem, Way::Mbim)
    }

    fn modem_state(&self) -> Option<ModemState> {
        Some(self.modem.state(self.on_bus || self.coming.is_some()))
    }

    fn go_on_with(&mut self, modem: &ModemState) -> bool {
        self.modem.go_on_with(modem)
    }

    fn held(&self, now: Moment) -> Option<Held> {
        Some(self.modem.held(now, self.on_bus))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setup((request_type, request): (u8, u8)) -> ControlSetup {
        ControlSetup { request_type, request, value: 0, index: 0 }
    }

    #[test]
    fn it_announces_its_answers_and_gives_each_once() {
        let mut stick = MbimStick::new(MbimOptions::em7455());
        stick.power(Moment::ZERO, true);
        assert!(stick.appearance().is_none());
        let now = BOOT;
        stick.tick(now);
        let open = [1, 0, 0, 0, 16, 0, 0, 0, 1, 0, 0, 0, 0, 16, 0, 0];
        assert_eq!(stick.control(now, setup(SEND), &open, 16), UsbReply::Done(Vec::new()));
        assert_eq!(
            stick.control(now, setup(GET), &[], 4096),
            UsbReply::Done(Vec::new()),
            "it takes a moment"
        );
        let later = stick.next_tick().unwrap();
        assert!(!stick.message_available(now, 0) && stick.message_available(later, 0));
        assert!(!stick.message_available(later, 0), "it is told once");
        let UsbReply::Done(answer) = stick.control(later, setup(GET), &[], 4096) else { panic!("an answer") };
        assert_eq!(answer, [1, 0, 0, 0x80, 16, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(stick.control(later, setup(GET), &[], 4096), UsbReply::Done(Vec::new()));
        assert_eq!((stick.steps(), stick.next_tick()), (1, None));
    }
}
