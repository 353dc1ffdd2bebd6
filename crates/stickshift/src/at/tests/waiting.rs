//! Waiting for what the stick says unasked.

use std::collections::VecDeque;
use std::time::Duration;

use crate::at::At;
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
