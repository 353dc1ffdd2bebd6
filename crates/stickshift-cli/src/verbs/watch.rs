//! `stickshift watch`: the daemon that switches sticks as they are plugged in.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use stickshift::error::Result;
use stickshift::switching::watch::{News, OneByOne, Watcher, Workers};

use crate::context::Context;
use crate::opener::Look;
use crate::output::{FailureReport, Report};
use crate::recovery::Work;
use crate::verbs::list::StickReport;
use crate::verbs::switch::SwitchReport;
use crate::workers::Threads;
use crate::{config, overlays, system};

/// Run as a daemon: switch sticks as they are plugged in. It does not poll; it sleeps until the kernel reports a device.
///
/// Sticks are switched in parallel, so that one that hangs does not delay the others. A stick that reverts twice within 30 seconds without working in between is reported and ignored. Lasting
/// choices are `[[stick]]` rules in /etc/stickshift/config.toml: `to` = modem, hilink, serial or leave, by `id`, `serial` or `place`.
#[derive(Args, Debug)]
pub(crate) struct WatchArgs {
    /// Wait this long for another switcher to act first (default: 5 if usb_modeswitch is active through udev, else 0)
    #[arg(long, value_name = "SECONDS")]
    patience: Option<u64>,
}

/// usb_modeswitch takes up to two and a half seconds from plug to message.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) fn run(context: &mut Context, args: WatchArgs) -> Result<()> {
    // A rule that is not understood may be the one that says to leave a stick alone.
    let rules = match &context.config {
        Ok(config) => config.rules.clone(),
        Err(error) => return Err(config::again(error)),
    };
    let catalogue = context.catalogue();
    let rival = system::usb_modeswitch(&overlays::root());
    if let Some(rules) = &rival {
        let rules = rules.display();
        let text = format!(
            "usb_modeswitch is active, too ({rules}), and goes first; `stickshift doctor` shows how to disable it"
        );
        context.output.warn("usb-modeswitch-first", text);
    }
    let patience = match (args.patience, rival) {
        (Some(seconds), _) => Duration::from_secs(seconds),
        (None, Some(_)) => PATIENCE,
        (None, None) => Duration::ZERO,
    };
    let mut bus = context.opener.bus(Look::Quick)?;
    // Virtual sticks have a clock that jumps to the next event; it is theirs alone while one of them is served.
    let mut workers: Box<dyn Workers + '_> = if context.opener.is_virtual() {
        let theirs = context.opener.bus(Look::Quick)?;
        Box::new(OneByOne::new(theirs, &catalogue, context.cancel.clone()))
    } else {
        let (opener, catalogue) = (Arc::clone(&context.opener), Arc::clone(&catalogue));
        Box::new(Threads::looking_through(opener, catalogue, context.cancel.clone()))
    };
    let mut watcher = Watcher::new(&catalogue, patience).with_rules(rules);
    let mut session = context.session();
    loop {
        let next = match watcher.look(&mut *bus, &mut *workers, &mut session, &mut |news| tell(context, news))
        {
            Err(_) if context.cancel.is_cancelled() => return Ok(()),
            other => other?,
        };
        if !context.wait_change(&mut *bus, next)? {
            return Ok(());
        }
    }
}

fn tell(context: &Context, news: News) {
    match news {
        News::Switching { stick, evidence } => {
            context.output.stream("switching", &Switching { stick: StickReport::of(&stick), evidence });
        }
        News::Switched { from, to } => context.output.stream("switched", &SwitchReport::of(from, &to)),
        News::Failed { place, error } => {
            let failure = context.output.failure(&error, Work::Switch);
            context.output.stream("failed", &Failed { place: place.to_string(), failure });
        }
        News::LeftAlone { stick, attempts } => {
            context.output.stream("left-alone", &LeftAlone { stick: StickReport::of(&stick), attempts });
        }
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Switching {
    stick: StickReport,
    evidence: Vec<String>,
}

impl Report for Switching {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let why = self.evidence.last().map(String::as_str).unwrap_or_default();
        writeln!(out, "switching {} ({why})", self.stick.line())
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Failed {
    place: String,
    #[serde(flatten)]
    failure: FailureReport,
}

impl Report for Failed {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}: {}", self.place, self.failure.line())
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct LeftAlone {
    stick: StickReport,
    attempts: usize,
}

impl Report for LeftAlone {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(
            out,
            "ignored until it stays unplugged for 30 s: {} was switched {} times and reverted",
            self.stick.line(),
            self.attempts
        )
    }
}

#[cfg(test)]
pub(crate) fn shapes(shapes: &mut crate::output::schema::Shapes) {
    shapes.no_result("watch");
    shapes.event::<Switching>("watch", "switching");
    shapes.event::<SwitchReport>("watch", "switched");
    shapes.event::<Failed>("watch", "failed");
    shapes.event::<LeftAlone>("watch", "left-alone");
}
