//! Every pair of a verb and a kind of error that occurs was thought of: it has a row of its own, or the general advice of the kind was read
//! for that verb.

#![cfg(all(unix, feature = "virtual"))]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use stickshift::error::ErrorKind;

#[allow(dead_code)]
#[path = "../src/examples.rs"]
mod examples;
#[path = "../src/advice/fits.rs"]
mod fits;
#[allow(dead_code)]
#[path = "../src/advice/table.rs"]
mod table;

fn run(folder: &Path, words: &[&str]) -> (String, Option<i32>) {
    let output = Command::new(env!("CARGO_BIN_EXE_stickshift"))
        .args(words)
        .current_dir(folder)
        .env("STICKSHIFT_STATE", folder.join("journals"))
        .envs([("STICKSHIFT_PIN", "9999"), ("STICKSHIFT_NEW_PIN", "4321"), ("STICKSHIFT_PUK", "99999999")])
        .env_remove("STICKSHIFT_PASSWORD")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    (String::from_utf8_lossy(&output.stdout).into_owned(), output.status.code())
}

fn with_files() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let (_, code) = run(folder.path(), &["rehearse", "--files", ".", "--quiet"]);
    assert_eq!(code, Some(0), "the files could not be made");
    let firmware = std::fs::read(folder.path().join("firmware.bin")).unwrap();
    std::fs::write(folder.path().join("cut.bin"), &firmware[..3000]).unwrap();
    std::fs::write(folder.path().join("text.txt"), "hello\n").unwrap();
    std::fs::write(folder.path().join("bad.conf"), "TargetVendor=12d1 14\nMessageContent=\"5x\"\n").unwrap();
    folder
}

/// The kind of the error that a command ended with, and how it reached the stick.
fn failure(folder: &Path, line: &str) -> Option<(ErrorKind, table::Way)> {
    let words: Vec<&str> = line.split(' ').chain(["--json"]).collect();
    let (output, _) = run(folder, &words);
    let last = output.lines().rev().find(|line| line.contains("\"event\":\"error\""))?;
    let error: serde_json::Value = serde_json::from_str(last).unwrap();
    let code = error["kind"].as_str().unwrap();
    let kind = ErrorKind::ALL.iter().find(|kind| kind.code() == code).unwrap();
    let way = match () {
        () if line.contains("--url") => table::Way::Url,
        () if line.contains("--port") => table::Way::Port,
        () => table::Way::Bus,
    };
    Some((*kind, way))
}

const TALK: &[&str] = &[
    "at ATI",
    "at AT+CFUN=0",
    "at AT^NONE",
    "sms list",
    "sms read 99",
    "sms send +33123456789 hello",
    "ussd *100#",
    "pin status",
    "pin enter",
    "pin unblock",
    "signal",
    "network show",
    "network use 99999",
    "ports show",
    "ports set FF;10",
    "hilink info",
    "hilink connect",
    "identify",
];

const CHANGE: &[(&str, &str)] = &[
    ("switch", "k3772"),
    ("switch --to serial", "e3372h-320"),
    ("switch --to hilink", "e3372h-stick"),
    ("switch --message 55", "e3372h-hilink"),
    ("switch --profile bad.conf", "k3772"),
    ("load loader.bin", "e3372h-needle"),
    ("load text.txt", "e3372h-needle"),
    ("load loader.bin", "e3372h-stick"),
    ("flash firmware.bin", "e3372h-loader"),
    ("flash firmware.bin --resume", "e3372h-loader"),
    ("flash cut.bin", "e3372h-loader"),
    ("flash firmware.bin", "e3372h-hilink"),
    ("convert --to stick --firmware firmware.bin", "e3372h-hilink"),
    ("convert --to stick --firmware firmware.bin", "e3372h-hilink-closed"),
    ("convert --to hilink --firmware firmware.bin", "e3372h-stick"),
    ("convert --to stick --firmware text.txt", "e3372h-stick"),
    ("convert --to stick --firmware firmware.bin", "e3372h-320"),
];

const FILES: &[&str] = &[
    "inspect none.bin",
    "inspect cut.bin",
    "inspect text.txt",
    "firmware verify cut.bin",
    "firmware verify text.txt",
    "loader info text.txt",
    "loader patch firmware.bin -o out.bin",
    "profile show 12d1:9999",
    "profile show none.conf",
    "profile convert --to openwrt text.txt",
    "profile list --virtual nosuch",
    "learn text.txt",
    "learn none.pcap",
    "router list text.txt",
    "router knows none.bin 12d1:1526",
    "setup udev --root /proc/none",
    "setup openwrt --ids ffff:eeee",
    "setup openwrt --virtual none",
    "hilink info --url https://192.168.8.1/",
    "hilink info --url http://127.0.0.1:1/",
    "sms list --url nonsense",
    "at ATI --port /dev/null",
    "load loader.bin --port /dev/none",
];

#[test]
fn every_pair_that_occurs_was_thought_of() {
    let folder = with_files();
    let mut lines: Vec<String> = FILES.iter().map(|line| (*line).to_owned()).collect();
    for line in TALK {
        for stick in
            ["none", "k3772", "k3772,k3772", "e3372h-stick-pin", "e3372h-hilink-login", "e3372h-loader"]
        {
            lines.push(format!("{line} --virtual {stick} --yes"));
        }
        for (stick, faults) in [
            ("e3372h-stick", "drop@8 unplug@7 garble@7 no-access port-held"),
            ("e3372h-hilink", "mute@2 reset@2 truncate@2 html@2"),
        ] {
            for fault in faults.split(' ') {
                lines.push(format!("{line} --virtual {stick} --yes --fault {fault}"));
            }
        }
    }
    for (line, stick) in CHANGE {
        lines.push(format!("{line} --virtual none --yes"));
        lines.push(format!("{line} --virtual {stick}"));
        for fault in ["no-access", "port-held", "ctrl-c@1"] {
            lines.push(format!("{line} --virtual {stick} --yes --fault {fault}"));
        }
        let of_message = *stick == "k3772";
        let faults =
            if of_message { "ignores stalls" } else { "mute@3 unplug@12 nak@9 garble@5 powerloss@30" };
        for fault in faults.split(' ') {
            lines.push(format!("{line} --virtual {stick} --yes --fault {fault}"));
        }
    }
    let mut unread: BTreeMap<(String, &str), String> = BTreeMap::new();
    let mut seen = 0;
    for line in lines {
        let Some((kind, way)) = failure(folder.path(), &line) else { continue };
        seen += 1;
        let verb = line.split(' ').next().unwrap();
        if table::row(verb, way, kind).is_none() && !fits::general_fits(verb, kind) {
            unread.entry((verb.to_owned(), kind.code())).or_insert(line);
        }
    }
    assert!(seen > 150, "only {seen} commands failed");
    assert!(unread.is_empty(), "pairs without a row: {unread:#?}");
}

#[test]
fn the_examples_work_on_virtual_sticks() {
    let program = Path::new(env!("CARGO_BIN_EXE_stickshift")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap_or_default());
    let mut problems = Vec::new();
    for (verb, examples) in examples::EXAMPLES {
        // The examples of a verb are typed one after another.
        let folder = with_files();
        for example in examples.iter() {
            let Some(stick) = example.on else { continue };
            let stick = if stick.is_empty() { String::new() } else { format!(" --virtual {stick} --yes") };
            let output = Command::new("sh")
                .args(["-c", &format!("{}{stick}", example.line)])
                .current_dir(&folder)
                .env("PATH", &path)
                .env("STICKSHIFT_STATE", folder.path().join("journals"))
                .stdin(Stdio::null())
                .output()
                .unwrap();
            if !output.status.success() {
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                problems.push(format!("{verb}: {}{stick}: {said}", example.line));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
