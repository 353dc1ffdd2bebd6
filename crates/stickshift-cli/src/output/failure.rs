//! A failure as it is shown: what happened, its cause, what to do, and what is with the stick.

use std::borrow::Cow;
use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Map, Value};
use stickshift::clean;
use stickshift::error::{Error, Verdict};

use crate::advice::{self, Attempt};
use crate::output::Report;
use crate::recovery;

/// A failure as it is shown.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct FailureReport {
    kind: &'static str,
    what: String,
    #[serde(serialize_with = "as_map")]
    #[cfg_attr(test, schemars(with = "std::collections::BTreeMap<String, String>"))]
    facts: Vec<(&'static str, String)>,
    cause: String,
    pub(super) help: Cow<'static, str>,
    pub(super) verdict: &'static str,
    pub(super) recover: String,
    pub(super) exit: u8,
}

fn as_map<S: serde::Serializer>(
    facts: &[(&'static str, String)],
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    let map: Map<String, Value> =
        facts.iter().map(|(n, v)| ((*n).to_owned(), Value::from(v.as_str()))).collect();
    map.serialize(serializer)
}

impl FailureReport {
    /// `typed`: the verb and its part as they were typed, where one was.
    pub(super) fn of(error: &Error, verdict: Verdict, tried: Attempt, typed: Option<&str>) -> FailureReport {
        let advice = advice::of(error, verdict, tried);
        FailureReport {
            kind: error.kind().code(),
            what: error.what().to_owned(),
            facts: error.facts().to_vec(),
            cause: advice.cause,
            help: advice::for_part(advice.help, tried.verb, typed.unwrap_or(tried.verb)),
            verdict: verdict.as_str(),
            recover: recovery::of(error, verdict, tried.work),
            exit: advice.exit,
        }
    }

    /// The same with other help and another way back.
    #[cfg(feature = "host")]
    pub(super) fn in_other_words(self, words: &dyn Fn(&str) -> String) -> FailureReport {
        FailureReport { help: words(&self.help).into(), recover: words(&self.recover), ..self }
    }

    /// All that matters in one line.
    pub(crate) fn line(&self) -> String {
        format!("{} ({}): {}; stick: {}", self.what, self.kind, self.cause, self.verdict)
    }
}

impl Report for FailureReport {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "error: {} ({})", clean::line(&self.what), self.kind)?;
        if !self.facts.is_empty() {
            let facts: Vec<String> =
                self.facts.iter().map(|(n, v)| format!("{n} {}", clean::line(v))).collect();
            writeln!(out, "  facts: {}", facts.join(", "))?;
        }
        if !self.cause.is_empty() {
            writeln!(out, "  cause: {}", clean::line(&self.cause))?;
        }
        if !self.help.is_empty() {
            writeln!(out, "  help:  {}", self.help)?;
        }
        writeln!(out, "  stick: {}: {}", self.verdict, self.recover)
    }
}
