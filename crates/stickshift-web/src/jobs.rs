//! Commands that run: the short ones that somebody waits for, and jobs, which go on whoever watches and keep what they printed.
//!
//! One command at a time talks to a stick.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use stickshift::event::Cancel;
use tokio::sync::{OwnedMutexGuard, watch};

use crate::connections::Connections;
use crate::engine::{Engine, Secrets};
use crate::fields::Fields;
use crate::hub::Hub;
use crate::operations::{Operation, Way, place};
use crate::uploads::Uploads;

/// Jobs that are remembered.
const KEPT: usize = 64;
/// Lines of a job that are remembered.
const LINES: usize = 400;
/// Jobs that may run at the same time.
const AT_ONCE: usize = 48;
/// How long a hang-up waits until nobody stays online any more.
const STOP_TIME: Duration = Duration::from_secs(60);
/// How long a command waits for another one that talks to the same stick.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Job {
    pub(crate) id: u64,
    pub(crate) operation: &'static Operation,
    pub(crate) fields: Fields,
    words: Vec<String>,
    /// What it may know and nobody is shown; forgotten when it ended.
    secrets: Mutex<Secrets>,
    /// The plan that was agreed to; the command stops when it makes another.
    agreed: Option<Value>,
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
        let now = Timestamp::now();
        if let Some(place) = self.place() {
            connections.hear(self.operation.name, place, &line, now);
        }
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        match line["event"].as_str() {
            Some("progress") => told.progress = line["done"].as_u64().zip(line["total"].as_u64()),
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
    operation.way == Way::Service || operation.name == "up" && fields.has("stay")
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

/// A refusal of the server itself, in the form in which commands report a failure.
pub(crate) fn refusal(kind: &str, what: &str, help: &str, exit: u8) -> Value {
    json!({
        "event": "error", "schema": 1, "verb": null, "kind": kind, "what": what, "facts": {}, "cause": "", "help": help,
        "verdict": "untouched", "recover": "nothing was sent to the stick", "exit": exit,
    })
}

pub(crate) struct Jobs {
    engine: Arc<dyn Engine>,
    hub: Arc<Hub>,
    pub(crate) uploads: Arc<Uploads>,
    kept: Mutex<VecDeque<Arc<Job>>>,
    next: AtomicUsize,
    pub(crate) connections: Connections,
    /// Who logs in to the web server of a stick, by its place. Kept in memory alone.
    logins: Mutex<HashMap<String, Secrets>>,
    /// One lock per place on the bus.
    places: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
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
            next: AtomicUsize::new(1),
            connections: Connections::default(),
            logins: Mutex::default(),
            places: Mutex::default(),
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

    /// Runs a command and gives its last line.
    pub(crate) async fn read(&self, operation: &'static Operation, fields: &Fields) -> Value {
        let words = match (operation.words)(fields, &self.uploads) {
            Ok(words) => words,
            Err(what) => return refusal("usage", &what, "", 2),
        };
        // How the connection stands is asked of the computer alone: whoever talks to the stick is not waited for.
        let at = if operation.name == "online" { None } else { place(fields).ok() };
        self.run(words, at, PATIENCE).await
    }

    /// Runs the words of a command and gives the last line.
    pub(crate) async fn run(&self, words: Vec<String>, place: Option<String>, patience: Duration) -> Value {
        let login = self.login_of(place.as_deref());
        let line = self.run_with(words, login, place.clone(), patience, |_| ()).await;
        self.login_held(place.as_deref(), &line);
        line
    }

    async fn run_with(
        &self,
        words: Vec<String>,
        secrets: Secrets,
        place: Option<String>,
        patience: Duration,
        hear: impl Fn(&Value) + Send + 'static,
    ) -> Value {
        let held = match self.hold(place.as_deref(), patience).await {
            Ok(held) => held,
            Err(busy) => return busy,
        };
        let engine = Arc::clone(&self.engine);
        let ended = tokio::task::spawn_blocking(move || {
            let _held = held;
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
            if last.is_null() { refusal("io", "the command said nothing", "", 1) } else { last }
        });
        let mut line = ended.await.unwrap_or_else(|_| refusal("io", "the command came to no end", "", 7));
        self.uploads.hide(&mut line);
        line
    }

    fn logins(&self) -> std::sync::MutexGuard<'_, HashMap<String, Secrets>> {
        self.logins.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn login_of(&self, place: Option<&str>) -> Secrets {
        place.and_then(|place| self.logins().get(place).cloned()).unwrap_or_default()
    }

    /// Whether somebody is logged in to the web server of the stick at a place.
    pub(crate) fn has_login(&self, place: &str) -> bool {
        self.logins().contains_key(place)
    }

    /// A login that the stick refuses is not tried again: it counts failures, and locks itself.
    fn login_held(&self, place: Option<&str>, last: &Value) {
        if let (Some(place), Some("login-refused" | "login-locked" | "weak-login")) =
            (place, last["kind"].as_str())
        {
            self.logins().remove(place);
        }
    }

    /// Logs in to the web server of a stick, for every command that follows. Gives the last line of a command that needed it.
    pub(crate) async fn log_in(&self, fields: &Fields) -> Value {
        let (place, password) = match (place(fields), fields.get("password")) {
            (Ok(place), Some(password)) => (place, password.to_owned()),
            (Err(what), _) => return refusal("usage", &what, "", 2),
            (_, None) => return refusal("usage", "password is required", "", 2),
        };
        let user = fields.get("user").unwrap_or("admin").to_owned();
        let login = vec![("STICKSHIFT_USER".to_owned(), user), ("STICKSHIFT_PASSWORD".to_owned(), password)];
        let words = vec!["hilink".into(), format!("--stick={place}"), "status".into()];
        let is_needless = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&is_needless);
        let hear = move |line: &Value| {
            told.fetch_or(line["event"] == "note" && line["code"] == "no-login", Ordering::Relaxed);
        };
        let line = self.run_with(words, login.clone(), Some(place.clone()), PATIENCE, hear).await;
        if line["event"] == "result" {
            if is_needless.load(Ordering::Relaxed) {
                let what = "the stick wants no login now: the password was not sent, and is not kept";
                let mut needless = refusal("no-login", what, "", 5);
                needless["recover"] = "the stick was only read".into();
                return needless;
            }
            self.logins().insert(place, login);
            self.changed.notify_one();
        }
        line
    }

    /// A login is for the stick that stood at its place, and not for the next one that is plugged in there.
    pub(crate) fn forget_logins(&self, list: &Value) {
        let sticks = list["sticks"].as_array().map(Vec::as_slice).unwrap_or_default();
        self.logins().retain(|place, _| sticks.iter().any(|stick| stick["place"] == **place));
    }

    pub(crate) fn log_out(&self, place: &str) -> bool {
        self.logins().remove(place).is_some()
    }

    /// Waits for a stick until nobody else talks to it.
    async fn hold(
        &self,
        place: Option<&str>,
        patience: Duration,
    ) -> Result<Option<OwnedMutexGuard<()>>, Value> {
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

    /// Jobs that stay online through the stick at a place.
    fn staying(&self, at: &str) -> Vec<Arc<Job>> {
        let here = |job: &&Arc<Job>| job.stays() && place(&job.fields).is_ok_and(|place| place == at);
        self.kept().iter().filter(|job| !job.has_ended()).filter(here).cloned().collect()
    }

    /// Whoever stays online would dial again after a hang-up.
    async fn end_staying(&self, at: &str) -> Result<(), Value> {
        for job in self.staying(at) {
            job.cancel();
            job.wait(STOP_TIME).await;
            if !job.has_ended() {
                let what = format!("the job that stays online through the stick at {at} has not stopped yet");
                return Err(refusal("busy", &what, "disconnect again in a minute", 4));
            }
        }
        Ok(())
    }

    /// Begins a job.
    pub(crate) async fn begin(
        self: &Arc<Self>,
        operation: &'static Operation,
        mut fields: Fields,
    ) -> Result<Arc<Job>, Value> {
        let secrets = operation.take_secrets(&mut fields);
        if let ("down", Ok(at)) = (operation.name, place(&fields)) {
            self.end_staying(&at).await?;
        }
        let mut words =
            (operation.words)(&fields, &self.uploads).map_err(|what| refusal("usage", &what, "", 2))?;
        if operation.way == Way::Plan {
            words.insert(1, "--dry-run".into());
        }
        self.start(operation, fields, words, secrets, None).await
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
        let agreed = |index: usize| dangers.all("danger").any(|danger| danger.parse() == Ok(index));
        if let Some(missing) = (0..count).find(|index| !agreed(*index)) {
            let what = format!(
                "not every danger was agreed to: {}",
                plan["dangers"][missing].as_str().unwrap_or_default()
            );
            return Err(refusal("consent-needed", &what, "", 5));
        }
        let words = (planned.operation.words)(&planned.fields, &self.uploads)
            .map_err(|what| refusal("usage", &what, "", 2))?;
        self.start(planned.operation, planned.fields.clone(), words, Secrets::new(), Some(plan)).await
    }

    async fn start(
        self: &Arc<Self>,
        operation: &'static Operation,
        fields: Fields,
        words: Vec<String>,
        mut secrets: Secrets,
        agreed: Option<Value>,
    ) -> Result<Arc<Job>, Value> {
        if self.kept().iter().filter(|job| !job.has_ended()).count() >= AT_ONCE {
            return Err(refusal("busy", "too many commands are running", "wait until one has ended", 4));
        }
        let at = place(&fields).ok();
        let stays = stays(operation, &fields);
        let held = self.hold(at.as_deref().filter(|_| !stays), PATIENCE).await?;
        if stays && at.as_deref().is_some_and(|at| !self.staying(at).is_empty()) {
            let what = "a job stays online through this stick already";
            return Err(refusal("busy", what, "stop it first", 4));
        }
        secrets.extend(self.login_of(at.as_deref()));
        let secrets = Mutex::new(secrets);
        let told = Mutex::new(Told { began: Some(Timestamp::now()), ..Told::default() });
        let id = self.next.fetch_add(1, Ordering::Relaxed) as u64;
        let (cancel, ended) = (Cancel::new(), watch::Sender::new(false));
        let job = Arc::new(Job { id, operation, fields, words, secrets, agreed, cancel, told, ended });
        {
            let mut kept = self.kept();
            let oldest = kept.iter().position(|job| job.has_ended());
            if let (true, Some(oldest)) = (kept.len() >= KEPT, oldest) {
                kept.remove(oldest);
            }
            kept.push_back(Arc::clone(&job));
        }
        self.hub.send("job", &json!({ "job": id.to_string(), "place": job.place(), "state": "running" }));
        let (jobs, running) = (Arc::clone(self), Arc::clone(&job));
        tokio::task::spawn_blocking(move || {
            let _held = held;
            let (heard, asked) = (Arc::clone(&running), Arc::clone(&running));
            let (hub, uploads) = (Arc::clone(&jobs.hub), Arc::clone(&jobs.uploads));
            let told = Arc::clone(&jobs);
            let listener = move |line: &Value| heard.hear(line.clone(), &hub, &uploads, &told.connections);
            let approve = move || asked.approves();
            let secrets =
                std::mem::take(&mut *running.secrets.lock().unwrap_or_else(PoisonError::into_inner));
            let (words, cancel) = (&running.words, running.cancel.clone());
            jobs.engine.run(words, secrets, cancel, Box::new(listener), Box::new(approve));
            if let Some(last) = running.told().last {
                jobs.login_held(running.place(), &last);
            }
            running.ended.send_replace(true);
            let ended = json!({ "job": running.id.to_string(), "place": running.place(), "state": "ended" });
            jobs.hub.send("job", &ended);
            jobs.changed.notify_one();
        });
        Ok(job)
    }

    /// Begins what runs as long as the server does.
    pub(crate) async fn serve(self: &Arc<Self>, operation: &'static Operation, fields: Fields) {
        if let Err(refused) = self.begin(operation, fields).await {
            self.hub.send("job", &json!({ "job": null, "line": refused }));
        }
    }

    /// Asks every job to stop, and waits until it did.
    pub(crate) async fn stop_all(&self) {
        let running: Vec<_> = self.list().into_iter().filter(|job| !job.has_ended()).collect();
        running.iter().for_each(|job| job.cancel());
        for job in running {
            job.wait(Duration::from_secs(600)).await;
        }
    }

    pub(crate) fn engine(&self) -> &Arc<dyn Engine> {
        &self.engine
    }
}
