//! A short run of every fuzz target. Long ones are a maintainer's: `cargo +nightly fuzz run NAME`.

use std::fs;

use crate::install;
use crate::run::{command, phase, root, status, target};

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
    for (index, name) in (1..).zip(&names) {
        phase(&format!("{index} of {}: compiling {name} and fuzzing it for {SECONDS} s", names.len()));
        let fresh = target("fuzz-corpus")?.join(name);
        fs::create_dir_all(&fresh).map_err(|e| format!("{}: {e}", fresh.display()))?;
        let (fresh, kept) = (fresh.display().to_string(), format!("fuzz/corpus/{name}"));
        let time = format!("-max_total_time={SECONDS}");
        // The sanitizer's flags are unstable; the code is safe Rust, so that panics and time-outs are what there is to find.
        let mut args = vec!["fuzz", "run", "--sanitizer", "none", name, &fresh];
        if root().join(&kept).is_dir() {
            args.push(&kept);
        }
        args.extend([
            "--",
            &time,
            "-timeout=10",
            "-rss_limit_mb=512",
            "-verbosity=0",
            "-print_final_stats=0",
        ]);
        let mut fuzz = command(&tool, &args);
        // cargo-fuzz asks the compiler for options that stable hides.
        fuzz.env("RUSTC_BOOTSTRAP", "1");
        status(fuzz)?;
    }
    Ok(())
}
