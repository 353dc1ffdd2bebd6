//! The pairs of a verb and a kind of error for which the general advice of the kind was read, and fits. With the rows of `table` these are all
//! pairs that are known to occur: the tests hold the program to that.

use stickshift::error::ErrorKind as Kind;

use super::table::{BY_PORT, CHANGE, FILES, IMAGES, LOADERS, TALK, WEB};

/// Verbs that talk over AT alone.
const AT: &[&str] = &["at", "ports"];
/// Verbs that look at this computer.
const LOOK: &[&str] = &["list", "watch", "doctor", "report", "bridge"];
/// The virtual stick itself.
const VIRTUAL: &[&str] = &["virtual", "rehearse"];

/// The data connection.
const ONLINE: &[&str] = &["online"];

/// Whether the general advice of the kind was found to fit the verb.
pub(crate) fn general_fits(verb: &str, kind: Kind) -> bool {
    GENERAL.iter().any(|(general, verbs)| *general == kind && verbs.iter().any(|group| group.contains(&verb)))
}

/// Kinds whose general advice was read for these verbs, and fits.
pub(crate) const GENERAL: &[(Kind, &[&[&str]])] = &[
    (Kind::Io, &[TALK, CHANGE, LOOK, VIRTUAL, ONLINE]),
    (Kind::Interrupted, &[TALK, LOOK, FILES, &["switch", "load", "virtual"], ONLINE]),
    (Kind::Unsupported, &[AT, LOOK, &["load", "flash", "convert", "loader", "profile"]]),
    (
        Kind::Usage,
        &[&["at", "hilink", "identify", "pin", "signal", "ussd"], CHANGE, LOOK, FILES, VIRTUAL, ONLINE],
    ),
    (
        Kind::FileNotFound,
        &[TALK, CHANGE, LOOK, VIRTUAL, &["firmware", "inspect", "loader", "profile", "learn", "setup"]],
    ),
    (Kind::FileUnreadable, &[TALK, CHANGE, LOOK, FILES, VIRTUAL, ONLINE]),
    (Kind::FileUnwritable, &[FILES, &["switch", "watch", "virtual", "report", "bridge"], ONLINE]),
    (
        Kind::FileExists,
        &[TALK, CHANGE, &["list", "watch", "doctor", "report"], FILES.split_at(FILES.len() - 1).0, VIRTUAL],
    ),
    (Kind::FileTruncated, &[IMAGES, LOADERS, &["inspect", "router", "profile", "switch", "rehearse"]]),
    (Kind::FileCorrupt, &[IMAGES, LOADERS, &["inspect", "router", "rehearse"]]),
    (Kind::FileTooLarge, &[TALK, CHANGE, FILES, VIRTUAL, &["report"]]),
    (Kind::NoStick, &[TALK, &["switch", "convert", "list", "learn", "report"], ONLINE]),
    (Kind::NoSuchPort, &[TALK, CHANGE, &["rehearse"], ONLINE]),
    (Kind::PermissionDenied, &[TALK, CHANGE, LOOK, &["learn", "virtual"]]),
    (Kind::PortBusy, &[TALK, CHANGE, ONLINE]),
    (Kind::WrongInterface, &[&["switch", "learn"]]),
    (Kind::NotAPort, &[BY_PORT, &["load", "flash"]]),
    (Kind::Disconnected, &[&["learn", "rehearse"], ONLINE]),
    (Kind::Timeout, &[TALK, &["rehearse"], ONLINE]),
    (Kind::UnexpectedAnswer, &[TALK, &["switch"], ONLINE]),
    (Kind::Stalled, &[&["switch"]]),
    (Kind::NoProfile, &[&["switch"]]),
    (Kind::LeftAlone, &[&["switch"]]),
    (Kind::AlreadySwitched, &[&["switch"]]),
    (Kind::NothingToLearn, &[&["learn"]]),
    (Kind::NotSwitched, &[&["switch"]]),
    (Kind::MediumInUse, &[&["switch", "convert"]]),
    (Kind::NotAuthorized, &[TALK, CHANGE, ONLINE]),
    (Kind::NoPower, &[TALK, CHANGE, ONLINE]),
    (Kind::LoaderErases, &[&["load", "convert"]]),
    (Kind::LoaderMissing, &[&["convert"]]),
    (Kind::PatchNotFound, &[LOADERS]),
    (Kind::NoPartitionTable, &[LOADERS]),
    (Kind::NotInBootMode, &[&["load", "convert"]]),
    (Kind::PacketRejected, &[&["load", "convert", "rehearse"]]),
    (Kind::LoaderNotStarted, &[&["load", "convert", "rehearse"]]),
    (Kind::NotInDownloadMode, &[&["flash", "rehearse"]]),
    (Kind::ImageMismatch, &[&["flash", "convert"]]),
    (Kind::ImageIncomplete, &[&["flash", "convert"]]),
    (Kind::SignatureRefused, &[&["flash", "convert", "rehearse"]]),
    (Kind::RequestRefused, &[&["flash", "convert"]]),
    (Kind::VersionMismatch, &[&["flash", "rehearse"]]),
    (Kind::AtRefused, &[&["network", "pin", "signal", "sms", "ussd"], ONLINE]),
    (Kind::MbimRefused, &[&["identify", "network", "pin", "signal", "sms", "ussd"], ONLINE]),
    (Kind::NoSim, &[TALK, ONLINE]),
    (Kind::SimPinNeeded, &[TALK]),
    (Kind::SimPukNeeded, &[TALK, ONLINE]),
    (Kind::WrongPin, &[TALK, ONLINE]),
    (Kind::LastTry, &[&["pin"]]),
    (Kind::HilinkRefused, &[WEB, &["switch", "convert"], ONLINE]),
    (Kind::LoginNeeded, &[WEB, &["switch", "convert"]]),
    (Kind::LoginRefused, &[WEB, &["switch", "convert"], ONLINE]),
    (Kind::LoginLocked, &[WEB, &["switch", "convert"], ONLINE]),
    (Kind::SessionTaken, &[WEB, &["switch", "convert"], ONLINE]),
    (Kind::WeakLogin, &[WEB, &["switch", "convert"]]),
    (Kind::LocksOut, &[&["ports"]]),
    (Kind::OutOfScope, &[&["at"], WEB]),
    (Kind::NotRegistered, &[ONLINE]),
    (Kind::NetworkRefused, &[ONLINE]),
    (Kind::NoAddress, &[ONLINE]),
    (Kind::NoReach, &[ONLINE]),
    (Kind::LimitReached, &[ONLINE]),
    (Kind::NoJournal, &[&["flash", "convert"]]),
    (Kind::JournalMismatch, &[&["flash", "convert"]]),
    (Kind::GateClosed, &[&["convert"]]),
    (Kind::NotFlashable, &[&["convert"]]),
    (Kind::ConsentNeeded, &[TALK, CHANGE, &["learn"]]),
];
