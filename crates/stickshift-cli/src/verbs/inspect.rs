//! `stickshift inspect FILE`: what is it, and what is in it.

#[cfg(feature = "pasted")]
pub(crate) mod pasted;

use std::io::Read;
use std::path::PathBuf;

use clap::Args;
use stickshift::error::{Detail, Error, ErrorKind, Result};
#[cfg(feature = "flash")]
use stickshift::firmware::Verification;
use stickshift::wire::foreign;

use crate::context::Context;
use crate::files;
#[cfg(feature = "flash")]
use crate::verbs::firmware::{self, ImageReport};
#[cfg(feature = "learn")]
use crate::verbs::learn;
#[cfg(feature = "flash")]
use crate::verbs::loader;
use crate::verbs::profile;
#[cfg(feature = "router")]
use crate::verbs::router;

/// Identify a file and show its contents.
#[derive(Args, Debug)]
pub(crate) struct InspectArgs {
    /// File: firmware, updater .exe, loader, partition table, capture, TP-Link bin, router image, or text of lsusb,
    /// usb-devices, dmesg or mmcli; - reads such a text from standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Which texts tell something of a stick.
const TEXTS: &str = "paste what one of these prints, whole: lsusb, lsusb -v, lsusb -t, usb-devices, dmesg, mmcli -m, udevadm info, lshw -numeric, inxi -Nxxx, hwinfo, usb_modeswitch -W, stickshift report; of Windows, the hardware ids in the device manager";

/// Whether these first bytes of a file are somebody's text: what may end within a character is not looked at.
fn is_text(start: &[u8]) -> bool {
    let text = match std::str::from_utf8(start) {
        Ok(text) => text,
        Err(e) if e.error_len().is_none() => {
            std::str::from_utf8(&start[..e.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !text.is_empty() && text.chars().all(|c| !c.is_control() || c.is_ascii_whitespace() || c == '\u{1b}')
}

pub(crate) fn run(context: &mut Context, args: InspectArgs) -> Result<()> {
    #[cfg(feature = "pasted")]
    if args.file.as_os_str() == "-" {
        if pasted::show(context, &files::read_text_from_stdin()?) {
            return Ok(());
        }
        let what =
            "what stands on standard input is no text of a kind that is known; other files need a name";
        return Err(Error::new(ErrorKind::WrongFileKind, what).detail(Detail::NextStep(TEXTS)));
    }
    // Each kind of file adds itself here: recognise by content, then `context.output.finish(&report)`.
    #[cfg(feature = "learn")]
    if !args.file.is_dir() && learn::inspect(context, &args.file)? {
        return Ok(());
    }
    #[cfg(feature = "flash")]
    if !args.file.is_dir()
        && let Some(report) = loader::inspect(&args.file)?
    {
        context.output.finish(&*report);
        return Ok(());
    }
    #[cfg(feature = "pasted")]
    if !args.file.is_dir() && pasted::inspect(context, &args.file)? {
        return Ok(());
    }
    #[cfg(feature = "flash")]
    match firmware::open(&args.file) {
        Ok(mut image) => {
            let mut findings = image.findings.clone();
            findings.extend(image.unpacking_too_far()?);
            context.output.finish(&ImageReport::new(&args.file, &mut image, &findings));
            // What is there was shown; a script must see from the exit code that some of it is damaged.
            let seen = Verification { findings, blocks: 0, hashes: 0, partitions: image.partitions.len() };
            return firmware::accept(seen.require_sound(), true);
        }
        Err(e) if e.is(ErrorKind::WrongFileKind) => {}
        Err(e) => return Err(e),
    }
    let rest = || {
        #[cfg(feature = "router")]
        return Ok(profile::inspect(context, &args.file)? || router::inspect(context, &args.file)?);
        #[cfg(not(feature = "router"))]
        profile::inspect(context, &args.file)
    };
    let trouble = match rest() {
        Ok(true) => return Ok(()),
        Ok(false) => None,
        Err(error) => Some(error),
    };
    // An archive that holds nothing of ours is an archive first, and no damaged file of ours.
    if !args.file.is_dir() {
        let mut start = Vec::new();
        let _ = files::open(&args.file)?.take(foreign::ENOUGH as u64).read_to_end(&mut start);
        foreign::refuse(&start).map_err(|e| e.with("file", args.file.display()))?;
        if trouble.is_none() && is_text(&start) {
            let what = format!("{} is a text, and of no kind that is known", args.file.display());
            return Err(Error::new(ErrorKind::WrongFileKind, what).detail(Detail::NextStep(TEXTS)));
        }
    }
    if let Some(error) = trouble {
        return Err(error);
    }
    Err(Error::new(
        ErrorKind::WrongFileKind,
        format!("{} is not a file of a known type", args.file.display()),
    ))
}
