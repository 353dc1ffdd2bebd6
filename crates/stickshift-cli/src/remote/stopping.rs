//! How long a command that changes something is waited for, once somebody here wants to stop.

use std::time::{Duration, Instant};

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
