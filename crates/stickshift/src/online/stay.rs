//! Staying online: a connection is watched, and what fails is mended by ever stronger means, with pauses between them.
//!
//! [`stay`] is the decision alone, over something [`Supervised`], whose clock it lives by. [`StickSupervisor`] is that for one stick: a bus, a
//! computer, and an ear for what the stick says unasked. Between two looks nothing is asked and nothing runs: a report of the stick or news of
//! the bus ends the wait.
//!
//! ```
//! use stickshift::error::Result;
//! use stickshift::event::Cancel;
//! use stickshift::link::Bus;
//! use stickshift::online::stay::{EVERY, Limits, News, StickSupervisor, stay};
//! use stickshift::online::{Access, Computer, Taken, Wanted};
//! use stickshift::stick::Place;
//!
//! /// Keeps the stick at `place` online until `cancel` is cancelled.
//! fn keep(
//!     bus: &mut dyn Bus,
//!     computer: &mut dyn Computer,
//!     place: Place,
//!     wanted: &Wanted,
//!     access: Access<'_>,
//!     cancel: Cancel,
//! ) -> Result<Taken> {
//!     let mut told = |_| {};
//!     let mut supervisor = StickSupervisor::new(bus, computer, place, wanted, access, &mut told, cancel);
//!     stay(&mut supervisor, EVERY, Limits::default(), &mut |news| match news {
//!         News::Up(connection) => println!("online on {}", connection.interface),
//!         News::Failed { error, recovery, .. } => println!("{error}: {}", recovery.words()),
//!         _ => {}
//!     })
//! }
//! ```

mod remedy;
mod reports;
mod supervisor;

use std::time::Duration;

use crate::error::{Error, ErrorKind, Result, Verdict};
use crate::link::Moment;
use crate::online::{Connection, Taken};

pub use remedy::Remedy;
pub use reports::Report;
pub use supervisor::StickSupervisor;

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

/// How long a stick that was told to restart may stay on the bus.
const LEAVES: Duration = Duration::from_secs(10);

/// What is tried before the next attempt, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Recovery {
    /// Dial again.
    Redial,
    /// Radio off and on.
    Radio,
    /// Restart the stick.
    Reset,
    /// Have the system deauthorize and reauthorize the device: its drivers go and come back, its power stays.
    Reauthorize,
}

impl Recovery {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Recovery::Redial => "dial again",
            Recovery::Radio => "radio off and on",
            Recovery::Reset => "restart the stick",
            Recovery::Reauthorize => "reauthorize the USB device; if this happens often, use a powered hub",
        }
    }

    /// After so many failures in a row; one more than the strongest begins anew.
    fn after(failures: usize) -> Recovery {
        match failures % 6 {
            0..=2 => Recovery::Redial,
            3 => Recovery::Radio,
            4 => Recovery::Reset,
            _ => Recovery::Reauthorize,
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
        recovery: Recovery,
        /// When.
        pause: Duration,
        /// What helps; stronger means are used where they do.
        remedy: Remedy,
    },
    /// A stronger means was used; the count is that of this run.
    Escalated {
        /// Which.
        recovery: Recovery,
        /// How often so far.
        count: u32,
    },
    /// Nothing stands at the place; what comes there is taken online.
    Waiting {
        /// A stick stood there in this run.
        gone: bool,
    },
    /// All is well; bytes of this period.
    Well(u64),
}

/// How a connection that was up stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// Packets pass, or no failure was seen.
    Well,
    /// It is lost, and why.
    Lost(String),
}

/// Why a wait ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Woke {
    /// A stop was asked for.
    Stop,
    /// Its time is over.
    Time,
    /// Something on the bus, or of the connection's interface, changed.
    Bus,
    /// A lease has to be renewed.
    Lease,
    /// The stick said something unasked.
    Report(Report),
}

/// How closely a connection is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// At what the computer has of it: nothing is sent anywhere, unless a lease is due.
    Glance,
    /// The stick and somebody behind it are asked, too. One silence proves nothing: a packet may be lost.
    Probe,
    /// As that, of a connection that the stick says is over: one silence is enough.
    Doubt,
}

/// What is watched and mended.
pub trait Supervised {
    /// The clock.
    fn now(&self) -> Moment;

    /// Lets time pass until `until`, until something on the bus changes, or until the stick says something.
    ///
    /// # Errors
    /// What the bus reports.
    fn wait(&mut self, until: Moment) -> Result<Woke>;

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
    ///
    /// # Errors
    /// As [`crate::online::down`].
    fn down(&mut self) -> Result<Taken>;

    /// Looks at a connection that was up.
    ///
    /// # Errors
    /// What the computer reports.
    fn check(&mut self, look: Look) -> Result<Health>;

    /// Uses a stronger means.
    ///
    /// # Errors
    /// What the stick or the computer reports.
    fn escalate(&mut self, recovery: Recovery) -> Result<()>;

    /// Bytes that passed in the present period.
    fn traffic(&mut self) -> u64;
}

/// What the owner allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Bytes in the period that is counted.
    pub bytes: Option<u64>,
    /// Time online in this run.
    pub time: Option<Duration>,
}

/// Stays online until a stop is asked for; goes offline then, and says what that did.
///
/// # Errors
/// `Interrupted` where it was stopped before it was online; `LimitReached`; what no repetition mends: the SIM and its PIN, rights, options;
/// before it was online once, also what the owner alone can change. The connection is down then. Where hanging up fails, what that ended with,
/// or its verdict and the fact `hang-up` at the error that was there before.
pub fn stay(
    supervised: &mut dyn Supervised,
    every: Duration,
    limits: Limits,
    news: &mut dyn FnMut(News<'_>),
) -> Result<Taken> {
    let mut past = Past { was_online: false, is_up: false, left: Verdict::Untouched };
    let kept = keep(supervised, every, limits, news, &mut past);
    let (why, ended) = match kept {
        Ok(()) => ("stopped".to_owned(), stopped(supervised, &past)),
        Err(error) => (error.to_string(), Err(ended(supervised, error, past.left))),
    };
    if past.is_up {
        news(News::Down(why));
    }
    ended
}

/// What a run has been through.
struct Past {
    was_online: bool,
    /// It is now.
    is_up: bool,
    /// What the attempts and the means have left.
    left: Verdict,
}

impl Past {
    fn leaves(&mut self, verdict: Verdict) {
        self.left = self.left.worse(verdict);
    }
}

/// Until a stop is asked for. Whatever ends it, the caller goes offline.
fn keep(
    supervised: &mut dyn Supervised,
    every: Duration,
    limits: Limits,
    news: &mut dyn FnMut(News<'_>),
    past: &mut Past,
) -> Result<()> {
    // Failures in a row, and those among them that stronger means may mend.
    let (mut failures, mut mendable) = (0, 0);
    let mut climbed = 0;
    let mut online = Duration::ZERO;
    let (mut seen, mut told) = (false, false);
    loop {
        if !supervised.is_there()? {
            if !std::mem::take(&mut told) {
                news(News::Waiting { gone: seen });
            }
            while !supervised.is_there()? {
                if supervised.wait(supervised.now() + every)? == Woke::Stop {
                    return Ok(());
                }
            }
        }
        (seen, told) = (true, false);
        match supervised.up() {
            Ok(connection) => {
                (failures, mendable) = (0, 0);
                // What it was left as before is known now.
                *past = Past { was_online: true, is_up: true, left: Verdict::Recoverable };
                news(News::Up(&connection));
                let since = supervised.now();
                let end = watch(supervised, every, limits, online, news)?;
                online += supervised.now() - since;
                let End::Lost(why) = end else { return Ok(()) };
                past.is_up = false;
                news(News::Down(why));
            }
            Err(error) if error.is(ErrorKind::Interrupted) => {
                past.leaves(verdict_of(&error));
                return Ok(());
            }
            Err(error) => {
                let remedy = Remedy::against(&error);
                // Where it was online once, the owner may be away, and the network may change its mind.
                if remedy == Remedy::Nothing || remedy == Remedy::Owner && !past.was_online {
                    return Err(error);
                }
                past.leaves(verdict_of(&error));
                failures += 1;
                mendable += usize::from(remedy == Remedy::Means);
                let recovery =
                    if remedy == Remedy::Means { Recovery::after(mendable) } else { Recovery::Redial };
                let pause = PAUSES[(failures - 1).min(PAUSES.len() - 1)];
                news(News::Failed { error: &error, recovery, pause, remedy });
                let until = supervised.now() + pause;
                // A stick that comes back ends the pause.
                let was_there = supervised.is_there()?;
                if !was_there {
                    // Pulled while it went online: nothing is dialled before it is back.
                    news(News::Waiting { gone: true });
                    told = true;
                }
                while supervised.now() < until && (was_there || !supervised.is_there()?) {
                    if supervised.wait(until)? == Woke::Stop {
                        return Ok(());
                    }
                }
                if recovery == Recovery::Redial || !supervised.is_there()? {
                    continue;
                }
                let escalation = supervised.escalate(recovery);
                // Whatever was sent before it failed was sent.
                let verdict = escalation.as_ref().err().and_then(Error::verdict);
                past.leaves(verdict.unwrap_or(Verdict::Recoverable));
                if escalation.is_ok() {
                    climbed += 1;
                    news(News::Escalated { recovery, count: climbed });
                    // It leaves a moment after its `OK`.
                    let end = supervised.now() + LEAVES;
                    while recovery >= Recovery::Reset && supervised.now() < end && supervised.is_there()? {
                        if supervised.wait(end)? == Woke::Stop {
                            return Ok(());
                        }
                    }
                }
            }
        }
    }
}

/// Goes offline where a stop was asked for.
fn stopped(supervised: &mut dyn Supervised, past: &Past) -> Result<Taken> {
    let taken = supervised.down().map_err(|e| {
        let verdict = after(past.left, &e);
        e.with_verdict(verdict)
    })?;
    // What an attempt has left is known where it was taken back.
    if past.was_online && (taken.was_online || past.left != Verdict::Unknown) {
        return Ok(taken);
    }
    let what =
        if past.was_online { "stopped before it was online again" } else { "stopped before it was online" };
    let error = Error::new(ErrorKind::Interrupted, what);
    Err(match taken.was_online {
        true => error.with("stick-now", taken.stick.join(", ")).with_verdict(Verdict::Recoverable),
        false => error.with_verdict(past.left),
    })
}

/// Whoever fails without one has sent nothing yet.
fn verdict_of(error: &Error) -> Verdict {
    error.verdict().unwrap_or(Verdict::Untouched)
}

/// What a hang-up that failed leaves of a stick that was left so.
fn after(left: Verdict, hang_up: &Error) -> Verdict {
    let unseen = if left == Verdict::Untouched { left } else { Verdict::Unknown };
    left.worse(hang_up.verdict().unwrap_or(unseen))
}

/// Hangs up after an error; where that fails, the error says so. `left` is what was before it.
fn ended(supervised: &mut dyn Supervised, error: Error, left: Verdict) -> Error {
    let left = left.worse(verdict_of(&error));
    match supervised.down() {
        Ok(taken) => {
            // Whoever failed while going up has stated what the stick has.
            let is_told = error.verdict().is_some() || taken.stick.is_empty();
            let error = if is_told { error } else { error.with("stick-now", taken.stick.join(", ")) };
            error.with_verdict(if taken.was_online { left.worse(Verdict::Recoverable) } else { left })
        }
        Err(e) => error.with("hang-up", format!("failed: {e}")).with_verdict(after(left, &e)),
    }
}

enum End {
    Stopped,
    Lost(String),
}

fn watch(
    supervised: &mut dyn Supervised,
    every: Duration,
    limits: Limits,
    before: Duration,
    news: &mut dyn FnMut(News<'_>),
) -> Result<End> {
    let start = supervised.now();
    let mut next = start + every;
    loop {
        let woke = supervised.wait(next)?;
        let look = match woke {
            Woke::Stop => return Ok(End::Stopped),
            Woke::Report(Report::Ended(_)) => Look::Doubt,
            _ if supervised.now() >= next => Look::Probe,
            _ => Look::Glance,
        };
        let bytes = supervised.traffic();
        let time = before + (supervised.now() - start);
        if limits.bytes.is_some_and(|most| bytes >= most) || limits.time.is_some_and(|most| time >= most) {
            return Err(Error::new(ErrorKind::LimitReached, "what was allowed is used up")
                .with("bytes", bytes)
                .with("seconds", time.as_secs()));
        }
        if !supervised.is_there()? {
            return Ok(End::Lost("the stick is gone from its place".to_owned()));
        }
        let health = match supervised.check(look) {
            Err(e) if e.is(ErrorKind::Interrupted) => return Ok(End::Stopped),
            // An interface that goes while it is looked at is a connection that is lost.
            Err(e) if Remedy::against(&e) != Remedy::Nothing => Health::Lost(e.to_string()),
            other => other?,
        };
        match (health, woke) {
            (Health::Well, _) if look == Look::Glance => {}
            (Health::Well, _) => {
                news(News::Well(bytes));
                next = supervised.now() + every;
            }
            (Health::Lost(_), Woke::Report(Report::Ended(why))) => return Ok(End::Lost(why)),
            (Health::Lost(why), _) => return Ok(End::Lost(why)),
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

#[cfg(test)]
mod tests;
