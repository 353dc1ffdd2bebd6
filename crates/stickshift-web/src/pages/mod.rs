//! The pages: plain HTML that is whole without JavaScript. A script only fetches the page again when something happened, and puts the
//! parts in that changed.

mod advice;
mod connect;
mod convert;
mod doctor;
pub(crate) mod forms;
mod job;
mod login;
mod profiles;
mod stick;
mod sticks;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use serde_json::Value;

use crate::access::Role;
use crate::api;
use crate::fields::{Field, Fields, Kind, field as field_of};
use crate::guard::{Caller, Form};
use crate::html::{encoded, field, list, text, value};
use crate::jobs::refusal;
use crate::operations::{self, Way};
use crate::requests::bad_field;
use crate::server::App;
use crate::texts::Language;

type Shared = State<Arc<App>>;
type Who = Extension<Caller>;

/// What may stand in the address of a page.
const QUERY: [Field; 4] = [
    field_of("done", Kind::Optional, "The job that led here"),
    field_of("place", Kind::Optional, "The stick that is chosen"),
    field_of("text", Kind::Optional, "What is searched for"),
    field_of("link", Kind::Optional, "The secret of a one-time link"),
];

pub(crate) fn router(app: Arc<App>) -> Router<Arc<App>> {
    Router::new()
        .route("/", get(sticks::page))
        .route("/sticks/{place}", get(stick::status))
        .route("/sticks/{place}/connect", get(connect::page))
        .route("/sticks/{place}/messages", get(stick::messages))
        .route("/sticks/{place}/network", get(stick::network))
        .route("/profiles", get(profiles::page))
        .route("/profiles/{ids}", get(profiles::of_ids))
        .route("/files/{file}", get(profiles::of_file))
        .route("/download/{what}/{name}/{format}", get(profiles::download))
        .route("/convert", get(convert::page))
        .route("/rehearse", get(convert::rehearse))
        .route("/doctor", get(doctor::page))
        .route("/jobs", get(job::list_page))
        .route("/jobs/{job}", get(job::page))
        .route("/login", get(login::page).post(login::enter))
        .route("/enter", get(login::by_link))
        .route_layer(middleware::from_fn_with_state(app, known_query))
        .route("/sticks/{place}/login", post(connect::log_in))
        .route("/sticks/{place}/logout", post(connect::log_out))
        .route("/profiles/add", post(profiles::add))
        .route("/profiles/remove", post(profiles::remove))
        .route("/upload", post(profiles::upload))
        .route("/remove", post(profiles::remove_file))
        .route("/jobs/{job}/start", post(job::start))
        .route("/jobs/{job}/cancel", post(job::cancel))
        .route("/replug", post(sticks::replug))
        .route("/do/{operation}", post(act))
        .route("/logout", post(login::leave))
        .route("/language", post(login::language))
        .fallback(nothing)
}

/// Refuses a page whose address has names that no page reads, or one of them twice, as forms are refused: what is left unread would
/// seem to count.
async fn known_query(State(app): Shared, Extension(caller): Who, request: Request, next: Next) -> Response {
    match query(request.uri()).checked(&QUERY) {
        Ok(()) => next.run(request).await,
        Err(bad) => failure_page(&app, &caller, &bad_field(&bad)),
    }
}

/// What every page is made with.
struct Page<'a> {
    app: &'a App,
    caller: &'a Caller,
    /// A page asks for a login once, whatever needs it.
    asks_for_login: AtomicBool,
    /// Another command keeps the stick of this page, which was told.
    is_busy: AtomicBool,
    /// The page offers to load it again, once.
    offers_again: AtomicBool,
    /// No stick stands at the place of this page.
    is_nowhere: AtomicBool,
}

impl<'a> Page<'a> {
    fn new(app: &'a App, caller: &'a Caller) -> Page<'a> {
        Page {
            app,
            caller,
            asks_for_login: AtomicBool::new(false),
            is_busy: AtomicBool::new(false),
            offers_again: AtomicBool::new(false),
            is_nowhere: AtomicBool::new(false),
        }
    }

    /// The text of a key.
    fn t(&self, key: &'static str) -> String {
        text(self.caller.language.get(key))
    }

    fn may_change(&self) -> bool {
        self.caller.role == Role::Owner
    }

    /// A form that changes something: its fields and buttons. Nothing for those who only look.
    fn form(&self, action: &str, inner: &str) -> String {
        if !self.may_change() {
            return String::new();
        }
        format!("<form method=\"post\" action=\"{}\">{}{inner}</form>", text(action), self.token())
    }

    fn token(&self) -> String {
        format!("<input type=\"hidden\" name=\"token\" value=\"{}\">", self.caller.token)
    }

    /// The page around its content. `part` is the entry of the menu that it belongs to.
    fn show(&self, title: &str, part: &str, body: &str) -> Response {
        let entry = |(path, key): (&str, &'static str)| {
            let current = if path == part { " aria-current=\"page\"" } else { "" };
            format!("<li><a href=\"{path}\"{current}>{}</a></li>", self.t(key))
        };
        let entries = [
            ("/", "nav-sticks"),
            ("/profiles", "nav-profiles"),
            ("/convert", "nav-convert"),
            ("/rehearse", "nav-rehearse"),
            ("/doctor", "nav-doctor"),
            ("/jobs", "nav-jobs"),
        ];
        let menu: String = entries.into_iter().map(entry).collect();
        let read_only = if self.may_change() {
            String::new()
        } else {
            format!("<p class=\"note\">{}</p>", self.t("read-only"))
        };
        let language = self.caller.language.code();
        let other = if language == "en" { ("de", "Deutsch") } else { ("en", "English") };
        let token = self.token();
        let leave = match self.caller.session {
            Some(_) => format!(
                "<form method=\"post\" action=\"/logout\">{token}<button class=\"quiet\">{}</button></form>",
                self.t("leave")
            ),
            None => String::new(),
        };
        let foot = format!(
            "<form method=\"post\" action=\"/language\">{token}<button class=\"quiet\" name=\"language\" value=\"{}\" lang=\"{}\">{}</button></form>{leave}\
             <span>stickshift {}</span>",
            other.0,
            other.0,
            other.1,
            text(self.app.options.version)
        );
        let main = format!("<h1>{title}</h1>{read_only}{body}");
        let head = format!(
            "<a class=\"skip\" href=\"#main\">{}</a><header><nav aria-label=\"{}\"><ul>{menu}</ul></nav></header>",
            self.t("skip"),
            self.t("menu")
        );
        let status =
            if self.is_nowhere.load(Ordering::Relaxed) { StatusCode::NOT_FOUND } else { StatusCode::OK };
        (status, Html(frame(self.caller.language, title, &head, &main, &foot))).into_response()
    }

    /// A failure as commands report it.
    fn failure(&self, line: &Value) -> String {
        let here = |name: &str| text(&advice::on_a_page(line[name].as_str().unwrap_or_default()));
        let recover = here("recover");
        let facts: String = line["facts"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, fact)| format!("<li>{}: {}</li>", text(name), value(fact)))
            .collect();
        let facts = if facts.is_empty() {
            facts
        } else {
            format!("<details><summary>{}</summary><ul>{facts}</ul></details>", self.t("details"))
        };
        let lines = [("cause", field(line, "cause")), ("help", here("help"))];
        let lines = lines.into_iter().filter(|(_, text)| !text.is_empty());
        let lines: String = lines
            .map(|(key, text)| {
                format!("<p><strong>{}</strong> <span lang=\"en\">{text}</span></p>", self.t(key))
            })
            .collect();
        format!(
            "<div class=\"box bad\" role=\"alert\"><p><strong lang=\"en\">{}</strong></p>{lines}\
             <p>{}{}: <span lang=\"en\">{recover}</span></p>{facts}</div>",
            field(line, "what"),
            self.t("stick-is"),
            self.verdict(line)
        )
    }

    /// The verdict of a last line, as a badge.
    fn verdict(&self, line: &Value) -> String {
        let verdict = line["verdict"].as_str().unwrap_or("unknown");
        let word =
            self.caller.language.find(&format!("verdict-{verdict}")).map_or_else(|| text(verdict), text);
        format!("<span class=\"badge {}\">{word}</span>", text(verdict))
    }

    /// What an operation reads: the result, or the failure as HTML.
    async fn read(&self, name: &str, fields: &Fields) -> Result<Value, String> {
        let Some(operation) = operations::named(name) else { return Err(String::new()) };
        let asks_stick = fields.get("place").filter(|_| name != "online");
        // A page waits once.
        if asks_stick.is_some() && self.is_busy.load(Ordering::Relaxed) {
            return Err(String::new());
        }
        let line = self.app.jobs.read(operation, fields).await;
        if line["event"] == "result" {
            return Ok(line["result"].clone());
        }
        if asks_stick.is_some() && line["kind"] == "no-stick" {
            self.is_nowhere.store(true, Ordering::Relaxed);
        }
        // A command of this server keeps it; another program's is a failure like others.
        if let (Some(place), "port-busy", true) =
            (asks_stick, line["kind"].as_str().unwrap_or_default(), line["verb"].is_null())
        {
            self.is_busy.store(true, Ordering::Relaxed);
            return Err(self.busy(place));
        }
        let again = match line["kind"] == "port-busy" && !self.offers_again.swap(true, Ordering::Relaxed) {
            true => format!("<p>{}</p>", self.again()),
            false => String::new(),
        };
        Err(self.failure(&line) + &again + &self.login_form(&line, fields.get("place")))
    }

    /// That another command talks to the stick at a place, with the way to it, and back.
    fn busy(&self, place: &str) -> String {
        let job = self.app.jobs.at_work(place).map_or_else(String::new, |job| {
            format!("<a class=\"button\" href=\"/jobs/{}\">{}</a> ", job.id, self.t("to-the-job"))
        });
        format!(
            "<div class=\"box\" role=\"status\"><p>{}</p><p>{job}{}</p></div>",
            self.t("stick-busy"),
            self.again()
        )
    }

    fn again(&self) -> String {
        format!("<a class=\"button\" href=\"?\">{}</a>", self.t("try-again"))
    }

    /// Where the web interface of the stick at a place wants a login: the form for it.
    fn login_form(&self, failure: &Value, place: Option<&str>) -> String {
        let (Some("login-needed" | "login-refused"), Some(place)) = (failure["kind"].as_str(), place) else {
            return String::new();
        };
        if self.asks_for_login.swap(true, Ordering::Relaxed) {
            return String::new();
        }
        let inner = format!(
            "<h2>{}</h2><p>{}</p><p><label for=\"login-user\">{}</label>\
             <input id=\"login-user\" name=\"user\" value=\"admin\" autocomplete=\"off\" required></p>\
             <p><label for=\"login-password\">{}</label>\
             <input id=\"login-password\" name=\"password\" type=\"password\" autocomplete=\"off\" required></p><button>{}</button>",
            self.t("stick-login"),
            self.t("stick-login-note"),
            self.t("user"),
            self.t("password"),
            self.t("enter")
        );
        self.form(&format!("/sticks/{}/login", encoded(place)), &inner)
    }

    /// What a change that was just made came to: the page that it led to shows it.
    fn done(&self, query: &Fields) -> String {
        let Some(job) = query.get("done").and_then(|id| self.app.jobs.get(id)) else { return String::new() };
        let Some(last) = job.told().last else { return String::new() };
        if last["event"] != "result" {
            return self.failure(&last);
        }
        let warnings = job.told().lines.into_iter().filter(|line| line["event"] == "warning");
        let warnings: String =
            warnings.map(|line| format!("<p lang=\"en\">{}</p>", field(&line, "text"))).collect();
        let answers = list(
            "answers",
            &last["result"]["answers"]
                .as_array()
                .map(|all| all.iter().map(|a| a["text"].clone()).collect())
                .unwrap_or_default(),
        );
        let result = &last["result"];
        let taken_back = match job.operation.name {
            "down" => list("plain", &result["computer"]) + &list("plain", &result["stick"]),
            _ => String::new(),
        };
        let key = match job.operation.name {
            "down" if result["was_online"] == false => "is-offline".to_owned(),
            name => format!("done-{name}"),
        };
        let what = self.caller.language.find(&key).unwrap_or_else(|| self.caller.language.get("done"));
        format!(
            "<div class=\"box good\" role=\"status\"><p>{}</p>{warnings}{answers}{taken_back}</div>",
            text(what)
        )
    }
}

/// A whole document.
fn frame(language: Language, title: &str, head: &str, main: &str, foot: &str) -> String {
    format!(
        "<!doctype html><html lang=\"{}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\">\
         <title>{title} - stickshift</title><link rel=\"icon\" href=\"/assets/icon.svg\"><link rel=\"stylesheet\" href=\"/assets/style.css\">\
         <script src=\"/assets/app.js\" defer></script></head><body>{head}<main id=\"main\" tabindex=\"-1\">{main}</main><footer>{foot}</footer></body></html>",
        language.code()
    )
}

/// The query of a request.
fn query(uri: &axum::http::Uri) -> Fields {
    Fields::of_form(uri.query().unwrap_or_default().as_bytes())
}

/// The page of a refusal of the server itself.
pub(crate) fn refusal_page(app: &App, line: &Value, language: Language) -> Response {
    let main = format!(
        "<h1>{}</h1><div class=\"box bad\" role=\"alert\"><p lang=\"en\">{}</p></div><p><a href=\"/\">{}</a></p>",
        text(language.get("refused")),
        field(line, "what"),
        text(language.get("to-start"))
    );
    let _ = app;
    Html(frame(language, text(language.get("refused")).as_str(), "", &main, "")).into_response()
}

/// A failure as a page of its own.
fn failure_page(app: &App, caller: &Caller, line: &Value) -> Response {
    let page = Page::new(app, caller);
    let body = format!("{}<p><a href=\"/\">{}</a></p>", page.failure(line), page.t("to-start"));
    (api::status(line), page.show(&page.t("failed"), "", &body)).into_response()
}

async fn nothing(State(app): Shared, Extension(caller): Who) -> Response {
    failure_page(&app, &caller, &refusal("not-found", "there is nothing at this address", "", 3))
}

/// Carries out an operation that a form asks for. Its job is shown where it takes long or fails; else the page that it belongs to.
async fn act(
    State(app): Shared,
    Extension(caller): Who,
    Path(name): Path<String>,
    Extension(Form(fields)): Extension<Form>,
) -> Response {
    let Some(operation) = operations::named(&name).filter(|op| op.way != Way::Read) else {
        return nothing(State(app), Extension(caller)).await;
    };
    let job = match app.jobs.begin(operation, fields.filled()).await {
        Ok(job) => job,
        Err(refused) => return failure_page(&app, &caller, &refused),
    };
    let patience = if operation.way == Way::Change { 120 } else { 2 };
    job.wait(Duration::from_secs(patience)).await;
    let went_well = job.told().last.is_some_and(|last| last["event"] == "result");
    let page = match operation.name {
        "send" | "delete" | "ussd" => "messages",
        "down" => "connect",
        _ => "network",
    };
    match job.fields.get("place") {
        Some(place) if operation.way == Way::Change && went_well => {
            Redirect::to(&format!("/sticks/{}/{page}?done={}", encoded(place), job.id)).into_response()
        }
        _ => Redirect::to(&format!("/jobs/{}", job.id)).into_response(),
    }
}

/// An answer that sets a cookie and leads to another page.
fn with_cookie(cookie: String, to: &str) -> Response {
    let mut headers = HeaderMap::new();
    if let Ok(cookie) = cookie.parse() {
        headers.insert(header::SET_COOKIE, cookie);
    }
    (headers, Redirect::to(to)).into_response()
}

fn too_many(shown: Html<String>) -> Response {
    (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "60")], shown).into_response()
}
