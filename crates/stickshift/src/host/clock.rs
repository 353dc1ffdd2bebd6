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

/// A wait as the kernel takes it. Its fields are of other widths on 32-bit processors; what does not fit is a wait of weeks.
#[cfg(target_os = "linux")]
pub(super) fn timespec(time: Duration) -> rustix::event::Timespec {
    let longest = rustix::event::Timespec { tv_sec: i32::MAX.into(), tv_nsec: 0 };
    time.try_into().unwrap_or(longest)
}
