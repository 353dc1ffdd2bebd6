//! Staying online in virtual time: drops, replugs and resets at random, and nothing left over.

use std::time::Duration;

use stickshift::error::{Error, ErrorKind, Result};
use stickshift::event::Cancel;
use stickshift::event::Session;
use stickshift::link::{Bus, Moment};
use stickshift::modem::{Modem, identity};
use stickshift::online::stay::{EVERY, Health, Limits, News, Post, Rung, Site, stay};
use stickshift::online::{Access, Connection, Simulated, Weather};
use stickshift_emu::computer::VirtualBus;
use stickshift_emu::sticks::catalogue;

use crate::place;

/// What happens to a stick that is online.
#[derive(Clone, Copy, Debug)]
enum Blow {
    /// The network ends the connection.
    Drop,
    /// It is unplugged and plugged in again.
    Replug,
    /// It restarts.
    Reset,
}

/// A post that is dealt blows while it is online.
struct Dealt<'a, 'f> {
    post: Post<'a, 'f>,
    bus: VirtualBus,
    blows: usize,
    /// The last blow, until it is online again.
    fell: Option<(Blow, Moment)>,
    took: Vec<Duration>,
    random: u64,
}

/// Online again within this after any blow: the look every minute, the stick's start, and the way up.
const BUDGET: Duration = Duration::from_secs(180);

impl Dealt<'_, '_> {
    fn random(&mut self, below: u64) -> u64 {
        self.random =
            self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % below
    }

    /// Another program gives the stick a command.
    fn say(&mut self, command: &str) {
        let stick = self.bus.device(&place()).unwrap().expect("it is online");
        let interface =
            identity::find_at_port(&mut self.bus, &stick, &mut Session::quiet()).unwrap().unwrap();
        let mut port = self.bus.open_port(&place(), interface).unwrap();
        let cancel = Cancel::new();
        let _ =
            Modem::over_at(&mut *port, &cancel).and_then(|mut m| m.typed(command, Duration::from_secs(10)));
    }

    fn deal(&mut self) {
        let blow = [Blow::Drop, Blow::Replug, Blow::Reset][self.random(3) as usize];
        let later = Duration::from_millis(self.random(90_000));
        self.bus.advance(later);
        self.fell = Some((blow, self.bus.now()));
        match blow {
            Blow::Drop => self.say("AT^NDISDUP=1,0"),
            Blow::Reset => self.say("AT^RESET"),
            Blow::Replug => self.bus.replug(&place()),
        }
    }
}

impl Site for Dealt<'_, '_> {
    fn now(&self) -> Moment {
        self.post.now()
    }

    fn wait(&mut self, until: Moment) -> Result<bool> {
        if self.fell.is_none() {
            if self.took.len() == self.blows {
                self.post.cancel.cancel();
            } else {
                self.deal();
            }
        }
        let before = self.bus.now();
        let goes_on = self.post.wait(until)?;
        // Where nothing is to come, virtual time stands still.
        if self.bus.now() == before {
            self.bus.advance(Duration::from_millis(500));
        }
        Ok(goes_on)
    }

    fn is_there(&mut self) -> Result<bool> {
        self.post.is_there()
    }

    fn up(&mut self) -> Result<Connection> {
        let connection = self.post.up()?;
        if let Some((blow, when)) = self.fell.take() {
            let took = self.bus.now() - when;
            assert!(took <= BUDGET, "{blow:?}: {took:?}");
            self.took.push(took);
        }
        Ok(connection)
    }

    fn down(&mut self) {
        self.post.down();
    }

    fn check(&mut self) -> Result<Health> {
        self.post.check()
    }

    fn climb(&mut self, rung: Rung) -> Result<()> {
        self.post.climb(rung)
    }

    fn traffic(&mut self) -> u64 {
        self.post.traffic()
    }
}

fn rig() -> (VirtualBus, Simulated) {
    let bus = VirtualBus::new();
    bus.plug(&place(), catalogue::virtual_stick("e3372h-stick", 1, None).unwrap());
    bus.advance(Duration::from_secs(60));
    let computer = Simulated::new(Weather::default()).beside(Box::new(bus.clone()));
    (bus, computer)
}

#[test]
fn a_thousand_blows_and_online_again_after_each() {
    let (mut bus, mut computer) = rig();
    let clean = computer.everything();
    let (wanted, mut pin) = (crate::wanted(), || Ok(None));
    let mut told = |_| {};
    let look = bus.clone();
    let access = Access::new(&mut pin, None);
    let post = Post::new(&mut bus, &mut computer, place(), &wanted, access, &mut told, Cancel::new());
    let mut dealt = Dealt { post, bus: look, blows: 1_000, fell: None, took: Vec::new(), random: 7 };
    let mut climbed = 0;
    let ended = stay(&mut dealt, EVERY, Limits::default(), &mut |news| {
        climbed += u32::from(matches!(news, News::Climbed { .. }));
    });
    ended.unwrap();
    assert_eq!(dealt.took.len(), 1_000);
    assert_eq!(climbed, 0, "dialling again was enough each time");
    computer.unplug(&place());
    assert_eq!(computer.everything(), clean, "no interface, route, rule or name server is left");
    assert!(!computer.remembers(&place()));
}

#[test]
fn a_connection_that_stays_mute_is_mended_by_ever_stronger_means() {
    let (mut bus, mut computer) = rig();
    computer.weather.addresses = false;
    let (wanted, mut pin) = (crate::wanted(), || Ok(None));
    let mut told = |_| {};
    let access = Access::new(&mut pin, None);
    let cancel = Cancel::new();
    let mut post = Post::new(&mut bus, &mut computer, place(), &wanted, access, &mut told, cancel.clone());
    let (mut rungs, mut pauses) = (Vec::new(), Vec::new());
    let ended = stay(&mut post, EVERY, Limits::default(), &mut |news| match news {
        News::Failed { pause, error, .. } => {
            assert!(error.is(ErrorKind::NoReach), "{error:?}");
            pauses.push(pause.as_secs());
            if pauses.len() == 8 {
                cancel.cancel();
            }
        }
        News::Climbed { rung, .. } => rungs.push(rung),
        _ => {}
    });
    ended.unwrap();
    assert_eq!(rungs, [Rung::Radio, Rung::Reset, Rung::Port]);
    assert_eq!(pauses, [5, 10, 30, 60, 300, 300, 300, 300]);
    assert_eq!(computer.resets, 1);
}

#[test]
fn limits_end_the_connection_before_the_bill_does() {
    let (mut bus, mut computer) = rig();
    let wanted = crate::wanted();
    let mut pin = || Ok(None);
    let mut told = |_| {};
    let access = Access::new(&mut pin, None);
    let cancel = Cancel::new();
    let ended = {
        let mut post = Post::new(&mut bus, &mut computer, place(), &wanted, access, &mut told, cancel);
        let limits = Limits { time: Some(Duration::from_secs(3600)), bytes: None };
        let mut well = 0;
        let ended =
            stay(&mut post, EVERY, limits, &mut |news| well += u32::from(matches!(news, News::Well(_))));
        assert!(well >= 50, "{well}");
        ended
    };
    let error: Error = ended.unwrap_err();
    assert!(error.is(ErrorKind::LimitReached), "{error:?}");
    assert!(!computer.remembers(&place()), "it is down");
}
