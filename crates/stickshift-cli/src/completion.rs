//! Completions that a shell asks the program for while the line is typed: verbs and options, and what is there now: sticks, virtual sticks and
//! their faults.

use std::ffi::OsStr;

use clap::{Arg, Command};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use clap_complete::env::{CompleteEnv, Shells};
use stickshift::clean;
use stickshift::error::{Error, ErrorKind, Result};
use stickshift::link::{Bus, Ledger};
use stickshift::mask;

use crate::opener::{Look, Opener};
use crate::options::Global;

/// Environment variable by which the shell's script asks; its value is the shell.
const ASKED: &str = "COMPLETE";

/// Answers a shell that asks for completions, and ends the process. Returns where none asks.
pub(crate) fn answer(command_line: fn() -> Command) {
    if std::env::var_os(ASKED).is_some() {
        CompleteEnv::with_factory(move || with_values(command_line())).bin("stickshift").complete();
    }
}

/// The script that lets a shell ask.
///
/// # Errors
/// `Io`, `Usage` for a shell that is not known.
pub(crate) fn script(shell: clap_complete::Shell) -> Result<Vec<u8>> {
    let name = shell.to_string();
    let shells = Shells::builtins();
    let known = shells
        .completer(&name)
        .ok_or_else(|| Error::new(ErrorKind::Usage, format!("no completions are made for {name}")))?;
    let mut text = Vec::new();
    known
        .write_registration(ASKED, "stickshift", "stickshift", "stickshift", &mut text)
        .map_err(|e| Error::new(ErrorKind::Io, "the completions cannot be written").because(e))?;
    Ok(text)
}

/// Tells every argument what its values may be.
fn with_values(command: Command) -> Command {
    #[cfg(feature = "virtual")]
    if command.get_name() == "virtual" {
        return command.mut_arg("name", |name| name.add(ArgValueCompleter::new(virtual_sticks)));
    }
    command.mut_args(with_value).mut_subcommands(with_values)
}

fn with_value(argument: Arg) -> Arg {
    let id = argument.get_id().as_str();
    let names_a_stick = matches!(id, "stick" | "stick_word" | "stick_after" | "try_on");
    match id {
        _ if names_a_stick => argument.add(ArgValueCompleter::new(sticks)),
        #[cfg(feature = "virtual")]
        "names" => argument.add(ArgValueCompleter::new(virtual_sticks)),
        #[cfg(feature = "virtual")]
        "fault" => argument.add(ArgValueCompleter::new(faults)),
        _ => argument,
    }
}

/// The words of a list of which `typed` is the present state: what stands before the last comma stays.
fn words<'a>(typed: &OsStr, all: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<CompletionCandidate> {
    let typed = typed.to_string_lossy();
    let (before, last) = typed.rfind(',').map_or(("", &*typed), |comma| typed.split_at(comma + 1));
    let fitting = all.filter(|(word, _)| word.starts_with(last));
    fitting
        .map(|(word, help)| {
            CompletionCandidate::new(format!("{before}{word}")).help(Some(help.to_owned().into()))
        })
        .collect()
}

/// The sticks that are plugged in, or those of `--virtual` on the same line: their places, and their ids.
fn sticks(typed: &OsStr) -> Vec<CompletionCandidate> {
    let Ok(sticks) = bus().and_then(|mut bus| bus.sticks()) else { return Vec::new() };
    let all: Vec<(String, String)> = sticks
        .iter()
        .flat_map(|stick| {
            let product = mask::name(stick.product.as_deref().unwrap_or_default());
            let what = clean::line(&format!("{} {product}", stick.mode_words())).trim_end().to_owned();
            [(stick.place.to_string(), format!("{} {what}", stick.id)), (stick.id.to_string(), what)]
        })
        .collect();
    words(typed, all.iter().map(|(word, help)| (word.as_str(), help.as_str())))
}

fn bus() -> Result<Box<dyn Bus>> {
    #[allow(unused_mut, reason = "without virtual sticks there is nothing to set")]
    let mut global = Global::default();
    #[cfg(feature = "virtual")]
    {
        global.virtual_sticks.names = virtual_names();
    }
    Opener::new(global, Ledger::new()).bus(Look::Sticks)
}

/// The value of `--virtual` on the line that is typed.
#[cfg(feature = "virtual")]
fn virtual_names() -> Option<String> {
    let line: Vec<String> = std::env::args().collect();
    let next = line.windows(2).find(|pair| pair[0] == "--virtual").map(|pair| pair[1].clone());
    next.or_else(|| line.iter().find_map(|word| word.strip_prefix("--virtual=").map(str::to_owned)))
}

#[cfg(feature = "virtual")]
fn virtual_sticks(typed: &OsStr) -> Vec<CompletionCandidate> {
    words(typed, stickshift_emu::sticks::catalogue::names())
}

#[cfg(feature = "virtual")]
fn faults(typed: &OsStr) -> Vec<CompletionCandidate> {
    let all: Vec<_> = stickshift_emu::sticks::fault_words::fault_words().collect();
    words(typed, all.iter().map(|fault| (fault.word, fault.help)))
}
