//! What stays online through a stick, and its end: whoever hangs up ends that first, for it would dial again.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use stickshift::event::Cancel;

use super::{Job, Jobs, refusal};
use crate::operations::place;

/// How long a hang-up waits until nobody stays online any more.
const STOP_TIME: Duration = Duration::from_secs(60);

/// What stayed online through a stick and was ended.
#[derive(Default)]
pub(super) struct Ended(Vec<Value>);

impl Ended {
    /// Tells `online down` what was taken back just before.
    pub(super) fn taken_back(&self) -> Vec<String> {
        let done = self.0.iter().filter(|last| last["result"]["was_online"] == true);
        done.map(|last| format!("--taken-back={}", last["result"])).collect()
    }

    /// A refusal that came after it: nothing was sent by what was refused, and something was before.
    pub(super) fn before(&self, mut refused: Value) -> Value {
        if self.0.is_empty() {
            return refused;
        }
        let is_seen =
            |last: &Value| matches!(last["verdict"].as_str(), Some("untouched" | "done" | "recoverable"));
        let (verdict, recover, exit) = match self.0.iter().all(is_seen) {
            true => ("recoverable", "what stayed online was ended; disconnect again for the rest", 6),
            false => ("unknown", "what stayed online was ended, and how it left the stick was not seen", 7),
        };
        (refused["verdict"], refused["recover"], refused["exit"]) =
            (verdict.into(), recover.into(), exit.into());
        refused
    }
}

impl Jobs {
    /// Jobs that stay online through the stick at a place.
    pub(super) fn staying(&self, at: &str) -> Vec<Arc<Job>> {
        let here = |job: &&Arc<Job>| job.stays() && place(&job.fields).is_ok_and(|place| place == at);
        self.kept().iter().filter(|job| !job.has_ended()).filter(here).cloned().collect()
    }

    /// A service begins to wait for its stick; it ends when what is given says so.
    pub(crate) fn waits(&self, place: Option<&str>) -> Cancel {
        let cancel = Cancel::new();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push((place.map(str::to_owned), cancel.clone()));
        cancel
    }

    /// Whoever stays online would dial again after a hang-up, and whoever waits to do so would dial then.
    /// Gives the last lines of those that ended: what they took back is part of the hang-up.
    pub(super) async fn end_staying(&self, at: &str) -> Result<Ended, Value> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).retain(|(place, cancel)| {
            let stays = place.as_deref().is_some_and(|place| place != at);
            if !stays {
                cancel.cancel();
            }
            stays
        });
        let mut ended = Ended::default();
        for job in self.staying(at) {
            job.cancel();
            job.wait(STOP_TIME).await;
            if !job.has_ended() {
                let what = format!("the job that stays online through the stick at {at} has not stopped yet");
                // It hangs up at any moment.
                ended.0.push(json!({ "verdict": "recoverable" }));
                return Err(ended.before(refusal("busy", &what, "disconnect again in a minute", 4)));
            }
            ended.0.push(job.told().last.unwrap_or_default());
        }
        Ok(ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_after_somebody_was_ended_says_what_that_left() {
        let refused = || refusal("port-busy", "held", "", 4);
        assert_eq!(Ended::default().before(refused())["verdict"], "untouched");
        for (verdicts, expected) in [
            (&["done"][..], "recoverable"),
            (&["recoverable", "untouched"], "recoverable"),
            (&["done", "unknown"], "unknown"),
            (&["sent"], "unknown"),
            (&[""], "unknown"),
        ] {
            let ended = Ended(verdicts.iter().map(|verdict| json!({ "verdict": verdict })).collect());
            let told = ended.before(refused());
            assert_eq!((&told["verdict"], &told["kind"]), (&expected.into(), &"port-busy".into()));
            assert_ne!(told["recover"], refused()["recover"]);
        }
    }
}
