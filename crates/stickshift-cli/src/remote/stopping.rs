//! How long a command that changes something is waited for, once somebody here wants to stop.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use stickshift::error::{Error, ErrorKind, Result, Verdict};
use stickshift::event::Cancel;
use stickshift::link::Ledger;

use crate::context::Context;
use crate::output::Output;

/// While it says nothing.
const SILENT: Duration = Duration::from_secs(60);
/// Whatever it says.
const AT_ALL: Duration = Duration::from_secs(600);

/// The wait for the end of a command that was asked to stop.
#[derive(Debug, Default)]
pub(super) struct Stopping(Option<Since>);

#[derive(Debug)]
struct Since {
    begun: Instant,
    heard: Instant,
}

impl Stopping {
    /// It is asked to stop. Later calls change nothing.
    pub(super) fn begins(&mut self, now: Instant) {
        self.0.get_or_insert(Since { begun: now, heard: now });
    }

    /// It said something.
    pub(super) fn heard(&mut self, now: Instant) {
        if let Some(since) = &mut self.0 {
            since.heard = now;
        }
    }

    /// Whether it is waited for no longer.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        let is_long = |since: &Since| now > since.heard + SILENT || now > since.begun + AT_ALL;
        self.0.as_ref().is_some_and(is_long)
    }
}

/// Says once that somebody wants to stop, and gives up when he says so again.
pub(super) struct Patience {
    cancel: Cancel,
    is_told: Cell<bool>,
    tell: Box<dyn Fn()>,
}

impl Patience {
    pub(super) fn new(context: &Context, name: &str) -> Rc<Patience> {
        let what = format!(
            "asked to stop: {name} is waited for until it says how the command ends, {} seconds while it says nothing; whoever asks again waits no longer",
            SILENT.as_secs()
        );
        let global = context.global.clone();
        let tell = Box::new(move || Output::new(&global, Ledger::new()).warn("stopping", what.clone()));
        Rc::new(Patience { cancel: context.cancel.clone(), is_told: Cell::new(false), tell })
    }

    /// # Errors
    /// `Interrupted`, where he asked again: what was begun may go on.
    pub(super) fn check(&self) -> Result<()> {
        if !self.cancel.is_cancelled() {
            return Ok(());
        }
        if !self.is_told.replace(true) {
            (self.tell)();
        }
        match requests() {
            0 | 1 => Ok(()),
            _ => Err(Error::new(ErrorKind::Interrupted, "it is not waited for any longer")
                .with_verdict(Verdict::Unknown)),
        }
    }
}

/// How often somebody asked to stop.
fn requests() -> u8 {
    #[cfg(unix)]
    return stickshift::host::stop_requests();
    #[cfg(not(unix))]
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_command_that_says_nothing_is_left_after_a_minute() {
        let start = Instant::now();
        let mut stopping = Stopping::default();
        // Nobody wants to stop: a flash may be silent for as long as it likes.
        stopping.heard(start);
        assert!(!stopping.is_over(start + seconds(3600)));
        let asked = start + seconds(3600);
        stopping.begins(asked);
        assert!(!stopping.is_over(asked + seconds(60)), "what it said last was long ago");
        // To ask again begins no new minute.
        stopping.begins(asked + seconds(59));
        assert!(stopping.is_over(asked + seconds(61)));
    }

    #[test]
    fn a_command_that_goes_on_talking_is_left_after_ten_minutes() {
        let asked = Instant::now();
        let mut stopping = Stopping::default();
        stopping.begins(asked);
        for second in (0..=600).step_by(30) {
            stopping.heard(asked + seconds(second));
            assert!(!stopping.is_over(asked + seconds(second)), "{second} s");
        }
        stopping.heard(asked + seconds(601));
        assert!(stopping.is_over(asked + seconds(601)));
    }
}
