//! What `--json` prints: one object per line, the last of which is the result or the error. docs/json.md is its contract.

use serde::Serialize;
use serde_json::{Map, Value, json};
use stickshift::error::Verdict;
use stickshift::event::Event;

#[cfg(any(feature = "online", feature = "web", feature = "mqtt"))]
use crate::advice;

/// The version of everything that `--json` prints. A field that goes, or means something else, makes a new one; a field that comes does not.
pub(crate) const SCHEMA: u32 = 1;

/// What a command that ended well did to the stick.
// The later one is the worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Outcome {
    /// Nothing that changes a stick was sent.
    Untouched,
    /// What was asked for is done and was acknowledged.
    Done,
    /// Everything was sent; what became of it was not seen.
    Sent,
    /// A stick was changed and the work can be taken up again.
    Recoverable,
    /// A stick was changed and nobody saw what it is in now.
    Unknown,
}

impl From<Verdict> for Outcome {
    fn from(verdict: Verdict) -> Outcome {
        match verdict {
            Verdict::Untouched => Outcome::Untouched,
            Verdict::Done => Outcome::Done,
            Verdict::Recoverable => Outcome::Recoverable,
            Verdict::Unknown => Outcome::Unknown,
        }
    }
}

impl Outcome {
    /// What the last line of a command says that became of the stick. What says nothing is not known.
    #[cfg(any(feature = "web", feature = "mqtt"))]
    pub(crate) fn of(line: &Value) -> Outcome {
        match line["verdict"].as_str() {
            Some("untouched") => Outcome::Untouched,
            Some("done") => Outcome::Done,
            Some("sent") => Outcome::Sent,
            Some("recoverable") => Outcome::Recoverable,
            _ => Outcome::Unknown,
        }
    }

    /// The exit code of what ended well and left a stick so.
    #[cfg(any(feature = "online", feature = "web", feature = "mqtt"))]
    pub(crate) fn exit(self) -> u8 {
        match self {
            Outcome::Recoverable => advice::RECOVERABLE,
            Outcome::Unknown => advice::UNKNOWN,
            Outcome::Untouched | Outcome::Done | Outcome::Sent => 0,
        }
    }

    /// The same as the verdict of an error.
    pub(crate) fn verdict(self) -> Verdict {
        match self {
            Outcome::Untouched => Verdict::Untouched,
            Outcome::Done => Verdict::Done,
            Outcome::Sent => Verdict::Unknown,
            Outcome::Recoverable => Verdict::Recoverable,
            Outcome::Unknown => Verdict::Unknown,
        }
    }
}

/// A line: the event's name and the version, then the fields.
pub(super) fn line(event: &str, fields: Value) -> Value {
    let mut line = Map::new();
    line.insert("event".into(), event.into());
    line.insert("schema".into(), SCHEMA.into());
    if let Value::Object(fields) = fields {
        line.extend(fields);
    }
    Value::Object(line)
}

/// The line of an event of long work.
pub(super) fn of_event(event: &Event) -> Value {
    match event {
        Event::Step { code, text } => line("step", json!({ "code": code, "text": text })),
        Event::Progress { done, total } => line("progress", json!({ "done": done, "total": total })),
        Event::Note { code, text } => line("note", json!({ "code": code, "text": text })),
        Event::Warning { code, text } => line("warning", json!({ "code": code, "text": text })),
        _ => line("other", Value::Null),
    }
}
