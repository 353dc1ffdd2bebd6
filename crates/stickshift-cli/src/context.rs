//! What every verb is given: the options, the output, the bus, and the question before acting.

use std::io::{self, BufRead, IsTerminal, Write};
use std::sync::Arc;
use std::time::Duration;

use clap::Command;
use stickshift::clean;
use stickshift::error::{Error, ErrorKind, Result, Verdict};
use stickshift::event::{Cancel, Event, Session};
use stickshift::link::{Bus, Ledger, Moment};
use stickshift::profile::Catalogue;

use crate::opener::{Look, Opener};
use crate::options::Global;
use crate::output::Output;

/// How long a wait for plugging lasts when nothing happens at all.
const LONG: Duration = Duration::from_secs(24 * 3600);
/// How long it takes at most until a signal is noticed.
const SHORT: Duration = Duration::from_millis(200);

pub(crate) struct Context {
    pub(crate) global: Global,
    pub(crate) output: Output,
    pub(crate) cancel: Cancel,
    pub(crate) opener: Arc<Opener>,
    /// Makes the whole command line, for completions and manual pages.
    pub(crate) command_line: fn() -> Command,
}

impl Context {
    pub(crate) fn new(global: Global, cancel: Cancel, command_line: fn() -> Command) -> Self {
        let ledger = Ledger::new();
        let output = Output::new(&global, ledger.clone());
        let opener = Arc::new(Opener::new(global.clone(), ledger));
        Context { global, output, cancel, opener, command_line }
    }

    /// The bus with the sticks that are there.
    ///
    /// # Errors
    /// As [`Opener::bus`].
    pub(crate) fn bus(&self) -> Result<Box<dyn Bus>> {
        self.opener.bus(Look::Sticks)
    }

    /// The bus with every device on it, also those that only a profile of the owner's knows.
    ///
    /// # Errors
    /// As [`Opener::bus`].
    pub(crate) fn every_device(&self) -> Result<Box<dyn Bus>> {
        self.opener.bus(Look::EveryDevice)
    }

    /// Switching profiles, the owner's before the built-in ones. A file of the owner's that cannot be used is warned of.
    pub(crate) fn catalogue(&self) -> Arc<Catalogue> {
        for problem in self.opener.profile_problems() {
            self.output.warn("profile-unusable", format!("{}: {}", problem.file, problem.what));
        }
        self.opener.catalogue()
    }

    /// Sleeps until something on the bus may have changed, or until `until`. `false` when the user asked to stop.
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
    pub(crate) fn session(&self) -> Session<'_> {
        self.session_with(|_| {})
    }

    /// The same, and every event goes to `also` first.
    pub(crate) fn session_with<'a>(&'a self, also: impl Fn(&Event) + 'a) -> Session<'a> {
        let mut until_ctrl_c = self.ctrl_c();
        let sink = move |event| {
            also(&event);
            if let (Event::Progress { .. }, Some(left)) = (&event, until_ctrl_c.as_mut()) {
                *left = left.saturating_sub(1);
                if *left == 0 {
                    self.cancel.cancel();
                }
            }
            self.output.event(&event);
        };
        Session::new(sink, self.cancel.clone())
    }

    /// After how many reports of progress a virtual owner presses Ctrl-C.
    #[cfg(feature = "virtual")]
    fn ctrl_c(&self) -> Option<u32> {
        self.global.virtual_sticks.ctrl_c()
    }

    #[cfg(not(feature = "virtual"))]
    fn ctrl_c(&self) -> Option<u32> {
        None
    }

    /// Asks before a plan that was shown is carried out.
    ///
    /// # Errors
    /// `ConsentNeeded` when the answer is no, or when there is no terminal.
    pub(crate) fn confirm(&self, question: &str) -> Result<()> {
        if self.global.yes {
            return Ok(());
        }
        let declined =
            |what: &str| Err(Error::new(ErrorKind::ConsentNeeded, what).with_verdict(Verdict::Untouched));
        if self.global.json || !io::stdin().is_terminal() {
            return declined("the plan was not confirmed, and there is no terminal to ask on");
        }
        let _ = write!(io::stderr(), "{} [y/N] ", clean::line(question));
        let _ = io::stderr().flush();
        let mut answer = String::new();
        let _ = io::stdin().lock().read_line(&mut answer);
        match answer.trim() {
            "y" | "Y" | "yes" => Ok(()),
            _ => declined("the plan was declined"),
        }
    }
}
