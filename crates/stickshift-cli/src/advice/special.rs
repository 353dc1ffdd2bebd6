//! Advice where more is known of a failure than its verb and its kind.

use std::borrow::Cow;

use stickshift::error::{Detail, Error, ErrorKind, Verdict};

use super::{Attempt, NO_NODE, general, io_cause, of_part, online, page, table, web};
use crate::wrong_mode;

/// A failure, what it left of the stick, and what was tried.
pub(super) struct Failure<'e> {
    pub(super) error: &'e Error,
    pub(super) verdict: Verdict,
    pub(super) tried: Attempt,
}

/// Cause and help; either is empty where a weaker case, or the kind, has the right words.
type Said = (Cow<'static, str>, Cow<'static, str>);

/// The special cases, strongest first: each speaks where it applies, and what one leaves empty the next may fill.
const CASES: &[fn(&Failure<'_>) -> Option<Said>] = &[
    next_step,
    left_open,
    |failure| both(online::of(failure.error)?),
    #[cfg(any(feature = "web", feature = "mqtt"))]
    held_here,
    held_by_another_run,
    cdrom_online,
    lacks_way_in,
    silent_in_its_mode,
    by_detail,
    #[cfg(feature = "flash")]
    |failure| both(super::flashing::of(failure.error)?),
    #[cfg(feature = "flash")]
    journal,
    code_sent,
    |failure| both(web::of(failure.error, failure.tried)?),
    |failure| failure.error.meaning().and_then(|meaning| both((meaning.cause, meaning.help))),
    one_of_several,
    others_are_there,
    |failure| helps(io_cause::help(failure.error, failure.tried.verb)?),
    one_command,
    of_pair,
    usage,
];

/// What they say together.
pub(super) fn of(failure: &Failure<'_>) -> Said {
    let (mut cause, mut help) = Said::default();
    for (its_cause, its_help) in CASES.iter().filter_map(|case| case(failure)) {
        if cause.is_empty() {
            cause = its_cause;
        }
        if help.is_empty() {
            help = its_help;
        }
    }
    (cause, help)
}

#[allow(clippy::unnecessary_wraps, reason = "as the cases")]
fn both((cause, help): (&'static str, &'static str)) -> Option<Said> {
    Some((cause.into(), help.into()))
}

fn helps(help: &'static str) -> Option<Said> {
    both(("", help))
}

fn next_step(failure: &Failure<'_>) -> Option<Said> {
    helps(failure.error.next_step()?)
}

/// An interruption left it open what the stick did: the same command again may do it twice.
fn left_open(failure: &Failure<'_>) -> Option<Said> {
    if !failure.error.is(ErrorKind::Interrupted) || failure.verdict != Verdict::Unknown {
        return None;
    }
    helps(match failure.tried.verb {
        "pin" => "`stickshift pin status` shows whether a try was counted: look before you send a code again",
        "at" | "network" | "ports" | "sms" | "ussd" => "see what came of it before you run it again",
        _ => general::for_kind(ErrorKind::Interrupted).1,
    })
}

#[cfg(any(feature = "web", feature = "mqtt"))]
fn held_here(failure: &Failure<'_>) -> Option<Said> {
    if !failure.error.has(&Detail::HeldHere) {
        return None;
    }
    both((
        "this stickshift itself keeps the stick online, and listens there meanwhile",
        "disconnect the stick first (on its page, or by `stickshift online down`): that ends what keeps it online; then run this again",
    ))
}

fn held_by_another_run(failure: &Failure<'_>) -> Option<Said> {
    let error = failure.error;
    let is_other_run = error.is(ErrorKind::PortBusy)
        && error.holder().is_some_and(|holder| holder.starts_with("stickshift "));
    if !is_other_run {
        return None;
    }
    helps(
        "another run of stickshift works with the stick, or keeps it online: wait for its end, or stop it there, then run this again",
    )
}

fn cdrom_online(failure: &Failure<'_>) -> Option<Said> {
    if failure.tried.verb != "online" || failure.error.in_mode() != Some("cdrom") {
        return None;
    }
    both((
        "the stick still shows its CD-ROM",
        "switch it to its modem by the command that is named, then run this one again",
    ))
}

fn lacks_way_in(failure: &Failure<'_>) -> Option<Said> {
    failure.error.in_mode()?;
    both(("the stick is in a mode that does not have this way in", ""))
}

fn silent_in_its_mode(failure: &Failure<'_>) -> Option<Said> {
    let tried = failure.tried;
    let (cause, help) = wrong_mode::silent(failure.error.kind(), tried.verb, tried.mode)?;
    Some((cause.into(), help.into()))
}

fn by_detail(failure: &Failure<'_>) -> Option<Said> {
    let error = failure.error;
    both(if error.has(&Detail::EmptyProfile) {
        (
            "the profile that counts for this stick names no way to switch it: its file is empty, damaged or commented out",
            "correct the file, or take it away: without it, the built-in profiles count; `stickshift profile check FILE` shows what is read of it",
        )
    } else if error.has(&Detail::NoNode) {
        ("a container without /dev/bus/usb, or a system that makes no device nodes", NO_NODE)
    } else if error.is(ErrorKind::FileCorrupt) && error.has(&Detail::InText) {
        (
            "the text does not say what its format needs, or says something that cannot work",
            "correct it in an editor; `stickshift profile check FILE` shows what is read and what is not",
        )
    } else if cfg!(feature = "learn") && error.has(&Detail::OtherCapture) {
        (
            "pcap, pcapng and the text logs of usbmon, SniffUSB and Bus Hound are read",
            "make the capture in one of these forms, then run `stickshift learn FILE`",
        )
    } else {
        return None;
    })
}

#[cfg(feature = "flash")]
fn journal(failure: &Failure<'_>) -> Option<Said> {
    if !failure.error.has(&Detail::InJournal) {
        return None;
    }
    match failure.error.kind() {
        ErrorKind::FileUnwritable | ErrorKind::FileUnreadable => helps(
            "the journal is what makes resuming possible: see that its folder is one, can be read and written, and has space; STICKSHIFT_STATE names another one",
        ),
        ErrorKind::FileCorrupt => both((
            "the journal of the interrupted run is damaged, or another version wrote it",
            "the same command without --resume goes on from where the stick is, and writes every partition",
        )),
        _ => None,
    }
}

fn code_sent(failure: &Failure<'_>) -> Option<Said> {
    if failure.verdict != Verdict::Unknown || !failure.error.has(&Detail::CodeSent) {
        return None;
    }
    helps("`stickshift pin status` shows how many attempts are left")
}

/// The example in the usual help is one of the sticks that are there.
fn one_of_several(failure: &Failure<'_>) -> Option<Said> {
    if !failure.error.is(ErrorKind::SeveralSticks) {
        return None;
    }
    let first = failure.error.fact("sticks")?.split(' ').next()?;
    let (cause, help) = of_pair(failure).unwrap_or_default();
    Some((cause, help.replace("1-1.2", first).into()))
}

fn others_are_there(failure: &Failure<'_>) -> Option<Said> {
    let there = failure.error.there_is().filter(|_| failure.error.is(ErrorKind::NoStick))?;
    let help = "name one of these, or switch it to the mode that this verb needs; see `stickshift list`";
    Some((format!("connected: {there}").into(), help.into()))
}

/// The port answered others before it.
fn one_command(failure: &Failure<'_>) -> Option<Said> {
    let error = failure.error;
    let is_one = error.is(ErrorKind::Timeout)
        && table::BY_PORT.contains(&failure.tried.verb)
        && error.fact("command").is_some();
    if !is_one {
        return None;
    }
    both((
        "the stick answered the commands before: this one takes it longer, or it hangs since",
        match failure.tried.verb {
            "at" => {
                "give it longer, by a larger `--timeout`, in seconds; if `stickshift at ATI` is not answered either, unplug it, wait five seconds and plug it in"
            }
            _ => general::for_kind(ErrorKind::Timeout).1,
        },
    ))
}

fn of_pair(failure: &Failure<'_>) -> Option<Said> {
    let row = table::row(failure.tried.verb, failure.tried.way, failure.error.kind())?;
    both((row.cause, row.help))
}

fn usage(failure: &Failure<'_>) -> Option<Said> {
    if !failure.error.is(ErrorKind::Usage) {
        return None;
    }
    let help = match failure.tried.verb {
        "" => of_command_line(failure.error.fact("usage").unwrap_or_default()),
        verb => page(verb),
    };
    Some((Cow::default(), help.into()))
}

/// The page of the verb, or of its part, whose usage a command line does not keep.
fn of_command_line(usage: &str) -> String {
    let is_name = |word: &&str| word.starts_with(|c: char| c.is_ascii_lowercase());
    let words: Vec<&str> = usage.split(' ').skip(1).take_while(is_name).collect();
    match words[..] {
        [] => "`stickshift --help` shows the verbs, `stickshift VERB --help` what one takes".to_owned(),
        [verb] => page(verb),
        _ => of_part(&words.join(" ")),
    }
}
