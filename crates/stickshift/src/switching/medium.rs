//! Whether a drive of a stick is in use. Whoever is switched leaves the bus, and a medium that is mounted goes with it: what was not written yet
//! is lost.

use std::time::Duration;

use crate::error::{Error, ErrorKind, Result, Verdict};
use crate::event::Session;
use crate::link::Bus;
use crate::stick::{Drive, DriveKind, Place, Stick};
use crate::waiting::{Look, until};

/// How long the storage driver has to read the drives of a stick.
const DRIVES: Duration = Duration::from_secs(10);
/// When the driver has found drives and no CD-ROM, one that comes after them is waited for this long.
const MORE_DRIVES: Duration = Duration::from_millis(1500);
/// bInterfaceClass of drives.
pub(super) const STORAGE: u8 = 0x08;

/// What is known of the media of a stick.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Medium {
    /// It has none, or nobody uses them.
    Free,
    /// What they are used for, one lower-case line for each drive.
    InUse(Vec<String>),
    /// This system does not tell.
    NotKnown,
}

/// What the owner takes upon himself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum MediumConsent {
    /// Nothing: only a stick whose media are known to be free is switched.
    #[default]
    None,
    /// A stick is switched also where the system does not tell whether a medium is mounted.
    NotKnown,
    /// A stick is switched with its media mounted.
    InUse,
}

impl Medium {
    /// That of the stick as it is at this moment.
    ///
    /// # Errors
    /// What the bus reports.
    pub fn of(bus: &mut dyn Bus, stick: &Stick) -> Result<Medium> {
        if !stick.interfaces.iter().any(|i| i.class == STORAGE) {
            return Ok(Medium::Free);
        }
        Ok(match bus.drives(&stick.place)? {
            None => Medium::NotKnown,
            Some(drives) => {
                let uses: Vec<String> = drives.iter().filter_map(Drive::in_use).collect();
                if uses.is_empty() { Medium::Free } else { Medium::InUse(uses) }
            }
        })
    }

    /// Refuses what the owner did not consent to.
    ///
    /// # Errors
    /// `MediumInUse`, untouched.
    pub fn check(&self, stick: &Stick, consent: MediumConsent) -> Result<()> {
        let error = match self {
            Medium::InUse(uses) if consent < MediumConsent::InUse => {
                let what = "a drive of this device is in use; switching would take it away and lose what is not written yet";
                Error::new(ErrorKind::MediumInUse, what).with("in-use", uses.join("; "))
            }
            Medium::NotKnown if consent < MediumConsent::NotKnown => Error::new(
                ErrorKind::MediumInUse,
                "this system does not tell whether a drive of this device is in use",
            ),
            _ => return Ok(()),
        };
        Err(error.with("place", &stick.place).with("id", stick.id).with_verdict(Verdict::Untouched))
    }
}

/// Waits until the storage driver has shown a CD-ROM, or all that it will show. `None` where the system does not tell of drives.
pub(super) fn await_drives(
    bus: &mut dyn Bus,
    place: &Place,
    session: &mut Session<'_>,
    mut enough: impl FnMut(&[Drive]) -> bool,
) -> Result<Option<Vec<Drive>>> {
    let end = bus.now() + if bus.has_driver("usb_storage") { DRIVES } else { Duration::ZERO };
    let mut found: (usize, Option<crate::link::Moment>) = (0, None);
    until(bus, session, |bus| {
        let now = bus.now();
        let Some(drives) = bus.drives(place)? else { return Ok(Look::Done(None)) };
        if drives.len() != found.0 {
            found = (drives.len(), Some(now));
        }
        let quiet = found.1.map_or(end, |since| (since + MORE_DRIVES).min(end));
        if enough(&drives) || now >= quiet || bus.raw_device(place)?.is_none() {
            return Ok(Look::Done(Some(drives)));
        }
        Ok(Look::Again(quiet))
    })
}

/// Whether a CD-ROM is among the drives.
pub(super) fn has_cdrom(drives: &[Drive]) -> bool {
    drives.iter().any(|drive| drive.kind == DriveKind::Cdrom)
}
