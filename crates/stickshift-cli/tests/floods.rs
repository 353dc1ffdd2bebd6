//! Verbs at a serial port that never stops talking: they end by themselves, in little memory.

#![cfg(target_os = "linux")]

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// More than any of these verbs may take.
const HANGS: Duration = Duration::from_secs(120);

/// What is wrong with the end of `verb` at a port that says `pattern`, in hex.
fn complaint(verb: &[&str], pattern: &str) -> Option<String> {
    let mut flood = Command::new("python3")
        .arg(test_support::peer("at_flood.py"))
        .arg(pattern)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut port = String::new();
    BufReader::new(flood.stdout.take().unwrap()).read_line(&mut port).unwrap();
    let mut child = Command::new("bash")
        .args(["-c", "ulimit -v 200000; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_stickshift")])
        .args(verb)
        .args(["--port", port.trim()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let begin = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break Some(status);
        }
        if begin.elapsed() > HANGS {
            child.kill().unwrap();
            child.wait().unwrap();
            break None;
        }
        thread::sleep(Duration::from_millis(20));
    };
    flood.kill().unwrap();
    flood.wait().unwrap();
    let Some(status) = status else { return Some("does not end".to_owned()) };
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    match status.code() {
        Some(1..=7) if said.contains("error: ") && said.contains("  stick: ") => None,
        Some(code) => Some(format!("exit {code}: {said}")),
        None => Some(format!("signal {:?}: {said}", status.signal())),
    }
}

#[test]
fn verbs_are_done_with_floods() {
    if !test_support::python_is_here() {
        return;
    }
    let verbs: [&[&str]; 4] =
        [&["at", "ATI"], &["signal"], &["load", "loader.bin", "--yes"], &["flash", "webui.bin", "--yes"]];
    let folder = tempfile::tempdir().unwrap();
    let made = Command::new(env!("CARGO_BIN_EXE_stickshift"))
        .args(["rehearse", "--files"])
        .arg(folder.path())
        .output()
        .unwrap();
    assert!(made.status.success());
    let mut runs = Vec::new();
    // Reports, a line without end, frames, what a boot ROM says to a wrong packet.
    for pattern in ["0d0a5e525353493a2032300d0a", "41", "7e0d4f4b7e", "55"] {
        for verb in verbs {
            let files = |word: &&str| match word.ends_with(".bin") {
                true => folder.path().join(word).display().to_string(),
                false => (*word).to_owned(),
            };
            let verb: Vec<String> = verb.iter().map(files).collect();
            runs.push(thread::spawn(move || {
                let verb: Vec<&str> = verb.iter().map(String::as_str).collect();
                complaint(&verb, pattern)
                    .map(|complaint| format!("{}, {pattern}: {complaint}", verb.join(" ")))
            }));
        }
    }
    let count = runs.len();
    let wrong: Vec<String> = runs.into_iter().filter_map(|run| run.join().unwrap()).collect();
    assert!(wrong.is_empty(), "{} of {count} runs:\n{}", wrong.len(), wrong.join("\n"));
    println!("{count} runs of verbs at ports that never stop talking");
}
