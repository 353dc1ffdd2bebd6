//! `stickshift at COMMAND..`: AT commands as they are typed.

use std::io::{self, Write};
use std::time::Duration;

use clap::Args;
use rustyline::error::ReadlineError;
use serde::Serialize;
use stickshift::at::{At, effect_of, ports};
use stickshift::error::{Error, ErrorKind, Result};
use stickshift::mask;
use stickshift::wire::at::Final;

use crate::context::Context;
use crate::door::{self, PortArgs};
use crate::output::Report;

/// Send AT commands to a stick and print its answers.
///
/// Ends with the first command that the stick refuses. Unsolicited lines are left out of answers; --verbose shows them.
#[derive(Args, Debug)]
pub(crate) struct AtArgs {
    /// Commands, for example ATI, +CSQ or 'AT^HCSQ?'; AT is put before what lacks it
    #[arg(value_name = "COMMAND", required_unless_present = "terminal")]
    commands: Vec<String>,

    /// Type commands with line editing and history, until Ctrl-D
    #[arg(long, conflicts_with = "commands")]
    terminal: bool,

    /// How long the stick may take for each answer
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    timeout: u64,

    #[command(flatten)]
    port: PortArgs,
}

pub(crate) fn run(context: &mut Context, args: AtArgs) -> Result<()> {
    let mut link = args.port.open(context)?;
    let mut at = door::at(context, &mut *link)?;
    let timeout = Duration::from_secs(args.timeout);
    if args.terminal {
        return terminal(context, &mut at, timeout);
    }
    for command in &args.commands {
        let command = with_prefix(command);
        let result = ask(context, &mut at, &command, timeout)?;
        if !matches!(result, Final::Ok | Final::Connect(_)) {
            return Err(at.refused(&command, &result));
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
#[derive(Serialize)]
struct Exchange<'a> {
    command: String,
    lines: &'a [String],
    result: String,
    unsolicited: Vec<String>,
    #[serde(skip)]
    verbose: bool,
}

impl Report for Exchange<'_> {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        for line in self.unsolicited.iter().filter(|_| self.verbose) {
            writeln!(out, "# {line}")?;
        }
        for line in self.lines {
            writeln!(out, "{line}")?;
        }
        writeln!(out, "{}", self.result)
    }
}

fn ask(context: &Context, at: &mut At<'_>, command: &str, timeout: Duration) -> Result<Final> {
    keeps_a_door_open(command)?;
    let answer = at.command(command, effect_of(command), timeout)?;
    context.output.stream(
        "answer",
        &Exchange {
            command: mask::text(command),
            lines: &answer.lines,
            result: answer.result.to_string(),
            unsolicited: at.take_urcs(),
            verbose: context.global.verbose > 0,
        },
    );
    Ok(answer.result)
}

/// A typed command is nobody's plan, but this one is refused here as well: after it no command can be typed any more.
fn keeps_a_door_open(command: &str) -> Result<()> {
    // Blanks are allowed anywhere, and commands may be strung together with others before them.
    let upper: String = command.to_ascii_uppercase().split_whitespace().collect();
    let Some((_, value)) = upper.split_once("^SETPORT=") else { return Ok(()) };
    if value == "?" {
        return Ok(());
    }
    match value.parse() {
        Ok(composition) => ports::set_composition(&composition).map(|_| ()),
        Err(()) => {
            Err(Error::new(ErrorKind::Usage, "not a set of ports: BEFORE;AFTER, for example FF;12,10,16"))
        }
    }
}

fn terminal(context: &Context, at: &mut At<'_>, timeout: Duration) -> Result<()> {
    let broken = |e: ReadlineError| Error::new(ErrorKind::Io, "the terminal cannot be read").because(e);
    let mut editor = rustyline::DefaultEditor::new().map_err(broken)?;
    loop {
        let line = match editor.readline("at> ") {
            Ok(line) => line,
            Err(ReadlineError::Eof | ReadlineError::Interrupted) => return Ok(()),
            Err(e) => return Err(broken(e)),
        };
        if line.trim().is_empty() {
            continue;
        }
        let command = &with_prefix(&line);
        // Codes are not for the history.
        if mask::text(command) == *command {
            let _ = editor.add_history_entry(command);
        }
        match ask(context, at, command, timeout) {
            Err(e) if e.is(ErrorKind::Disconnected) || e.is(ErrorKind::Interrupted) => return Err(e),
            Err(e) => {
                context.output.error(&e);
            }
            Ok(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_of_ports_without_pcui_is_refused() {
        for (command, kind) in [
            ("AT^SETPORT=\"FF;10,16\"", Some(ErrorKind::LocksOut)),
            ("at^setport=\"a1;10\"", Some(ErrorKind::LocksOut)),
            ("AT^SETPORT=nonsense", Some(ErrorKind::Usage)),
            ("AT^SETPORT=\"FF;12,16\"", None),
            ("AT^SETPORT?", None),
            ("AT^SETPORT=?", None),
        ] {
            assert_eq!(keeps_a_door_open(command).err().map(|e| e.kind()), kind, "{command}");
        }
    }

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

    #[test]
    fn the_last_at_port_is_not_typed_away() {
        for locked_out in ["AT^SETPORT=\"FF;16\"", "AT ^setport = \"FF;16\"", "AT+CSQ;^SETPORT=\"FF;16\""] {
            assert!(keeps_a_door_open(locked_out).is_err(), "{locked_out}");
        }
        for fine in ["AT^SETPORT=?", "AT^SETPORT?", "AT^SETPORT=\"FF;12,16\"", "AT+CSQ"] {
            assert!(keeps_a_door_open(fine).is_ok(), "{fine}");
        }
    }
}
