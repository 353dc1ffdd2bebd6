//! What every verb is given: the options, the output, the bus, and the question before acting.

use std::cell::OnceCell;
use std::io::{self, BufRead, IsTerminal, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use stickshift::error::{Error, ErrorKind, Result, Verdict};
use stickshift::event::{Cancel, Session};
use stickshift::host::SysBus;
use stickshift::link::{Bus, Moment, TraceSink, TracedBus};

use crate::args::Global;
use crate::files;
use crate::output::Output;

/// How long a wait for plugging lasts when nothing happens at all.
const LONG: Duration = Duration::from_secs(24 * 3600);
/// How long it takes at most until a signal is noticed.
const SHORT: Duration = Duration::from_millis(200);

pub(crate) struct Context {
    pub(crate) global: Global,
    pub(crate) output: Output,
    pub(crate) cancel: Cancel,
    /// The trace that was asked for, once it was begun.
    trace: OnceCell<TraceSink>,
}

impl Context {
    pub(crate) fn new(global: Global, cancel: Cancel) -> Self {
        let output = Output::new(&global);
        Context { global, output, cancel, trace: OnceCell::new() }
    }

    /// The bus that the verb works on: this computer's, or one with the virtual stick that was asked for; traced where asked.
    ///
    /// # Errors
    /// `Usage` when there is no such virtual stick, `FileUnwritable` for the trace.
    pub(crate) fn bus(&self) -> Result<Box<dyn Bus>> {
        match self.stand_in()? {
            Some(bus) => self.traced(bus),
            None => self.traced(Box::new(SysBus::open())),
        }
    }

    /// The same, with every device on it, also those that only a profile of the owner's knows.
    ///
    /// # Errors
    /// As [`bus`](Self::bus).
    pub(crate) fn every_device(&self) -> Result<Box<dyn Bus>> {
        match self.stand_in()? {
            Some(bus) => self.traced(bus),
            None => self.traced(Box::new(SysBus::open().with_every_device())),
        }
    }

    /// The bus with the virtual stick that was asked for; `None` without `--virtual`.
    ///
    /// # Errors
    /// As [`bus`](Self::bus).
    pub(crate) fn stand_in(&self) -> Result<Option<Box<dyn Bus>>> {
        Ok(self.stand_ins()?.map(|[bus, _]| bus))
    }

    /// A program without virtual sticks has none to stand in.
    #[cfg(not(feature = "virtual"))]
    pub(crate) fn stand_ins(&self) -> Result<Option<[Box<dyn Bus>; 2]>> {
        Ok(None)
    }

    /// The bus, with every byte written to the trace that was asked for.
    ///
    /// # Errors
    /// `FileUnwritable`.
    pub(crate) fn traced(&self, bus: Box<dyn Bus>) -> Result<Box<dyn Bus>> {
        let Some(path) = &self.global.trace else { return Ok(bus) };
        let sink = match self.trace.get() {
            Some(sink) => sink,
            None => {
                let file = files::create_trace(path, self.global.force)?;
                self.trace.get_or_init(|| Arc::new(Mutex::new(file)))
            }
        };
        Ok(Box::new(TracedBus::new(bus, Arc::clone(sink))))
    }

    /// Sleeps until something on the bus may have changed, or until `until`. `false` when somebody asked to stop.
    ///
    /// # Errors
    /// What the bus reports.
    pub(crate) fn wait_change(&self, bus: &mut dyn Bus, until: Option<Moment>) -> Result<bool> {
        while !self.cancel.is_cancelled() {
            let deadline = until.unwrap_or(bus.now() + LONG);
            if bus.wait_change(deadline)? || until.is_some_and(|until| bus.now() >= until) {
                return Ok(!self.cancel.is_cancelled());
            }
            // A signal ends the wait a moment before its handler, in another thread, raises the flag.
            let soon = (bus.now() + SHORT).min(deadline);
            if bus.wait_change(soon)? {
                return Ok(!self.cancel.is_cancelled());
            }
        }
        Ok(false)
    }

    /// A session whose events go to the output.
    #[cfg(feature = "virtual")]
    pub(crate) fn session(&self) -> Session<'_> {
        self.session_with(|_| {})
    }

    /// A session whose events go to the output.
    #[cfg(not(feature = "virtual"))]
    pub(crate) fn session(&self) -> Session<'_> {
        Session::new(|event| self.output.event(&event), self.cancel.clone())
    }

    /// Asks before a plan that was shown is carried out.
    ///
    /// # Errors
    /// `ConsentNeeded` when the answer is no, or when nobody can be asked.
    pub(crate) fn confirm(&self, question: &str) -> Result<()> {
        if self.global.yes {
            return Ok(());
        }
        let declined =
            |what: &str| Err(Error::new(ErrorKind::ConsentNeeded, what).with_verdict(Verdict::Untouched));
        if self.global.json || !io::stdin().is_terminal() {
            return declined("the plan was not confirmed: nobody can be asked here");
        }
        let _ = write!(io::stderr(), "{question} [y/N] ");
        let _ = io::stderr().flush();
        let mut answer = String::new();
        let _ = io::stdin().lock().read_line(&mut answer);
        match answer.trim() {
            "y" | "Y" | "yes" => Ok(()),
            _ => declined("the plan was declined"),
        }
    }
}
