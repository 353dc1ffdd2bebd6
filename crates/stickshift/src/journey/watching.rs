//! Switching whatever is plugged in, many sticks at a time: the daemon's mind, without its clock and its loop.
//!
//! [`Watcher::look`] is called when something on the bus changed, or when the moment it asked for has come. It sends messages at
//! once and judges later, so that no stick waits for another one's restart.

use std::collections::BTreeMap;
use std::time::Duration;

use super::switching::{
    Expectation, Goal, Judgement, Prepared, Request, Sent, Switched, ports_are_made, prepare, send,
};
use crate::error::{Error, ErrorKind, Result};
use crate::event::Session;
use crate::link::{Bus, Moment};
use crate::profile::Catalogue;
use crate::stick::{Mode, Place, Stick, UsbId};

/// A stick that was switched this often within [`GUARD`] and is back where it was is left alone.
const ATTEMPTS: usize = 2;
/// See [`ATTEMPTS`].
const GUARD: Duration = Duration::from_secs(30);
/// After this long without a change at a switched stick, its ports are all there.
const QUIET: Duration = Duration::from_millis(1500);

/// udev sets the permissions of a device node a moment after the kernel announces the device.
const PERMISSIONS: Duration = Duration::from_secs(2);

/// What the watcher tells.
#[derive(Debug)]
pub enum News {
    /// A stick gets its message now.
    Switching {
        /// The stick as it is.
        stick: Stick,
        /// Why this message, one lower-case line each.
        evidence: Vec<String>,
    },
    /// A stick switched and its ports are there.
    Switched {
        /// What it was.
        from: UsbId,
        /// What it is.
        to: Switched,
    },
    /// A stick did not switch.
    Failed {
        /// Where.
        place: Place,
        /// Why, with the verdict.
        error: Error,
    },
    /// A stick fell back again and again: it is left alone until it is unplugged.
    LeftAlone {
        /// The stick.
        stick: Stick,
        /// How often it was switched within half a minute.
        attempts: usize,
    },
}

/// What stands at a place, as far as a switch would change it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Face {
    id: UsbId,
    configuration: u8,
    classes: Vec<[u8; 3]>,
}

impl Face {
    fn of(stick: &Stick) -> Face {
        let classes = stick.interfaces.iter().map(|i| [i.class, i.subclass, i.protocol]);
        Face { id: stick.id, configuration: stick.configuration, classes: classes.collect() }
    }
}

/// How often a place was served, and since when it has been empty.
#[derive(Debug, Default)]
struct Guard {
    attempts: Vec<Moment>,
    empty_since: Option<Moment>,
    told: bool,
}

/// A stick that got its message.
#[derive(Debug)]
struct Waiting {
    expectation: Expectation,
    /// When it is to be judged again though nothing happened.
    until: Moment,
}

/// A stick that switched and whose drivers are still at work.
#[derive(Debug)]
struct Settling {
    from: UsbId,
    to: Switched,
    until: Moment,
}

/// Watches one bus.
pub struct Watcher<'a> {
    catalogue: &'a Catalogue,
    /// How long somebody else, usb_modeswitch for example, has for a stick before the watcher serves it.
    patience: Duration,
    seen: BTreeMap<Place, Face>,
    due: BTreeMap<Place, Moment>,
    /// Sticks that could not be opened, and how long that may be because they are new.
    denied: BTreeMap<Place, Moment>,
    waiting: BTreeMap<Place, Waiting>,
    settling: BTreeMap<Place, Settling>,
    guards: BTreeMap<Place, Guard>,
}

impl<'a> Watcher<'a> {
    /// Looks sticks up in `catalogue`, and gives others `patience` to switch a stick first; zero for none.
    pub fn new(catalogue: &'a Catalogue, patience: Duration) -> Self {
        Watcher {
            catalogue,
            patience,
            seen: BTreeMap::new(),
            due: BTreeMap::new(),
            denied: BTreeMap::new(),
            waiting: BTreeMap::new(),
            settling: BTreeMap::new(),
            guards: BTreeMap::new(),
        }
    }

    /// Looks at the bus, does what is to be done, and tells `news`. Gives the moment for the next look if nothing changes before;
    /// `None`: never.
    ///
    /// # Errors
    /// `Interrupted` between two messages, and what the bus itself reports; what one stick does is news, not an error.
    pub fn look(
        &mut self,
        bus: &mut dyn Bus,
        session: &mut Session<'_>,
        news: &mut dyn FnMut(News),
    ) -> Result<Option<Moment>> {
        let mut sticks = bus.sticks()?;
        // What a stick was switched to may be nothing that looks like one.
        for place in self.guards.keys() {
            if !sticks.iter().any(|s| s.place == *place) {
                sticks.extend(bus.device(place)?);
            }
        }
        self.judge(&sticks, bus.now(), news);
        self.settle(&sticks, bus.now(), news);
        self.notice_departures(&sticks, bus.now());
        for stick in &sticks {
            session.check()?;
            if self.wants(stick, bus.now()) {
                self.serve(bus, stick, session, news)?;
            }
        }
        let judgements = self.waiting.values().map(|w| w.until);
        let ports = self.settling.values().map(|s| s.until);
        Ok(self.due.values().chain(self.denied.values()).copied().chain(judgements).chain(ports).min())
    }

    fn judge(&mut self, sticks: &[Stick], now: Moment, news: &mut dyn FnMut(News)) {
        let places: Vec<Place> = self.waiting.keys().cloned().collect();
        for place in places {
            let Some(waiting) = self.waiting.get_mut(&place) else { continue };
            let stick = sticks.iter().find(|s| s.place == place);
            match waiting.expectation.judge(stick, now) {
                Judgement::Pending(until) => {
                    waiting.until = until;
                    continue;
                }
                Judgement::Switched(to) => {
                    let from = waiting.expectation.before.id;
                    self.settling.insert(place.clone(), Settling { from, to, until: now + QUIET });
                }
                Judgement::Failed(error) => news(News::Failed { place: place.clone(), error }),
            }
            self.waiting.remove(&place);
        }
    }

    fn settle(&mut self, sticks: &[Stick], now: Moment, news: &mut dyn FnMut(News)) {
        let places: Vec<Place> = self.settling.keys().cloned().collect();
        for place in places {
            let Some(settling) = self.settling.get_mut(&place) else { continue };
            let same = |s: &&Stick| s.place == place && Face::of(s) == Face::of(&settling.to.stick);
            let gone = match sticks.iter().find(same) {
                Some(stick) if *stick != settling.to.stick => {
                    settling.to.stick = stick.clone();
                    settling.until = now + QUIET;
                    false
                }
                Some(_) => false,
                None => true,
            };
            if (gone || ports_are_made(&settling.to.stick) || now >= settling.until)
                && let Some(Settling { from, to, .. }) = self.settling.remove(&place)
            {
                news(News::Switched { from, to });
            }
        }
    }

    fn notice_departures(&mut self, sticks: &[Stick], now: Moment) {
        let there = |place: &Place| sticks.iter().any(|s| s.place == *place);
        self.seen.retain(|place, _| there(place));
        self.due.retain(|place, _| there(place));
        self.denied.retain(|place, _| there(place));
        for (place, guard) in &mut self.guards {
            if there(place) {
                // A stick that stayed away this long was taken out by somebody.
                if guard.empty_since.is_some_and(|since| now >= since + GUARD) {
                    *guard = Guard::default();
                }
                guard.empty_since = None;
            } else {
                guard.empty_since.get_or_insert(now);
            }
        }
    }

    /// Whether it is this stick's turn now.
    fn wants(&mut self, stick: &Stick, now: Moment) -> bool {
        let ready = stick.configuration != 0 && !stick.interfaces.is_empty();
        if !ready || self.waiting.contains_key(&stick.place) {
            return false;
        }
        let face = Face::of(stick);
        let fresh = self.seen.insert(stick.place.clone(), face.clone()) != Some(face);
        if fresh {
            self.due.remove(&stick.place);
            if stick.mode != Mode::Cdrom && !self.catalogue.knows(stick.id) {
                return false;
            }
            if self.patience.is_zero() {
                return true;
            }
            self.due.insert(stick.place.clone(), now + self.patience);
            return false;
        }
        if self.denied.contains_key(&stick.place) {
            return true;
        }
        let due = self.due.get(&stick.place).is_some_and(|due| now >= *due);
        if due {
            self.due.remove(&stick.place);
        }
        due
    }

    fn serve(
        &mut self,
        bus: &mut dyn Bus,
        stick: &Stick,
        session: &mut Session<'_>,
        news: &mut dyn FnMut(News),
    ) -> Result<()> {
        let now = bus.now();
        let guard = self.guards.entry(stick.place.clone()).or_default();
        guard.attempts.retain(|at| now < *at + GUARD);
        if guard.told || guard.attempts.len() >= ATTEMPTS {
            self.denied.remove(&stick.place);
            if !guard.told {
                guard.told = true;
                news(News::LeftAlone { stick: stick.clone(), attempts: guard.attempts.len() });
            }
            return Ok(());
        }
        let result = self.prepare_and_send(bus, stick, session, news);
        if let Err(error) = &result
            && error.is(ErrorKind::PermissionDenied)
            && now < *self.denied.entry(stick.place.clone()).or_insert(now + PERMISSIONS)
        {
            return Ok(());
        }
        self.denied.remove(&stick.place);
        match result {
            Ok(sent) => {
                for what in sent.observations {
                    session.note("switch-observation", format!("{}: {what}", stick.place));
                }
                let until = sent.expectation.end;
                let waiting = Waiting { expectation: sent.expectation, until };
                self.waiting.insert(stick.place.clone(), waiting);
                Ok(())
            }
            Err(error) if error.is(ErrorKind::Interrupted) => Err(error),
            // Devices that are what they should be, and devices that merely share an id with a stick.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::AlreadySwitched | ErrorKind::NoProfile | ErrorKind::WrongInterface
                ) =>
            {
                session.note("nothing-to-switch", format!("{}: {error}", stick.place));
                Ok(())
            }
            Err(error) => {
                news(News::Failed { place: stick.place.clone(), error });
                Ok(())
            }
        }
    }

    fn prepare_and_send(
        &mut self,
        bus: &mut dyn Bus,
        stick: &Stick,
        session: &mut Session<'_>,
        news: &mut dyn FnMut(News),
    ) -> Result<Sent> {
        let request = Request { catalogue: self.catalogue, profile: None, goal: Goal::Usual };
        let prepared: Prepared = prepare(bus, stick, &request, session)?;
        let evidence = prepared.evidence.clone();
        news(News::Switching { stick: stick.clone(), evidence });
        self.guards.entry(stick.place.clone()).or_default().attempts.push(bus.now());
        send(bus, prepared, session)
    }
}
