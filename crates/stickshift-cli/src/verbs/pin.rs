//! `stickshift pin`: the SIM's codes, over AT or HiLink.

use std::io::{self, Write};

use clap::{Args, Subcommand};
use serde::Serialize;
use stickshift::at::sim::{self, LastTry, PinUse, SimState};
use stickshift::error::Result;
use stickshift::hilink::pin::{self, Operation};

use crate::context::Context;
use crate::door::{self, Door, DoorArgs, secret};
use crate::output::Report;

/// The SIM's PIN: state, enter, change, switch on and off, unblock.
///
/// Codes are asked for, or taken from STICKSHIFT_PIN, STICKSHIFT_NEW_PIN and STICKSHIFT_PUK: on a command line everybody could see them.
#[derive(Args, Debug)]
pub(crate) struct PinArgs {
    #[command(subcommand)]
    verb: PinVerb,

    /// Use a code even if it is its last try; after that the SIM is blocked
    #[arg(long, global = true)]
    spend_last_try: bool,

    #[command(flatten)]
    door: DoorArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Subcommand)]
enum PinVerb {
    /// What the SIM waits for, and the tries that are left
    Status,
    /// Enter the PIN
    Enter,
    /// Give the SIM a new PIN
    Change,
    /// Have the PIN asked for at power-up
    Enable,
    /// Have the PIN no longer asked for
    Disable,
    /// Unblock the SIM with its PUK and give it a new PIN
    Unblock,
}

pub(crate) fn run(context: &mut Context, args: PinArgs) -> Result<()> {
    let status = match args.door.open(context)? {
        Door::At(mut link) => {
            let mut at = door::at(context, &mut *link)?;
            let last = if args.spend_last_try { LastTry::MaySpend } else { LastTry::Keep };
            // The state comes first: without a SIM nobody is asked for a code.
            let mut state = sim::wait_state(&mut at)?;
            if args.verb != PinVerb::Status {
                let codes = Codes::ask(args.verb)?;
                match args.verb {
                    PinVerb::Unblock => sim::unblock(&mut at, &codes.puk, &codes.new, last)?,
                    PinVerb::Change => sim::use_pin(&mut at, PinUse::Change(&codes.new), &codes.pin, last)?,
                    PinVerb::Enable => sim::use_pin(&mut at, PinUse::Enable, &codes.pin, last)?,
                    PinVerb::Disable => sim::use_pin(&mut at, PinUse::Disable, &codes.pin, last)?,
                    PinVerb::Enter | PinVerb::Status => {
                        sim::use_pin(&mut at, PinUse::Enter, &codes.pin, last)?
                    }
                }
                state = sim::wait_state(&mut at)?;
            }
            let tries = at.run_if_known(&sim::tries())?;
            PinStatus {
                state: match state {
                    SimState::Ready => "ready".into(),
                    SimState::Pin => "waits for its PIN".into(),
                    SimState::Puk => "blocked: waits for its PUK".into(),
                    SimState::Pin2 => "waits for its PIN2".into(),
                    SimState::Puk2 => "waits for its PUK2".into(),
                    SimState::Other(words) => words,
                },
                asked_for: at.run_if_known(&sim::pin_enabled())?,
                pin_tries: tries.as_ref().and_then(|t| t.pin),
                puk_tries: tries.as_ref().and_then(|t| t.puk),
            }
        }
        Door::Web(mut link) => {
            let mut web = args.door.web.session(context, &mut *link)?;
            if args.verb != PinVerb::Status {
                let codes = Codes::ask(args.verb)?;
                let operation = match args.verb {
                    PinVerb::Unblock => Operation::Unblock(&codes.puk, &codes.new),
                    PinVerb::Change => Operation::Change(&codes.pin, &codes.new),
                    PinVerb::Enable => Operation::Enable(&codes.pin),
                    PinVerb::Disable => Operation::Disable(&codes.pin),
                    PinVerb::Enter | PinVerb::Status => Operation::Enter(&codes.pin),
                };
                pin::operate(&mut web, operation, args.spend_last_try)?;
            }
            let status = web.call(&pin::status())?;
            PinStatus {
                state: match status.state {
                    pin::SimState::Absent => "no SIM".into(),
                    pin::SimState::Failed => "does not answer".into(),
                    pin::SimState::Ready | pin::SimState::PinDisabled => "ready".into(),
                    pin::SimState::Checking => "is being looked at".into(),
                    pin::SimState::Pin => "waits for its PIN".into(),
                    pin::SimState::Puk => "blocked: waits for its PUK".into(),
                    pin::SimState::Other(number) => format!("state {number}"),
                },
                asked_for: status.pin_enabled,
                pin_tries: status.pin_tries,
                puk_tries: status.puk_tries,
            }
        }
    };
    context.output.finish(&status);
    Ok(())
}

#[derive(Default)]
struct Codes {
    pin: String,
    new: String,
    puk: String,
}

impl Codes {
    fn ask(verb: PinVerb) -> Result<Codes> {
        let mut codes = Codes::default();
        if verb == PinVerb::Unblock {
            codes.puk = secret("PUK", "STICKSHIFT_PUK", None)?;
        } else {
            codes.pin = secret("PIN", "STICKSHIFT_PIN", None)?;
        }
        if matches!(verb, PinVerb::Unblock | PinVerb::Change) {
            codes.new = secret("new PIN", "STICKSHIFT_NEW_PIN", None)?;
        }
        Ok(codes)
    }
}

#[derive(Serialize)]
struct PinStatus {
    state: String,
    asked_for: Option<bool>,
    pin_tries: Option<u8>,
    puk_tries: Option<u8>,
}

impl Report for PinStatus {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "SIM   {}", self.state)?;
        match self.asked_for {
            Some(true) => writeln!(out, "PIN   asked for at power-up")?,
            Some(false) => writeln!(out, "PIN   not asked for")?,
            None => {}
        }
        let count = |n: Option<u8>| n.map_or_else(|| "unknown".to_owned(), |n| n.to_string());
        writeln!(out, "tries left: PIN {}, PUK {}", count(self.pin_tries), count(self.puk_tries))
    }
}
