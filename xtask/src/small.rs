//! The static program for routers, whose flash has room for little: slower where it computes.

use std::path::PathBuf;

use crate::install::rust_target;
use crate::run;

const TARGET: &str = "x86_64-unknown-linux-musl";

/// What a router has no use for is left out.
pub(crate) const ROUTER: [&str; 1] = ["--no-default-features"];

/// Builds it, with more arguments for cargo, and returns where it is.
pub(crate) fn build(more: &[&str]) -> Result<PathBuf, String> {
    rust_target(TARGET)?;
    let mut args = vec!["rustc", "--quiet", "--profile", "small", "--target", TARGET];
    args.extend(["-p", "stickshift-cli", "--bin", "stickshift"]);
    args.extend(more);
    // Code that occurs twice becomes a function.
    args.extend(["--", "-C", "llvm-args=-enable-machine-outliner=always"]);
    run::run("cargo", &args)?;
    run::target(&format!("{TARGET}/small/stickshift"))
}
