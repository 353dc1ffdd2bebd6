//! How a text is written: UTF-8, or UTF-16 as Windows writes it. One place knows, whatever the text is of.
//!
//! ```
//! use stickshift::wire::text::{Encoding, encoding};
//!
//! let bytes = b"\xff\xfeh\0i\0";
//! let (encoding, mark) = encoding(bytes);
//! assert_eq!((encoding, encoding.utf16(&bytes[mark..])), (Encoding::Utf16Little, "hi".to_owned()));
//! ```

use std::io::{self, Read};

/// How the bytes of a text become characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8, or what is near to it.
    Utf8,
    /// UTF-16, the less significant byte first.
    Utf16Little,
    /// UTF-16, the more significant byte first.
    Utf16Big,
}

/// The encoding that a text's start shows, and how many bytes its mark takes. Latin letters tell UTF-16 that has no mark.
pub fn encoding(start: &[u8]) -> (Encoding, usize) {
    match start {
        [0xef, 0xbb, 0xbf, ..] => (Encoding::Utf8, 3),
        [0xff, 0xfe, ..] => (Encoding::Utf16Little, 2),
        [0xfe, 0xff, ..] => (Encoding::Utf16Big, 2),
        [a, 0, b, 0, ..] if *a != 0 && *b != 0 => (Encoding::Utf16Little, 0),
        [0, a, 0, b, ..] if *a != 0 && *b != 0 => (Encoding::Utf16Big, 0),
        _ => (Encoding::Utf8, 0),
    }
}

impl Encoding {
    fn unit(self, pair: [u8; 2]) -> u16 {
        match self {
            Encoding::Utf16Big => u16::from_be_bytes(pair),
            _ => u16::from_le_bytes(pair),
        }
    }

    /// The characters of UTF-16 behind its mark; half of one becomes U+FFFD.
    pub fn utf16(self, bytes: &[u8]) -> String {
        let (pairs, _) = bytes.as_chunks::<2>();
        char::decode_utf16(pairs.iter().map(|pair| self.unit(*pair)))
            .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect()
    }

    /// The ASCII of UTF-16, as a stream; every other unit becomes `?`.
    pub fn ascii<R: Read>(self, source: R) -> Ascii<R> {
        Ascii { source, encoding: self, half: None }
    }
}

/// What [`Encoding::ascii`] reads.
#[derive(Debug)]
pub struct Ascii<R> {
    source: R,
    encoding: Encoding,
    half: Option<u8>,
}

impl<R: Read> Read for Ascii<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut written = 0;
        while written == 0 && !buffer.is_empty() {
            let mut bytes = [0; 8192];
            let want = bytes.len().min(buffer.len());
            let got = self.source.read(&mut bytes[..want])?;
            if got == 0 {
                break;
            }
            for byte in &bytes[..got] {
                let Some(first) = self.half.take() else {
                    self.half = Some(*byte);
                    continue;
                };
                let ascii = u8::try_from(self.encoding.unit([first, *byte])).ok().filter(u8::is_ascii);
                buffer[written] = ascii.unwrap_or(b'?');
                written += 1;
            }
        }
        Ok(written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_told_by_their_start() {
        for (start, expected) in [
            (&b"abcd"[..], (Encoding::Utf8, 0)),
            (b"\xef\xbb\xbfabc", (Encoding::Utf8, 3)),
            (b"\xff\xfea\0", (Encoding::Utf16Little, 2)),
            (b"\xfe\xff\0a", (Encoding::Utf16Big, 2)),
            (b"a\0b\0", (Encoding::Utf16Little, 0)),
            (b"\0a\0b", (Encoding::Utf16Big, 0)),
            (b"\0\0\0\0", (Encoding::Utf8, 0)),
            (b"", (Encoding::Utf8, 0)),
        ] {
            assert_eq!(encoding(start), expected, "{start:?}");
        }
    }

    #[test]
    fn a_stream_of_utf_16_may_come_in_any_pieces() {
        struct Bytewise<'a>(&'a [u8]);
        impl Read for Bytewise<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                self.0.read(&mut buffer[..1])
            }
        }
        let bytes: Vec<u8> = "a\nü€b".encode_utf16().flat_map(u16::to_be_bytes).collect();
        let mut text = String::new();
        Encoding::Utf16Big.ascii(Bytewise(&bytes)).read_to_string(&mut text).unwrap();
        assert_eq!(text, "a\n??b");
    }
}
