//! CRCs and framing: the library's own benches.

use crate::run;

pub(super) fn run() -> Result<(), String> {
    run::run("cargo", &["bench", "--quiet", "-p", "stickshift-core", "--bench", "wire"])
}
