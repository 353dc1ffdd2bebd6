//! `learn` and `inspect` of captures as they are typed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use test_support::result_of;

fn capture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/captures").join(name)
}

fn stickshift(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_stickshift")).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_profile_that_is_not_sure_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let whole = fs::read(capture("k3772.pcapng")).unwrap();
    let cut = folder.path().join("cut.pcapng");
    // The stick leaves, and what it becomes is not to be seen any more.
    fs::write(&cut, &whole[..whole.len() * 95 / 100]).unwrap();
    for (file, is_sure) in [(capture("k3772.pcapng"), true), (cut, false)] {
        let run = stickshift(&["learn", file.to_str().unwrap(), "--format", "native"]);
        let (profile, said) = (text(&run.stdout), text(&run.stderr));
        assert_eq!(profile.contains("learned from a USB capture: likely, not sure"), !is_sure, "{profile}");
        assert_eq!(said.contains("the profile of 12d1:1526 is likely, not sure"), !is_sure, "{said}");
    }
}

#[test]
fn a_capture_becomes_a_profile_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let k3772 = capture("k3772.pcapng");
    let k3772 = k3772.to_str().unwrap();
    let run = stickshift(&["learn", k3772]);
    assert!(run.status.success());
    let said = text(&run.stdout);
    assert!(
        said.contains("12d1:1526 (Vodafone K3772) becomes 12d1:14cf\n  by HuaweiNewMode: sure"),
        "{said}"
    );

    // Under another name than its ids, the file tells them itself.
    let other = folder.path().join("k3772.conf");
    let run = stickshift(&["learn", k3772, "-o", other.to_str().unwrap()]);
    assert!(run.status.success(), "{}", text(&run.stderr));
    assert!(fs::read_to_string(&other).unwrap().contains("DefaultVendor=0x12d1\nDefaultProduct=0x1526\n"));

    for format in ["usb_modeswitch", "configpack", "openwrt", "tplink", "udev", "native"] {
        let file = folder.path().join("12d1:1526");
        let out = file.to_str().unwrap();
        let run = stickshift(&["learn", k3772, "--format", format, "-o", out, "--force"]);
        assert!(run.status.success(), "{format}: {}", text(&run.stderr));
        let run = stickshift(&["inspect", out, "--json"]);
        if format != "udev" {
            let read = result_of(&run.stdout);
            let entry = &read["files"][0]["entries"][0];
            assert_eq!(
                (entry["key"].as_str(), entry["method"].as_str()),
                (Some("12d1:1526"), Some("HuaweiNewMode")),
                "{format}"
            );
        }
    }
}

#[test]
fn the_answer_is_json_where_asked_for() {
    let run = stickshift(&["learn", capture("zte-mf190.pcapng").to_str().unwrap(), "--json"]);
    let answer = result_of(&run.stdout);
    assert_eq!(answer["capture"]["packets"], 962);
    assert_eq!(answer["capture"]["truncated"], false);
    let learned = &answer["learned"][0];
    assert_eq!((learned["id"].as_str(), learned["target"].as_str()), (Some("19d2:2000"), Some("19d2:0031")));
    assert_eq!(learned["candidates"][0]["profile"][2], "StandardEject=1");
}

#[test]
fn nothing_to_learn_is_an_answer_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let whole = fs::read(capture("k3772.pcapng")).unwrap();
    let cut = folder.path().join("cut.pcapng");
    fs::write(&cut, &whole[..40_001]).unwrap();
    let cut = cut.to_str().unwrap();
    let run = stickshift(&["learn", cut]);
    assert_eq!(run.status.code(), Some(1));
    let said = text(&run.stdout);
    assert!(said.contains("nothing to learn here") && said.contains("never disconnects"), "{said}");
    assert!(said.contains("the file ends in the middle of a packet"), "{said}");
    assert!(text(&run.stderr).contains("(nothing-to-learn)"));

    let run = stickshift(&["inspect", cut]);
    assert!(run.status.success());
    let said = text(&run.stdout);
    assert!(said.contains("pcapng capture of Linux usbmon") && said.contains("not whole"), "{said}");
    assert!(said.contains("12d1:1526  install disk (CD-ROM)"), "{said}");

    let run =
        stickshift(&["learn", Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml").to_str().unwrap()]);
    assert!(text(&run.stderr).contains("(wrong-file-kind)"));
}

#[test]
fn what_was_learned_is_tried_after_the_plan_was_shown() {
    let k3772 = capture("k3772.pcapng");
    let k3772 = k3772.to_str().unwrap();
    let asked = stickshift(&["learn", k3772, "--try", "--virtual", "k3772"]);
    assert_eq!(asked.status.code(), Some(5));
    let said = text(&asked.stderr);
    assert!(said.contains("(Huawei switch for Linux)") && said.contains("stick: untouched"), "{said}");

    let done = stickshift(&["learn", k3772, "--try", "--virtual", "k3772", "--yes"]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    assert!(text(&done.stdout).contains("switched from 12d1:1526: 1-1  12d1:14cf"));

    let other = stickshift(&["learn", k3772, "--try", "--virtual", "zte-2000", "--yes"]);
    assert_eq!(other.status.code(), Some(5), "{}", text(&other.stderr));
    assert!(text(&other.stderr).contains("the capture is of another stick than 19d2:2000"));
}

#[test]
fn ids_that_the_capture_does_not_show_are_refused_in_every_form() {
    let k3772 = capture("k3772.pcapng");
    let k3772 = k3772.to_str().unwrap();
    for more in [&[][..], &["--format", "openwrt"], &["--json"]] {
        let run = stickshift(&[&["learn", k3772, "--id", "1234:5678"], more].concat());
        assert_eq!(run.status.code(), Some(1), "{more:?}");
        let said = text(&run.stdout) + &text(&run.stderr);
        assert!(said.contains("no switch of 1234:5678, but of 12d1:1526"), "{more:?}: {said}");
        assert!(!said.contains("100/100"), "{more:?}: {said}");
    }
    let run = stickshift(&["learn", k3772, "--id", "12d1:1526"]);
    assert!(run.status.success() && text(&run.stdout).contains("sure (100/100)"));
}

#[test]
fn ids_that_the_capture_lacks_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let text_log = fs::read_to_string(capture("k3772.usbmon.txt")).unwrap();
    let late = folder.path().join("late.txt");
    // It begins when the disk is long there.
    let lines: Vec<&str> = text_log.lines().skip(300).collect();
    fs::write(&late, lines.join("\n")).unwrap();
    let late = late.to_str().unwrap();
    let run = stickshift(&["learn", late, "--format", "openwrt"]);
    assert_eq!(run.status.code(), Some(2), "{}", text(&run.stderr));
    assert!(text(&run.stderr).contains("--id"), "{}", text(&run.stderr));
    let run = stickshift(&["learn", late, "--format", "openwrt", "--id", "12d1:1526"]);
    let json: Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!(json["devices"]["12d1:1526"]["*"]["mode"], "HuaweiNew");
}

/// A switch by a vendor's control request, as usbmon's text shows it, of a stick with an IMEI for its name.
fn by_control_request() -> String {
    let name: String = "867723012345678".bytes().map(|b| format!("{b:02x}00")).collect();
    format!(
        "ffff880000000002 1000500 S Ci:1:005:0 s 80 06 0100 0000 0012 18 <\n\
         ffff880000000002 1000800 C Ci:1:005:0 0 18 = 12010002 00000040 edfeefbe 00000102 0301\n\
         ffff880000000003 1001000 S Ci:1:005:0 s 80 06 0200 0000 0020 32 <\n\
         ffff880000000003 1001300 C Ci:1:005:0 0 32 = 09022000 010100c0 fa090400 00020806 50000705 81020002 00070501 02000200\n\
         ffff880000000004 1001400 S Ci:1:005:0 s 80 06 0302 0409 00ff 255 <\n\
         ffff880000000004 1001500 C Ci:1:005:0 0 32 = 2003{name}\n\
         ffff880000000009 3000000 S Co:1:005:0 s 40 55 1234 5678 0000 0\n\
         ffff880000000009 3000100 C Co:1:005:0 0 0\n\
         ffff88000000000a 3000200 S Bi:1:005:1 -115 13 <\n\
         ffff88000000000a 3001100 C Bi:1:005:1 -108 0\n\
         ffff88000000000e 4000000 S Ci:1:006:0 s 80 06 0100 0000 0012 18 <\n\
         ffff88000000000e 4000100 C Ci:1:006:0 0 18 = 12010002 00000040 edfee0be 00000102 0301\n"
    )
}

#[test]
fn no_profile_is_written_that_does_nothing_and_none_that_names_a_person() {
    let folder = tempfile::tempdir().unwrap();
    let (log, out) = (folder.path().join("log.txt"), folder.path().join("feed:beef"));
    fs::write(&log, by_control_request()).unwrap();
    let (log, file) = (log.to_str().unwrap(), out.to_str().unwrap());
    for format in ["usb-modeswitch", "configpack", "openwrt"] {
        let run = stickshift(&["learn", log, "--format", format, "-o", file]);
        assert_eq!(run.status.code(), Some(2), "{format}: {}", text(&run.stderr));
        assert!(text(&run.stderr).contains("control request") && !out.exists(), "{}", text(&run.stderr));
    }
    let run = stickshift(&["learn", log, "--format", "native", "-o", file]);
    assert!(run.status.success(), "{}", text(&run.stderr));
    assert!(fs::read_to_string(&out).unwrap().contains("40553412"));
    for arguments in
        [&["learn", log][..], &["inspect", log], &["learn", log, "--json"], &["profile", "show", file]]
    {
        let run = stickshift(arguments);
        let said = text(&run.stdout) + &text(&run.stderr);
        assert!(run.status.success() && !said.contains("8677230"), "{arguments:?}: {said}");
    }
    assert!(!fs::read_to_string(&out).unwrap().contains("8677230"));
}

/// The K3772's capture with a flash drive in it that its user ejected.
fn with_a_flash_drive() -> String {
    let k3772 = fs::read_to_string(capture("k3772.usbmon.txt")).unwrap();
    k3772
        + "ffff880000000002 61000500 S Ci:1:077:0 s 80 06 0100 0000 0012 18 <\n\
           ffff880000000002 61000800 C Ci:1:077:0 0 18 = 12010002 00000040 81076755 00020102 0301\n\
           ffff880000000009 63000000 S Bo:1:077:1 -115 31 = 55534243 12345678 00000000 0000061b 00000002 00000000 00000000 000000\n\
           ffff880000000009 63000100 C Bo:1:077:1 0 31 >\n\
           ffff88000000000a 63000200 S Bi:1:077:1 -115 13 <\n\
           ffff88000000000a 63001100 C Bi:1:077:1 -108 0\n"
}

#[test]
fn a_drive_of_which_nobody_saw_what_it_became_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log.txt");
    fs::write(&log, with_a_flash_drive()).unwrap();
    let log = log.to_str().unwrap();
    for format in ["openwrt", "native", "usb-modeswitch"] {
        let run = stickshift(&["learn", log, "--format", format]);
        let (file, said) = (text(&run.stdout), text(&run.stderr));
        assert!(run.status.success(), "{format}: {said}");
        assert!(!file.to_lowercase().contains("5567"), "{format}: {file}");
        assert!(
            said.contains("0781:5567 is left out") && said.contains("--id 0781:5567"),
            "{format}: {said}"
        );
    }
    let run = stickshift(&["learn", log, "--format", "openwrt", "--id", "0781:5567"]);
    assert!(text(&run.stdout).contains("0781:5567"), "{}", text(&run.stderr));
}

#[test]
fn a_file_for_one_stick_names_the_option_that_chooses_it() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log.txt");
    let modem = "ffff88000000000e 65000000 S Ci:1:078:0 s 80 06 0100 0000 0012 18 <\n\
                 ffff88000000000e 65000000 C Ci:1:078:0 0 18 = 12010002 00000040 81076855 00000102 0301\n";
    fs::write(&log, with_a_flash_drive() + modem).unwrap();
    let run = stickshift(&["learn", log.to_str().unwrap(), "--format", "usb-modeswitch"]);
    let said = text(&run.stderr);
    assert_eq!(run.status.code(), Some(2), "{said}");
    assert!(said.contains("12d1:1526") && said.contains("--id"), "{said}");
}
