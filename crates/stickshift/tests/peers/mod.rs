//! The independent programs in tests/peers, and whether they can run here.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Path of one of them.
pub(crate) fn peer(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/peers").join(name)
}

/// Whether they can run; says so where they cannot.
pub(crate) fn python_is_here() -> bool {
    let here = Command::new("python3").arg("--version").output().is_ok();
    if !here {
        eprintln!("skipped: no python3");
    }
    here
}
