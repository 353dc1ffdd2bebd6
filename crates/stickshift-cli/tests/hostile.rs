//! Files that are made to do harm, and large ones, in every verb that reads files: each ends by itself, with an exit code of the list, in little
//! memory and time.

#![cfg(unix)]

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Memory beyond which an allocation fails, in KiB: address space, in which the program itself lies too.
const MEMORY: u64 = 100_000;
/// Seconds of processor time, after which the system kills it.
const SECONDS: u32 = 5;

fn samples() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile");
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|f| f.unwrap().path()).collect();
    files.sort();
    files
}

/// Runs the program with little memory and little time.
fn stickshift(folder: &Path, arguments: &[&str]) -> Output {
    limited(folder, MEMORY, arguments)
}

fn limited(folder: &Path, memory: u64, arguments: &[&str]) -> Output {
    let limits = format!("ulimit -v {memory} -t {SECONDS}; exec \"$0\" \"$@\"");
    Command::new("bash")
        .args(["-c", &limits, env!("CARGO_BIN_EXE_stickshift")])
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
}

/// What a terminal would obey, and lines that nobody wrote.
fn forged(text: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(text);
    let control = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if let Some(at) = text.find(control) {
        return Some(format!("a control character in {:?}", &text[at.saturating_sub(40)..]));
    }
    text.lines().find(|line| line.starts_with("RUN+=") || line.trim() == "stick: done").map(str::to_owned)
}

/// Every verb that reads a file. What is wrong with the ends of them.
fn complaints(folder: &Path, memory: u64, file: &str) -> Vec<Option<String>> {
    let verbs = [
        &["inspect", file][..],
        &["--json", "inspect", file],
        &["firmware", "verify", file],
        &["firmware", "extract", file, "-o", "parts", "--allow-damaged", "--force"],
        &["firmware", "build", file, "-o", "built.bin", "--force"],
        &["loader", "info", file],
        &["loader", "patch", file, "-o", "patched.bin", "--force"],
        &["loader", "table", file],
        &["profile", "check", file],
        &["profile", "convert", file, "--to", "tplink", "-o", "profile.bin", "--force"],
        &["learn", file],
        &["router", "list", file],
        &["router", "extract", file, "/etc/passwd", "-o", "out", "--force"],
        &["router", "extract", file, "/f", "-o", "out", "--force"],
        &["router", "knows", file, "12d1:1f01"],
        &["load", file, "--virtual", "e3372h-boot", "--dry-run"],
        &["flash", file, "--virtual", "e3372h-hilink", "--dry-run"],
        &["switch", "--profile", file, "--virtual", "e3372h-cdrom", "--dry-run"],
    ];
    let complaint = |arguments: &&[&str]| {
        let output = limited(folder, memory, arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let complaint = match output.status.code() {
            None => Some(format!("signal {:?}", output.status.signal())),
            Some(0) => None,
            Some(1..=7) if said.contains("error: ") || arguments[0] == "--json" => None,
            Some(code) => Some(format!("exit {code}")),
        };
        let complaint = complaint.or_else(|| forged(&output.stdout)).or_else(|| forged(&output.stderr));
        complaint.map(|complaint| format!("{}: {complaint}\n{said}", arguments.join(" ")))
    };
    verbs.iter().map(complaint).collect()
}

#[test]
fn every_hostile_file_ends_well_in_every_verb() {
    let folder = tempfile::tempdir().unwrap();
    let ends: Vec<Option<String>> = samples()
        .iter()
        .flat_map(|sample| complaints(folder.path(), MEMORY, sample.to_str().unwrap()))
        .collect();
    let (runs, wrong) = (ends.len(), ends.into_iter().flatten().collect::<Vec<_>>());
    assert!(wrong.is_empty(), "{} of {runs} runs:\n{}", wrong.len(), wrong.join("\n"));
    println!("{runs} runs over {} hostile files, {MEMORY} KiB and {SECONDS} s each", samples().len());
}

#[test]
fn every_large_file_ends_well_in_every_verb() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    let mut large: Vec<String> = Vec::new();
    // The beginning of a kind of file, and nothing after it.
    for (name, beginning, megabytes) in [
        ("loader", "loader/full.bin", 16),
        ("too-large-a-loader", "loader/full.bin", 128),
        ("router-image", "router_image/gzip", 64),
        ("too-large-a-router-image", "router_image/gzip", 65),
        ("image", "firmware/signed", 64),
        ("text", "profile_text/openwrt", 64),
        ("capture", "capture/k3772.pcapng", 128),
    ] {
        fs::copy(corpus.join(beginning), here.join(name)).unwrap();
        fs::File::options().write(true).open(here.join(name)).unwrap().set_len(megabytes << 20).unwrap();
        large.push(name.to_owned());
    }
    fs::File::create(here.join("zeros")).unwrap().set_len(32 << 20).unwrap();
    let build = ["firmware", "build", "00110000=zeros", "-o", "partition", "--kind", "1"];
    assert!(stickshift(here, &build).status.success());
    large.extend(["zeros", "partition"].map(str::to_owned));
    // Without optimisation the program itself is larger than all that it should need.
    let program = fs::metadata(env!("CARGO_BIN_EXE_stickshift")).unwrap().len() >> 10;
    let ends: Vec<_> = large.iter().flat_map(|file| complaints(here, MEMORY + program, file)).collect();
    let (runs, wrong) = (ends.len(), ends.into_iter().flatten().collect::<Vec<_>>());
    assert!(wrong.is_empty(), "{} of {runs} runs:\n{}", wrong.len(), wrong.join("\n"));
    println!("{runs} runs over {} large files, {MEMORY} KiB and {SECONDS} s each", large.len());
}

#[test]
fn a_bomb_is_named_as_one() {
    let folder = tempfile::tempdir().unwrap();
    let bomb = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile/fw-bomb10.bin");
    for verb in [&["inspect"][..], &["firmware", "verify"]] {
        let output = stickshift(folder.path(), &[verb, &[bomb.to_str().unwrap()]].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(5), "{said}");
        assert!(
            said.contains("(file-too-large)") && said.contains("far more than an image of this size"),
            "{said}"
        );
    }
}
