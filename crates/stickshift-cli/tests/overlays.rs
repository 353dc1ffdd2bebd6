//! The owner's profiles: which file wins, and that `switch` goes by it.

#![cfg(feature = "virtual")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use test_support::result_of;

fn stickshift(root: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stickshift"));
    command.args(arguments).env("STICKSHIFT_ROOT", root).output().unwrap()
}

fn write(root: &Path, file: &str, text: &str) {
    let path = root.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn plan(root: &Path, arguments: &[&str]) -> serde_json::Value {
    let mut all = vec!["--json", "--virtual", "k3772", "switch", "--dry-run"];
    all.extend(arguments);
    let run = stickshift(root, &all);
    assert!(run.status.success(), "{run:?}");
    result_of(&run.stdout)
}

#[test]
fn setup_writes_below_the_folder_that_stands_for_the_system() {
    let root = tempfile::tempdir().unwrap();
    let run = stickshift(root.path(), &["setup", "udev", "--names"]);
    assert!(run.status.success(), "{run:?}");
    let said = String::from_utf8_lossy(&run.stdout).into_owned() + &String::from_utf8_lossy(&run.stderr);
    assert!(said.contains(&root.path().display().to_string()), "{said}");
    assert_eq!(fs::read_dir(root.path().join("etc/udev/rules.d")).unwrap().count(), 1);
}

#[test]
fn the_nearest_file_wins() {
    let root = tempfile::tempdir().unwrap();
    let profile = |arguments: &[&str]| plan(root.path(), arguments)["profile"].as_str().unwrap().to_owned();
    assert_eq!(profile(&[]), "HuaweiNewMode");
    write(root.path(), "usr/share/usb_modeswitch/12d1:1526", "OptionMode=1\n");
    assert_eq!(profile(&[]), "OptionMode");
    write(root.path(), "etc/usb_modeswitch.d/12d1:1526", "StandardEject=1\n");
    assert_eq!(profile(&[]), "StandardEject");
    write(root.path(), "etc/stickshift/devices.d/12d1:1526", "SierraMode=1\n");
    assert_eq!(profile(&[]), "SierraMode");
    // A longer name comes first, where it fits.
    write(root.path(), "etc/stickshift/devices.d/12d1:1526:uPr=Mobile_Broadband", "HuaweiMode=1\n");
    write(root.path(), "etc/stickshift/devices.d/12d1:1526:uPr=Somebody", "KobilMode=1\n");
    assert_eq!(profile(&[]), "HuaweiMode");
    // What is typed comes before every file.
    assert_eq!(
        profile(&["--message", "555342431234567800000000000006d0000000000000000000000000000000"]),
        "message"
    );
    let file = root.path().join("mine");
    fs::write(&file, "HuaweiAltMode=1\n").unwrap();
    assert_eq!(profile(&["--profile", file.to_str().unwrap()]), "HuaweiAltMode");
}

#[test]
fn goals_choose_the_message() {
    let root = tempfile::tempdir().unwrap();
    let message = |name: &str, goal: &[&str]| {
        let mut all = vec!["--json", "--virtual", name, "switch", "--dry-run"];
        all.extend(goal);
        let run = stickshift(root.path(), &all);
        let plan = result_of(&run.stdout);
        plan["profile"].as_str().unwrap().to_owned()
    };
    for (name, goal, wanted) in [
        ("e3372h-cd", &[][..], "HuaweiNewMode"),
        ("e3372h-cd", &["--to", "hilink"], "HuaweiNewMode"),
        ("e3372h-cd", &["--to", "serial"], "HuaweiAltMode"),
        ("e3372h-cd", &["--to", "modem"], "HuaweiAltMode"),
        ("k3772", &["--to", "modem"], "HuaweiNewMode"),
    ] {
        assert_eq!(message(name, goal), wanted, "{name} {goal:?}");
    }
}

#[test]
fn a_bad_file_is_named_and_does_not_stop_the_others() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "etc/usb_modeswitch.d/12d1:1526", "MessageContent=\"555\"\n");
    write(root.path(), "etc/usb_modeswitch.d/README", "hello\n");
    let run = stickshift(root.path(), &["--virtual", "k3772", "switch", "--dry-run"]);
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success() && said.contains("12d1:1526") && said.contains("README"), "{run:?}");
    assert!(String::from_utf8_lossy(&run.stdout).contains("HuaweiNewMode"));
}

#[test]
fn an_empty_file_is_named_as_what_keeps_the_stick_from_switching() {
    for text in ["", "garbage\n", "# HuaweiNewMode=1\n"] {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), "etc/usb_modeswitch.d/12d1:1526", text);
        let run = stickshift(root.path(), &["--virtual", "k3772", "switch"]);
        let said = String::from_utf8_lossy(&run.stderr);
        assert_eq!(run.status.code(), Some(5), "{run:?}");
        assert!(said.contains("cause: the profile that counts for this stick names no way"), "{said}");
        assert!(said.contains("etc/usb_modeswitch.d/12d1:1526,") || said.contains("12d1:1526\n"), "{said}");
        assert!(said.contains("stick: untouched"), "{said}");
    }
}

#[test]
fn our_own_format_is_read_under_any_name() {
    let root = tempfile::tempdir().unwrap();
    let run = stickshift(root.path(), &["profile", "convert", "--to", "stickshift", "05c6:1000:sVe=GT"]);
    assert!(run.status.success(), "{run:?}");
    let note = String::from_utf8_lossy(&run.stderr).into_owned();
    assert!(note.contains("/etc/stickshift/devices.d"), "{note}");
    let own = format!(
        "[[device]]\nid = \"12d1:1526\"\nname = \"mine\"\nmethod = \"OptionMode\"\n\n{}",
        String::from_utf8_lossy(&run.stdout)
    );
    for name in ["mine.toml", "12d1:1526", "zz"] {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), &format!("etc/stickshift/devices.d/{name}"), &own);
        write(root.path(), "etc/usb_modeswitch.d/12d1:1526", "StandardEject=1\n");
        assert_eq!(plan(root.path(), &[])["profile"], "OptionMode", "{name}");
        let run = stickshift(root.path(), &["--virtual", "k3772", "switch", "--dry-run"]);
        assert!(!String::from_utf8_lossy(&run.stderr).contains("warning"), "{run:?}");
    }
    write(root.path(), "etc/stickshift/devices.d/mine.toml", "[[device]]\nid = \"12d1:1526\"\nmethod = 1\n");
    let run = stickshift(root.path(), &["--virtual", "k3772", "switch", "--dry-run"]);
    assert!(run.status.success() && String::from_utf8_lossy(&run.stderr).contains("mine.toml"), "{run:?}");
}
