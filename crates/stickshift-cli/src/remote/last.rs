//! The last line of a command, as a server of this version says it. One of another version, or a broken one, may mean something else by its words:
//! what it says then is no end that anybody knows.

use std::io;

use serde_json::Value;
use stickshift::error::{Detail, Error, ErrorKind, Result, Verdict};

use crate::output::json::SCHEMA;

const VERDICTS: [&str; 5] = ["untouched", "done", "sent", "recoverable", "unknown"];

/// Refuses a last line that this version cannot have said.
///
/// # Errors
/// `Io`: nobody knows what became of the command, where it does not only read.
pub(super) fn check(line: &Value, verb: &str, reads: bool, name: &str) -> Result<()> {
    let Some(why) = odd(line, verb) else { return Ok(()) };
    let error = Error::new(
        ErrorKind::Io,
        format!("{name} ended the command in words that are not known here: {why}"),
    );
    let next = match reads {
        true => "run the same version of stickshift there and here",
        false => "look at the stick, and run the same version of stickshift there and here",
    };
    let error =
        error.because(io::Error::other("another version of stickshift runs there, or another program"));
    let verdict = if reads { Verdict::Untouched } else { Verdict::Unknown };
    Err(error.detail(Detail::NextStep(next)).with_verdict(verdict))
}

/// What of a last line is of no end of this command.
fn odd(line: &Value, verb: &str) -> Option<String> {
    if line["schema"] != SCHEMA {
        return Some(format!("its lines have schema {}, and those of this version {SCHEMA}", line["schema"]));
    }
    if !line["verdict"].as_str().is_some_and(|verdict| VERDICTS.contains(&verdict)) {
        return Some(format!("its verdict is {}", line["verdict"]));
    }
    if line["exit"].as_u64().is_none_or(|code| code > u8::MAX.into()) {
        return Some(format!("its exit code is {}", line["exit"]));
    }
    // What is refused before it is read is nobody's.
    let is_refusal = line["event"] == "error" && line["verb"].is_null();
    (line["verb"] != verb && !is_refusal)
        .then(|| format!("it is the end of {}, and not of {verb:?}", line["verb"]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_another_version_says_is_no_end() {
        let good = json!({ "event": "result", "schema": 1, "verb": "sms send", "verdict": "done", "exit": 0, "result": {} });
        assert!(check(&good, "sms send", false, "x").is_ok());
        let refused =
            json!({ "event": "error", "schema": 1, "verb": null, "verdict": "untouched", "exit": 2 });
        assert!(check(&refused, "sms send", false, "x").is_ok());
        for (field, value, said) in [
            ("schema", json!(2), "schema 2"),
            ("schema", Value::Null, "schema null"),
            ("verdict", json!("great"), "great"),
            ("verdict", Value::Null, "verdict is null"),
            ("exit", json!(300), "300"),
            ("exit", json!(-1), "-1"),
            ("exit", Value::Null, "null"),
            ("verb", json!("signal"), "signal"),
            ("verb", Value::Null, "null"),
        ] {
            let mut line = good.clone();
            line[field] = value;
            let error = check(&line, "sms send", false, "x").unwrap_err();
            assert!(error.what().contains(said), "{}", error.what());
            assert_eq!(error.verdict(), Some(Verdict::Unknown), "{line}");
            let error = check(&line, "sms send", true, "x").unwrap_err();
            assert_eq!(error.verdict(), Some(Verdict::Untouched), "{line}");
        }
    }
}
