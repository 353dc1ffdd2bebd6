//! What stays online through a stick, and its end: whoever hangs up ends that first, for it would dial again.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use serde_json::Value;
use stickshift::event::Cancel;

use super::{Job, Jobs, refusal};
use crate::operations::place;

/// How long a hang-up waits until nobody stays online any more.
const STOP_TIME: Duration = Duration::from_secs(60);

/// Tells `online down` what was taken back just before.
pub(super) fn taken_back(result: &Value) -> String {
    format!("--taken-back={result}")
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
    /// Gives the results of those that ended: what they took back is part of the hang-up.
    pub(super) async fn end_staying(&self, at: &str) -> Result<Vec<Value>, Value> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).retain(|(place, cancel)| {
            let stays = place.as_deref().is_some_and(|place| place != at);
            if !stays {
                cancel.cancel();
            }
            stays
        });
        let mut taken_back = Vec::new();
        for job in self.staying(at) {
            job.cancel();
            job.wait(STOP_TIME).await;
            if !job.has_ended() {
                let what = format!("the job that stays online through the stick at {at} has not stopped yet");
                return Err(refusal("busy", &what, "disconnect again in a minute", 4));
            }
            taken_back.extend(job.told().last.filter(|last| last["result"]["was_online"] == true));
        }
        Ok(taken_back.into_iter().map(|mut last| last["result"].take()).collect())
    }
}
