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
    assert_eq!(shown["profiles"][0]["targets"], serde_json::json!(["12d1:14db", "12d1:14dc"]));
    assert_eq!(stickshift(folder.path(), &["profile", "show", "12d1:ffff"]).status.code(), Some(2));
}

#[test]
fn a_tp_link_file_becomes_a_profile_and_back() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("k3772.bin"), SAMPLE).unwrap();
    let run = stickshift(folder.path(), &["profile", "convert", "k3772.bin", "--to", "usb-modeswitch"]);
    assert_eq!(text(&run.stdout), "# Huawei K3772\n# source: TP-Link modem file\nHuaweiNewMode=1\n");
    let run =
        stickshift(folder.path(), &["profile", "convert", "k3772.bin", "--to", "tplink", "-o", "again.bin"]);
    assert!(run.status.success(), "{}", text(&run.stderr));
    assert_eq!(fs::read(folder.path().join("again.bin")).unwrap(), SAMPLE);
    let run = stickshift(folder.path(), &["inspect", "k3772.bin"]);
    assert!(text(&run.stdout).starts_with("k3772.bin: TP-Link 3G modem bin file, 1 entries"));
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
