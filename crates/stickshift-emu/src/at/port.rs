//! A serial port of running firmware that takes AT commands (docs/protocols/hilink-at.md section 3.1).
//!
//! This file is the line discipline: what comes in, and as what it is taken. What a port says to it is in `at::answer`.

use stickshift::link::Moment;

use crate::ppp::{Phase, Ppp};

/// A longer command line is thrown away.
const LONGEST: usize = 2048;

/// What ends the text after a prompt: it is sent, or it is not.
const SEND: u8 = 0x1a;
const ABORT: u8 = 0x1b;

/// What the port takes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
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
    /// `AT+COPS=3,2`: networks have numbers in place of names.
    pub(crate) network_numbers: bool,
    /// `AT+CMGF=1`.
    pub(crate) text_mode: bool,
    pub(super) takes: Takes,
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
            network_numbers: false,
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
}

impl Default for AtPort {
    fn default() -> Self {
        AtPort::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endless_lines_are_thrown_away() {
        let mut port = AtPort::new();
        for _ in 0..100 {
            port.push(&[b'A'; 1000]);
            assert_eq!(port.next_command(), None);
        }
        assert!(port.line.len() <= LONGEST);
        port.push("é\r".as_bytes());
        assert!(port.next_command().unwrap().ends_with("é".as_bytes()));
    }
}
