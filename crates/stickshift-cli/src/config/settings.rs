//! What the owner's settings say.

use std::path::PathBuf;

use stickshift::switching::Rules;

use crate::names::Names;

/// How another computer is reached.
#[cfg(feature = "host")]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Host {
    pub(crate) address: String,
    pub(crate) password_file: Option<PathBuf>,
    pub(crate) ca: Option<PathBuf>,
}

/// What the files say, the user's before the computer's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Config {
    /// The stick that is meant where several are plugged in and none is named: as on the command line.
    pub(crate) stick: Option<String>,
    /// The access point of `online up`, where the command line names none.
    pub(crate) apn: Option<String>,
    /// Whether JSON is printed without `--json`.
    pub(crate) json: bool,
    /// Other computers, by the names that `--host` takes.
    #[cfg(feature = "host")]
    pub(crate) hosts: std::collections::BTreeMap<String, Host>,
    /// What sticks are called.
    pub(crate) names: Names,
    /// Lasting choices.
    pub(crate) rules: Rules,
    /// The files that were read.
    pub(crate) files: Vec<PathBuf>,
}
