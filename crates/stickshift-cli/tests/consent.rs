//! The rule of consent, over all verbs: what a verb names is done; a plan of several steps, and what ends the connection for a while, is asked for.

#![cfg(all(unix, feature = "virtual"))]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

/// What a verb does before it acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    /// Touches no stick, or only looks at it.
    Looks,
    /// Does what it is called.
    IsNamed,
    /// Asks first; `--yes` answers.
    Asks,
    /// Runs until it is stopped: not run here.
    Serves,
}
use Act::{Asks, IsNamed, Looks, Serves};

/// Every verb and part of one, with a line that it succeeds with on a virtual stick; an empty line is not run.
const VERBS: &[(&str, Act, &str, &str)] = &[
    ("list", Looks, "list", "k3772"),
    ("identify", Looks, "identify", "e3372h-hilink"),
    ("switch", IsNamed, "switch", "k3772"),
    ("watch", Serves, "", ""),
    ("doctor", Looks, "", ""),
    ("setup-udev", Looks, "setup udev --print", ""),
    ("setup-completions", Looks, "setup completions bash", ""),
    ("setup-man", Looks, "setup man", ""),
    ("setup-openwrt", Looks, "setup openwrt", "k3772"),
    ("setup-netifd", Looks, "setup netifd --print", ""),
    ("setup-networkd", Looks, "setup networkd --print", ""),
    ("setup-networkmanager", Looks, "setup networkmanager --print", ""),
    ("setup-systemd", Looks, "setup systemd --print", ""),
    ("firmware-verify", Looks, "firmware verify firmware.bin", ""),
    ("firmware-extract", Looks, "firmware extract firmware.bin -o parts", ""),
    ("firmware-build", Looks, "firmware build firmware.bin -o again.bin", ""),
    ("profile-list", Looks, "profile list k3772", ""),
    ("profile-show", Looks, "profile show 12d1:1526", ""),
    ("profile-check", Looks, "", ""),
    ("profile-convert", Looks, "profile convert --to openwrt 12d1:1526", ""),
    ("learn", Asks, "", ""),
    ("router-list", Looks, "", ""),
    ("router-extract", Looks, "", ""),
    ("router-knows", Looks, "", ""),
    ("convert", Asks, "convert --to stick --firmware firmware.bin --loader loader.bin", "e3372h-hilink"),
    ("load", Asks, "load loader.bin", "e3372h-needle"),
    ("loader-info", Looks, "loader info loader.bin", ""),
    ("loader-patch", Looks, "loader patch loader.bin -o safe.bin", ""),
    ("loader-table", Looks, "", ""),
    ("flash", Asks, "flash firmware.bin", "e3372h-loader"),
    ("rehearse", IsNamed, "rehearse", ""),
    ("virtual", Serves, "virtual --list", ""),
    ("hilink-info", Looks, "hilink info", "e3372h-hilink"),
    ("hilink-status", Looks, "hilink status", "e3372h-hilink"),
    ("hilink-signal", Looks, "hilink signal", "e3372h-hilink"),
    ("hilink-traffic", Looks, "hilink traffic", "e3372h-hilink"),
    ("hilink-connect", IsNamed, "hilink connect", "e3372h-hilink"),
    ("hilink-disconnect", IsNamed, "hilink disconnect", "e3372h-hilink"),
    ("hilink-profile", IsNamed, "hilink profile --use 1", "e3372h-hilink"),
    ("hilink-reboot", Asks, "hilink reboot", "e3372h-hilink"),
    ("hilink-mode", Asks, "hilink mode project", "e3372h-hilink"),
    ("hilink-updates", IsNamed, "hilink updates off", "e3372h-hilink"),
    ("hilink-raw", IsNamed, "hilink raw /api/ussd/release", "e3372h-hilink"),
    ("at", IsNamed, "at +CFUN=1", "e3372h-stick"),
    ("sms-list", Looks, "sms list", "e3372h-stick"),
    ("sms-read", Looks, "sms read SM:0", "e3372h-stick"),
    ("sms-raw", Looks, "sms raw", "e3372h-stick"),
    ("sms-send", IsNamed, "sms send +33123456789 text", "e3372h-stick"),
    ("sms-delete", IsNamed, "sms delete SM:0", "e3372h-stick"),
    ("ussd", IsNamed, "ussd *100#", "e3372h-stick"),
    ("pin-status", Looks, "pin status", "e3372h-stick"),
    ("pin-enter", IsNamed, "pin enter", "e3372h-stick-pin"),
    ("pin-change", IsNamed, "", ""),
    ("pin-enable", IsNamed, "pin enable", "e3372h-stick"),
    ("pin-disable", IsNamed, "", ""),
    ("pin-unblock", IsNamed, "", ""),
    ("signal", Looks, "signal", "e3372h-stick"),
    ("network-show", Looks, "network show", "e3372h-stick"),
    ("network-set", Asks, "network set --mode lte", "e3372h-stick"),
    ("network-scan", Looks, "network scan", "e3372h-stick"),
    ("network-use", IsNamed, "network use auto", "e3372h-stick"),
    ("online-up", IsNamed, "online up", "e3372h-stick"),
    ("online-down", IsNamed, "", ""),
    ("online-status", Looks, "online status", "e3372h-stick"),
    ("online-apn", Looks, "online apn", "e3372h-stick"),
    ("ports-show", Looks, "ports show", "e3372h-stick"),
    ("ports-set", Asks, "ports set at,modem,ncm", "e3372h-stick"),
    ("inspect", Looks, "inspect firmware.bin", ""),
    ("report", Looks, "report", "e3372h-stick"),
    ("serve-passwd", IsNamed, "", ""),
    ("bridge-mqtt", Serves, "", ""),
];

fn stickshift(folder: &Path, words: &[&str]) -> (Option<i32>, Value) {
    let output = Command::new(env!("CARGO_BIN_EXE_stickshift"))
        .args(words)
        .arg("--json")
        .current_dir(folder)
        .env("STICKSHIFT_STATE", "journals")
        .env("STICKSHIFT_PIN", "1234")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let last = text.lines().last().unwrap_or_else(|| panic!("{words:?} prints nothing"));
    (output.status.code(), serde_json::from_str(last).unwrap())
}

fn with_files() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let (code, _) = stickshift(folder.path(), &["rehearse", "--files", "."]);
    assert_eq!(code, Some(0));
    folder
}

#[test]
fn the_table_has_every_verb() {
    let folder = tempfile::tempdir().unwrap();
    let (code, _) = stickshift(folder.path(), &["setup", "man", "--dir", "man"]);
    assert_eq!(code, Some(0));
    let pages = std::fs::read_dir(folder.path().join("man")).unwrap();
    let pages: BTreeSet<String> = pages
        .filter_map(|page| {
            let name = page.unwrap().file_name().into_string().unwrap();
            Some(name.strip_prefix("stickshift-")?.strip_suffix(".1")?.to_owned())
        })
        .collect();
    let is_part = |verb: &str| !pages.iter().any(|other| other.starts_with(&format!("{verb}-")));
    let there: BTreeSet<&str> = pages.iter().map(String::as_str).filter(|verb| is_part(verb)).collect();
    let known: BTreeSet<&str> = VERBS.iter().map(|row| row.0).collect();
    assert_eq!(there, known);
}

#[test]
fn what_is_named_is_done_and_what_is_not_is_asked_for() {
    let folder = with_files();
    for (verb, act, line, stick) in VERBS.iter().filter(|row| !row.2.is_empty()) {
        let mut words: Vec<&str> = line.split(' ').collect();
        if !stick.is_empty() {
            words.extend(["--virtual", stick]);
        }
        let (code, last) = stickshift(folder.path(), &words);
        let asked = last["kind"] == "consent-needed";
        assert_eq!(asked, *act == Asks, "{verb}: {last}");
        if !asked {
            assert_eq!(code, Some(0), "{verb}: {last}");
            assert_eq!(last["verdict"] == "untouched", matches!(act, Looks | Serves), "{verb}: {last}");
            continue;
        }
        assert_eq!((code, &last["verdict"]), (Some(5), &Value::from("untouched")), "{verb}: {last}");
        words.push("--yes");
        let (code, last) = stickshift(folder.path(), &words);
        assert_eq!(code, Some(0), "{verb} with --yes: {last}");
        assert_ne!(last["verdict"], "untouched", "{verb} with --yes: {last}");
    }
}
