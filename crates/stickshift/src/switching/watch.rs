//! Switching whatever is plugged in, many sticks at a time: the daemon's mind, without its clock, its loop and its threads.
//!
//! [`Watcher::look`] is called when something on the bus changed, or when the moment it asked for has come. Sending is left to
//! [`Hands`], which may do it for many sticks at a time, and judging comes later: no stick waits for another one, not even for one that
//! hangs in the middle of its message.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Expectation, Goal, Judgement, Request, Sent, Switched, ports_are_made, prepare, send};
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Cancel, Session};
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

/// While a stick is in somebody's hands, reports are asked for this often; the bus may have nothing to tell.
const LISTEN: Duration = Duration::from_millis(50);

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

/// Whoever serves a stick that the watcher chose: looks up how, and sends it.
pub trait Hands {
    /// Begins to serve a stick, and may end it too.
    fn serve(&mut self, stick: &Stick);

    /// What happened since the last call, in order.
    fn reports(&mut self) -> Vec<Report>;
}

/// What [`Hands`] tell of one stick.
#[derive(Debug)]
pub enum Report {
    /// It gets its message now.
    Began {
        /// The stick as it is.
        stick: Stick,
        /// Why this message, one lower-case line each.
        evidence: Vec<String>,
    },
    /// Everything was sent, or it failed.
    Ended {
        /// The stick as it was.
        stick: Stick,
        /// What came of it.
        result: Result<Box<Sent>>,
    },
}

/// Looks up how to switch `stick`, sends it, and tells when it begins and how it ended: all that hands have to do.
pub fn serve(
    bus: &mut dyn Bus,
    stick: &Stick,
    catalogue: &Catalogue,
    session: &mut Session<'_>,
    tell: &mut dyn FnMut(Report),
) {
    let request = Request { catalogue, profile: None, goal: Goal::Usual };
    let result = prepare(bus, stick, &request, session).and_then(|prepared| {
        let evidence = prepared.evidence.clone();
        tell(Report::Began { stick: stick.clone(), evidence });
        send(bus, prepared, session).map(Box::new)
    });
    tell(Report::Ended { stick: stick.clone(), result });
}

/// Hands that serve one stick after another, on a bus of their own: where time is not the sticks'.
pub struct InTurn<'a> {
    bus: Box<dyn Bus>,
    catalogue: &'a Catalogue,
    cancel: Cancel,
    reports: Vec<Report>,
}

impl<'a> InTurn<'a> {
    /// Works on `bus`, until somebody raises `cancel`.
    pub fn new(bus: Box<dyn Bus>, catalogue: &'a Catalogue, cancel: Cancel) -> Self {
        InTurn { bus, catalogue, cancel, reports: Vec::new() }
    }
}

impl Hands for InTurn<'_> {
    fn serve(&mut self, stick: &Stick) {
        let mut session = Session::new(|_| {}, self.cancel.clone());
        serve(&mut *self.bus, stick, self.catalogue, &mut session, &mut |report| self.reports.push(report));
    }

    fn reports(&mut self) -> Vec<Report> {
        std::mem::take(&mut self.reports)
    }
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
    /// Somebody may be online with a modem that was there before: it is not switched to anything better.
    looked_before: bool,
    seen: BTreeMap<Place, Face>,
    due: BTreeMap<Place, Moment>,
    /// Sticks that could not be opened, and how long that may be because they are new.
    denied: BTreeMap<Place, Moment>,
    waiting: BTreeMap<Place, Waiting>,
    settling: BTreeMap<Place, Settling>,
    guards: BTreeMap<Place, Guard>,
    /// Sticks in somebody's hands.
    busy: BTreeSet<Place>,
}

impl<'a> Watcher<'a> {
    /// Looks sticks up in `catalogue`, and gives others `patience` to switch a stick first; zero for none.
    pub fn new(catalogue: &'a Catalogue, patience: Duration) -> Self {
        Watcher {
            catalogue,
            patience,
            looked_before: false,
            seen: BTreeMap::new(),
            due: BTreeMap::new(),
            denied: BTreeMap::new(),
            waiting: BTreeMap::new(),
            settling: BTreeMap::new(),
            guards: BTreeMap::new(),
            busy: BTreeSet::new(),
        }
    }

    /// Looks at the bus, gives what is to be done to `hands`, and tells `news`. Gives the moment for the next look if nothing changes
    /// before; `None`: never.
    ///
    /// # Errors
    /// `Interrupted`, and what the bus itself reports; what one stick does is news, not an error.
    pub fn look(
        &mut self,
        bus: &mut dyn Bus,
        hands: &mut dyn Hands,
        session: &mut Session<'_>,
        news: &mut dyn FnMut(News),
    ) -> Result<Option<Moment>> {
        let sticks = bus.sticks()?;
        self.hear(bus.now(), hands, session, news)?;
        self.judge(&sticks, bus.now(), news);
        self.settle(&sticks, bus.now(), news);
        self.notice_departures(&sticks, bus.now());
        for stick in &sticks {
            session.check()?;
            if self.wants(stick, bus.now()) && self.guard_allows(stick, bus.now(), news) {
                self.busy.insert(stick.place.clone());
                hands.serve(stick);
            }
        }
        self.looked_before = true;
        self.hear(bus.now(), hands, session, news)?;
        let judgements = self.waiting.values().map(|w| w.until);
        let ports = self.settling.values().map(|s| s.until);
        let reports = (!self.busy.is_empty()).then(|| bus.now() + LISTEN);
        let due = self.due.values().chain(self.denied.values()).copied();
        Ok(due.chain(judgements).chain(ports).chain(reports).min())
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
        if !ready || self.waiting.contains_key(&stick.place) || self.busy.contains(&stick.place) {
            return false;
        }
        let face = Face::of(stick);
        let fresh = self.seen.insert(stick.place.clone(), face.clone()) != Some(face);
        if fresh {
            self.due.remove(&stick.place);
            let is_modem = !matches!(stick.mode, Mode::Cdrom | Mode::Unknown);
            if stick.mode != Mode::Cdrom && !self.catalogue.knows(stick.id) || is_modem && !self.looked_before
            {
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

    /// Whether the stick may be served; one that falls back again and again is told once and left alone.
    fn guard_allows(&mut self, stick: &Stick, now: Moment, news: &mut dyn FnMut(News)) -> bool {
        let guard = self.guards.entry(stick.place.clone()).or_default();
        guard.attempts.retain(|at| now < *at + GUARD);
        if !guard.told && guard.attempts.len() < ATTEMPTS {
            return true;
        }
        self.denied.remove(&stick.place);
        if !guard.told {
            guard.told = true;
            news(News::LeftAlone { stick: stick.clone(), attempts: guard.attempts.len() });
        }
        false
    }

    /// Takes the reports of the hands.
    fn hear(
        &mut self,
        now: Moment,
        hands: &mut dyn Hands,
        session: &mut Session<'_>,
        news: &mut dyn FnMut(News),
    ) -> Result<()> {
        for report in hands.reports() {
            match report {
                Report::Began { stick, evidence } => {
                    self.guards.entry(stick.place.clone()).or_default().attempts.push(now);
                    news(News::Switching { stick, evidence });
                }
                Report::Ended { stick, result } => {
                    self.busy.remove(&stick.place);
                    self.ended(&stick, result, now, session, news)?;
                }
            }
        }
        Ok(())
    }

    fn ended(
        &mut self,
        stick: &Stick,
        result: Result<Box<Sent>>,
        now: Moment,
        session: &mut Session<'_>,
        news: &mut dyn FnMut(News),
    ) -> Result<()> {
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
                // The hands may have looked at another bus, with a clock of its own.
                let expectation = sent.expectation.counted_from(now);
                let until = expectation.end;
                let waiting = Waiting { expectation, until };
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
}
