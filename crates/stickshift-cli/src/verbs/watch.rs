//! `stickshift watch`: the daemon that switches sticks as they are plugged in.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use stickshift::error::{Result, Verdict};
use stickshift::switching::watch::{News, OneByOne, Watcher, Workers};
use stickshift::switching::{Choice, Goal, Rule, Rules};

use crate::context::Context;
use crate::opener::Look;
use crate::output::json::Outcome;
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

    /// What one stick becomes, before the rules of the settings: `id=12d1:1f01,to=serial`; also by serial= or place=; to modem, hilink, serial or leave. May be repeated
    #[arg(long = "rule", value_name = "RULE", value_parser = rule)]
    rules: Vec<Rule>,
}

/// A `[[stick]]` of the settings in one word.
fn rule(text: &str) -> std::result::Result<Rule, String> {
    let (mut rule, mut to) = (Rule::default(), None);
    for part in text.split(',') {
        let (key, value) = part.split_once('=').ok_or_else(|| format!("{part:?} is no KEY=VALUE"))?;
        match key {
            "id" => rule.id = Some(value.parse().map_err(|()| format!("{value:?} is no pair of USB ids"))?),
            "place" => rule.place = Some(value.parse().map_err(|()| format!("{value:?} is no place"))?),
            "serial" if !value.is_empty() => rule.serial = Some(value.to_owned()),
            "to" => {
                to = Some(match value {
                    "modem" => Choice::Become(Goal::Modem),
                    "hilink" => Choice::Become(Goal::Hilink),
                    "serial" => Choice::Become(Goal::Serial),
                    "leave" => Choice::Leave,
                    _ => {
                        return Err(format!("a stick becomes modem, hilink, serial or leave, not {value:?}"));
                    }
                });
            }
            _ => return Err(format!("a rule has id, serial, place and to, not {key:?}")),
        }
    }
    if rule.id.is_none() && rule.place.is_none() && rule.serial.is_none() {
        return Err("a rule names a stick by id, serial or place".to_owned());
    }
    rule.choice = to.ok_or("a rule says what the stick becomes: to=..")?;
    Ok(rule)
}

/// usb_modeswitch takes up to two and a half seconds from plug to message.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) fn run(context: &mut Context, args: WatchArgs) -> Result<()> {
    // A rule that is not understood may be the one that says to leave a stick alone.
    let mut rules = Rules(args.rules);
    match &context.config {
        Ok(config) => rules.0.extend(config.rules.0.iter().cloned()),
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
    let mut outcome = Outcome::Untouched;
    context.output.outcome_is(outcome);
    let mut heard = |news| {
        outcome = with(outcome, &news);
        context.output.outcome_is(outcome);
        tell(context, news);
    };
    let ended = loop {
        let looked = watcher.look(&mut *bus, &mut *workers, &mut session, &mut heard);
        match looked.and_then(|next| context.wait_change(&mut *bus, next)) {
            Ok(true) => {}
            Err(error) if !context.cancel.is_cancelled() => break Err(error),
            _ => break Ok(()),
        }
    };
    // What a stick got its message for is not seen any more.
    if watcher.stop(bus.now(), &mut *workers, &mut session, &mut heard) {
        context.output.outcome_is(Outcome::Sent);
    }
    ended
}

/// What all of it did so far. A switch that failed after its message went out outweighs those that worked.
fn with(outcome: Outcome, news: &News) -> Outcome {
    match news {
        News::Failed { error, .. } if error.verdict() != Some(Verdict::Untouched) => Outcome::Sent,
        News::Switched { .. } if outcome == Outcome::Untouched => Outcome::Done,
        _ => outcome,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_one_word() {
        let one = rule("id=12d1:1f01,place=1-1.4,serial=A1,to=serial").unwrap();
        assert_eq!((one.id, one.choice), (Some("12d1:1f01".parse().unwrap()), Choice::Become(Goal::Serial)));
        assert_eq!((one.place, one.serial.as_deref()), (Some("1-1.4".parse().unwrap()), Some("A1")));
        assert_eq!(rule("place=1-1,to=leave").unwrap().choice, Choice::Leave);
        for bad in [
            "",
            "to=leave",
            "id=12d1:1f01",
            "id=12d1,to=leave",
            "id=12d1:1f01,to=up",
            "serial=,to=leave",
            "port=1,to=leave",
        ] {
            assert!(rule(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_failure_after_the_message_outweighs_what_worked() {
        let failed = |verdict| News::Failed {
            place: "1-1".parse().unwrap(),
            error: stickshift::error::Error::new(stickshift::error::ErrorKind::NotSwitched, "x")
                .with_verdict(verdict),
        };
        let after = |all: &[Verdict], from| all.iter().fold(from, |outcome, v| with(outcome, &failed(*v)));
        assert_eq!(after(&[Verdict::Untouched], Outcome::Untouched), Outcome::Untouched);
        assert_eq!(after(&[Verdict::Untouched], Outcome::Done), Outcome::Done);
        assert_eq!(after(&[Verdict::Unknown, Verdict::Untouched], Outcome::Done), Outcome::Sent);
    }
}
