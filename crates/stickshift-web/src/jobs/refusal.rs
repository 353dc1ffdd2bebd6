//! What the server itself refuses, as a command's last line says it.

use serde_json::{Value, json};

/// What is behind a refusal of this kind, and what to do about it.
fn usual(kind: &str) -> (&'static str, &'static str) {
    match kind {
        "usage" => {
            ("the request is not one that this server takes", "docs/openapi.json describes what it takes")
        }
        "not-found" => (
            "it was never there, or is there no longer",
            "load the list that it was in again; docs/openapi.json has the addresses",
        ),
        "no-stick" => ("no stick of this computer fits", "`stickshift list` shows those that are there"),
        "read-only" => (
            "the password is that of those who may only look, or the server was started with --read-only",
            "log in with the owner's password, which `stickshift serve passwd` sets",
        ),
        "wrong-host" => (
            "it was started without `--public URL` for this name, and answers to no other against DNS rebinding",
            "start it with `stickshift serve --public URL`, or use the address that it prints when it starts",
        ),
        "wrong-method" => (
            "there is something at this address, for other methods",
            "docs/openapi.json says what each address takes",
        ),
        "wrong-origin" => {
            ("a page of another address sent it", "send it from the server's own pages, or without Origin")
        }
        "wrong-token" => (
            "changes need the token of the session",
            "load the page again; programs send x-stickshift-token, as GET /api/session gives it",
        ),
        "unknown-caller" => {
            ("it came without the cookie of a session", "POST /login with the password gives one")
        }
        "too-large" => ("it is longer than the server takes", "send less at once"),
        "cut-short" => ("whoever sent it left before its end, or the connection broke", "send it again"),
        "timeout" => ("the connection is too slow, or broke", "send it again"),
        "busy" | "port-busy" => ("another command is at work", "wait until it has ended, and try again"),
        "consent-needed" => ("not confirmed", "plan it again, and agree to each of its dangers"),
        "no-login" => ("its web interface is open to everybody", "go on without a login"),
        _ => ("the server itself failed", "try again; what it prints where it runs may say more"),
    }
}

/// A refusal of the server itself, in the form in which commands report a failure.
pub(crate) fn refusal(kind: &str, what: &str, help: &str, exit: u8) -> Value {
    let (cause, usual) = usual(kind);
    let help = if help.is_empty() { usual } else { help };
    json!({
        "event": "error", "schema": 1, "verb": null, "kind": kind, "what": what, "facts": {}, "cause": cause, "help": help,
        "verdict": "untouched", "recover": "nothing was sent to the stick", "exit": exit,
    })
}

/// What is said of a command whose thread ended before it did: the server is about to stop, or whoever built it lets threads panic alone. The
/// program itself does not, a panic ends all of it.
pub(crate) fn without_end(what: &str) -> Value {
    let mut line = refusal("io", what, "look at the stick", 7);
    (line["verdict"], line["recover"]) = ("unknown".into(), "nobody knows what became of the command".into());
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_told_that_a_command_without_an_end_did_nothing() {
        let line = without_end("the command came to no end");
        assert_eq!((&line["verdict"], &line["exit"]), (&"unknown".into(), &7.into()));
    }
}
