//! Coming in and going out.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{Html, IntoResponse, Redirect, Response};

use super::{Shared, Who, frame, query, too_many, with_cookie};
use crate::guard::{Caller, Form};
use crate::html::text;
use crate::listen::Peer;
use crate::server::App;

fn shown(app: &App, caller: &Caller, problem: Option<&'static str>) -> Html<String> {
    let t = |key| text(caller.language.get(key));
    let problem = problem.map(|key| format!("<div class=\"box bad\" role=\"alert\"><p>{}</p></div>", t(key)));
    let inner = if app.options.passwords.is_empty() {
        format!("<p>{}</p>", t("open-the-link"))
    } else {
        format!(
            "<form method=\"post\" action=\"/login\"><p><label for=\"password\">{}</label>\
             <input id=\"password\" name=\"password\" type=\"password\" autocomplete=\"current-password\" required></p><button>{}</button></form>",
            t("password"),
            t("enter")
        )
    };
    let main = format!("<h1>stickshift</h1>{}{inner}", problem.unwrap_or_default());
    Html(frame(caller.language, &t("enter"), "", &main, ""))
}

pub(super) async fn page(State(app): Shared, Extension(caller): Who) -> Response {
    if caller.session.is_some() || caller.peer == Peer::Unix {
        return Redirect::to("/").into_response();
    }
    let status = if app.options.passwords.is_empty() { StatusCode::UNAUTHORIZED } else { StatusCode::OK };
    (status, shown(&app, &caller, None)).into_response()
}

fn address(caller: &Caller) -> Option<std::net::IpAddr> {
    match caller.peer {
        Peer::Tcp(address) => Some(address),
        Peer::Unix => None,
    }
}

fn session_cookie(app: &App, id: &str) -> String {
    let secure = if app.is_encrypted() { "; Secure" } else { "" };
    format!("{}={id}; Path=/; HttpOnly; SameSite=Strict{secure}", app.cookie)
}

pub(super) async fn by_link(
    State(app): Shared,
    Extension(caller): Who,
    method: Method,
    uri: Uri,
) -> Response {
    // A program that only checks what a link leads to does not use it up.
    if method == Method::HEAD {
        return shown(&app, &caller, None).into_response();
    }
    if app.access.must_wait(address(&caller)) {
        return too_many(shown(&app, &caller, Some("too-many-attempts")));
    }
    match app.access.enter_by_link(query(&uri).get("link").unwrap_or_default()) {
        Some(id) => {
            app.show_link();
            with_cookie(session_cookie(&app, &id), "/")
        }
        None => {
            app.access.failed(address(&caller));
            (StatusCode::FORBIDDEN, shown(&app, &caller, Some("link-was-used"))).into_response()
        }
    }
}

pub(super) async fn enter(
    State(app): Shared,
    Extension(caller): Who,
    Extension(Form(fields)): Extension<Form>,
) -> Response {
    // No password is wrong where a link alone opens it.
    if app.options.passwords.is_empty() {
        return (StatusCode::UNAUTHORIZED, shown(&app, &caller, None)).into_response();
    }
    if app.access.must_wait(address(&caller)) {
        return too_many(shown(&app, &caller, Some("too-many-attempts")));
    }
    // Counted before it is known: many at the same time are many.
    app.access.failed(address(&caller));
    let password = fields.get("password").unwrap_or_default().to_owned();
    let hashing = Arc::clone(&app);
    let entered = tokio::task::spawn_blocking(move || hashing.access.enter_by_password(&password)).await;
    match entered.ok().flatten() {
        Some(id) => {
            app.access.succeeded(address(&caller));
            with_cookie(session_cookie(&app, &id), "/")
        }
        None => (StatusCode::FORBIDDEN, shown(&app, &caller, Some("wrong-password"))).into_response(),
    }
}

pub(super) async fn leave(State(app): Shared, Extension(caller): Who) -> Response {
    if let Some(session) = &caller.session {
        app.access.leave(session);
    }
    with_cookie(format!("{}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict", app.cookie), "/login")
}

pub(super) async fn language(Extension(Form(fields)): Extension<Form>) -> Response {
    let code = if fields.get("language") == Some("de") { "de" } else { "en" };
    with_cookie(format!("language={code}; Path=/; Max-Age=31536000; HttpOnly; SameSite=Strict"), "/")
}
