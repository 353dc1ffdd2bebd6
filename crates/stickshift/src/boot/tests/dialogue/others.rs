//! Ports behind which no boot ROM answers.

use super::*;
use crate::link::flood::Flood;

#[test]
fn other_ports_are_told_apart_by_their_answer() {
    let silence = Err("silence");
    for (answer, fact) in [
        (Ok("41"), "41"),
        (Ok("0d0a2b43524547"), "0d0a2b43"),
        (Ok("aa"), "aa"),
        (Ok("5541"), "5541"),
        (silence, "silence"),
    ] {
        let mut link = Other { answer: answer.map(hex).unwrap_or_default(), ..Other::default() };
        let error = send(&mut link).unwrap_err();
        assert!(error.is(ErrorKind::NotInBootMode), "{error:?}");
        assert!(link.now < Duration::from_secs(12), "{:?}", link.now);
        assert_eq!((error.fact("answer"), error.verdict()), (Some(fact), Some(Verdict::Untouched)));
    }
}

/// A loader that runs already answers no probe: it tells its version, or refuses words once it is in its binary phase.
#[test]
fn a_running_loader_is_told_from_a_silent_port() {
    for version in [b"\r\n2.0\r\n\r\nOK\r\n".to_vec(), hex("7e0300069e4c7e")] {
        let mut link = Other { version, ..Other::default() };
        let error = send(&mut link).unwrap_err();
        assert!(error.is(ErrorKind::NotInBootMode) && error.has(&Detail::LoaderRuns), "{error:?}");
        assert_eq!(error.verdict(), Some(Verdict::Untouched));
    }
    for version in [b"\r\nERROR\r\n".to_vec(), Vec::new()] {
        let error = send(&mut Other { version, ..Other::default() }).unwrap_err();
        assert!(!error.has(&Detail::LoaderRuns), "{error:?}");
    }
}

/// A port that answers every write in the same way, or not at all, and the question for its version in another.
#[derive(Default)]
struct Other {
    answer: Vec<u8>,
    version: Vec<u8>,
    waiting: Vec<u8>,
    now: Moment,
}

impl ByteLink for Other {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.waiting = match bytes {
            b"\r" => Vec::new(),
            b"AT^DLOADVER?\r" => self.version.clone(),
            _ => {
                assert!(bytes.iter().all(|b| *b == 0x41), "only probes");
                self.answer.clone()
            }
        };
        Ok(())
    }
    fn read(&mut self, buffer: &mut [u8], deadline: Moment) -> Result<usize> {
        let waiting = std::mem::take(&mut self.waiting);
        buffer[..waiting.len()].copy_from_slice(&waiting);
        if waiting.is_empty() {
            self.now = self.now.max(deadline);
        }
        Ok(waiting.len())
    }
    fn discard_input(&mut self) -> Result<()> {
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
fn a_port_that_never_is_quiet_is_left_alone() {
    let mut port = Flood::of(b"~");
    let error = send(&mut port).unwrap_err();
    assert_eq!(port.written, 0);
    assert!(error.is(ErrorKind::NotInBootMode));
    assert_eq!((error.fact("answer"), error.verdict()), (Some("7e7e7e7e"), Some(Verdict::Untouched)));
}
