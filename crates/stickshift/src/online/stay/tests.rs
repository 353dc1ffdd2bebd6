use super::*;
use crate::error::Detail;

#[test]
fn the_means_grow_stronger_and_begin_anew() {
    let recoveries: Vec<Recovery> = (1..=8).map(Recovery::after).collect();
    use Recovery::{Radio, Reauthorize, Redial, Reset};
    assert_eq!(recoveries, [Redial, Redial, Radio, Reset, Reauthorize, Redial, Redial, Redial]);
}

/// One that plays its checks, and whose hanging up may fail.
struct Played {
    now: Moment,
    checks: Vec<Result<Health>>,
    ups: u32,
    hang_up: Option<Verdict>,
    /// How going up fails after the first time.
    fails: Vec<Error>,
    /// The bus is not readable once the checks are over.
    breaks: bool,
    downs: u32,
}

impl Supervised for Played {
    fn now(&self) -> Moment {
        self.now
    }

    fn wait(&mut self, until: Moment) -> Result<Woke> {
        self.now = until;
        Ok(if self.checks.is_empty() { Woke::Stop } else { Woke::Time })
    }

    fn is_there(&mut self) -> Result<bool> {
        match self.breaks && self.checks.is_empty() {
            true => Err(Error::new(ErrorKind::Io, "the bus is not readable")),
            false => Ok(true),
        }
    }

    fn up(&mut self) -> Result<Connection> {
        self.ups += 1;
        match self.fails.pop().filter(|_| self.ups > 1) {
            Some(error) => Err(error),
            None => Ok(Connection::default()),
        }
    }

    fn down(&mut self) -> Result<Taken> {
        self.downs += 1;
        let failed = |verdict| Error::new(ErrorKind::Timeout, "no answer").with_verdict(verdict);
        self.hang_up.map_or(Ok(Taken::default()), |verdict| Err(failed(verdict)))
    }

    fn check(&mut self, _: Look) -> Result<Health> {
        self.checks.pop().unwrap_or(Ok(Health::Well))
    }

    fn escalate(&mut self, _: Recovery) -> Result<()> {
        Ok(())
    }

    fn traffic(&mut self) -> u64 {
        0
    }
}

fn played(checks: Vec<Result<Health>>, hang_up: Option<Verdict>) -> Played {
    Played { now: Moment::ZERO, checks, ups: 0, hang_up, fails: Vec::new(), breaks: false, downs: 0 }
}

#[test]
fn an_interface_that_goes_while_it_is_looked_at_is_dialled_again() {
    let gone = Err(Error::new(ErrorKind::Disconnected, "there is no interface"));
    let mut supervised = played(vec![Ok(Health::Well), gone, Ok(Health::Well)], None);
    stay(&mut supervised, EVERY, Limits::default(), &mut |_| {}).unwrap();
    assert_eq!(supervised.ups, 2);
    let stopped = Err(Error::new(ErrorKind::Interrupted, "stop"));
    let mut supervised = played(vec![Ok(Health::Well), stopped], None);
    stay(&mut supervised, EVERY, Limits::default(), &mut |_| {}).unwrap();
    assert_eq!(supervised.ups, 1);
}

#[test]
fn what_the_owner_alone_can_change_is_tried_again_after_it_was_online() {
    let refused = || Error::new(ErrorKind::NotRegistered, "abroad").detail(Detail::RoamingOff);
    let lost = || Ok(Health::Lost("x".to_owned()));
    let mut supervised = played(vec![Ok(Health::Well), lost()], None);
    // The first is taken by the attempt that goes well.
    supervised.fails = (0..9).map(|_| refused()).collect();
    let mut recoveries = Vec::new();
    let mut checks = 0;
    stay(&mut supervised, EVERY, Limits::default(), &mut |news| match news {
        News::Failed { recovery, remedy, .. } => recoveries.push((recovery, remedy)),
        News::Escalated { .. } => checks += 1,
        _ => {}
    })
    .unwrap();
    assert_eq!((recoveries, checks), (vec![(Recovery::Redial, Remedy::Owner); 8], 0));
}

/// One that is never online, and whose stronger means ends so; after that it fails so, and before as nothing was sent.
struct Never(Moment, Escalation, Option<ErrorKind>, ErrorKind);

type Escalation = fn() -> Result<()>;

impl Supervised for Never {
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
        Err(Error::new(self.3, "x").with_verdict(Verdict::Untouched))
    }

    fn down(&mut self) -> Result<Taken> {
        Ok(Taken::default())
    }

    fn check(&mut self, _: Look) -> Result<Health> {
        Ok(Health::Well)
    }

    fn escalate(&mut self, _: Recovery) -> Result<()> {
        self.3 = self.2.unwrap_or(self.3);
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
    let ends: [(Escalation, Verdict); 4] = [
        (|| Ok(()), Verdict::Recoverable),
        (|| Err(error()), Verdict::Recoverable),
        (|| Err(error().with_verdict(Verdict::Unknown)), Verdict::Unknown),
        (|| Err(error().with_verdict(Verdict::Untouched)), Verdict::Untouched),
    ];
    for (climb, verdict) in ends {
        // Also where the run ends by an error that has sent nothing itself.
        for last in [None, Some(ErrorKind::SimPinNeeded)] {
            let mut supervised = Never(Moment::ZERO, climb, last, ErrorKind::NoReach);
            let ended = stay(&mut supervised, EVERY, Limits::default(), &mut |_| {}).unwrap_err();
            assert_eq!(ended.kind(), last.unwrap_or(ErrorKind::Interrupted));
            assert_eq!(ended.verdict(), Some(verdict), "{ended:?}");
        }
    }
}

/// It was dialled and hung up, whatever the last attempt did.
#[test]
fn who_was_online_does_not_end_untouched() {
    let mut supervised = played(vec![Ok(Health::Well), Ok(Health::Lost("x".to_owned()))], None);
    let wants_pin = Error::new(ErrorKind::SimPinNeeded, "x").with_verdict(Verdict::Untouched);
    // The first is taken by the attempt that goes well.
    supervised.fails = vec![wants_pin, Error::new(ErrorKind::NoReach, "x")];
    let error = stay(&mut supervised, EVERY, Limits::default(), &mut |_| {}).unwrap_err();
    assert!(error.is(ErrorKind::SimPinNeeded), "{error:?}");
    assert_eq!((error.verdict(), supervised.downs), (Some(Verdict::Recoverable), 1));
}

/// A reset that was not answered, and nothing that is taken back: no good end hides that.
#[test]
fn a_stop_does_not_hide_what_nobody_saw() {
    for (left, verdict) in [(Verdict::Unknown, Some(Verdict::Unknown)), (Verdict::Recoverable, None)] {
        let mut supervised = played(vec![Ok(Health::Lost("x".to_owned()))], None);
        supervised.fails =
            vec![Error::new(ErrorKind::Timeout, "x").with_verdict(left), Error::new(ErrorKind::NoReach, "x")];
        let ended = stay(&mut supervised, EVERY, Limits::default(), &mut |_| {});
        assert_eq!(ended.err().and_then(|e| e.verdict()), verdict);
    }
}

#[test]
fn a_bus_that_fails_does_not_leave_the_connection_behind() {
    for (hang_up, verdict) in [(None, Verdict::Recoverable), (Some(Verdict::Unknown), Verdict::Unknown)] {
        let mut supervised = played(vec![Ok(Health::Lost("x".to_owned()))], hang_up);
        supervised.breaks = true;
        let error = stay(&mut supervised, EVERY, Limits::default(), &mut |_| {}).unwrap_err();
        assert!(error.is(ErrorKind::Io), "{error:?}");
        assert_eq!((error.verdict(), supervised.downs), (Some(verdict), 1), "{error:?}");
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
    let mut supervised = played(vec![Ok(Health::Well)], Some(Verdict::Unknown));
    let error = stay(&mut supervised, EVERY, limits, &mut |_| {}).unwrap_err();
    assert!(error.is(ErrorKind::LimitReached), "{error:?}");
    assert_eq!(error.verdict(), Some(Verdict::Unknown));
    assert!(error.fact("hang-up").is_some_and(|fact| fact.contains("no answer")), "{error:?}");
}
