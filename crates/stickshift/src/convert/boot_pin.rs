//! The boot pin: the way into the boot ROM that opens the stick's case.

use std::time::Duration;

use crate::error::{Error, ErrorKind, Result, Verdict};
use crate::event::Session;
use crate::link::Bus;
use crate::stick::{Mode, Place, Stick};
use crate::waiting::wait_at;

/// How long the user may take with a case, a needle and a cable.
const PATIENCE: Duration = Duration::from_secs(1800);

/// What the owner has to do. Also in docs/convert.md, with more words.
const INSTRUCTIONS: &str = "unplug the stick, open its case, hold the boot pin to ground with a needle, plug it into the same USB port, \
    then let go: the LED stays dark";

/// Tells the owner to ground the boot pin, and waits for the boot ROM; warns after each attempt that missed.
///
/// # Errors
/// `Timeout` when the boot ROM does not show within half an hour, because of `refused` where another way was tried before; `Interrupted`;
/// what the bus reports. Nothing is sent: untouched.
pub(super) fn wait_for_boot_rom(
    bus: &mut dyn Bus,
    place: &Place,
    refused: Option<Error>,
    session: &mut Session<'_>,
) -> Result<()> {
    session.step("boot-pin", INSTRUCTIONS);
    let arrived = |stick: &Stick| matches!(stick.mode, Mode::BootRom | Mode::Download);
    let mut was_away = false;
    let mut missed = false;
    let end = bus.now() + PATIENCE;
    loop {
        let left = end.saturating_sub(bus.now());
        let found = wait_at(bus, place, left, session, |stick| match stick {
            None => {
                was_away = true;
                false
            }
            Some(stick) if arrived(stick) => true,
            Some(_) => {
                missed = was_away;
                missed
            }
        });
        match found.map_err(|e| e.verdict_if_unset(Verdict::Untouched))?.flatten() {
            Some(stick) if arrived(&stick) => return Ok(()),
            Some(stick) => {
                session.warn(
                    "boot-pin-missed",
                    format!(
                        "it booted normally, as {} ({}): the boot pin was not grounded. Unplug it and try again",
                        stick.id, stick.mode
                    ),
                );
                (was_away, missed) = (false, false);
            }
            None => {
                let late = Error::new(ErrorKind::Timeout, "the stick did not come up in its boot ROM")
                    .with("waited-seconds", PATIENCE.as_secs())
                    .with_verdict(Verdict::Untouched);
                return Err(match refused {
                    Some(why) => late.because(why),
                    None => late,
                });
            }
        }
    }
}
