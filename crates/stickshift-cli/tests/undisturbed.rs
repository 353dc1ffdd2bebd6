//! Flashing keeps the computer awake, by a logind that is played by python3-dbus on a bus of the test's own.

#![cfg(all(target_os = "linux", feature = "virtual"))]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use test_support::message_bus::PrivateBus;

fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stickshift"));
    command.current_dir(folder).env("STICKSHIFT_STATE", "journals");
    command
}

/// Flashes a virtual stick over a port, which the program cannot tell from a real one.
fn flash(folder: &Path, bus: &str) -> Output {
    let mut stick = program(folder)
        .args(["virtual", "e3372h-loader", "--attach", "pty", "--quick", "--dir", "ports"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(stick.stdout.take().unwrap()).lines();
    let line = lines.map(Result::unwrap).find(|line| line.contains("interface 2,")).unwrap();
    let port = line.split_whitespace().next().unwrap();
    let flashed = program(folder)
        .args(["flash", "firmware.bin", "--yes", "--port", port])
        .env("DBUS_SYSTEM_BUS_ADDRESS", bus)
        .output()
        .unwrap();
    let _ = stick.stdin.take().unwrap().write_all(b"quit\n");
    let _ = stick.wait();
    flashed
}

fn with_files() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let made = program(folder.path()).args(["rehearse", "--files", ".", "--quiet"]).status().unwrap();
    assert!(made.success());
    folder
}

#[test]
fn a_flash_keeps_the_computer_awake_and_says_so() {
    let folder = with_files();
    let Some(mut bus) = PrivateBus::with_services(folder.path(), &[]) else { return };
    let flashed = flash(folder.path(), &bus.address());
    let said = String::from_utf8_lossy(&flashed.stderr);
    assert_eq!(flashed.status.code(), Some(0), "{said}");
    assert!(said.contains("this computer is kept awake until this ends"), "{said}");
    assert!(bus.next_call().starts_with("Inhibit shutdown:sleep:idle:handle-lid-switch stickshift block: "));
    assert_eq!(bus.next_call(), "Inhibit ended");
}

#[test]
fn where_it_may_not_it_warns_and_goes_on() {
    let folder = with_files();
    let Some(bus) = PrivateBus::with_services(folder.path(), &["denied"]) else { return };
    let flashed = flash(folder.path(), &bus.address());
    let said = String::from_utf8_lossy(&flashed.stderr);
    assert_eq!(flashed.status.code(), Some(0), "{said}");
    assert!(said.contains("warning: this computer may fall asleep"), "{said}");
}

#[test]
fn without_a_bus_nothing_is_said() {
    let folder = with_files();
    let flashed = flash(folder.path(), "unix:path=/nowhere");
    let said = String::from_utf8_lossy(&flashed.stderr);
    assert_eq!(flashed.status.code(), Some(0), "{said}");
    assert!(!said.contains("awake") && !said.contains("asleep"), "{said}");
}
