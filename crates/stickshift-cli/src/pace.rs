//! Holds a virtual stick back to the pace of a clock: `rehearse --real-time`.

use std::time::{Duration, Instant};

use stickshift::event::Cancel;

/// How long it takes at most until Ctrl-C is noticed.
const SOON: Duration = Duration::from_millis(50);

/// A clock that can be waited for.
pub(crate) trait WallClock {
    /// Time since it was started.
    fn elapsed(&self) -> Duration;

    fn sleep(&self, time: Duration);
}

impl WallClock for Instant {
    fn elapsed(&self) -> Duration {
        Instant::elapsed(self)
    }

    fn sleep(&self, time: Duration) {
        std::thread::sleep(time);
    }
}

/// Waits until `clock` shows what the virtual clock shows, or until the user asks to stop.
pub(crate) fn keep(clock: &impl WallClock, shown: Duration, cancel: &Cancel) {
    while !cancel.is_cancelled() {
        let ahead = shown.saturating_sub(clock.elapsed());
        if ahead.is_zero() {
            break;
        }
        clock.sleep(ahead.min(SOON));
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use super::*;

    /// A clock that moves when it is slept on; at `stop` somebody presses Ctrl-C.
    #[derive(Default)]
    struct Played {
        now: Cell<Duration>,
        sleeps: RefCell<Vec<Duration>>,
        stop: Option<(Duration, Cancel)>,
    }

    impl WallClock for Played {
        fn elapsed(&self) -> Duration {
            self.now.get()
        }

        fn sleep(&self, time: Duration) {
            self.sleeps.borrow_mut().push(time);
            self.now.set(self.now.get() + time);
            if let Some((at, cancel)) = &self.stop
                && self.now.get() >= *at
            {
                cancel.cancel();
            }
        }
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn it_waits_for_what_the_virtual_clock_is_ahead_and_no_longer() {
        let clock = Played::default();
        keep(&clock, 27 * SECOND, &Cancel::default());
        assert_eq!(clock.elapsed(), 27 * SECOND);
        assert!(clock.sleeps.borrow().iter().all(|sleep| *sleep <= SOON));
        let slept = clock.sleeps.borrow().len();
        for behind in [Duration::ZERO, 26 * SECOND, 27 * SECOND] {
            keep(&clock, behind, &Cancel::default());
        }
        assert_eq!(clock.sleeps.borrow().len(), slept, "a clock that is behind is not waited for");
        keep(&clock, 28 * SECOND, &Cancel::default());
        assert_eq!(clock.elapsed(), 28 * SECOND, "what passed before counts");
    }

    #[test]
    fn ctrl_c_ends_the_wait_at_once() {
        let cancel = Cancel::default();
        let clock = Played { stop: Some((2 * SECOND, cancel.clone())), ..Played::default() };
        keep(&clock, 600 * SECOND, &cancel);
        assert!(clock.elapsed() <= 2 * SECOND + SOON, "{:?}", clock.elapsed());
        let slept = clock.sleeps.borrow().len();
        keep(&clock, 600 * SECOND, &cancel);
        assert_eq!(clock.sleeps.borrow().len(), slept);
    }
}
