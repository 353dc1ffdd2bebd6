//! What every verb is given: the options, the output, the bus, and the question before acting.

use std::io::{self, BufRead, IsTerminal, Write};

use stickshift::error::{Error, ErrorKind, Result, Verdict};
use stickshift::event::{Cancel, Session};

use crate::args::Global;
use crate::output::Output;

pub(crate) struct Context {
    pub(crate) global: Global,
    pub(crate) output: Output,
    pub(crate) cancel: Cancel,
}

impl Context {
    pub(crate) fn new(global: Global, cancel: Cancel) -> Self {
        let output = Output::new(&global);
        Context { global, output, cancel }
    }

    /// A session whose events go to the output.
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
        eprint!("{question} [y/N] ");
        let _ = io::stderr().flush();
        let mut answer = String::new();
        let _ = io::stdin().lock().read_line(&mut answer);
        match answer.trim() {
            "y" | "Y" | "yes" => Ok(()),
            _ => declined("the plan was declined"),
        }
    }
}
