//! `stickshift convert`: from the firmware that a stick has to the firmware that its owner wants.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Serialize;
use stickshift::convert::{
    self, ConvertRequest, Converted, FileRole, FirmwareFile, Journal, Shown, Target, resumption,
};
use stickshift::error::{Error, ErrorKind, Result, Verdict};
use stickshift::event::Session;
use stickshift::modem::Identity;
#[cfg(feature = "rack")]
use stickshift::modem::identity;
use stickshift::plan::Consents;
#[cfg(feature = "rack")]
use stickshift::stick::Place;

use crate::context::Context;
use crate::output::Report;
use crate::output::json::Outcome;
use crate::output::plan::{EraseConsentArgs, ImageConsentArgs};
#[cfg(feature = "rack")]
use crate::rack::{self, Line, Phase, RackArgs};
#[cfg(feature = "rack")]
use crate::recovery::Work;
use crate::stick_word;
use crate::verbs::flash::bytes_left;
use crate::way_in::LoginArgs;
use crate::{consent, undisturbed};

/// Convert a stick from HiLink to Stick firmware or back: end to end, resumable.
///
/// The stick may be in any mode: CD-ROM, HiLink, plain modem, boot ROM, or download mode. The plan is shown first; before you
/// confirm it the stick is only asked what it is.
#[derive(Args, Clone, Debug)]
pub(crate) struct ConvertArgs {
    #[arg(long, value_name = "STICK", help = stick_word::HELP)]
    stick: Option<String>,

    /// Firmware to convert to
    #[arg(long, value_enum)]
    to: Direction,

    /// Loader for the boot ROM; its erase call is patched out in memory. Needed where the image holds the boot loader, unless --allow-no-loader is given
    #[arg(long, value_name = "FILE")]
    loader: Option<PathBuf>,

    /// Main firmware: .BIN, updater .exe, or a folder of raw partitions
    #[arg(long, value_name = "FILE", required = true)]
    firmware: PathBuf,

    /// Web UI or dashboard package
    #[arg(long, value_name = "FILE")]
    webui: Option<PathBuf>,

    /// Show the plan and change nothing
    #[arg(long)]
    dry_run: bool,

    /// Resume the interrupted run on this USB port
    #[arg(long)]
    resume: bool,

    /// Turn off the stick's automatic updates first: after an update, only the boot pin (needle) may still work
    #[arg(long)]
    no_updates: bool,

    #[cfg(feature = "rack")]
    #[command(flatten)]
    rack: RackArgs,

    #[command(flatten)]
    login: LoginArgs,

    #[command(flatten)]
    erase: EraseConsentArgs,

    #[command(flatten)]
    consents: ImageConsentArgs,

    /// Write the boot loader without a loader at hand: an interruption there is not recovered without one
    #[arg(long, help_heading = "Consents")]
    allow_no_loader: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Direction {
    /// Stick firmware: a plain modem with serial ports
    Stick,
    /// HiLink firmware: a network card with its own router
    Hilink,
}

impl Direction {
    fn target(self) -> Target {
        match self {
            Direction::Stick => Target::Stick,
            Direction::Hilink => Target::Hilink,
        }
    }
}

pub(crate) fn run(context: &mut Context, args: ConvertArgs) -> Result<()> {
    #[cfg(feature = "rack")]
    if args.rack.means_all()? {
        return every_stick(context, args);
    }
    let consents =
        Consents { erase: args.erase.allow_erase, no_loader: args.allow_no_loader, ..args.consents.into() };
    let to = args.to.target();
    let mut session = context.session();
    let files = files(&args, &mut session)?;
    let loader = args.loader.as_deref().map(|path| consent::loader(path, false)).transpose()?;
    let login = args.login.login()?;
    let mut request = ConvertRequest {
        to,
        loader,
        files,
        consents,
        resume: args.resume,
        login,
        no_updates: args.no_updates,
    };
    let mut bus = context.bus()?;
    let stick = context.stick(&mut *bus, args.stick.as_deref())?;
    let _taken = undisturbed::taken(context, &stick.place);
    let folder = context.journal_folder();
    let (older, unreadable) = match Journal::load(&folder, &stick.place) {
        Ok(journal) => (Some(journal.record), None),
        Err(e) if e.is(ErrorKind::NoJournal) => (None, None),
        Err(e) if e.is(ErrorKind::PortBusy) => return Err(e.verdict_if_unset(Verdict::Untouched)),
        Err(e) => (None, Some(e)),
    };
    let is_touched = unreadable.is_some() || older.as_ref().is_some_and(|older| older.touched);
    let as_left = |e: Error| resumption::as_left(e, stick.mode, is_touched);
    let mut planned = convert::plan(&mut *bus, &stick, &request, &mut session).map_err(as_left)?;
    if let Some(path) = &args.loader {
        convert::load::plan_name(path, &mut planned.plan);
    }
    let mut left: u64 = request.files.iter().flat_map(|file| &file.sizes).sum();
    if args.resume {
        let records: Vec<_> = request.files.iter().map(FirmwareFile::record).collect();
        let journal = Journal::load(&folder, &planned.place)
            .and_then(|journal| journal.check_files(&records).map(|()| journal))
            .map_err(|e| as_left(e.verdict_if_unset(Verdict::Untouched)))?;
        left = bytes_left(&request.files, &journal);
        resumption::plan(&journal.record, &request.files, planned.before.as_ref(), &mut planned.plan);
    } else if let Some(older) = &older {
        resumption::plan_anew(older, &mut planned.plan);
    } else if let Some(why) = &unreadable {
        resumption::plan_unreadable(why, &mut planned.plan);
    }
    if !consent::agree(context, &planned.plan, consents, args.dry_run).map_err(as_left)? {
        return Ok(());
    }
    if !context.global.yes {
        request.files.iter_mut().try_for_each(FirmwareFile::require_all_unchanged).map_err(as_left)?;
    }
    context.output.flashes(left);
    let _awake = undisturbed::awake(context);
    let converted =
        convert::convert(&mut *bus, &planned, &mut request, &folder, &mut session).map_err(as_left)?;
    if converted.shown != Shown::Runs {
        context.output.outcome_is(Outcome::Sent);
    }
    context.output.finish(&ConversionReport::from(converted));
    Ok(())
}

/// The files of a conversion, in flashing order.
fn files(args: &ConvertArgs, session: &mut Session<'_>) -> Result<Vec<FirmwareFile>> {
    let firmware = FirmwareFile::open(&args.firmware, session)?;
    let mut files = vec![FirmwareFile { given_as: Some(FileRole::MainFirmware), ..firmware }];
    if let Some(webui) = &args.webui {
        let webui = FirmwareFile::open(webui, session)?;
        files.push(FirmwareFile { given_as: Some(FileRole::WebUi), ..webui });
    }
    convert::order(&mut files, args.to.target());
    Ok(files)
}

/// Every stick that has not the firmware yet; one whose conversion was interrupted goes on with it.
#[cfg(feature = "rack")]
fn every_stick(context: &mut Context, mut args: ConvertArgs) -> Result<()> {
    if args.resume {
        let what = "--all resumes what was interrupted by itself: leave --resume out";
        return Err(Error::new(ErrorKind::Usage, what));
    }
    let login = args.login.once()?;
    let files = files(&args, &mut context.session())?;
    let records: Vec<_> = files.iter().map(FirmwareFile::record).collect();
    let version = files.iter().find(|file| file.is_main()).map(|file| file.version().version);
    let to = args.to.target();
    let rack = std::mem::take(&mut args.rack);
    let resumes = |context: &Context, place: &Place| {
        let journal = Journal::load(&context.journal_folder(), place);
        journal.is_ok_and(|journal| journal.check_files(&records).is_ok())
    };
    // One whose last step nobody saw: everything was acknowledged, and this stick shows that it worked.
    let (dry_run, folder) = (args.dry_run, context.journal_folder());
    let is_over = |place: &Place, identity: &Identity| {
        let Ok(journal) = Journal::load(&folder, place) else { return };
        let record = &journal.record;
        let imei = identity.imei.as_deref().map(|imei| record.secret.hash(imei));
        let is_whole = record.files.iter().all(|file| file.acknowledged == file.partitions);
        let is_same = imei.is_some() && record.stick.imei_hash == imei;
        if !dry_run && is_whole && is_same && journal.check_files(&records).is_ok() {
            // One that stays is what it was: a run that finds nothing to do.
            let _ = journal.finish();
        }
    };
    let line = Line {
        verb: "convert",
        work: Work::Convert,
        gives_loader: args.loader.is_some(),
        key: rack::key(&["convert", to.word()], &files),
        wants: &|_| true,
        ask: &|context, stick| {
            let mut bus = context.bus().ok()?;
            identity::ask(&mut *bus, stick, login.as_ref(), &mut Session::quiet()).ok().flatten()
        },
        is_done: &|identity| {
            identity.kind == Some(to.word()) && identity.firmware.is_some() && identity.firmware == version
        },
        is_over: &is_over,
        resumes: &resumes,
        run: &|context, place, phase| {
            let resume = resumes(context, place);
            let (stick, dry_run) = (Some(place.to_string()), phase == Phase::Plan);
            run(context, ConvertArgs { stick, resume, dry_run, ..args.clone() })
        },
        told: |result| (said(&result["before"]), said(&result["after"])),
    };
    rack::run(context, &rack, args.dry_run, &line)
}

/// The firmware in the report of an identity.
#[cfg(feature = "rack")]
fn said(identity: &serde_json::Value) -> Option<String> {
    let version = identity["firmware"].as_str()?;
    Some(format!("{} {version}", identity["kind"].as_str().unwrap_or("unknown")))
}

/// How a conversion ended.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ConversionReport {
    before: Option<Identity>,
    after: Identity,
    #[serde(skip)]
    shown: Shown,
}

impl From<Converted> for ConversionReport {
    fn from(converted: Converted) -> Self {
        ConversionReport { before: converted.before, after: converted.after, shown: converted.shown }
    }
}

impl Report for ConversionReport {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        match &self.before {
            Some(before) => writeln!(out, "before: {before}")?,
            None => writeln!(out, "before: the stick did not say")?,
        }
        writeln!(out, "after:  {}", self.after)?;
        writeln!(out, "version read back from the stick: {}", self.after.firmware.as_deref().unwrap_or("?"))?;
        let why = match self.shown {
            Shown::Runs => None,
            Shown::NoVersion => Some("what was flashed names no version to compare with that"),
            Shown::AsBefore => Some("that is the version of before: nothing shows that it was written again"),
        };
        match why {
            None => writeln!(out, "stick: done")?,
            Some(why) => writeln!(out, "stick: sent; every partition was acknowledged, and {why}")?,
        }
        match self.after.kind {
            Some("hilink") => writeln!(
                out,
                "next: it is a network card with its own router now: wait for an address, then `stickshift hilink status`; `stickshift online up` gets this computer online by it"
            ),
            _ => writeln!(
                out,
                "next: it is a modem with serial ports now: `stickshift signal` shows the network, and `stickshift online up` gets this computer online by it"
            ),
        }
    }
}

#[cfg(test)]
pub(crate) fn shapes(shapes: &mut crate::output::schema::Shapes) {
    shapes.result::<ConversionReport>("convert");
    shapes.result::<stickshift::plan::Plan>("convert");
    shapes.event::<stickshift::plan::Plan>("convert", "plan");
    #[cfg(feature = "rack")]
    rack::shapes(shapes, "convert");
}
