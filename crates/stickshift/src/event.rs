//! The one stream of progress that every front end renders, and the request to stop.
//!
//! ```
//! use stickshift::error::ErrorKind;
//! use stickshift::event::{Cancel, Event, Session};
//!
//! let cancel = Cancel::new();
//! let mut codes = Vec::new();
//! let mut session = Session::new(|event| if let Event::Step { code, .. } = event { codes.push(code) }, cancel.clone());
//! session.step("switch", "switching 1-1");
//! cancel.cancel();
//! assert!(session.check().unwrap_err().is(ErrorKind::Interrupted));
//! drop(session);
//! assert_eq!(codes, ["switch"]);
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, ErrorKind, Result};

/// What a piece of long work tells about itself, in the order it happens.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A named step begins. `code` is stable and kebab-case; `text` is for people.
    Step {
        /// For scripts, for example `"flash-partition"`.
        code: &'static str,
        /// One lower-case line, for example `"partition 3 of 10: Kernel_R11, 5737524 bytes"`.
        text: String,
    },
    /// How far the present step is, in its own unit (bytes unless the step says otherwise).
    Progress {
        /// Done so far.
        done: u64,
        /// All there is to do in this step.
        total: u64,
    },
    /// Something worth saying that is no step and no trouble: what was found out, what was skipped.
    Note {
        /// For scripts.
        code: &'static str,
        /// One lower-case line.
        text: String,
    },
    /// Trouble that was dealt with: a retry, a tolerated oddity.
    Warning {
        /// For scripts.
        code: &'static str,
        /// One lower-case line.
        text: String,
    },
}

/// A flag that asks running work to stop at its next safe step. Clones share the flag.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// A flag that is not raised.
    pub fn new() -> Self {
        Cancel::default()
    }

    /// Asks the work to stop. Safe to call from a signal handler or another thread.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether a stop was requested.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What a dialogue is given besides its link: where to report, and whether to stop.
pub struct Session<'a> {
    sink: Box<dyn FnMut(Event) + 'a>,
    cancel: Cancel,
}

impl<'a> Session<'a> {
    /// Reports go to `sink`; `cancel` is looked at wherever stopping is safe.
    pub fn new(sink: impl FnMut(Event) + 'a, cancel: Cancel) -> Self {
        Session { sink: Box::new(sink), cancel }
    }

    /// Discards reports and is never cancelled.
    pub fn quiet() -> Self {
        Session::new(|_| {}, Cancel::new())
    }

    /// The flag of this session.
    pub fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    /// Reports an event.
    pub fn emit(&mut self, event: Event) {
        (self.sink)(event);
    }

    /// A named step begins.
    pub fn step(&mut self, code: &'static str, text: impl Into<String>) {
        self.emit(Event::Step { code, text: text.into() });
    }

    /// How far the present step is.
    pub fn progress(&mut self, done: u64, total: u64) {
        self.emit(Event::Progress { done, total });
    }

    /// Something worth saying.
    pub fn note(&mut self, code: &'static str, text: impl Into<String>) {
        self.emit(Event::Note { code, text: text.into() });
    }

    /// Trouble that was dealt with.
    pub fn warn(&mut self, code: &'static str, text: impl Into<String>) {
        self.emit(Event::Warning { code, text: text.into() });
    }

    /// To be called where stopping is safe.
    ///
    /// # Errors
    /// [`ErrorKind::Interrupted`] when the user asked to stop; the caller adds the verdict.
    pub fn check(&self) -> Result<()> {
        if self.cancel.is_cancelled() {
            return Err(Error::new(ErrorKind::Interrupted, "stopped on request"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_arrive_in_order_and_cancel_is_shared() {
        let mut seen = Vec::new();
        let cancel = Cancel::new();
        let mut session = Session::new(|e| seen.push(e), cancel.clone());
        session.step("a", "first");
        session.progress(1, 2);
        assert!(session.check().is_ok());
        cancel.cancel();
        assert!(session.check().unwrap_err().is(ErrorKind::Interrupted));
        drop(session);
        assert_eq!(seen.len(), 2);
        assert_eq!(seen[1], Event::Progress { done: 1, total: 2 });
    }
}
