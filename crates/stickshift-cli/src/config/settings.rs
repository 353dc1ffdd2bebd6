//! What the owner's settings say.

use std::path::PathBuf;

use stickshift::switching::Rules;

/// What the files say, the user's before the computer's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Config {
    /// The stick that is meant where several are plugged in and none is named: as on the command line.
    pub(crate) stick: Option<String>,
    /// The access point of `online up`, where the command line names none.
    pub(crate) apn: Option<String>,
    /// Whether JSON is printed without `--json`.
    pub(crate) json: bool,
    /// Lasting choices.
    pub(crate) rules: Rules,
    /// The files that were read.
    pub(crate) files: Vec<PathBuf>,
}
