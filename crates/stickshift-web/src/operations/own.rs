//! What the server does itself: no command line stands behind it.

use crate::commands::SECRETS;
use crate::fields::{Field, Kind, field};

#[derive(Debug)]
pub(crate) struct Own {
    pub(crate) method: &'static str,
    /// Below `/api`.
    pub(crate) path: &'static str,
    pub(crate) about: &'static str,
    /// Without those of the path.
    pub(crate) fields: &'static [Field],
}

const fn own(method: &'static str, path: &'static str, about: &'static str, fields: &'static [Field]) -> Own {
    Own { method, path, about, fields }
}

/// What the start of a plan takes.
pub(crate) const DANGERS: &[Field] = &[field("danger", Kind::Any, "The index of a danger that is agreed to")];

/// What a login to the web interface of a stick takes.
pub(crate) const LOGIN: &[Field] = &[
    field("user", Kind::Optional, "The user; admin where none is given"),
    field("password", Kind::Required, "The password of the stick's web interface"),
];

pub(crate) static OWN: &[Own] = &[
    own(
        "GET",
        "/events",
        "Events as they happen (server-sent events); Last-Event-ID goes on where a viewer left off",
        &[],
    ),
    own(
        "GET",
        "/session",
        "Who is asking: the role, and the token that changes need in x-stickshift-token",
        &[],
    ),
    own("GET", "/files", "Uploaded files", &[]),
    own(
        "POST",
        "/files",
        "Upload a file: its bytes as application/octet-stream, its name as ?name=",
        &[field("name", Kind::Optional, "The name of the file")],
    ),
    own("DELETE", "/files/{file}", "Remove an uploaded file", &[]),
    own(
        "GET",
        "/commands",
        "Run a command line that only reads, `?word=signal&word=--&word=1-1`: what it says, a line of JSON each",
        &[field("word", Kind::Several, "The words of the command line, without the program's name")],
    ),
    own(
        "POST",
        "/commands",
        "Run a command line, `words`, with its `secrets` by the names of their variables: what it says, a line of JSON each",
        &[
            field("words", Kind::Several, "The words of the command line, without the program's name"),
            field(
                "secrets",
                Kind::Named(&SECRETS),
                "What the command would ask for, by the names of the variables",
            ),
        ],
    ),
    own("GET", "/jobs", "Jobs, the newest first", &[]),
    own("GET", "/jobs/{job}", "A job with its lines", &[]),
    own(
        "POST",
        "/jobs/{job}/start",
        "Start the plan of a job; `danger` names each of its dangers by its index",
        DANGERS,
    ),
    own("POST", "/jobs/{job}/cancel", "Stop a job at the next safe step", &[]),
    own(
        "POST",
        "/jobs/{job}/answer",
        "Answer the question of a command line: `yes` is true or false",
        &[field("yes", Kind::Answer, "Whether it may be done")],
    ),
    own("POST", "/sticks/{place}/replug", "Pull a virtual stick and plug it in again", &[]),
    own(
        "GET",
        "/sticks/{place}/history",
        "Signal of the last hour, as far as anybody looked; since when the connection stands, and why the last one was lost",
        &[],
    ),
    own(
        "POST",
        "/sticks/{place}/login",
        "Log in to the stick's web interface with `user` and `password`, for every request that follows",
        LOGIN,
    ),
    own("DELETE", "/sticks/{place}/login", "Forget that login", &[]),
];
