//! The command line as a person meets it: every file in `transcripts/` is typed into a shell, and what comes back must be what the file says.
//!
//! A line that begins with `$ ` is typed; what follows is standard output and standard error as they came, and `? N` when it ended with
//! another code than 0. Lines that begin with `#` are for the reader. The commands of a file share a folder, in which there are
//! `loader.bin`, `firmware.bin` and `webui.bin` without third-party code. `SNAPSHOTS=overwrite` rewrites the files.

#![cfg(all(unix, feature = "virtual"))]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// Types one line into a shell.
fn typed(folder: &Path, line: &str) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_stickshift")).parent().unwrap();
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
    talking
    usage
}
