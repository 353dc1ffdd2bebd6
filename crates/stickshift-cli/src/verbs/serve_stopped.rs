//! What `stickshift serve` says, when it is stopped, of the jobs that ran.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value;
use stickshift_web::Stopped;

use crate::output::Report;

/// Of the ends of several jobs the worst counts: what nobody knows, then what can be taken up again.
pub(super) fn rank(exit: u8) -> u8 {
    match exit {
        7 => 3,
        6 => 2,
        0 => 0,
        _ => 1,
    }
}

/// What a stop of the server made of a job that ran.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct StoppedJob {
    job: u64,
    /// The command, `convert`.
    command: String,
    /// The stick's place.
    place: Option<String>,
    /// Whether it ended before it was done. False while it is waited for.
    pub(super) is_cut: bool,
    /// What the stick is left as; null while the job is waited for.
    pub(super) verdict: Option<String>,
    /// What its last line says: what happened, and how to go on.
    text: String,
    #[serde(skip)]
    pub(super) exit: Option<u8>,
}

impl StoppedJob {
    pub(super) fn of(stopped: &Stopped) -> StoppedJob {
        let told = |name: &str| {
            let last = stopped.last.as_ref();
            last.and_then(|last| last[name].as_str()).filter(|text| !text.is_empty()).map(str::to_owned)
        };
        // The rows of `--all` are a result, whatever became of the sticks.
        let is_cut = stopped.last.as_ref().is_some_and(|last| last["event"] != "result" || last["exit"] != 0);
        let rows = stopped.last.as_ref().and_then(|last| last["result"]["rows"].as_array());
        let text = match (&stopped.last, is_cut) {
            (None, _) => "stops at its next safe step".to_owned(),
            (Some(_), false) => "came to its end".to_owned(),
            (Some(_), true) if rows.is_some() => {
                let word = |row: &Value, name: &str| row[name].as_str().unwrap_or("unknown").to_owned();
                let each = rows.into_iter().flatten();
                let each = each.map(|row| format!("{} {}", word(row, "place"), word(row, "verdict")));
                format!("{}; run the same command again", each.collect::<Vec<_>>().join(", "))
            }
            (Some(_), true) => {
                [told("what"), told("recover")].into_iter().flatten().collect::<Vec<_>>().join("; ")
            }
        };
        let exit = stopped.last.as_ref().map(|last| {
            let code = last["exit"].as_u64().and_then(|code| u8::try_from(code).ok());
            code.filter(|code| *code != 0 || !is_cut).unwrap_or(7)
        });
        StoppedJob {
            job: stopped.job,
            command: stopped.command.clone(),
            place: stopped.place.clone(),
            is_cut,
            verdict: told("verdict"),
            text,
            exit,
        }
    }
}

impl Report for StoppedJob {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let at = self.place.as_ref().map(|place| format!(" at {place}")).unwrap_or_default();
        let cut = if self.is_cut { "cut short: " } else { "" };
        let verdict = self.verdict.as_ref().map(|verdict| format!("; stick: {verdict}")).unwrap_or_default();
        writeln!(out, "job {}, {}{at}: {cut}{}{verdict}", self.job, self.command, self.text)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_job_that_was_cut_short_says_what_is_left() {
        let told = |last: Value| {
            let last = (!last.is_null()).then_some(last);
            let job = Stopped { job: 3, command: "flash".into(), place: Some("1-1".into()), last };
            let stopped = StoppedJob::of(&job);
            let mut text = Vec::new();
            stopped.text(&mut text).unwrap();
            (stopped.is_cut, stopped.exit, String::from_utf8(text).unwrap().trim_end().to_owned())
        };
        let of = |is_cut, exit, text: &str| (is_cut, exit, format!("job 3, flash at 1-1: {text}"));
        assert_eq!(told(Value::Null), of(false, None, "stops at its next safe step"));
        let done = json!({ "event": "result", "verdict": "done", "exit": 0, "result": {} });
        assert_eq!(told(done), of(false, Some(0), "came to its end; stick: done"));
        let cut = json!({ "event": "error", "what": "stopped on request", "recover": "run it again with --resume",
            "verdict": "recoverable", "exit": 6 });
        let text = "cut short: stopped on request; run it again with --resume; stick: recoverable";
        assert_eq!(told(cut), of(true, Some(6), text));
        let rows =
            json!([{ "place": "1-1", "verdict": "done" }, { "place": "1-2", "verdict": "recoverable" }]);
        let rows =
            json!({ "event": "result", "verdict": "recoverable", "exit": 6, "result": { "rows": rows } });
        let text = "cut short: 1-1 done, 1-2 recoverable; run the same command again; stick: recoverable";
        assert_eq!(told(rows), of(true, Some(6), text));
        // What contradicts itself is not known.
        assert_eq!(told(json!({ "event": "error", "exit": 0 })).1, Some(7));
    }
}
