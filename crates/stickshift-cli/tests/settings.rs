//! The owner's settings, and what `doctor` says of them and of a virtual computer.
#![cfg(feature = "virtual")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const SYSTEM: &str = "etc/stickshift/config.toml";
const USER: &str = "home/somebody/.config/stickshift/config.toml";

fn write(root: &Path, file: &str, text: &str) {
    let file = root.join(file);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
}

fn stickshift(root: &Path, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_stickshift"))
        .args(words)
        .env("STICKSHIFT_ROOT", root)
        .env("XDG_CONFIG_HOME", "/home/somebody/.config")
        .output()
        .unwrap()
}

fn out(run: &Output) -> String {
    String::from_utf8_lossy(&run.stdout).into_owned()
}

#[test]
fn doctor_asks_the_virtual_computer_and_ends_with_its_verdict() {
    let root = tempfile::tempdir().unwrap();
    let well = stickshift(root.path(), &["doctor", "--virtual", "k3772"]);
    assert_eq!(
        (well.status.code(), out(&well).lines().last()),
        (Some(0), Some("no problems found")),
        "{}",
        out(&well)
    );
    assert!(out(&well).contains("you may open the stick at 1-1"), "{}", out(&well));
    let denied = stickshift(root.path(), &["doctor", "--virtual", "e3372h-stick", "--fault", "no-access"]);
    assert_eq!(denied.status.code(), Some(1));
    assert!(out(&denied).contains("setup udev"), "{}", out(&denied));
    let held = stickshift(root.path(), &["doctor", "--virtual", "e3372h-stick", "--fault", "port-held"]);
    assert_eq!(held.status.code(), Some(1));
    assert!(out(&held).contains("is held by ModemManager"), "{}", out(&held));
}

#[test]
fn doctor_shows_the_rules_and_names_the_line_that_is_none() {
    let root = tempfile::tempdir().unwrap();
    write(
        root.path(),
        SYSTEM,
        "[[stick]]\nid = \"12d1:1f01\"\nto = \"serial\"\n\n[[stick]]\nplace = \"1-2\"\nto = \"leave\"\n",
    );
    let shown = out(&stickshift(root.path(), &["doctor", "--virtual", "none"]));
    assert!(shown.contains("watch: 12d1:1f01 gets serial ports"), "{shown}");
    assert!(shown.contains("watch: at 1-2 is left alone"), "{shown}");

    write(root.path(), SYSTEM, "[[stick]]\nid = \"12d1:1f01\"\nto = \"sereal\"\n");
    let wrong = stickshift(root.path(), &["doctor", "--virtual", "none"]);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(out(&wrong).contains("config.toml, line 3"), "{}", out(&wrong));
    let watch = stickshift(root.path(), &["watch", "--virtual", "none"]);
    assert_eq!(watch.status.code(), Some(2), "a rule that is not understood may say to leave a stick alone");
    assert!(String::from_utf8_lossy(&watch.stderr).contains("line 3"));
    // Others go on, and say so.
    let list = stickshift(root.path(), &["list", "--virtual", "none"]);
    assert!(list.status.success() && String::from_utf8_lossy(&list.stderr).contains("line 3"));
}

#[test]
fn what_is_wrong_with_the_settings_is_told_once() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), SYSTEM, "[[stick]]\nid = \"12d1:1f01\"\nto = \"sereal\"\n");
    for verb in ["up", "apn"] {
        let refused = stickshift(root.path(), &["online", verb, "--virtual", "e3372h-stick"]);
        let told = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!((refused.status.code(), told.matches("sereal").count()), (Some(2), 1), "{verb}: {told}");
    }
}

#[test]
fn another_stick_than_that_of_the_settings_is_not_taken_in_silence() {
    let root = tempfile::tempdir().unwrap();
    let warned = |sticks: &str, more: &[&str]| {
        let words = [&["identify", "--virtual", sticks], more].concat();
        let run = stickshift(root.path(), &words);
        assert!(run.status.success(), "{run:?}");
        String::from_utf8_lossy(&run.stderr).contains("the settings name is not plugged in")
    };
    write(root.path(), USER, "stick = \"12d1:1f01\"\n");
    assert!(warned("k3772-modem", &[]), "its ids may be other ones by now");
    assert!(!warned("k3772-modem", &["--stick", "1-1"]), "it was asked for");
    write(root.path(), USER, "stick = \"1-2\"\n");
    assert!(!warned("k3772-modem", &["--stick", "1-1"]), "it was asked for");
    assert!(!warned("k3772-modem,e3372s", &[]));
    // Where nothing stands at the place, whatever else is plugged in is not meant.
    for words in [&["identify"][..], &["sms", "delete", "SM:0"], &["switch", "--yes"]] {
        let run = stickshift(root.path(), &[words, &["--virtual", "k3772-modem"]].concat());
        let told = String::from_utf8_lossy(&run.stderr).into_owned();
        assert_eq!(run.status.code(), Some(3), "{words:?}: {told}");
        assert!(told.contains("no stick stands at 1-2") && told.contains("--stick PLACE"), "{told}");
        assert!(told.contains("stick: untouched"), "{told}");
    }
}

#[test]
fn settings_that_cannot_be_read_choose_no_stick() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), USER, "stick = \"1-2\"\ntypo = 1\n");
    for verb in [&["switch", "--virtual", "k3772"][..], &["pin", "status", "--virtual", "e3372h-stick"]] {
        let refused = stickshift(root.path(), verb);
        let told = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(2), "{told}");
        assert!(told.contains("typo") && told.contains("--stick PLACE"), "{told}");
        let named = stickshift(root.path(), &[verb, &["--stick", "1-1"]].concat());
        assert_eq!(named.status.code(), Some(0), "{named:?}");
    }
    let listed = stickshift(root.path(), &["list", "--virtual", "k3772"]);
    assert_eq!(listed.status.code(), Some(0), "{listed:?}");
}

#[test]
fn a_code_that_was_typed_is_not_repeated() {
    let root = tempfile::tempdir().unwrap();
    for words in [&["pin", "enter", "4711"][..], &["pin", "4711"], &["pin", "change", "4711", "4712"]] {
        for more in [&["--virtual", "e3372h-stick-pin"][..], &["--virtual", "e3372h-stick-pin", "--json"]] {
            let run = stickshift(root.path(), &[words, more].concat());
            let told = out(&run) + &String::from_utf8_lossy(&run.stderr);
            assert_eq!(run.status.code(), Some(2), "{told}");
            assert!(told.contains("STICKSHIFT_PIN") && !told.contains("471"), "{told}");
        }
    }
}

#[test]
fn a_user_chooses_a_stick_and_a_form() {
    let root = tempfile::tempdir().unwrap();
    let several = ["identify", "--virtual", "k3772-modem,e3372s"];
    assert_eq!(stickshift(root.path(), &several).status.code(), Some(3), "two sticks fit");
    write(root.path(), USER, "stick = \"1-2\"\noutput = \"json\"\n");
    let chosen = stickshift(root.path(), &several);
    let said: serde_json::Value = serde_json::from_slice(&chosen.stdout).unwrap();
    assert_eq!(said["result"]["place"], "1-2");
    let named = stickshift(root.path(), &["identify", "1-1", "--virtual", "k3772-modem,e3372s"]);
    let said: serde_json::Value = serde_json::from_slice(&named.stdout).unwrap();
    assert_eq!(said["result"]["place"], "1-1", "what is named goes first");
    write(root.path(), USER, "stick = \"1-9\"\n");
    assert_eq!(stickshift(root.path(), &several).status.code(), Some(3), "the usual one is not there");
}

#[test]
fn the_access_point_of_the_settings_is_that_of_online_where_none_is_named() {
    let root = tempfile::tempdir().unwrap();
    let up = |more: &[&str]| {
        let words = ["online", "up", "--dry-run", "--virtual", "e3372h-stick"];
        let shown = stickshift(root.path(), &[&words[..], more].concat());
        assert!(shown.status.success(), "{}", String::from_utf8_lossy(&shown.stderr));
        out(&shown)
    };
    write(root.path(), SYSTEM, "apn = \"of.the.computer\"\n");
    assert!(up(&[]).contains("of.the.computer"), "{}", up(&[]));
    write(root.path(), USER, "apn = \"of.the.user\"\n");
    assert!(up(&[]).contains("of.the.user"), "{}", up(&[]));
    assert!(!up(&["--apn", "named"]).contains("of.the"), "{}", up(&["--apn", "named"]));
}

/// Another access point than the one that is written there could cost money.
#[test]
fn settings_that_make_no_sense_keep_online_from_choosing_an_access_point() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), SYSTEM, "apn = \"internet\"\nfoo = 1\n");
    let refused = stickshift(root.path(), &["online", "up", "--virtual", "em7455"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(said.contains("foo") && said.contains("untouched"), "{said}");
    let words = ["online", "up", "--virtual", "em7455", "--apn", "internet", "--stick", "1-1"];
    let named = stickshift(root.path(), &words);
    assert_eq!(named.status.code(), Some(0), "{}", String::from_utf8_lossy(&named.stderr));
}

#[cfg(unix)]
#[test]
fn set_up_writes_regular_files_only() {
    let root = tempfile::tempdir().unwrap();
    let rules = root.path().join("etc/udev/rules.d/70-stickshift.rules");
    fs::create_dir_all(rules.parent().unwrap()).unwrap();
    for make in ["ln -s /dev/null", "mkfifo"] {
        let made = Command::new("sh").args(["-c", &format!("{make} \"$0\"")]).arg(&rules).status().unwrap();
        assert!(made.success());
        let folder = root.path().to_str().unwrap();
        let refused = stickshift(root.path(), &["setup", "udev", "--root", folder, "--force"]);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && said.contains("no regular file"), "{make}: {said}");
        fs::remove_file(&rules).unwrap();
    }
}

#[test]
fn set_up_below_a_folder_speaks_of_that_folder_alone() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().to_str().unwrap();
    for what in [&["udev"][..], &["systemd"], &["networkmanager"], &["networkd"], &["netifd"]] {
        let run = |more: &[&str]| {
            let words = [&["setup"], what, &["--root", root], more].concat();
            let run = stickshift(folder.path(), &words);
            (run.status.code(), String::from_utf8([run.stdout, run.stderr].concat()).unwrap())
        };
        let (code, said) = run(&[]);
        let lines: Vec<&str> = said.lines().collect();
        let [wrote, next, undo] = lines[..] else { panic!("{said}") };
        let file = wrote.strip_prefix("wrote ").unwrap();
        assert_eq!(undo, format!("undo: rm {file}"));
        assert!(code == Some(0) && next.starts_with("next: nothing on this computer"), "{said}");
        // The owner's change stays.
        let text = fs::read(file).unwrap();
        fs::write(file, "the owner's").unwrap();
        let (code, said) = run(&["--remove"]);
        assert!(code == Some(1) && said.contains(&format!("left {file}: it differs")), "{said}");
        fs::write(file, text).unwrap();
        assert_eq!(run(&["--remove"]), (Some(0), format!("removed {file}\n")));
        assert_eq!(run(&["--remove"]), (Some(0), format!("nothing to remove: {file} is not there\n")));
    }
    let wants = folder.path().join("etc/systemd/system/multi-user.target.wants");
    fs::create_dir_all(&wants).unwrap();
    fs::write(wants.join("stickshift-online@1-1.2.service"), "").unwrap();
    for (unit, is_enabled) in [(&["--online"][..], true), (&[], false)] {
        let words = [&["setup", "systemd", "--root", root], unit].concat();
        assert!(stickshift(folder.path(), &words).status.success());
        let run = stickshift(folder.path(), &[&words[..], &["--remove"]].concat());
        let said = String::from_utf8_lossy(&run.stdout).into_owned();
        assert_eq!(
            said.contains("systemctl disable --now stickshift-online@1-1.2.service"),
            is_enabled,
            "{said}"
        );
    }
}

#[test]
fn manual_pages_are_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let man1 = folder.path().join("man1");
    let pages = man1.to_str().unwrap();
    let run = |more: &[&str]| {
        let run = stickshift(folder.path(), &[&["setup", "man", "--dir", pages], more].concat());
        (run.status.code(), String::from_utf8([run.stdout, run.stderr].concat()).unwrap())
    };
    let (_, said) = run(&[]);
    assert!(said.ends_with(&format!("undo: stickshift setup man --dir {pages} --remove\n")), "{said}");
    let changed = man1.join("stickshift.1");
    fs::write(&changed, "mine").unwrap();
    fs::write(man1.join("other.1"), "other").unwrap();
    let (code, said) = run(&["--remove"]);
    assert!(code == Some(1) && said.contains(&format!("left {}: it differs", changed.display())), "{said}");
    assert_eq!(fs::read_dir(&man1).unwrap().count(), 2, "{said}");
}

/// A link in an image of a system would lead into the running one.
#[cfg(unix)]
#[test]
fn set_up_below_a_folder_goes_through_no_link_out_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let (image, outside) = (folder.path().join("image"), folder.path().join("outside"));
    let inside = image.join("usr/inside");
    for folder in [&inside, &outside] {
        fs::create_dir_all(folder).unwrap();
    }
    let image_name = image.to_str().unwrap();
    let lines = [
        vec!["setup", "udev", "--root", image_name],
        vec!["setup", "udev", "--root", image_name, "--remove"],
        vec!["setup", "openwrt", "--ids", "12d1:1526", "--out", image_name],
        vec!["setup", "openwrt", "--ids", "12d1:1526", "--out", image_name, "--remove"],
    ];
    let etc = image.join("etc");
    std::os::unix::fs::symlink(&outside, &etc).unwrap();
    for words in &lines {
        let run = stickshift(folder.path(), words);
        let said = String::from_utf8_lossy(&run.stderr).into_owned();
        assert!(!run.status.success() && said.contains("leads out of"), "{words:?}: {said}");
    }
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    fs::remove_file(&etc).unwrap();
    std::os::unix::fs::symlink("usr/inside", &etc).unwrap();
    for words in &lines {
        let run = stickshift(folder.path(), words);
        assert!(run.status.success(), "{words:?}: {}", String::from_utf8_lossy(&run.stderr));
    }
}

/// What is in the way of the last file is found before the first one is written.
#[cfg(unix)]
#[test]
fn set_up_for_a_router_is_all_or_nothing() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().to_str().unwrap();
    let set_up = || {
        let arguments = ["setup", "openwrt", "--virtual", "mf823", "--out", folder];
        let run = stickshift(root.path(), &arguments);
        (run.status.success(), String::from_utf8_lossy(&run.stderr).into_owned())
    };
    let hook = root.path().join("etc/hotplug.d/net/30-stickshift-wwan");
    let script = root.path().join("etc/stickshift/setup.sh");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    assert!(Command::new("mkfifo").arg(&hook).status().unwrap().success());
    let (done, said) = set_up();
    assert!(!done && said.contains("no regular file") && !script.exists(), "{said}");
    fs::remove_file(&hook).unwrap();
    fs::write(&hook, "the owner's").unwrap();
    let (done, said) = set_up();
    assert!(!done && said.contains("30-stickshift-wwan") && !script.exists(), "{said}");
    fs::remove_file(&hook).unwrap();
    let (done, said) = set_up();
    assert!(done && script.exists() && hook.exists(), "{said}");
}
