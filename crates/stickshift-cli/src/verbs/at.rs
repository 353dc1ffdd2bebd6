//! `stickshift at COMMAND..`: AT commands as they are typed.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use stickshift::at::{At, effect_of, is_counted, refusal, usual_time};
use stickshift::error::{Detail, Effect, Error, ErrorKind, Refusal, RefusalFamily, Result, Tried, Verdict};
use stickshift::mask;
use stickshift::modem::{Modem, is_emergency_call, may_be_sent, what_follows};
use stickshift::wire::at::Final;

use crate::context::Context;
use crate::line_editor::LineEditor;
use crate::output::Report;
use crate::output::json::Outcome;
use crate::stick_word;
use crate::way_in::{PortArgs, tell_second_look};

/// Send AT commands to a stick and print the replies.
///
/// What the stick answers is printed as it is, identities too. Stops at the first command that the stick refuses. Unsolicited lines are shown by --verbose alone. `stickshift pin` keeps the last try of a code; this does not.
#[derive(Args, Debug)]
pub(crate) struct AtArgs {
    /// Commands, for example ATI, +CSQ or 'AT^HCSQ?'; a missing AT prefix is added
    #[arg(value_name = "COMMAND", required_unless_present = "terminal")]
    commands: Vec<String>,

    /// Type commands with line editing and history, until Ctrl-D
    #[arg(long, conflicts_with = "commands")]
    terminal: bool,

    /// Time limit for each reply [default: 10, and 180 for what waits for the network or the radio]
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u64>,

    #[command(flatten)]
    port: PortArgs,
}

pub(crate) fn run(context: &mut Context, mut args: AtArgs) -> Result<()> {
    let named = args.port.stick.is_some() || args.port.port.is_some();
    if let Some(stick) = stick_word::split_off(&mut args.commands, named)? {
        args.port.stick = Some(stick);
        if args.commands.is_empty() {
            return Err(Error::new(ErrorKind::Usage, "a stick is named, and no command"));
        }
    }
    for command in args.commands.iter_mut() {
        *command = with_prefix(command);
        may_be_sent(command).map_err(|e| e.verdict_if_unset(Verdict::Untouched))?;
    }
    context.output.outcome_is(Outcome::Untouched);
    let mut ports = args.port.open(context)?;
    let mut modem = ports.modem(context)?;
    let timeout = args.timeout.map(Duration::from_secs);
    if args.terminal {
        return terminal(context, &mut modem, timeout);
    }
    let mut told = Exchanges::default();
    for command in &args.commands {
        let result = ask(context, &mut modem, command, timeout, &mut told)?;
        if !is_taken(&result) {
            let error = refused(&mut modem, command, &result);
            let done = told.answers.iter().filter(|e| e.is_done);
            let error = done.fold(error, |error, e| error.with("done", &e.command));
            return Err(error.verdict_if_unset(Verdict::Recoverable));
        }
    }
    Ok(())
}

/// A stick answers nothing at all to a line that does not begin with AT: `+CSQ` and `I` are taken for `AT+CSQ` and `ATI`.
fn with_prefix(typed: &str) -> String {
    let typed = typed.trim();
    let has_prefix = typed.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("AT"));
    if has_prefix { typed.to_owned() } else { format!("AT{typed}") }
}

/// One command and what the stick said.
#[derive(Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Exchange {
    command: String,
    lines: Vec<String>,
    result: String,
    unsolicited: Vec<String>,
    #[serde(skip)]
    verbose: bool,
    /// It is a change, and the stick took it.
    #[serde(skip)]
    is_done: bool,
}

impl Report for Exchange {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        for line in self.unsolicited.iter().filter(|_| self.verbose) {
            writeln!(out, "# {line}")?;
        }
        for line in &self.lines {
            writeln!(out, "{line}")?;
        }
        writeln!(out, "{}", self.result)
    }
}

/// All commands and what the stick said to them.
#[derive(Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Exchanges {
    answers: Vec<Exchange>,
}

/// Asks one thing, prints the answer, and adds it to `told`.
fn ask(
    context: &Context,
    modem: &mut Modem<'_>,
    command: &str,
    timeout: Option<Duration>,
    told: &mut Exchanges,
) -> Result<Final> {
    let answer = modem.typed(command, timeout.unwrap_or_else(|| usual_time(command)))?;
    let is_change = effect_of(command) == Effect::Changes;
    if is_change && is_taken(&answer.result) {
        context.output.outcome_is(Outcome::Done);
    }
    tell_second_look(context, modem);
    let unsolicited = modem.at().map(At::take_urcs).unwrap_or_default();
    let exchange = Exchange {
        command: mask::text(command),
        lines: answer.lines,
        result: answer.result.to_string(),
        unsolicited,
        verbose: context.global.verbose > 0,
        is_done: is_change && answer.result == Final::Ok,
    };
    context.output.stream("answer", &exchange);
    told.answers.push(exchange);
    context.output.sum_up(told);
    // What follows is mended by verbs that only such a program has.
    let follows = if cfg!(feature = "flash") { what_follows(command) } else { None };
    if let Some(what) = follows.filter(|_| answer.result == Final::Ok) {
        context.output.warn("what-follows", what.to_owned());
    }
    Ok(answer.result)
}

fn is_taken(result: &Final) -> bool {
    matches!(result, Final::Ok | Final::Connect(_))
}

fn refused(modem: &mut Modem<'_>, command: &str, result: &Final) -> Error {
    let error = match modem.at() {
        Some(at) => at.refused(command, result),
        None => refusal(command, result),
    };
    let error = if is_counted(command) && !error.is(ErrorKind::NoSim) {
        error.detail(Detail::CodeSent)
    } else {
        error
    };
    let code = match result {
        Final::NoCarrier => 3,
        Final::NoDialtone => 6,
        Final::Busy => 7,
        Final::NoAnswer => 8,
        _ => return error,
    };
    let error = error.detail(Detail::Refusal(Refusal { family: RefusalFamily::Call, code }));
    if is_emergency_call(command) { error.detail(Detail::Tried(Tried::EmergencyCall)) } else { error }
}

fn terminal(context: &mut Context, modem: &mut Modem<'_>, timeout: Option<Duration>) -> Result<()> {
    // Whoever types sees each answer; a script has the end alone.
    let is_script = context.global.json || !io::stdin().is_terminal();
    let (mut outcome, mut exit) = (Outcome::Untouched, 0);
    let mut editor = LineEditor::new()?;
    while let Some(line) = editor.line("at> ")? {
        if line.trim().is_empty() {
            continue;
        }
        let command = &with_prefix(&line);
        // Codes are not for the history.
        if mask::text(command) == *command {
            editor.remember(command);
        }
        let error = match ask(context, modem, command, timeout, &mut Exchanges::default()) {
            Err(e) if e.is(ErrorKind::Disconnected) || e.is(ErrorKind::Interrupted) => return Err(e),
            Err(e) => e,
            Ok(result) if is_script && !is_taken(&result) => {
                refused(modem, command, &result).verdict_if_unset(Verdict::Recoverable)
            }
            Ok(_) if effect_of(command) == Effect::Changes => {
                outcome = outcome.max(Outcome::Done);
                continue;
            }
            Ok(_) => continue,
        };
        let code = context.output.setback(&error);
        let left = context.output.verdict(&error).into();
        if exit == 0 || left > outcome {
            exit = code;
        }
        outcome = outcome.max(left);
    }
    if is_script {
        context.output.outcome_is(outcome);
        context.exit = exit;
    }
    Ok(())
}

#[cfg(test)]
pub(crate) fn shapes(shapes: &mut crate::output::schema::Shapes) {
    shapes.result::<Exchanges>("at");
    shapes.no_result("at");
    shapes.event::<Exchange>("at", "answer");
    shapes.event::<crate::output::FailureReport>("at", "failed");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_begins_with_at() {
        for (typed, sent) in [
            ("ATI", "ATI"),
            ("ati", "ati"),
            ("+CSQ", "AT+CSQ"),
            (" ^HCSQ? ", "AT^HCSQ?"),
            ("I", "ATI"),
            ("é", "ATé"),
        ] {
            assert_eq!(with_prefix(typed), sent);
        }
    }
}
