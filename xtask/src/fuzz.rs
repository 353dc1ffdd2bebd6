//! A short run of every fuzz target. Long ones are a maintainer's: `cargo +nightly fuzz run NAME`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::install;
use crate::run::{command, output, phase, root, status_logged, target, two_at_a_time};

/// For each target. With fifteen or so of them the tier stays under three minutes.
const SECONDS: u32 = 4;

/// What libFuzzer wants of the compiler (LLVM's SanitizerCoverage): counters of what was reached, and comparisons. No sanitizer: the code is safe Rust,
/// so that panics and time-outs are what there is to find. More than one part for each crate, which then compiles on all processors.
const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
     -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing -Cdebug-assertions -Ccodegen-units=4";

/// A C++ compiler for libFuzzer.
pub(crate) fn prepare() -> Result<(), String> {
    install::debian(&[install::Need { file: "/usr/bin/c++", package: "g++" }])
}

/// Compiles every target.
pub(crate) fn build() -> Result<Command, String> {
    let manifest = root().join("fuzz/Cargo.toml");
    let host = host()?;
    // With a target the flags are not those of build scripts, which run before there is a libFuzzer.
    let args = ["build", "--quiet", "--release", "--bins", "--target", &host, "--manifest-path"];
    let mut build = command("cargo", &args);
    build.arg(manifest).env("RUSTFLAGS", FLAGS).env("CARGO_TARGET_DIR", target("fuzzing")?);
    Ok(build)
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
    let folder = target("fuzz-corpus")?;
    fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    phase(&format!("compiling {} targets", names.len()));
    status_logged(build()?, &folder.join("compiling.log"))?;
    let built = target("fuzzing")?.join(host()?).join("release");
    two_at_a_time((1..).zip(&names), |_, (index, name)| {
        phase(&format!("{index} of {}: fuzzing {name} for {SECONDS} s", names.len()));
        run_one(built.join(name), name)
    })
}

/// The target of this machine, as rustc calls it.
fn host() -> Result<String, String> {
    let told = output("rustc", &["--version", "--verbose"])?;
    let host = told.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| "rustc does not name its host".to_owned())
}

fn run_one(program: PathBuf, name: &str) -> Result<(), String> {
    let fresh = target("fuzz-corpus")?.join(name);
    fs::create_dir_all(&fresh).map_err(|e| format!("{}: {e}", fresh.display()))?;
    let found = root().join("fuzz/artifacts").join(name);
    fs::create_dir_all(&found).map_err(|e| format!("{}: {e}", found.display()))?;
    let kept = format!("fuzz/corpus/{name}");
    let mut run = command(&program.to_string_lossy(), &[]);
    run.arg(&fresh);
    if root().join(&kept).is_dir() {
        run.arg(&kept);
    }
    let time = format!("-max_total_time={SECONDS}");
    run.args([&time, "-timeout=10", "-rss_limit_mb=512", "-verbosity=0", "-print_final_stats=0"]);
    // What breaks a parser is kept there, as `cargo fuzz` does.
    run.arg(format!("-artifact_prefix={}/", found.display()));
    status_logged(run, &fresh.with_extension("log"))
}
