//! What is looked at without being asked for: sticks that come and go, and the signal of the sticks that somebody watches.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Value, json};
use stickshift::event::Cancel;
use stickshift::stick::Place;
use tokio::task::JoinHandle;

use crate::server::App;

/// Between two looks at the signal.
const EVERY: Duration = Duration::from_secs(10);
/// A stick is watched for so long after somebody looked.
const WATCHED: Duration = Duration::from_secs(90);
/// An hour of looks.
const KEPT: usize = 360;
/// Sticks whose signal is kept.
const STICKS: usize = 256;

/// One look at the signal.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) at: Timestamp,
    /// The result of `signal`.
    pub(crate) signal: Value,
}

/// Place, ids and device number: another stick of the same kind at the same place has another number.
type Key = (String, String, Option<u64>);

#[derive(Default)]
struct Watched {
    looked: Option<Instant>,
    samples: VecDeque<Sample>,
}

#[derive(Default)]
pub(crate) struct Sampling {
    watched: Mutex<HashMap<String, Watched>>,
    /// The last result of `list`.
    sticks: Mutex<Value>,
    /// What each stick is called that was asked for its IMEI.
    called: Mutex<HashMap<Key, Option<String>>>,
}

impl Sampling {
    fn watched(&self) -> std::sync::MutexGuard<'_, HashMap<String, Watched>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody looks at the stick at this place.
    pub(crate) fn looked_at(&self, place: &str) {
        // Whoever looks may write what he likes. By another name than its place, a stick would be asked while a command talks to it.
        let Ok(place) = place.parse::<Place>() else { return };
        let (place, list) = (place.to_string(), self.sticks());
        if list["sticks"].as_array().is_some_and(|sticks| sticks.iter().all(|stick| stick["place"] != *place))
        {
            return;
        }
        let mut watched = self.watched();
        if watched.len() >= STICKS && !watched.contains_key(&place) {
            watched.retain(|_, watched| is_recent(watched));
        }
        if watched.len() < STICKS || watched.contains_key(&place) {
            watched.entry(place).or_default().looked = Some(Instant::now());
        }
    }

    /// Places that somebody looked at not long ago.
    fn places(&self) -> Vec<String> {
        self.watched()
            .iter()
            .filter(|(_, watched)| is_recent(watched))
            .map(|(place, _)| place.clone())
            .collect()
    }

    /// Keeps what a look at the signal gave.
    pub(crate) fn add(&self, place: &str, signal: Value) {
        let mut watched = self.watched();
        let Some(watched) = watched.get_mut(place) else { return };
        watched.samples.push_back(Sample { at: Timestamp::now(), signal });
        if watched.samples.len() > KEPT {
            watched.samples.pop_front();
        }
    }

    pub(crate) fn samples(&self, place: &str) -> Vec<Sample> {
        self.watched().get(place).map(|watched| watched.samples.iter().cloned().collect()).unwrap_or_default()
    }

    /// The last sample of every stick, where it is fresh.
    pub(crate) fn last(&self) -> Vec<(String, Sample)> {
        let now = Timestamp::now();
        let fresh = |sample: &&Sample| now.as_second() - sample.at.as_second() < WATCHED.as_secs() as i64;
        let watched = self.watched();
        let mut last: Vec<_> = watched
            .iter()
            .filter_map(|(place, watched)| {
                Some((place.clone(), watched.samples.back().filter(fresh)?.clone()))
            })
            .collect();
        last.sort_by(|a, b| a.0.cmp(&b.0));
        last
    }

    pub(crate) fn json(&self, place: &str) -> Value {
        let samples = self.samples(place);
        let samples =
            samples.iter().map(|sample| json!({ "at": sample.at.to_string(), "signal": sample.signal }));
        json!({ "place": place, "samples": samples.collect::<Vec<_>>() })
    }

    pub(crate) fn sticks(&self) -> Value {
        self.sticks.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the owner calls a stick of the list.
    pub(crate) fn called(&self, stick: &Value) -> Option<String> {
        let called = self.called.lock().unwrap_or_else(PoisonError::into_inner);
        let named = key(stick).and_then(|key| called.get(&key).cloned().flatten());
        named.or_else(|| stick["called"].as_str().map(str::to_owned))
    }

    /// Sticks that can be asked for their names and were not yet.
    fn nameless(&self, list: &Value) -> Vec<Key> {
        let sticks = list["sticks"].as_array().map(Vec::as_slice).unwrap_or_default();
        let there: Vec<_> = sticks.iter().filter_map(key).collect();
        let mut called = self.called.lock().unwrap_or_else(PoisonError::into_inner);
        called.retain(|known, _| there.contains(known));
        let talks =
            |stick: &&Value| matches!(stick["mode"].as_str(), Some("modem" | "hilink" | "hilink-serial"));
        sticks.iter().filter(talks).filter_map(key).filter(|key| !called.contains_key(key)).collect()
    }

    /// Keeps what is plugged in. `true` when that is something else than before.
    fn plugged(&self, list: &Value) -> bool {
        let mut sticks = self.sticks.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = *sticks != *list;
        *sticks = list.clone();
        is_new
    }
}

/// Whether somebody looked not long ago.
fn is_recent(watched: &Watched) -> bool {
    watched.looked.is_some_and(|at| at.elapsed() < WATCHED)
}

fn key(stick: &Value) -> Option<Key> {
    let text = |name: &str| stick[name].as_str().map(str::to_owned);
    Some((text("place")?, text("id")?, stick["device_number"].as_u64()))
}

/// Looks until the task is aborted.
pub(crate) fn watch(app: Arc<App>, cancel: Cancel) -> JoinHandle<()> {
    if !app.jobs.engine().is_virtual() {
        follow(Arc::clone(&app), cancel);
    }
    tokio::spawn(async move {
        loop {
            look_at_sticks(&app).await;
            // The signal of several sticks is asked for at the same time, and of none that another command talks to.
            let looks = app.sampling.places().into_iter().map(|place| look_at_signal(&app, place));
            futures_util::future::join_all(looks).await;
            let _ = tokio::time::timeout(EVERY, app.jobs.changed.notified()).await;
        }
    })
}

/// Reports what is plugged in and pulled, as the system tells it.
fn follow(app: Arc<App>, cancel: Cancel) {
    let engine = Arc::clone(app.jobs.engine());
    tokio::task::spawn_blocking(move || {
        let listener = move |line: &Value| {
            if matches!(line["event"].as_str(), Some("list" | "came" | "gone" | "changed")) {
                app.jobs.changed.notify_one();
            }
        };
        let words = ["list".to_owned(), "--watch".to_owned()];
        engine.run(&words, Vec::new(), cancel, Box::new(listener), Box::new(|| false));
    });
}

async fn look_at_sticks(app: &App) {
    let line = app.jobs.run(vec!["list".into()], None, Duration::ZERO).await;
    if line["event"] != "result" {
        return;
    }
    app.jobs.forget_logins(&line["result"]);
    if app.jobs.engine().names_sticks() {
        for key in app.sampling.nameless(&line["result"]) {
            let words = vec!["identify".to_owned(), "--".to_owned(), key.0.clone()];
            let identity = app.jobs.run(words, Some(key.0.clone()), Duration::from_millis(1)).await;
            // One that does not answer is asked again.
            if identity["event"] == "result" {
                let name = identity["result"]["called"].as_str().map(str::to_owned);
                app.sampling.called.lock().unwrap_or_else(PoisonError::into_inner).insert(key, name);
            }
        }
    }
    if app.sampling.plugged(&line["result"]) {
        app.hub.send("sticks", &line["result"]);
    }
}

async fn look_at_signal(app: &App, place: String) {
    let words = vec!["signal".to_owned(), format!("--stick={place}")];
    let line = app.jobs.run(words, Some(place.clone()), Duration::from_millis(1)).await;
    if line["event"] == "result" {
        app.sampling.add(&place, line["result"].clone());
        app.hub.send("signal", &json!({ "place": place, "signal": line["result"] }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_stick_at_the_same_place_has_no_name_yet() {
        let sampling = Sampling::default();
        let stick = |number: u32| json!({ "place": "1-1", "id": "12d1:1506", "mode": "modem", "device_number": number });
        let list = |number: u32| json!({ "sticks": [stick(number)] });
        let [key] = &sampling.nameless(&list(5))[..] else { panic!("it has no name yet") };
        sampling.called.lock().unwrap().insert(key.clone(), Some("north".to_owned()));
        assert!(sampling.nameless(&list(5)).is_empty());
        assert_eq!(sampling.called(&stick(5)).as_deref(), Some("north"));
        assert_eq!(sampling.called(&stick(6)), None);
        assert_eq!(sampling.nameless(&list(6)).len(), 1);
        // The first one may be back by now: nobody knows.
        assert_eq!(sampling.nameless(&list(5)).len(), 1);
    }

    #[test]
    fn an_hour_is_kept_of_what_somebody_looks_at() {
        let sampling = Sampling::default();
        sampling.add("1-1", json!({ "rsrp": -90.0 }));
        assert!(sampling.samples("1-1").is_empty());
        sampling.looked_at("1-1");
        (0..KEPT + 3).for_each(|n| sampling.add("1-1", json!({ "rsrp": n })));
        let samples = sampling.samples("1-1");
        assert_eq!((samples.len(), &samples[0].signal["rsrp"]), (KEPT, &json!(3)));
        assert_eq!(sampling.last()[0].1.signal["rsrp"], json!(KEPT + 2));
        (1..=2 * STICKS).for_each(|n| sampling.looked_at(&format!("1-{}.{}", n / 100 + 1, n % 100 + 1)));
        assert_eq!(sampling.places().len(), STICKS);
        // What nobody looks at any more makes room.
        sampling.watched().values_mut().for_each(|watched| watched.looked = None);
        sampling.looked_at("1-99");
        assert_eq!(sampling.places(), ["1-99"]);
    }

    #[test]
    fn sticks_are_watched_by_their_places_alone_and_no_others() {
        let sampling = Sampling::default();
        sampling.plugged(&json!({ "sticks": [{ "place": "1-1", "id": "12d1:1506" }] }));
        // Each of them may be the name of a stick that a command talks to.
        for name in [
            "12d1:1506",
            "ttyUSB0",
            "/dev/ttyUSB0",
            "490154203237518",
            "north mast",
            "--all",
            "",
            "1-2",
            "1-1/x",
        ] {
            sampling.looked_at(name);
            assert!(sampling.places().is_empty(), "{name}");
        }
        sampling.looked_at("1-1");
        assert_eq!(sampling.places(), ["1-1"]);
    }
}
