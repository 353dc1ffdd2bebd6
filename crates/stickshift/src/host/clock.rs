use std::time::{Duration, Instant};

use crate::link::Moment;

/// The monotonic clock of one link: time since it was opened.
#[derive(Debug)]
pub(crate) struct Clock(Instant);

impl Clock {
    pub(crate) fn start() -> Self {
        Clock(Instant::now())
    }

    pub(crate) fn now(&self) -> Moment {
        self.0.elapsed()
    }

    pub(crate) fn sleep(&self, time: Duration) {
        std::thread::sleep(time);
    }

    /// How long until `deadline`; zero when it has passed.
    pub(crate) fn until(&self, deadline: Moment) -> Duration {
        deadline.saturating_sub(self.now())
    }
}
