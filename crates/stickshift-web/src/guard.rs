//! Every request passes here first: where it comes from, who sends it, and whether it may change something.
//!
//! The Host header has to name this server (DNS rebinding); a request that changes something has to come from its own pages (Origin), by
//! somebody who may (role), and with the session's token (CSRF). Answers forbid the browser everything that the pages do not need.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::Value;

use crate::access::{Role, Session, is_same};
use crate::api;
use crate::fields::Fields;
use crate::jobs::refusal;
use crate::listen::Peer;
use crate::pages;
use crate::requests;
use crate::server::App;
use crate::texts::Language;

/// Who sends a request, for whoever answers it.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) role: Role,
    /// What changes have to send along; empty on a Unix socket, where no browser is.
    pub(crate) token: String,
    pub(crate) session: Option<String>,
    pub(crate) peer: Peer,
    pub(crate) language: Language,
}

/// The fields of a form that was sent with the right token, which is not among them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Form(pub(crate) Fields);

pub(crate) const TOKEN: &str = "x-stickshift-token";

const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
    form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 7] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    // With "no-referrer" browsers send the forms of the pages themselves with an Origin of "null".
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), microphone=(), geolocation=(), usb=(), serial=()",
    ),
];

/// The methods of this server.
const METHODS: &str = "GET, HEAD, POST, PUT, DELETE";

/// What everybody may ask for.
fn is_open(app: &App, path: &str) -> bool {
    matches!(path, "/login" | "/enter")
        || path.starts_with("/assets/")
        || (path == "/metrics" && app.options.open_metrics)
}

/// The answer in place of the one that was asked for.
type Refused = Box<Response>;

fn boxed(response: Response) -> Refused {
    Box::new(response)
}

pub(crate) async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let is_api = path.starts_with("/api");
    let mut response = match admit(&app, request).await {
        Ok(request) => next.run(request).await,
        Err(refused) => *refused,
    };
    let is_wrong_method = response.status() == StatusCode::METHOD_NOT_ALLOWED;
    // What routing refuses by itself is plain text.
    let has_line = text(response.headers(), header::CONTENT_TYPE) == "application/json";
    if is_api && response.status().is_client_error() && !has_line {
        let what = "nothing at this address answers such a request";
        response = (response.status(), api::document(&refusal("usage", what, "", 2))).into_response();
    }
    let headers = response.headers_mut();
    if is_wrong_method {
        let allowed = if is_api { requests::allowed(requests::below_api(&path)) } else { METHODS.to_owned() };
        if let Ok(allowed) = allowed.parse() {
            headers.entry(header::ALLOW).or_insert(allowed);
        }
    }
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    app.counted(response.status().as_u16());
    response
}

async fn admit(app: &App, mut request: Request) -> Result<Request, Refused> {
    let peer = request.extensions().get::<Peer>().copied().unwrap_or(Peer::Tcp([0, 0, 0, 0].into()));
    let path = request.uri().path().to_owned();
    let headers = request.headers();
    let language = Language::of(&cookie(headers, "language"), text(headers, header::ACCEPT_LANGUAGE));
    let refuse = |status: StatusCode, kind: &str, what: &str| {
        Err(boxed(refused(app, &path, status, kind, what, language)))
    };

    let host = text(headers, header::HOST).to_lowercase();
    // A proxy may read another one of several names than this server does.
    let others = headers.get_all(header::HOST).iter().count() > 1
        || request.uri().authority().is_some_and(|name| !name.as_str().eq_ignore_ascii_case(&host));
    if others || peer != Peer::Unix && !app.answers_to(&host) {
        return refuse(
            StatusCode::MISDIRECTED_REQUEST,
            "wrong-host",
            "this server does not answer to the name in Host",
        );
    }
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if !reads && !matches!(*request.method(), Method::POST | Method::PUT | Method::DELETE) {
        return refuse(StatusCode::METHOD_NOT_ALLOWED, "wrong-method", "this method is not used here");
    }
    let origin = text(headers, header::ORIGIN);
    let from_elsewhere = if origin.is_empty() {
        let site = text(headers, HeaderName::from_static("sec-fetch-site"));
        !site.is_empty() && site != "same-origin" && site != "none"
    } else {
        !is_own(app, peer, origin, &host)
    };
    if from_elsewhere && (!reads || path.starts_with("/api")) {
        return refuse(StatusCode::FORBIDDEN, "wrong-origin", "this request comes from another page");
    }

    let id = cookie(headers, &app.cookie);
    let session = app.access.session(&id);
    let caller = match (&session, peer) {
        (Some(session), _) => of_session(session, id, peer, language),
        (None, Peer::Unix) => {
            Caller { role: app.access.most, token: String::new(), session: None, peer, language }
        }
        // It may look at the page to log in, and change nothing.
        (None, Peer::Tcp(_)) => {
            Caller { role: Role::Reader, token: String::new(), session: None, peer, language }
        }
    };
    let is_known = session.is_some() || peer == Peer::Unix;
    let is_open = is_open(app, &path);
    if !is_known && !is_open {
        if path.starts_with("/api") || path == "/metrics" || !reads {
            return refuse(StatusCode::UNAUTHORIZED, "unknown-caller", "log in first");
        }
        return Err(boxed(Redirect::to("/login").into_response()));
    }
    if !reads && !is_open {
        // Looking in another language, and leaving, are no changes.
        let concerns_the_caller = matches!(path.as_str(), "/language" | "/logout");
        if caller.role < Role::Owner && !concerns_the_caller {
            return refuse(StatusCode::FORBIDDEN, "read-only", "this session may only look");
        }
        request = with_token(app, request, &caller, &path).await?;
    } else if !reads {
        let (parts, body) = request.into_parts();
        let mut form = Fields::of_form(&small_body(app, body, &path, language).await?);
        form.take("token");
        request = Request::from_parts(parts, Body::empty());
        request.extensions_mut().insert(Form(form));
    }
    if let Some(Form(form)) = request.extensions().get()
        && let Err(bad) = pages::forms::checked(&path, form)
    {
        let line = requests::bad_field(&bad);
        return Err(boxed(refused_by(app, &path, StatusCode::BAD_REQUEST, &line, language)));
    }
    request.extensions_mut().insert(caller);
    Ok(request)
}

fn of_session(session: &Session, id: String, peer: Peer, language: Language) -> Caller {
    Caller { role: session.role, token: session.token.clone(), session: Some(id), peer, language }
}

/// Whether a page of this server sent the request.
fn is_own(app: &App, peer: Peer, origin: &str, host: &str) -> bool {
    let Some((scheme, name)) = origin.split_once("://") else { return false };
    let name = name.to_lowercase();
    match &app.options.public {
        Some(public) if public.trim_end_matches('/').eq_ignore_ascii_case(origin) => true,
        // What a proxy passes on keeps the name that the browser asked for.
        _ if peer == Peer::Unix => name == host,
        _ => scheme == app.scheme() && name == host && app.answers_to(&name),
    }
}

/// Lets a change through that has the session's token: in its header, or in the form. The file of an upload checks its own, as it is not
/// read here.
async fn with_token(app: &App, request: Request, caller: &Caller, path: &str) -> Result<Request, Refused> {
    let headers = request.headers();
    let kind = text(headers, header::CONTENT_TYPE).to_owned();
    let language = caller.language;
    let is_right = |token: &str| caller.token.is_empty() || is_same(token, &caller.token);
    let missing = || {
        let what = "the token of the session is missing, or is that of another one: load the page again";
        boxed(refused(app, path, StatusCode::FORBIDDEN, "wrong-token", what, language))
    };
    let header = text(headers, HeaderName::from_static(TOKEN)).to_owned();
    // A file is one whatever a program calls it: curl calls everything a form.
    if kind.starts_with("application/x-www-form-urlencoded") && path != "/api/files" {
        let (parts, body) = request.into_parts();
        let mut form = Fields::of_form(&small_body(app, body, path, language).await?);
        let in_form = form.take("token").unwrap_or_default();
        if !is_right(if header.is_empty() { &in_form } else { &header }) {
            return Err(missing());
        }
        let mut request = Request::from_parts(parts, Body::empty());
        request.extensions_mut().insert(Form(form));
        return Ok(request);
    }
    if kind.starts_with("multipart/form-data") && path == "/upload" {
        return Ok(request);
    }
    if !path.starts_with("/api") {
        let what = "the pages take forms alone";
        return Err(boxed(refused(app, path, StatusCode::UNSUPPORTED_MEDIA_TYPE, "usage", what, language)));
    }
    // A browser sends this header from the server's own pages alone; on a Unix socket there are no sessions, and anybody's is right.
    if is_right(&header) { Ok(request) } else { Err(missing()) }
}

async fn small_body(app: &App, body: Body, path: &str, language: Language) -> Result<Vec<u8>, Refused> {
    requests::whole(body).await.map_err(|unread| {
        let (status, line) = unread.refused();
        boxed(refused_by(app, path, status, &line, language))
    })
}

/// A refusal: a line of JSON for the API, a page otherwise.
pub(crate) fn refused(
    app: &App,
    path: &str,
    status: StatusCode,
    kind: &str,
    what: &str,
    language: Language,
) -> Response {
    let exit = if kind == "wrong-method" { 2 } else { 5 };
    refused_by(app, path, status, &refusal(kind, what, "", exit), language)
}

fn refused_by(app: &App, path: &str, status: StatusCode, line: &Value, language: Language) -> Response {
    if path.starts_with("/api") || path == "/metrics" {
        return (status, api::document(line)).into_response();
    }
    (status, pages::refusal_page(app, line, language)).into_response()
}

/// The text of a header, empty where there is none.
pub(crate) fn text(headers: &HeaderMap, name: impl header::AsHeaderName) -> &str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// The value of a cookie, empty where there is none.
fn cookie(headers: &HeaderMap, name: &str) -> String {
    let all = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned()).unwrap_or_default()
}
