//! `stickshift flash FIRMWARE.. [STICK]`: firmware to a stick in download mode.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use stickshift::convert::FirmwareFile;
use stickshift::convert::came_back::{CameBack, came_back};
use stickshift::convert::flash::{self, Flashed};
use stickshift::convert::journal::{FileRecord, Fingerprint, Journal, Key};
use stickshift::convert::resumption;
use stickshift::error::{Error, ErrorKind, Result, Verdict};
use stickshift::host::is_stick_name;
use stickshift::link::Bus;
use stickshift::plan::Plan;
use stickshift::stick::{Mode, Place};

use crate::context::Context;
use crate::opener::place_behind;
use crate::output::Report;
use crate::output::json::Outcome;
use crate::output::plan::ImageConsentArgs;
#[cfg(feature = "rack")]
use crate::rack::{self, Line, Phase, RackArgs};
#[cfg(feature = "rack")]
use crate::recovery::Work;
use crate::select::port_place;
use crate::stick_word;
use crate::wrong_mode::{self, Needs};
use crate::{consent, undisturbed};

/// Flash firmware to a stick in download mode, one or more files in the given order.
///
/// Acknowledged partitions are recorded. After an interruption, --resume skips them if the stick proves to be the same one, and otherwise
/// starts with the first partition.
#[derive(Args, Clone, Debug)]
pub(crate) struct FlashArgs {
    /// Firmware files or folders of raw partitions; last, the stick (USB port path or ids) if there is more than one
    #[arg(value_name = "FIRMWARE.. [STICK]", required = true)]
    words: Vec<String>,

    #[arg(long, value_name = "STICK", help = stick_word::HELP)]
    stick: Option<String>,

    /// Use this serial port directly, without USB detection
    #[arg(long, value_name = "TTY", conflicts_with = "stick")]
    #[cfg_attr(feature = "rack", arg(conflicts_with = "all"))]
    port: Option<PathBuf>,

    /// Resume the interrupted run on this USB port
    #[arg(long)]
    resume: bool,

    /// Show the plan and change nothing
    #[arg(long)]
    dry_run: bool,

    #[cfg(feature = "rack")]
    #[command(flatten)]
    rack: RackArgs,

    #[command(flatten)]
    consents: ImageConsentArgs,
}

pub(crate) fn run(context: &mut Context, args: FlashArgs) -> Result<()> {
    #[cfg(feature = "rack")]
    if args.rack.means_all()? {
        return every_stick(context, args);
    }
    let consents = args.consents.into();
    let (paths, word) = split(args.words)?;
    let wanted = one_stick(word, args.stick)?;
    // Whatever is wrong with the stick or the port is said before the plan, and before the files are read through.
    let (mut bus, place): (Box<dyn Bus>, Place) = match &args.port {
        Some(port) => (context.opener.port(port, Mode::Download)?, port_place()),
        None => {
            let mut bus = context.bus()?;
            let stick = context.stick_in_mode(&mut *bus, wanted.as_deref(), Mode::Download)?;
            flash::check_mode(&stick).map_err(|e| wrong_mode::told(e, Needs::Download, stick.mode))?;
            (bus, stick.place)
        }
    };
    let mut session = context.session();
    let mut files = Vec::new();
    for path in &paths {
        files.push(FirmwareFile::open(path, &mut session)?);
    }
    let mut plan = Plan::new("flash firmware to a stick in download mode");
    flash::plan(&files, &mut plan);
    let folder = context.journal_folder();
    let key = args.port.as_deref().map_or_else(|| Key::from(&place), key_of_port);
    let records: Vec<FileRecord> = files.iter().map(FirmwareFile::record).collect();
    let mut interrupted = None;
    let mut is_touched = false;
    if args.resume {
        let journal = Journal::load(&folder, key.clone())?;
        journal.check_files(&records)?;
        resumption::plan(&journal.record, &files, None, &mut plan);
        is_touched = journal.record.touched;
        interrupted = Some(journal);
    } else {
        match Journal::load(&folder, key.clone()) {
            Ok(journal) => {
                resumption::plan_anew(&journal.record, &mut plan);
                is_touched = journal.record.touched;
            }
            Err(e) if e.is(ErrorKind::NoJournal) => {}
            Err(e) if e.is(ErrorKind::PortBusy) => return Err(e.verdict_if_unset(Verdict::Untouched)),
            Err(e) => {
                resumption::plan_unreadable(&e, &mut plan);
                is_touched = true;
            }
        }
    }
    let as_left = |e: Error| resumption::as_left(e, Mode::Download, is_touched);
    if !consent::agree(context, &plan, consents, args.dry_run).map_err(as_left)? {
        return Ok(());
    }
    if !context.global.yes {
        files.iter_mut().try_for_each(FirmwareFile::require_all_unchanged).map_err(as_left)?;
    }
    let _taken = undisturbed::taken(context, &place);
    let _awake = undisturbed::awake(context);
    let mut journal = match interrupted {
        Some(journal) => journal,
        None => Journal::begin(&folder, key, Fingerprint::default(), records).map_err(as_left)?,
    };
    context.output.flashes(bytes_left(&files, &journal));
    let flashed = flash::flash_files(&mut *bus, &place, &mut files, consents, &mut journal, &mut session)
        .map_err(as_left)?;
    let recorded = journal.record.stick.software.clone();
    if let Err(e) = journal.finish() {
        session
            .warn("journal-stays", format!("every partition was acknowledged; the record of it stays: {e}"));
    }
    let seen = match &args.port {
        Some(_) => CameBack::Nothing,
        None => {
            // What an interrupted run wrote may be what it says; that one recorded what was there before.
            let info = flashed.handshake.info.as_ref();
            let had = if is_touched { recorded } else { info.and_then(|info| info.software.clone()) };
            came_back(&mut *bus, &place, &files, had.as_deref(), &mut session)?
        }
    };
    drop(session);
    // Every partition was acknowledged; what starts from them was seen only if it said so.
    let reported = matches!(seen, CameBack::Reported(_));
    context.output.outcome_is(if reported { Outcome::Done } else { Outcome::Sent });
    context.output.finish(&FlashReport::new(&flashed, &files, &seen, args.port.is_some()));
    Ok(())
}

/// Every stick in download mode; one whose flashing was interrupted goes on with it.
#[cfg(feature = "rack")]
fn every_stick(context: &mut Context, mut args: FlashArgs) -> Result<()> {
    let (paths, word) = split(args.words.clone())?;
    if word.is_some() || args.resume {
        let what = "--all means every stick, and resumes what was interrupted: name no stick, and leave --resume out";
        return Err(Error::new(ErrorKind::Usage, what));
    }
    let mut session = context.session();
    let files =
        paths.iter().map(|path| FirmwareFile::open(path, &mut session)).collect::<Result<Vec<_>>>()?;
    drop(session);
    let records: Vec<FileRecord> = files.iter().map(FirmwareFile::record).collect();
    let rack = std::mem::take(&mut args.rack);
    let resumes = |context: &Context, place: &Place| {
        let journal = Journal::load(&context.journal_folder(), place);
        journal.is_ok_and(|journal| journal.check_files(&records).is_ok())
    };
    let line = Line {
        verb: "flash",
        work: Work::Flash,
        gives_loader: false,
        key: rack::key(&["flash"], &files),
        wants: &|stick| stick.mode == Mode::Download,
        // In download mode it says little, and all of that is said by the plan.
        ask: &|_, _| None,
        is_done: &|_| false,
        is_over: &|_, _| {},
        resumes: &resumes,
        run: &|context, place, phase| {
            let resume = resumes(context, place);
            let (stick, dry_run) = (Some(place.to_string()), phase == Phase::Plan);
            run(context, FlashArgs { stick, resume, dry_run, ..args.clone() })
        },
        told: |result| {
            let text = |name: &str| result[name].as_str().map(str::to_owned);
            (None, text("firmware").or(text("mode")))
        },
    };
    rack::run(context, &rack, args.dry_run, &line)
}

/// What is to be sent: every partition that the journal does not call acknowledged.
pub(crate) fn bytes_left(files: &[FirmwareFile], journal: &Journal) -> u64 {
    let left = files.iter().zip(&journal.record.files);
    left.flat_map(|(file, record)| file.sizes.iter().skip(record.acknowledged)).sum()
}

/// The same stick may be named by its port or its place. A port may also be another one at each start.
fn key_of_port(port: &Path) -> Key {
    let path = port.canonicalize().unwrap_or_else(|_| port.to_owned());
    place_behind(&path).map_or(Key::Port(path), Key::Place)
}

/// Whether a word reads as a place, ids or a device, and not as a file.
pub(crate) fn is_stick(word: &str) -> bool {
    is_stick_name(word) || word.starts_with("tty")
}

/// Tells the files from the stick.
fn split(words: Vec<String>) -> Result<(Vec<PathBuf>, Option<String>)> {
    let (sticks, files): (Vec<String>, Vec<String>) = words.into_iter().partition(|word| is_stick(word));
    if sticks.len() > 1 || files.is_empty() {
        return Err(Error::new(ErrorKind::Usage, "flash takes one or more files and at most one stick"));
    }
    Ok((files.into_iter().map(PathBuf::from).collect(), sticks.into_iter().next()))
}

/// The stick that a word or `--stick` names.
fn one_stick(word: Option<String>, option: Option<String>) -> Result<Option<String>> {
    match (word, option) {
        (Some(word), Some(option)) if word != option => {
            let what = format!("flash takes at most one stick: {word} and --stick {option} are two");
            Err(Error::new(ErrorKind::Usage, what))
        }
        (word, option) => Ok(option.or(word)),
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct FlashReport {
    product: Option<String>,
    bytes: u64,
    files: Vec<String>,
    /// The version that it reported.
    firmware: Option<String>,
    /// Why that does not show that it runs what was flashed.
    #[serde(skip)]
    but: Option<&'static str>,
    /// The mode in which it came back.
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<&'static str>,
    #[serde(skip)]
    waited: bool,
}

impl FlashReport {
    fn new(flashed: &Flashed, files: &[FirmwareFile], seen: &CameBack, by_port: bool) -> Self {
        let (firmware, mode) = match seen {
            CameBack::Reported(identity) | CameBack::Answers(identity) | CameBack::AsBefore(identity) => {
                (identity.firmware.clone(), None)
            }
            CameBack::Shows(mode) => (None, Some(mode.words())),
            CameBack::Nothing => (None, None),
        };
        FlashReport {
            product: flashed.handshake.product.clone(),
            bytes: flashed.bytes,
            files: files.iter().map(|f| f.path.display().to_string()).collect(),
            firmware,
            but: match seen {
                CameBack::Answers(_) => Some(": what was flashed names no version to compare with that"),
                CameBack::AsBefore(_) => Some(", as before: nothing shows that it was written again"),
                _ => None,
            },
            mode,
            waited: !by_port,
        }
    }
}

impl Report for FlashReport {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let product = self.product.as_deref().unwrap_or("the stick");
        writeln!(out, "flashed {} bytes to {product}: every partition was acknowledged", self.bytes)?;
        match (&self.firmware, self.mode) {
            (Some(firmware), _) => match self.but {
                Some(but) => {
                    writeln!(out, "stick: sent; it came back and reports firmware {firmware}{but}")
                }
                None => writeln!(out, "stick: done; it came back and reports firmware {firmware}"),
            },
            (None, Some(mode)) => {
                writeln!(
                    out,
                    "stick: sent; it came back ({mode}) and did not report its version: `stickshift identify` asks it"
                )
            }
            (None, None) if self.waited => {
                writeln!(
                    out,
                    "stick: sent; it was not seen to come back: replug it and look at `stickshift list`"
                )
            }
            (None, None) => {
                writeln!(
                    out,
                    "stick: sent; its restart is not seen through a port alone: `stickshift list` shows it after its first start"
                )
            }
        }
    }
}

#[cfg(test)]
pub(crate) fn shapes(shapes: &mut crate::output::schema::Shapes) {
    shapes.result::<FlashReport>("flash");
    shapes.result::<Plan>("flash");
    shapes.event::<Plan>("flash", "plan");
    #[cfg(feature = "rack")]
    rack::shapes(shapes, "flash");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stick_is_told_from_the_files() {
        let words = |w: &[&str]| w.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
        let (files, stick) = split(words(&["fw.bin", "webui.bin", "1-1.2"])).unwrap();
        assert_eq!((files.len(), stick.as_deref()), (2, Some("1-1.2")));
        assert_eq!(split(words(&["fw.bin"])).unwrap().1, None);
        assert!(split(words(&["1-1"])).is_err());
        assert!(split(words(&["fw.bin", "1-1", "12d1:1c05"])).is_err());
    }
}
