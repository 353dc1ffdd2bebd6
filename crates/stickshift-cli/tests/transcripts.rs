//! The command line as a person meets it: every file in `transcripts/` is typed into a shell, and what comes back must be what the file says.
//!
//! A line that begins with `$ ` is typed; what follows is standard output and standard error as they came, and `? N` when it ended with
//! another code than 0. Lines that begin with `#` are for the reader. The commands of a file share a folder, in which there are
//! `loader.bin`, `firmware.bin` and `webui.bin` without third-party code. `SNAPSHOTS=overwrite` rewrites the files.

#![cfg(all(unix, feature = "virtual"))]

mod contract;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// Types one line into a shell.
fn typed(folder: &Path, line: &str) -> String {
    typed_for(Path::new(env!("CARGO_BIN_EXE_stickshift")).parent().unwrap(), folder, line)
}

/// Types one line into a shell that finds our program in the folder `program`.
fn typed_for(program: &Path, folder: &Path, line: &str) -> String {
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap_or_default());
    let output = Command::new("sh")
        .args(["-c", &format!("exec 2>&1; {line}")])
        .current_dir(folder)
        .env("PATH", path)
        .env("STICKSHIFT_STATE", "journals")
        .env_remove("STICKSHIFT_PASSWORD")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    match output.status.code() {
        Some(0) => {}
        Some(code) => text.push_str(&format!("? {code}\n")),
        None => text.push_str("? killed by a signal\n"),
    }
    text
}

fn play(file: &Path) {
    let folder = tempfile::tempdir().unwrap();
    let made = typed(folder.path(), "stickshift rehearse --files . --quiet");
    assert_eq!(made, "", "the files could not be made");
    let wanted = fs::read_to_string(file).unwrap();
    let mut actual = String::new();
    let mut lines = wanted.lines().peekable();
    while let Some(line) = lines.next() {
        let ours = |line: &str| line.starts_with('#') || line.starts_with("$ ");
        if let Some(command) = line.strip_prefix("$ ") {
            actual.push_str(&format!("{line}\n{}", typed(folder.path(), command)));
        } else if ours(line) || (line.is_empty() && lines.peek().is_some_and(|next| ours(next))) {
            actual.push_str(&format!("{line}\n"));
        }
    }
    let actual = actual.replace(&folder.path().display().to_string(), "FOLDER");
    snapbox::assert_data_eq!(actual, snapbox::Data::read_from(file, None).raw());
}

/// In the place of the program: it asks for JSON, and keeps what was printed beside the exit code.
const ASKS_FOR_JSON: &str = r#"#!/bin/sh
case "$*" in
    '' | *--help* | *--version*) exec REAL "$@" ;;
    *--json*) ;;
    *) set -- --json "$@" ;;
esac
kept=$(mktemp KEPT/XXXXXX)
REAL "$@" > "$kept"
code=$?
echo "$code $*" > "$kept.typed"
cat "$kept"
exit $code
"#;

/// What is wrong with the JSON of a transcript's commands, and how many there were.
fn complaints_about_json(file: &Path) -> (usize, Vec<String>) {
    let (folder, program) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let kept = program.path().join("kept");
    fs::create_dir(&kept).unwrap();
    typed(folder.path(), "stickshift rehearse --files . --quiet");
    let script = ASKS_FOR_JSON
        .replace("REAL", env!("CARGO_BIN_EXE_stickshift"))
        .replace("KEPT", &kept.display().to_string());
    let wrapper = program.path().join("stickshift");
    fs::write(&wrapper, script).unwrap();
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).unwrap();
    for line in fs::read_to_string(file).unwrap().lines().filter_map(|line| line.strip_prefix("$ ")) {
        typed_for(program.path(), folder.path(), line);
    }
    let (mut runs, mut wrong) = (0, Vec::new());
    for entry in fs::read_dir(&kept).unwrap() {
        let path = entry.unwrap().path();
        let Ok(typed) = fs::read_to_string(path.with_extension("typed")) else { continue };
        if path.extension().is_some() {
            continue;
        }
        runs += 1;
        let (code, typed) = typed.trim_end().split_once(' ').unwrap();
        let printed = fs::read_to_string(&path).unwrap();
        if let Err(why) = contract::last_line(&printed, code.parse().ok()) {
            wrong.push(format!("{}: {typed}: {why}", file.display()));
        }
    }
    (runs, wrong)
}

#[test]
fn every_command_of_every_transcript_keeps_the_contract_of_json() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let (mut runs, mut wrong) = (0, Vec::new());
    for entry in fs::read_dir(folder).unwrap() {
        let (more, complaints) = complaints_about_json(&entry.unwrap().path());
        runs += more;
        wrong.extend(complaints);
    }
    assert!(wrong.is_empty(), "{} of {runs}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(runs > 100, "{runs} runs");
}

macro_rules! transcripts {
    ($($name:ident)+) => {
        $(#[test]
        fn $name() {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
            play(&folder.join(concat!(stringify!($name), ".txt")));
        })+

        #[test]
        fn every_file_is_played() {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
            let names = [$(stringify!($name)),+];
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let name = path.file_stem().unwrap().to_string_lossy().into_owned();
                assert!(names.contains(&name.as_str()), "{name} is not named in transcripts.rs");
            }
        }
    };
}

transcripts! {
    stories
    choosing
    access
    files
    load
    flash
    resume
    convert
    switch
    mbim
    online
    talking
    usage
}
