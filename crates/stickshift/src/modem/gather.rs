//! Gathering what a stick tells: one question that fails costs its own answer and no other.

use serde::Serialize;

use crate::at::{At, Command};
use crate::error::{Detail, Error, ErrorKind, Result};
use crate::hilink::{Call, Hilink};
use crate::mbim::{Mbim, Request};

/// Something that the stick did not tell, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Untold {
    /// What was asked for, in a word or two.
    pub what: &'static str,
    /// Why it is missing.
    pub why: String,
}

/// What of several questions was not answered.
#[derive(Default)]
pub(super) struct Gather {
    pub(super) untold: Vec<Untold>,
    first: Option<Error>,
    told: bool,
    /// Questions in a row that got no answer at all.
    silent: u8,
}

/// So many questions at the beginning that get no answer are enough: each of them takes seconds.
const SILENT: u8 = 3;

impl Gather {
    /// Asks over AT; `None`, with its reason kept, where the stick refuses, is silent or answers something else.
    ///
    /// # Errors
    /// `Disconnected`, `Interrupted` and what else ends a dialogue.
    pub(super) fn ask<T>(
        &mut self,
        at: &mut At<'_>,
        what: &'static str,
        command: &Command<T>,
    ) -> Result<Option<T>> {
        let answer = at.run(command);
        self.heard(what, answer)
    }

    /// As [`ask`](Self::ask), over the web, where each request has a connection of its own: one that breaks costs its own answer.
    ///
    /// # Errors
    /// `Interrupted` and what else ends a dialogue.
    pub(super) fn call<T>(
        &mut self,
        web: &mut Hilink<'_>,
        what: &'static str,
        call: &Call<T>,
    ) -> Result<Option<T>> {
        match web.call(call) {
            Err(error) if error.is(ErrorKind::Disconnected) => {
                self.missed(what, error);
                Ok(None)
            }
            answer => self.heard(what, answer),
        }
    }

    /// As [`ask`](Self::ask), over MBIM.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub(super) fn request<T>(
        &mut self,
        mbim: &mut Mbim<'_>,
        what: &'static str,
        request: &Request<T>,
    ) -> Result<Option<T>> {
        let answer = mbim.run(request);
        self.heard(what, answer)
    }

    fn heard<T>(&mut self, what: &'static str, answer: Result<T>) -> Result<Option<T>> {
        let is_silence = answer.as_ref().is_err_and(|error| error.is(ErrorKind::Timeout));
        self.silent = if is_silence { self.silent.saturating_add(1) } else { 0 };
        match answer {
            Ok(value) => {
                self.told = true;
                Ok(Some(value))
            }
            Err(error) if costs_its_own_answer(&error) && (self.told || self.silent < SILENT) => {
                self.missed(what, error);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn missed(&mut self, what: &'static str, error: Error) {
        // The number of what was no answer is nobody's.
        let why = match error.meaning().filter(|_| !error.has(&Detail::Unanswered)) {
            Some(meaning) => meaning.cause,
            None if error.is(ErrorKind::AtRefused) => "the stick does not know the question",
            None => error.what(),
        };
        self.untold.push(Untold { what, why: why.to_owned() });
        self.first.get_or_insert(error);
    }

    /// Takes back that `what` is missing: another question told it.
    pub(super) fn found(&mut self, what: &str) {
        self.untold.retain(|untold| untold.what != what);
    }

    /// Why `what` is missing, in place of what the questions for it came to.
    pub(super) fn is_missing(&mut self, what: &'static str, why: String) {
        self.found(what);
        self.untold.push(Untold { what, why });
    }

    /// What is missing, each thing once; the first failure when nothing at all was told.
    ///
    /// # Errors
    /// That failure.
    pub(super) fn end(mut self) -> Result<Vec<Untold>> {
        match self.first.take() {
            Some(error) if !self.told => Err(error),
            _ => {
                let mut once: Vec<Untold> = Vec::new();
                for untold in self.untold {
                    if !once.iter().any(|earlier| earlier.what == untold.what) {
                        once.push(untold);
                    }
                }
                Ok(once)
            }
        }
    }
}

fn costs_its_own_answer(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Timeout
            | ErrorKind::UnexpectedAnswer
            | ErrorKind::AtRefused
            | ErrorKind::HilinkRefused
            | ErrorKind::MbimRefused
            | ErrorKind::LoginNeeded
            | ErrorKind::NoSim
            | ErrorKind::SimPinNeeded
            | ErrorKind::SimPukNeeded
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::at::signal;
    use crate::link::flood::Flood;

    #[test]
    fn a_stick_that_answers_nothing_is_not_asked_everything() {
        let mut port = Flood::of(b"");
        let mut at = At::new(&mut port);
        let mut gather = Gather::default();
        for _ in 1..SILENT {
            assert_eq!(gather.ask(&mut at, "strength", &signal::strength()).unwrap(), None);
        }
        let error = gather.ask(&mut at, "strength", &signal::strength()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
    }
}
