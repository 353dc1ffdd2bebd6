//! Questions on a terminal: the first Ctrl-C ends any of them, and nothing was begun.

#![cfg(all(target_os = "linux", feature = "virtual"))]

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::process::{Child, Command};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// The program at a terminal of its own.
struct Terminal {
    keys: File,
    program: Child,
    shown: String,
}

impl Terminal {
    fn run(arguments: &[&str], folder: &std::path::Path) -> Terminal {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let name = ptsname(&ours, Vec::new()).unwrap();
        let theirs = OpenOptions::new().read(true).write(true).open(name.to_str().unwrap()).unwrap();
        // setsid makes it the program's terminal: only then Ctrl-C becomes a signal.
        let program = Command::new("setsid")
            .args(["--ctty", env!("CARGO_BIN_EXE_stickshift")])
            .args(arguments)
            .current_dir(folder)
            .env("STICKSHIFT_STATE", "journals")
            .env_remove("STICKSHIFT_PIN")
            .env_remove("STICKSHIFT_NEW_PIN")
            .stdin(theirs.try_clone().unwrap())
            .stdout(theirs.try_clone().unwrap())
            .stderr(theirs)
            .spawn()
            .unwrap();
        Terminal { keys: File::from(ours), program, shown: String::new() }
    }

    /// Reads on. `false` at the end: the last program that had the terminal is gone.
    fn read(&mut self) -> bool {
        let mut bytes = [0; 1024];
        let count = self.keys.read(&mut bytes).unwrap_or(0);
        self.shown.push_str(&String::from_utf8_lossy(&bytes[..count]));
        count > 0
    }

    fn wait_for(&mut self, question: &str) {
        while !self.shown.contains(question) {
            assert!(self.read(), "no {question:?} in {}", self.shown);
        }
    }

    /// The exit code and everything that was shown.
    fn ctrl_c(mut self) -> (Option<i32>, String) {
        self.keys.write_all(&[0x03]).unwrap();
        while self.read() {}
        (self.program.wait().unwrap().code(), self.shown)
    }
}

#[test]
fn the_first_ctrl_c_ends_a_question_and_nothing_was_begun() {
    let folder = tempfile::tempdir().unwrap();
    let made = Command::new(env!("CARGO_BIN_EXE_stickshift"))
        .args(["rehearse", "--files", ".", "--quiet"])
        .current_dir(folder.path())
        .status()
        .unwrap();
    assert!(made.success());
    let convert = ["convert", "--to", "stick", "--loader", "loader.bin", "--firmware", "firmware.bin"];
    for (arguments, question) in [
        (&[&convert[..], &["--virtual", "e3372h-hilink"]].concat()[..], "[y/N] "),
        (&["hilink", "reboot", "--virtual", "e3372h-hilink"], "[y/N] "),
        (&["pin", "change", "--virtual", "e3372h-stick"], "PIN"),
    ] {
        let mut terminal = Terminal::run(arguments, folder.path());
        terminal.wait_for(question);
        let (code, shown) = terminal.ctrl_c();
        assert!(shown.contains("nothing was begun"), "{arguments:?}: {shown}");
        assert!(shown.contains("stick: untouched"), "{arguments:?}: {shown}");
        assert_eq!(code, Some(6), "{arguments:?}: {shown}");
    }
}
