//! The library's unit tests of everything that reads or writes bytes, as a big-endian processor runs them.

use std::path::PathBuf;

use serde_json::Value;

use crate::dist::Target;
use crate::run::{command, output_of, root, status, target};
use crate::toolchain::Toolchain;

/// The rooms whose tests run.
const CODECS: [&str; 5] = ["wire::", "firmware::", "boot::", "profile::", "learn::"];

/// Tests that cannot run there, with the reason. There are none; QEMU 7.2 has faults that some may meet (a shrinking mremap of a 32-bit program,
/// TCGETS2).
const CANNOT: [(&str, &str); 0] = [];

pub(crate) fn run(toolchain: &Toolchain) -> Result<(), String> {
    let tests = build(toolchain)?;
    for (test, reason) in CANNOT {
        println!("    - cannot run here: {test}: {reason}");
    }
    let qemu = target("mips/qemu-user/usr/bin/qemu-mips-static")?;
    let mut run = command(&qemu.to_string_lossy(), &["-cpu", "24Kc"]);
    run.arg(tests).args(CODECS).arg("--quiet").current_dir(root().join("crates/stickshift"));
    for (test, _) in CANNOT {
        run.args(["--skip", test]);
    }
    status(run)
}

/// Builds the tests; the path of their program.
fn build(toolchain: &Toolchain) -> Result<PathBuf, String> {
    let triple = Target::named("mips")?.triple;
    let mut cargo =
        toolchain.cargo_test(&["--no-run", "--locked", "-p", "stickshift", "--lib", "--target", triple])?;
    cargo
        .args(["-Zbuild-std", "--message-format=json-render-diagnostics"])
        .env("CARGO_TARGET_DIR", target("cross-tests")?)
        .env("CARGO_ENCODED_RUSTFLAGS", "-Crelocation-model=static\x1f-Clink-self-contained=no")
        .env("CARGO_PROFILE_DEV_DEBUG", "0");
    let told = output_of(&mut cargo)?;
    let programs = told.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let program =
        programs.filter_map(|message| message["executable"].as_str().map(PathBuf::from)).next_back();
    program.ok_or_else(|| "cargo built no tests".to_owned())
}
