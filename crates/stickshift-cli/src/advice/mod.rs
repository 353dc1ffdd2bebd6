//! What to tell a person about a failure: the cause, what to do, and the exit code. It depends on what was tried as much as on what failed:
//! `table` holds what was thought of for each pair of verb and kind.

#[cfg(test)]
mod fits;
#[cfg(feature = "flash")]
mod flashing;
mod general;
mod io_cause;
mod online;
mod table;
mod web;

use std::borrow::Cow;

use stickshift::error::{Detail, Error, ErrorKind, Verdict};
use stickshift::stick::Mode;

use crate::recovery::Work;
use crate::wrong_mode;

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

/// Help that names the page of `verb`, for what was typed: a part of a verb, `firmware build`, has its options on a page of its own.
pub(crate) fn for_part(help: Cow<'static, str>, verb: &str, typed: &str) -> Cow<'static, str> {
    match typed != verb && help == page(verb) {
        true => format!("`stickshift {typed} --help` shows what it takes").into(),
        false => help,
    }
}

/// The advice for `error`, which left the stick as `verdict` says: what the error states, or what follows from what was sent.
pub(crate) fn of(error: &Error, verdict: Verdict, tried: Attempt) -> Advice {
    let (usual, general, exit) = general::for_kind(error.kind());
    let mut usual = usual.to_owned();
    let mut help = Cow::Borrowed(general);
    // The port answered others before it.
    let one_command = error.is(ErrorKind::Timeout)
        && table::BY_PORT.contains(&tried.verb)
        && error.fact("command").is_some();
    if one_command {
        usual = "the stick answers other commands: this one takes it longer, or it hangs since".to_owned();
    } else if let Some(row) = table::row(tried.verb, tried.way, error.kind()) {
        if !row.cause.is_empty() {
            usual = row.cause.to_owned();
        }
        help = row.help.into();
    } else if error.is(ErrorKind::Usage) && tried.verb.is_empty() {
        help = "`stickshift --help` shows the verbs, `stickshift VERB --help` what one takes".into();
    } else if error.is(ErrorKind::Usage) {
        help = page(tried.verb).into();
    }
    if let Some(next) = io_cause::help(error, tried.verb) {
        help = next.into();
    }
    if let (ErrorKind::NoStick, Some(there)) = (error.kind(), error.there_is()) {
        usual = format!("connected: {there}");
        help =
            "name one of these, or switch it to the mode that this verb needs; see `stickshift list`".into();
    }
    let sticks = error.facts().iter().find(|(name, _)| *name == "sticks");
    if let (ErrorKind::SeveralSticks, Some((_, there))) = (error.kind(), sticks) {
        let first = there.split(' ').next().unwrap_or_default();
        help = help.replace("1-1.2", first).into();
    }
    if let Some(meaning) = error.meaning() {
        usual = meaning.cause.to_owned();
        help = if meaning.help.is_empty() { help } else { meaning.help.into() };
    }
    if let Some((cause, next)) = web::of(error, tried) {
        usual = cause.to_owned();
        help = next.into();
    }
    if verdict == Verdict::Unknown && error.has(&Detail::CodeSent) {
        help = "`stickshift pin status` shows how many attempts are left".into();
    }
    if error.is(ErrorKind::FileCorrupt) && error.has(&Detail::InJournal) {
        usual = "the journal of the interrupted run is damaged, or another version wrote it".to_owned();
        help = "put the stick back into the mode in which the run started, and start over without --resume"
            .into();
    }
    #[cfg(feature = "flash")]
    if matches!(error.kind(), ErrorKind::FileUnwritable | ErrorKind::FileUnreadable)
        && error.has(&Detail::InJournal)
    {
        help = "the journal is what makes resuming possible: see that its folder is one, can be read and written, and has space; STICKSHIFT_STATE names another one".into();
    }
    #[cfg(feature = "flash")]
    if let Some((cause, next)) = flashing::of(error) {
        if !cause.is_empty() {
            usual = cause.to_owned();
        }
        help = next.into();
    }
    if error.has(&Detail::OtherCapture) {
        usual = "pcap, pcapng and the text logs of usbmon, SniffUSB and Bus Hound are read".to_owned();
        help = "make the capture in one of these forms, then run `stickshift learn FILE`".into();
    }
    if error.is(ErrorKind::FileCorrupt) && error.has(&Detail::InText) {
        usual = "the text does not say what its format needs, or says something that cannot work".to_owned();
        help = "correct it in an editor; `stickshift profile check FILE` shows what is read and what is not"
            .into();
    }
    if error.has(&Detail::NoNode) {
        usual = "a container without /dev/bus/usb, or a system that makes no device nodes".to_owned();
        help = NO_NODE.into();
    }
    if error.has(&Detail::EmptyProfile) {
        usual = "the profile that counts for this stick names no way to switch it: its file is empty, damaged or commented out"
            .to_owned();
        help = "correct the file, or take it away: without it, the built-in profiles count; `stickshift profile check FILE` shows what is read of it".into();
    }
    if let Some((cause, next)) = wrong_mode::silent(error.kind(), tried.verb, tried.mode) {
        usual = cause;
        help = next.into();
    }
    if error.in_mode().is_some() {
        usual = "the stick is in a mode that does not have this way in".to_owned();
    }
    if tried.verb == "online" && error.in_mode() == Some("cdrom") {
        usual = "the stick still shows its CD-ROM".to_owned();
        help = "switch it to its modem by the command that is named, then run this one again".into();
    }
    if error.has(&Detail::HeldHere) {
        usual = "this stickshift itself keeps the stick online, and listens there meanwhile".to_owned();
        help = "disconnect the stick first (on its page, or by `stickshift online down`): that ends what keeps it online; then run this again".into();
    } else if error.is(ErrorKind::PortBusy)
        && error.holder().is_some_and(|holder| holder.starts_with("stickshift "))
    {
        help = "another run of stickshift works with the stick, or keeps it online: wait for its end, or stop it there, then run this again".into();
    }
    if let Some((cause, next)) = online::of(error) {
        usual = cause.to_owned();
        help = next.into();
    }
    if error.is(ErrorKind::Interrupted) && verdict == Verdict::Unknown {
        help = first_look(tried.verb).unwrap_or(general).into();
    }
    if let Some(next) = error.next_step() {
        help = next.into();
    }
    let cause = match std::error::Error::source(error) {
        Some(source) => source.to_string(),
        None => error.holder().map_or(usual, |holder| format!("held by {holder}")),
    };
    // Which step failed is what a script wants to know: the stick is put back, and the facts say so.
    let of_online = if tried.verb == "online" { online::exit(error.kind()) } else { None };
    let exit = match (verdict, of_online) {
        (Verdict::Unknown, _) => UNKNOWN,
        (_, Some(step)) => step,
        // A wrong code was counted, and that is all: it is a refusal first.
        (Verdict::Recoverable, None)
            if matches!(error.kind(), ErrorKind::WrongPin | ErrorKind::LoginRefused) =>
        {
            exit
        }
        (Verdict::Recoverable, None) => RECOVERABLE,
        (_, None) => exit,
    };
    Advice { cause, help, exit }
}

/// What to look at after an interruption that left it open what the stick did: the same command again may do it twice.
fn first_look(verb: &str) -> Option<&'static str> {
    match verb {
        "pin" => {
            Some("`stickshift pin status` shows whether a try was counted: look before you send a code again")
        }
        "at" | "network" | "ports" | "sms" | "ussd" => Some("see what came of it before you run it again"),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
