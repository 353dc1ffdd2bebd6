//! `stickshift pin`: the SIM's codes, over AT, HiLink or MBIM.

use std::io::{self, Write};

use clap::{Args, Subcommand};
use serde::Serialize;
use stickshift::error::{Error, ErrorKind, Result, Verdict};
use stickshift::modem::{LastTry, PinUse, SimCondition, SimStatus};

use crate::context::Context;
use crate::output::Report;
use crate::output::json::Outcome;
use crate::way_in::{WayInArgs, new_secret, secret, tell_second_look, tell_unseen};

/// Manage the SIM PIN: status, enter, change, enable, disable, unblock.
///
/// Codes come from a prompt or from STICKSHIFT_PIN, STICKSHIFT_NEW_PIN and STICKSHIFT_PUK; a command line would expose them to other users.
#[derive(Args, Debug)]
pub(crate) struct PinArgs {
    #[command(subcommand)]
    verb: PinVerb,

    /// Use the last attempt of a code; if it is wrong, the SIM is blocked
    #[arg(long, global = true)]
    spend_last_try: bool,

    #[command(flatten)]
    way_in: WayInArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Subcommand)]
enum PinVerb {
    /// SIM state and attempts left
    Status {
        /// It spends none: the option of the others is not shown here.
        #[cfg(feature = "formats")]
        #[arg(long = "spend-last-try", id = "spend_last_try", hide = true)]
        _spends: bool,
    },
    /// Enter the PIN
    Enter,
    /// Change the PIN
    Change,
    /// Require the PIN at power-up
    Enable,
    /// Do not require the PIN at power-up
    Disable,
    /// Unblock the SIM with its PUK and set a new PIN
    Unblock,
}

impl PinVerb {
    /// What the codes are used for.
    fn with(self, codes: &Codes) -> PinUse<'_> {
        match self {
            PinVerb::Unblock => PinUse::Unblock(&codes.puk, &codes.new),
            PinVerb::Change => PinUse::Change(&codes.pin, &codes.new),
            PinVerb::Enable => PinUse::Enable(&codes.pin),
            PinVerb::Disable => PinUse::Disable(&codes.pin),
            PinVerb::Enter | PinVerb::Status { .. } => PinUse::Enter(&codes.pin),
        }
    }
}

/// Where codes come from, for whoever typed one.
pub(crate) const NOT_TYPED: &str =
    "a code is asked for, or comes from STICKSHIFT_PIN: other users can read a command line";

/// Whether a word may be a code.
pub(crate) fn is_like_a_code(word: &str) -> bool {
    (4..=8).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_digit())
}

pub(crate) fn run(context: &mut Context, args: PinArgs) -> Result<()> {
    let is_code = context.stick_word.as_deref().is_some_and(is_like_a_code);
    let mut link = args.way_in.open(context).map_err(|e| match is_code && e.is(ErrorKind::NoStick) {
        // It is not repeated.
        true => Error::new(ErrorKind::Usage, NOT_TYPED).with_verdict(Verdict::Untouched),
        false => e,
    })?;
    let mut modem = args.way_in.modem(context, &mut link)?;
    if matches!(args.verb, PinVerb::Status { .. }) {
        context.output.outcome_is(Outcome::Untouched);
        context.output.finish(&Shown(modem.sim_status()?));
        return Ok(());
    }
    // Without a SIM no code is asked for, and none that is not needed.
    let before = modem.look_before(args.verb.with(&Codes::default()))?;
    if args.verb.with(&Codes::default()).is_needless(&before) {
        context.output.outcome_is(Outcome::Untouched);
        context.output.say(match before.state {
            SimCondition::Pin => {
                "no code was sent: its PIN is asked for already; `stickshift pin enter` enters it"
            }
            _ => "nothing to do, and no code was sent",
        });
        context.output.finish(&Shown(before));
        return Ok(());
    }
    let waited_for = args.verb.with(&Codes::default()).is_waited_for(&before.state);
    waited_for.map_err(|e| e.verdict_if_unset(Verdict::Untouched))?;
    let name = if args.verb == PinVerb::Unblock { "PUK" } else { "PIN" };
    match args.verb.with(&Codes::default()).tries_left(&before) {
        Some(left) => context.output.say(&format!("tries of the {name} left: {left}")),
        None => {
            context.output.say(&format!("the stick does not report how many tries of the {name} are left"))
        }
    }
    let codes = Codes::ask(args.verb)?;
    let code = args.verb.with(&codes);
    let last = if args.spend_last_try { LastTry::MaySpend } else { LastTry::Keep };
    let status = modem.use_code(code, last)?;
    tell_second_look(context, &modem);
    tell_unseen(context, status.state != SimCondition::NotSeen);
    context.output.finish(&Shown(status));
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
            codes.new = new_secret("new PIN", "STICKSHIFT_NEW_PIN")?;
        }
        Ok(codes)
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Shown(SimStatus);

impl Report for Shown {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "SIM   {}", self.0.state)?;
        match self.0.asked_for {
            Some(true) => writeln!(out, "PIN   asked for at power-up")?,
            Some(false) => writeln!(out, "PIN   not asked for")?,
            None => {}
        }
        let count = |n: Option<u8>| n.map_or_else(|| "unknown".to_owned(), |n| n.to_string());
        writeln!(out, "tries left: PIN {}, PUK {}", count(self.0.pin_tries), count(self.0.puk_tries))
    }
}

#[cfg(test)]
pub(crate) fn shapes(shapes: &mut crate::output::schema::Shapes) {
    shapes.result::<Shown>("pin status");
    shapes.result::<Shown>("pin enter");
    shapes.result::<Shown>("pin change");
    shapes.result::<Shown>("pin enable");
    shapes.result::<Shown>("pin disable");
    shapes.result::<Shown>("pin unblock");
}
