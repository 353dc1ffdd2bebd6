//! The profile verbs as they are typed: what is printed, what is written, how it ends.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn stickshift(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_stickshift")).args(arguments).current_dir(folder).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

const SAMPLE: &[u8] = include_bytes!("../../../tests/fixtures/tplink-k3772.bin");

#[test]
fn the_catalogue_is_searched() {
    let folder = tempfile::tempdir().unwrap();
    let run = stickshift(folder.path(), &["profile", "list", "k3772"]);
    assert!(text(&run.stdout).contains("12d1:1526                HuaweiNewMode            Vodafone K3772"));
    let run = stickshift(folder.path(), &["profile", "show", "12d1:1f01", "--json"]);
    let shown: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
    let shown = &shown["result"];
    assert_eq!(shown["profiles"][0]["targets"], serde_json::json!(["12d1:14db", "12d1:14dc"]));
    assert_eq!(stickshift(folder.path(), &["profile", "show", "12d1:ffff"]).status.code(), Some(5));
}

#[test]
fn a_tp_link_file_becomes_a_profile_and_back() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("k3772.bin"), SAMPLE).unwrap();
    let run = stickshift(folder.path(), &["profile", "convert", "k3772.bin", "--to", "usb-modeswitch"]);
    let ids = "DefaultVendor=0x12d1\nDefaultProduct=0x1526\n";
    let expected = format!("# Huawei K3772\n# source: TP-Link modem file\n{ids}HuaweiNewMode=1\n");
    assert_eq!(text(&run.stdout), expected);
    let run =
        stickshift(folder.path(), &["profile", "convert", "k3772.bin", "--to", "tplink", "-o", "again.bin"]);
    assert!(run.status.success(), "{}", text(&run.stderr));
    assert_eq!(fs::read(folder.path().join("again.bin")).unwrap(), SAMPLE);
    let run = stickshift(folder.path(), &["inspect", "k3772.bin"]);
    assert!(text(&run.stdout).starts_with("k3772.bin: TP-Link 3G modem bin file, 1 entry\n"));
}

#[test]
fn what_is_lost_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let run = stickshift(folder.path(), &["profile", "convert", "05c6:1000", "12d1:1001", "--to", "openwrt"]);
    let said = text(&run.stderr);
    assert!(said.contains("lost in conversion: name (13 entries)"), "{said}");
    assert!(said.contains("note: 05c6:1000: usbmode never looks at conditions"), "{said}");
}

#[test]
fn what_is_printed_for_usb_modeswitch_can_be_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let run = stickshift(folder.path(), &["profile", "convert", "--to", "usb-modeswitch", "12d1:1526"]);
    fs::write(folder.path().join("my.conf"), &run.stdout).unwrap();
    let run = stickshift(folder.path(), &["profile", "show", "my.conf"]);
    assert!(text(&run.stdout).starts_with("12d1:1526  "), "{}", text(&run.stderr));
}

#[test]
fn a_condition_that_no_name_carries_is_lost_aloud() {
    let folder = tempfile::tempdir().unwrap();
    let named = "1c9e:f000:uMa=USB_Modem";
    fs::write(folder.path().join(named), "StandardEject=1\n").unwrap();
    let to_file = |output: &[&str]| {
        let arguments = [&["profile", "convert", named, "--to", "usb-modeswitch"], output].concat();
        text(&stickshift(folder.path(), &arguments).stderr)
    };
    assert!(to_file(&["-o", "other.conf"]).contains("lost in conversion: qualifiers"));
    assert!(to_file(&[]).contains("lost in conversion: qualifiers"));
    fs::create_dir(folder.path().join("d")).unwrap();
    let said = to_file(&["-o", "d/1c9e:f000:uMa=USB_Modem"]);
    assert!(
        !said.contains("qualifiers") && said.contains("usb_modeswitch.d/1c9e:f000:uMa=USB_Modem"),
        "{said}"
    );
}

#[test]
fn a_file_without_a_profile_is_no_success_and_replaces_nothing() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("cut"), "[start_12d1_1526_1]\nMessageContent=\"-H\"\n").unwrap();
    for format in ["usb-modeswitch-pack", "tplink-table", "tplink", "stickshift", "openwrt", "udev"] {
        fs::write(folder.path().join("kept"), "kept").unwrap();
        let arguments = ["profile", "convert", "cut", "--to", format, "-o", "kept", "--force"];
        let run = stickshift(folder.path(), &arguments);
        let said = text(&run.stderr);
        assert_eq!(run.status.code(), Some(5), "{format}: {said}");
        assert!(said.contains("no end") && said.contains("there is no profile in this file"), "{said}");
        assert_eq!(fs::read(folder.path().join("kept")).unwrap(), b"kept", "{format}");
    }
    for verb in ["show", "check"] {
        let run = stickshift(folder.path(), &["profile", verb, "cut"]);
        assert_eq!(run.status.code(), Some(5), "{verb}");
    }
}

#[test]
fn what_was_written_is_counted_and_what_was_left_out_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("alone"), "DefaultVendor=1c9e\nDefaultProduct=f000\nConfiguration=0\n")
        .unwrap();
    for format in ["openwrt", "tplink", "tplink-table"] {
        let arguments = ["profile", "convert", "alone", "12d1:1526", "--to", format, "-o", "x", "--force"];
        let run = stickshift(folder.path(), &arguments);
        let said = text(&run.stderr);
        assert!(said.contains("left out: 1c9e:f000: "), "{format}: {said}");
        assert_eq!(text(&run.stdout), format!("x: 1 entry as {format}\n"));
    }
}

#[test]
fn an_archive_has_one_member_of_a_name() {
    let folder = tempfile::tempdir().unwrap();
    let device = |method: &str| format!("[[device]]\nid = '12d1:1f01'\nmethod = ['{method}']\n");
    fs::write(folder.path().join("two"), device("HuaweiNewMode") + &device("HuaweiAltMode")).unwrap();
    let convert = ["profile", "convert", "two", "--to", "usb-modeswitch-pack", "-o", "pack.tgz"];
    let run = stickshift(folder.path(), &convert);
    assert!(text(&run.stderr).contains("left out: 12d1:1f01: an archive has one file of a name"));
    assert_eq!(text(&run.stdout), "pack.tgz: 1 entry as usb-modeswitch-pack\n");
    let run = stickshift(folder.path(), &["profile", "show", "pack.tgz"]);
    assert!(text(&run.stdout).contains("HuaweiNewMode") && run.stderr.is_empty());
}

#[test]
fn ids_that_stand_twice_in_a_usb_mode_json_are_named() {
    let one = "\"12d1:1f01\": {\"*\": {\"mode\": \"HuaweiNew\"}}";
    let (all, code) = checked("usb-mode.json", format!("{{\"devices\": {{{one},\n{one}}}}}").as_bytes());
    assert!(all.contains("line 2: \"12d1:1f01\" is there twice: the last one counts"), "{all}");
    assert_eq!(code, Some(0));
}

#[test]
fn names_in_a_tp_link_file_are_made_unique() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["profile", "convert", "04cc:226e", "04cc:226f", "--to", "tplink", "-o", "two.bin"];
    let run = stickshift(folder.path(), &arguments);
    assert!(text(&run.stderr).contains("the ids stand behind it"), "{}", text(&run.stderr));
    let run = stickshift(folder.path(), &["profile", "check", "two.bin"]);
    let said = text(&run.stdout);
    let names: Vec<&str> = said.lines().filter_map(|line| line.rsplit("  ").next()).skip(1).collect();
    assert!(names.len() == 2 && names[1] == format!("{} 04cc-226f", names[0]), "{said}");
}

#[test]
fn a_key_of_the_list_names_one_entry() {
    let folder = tempfile::tempdir().unwrap();
    let key = "1c9e:f000:uMa=USB_Modem";
    let run = stickshift(folder.path(), &["profile", "show", key]);
    let said = text(&run.stdout);
    assert!(said.starts_with(key) && said.matches("method:").count() == 1, "{said}");
    let run = stickshift(folder.path(), &["profile", "convert", key, "--to", "stickshift"]);
    assert_eq!(text(&run.stdout).matches("[[device]]").count(), 1);
    let run = stickshift(folder.path(), &["profile", "show", "1c9e:f000:uMa=Nobody"]);
    assert!(text(&run.stderr).contains("no-profile"), "{}", text(&run.stderr));
    let run = stickshift(folder.path(), &["setup", "openwrt", "--ids", key]);
    assert!(run.status.success(), "{}", text(&run.stderr));
}

#[test]
fn what_usb_modeswitch_reads_otherwise_is_found_by_check() {
    for (profile, said) in [
        ("DefaultVendor=0\nHuaweiNewMode=1\n", "DefaultVendor is 0"),
        ("DefaultProduct=0x0000\nHuaweiNewMode=1\n", "DefaultProduct is 0"),
        ("TargetProductList=\"14dc, 14db\"\nHuaweiNewMode=1\n", "more beside them than a comma"),
        ("TargetProductList=\"14dc 14db\"\nHuaweiNewMode=1\n", "more beside them than a comma"),
        ("ReleaseDelay=0x10\nHuaweiNewMode=1\n", "only \"0\" is read of \"0x10\""),
        ("Interface=0x0z\nHuaweiNewMode=1\n", "only \"0x0\" is read of \"0x0z\""),
        (
            "DefaultVendor=12d1\nDefaultProduct=1f01\nDefaultProduct=14fe\nHuaweiNewMode=1\n",
            "DefaultProduct was given before, the first one counts",
        ),
    ] {
        let (all, code) = checked("12d1:1f01", profile.as_bytes());
        assert!(all.contains("  12d1:1f01  HuaweiNewMode") && all.contains(said), "{profile}{all}");
        assert!(code == Some(0) && all.matches("warning").count() == 1, "{profile}{all}");
    }
    let fine = "DefaultVendor=0x12d1\nTargetProductList=\"14dc,14db\"\nInterface=0x01\nCheckSuccess=20\nHuaweiNewMode=1\n";
    assert!(!checked("12d1:1f01", fine.as_bytes()).0.contains("warning"));
}

#[test]
fn of_a_rule_that_names_ids_alone_check_and_convert_say_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let run =
        stickshift(folder.path(), &["profile", "convert", "12d1:1f01", "--to", "udev", "-o", "own.rules"]);
    assert!(run.status.success());
    let check = stickshift(folder.path(), &["profile", "check", "own.rules"]);
    assert_eq!(check.status.code(), Some(0), "udev takes it");
    let convert = stickshift(folder.path(), &["profile", "convert", "own.rules", "--to", "openwrt"]);
    assert!(!convert.status.success() && convert.stdout.is_empty());
    for said in [text(&check.stdout), text(&convert.stderr)] {
        assert!(said.contains("a rule that names ids alone does not say what is sent"), "{said}");
    }
}

#[test]
fn an_attack_is_shown_and_refused() {
    let folder = tempfile::tempdir().unwrap();
    let table = "[start_12d1_1526_1]\nMessageContent=\"-H;telnetd\"\n[end_12d1_1526_1]\n";
    fs::write(folder.path().join("table"), table).unwrap();
    for arguments in [&["profile", "check", "table"][..], &["profile", "convert", "table", "--to", "openwrt"]]
    {
        let run = stickshift(folder.path(), arguments);
        assert_eq!(run.status.code(), Some(5));
        let all = text(&run.stdout) + &text(&run.stderr);
        assert!(all.contains("an attack on the router") && all.contains("-H;telnetd"), "{all}");
    }
}

const MESSAGE: &str = "55534243123456780000000000000011062000000100000000000000000000";

/// What `profile check` says of one file, and its exit code.
fn checked(name: &str, content: &[u8]) -> (String, Option<i32>) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(name), content).unwrap();
    let run = stickshift(folder.path(), &["profile", "check", name]);
    (text(&run.stdout) + &text(&run.stderr), run.status.code())
}

#[test]
fn what_cannot_work_is_found_by_check() {
    let ids = "DefaultVendor=0x19d2\nDefaultProduct=0x2000\n";
    for (profile, said) in [
        ("HuaweiNewMode=1\nHuaweiAltMode=1\n".to_owned(), "two methods"),
        ("KobilMode=1\nSierraMode=yes\n".to_owned(), "two methods"),
        (format!("SonyMode=1\nMessageContent=\"{MESSAGE}\"\n"), "a message beside SonyMode"),
        (format!("MessageContent=\"{}\"\n", &MESSAGE[..60]), "this has 30"),
        (format!("MessageContent=\"{MESSAGE}00\"\n"), "this has 32"),
        (format!("MessageContent=\"55534253{}\"\n", &MESSAGE[8..]), "begins with 55534243"),
        ("MessageContent=\"11062000000000000100\"\n".to_owned(), "without its wrapper"),
        ("MessageContent=\"1b0000000200\"\n".to_owned(), "without its wrapper"),
        ("HuaweiNewMode=on\n".to_owned(), "HuaweiNewMode=on counts as off"),
        ("StandardEject=2\n".to_owned(), "StandardEject=2 counts as off"),
        ("TargetVendor=0x19d2\nTargetProduct=0x0031\n".to_owned(), "it does nothing"),
        ("TargetProduct=0x1g\nStandardEject=1\n".to_owned(), "TargetProduct: 'g' is not a hex digit"),
        ("MessageContent=\"5553424g\"\n".to_owned(), "MessageContent: 'g' is not a hex digit"),
        (format!("#MessageContent=\"{MESSAGE}\"\n"), "it does nothing"),
    ] {
        let (all, code) = checked("profile", format!("{ids}{profile}").as_bytes());
        assert!(all.contains(said) && code == Some(5), "{profile}: {code:?} {all}");
        assert!(!all.contains("ownload it again"), "{all}");
    }
    let commented =
        format!("# A stick\n#DefaultVendor=0x12d1\n#DefaultProduct=0x1f01\n#MessageContent=\"{MESSAGE}\"\n");
    let (all, code) = checked("commented.conf", commented.as_bytes());
    assert!(
        all.contains("every line is a comment") && all.contains("line=2") || all.contains("line 2"),
        "{all}"
    );
    assert_eq!(code, Some(5));
}

#[test]
fn what_can_be_meant_one_way_only_is_read_with_a_warning() {
    let one = |text: &str| text.as_bytes().to_vec();
    let utf16 = |text: &str| -> Vec<u8> {
        [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
    };
    let ids = "DefaultVendor=0x12d1\nDefaultProduct=0x1f01\n";
    let quoted = |open: &str, close: &str| one(&format!("{ids}MessageContent={open}{MESSAGE}{close}\n"));
    let spaced = MESSAGE.as_bytes().chunks(2).map(text).collect::<Vec<_>>();
    for (content, said) in [
        (one(&format!("{ids}MessageContent=\"{} {}\"\n", &MESSAGE[..34], &MESSAGE[34..])), "digits alone"),
        (one(&format!("{ids}MessageContent=\"0x{}\"\n", spaced.join(", 0x"))), "digits alone"),
        (one(&format!("{ids}MessageContent={}\n", spaced.join(":"))), "digits alone"),
        (one(&format!("{ids}MessageContent=\"{}\n{}\"\n", &MESSAGE[..32], &MESSAGE[32..])), "next line"),
        (quoted("\u{201c}", "\u{201d}"), "curly quotes"),
        (quoted("\u{ab}", "\u{bb}"), "curly quotes"),
        (quoted("&quot;", "&quot;"), "HTML entities"),
        (quoted("&#8220;", "&#8243;"), "HTML entities"),
        (quoted("'", "'"), "double quotes"),
        (
            one(&format!(
                "DefaultVendor=0\u{d7}12d1\nDefaultProduct=0\u{d7}1f01\nMessageContent={MESSAGE}\n"
            )),
            "multiplication signs",
        ),
        (
            one(&format!("defaultvendor=12d1\nDEFAULTPRODUCT=1f01\nmessagecontent={MESSAGE}\n")),
            "spelt MessageContent",
        ),
        (
            one(&format!("{ids}TargetProductList=0x14db,0x14dc\nMessageContent={MESSAGE}\n")),
            "no 0x in TargetProductList",
        ),
        (
            one(&format!("{ids}TargetProduct=14db,14dc\nMessageContent={MESSAGE}\n")),
            "belongs to TargetProductList",
        ),
        (one(&format!("{ids}TargetVendor=0x12d1 MessageContent={MESSAGE}\n")), "does not see MessageContent"),
        (
            one(&format!(
                "> {}> MessageContent={MESSAGE}\n",
                ids.replace('\n', "\n> ").trim_end_matches("> ")
            )),
            "'>' of a mail",
        ),
        (utf16(&format!("{ids}MessageContent={MESSAGE}\r\n")), "UTF-16"),
        (one(&format!("\u{feff}{ids}MessageContent={MESSAGE}\r\n")), "byte order mark"),
        (
            [b"# Cl\xe9\n", ids.as_bytes(), format!("MessageContent={MESSAGE}\n").as_bytes()].concat(),
            "Latin-1",
        ),
    ] {
        let (all, code) = checked("profile", &content);
        let lossy = String::from_utf8_lossy(&content);
        assert!(
            all.contains(said) && code == Some(0) && all.contains("12d1:1f01  message"),
            "{lossy}: {code:?} {all}"
        );
    }
    for name in ["12d1_1f01", "12d1.1f01", "12D1:1F01.conf", "12d1-1f01.txt"] {
        let (all, code) = checked(name, format!("MessageContent=\"{MESSAGE}\"\n").as_bytes());
        assert!(all.contains("looks for a file named 12d1:1f01") && code == Some(0), "{name}: {all}");
    }
}

#[test]
fn foreign_files_do_not_stop_the_check_of_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &[u8]| fs::write(folder.path().join(name), content).unwrap();
    write("12d1:1f01", b"HuaweiNewMode=1\n");
    write("README", b"Profiles of mine.\n");
    write("photo.jpg", b"\xff\xd8\xff\xe0\0\x10JFIF");
    fs::create_dir(folder.path().join("old")).unwrap();
    let run = stickshift(folder.path(), &["profile", "check", "."]);
    let all = text(&run.stdout);
    assert!(run.status.success() && all.contains("README: not a profile"), "{all}");
    assert!(all.contains("12d1:1f01  HuaweiNewMode"), "{all}");
    write("19d2:2000", b"MessageContent=555\n");
    let run = stickshift(folder.path(), &["profile", "check", "README", "19d2:2000", "12d1:1f01"]);
    let all = text(&run.stdout);
    assert_eq!(run.status.code(), Some(5));
    assert!(all.contains("line 1: character") && all.contains("12d1:1f01  HuaweiNewMode"), "{all}");
    let run = stickshift(folder.path(), &["profile", "check", "README", "photo.jpg"]);
    assert_eq!(run.status.code(), Some(5));
    assert!(text(&run.stderr).contains("none of these files is a profile"), "{run:?}");
    let run = stickshift(folder.path(), &["profile", "check", "README", "12d1:1f01"]);
    assert_eq!(run.status.code(), Some(5), "{run:?}");
    assert!(text(&run.stderr).contains("not every file that was named is a profile"), "{run:?}");
}

#[test]
fn the_formats_of_the_field_are_converted() {
    let folder = tempfile::tempdir().unwrap();
    let converted = |name: &str, content: &str| {
        fs::write(folder.path().join(name), content).unwrap();
        let run = stickshift(folder.path(), &["profile", "convert", name, "--to", "usb-modeswitch"]);
        assert!(run.status.success(), "{name}: {}", text(&run.stderr));
        let lines = text(&run.stdout);
        let lines: Vec<&str> =
            lines.lines().filter(|l| !l.starts_with('#') && !l.starts_with("Default")).collect();
        (lines.join(" "), text(&run.stderr))
    };
    let rule = |run: &str| {
        format!(
            "SUBSYSTEM==\"usb\", SYSFS{{idVendor}}==\"12d1\", SYSFS{{idProduct}}==\"1446\", RUN+=\"{run}\"\n"
        )
    };
    for (run, expected) in [
        ("/usr/sbin/usb_modeswitch -v 12d1 -p 1446 -J".to_owned(), "HuaweiNewMode=1".to_owned()),
        (
            "usb_modeswitch -W --default-vendor 0x12d1 --default-product 0x1446 --std-eject".to_owned(),
            "StandardEject=1".to_owned(),
        ),
        (
            format!("usb_modeswitch -v 12d1 -p 1446 -P 1506 -M {MESSAGE}"),
            format!("TargetProduct=0x1506 MessageContent=\"{MESSAGE}\""),
        ),
        (
            "/usr/bin/sg_raw /dev/%k 11 06 20 00 00 00 00 00 01 00".to_owned(),
            "MessageContent=\"55534243123456780000000000000a11062000000000000100000000000000\"".to_owned(),
        ),
        ("/usr/bin/eject %k".to_owned(), "StandardEject=1".to_owned()),
        ("/bin/sh -c 'eject -s /dev/%k'".to_owned(), "StandardEject=1".to_owned()),
    ] {
        assert_eq!(converted("some.rules", &rule(&run)).0, expected, "{run}");
    }
    let (found, said) = converted(
        "a.json",
        "{ \"devices\": { \"3566:2001\": { \"*\": { \"t_class\": 224, \"mode\": \"Huawei\", }, }, }, } // mine\n",
    );
    assert!(
        found == "HuaweiMode=1" && said.contains("t_class is left out") && said.contains("comma"),
        "{found} {said}"
    );
    let piece = "\"12d1:1f01\": { \"*\": { \"t_vendor\": 4817, \"t_product\": [ 5340 ], \"mode\": \"HuaweiNew\" } },\n";
    assert_eq!(converted("piece.json", piece).0, "TargetVendor=0x12d1 TargetProduct=0x14dc HuaweiNewMode=1");
    assert_eq!(converted("12d1_1f01", "{ \"*\": { \"mode\": \"StandardEject\" } }").0, "StandardEject=1");
    assert_eq!(
        converted("line", &format!("$ sudo usb_modeswitch -v 0x19d2 -p 0x2000 \\\n  -M {MESSAGE}\n")).0,
        format!("MessageContent=\"{MESSAGE}\"")
    );
    for typed in
        ["usb_modeswitch -v 12d1 -p 1f01 -J", "{ \"12d1:1f01\": { \"*\": { \"mode\": \"HuaweiNew\" } } }"]
    {
        let run = stickshift(folder.path(), &["profile", "convert", typed, "--to", "usb-modeswitch"]);
        assert!(text(&run.stdout).ends_with("HuaweiNewMode=1\n"), "{typed}: {run:?}");
    }
}

#[test]
fn what_does_nothing_is_not_converted() {
    let folder = tempfile::tempdir().unwrap();
    let two = "DefaultVendor=12d1\nDefaultProduct=1f01\nHuaweiMode=1\nSierraMode=1\n";
    let ids = "DefaultVendor=12d1\nDefaultProduct=1f01\nTargetProduct=14dc\n";
    let rule = "ATTR{idVendor}==\"12d1\", ATTR{idProduct}==\"1f01\", RUN+=\"usb_modeswitch '/%k'\"\n";
    for (name, content, to) in [
        ("ids", ids, "openwrt"),
        ("ids", ids, "usb-modeswitch"),
        ("rule", rule, "tplink"),
        ("two", two, "openwrt"),
        ("two", two, "tplink"),
    ] {
        fs::write(folder.path().join(name), content).unwrap();
        let run = stickshift(folder.path(), &["profile", "convert", name, "--to", to]);
        assert!(!run.status.success() && run.stdout.is_empty(), "{name} {to}: {run:?}");
    }
    // A stick that is to be left alone is something; so is a rule that names ids.
    fs::write(folder.path().join("rest"), "DefaultVendor=12d1\nDefaultProduct=1f01\nConfiguration=0\n")
        .unwrap();
    assert!(
        stickshift(folder.path(), &["profile", "convert", "rest", "--to", "usb-modeswitch"]).status.success()
    );
    // usbmode would take its configuration away; it leaves alone what it has no entry for.
    let refused = stickshift(folder.path(), &["profile", "convert", "rest", "--to", "openwrt"]);
    assert!(!refused.status.success() && refused.stdout.is_empty(), "{refused:?}");
    assert!(stickshift(folder.path(), &["profile", "convert", "rule", "--to", "udev"]).status.success());
}

#[test]
fn a_file_named_like_ids_is_a_file_and_switched_ids_say_where_they_come_from() {
    let folder = tempfile::tempdir().unwrap();
    let run = stickshift(folder.path(), &["profile", "show", "12d1:1506"]);
    let all = text(&run.stdout);
    assert!(run.status.success() && all.contains("12d1:1446"), "{all}");
    fs::write(folder.path().join("12d1:1f01"), "# Mine\nSierraMode=1\n").unwrap();
    let run = stickshift(folder.path(), &["profile", "show", "12d1:1f01"]);
    let all = text(&run.stdout) + &text(&run.stderr);
    assert!(all.contains("SierraMode") && all.contains("this is the file 12d1:1f01"), "{all}");
    let run = stickshift(folder.path(), &["profile", "show", "./12d1:1f01"]);
    assert!(text(&run.stdout).contains("Mine"), "{run:?}");
}

#[test]
fn several_profiles_for_the_same_ids_in_one_file_are_told_by_check() {
    let one = "[[device]]\nid = \"12d1:1f01\"\nname = \"x\"\nsource = \"y\"\nmethod = \"HuaweiNewMode\"\n";
    let (all, _) = checked("two.toml", format!("{one}\n{one}").as_bytes());
    assert!(all.contains("2 profiles are for 12d1:1f01"), "{all}");
    let (all, _) = checked("one.toml", one.as_bytes());
    assert!(!all.contains("profiles are for"), "{all}");
}

#[test]
fn a_command_line_of_usb_modeswitch_in_one_word_is_a_text_and_no_option() {
    let folder = tempfile::tempdir().unwrap();
    for text_of_it in ["-v 12d1 -p 1f01 -J", " -v 12d1 -p 1f01 -J", "-J -v 12d1 -p 1f01"] {
        let run = stickshift(folder.path(), &["profile", "convert", text_of_it, "--to", "openwrt"]);
        assert!(text(&run.stdout).contains("12d1:1f01"), "{text_of_it}: {}", text(&run.stderr));
    }
    let run = stickshift(folder.path(), &["sms", "send", "profile", "-v 12"]);
    assert_eq!(run.status.code(), Some(2), "of other verbs nothing is changed");
}

#[test]
fn a_folder_is_checked_without_what_package_managers_left_and_the_help_is_no_second_check() {
    let folder = tempfile::tempdir().unwrap();
    let message = "MessageContent=\"55534243123456780000000000000011062000000101000100000000000000\"\n";
    for name in ["12d1:1f01", "12d1:1446.dpkg-old", "12d1:1446.rpmsave", "12d1:1446~", "12d1:1446-opkg"] {
        fs::write(folder.path().join(name), message).unwrap();
    }
    let run = stickshift(folder.path(), &["profile", "check", "."]);
    let said = text(&run.stdout) + &text(&run.stderr);
    assert!(run.status.success() && said.contains("12d1:1f01") && !said.contains("12d1:1446"), "{said}");
    // Who names it means it.
    let run = stickshift(folder.path(), &["profile", "check", "12d1:1446~"]);
    assert_eq!(run.status.code(), Some(5), "{}", text(&run.stdout));
    fs::write(folder.path().join("12d1:1446"), "MessageContent=\"555\"\n").unwrap();
    fs::write(folder.path().join("cut.bin"), b"\x1f\x8b\x08 no archive").unwrap();
    for what in [&["."][..], &["12d1:1446"], &["cut.bin"]] {
        let run = stickshift(folder.path(), &[&["profile", "check"], what].concat());
        let said = text(&run.stderr);
        assert_eq!(run.status.code(), Some(5), "{what:?}: {said}");
        assert!(said.contains("help:") && !said.contains("profile check"), "{what:?}: {said}");
    }
}
