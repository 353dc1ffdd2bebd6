//! `stickshift load LOADER [STICK]`: a loader into the boot ROM.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use stickshift::boot::{Chip, Downloaded, Loader, Safety, Start, WOULD_LOSE};
use stickshift::convert::load;
use stickshift::error::{Detail, Error, ErrorKind, Result, Verdict, counted};
use stickshift::plan::{Consents, Plan};
use stickshift::stick::{Interface, Mode, Stick};

use crate::context::Context;
use crate::opener::place_behind;
use crate::output::Report;
use crate::output::json::Outcome;
use crate::output::plan::EraseConsentArgs;
use crate::select::port_place;
use crate::verbs::loader::ChangeArgs;
use crate::way_in::StickArgs;
use crate::wrong_mode::{self, Needs};
use crate::{consent, files, undisturbed};

/// Send a loader to a stick in its boot ROM (12d1:1443) and wait until it runs.
///
/// A known call that erases the whole flash is patched out in memory. A loader that cannot be shown to be safe is refused.
#[derive(Args, Debug)]
pub(crate) struct LoadArgs {
    /// Loader file (usbloader*.bin, usblsafe*.bin)
    #[arg(value_name = "LOADER")]
    file: PathBuf,

    #[command(flatten)]
    stick: StickArgs,

    /// Use this serial port directly, without USB detection; where the system does not tell which USB port it belongs to, the end is
    /// that the boot ROM accepts the loader and answers no more
    #[arg(long, value_name = "TTY", conflicts_with_all = ["stick", "stick_after"])]
    port: Option<PathBuf>,

    /// Stick model (E3372h), to check that the loader fits its chip: the boot ROM does not report it
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,

    #[command(flatten)]
    changes: ChangeArgs,

    /// Show the plan and change nothing
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    consents: EraseConsentArgs,

    /// Send a loader that is made for another chip than that of --model
    #[arg(long, help_heading = "Consents")]
    allow_mismatch: bool,
}

pub(crate) fn run(context: &mut Context, args: LoadArgs) -> Result<()> {
    let consents =
        Consents { erase: args.consents.allow_erase, mismatch: args.allow_mismatch, ..Consents::default() };
    args.model.as_deref().map_or(Ok(()), check_model)?;
    let mut loader = Loader::parse(files::read(&args.file)?)?;
    loader.change(&args.changes.changes()?)?;
    let mut session = context.session();
    let mut plan = Plan::new(format!("send {} to the boot ROM", args.file.display()));
    load::plan(&loader, args.model.as_deref(), &mut plan);
    load::plan_name(&args.file, &mut plan);
    let erases = matches!(loader.assess().safety, Safety::Stock);
    if let Some(port) = &args.port {
        let mut bus = context.opener.port(port, Mode::BootRom)?;
        // Known now: the port is gone when the loader starts.
        let place = place_behind(port);
        if let (Some(last), None) = (plan.steps.iter_mut().find(|step| step.code == "wait-loader"), &place) {
            last.text = "see that the boot ROM answers no more, as it does when the loader starts".into();
        }
        if !consent::agree(context, &plan, consents, args.dry_run)? {
            return Ok(());
        }
        let sent = load::load_by_port(&mut *bus, &port_place(), &loader, &mut session)?;
        drop(bus);
        let report = LoadReport::new(&sent, erases, Some(sent.start == Start::HungUp));
        let report = match place {
            Some(place) => {
                session.step("wait-loader", "waiting until the loader's ports appear");
                let stick = load::wait_for_loader(&mut *context.bus()?, &place, &loader, &mut session)?;
                tell_unproven(context, &stick);
                report.at(&stick)
            }
            None => {
                context.output.outcome_is(Outcome::Sent);
                report
            }
        };
        context.output.finish(&report);
        return Ok(());
    }
    let mut bus = context.bus()?;
    let stick = context.stick_in_mode(&mut *bus, args.stick.name(), Mode::BootRom)?;
    load::check_mode(&stick).map_err(|e| wrong_mode::told(e, Needs::BootRom, stick.mode))?;
    if !consent::agree(context, &plan, consents, args.dry_run)? {
        return Ok(());
    }
    let _taken = undisturbed::taken(context, &stick.place);
    let _awake = undisturbed::awake(context);
    let loaded = load::load(&mut *bus, &stick.place, &loader, &mut session)?;
    tell_unproven(context, &loaded.stick);
    context.output.finish(&LoadReport::new(&loaded.sent, erases, None).at(&loaded.stick));
    Ok(())
}

/// Whether a loader runs in it, and no firmware.
fn is_loader(mode: Mode) -> bool {
    matches!(mode, Mode::Download | Mode::Fastboot)
}

/// A stick that shows itself as its firmware does may have started that, in place of the loader.
fn tell_unproven(context: &Context, stick: &Stick) {
    if !is_loader(stick.mode) {
        let what = format!(
            "the stick shows itself as {}, as its firmware does: nothing proves that the loader runs",
            stick.mode_words()
        );
        context.output.warn("loader-not-seen", what);
        context.output.outcome_is(Outcome::Sent);
    }
}

/// Refuses a model that no chip is known for: nothing would be compared with the loader.
fn check_model(model: &str) -> Result<()> {
    if Chip::of_model(model).is_some() {
        return Ok(());
    }
    let known = Chip::models_like(model).join(", ");
    let next = "name the model with the letter of its hardware, as its label does; without --model the loader is not compared with a chip";
    let what = format!("no chip is known of the model {model:?}; known: {known}");
    Err(Error::new(ErrorKind::Usage, what).detail(Detail::NextStep(next)).with_verdict(Verdict::Untouched))
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct LoadReport {
    packets: u32,
    bytes: u64,
    repeated: u32,
    /// Where only the port is seen: whether it closed upon the last packet. Otherwise the boot ROM accepted that and answers no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    hung_up: Option<bool>,
    /// The loader that was started erases the whole flash, as it was agreed to.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    erases: bool,
    place: Option<String>,
    mode: Option<&'static str>,
    /// Whether that is a mode of loaders.
    #[serde(skip)]
    is_loader: bool,
    ports: Vec<PortReport>,
}

impl LoadReport {
    fn new(sent: &Downloaded, erases: bool, hung_up: Option<bool>) -> Self {
        LoadReport {
            packets: sent.packets,
            bytes: sent.bytes,
            repeated: sent.repeated,
            hung_up,
            erases,
            place: None,
            mode: None,
            is_loader: false,
            ports: Vec::new(),
        }
    }

    /// With what stands at the stick's place now.
    fn at(self, stick: &Stick) -> Self {
        let port = |p: &Interface| PortReport {
            role: p.role.code(),
            tty: p.tty.clone().unwrap_or_default(),
            interface: p.number,
        };
        LoadReport {
            place: Some(stick.place.to_string()),
            mode: Some(stick.mode_words()),
            is_loader: is_loader(stick.mode),
            ports: stick.ports().map(port).collect(),
            ..self
        }
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct PortReport {
    role: &'static str,
    tty: String,
    interface: u8,
}

impl Report for LoadReport {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(
            out,
            "sent {} bytes in {}, {} retransmitted",
            self.bytes,
            counted(self.packets, "packet"),
            self.repeated
        )?;
        if self.erases {
            writeln!(out, "this loader erases the whole flash when it starts: {WOULD_LOSE} are lost")?;
        }
        match (&self.place, self.mode) {
            (Some(place), Some(mode)) => {
                writeln!(out, "at {place} now: {mode}")?;
                for port in &self.ports {
                    writeln!(out, "  {:8} {} (interface {})", port.role, port.tty, port.interface)?;
                }
                if !self.is_loader {
                    return writeln!(
                        out,
                        "next: stickshift identify {place}; if its firmware answers, load again, with the boot pin"
                    );
                }
                writeln!(out, "next: stickshift flash FIRMWARE {place}")
            }
            _ if self.hung_up == Some(true) => {
                writeln!(out, "the port closed after the last packet, as it does when the loader starts")?;
                writeln!(out, "next: its ports appear in `stickshift list` in 10 to 30 seconds")
            }
            _ => {
                writeln!(
                    out,
                    "the boot ROM accepted the loader and answers no more, as it does when the loader starts"
                )?;
                writeln!(out, "next: its ports appear in `stickshift list` in 10 to 30 seconds")
            }
        }
    }
}

#[cfg(test)]
pub(crate) fn shapes(shapes: &mut crate::output::schema::Shapes) {
    shapes.result::<LoadReport>("load");
    shapes.result::<stickshift::plan::Plan>("load");
    shapes.event::<stickshift::plan::Plan>("load", "plan");
}
