//! `load --port` and `flash --port` whose port closes in the middle and comes back late, behind the same name: they wait and go on.

#![cfg(target_os = "linux")]

use std::fs;
use std::io::{BufRead, BufReader, Lines};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use stickshift_emu::testkit::stock_loader;
use test_support::{peer, python_is_here};

/// A process whose lines are read as they come.
struct Running {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Running {
    fn start(command: &mut Command) -> Running {
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Running { process, lines }
    }

    /// A stick of tests/peers.
    fn peer(script: &str, arguments: &[&str]) -> Running {
        Running::start(Command::new("python3").arg(peer(script)).args(arguments))
    }

    fn line(&mut self) -> Option<String> {
        self.lines.next().map(Result::unwrap)
    }

    fn end(mut self) -> Option<i32> {
        self.lines.for_each(drop);
        self.process.wait().unwrap().code()
    }
}

/// The program with `--json`, whose lines are read as they come.
struct Run(Running);

impl Run {
    fn start(folder: &Path, arguments: &[&str]) -> Run {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stickshift"));
        command.args(arguments).args(["--yes", "--json"]);
        command.current_dir(folder).env("XDG_STATE_HOME", folder).stderr(Stdio::inherit());
        Run(Running::start(&mut command))
    }

    /// Reads on until an event of this name, and of this code where there is one.
    fn wait_for(&mut self, event: &str, code: Option<&str>) -> serde_json::Value {
        let mut seen = Vec::new();
        while let Some(line) = self.0.line() {
            let value: serde_json::Value = serde_json::from_str(&line).unwrap();
            if value["event"] == event && code.is_none_or(|code| value["code"] == code) {
                return value;
            }
            seen.push(line);
        }
        panic!("no {event} {code:?}:\n{}", seen.join("\n"))
    }
}

#[test]
fn load_waits_for_the_port_and_goes_on() {
    if !python_is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("loader.bin"), stock_loader(1)).unwrap();
    let port = folder.path().join("port");
    // It answers so slowly that it is pulled long before the end.
    let mut first = Running::peer("bootrom_emulator.py", &["--delay", "0.1"]);
    symlink(first.line().unwrap(), &port).unwrap();
    let mut run = Run::start(folder.path(), &["load", "loader.bin", "--port", "port"]);
    run.wait_for("progress", None);
    fs::remove_file(&port).unwrap();
    first.process.kill().unwrap();
    first.process.wait().unwrap();

    run.wait_for("step", Some("wait-port"));
    let mut second = Running::peer("bootrom_emulator.py", &[]);
    symlink(second.line().unwrap(), &port).unwrap();
    run.wait_for("warning", Some("port-again"));
    run.wait_for("result", None);
    assert_eq!(run.0.end(), Some(0));
    // It received every block whole.
    assert_eq!(second.end(), Some(0));
}

/// A folder with an image, `firmware.bin`, and what is in it, `firmware.bin.json`.
fn folder_with_image() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let made = Command::new("python3")
        .arg(peer("make_firmware.py"))
        .arg("firmware.bin")
        .current_dir(folder.path())
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(made.success());
    folder
}

#[test]
fn flash_waits_for_the_port_and_begins_again_at_a_stick_that_lost_its_power() {
    if !python_is_here() {
        return;
    }
    let folder = folder_with_image();
    let in_folder = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (port, report) = (in_folder("port"), in_folder("report"));
    let stick = |more: &[&str]| {
        let mut stick =
            Running::peer("dload_emulator.py", &[&["--link", &port, "--report", &report], more].concat());
        assert!(stick.line().unwrap().starts_with("ready "));
        stick
    };
    let first = stick(&["--die-at", "block,3,37"]);
    let mut run = Run::start(folder.path(), &["flash", "firmware.bin", "--port", "port"]);
    run.wait_for("step", Some("wait-port"));
    // It removes its port as it ends.
    first.end();

    let second = stick(&[]);
    run.wait_for("warning", Some("port-again"));
    run.wait_for("result", None);
    assert_eq!(run.0.end(), Some(0));
    second.end();
    let seen: serde_json::Value = serde_json::from_slice(&fs::read(&report).unwrap()).unwrap();
    let facts: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.path().join("firmware.bin.json")).unwrap()).unwrap();
    let codes = |list: &serde_json::Value| -> Vec<String> {
        list.as_array().unwrap().iter().map(|part| part["code"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(codes(&seen["parts"]), codes(&facts["parts"]), "{seen}");
}

#[test]
fn another_stick_than_that_of_the_record_is_that_first_whatever_the_image_is_for() {
    if !python_is_here() {
        return;
    }
    let folder = folder_with_image();
    let port = folder.path().join("port").to_str().unwrap().to_owned();
    let stick = |more: &[&str]| {
        let mut stick = Running::peer("dload_emulator.py", &[&["--link", &port], more].concat());
        assert!(stick.line().unwrap().starts_with("ready "));
        stick
    };
    // The record is that of the port's number, which the kernel may give to another program between the two sticks.
    let interrupted = || {
        let first = stick(&["--die-at", "block,3,37"]);
        let number = fs::canonicalize(&port).unwrap();
        let mut run = Run::start(folder.path(), &["flash", "firmware.bin", "--port", "port"]);
        run.wait_for("step", Some("wait-port"));
        first.end();
        let mut second = stick(&["--ident", "E3372s_1"]);
        run.wait_for("error", None);
        assert_eq!(run.0.end(), Some(6), "the first stick is in the middle");
        if fs::canonicalize(&port).unwrap() == number {
            return Some(second);
        }
        second.process.kill().unwrap();
        second.process.wait().unwrap();
        None
    };
    let mut second = (0..10).find_map(|_| interrupted()).expect("the same number of the port again");
    let mut run = Run::start(folder.path(), &["flash", "firmware.bin", "--port", "port", "--resume"]);
    let error = run.wait_for("error", None);
    assert_eq!(
        (&error["kind"], &error["verdict"]),
        (&"journal-mismatch".into(), &"untouched".into()),
        "{error}"
    );
    assert_eq!(run.0.end(), Some(5));
    second.process.kill().unwrap();
    second.process.wait().unwrap();
}
