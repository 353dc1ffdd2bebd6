use std::collections::VecDeque;
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};
use crate::link::{ByteLink, Moment};

/// Who sent the bytes of a tape entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The host, to the stick.
    ToStick,
    /// The stick, to the host.
    FromStick,
}

/// A recording of a byte dialogue, in order. Played back by [`TapeLink`].
///
/// As text: one line per entry, `>` or `<`, a blank, the bytes in hex. Lines that begin with `#` are comments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tape {
    /// The entries in the order they happened.
    pub entries: Vec<(Direction, Vec<u8>)>,
}

impl Tape {
    /// Reads the text form.
    ///
    /// # Errors
    /// `FileCorrupt` with the fact `line`.
    pub fn parse(text: &str) -> Result<Self> {
        let mut entries = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let bad = || Error::new(ErrorKind::FileCorrupt, "not a tape line").with("line", index + 1);
            let (direction, hex) = match line.split_at_checked(1) {
                Some((">", hex)) => (Direction::ToStick, hex),
                Some(("<", hex)) => (Direction::FromStick, hex),
                _ => return Err(bad()),
            };
            let digits: Vec<u8> = hex.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
            if !digits.len().is_multiple_of(2) || !digits.iter().all(u8::is_ascii_hexdigit) {
                return Err(bad());
            }
            let nibble = |d: u8| (d as char).to_digit(16).unwrap_or(0) as u8;
            entries.push((direction, digits.chunks(2).map(|p| nibble(p[0]) << 4 | nibble(p[1])).collect()));
        }
        Ok(Tape { entries })
    }
}

/// Plays a [`Tape`] back: what the host writes must be what the tape holds, and is answered from the tape.
/// Time passes only while waiting for an answer that does not come.
pub struct TapeLink {
    left: VecDeque<(Direction, Vec<u8>)>,
    now: Moment,
}

impl TapeLink {
    /// Starts at the beginning of `tape`.
    pub fn new(tape: Tape) -> Self {
        TapeLink { left: tape.entries.into(), now: Moment::ZERO }
    }

    /// Whether everything on the tape happened.
    pub fn is_finished(&self) -> bool {
        self.left.is_empty()
    }
}

impl ByteLink for TapeLink {
    fn write(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            let differs =
                || Error::new(ErrorKind::UnexpectedAnswer, "the bytes written differ from the tape");
            let Some((Direction::ToStick, expected)) = self.left.front_mut() else { return Err(differs()) };
            let n = expected.len().min(bytes.len());
            if expected[..n] != bytes[..n] {
                return Err(differs());
            }
            expected.drain(..n);
            if expected.is_empty() {
                self.left.pop_front();
            }
            bytes = &bytes[n..];
        }
        Ok(())
    }

    fn read(&mut self, buffer: &mut [u8], deadline: Moment) -> Result<usize> {
        let Some((Direction::FromStick, bytes)) = self.left.front_mut() else {
            self.now = self.now.max(deadline);
            return Ok(0);
        };
        let n = bytes.len().min(buffer.len());
        buffer[..n].copy_from_slice(&bytes[..n]);
        bytes.drain(..n);
        if bytes.is_empty() {
            self.left.pop_front();
        }
        Ok(n)
    }

    fn discard_input(&mut self) -> Result<()> {
        while let Some((Direction::FromStick, _)) = self.left.front() {
            self.left.pop_front();
        }
        Ok(())
    }

    fn now(&self) -> Moment {
        self.now
    }

    fn sleep(&mut self, time: Duration) {
        self.now += time;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plays_back_in_any_piece_size() {
        let tape = Tape::parse("# probe\n> 41\n< 55\n> fe 00\n").unwrap();
        let mut link = TapeLink::new(tape);
        link.write(&[0x41]).unwrap();
        let mut b = [0; 4];
        assert_eq!(link.read(&mut b, Moment::from_secs(3)).unwrap(), 1);
        assert_eq!(b[0], 0x55);
        link.write(&[0xfe]).unwrap();
        assert!(link.write(&[0x01]).unwrap_err().is(ErrorKind::UnexpectedAnswer));
        link.write(&[0x00]).unwrap();
        assert!(link.is_finished());
        assert_eq!(link.read(&mut b, Moment::from_secs(3)).unwrap(), 0);
        assert_eq!(link.now(), Moment::from_secs(3));
    }

    #[test]
    fn bad_lines_are_named() {
        assert_eq!(Tape::parse("> 41\n? 00").unwrap_err().fact("line"), Some("2"));
        assert_eq!(Tape::parse("> 4").unwrap_err().fact("line"), Some("1"));
        assert_eq!(Tape::parse("é").unwrap_err().fact("line"), Some("1"));
    }
}
