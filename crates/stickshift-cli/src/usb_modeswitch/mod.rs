//! `usb_modeswitch`: under that name this program takes that program's options, and prints the lines that scripts read
//! (docs/protocols/mode-switch.md sections 2.1 and 2.2).

mod check;
mod command_line;
mod flags;
mod lines;
mod parse;
pub(crate) mod run;
mod usage;

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use stickshift::error::{Error, ErrorKind, Result};
use stickshift::event::Cancel;
use stickshift::link::Ledger;
use stickshift::profile::formats::usb_modeswitch::MAX_TEXT;

use command_line::Source;

#[cfg(feature = "virtual")]
use crate::hosted;
use crate::opener::{Look, Opener};
use crate::options::Global;
#[cfg(feature = "virtual")]
use crate::options::VirtualOptions;

/// Names a file for the trace: this command line has no room for one.
const TRACE: &str = "STICKSHIFT_TRACE";
/// Names a virtual stick to work on instead of this computer's bus: for trying scripts out.
#[cfg(feature = "virtual")]
const VIRTUAL: &str = "STICKSHIFT_VIRTUAL";
/// What goes wrong with that stick.
#[cfg(feature = "virtual")]
const FAULT: &str = "STICKSHIFT_FAULT";

/// Whether the program was called by this name.
pub(crate) fn is_called(program: Option<&OsStr>) -> bool {
    program.is_some_and(|p| Path::new(p).file_stem().is_some_and(|name| name == "usb_modeswitch"))
}

/// The whole program under that name.
pub(crate) fn main(arguments: &[String], cancel: &Cancel) -> ExitCode {
    let (mut out, mut err) = (io::stdout(), io::stderr());
    let opener = Opener::new(options(), Ledger::new());
    let environment = run::Environment {
        open: &mut || opener.bus(Look::Quick),
        read: &mut read,
        notice: &mut notice,
        cancel,
    };
    ExitCode::from(run::run(arguments, environment, &mut out, &mut err))
}

/// The options of this program that the environment names.
fn options() -> Global {
    Global {
        trace: std::env::var_os(TRACE).filter(|file| !file.is_empty()).map(PathBuf::from),
        force: true,
        #[cfg(feature = "virtual")]
        virtual_sticks: VirtualOptions {
            names: hosted::in_environment(VIRTUAL),
            fault: hosted::in_environment(FAULT),
            ..VirtualOptions::default()
        },
        ..Global::default()
    }
}

fn read(source: &Source) -> Result<String> {
    let unreadable =
        |what: String, error: io::Error| Error::new(ErrorKind::FileUnreadable, what).because(error);
    let mut bytes = Vec::new();
    // One byte more than a text may have, so that one that is too long is seen to be.
    let limit = MAX_TEXT as u64 + 1;
    match source {
        Source::Text(text) => return Ok(text.clone()),
        Source::File(path) => fs::File::open(path)
            .and_then(|file| file.take(limit).read_to_end(&mut bytes))
            .map_err(|e| unreadable(format!("cannot read {path}"), e))?,
        Source::Stdin => io::stdin()
            .take(limit)
            .read_to_end(&mut bytes)
            .map_err(|e| unreadable("cannot read standard input".to_owned(), e))?,
    };
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// One line for the system's log. A system without one loses nothing but the line.
#[cfg(unix)]
fn notice(text: &str) {
    /// Facility user, severity notice.
    const PRIORITY: u8 = 13;
    if let Ok(socket) = std::os::unix::net::UnixDatagram::unbound() {
        let _ = socket.send_to(format!("<{PRIORITY}>usb_modeswitch: {text}").as_bytes(), "/dev/log");
    }
}

#[cfg(not(unix))]
fn notice(_: &str) {}

#[cfg(all(test, feature = "virtual"))]
mod tests;
