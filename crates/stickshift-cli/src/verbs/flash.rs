//! `stickshift flash FIRMWARE.. [STICK]`: firmware to a stick in download mode.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use stickshift::convert::FirmwareFile;
use stickshift::convert::flash::{self, Flashed};
use stickshift::convert::journal::{Fingerprint, Journal};
use stickshift::error::{Error, ErrorKind, Result};
use stickshift::link::Bus;
use stickshift::plan::Plan;
use stickshift::stick::{Mode, Place, UsbId};

use crate::context::Context;
use crate::output::Report;
use crate::output::plan::ConsentArgs;
use crate::port_bus::PortBus;
use crate::{act, files, select};

/// Flash firmware to a stick in download mode, one or more files in the given order.
///
/// Every partition that the stick acknowledged is remembered: after an interruption --resume goes on with the one that was interrupted.
#[derive(Args, Debug)]
pub(crate) struct FlashArgs {
    /// Firmware files or folders of raw partitions, and at the end the stick (place or ids) if there is more than one
    #[arg(value_name = "FIRMWARE.. [STICK]", required = true)]
    words: Vec<String>,

    /// This serial port, whatever stands behind it
    #[arg(long, value_name = "TTY")]
    port: Option<PathBuf>,

    /// Go on with the work that was interrupted at this place
    #[arg(long)]
    resume: bool,

    /// Show the plan and do nothing
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    consents: ConsentArgs,
}

pub(crate) fn run(context: &mut Context, args: FlashArgs) -> Result<()> {
    let consents = args.consents.into();
    let (paths, wanted) = split(args.words)?;
    let mut session = context.session();
    let mut files = Vec::new();
    for path in &paths {
        files.push(FirmwareFile::open(path, &mut session)?);
    }
    let mut plan = Plan::new("flash firmware to a stick in download mode");
    flash::plan(&files, &mut plan);
    let (mut bus, place): (Box<dyn Bus>, Place) = match &args.port {
        Some(port) => (context.traced(Box::new(PortBus::new(port, Mode::Download)))?, PortBus::place()),
        None => {
            let mut bus = context.bus()?;
            let stick = select::in_mode(&mut *bus, wanted.as_deref(), Mode::Download)?;
            (bus, stick.place)
        }
    };
    if !act::agree(context, &plan, consents, args.dry_run)? {
        return Ok(());
    }
    let folder = files::journal_folder();
    let records = files.iter().map(FirmwareFile::record).collect();
    let mut journal = if args.resume {
        let journal = Journal::load(&folder, &place)?;
        journal.check_files(&files.iter().map(FirmwareFile::record).collect::<Vec<_>>())?;
        journal
    } else {
        Journal::begin(&folder, &place, Fingerprint::default(), records)?
    };
    let flashed = flash::flash_files(&mut *bus, &place, &mut files, consents, &mut journal, &mut session)?;
    journal.finish()?;
    context.output.finish(&FlashReport::new(&flashed, &files));
    Ok(())
}

/// Tells the files from the stick: a word that reads as a place, ids or a device is the stick.
fn split(words: Vec<String>) -> Result<(Vec<PathBuf>, Option<String>)> {
    let is_stick = |word: &String| {
        word.parse::<Place>().is_ok()
            || word.parse::<UsbId>().is_ok()
            || word.starts_with("/dev/")
            || word.starts_with("tty")
    };
    let (sticks, files): (Vec<String>, Vec<String>) = words.into_iter().partition(is_stick);
    if sticks.len() > 1 || files.is_empty() {
        return Err(Error::new(ErrorKind::Usage, "flash takes one or more files and at most one stick"));
    }
    Ok((files.into_iter().map(PathBuf::from).collect(), sticks.into_iter().next()))
}

#[derive(Serialize)]
struct FlashReport {
    product: Option<String>,
    bytes: u64,
    files: Vec<String>,
    verdict: &'static str,
}

impl FlashReport {
    fn new(flashed: &Flashed, files: &[FirmwareFile]) -> Self {
        FlashReport {
            product: flashed.handshake.product.clone(),
            bytes: flashed.bytes,
            files: files.iter().map(|f| f.path.display().to_string()).collect(),
            verdict: "done",
        }
    }
}

impl Report for FlashReport {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let product = self.product.as_deref().unwrap_or("the stick");
        writeln!(
            out,
            "flashed {} bytes to {product}: every partition was acknowledged, the stick restarts",
            self.bytes
        )?;
        writeln!(
            out,
            "stick: done; its version is not read back here, `stickshift list` shows it after its first start"
        )
    }
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
