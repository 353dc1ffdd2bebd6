//! The library's unit tests of everything that reads or writes bytes, as a big-endian processor runs them.

use std::path::PathBuf;

use serde_json::Value;

use crate::dist::Target;
use crate::run::{command, output_of, root, status, target};
use crate::toolchain::Toolchain;

/// The rooms whose tests run.
const CODECS: [&str; 5] = ["wire::", "firmware::", "boot::", "profile::", "learn::"];

/// Tests that are left out there, with the reason: an emulated processor takes minutes for each.
const LEFT_OUT: [(&str, &str); 4] = [
    ("ten_thousand_mutations_do_no_harm", "what is damaged has no byte order"),
    ("every_changed_byte_is_noticed", "what is damaged has no byte order"),
    ("a_gzip_bomb_stops_at_its_allowance", "200 MiB of zeros"),
    ("what_is_built_is_sound_and_comes_back", "64 images; others build and read one each"),
];

/// Cases of each property, of 256.
const CASES: &str = "32";

pub(crate) fn run(toolchain: &Toolchain) -> Result<(), String> {
    let tests = build(toolchain)?;
    for (test, reason) in LEFT_OUT {
        println!("    - left out there: {test}: {reason}");
    }
    let qemu = target("mips/qemu-user/usr/bin/qemu-mips-static")?;
    let mut run = command(&qemu.to_string_lossy(), &["-cpu", "24Kc"]);
    run.arg(tests)
        .args(CODECS)
        .arg("--quiet")
        .current_dir(root().join("crates/stickshift"))
        .env("PROPTEST_CASES", CASES);
    for (test, _) in LEFT_OUT {
        run.args(["--skip", test]);
    }
    status(run)
}

/// Builds the tests; the path of their program.
fn build(toolchain: &Toolchain) -> Result<PathBuf, String> {
    let triple = Target::named("mips")?.triple;
    let mut cargo = toolchain.cargo_test(&[
        "--no-run",
        "--locked",
        "-p",
        "stickshift-core",
        "--lib",
        "--target",
        triple,
    ])?;
    cargo
        .args(["-Zbuild-std", "--message-format=json-render-diagnostics"])
        .env("CARGO_TARGET_DIR", target("cross-tests")?)
        .env("CARGO_ENCODED_RUSTFLAGS", "-Crelocation-model=static\x1f-Clink-self-contained=no")
        // Compiling takes longer than running.
        .env("CARGO_PROFILE_DEV_OPT_LEVEL", "0")
        .env("CARGO_PROFILE_DEV_DEBUG", "0");
    let told = output_of(&mut cargo)?;
    let programs = told.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let program =
        programs.filter_map(|message| message["executable"].as_str().map(PathBuf::from)).next_back();
    program.ok_or_else(|| "cargo built no tests".to_owned())
}
