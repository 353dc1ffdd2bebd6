use std::fmt;

use crate::error::Error;

/// What an end, good or bad, leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Nothing that changes state was sent to the stick.
    Untouched,
    /// What was asked for is done and was seen to be done.
    Done,
    /// The stick was changed and the work can be taken up again.
    Recoverable,
    /// The stick was changed and what state it is in was not seen.
    Unknown,
}

impl Verdict {
    /// The stable word for this verdict, as printed and as found in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Untouched => "untouched",
            Verdict::Done => "done",
            Verdict::Recoverable => "recoverable",
            Verdict::Unknown => "unknown",
        }
    }

    /// What two pieces of work, one after the other, leave behind.
    #[must_use]
    pub fn worse(self, other: Verdict) -> Verdict {
        let rank = |verdict| match verdict {
            Verdict::Untouched => 0,
            Verdict::Done | Verdict::Recoverable => 1,
            Verdict::Unknown => 2,
        };
        if rank(other) > rank(self) { other } else { self }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a command does to the stick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It asks, or sets how answers come to this session (echo, words, PDUs). Nothing of it outlives the session.
    Reads,
    /// It may change what the stick holds or does, or sends something to the network.
    Changes,
}

/// What one session's commands have done to the stick so far: what a dialogue knows for the verdict of its next failure.
///
/// From the first byte of a changing command until its final result it is unknown whether it was carried out. A refusal means that it
/// was not. After one that was carried out, what a failure leaves behind depends on what was wanted in all: the dialogue states no
/// verdict then, and whoever gave the commands has to.
///
/// ```
/// use stickshift::error::{Error, ErrorKind, Standing, Verdict};
///
/// let silence = || Error::new(ErrorKind::Timeout, "no answer");
/// let clean = Standing::default();
/// assert_eq!(clean.assess(silence()).verdict(), Some(Verdict::Untouched));
/// assert_eq!(clean.in_doubt().assess(silence()).verdict(), Some(Verdict::Unknown));
/// assert_eq!(clean.changed().assess(silence()).verdict(), None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// A changing command went out and its result was not seen.
    in_doubt: bool,
    /// A changing command was carried out.
    changed: bool,
}

impl Standing {
    /// As it stands once the first byte of a changing command is out. When its result is a refusal, it stands as before.
    #[must_use]
    pub fn in_doubt(self) -> Standing {
        Standing { in_doubt: true, ..self }
    }

    /// As it stands when a changing command was carried out.
    #[must_use]
    pub fn changed(self) -> Standing {
        Standing { changed: true, ..self }
    }

    /// As it stands when a look at the stick showed what became of whatever was in doubt.
    #[must_use]
    pub fn settled(self, carried_out: bool) -> Standing {
        Standing { in_doubt: false, changed: self.changed || carried_out }
    }

    /// Whether a changing command went out whose result was not seen.
    pub fn is_in_doubt(self) -> bool {
        self.in_doubt
    }

    /// Whether a changing command was carried out.
    pub fn has_changed(self) -> bool {
        self.changed
    }

    /// States the verdict of a failure as far as it follows from the commands: unknown while one is in doubt, untouched when nothing was
    /// changed, none after a change.
    #[must_use]
    pub fn assess(self, error: Error) -> Error {
        if self.in_doubt {
            error.with_verdict(Verdict::Unknown)
        } else if self.changed {
            error
        } else {
            error.verdict_if_unset(Verdict::Untouched)
        }
    }
}
