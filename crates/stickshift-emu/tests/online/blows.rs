//! A stick that is dealt blows while it stays online: drops, replugs and resets at random.

use std::time::Duration;

use stickshift::error::Result;
use stickshift::link::{Bus, Moment};
use stickshift::online::stay::{Health, Look, Recovery, StickSupervisor, Supervised, Woke};
use stickshift::online::{Connection, Outside, Taken, WantedWay};
use stickshift_emu::computer::{Action, VirtualBus};
use stickshift_emu::device::Device;
use stickshift_emu::modem::DataState;
use stickshift_emu::sticks::huawei::HuaweiStick;
use stickshift_emu::sticks::mbim::MbimStick;
use stickshift_emu::sticks::zerocd::ZeroCd;

use crate::place;

/// What happens to a stick that is online.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blow {
    /// The network ends the connection.
    Drop,
    /// It is unplugged and plugged in again.
    Replug,
    /// It restarts.
    Reset,
}

/// Online again within this after a blow: the stick's start and the way up.
const BUDGET: Duration = Duration::from_secs(120);

/// The same where the stick says that the network has ended the connection: nothing starts anew.
const AT_ONCE: Duration = Duration::from_secs(15);

/// A supervisor that is dealt blows while it is online, and whose waits and looks are counted.
pub(crate) struct Dealt<'a, 'f> {
    pub(crate) supervisor: StickSupervisor<'a, 'f>,
    pub(crate) bus: VirtualBus,
    pub(crate) outside: Outside,
    pub(crate) way: WantedWay,
    pub(crate) router: bool,
    pub(crate) blows: usize,
    /// The last blow, until it is online again.
    pub(crate) fell: Option<(Blow, Moment)>,
    pub(crate) took: Vec<Duration>,
    pub(crate) random: u64,
    /// Bytes that passed before each blow.
    pub(crate) bytes: u64,
    pub(crate) woke: Vec<Woke>,
    pub(crate) looks: Vec<Look>,
    /// A stop is asked for after so much time.
    pub(crate) stops: Option<Moment>,
    /// Wakings in a row in which no time passed.
    pub(crate) still: u32,
    /// Attempts in a row that failed.
    pub(crate) failed: u32,
}

impl<'a, 'f> Dealt<'a, 'f> {
    pub(crate) fn new(
        supervisor: StickSupervisor<'a, 'f>,
        bus: VirtualBus,
        outside: Outside,
        (way, router): (WantedWay, bool),
        blows: usize,
    ) -> Dealt<'a, 'f> {
        Dealt {
            supervisor,
            bus,
            outside,
            way,
            router,
            blows,
            fell: None,
            took: Vec::new(),
            random: 7,
            bytes: 0,
            woke: Vec::new(),
            looks: Vec::new(),
            stops: None,
            still: 0,
            failed: 0,
        }
    }

    pub(crate) fn random(&mut self, below: u64) -> u64 {
        self.random =
            self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % below
    }

    /// Does it with the stick, whatever kind it is.
    pub(crate) fn with<R>(&self, act: impl Fn(&mut dyn Stick, Moment) -> R) -> R {
        let (place, now) = (place(), self.bus.now());
        let huawei = self.bus.with(&place, |stick: &mut HuaweiStick| act(stick, now));
        let mbim = || self.bus.with(&place, |stick: &mut MbimStick| act(stick, now));
        let card = || self.bus.with(&place, |stick: &mut ZeroCd| act(stick, now));
        huawei.or_else(mbim).or_else(card).expect("one of them")
    }

    /// Over PPP packets go by the port, and none by the card.
    pub(crate) fn carries(&self) -> bool {
        let calls = || self.bus.held(&place()).and_then(|held| held.running).map(|running| running.data);
        self.with(|stick, now| stick.bearer(now).is_some())
            || self.way == WantedWay::Ppp && calls() == Some(DataState::Up)
    }

    pub(crate) fn deal(&mut self) {
        let blow = [Blow::Drop, Blow::Replug, Blow::Reset][self.random(3) as usize];
        let later = Duration::from_millis(self.random(90_000));
        self.outside.pass(self.bytes);
        self.supervisor.traffic();
        self.bus.advance(later);
        self.fell = Some((blow, self.bus.now()));
        match blow {
            Blow::Drop => self.with(|stick, now| stick.ends(now)),
            Blow::Replug => self.bus.replug(&place()),
            Blow::Reset => {
                self.bus.power(&place(), false);
                self.bus.schedule(Duration::from_secs(4), &place(), Action::Plug);
            }
        }
    }
}

pub(crate) trait Stick: Device {
    fn ends(&mut self, now: Moment);
}

impl Stick for HuaweiStick {
    fn ends(&mut self, now: Moment) {
        self.end_connection(now);
    }
}

impl Stick for MbimStick {
    fn ends(&mut self, now: Moment) {
        self.end_connection(now);
    }
}

impl Stick for ZeroCd {
    fn ends(&mut self, now: Moment) {
        self.end_connection(now);
    }
}

impl Supervised for Dealt<'_, '_> {
    fn now(&self) -> Moment {
        self.supervisor.now()
    }

    fn wait(&mut self, until: Moment) -> Result<Woke> {
        if self.stops.is_some_and(|stops| self.bus.now() >= stops) {
            self.supervisor.cancel.cancel();
        }
        if self.fell.is_none() && self.stops.is_none() {
            if self.took.len() == self.blows {
                self.supervisor.cancel.cancel();
            } else {
                self.deal();
            }
        }
        let before = self.bus.now();
        let woke = self.supervisor.wait(until)?;
        self.still = if self.bus.now() == before { self.still + 1 } else { 0 };
        // Where nothing is to come, virtual time stands still.
        if self.still > 0 && self.stops.is_none() {
            self.bus.advance(Duration::from_millis(500));
        } else {
            assert!(self.still < 100, "it is woken again and again, and no time passes: {woke:?}");
        }
        self.woke.push(woke.clone());
        Ok(woke)
    }

    fn is_there(&mut self) -> Result<bool> {
        self.supervisor.is_there()
    }

    fn up(&mut self) -> Result<Connection> {
        self.outside.answers(true);
        let ended = self.supervisor.up();
        self.failed = if ended.is_ok() { 0 } else { self.failed + 1 };
        assert!(self.failed < 100, "it never goes online again: {ended:?}");
        let connection = ended?;
        if let Some((blow, when)) = self.fell.take() {
            let (took, budget) = (self.bus.now() - when, if blow == Blow::Drop { AT_ONCE } else { BUDGET });
            assert!(took <= budget, "{blow:?}: {took:?}");
            self.took.push(took);
        }
        Ok(connection)
    }

    fn down(&mut self) -> Result<Taken> {
        self.supervisor.down()
    }

    fn check(&mut self, look: Look) -> Result<Health> {
        self.looks.push(look);
        self.outside.answers(self.carries());
        let health = self.supervisor.check(look)?;
        if self.router
            && look == Look::Probe
            && health == Health::Well
            && let Some((Blow::Drop, when)) = self.fell
            && self.carries()
        {
            self.took.push(self.bus.now() - when);
            self.fell = None;
        }
        Ok(health)
    }

    fn escalate(&mut self, recovery: Recovery) -> Result<()> {
        self.supervisor.escalate(recovery)
    }

    fn traffic(&mut self) -> u64 {
        self.supervisor.traffic()
    }
}
