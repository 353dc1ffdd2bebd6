//! A command that may have changed something, and whose connection broke: it goes on there as a job, and how that ends is asked for anew.

use std::time::{Duration, Instant};

use serde_json::Value;
use stickshift::error::Result;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(500);
/// For so long a computer that is not reached is tried, whatever fails: a tunnel that is set up anew refuses connections meanwhile.
pub(super) const AWAY: Duration = Duration::from_secs(60);

/// What tells a job from every other one: a server that was started again counts from 1, and has begun none at the same moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    pub(super) job: String,
    pub(super) began: String,
}

impl Known {
    pub(super) fn of(line: &Value) -> Known {
        let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
        Known { job: text("job"), began: text("began") }
    }
}

/// The last line of the job, as soon as it has ended. None where it is not found, or nobody waits any more. `ask` gives the document at a
/// path.
pub(super) fn end(
    known: &Known,
    mut ask: impl FnMut(&str) -> Result<Value>,
    waits: impl Fn() -> bool,
    patience: Duration,
) -> Option<Value> {
    if known.job.is_empty() || known.began.is_empty() {
        return None;
    }
    let path = format!("/api/jobs/{}", known.job);
    let mut away = None;
    while waits() {
        match ask(&path) {
            Ok(job) if job["began"] != *known.began || job["id"] != *known.job => return None,
            Ok(job) if job["state"] == "ended" => {
                let last = &job["last"];
                return matches!(last["event"].as_str(), Some("result" | "error")).then(|| last.clone());
            }
            Ok(_) => away = None,
            Err(_) if away.get_or_insert_with(Instant::now).elapsed() >= patience => return None,
            Err(_) => {}
        }
        std::thread::sleep(LOOK.min(patience));
    }
    None
}

#[cfg(test)]
mod tests {
    use std::io::{self, ErrorKind};

    use serde_json::json;
    use stickshift::error::{Error, ErrorKind as Kind};

    use super::*;

    fn known() -> Known {
        Known::of(&json!({ "event": "job", "job": "1", "began": "2026-11-27T15:00:00.123456789Z" }))
    }

    fn job(state: &str, began: &str, last: Value) -> Value {
        json!({ "id": "1", "state": state, "began": began, "last": last })
    }

    /// What is found where each look gives the next of these.
    fn found(known: &Known, looks: Vec<Result<Value>>) -> Option<Value> {
        let mut looks = looks.into_iter();
        end(known, |_| looks.next().expect("it looks no further"), || true, Duration::from_secs(600))
    }

    fn failed(kind: ErrorKind) -> Result<Value> {
        Err(Error::new(Kind::Io, "x").because(io::Error::from(kind)))
    }

    #[test]
    fn a_job_that_goes_on_is_followed_to_its_end() {
        let (known, last) = (known(), json!({ "event": "result", "verdict": "done", "exit": 0 }));
        let runs = || Ok(job("running", &known.began, Value::Null));
        let ended = || Ok(job("ended", &known.began, last.clone()));
        assert_eq!(
            found(&known, vec![runs(), failed(ErrorKind::TimedOut), runs(), ended()]),
            Some(last.clone())
        );
        // A tunnel that is down refuses connections, and its socket is not there, until it is up again.
        for kind in [ErrorKind::ConnectionRefused, ErrorKind::NotFound] {
            assert_eq!(found(&known, vec![failed(kind), failed(kind), ended()]), Some(last.clone()));
        }
        assert_eq!(end(&known, |_| failed(ErrorKind::ConnectionRefused), || true, Duration::ZERO), None);
    }

    #[test]
    fn no_other_job_is_taken_for_it() {
        let (known, last) = (known(), json!({ "event": "result", "verdict": "done", "exit": 0 }));
        // The first job of a server that was started again.
        let other = job("ended", "2026-11-27T16:00:00Z", last.clone());
        let refused = json!({ "event": "error", "kind": "unknown-caller", "exit": 5 });
        let torn = job("ended", &known.began, json!({ "event": "step" }));
        for look in [Ok(other.clone()), Ok(refused), Ok(torn), Ok(json!({}))] {
            assert_eq!(found(&known, vec![look]), None);
        }
        // A server of an earlier version does not say when it began.
        let nameless = Known::of(&json!({ "event": "job", "job": "1" }));
        assert_eq!(found(&nameless, vec![Ok(job("ended", "", last))]), None);
        assert_eq!(end(&known, |_| Ok(other.clone()), || false, Duration::ZERO), None);
    }
}
