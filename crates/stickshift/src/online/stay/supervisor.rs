//! Keeps one stick online: what is waited for, looked at and mended at its place.

use std::time::Duration;

use crate::at::network;
use crate::at::ports;
use crate::error::{Error, ErrorKind, Result, Verdict};
use crate::event::{Cancel, Session};
use crate::hilink::device;
use crate::link::{Bus, Input, Moment};
use crate::mbim;
use crate::modem::{Modem, identity};
use crate::online::computer::{Card, Computer, DhcpLease};
use crate::online::record::{Record, StickUndo, Usage};
use crate::online::stay::reports::Listener;
use crate::online::stay::{Health, Look, Per, Recovery, Report, Supervised, Woke, verdict_of};
use crate::online::{Access, Connection, Taken, Wanted, Way, down, status, up, ways};
use crate::stick::{Mode, Place, Stick};

/// How long a DHCP server may take to renew a lease.
const RENEWAL: Duration = Duration::from_secs(10);

/// How long drivers may take to find a stick's interfaces.
const DRIVERS: Duration = Duration::from_secs(5);

/// How long nobody listens to a stick that said something of no weight: some say every two seconds how they receive.
const CHATTER: Duration = Duration::from_secs(10);

/// How long it takes until a request to stop is raised whose signal ended a wait.
const SIGNAL: Duration = Duration::from_millis(200);

/// How long the radio is off.
const OFF_FOR: Duration = Duration::from_secs(2);

/// One stick that is kept online.
pub struct StickSupervisor<'a, 'f> {
    /// The bus.
    pub bus: &'a mut dyn Bus,
    /// The computer.
    pub computer: &'a mut dyn Computer,
    /// Where the stick stands, whatever it is numbered there.
    pub place: Place,
    /// What is wanted.
    pub wanted: &'a Wanted,
    /// Who is let in.
    pub access: Access<'f>,
    /// Where the steps of each attempt are told.
    pub told: &'a mut dyn FnMut(crate::event::Event),
    /// The request to stop.
    pub cancel: Cancel,
    /// Over which period traffic is counted.
    pub per: Per,
    /// Whether the stick's AT port or MBIM function is kept open between looks, to hear what it says unasked. No other program has it then.
    pub listens: bool,
    listener: Option<Listener>,
    /// It said something of no weight just now.
    chattered: bool,
    card: Option<Card>,
    lease: Option<(DhcpLease, Moment)>,
    counted: Option<(u32, u64)>,
    in_run: u64,
    silent: u32,
}

/// So many probes in a row have to be silent: one may be lost.
const SILENT: u32 = 2;

impl<'a, 'f> StickSupervisor<'a, 'f> {
    /// Of the stick at `place`.
    pub fn new(
        bus: &'a mut dyn Bus,
        computer: &'a mut dyn Computer,
        place: Place,
        wanted: &'a Wanted,
        access: Access<'f>,
        told: &'a mut dyn FnMut(crate::event::Event),
        cancel: Cancel,
    ) -> StickSupervisor<'a, 'f> {
        StickSupervisor {
            bus,
            computer,
            place,
            wanted,
            access,
            told,
            cancel,
            per: Per::Run,
            listens: true,
            listener: None,
            chattered: false,
            card: None,
            lease: None,
            counted: None,
            in_run: 0,
            silent: 0,
        }
    }

    fn stick(&mut self) -> Result<Option<Stick>> {
        let stick = self.bus.device(&self.place)?;
        Ok(stick.filter(|s| match s.mode {
            Mode::Modem | Mode::Hilink | Mode::HilinkSerial => true,
            // Network cards of other makers.
            Mode::Unknown => s.interfaces.iter().any(ways::is_network),
            _ => false,
        }))
    }

    /// Closes what is listened to: others need it open.
    fn stop_listening(&mut self) {
        if let Some(listener) = self.listener.take() {
            listener.close();
        }
    }

    /// What the stick has said since the last call; it may have vanished, and the bus shows that.
    fn heard(&mut self) -> Option<Report> {
        let heard = self.listener.as_mut()?.take();
        heard.unwrap_or_else(|_| {
            self.listener = None;
            None
        })
    }

    /// How the stick says that its connection stands; `None` where it cannot be asked now.
    fn bearer(&mut self, way: Way) -> Option<bool> {
        let stick = self.stick().ok()??;
        let mut passing = None;
        let listener = match &mut self.listener {
            Some(listener) => listener,
            None if way == Way::Ncm || way == Way::Mbim => {
                passing = Listener::of(self.bus, &stick, way, &self.cancel);
                passing.as_mut()?
            }
            None => return None,
        };
        let up = listener.is_up(way, &self.cancel);
        if let Some(passing) = passing {
            passing.close();
        } else if up.is_err() {
            self.listener = None;
        }
        up.ok()?
    }

    /// Notes what passed before this run through an interface that is there already.
    fn count_from_here(&mut self) -> Result<()> {
        let Some(stick) = self.stick()? else { return Ok(()) };
        if self.counted.is_none() {
            let card = self.computer.cards(&stick)?.into_iter().next();
            // What is not there yet begins at nothing.
            self.counted =
                Some(card.map_or((0, 0), |state| (state.card.index, state.bytes.0 + state.bytes.1)));
        }
        Ok(())
    }

    /// Off and on again. What takes it back is recorded meanwhile: an answer that is lost leaves nothing off for good.
    fn off_and_on(
        &mut self,
        stick: &Stick,
        (way, undo): (Way, StickUndo),
        set: &mut dyn FnMut(bool) -> Result<()>,
    ) -> Result<()> {
        let known = self.computer.recall(&self.place)?;
        let is_known = known.is_some();
        let new = || Record::new(&self.place, stick.id, self.computer.boot(), way.word());
        let mut record = known.unwrap_or_else(new);
        let before = record.on_stick.len();
        record.note(self.computer, undo)?;
        let off = set(false);
        let is_refused = off.as_ref().is_err_and(|e| e.verdict() == Some(Verdict::Untouched));
        let on = if is_refused { off } else { set(true).or_else(|_| set(true)) };
        if on.is_err() && !is_refused {
            return on.map_err(|e| e.with_verdict(Verdict::Unknown));
        }
        record.on_stick.truncate(before);
        match is_known {
            true => self.computer.keep(&record)?,
            false => self.computer.forget(&self.place)?,
        }
        on
    }

    fn renew(&mut self) -> Result<Health> {
        let now = self.bus.now();
        let Some((lease, when)) = &mut self.lease else { return Ok(Health::Well) };
        if now < *when {
            return Ok(Health::Well);
        }
        let Some(card) = self.computer.recall(&self.place)?.and_then(|record| record.card) else {
            return Ok(Health::Well);
        };
        match self.computer.lease(&card, Some(lease), RENEWAL)? {
            Some(new) if new.address == lease.address => {
                *when = now + new.renew_after;
                *lease = new;
                Ok(Health::Well)
            }
            Some(_) => Ok(Health::Lost("the DHCP server gives another address".to_owned())),
            // It is asked again until the lease is over; the probe shows whether packets pass.
            None => {
                *when = now + lease.time / 8;
                Ok(Health::Well)
            }
        }
    }
}

impl Supervised for StickSupervisor<'_, '_> {
    fn now(&self) -> Moment {
        self.bus.now()
    }

    fn wait(&mut self, until: Moment) -> Result<Woke> {
        let deaf_until = if self.chattered { self.bus.now() + CHATTER } else { Moment::ZERO };
        self.chattered = false;
        let mut ended_early = false;
        // A lease may have to be renewed before the next look.
        let began = self.bus.now();
        let renewal =
            self.lease.as_ref().map(|(_, when)| *when).filter(|when| *when > began && *when < until);
        loop {
            if self.cancel.is_cancelled() {
                return Ok(Woke::Stop);
            }
            let listens = self.bus.now() >= deaf_until;
            if listens && let Some(report) = self.heard() {
                self.chattered = !matches!(report, Report::Ended(_));
                return Ok(Woke::Report(report));
            }
            // pppd ends, and its interface with it, without a word on the bus.
            if let Some(card) = &self.card
                && self.computer.card(card)?.is_none()
            {
                self.card = None;
                return Ok(Woke::Bus);
            }
            let now = self.bus.now();
            if now >= until {
                return Ok(Woke::Time);
            }
            if renewal.is_some_and(|when| now >= when) {
                return Ok(Woke::Lease);
            }
            let until = renewal.map_or(until, |when| when.min(until));
            let mut end = if listens { until } else { until.min(deaf_until) };
            if std::mem::take(&mut ended_early) {
                // A signal ends a wait a moment before the request to stop is raised.
                end = end.min(now + SIGNAL);
            }
            let listener = self.listener.as_ref().filter(|_| listens);
            let inputs: Vec<Input> = listener.and_then(Listener::input).into_iter().collect();
            if self.bus.wait_change_or_input(end, &inputs)? {
                // A look at the whole bus takes notice of what changed: the next wait is for what comes then.
                self.bus.raw_devices()?;
                return Ok(if self.cancel.is_cancelled() { Woke::Stop } else { Woke::Bus });
            }
            ended_early = self.bus.now() < end;
        }
    }

    fn is_there(&mut self) -> Result<bool> {
        Ok(self.stick()?.is_some())
    }

    fn up(&mut self) -> Result<Connection> {
        self.stop_listening();
        self.card = None;
        // What passed until now counts, also where the interface goes with its connection.
        self.traffic();
        self.count_from_here()?;
        // Drivers take their interfaces a moment after the stick has come.
        let end = self.bus.now() + DRIVERS;
        while self.bus.now() < end
            && let Some(stick) = self.stick()?
            && ways::choose(&stick, self.wanted.way, &mut |_, _| {}).is_err()
            && self.wait(end)? != Woke::Stop
        {}
        let Some(stick) = self.stick()? else {
            return Err(Error::new(ErrorKind::NoStick, format!("nothing stands at {}", self.place)));
        };
        let mut session = Session::new(|event| (self.told)(event), self.cancel.clone());
        // What an earlier attempt left is no proof that packets pass.
        let there = Some(stick.clone());
        let left = down::take_back(self.bus, &self.place, there, self.computer, &self.access, &mut session);
        let before = match left {
            Ok(taken) if taken.was_online => Verdict::Recoverable,
            Ok(_) => Verdict::Untouched,
            Err(error) => {
                // The record keeps what is to be put back; going up takes that over.
                session.warn("down", format!("what an earlier attempt left is not all taken back: {error}"));
                verdict_of(&error)
            }
        };
        let up = up::up(self.bus, stick.clone(), self.computer, self.wanted, &mut self.access, &mut session);
        drop(session);
        let connection = up.map_err(|error| error.after(before))?;
        let now = self.bus.now();
        self.lease = connection.lease.clone().map(|lease| {
            let when = now + lease.renew_after;
            (lease, when)
        });
        self.silent = 0;
        self.card = self.computer.recall(&self.place)?.and_then(|record| record.card);
        if self.listens {
            let way = Way::of_word(connection.way);
            self.listener = way.and_then(|way| Listener::of(self.bus, &stick, way, &self.cancel));
        }
        // Whatever of ours changed on the bus is no news.
        self.bus.raw_devices()?;
        Ok(connection)
    }

    fn down(&mut self) -> Result<Taken> {
        self.stop_listening();
        self.card = None;
        self.traffic();
        let stick = self.stick()?;
        let mut session = Session::new(|event| (self.told)(event), Cancel::new());
        down::take_back(self.bus, &self.place, stick, self.computer, &self.access, &mut session)
    }

    fn check(&mut self, look: Look) -> Result<Health> {
        let Some(record) = self.computer.recall(&self.place)? else {
            return Ok(Health::Lost("somebody has taken it offline".to_owned()));
        };
        let Some(card) = record.card else {
            return Ok(Health::Lost("its interface is not known".to_owned()));
        };
        let Some(state) = self.computer.card(&card)? else {
            return Ok(Health::Lost(format!("the interface {card} is gone")));
        };
        if !state.up {
            return Ok(Health::Lost(format!("the interface {card} was taken down")));
        }
        let has_all = record.addresses.iter().all(|a| state.addresses.iter().any(|n| n.address == *a));
        if !has_all {
            return Ok(Health::Lost(format!("the interface {card} has lost its address")));
        }
        // A lease that is due is renewed whatever woke: with looks far apart it would end before the next.
        if let lost @ Health::Lost(_) = self.renew()? {
            return Ok(lost);
        }
        if look == Look::Glance {
            return Ok(Health::Well);
        }
        // Where the stick says that it hung up, nobody else has to be asked.
        if let Some(way) = Way::of_word(&record.way)
            && self.bearer(way) == Some(false)
        {
            return Ok(Health::Lost("the stick says that the connection is down".to_owned()));
        }
        if status::answers(self.computer, &card, &record.dns)?.is_some() {
            self.silent = 0;
            return Ok(Health::Well);
        }
        self.silent += 1;
        Ok(if self.silent >= SILENT {
            Health::Lost(format!("nothing answers, {SILENT} probes in a row"))
        } else if look == Look::Doubt {
            Health::Lost("nothing answers".to_owned())
        } else {
            Health::Well
        })
    }

    fn escalate(&mut self, recovery: Recovery) -> Result<()> {
        self.stop_listening();
        let Some(stick) = self.stick()? else { return Ok(()) };
        if recovery == Recovery::Reauthorize {
            return self.computer.reset_port(&self.place);
        }
        // A stop does not leave data or the radio off.
        let cancel = Cancel::new();
        if matches!(stick.mode, Mode::Hilink | Mode::HilinkSerial) {
            let mut link = self.bus.open_http(&self.place)?;
            let mut modem = Modem::over_web(&mut *link, self.access.login.as_ref(), &cancel)?;
            if recovery == Recovery::Radio {
                let undo = (Way::Hilink, StickUndo::DataSwitch { on: true });
                return self.off_and_on(&stick, undo, &mut |on| modem.set_data(on));
            }
            let Some(web) = modem.web() else { return Ok(()) };
            return web.call(&device::control(device::Control::Reboot));
        }
        let radio = StickUndo::Radio { on: true };
        let mut quiet = Session::new(|_| {}, self.cancel.clone());
        let Some(interface) = identity::find_at_port(self.bus, &stick, &mut quiet)? else {
            return match identity::mbim_interface(&stick) {
                Some(interface) if recovery == Recovery::Radio => {
                    let mut link = self.bus.open_messages(&self.place, interface)?;
                    let mut modem = Modem::over_mbim(&mut *link, &cancel)?;
                    let Some(mbim) = modem.mbim() else { return Ok(()) };
                    self.off_and_on(&stick, (Way::Mbim, radio), &mut |on| {
                        mbim.run(&mbim::set_radio_state(on))?;
                        mbim.sleep(if on { Duration::ZERO } else { OFF_FOR });
                        Ok(())
                    })
                }
                // MBIM has no command for a restart.
                _ => self.computer.reset_port(&self.place),
            };
        };
        let mut port = self.bus.open_port(&self.place, interface)?;
        let mut modem = Modem::over_at(&mut *port, &cancel)?;
        let Some(at) = modem.at() else { return Ok(()) };
        if recovery == Recovery::Radio {
            return self.off_and_on(&stick, (Way::Ncm, radio), &mut |on| {
                at.run(&network::set_radio(on))?;
                at.sleep(if on { Duration::ZERO } else { OFF_FOR });
                Ok(())
            });
        }
        at.run(&ports::reset())
    }

    fn traffic(&mut self) -> u64 {
        let card = self.computer.recall(&self.place).ok().flatten().and_then(|record| record.card);
        let state = card.and_then(|card| self.computer.card(&card).ok().flatten());
        let Some(state) = state else { return self.in_run };
        let total = state.bytes.0 + state.bytes.1;
        // Another interface, after a replug, begins at nothing.
        let before = self.counted.filter(|(index, _)| *index == state.card.index).map_or(0, |(_, n)| n);
        let new = match self.counted {
            // What passed before this run is not of it.
            None => 0,
            Some(_) => total.saturating_sub(before),
        };
        self.counted = Some((state.card.index, total));
        self.in_run += new;
        if self.per == Per::Run {
            return self.in_run;
        }
        let period = self.computer.period(self.per);
        let kept = self.computer.usage(&self.place);
        // A clock that was set back, as without a battery until the network tells the time, begins no period anew.
        let is_of = |kept: &Usage| kept.period.len() == period.len() && kept.period >= period;
        let mut usage = kept.filter(is_of).unwrap_or(Usage { period, bytes: 0 });
        usage.bytes += new;
        let _ = self.computer.keep_usage(&self.place, &usage);
        usage.bytes
    }
}
