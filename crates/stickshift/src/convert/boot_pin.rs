//! The way that needs a needle: the boot pin.

use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};
use crate::event::Session;
use crate::link::Bus;
use crate::stick::{Mode, Place};
use crate::waiting::wait_at;

use super::Request;

/// How long somebody may take with a case, a needle and a cable.
const NEEDLE: Duration = Duration::from_secs(1800);

/// The last way: the boot pin. Explains it, and waits for the boot ROM; says so when the attempt missed.
pub(super) fn by_needle(
    bus: &mut dyn Bus,
    place: &Place,
    request: &Request,
    why: Error,
    session: &mut Session<'_>,
) -> Result<()> {
    let no_reason_for_it =
        [ErrorKind::Interrupted, ErrorKind::PortBusy, ErrorKind::PermissionDenied, ErrorKind::ImageMismatch];
    if no_reason_for_it.iter().any(|kind| why.is(*kind)) {
        return Err(why);
    }
    session.warn("soft-way-closed", format!("{why}"));
    if request.loader.is_none() {
        return Err(Error::new(
            ErrorKind::GateClosed,
            "the boot pin is the way left, and that needs a loader",
        )
        .because(why));
    }
    session.step("needle", NEEDLE_TEXT);
    let mut was_away = false;
    let mut missed = false;
    let end = bus.now() + NEEDLE;
    loop {
        let left = end.saturating_sub(bus.now());
        let found = wait_at(bus, place, left, session, |stick| match stick {
            None => {
                was_away = true;
                false
            }
            Some(stick) if matches!(stick.mode, Mode::BootRom | Mode::Download) => true,
            Some(_) => {
                missed = was_away;
                missed
            }
        })?;
        match found.flatten() {
            Some(stick) if matches!(stick.mode, Mode::BootRom | Mode::Download) => return Ok(()),
            Some(stick) => {
                session.warn(
                    "needle-missed",
                    format!("it came back as {} ({}): the pin was not held, and its LED lights up. Unplug it and try again", stick.id, stick.mode),
                );
                (was_away, missed) = (false, false);
            }
            None => {
                return Err(Error::new(ErrorKind::Timeout, "the stick did not come up in its boot ROM")
                    .with("waited-seconds", NEEDLE.as_secs()));
            }
        }
    }
}

/// What to do with the needle. Also in docs/journey.md, with more words.
const NEEDLE_TEXT: &str = "unplug the stick, open its case, hold the boot pin to ground with a needle, plug it into the same USB port, \
    then let go: the LED stays dark";
