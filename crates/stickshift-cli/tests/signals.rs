//! SIGINT and SIGTERM in the middle of verbs that work on files: they end the program at once, and nothing half written is left.

#![cfg(target_os = "linux")]

use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

/// As large as files may be that are read whole, and for others as it takes to work on them for some time.
const LOADER: u64 = 16 << 20;
const ROUTER_IMAGE: u64 = 64 << 20;
const LARGE: u64 = 512 << 20;
/// Of what is only read.
const ENORMOUS: u64 = 4 << 30;

/// How much the program has read and written so far.
fn bytes_moved(pid: u32) -> u64 {
    let io = fs::read_to_string(format!("/proc/{pid}/io")).unwrap_or_default();
    let of =
        |name: &str| io.lines().find_map(|l| l.strip_prefix(name)?.trim().parse::<u64>().ok()).unwrap_or(0);
    of("rchar:") + of("wchar:")
}

/// The start of `from`, followed by nothing up to a length.
fn grown(from: &Path, to: &Path, length: u64) {
    fs::copy(from, to).unwrap();
    File::options().write(true).open(to).unwrap().set_len(length).unwrap();
}

/// A firmware image whose only partition is large.
fn large_image(folder: &Path) {
    let built = Command::new(env!("CARGO_BIN_EXE_stickshift"))
        .args([
            "firmware",
            "build",
            "00110000=zeros",
            "-o",
            "large.bin",
            "--kind",
            "1",
            "--platform",
            "E3372h_153",
        ])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
}

#[test]
fn signals_end_file_verbs_at_once_and_leave_nothing_half_written() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    File::create(here.join("zeros")).unwrap().set_len(LARGE).unwrap();
    large_image(here);
    grown(&fixtures.join("fuzz/corpus/loader/full.bin"), &here.join("loader.bin"), LOADER);
    grown(&fixtures.join("fuzz/corpus/router_image/gzip"), &here.join("router.img"), ROUTER_IMAGE);
    File::create(here.join("unknown")).unwrap().set_len(ENORMOUS).unwrap();
    // A capture with one packet many times over.
    let capture = fs::read(fixtures.join("tests/fixtures/captures/huawei-e220.usbmon.txt")).unwrap();
    fs::write(here.join("capture.txt"), capture.repeat(((LARGE / 8) as usize).div_ceil(capture.len())))
        .unwrap();
    let before = names(here);
    let mut runs = 0;
    for verb in [
        &["inspect", "unknown"][..],
        &["inspect", "router.img"],
        &["inspect", "capture.txt"],
        &["firmware", "verify", "large.bin"],
        &["firmware", "extract", "large.bin", "-o", "parts"],
        &["firmware", "build", "large.bin", "-o", "built.bin"],
        &["loader", "info", "loader.bin"],
        &["loader", "patch", "loader.bin", "-o", "patched.bin"],
        &["learn", "capture.txt", "-o", "learned"],
        &["router", "list", "router.img"],
        &["router", "extract", "router.img", "/usb-mode.json", "-o", "table.json"],
        &["router", "knows", "router.img", "12d1:1526"],
    ] {
        for signal in [Signal::INT, Signal::TERM] {
            // A shell's background jobs inherit that SIGINT is ignored, and so do the tests that one runs.
            let mut program = Command::new("env")
                .args(["--default-signal=INT,TERM", env!("CARGO_BIN_EXE_stickshift")])
                .args(verb)
                .current_dir(here)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            // In the middle of its work: more was read than a start of a program and of a file.
            while bytes_moved(program.id()) < 1 << 20 && program.try_wait().unwrap().is_none() {
                thread::sleep(Duration::from_millis(1));
            }
            let _ = kill_process(Pid::from_child(&program), signal);
            let status = program.wait().unwrap();
            assert_eq!(
                status.signal(),
                Some(signal.as_raw()),
                "{verb:?} {signal:?}: {status}: it did not work long enough, or did not end"
            );
            let _ = fs::remove_dir(here.join("parts"));
            assert_eq!(names(here), before, "{verb:?} {signal:?}");
            runs += 1;
        }
    }
    println!("{runs} runs of file verbs that a signal ended");
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|f| f.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The clock of virtual sticks jumps to the next look: each gives the processor up for a while all the same.
#[test]
fn staying_online_through_a_virtual_stick_rests_between_looks() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_stickshift"))
        .args(["online", "up", "--stay", "--limit", "90m", "--virtual", "e3372h-stick"])
        .env("XDG_STATE_HOME", folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let pid = Pid::from_child(&child);
    waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT).unwrap();
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(15));
    let given_up = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")).unwrap();
    assert!(given_up.trim().parse::<u32>().unwrap() >= 90, "{given_up}");
}
