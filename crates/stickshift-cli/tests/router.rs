//! `setup openwrt` and the refusals of `router`, as they are typed.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn stickshift(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_stickshift")).args(arguments).current_dir(folder).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn openwrt_for_a_stick_that_is_not_here() {
    let folder = tempfile::tempdir().unwrap();
    let run = stickshift(folder.path(), &["setup", "openwrt", "--ids", "12d1:1526", "--apn", "web.example"]);
    assert!(run.status.success(), "{}", text(&run.stderr));
    let printed = text(&run.stdout);
    for line in [
        "kmod-usb-serial-option",
        "network.wwan.proto='3g'",
        "network.wwan.apn='web.example'",
        "usbmode -s -c",
    ] {
        assert!(printed.contains(line), "{line} is not in\n{printed}");
    }
}

/// One layout of 12d1:1506 has no modem port to dial PPP on.
#[test]
fn ids_of_modems_with_ncm_get_ncm_and_a_guess_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let setup = |more: &[&str]| {
        let run = stickshift(folder.path(), &[&["setup", "openwrt"], more].concat());
        assert!(run.status.success(), "{more:?}: {}", text(&run.stderr));
        text(&run.stdout)
    };
    for id in ["12d1:14fe", "12d1:1506", "12d1:155e", "12d1:155f", "12d1:15b6", "12d1:1596"] {
        let said = setup(&["--ids", id]);
        assert!(said.contains("network.wwan.proto='ncm'") && said.contains("comgt-ncm"), "{id}: {said}");
        assert!(said.contains("ncm is a guess by ids") && said.contains("--data"), "{id}: {said}");
    }
    assert!(setup(&["--ids", "12d1:1526"]).contains("ppp is a guess by ids"));
    let named = setup(&["--ids", "12d1:14fe", "--data", "ppp"]);
    assert!(named.contains("network.wwan.proto='3g'") && !named.contains("is a guess by ids"), "{named}");
    #[cfg(feature = "virtual")]
    for (stick, proto, guessed) in [
        ("e3372h-stick-cd", "ncm", true),
        ("e3276-cd", "ncm", true),
        ("e3372s-cd", "ncm", true),
        ("e3372h-hilink", "dhcp", false),
    ] {
        let said = setup(&["--virtual", stick]);
        assert!(said.contains(&format!("network.wwan.proto='{proto}'")), "{stick}: {said}");
        assert_eq!(said.contains("is a guess by ids"), guessed, "{stick}: {said}");
    }
}

#[test]
fn ids_that_no_profile_switches_are_said() {
    let folder = tempfile::tempdir().unwrap();
    for (id, said) in [("2222:1000", true), ("12d1:1f01", false), ("12d1:1506", false), ("2c7c:0125", false)]
    {
        let run = stickshift(folder.path(), &["setup", "openwrt", "--ids", id, "--data", "ppp"]);
        let note = text(&run.stdout).contains(&format!("no profile switches {id}"));
        assert_eq!(note, said, "{id}: {}", text(&run.stdout));
    }
}

/// Two file systems in one image, such as a running one and one for recovery.
#[test]
fn every_table_of_an_image_is_named_and_so_is_what_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/router_image");
    let part = |name: &str| fs::read(corpus.join(name)).unwrap();
    let (gzip, xz) = (part("gzip"), part("xz"));
    let second = format!("{:#x}", gzip.len());
    let knows = |bytes: &[u8]| {
        fs::write(folder.path().join("router.img"), bytes).unwrap();
        let run = stickshift(folder.path(), &["router", "knows", "router.img", "12d1:1526"]);
        (run.status.code(), text(&run.stdout) + &text(&run.stderr))
    };
    let (code, said) = knows(b"");
    assert!(code == Some(5) && said.contains("the file is empty") && !said.contains("squashfs"), "{said}");
    let (code, said) = knows(&gzip[..96]);
    assert!(code == Some(5) && said.contains("ends inside its file system"), "{said}");
    let alone = knows(&gzip);
    assert_eq!(alone.1.matches("/usb-mode.json").count(), 1, "{}", alone.1);
    assert_eq!(knows(&[&gzip[..], &[0xff; 100_000]].concat()), alone);
    let (_, said) = knows(&[gzip.clone(), xz].concat());
    for place in ["0x0", &second] {
        assert!(said.contains(&format!("/usb-mode.json, in the file system at {place}")), "{said}");
    }
    assert!(!said.contains("the first one is read"), "{said}");
    // A file system that does not open may hold a table with it.
    let (code, said) = knows(&[gzip, part("folder-cycle")].concat());
    assert!(code == Some(5) && said.contains(&format!("the file system at {second}:")), "{said}");
    let listed = stickshift(folder.path(), &["router", "list", "router.img"]);
    assert!(text(&listed.stderr).contains(&format!("the file system at {second} is not read")), "{listed:?}");
}

#[cfg(feature = "virtual")]
#[test]
fn openwrt_for_a_stick_that_is_here_is_written_below_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let run = stickshift(folder.path(), &["--virtual", "e3372h-hilink", "setup", "openwrt", "--out", "root"]);
    assert!(run.status.success(), "{}", text(&run.stderr));
    let settings = fs::read_to_string(folder.path().join("root/etc/stickshift/setup.sh")).unwrap();
    assert!(settings.contains("network.wwan.proto='dhcp'"), "{settings}");
    assert!(folder.path().join("root/etc/hotplug.d/net/30-stickshift-wwan").exists());
}

/// At the router's next start the stick waits to be switched again.
#[test]
fn a_stick_that_is_switched_already_brings_all_profiles_that_lead_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let run = stickshift(folder.path(), &["setup", "openwrt", "--ids", "12d1:14dc", "--out", "root"]);
    let said = text(&run.stdout) + &text(&run.stderr);
    assert!(said.contains("opkg install usb-modeswitch "), "{said}");
    assert!(said.contains("# note: 3 profiles lead to 12d1:14dc: all are in the table"), "{said}");
    let table = fs::read_to_string(folder.path().join("root/etc/stickshift/usb-mode-wwan.json")).unwrap();
    let table: serde_json::Value = serde_json::from_str(&table).unwrap();
    let ids: Vec<&String> = table["devices"].as_object().unwrap().keys().collect();
    assert_eq!(ids, ["12d1:157d", "12d1:1f01", "12d1:1f02"]);
    assert!(folder.path().join("root/etc/hotplug.d/usb/21-stickshift-wwan").exists());
    // One profile: its stick needs no other word.
    let run = stickshift(folder.path(), &["setup", "openwrt", "--ids", "12d1:14cf"]);
    let said = text(&run.stdout);
    assert!(said.contains("\"12d1:1526\"") && !said.contains("profiles lead to"), "{said}");
}

#[test]
fn a_folder_in_the_place_of_one_file_leaves_none_behind() {
    let folder = tempfile::tempdir().unwrap();
    let last = folder.path().join("root/etc/hotplug.d/usb");
    fs::create_dir_all(last.parent().unwrap()).unwrap();
    fs::write(&last, "").unwrap();
    let run = stickshift(folder.path(), &["setup", "openwrt", "--ids", "12d1:1526", "--out", "root"]);
    assert_eq!(run.status.code(), Some(1), "{}", text(&run.stdout));
    for file in [
        "etc/stickshift/setup.sh",
        "etc/stickshift/usb-mode-wwan.json",
        "etc/hotplug.d/tty/30-stickshift-wwan",
    ] {
        assert!(!folder.path().join("root").join(file).exists(), "{file}");
    }
}

#[test]
fn what_cannot_be_written_or_told_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("nothing.bin"), [0; 1000]).unwrap();
    for (arguments, code, kind) in [
        (&["setup", "openwrt", "--ids", "1234:5678"][..], 5, "no-profile"),
        (&["setup", "openwrt", "--ids", "03f0:002a"], 2, "this is no modem"),
        (&["setup", "openwrt", "--ids", "0bda:1a2b"], 2, "this is no modem"),
        (&["setup", "openwrt", "--ids", "1de1:1101"], 2, "this is no modem"),
        (&["setup", "openwrt", "--ids", "12d1:1526", "--apn", "a'; reboot"], 2, "usage"),
        // Its PPP device would be 3g-abcdefghijklm.
        (&["setup", "openwrt", "--ids", "12d1:1526", "--interface", "abcdefghijklm"], 2, "12 at most"),
        (
            &["setup", "openwrt", "--ids", "2c7c:0125", "--dialler", "stickshift", "--data", "qmi"],
            2,
            "--data ppp",
        ),
        (&["setup", "openwrt", "--ids", "12d1:1443", "--data", "ppp"], 2, "is no modem"),
        (&["router", "list", "missing.bin"], 1, "file-not-found"),
        (&["router", "knows", "nothing.bin", "12d1:1526"], 5, "wrong-file-kind"),
    ] {
        let run = stickshift(folder.path(), arguments);
        assert_eq!(run.status.code(), Some(code), "{arguments:?}: {}", text(&run.stderr));
        assert!(text(&run.stderr).contains(kind), "{arguments:?}: {}", text(&run.stderr));
    }
}

#[cfg(feature = "virtual")]
#[test]
fn no_authentication_needs_no_user() {
    let folder = tempfile::tempdir().unwrap();
    for (auth, code) in [("none", 0), ("pap", 2)] {
        let words =
            ["online", "up", "--virtual", "e3372h-stick", "--dry-run", "--apn", "web", "--auth", auth];
        let run = stickshift(folder.path(), &words);
        assert_eq!(run.status.code(), Some(code), "{auth}: {}", text(&run.stderr));
    }
    // A stick that dials by itself cannot be told.
    let words = ["online", "up", "--virtual", "e3372h-hilink", "--dry-run", "--auth", "none"];
    let run = stickshift(folder.path(), &words);
    assert!(text(&run.stderr).contains("cannot tell it about --auth"), "{}", text(&run.stderr));
}

#[cfg(all(feature = "virtual", target_os = "linux"))]
#[test]
fn a_user_without_a_password_has_an_empty_one_where_nobody_can_be_asked() {
    for password in [None, Some(""), Some("secret")] {
        // A session of its own has no terminal.
        let mut command = Command::new("setsid");
        command.arg(env!("CARGO_BIN_EXE_stickshift"));
        command.args(["online", "up", "--virtual", "e3372h-stick", "--apn", "web", "--user", "me"]);
        command.stdin(std::process::Stdio::null()).env_remove("STICKSHIFT_APN_PASSWORD");
        command.envs(password.map(|password| ("STICKSHIFT_APN_PASSWORD", password)));
        let run = command.output().unwrap();
        assert!(run.status.success(), "{password:?}: {}", text(&run.stderr));
    }
}

#[test]
fn a_second_stick_leaves_the_files_of_the_first_and_what_is_removed_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let setup = |more: &[&str]| {
        let words = [&["--json", "setup", "openwrt", "--out", "root", "--force"], more].concat();
        let run = stickshift(folder.path(), &words);
        assert!(run.status.success(), "{}", text(&run.stdout));
        text(&run.stdout)
    };
    let hook = "root/etc/hotplug.d/tty/30-stickshift-wwan";
    let first = [hook, "root/etc/hotplug.d/usb/21-stickshift-wwan", "root/etc/stickshift/usb-mode-wwan.json"];
    let are_there = || first.map(|file| folder.path().join(file).exists());
    setup(&["--ids", "12d1:1526"]);
    assert_eq!(are_there(), [true; 3]);
    let second = setup(&["--ids", "12d1:14dc", "--interface", "second"]);
    assert!(second.contains(r#""removed":[]"#), "{second}");
    assert_eq!(are_there(), [true; 3]);
    // The same interface through another stick, which has no port and nothing that switches it.
    let other = setup(&["--ids", "1199:9071", "--data", "mbim"]);
    assert_eq!(are_there(), [false; 3]);
    assert!(other.contains(&format!(r#""removed":["{hook}""#)), "{other}");
    fs::write(folder.path().join(hook), "").unwrap();
    let run =
        stickshift(folder.path(), &["setup", "openwrt", "--out", "root", "--force", "--ids", "12d1:14dc"]);
    let said = format!("# removed, of an earlier run for this interface:\n{hook}\n");
    assert!(text(&run.stdout).contains(&said), "{}", text(&run.stdout));
}

/// OpenWrt's uci as far as setup.sh uses it: each option is a file, and `FAILS` is the command that fails.
#[cfg(unix)]
const UCI: &str = r#"#!/bin/sh
[ "$1" != -q ] || shift
command=$1 what=$2
[ "$command" != "$FAILS" ] || exit 1
echo "$*" >>commands
case "$command" in
	show) echo "firewall.@zone[1].name='wan'"; echo "firewall.@zone[1].network='wan' 'wwan'" ;;
	get) cat "uci/$what" 2>/dev/null ;;
	set) printf '%s' "${what#*=}" >"uci/${what%%=*}" ;;
	delete) rm "uci/$what" ;;
esac
"#;

/// Runs the setup.sh below `root` on a router of its own, whose uci fails at `fails`.
#[cfg(unix)]
fn run_script(folder: &Path, fails: &str) -> Output {
    on_router(folder, &["root/etc/stickshift/setup.sh"], fails)
}

/// Runs the shell on a router of its own.
#[cfg(unix)]
fn on_router(folder: &Path, words: &[&str], fails: &str) -> Output {
    use std::os::unix::fs::PermissionsExt;

    let uci = folder.join("bin/uci");
    fs::create_dir_all(folder.join("bin")).unwrap();
    fs::create_dir_all(folder.join("uci")).unwrap();
    fs::write(&uci, UCI).unwrap();
    fs::set_permissions(&uci, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", uci.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let mut command = Command::new("sh");
    command.args(words).current_dir(folder).env("PATH", path).env("FAILS", fails);
    command.output().unwrap()
}

#[cfg(unix)]
#[test]
fn set_up_for_a_router_is_taken_back_but_for_what_the_owner_changed() {
    let folder = tempfile::tempdir().unwrap();
    let setup = |more: &[&str]| {
        let words = [&["setup", "openwrt", "--ids", "12d1:1526", "--out", "root"], more].concat();
        let run = stickshift(folder.path(), &words);
        (run.status.code(), text(&run.stdout) + &text(&run.stderr))
    };
    let (code, said) = setup(&[]);
    assert!(
        code == Some(0) && said.contains("# undo, on the router:\nrm /etc/stickshift/setup.sh "),
        "{said}"
    );
    assert!(run_script(folder.path(), "").status.success());
    let table = folder.path().join("root/etc/stickshift/usb-mode-wwan.json");
    let mut changed = fs::read_to_string(&table).unwrap();
    changed.push('\n');
    fs::write(&table, &changed).unwrap();
    let (code, said) = setup(&["--remove"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("removed root/etc/hotplug.d/tty/30-stickshift-wwan\n"), "{said}");
    assert!(said.contains("left root/etc/stickshift/usb-mode-wwan.json: it differs"), "{said}");
    assert_eq!(fs::read_to_string(&table).unwrap(), changed);
    // Of the folders only that of the file that stays.
    let folders = |below: &str| fs::read_dir(folder.path().join(below)).unwrap().count();
    assert_eq!((folders("root/etc"), folders("root/etc/stickshift")), (1, 1));
    let forget = said.split_once("next: on the router: ").unwrap().1.lines().next().unwrap();
    assert!(folder.path().join("uci/network.wwan.stickshift").exists());
    let run = on_router(folder.path(), &["-c", forget], "");
    let commands = fs::read_to_string(folder.path().join("commands")).unwrap();
    let last = "delete network.wwan\ncommit network\nshow firewall\ndel_list firewall.@zone[1].network=wwan\ncommit firewall\n";
    assert!(commands.ends_with(last), "{commands}{}", text(&run.stderr));
    fs::remove_file(&table).unwrap();
    let (code, said) = setup(&["--remove"]);
    assert!(code == Some(0) && said.contains("nothing to remove"), "{said}");
}

#[test]
fn hooks_of_builds_that_had_one_stick_go_with_their_interface() {
    let folder = tempfile::tempdir().unwrap();
    let hook = folder.path().join("root/etc/hotplug.d/tty/30-stickshift");
    let table = folder.path().join("root/etc/stickshift/usb-mode.json");
    for (interface, stays) in [("lte", true), ("wwan", false)] {
        for file in [&hook, &table] {
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, format!("# ttyUSB0 is there: the stick is ready.\nifup {interface}\n")).unwrap();
        }
        let words = ["setup", "openwrt", "--ids", "12d1:1526", "--out", "root", "--force"];
        let run = stickshift(folder.path(), &words);
        assert!(run.status.success(), "{}", text(&run.stderr));
        assert_eq!((hook.exists(), table.exists()), (stays, stays), "{interface}");
        assert_eq!(text(&run.stdout).contains("tty/30-stickshift\n"), !stays);
    }
}

#[cfg(unix)]
#[test]
fn the_script_fails_where_uci_fails_and_takes_back_what_it_began() {
    let folder = tempfile::tempdir().unwrap();
    stickshift(folder.path(), &["setup", "openwrt", "--ids", "12d1:1526", "--out", "root"]);
    for fails in ["set", "add_list", "commit"] {
        let run = run_script(folder.path(), fails);
        let said = text(&run.stderr);
        assert_eq!(run.status.code(), Some(1), "{fails}: {said}");
        assert!(said.contains("uci failed") && said.contains("run this script again"), "{said}");
        let commands = fs::read_to_string(folder.path().join("commands")).unwrap();
        assert!(commands.ends_with("revert network\nrevert firewall\n"), "{commands}");
    }
    assert!(run_script(folder.path(), "").status.success());
    // Not a router.
    let sh = if Path::new("/bin/sh").exists() { "/bin/sh" } else { "sh" };
    let mut command = Command::new(sh);
    let run =
        command.arg("root/etc/stickshift/setup.sh").current_dir(folder.path()).env("PATH", "none").output();
    let run = run.unwrap();
    assert_eq!((run.status.code(), text(&run.stderr).contains("no uci here")), (Some(1), true));
}

#[cfg(unix)]
#[test]
fn what_an_earlier_run_set_goes_and_what_the_owner_added_stays() {
    let folder = tempfile::tempdir().unwrap();
    let option = |name: &str| fs::read_to_string(folder.path().join(format!("uci/network.wwan.{name}"))).ok();
    let setup = |more: &[&str]| {
        let words = [&["setup", "openwrt", "--ids", "12d1:14cf", "--out", "root", "--force"], more].concat();
        assert!(stickshift(folder.path(), &words).status.success());
        let run = run_script(folder.path(), "");
        assert!(run.status.success(), "{}", text(&run.stderr));
    };
    setup(&["--apn", "web.example"]);
    assert_eq!(option("apn").as_deref(), Some("web.example"));
    assert_eq!(option("service").as_deref(), Some("umts"));
    fs::write(folder.path().join("uci/network.wwan.pincode"), "1234").unwrap();
    fs::write(folder.path().join("uci/network.wwan.place"), "1-1.4").unwrap();
    setup(&["--dialler", "stickshift"]);
    for name in ["apn", "device", "service", "dialnumber"] {
        assert_eq!(option(name), None, "{name}");
    }
    assert_eq!(option("proto").as_deref(), Some("stickshift"));
    assert_eq!(option("pincode").as_deref(), Some("1234"));
    assert_eq!(option("place").as_deref(), Some("1-1.4"));
}

#[cfg(feature = "virtual")]
#[test]
fn the_place_is_written_of_a_stick_that_is_named() {
    let folder = tempfile::tempdir().unwrap();
    for (words, has_place) in [
        (&["--virtual", "k3772,e3372h-stick", "--stick", "1-1"][..], true),
        (&["--virtual", "k3772", "--stick", "12d1:1526"], true),
        (&["--virtual", "k3772"], false),
        (&["--virtual", "k3772-modem"], true),
    ] {
        let words = [&["setup", "openwrt", "--dialler", "stickshift"], words].concat();
        let run = stickshift(folder.path(), &words);
        assert!(run.status.success(), "{}", text(&run.stderr));
        let printed = text(&run.stdout);
        assert_eq!(printed.contains("network.wwan.place='1-1'"), has_place, "{words:?}: {printed}");
        assert_eq!(printed.contains("takes the only stick"), !has_place, "{words:?}: {printed}");
    }
}

#[cfg(feature = "virtual")]
#[test]
fn a_stick_whose_firmware_does_not_run_is_refused_with_what_leads_on() {
    let folder = tempfile::tempdir().unwrap();
    for (name, next) in
        [("e3372h-loader", "`stickshift flash FIRMWARE`"), ("e3372h-needle", "plug it in again")]
    {
        for more in [&[][..], &["--data", "ppp"], &["--dialler", "stickshift"]] {
            let words = [&["setup", "openwrt", "--virtual", name], more].concat();
            let run = stickshift(folder.path(), &words);
            let said = text(&run.stderr);
            assert_eq!(run.status.code(), Some(2), "{words:?}: {said}");
            assert!(said.contains("is no modem") && said.contains(next), "{words:?}: {said}");
        }
    }
    // Modems may have the ids of download mode.
    let run = stickshift(folder.path(), &["setup", "openwrt", "--ids", "12d1:1c05", "--data", "ppp"]);
    assert!(run.status.success(), "{}", text(&run.stderr));
}
