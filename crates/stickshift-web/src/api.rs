//! The API: operations below `/api`, and what the server does itself: files, jobs, events.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use stickshift::clean;
use tokio::io::AsyncWriteExt;

use crate::commands::{self, Follower, Line};
use crate::connections::Connection;
use crate::engine::Secrets;
use crate::guard::{Caller, text};
use crate::hub::News;
use crate::jobs::refusal;
use crate::operations::{self, Way};
use crate::requests::{self, Given};
use crate::server::App;
use crate::uploads::{Upload, discard};

/// Streams of events at the same time.
const VIEWERS: usize = 128;
/// A stream on which nothing happens says so much, so that proxies keep it and a dead one is found.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// A piece of a file has to come by then.
const PIECE_TIME: Duration = Duration::from_secs(30);
/// How long a change is waited for before its job is the answer.
const SOON: Duration = Duration::from_secs(180);

type Shared = State<Arc<App>>;
type Sent = Extension<Given>;

pub(crate) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/events", get(events))
        .route("/session", get(session))
        .route("/files", get(files).post(upload))
        .route("/files/{file}", axum::routing::delete(remove_file))
        .route("/commands", get(look).post(command))
        .route("/jobs", get(jobs))
        .route("/jobs/{job}", get(job))
        .route("/jobs/{job}/start", post(start))
        .route("/jobs/{job}/cancel", post(cancel))
        .route("/jobs/{job}/answer", post(answer))
        .route("/sticks/{place}/replug", post(replug))
        .route("/sticks/{place}/history", get(history))
        .route("/sticks/{place}/login", post(log_in).delete(log_out))
        .fallback(operation)
        .layer(middleware::from_fn(requests::read))
}

/// A document of JSON, with what a terminal obeys as escapes.
pub(crate) fn document(value: &Value) -> Response {
    let text = clean::json(&value.to_string()).into_owned();
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}

/// A line as an answer: its status follows from the exit code.
pub(crate) fn line(line: &Value) -> Response {
    (status(line), document(line)).into_response()
}

pub(crate) fn status(line: &Value) -> StatusCode {
    if line["event"] == "result" {
        return StatusCode::OK;
    }
    match (line["kind"].as_str(), line["exit"].as_u64()) {
        (Some("not-found"), _) | (_, Some(3)) => StatusCode::NOT_FOUND,
        (Some("too-large"), _) => StatusCode::PAYLOAD_TOO_LARGE,
        (_, Some(2)) => StatusCode::BAD_REQUEST,
        (_, Some(4..=6)) => StatusCode::CONFLICT,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

pub(crate) fn not_found(what: &str) -> Response {
    line(&refusal("not-found", what, "", 3))
}

/// Answers by the table of operations.
async fn operation(State(app): Shared, Extension(Given(given)): Sent, request: Request) -> Response {
    let path = requests::below_api(request.uri().path());
    let method = if request.method() == Method::HEAD { "GET" } else { request.method().as_str() };
    let Some((operation, mut fields)) = operations::find(method, path) else {
        return not_found("there is nothing at this address");
    };
    fields.0.extend(given.0);
    match operation.way {
        Way::Read => line(&app.jobs.read(operation, &fields).await),
        _ => match app.jobs.begin(operation, fields).await {
            Err(refused) => line(&refused),
            Ok(job) if operation.way == Way::Change => {
                job.wait(SOON).await;
                match job.told().last {
                    Some(last) => line(&last),
                    None => (StatusCode::ACCEPTED, document(&job.json(false))).into_response(),
                }
            }
            Ok(job) => (StatusCode::ACCEPTED, document(&job.json(false))).into_response(),
        },
    }
}

async fn session(Extension(caller): Extension<Caller>) -> Response {
    document(&json!({ "role": caller.role.word(), "token": caller.token }))
}

async fn files(State(app): Shared) -> Response {
    document(&json!({ "files": app.uploads.list().iter().map(Upload::json).collect::<Vec<_>>() }))
}

async fn remove_file(State(app): Shared, Path(file): Path<String>) -> Response {
    if app.uploads.remove(&file) {
        document(&json!({ "removed": file }))
    } else {
        not_found("there is no such file")
    }
}

async fn upload(State(app): Shared, Extension(Given(query)): Sent, request: Request) -> Response {
    let name = query.get("name").unwrap_or("file").to_owned();
    let announced = text(request.headers(), header::CONTENT_LENGTH).parse::<u64>().unwrap_or(0);
    if announced > app.options.max_upload {
        return line(&too_large(&app));
    }
    match receive(&app, &name, request.into_body().into_data_stream()).await {
        Ok(upload) => document(&upload.json()),
        Err(refused) => line(&refused),
    }
}

fn too_large(app: &App) -> Value {
    let what = format!("the file is larger than {} MiB", app.options.max_upload >> 20);
    refusal("too-large", &what, "serve takes larger ones with --max-upload", 2)
}

/// Writes the pieces of a file as they come, and keeps it when it is whole.
pub(crate) async fn receive<E>(
    app: &App,
    name: &str,
    mut pieces: impl stream::Stream<Item = Result<Bytes, E>> + Unpin,
) -> Result<Upload, Value> {
    let failed = |e: std::io::Error| refusal("io", &format!("the file cannot be kept: {e}"), "", 1);
    let mut upload = app.uploads.begin(name).map_err(failed)?;
    let written: Result<u64, Value> = async {
        let mut file = tokio::fs::File::create(&upload.path).await.map_err(failed)?;
        let mut bytes = 0;
        loop {
            let piece = tokio::time::timeout(PIECE_TIME, StreamExt::next(&mut pieces));
            let piece =
                piece.await.map_err(|_| refusal("timeout", "the file did not come to its end", "", 2))?;
            let Some(piece) = piece else { break };
            let piece = piece.map_err(|_| refusal("cut-short", "the file did not come to its end", "", 2))?;
            bytes += piece.len() as u64;
            if bytes > app.options.max_upload {
                return Err(too_large(app));
            }
            file.write_all(&piece).await.map_err(failed)?;
        }
        file.flush().await.map_err(failed)?;
        Ok(bytes)
    }
    .await;
    match written {
        Ok(bytes) => {
            upload.bytes = bytes;
            app.uploads.keep(upload.clone());
            Ok(upload)
        }
        Err(refused) => {
            discard(&upload);
            Err(refused)
        }
    }
}

async fn jobs(State(app): Shared) -> Response {
    document(&json!({ "jobs": app.jobs.list().iter().map(|job| job.json(false)).collect::<Vec<_>>() }))
}

async fn job(State(app): Shared, Path(id): Path<String>) -> Response {
    match app.jobs.get(&id) {
        Some(job) => document(&job.json(true)),
        None => not_found("there is no such job"),
    }
}

async fn start(State(app): Shared, Path(id): Path<String>, Extension(Given(fields)): Sent) -> Response {
    let Some(planned) = app.jobs.get(&id) else { return not_found("there is no such job") };
    match app.jobs.start_plan(&planned, &fields).await {
        Ok(job) => (StatusCode::ACCEPTED, document(&job.json(false))).into_response(),
        Err(refused) => line(&refused),
    }
}

async fn cancel(State(app): Shared, Path(id): Path<String>) -> Response {
    let Some(job) = app.jobs.get(&id) else { return not_found("there is no such job") };
    job.cancel();
    document(&job.json(false))
}

async fn answer(State(app): Shared, Path(id): Path<String>, Extension(Given(fields)): Sent) -> Response {
    let Some(job) = app.jobs.get(&id) else { return not_found("there is no such job") };
    let yes = fields.is_on("yes") == Ok(true);
    match job.answer(yes) {
        true => document(&json!({ "answered": yes })),
        false => line(&refusal("usage", "the job asks nothing", "", 2)),
    }
}

/// A command line that only reads, `?word=signal&word=--&word=1-1`.
async fn look(State(app): Shared, Extension(Given(query)): Sent) -> Response {
    let words: Vec<String> = query.all("word").map(str::to_owned).collect();
    match commands::read(&words, &app.uploads) {
        Ok(line) if line.reads => follow(&app, line, Secrets::new()).await,
        Ok(_) => line(&refusal("read-only", "whoever may only look may not ask for this", "", 5)),
        Err(what) => line(&not_run(&words, &what)),
    }
}

/// A command line that is not run for another computer.
fn not_run(words: &[String], what: &str) -> Value {
    if commands::misplaced(words).is_some() {
        return refusal("usage", what, "", 2);
    }
    let help = "run it on the computer of the stick itself, over ssh for example; docs/racks.md says what is run for others";
    let mut refused = refusal("usage", what, help, 2);
    refused["cause"] =
        "commands that watch, or take files or devices of that computer, are for it alone".into();
    refused
}

/// A command line: `words`, and its `secrets`.
async fn command(State(app): Shared, Extension(Given(fields)): Sent) -> Response {
    let words: Vec<String> = fields.all("words").map(str::to_owned).collect();
    match commands::read(&words, &app.uploads) {
        Ok(line) => follow(&app, line, commands::secrets(&fields)).await,
        Err(what) => line(&not_run(&words, &what)),
    }
}

/// Runs a command line. The answer is what it says, a line of JSON each: the job, then texts and lines of `--json`, and its end.
async fn follow(app: &App, command: Line, secrets: Secrets) -> Response {
    let (say, said) = tokio::sync::mpsc::unbounded_channel();
    let (answer, answers) = std::sync::mpsc::channel();
    let follower = Follower::new(say, answers);
    let job = match app.jobs.command(command, secrets, follower, answer).await {
        Ok(job) => job,
        Err(refused) => return line(&refused),
    };
    // A job of this number may be another one once the server was started again.
    let began = job.told().began.map(|at| at.to_string());
    let first = json!({ "event": "job", "schema": 1, "job": job.id.to_string(), "began": began });
    let lines = stream::unfold((Some(first), said), |(first, mut said)| async move {
        let line = match first {
            Some(first) => first,
            None => said.recv().await?,
        };
        let text = format!("{}\n", clean::json(&line.to_string()));
        Some((Ok::<_, Infallible>(text), (None, said)))
    });
    let headers = [(header::CONTENT_TYPE, "application/x-ndjson"), (header::CACHE_CONTROL, "no-store")];
    (headers, Body::from_stream(with_signs_of_life(lines, "\n"))).into_response()
}

async fn replug(State(app): Shared, Path(place): Path<String>) -> Response {
    if !app.jobs.engine().replug(&place) {
        return not_found("there is no virtual stick");
    }
    app.jobs.changed.notify_one();
    document(&json!({ "replugged": place }))
}

async fn history(State(app): Shared, Path(place): Path<String>) -> Response {
    let mut history = app.sampling.json(&place);
    let connection = app.jobs.connections.of(&place);
    if app.sampling.samples(&place).is_empty() && connection == Connection::default() {
        let list = app.jobs.run(vec!["list".into()], None, SOON).await;
        let mut sticks = list["result"]["sticks"].as_array().into_iter().flatten();
        if !sticks.any(|stick| stick["place"] == place.as_str()) {
            return line(&refusal("no-stick", "no stick stands there, and none did", "", 3));
        }
    }
    history["connection"] = connection.json();
    document(&history)
}

async fn log_in(
    State(app): Shared,
    Path(place): Path<String>,
    Extension(Given(mut fields)): Sent,
) -> Response {
    fields.push("place", place);
    line(&app.jobs.log_in(fields).await)
}

async fn log_out(State(app): Shared, Path(place): Path<String>) -> Response {
    if app.jobs.log_out(&place) {
        document(&json!({ "logged_out": place }))
    } else {
        not_found("nobody is logged in there")
    }
}

/// Counts a viewer as long as its stream is there.
struct Viewer(Arc<App>);

impl Drop for Viewer {
    fn drop(&mut self) {
        self.0.viewers.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The stream of events. Each viewer reads at its own pace from what is kept.
async fn events(State(app): Shared, Extension(caller): Extension<Caller>, headers: HeaderMap) -> Response {
    if app.viewers.fetch_add(1, Ordering::Relaxed) >= VIEWERS {
        app.viewers.fetch_sub(1, Ordering::Relaxed);
        let refused = refusal("busy", "too many viewers follow the events", "", 4);
        return (StatusCode::SERVICE_UNAVAILABLE, document(&refused)).into_response();
    }
    let viewer = Viewer(Arc::clone(&app));
    let asked = text(&headers, "last-event-id");
    let (seen, lost) = match app.hub.after(asked) {
        Some(seen) => (seen, false),
        None => (app.hub.last(), !asked.is_empty()),
    };
    let first =
        if lost { lost_text(&app, seen) } else { format!("retry: 2000\nid: {}\n\n", app.hub.id(seen)) };
    let state = (viewer, seen, app.hub.subscribe(), Some(first));
    let session = caller.session;
    let pieces = stream::unfold(state, move |(viewer, mut seen, mut last, first)| {
        let session = session.clone();
        async move {
            if let Some(first) = first {
                return Some((Ok::<_, Infallible>(first), (viewer, seen, last, None)));
            }
            let app = Arc::clone(&viewer.0);
            if last.wait_for(|last| *last > seen).await.is_err() {
                return None;
            }
            // Whoever has left hears nothing more.
            if session.is_some_and(|session| !app.access.is_open(&session)) {
                return None;
            }
            let text = match app.hub.news(seen, 64) {
                News::Lost(now) => {
                    seen = now;
                    lost_text(&app, now)
                }
                News::Events(events) => {
                    seen = events.last().map_or(seen, |event| event.number);
                    let text = events.iter().map(|event| {
                        let data = clean::json(&event.data);
                        format!("id: {}\nevent: {}\ndata: {data}\n\n", app.hub.id(event.number), event.name)
                    });
                    text.collect()
                }
            };
            Some((Ok(text), (viewer, seen, last, None)))
        }
    });
    let pieces = with_signs_of_life(pieces, ":\n\n");
    let headers = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-store")];
    (headers, Body::from_stream(pieces)).into_response()
}

/// What a viewer gets that missed events which are kept no longer: it should ask for everything anew.
fn lost_text(app: &App, seen: u64) -> String {
    format!("retry: 2000\nid: {}\nevent: lost\ndata: {{}}\n\n", app.hub.id(seen))
}

/// Puts something that means nothing into a stream on which nothing happens.
fn with_signs_of_life<S>(
    pieces: S,
    sign: &'static str,
) -> impl stream::Stream<Item = Result<String, Infallible>>
where
    S: stream::Stream<Item = Result<String, Infallible>> + Send + 'static,
{
    stream::unfold(Box::pin(pieces), move |mut pieces| async move {
        let next = StreamExt::next(&mut pieces);
        match tokio::time::timeout(KEEP_ALIVE, next).await {
            Ok(Some(piece)) => Some((piece, pieces)),
            Ok(None) => None,
            Err(_) => Some((Ok(sign.to_owned()), pieces)),
        }
    })
}
