//! What a conversion is asked to do, and what it led to.

use serde::Serialize;

use crate::boot::Loader;
use crate::convert::firmware_file::FirmwareFile;
use crate::modem::identity::Identity;
use crate::modem::web::Login;
use crate::plan::Consents;
use crate::stick::identify::Kind;

/// What a stick is to become.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// Stick firmware: a plain modem.
    Stick,
    /// HiLink firmware: a network card with a router.
    Hilink,
}

impl Target {
    /// The kind of firmware that it has then.
    pub fn kind(self) -> Kind {
        match self {
            Target::Stick => Kind::Stick,
            Target::Hilink => Kind::Hilink,
        }
    }

    /// `stick` or `hilink`, as on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Target::Stick => "stick",
            Target::Hilink => "hilink",
        }
    }
}

/// What is needed for a conversion.
pub struct ConvertRequest {
    /// What the stick is to become.
    pub to: Target,
    /// For the boot ROM; without one the boot pin is no way.
    pub loader: Option<Loader>,
    /// In flashing order: see [`order`].
    pub files: Vec<FirmwareFile>,
    /// The consents that were given.
    pub consents: Consents,
    /// Resume what the journal of this place says was interrupted.
    pub resume: bool,
    /// For a web server that wants it.
    pub login: Option<Login>,
    /// Turn the stick's automatic updates off first.
    pub no_updates: bool,
}

/// What a conversion led to.
#[derive(Clone, Debug, Serialize)]
pub struct Converted {
    /// What the stick said before, where it could be asked.
    pub before: Option<Identity>,
    /// What it says now.
    pub after: Identity,
    /// What that shows of what was sent.
    pub shown: Shown,
}

/// What a stick that says what it is shows of the firmware that was sent to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Shown {
    /// It runs what was sent.
    Runs,
    /// Nothing: the files name no version to compare.
    NoVersion,
    /// Nothing: it ran this version before.
    AsBefore,
}

/// Puts files into the order that the direction demands: main firmware, then web UI on the way to Stick; the other way round on
/// the way to HiLink.
pub fn order(files: &mut [FirmwareFile], to: Target) {
    files.sort_by_key(|file| file.is_main() != (to == Target::Stick));
}
