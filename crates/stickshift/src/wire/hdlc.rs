//! The framing of Huawei's download mode (docs/protocols/balong-flash.md section 2.3):
//! `7E | escaped( body | CRC lo | CRC hi ) | 7E`, CRC-16/X-25 over the unescaped body.
//!
//! ```
//! use stickshift::wire::hdlc::{Deframer, encode};
//!
//! let mut wire = Vec::new();
//! encode(&[0x0c], &mut wire);
//! assert_eq!(wire, [0x7e, 0x0c, 0x14, 0x3a, 0x7e]);
//!
//! let mut deframer = Deframer::new();
//! deframer.push(&wire);
//! assert_eq!(deframer.next(), Some(Ok(vec![0x0c])));
//! assert_eq!(deframer.next(), None);
//! ```

use std::collections::VecDeque;
use std::fmt;

use super::crc;

const FLAG: u8 = 0x7e;
const ESCAPE: u8 = 0x7d;
const FLIP: u8 = 0x20;

/// The most bytes of body and CRC that a modem's decoder takes.
pub const MAX_FRAME: usize = 8704;

/// Frames that wait to be taken; when nobody takes them the oldest go.
const MAX_WAITING: usize = 1024;

/// Appends one frame around `body` to `out`, flags at both ends.
pub fn encode(body: &[u8], out: &mut Vec<u8>) {
    out.reserve(body.len() + body.len() / 64 + 8);
    out.push(FLAG);
    escape(body, out);
    escape(&crc::x25(body).to_le_bytes(), out);
    out.push(FLAG);
}

fn escape(data: &[u8], out: &mut Vec<u8>) {
    let mut done = 0;
    for at in memchr::memchr2_iter(FLAG, ESCAPE, data) {
        out.extend_from_slice(&data[done..at]);
        out.extend_from_slice(&[ESCAPE, data[at] ^ FLIP]);
        done = at + 1;
    }
    out.extend_from_slice(&data[done..]);
}

/// Why what stood between two flags is not a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadFrame {
    /// The CRC in the frame is not that of its body.
    Crc {
        /// Computed over the body.
        expected: u16,
        /// Found in the frame.
        found: u16,
    },
    /// More than [`MAX_FRAME`] bytes without a flag.
    TooLong,
    /// The frame ends in the middle of an escape.
    CutEscape,
}

impl fmt::Display for BadFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadFrame::Crc { expected, found } => {
                write!(f, "frame with CRC {found:04x} instead of {expected:04x}")
            }
            BadFrame::TooLong => write!(f, "more than {MAX_FRAME} bytes without an end of frame"),
            BadFrame::CutEscape => f.write_str("frame ends in the middle of an escape"),
        }
    }
}

impl std::error::Error for BadFrame {}

/// Takes bytes as they come from a port and gives frame bodies, without their CRC.
///
/// Sticks leave out the opening flag of some replies, so everything up to a flag counts as a frame; two bytes or fewer
/// between flags do not. Memory stays bounded whatever arrives.
#[derive(Debug, Default)]
pub struct Deframer {
    frame: Vec<u8>,
    escaped: bool,
    overlong: bool,
    ready: VecDeque<Result<Vec<u8>, BadFrame>>,
}

impl Deframer {
    /// With nothing received yet.
    pub fn new() -> Self {
        Deframer::default()
    }

    /// Takes received bytes, in pieces of any size. Then call [`Deframer::next`] until it gives `None`.
    pub fn push(&mut self, bytes: &[u8]) {
        let mut done = 0;
        for at in memchr::memchr2_iter(FLAG, ESCAPE, bytes) {
            self.plain(&bytes[done..at]);
            done = at + 1;
            if bytes[at] == FLAG {
                self.end();
            } else if self.escaped {
                self.plain(&[ESCAPE]);
            } else {
                self.escaped = true;
            }
        }
        self.plain(&bytes[done..]);
    }

    /// The next whole frame: its body, or what was wrong with it. `None` when more bytes are needed.
    #[allow(clippy::should_implement_trait, reason = "a frame may well come after None")]
    pub fn next(&mut self) -> Option<Result<Vec<u8>, BadFrame>> {
        self.ready.pop_front()
    }

    /// Forgets an unfinished frame and those not yet taken, as after flushing the port.
    pub fn clear(&mut self) {
        *self = Deframer::new();
    }

    fn plain(&mut self, mut bytes: &[u8]) {
        if self.escaped
            && let Some((&first, rest)) = bytes.split_first()
        {
            self.escaped = false;
            self.append(&[first ^ FLIP]);
            bytes = rest;
        }
        self.append(bytes);
    }

    fn append(&mut self, bytes: &[u8]) {
        if self.frame.len() + bytes.len() > MAX_FRAME {
            self.overlong = true;
            self.frame.clear();
        }
        if !self.overlong {
            self.frame.extend_from_slice(bytes);
        }
    }

    fn end(&mut self) {
        let mut body = std::mem::take(&mut self.frame);
        let frame = if std::mem::take(&mut self.overlong) {
            self.escaped = false;
            Err(BadFrame::TooLong)
        } else if std::mem::take(&mut self.escaped) {
            Err(BadFrame::CutEscape)
        } else if body.len() <= 2 {
            return;
        } else {
            let found = u16::from_le_bytes([body[body.len() - 2], body[body.len() - 1]]);
            body.truncate(body.len() - 2);
            let expected = crc::x25(&body);
            if expected == found { Ok(body) } else { Err(BadFrame::Crc { expected, found }) }
        };
        if self.ready.len() == MAX_WAITING {
            self.ready.pop_front();
        }
        self.ready.push_back(frame);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hex(text: &str) -> Vec<u8> {
        crate::hex::decode(&text.split_whitespace().collect::<String>()).unwrap()
    }

    fn encoded(body: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        encode(body, &mut out);
        out
    }

    fn decoded(bytes: &[u8]) -> Vec<Result<Vec<u8>, BadFrame>> {
        let mut deframer = Deframer::new();
        deframer.push(bytes);
        std::iter::from_fn(|| deframer.next()).collect()
    }

    /// Body and frame, as the original tool and an independent emulator exchanged them.
    const VECTORS: &[(&str, &str)] = &[
        ("0c", "7e 0c 14 3a 7e"),
        ("45", "7e 45 d1 e5 7e"),
        ("01", "7e 01 f1 e1 7e"),
        ("3a", "7e 3a a1 6e 7e"),
        ("46", "7e 46 4a d7 7e"),
        ("4b", "7e 4b af 0c 7e"),
        ("fb", "7e fb 24 b9 7e"),
        ("fb00", "7e fb 00 e7 97 7e"),
        ("02", "7e 02 6a d3 7e"),
        ("0a", "7e 0a 22 5f 7e"),
        (
            "45 48554157454920 45333337 32685f313533 000000",
            "7e4548554157454920453333 37 32685f313533000000d4ed7e",
        ),
        ("41 00010000 0000117e 000000", "7e 41 00 01 00 00 00 00 11 7d 5e 00 00 00 cf d5 7e"),
        ("41 00010000 00000800 000000", "7e 41 00 01 00 00 00 00 08 00 00 00 00 ec c4 7e"),
        ("41 00110000 0002fe00 000000", "7e 41 00 11 00 00 00 02 fe 00 00 00 00 d6 ba 7e"),
        (
            "43 0000117e 000000 00010000 0000000000000000000000",
            "7e 43 00 00 11 7d 5e 00 00 00 00 01 00 00 00 00 00 00 00 00 00 00 00 00 00 23 e6 7e",
        ),
        (
            "43 00000800 000000 00010000 0000000000000000000000",
            "7e 43 00 00 08 00 00 00 00 00 01 00 00 00 00 00 00 00 00 00 00 00 00 00 b9 db 7e",
        ),
        (
            "43 00003039 000000 005a0000 0000000000000000000000",
            "7e 43 00 00 30 39 00 00 00 00 5a 00 00 00 00 00 00 00 00 00 00 00 00 00 02 eb 7e",
        ),
        ("42 00000001 0004 7d7e7f00", "7e 42 00 00 00 01 00 04 7d 5d 7d 5e 7f 00 33 e9 7e"),
        ("42 0000007e 0001 5e", "7e 42 00 00 00 7d 5e 00 01 5e c9 bb 7e"),
        ("42 00000001 0002 2b1d", "7e 42 00 00 00 01 00 02 2b 1d 7d 5d 7d 5e 7e"),
    ];

    #[test]
    fn vectors_both_ways() {
        for (body, frame) in VECTORS {
            assert_eq!(encoded(&hex(body)), hex(frame), "{body}");
            assert_eq!(decoded(&hex(frame)), [Ok(hex(body))], "{frame}");
        }
    }

    #[test]
    fn every_nak_both_ways() {
        let crcs = "01:2138 02:ba0a 03:331b 04:8c6f 05:057d5e 06:9e4c 07:175d 08:e0a5 09:69b4 0a:f286 0b:7b97 \
                    0c:c4e3 0d:4df2 0e:d6c0 0f:5fd1 10:2939 11:a028";
        for nak in crcs.split_whitespace() {
            let (code, crc) = nak.split_once(':').unwrap();
            let frame = hex(&format!("7e 0300{code} {crc} 7e"));
            let body = hex(&format!("0300{code}"));
            assert_eq!(encoded(&body), frame);
            assert_eq!(decoded(&frame), [Ok(body)]);
        }
    }

    #[test]
    fn the_version_reply_has_no_opening_flag() {
        let wire = hex("0d 0f 37 32 30 30 42 2d 2d 53 4b 43 42 41 44 5a 4d c3 7b 7e");
        assert_eq!(decoded(&wire), [Ok(b"\x0d\x0f7200B--SKCBADZM".to_vec())]);
    }

    #[test]
    fn flags_may_be_doubled_or_shared() {
        assert_eq!(
            decoded(&hex("7e7e026ad37e7e7e026ad37e026ad37e")),
            [Ok(vec![2]), Ok(vec![2]), Ok(vec![2])]
        );
        assert_eq!(decoded(&hex("7e 02 7e 0a22 7e")), []);
    }

    #[test]
    fn bad_frames_say_what_is_wrong_and_the_next_is_found() {
        assert_eq!(
            decoded(&hex("7e026ad47e7e026ad37e")),
            [Err(BadFrame::Crc { expected: 0xd36a, found: 0xd46a }), Ok(vec![2])]
        );
        assert_eq!(decoded(&hex("7e026a7d7e026ad37e")), [Err(BadFrame::CutEscape), Ok(vec![2])]);
        let mut long = vec![0x55; MAX_FRAME + 1];
        long.extend(hex("7d7e026ad37e"));
        assert_eq!(decoded(&long), [Err(BadFrame::TooLong), Ok(vec![2])]);
    }

    #[test]
    fn the_longest_frame_fits_and_one_byte_more_does_not() {
        let body = vec![0x7e; MAX_FRAME - 2];
        assert_eq!(decoded(&encoded(&body)), [Ok(body)]);
        assert_eq!(decoded(&encoded(&vec![0; MAX_FRAME - 1])), [Err(BadFrame::TooLong)]);
    }

    #[test]
    fn memory_stays_bounded() {
        let mut deframer = Deframer::new();
        for _ in 0..1000 {
            deframer.push(&[0x41; 4096]);
            assert!(deframer.frame.capacity() <= 2 * MAX_FRAME);
        }
        for _ in 0..5000 {
            deframer.push(&hex("7e026ad37e"));
        }
        assert_eq!(deframer.ready.len(), MAX_WAITING);
    }

    proptest! {
        #[test]
        fn any_body_comes_back_in_any_pieces(
            bodies in proptest::collection::vec(
                proptest::collection::vec(prop_oneof![Just(0x7e), Just(0x7d), Just(0x5e), any::<u8>()], 1..300), 1..4),
            piece in 1usize..40,
        ) {
            let wire: Vec<u8> = bodies.iter().flat_map(|b| encoded(b)).collect();
            let mut deframer = Deframer::new();
            let mut got = Vec::new();
            for bytes in wire.chunks(piece) {
                deframer.push(bytes);
                got.extend(std::iter::from_fn(|| deframer.next()));
            }
            prop_assert_eq!(got, bodies.into_iter().map(Ok).collect::<Vec<_>>());
        }

        #[test]
        fn any_bytes_do_no_harm(wire in proptest::collection::vec(any::<u8>(), 0..2000)) {
            for frame in decoded(&wire).into_iter().flatten() {
                prop_assert!(!frame.is_empty());
            }
        }
    }
}
