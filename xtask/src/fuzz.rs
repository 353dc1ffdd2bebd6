//! A short run of every fuzz target. Long ones are a maintainer's: `cargo +nightly fuzz run NAME`.

use std::fs;
use std::process::Command;

use crate::install;
use crate::run::{command, phase, root, status_logged, target, two_at_a_time};

/// For each target. With fifteen or so of them the tier stays under three minutes.
const SECONDS: u32 = 4;

/// cargo-fuzz, and a C++ compiler for libFuzzer.
pub(crate) fn prepare() -> Result<(), String> {
    install::debian(&[install::Need { file: "/usr/bin/c++", package: "g++" }])?;
    install::cargo_tool("cargo-fuzz").map(|_| ())
}

/// Every file of fuzz_targets. New inputs go to a folder of their own: the kept corpora change by hand.
pub(crate) fn run_all() -> Result<(), String> {
    let targets = root().join("fuzz/fuzz_targets");
    let listed = fs::read_dir(&targets).map_err(|e| format!("{}: {e}", targets.display()))?;
    let mut names: Vec<String> = listed
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.strip_suffix(".rs").map(str::to_owned))
        .collect();
    names.sort();
    let tool = install::cargo_tool("cargo-fuzz")?;
    let folder = target("fuzz-corpus")?;
    fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    phase(&format!("compiling {} targets", names.len()));
    status_logged(fuzz(&tool, &["build"]), &folder.join("compiling.log"))?;
    two_at_a_time((1..).zip(&names), |_, (index, name)| {
        phase(&format!("{index} of {}: fuzzing {name} for {SECONDS} s", names.len()));
        run_one(&tool, name)
    })
}

/// A command of cargo-fuzz. The sanitizer's flags are unstable; the code is safe Rust, so that panics and time-outs are what there is to find.
fn fuzz(tool: &str, words: &[&str]) -> Command {
    let mut fuzz = command(tool, &[&["fuzz"], words, &["--sanitizer", "none"]].concat());
    // cargo-fuzz asks the compiler for options that stable hides.
    fuzz.env("RUSTC_BOOTSTRAP", "1");
    // It has each crate compiled in one part, on one core, unless told otherwise.
    fuzz.env("RUSTFLAGS", "-Ccodegen-units=4");
    fuzz
}

fn run_one(tool: &str, name: &str) -> Result<(), String> {
    let fresh = target("fuzz-corpus")?.join(name);
    fs::create_dir_all(&fresh).map_err(|e| format!("{}: {e}", fresh.display()))?;
    let kept = format!("fuzz/corpus/{name}");
    let mut run = fuzz(tool, &["run"]);
    run.arg(name).arg(&fresh);
    if root().join(&kept).is_dir() {
        run.arg(&kept);
    }
    let time = format!("-max_total_time={SECONDS}");
    run.args(["--", &time, "-timeout=10", "-rss_limit_mb=512", "-verbosity=0", "-print_final_stats=0"]);
    status_logged(run, &fresh.with_extension("log"))
}
