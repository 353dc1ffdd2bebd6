//! `stickshift inspect FILE`: what is it, and what is in it.

use std::path::PathBuf;

use clap::Args;
use stickshift::error::{Error, ErrorKind, Result};

use crate::context::Context;
use crate::files;

/// Say what a file is and what is in it.
#[derive(Args, Debug)]
pub(crate) struct InspectArgs {
    /// Firmware, updater .exe, loader, partition table, capture, TP-Link bin or router image
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(crate) fn run(_context: &mut Context, args: InspectArgs) -> Result<()> {
    let mut _file = files::open(&args.file)?;
    // Each kind of file adds itself here: recognise by content, then `context.output.finish(&report)`.
    Err(Error::new(ErrorKind::WrongFileKind, format!("{} is no file of a known kind", args.file.display())))
}
