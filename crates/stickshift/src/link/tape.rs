use std::collections::VecDeque;
use std::fmt::Write as _;
use std::ops::Range;
use std::time::Duration;

use crate::error::{Detail, Error, ErrorKind, Result};
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
/// As text: one line per entry, `>` (to the stick) or `<` (from it), a blank, the bytes in hex, a masked byte as `**`. Lines that begin with
/// `#` are comments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tape {
    /// The entries in the order they happened; `None` is a byte that was masked.
    pub entries: Vec<(Direction, Vec<Option<u8>>)>,
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
            let bad =
                || Error::new(ErrorKind::FileCorrupt, "not a tape line").detail(Detail::Line(index + 1));
            let (direction, hex) = match line.split_at_checked(1) {
                Some((">", hex)) => (Direction::ToStick, hex),
                Some(("<", hex)) => (Direction::FromStick, hex),
                _ => return Err(bad()),
            };
            let digits: Vec<u8> = hex.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
            let (pairs, rest) = digits.as_chunks::<2>();
            if !rest.is_empty() {
                return Err(bad());
            }
            let bytes: Option<Vec<Option<u8>>> = pairs.iter().map(tape_byte).collect();
            entries.push((direction, bytes.ok_or_else(bad)?));
        }
        Ok(Tape { entries })
    }
}

/// One pair of characters of a tape line: hex digits, or `**` for a masked byte.
fn tape_byte(pair: &[u8; 2]) -> Option<Option<u8>> {
    if pair == b"**" {
        return Some(None);
    }
    let nibble = |d: u8| (d as char).to_digit(16);
    Some(Some((nibble(pair[0])? << 4 | nibble(pair[1])?) as u8))
}

/// One line of a tape, these ranges masked, with its line end.
pub(super) fn tape_line(direction: Direction, bytes: &[u8], secrets: Vec<Range<usize>>) -> String {
    let mut hidden = vec![false; bytes.len()];
    for range in secrets {
        hidden[range].fill(true);
    }
    let mut line = String::with_capacity(3 + 2 * bytes.len());
    line.push_str(match direction {
        Direction::ToStick => "> ",
        Direction::FromStick => "< ",
    });
    for (byte, hidden) in bytes.iter().zip(hidden) {
        if hidden {
            line.push_str("**");
        } else {
            let _ = write!(line, "{byte:02x}");
        }
    }
    line.push('\n');
    line
}

/// Plays a [`Tape`] back: what the host writes must be what the tape holds, and is answered from the tape (masked bytes match
/// anything and are played as `0`). Time passes only while waiting for an answer that does not come.
pub struct TapeLink {
    left: VecDeque<(Direction, Vec<Option<u8>>)>,
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
            if expected[..n].iter().zip(bytes).any(|(e, b)| e.is_some_and(|e| e != *b)) {
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
        for (to, from) in buffer.iter_mut().zip(bytes.drain(..n)) {
            *to = from.unwrap_or(b'0');
        }
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
    fn masked_bytes_match_anything() {
        let line = tape_line(Direction::ToStick, b"AT+CPIN=\"1234\"\r", std::iter::once(8..14).collect());
        assert_eq!(line, "> 41542b4350494e3d************0d\n");
        let mut link = TapeLink::new(Tape::parse(&line).unwrap());
        link.write(b"AT+CPIN=\"9999\"\r").unwrap();
        assert!(link.is_finished());
    }

    #[test]
    fn bad_lines_are_named() {
        assert_eq!(Tape::parse("> 41\n? 00").unwrap_err().fact("line"), Some("2"));
        assert_eq!(Tape::parse("> 4").unwrap_err().fact("line"), Some("1"));
        assert_eq!(Tape::parse("é").unwrap_err().fact("line"), Some("1"));
    }
}
