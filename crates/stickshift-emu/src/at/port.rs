//! A serial port of running firmware that takes AT commands (docs/protocols/hilink-at.md section 3.1).
//!
//! This file is the line discipline; what each command answers is the table in `at::table`.

use std::time::Duration;

use stickshift::link::Moment;

use crate::at::{AtAnswer, AtEffect, Call, table};
use crate::identity::{Dialect, Identity};
use crate::modem::Modem;
use crate::ppp::{Phase, Ppp};

/// A longer command line is thrown away.
const LONGEST: usize = 2048;

/// What ends the text after a prompt: it is sent, or it is not.
const SEND: u8 = 0x1a;
const ABORT: u8 = 0x1b;

/// What a port says to one command, and what comes of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PortAnswer {
    /// The echo and the answer.
    pub bytes: Vec<u8>,
    /// How long it takes.
    pub after: Duration,
    /// Lines that come unasked, so long after the answer.
    pub later: Vec<(Duration, String)>,
    /// What becomes of the stick.
    pub then: AtEffect,
}

/// What the port takes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takes {
    Commands,
    /// A message of so many octets, after the prompt.
    Message(usize),
    /// Data, since `CONNECT`.
    Data,
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
    /// `AT^CURC`: it says unasked how it receives.
    pub reports: bool,
    /// `AT+CGEREP`: it says unasked that the network ends a connection (3GPP TS 27.007 section 10.1.19).
    pub(crate) events: bool,
    /// `AT+CREG`, `AT+CGREG`, `AT+CEREG`: how much they tell.
    pub(crate) registration: [u8; 3],
    /// `AT+CMGF=1`.
    pub(crate) text_mode: bool,
    takes: Takes,
    carried: u64,
    /// The dialled link; it stays while the port takes commands after `+++`.
    ppp: Option<Ppp>,
    /// Data that the link has not seen.
    data: Vec<u8>,
}

impl AtPort {
    /// As after power-on: echo on, words, plain `ERROR`.
    pub fn new() -> Self {
        AtPort {
            line: Vec::new(),
            echo: true,
            verbose: true,
            cmee: 0,
            reports: true,
            events: false,
            registration: [0; 3],
            text_mode: false,
            takes: Takes::Commands,
            carried: 0,
            ppp: None,
            data: Vec::new(),
        }
    }

    /// Takes bytes from the host, in pieces of any size.
    pub fn push(&mut self, bytes: &[u8]) {
        let longest = if self.is_online() { usize::MAX } else { LONGEST };
        let room = longest.saturating_sub(self.line.len());
        self.line.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// The port carries data, and takes no command but `+++`.
    pub fn is_online(&self) -> bool {
        self.takes == Takes::Data
    }

    /// Octets of data that it took since the last `CONNECT`.
    pub fn carried(&self) -> u64 {
        self.carried
    }

    /// The next whole command line without its CR, or the text after a prompt with the byte that ends it; empty lines are skipped.
    pub fn next_command(&mut self) -> Option<Vec<u8>> {
        loop {
            let last = match self.takes {
                Takes::Commands => self.line.iter().position(|&b| b == b'\r'),
                Takes::Message(_) => self.line.iter().position(|&b| matches!(b, SEND | ABORT)),
                Takes::Data => {
                    let escaped = self.line == b"+++";
                    if escaped {
                        return Some(std::mem::take(&mut self.line));
                    }
                    self.carried += self.line.len() as u64;
                    self.data.append(&mut self.line);
                    return None;
                }
            };
            let Some(end) = last else {
                if self.line.len() >= LONGEST {
                    self.line.clear();
                }
                return None;
            };
            let mut command: Vec<u8> = self.line.drain(..=end).collect();
            if matches!(self.takes, Takes::Message(_)) {
                return Some(command);
            }
            command.pop();
            command.retain(|&b| b != b'\n');
            if !command.is_empty() {
                return Some(command);
            }
        }
    }

    /// Text of this length may follow.
    pub(crate) fn expect_message(&mut self, octets: usize) {
        self.takes = Takes::Message(octets);
    }

    /// Data follows, over a link that was dialled just now, or over the one that there is. `false` when there is none.
    pub(crate) fn go_online(&mut self, dialled: Option<Ppp>) -> bool {
        self.ppp = dialled.or(self.ppp.take());
        if self.ppp.is_some() {
            (self.takes, self.carried) = (Takes::Data, 0);
        }
        self.ppp.is_some()
    }

    /// The link is gone, and commands are taken again.
    pub(crate) fn hang_up(&mut self) {
        self.ppp = None;
        self.data.clear();
        self.line.clear();
        if self.is_online() {
            self.takes = Takes::Commands;
        }
    }

    /// The link, while data passes. It has seen what came for it by `now`, and has done what was due.
    pub(crate) fn link(&mut self, now: Moment) -> Option<&mut Ppp> {
        let online = self.is_online();
        let link = self.ppp.as_mut().filter(|_| online)?;
        link.receive(now, &std::mem::take(&mut self.data));
        Some(link)
    }

    /// When the link has something to do by itself.
    pub(crate) fn next_due(&self) -> Option<Moment> {
        self.ppp.as_ref().filter(|link| self.is_online() && link.phase() != Phase::Over)?.next_tick()
    }

    /// Acts on one command line.
    pub fn answer(&mut self, command: &[u8], id: &Identity, modem: &mut Modem, now: Moment) -> PortAnswer {
        let mut bytes = Vec::new();
        let takes = std::mem::replace(&mut self.takes, Takes::Commands);
        if self.echo && takes != Takes::Data {
            bytes.extend_from_slice(command);
            if takes == Takes::Commands {
                bytes.push(b'\r');
            }
        }
        let text = String::from_utf8_lossy(command);
        let text = text.trim();
        let outcome = match takes {
            Takes::Data => AtAnswer::ok().into(),
            Takes::Message(octets) => table::message(octets, command, modem),
            Takes::Commands => {
                // What does not begin with AT is no command: it is echoed and that is all.
                let Some(rest) = text.get(..2).filter(|at| at.eq_ignore_ascii_case("at")).map(|_| &text[2..])
                else {
                    return PortAnswer { bytes, ..PortAnswer::default() };
                };
                table::run(rest, Call { port: self, id, modem, now, arguments: "" })
            }
        };
        bytes.extend_from_slice(self.in_lines(&outcome.said, id.dialect).as_bytes());
        PortAnswer { bytes, after: outcome.after, later: outcome.later, then: outcome.then }
    }

    fn in_lines(&self, said: &AtAnswer, dialect: Dialect) -> String {
        let unnumbered = |number: u16, kind: &str, words: &str| match self.cmee {
            0 => ("ERROR".to_owned(), "4"),
            1 => (format!("+{kind} ERROR: {number}"), ""),
            _ => (format!("+{kind} ERROR: {words}"), ""),
        };
        let (word, digit) = match said {
            AtAnswer::Lines(_) => ("OK".to_owned(), "0"),
            AtAnswer::Unknown if dialect == Dialect::Umts => ("COMMAND NOT SUPPORT".to_owned(), ""),
            AtAnswer::Error | AtAnswer::Unknown => ("ERROR".to_owned(), "4"),
            AtAnswer::Cme(number) => unnumbered(*number, "CME", table::cme_words(*number)),
            AtAnswer::Cms(number) => unnumbered(*number, "CMS", table::cms_words(*number)),
            AtAnswer::Prompt => return "\r\n> ".to_owned(),
            AtAnswer::Connect => ("CONNECT 100000000".to_owned(), "1"),
            AtAnswer::NoCarrier => ("NO CARRIER".to_owned(), "3"),
        };
        let lines = if let AtAnswer::Lines(lines) = said { lines.as_slice() } else { &[] };
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
    use crate::sticks::huawei::HuaweiOptions;

    fn ask(port: &mut AtPort, text: &[u8]) -> String {
        let identity = HuaweiOptions::stick().identity();
        let mut modem = Modem::new(&identity.ports);
        port.push(text);
        let mut said = Vec::new();
        while let Some(command) = port.next_command() {
            said.extend(port.answer(&command, &identity, &mut modem, Moment::ZERO).bytes);
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
