//! Those who work with one virtual computer at the same time.

use stickshift::link::Moment;

/// Who works with a computer at the same time, and what they wait for. With nobody counted, whoever waits moves the clock alone.
#[derive(Debug, Default)]
pub(crate) struct Participants {
    pub(super) count: usize,
    /// Until when each of those who wait would wait.
    pub(super) waiting: Vec<Moment>,
    /// How often time went on for all of them.
    pub(super) rounds: u64,
}
