//! What to tell a person about a failure: the cause, what to do, and the exit code. It depends on what was tried as much as on what failed:
//! `special` holds cases of which more is known, `table` pairs of verb and kind with words of their own, `general` the rest.

#[cfg(test)]
mod fits;
#[cfg(feature = "flash")]
mod flashing;
mod general;
mod io_cause;
mod online;
mod special;
mod table;
mod web;

use std::borrow::Cow;

use stickshift::error::{Error, ErrorKind, Verdict};
use stickshift::stick::Mode;

use crate::recovery::Work;
use special::Failure;

/// Where the system has no device node for what the kernel shows.
pub(crate) const NO_NODE: &str = "give the container the folder /dev/bus/usb and the serial ports of the stick; elsewhere, mount devtmpfs on /dev or start udev";
pub(crate) use general::{RECOVERABLE, UNKNOWN};
pub(crate) use table::Way;

/// The verbs that take `--port`.
#[cfg(feature = "host")]
pub(crate) fn by_port() -> &'static [&'static str] {
    table::BY_PORT
}

/// The verbs that take `--url`.
#[cfg(feature = "host")]
pub(crate) fn by_url() -> &'static [&'static str] {
    table::WEB
}

/// What was tried when it failed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Attempt {
    /// The verb's word; empty before one was read.
    pub(crate) verb: &'static str,
    /// How the stick was to be reached.
    pub(crate) way: Way,
    /// The mode of the stick that was chosen, once one was.
    pub(crate) mode: Option<Mode>,
    /// It has another maker than Huawei, so its web page has another API.
    pub(crate) other_maker: bool,
    /// What the verb leaves behind when it fails half-way.
    pub(crate) work: Work,
}

/// The advice for one failure.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Advice {
    /// The cause: the error's own where it knows it, else the usual one.
    pub(crate) cause: String,
    /// What to do next.
    pub(crate) help: Cow<'static, str>,
    /// The exit code.
    pub(crate) exit: u8,
}

fn page(verb: &str) -> String {
    format!("`stickshift {verb} --help` shows what it takes, with examples")
}

fn of_part(typed: &str) -> String {
    format!("`stickshift {typed} --help` shows what it takes")
}

/// Help that names the page of `verb`, for what was typed: a part of a verb, `firmware build`, has its options on a page of its own.
pub(crate) fn for_part(help: Cow<'static, str>, verb: &str, typed: &str) -> Cow<'static, str> {
    match typed != verb && help == page(verb) {
        true => of_part(typed).into(),
        false => help,
    }
}

/// The advice for `error`, which left the stick as `verdict` says: what the error states, or what follows from what was sent.
pub(crate) fn of(error: &Error, verdict: Verdict, tried: Attempt) -> Advice {
    let (usual_cause, usual_help, usual_exit) = general::for_kind(error.kind());
    // A port that let a partition begin is the one for flashing.
    #[cfg(feature = "flash")]
    let tried = match error.is(ErrorKind::Timeout) && error.fact("partition").is_some() {
        true => Attempt { way: Way::Bus, ..tried },
        false => tried,
    };
    let (cause, help) = special::of(&Failure { error, verdict, tried });
    let or = |text: Cow<'static, str>, usual: &'static str| if text.is_empty() { usual.into() } else { text };
    Advice {
        cause: cause_of(error, or(cause, usual_cause)),
        help: or(help, usual_help),
        exit: exit_code(error.kind(), verdict, tried.verb, usual_exit),
    }
}

/// The error's own cause where it has one.
fn cause_of(error: &Error, usual: Cow<'static, str>) -> String {
    match std::error::Error::source(error) {
        Some(source) => source.to_string(),
        None => error.holder().map_or_else(|| usual.into_owned(), |holder| format!("held by {holder}")),
    }
}

fn exit_code(kind: ErrorKind, verdict: Verdict, verb: &str, usual: u8) -> u8 {
    // Which step failed is what a script wants to know: the stick is put back, and the facts say so.
    let of_online = if verb == "online" { online::exit(kind) } else { None };
    match (verdict, of_online) {
        (Verdict::Unknown, _) => UNKNOWN,
        (_, Some(step)) => step,
        // A wrong code was counted, and that is all: it is a refusal first.
        (Verdict::Recoverable, None)
            if matches!(kind, ErrorKind::WrongPin | ErrorKind::LoginRefused | ErrorKind::LoginLocked) =>
        {
            usual
        }
        (Verdict::Recoverable, None) => RECOVERABLE,
        (_, None) => usual,
    }
}

#[cfg(test)]
mod tests;
