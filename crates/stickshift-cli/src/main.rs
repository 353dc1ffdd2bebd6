//! The `stickshift` program: arguments, rendering, advice and exit codes around the library.

mod act;
mod advice;
mod args;
mod context;
mod door;
mod files;
mod output;
mod overlays;
mod port_bus;
mod select;
mod synthetic;
mod system;
mod verbs;

use std::process::ExitCode;

use clap::Parser;
use stickshift::event::Cancel;

use args::Cli;
use context::Context;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let cancel = Cancel::new();
    let flag = cancel.clone();
    // Without a handler Ctrl-C would kill the program in the middle of a block; the library stops at the next safe step.
    let _ = ctrlc::set_handler(move || flag.cancel());
    let mut context = Context::new(cli.global, cancel);
    match verbs::run(&mut context, cli.verb) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            context.output.error(&error);
            ExitCode::from(advice::of(&error).exit)
        }
    }
}
