//! What a request to the API says, read in one place: its query, its form or its document of JSON. Each field is one that is taken there, or
//! the request is refused and the field named.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use serde_json::Value;
use stickshift::unique::{self, NotUnique};

use crate::api;
use crate::fields::{Bad, Field, Fields};
use crate::guard::{Form, text};
use crate::jobs::refusal;
use crate::operations::sent_to;

/// A document or a form is at most so long: the longest message in its longest encoding, and some.
const MOST: usize = 64 << 10;
/// It has to be there by then.
const TIME: Duration = Duration::from_secs(10);

/// The fields of a request to the API besides those of its path.
#[derive(Clone, Debug, Default)]
pub(crate) struct Given(pub(crate) Fields);

/// Why a body is not there as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unread {
    TooLong,
    Cut,
    Late,
}

impl Unread {
    /// The status, and what is refused.
    pub(crate) fn refused(self) -> (StatusCode, Value) {
        let (status, kind, what) = match self {
            Unread::TooLong => {
                (StatusCode::PAYLOAD_TOO_LARGE, "too-large", "the request is longer than 64 KiB")
            }
            Unread::Cut => (StatusCode::BAD_REQUEST, "cut-short", "the request did not come to its end"),
            Unread::Late => (StatusCode::REQUEST_TIMEOUT, "timeout", "the request did not come in time"),
        };
        (status, refusal(kind, what, "", 2))
    }
}

/// Reads a document or a form to its end.
pub(crate) async fn whole(body: Body) -> Result<Vec<u8>, Unread> {
    let mut pieces = body.into_data_stream();
    let reading = async {
        let mut bytes: Vec<u8> = Vec::new();
        while let Some(piece) = StreamExt::next(&mut pieces).await {
            let piece: Bytes = piece.map_err(|_| Unread::Cut)?;
            if bytes.len() + piece.len() > MOST {
                return Err(Unread::TooLong);
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    };
    tokio::time::timeout(TIME, reading).await.unwrap_or(Err(Unread::Late))
}

/// The path below `/api`. Nested routers take the prefix off; where they do not, it goes here.
pub(crate) fn below_api(path: &str) -> &str {
    path.strip_prefix("/api").unwrap_or(path)
}

/// The methods that a path below `/api` takes, for `Allow`.
pub(crate) fn allowed(path: &str) -> String {
    let mut methods: Vec<&str> = sent_to(path).into_iter().map(|(method, _)| method).collect();
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    methods.join(", ")
}

/// Reads the fields of a request, for whoever answers it.
pub(crate) async fn read(mut request: Request, next: Next) -> Response {
    let path = below_api(request.uri().path()).to_owned();
    let method = if request.method() == Method::HEAD { Method::GET } else { request.method().clone() };
    let taken = sent_to(&path);
    let Some((_, fields)) = taken.iter().find(|(known, _)| *known == method.as_str()) else {
        if taken.is_empty() {
            return api::not_found("there is nothing at this address");
        }
        let allowed = allowed(&path);
        let what = format!("this address takes {allowed} alone");
        let line = api::document(&refusal("wrong-method", &what, "", 2));
        return (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, allowed)], line).into_response();
    };
    let is_file = (method.as_str(), path.as_str()) == ("POST", "/files");
    if is_file && text(request.headers(), header::CONTENT_TYPE).starts_with("multipart/") {
        let what = "the body is the file itself, application/octet-stream, and its name stands in ?name=";
        return api::line(&refusal("usage", what, "", 2));
    }
    let in_query = method == Method::GET || is_file;
    let query = Fields::of_form(request.uri().query().unwrap_or_default().as_bytes());
    let read = if in_query {
        query.checked(fields).map(|()| query).map_err(|bad| bad_field(&bad))
    } else if let Some((name, _)) = query.0.first() {
        let what = format!("{name:?} stands in the address: the fields of a change are its body");
        Err(bad_field(&Bad { name: name.clone(), what }))
    } else {
        match of_body(&mut request, fields).await {
            Ok(read) => read,
            Err(unread) => {
                let (status, line) = unread.refused();
                return (status, api::document(&line)).into_response();
            }
        }
    };
    match read {
        Ok(fields) => {
            request.extensions_mut().insert(Given(fields));
            next.run(request).await
        }
        Err(refused) => api::line(&refused),
    }
}

/// The fields of a form, whose token was checked before, or of a document of JSON.
async fn of_body(request: &mut Request, fields: &[Field]) -> Result<Result<Fields, Value>, Unread> {
    if let Some(Form(form)) = request.extensions_mut().remove::<Form>() {
        return Ok(form.checked(fields).map(|()| form.filled()).map_err(|bad| bad_field(&bad)));
    }
    let bytes = whole(std::mem::take(request.body_mut())).await?;
    let object = if bytes.is_empty() {
        Some(Value::Object(Default::default()))
    } else {
        match unique::read(&bytes) {
            Ok(read) => Some(read),
            Err(NotUnique::Twice(name)) => {
                let what = format!("{name:?} comes more than once");
                return Ok(Err(bad_field(&Bad { name, what })));
            }
            Err(NotUnique::NoJson) => None,
        }
    };
    let Some(object) = object.as_ref().and_then(Value::as_object) else {
        return Ok(Err(refusal("usage", "the body is no object of JSON", "", 2)));
    };
    Ok(Fields::of_json(object, fields).map_err(|bad| bad_field(&bad)))
}

pub(crate) fn bad_field(bad: &Bad) -> Value {
    let mut refused = refusal("usage", &bad.what, "", 2);
    refused["facts"]["field"] = bad.name.as_str().into();
    refused
}
