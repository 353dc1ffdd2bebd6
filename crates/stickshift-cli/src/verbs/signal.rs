//! `stickshift signal`: network, signal strength and quality, over AT, HiLink or MBIM.

use std::io::{self, Write};
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use stickshift::error::{Error, ErrorKind, Result};
use stickshift::modem::{Modem, Reception, SimCondition, Untold};

use crate::context::Context;
use crate::output::Report;
use crate::output::json::Outcome;
use crate::way_in::WayInArgs;

/// Show the network, signal strength and signal quality.
#[derive(Args, Debug)]
pub(crate) struct SignalArgs {
    /// Repeat every few seconds until Ctrl-C
    #[arg(long)]
    watch: bool,

    /// Interval for --watch
    #[arg(long, value_name = "SECONDS", default_value_t = 2, requires = "watch")]
    every: u64,

    #[command(flatten)]
    way_in: WayInArgs,
}

pub(crate) fn run(context: &mut Context, args: SignalArgs) -> Result<()> {
    context.output.outcome_is(Outcome::Untouched);
    let pause = Duration::from_secs(args.every.clamp(1, 3600));
    let mut link = args.way_in.open(context)?;
    let mut modem = args.way_in.modem(context, &mut link)?;
    loop {
        let signal = Shown(modem.signal().map_err(|e| without_sim(&mut modem, e))?);
        if !args.watch {
            if signal.0.registration == Some("not registered")
                && let Some(words) = why_by_sim(&mut modem)
            {
                context.output.warn("sim", format!("the SIM: {words} (`stickshift pin status`)"));
            }
            context.output.finish(&signal);
            return Ok(());
        }
        context.output.stream("signal", &signal);
        if !wait(context, pause, |time| modem.sleep(time)) {
            return Ok(());
        }
    }
}

/// A stick that says no more than no: without a SIM that is why.
fn without_sim(modem: &mut Modem<'_>, error: Error) -> Error {
    if !error.is(ErrorKind::AtRefused) || error.refusal().is_some() {
        return error;
    }
    match modem.sim_condition() {
        Err(why) if why.is(ErrorKind::NoSim) => why,
        _ => error,
    }
}

/// What the SIM has to do with it that there is no network.
fn why_by_sim(modem: &mut Modem<'_>) -> Option<String> {
    match modem.sim_condition() {
        Ok(SimCondition::Ready | SimCondition::Pin2 | SimCondition::Puk2 | SimCondition::NotSeen) => None,
        Ok(condition) => Some(condition.to_string()),
        Err(error) if error.is(ErrorKind::NoSim) => Some(SimCondition::Absent.to_string()),
        Err(_) => None,
    }
}

/// `-92.5`. What formats floating-point numbers is 11 KB of a router's program, and nothing else there needs it.
fn one_decimal(figure: f64) -> String {
    let tenths = (figure * 10.0).round() as i64;
    let sign = if tenths < 0 { "-" } else { "" };
    format!("{sign}{}.{}", tenths.unsigned_abs() / 10, tenths.unsigned_abs() % 10)
}

/// Waits in small steps; `false` when the user asked to stop.
fn wait(context: &Context, time: Duration, mut sleep: impl FnMut(Duration)) -> bool {
    let mut left = time;
    while !left.is_zero() {
        if context.cancel.is_cancelled() {
            return false;
        }
        let step = left.min(Duration::from_millis(100));
        sleep(step);
        // A virtual stick's own clock waits for nobody.
        #[cfg(feature = "virtual")]
        if context.opener.is_virtual() {
            std::thread::sleep(step);
        }
        left -= step;
    }
    !context.cancel.is_cancelled()
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Shown(Reception);

impl Report for Shown {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let heard = &self.0;
        let is_on = match heard.registration {
            Some(registration) => registration.starts_with("registered"),
            None => heard.untold.iter().any(|untold| untold.what == "operator"),
        };
        let none = if is_on { "operator not known" } else { "no network" };
        let operator = heard.operator.as_deref().unwrap_or(none);
        let mut line = format!("{operator}  {}", heard.technology.as_deref().unwrap_or("unknown"));
        if let Some(registration) = heard.registration {
            line += &format!("  {registration}");
        }
        for (name, key, figure, unit) in [
            ("RSSI", "rssi", heard.rssi, "dBm"),
            ("RSCP", "rscp", heard.rscp, "dBm"),
            ("Ec/Io", "ecio", heard.ecio, "dB"),
            ("RSRP", "rsrp", heard.rsrp, "dBm"),
            ("RSRQ", "rsrq", heard.rsrq, "dB"),
            ("SINR", "sinr", heard.sinr, "dB"),
            ("5G RSRP", "nr-rsrp", heard.nr_rsrp, "dBm"),
            ("5G RSRQ", "nr-rsrq", heard.nr_rsrq, "dB"),
            ("5G SINR", "nr-sinr", heard.nr_sinr, "dB"),
        ] {
            if let Some(figure) = figure {
                let bound = match heard.bounds.get(key) {
                    Some(&"at-most") => "<= ",
                    Some(_) => ">= ",
                    None => "",
                };
                line += &format!("  {name} {bound}{} {unit}", one_decimal(figure));
            }
        }
        if let Some((bars, most)) = heard.bars {
            line += &format!("  bars {bars} of {most}");
        }
        for carrier in &heard.carriers {
            line += &format!("  {carrier}");
        }
        writeln!(out, "{line}")?;
        untold(out, &heard.untold)
    }
}

/// One line for each thing that the stick did not tell.
pub(super) fn untold(out: &mut dyn Write, untold: &[Untold]) -> io::Result<()> {
    untold.iter().try_for_each(|u| writeln!(out, "not known: {} ({})", u.what, u.why))
}

#[cfg(test)]
pub(crate) fn shapes(shapes: &mut crate::output::schema::Shapes) {
    shapes.result::<Shown>("signal");
    shapes.no_result("signal");
    shapes.event::<Shown>("signal", "signal");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operator_that_was_not_told_is_not_known() {
        let untold = || vec![Untold { what: "operator", why: "x".into() }];
        for (registration, untold, begins) in [
            (Some("registered"), untold(), "operator not known"),
            (Some("registered, roaming"), Vec::new(), "operator not known"),
            (None, untold(), "operator not known"),
            (Some("not registered"), untold(), "no network"),
            (None, Vec::new(), "no network"),
        ] {
            let mut out = Vec::new();
            let reception = Reception { registration, untold, ..Reception::default() };
            Shown(reception).text(&mut out).unwrap();
            assert!(out.starts_with(begins.as_bytes()), "{registration:?}");
        }
    }

    #[test]
    fn figures_have_one_decimal() {
        let shown = [-92.5, -92.0, -0.5, -0.04, 0.0, 7.3, 30.0, 1234.96].map(one_decimal);
        assert_eq!(shown, ["-92.5", "-92.0", "-0.5", "0.0", "0.0", "7.3", "30.0", "1235.0"]);
    }
}
