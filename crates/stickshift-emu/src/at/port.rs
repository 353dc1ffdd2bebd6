//! A serial port of running firmware that takes AT commands (docs/protocols/hilink-at.md section 3.1).
//!
//! This file is the line discipline; what each command answers is the table in `at::table`.

use std::time::Duration;

use crate::at::table;
use crate::identity::Identity;

/// A longer command line is thrown away.
const LONGEST: usize = 2048;

/// What becomes of the stick after a command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Then {
    /// It goes on.
    #[default]
    Nothing,
    /// It restarts in download mode after a while.
    Download,
    /// It reboots.
    Reset,
}

/// The answer to a command, before it is put into lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// Lines of information, then `OK`.
    Lines(Vec<String>),
    /// `ERROR`.
    Error,
    /// `+CME ERROR`, a number or words by `AT+CMEE`.
    Cme(u16),
}

impl Said {
    /// `OK` alone.
    pub fn ok() -> Self {
        Said::Lines(Vec::new())
    }

    /// One line, then `OK`.
    pub fn line(text: impl Into<String>) -> Self {
        Said::Lines(vec![text.into()])
    }
}

/// What a command does, besides answering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The answer.
    pub said: Said,
    /// How long it takes.
    pub after: Duration,
    /// What becomes of the stick.
    pub then: Then,
}

impl From<Said> for Outcome {
    fn from(said: Said) -> Self {
        Outcome { said, after: Duration::ZERO, then: Then::Nothing }
    }
}

/// One AT port.
#[derive(Debug)]
pub struct AtPort {
    line: Vec<u8>,
    /// `ATE1`.
    pub echo: bool,
    /// `ATV1`.
    pub verbose: bool,
    /// `AT+CMEE`.
    pub cmee: u8,
}

impl AtPort {
    /// As after power-on: echo on, words, plain `ERROR`.
    pub fn new() -> Self {
        AtPort { line: Vec::new(), echo: true, verbose: true, cmee: 0 }
    }

    /// Takes bytes from the host, in pieces of any size.
    pub fn push(&mut self, bytes: &[u8]) {
        let room = LONGEST.saturating_sub(self.line.len());
        self.line.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// The next whole command line without its CR; empty lines are skipped.
    pub fn next_command(&mut self) -> Option<Vec<u8>> {
        loop {
            let Some(end) = self.line.iter().position(|&b| b == b'\r') else {
                if self.line.len() >= LONGEST {
                    self.line.clear();
                }
                return None;
            };
            let mut command: Vec<u8> = self.line.drain(..=end).collect();
            command.pop();
            command.retain(|&b| b != b'\n');
            if !command.is_empty() {
                return Some(command);
            }
        }
    }

    /// Acts on one command line: the bytes of the answer, how long it takes and what becomes of the stick.
    pub fn answer(&mut self, command: &[u8], identity: &Identity) -> (Vec<u8>, Duration, Then) {
        let mut bytes = Vec::new();
        if self.echo {
            bytes.extend_from_slice(command);
            bytes.push(b'\r');
        }
        let text = String::from_utf8_lossy(command);
        let text = text.trim();
        // What does not begin with AT is no command: it is echoed and that is all.
        let Some(rest) = text.get(..2).filter(|at| at.eq_ignore_ascii_case("at")).map(|_| &text[2..]) else {
            return (bytes, Duration::ZERO, Then::Nothing);
        };
        let outcome = table::run(self, identity, rest);
        bytes.extend_from_slice(self.in_lines(&outcome.said).as_bytes());
        (bytes, outcome.after, outcome.then)
    }

    fn in_lines(&self, said: &Said) -> String {
        let (lines, word, digit) = match said {
            Said::Lines(lines) => (lines.as_slice(), "OK".to_owned(), "0"),
            Said::Error => (&[][..], "ERROR".to_owned(), "4"),
            Said::Cme(_) if self.cmee == 0 => (&[][..], "ERROR".to_owned(), "4"),
            Said::Cme(number) if self.cmee == 1 => (&[][..], format!("+CME ERROR: {number}"), ""),
            Said::Cme(number) => (&[][..], format!("+CME ERROR: {}", table::cme_words(*number)), ""),
        };
        let mut text = String::new();
        if !self.verbose {
            for line in lines {
                text.push_str(&format!("{line}\r\n"));
            }
            text.push_str(&if digit.is_empty() { format!("{word}\r\n") } else { format!("{digit}\r") });
            return text;
        }
        if !lines.is_empty() {
            text.push_str(&format!("\r\n{}\r\n", lines.join("\r\n")));
        }
        text.push_str(&format!("\r\n{word}\r\n"));
        text
    }
}

impl Default for AtPort {
    fn default() -> Self {
        AtPort::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::e3372h::Options;

    fn ask(port: &mut AtPort, text: &[u8]) -> String {
        let identity = Options::stick().identity();
        port.push(text);
        let mut said = Vec::new();
        while let Some(command) = port.next_command() {
            said.extend(port.answer(&command, &identity).0);
        }
        String::from_utf8(said).unwrap()
    }

    /// docs/protocols/hilink-at.md section 3.1.
    #[test]
    fn echo_and_answers_as_seen() {
        let mut port = AtPort::new();
        assert_eq!(
            ask(&mut port, b"AT\r").as_bytes(),
            [0x41, 0x54, 0x0d, 0x0d, 0x0a, 0x4f, 0x4b, 0x0d, 0x0a]
        );
        assert_eq!(ask(&mut port, b"ATE0\r"), "ATE0\r\r\nOK\r\n");
        let ati = "\r\nManufacturer: huawei\r\nModel: E3372\r\nRevision: 21.180.01.00.00\r\n\
                   IMEI: 860000000000001\r\n+GCAP: +CGSM,+DS,+ES\r\n\r\nOK\r\n";
        assert_eq!(ask(&mut port, b"ATI\r"), ati);
        assert_eq!(ask(&mut port, b"\nat^hw"), "");
        assert_eq!(ask(&mut port, b"ver\r\n\r"), "\r\n^HWVER:\"CL2E3372HM\"\r\n\r\nOK\r\n");
        assert_eq!(ask(&mut port, b"garbage\r"), "");
        assert_eq!(ask(&mut port, b"AT^NOSUCH\r"), "\r\nERROR\r\n");
        assert_eq!(ask(&mut port, b"ATV0\rAT\rATV1\r"), "0\r0\r\r\nOK\r\n");
    }

    #[test]
    fn endless_lines_are_thrown_away() {
        let mut port = AtPort::new();
        for _ in 0..100 {
            assert_eq!(ask(&mut port, &[b'A'; 1000]), "");
        }
        assert!(port.line.len() <= LONGEST);
        assert!(ask(&mut port, "é\r".as_bytes()).ends_with("é\r"));
    }
}
