//! `stickshift signal`: network, signal strength and quality, over AT or HiLink.

use std::io::{self, Write};
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use stickshift::error::Result;
use stickshift::modem::Reception;

use crate::context::Context;
use crate::output::Report;
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
    let pause = Duration::from_secs(args.every.clamp(1, 3600));
    let mut link = args.way_in.open(context)?;
    let mut modem = args.way_in.modem(context, &mut link)?;
    loop {
        let signal = Shown(modem.signal()?);
        if !args.watch {
            context.output.finish(&signal);
            return Ok(());
        }
        context.output.stream("signal", &signal);
        if !wait(context, pause, |time| modem.sleep(time)) {
            return Ok(());
        }
    }
}

/// Waits in small steps; `false` when the user asked to stop.
fn wait(context: &Context, time: Duration, mut sleep: impl FnMut(Duration)) -> bool {
    let step = Duration::from_millis(100);
    for _ in 0..time.as_millis() / step.as_millis() {
        if context.cancel.is_cancelled() {
            return false;
        }
        sleep(step);
    }
    !context.cancel.is_cancelled()
}

#[derive(Serialize)]
struct Shown(Reception);

impl Report for Shown {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let heard = &self.0;
        let operator = heard.operator.as_deref().unwrap_or("no network");
        let mut line = format!("{operator}  {}", heard.technology.as_deref().unwrap_or("unknown"));
        for (name, figure, unit) in [
            ("RSSI", heard.rssi, "dBm"),
            ("RSCP", heard.rscp, "dBm"),
            ("Ec/Io", heard.ecio, "dB"),
            ("RSRP", heard.rsrp, "dBm"),
            ("RSRQ", heard.rsrq, "dB"),
            ("SINR", heard.sinr, "dB"),
        ] {
            if let Some(figure) = figure {
                line += &format!("  {name} {figure:.1} {unit}");
            }
        }
        writeln!(out, "{line}")
    }
}
