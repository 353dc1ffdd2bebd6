//! A stick that shows a CD-ROM (or whatever else) until it gets its message, and then comes back as something else.
//!
//! What it shows, which messages it understands, and what each makes of it are plain values ([`ZeroCdOptions`]), so that any entry of any
//! catalogue can be played. What can go wrong on the way is a [`Behaviour`].

mod behaviour;
mod messages;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use stickshift::link::{ControlSetup, Moment};
use stickshift::wire::scsi::CommandBlock;

use crate::at::ports::AtPorts;
use crate::device::outbox::Outbox;
use crate::device::{Appearance, Device, Function, Unit, UsbReply};
use crate::fault::{Fault, FaultKind, FaultPlan};
use crate::identity::Identity;
use crate::mbim::{GET_ENCAPSULATED, MbimFunction, SEND_ENCAPSULATED};
use crate::modem::trouble::Trouble;
use crate::modem::uplink::Uplink;
use crate::modem::{Held, Modem, ModemState, Way};
use crate::network::{Bearer, Quirks};
use crate::sticks::scsi_cdrom::{DriveKind, Drives};

pub use behaviour::Behaviour;
pub use messages::{SwitchMessage, Trigger};

use messages::{MessageStep, Progress, Seen};

/// What a stick is before it is plugged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZeroCdOptions {
    /// What it shows first.
    pub appearance: Appearance,
    /// Drivers of the interfaces that it shows first, where they are known; `None`: that one has no driver.
    pub drivers: BTreeMap<u8, Option<String>>,
    /// Which of its first interfaces take AT commands, where that is known; else their protocols tell.
    pub at: Option<BTreeSet<u8>>,
    /// SCSI vendor, model and revision of its drive.
    pub texts: [String; 3],
    /// The units behind its storage interfaces before it is switched, in order; empty: a CD-ROM behind the first, card readers behind the others.
    pub units: Vec<Vec<DriveKind>>,
    /// What it understands; the first complete message wins.
    pub messages: Vec<SwitchMessage>,
    /// How it takes the message.
    pub behaviour: Behaviour,
    /// From power to the first appearance.
    pub boot: Duration,
    /// From the message to leaving the bus.
    pub leaves_after: Duration,
    /// How long it is off the bus.
    pub off_bus: Duration,
    /// What its serial ports say of it.
    pub identity: Identity,
    /// Counts the sticks from 0: whose SIM is in it.
    pub subscriber: u16,
}

/// What it shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shows {
    Nothing,
    First,
    Target(usize),
}

/// The virtual stick that switches.
#[derive(Debug)]
pub struct ZeroCd {
    options: ZeroCdOptions,
    shows: Shows,
    enumeration: u32,
    /// Until when its drive answers nothing.
    busy_until: Option<Moment>,
    /// What it will show, and when.
    coming: VecDeque<(Moment, Shows)>,
    progress: Progress,
    /// What the next reset of the port makes of it.
    at_reset: Option<usize>,
    drives: Drives,
    ports: AtPorts,
    modem: Modem,
    uplink: Uplink,
    network: FaultPlan,
    /// The MBIM function of the configuration that was selected.
    mbim: Option<MbimFunction>,
    outbox: Outbox,
    /// Whether it ever got a whole message: only then its behaviour tells.
    asked: bool,
    /// What it shows when power comes, for a stick that another process played before.
    goes_on: Option<usize>,
}

impl ZeroCd {
    /// It is not plugged in yet.
    pub fn new(options: ZeroCdOptions) -> Self {
        let mut modem = Modem::new(&options.identity.ports);
        modem.data.subscriber = options.subscriber;
        ZeroCd {
            progress: Progress::default(),
            modem,
            uplink: Uplink::new(Quirks::default()),
            network: FaultPlan::none(1),
            mbim: None,
            options,
            shows: Shows::Nothing,
            enumeration: 0,
            busy_until: None,
            coming: VecDeque::new(),
            at_reset: None,
            drives: Drives::default(),
            ports: AtPorts::default(),
            outbox: Outbox::default(),
            asked: false,
            goes_on: None,
        }
    }

    /// The same in a network with these faults.
    #[must_use]
    pub(crate) fn with_network(mut self, faults: FaultPlan) -> Self {
        self.uplink = Uplink::new(Quirks::of(&faults));
        self.modem.data.trouble = Trouble::of(&faults);
        self.modem.radio.roaming &= u8::from(!faults.has(FaultKind::Roaming));
        self.network = faults;
        self
    }

    /// The network ends its data connection, if it has one.
    pub fn end_connection(&mut self, now: Moment) {
        self.tick(now);
        self.modem.data.end(now);
        self.tick(now);
    }

    /// Which message it was switched by, if it is switched: for [`ZeroCd::go_on_as`].
    pub fn keep(&self) -> Option<usize> {
        match self.coming.back().map_or(self.shows, |coming| coming.1) {
            Shows::Target(message) => Some(message),
            Shows::Nothing | Shows::First => None,
        }
    }

    /// Makes it the stick that was put away, switched by this message. It has no power yet. `false` when it has no such message.
    pub fn go_on_as(&mut self, message: Option<usize>) -> bool {
        self.goes_on = message;
        message.is_none_or(|message| message < self.options.messages.len())
    }

    /// How it takes its message, unless it takes it as it should or was asked already.
    pub fn unfired(&self) -> Option<Behaviour> {
        let tells = |behaviour: &Behaviour| !matches!(behaviour, Behaviour::Switches | Behaviour::Busy(_));
        Some(self.options.behaviour).filter(|behaviour| tells(behaviour) && !self.asked)
    }

    /// The faults of the network that cannot strike as it stands.
    pub fn idle(&self) -> impl Iterator<Item = &Fault> {
        let of_dialling =
            |kind: FaultKind| kind.is_of_at() || matches!(kind, FaultKind::MuteDhcp | FaultKind::StaleBearer);
        let is_idle = move |kind: FaultKind| {
            kind == FaultKind::MuteChannel || !self.has_modem() || of_dialling(kind) && self.ports.is_empty()
        };
        self.network.faults().iter().filter(move |fault| is_idle(fault.kind))
    }

    /// From now on it boots and comes back at once: what is measured then is the host. Before it leaves it takes the time it takes: a
    /// request that Linux's virtual controller gets at that very moment hangs for five seconds.
    pub fn hurry(&mut self) {
        self.options.boot = Duration::ZERO;
        self.options.off_bus = Duration::from_millis(100);
    }

    fn show(&mut self, at: Moment, shows: Shows) {
        self.shows = shows;
        self.drives = Drives::default();
        self.ports = AtPorts::default();
        self.mbim = None;
        self.outbox.clear();
        if shows == Shows::Nothing {
            return;
        }
        self.enumeration += 1;
        self.busy_until = match self.options.behaviour {
            Behaviour::Busy(time) if shows == Shows::First => Some(at + time),
            _ => None,
        };
        let Some(appearance) = self.appearance().cloned() else { return };
        let texts = [0, 1, 2].map(|i| self.options.texts[i].as_str());
        let first = shows == Shows::First;
        self.drives = match first && !self.options.units.is_empty() {
            true => Drives::laid_out(&appearance, texts, &self.options.units),
            false => Drives::of(&appearance, texts, first),
        };
        self.ports = match &self.options.at {
            Some(interfaces) if first => AtPorts::at(interfaces.iter().copied()),
            _ => AtPorts::of(&appearance),
        };
        let routes = self.ports.is_empty();
        self.modem.boot(at, routes, Duration::ZERO);
    }

    /// Follows the messages' steps and starts what the last one leads to.
    fn step(&mut self, now: Moment, seen: &Seen<'_>) -> MessageStep {
        if let Shows::Target(message) = self.shows {
            // The same message once more does nothing, and is no mistake.
            return if self.options.messages[message].steps.iter().any(|t| seen.is(t)) {
                MessageStep::Partial
            } else {
                MessageStep::None
            };
        }
        if self.shows != Shows::First || !self.coming.is_empty() {
            return MessageStep::None;
        }
        let (step, opened) = self.progress.follow(&self.options.messages, seen);
        let Some(message) = opened else { return step };
        self.progress.forget();
        self.asked = true;
        match self.options.behaviour {
            Behaviour::Ignores | Behaviour::Stalls => {}
            Behaviour::ComesBackUnchanged => self.leave(now, Some(Shows::First)),
            Behaviour::NeverComesBack => self.leave(now, None),
            Behaviour::WaitsForReset => self.at_reset = Some(message),
            Behaviour::Switches
            | Behaviour::NoStatus
            | Behaviour::VanishesEarly
            | Behaviour::LeavesLate(_)
            | Behaviour::Busy(_) => {
                self.leave(now, Some(Shows::Target(message)));
            }
        }
        MessageStep::Last
    }

    fn leave(&mut self, now: Moment, then: Option<Shows>) {
        let gone = now
            + match self.options.behaviour {
                Behaviour::VanishesEarly => Duration::ZERO,
                Behaviour::LeavesLate(later) => self.options.leaves_after + later,
                _ => self.options.leaves_after,
            };
        self.coming.push_back((gone, Shows::Nothing));
        self.coming.extend(then.map(|shows| (gone + self.options.off_bus, shows)));
    }

    /// Whether it shows ports or a network card.
    fn has_modem(&self) -> bool {
        let network = |function| matches!(function, Function::Ethernet | Function::Ncm);
        let interfaces =
            self.appearance().into_iter().flat_map(|a| &a.configurations).flat_map(|c| &c.interfaces);
        !self.ports.is_empty() || interfaces.map(|i| i.function).any(network)
    }

    /// Whose packets its network card carries.
    fn way(&self) -> Way {
        match &self.mbim {
            Some(_) => Way::Mbim,
            None if self.ports.is_empty() => Way::Router,
            None => Way::Ncm,
        }
    }

    /// What the last step of a message gets for an answer, when the behaviour says something about it.
    fn unusual(&self, step: MessageStep) -> Option<UsbReply> {
        match self.options.behaviour {
            Behaviour::Stalls if step == MessageStep::Last => Some(UsbReply::Stall),
            Behaviour::VanishesEarly if step == MessageStep::Last => Some(UsbReply::Gone),
            _ => None,
        }
    }
}

impl Device for ZeroCd {
    fn appearance(&self) -> Option<&Appearance> {
        match self.shows {
            Shows::Nothing => None,
            Shows::First => Some(&self.options.appearance),
            Shows::Target(message) => self.options.messages.get(message).map(|d| &d.target),
        }
    }

    fn enumeration(&self) -> u32 {
        self.enumeration
    }

    fn driver(&self, interface: u8) -> Option<Option<String>> {
        self.options.drivers.get(&interface).filter(|_| self.shows == Shows::First).cloned()
    }

    fn power(&mut self, now: Moment, on: bool) {
        self.show(now, Shows::Nothing);
        self.progress.forget();
        self.at_reset = None;
        self.coming.clear();
        if on {
            let shows = self.goes_on.take().map_or(Shows::First, Shows::Target);
            self.coming.push_back((now + self.options.boot, shows));
        }
        self.tick(now);
    }

    fn tick(&mut self, now: Moment) {
        while let Some(&(at, shows)) = self.coming.front().filter(|(at, _)| *at <= now) {
            self.coming.pop_front();
            self.show(at, shows);
        }
        self.busy_until = self.busy_until.filter(|&until| until > now);
        self.ports.carry(now, &mut self.modem, &mut self.uplink, &mut self.outbox);
        while let Some((at, line)) = self.modem.data.told(now) {
            self.ports.announce(at, &line, &mut self.outbox);
        }
        self.ports.tick(now, &self.modem, &mut self.outbox);
        if let Some(mbim) = &mut self.mbim {
            mbim.follow(now, &self.modem);
        }
        let runs = self.has_modem();
        self.uplink.turn(now, &mut self.modem, runs);
        self.outbox.tick(now);
    }

    fn next_tick(&self) -> Option<Moment> {
        let coming = self.coming.front().map(|c| c.0);
        let timers =
            [coming, self.outbox.next_due(), self.ports.next_due(), self.busy_until, self.uplink.next()];
        let messages = self.mbim.as_ref().and_then(MbimFunction::next_due);
        timers.into_iter().chain([messages]).flatten().min()
    }

    fn serial_write(&mut self, now: Moment, interface: u8, bytes: &[u8]) {
        self.tick(now);
        let Some(port) = self.ports.get_mut(interface) else { return };
        port.push(bytes);
        let mut later = Vec::new();
        while let Some(command) = port.next_command() {
            let answer = port.answer(&command, &self.options.identity, &mut self.modem, now);
            let due = now + answer.after;
            self.outbox.put(interface, due, answer.bytes);
            later.extend(answer.later.into_iter().map(|(after, line)| (due + after, line)));
        }
        for (due, line) in later {
            self.ports.say(due, interface, line);
        }
        self.tick(now);
    }

    fn port_closed(&mut self, now: Moment, interface: u8) {
        self.tick(now);
        if self.ports.get_mut(interface).is_some_and(|port| port.is_online()) {
            self.ports.lower_dtr(now, interface, &mut self.modem);
            self.outbox.forget(interface);
        }
    }

    fn serial_read(&mut self, now: Moment, interface: u8) -> Vec<u8> {
        self.tick(now);
        self.outbox.take(interface)
    }

    fn control(&mut self, now: Moment, setup: ControlSetup, data: &[u8], length: u16) -> UsbReply {
        self.tick(now);
        if (setup.request_type, setup.request) == (0x21, 0xff) {
            self.drives.reset();
            return UsbReply::Done(Vec::new());
        }
        if let Some(mbim) = &mut self.mbim {
            match (setup.request_type, setup.request) {
                SEND_ENCAPSULATED => {
                    if let Some(message) = mbim.push(data) {
                        let id = &self.options.identity;
                        let (after, answer) = mbim.act(&message, &mut self.modem, id, now, None);
                        mbim.say(now + after, answer);
                    }
                    return UsbReply::Done(Vec::new());
                }
                GET_ENCAPSULATED => return UsbReply::Done(mbim.take(now).unwrap_or_default()),
                _ => {}
            }
        }
        // SET_CONTROL_LINE_STATE without DTR.
        if (setup.request_type, setup.request, setup.value & 1) == (0x21, 0x22, 0)
            && self.ports.lower_dtr(now, setup.index as u8, &mut self.modem)
        {
            self.outbox.forget(setup.index as u8);
            return UsbReply::Done(Vec::new());
        }
        let step = self.step(now, &Seen::Control(setup, data));
        if let Some(reply) = self.unusual(step) {
            return reply;
        }
        // GET MAX LUN: a stick with one unit stalls it.
        if (setup.request_type, setup.request, step) == (0xa1, 0xfe, MessageStep::None)
            && let Some(last) = self.drives.last_unit(setup.index as u8).filter(|last| *last > 0)
        {
            return UsbReply::Done(vec![last]);
        }
        match (step, setup.request_type & 0x80) {
            (MessageStep::None, _) => UsbReply::Stall,
            (_, 0) => UsbReply::Done(Vec::new()),
            _ => UsbReply::Done(vec![0; usize::from(length)]),
        }
    }

    fn transfer_out(&mut self, now: Moment, endpoint: u8, data: &[u8]) -> UsbReply {
        self.tick(now);
        let step = self.step(now, &Seen::Out(data));
        if let Some(reply) = self.unusual(step) {
            return reply;
        }
        let silent = step == MessageStep::Last && self.options.behaviour == Behaviour::NoStatus;
        let Some(drive) = self.drives.at(endpoint) else { return UsbReply::Done(Vec::new()) };
        match CommandBlock::parse(data).filter(|_| step != MessageStep::None) {
            Some(_) if silent => drive.reset(),
            Some(command) => drive.accept(&command),
            None => return drive.write(data),
        }
        UsbReply::Done(Vec::new())
    }

    fn transfer_in(&mut self, now: Moment, endpoint: u8, length: usize) -> UsbReply {
        self.tick(now);
        let (busy, first) = (self.busy_until.is_some() && self.coming.is_empty(), self.shows == Shows::First);
        match self.drives.at(endpoint) {
            Some(_) if busy => UsbReply::Pending,
            Some(drive) => drive.read(length),
            // Status reports that mean nothing.
            None if first => UsbReply::Done(vec![0; length.min(8)]),
            None => UsbReply::Pending,
        }
    }

    fn message_available(&mut self, now: Moment, _interface: u8) -> bool {
        self.mbim.as_mut().is_some_and(|mbim| mbim.announce(now))
    }

    fn units(&self) -> Vec<Unit> {
        self.drives.units()
    }

    fn silent_until(&self) -> Option<Moment> {
        self.busy_until
    }

    /// Without AT ports it is a router, which dials by itself.
    fn lan(&self) -> Option<[u8; 4]> {
        self.ports.is_empty().then_some([192, 168, 0, 1])
    }

    fn bearer(&self, now: Moment) -> Option<Bearer> {
        let held = self.has_modem() && self.modem.data.way() == Some(self.way());
        self.modem.data.bearer(now).filter(|_| held)
    }

    fn answers_dhcp(&self) -> bool {
        !self.network.has(FaultKind::MuteDhcp)
    }

    fn packet_out(&mut self, now: Moment, packet: &[u8]) {
        self.tick(now);
        if self.has_modem() {
            let way = self.way();
            self.uplink.send(now, &mut self.modem, way, packet);
        }
    }

    fn packet_in(&mut self, now: Moment) -> Option<Vec<u8>> {
        self.tick(now);
        let way = self.way();
        self.uplink.receive(&self.modem, way)
    }

    fn held(&self, now: Moment) -> Option<Held> {
        Some(self.modem.held(now, !self.ports.is_empty()))
    }

    fn modem_state(&self) -> Option<ModemState> {
        Some(self.modem.state(self.shows != Shows::Nothing || !self.coming.is_empty()))
    }

    fn go_on_with(&mut self, modem: &ModemState) -> bool {
        self.modem.go_on_with(modem)
    }

    fn configured(&mut self, now: Moment, value: u8) {
        self.tick(now);
        self.step(now, &Seen::Configuration(value));
        let has_mbim = self.appearance().is_some_and(|appearance| {
            let selected = appearance.configurations.iter().filter(|c| c.value == value);
            let mut classes = selected.flat_map(|c| &c.interfaces).map(|i| i.alternates[0].class);
            classes.any(|[class, subclass, _]| (class, subclass) == (0x02, 0x0e))
        });
        self.mbim = has_mbim.then(MbimFunction::new);
    }

    fn alternate_selected(&mut self, now: Moment, interface: u8, alternate: u8) {
        self.tick(now);
        self.step(now, &Seen::Alternate(interface, alternate));
    }

    fn port_reset(&mut self, now: Moment) {
        self.tick(now);
        if let Some(message) = self.at_reset.take() {
            self.show(now, Shows::Target(message));
        }
        self.step(now, &Seen::Reset);
    }
}

#[cfg(test)]
mod tests;
