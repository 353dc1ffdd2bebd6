//! The static program for routers, whose flash has room for little: slower where it computes.

use std::path::PathBuf;

use crate::install::rust_target;
use crate::run;

/// Static, for this machine.
pub(crate) const TARGET: &str = "x86_64-unknown-linux-musl";

/// What a router has no use for is left out.
pub(crate) const ROUTER: [&str; 3] = ["--no-default-features", "--features", "openwrt"];

/// Builds it, with more arguments for cargo, and returns where it is.
pub(crate) fn build(more: &[&str]) -> Result<PathBuf, String> {
    made(more, &[], &[])
}

/// The same with its symbols, by which it is measured.
pub(crate) fn with_symbols(more: &[&str]) -> Result<PathBuf, String> {
    // These names tell for which types a function was made.
    made(more, &["-C", "symbol-mangling-version=v0"], &[("CARGO_PROFILE_SMALL_STRIP", "none")])
}

fn made(more: &[&str], flags: &[&str], variables: &[(&str, &str)]) -> Result<PathBuf, String> {
    rust_target(TARGET)?;
    let mut args = vec!["rustc", "--quiet", "--profile", "small", "--target", TARGET];
    args.extend(["-p", "stickshift", "--bin", "stickshift"]);
    args.extend(more);
    // Code that occurs twice becomes a function.
    args.extend(["--", "-C", "llvm-args=-enable-machine-outliner=always"]);
    args.extend(flags);
    let mut cargo = run::command("cargo", &args);
    cargo.envs(variables.iter().copied());
    run::status(cargo)?;
    run::target(&format!("{TARGET}/small/stickshift"))
}
