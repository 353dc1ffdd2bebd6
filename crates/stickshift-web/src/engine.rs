//! What the server needs of the program that it is part of.

use std::path::PathBuf;

use serde_json::Value;
use stickshift::event::Cancel;

/// Is given each line that a command prints with `--json`.
pub(crate) type Listener = Box<dyn Fn(&Value)>;
/// Whether what a command asks about may be done.
pub(crate) type Approve = Box<dyn Fn() -> bool>;

/// Secrets of a command, by the names of the variables that they would be in: no command line, no log and no job shows them.
pub(crate) type Secrets = Vec<(String, String)>;

/// Runs commands. Calls block, and may come from several threads at the same time.
pub trait Engine: Send + Sync + 'static {
    /// Runs a command line, without the program's name. The last line is the result or the error, whatever happens. What the command would
    /// ask for or take from its environment is in `secrets`.
    fn run(&self, words: &[String], secrets: Secrets, cancel: Cancel, listener: Listener, approve: Approve);

    /// Why the words are no command line that can be run, as its last line would say it. Nothing is run for that.
    fn misread(&self, words: &[String]) -> Option<Value> {
        let _ = words;
        None
    }

    /// Whether the sticks are virtual: their clock moves only while a command runs, so that nothing can be waited for.
    fn is_virtual(&self) -> bool;

    /// Pulls a virtual stick and plugs it in again. `false` when there is none at this place.
    fn replug(&self, place: &str) -> bool;

    /// Whether the owner has names for sticks; `identify` tells them as `called`.
    fn names_sticks(&self) -> bool {
        false
    }

    /// The folder of the owner's switching profiles.
    fn profile_folder(&self) -> PathBuf;
}
