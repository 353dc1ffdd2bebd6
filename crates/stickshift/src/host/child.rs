//! Programs that this one starts.
//!
//! ```
//! use stickshift::host::child;
//!
//! let command = child::command("true");
//! assert_eq!(command.get_program(), "true");
//! ```

use std::env;
use std::ffi::OsStr;
use std::process::Command;

/// A program with the environment of this one, but for the secrets in it: they are given to this program alone.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(is_secret) {
            command.env_remove(name);
        }
    }
    command
}

/// Whether a variable holds a secret, by its name.
pub fn is_secret(name: &str) -> bool {
    let ends = ["PASSWORD", "PIN", "PUK"];
    name.strip_prefix("STICKSHIFT_").is_some_and(|rest| ends.iter().any(|end| rest.ends_with(end)))
}
