//! What tests of several crates share: how a test says that it could not run, and the independent programs beside which ours is tested.
//!
//! A test that cannot run calls [`skip`] and returns. `cargo xtask test` counts these and prints them; in CI only those listed in
//! `xtask/allowed-skips.toml` pass.

pub mod hostile_http;
pub mod message_bus;
pub mod reports;
mod running;
pub mod sources;

pub use running::{Running, result_of};

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Environment variable that names the file to which skipped tests are appended, one line `binary::test: reason` each.
pub const SKIPS: &str = "STICKSHIFT_SKIPS";

/// Environment variable that names the folder with loaders from the field, which are not part of the project.
pub const LOADERS: &str = "STICKSHIFT_LOADERS";

/// Reports that the running test did not run, to standard error and to the file that [`SKIPS`] names.
///
/// # Panics
/// When that file cannot be written: a skip that nobody counts would pass as a success.
pub fn skip(reason: &str) {
    let line = format!("{}: {reason}\n", test_name());
    // Not by eprintln!, which a passing test keeps to itself.
    let _ = io::stderr().write_all(format!("skipped {line}").as_bytes());
    if let Some(path) = std::env::var_os(SKIPS) {
        let file = OpenOptions::new().append(true).create(true).open(path);
        file.and_then(|mut file| file.write_all(line.as_bytes()))
            .expect("the list of skipped tests is written");
    }
}

/// `binary::test`: the test harness names each test's thread after the test, and cargo adds a hash to the binary's name.
fn test_name() -> String {
    let binary = std::env::current_exe().unwrap_or_default();
    let stem = binary.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let binary = stem.rsplit_once('-').map_or(stem.as_str(), |(name, _)| name);
    format!("{binary}::{}", std::thread::current().name().unwrap_or("?"))
}

/// Path of a program or script in `tests/peers`.
pub fn peer(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/").join("peers").join(name)
}

/// Whether the peers written in Python can run; skips the test where they cannot.
pub fn python_is_here() -> bool {
    let here = Command::new("python3").arg("--version").output().is_ok();
    if !here {
        skip("python3 is not installed");
    }
    here
}

/// A loader from the field, out of the folder that [`LOADERS`] names; skips the test without one.
pub fn field_loader(name: &str) -> Option<Vec<u8>> {
    let Some(folder) = std::env::var_os(LOADERS) else {
        skip(&format!("{LOADERS} does not name a folder with {name}"));
        return None;
    };
    let path = Path::new(&folder).join(name);
    Some(std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display())))
}

/// The real usb_modeswitch, and a library that shows it an emulated stick and records what it sends (`usb_recorder.c`), built in
/// `folder`; skips the test where one is missing.
pub fn usb_modeswitch(folder: &Path) -> Option<(&'static str, PathBuf)> {
    let library = folder.join("recorder.so");
    let compiled = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-w", "-o"])
        .args([library.as_os_str(), peer("usb_recorder.c").as_os_str()])
        .status();
    let program =
        ["/usr/sbin/usb_modeswitch", "/usr/bin/usb_modeswitch"].into_iter().find(|p| Path::new(p).exists());
    match (program, compiled) {
        (Some(program), Ok(status)) => {
            assert!(status.success(), "cc: {status}");
            Some((program, library))
        }
        _ => {
            skip("needs cc and usb_modeswitch");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_skip_carries_the_name_of_the_test() {
        assert_eq!(super::test_name(), "test_support::tests::a_skip_carries_the_name_of_the_test");
    }
}
