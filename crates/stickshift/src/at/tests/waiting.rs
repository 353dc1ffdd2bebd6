//! Waiting for what the stick says unasked.

use std::collections::VecDeque;
use std::time::Duration;

use super::{Port, ok};
use crate::at::{At, Command, network, signal, sim};
use crate::error::ErrorKind;
use crate::link::{ByteLink, Moment};

/// A stick that says something at the last moment of each read.
struct AtTheLastMoment {
    now: Moment,
    says: VecDeque<&'static [u8]>,
}

impl AtTheLastMoment {
    fn new(says: &[&'static [u8]]) -> Self {
        AtTheLastMoment { now: Moment::ZERO, says: says.iter().copied().collect() }
    }
}

impl ByteLink for AtTheLastMoment {
    fn write(&mut self, _bytes: &[u8]) -> crate::error::Result<()> {
        Ok(())
    }
    fn read(&mut self, buffer: &mut [u8], deadline: Moment) -> crate::error::Result<usize> {
        self.now = deadline;
        let piece = self.says.pop_front().unwrap_or_default();
        buffer[..piece.len()].copy_from_slice(piece);
        Ok(piece.len())
    }
    fn discard_input(&mut self) -> crate::error::Result<()> {
        Ok(())
    }
    fn now(&self) -> Moment {
        self.now
    }
    fn sleep(&mut self, time: Duration) {
        self.now += time;
    }
}

const SHORT: Duration = Duration::from_millis(250);

#[test]
fn a_line_of_the_last_moment_is_not_lost() {
    let mut link = AtTheLastMoment::new(&[b"\r\n^NDISSTAT:0,33,,\"IPV4\"\r\n"]);
    let told = At::new(&mut link).wait_urc("^NDISSTAT", SHORT).unwrap();
    assert_eq!(told.as_deref(), Some("0,33,,\"IPV4\""));
}

#[test]
fn the_second_half_of_a_line_is_waited_for() {
    let mut link = AtTheLastMoment::new(&[b"\r\n^NDISSTAT:0,3", b"3,,\"IPV4\"\r\n"]);
    let mut at = At::new(&mut link);
    at.wait_any_urc(SHORT).unwrap();
    assert_eq!(at.take_urcs(), ["^NDISSTAT:0,33,,\"IPV4\""]);
    let began = at.now();
    at.wait_any_urc(SHORT).unwrap();
    assert_eq!((at.now() - began, at.take_urcs()), (SHORT, Vec::new()));
}

/// A stick that stays busy costs its patience once, not once for each question.
#[test]
fn a_stick_that_stays_busy_is_waited_for_once() {
    let mut port = Port::new(|_| b"\r\n+CME ERROR: 14\r\n".to_vec());
    let mut at = At::new(&mut port);
    for _ in 0..5 {
        at.run(&sim::state()).unwrap_err();
    }
    let waited = at.now().as_secs();
    assert!((15..=20).contains(&waited), "{waited}");
    // Much later it may be busy anew.
    at.sleep(Duration::from_secs(300));
    at.run(&sim::state()).unwrap_err();
    assert!(at.now().as_secs() >= 300 + 2 * 15, "{:?}", at.now());
}

/// A port of another kind may say something to `AT` now and then.
#[test]
fn a_port_that_answers_no_command_is_given_up_after_a_few_seconds() {
    let mut port = Port::new(|line| if line == "AT" { ok(&[]) } else { Vec::new() });
    let mut at = At::new(&mut port);
    let mut waits = 0;
    let error = at.init_telling(&mut || waits += 1).unwrap_err();
    assert_eq!((error.kind(), error.what()), (ErrorKind::Timeout, "the port does not answer AT"));
    assert!(waits > 0 && at.now().as_secs() < 10, "{waits}, {:?}", at.now());
}

#[test]
fn one_command_that_hangs_keeps_no_port_from_use() {
    let mut port = Port::new(|line| if line == "ATQ0" { Vec::new() } else { ok(&[]) });
    At::new(&mut port).init().unwrap();
}

/// A port that a program left in the middle of a message takes everything for its text, until ESC.
#[test]
fn a_port_that_was_left_at_the_prompt_of_a_message_is_freed() {
    let mut at_prompt = true;
    let mut port = Port::new(move |line| {
        if at_prompt {
            // An ESC ends an empty line here.
            at_prompt = !line.is_empty();
            return if at_prompt { b"\r\n> ".to_vec() } else { ok(&[]) };
        }
        match line {
            "AT+CSQ" => ok(&["+CSQ: 20,99"]),
            _ => ok(&[]),
        }
    });
    let mut at = At::new(&mut port);
    at.init().unwrap();
    assert_eq!(at.run(&signal::strength()).unwrap(), Some(-73));
    assert!(at.run_if_known(&network::operator()).unwrap().is_none());
}

/// A stick that answers one line after the other: one command takes as long as six others are waited for.
struct Slow {
    now: Moment,
    free: Moment,
    heard: Vec<u8>,
    answers: VecDeque<(Moment, &'static [u8])>,
}

impl ByteLink for Slow {
    fn write(&mut self, bytes: &[u8]) -> crate::error::Result<()> {
        for byte in bytes {
            if *byte != b'\r' {
                self.heard.push(*byte);
                continue;
            }
            let line = std::mem::take(&mut self.heard);
            let (time, answer): (u64, &[u8]) = match &line[..] {
                b"AT^CURC=0" => (5500, b"\r\nOK\r\n"),
                b"AT+CFUN=4" => (40, b"\r\n+CME ERROR: 3\r\n"),
                _ => (40, b"\r\nOK\r\n"),
            };
            self.free = self.free.max(self.now) + Duration::from_millis(time);
            self.answers.push_back((self.free, answer));
        }
        Ok(())
    }
    fn read(&mut self, buffer: &mut [u8], deadline: Moment) -> crate::error::Result<usize> {
        match self.answers.front() {
            Some((at, answer)) if *at <= deadline => {
                self.now = self.now.max(*at);
                buffer[..answer.len()].copy_from_slice(answer);
                let length = answer.len();
                self.answers.pop_front();
                Ok(length)
            }
            _ => {
                self.now = self.now.max(deadline);
                Ok(0)
            }
        }
    }
    fn discard_input(&mut self) -> crate::error::Result<()> {
        Ok(())
    }
    fn now(&self) -> Moment {
        self.now
    }
    fn sleep(&mut self, time: Duration) {
        self.now += time;
    }
}

#[test]
fn the_result_of_a_command_that_was_given_up_is_not_the_next_ones() {
    let (now, free) = (Moment::ZERO, Moment::ZERO);
    let mut link = Slow { now, free, heard: Vec::new(), answers: VecDeque::new() };
    let mut at = At::new(&mut link);
    at.init().unwrap();
    let refused = at.run(&Command::plain("AT+CFUN=4")).unwrap_err();
    assert_eq!(refused.fact("code"), Some("cme 3"));
}

/// Results that another program switched off.
#[test]
fn a_modem_that_gives_no_results_is_told_to() {
    let mut quiet = true;
    let mut port = Port::new(move |line| {
        quiet &= !line.starts_with("ATQ0");
        if quiet { Vec::new() } else { ok(&[]) }
    });
    At::new(&mut port).init().unwrap();
}
