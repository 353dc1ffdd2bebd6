//! The MBIM dialogue: one command at a time over the control channel of a function.
//!
//! [`Mbim`] is the engine: it opens the function, sends a command, and waits for its answer. A [`Request`] is a
//! command as a value: what it asks, what it does to the stick, how long the stick may take, and how its answer reads.
//!
//! ```
//! use stickshift::error::Effect;
//! use stickshift::mbim;
//!
//! // Requests are values: what they do to the stick is known before one is sent.
//! assert_eq!(mbim::signal().effect, Effect::Reads);
//! assert_eq!(mbim::delete_message(3).effect, Effect::Changes);
//! assert!(mbim::delete_message(3).timeout > mbim::USUAL);
//! ```

mod engine;
mod requests;
#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::error::Effect;
use crate::wire::mbim::{Command, Service};

pub use engine::{Mbim, PATIENT, USUAL};
pub use requests::*;

/// One command as a value.
pub struct Request<T> {
    /// What is sent.
    pub command: Command,
    /// What it does to the stick.
    pub effect: Effect,
    /// How long the stick may take.
    pub timeout: Duration,
    /// What its answer is, for errors.
    what: &'static str,
    parse: fn(&[u8]) -> Option<T>,
}

impl<T> Request<T> {
    /// A question that takes no longer than [`USUAL`].
    pub fn query(
        service: Service,
        cid: u32,
        data: Vec<u8>,
        what: &'static str,
        parse: fn(&[u8]) -> Option<T>,
    ) -> Self {
        let command = Command { service, cid, set: false, data };
        Request { command, effect: Effect::Reads, timeout: USUAL, what, parse }
    }

    /// A change.
    pub fn set(
        service: Service,
        cid: u32,
        data: Vec<u8>,
        what: &'static str,
        parse: fn(&[u8]) -> Option<T>,
    ) -> Self {
        let command = Command { service, cid, set: true, data };
        Request { command, effect: Effect::Changes, timeout: PATIENT, what, parse }
    }

    /// The same, with more time.
    #[must_use]
    pub fn within(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}
