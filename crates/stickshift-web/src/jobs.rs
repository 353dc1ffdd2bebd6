//! Commands that run: the short ones that somebody waits for, and jobs, which go on whoever watches and keep what they printed.
//!
//! One command at a time talks to a stick.

mod command_lines;
mod logins;
mod refusal;
mod staying;
mod stop;

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use stickshift::event::Cancel;
use tokio::sync::{OwnedMutexGuard, watch};

use crate::commands::{self, Follower};
use crate::connections::Connections;
use crate::engine::{Engine, Secrets};
use crate::fields::Fields;
use crate::hub::Hub;
use crate::operations::{Operation, Way, place};
use crate::uploads::{Upload, Uploads};
pub(crate) use refusal::{refusal, without_end};
pub use stop::Stopped;

/// Jobs that are remembered; and command lines that only read, which anybody may send.
const KEPT: usize = 64;
const KEPT_LOOKS: usize = 32;
/// Lines of a job that are remembered.
const LINES: usize = 400;
/// Jobs that may run at the same time.
const AT_ONCE: usize = 48;
/// The same for command lines that only read.
const LOOKS_AT_ONCE: usize = 16;
/// How long a command waits for another one that talks to the same stick.
const PATIENCE: Duration = Duration::from_secs(20);
/// The same for what only reads, where the other one is a job: many take minutes.
const IMPATIENCE: Duration = Duration::from_secs(1);

pub(crate) struct Job {
    pub(crate) id: u64,
    pub(crate) operation: &'static Operation,
    pub(crate) fields: Fields,
    words: Vec<String>,
    /// What it may know and nobody is shown; forgotten when it ended.
    secrets: Mutex<Secrets>,
    /// The login that is kept for its stick, where it is among them; empty where not.
    login: Mutex<Secrets>,
    /// The plan that was agreed to; the command stops when it makes another.
    agreed: Option<Value>,
    /// The files that it needs, where it is a plan: whoever starts it needs them, too.
    _files: Vec<Upload>,
    /// Whether it is a command line that only reads.
    looks: bool,
    /// Whoever has sent it as a command line.
    follower: Option<Follower>,
    answer: Option<Sender<bool>>,
    cancel: Cancel,
    told: Mutex<Told>,
    ended: watch::Sender<bool>,
}

/// What a job printed.
#[derive(Clone, Default)]
pub(crate) struct Told {
    pub(crate) lines: Vec<Value>,
    pub(crate) plan: Option<Value>,
    pub(crate) progress: Option<(u64, u64)>,
    pub(crate) last: Option<Value>,
    pub(crate) began: Option<Timestamp>,
    pub(crate) step_began: Option<Timestamp>,
}

impl Job {
    pub(crate) fn told(&self) -> Told {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether its result is a plan that waits to be started.
    pub(crate) fn plan(&self) -> Option<Value> {
        let last = self.told().last?;
        (self.is_plan() && last["event"] == "result").then(|| last["result"].clone())
    }

    pub(crate) fn is_plan(&self) -> bool {
        self.operation.way == Way::Plan && self.agreed.is_none()
    }

    pub(crate) fn cancel(&self) {
        self.cancel.cancel();
    }

    /// Answers its question. `false` when it asks nobody.
    pub(crate) fn answer(&self, yes: bool) -> bool {
        !self.has_ended() && self.answer.as_ref().is_some_and(|answer| answer.send(yes).is_ok())
    }

    /// Waits until it ended, but not for longer than `time`.
    pub(crate) async fn wait(&self, time: Duration) {
        let mut ended = self.ended.subscribe();
        let _ = tokio::time::timeout(time, ended.wait_for(|ended| *ended)).await;
    }

    pub(crate) fn has_ended(&self) -> bool {
        *self.ended.borrow()
    }

    /// As the API shows it.
    pub(crate) fn json(&self, with_lines: bool) -> Value {
        let told = self.told();
        let mut value = json!({
            "id": self.id.to_string(),
            "operation": self.operation.name,
            "is_plan": self.is_plan(),
            "state": if self.has_ended() { "ended" } else { "running" },
            "began": told.began.map(|at| at.to_string()),
            "progress": told.progress.map(|(done, total)| json!({ "done": done, "total": total })),
            "last": told.last,
        });
        if with_lines {
            value["lines"] = told.lines.into();
        }
        value
    }

    /// The stick that it talks to.
    fn place(&self) -> Option<&str> {
        self.fields.get("place")
    }

    /// Whether it goes on until it is stopped. Then others may talk to the stick meanwhile.
    pub(crate) fn stays(&self) -> bool {
        stays(self.operation, &self.fields)
    }

    fn hear(&self, mut line: Value, hub: &Hub, uploads: &Uploads, connections: &Connections) {
        uploads.hide(&mut line);
        if let Some(follower) = &self.follower {
            follower.hear(&line);
            // What is said in words, too, is for it alone.
            if matches!(line["event"].as_str(), Some("text" | "question")) {
                return;
            }
            // An identity in full is shown to nobody else, and not kept.
            if commands::shows_in_full(&self.words) {
                match line["event"].as_str() {
                    Some("result" | "error") => drop(line["result"].take()),
                    _ => return,
                }
            }
        }
        let now = Timestamp::now();
        if let Some(place) = self.place() {
            connections.hear(self.operation.name, place, &line, now);
        }
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        match line["event"].as_str() {
            Some("progress") => told.progress = line["done"].as_u64().zip(line["total"].as_u64()),
            // Every stick of many has progress of its own: kept, it would push out their rows.
            Some("stick") if line["stick"]["line"]["event"] == "progress" => {}
            event => {
                match event {
                    Some("step") => (told.progress, told.step_began) = (None, Some(now)),
                    Some("plan") => {
                        told.plan = Some(line["plan"].clone());
                        if self.agreed.as_ref().is_some_and(|agreed| *agreed != line["plan"]) {
                            self.cancel.cancel();
                        }
                    }
                    Some("result" | "error") => told.last = Some(line.clone()),
                    _ => {}
                }
                // Of one that stays for weeks the newest count.
                if told.lines.len() >= LINES {
                    told.lines.remove(0);
                }
                told.lines.push(line.clone());
            }
        }
        drop(told);
        hub.send("job", &json!({ "job": self.id.to_string(), "place": self.place(), "line": line }));
    }

    /// Whether a question may be answered with yes: the plan is the one that was agreed to, or the request itself was the consent.
    fn approves(&self) -> bool {
        if let Some(follower) = &self.follower {
            return follower.approves(&self.cancel);
        }
        // What `switch` asks about is a drive in use, and nobody was asked about that.
        if self.words.first().is_some_and(|verb| verb == "switch") {
            return false;
        }
        match &self.agreed {
            Some(agreed) => self.told().plan.as_ref() == Some(agreed),
            None => !self.is_plan(),
        }
    }
}

fn stays(operation: &Operation, fields: &Fields) -> bool {
    operation.way == Way::Service || operation.name == "up" && fields.is_on("stay") == Ok(true)
}

/// Nobody else talks to the stick while it is there; none where it is about no stick.
type Held = Option<OwnedMutexGuard<()>>;

/// A command line's sender.
pub(crate) struct Followed {
    looks: bool,
    by: Follower,
    answer: Sender<bool>,
    /// Every stick, where it is about all of them.
    held: Vec<OwnedMutexGuard<()>>,
}

/// Forgets the oldest job that ended, for one more of its kind: what was only read pushes out nothing else. Plans, which wait to be started, go
/// last.
fn make_room(kept: &mut VecDeque<Arc<Job>>, looks: bool) {
    let most = if looks { KEPT_LOOKS } else { KEPT };
    if kept.iter().filter(|job| job.looks == looks).count() < most {
        return;
    }
    let may_go = |job: &&Arc<Job>| job.looks == looks && job.has_ended();
    let oldest = kept.iter().filter(may_go).min_by_key(|job| (job.plan().is_some(), job.id));
    if let Some(oldest) = oldest.map(|job| job.id) {
        kept.retain(|job| job.id != oldest);
    }
}

/// The JSON Schema of a job, for the OpenAPI document.
pub(crate) fn schema() -> Value {
    let text = json!({ "type": "string" });
    let number = json!({ "type": "integer", "minimum": 0 });
    json!({
        "type": "object",
        "required": ["id", "operation", "is_plan", "state"],
        "properties": {
            "id": text, "operation": text, "is_plan": { "type": "boolean" },
            "state": { "enum": ["running", "ended"] },
            "began": { "type": ["string", "null"] },
            "progress": { "type": ["object", "null"], "properties": { "done": number, "total": number } },
            "last": { "description": "The last line of the command, once it ended", "type": ["object", "null"] },
            "lines": { "type": "array", "items": { "type": "object" } },
        },
    })
}

pub(crate) struct Jobs {
    engine: Arc<dyn Engine>,
    hub: Arc<Hub>,
    pub(crate) uploads: Arc<Uploads>,
    kept: Mutex<VecDeque<Arc<Job>>>,
    /// Whether the server is being stopped.
    stops: AtomicBool,
    next: AtomicUsize,
    pub(crate) connections: Connections,
    /// Who logs in to the web server of a stick, by its place. Kept in memory alone.
    logins: Mutex<HashMap<String, Secrets>>,
    /// One lock per place on the bus.
    places: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
    /// Services that wait for the stick that they are to stay online through: its place, none for the only one there.
    waiting: Mutex<Vec<(Option<String>, Cancel)>>,
    /// Told when a command ended that may have changed what is plugged in.
    pub(crate) changed: tokio::sync::Notify,
}

impl Jobs {
    pub(crate) fn new(engine: Arc<dyn Engine>, hub: Arc<Hub>, uploads: Arc<Uploads>) -> Jobs {
        Jobs {
            engine,
            hub,
            uploads,
            kept: Mutex::default(),
            stops: AtomicBool::new(false),
            next: AtomicUsize::new(1),
            connections: Connections::default(),
            logins: Mutex::default(),
            places: Mutex::default(),
            waiting: Mutex::default(),
            changed: tokio::sync::Notify::new(),
        }
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, VecDeque<Arc<Job>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn list(&self) -> Vec<Arc<Job>> {
        self.kept().iter().rev().cloned().collect()
    }

    pub(crate) fn get(&self, id: &str) -> Option<Arc<Job>> {
        let id: u64 = id.parse().ok()?;
        self.kept().iter().find(|job| job.id == id).cloned()
    }

    /// The job that talks to the stick at a place until it ends.
    pub(crate) fn at_work(&self, at: &str) -> Option<Arc<Job>> {
        let here = |job: &&Arc<Job>| !job.stays() && place(&job.fields).is_ok_and(|place| place == at);
        self.kept().iter().rev().filter(|job| !job.has_ended()).find(here).cloned()
    }

    /// Runs a command and gives its last line.
    pub(crate) async fn read(&self, operation: &'static Operation, fields: &Fields) -> Value {
        let words = match operation.line(fields, &self.uploads) {
            Ok(words) => words,
            Err(what) => return refusal("usage", &what, "", 2),
        };
        // How the connection stands is asked of the computer alone: whoever talks to the stick is not waited for.
        let at = if operation.name == "online" { None } else { place(fields).ok() };
        let is_taken = at.as_deref().is_some_and(|at| self.at_work(at).is_some());
        self.run(words, at, if is_taken { IMPATIENCE } else { PATIENCE }).await
    }

    /// Runs the words of a command and gives the last line.
    pub(crate) async fn run(&self, words: Vec<String>, place: Option<String>, patience: Duration) -> Value {
        let held = match self.hold(place.as_deref(), patience).await {
            Ok(held) => held,
            Err(busy) => return busy,
        };
        // Whoever held the stick before may have logged in.
        let login = self.login_of(place.as_deref());
        let (line, _held) = self.run_with(words, login.clone(), held, |_| ()).await;
        self.login_held(place.as_deref(), &login, &line);
        line
    }

    /// Runs a command while its stick is held. The stick is held even where nobody waits for the end any more.
    async fn run_with(
        &self,
        words: Vec<String>,
        secrets: Secrets,
        held: Held,
        hear: impl Fn(&Value) + Send + 'static,
    ) -> (Value, Held) {
        let engine = Arc::clone(&self.engine);
        let ended = tokio::task::spawn_blocking(move || {
            let last = Arc::new(Mutex::new(Value::Null));
            let heard = Arc::clone(&last);
            let listener = move |line: &Value| {
                hear(line);
                if matches!(line["event"].as_str(), Some("result" | "error")) {
                    *heard.lock().unwrap_or_else(PoisonError::into_inner) = line.clone();
                }
            };
            engine.run(&words, secrets, Cancel::new(), Box::new(listener), Box::new(|| false));
            let last = last.lock().unwrap_or_else(PoisonError::into_inner).take();
            (if last.is_null() { refusal("io", "the command said nothing", "", 1) } else { last }, held)
        });
        let (mut line, held) =
            ended.await.unwrap_or_else(|_| (without_end("the command came to no end"), None));
        self.uploads.hide(&mut line);
        (line, held)
    }

    /// Waits for a stick until nobody else talks to it.
    async fn hold(&self, place: Option<&str>, patience: Duration) -> Result<Held, Value> {
        let Some(place) = place else { return Ok(None) };
        let lock = {
            let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
            places.retain(|_, lock| Arc::strong_count(lock) > 1);
            Arc::clone(places.entry(place.to_owned()).or_default())
        };
        tokio::time::timeout(patience, lock.lock_owned()).await.map(Some).map_err(|_| {
            let what = format!("another command talks to the stick at {place}");
            refusal("port-busy", &what, "wait until it has ended, or stop it", 4)
        })
    }

    /// Places of sticks that somebody talks to, or waits for.
    fn places_in_use(&self) -> Vec<String> {
        let places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let in_use = places.iter().filter(|(_, lock)| Arc::strong_count(lock) > 1);
        in_use.map(|(place, _)| place.clone()).collect()
    }

    /// Begins a job.
    pub(crate) async fn begin(
        self: &Arc<Self>,
        operation: &'static Operation,
        mut fields: Fields,
    ) -> Result<Arc<Job>, Value> {
        let secrets = operation.take_secrets(&mut fields);
        if let ("down", Ok(at)) = (operation.name, place(&fields)) {
            // A browser that leaves meanwhile has asked for both: for the end of what stays online, and to hang up.
            let (jobs, words) = (Arc::clone(self), operation.line(&fields, &self.uploads));
            let mut words = words.map_err(|what| refusal("usage", &what, "", 2))?;
            let hangs_up = tokio::spawn(async move {
                let ended = jobs.end_staying(&at).await?;
                words.splice(2..2, ended.taken_back());
                let begun = jobs.start(operation, fields, words, secrets, None, None).await;
                begun.map_err(|refused| ended.before(refused))
            });
            return hangs_up.await.unwrap_or_else(|_| Err(without_end("hanging up came to no end")));
        }
        let mut words =
            operation.line(&fields, &self.uploads).map_err(|what| refusal("usage", &what, "", 2))?;
        if operation.way == Way::Plan {
            words.insert(1, "--dry-run".into());
        }
        self.start(operation, fields, words, secrets, None, None).await
    }

    /// Starts the plan of a job, when each of its dangers was named.
    pub(crate) async fn start_plan(
        self: &Arc<Self>,
        planned: &Job,
        dangers: &Fields,
    ) -> Result<Arc<Job>, Value> {
        let Some(plan) = planned.plan() else {
            return Err(refusal("usage", "this job has no plan to start", "", 2));
        };
        let objections = plan["objections"].as_array().map_or(0, Vec::len);
        if objections > 0 {
            return Err(refusal(
                "consent-needed",
                "the plan has problems that block it",
                "plan it again with the consents it asks for",
                5,
            ));
        }
        let count = plan["dangers"].as_array().map_or(0, Vec::len);
        let is_index = |danger: &str| danger.parse().is_ok_and(|index: usize| index < count);
        if let Some(other) = dangers.all("danger").find(|danger| !is_index(danger)) {
            let what = format!("danger {other:?} is none of this plan, which has {count}, counted from 0");
            return Err(refusal("usage", &what, "", 2));
        }
        let agreed = |index: usize| dangers.all("danger").any(|danger| danger.parse() == Ok(index));
        if let Some(missing) = (0..count).find(|index| !agreed(*index)) {
            let what = format!(
                "not every danger was agreed to: {}",
                plan["dangers"][missing].as_str().unwrap_or_default()
            );
            return Err(refusal("consent-needed", &what, "", 5));
        }
        let words = planned
            .operation
            .line(&planned.fields, &self.uploads)
            .map_err(|what| refusal("usage", &what, "", 2))?;
        self.start(planned.operation, planned.fields.clone(), words, Secrets::new(), Some(plan), None).await
    }

    async fn start(
        self: &Arc<Self>,
        operation: &'static Operation,
        fields: Fields,
        words: Vec<String>,
        mut secrets: Secrets,
        agreed: Option<Value>,
        followed: Option<Followed>,
    ) -> Result<Arc<Job>, Value> {
        let looks = followed.as_ref().is_some_and(|followed| followed.looks);
        let at_once = if looks { LOOKS_AT_ONCE } else { AT_ONCE };
        if self.kept().iter().filter(|job| job.looks == looks && !job.has_ended()).count() >= at_once {
            return Err(refusal("busy", "too many commands are running", "wait until one has ended", 4));
        }
        let misread = if followed.is_none() { self.engine.misread(&words) } else { None };
        if let Some(mut refused) = misread {
            self.uploads.hide(&mut refused);
            return Err(refused);
        }
        let files = self.uploads.named(&words);
        let at = place(&fields).ok();
        let stays = stays(operation, &fields);
        let held = self.hold(at.as_deref().filter(|_| !stays), PATIENCE).await?;
        if stays && at.as_deref().is_some_and(|at| !self.staying(at).is_empty()) {
            let what = "a job stays online through this stick already";
            return Err(refusal("busy", what, "stop it first", 4));
        }
        let login = self.login_for(at.as_deref(), &words, &secrets);
        secrets.extend(login.clone());
        let secrets = Mutex::new(secrets);
        let told = Mutex::new(Told { began: Some(Timestamp::now()), ..Told::default() });
        let id = self.next.fetch_add(1, Ordering::Relaxed) as u64;
        let (cancel, ended) = (Cancel::new(), watch::Sender::new(false));
        let (follower, answer, all_held) = match followed {
            Some(followed) => (Some(followed.by), Some(followed.answer), followed.held),
            None => (None, None, Vec::new()),
        };
        let is_plan = operation.way == Way::Plan && agreed.is_none();
        let job = Arc::new(Job {
            _files: if is_plan { files.clone() } else { Vec::new() },
            id,
            operation,
            fields,
            words,
            secrets,
            login: Mutex::new(login),
            agreed,
            looks,
            follower,
            answer,
            cancel,
            told,
            ended,
        });
        {
            let mut kept = self.kept();
            // Nothing begins that nobody would wait for.
            if self.stops.load(Ordering::SeqCst) {
                return Err(refusal(
                    "busy",
                    "the server is being stopped",
                    "send it again once it was started again",
                    4,
                ));
            }
            make_room(&mut kept, looks);
            kept.push_back(Arc::clone(&job));
        }
        self.hub.send("job", &json!({ "job": id.to_string(), "place": job.place(), "state": "running" }));
        let (jobs, running) = (Arc::clone(self), Arc::clone(&job));
        tokio::task::spawn_blocking(move || {
            let (_held, _all_held, _files) = (held, all_held, files);
            let (heard, asked) = (Arc::clone(&running), Arc::clone(&running));
            let (hub, uploads) = (Arc::clone(&jobs.hub), Arc::clone(&jobs.uploads));
            let told = Arc::clone(&jobs);
            let listener = move |line: &Value| heard.hear(line.clone(), &hub, &uploads, &told.connections);
            let approve = move || asked.approves();
            let secrets =
                std::mem::take(&mut *running.secrets.lock().unwrap_or_else(PoisonError::into_inner));
            let (words, cancel) = (&running.words, running.cancel.clone());
            jobs.engine.run(words, secrets, cancel, Box::new(listener), Box::new(approve));
            let login = std::mem::take(&mut *running.login.lock().unwrap_or_else(PoisonError::into_inner));
            let last = running.told().last.unwrap_or_else(|| {
                let line = without_end("the command ended without a word");
                running.hear(line.clone(), &jobs.hub, &jobs.uploads, &jobs.connections);
                line
            });
            jobs.login_held(running.place(), &login, &last);
            running.ended.send_replace(true);
            if let Some(follower) = &running.follower {
                follower.end();
            }
            let ended = json!({ "job": running.id.to_string(), "place": running.place(), "state": "ended" });
            jobs.hub.send("job", &ended);
            jobs.changed.notify_one();
        });
        Ok(job)
    }

    /// Begins what runs as long as the server does.
    pub(crate) async fn serve(
        self: &Arc<Self>,
        operation: &'static Operation,
        fields: Fields,
    ) -> Option<Arc<Job>> {
        let refused = match self.begin(operation, fields).await {
            Ok(job) => return Some(job),
            Err(refused) => refused,
        };
        self.hub.send("job", &json!({ "job": null, "line": refused }));
        None
    }

    pub(crate) fn engine(&self) -> &Arc<dyn Engine> {
        &self.engine
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations::{OPERATIONS, STAY, WATCH};

    #[test]
    fn going_online_stays_where_that_is_asked_for_and_nothing_else_does() {
        let stay = Fields(vec![("stay".to_owned(), "on".to_owned())]);
        for operation in OPERATIONS {
            assert_eq!(stays(operation, &stay), operation.name == "up", "{}", operation.name);
            assert!(!stays(operation, &Fields::default()), "{}", operation.name);
        }
        assert!(stays(&STAY, &Fields::default()) && stays(&WATCH, &Fields::default()));
    }
}
