//! Staying online: a connection is watched, and what fails is mended by ever stronger means, with pauses between them.
//!
//! [`stay`] is the decision alone, over a [`Site`], whose clock it lives by. [`Post`] is the site of one stick: a bus, a computer, and an ear
//! for what the stick says unasked. Between two looks nothing is asked and nothing runs: a report of the stick or news of the bus ends the
//! wait.
//!
//! ```
//! use stickshift::online::stay::{PAUSES, Rung};
//!
//! // Each means is stronger than the one before, and the pauses between attempts grow.
//! assert!(Rung::Redial < Rung::Radio && Rung::Radio < Rung::Reset && Rung::Reset < Rung::Port);
//! assert!(PAUSES.is_sorted());
//! ```

mod helps;
mod post;
mod reports;

use std::time::Duration;

use crate::error::{Error, ErrorKind, Result, Verdict};
use crate::link::Moment;
use crate::online::{Connection, Taken};

pub use helps::Helps;
pub use post::Post;
pub use reports::Report;

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
        /// What helps; stronger means are used where they do.
        helps: Helps,
    },
    /// A stronger means was used; the count is that of this run.
    Climbed {
        /// Which.
        rung: Rung,
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
pub trait Site {
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

/// Stays online until a stop is asked for; goes offline then, and says what that did.
///
/// # Errors
/// `Interrupted` where it was stopped before it was online; `LimitReached`; what no repetition mends: the SIM and its PIN, rights, options;
/// before it was online once, also what the owner alone can change. The connection is down then. Where hanging up fails, what that ended with,
/// or its verdict and the fact `hang-up` at the error that was there before.
pub fn stay(
    site: &mut dyn Site,
    every: Duration,
    limits: Limits,
    news: &mut dyn FnMut(News<'_>),
) -> Result<Taken> {
    // Failures in a row, and those among them that stronger means may mend.
    let (mut failures, mut mendable) = (0, 0);
    let mut climbed = 0;
    let mut was_online = false;
    // What the failures before have left.
    let mut left = Verdict::Untouched;
    let mut online = Duration::ZERO;
    let (mut seen, mut told) = (false, false);
    loop {
        if !site.is_there()? {
            if !std::mem::take(&mut told) {
                news(News::Waiting { gone: seen });
            }
            while !site.is_there()? {
                if site.wait(site.now() + every)? == Woke::Stop {
                    return stopped(site, was_online, left);
                }
            }
        }
        (seen, told) = (true, false);
        match site.up() {
            Ok(connection) => {
                (failures, mendable, was_online) = (0, 0, true);
                news(News::Up(&connection));
                let since = site.now();
                let end = watch(site, every, limits, online, news);
                online += site.now() - since;
                match end {
                    Ok(End::Stopped) => {
                        let taken = stopped(site, was_online, left);
                        news(News::Down("stopped".to_owned()));
                        return taken;
                    }
                    Ok(End::Lost(why)) => news(News::Down(why)),
                    Err(error) => {
                        let why = error.to_string();
                        let error = ended(site, error);
                        news(News::Down(why));
                        return Err(error);
                    }
                }
            }
            Err(error) if error.is(ErrorKind::Interrupted) => {
                return stopped(site, was_online, worse(left, verdict_of(&error)));
            }
            Err(error) => {
                let helps = Helps::against(&error);
                // Where it was online once, the owner may be away, and the network may change its mind.
                if helps == Helps::Nothing || helps == Helps::Owner && !was_online {
                    return Err(ended(site, error));
                }
                left = worse(left, verdict_of(&error));
                failures += 1;
                mendable += usize::from(helps == Helps::Means);
                let rung = if helps == Helps::Means { Rung::after(mendable) } else { Rung::Redial };
                let pause = PAUSES[(failures - 1).min(PAUSES.len() - 1)];
                news(News::Failed { error: &error, rung, pause, helps });
                let until = site.now() + pause;
                // A stick that comes back ends the pause.
                let was_there = site.is_there()?;
                if !was_there {
                    // Pulled while it went online: nothing is dialled before it is back.
                    news(News::Waiting { gone: true });
                    told = true;
                }
                while site.now() < until && (was_there || !site.is_there()?) {
                    if site.wait(until)? == Woke::Stop {
                        return stopped(site, was_online, left);
                    }
                }
                if rung == Rung::Redial || !site.is_there()? {
                    continue;
                }
                let climb = site.climb(rung);
                // Whatever was sent before it failed was sent.
                let verdict = climb.as_ref().err().and_then(Error::verdict);
                left = worse(left, verdict.unwrap_or(Verdict::Recoverable));
                if climb.is_ok() {
                    climbed += 1;
                    news(News::Climbed { rung, count: climbed });
                    // It leaves a moment after its `OK`.
                    let end = site.now() + LEAVES;
                    while rung >= Rung::Reset && site.now() < end && site.is_there()? {
                        if site.wait(end)? == Woke::Stop {
                            return stopped(site, was_online, left);
                        }
                    }
                }
            }
        }
    }
}

/// Goes offline where a stop was asked for.
fn stopped(site: &mut dyn Site, was_online: bool, left: Verdict) -> Result<Taken> {
    let taken = site.down()?;
    if was_online {
        return Ok(taken);
    }
    let error = Error::new(ErrorKind::Interrupted, "stopped before it was online");
    // What an attempt has left is known now.
    Err(match taken.was_online {
        true => error.with("stick-now", taken.stick.join(", ")).with_verdict(Verdict::Recoverable),
        false => error.with_verdict(left),
    })
}

/// Whoever fails without one has sent nothing yet.
fn verdict_of(error: &Error) -> Verdict {
    error.verdict().unwrap_or(Verdict::Untouched)
}

/// Of two attempts one after the other.
fn worse(one: Verdict, other: Verdict) -> Verdict {
    let rank = |verdict| match verdict {
        Verdict::Untouched => 0,
        Verdict::Done | Verdict::Recoverable => 1,
        Verdict::Unknown => 2,
    };
    if rank(other) > rank(one) { other } else { one }
}

/// Hangs up after an error; where that fails, the error says so.
fn ended(site: &mut dyn Site, error: Error) -> Error {
    match site.down() {
        // Whoever failed while going up has stated the verdict.
        Ok(_) if error.verdict().is_some() => error,
        Ok(taken) if taken.stick.is_empty() => error.with_verdict(Verdict::Recoverable),
        Ok(taken) => error.with("stick-now", taken.stick.join(", ")).with_verdict(Verdict::Recoverable),
        Err(e) => {
            let verdict = e.verdict().unwrap_or(Verdict::Unknown);
            error.with("hang-up", format!("failed: {e}")).with_verdict(verdict)
        }
    }
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
        let woke = site.wait(next)?;
        let look = match woke {
            Woke::Stop => return Ok(End::Stopped),
            Woke::Report(Report::Ended(_)) => Look::Doubt,
            _ if site.now() >= next => Look::Probe,
            _ => Look::Glance,
        };
        let bytes = site.traffic();
        let time = before + (site.now() - start);
        if limits.bytes.is_some_and(|most| bytes >= most) || limits.time.is_some_and(|most| time >= most) {
            return Err(Error::new(ErrorKind::LimitReached, "what was allowed is used up")
                .with("bytes", bytes)
                .with("seconds", time.as_secs()));
        }
        if !site.is_there()? {
            return Ok(End::Lost("the stick is gone from its place".to_owned()));
        }
        let health = match site.check(look) {
            Err(e) if e.is(ErrorKind::Interrupted) => return Ok(End::Stopped),
            // An interface that goes while it is looked at is a connection that is lost.
            Err(e) if Helps::against(&e) != Helps::Nothing => Health::Lost(e.to_string()),
            other => other?,
        };
        match (health, woke) {
            (Health::Well, _) if look == Look::Glance => {}
            (Health::Well, _) => {
                news(News::Well(bytes));
                next = site.now() + every;
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
mod tests {
    use super::*;
    use crate::error::Detail;

    #[test]
    fn the_means_grow_stronger_and_begin_anew() {
        let rungs: Vec<Rung> = (1..=8).map(Rung::after).collect();
        use Rung::{Port, Radio, Redial, Reset};
        assert_eq!(rungs, [Redial, Redial, Radio, Reset, Port, Redial, Redial, Redial]);
    }

    /// A site that plays its checks, and whose hanging up may fail.
    struct Played {
        now: Moment,
        checks: Vec<Result<Health>>,
        ups: u32,
        hang_up: Option<Verdict>,
        /// How going up fails after the first time.
        fails: Vec<Error>,
    }

    impl Site for Played {
        fn now(&self) -> Moment {
            self.now
        }

        fn wait(&mut self, until: Moment) -> Result<Woke> {
            self.now = until;
            Ok(if self.checks.is_empty() { Woke::Stop } else { Woke::Time })
        }

        fn is_there(&mut self) -> Result<bool> {
            Ok(true)
        }

        fn up(&mut self) -> Result<Connection> {
            self.ups += 1;
            match self.fails.pop().filter(|_| self.ups > 1) {
                Some(error) => Err(error),
                None => Ok(Connection::default()),
            }
        }

        fn down(&mut self) -> Result<Taken> {
            let failed = |verdict| Error::new(ErrorKind::Timeout, "no answer").with_verdict(verdict);
            self.hang_up.map_or(Ok(Taken::default()), |verdict| Err(failed(verdict)))
        }

        fn check(&mut self, _: Look) -> Result<Health> {
            self.checks.pop().unwrap_or(Ok(Health::Well))
        }

        fn climb(&mut self, _: Rung) -> Result<()> {
            Ok(())
        }

        fn traffic(&mut self) -> u64 {
            0
        }
    }

    fn played(checks: Vec<Result<Health>>, hang_up: Option<Verdict>) -> Played {
        Played { now: Moment::ZERO, checks, ups: 0, hang_up, fails: Vec::new() }
    }

    #[test]
    fn an_interface_that_goes_while_it_is_looked_at_is_dialled_again() {
        let gone = Err(Error::new(ErrorKind::Disconnected, "there is no interface"));
        let mut site = played(vec![Ok(Health::Well), gone, Ok(Health::Well)], None);
        stay(&mut site, EVERY, Limits::default(), &mut |_| {}).unwrap();
        assert_eq!(site.ups, 2);
        let stopped = Err(Error::new(ErrorKind::Interrupted, "stop"));
        let mut site = played(vec![Ok(Health::Well), stopped], None);
        stay(&mut site, EVERY, Limits::default(), &mut |_| {}).unwrap();
        assert_eq!(site.ups, 1);
    }

    #[test]
    fn what_the_owner_alone_can_change_is_tried_again_after_it_was_online() {
        let refused = || Error::new(ErrorKind::NotRegistered, "abroad").detail(Detail::RoamingOff);
        let lost = || Ok(Health::Lost("x".to_owned()));
        let mut site = played(vec![Ok(Health::Well), lost()], None);
        // The first is taken by the attempt that goes well.
        site.fails = (0..9).map(|_| refused()).collect();
        let mut rungs = Vec::new();
        let mut checks = 0;
        stay(&mut site, EVERY, Limits::default(), &mut |news| match news {
            News::Failed { rung, helps, .. } => rungs.push((rung, helps)),
            News::Climbed { .. } => checks += 1,
            _ => {}
        })
        .unwrap();
        assert_eq!((rungs, checks), (vec![(Rung::Redial, Helps::Owner); 8], 0));
    }

    /// A site that is never online, and whose stronger means ends so.
    struct Never(Moment, Climb);

    type Climb = fn() -> Result<()>;

    impl Site for Never {
        fn now(&self) -> Moment {
            self.0
        }

        fn wait(&mut self, until: Moment) -> Result<Woke> {
            self.0 = until;
            // After the radio, and before what is stronger.
            Ok(if until > Moment::ZERO + Duration::from_secs(50) { Woke::Stop } else { Woke::Time })
        }

        fn is_there(&mut self) -> Result<bool> {
            Ok(true)
        }

        fn up(&mut self) -> Result<Connection> {
            Err(Error::new(ErrorKind::NoReach, "x").with_verdict(Verdict::Untouched))
        }

        fn down(&mut self) -> Result<Taken> {
            Ok(Taken::default())
        }

        fn check(&mut self, _: Look) -> Result<Health> {
            Ok(Health::Well)
        }

        fn climb(&mut self, _: Rung) -> Result<()> {
            (self.1)()
        }

        fn traffic(&mut self) -> u64 {
            0
        }
    }

    #[test]
    fn what_a_means_that_failed_has_sent_is_not_forgotten() {
        fn error() -> Error {
            Error::new(ErrorKind::Timeout, "no answer")
        }
        let ends: [(Climb, Verdict); 4] = [
            (|| Ok(()), Verdict::Recoverable),
            (|| Err(error()), Verdict::Recoverable),
            (|| Err(error().with_verdict(Verdict::Unknown)), Verdict::Unknown),
            (|| Err(error().with_verdict(Verdict::Untouched)), Verdict::Untouched),
        ];
        for (climb, verdict) in ends {
            let mut site = Never(Moment::ZERO, climb);
            let ended = stay(&mut site, EVERY, Limits::default(), &mut |_| {}).unwrap_err();
            assert_eq!(ended.verdict(), Some(verdict));
        }
    }

    #[test]
    fn the_end_is_told_as_a_change() {
        let mut downs = Vec::new();
        let mut news = |news: News<'_>| {
            if let News::Down(why) = news {
                downs.push(why);
            }
        };
        stay(&mut played(Vec::new(), None), EVERY, Limits::default(), &mut news).unwrap();
        let limits = Limits { time: Some(EVERY), bytes: None };
        stay(&mut played(vec![Ok(Health::Well)], None), EVERY, limits, &mut news).unwrap_err();
        assert_eq!(downs, ["stopped", "what was allowed is used up"]);
    }

    #[test]
    fn hanging_up_that_fails_is_no_good_end() {
        let stopped =
            stay(&mut played(Vec::new(), Some(Verdict::Unknown)), EVERY, Limits::default(), &mut |_| {});
        assert_eq!(stopped.unwrap_err().verdict(), Some(Verdict::Unknown));
        let limits = Limits { time: Some(EVERY), bytes: None };
        let mut site = played(vec![Ok(Health::Well)], Some(Verdict::Unknown));
        let error = stay(&mut site, EVERY, limits, &mut |_| {}).unwrap_err();
        assert!(error.is(ErrorKind::LimitReached), "{error:?}");
        assert_eq!(error.verdict(), Some(Verdict::Unknown));
        assert!(error.fact("hang-up").is_some_and(|fact| fact.contains("no answer")), "{error:?}");
    }
}
