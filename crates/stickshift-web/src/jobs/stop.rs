//! The end of the server, and what it makes of the jobs that run then.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::Value;

use super::{Job, Jobs, without_end};

/// How long a job may take to its next safe step.
const STOP_TIME: Duration = Duration::from_secs(600);

/// A job that ran when the server was stopped.
#[derive(Clone, Debug)]
pub struct Stopped {
    /// Its number.
    pub job: u64,
    /// The command, `convert`.
    pub command: String,
    /// The stick that it works on; none where it is about several, or about none.
    pub place: Option<String>,
    /// Its last line, as `--json` prints it; none while it is waited for.
    pub last: Option<Value>,
}

impl Job {
    /// The command without its options.
    fn command(&self) -> String {
        if !self.operation.verb.is_empty() {
            return self.operation.verb.to_owned();
        }
        let words = self.words.iter().skip_while(|word| word.starts_with("--"));
        words.take_while(|word| !word.starts_with("--")).cloned().collect::<Vec<_>>().join(" ")
    }

    fn stopped(&self, last: Option<Value>) -> Stopped {
        Stopped { job: self.id, command: self.command(), place: self.place().map(str::to_owned), last }
    }
}

impl Jobs {
    /// Asks every job to stop, and waits until it did. `tell` hears of each that does something to a stick or a computer, before and after.
    pub(crate) async fn stop_all(&self, tell: &mut dyn FnMut(&Stopped)) {
        let running: Vec<Arc<Job>> = {
            let kept = self.kept();
            self.stops.store(true, Ordering::SeqCst);
            kept.iter().filter(|job| !job.has_ended()).cloned().collect()
        };
        running.iter().for_each(|job| job.cancel());
        let counts = |job: &&Arc<Job>| !job.looks && !job.stays();
        running.iter().filter(counts).for_each(|job| tell(&job.stopped(None)));
        for job in &running {
            job.wait(STOP_TIME).await;
            let last = job.told().last.filter(|_| job.has_ended());
            let last =
                last.unwrap_or_else(|| without_end("the command has not ended, and ends with the server"));
            // What stays until it is stopped is meant to end so; only what is left of it may be amiss.
            let is_amiss = matches!(last["verdict"].as_str(), Some("recoverable" | "unknown"));
            if counts(&job) || job.stays() && last["event"] == "error" && is_amiss {
                tell(&job.stopped(Some(last)));
            }
        }
    }
}
