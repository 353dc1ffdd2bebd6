//! Several `flash` commands at once, each a process of its own over the pty of a virtual stick: none touches another's journal, and each says
//! what is true of its own stick.

#![cfg(all(unix, feature = "virtual"))]

use std::fs;
use std::io::{BufRead, BufReader, Lines, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_stickshift"))
}

/// A virtual stick whose loader runs, in a process of its own.
struct Stick {
    child: Child,
    /// What it says: each appearance on its bus, and what its ports are.
    says: Receiver<String>,
    port: PathBuf,
}

impl Stick {
    fn plug_in(folder: &Path, faults: Option<&str>) -> Stick {
        fs::create_dir_all(folder).unwrap();
        let mut command = program();
        command.args(["virtual", "e3372h-loader", "--attach", "pty", "--quick", "--dir"]).arg(folder);
        command.args(faults.map(|words| ["--fault", words]).into_iter().flatten());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines: Lines<BufReader<ChildStdout>> = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = lines.by_ref().map(Result::unwrap).find(|line| line.contains("interface 2,")).unwrap();
        let port = PathBuf::from(port.split_whitespace().next().unwrap());
        let (told, says) = channel();
        thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| told.send(line)));
        Stick { child, says, port }
    }

    /// Waits until it runs stick firmware.
    fn runs_what_was_flashed(&self) {
        while !self.says.recv().expect("it goes on until it is pulled").contains("12d1:1506") {}
    }
}

impl Drop for Stick {
    fn drop(&mut self) {
        if let Some(mut owner) = self.child.stdin.take() {
            let _ = owner.write_all(b"quit\n");
        }
        let _ = self.child.wait();
    }
}

fn flash(folder: &Path, port: &Path, more: &[&str]) -> Command {
    let mut command = program();
    command.args(["flash", "firmware.bin", "--yes", "--quiet", "--port"]).arg(port).args(more);
    command
        .current_dir(folder)
        .env("STICKSHIFT_STATE", "journals")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn journals(folder: &Path) -> usize {
    let files = fs::read_dir(folder.join("journals")).unwrap();
    files.filter(|f| f.as_ref().unwrap().path().extension().is_some_and(|e| e == "json")).count()
}

fn made() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let made =
        program().args(["rehearse", "--files", ".", "--quiet"]).current_dir(folder.path()).status().unwrap();
    assert!(made.success());
    folder
}

#[test]
fn two_four_and_eight_flashes_at_once() {
    let folder = made();
    for count in [2, 4, 8] {
        let plug = |n: usize| Stick::plug_in(&folder.path().join(format!("ports-{count}-{n}")), None);
        let sticks: Vec<Stick> = (0..count).map(plug).collect();
        let runs: Vec<Child> =
            sticks.iter().map(|stick| flash(folder.path(), &stick.port, &[]).spawn().unwrap()).collect();
        for (stick, run) in sticks.iter().zip(runs) {
            let output = run.wait_with_output().unwrap();
            let said = text(&output);
            assert_eq!(output.status.code(), Some(0), "{said}");
            assert!(said.contains("every partition was acknowledged"), "{said}");
            stick.runs_what_was_flashed();
        }
        assert_eq!(journals(folder.path()), 0, "{count} at once");
    }
}

/// Of four, two are refused in the middle. Their ends are theirs alone, and so are their journals.
#[test]
fn a_run_that_fails_beside_others_says_so_and_keeps_its_journal() {
    let folder = made();
    let plug = |n: usize| {
        let faults = (n % 2 == 1).then_some("nak=02@300");
        Stick::plug_in(&folder.path().join(format!("ports-{n}")), faults)
    };
    let sticks: Vec<Stick> = (0..4).map(plug).collect();
    let runs: Vec<Child> =
        sticks.iter().map(|stick| flash(folder.path(), &stick.port, &[]).spawn().unwrap()).collect();
    for (number, (stick, run)) in sticks.iter().zip(runs).enumerate() {
        let output = run.wait_with_output().unwrap();
        let said = text(&output);
        if number % 2 == 1 {
            assert_eq!(output.status.code(), Some(6), "{said}");
            assert!(said.contains("code 02") && said.contains("stick: recoverable"), "{said}");
        } else {
            assert_eq!(output.status.code(), Some(0), "{said}");
            stick.runs_what_was_flashed();
        }
    }
    assert_eq!(journals(folder.path()), 2);
    // Nobody can resume on a port whose run went well.
    let resumed = flash(folder.path(), &sticks[1].port, &["--resume"]).output().unwrap();
    assert_eq!(resumed.status.code(), Some(0), "{}", text(&resumed));
    assert_eq!(journals(folder.path()), 1);
}

#[test]
fn a_second_run_on_the_same_port_is_kept_out() {
    let folder = made();
    let stick = Stick::plug_in(&folder.path().join("ports"), Some("delay@300:3s"));
    let first = flash(folder.path(), &stick.port, &[]).spawn().unwrap();
    while !folder.path().join("journals").is_dir() || journals(folder.path()) == 0 {
        thread::yield_now();
    }
    let second = flash(folder.path(), &stick.port, &[]).output().unwrap();
    let said = text(&second);
    assert_eq!(second.status.code(), Some(4), "{said}");
    assert!(said.contains("port-busy") && said.contains("stick: untouched"), "{said}");
    let first = first.wait_with_output().unwrap();
    assert_eq!(first.status.code(), Some(0), "{}", text(&first));
    assert_eq!(journals(folder.path()), 0);
}

/// The journal of a flash that has begun, and its folder, in the way of another one.
fn take_the_journal_away(folder: &Path) {
    let journals = folder.join("journals");
    let has_begun = || {
        let files = fs::read_dir(&journals).into_iter().flatten().flatten();
        files
            .map(|f| f.path())
            .filter(|path| path.extension().is_some_and(|e| e == "json"))
            .any(|path| fs::read_to_string(path).is_ok_and(|text| text.contains("\"touched\": true")))
    };
    while !has_begun() {
        thread::yield_now();
    }
    fs::remove_dir_all(&journals).unwrap();
    fs::write(&journals, "a file where the folder was").unwrap();
}

/// To stop in the middle would leave a stick that does not start. What is said of a later failure does not count on a journal that is not there.
#[test]
fn a_flash_goes_on_when_its_journal_cannot_be_written_any_more() {
    let folder = made();
    let stick = Stick::plug_in(&folder.path().join("ports-well"), Some("delay@300:3s"));
    let run = flash(folder.path(), &stick.port, &[]).spawn().unwrap();
    take_the_journal_away(folder.path());
    let output = run.wait_with_output().unwrap();
    let said = text(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("every partition was acknowledged"), "{said}");
    stick.runs_what_was_flashed();
    fs::remove_file(folder.path().join("journals")).unwrap();

    let stick = Stick::plug_in(&folder.path().join("ports-badly"), Some("delay@300:3s,nak=02@700"));
    let run = flash(folder.path(), &stick.port, &[]).spawn().unwrap();
    take_the_journal_away(folder.path());
    let output = run.wait_with_output().unwrap();
    let said = text(&output);
    assert_eq!(output.status.code(), Some(6), "{said}");
    assert!(said.contains("stick: recoverable") && said.contains("without --resume"), "{said}");
    fs::remove_file(folder.path().join("journals")).unwrap();
    let again = flash(folder.path(), &stick.port, &[]).output().unwrap();
    assert_eq!(again.status.code(), Some(0), "{}", text(&again));
    stick.runs_what_was_flashed();
}
