//! A modem that says to each command what the case says, on a pty.

use std::collections::HashMap;
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{Mode, OFlags};
use rustix::pty::OpenptFlags;
use rustix::termios::OptionalActions;
use serde::Deserialize;
use serde_json::Value;

use crate::case::nth;

/// What a modem says.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PortSays {
    /// Commands and answers; the first that fits counts. A command may end in `*`. An answer is
    /// a text (lines; the line ends around it and CR before each LF are added; an empty one is silence),
    /// a list of texts and pairs `[seconds, text]` of what comes later,
    /// `{"each": [..]}` with one answer per call, or
    /// `{"prompt": answer}`: the answer once a text was sent after `> `.
    answers: Vec<(String, Value)>,
    /// What everything else is answered with; `ERROR` where it is left out.
    #[serde(default = "error")]
    others: String,
    /// Echoes for ever.
    #[serde(default)]
    echoes: bool,
}

fn error() -> String {
    "ERROR".to_owned()
}

/// What every modem says `OK` to, unless its case says otherwise.
const PLAIN: [&str; 7] = ["AT", "ATV1", "ATQ0", "ATE0", "AT+CMEE=1", "AT^CURC=0", "AT+CMGF=0"];

pub(crate) struct Port {
    link: PathBuf,
    stop: Arc<AtomicBool>,
    modem: JoinHandle<Vec<String>>,
}

impl Port {
    pub(crate) fn open(says: PortSays, folder: &Path) -> Port {
        let master =
            rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        rustix::pty::grantpt(&master).unwrap();
        rustix::pty::unlockpt(&master).unwrap();
        let name = rustix::pty::ptsname(&master, Vec::new()).unwrap();
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let slave = rustix::fs::open(name.as_c_str(), flags, Mode::empty()).unwrap();
        let mut settings = rustix::termios::tcgetattr(&slave).unwrap();
        settings.make_raw();
        rustix::termios::tcsetattr(&slave, OptionalActions::Now, &settings).unwrap();
        let link = folder.join("tty");
        symlink(std::ffi::OsStr::from_bytes(name.as_bytes()), &link).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let modem = thread::spawn(move || {
            let mut modem = Modem::new(says, master);
            while !stopped.load(Ordering::Relaxed) {
                modem.turn();
            }
            // Kept open until here: a program that closes its end does not hang the line up.
            drop(slave);
            modem.sent
        });
        Port { link, stop, modem }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.link
    }

    /// The commands, and the texts after prompts as `TEXT ..`.
    pub(crate) fn close(self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        let _ = fs::remove_file(&self.link);
        self.modem.join().unwrap()
    }
}

struct Modem {
    says: PortSays,
    master: OwnedFd,
    received: Vec<u8>,
    sent: Vec<String>,
    echo: bool,
    calls: HashMap<String, usize>,
    later: Vec<(Instant, String)>,
    /// The answer to the text that is waited for.
    prompted: Option<Value>,
}

impl Modem {
    fn new(says: PortSays, master: OwnedFd) -> Modem {
        Modem {
            says,
            master,
            received: Vec::new(),
            sent: Vec::new(),
            echo: true,
            calls: HashMap::new(),
            later: Vec::new(),
            prompted: None,
        }
    }

    fn turn(&mut self) {
        let now = Instant::now();
        for (_, text) in self.later.extract_if(.., |(due, _)| *due <= now).collect::<Vec<_>>() {
            self.say(&text);
        }
        let mut polled = [PollFd::new(&self.master, PollFlags::IN)];
        let soon = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };
        if !matches!(rustix::event::poll(&mut polled, Some(&soon)), Ok(1..)) {
            return;
        }
        let mut buffer = [0; 4096];
        let Ok(n) = rustix::io::read(&self.master, &mut buffer) else { return };
        self.received.extend_from_slice(&buffer[..n]);
        loop {
            let end = if self.prompted.is_some() { 0x1a } else { b'\r' };
            let Some(at) = self.received.iter().position(|b| *b == end) else { return };
            let line: Vec<u8> = self.received.drain(..=at).collect();
            let line = String::from_utf8_lossy(&line[..at]).into_owned();
            match self.prompted.take() {
                Some(answer) => {
                    self.sent.push(format!("TEXT {line}"));
                    self.answer(&answer);
                }
                None => self.command(line.trim_start_matches(['\n', '\u{1b}', '\u{1a}'])),
            }
        }
    }

    fn command(&mut self, line: &str) {
        self.sent.push(line.to_owned());
        if self.echo {
            self.write(&format!("{line}\r"));
        }
        let upper = line.to_ascii_uppercase();
        let fits = |key: &String| match key.strip_suffix('*') {
            Some(start) => upper.starts_with(&start.to_ascii_uppercase()),
            None => upper == key.to_ascii_uppercase(),
        };
        let found = self.says.answers.iter().find(|(key, _)| fits(key)).cloned();
        match found {
            Some((key, answer)) => {
                let calls = self.calls.entry(key).or_default();
                let n = *calls;
                *calls += 1;
                self.answer(nth(&answer, "each", n));
            }
            None if PLAIN.contains(&upper.as_str()) => self.say("OK"),
            None => self.say(&self.says.others.clone()),
        }
        if upper == "ATE0" && !self.says.echoes {
            self.echo = false;
        }
    }

    fn answer(&mut self, answer: &Value) {
        match answer {
            Value::String(text) => self.say(text),
            Value::Array(parts) => {
                for part in parts {
                    match (part.get(0).and_then(Value::as_f64), part.get(1).and_then(Value::as_str)) {
                        (Some(seconds), Some(text)) => {
                            let due = Instant::now() + Duration::from_secs_f64(seconds);
                            self.later.push((due, text.to_owned()));
                        }
                        _ => self.say(part.as_str().expect("a text")),
                    }
                }
            }
            Value::Object(object) => {
                self.write("\r\n> ");
                self.prompted = Some(object["prompt"].clone());
            }
            other => panic!("{other} is no answer"),
        }
    }

    fn say(&mut self, text: &str) {
        if !text.is_empty() {
            self.write(&format!("\r\n{}\r\n", text.replace('\n', "\r\n")));
        }
    }

    fn write(&mut self, text: &str) {
        let mut bytes = text.as_bytes();
        while let Ok(n) = rustix::io::write(&self.master, bytes) {
            bytes = &bytes[n..];
            if bytes.is_empty() {
                return;
            }
        }
    }
}
