//! What is seen of a stick after firmware was sent to it and it was told to restart.
//!
//! ```
//! use stickshift::convert::came_back::CameBack;
//! use stickshift::stick::Mode;
//!
//! // What to tell the owner of each end.
//! let words = |end: &CameBack| match end {
//!     CameBack::Reported(identity) => identity.firmware.clone().unwrap_or_default(),
//!     CameBack::Answers(_) => "it works; nothing compares".to_owned(),
//!     CameBack::AsBefore(_) => "it works, as it did before".to_owned(),
//!     CameBack::Shows(mode) => mode.to_string(),
//!     CameBack::Nothing => "nothing came back".to_owned(),
//! };
//! assert_eq!(words(&CameBack::Shows(Mode::Cdrom)), "CD-ROM (not switched yet)");
//! ```

use crate::convert::FirmwareFile;
use crate::convert::load::find;
use crate::convert::modes::settled;
use crate::convert::proof::{FIRST_START, ask_newcomer, not_started};
use crate::error::{Error, ErrorKind, Result, Verdict};
use crate::event::Session;
use crate::link::Bus;
use crate::modem::identity::Identity;
use crate::stick::{Mode, Place};
use crate::waiting::wait_for_stick;

/// What was seen.
#[derive(Clone, Debug)]
pub enum CameBack {
    /// It came back and reported the version that was flashed.
    Reported(Box<Identity>),
    /// It came back and said what it is; what was flashed names no version that this could be compared with.
    Answers(Box<Identity>),
    /// It came back and reported the version that was flashed, which it had before.
    AsBefore(Box<Identity>),
    /// It came back in this mode, and was not heard to say what it is.
    Shows(Mode),
    /// Nothing came back in time.
    Nothing,
}

/// Waits for the first start of what was flashed, and asks the stick what it is. It `had` this version before, where it said so. It is not switched: one that shows a CD-ROM is left so.
///
/// # Errors
/// `VersionMismatch` with the verdict recoverable when it reports another version than the main firmware's, or stays in its boot ROM or
/// loader; unknown when it stays in another mode that runs no firmware. What the bus reports.
pub fn came_back(
    bus: &mut dyn Bus,
    place: &Place,
    files: &[FirmwareFile],
    had: Option<&str>,
    session: &mut Session<'_>,
) -> Result<CameBack> {
    session.step("wait-first-start", "waiting for the first start of the new firmware (it may take minutes)");
    let speaks = |mode| matches!(mode, Mode::Modem | Mode::Hilink | Mode::HilinkSerial | Mode::Cdrom);
    let stick = match wait_for_stick(bus, place, FIRST_START, session, |s| speaks(s.mode)) {
        Ok(stick) => stick,
        Err(e) if e.is(ErrorKind::Interrupted) => return Ok(CameBack::Nothing),
        Err(e) => return Err(e.with_verdict(Verdict::Unknown)),
    };
    let Some(stick) = stick else {
        // One that stays in its boot ROM or its loader runs nothing of what was sent.
        return match find(bus, place) {
            Ok(stick) => Err(not_started(Some(&stick))),
            Err(_) => Ok(CameBack::Nothing),
        };
    };
    if stick.mode == Mode::Cdrom {
        return Ok(CameBack::Shows(stick.mode));
    }
    session.step("verify", "asking the stick what it is now");
    let unknown = |e: Error| e.with_verdict(Verdict::Unknown);
    let stick = settled(bus, place, session).map_err(unknown)?;
    let identity = match ask_newcomer(bus, &stick, None, session) {
        Ok(Some(identity)) => identity,
        Ok(None) => return Ok(CameBack::Shows(stick.mode)),
        Err(e) => {
            session.warn("not-asked", format!("the stick came back but did not identify itself: {e}"));
            return Ok(CameBack::Shows(stick.mode));
        }
    };
    let wanted = files.iter().find(|f| f.is_main()).map(|f| f.version().version).unwrap_or_default();
    match &identity.firmware {
        Some(found) if !wanted.is_empty() && *found != wanted => Err(Error::new(
            ErrorKind::VersionMismatch,
            "the stick came back with another firmware version than was flashed",
        )
        .with("expected", wanted)
        .with("found", found)
        .with_verdict(Verdict::Recoverable)),
        Some(_) if wanted.is_empty() => Ok(CameBack::Answers(Box::new(identity))),
        Some(found) if had == Some(found) => Ok(CameBack::AsBefore(Box::new(identity))),
        Some(_) => Ok(CameBack::Reported(Box::new(identity))),
        None => Ok(CameBack::Shows(stick.mode)),
    }
}
