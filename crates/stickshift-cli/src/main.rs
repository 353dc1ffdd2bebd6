//! The `stickshift` program: arguments, rendering, advice and exit codes around the library.

// A build without some features has code that only those use; the whole build has none.
#![cfg_attr(
    not(all(
        feature = "bars",
        feature = "completions",
        feature = "config",
        feature = "desktop",
        feature = "flash",
        feature = "hilink-verb",
        feature = "learn",
        feature = "man",
        feature = "network",
        feature = "online",
        feature = "pasted",
        feature = "ports",
        feature = "report",
        feature = "router",
        feature = "ussd",
        feature = "virtual",
        feature = "web"
    )),
    allow(dead_code)
)]

mod advice;
#[cfg(feature = "virtual")]
mod any_stick;
#[cfg(feature = "mqtt")]
mod bridge;
mod checks;
#[cfg(feature = "completions")]
mod completion;
mod config;
mod consent;
mod context;
mod distribution;
mod examples;
mod files;
#[cfg(feature = "virtual")]
mod from_text;
mod hosted;
mod lazy;
mod line_editor;
#[cfg(feature = "man")]
mod manual;
mod names;
mod opener;
mod options;
mod output;
mod overlays;
#[cfg(feature = "virtual")]
mod pace;
mod question;
#[cfg(feature = "rack")]
mod rack;
mod recovery;
#[cfg(feature = "host")]
mod remote;
mod select;
mod stick_word;
#[cfg(feature = "virtual")]
mod synthetic;
mod system;
#[cfg(feature = "tls")]
mod tls;
mod undisturbed;
mod usb_modeswitch;
mod verbs;
#[cfg(feature = "virtual")]
mod virtual_computer;
#[cfg(feature = "virtual")]
mod virtual_option;
#[cfg(feature = "virtual")]
mod virtual_state;
mod way_in;
mod workers;
mod wrong_mode;

#[cfg(feature = "formats")]
use std::ffi::OsStr;
use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue};
use clap::{ArgMatches, Command, CommandFactory, FromArgMatches, Parser};
#[cfg(feature = "flash")]
use stickshift::error::Verdict;
use stickshift::error::{Error, ErrorKind};
use stickshift::event::Cancel;
use stickshift::host;
use stickshift::link::Ledger;

use context::Context;
use options::{ColorChoice, Global};
use output::Output;
use verbs::{Verb, pin};

/// musl's own gives every few kilobytes back to the system at once, which costs a short run more than all its work.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

/// Find, identify, switch, flash and talk to USB cellular modems.
///
/// STICK is a USB port path (1-1.2), USB ids (12d1:1f01), a tty (/dev/ttyUSB0), a serial number or an IMEI. It stands last, or after --stick.
/// Without it, the only stick that is plugged in is used; of several, you are asked which. FILE types are detected by content.
#[derive(Debug, Parser)]
#[command(name = "stickshift", version, propagate_version = true, arg_required_else_help = true)]
#[command(after_help = "First steps:\n  \
    stickshift list                        what is plugged in, and what to do next\n  \
    stickshift switch                      from CD-ROM to modem\n  \
    stickshift rehearse                    a whole conversion, on a virtual stick\n  \
    stickshift list --virtual k3772        any verb, on a virtual stick\n\n\
    Exit codes: 0 done, 1 failed, 2 usage, 3 no such stick, 4 no access (permission, busy),\n\
    5 refused by the stick or a check, 6 interrupted: recoverable, 7 state of the stick unknown;\n\
    10 to 15: `stickshift online up --help`.")]
struct Cli {
    #[command(flatten)]
    global: Global,

    #[command(subcommand)]
    verb: Verb,
}

/// The whole command line, every verb described: for completions and manual pages.
fn command_line() -> Command {
    lazy::described(Cli::command)
}

/// The command line that a run reads: a verb is described once it was typed.
fn for_one_run() -> Command {
    lazy::for_one_run(Cli::command())
}

fn main() -> ExitCode {
    host::errors_for_large_files();
    let cancel = Cancel::new();
    let mut typed = std::env::args_os();
    if usb_modeswitch::is_called(typed.next().as_deref()) {
        stop_on_request(cancel.clone());
        let arguments: Vec<String> = typed.map(|a| a.to_string_lossy().into_owned()).collect();
        return usb_modeswitch::main(&arguments, &cancel);
    }
    #[cfg(feature = "completions")]
    completion::answer(command_line);
    let command = for_one_run();
    #[cfg(feature = "terminal")]
    let command = command.color(match typed_color() {
        ColorChoice::Auto => clap::ColorChoice::Auto,
        ColorChoice::Always => clap::ColorChoice::Always,
        ColorChoice::Never => clap::ColorChoice::Never,
    });
    let words = as_meant(&command, std::env::args_os());
    let read = command.try_get_matches_from(words).and_then(|mut matches| {
        let typed = (verb_typed(&matches), stick_word::typed(&matches));
        #[cfg(feature = "host")]
        let sent = matches.try_contains_id("host").unwrap_or(false).then(|| matches.clone());
        #[cfg(not(feature = "host"))]
        let sent = ();
        Cli::from_arg_matches_mut(&mut matches).map(|cli| (cli, typed, sent))
    });
    let (cli, (typed, stick), sent) = match read {
        Ok(read) => read,
        // What was asked for, help or the version, is complete; to describe the command line once more takes as long as the rest.
        Err(error) if !error.use_stderr() => return not_understood(&error),
        Err(error) => return not_understood(&error.format(&mut for_one_run())),
    };
    if !cli.verb.touches_only_files() {
        stop_on_request(cancel.clone());
    }
    let mut global = cli.global;
    let config = config::load(&overlays::root());
    global.json |= config.as_ref().is_ok_and(|config| config.json);
    #[cfg(feature = "flash")]
    ends_by_panic(global.json, typed.clone(), &cli.verb);
    let mut context = Context::new(global, cancel, command_line, config);
    context.stick_word = stick;
    #[cfg(any(feature = "web", feature = "mqtt"))]
    {
        context.run_hosted = Some(run_hosted);
    }
    context.output.tries(typed, cli.verb.attempt());
    #[cfg(feature = "host")]
    if let Some(sent) = sent.filter(|_| !context.global.hosts.names.is_empty()) {
        let typed = remote::Typed::of(&command_line(), &sent);
        let code = remote::run(&context, &typed).unwrap_or_else(|error| context.output.error(&error));
        return ExitCode::from(code);
    }
    #[cfg(not(feature = "host"))]
    let () = sent;
    let outcome = checks::check(&context.global, &cli.verb).and_then(|()| verbs::run(&mut context, cli.verb));
    context.output.way_is(context.opener.way());
    // A trace that is not whole stops nothing, takes no verdict away, and is said.
    let code = match (outcome, context.opener.trace_problem()) {
        (Ok(()), None) => context.exit,
        (Ok(()), Some(problem)) => {
            let code = context.output.error(&context.output.incomplete(problem));
            if context.exit == 0 { code } else { context.exit }
        }
        (Err(error), None) => context.output.error(&error),
        (Err(error), Some(problem)) => context.output.error(&error.with("trace", problem)),
    };
    let code = end_of_virtual_sticks(&context, code);
    context.output.end(code);
    match context.output.check_written() {
        Err(error) if code == 0 => ExitCode::from(context.output.error(&error)),
        _ => ExitCode::from(code),
    }
}

/// The words of a command line. For `profile`, `-v 12d1 -p 1f01 -J` in one word is a text of usb_modeswitch and no option; a blank before it says so.
#[cfg(feature = "formats")]
fn as_meant(command: &Command, words: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut words: Vec<OsString> = words.collect();
    let verb = words.iter().skip(1).position(|word| command.find_subcommand(word).is_some());
    let is_text = |word: &OsString| matches!(word.as_encoded_bytes(), [b'-', letter, b' ' | b'\t', ..] if letter.is_ascii_alphabetic());
    if let Some((name, rest)) = verb.and_then(|verb| words[verb + 1..].split_first_mut())
        && name == "profile"
    {
        for word in rest.iter_mut().take_while(|word| *word != "--") {
            if is_text(word) {
                *word = [OsStr::new(" "), word.as_os_str()].into_iter().collect();
            }
        }
    }
    words
}

#[cfg(not(feature = "formats"))]
fn as_meant<W>(_: &Command, words: W) -> W {
    words
}

/// `--color` as it was typed, for what is said of the command line before it is read.
fn typed_color() -> ColorChoice {
    let words: Vec<String> = std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
    let after = words.windows(2).find(|pair| pair[0] == "--color").map(|pair| pair[1].as_str());
    match after.or_else(|| words.iter().find_map(|word| word.strip_prefix("--color="))) {
        Some("always") => ColorChoice::Always,
        Some("never") => ColorChoice::Never,
        _ => ColorChoice::Auto,
    }
}

/// Runs a command for another part of the program.
#[cfg(any(feature = "web", feature = "mqtt"))]
fn run_hosted(words: &[String], around: hosted::Surroundings) {
    let typed = std::iter::once("stickshift").chain(words.iter().map(String::as_str));
    let command = for_one_run();
    let typed = as_meant(&command, typed.map(std::ffi::OsString::from));
    let read = command.try_get_matches_from(typed).and_then(|mut matches| {
        let typed = (verb_typed(&matches), stick_word::typed(&matches));
        Cli::from_arg_matches_mut(&mut matches).map(|cli| (cli, typed))
    });
    let (mut cli, (typed, stick)) = match read {
        Ok(read) => read,
        Err(error) => {
            let mut output = Output::new(&Global { json: true, ..Global::default() }, Ledger::new());
            output.listen(around.listener);
            output.error(&usage(&error, words.iter().map(OsString::from)));
            return;
        }
    };
    if around.only_reads {
        return;
    }
    let global = &mut cli.global;
    (global.json, global.yes) = (true, false);
    #[cfg(feature = "virtual")]
    let makes_its_own = cli.verb.is_virtual();
    #[cfg(feature = "virtual")]
    let shared = !makes_its_own && !global.virtual_sticks.replace_the_real();
    #[cfg(feature = "virtual")]
    if shared {
        global.virtual_sticks = around.global.virtual_sticks.clone();
        // Put away by the run that they belong to.
        if global.virtual_sticks.state.take().is_some() {
            global.virtual_sticks.names.get_or_insert_default();
        }
    }
    let config = config::load(&overlays::root());
    let mut context = Context::new(cli.global, around.cancel, command_line, config);
    context.stick_word = stick;
    #[cfg(feature = "virtual")]
    if shared {
        context.opener.share(around.played);
    }
    context.output.listen(around.listener);
    context.approve = Some(around.approve);
    context.output.tries(typed, cli.verb.attempt());
    hosted::with_secrets(around.secrets, || {
        let outcome = verbs::run(&mut context, cli.verb);
        context.output.way_is(context.opener.way());
        #[cfg(feature = "virtual")]
        if makes_its_own {
            tell_unfired(&context);
        }
        match outcome {
            Ok(()) => context.output.end(context.exit),
            Err(error) => {
                context.output.error(&error);
            }
        }
    });
}

/// The verb and its part that were typed, `sms send`.
fn verb_typed(matches: &ArgMatches) -> String {
    let mut words = Vec::new();
    let mut below = matches.subcommand();
    while let Some((word, matches)) = below {
        words.push(word);
        below = matches.subcommand();
    }
    words.join(" ")
}

/// Says which faults never struck, and puts the virtual sticks away. Gives the exit code.
#[cfg(feature = "virtual")]
fn end_of_virtual_sticks(context: &Context, code: u8) -> u8 {
    tell_unfired(context);
    match context.opener.put_away() {
        Err(error) if code == 0 => context.output.error(&error),
        Err(error) => {
            context.output.aside(&format!("warning: {error}"));
            code
        }
        Ok(()) => code,
    }
}

#[cfg(feature = "virtual")]
fn tell_unfired(context: &Context) {
    for fault in context.unfired() {
        context.output.aside(&format!("warning: the fault never struck: {fault}"));
    }
}

#[cfg(not(feature = "virtual"))]
fn end_of_virtual_sticks(_: &Context, code: u8) -> u8 {
    code
}

/// What is wrong with a command line of these words.
fn usage(error: &clap::Error, words: impl Iterator<Item = OsString>) -> Error {
    let text = error.render().to_string();
    let lines = text.lines().take_while(|line| !line.is_empty()).map(str::trim);
    let mut what = lines.collect::<Vec<_>>().join(" ").trim_start_matches("error: ").to_owned();
    let usage = text.lines().find_map(|line| line.strip_prefix("Usage: "));
    // A router has no room for these.
    let has_room = cfg!(feature = "formats");
    let usage = usage.map(str::to_owned).or_else(|| has_room.then(|| usage_of(words)));
    let tips = text.lines().filter_map(|line| line.trim().strip_prefix("tip: "));
    let tips = tips.filter(|tip| !has_room || leads_somewhere(tip)).map(str::to_owned);
    let quotes = (has_room && is_out_of_quotes(error, usage.as_deref().unwrap_or_default()))
        .then(|| "a value of several words stands in quotes".to_owned());
    for tip in stick_word::hint(error).or(quotes).into_iter().chain(no_image(error, &what)).chain(tips) {
        what = format!("{what}; {tip}");
    }
    if std::env::args_os().any(|word| word == "pin") && what.split('\'').any(pin::is_like_a_code) {
        what = pin::NOT_TYPED.to_owned();
    }
    let error = Error::new(ErrorKind::Usage, what);
    match usage {
        Some(usage) => error.with("usage", usage),
        None => error,
    }
}

/// How the verb, or its part, is used: clap says so of some errors only.
fn usage_of(words: impl Iterator<Item = OsString>) -> String {
    let mut line = for_one_run();
    line.build();
    let mut part = &mut line;
    for word in words {
        if part.find_subcommand(&word).is_some() {
            part = part.find_subcommand_mut(&word).expect("it was found");
        }
    }
    part.render_usage().to_string().trim_start_matches("Usage: ").to_owned()
}

/// Whether a word that looks like an option may be a value, as the tip says: a text, or a file of that name. clap says so wherever a verb takes words.
fn leads_somewhere(tip: &str) -> bool {
    let word = tip.strip_prefix("to pass '").and_then(|rest| rest.split('\'').next());
    word.is_none_or(|word| word.contains(' ') || Path::new(word).exists())
}

/// Whether a word is left that may belong to the text, or to the file's name, before it.
fn is_out_of_quotes(error: &clap::Error, usage: &str) -> bool {
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidArg) else { return false };
    let takes_texts = usage.contains("TEXT") || usage.contains("FILE>");
    takes_texts && !word.starts_with('-') && error.kind() == clap::error::ErrorKind::UnknownArgument
}

/// Where an image comes from, for whoever gave none.
fn no_image(error: &clap::Error, what: &str) -> Option<String> {
    let is_missing = error.kind() == clap::error::ErrorKind::MissingRequiredArgument;
    let of_image = cfg!(feature = "flash") && is_missing && what.to_lowercase().contains("firmware");
    of_image.then(|| {
        "an image is the update of exactly this model, a .BIN or an updater .exe, from its maker or operator; \
         none comes with stickshift. Its version tells Stick from HiLink firmware (docs/convert.md); \
         `stickshift inspect FILE` says what it is for, and `stickshift firmware verify FILE` whether it is whole"
            .to_owned()
    })
}

/// Help, the version, or a command line that does not read: then in JSON too, where that was asked for.
fn not_understood(error: &clap::Error) -> ExitCode {
    let is_help = error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    let json = std::env::args_os().any(|word| word == "--json");
    if error.use_stderr() && (json || !is_help) {
        let color = typed_color();
        Output::new(&Global { json, color, ..Global::default() }, Ledger::new())
            .error(&usage(error, std::env::args_os().skip(1)));
    } else {
        // A closed pipe (`--help | head`) is no failure.
        let lost = error.print().is_err_and(|e| e.kind() != io::ErrorKind::BrokenPipe);
        if lost && !error.use_stderr() {
            return ExitCode::FAILURE;
        }
    }
    ExitCode::from(if error.use_stderr() { 2 } else { 0 })
}

/// Without a handler Ctrl-C would kill the program in the middle of a block; the library stops at the next safe step. Whoever insists
/// gets out at once.
fn stop_on_request(cancel: Cancel) {
    question::end_on(cancel.clone());
    const ABORTED: &str = "error: aborted (third Ctrl-C)\n  stick: unknown if work on one had started\n";
    #[cfg(unix)]
    host::stop_on_request(cancel, ABORTED);
    #[cfg(windows)]
    {
        let mut requests = 0;
        let _ = ctrlc::set_handler(move || {
            requests += 1;
            cancel.cancel();
            if requests == 3 {
                eprint!("{ABORTED}");
                std::process::exit(7);
            }
        });
    }
}

/// A fault of the program itself ends it as every failure does, with a verdict, and in JSON with the last line: in whichever thread it is, nobody
/// knows what the others were in the middle of. A program for routers is built without the words.
#[cfg(feature = "flash")]
fn ends_by_panic(json: bool, typed: String, verb: &Verb) {
    let attempt = verb.attempt();
    let verdict = if verb.touches_only_files() { Verdict::Untouched } else { Verdict::Unknown };
    std::panic::set_hook(Box::new(move |panic| {
        let said = panic.payload();
        let said = said.downcast_ref::<&str>().copied().or_else(|| said.downcast_ref().map(String::as_str));
        let said = said.unwrap_or("no words for it");
        let error = Error::new(ErrorKind::Io, format!("stickshift itself has a fault: {said}"));
        let error = match panic.location() {
            Some(location) => error.with("at", format!("{}:{}", location.file(), location.line())),
            None => error,
        };
        let output = Output::new(&Global { json, ..Global::default() }, Ledger::new());
        output.tries(typed.clone(), attempt);
        std::process::exit(output.error(&error.with_verdict(verdict)).into());
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(feature = "flash")]
    fn a_panic_in_any_thread_ends_as_every_failure_does() {
        const HERE: &str = "STICKSHIFT_TEST_PANICS";
        if std::env::var_os(HERE).is_some() {
            let mut read = for_one_run().try_get_matches_from(["stickshift", "list"]).unwrap();
            let read = Cli::from_arg_matches_mut(&mut read).unwrap();
            ends_by_panic(true, "list".to_owned(), &read.verb);
            let _ = std::thread::spawn(|| panic!("the table is empty")).join();
            return;
        }
        let run = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "tests::a_panic_in_any_thread_ends_as_every_failure_does", "--nocapture"])
            .env(HERE, "1")
            .output()
            .unwrap();
        assert_eq!(run.status.code(), Some(7), "{run:?}");
        let out = String::from_utf8(run.stdout).unwrap();
        let last: serde_json::Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
        assert_eq!(
            (&last["event"], &last["verdict"], &last["exit"]),
            (&"error".into(), &"unknown".into(), &7.into())
        );
        let (what, at) = (last["what"].to_string(), last["facts"]["at"].to_string());
        assert!(what.contains("the table is empty") && at.contains("main.rs:"), "{last}");
    }

    /// Every verb and part of one that can be typed.
    fn typed(command: &Command, before: &str, all: &mut Vec<String>) {
        for below in command.get_subcommands().filter(|c| c.get_name() != "help") {
            let name = format!("{before} {}", below.get_name()).trim().to_owned();
            if below.has_subcommands() {
                typed(below, &name, all);
            }
            if !below.is_subcommand_required_set() {
                all.push(name);
            }
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn docs_have_the_schema_of_every_verb() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/json");
        let overwrite = std::env::var("SNAPSHOTS").is_ok_and(|value| value == "overwrite");
        let shapes = verbs::shapes();
        let mut all = Vec::new();
        typed(&command_line(), "", &mut all);
        for verb in &all {
            assert!(shapes.verbs().any(|known| known == verb), "{verb} says nothing of its result");
        }
        for verb in shapes.verbs() {
            assert!(all.iter().any(|known| known == verb), "there is no {verb}");
            let verb = verb.split(' ').next().unwrap_or_default();
            let file = folder.join(format!("{verb}.json"));
            let schema = serde_json::to_string_pretty(&shapes.of_verb(verb)).unwrap() + "\n";
            if overwrite {
                std::fs::write(&file, &schema).unwrap();
            }
            let there = std::fs::read_to_string(&file).unwrap_or_default();
            assert!(
                there == schema,
                "{} is not what {verb} prints: SNAPSHOTS=overwrite writes it anew",
                file.display()
            );
        }
        if cfg!(feature = "virtual") {
            for file in std::fs::read_dir(folder).unwrap() {
                let path = file.unwrap().path();
                let verb = path.file_stem().unwrap().to_string_lossy().into_owned();
                assert!(all.iter().any(|known| known.split(' ').next() == Some(&verb)), "{verb}.json");
            }
        }
    }

    /// docs/openapi.json is the table of the web crate with the schemas of `--json`.
    #[test]
    #[cfg(all(feature = "web", feature = "virtual"))]
    fn docs_have_the_api() {
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
        let shapes = verbs::shapes();
        let document = stickshift_web::openapi(env!("CARGO_PKG_VERSION"), |verb| {
            let schema = shapes.of_verb(verb).to_string();
            let below = format!("\"#/components/schemas/{verb}/$defs/");
            serde_json::from_str(&schema.replace("\"#/$defs/", &below)).ok()
        });
        let text = serde_json::to_string_pretty(&document).unwrap() + "\n";
        if std::env::var("SNAPSHOTS").is_ok_and(|value| value == "overwrite") {
            std::fs::write(&file, &text).unwrap();
        }
        let there = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(there == text, "{} is not the API: SNAPSHOTS=overwrite writes it anew", file.display());
    }

    #[test]
    fn every_verb_has_examples() {
        for verb in command_line().get_subcommands() {
            let name = verb.get_name();
            assert!(!examples::of(name).is_empty(), "{name}");
            for example in examples::of(name) {
                assert!(example.line.contains("stickshift "), "{}", example.line);
                assert!(!example.does.ends_with('.') && example.line.len() <= 90, "{}", example.line);
            }
        }
    }

    #[test]
    fn options_of_every_verb_stand_before_it_or_after_it() {
        let read = |line: &str| {
            let mut matches = for_one_run().try_get_matches_from(line.split(' ')).unwrap();
            Cli::from_arg_matches_mut(&mut matches).unwrap().global
        };
        for line in [
            "stickshift --json -v sms list",
            "stickshift sms --json list -v",
            "stickshift sms list -v --json",
        ] {
            let global = read(line);
            assert!(global.json && global.verbose == 1 && !global.quiet, "{line}");
        }
        assert!(matches!(read("stickshift --color never list").color, options::ColorChoice::Never));
    }
}
