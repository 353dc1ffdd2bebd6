//! Every verb that talks to a web server against servers that mean harm: it ends by itself, and says why.

#![cfg(unix)]

use std::collections::VecDeque;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use test_support::hostile_http::{End, MODES, Mode, serve};

/// Runs at the same time. Most of them wait.
const AT_ONCE: usize = 24;
/// More than any verb may take, its deadlines added up: it would never end.
const HANGS: Duration = Duration::from_secs(240);

/// One run, and what is wrong with its end.
fn complaint(verb: &[&str], mode: &'static Mode) -> Option<String> {
    let url = format!("http://{}", serve(mode));
    let mut child = Command::new("bash")
        .args(["-c", "ulimit -v 200000; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_stickshift")])
        .args(verb)
        .args(["--url", &url])
        .env("STICKSHIFT_PIN", "4711")
        .env("STICKSHIFT_PASSWORD", "a-password")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let begin = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begin.elapsed() > HANGS {
            child.kill().unwrap();
            child.wait().unwrap();
            return Some("does not end".to_owned());
        }
        thread::sleep(Duration::from_millis(20));
    }
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&stderr).into_owned();
    let shown = String::from_utf8_lossy(&stdout).into_owned();
    if let Some(c) = (said.clone() + &shown).chars().find(|c| c.is_control() && *c != '\n') {
        return Some(format!("says {c:?}: {said}"));
    }
    match status.code() {
        None => Some(format!("signal {:?}: {said}", status.signal())),
        // What was answered may be a full answer, to some verb.
        Some(0) if matches!(mode.end, End::Answer(_)) => None,
        Some(1..=7) if said.contains("error: ") && said.contains("  stick: ") => None,
        Some(code) => Some(format!("exit {code}: {said}")),
    }
}

#[test]
fn every_verb_is_done_with_every_server() {
    let verbs: [&[&str]; 14] = [
        &["hilink", "info"],
        &["hilink", "info", "--user", "admin", "--allow-weak-login"],
        &["hilink", "status"],
        &["hilink", "signal"],
        &["hilink", "traffic"],
        &["hilink", "profile"],
        &["hilink", "updates"],
        &["hilink", "raw", "/api/device/information"],
        &["identify"],
        &["signal"],
        &["pin", "status"],
        &["sms", "list"],
        &["sms", "send", "+4915112345678", "text"],
        &["ussd", "*100#"],
    ];
    // All servers for the verb that asks most; of those at which every verb takes its longest, one of each kind.
    let kinds = ["never answers", "a dripping body without", "busy for ever", "the same message for ever"];
    let kinds = MODES.iter().filter(|mode| kinds.contains(&mode.name));
    let of_first = MODES.iter().map(|mode| (verbs[1], mode));
    let runs: VecDeque<(&[&str], &'static Mode)> =
        of_first.chain(kinds.flat_map(|mode| verbs.map(|verb| (verb, mode)))).collect();
    let count = runs.len();
    let (runs, wrong) = (Mutex::new(runs), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let next = runs.lock().unwrap().pop_front();
                    let Some((verb, mode)) = next else { break };
                    if let Some(complaint) = complaint(verb, mode) {
                        let line = format!("{}, server \"{}\": {complaint}", verb.join(" "), mode.name);
                        wrong.lock().unwrap().push(line);
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} of {count} runs:\n{}", wrong.len(), wrong.join("\n"));
    println!("{count} runs of {} verbs against {} hostile web servers", verbs.len(), MODES.len());
}
