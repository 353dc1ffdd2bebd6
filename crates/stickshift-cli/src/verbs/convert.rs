//! `stickshift convert`: the whole journey, from whatever the stick is to the firmware its owner wants.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Serialize;
use stickshift::convert::FirmwareFile;
use stickshift::convert::{self, Converted, Request, Target};
use stickshift::error::Result;
use stickshift::modem::Identity;

use crate::act;
use crate::context::Context;
use crate::door::LoginArgs;
use crate::files;
use crate::output::Report;
use crate::output::plan::ConsentArgs;
use crate::select;

/// Convert a stick from HiLink to Stick firmware or back: the whole journey, resumable.
///
/// Whatever state the stick is in is where the journey begins: HiLink, plain modem, boot ROM, or download mode. The plan is shown first, and
/// nothing is sent before it was agreed to.
#[derive(Args, Debug)]
pub(crate) struct ConvertArgs {
    /// The stick: place, ids, tty, serial number or IMEI
    stick: Option<String>,

    /// What it is to become
    #[arg(long, value_enum)]
    to: Direction,

    /// Loader for the boot ROM; its erase call is taken out in memory
    #[arg(long, value_name = "FILE")]
    loader: Option<PathBuf>,

    /// Main firmware: .BIN, updater .exe, or a folder of raw partitions
    #[arg(long, value_name = "FILE", required = true)]
    firmware: PathBuf,

    /// Web UI or dashboard package
    #[arg(long, value_name = "FILE")]
    webui: Option<PathBuf>,

    /// Show the plan and do nothing
    #[arg(long)]
    dry_run: bool,

    /// Go on with the work that was interrupted at this place
    #[arg(long)]
    resume: bool,

    /// Turn the stick's automatic updates off first: an update closes the way without the needle
    #[arg(long)]
    no_updates: bool,

    #[command(flatten)]
    login: LoginArgs,

    #[command(flatten)]
    consents: ConsentArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Direction {
    /// Stick firmware: a plain modem with serial ports
    Stick,
    /// HiLink firmware: a network card with its own router
    Hilink,
}

pub(crate) fn run(context: &mut Context, args: ConvertArgs) -> Result<()> {
    let consents = args.consents.into();
    let to = match args.to {
        Direction::Stick => Target::Stick,
        Direction::Hilink => Target::Hilink,
    };
    let mut session = context.session();
    let mut files = vec![FirmwareFile::open(&args.firmware, &mut session)?];
    if let Some(webui) = &args.webui {
        files.push(FirmwareFile::open(webui, &mut session)?);
    }
    convert::order(&mut files, to);
    let loader = args.loader.as_deref().map(|path| act::loader(path, false)).transpose()?;
    let login = args.login.login()?;
    let mut request =
        Request { to, loader, files, consents, resume: args.resume, login, no_updates: args.no_updates };
    let mut bus = context.bus()?;
    let stick = select::stick(&mut *bus, args.stick.as_deref())?;
    let (plan, before) = convert::plan(&mut *bus, &stick, &request, &mut session)?;
    if !act::agree(context, &plan, consents, args.dry_run)? {
        return Ok(());
    }
    let folder = files::journal_folder();
    let converted = convert::convert(&mut *bus, &stick.place, &mut request, before, &folder, &mut session)?;
    context.output.finish(&ConversionReport::from(converted));
    Ok(())
}

/// How a conversion ended.
#[derive(Serialize)]
pub(crate) struct ConversionReport {
    before: Option<Identity>,
    after: Identity,
    verdict: &'static str,
}

impl From<Converted> for ConversionReport {
    fn from(converted: Converted) -> Self {
        ConversionReport { before: converted.before, after: converted.after, verdict: "done" }
    }
}

impl Report for ConversionReport {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        match &self.before {
            Some(before) => writeln!(out, "before: {before}")?,
            None => writeln!(out, "before: the stick could not be asked")?,
        }
        writeln!(out, "after:  {}", self.after)?;
        writeln!(out, "version read back from the stick: {}", self.after.firmware.as_deref().unwrap_or("?"))?;
        writeln!(out, "stick: done")
    }
}
