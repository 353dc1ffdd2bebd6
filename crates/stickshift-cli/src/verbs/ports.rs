//! `stickshift ports`: which ports the stick is made to show.

use std::io::{self, Write};

use clap::{Args, Subcommand};
use serde::Serialize;
use stickshift::at::ports::{self, Composition, PortCode, UsbMode};
use stickshift::error::{Error, ErrorKind, Result, Verdict};

use crate::context::Context;
use crate::door::{self, PortArgs};
use crate::output::Report;

/// Show and change the ports that the stick shows on the bus (AT^SETPORT, AT^U2DIAG).
#[derive(Args, Debug)]
pub(crate) struct PortsArgs {
    #[command(subcommand)]
    verb: PortsVerb,
    #[command(flatten)]
    port: PortArgs,
}

#[derive(Debug, Subcommand)]
enum PortsVerb {
    /// What it shows now, and what it could
    Show,
    /// Show others from the next start on. A set without an AT port (2 or 12) is refused: it would lock you out
    Set {
        /// Names in their order, of at, modem, ncm, diag, gps, cdrom, sd: at,modem,ncm for example; or BEFORE;AFTER as
        /// AT^SETPORT has it, 'FF;12,10,16'. A bare number is taken for AT^U2DIAG of older sticks
        #[arg(value_name = "PORTS")]
        ports: String,

        /// Show the CD-ROM first, with names; without it there is none
        #[arg(long)]
        cdrom_first: bool,
    },
}

pub(crate) fn run(context: &mut Context, args: PortsArgs) -> Result<()> {
    let mut link = args.port.open(context)?;
    let mut at = door::at(context, &mut *link)?;
    let before = at.run_if_known(&ports::composition())?;
    let usb_mode = if before.is_none() { at.run_if_known(&ports::usb_mode())? } else { None };
    let PortsVerb::Set { ports: wanted, cdrom_first } = args.verb else {
        let choices = at.run_if_known(&ports::choices())?.unwrap_or_default();
        context.output.finish(&Shown {
            ports: before.as_ref().map(Composition::to_string),
            words: before.map(|c| c.words()),
            usb_mode: usb_mode.map(|m| m.0),
            usb_mode_words: usb_mode.and_then(UsbMode::words),
            choices: choices.into_iter().map(|(code, name)| (code.to_string(), name)).collect(),
        });
        return Ok(());
    };
    let (command, what, words) = if let Ok(number) = wanted.parse() {
        let mode = UsbMode(number);
        (
            ports::set_usb_mode(mode)?,
            format!("AT^U2DIAG={number}"),
            mode.words().unwrap_or("not known").to_owned(),
        )
    } else {
        let composition = match wanted.parse() {
            Ok(composition) => composition,
            Err(()) => named(&wanted, cdrom_first, &at.run(&ports::choices())?)?,
        };
        (ports::set_composition(&composition)?, composition.to_string(), composition.words())
    };
    let old = before.map_or_else(|| "not told".to_owned(), |c| format!("{c} ({})", c.words()));
    context.output.say(&format!("now:    {old}\nwanted: {what} ({words})"));
    context.confirm("set it?")?;
    at.run(&command)?;
    context.output.finish(&Set { ports: what, words });
    Ok(())
}

/// The composition of names.
///
/// # Errors
/// `Usage` for a word that is none, or that this stick has no port for.
fn named(words: &str, cdrom_first: bool, choices: &[(PortCode, String)]) -> Result<Composition> {
    let codes: Vec<PortCode> = choices.iter().map(|(code, _)| *code).collect();
    let code = |word: &str| {
        PortCode::named(word, &codes).ok_or_else(|| {
            let what = format!("{word} is no port that this stick can show");
            Error::new(ErrorKind::Usage, what)
                .with("names", "at, modem, ncm, diag, gps, cdrom, sd; or BEFORE;AFTER")
                .with_verdict(Verdict::Untouched)
        })
    };
    let after = words.split(',').map(|word| code(word.trim())).collect::<Result<_>>()?;
    let before = if cdrom_first { vec![code("cdrom")?] } else { Vec::new() };
    Ok(Composition { before, after })
}

#[derive(Serialize)]
struct Shown {
    ports: Option<String>,
    words: Option<String>,
    usb_mode: Option<u16>,
    usb_mode_words: Option<&'static str>,
    choices: Vec<(String, String)>,
}

impl Report for Shown {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        match (&self.ports, &self.words, self.usb_mode) {
            (Some(ports), Some(words), _) => writeln!(out, "{ports}  {words}")?,
            (_, _, Some(mode)) => {
                writeln!(out, "U2DIAG {mode}  {}", self.usb_mode_words.unwrap_or("not known"))?
            }
            _ => writeln!(out, "the stick does not tell which ports it shows")?,
        }
        for (code, name) in &self.choices {
            writeln!(out, "  {code:<3} {name}")?;
        }
        Ok(())
    }
}

#[derive(Serialize)]
struct Set {
    ports: String,
    words: String,
}

impl Report for Set {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(
            out,
            "set: {}; in force when the stick starts next (replug it, or stickshift at AT^RESET)",
            self.words
        )
    }
}
