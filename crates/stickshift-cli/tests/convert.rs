//! `convert` on virtual sticks that are not in the mode in which conversions usually begin.
#![cfg(feature = "virtual")]

use std::path::Path;
use std::process::{Command, Output};

fn stickshift(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_stickshift"))
        .args(arguments)
        .current_dir(folder)
        .env("STICKSHIFT_STATE", folder.join("state"))
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn files() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let run = stickshift(folder.path(), &["rehearse", "--files", "made"]);
    assert!(run.status.success(), "{}", text(&run.stderr));
    folder
}

const TO_STICK: [&str; 8] =
    ["convert", "--to", "stick", "--loader", "made/loader.bin", "--firmware", "made/firmware.bin", "--yes"];

#[test]
fn a_stick_that_shows_its_cdrom_is_switched_on_the_way_and_before_the_proof() {
    let folder = files();
    for stick in ["e3372h-cd", "e3372h-stick-cd"] {
        let run = stickshift(
            folder.path(),
            &[&["-v", "--virtual", stick][..], &TO_STICK, &["--webui", "made/webui.bin"]].concat(),
        );
        let (out, err) = (text(&run.stdout), text(&run.stderr));
        assert!(run.status.success(), "{stick}: {err}");
        assert!(out.contains("version read back from the stick: 21.180.01.00.00"), "{stick}: {out}");
        let plan = format!("{out}{err}");
        let (planned, sent) =
            (plan.find("switch it from CD-ROM").unwrap(), plan.find("send to endpoint").unwrap());
        assert!(planned < sent, "{stick}: the plan names the step before a byte is sent");
    }
}

#[test]
fn a_version_that_runs_already_is_said_before_it_is_written_again() {
    let folder = files();
    let already = "the stick runs Stick firmware 21.180.01.00.00 already";
    let line = [&["--virtual-state", "stick", "--virtual", "e3372h-hilink"][..], &TO_STICK].concat();
    for (run, is_said) in [(&line[..], false), (&[&line[..], &["--dry-run"]].concat(), true)] {
        let run = stickshift(folder.path(), run);
        let said = text(&run.stdout) + &text(&run.stderr);
        assert!(run.status.success(), "{said}");
        assert_eq!(said.contains(already), is_said, "{said}");
    }
    let run = stickshift(folder.path(), &line);
    let said = text(&run.stdout);
    assert!(run.status.success() && said.contains("nothing shows that it was written again"), "{said}");
    // In download mode the stick says it once it is spoken to.
    let there = ["--virtual-state", "e3372h-stick", "--virtual", "e3372h-stick"];
    let run = stickshift(folder.path(), &[&["at", "^GODLOAD"][..], &there].concat());
    assert!(run.status.success(), "{}", text(&run.stderr));
    for (stick, is_said) in [("e3372h-loader", false), ("e3372h-stick", true)] {
        let there = ["--virtual-state", stick, "--virtual", stick];
        let flash = ["flash", "made/firmware.bin", "--yes"];
        let run = stickshift(folder.path(), &[&flash[..], &there].concat());
        let said = text(&run.stdout) + &text(&run.stderr);
        assert!(run.status.success(), "{said}");
        assert_eq!(said.contains("has 21.180.01.00.00 already"), is_said, "{stick}: {said}");
        assert_eq!(said.contains("stick: sent; it came back"), is_said, "{stick}: {said}");
    }
}

#[test]
fn the_hardware_decides_before_anything_is_sent() {
    let folder = files();
    for (stick, why) in [
        ("e3372s-hilink", "CL1E3372SM is an E3372s"),
        ("e3372s", "the stick is E3372s-153"),
        ("e3372h-320", "cannot be flashed with what is known"),
    ] {
        let run = stickshift(folder.path(), &[&["--virtual", stick][..], &TO_STICK].concat());
        let err = text(&run.stderr);
        assert_eq!(run.status.code(), Some(5), "{stick}: {err}");
        assert!(err.contains(why) && err.contains("stick: untouched"), "{stick}: {err}");
        assert!(!err.contains("GODLOAD: "), "{stick}: nothing was asked of it: {err}");
    }
}

#[test]
fn a_stick_that_could_not_be_asked_before_is_asked_before_download_mode() {
    let folder = files();
    let run = stickshift(folder.path(), &[&["--virtual", "e3372s-cd"][..], &TO_STICK].concat());
    let err = text(&run.stderr);
    assert_eq!(run.status.code(), Some(6), "{err}");
    assert!(
        err.contains("the stick is E3372s-153 (image-mismatch)") && !err.contains("mode: AT^GODLOAD"),
        "{err}"
    );
    // It was switched from CD-ROM before it could say what it is.
    assert!(err.contains("stick: recoverable: unplug it"), "{err}");
}

#[test]
fn a_stick_that_leaves_for_good_after_its_switch_message_is_not_called_untouched() {
    let folder = files();
    let run = stickshift(
        folder.path(),
        &[&["--virtual", "k3772", "--fault", "never-comes-back"][..], &TO_STICK].concat(),
    );
    let err = text(&run.stderr);
    assert_eq!(run.status.code(), Some(7), "{err}");
    assert!(err.contains("did not come back (disconnected)") && err.contains("stick: unknown"), "{err}");
}

#[test]
fn a_run_whose_record_cannot_be_kept_leaves_a_half_flashed_stick_recoverable() {
    let folder = files();
    let folder = folder.path();
    let line = [&["--virtual-state", "stick", "--virtual", "e3372h-hilink"][..], &TO_STICK].concat();
    let run = stickshift(folder, &[&line[..], &["--fault", "ctrl-c@60"]].concat());
    assert_eq!(run.status.code(), Some(6), "{}", text(&run.stderr));
    // Nothing can be written there any more.
    let sticks = std::fs::read_dir(folder.join("state/virtual")).unwrap().next().unwrap().unwrap();
    let record = sticks.path().join("1-1.json");
    std::fs::remove_file(&record).unwrap();
    std::fs::create_dir_all(record.join("full")).unwrap();
    let line = ["--virtual-state", "stick", "--virtual", "e3372h-hilink"];
    let flash = ["flash", "made/firmware.bin", "--yes"];
    for work in [&TO_STICK[..], &flash] {
        let run = stickshift(folder, &[&line[..], work].concat());
        let err = text(&run.stderr);
        assert_eq!(run.status.code(), Some(6), "{err}");
        assert!(err.contains("(file-unwritable)") && err.contains("stick: recoverable"), "{err}");
    }
}
