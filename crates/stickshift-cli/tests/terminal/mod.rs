//! The program at a terminal of its own: a pty.

#![allow(dead_code, reason = "each test program uses a part")]

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// The program at a terminal of its own.
pub(crate) struct Terminal {
    keys: File,
    program: Child,
    pub(crate) shown: String,
    /// The first bytes of a character whose others have not come.
    cut: Vec<u8>,
}

impl Terminal {
    pub(crate) fn run(arguments: &[&str], folder: &Path) -> Terminal {
        Terminal::of_width(80, arguments, folder)
    }

    /// The same at a terminal of so many columns.
    pub(crate) fn of_width(columns: u16, arguments: &[&str], folder: &Path) -> Terminal {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let name = ptsname(&ours, Vec::new()).unwrap();
        let theirs = OpenOptions::new().read(true).write(true).open(name.to_str().unwrap()).unwrap();
        let size = Winsize { ws_row: 40, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&ours, size).unwrap();
        // setsid makes it the program's terminal: only then Ctrl-C becomes a signal.
        let program = Command::new("setsid")
            .args(["--ctty", env!("CARGO_BIN_EXE_stickshift")])
            .args(arguments)
            .current_dir(folder)
            .env("STICKSHIFT_STATE", "journals")
            .env("TERM", "xterm")
            .env_remove("NO_COLOR")
            .env_remove("COLUMNS")
            .env_remove("STICKSHIFT_PIN")
            .env_remove("STICKSHIFT_NEW_PIN")
            .stdin(theirs.try_clone().unwrap())
            .stdout(theirs.try_clone().unwrap())
            .stderr(theirs)
            .spawn()
            .unwrap();
        Terminal { keys: File::from(ours), program, shown: String::new(), cut: Vec::new() }
    }

    /// Reads on. `false` at the end: the last program that had the terminal is gone.
    fn read(&mut self) -> bool {
        let mut bytes = [0; 1024];
        let count = self.keys.read(&mut bytes).unwrap_or(0);
        self.cut.extend_from_slice(&bytes[..count]);
        if let Some(whole) = self.cut.utf8_chunks().next().map(|chunk| chunk.valid().len()) {
            let whole: Vec<u8> = self.cut.drain(..whole).collect();
            self.shown.push_str(&String::from_utf8_lossy(&whole));
        }
        assert!(self.cut.len() < 4, "no UTF-8: {:?}", self.cut);
        count > 0
    }

    pub(crate) fn wait_for(&mut self, question: &str) {
        while !self.shown.contains(question) {
            assert!(self.read(), "no {question:?} in {}", self.shown);
        }
    }

    /// Presses Ctrl-C. The exit code and everything that was shown.
    pub(crate) fn ctrl_c(mut self) -> (Option<i32>, String) {
        self.type_keys("\x03");
        self.end()
    }

    pub(crate) fn type_keys(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits for the end. The exit code and everything that was shown.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        while self.read() {}
        (self.program.wait().unwrap().code(), self.shown)
    }
}
