//! Files that are made to do harm, in every verb that reads files: each ends by itself, with an exit code of the list, in little memory.

#![cfg(unix)]

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Address space beyond which an allocation fails, in KiB. The program with its libraries takes most of it.
const ADDRESS_SPACE: u32 = 200_000;
/// Seconds of processor time, after which the system kills it.
const SECONDS: u32 = 20;

fn samples() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile");
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|f| f.unwrap().path()).collect();
    files.sort();
    files
}

/// Runs the program with little memory and little time.
fn stickshift(folder: &Path, arguments: &[&str]) -> Output {
    let limits = format!("ulimit -v {ADDRESS_SPACE} -t {SECONDS}; exec \"$0\" \"$@\"");
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

#[test]
fn every_hostile_file_ends_well_in_every_verb() {
    let folder = tempfile::tempdir().unwrap();
    let mut runs = 0;
    let mut wrong = Vec::new();
    for sample in samples() {
        let file = sample.to_str().unwrap();
        for arguments in [
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
        ] {
            let output = stickshift(folder.path(), arguments);
            runs += 1;
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            let complaint = match output.status.code() {
                None => Some(format!("signal {:?}", output.status.signal())),
                Some(0) => None,
                Some(1..=7) if said.contains("error: ") || arguments[0] == "--json" => None,
                Some(code) => Some(format!("exit {code}")),
            };
            let complaint = complaint.or_else(|| forged(&output.stdout)).or_else(|| forged(&output.stderr));
            if let Some(complaint) = complaint {
                wrong.push(format!("{}: {complaint}\n{said}", arguments.join(" ")));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {runs} runs:\n{}", wrong.len(), wrong.join("\n"));
    println!("{runs} runs over {} hostile files", samples().len());
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

#[test]
fn devices_and_inputs_survive_every_output_option() {
    let folder = tempfile::tempdir().unwrap();
    let profile = folder.path().join("1234:5678");
    let text = "TargetVendor=0x1234\nTargetProduct=0x5679\nMessageContent=\"5553\"\n";
    fs::write(&profile, text).unwrap();
    let profile = profile.to_str().unwrap();
    let convert = |to: &str, more: &[&str]| {
        let arguments = ["profile", "convert", profile, "--to", "openwrt", "-o", to];
        stickshift(folder.path(), &[&arguments, more].concat())
    };
    for to in ["/dev/null", "/dev/stdout", "-"] {
        let output = convert(to, &[]);
        assert!(output.status.success(), "{to}: {}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(
            String::from_utf8_lossy(&output.stdout).trim_start().starts_with('{'),
            to != "/dev/null",
            "{to}"
        );
        // Not what a link leads to: standard output of the test itself may be a file.
        let is_file = fs::symlink_metadata(to).is_ok_and(|there| there.is_file());
        assert!(!is_file, "{to} is a file now");
    }
    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let reader = std::thread::spawn({
        let pipe = pipe.clone();
        move || fs::read_to_string(pipe).unwrap()
    });
    assert!(convert(pipe.to_str().unwrap(), &[]).status.success());
    assert!(reader.join().unwrap().trim_start().starts_with('{'));

    assert_eq!(convert(profile, &["--force"]).status.code(), Some(2));
    assert_eq!(fs::read_to_string(profile).unwrap(), text);
    assert_eq!(convert(folder.path().to_str().unwrap(), &["--force"]).status.code(), Some(1));
    assert!(convert("new", &[]).status.success());
    assert_eq!(convert("new", &[]).status.code(), Some(1));
    assert!(convert("new", &["--force"]).status.success());

    let trace = |more: &[&str]| {
        stickshift(
            folder.path(),
            &[&["identify", "--virtual", "e3372h-stick", "--trace", "trace"], more].concat(),
        )
    };
    assert!(trace(&[]).status.success());
    use std::os::unix::fs::MetadataExt;
    assert_eq!(fs::metadata(folder.path().join("trace")).unwrap().mode() & 0o777, 0o600);
    assert_eq!(trace(&[]).status.code(), Some(1));
    assert!(trace(&["--force"]).status.success());
    let names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|f| f.unwrap().file_name()).collect();
    assert!(names.iter().all(|n| !n.to_string_lossy().starts_with('.')), "{names:?}");
}
