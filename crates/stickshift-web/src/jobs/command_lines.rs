//! Jobs of command lines that another computer sends, and the stick that each of them holds.

use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::OwnedMutexGuard;

use super::staying::Ended;
use super::{Followed, Job, Jobs, PATIENCE, refusal};
use crate::commands::{COMMAND, Follower, Line};
use crate::engine::Secrets;
use crate::fields::Fields;

/// As long as a look at a stick may take, which ends by itself.
const LOOK_TIME: Duration = Duration::from_secs(5);

impl Jobs {
    /// Begins a command line, for somebody who follows it.
    pub(crate) async fn command(
        self: &Arc<Self>,
        mut line: Line,
        secrets: Secrets,
        follower: Follower,
        answer: Sender<bool>,
    ) -> Result<Arc<Job>, Value> {
        // Its files stay while its stick is looked for.
        let _files = self.uploads.named(&line.words);
        let place = self.place_of(&mut line).await?;
        let mut ended = Ended::default();
        if let (true, Some(at)) = (line.is_down(), &place) {
            ended = self.end_staying(at).await?;
            line.words.splice(2..2, ended.taken_back());
        }
        let mut fields = Fields::default();
        if let Some(place) = place {
            fields.push("place", place);
        }
        let (held, in_use) = if line.all { self.hold_all().await? } else { (Vec::new(), Vec::new()) };
        line.words.splice(1..1, in_use.into_iter().map(|place| format!("--in-use={place}")));
        line.words.insert(0, "--texts".into());
        let followed = Followed { looks: line.reads, by: follower, answer, held };
        let begun = self.start(&COMMAND, fields, line.words, secrets, None, Some(followed)).await;
        begun.map_err(|refused| ended.before(refused))
    }

    /// Where the stick of a command line stands, however it is named. None where there is no stick, or where a command that only reads
    /// says itself what it lacks.
    async fn place_of(&self, line: &mut Line) -> Result<Option<String>, Value> {
        if !line.is_about_a_stick() || line.all {
            return Ok(None);
        }
        if let Some(place) = line.place() {
            return Ok(Some(place));
        }
        let list = self.run(vec!["list".into()], None, PATIENCE).await;
        let sticks = list["result"]["sticks"].as_array().map(Vec::as_slice).unwrap_or_default();
        let fits = line.fits(sticks);
        if let [only] = fits[..] {
            return Ok(Some(only.to_owned()));
        }
        // The command itself says that there is none, or that several fit: it asks no stick for that.
        let is_named = line.stick.is_some() && fits.is_empty();
        if sticks.is_empty() && list["event"] == "result" || line.reads && (sticks.is_empty() || !is_named) {
            return Ok(None);
        }
        // An IMEI, and a serial number, is what the stick itself says.
        if let (Some(word), true) = (line.stick.clone(), is_named) {
            let places: Vec<&str> = sticks.iter().filter_map(|stick| stick["place"].as_str()).collect();
            if let Some(place) = self.who_says(&word, &places).await? {
                line.is_at(&place);
                return Ok(Some(place));
            }
        }
        let shown = |fits: &dyn Fn(&str) -> bool| -> String {
            let fit = sticks.iter().filter(|stick| stick["place"].as_str().is_some_and(fits));
            let text = |stick: &Value, name: &str| stick[name].as_str().unwrap_or_default().to_owned();
            let named =
                |stick| format!("{} ({}, {})", text(stick, "place"), text(stick, "id"), text(stick, "mode"));
            fit.map(named).collect::<Vec<_>>().join(", ")
        };
        // As the command itself says it of several, where it is run.
        let mut refused;
        if fits.is_empty() {
            let help = "name the stick by its place: `stickshift list` shows it";
            refused = refusal("no-stick", "no stick is found by this name", help, 3);
            let there = shown(&|_| true);
            refused["cause"] = format!("connected: {there}").into();
            refused["facts"]["there-is"] = there.into();
        } else {
            let help = "say which one: --stick 1-1.2 (USB port path, ids or serial number; `stickshift list` shows them)";
            refused = refusal("several-sticks", &format!("{} sticks match", fits.len()), help, 3);
            refused["cause"] = "more than one stick matches".into();
            refused["facts"]["sticks"] = shown(&|place| fits.contains(&place)).into();
        }
        Err(refused)
    }

    /// Holds every stick, those that are away while they start included. Gives the places of those that another command keeps for longer:
    /// the others do not wait for them.
    async fn hold_all(&self) -> Result<(Vec<OwnedMutexGuard<()>>, Vec<String>), Value> {
        let list = self.run(vec!["list".into()], None, PATIENCE).await;
        let Some(sticks) = list["result"]["sticks"].as_array() else { return Err(list) };
        let mut places: Vec<String> =
            sticks.iter().filter_map(|stick| Some(stick["place"].as_str()?.to_owned())).collect();
        places.extend(self.places_in_use());
        // Whoever holds several takes them in one order: no two of them wait for each other.
        places.sort();
        places.dedup();
        let until = Instant::now() + LOOK_TIME;
        let (mut held, mut in_use) = (Vec::new(), Vec::new());
        for place in places {
            let left = until.saturating_duration_since(Instant::now());
            match self.hold(Some(&place), left).await {
                Ok(one) => held.extend(one),
                Err(_) => in_use.push(place),
            }
        }
        Ok((held, in_use))
    }

    /// Which of the sticks says that this is its name. One that another command talks to is not asked.
    async fn who_says(&self, word: &str, places: &[&str]) -> Result<Option<String>, Value> {
        let mut held = Vec::new();
        for place in places {
            held.extend(self.hold(Some(place), Duration::ZERO).await.ok().flatten());
        }
        if held.len() == places.len() {
            let words = vec!["identify".into(), "--".into(), word.to_owned()];
            let identity = self.run(words, None, PATIENCE).await;
            return Ok(identity["result"]["place"].as_str().map(str::to_owned));
        }
        drop(held);
        let mut is_busy = false;
        for place in places {
            let words = vec!["identify".into(), "--unmasked".into(), format!("--stick={place}")];
            let identity = self.run(words, Some((*place).to_owned()), Duration::ZERO).await;
            is_busy |= identity["kind"] == "port-busy";
            if ["imei", "serial"].iter().any(|name| identity["result"][*name] == word) {
                return Ok(Some((*place).to_owned()));
            }
        }
        if is_busy {
            let what = "another command talks to a stick that may be the one of this name";
            return Err(refusal(
                "port-busy",
                what,
                "name the stick by its place, or wait until it has ended",
                4,
            ));
        }
        Ok(None)
    }
}
