//! Switching sticks as they are plugged in, many at a time: what a daemon decides, without its clock, its loop and its threads.
//!
//! [`Watcher::look`] is called when something on the bus changed, or when the moment that it asked for has come. Sending is left to
//! [`Workers`], which may serve many sticks at a time, and assessment comes later: no stick waits for another one, not even for one that hangs in
//! the middle of its message.
//!
//! A place goes from `Phase` to phase: idle, given to others first, with a worker, expected to switch, expected to get its ports, idle.
//!
//! ```
//! use std::time::Duration;
//!
//! use stickshift::event::{Cancel, Session};
//! use stickshift::link::Bus;
//! use stickshift::profile::Catalogue;
//! use stickshift::stick::Mode;
//! use stickshift::switching::watch::{News, OneByOne, Watcher};
//!
//! let (mut bus, _) = stickshift_emu::testkit::plugged("k3772", 1, None)?;
//! let catalogue = Catalogue::builtin();
//! let mut workers = OneByOne::new(Box::new(bus.clone()), &catalogue, Cancel::new());
//! let mut watcher = Watcher::new(&catalogue, Duration::ZERO);
//! let mut switched = None;
//! while switched.is_none() {
//!     let mut tell = |news| if let News::Switched { to, .. } = news { switched = Some(to.stick) };
//!     let next = watcher.look(&mut bus, &mut workers, &mut Session::quiet(), &mut tell)?;
//!     let latest = bus.now() + Duration::from_secs(60);
//!     bus.wait_change(next.unwrap_or(latest))?;
//! }
//! assert_eq!(switched.unwrap().mode, Mode::Modem);
//! # Ok::<(), stickshift::error::Error>(())
//! ```

use std::time::Duration;

use crate::error::{Error, ErrorKind, Result, Verdict};
use crate::event::{Cancel, Session};
use crate::link::{Bus, Moment};
use crate::profile::Catalogue;
use crate::stick::{Mode, Place, Stick, UsbId};
use crate::switching::expectation::{
    Appearance, Assessment, Expectation, SETTLED_AFTER, Switched, is_configured, ports_are_made,
};
use crate::switching::guard::Guard;
use crate::switching::medium::MediumConsent;
use crate::switching::prepare::{Goal, SwitchRequest, prepare};
use crate::switching::rules::{Choice, Rules};
use crate::switching::send::{SentSequence, send};
use crate::switching::web_ports;

/// udev sets the permissions of a device node a moment after the kernel announces the device.
const PERMISSIONS: Duration = Duration::from_secs(2);
/// While a worker serves a stick, reports are asked for this often; the bus may have nothing to tell.
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
        /// How often it fell back.
        attempts: usize,
    },
}

/// Those who serve the sticks that the watcher chose: look up how to switch one, and send it. [`serve`] does that for one stick.
pub trait Workers {
    /// Begins to serve a stick, which is to become `goal`, and may end it too.
    fn serve(&mut self, stick: &Stick, goal: Goal);

    /// What happened since the last call, in order.
    fn reports(&mut self) -> Vec<Report>;

    /// Waits until nobody is served any more. What came of it is in the reports then.
    fn finish(&mut self) {}
}

/// What [`Workers`] tell of one stick.
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
        result: Result<Outcome>,
    },
}

/// How far a worker took a stick.
#[derive(Debug)]
pub enum Outcome {
    /// Its message went out; the bus will show what comes of it.
    Sent(Box<SentSequence>),
    /// It was seen to switch.
    Switched(Box<Stick>),
}

/// Looks up how to make `goal` of `stick`, does it, and tells when it begins and how it ended: all that a worker has to do.
pub fn serve(
    bus: &mut dyn Bus,
    stick: &Stick,
    goal: Goal,
    catalogue: &Catalogue,
    session: &mut Session<'_>,
    tell: &mut dyn FnMut(Report),
) {
    let result = serve_whole(bus, stick, goal, catalogue, session, tell);
    tell(Report::Ended { stick: stick.clone(), result });
}

fn serve_whole(
    bus: &mut dyn Bus,
    stick: &Stick,
    goal: Goal,
    catalogue: &Catalogue,
    session: &mut Session<'_>,
    tell: &mut dyn FnMut(Report),
) -> Result<Outcome> {
    // The watcher does not wait for what a device is slow to say of itself. What is sent to it depends on that.
    let there = bus.device(&stick.place)?.filter(|there| there.id == stick.id);
    let stick = &there.ok_or_else(|| {
        let gone = Error::new(ErrorKind::NoStick, "the stick was unplugged before it got its message");
        gone.with("place", &stick.place).with_verdict(Verdict::Untouched)
    })?;
    if stick.mode == Mode::Hilink && !goal.is_met_by(stick.mode) {
        let evidence = vec!["a rule of the owner asks for serial ports".to_owned()];
        tell(Report::Began { stick: stick.clone(), evidence });
        let switched = web_ports::open(bus, &stick.place, None, session)?;
        return Ok(Outcome::Switched(Box::new(switched)));
    }
    let request = SwitchRequest { catalogue, profile: None, goal };
    let prepared = prepare(bus, stick, &request, session)?;
    prepared.require_steps()?;
    // Nobody is here to consent.
    prepared.medium.check(stick, MediumConsent::None)?;
    let evidence = prepared.evidence.clone();
    tell(Report::Began { stick: stick.clone(), evidence });
    send(bus, prepared, session).map(Box::new).map(Outcome::Sent)
}

/// A worker that serves one stick after another, over a bus of its own: for virtual sticks, whose clock is not ours.
pub struct OneByOne<'a> {
    bus: Box<dyn Bus>,
    catalogue: &'a Catalogue,
    cancel: Cancel,
    reports: Vec<Report>,
}

impl<'a> OneByOne<'a> {
    /// Works over `bus`. A raised `cancel` stops it between two messages.
    pub fn new(bus: Box<dyn Bus>, catalogue: &'a Catalogue, cancel: Cancel) -> Self {
        OneByOne { bus, catalogue, cancel, reports: Vec::new() }
    }
}

impl Workers for OneByOne<'_> {
    fn serve(&mut self, stick: &Stick, goal: Goal) {
        let mut session = Session::new(|_| {}, self.cancel.clone());
        let mut tell = |report| self.reports.push(report);
        serve(&mut *self.bus, stick, goal, self.catalogue, &mut session, &mut tell);
    }

    fn reports(&mut self) -> Vec<Report> {
        std::mem::take(&mut self.reports)
    }
}

/// What the watcher knows of one place on the bus.
#[derive(Debug, Default)]
struct PlaceState {
    phase: Phase,
    /// What stood there at the last look that could have begun something, with its number on the bus; `None` while nothing stands there.
    seen: Option<(Appearance, Option<u32>)>,
    /// The stick could not be opened; because it is new, that is no failure before this moment.
    denied_until: Option<Moment>,
    guard: Guard,
}

/// What is going on at a place.
#[derive(Debug, Default)]
enum Phase {
    /// Nothing.
    #[default]
    Idle,
    /// Others have until then to switch the stick.
    Patience(Moment),
    /// A worker has it.
    Serving,
    /// It got its message.
    Expected {
        expectation: Box<Expectation>,
        /// When it is to be assessed again though nothing happened.
        until: Moment,
    },
    /// It switched, and its drivers may still be making ports.
    Settling {
        from: UsbId,
        to: Box<Switched>,
        until: Moment,
        /// What was expected of its message; none where its web server switched it.
        expectation: Option<Box<Expectation>>,
    },
}

impl PlaceState {
    /// The moment of the next look, if nothing changes before.
    fn next_look(&self, now: Moment) -> Option<Moment> {
        let of_phase = match &self.phase {
            Phase::Idle => None,
            Phase::Serving => Some(now + LISTEN),
            Phase::Patience(until) | Phase::Expected { until, .. } | Phase::Settling { until, .. } => {
                Some(*until)
            }
        };
        of_phase.into_iter().chain(self.denied_until).min()
    }

    /// Assesses a stick that got its message.
    fn assess(
        &mut self,
        place: &Place,
        stick: Option<&Stick>,
        address: Option<u32>,
        now: Moment,
        news: &mut dyn FnMut(News),
    ) {
        let Phase::Expected { expectation, until } = &mut self.phase else { return };
        let from = expectation.before.id;
        expectation.see_address(address);
        match expectation.assess(stick, now) {
            Assessment::Pending(latest) => *until = latest,
            Assessment::Switched(to) => {
                if let Phase::Expected { expectation, .. } = std::mem::take(&mut self.phase) {
                    let (to, until) = (Box::new(to), now + SETTLED_AFTER);
                    self.phase = Phase::Settling { from, to, until, expectation: Some(expectation) };
                }
            }
            Assessment::Failed(error) => {
                news(News::Failed { place: place.clone(), error });
                self.phase = Phase::Idle;
            }
        }
    }

    /// Waits for the ports of a stick that switched, and tells of it when they are there. One that leaves again meanwhile has to come back.
    fn settle(
        &mut self,
        stick: Option<&Stick>,
        address: Option<u32>,
        now: Moment,
        news: &mut dyn FnMut(News),
    ) {
        let Phase::Settling { from, to, until, expectation } = &mut self.phase else { return };
        let assessment = match expectation {
            Some(expectation) => {
                expectation.see_address(address);
                expectation.assess(stick, now)
            }
            // Its web server switched it.
            None => match stick.filter(|stick| is_configured(stick) && stick.mode != Mode::Cdrom) {
                Some(stick) => Assessment::Switched(Switched { stick: stick.clone(), ..(**to).clone() }),
                None if now < *until => Assessment::Pending(*until),
                None => Assessment::Failed(left_again(&to.stick)),
            },
        };
        let seen = match assessment {
            Assessment::Switched(seen) => seen,
            Assessment::Pending(latest) => return *until = latest,
            Assessment::Failed(error) => {
                news(News::Failed { place: to.stick.place.clone(), error });
                return self.phase = Phase::Idle;
            }
        };
        if seen.stick != to.stick {
            **to = seen;
            *until = now + SETTLED_AFTER;
        }
        if ports_are_made(&to.stick) || now >= *until {
            self.guard.works(now);
            news(News::Switched { from: *from, to: (**to).clone() });
            self.phase = Phase::Idle;
        }
    }

    /// Takes note of whether anything stands there.
    fn notice(&mut self, there: bool, now: Moment) {
        self.guard.notice(there, now);
        if there {
            return;
        }
        self.guard.changed(now);
        self.seen = None;
        self.denied_until = None;
        if matches!(self.phase, Phase::Patience(_)) {
            self.phase = Phase::Idle;
        }
    }

    /// Whether nothing that is known of the place matters any more.
    fn is_forgotten(&self, now: Moment) -> bool {
        self.guard.is_long_empty(now) && matches!(self.phase, Phase::Idle)
    }

    /// Whether it is this stick's turn now.
    fn wants(&mut self, stick: &Stick, facts: &Facts, now: Moment, patience: Duration) -> bool {
        if !is_configured(stick) || !matches!(self.phase, Phase::Idle | Phase::Patience(_)) {
            return false;
        }
        let seen = (Appearance::of(stick), facts.address);
        if self.seen.as_ref() != Some(&seen) {
            self.seen = Some(seen);
            self.phase = Phase::Idle;
            self.denied_until = None;
            let is_modem = !matches!(stick.mode, Mode::Cdrom | Mode::Unknown);
            if is_modem {
                if !facts.wants_more && (!facts.known || facts.was_there) {
                    return false;
                }
            } else {
                self.guard.changed(now);
                if stick.mode != Mode::Cdrom && !facts.known {
                    return false;
                }
            }
            if patience.is_zero() {
                return true;
            }
            self.phase = Phase::Patience(now + patience);
            return false;
        }
        match self.phase {
            Phase::Patience(until) if now >= until => {
                self.phase = Phase::Idle;
                true
            }
            _ => self.denied_until.is_some(),
        }
    }

    /// Whether the stick may be served; one that falls back again and again is reported once and left alone.
    fn guard_allows(&mut self, stick: &Stick, now: Moment, news: &mut dyn FnMut(News)) -> bool {
        let Some((attempts, is_new)) = self.guard.forbids(stick, now) else { return true };
        self.denied_until = None;
        if is_new {
            news(News::LeftAlone { stick: stick.clone(), attempts });
        }
        false
    }

    /// Takes what a worker made of the stick.
    fn ended(
        &mut self,
        stick: &Stick,
        result: Result<Outcome>,
        now: Moment,
        session: &mut Session<'_>,
        news: &mut dyn FnMut(News),
    ) {
        self.phase = Phase::Idle;
        if let Err(error) = &result
            && error.is(ErrorKind::PermissionDenied)
            && now < *self.denied_until.get_or_insert(now + PERMISSIONS)
        {
            return;
        }
        self.denied_until = None;
        match result {
            Ok(Outcome::Switched(now_is)) => {
                let to = Box::new(Switched { stick: *now_is, expected: true });
                let until = now + SETTLED_AFTER;
                self.phase = Phase::Settling { from: stick.id, to, until, expectation: None };
            }
            Ok(Outcome::Sent(sent)) => {
                for what in sent.observations {
                    session.note("switch-observation", format!("{}: {what}", stick.place));
                }
                // The worker may have looked at another bus, with a clock of its own.
                let expectation = Box::new(sent.expectation.counted_from(now));
                let until = expectation.end;
                self.phase = Phase::Expected { expectation, until };
            }
            // Devices that are what they should be, that merely share an id with a stick, or that are gone.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::AlreadySwitched
                        | ErrorKind::NoProfile
                        | ErrorKind::LeftAlone
                        | ErrorKind::NoStick
                        | ErrorKind::WrongInterface
                ) && error.verdict() == Some(Verdict::Untouched) =>
            {
                session.note("nothing-to-switch", format!("{}: {error}", stick.place));
            }
            Err(error) if error.is(ErrorKind::Interrupted) && error.verdict() == Some(Verdict::Untouched) => {
            }
            Err(error) => news(News::Failed { place: stick.place.clone(), error }),
        }
    }
}

fn left_again(stick: &Stick) -> Error {
    Error::new(ErrorKind::Disconnected, "the stick disconnected and did not come back")
        .with("place", &stick.place)
        .with_verdict(Verdict::Unknown)
}

/// Watches one bus.
pub struct Watcher<'a> {
    catalogue: &'a Catalogue,
    patience: Duration,
    /// Somebody may be online with a modem that was there at the first look: it is not switched to anything better.
    looked_before: bool,
    rules: Rules,
    /// In the order of the places.
    places: Vec<(Place, PlaceState)>,
}

/// What decides about a stick besides what it shows.
struct Facts {
    /// Its number on the bus.
    address: Option<u32>,
    /// Whether the catalogue names it.
    known: bool,
    /// Whether it was there at the first look, and so may be in use already.
    was_there: bool,
    /// Whether its owner wants it in another mode than the one that it was switched to.
    wants_more: bool,
}

impl<'a> Watcher<'a> {
    /// Looks sticks up in `catalogue`. Others, usb_modeswitch for example, have `patience` to switch a stick first; zero for none.
    pub fn new(catalogue: &'a Catalogue, patience: Duration) -> Self {
        Watcher { catalogue, patience, looked_before: false, rules: Rules::default(), places: Vec::new() }
    }

    /// Obeys the owner's lasting choices.
    #[must_use]
    pub fn with_rules(mut self, rules: Rules) -> Self {
        self.rules = rules;
        self
    }

    /// Looks at the bus, gives what is to be done to `workers`, and tells `news`. Gives the moment for the next look if nothing changes
    /// before; `None`: never.
    ///
    /// # Errors
    /// `Interrupted`, and what the bus itself reports; what one stick does is news, not an error.
    pub fn look(
        &mut self,
        bus: &mut dyn Bus,
        workers: &mut dyn Workers,
        session: &mut Session<'_>,
        news: &mut dyn FnMut(News),
    ) -> Result<Option<Moment>> {
        let sticks = bus.sticks()?;
        self.hear(bus.now(), workers, session, news);
        let now = bus.now();
        for (place, state) in &mut self.places {
            let stick = sticks.iter().find(|s| s.place == *place);
            let address =
                if matches!(state.phase, Phase::Expected { .. }) { bus.address(place)? } else { None };
            state.assess(place, stick, address, now, news);
            state.settle(stick, address, now, news);
            state.notice(stick.is_some(), now);
        }
        self.places.retain(|(_, state)| !state.is_forgotten(now));
        let patience = self.patience;
        for stick in &sticks {
            session.check()?;
            let choice = self.rules.of(stick);
            let goal = match choice {
                Choice::Leave => continue,
                Choice::Usual => Goal::Usual,
                Choice::Become(goal) => goal,
            };
            let facts = Facts {
                address: bus.address(&stick.place)?,
                known: self.catalogue.knows(stick.id),
                was_there: !self.looked_before,
                wants_more: choice.wants_more(stick),
            };
            let now = bus.now();
            let state = self.at(&stick.place);
            if state.wants(stick, &facts, now, patience) && state.guard_allows(stick, now, news) {
                state.phase = Phase::Serving;
                workers.serve(stick, goal);
            }
        }
        self.looked_before = true;
        self.hear(bus.now(), workers, session, news);
        let now = bus.now();
        Ok(self.places.iter().filter_map(|(_, state)| state.next_look(now)).min())
    }

    /// Ends the watch: whoever is served is waited for, and `news` tells what came of it. Gives whether a stick that got its message is left whose
    /// end was not seen.
    pub fn stop(
        &mut self,
        now: Moment,
        workers: &mut dyn Workers,
        session: &mut Session<'_>,
        news: &mut dyn FnMut(News),
    ) -> bool {
        workers.finish();
        self.hear(now, workers, session, news);
        // Where ports are still made, the switch itself was seen.
        self.places.iter().any(|(_, state)| matches!(state.phase, Phase::Expected { .. }))
    }

    /// What is known of a place; a place that was not seen before begins.
    fn at(&mut self, place: &Place) -> &mut PlaceState {
        let index = match self.places.binary_search_by(|(known, _)| known.cmp(place)) {
            Ok(index) => index,
            Err(index) => {
                self.places.insert(index, (place.clone(), PlaceState::default()));
                index
            }
        };
        &mut self.places[index].1
    }

    /// Takes the reports of the workers.
    fn hear(
        &mut self,
        now: Moment,
        workers: &mut dyn Workers,
        session: &mut Session<'_>,
        news: &mut dyn FnMut(News),
    ) {
        for report in workers.reports() {
            match report {
                Report::Began { stick, evidence } => {
                    self.at(&stick.place).guard.began(&stick, now);
                    news(News::Switching { stick, evidence });
                }
                Report::Ended { stick, result } => {
                    self.at(&stick.place).ended(&stick, result, now, session, news);
                }
            }
        }
    }
}
