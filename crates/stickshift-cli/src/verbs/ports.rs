//! `stickshift ports`: which ports the stick is made to show.

use std::io::{self, Write};

use clap::{Args, Subcommand};
use serde::Serialize;
use stickshift::at::ports::{Composition, UsbMode};
use stickshift::error::Result;
use stickshift::modem::{ChosenPorts, PortsWanted};

use crate::context::Context;
use crate::output::Report;
use crate::output::json::Outcome;
use crate::way_in::{PortArgs, tell_second_look};

/// Show and change the stick's USB composition (AT^SETPORT, AT^U2DIAG).
#[derive(Args, Debug)]
pub(crate) struct PortsArgs {
    #[command(subcommand)]
    verb: PortsVerb,
    #[command(flatten)]
    port: PortArgs,
}

#[derive(Debug, Subcommand)]
enum PortsVerb {
    /// Show the current composition and the possible ports
    Show,
    /// Set the composition from the next start on. One without a port for AT commands (at, or 2 or 12 among the values of AT^SETPORT) is refused: it would lock you out
    Set {
        /// Port names in order, from at, modem, ncm, diag, gps, cdrom, sd (for example at,modem,ncm); or AT^SETPORT values, BEFORE;AFTER
        /// ('FF;12,10,16'); or one number, for AT^U2DIAG of older sticks
        #[arg(value_name = "PORTS")]
        ports: String,

        /// Show the CD-ROM first (only with port names)
        #[arg(long)]
        cdrom_first: bool,
    },
}

pub(crate) fn run(context: &mut Context, args: PortsArgs) -> Result<()> {
    let mut ports = args.port.open(context)?;
    let mut modem = ports.modem(context)?;
    let now = modem.ports()?;
    let PortsVerb::Set { ports, cdrom_first } = args.verb else {
        let choices = modem.port_choices()?;
        context.output.outcome_is(Outcome::Untouched);
        context.output.finish(&Shown {
            ports: now.composition.as_ref().map(Composition::to_string),
            words: now.composition.map(|c| c.words()),
            usb_mode: now.usb_mode.map(|m| m.0),
            usb_mode_words: now.usb_mode.and_then(UsbMode::words),
            choices: choices.into_iter().map(|(code, name)| (code.to_string(), name)).collect(),
        });
        return Ok(());
    };
    let wanted = match (ports.parse(), ports.parse()) {
        (Ok(number), _) => PortsWanted::Mode(UsbMode(number)),
        (_, Ok(composition)) => PortsWanted::Composition(composition),
        _ => PortsWanted::Named { names: ports.split(',').map(str::to_owned).collect(), cdrom_first },
    };
    let chosen = modem.choose_ports(&wanted)?;
    let old = now.composition.map_or_else(|| "not reported".to_owned(), |c| format!("{c} ({})", c.words()));
    context.output.say(&format!("now:    {old}\nwanted: {} ({})", chosen.ports, chosen.words));
    context.confirm("set it?")?;
    if !modem.set_ports(&chosen)? {
        context.output.outcome_is(Outcome::Sent);
        context.output.say("the stick took it and does not show it yet: some do at their next start");
    }
    tell_second_look(context, &modem);
    context.output.finish(&Set(chosen));
    Ok(())
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
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
            _ => writeln!(out, "the stick does not report its composition")?,
        }
        for (code, name) in &self.choices {
            writeln!(out, "  {code:<3} {name}")?;
        }
        Ok(())
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Set(ChosenPorts);

impl Report for Set {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(
            out,
            "set: {}; in force when the stick starts next (replug it, or stickshift at AT^RESET)",
            self.0.words
        )
    }
}

#[cfg(test)]
pub(crate) fn shapes(shapes: &mut crate::output::schema::Shapes) {
    shapes.result::<Shown>("ports show");
    shapes.result::<Set>("ports set");
}
