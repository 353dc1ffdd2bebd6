//! `stickshift signal`: what the radio hears, over AT or HiLink.

use std::io::{self, Write};
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use stickshift::at::{At, network};
use stickshift::error::Result;
use stickshift::hilink::{Hilink, device, net};

use crate::context::Context;
use crate::door::{self, Door, DoorArgs};
use crate::output::Report;

/// Show network and signal.
#[derive(Args, Debug)]
pub(crate) struct SignalArgs {
    /// Again every few seconds, until Ctrl-C
    #[arg(long)]
    watch: bool,

    /// How long to wait in between
    #[arg(long, value_name = "SECONDS", default_value_t = 2, requires = "watch")]
    every: u64,

    #[command(flatten)]
    door: DoorArgs,
}

pub(crate) fn run(context: &mut Context, args: SignalArgs) -> Result<()> {
    let pause = Duration::from_secs(args.every.clamp(1, 3600));
    match args.door.open(context)? {
        Door::At(mut link) => {
            let mut at = door::at(context, &mut *link)?;
            loop {
                let signal = over_at(&mut at)?;
                if !args.watch {
                    context.output.finish(&signal);
                    return Ok(());
                }
                context.output.stream("signal", &signal);
                if !wait(context, pause, |time| at.sleep(time)) {
                    return Ok(());
                }
            }
        }
        Door::Web(mut link) => {
            let mut web = args.door.web.session(context, &mut *link)?;
            loop {
                let signal = over_web(&mut web)?;
                if !args.watch {
                    context.output.finish(&signal);
                    return Ok(());
                }
                context.output.stream("signal", &signal);
                if !wait(context, pause, |time| web.sleep(time)) {
                    return Ok(());
                }
            }
        }
    }
}

/// Waits in small steps; `false` when somebody asked to stop.
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

fn over_at(at: &mut At<'_>) -> Result<Signal> {
    let operator = at.run_if_known(&network::operator())?;
    let mut signal = Signal {
        operator: operator.as_ref().and_then(|o| o.name.clone()),
        technology: operator.and_then(|o| o.access).map(|a| a.words().to_owned()),
        ..Signal::default()
    };
    // 3G sticks know the one figure of the standard only.
    match at.run_if_known(&network::signal())? {
        Some(s) => {
            signal.technology = Some(s.system).filter(|t| !t.is_empty()).or(signal.technology);
            signal.rssi = s.rssi;
            signal.rscp = s.rscp;
            signal.ecio = s.ecio;
            signal.rsrp = s.rsrp;
            signal.rsrq = s.rsrq;
            signal.sinr = s.sinr;
        }
        None => signal.rssi = at.run(&network::strength())?.map(f32::from),
    }
    Ok(signal)
}

fn over_web(web: &mut Hilink<'_>) -> Result<Signal> {
    let network = web.call_if_known(&net::current())?;
    let s = web.call(&device::signal())?;
    let technology = match s.mode {
        Some(0) => Some("GSM"),
        Some(2) => Some("WCDMA"),
        Some(5) => Some("HSPA"),
        Some(7) => Some("LTE"),
        _ => None,
    };
    Ok(Signal {
        operator: network.and_then(|n| n.name),
        technology: technology.map(str::to_owned),
        rssi: s.rssi,
        rscp: s.rscp,
        ecio: s.ecio,
        rsrp: s.rsrp,
        rsrq: s.rsrq,
        sinr: s.sinr,
    })
}

/// In dB and dBm.
#[derive(Default, Serialize)]
struct Signal {
    operator: Option<String>,
    technology: Option<String>,
    rssi: Option<f32>,
    rscp: Option<f32>,
    ecio: Option<f32>,
    rsrp: Option<f32>,
    rsrq: Option<f32>,
    sinr: Option<f32>,
}

impl Report for Signal {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let operator = self.operator.as_deref().unwrap_or("no network");
        let mut line = format!("{operator}  {}", self.technology.as_deref().unwrap_or("unknown"));
        for (name, figure, unit) in [
            ("RSSI", self.rssi, "dBm"),
            ("RSCP", self.rscp, "dBm"),
            ("Ec/Io", self.ecio, "dB"),
            ("RSRP", self.rsrp, "dBm"),
            ("RSRQ", self.rsrq, "dB"),
            ("SINR", self.sinr, "dB"),
        ] {
            if let Some(figure) = figure {
                line += &format!("  {name} {figure:.1} {unit}");
            }
        }
        writeln!(out, "{line}")
    }
}
