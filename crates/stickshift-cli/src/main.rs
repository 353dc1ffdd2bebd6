//! The `stickshift` program: arguments, rendering, advice and exit codes around the library.

mod act;
mod advice;
#[cfg(feature = "virtual")]
mod any_stick;
mod args;
mod context;
mod door;
mod drop_in;
mod files;
mod hands;
mod lazy;
mod output;
mod overlays;
mod port_bus;
mod recover;
mod select;
#[cfg(feature = "virtual")]
mod stand_in;
#[cfg(feature = "virtual")]
mod synthetic;
mod system;
mod verbs;

use std::process::ExitCode;

use clap::Parser;
use stickshift::error::{Error, ErrorKind};
use stickshift::event::Cancel;

use args::{Cli, Global, Verb};
use context::Context;
use output::Output;
use recover::Work;

/// musl's own gives every few kilobytes back to the system at once, which costs a short run more than all its work.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() -> ExitCode {
    let cancel = Cancel::new();
    let mut typed = std::env::args_os();
    if drop_in::is_called(typed.next().as_deref()) {
        stop_on_request(cancel.clone());
        let arguments: Vec<String> = typed.map(|a| a.to_string_lossy().into_owned()).collect();
        return drop_in::main(&arguments, &cancel);
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return not_understood(&error),
    };
    if !only_files(&cli.verb) {
        stop_on_request(cancel.clone());
    }
    let mut context = Context::new(cli.global, cancel);
    context.output.work_is(work(&cli.verb));
    match verbs::run(&mut context, cli.verb) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            context.output.error(&error);
            ExitCode::from(advice::of(&error).exit)
        }
    }
}

/// Help, the version, or a command line that does not read: then in JSON too, where that was asked for.
fn not_understood(error: &clap::Error) -> ExitCode {
    if error.use_stderr() && std::env::args_os().any(|word| word == "--json") {
        let text = error.render().to_string();
        let lines = text.lines().take_while(|line| !line.is_empty()).map(str::trim);
        let what = lines.collect::<Vec<_>>().join(" ");
        let what = what.trim_start_matches("error: ");
        let usage = Error::new(ErrorKind::Usage, what);
        Output::new(&Global { json: true, ..Global::default() }).error(&usage);
    } else {
        // That nobody reads it (`--help | head`) is no failure.
        let _ = error.print();
    }
    ExitCode::from(if error.use_stderr() { 2 } else { 0 })
}

/// What a verb leaves behind when it fails half-way.
fn work(verb: &Verb) -> Work {
    match verb {
        #[cfg(feature = "virtual")]
        Verb::Rehearse(_) => Work::Convert,
        Verb::Convert(_) => Work::Convert,
        Verb::Flash(_) => Work::Flash,
        Verb::Load(_) => Work::Load,
        Verb::Switch(_) | Verb::Watch(_) => Work::Switch,
        _ => Work::Other,
    }
}

/// Verbs that touch no stick: a signal ends them at once, as the system does it. Files that they write have no name before they are whole.
fn only_files(verb: &Verb) -> bool {
    match verb {
        Verb::Firmware(_) | Verb::Inspect(_) | Verb::Loader(_) | Verb::Profile(_) | Verb::Router(_) => true,
        Verb::Setup(_) => true,
        Verb::Learn(args) => args.0.only_reads(),
        _ => false,
    }
}

/// Without a handler Ctrl-C would kill the program in the middle of a block; the library stops at the next safe step. Whoever insists
/// gets out at once.
fn stop_on_request(cancel: Cancel) {
    let mut requests = 0;
    let _ = ctrlc::set_handler(move || {
        requests += 1;
        cancel.cancel();
        if requests == 3 {
            eprintln!(
                "error: stopped at once, on the third request\n  stick: unknown if work on one had begun"
            );
            std::process::exit(7);
        }
    });
}
