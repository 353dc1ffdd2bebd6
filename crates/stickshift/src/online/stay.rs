//! Staying online: a connection is watched, and what fails is mended by ever stronger means, with pauses between them.
//!
//! [`stay`] is the decision alone, over a [`Site`], whose clock it lives by. [`Post`] is the site of one stick: a bus and a computer.

use std::time::Duration;

use crate::at::data::{self, LinkState};
use crate::at::network;
use crate::at::ports;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Cancel, Session};
use crate::hilink::device;
use crate::link::{Bus, Moment};
use crate::modem::{Modem, identity};
use crate::online::computer::{Computer, DhcpLease};
use crate::online::record::Usage;
use crate::online::{Access, Connection, Wanted, Way, down, status, up, ways};
use crate::stick::{Mode, Place, Stick};

/// Pauses between attempts; the last again and again.
pub const PAUSES: [Duration; 5] = [
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(30),
    Duration::from_secs(60),
    Duration::from_secs(300),
];

/// How often a connection is looked at where the owner does not say.
pub const EVERY: Duration = Duration::from_secs(60);

/// How long a DHCP server may take to renew a lease.
const RENEWAL: Duration = Duration::from_secs(10);

/// How long drivers may take to find a stick's interfaces.
const DRIVERS: Duration = Duration::from_secs(5);

/// How long a stick that was told to restart may stay on the bus.
const LEAVES: Duration = Duration::from_secs(10);

/// What is tried before the next attempt, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rung {
    /// Dial again.
    Redial,
    /// Radio off and on.
    Radio,
    /// Restart the stick.
    Reset,
    /// Take the power of its USB port's link away and give it back.
    Port,
}

impl Rung {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Rung::Redial => "dial again",
            Rung::Radio => "radio off and on",
            Rung::Reset => "restart the stick",
            Rung::Port => "USB reset; if this happens often, use a powered hub",
        }
    }

    /// After so many failures in a row; one more than the strongest begins anew.
    fn after(failures: usize) -> Rung {
        match failures % 6 {
            0..=2 => Rung::Redial,
            3 => Rung::Radio,
            4 => Rung::Reset,
            _ => Rung::Port,
        }
    }
}

/// What happens, in its order.
#[derive(Debug)]
#[non_exhaustive]
pub enum News<'n> {
    /// Online.
    Up(&'n Connection),
    /// Not online any more, and why.
    Down(String),
    /// An attempt failed. What is done next, and after which pause.
    Failed {
        /// Why.
        error: &'n Error,
        /// What is tried.
        rung: Rung,
        /// When.
        pause: Duration,
    },
    /// A stronger means was used; the count is that of this run.
    Climbed {
        /// Which.
        rung: Rung,
        /// How often so far.
        count: u32,
    },
    /// Nothing stands at the place.
    Waiting,
    /// All is well; bytes of this period.
    Well(u64),
}

/// How a connection that was up stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// Packets pass, or nothing speaks against it.
    Well,
    /// It is lost, and why.
    Lost(String),
}

/// What is watched and mended.
pub trait Site {
    /// The clock.
    fn now(&self) -> Moment;

    /// Lets time pass until `until`, or until something on the bus changes. `false` when a stop was asked for.
    ///
    /// # Errors
    /// What the bus reports.
    fn wait(&mut self, until: Moment) -> Result<bool>;

    /// Whether a stick that can go online stands at the place.
    ///
    /// # Errors
    /// What the bus reports.
    fn is_there(&mut self) -> Result<bool>;

    /// Goes online.
    ///
    /// # Errors
    /// As [`crate::online::up`].
    fn up(&mut self) -> Result<Connection>;

    /// Goes offline, as far as that can be done.
    fn down(&mut self);

    /// Looks at a connection that was up.
    ///
    /// # Errors
    /// What the computer reports.
    fn check(&mut self) -> Result<Health>;

    /// Uses a stronger means.
    ///
    /// # Errors
    /// What the stick or the computer reports.
    fn climb(&mut self, rung: Rung) -> Result<()>;

    /// Bytes that passed in the present period.
    fn traffic(&mut self) -> u64;
}

/// What the owner allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Bytes in the period of the site.
    pub bytes: Option<u64>,
    /// Time online in this run.
    pub time: Option<Duration>,
}

/// Stays online until a stop is asked for; goes offline then.
///
/// # Errors
/// `LimitReached`; what no repetition mends: the SIM and its PIN, rights, options. The connection is down then.
pub fn stay(
    site: &mut dyn Site,
    every: Duration,
    limits: Limits,
    news: &mut dyn FnMut(News<'_>),
) -> Result<()> {
    let mut failures = 0;
    let mut climbed = 0;
    let mut online = Duration::ZERO;
    loop {
        if !site.is_there()? {
            news(News::Waiting);
            while !site.is_there()? {
                if !site.wait(site.now() + every)? {
                    site.down();
                    return Ok(());
                }
            }
        }
        match site.up() {
            Ok(connection) => {
                failures = 0;
                news(News::Up(&connection));
                let since = site.now();
                let end = watch(site, every, limits, online, news);
                online += site.now() - since;
                match end {
                    Ok(End::Stopped) => {
                        site.down();
                        return Ok(());
                    }
                    Ok(End::Lost(why)) => news(News::Down(why)),
                    Err(error) => {
                        site.down();
                        return Err(error);
                    }
                }
            }
            Err(error) if error.is(ErrorKind::Interrupted) => {
                site.down();
                return Ok(());
            }
            Err(error) if !is_mended_by_time(&error) => {
                site.down();
                return Err(error);
            }
            Err(error) => {
                failures += 1;
                let rung = Rung::after(failures);
                let pause = PAUSES[(failures - 1).min(PAUSES.len() - 1)];
                news(News::Failed { error: &error, rung, pause });
                let until = site.now() + pause;
                // A stick that comes back ends the pause.
                let was_there = site.is_there()?;
                while site.now() < until && (was_there || !site.is_there()?) {
                    if !site.wait(until)? {
                        site.down();
                        return Ok(());
                    }
                }
                if rung > Rung::Redial && site.is_there()? && site.climb(rung).is_ok() {
                    climbed += 1;
                    news(News::Climbed { rung, count: climbed });
                    // It leaves a moment after its `OK`.
                    let end = site.now() + LEAVES;
                    while rung >= Rung::Reset && site.now() < end && site.is_there()? {
                        if !site.wait(end)? {
                            site.down();
                            return Ok(());
                        }
                    }
                }
            }
        }
    }
}

/// Whether trying again can help.
fn is_mended_by_time(error: &Error) -> bool {
    !matches!(
        error.kind(),
        ErrorKind::NoSim
            | ErrorKind::SimPinNeeded
            | ErrorKind::SimPukNeeded
            | ErrorKind::WrongPin
            | ErrorKind::LastTry
            | ErrorKind::Usage
            | ErrorKind::Unsupported
            | ErrorKind::PermissionDenied
            | ErrorKind::LoginNeeded
            | ErrorKind::LoginRefused
            | ErrorKind::LoginLocked
            | ErrorKind::WeakLogin
    )
}

enum End {
    Stopped,
    Lost(String),
}

fn watch(
    site: &mut dyn Site,
    every: Duration,
    limits: Limits,
    before: Duration,
    news: &mut dyn FnMut(News<'_>),
) -> Result<End> {
    let start = site.now();
    let mut next = start + every;
    loop {
        if !site.wait(next)? {
            return Ok(End::Stopped);
        }
        let bytes = site.traffic();
        let time = before + (site.now() - start);
        if limits.bytes.is_some_and(|most| bytes >= most) || limits.time.is_some_and(|most| time >= most) {
            return Err(Error::new(
                ErrorKind::LimitReached,
                "what was allowed is used up; the connection was ended",
            )
            .with("bytes", bytes)
            .with("seconds", time.as_secs()));
        }
        if !site.is_there()? {
            return Ok(End::Lost("the stick is gone from its place".to_owned()));
        }
        match site.check()? {
            Health::Well if site.now() >= next => {
                news(News::Well(bytes));
                next = site.now() + every;
            }
            // News of the bus, and none of ours.
            Health::Well => {}
            Health::Lost(why) => return Ok(End::Lost(why)),
        }
    }
}

/// The period over which traffic is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Per {
    /// This run.
    #[default]
    Run,
    /// The day.
    Day,
    /// The calendar month.
    Month,
}

/// The site of one stick.
pub struct Post<'a, 'f> {
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
    lease: Option<(DhcpLease, Moment)>,
    counted: Option<(u32, u64)>,
    in_run: u64,
    silent: u32,
}

/// So many probes in a row have to be silent: one may be lost.
const SILENT: u32 = 2;

impl<'a, 'f> Post<'a, 'f> {
    /// Of the stick at `place`.
    pub fn new(
        bus: &'a mut dyn Bus,
        computer: &'a mut dyn Computer,
        place: Place,
        wanted: &'a Wanted,
        access: Access<'f>,
        told: &'a mut dyn FnMut(crate::event::Event),
        cancel: Cancel,
    ) -> Post<'a, 'f> {
        let (per, lease, counted) = (Per::Run, None, None);
        Post { bus, computer, place, wanted, access, told, cancel, per, lease, counted, in_run: 0, silent: 0 }
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

    /// How the stick says that its connection stands; `None` where it cannot be asked now.
    fn bearer(&mut self, stick: &Stick) -> Option<bool> {
        let mut quiet = Session::new(|_| {}, self.cancel.clone());
        let interface = identity::find_at_port(self.bus, stick, &mut quiet).ok()??;
        let mut port = self.bus.open_port(&self.place, interface).ok()?;
        let mut modem = Modem::over_at(&mut *port, &self.cancel).ok()?;
        let states = modem.at()?.run_if_known(&data::ndis_states()).ok()??;
        Some(states.iter().any(|s| matches!(s.state, LinkState::Up | LinkState::Connecting)))
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

impl Site for Post<'_, '_> {
    fn now(&self) -> Moment {
        self.bus.now()
    }

    fn wait(&mut self, until: Moment) -> Result<bool> {
        if self.cancel.is_cancelled() {
            return Ok(false);
        }
        // A lease may have to be renewed before the next look.
        let now = self.bus.now();
        let renewal = self.lease.as_ref().map(|(_, when)| *when).filter(|when| *when > now);
        let until = renewal.map_or(until, |when| when.min(until));
        if self.bus.wait_change(until)? {
            // A look at the whole bus takes notice of what changed: the next wait is for what comes then.
            self.bus.raw_devices()?;
        }
        Ok(!self.cancel.is_cancelled())
    }

    fn is_there(&mut self) -> Result<bool> {
        Ok(self.stick()?.is_some())
    }

    fn up(&mut self) -> Result<Connection> {
        // Drivers take their interfaces a moment after the stick has come.
        let end = self.bus.now() + DRIVERS;
        while self.bus.now() < end
            && let Some(stick) = self.stick()?
            && ways::choose(&stick, self.wanted.way, &mut |_, _| {}).is_err()
        {
            self.wait(end)?;
        }
        let Some(stick) = self.stick()? else {
            return Err(Error::new(ErrorKind::NoStick, format!("nothing stands at {}", self.place)));
        };
        let mut session = Session::new(|event| (self.told)(event), self.cancel.clone());
        // What an earlier attempt left is no proof that packets pass.
        down::take_back(
            self.bus,
            &self.place,
            Some(stick.clone()),
            self.computer,
            &self.access,
            &mut session,
        )?;
        let up = up::up(self.bus, stick, self.computer, self.wanted, &mut self.access, &mut session);
        drop(session);
        let connection = up?;
        let now = self.bus.now();
        self.lease = connection.lease.clone().map(|lease| {
            let when = now + lease.renew_after;
            (lease, when)
        });
        self.silent = 0;
        Ok(connection)
    }

    fn down(&mut self) {
        let stick = self.stick().ok().flatten();
        let mut session = Session::new(|event| (self.told)(event), Cancel::new());
        let ended = down::take_back(self.bus, &self.place, stick, self.computer, &self.access, &mut session);
        if let Err(error) = ended {
            session.warn("down", error.to_string());
        }
    }

    fn check(&mut self) -> Result<Health> {
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
        if let lost @ Health::Lost(_) = self.renew()? {
            return Ok(lost);
        }
        // Where the stick says that it hung up, nobody has to be asked.
        let stick = self.stick()?;
        if let Some(stick) = stick.filter(|_| record.way == Way::Ncm.word())
            && self.bearer(&stick) == Some(false)
        {
            return Ok(Health::Lost("the stick says that the connection is down".to_owned()));
        }
        if status::answers(self.computer, &card, &record.dns)?.is_some() {
            self.silent = 0;
            return Ok(Health::Well);
        }
        self.silent += 1;
        Ok(if self.silent < SILENT {
            Health::Well
        } else {
            Health::Lost(format!("nothing answers, {SILENT} probes in a row"))
        })
    }

    fn climb(&mut self, rung: Rung) -> Result<()> {
        let Some(stick) = self.stick()? else { return Ok(()) };
        if rung == Rung::Port {
            return self.computer.reset_port(&self.place);
        }
        if matches!(stick.mode, Mode::Hilink | Mode::HilinkSerial) {
            let mut link = self.bus.open_http(&self.place)?;
            let mut modem = Modem::over_web(&mut *link, self.access.login.as_ref(), &self.cancel)?;
            if rung == Rung::Radio {
                modem.set_data(false)?;
                return modem.set_data(true);
            }
            let Some(web) = modem.web() else { return Ok(()) };
            return web.call(&device::control(device::Control::Reboot));
        }
        let mut quiet = Session::new(|_| {}, self.cancel.clone());
        let interface = identity::find_at_port(self.bus, &stick, &mut quiet)?;
        let Some(interface) = interface else { return self.computer.reset_port(&self.place) };
        let mut port = self.bus.open_port(&self.place, interface)?;
        let mut modem = Modem::over_at(&mut *port, &self.cancel)?;
        let Some(at) = modem.at() else { return Ok(()) };
        if rung == Rung::Radio {
            at.run(&network::set_radio(false))?;
            at.sleep(Duration::from_secs(2));
            return at.run(&network::set_radio(true));
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
        let kept = self.computer.usage(&self.place).filter(|usage| usage.period == period);
        let bytes = kept.map_or(0, |usage| usage.bytes) + new;
        let _ = self.computer.keep_usage(&self.place, &Usage { period, bytes });
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_means_grow_stronger_and_begin_anew() {
        let rungs: Vec<Rung> = (1..=8).map(Rung::after).collect();
        use Rung::{Port, Radio, Redial, Reset};
        assert_eq!(rungs, [Redial, Redial, Radio, Reset, Port, Redial, Redial, Redial]);
    }

    #[test]
    fn a_pin_is_never_tried_again_by_itself() {
        for kind in [ErrorKind::WrongPin, ErrorKind::SimPinNeeded, ErrorKind::LastTry] {
            assert!(!is_mended_by_time(&Error::new(kind, "x")));
        }
        for kind in [ErrorKind::NotRegistered, ErrorKind::NetworkRefused, ErrorKind::Disconnected] {
            assert!(is_mended_by_time(&Error::new(kind, "x")));
        }
    }
}
