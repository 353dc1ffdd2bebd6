//! Requests and replies of download mode's binary phase (docs/protocols/balong-flash.md sections 2.4 and 2.5). Multi-byte fields are
//! big-endian; framing and CRC are [`crate::wire::hdlc`]'s.
//!
//! ```
//! use stickshift::flash::message::{self, Reply};
//!
//! let mut body = Vec::new();
//! message::block(1, &[0xaa, 0xbb], &mut body);
//! assert_eq!(body, [0x42, 0, 0, 0, 1, 0, 2, 0xaa, 0xbb]);
//! assert_eq!(Reply::parse(&[3, 0, 0x0c]), Reply::Nak(0x0c));
//! ```

/// Bytes of one block. The original sends 4096; the last block of a partition is as short as what is left.
pub const BLOCK_SIZE: usize = 4096;

/// Leave the binary phase.
pub const LEAVE: [u8; 1] = [0x01];
/// Restart the stick.
pub const RESET: [u8; 1] = [0x0a];
/// Ask for the protocol version.
pub const VERSION: [u8; 1] = [0x0c];
/// Ask for the product id.
pub const PRODUCT_ID: [u8; 1] = [0x45];

/// Start of a partition: exactly 12 bytes. `size` counts the whole partition, unpacked.
pub fn start(code: u32, size: u32) -> [u8; 12] {
    let mut body = [0; 12];
    body[0] = 0x41;
    body[1..5].copy_from_slice(&code.to_be_bytes());
    body[5..9].copy_from_slice(&size.to_be_bytes());
    body
}

/// One block, into `body`, which is cleared first. Blocks count from 1.
pub fn block(number: u32, data: &[u8], body: &mut Vec<u8>) {
    body.clear();
    body.push(0x42);
    body.extend_from_slice(&number.to_be_bytes());
    body.extend_from_slice(&(data.len() as u16).to_be_bytes());
    body.extend_from_slice(data);
}

/// End of a partition: exactly 23 bytes, size before code.
pub fn end(code: u32, size: u32) -> [u8; 23] {
    let mut body = [0; 23];
    body[0] = 0x43;
    body[1..5].copy_from_slice(&size.to_be_bytes());
    body[8..12].copy_from_slice(&code.to_be_bytes());
    body
}

/// What the stick says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Done.
    Ack,
    /// Refused, with its code.
    Nak(u8),
    /// The protocol version text; the same on every stick seen.
    Version(String),
    /// The product id, `HUAWEI E3372h_153`.
    ProductId(String),
    /// Anything else.
    Other(u8),
}

impl Reply {
    /// Reads the body of a frame, CRC taken off.
    pub fn parse(body: &[u8]) -> Reply {
        match body {
            [0x02, ..] => Reply::Ack,
            [0x03, _, code, ..] => Reply::Nak(*code),
            [0x0d, length, text @ ..] => {
                Reply::Version(printable(&text[..text.len().min(usize::from(*length))]))
            }
            [0x45, text @ ..] => Reply::ProductId(printable(text)),
            [first, ..] => Reply::Other(*first),
            [] => Reply::Other(0),
        }
    }
}

/// Text up to its first NUL, what is not printable ASCII left out.
fn printable(bytes: &[u8]) -> String {
    let text = bytes.split(|b| *b == 0).next().unwrap_or_default();
    text.iter()
        .filter(|b| matches!(b, b' '..=b'~'))
        .map(|b| char::from(*b))
        .collect::<String>()
        .trim()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::hdlc;

    fn frame(body: &[u8]) -> String {
        let mut out = Vec::new();
        hdlc::encode(body, &mut out);
        out.iter().map(|b| format!("{b:02x} ")).collect::<String>().trim_end().to_owned()
    }

    #[test]
    fn requests_are_the_originals_bytes() {
        assert_eq!(frame(&LEAVE), "7e 01 f1 e1 7e");
        assert_eq!(frame(&RESET), "7e 0a 22 5f 7e");
        assert_eq!(frame(&VERSION), "7e 0c 14 3a 7e");
        assert_eq!(frame(&PRODUCT_ID), "7e 45 d1 e5 7e");
        assert_eq!(frame(&start(0x0001_0000, 0x117e)), "7e 41 00 01 00 00 00 00 11 7d 5e 00 00 00 cf d5 7e");
        assert_eq!(frame(&start(0x0001_0000, 2048)), "7e 41 00 01 00 00 00 00 08 00 00 00 00 ec c4 7e");
        assert_eq!(frame(&start(0x0011_0000, 0x2fe00)), "7e 41 00 11 00 00 00 02 fe 00 00 00 00 d6 ba 7e");
        assert_eq!(
            frame(&end(0x0001_0000, 0x117e)),
            "7e 43 00 00 11 7d 5e 00 00 00 00 01 00 00 00 00 00 00 00 00 00 00 00 00 00 23 e6 7e"
        );
        assert_eq!(
            frame(&end(0x0001_0000, 2048)),
            "7e 43 00 00 08 00 00 00 00 00 01 00 00 00 00 00 00 00 00 00 00 00 00 00 b9 db 7e"
        );
        assert_eq!(
            frame(&end(0x005a_0000, 12345)),
            "7e 43 00 00 30 39 00 00 00 00 5a 00 00 00 00 00 00 00 00 00 00 00 00 00 02 eb 7e"
        );
    }

    #[test]
    fn blocks_are_the_originals_bytes() {
        let mut body = Vec::new();
        block(1, &[0x7d, 0x7e, 0x7f, 0x00], &mut body);
        assert_eq!(frame(&body), "7e 42 00 00 00 01 00 04 7d 5d 7d 5e 7f 00 33 e9 7e");
        block(126, &[0x5e], &mut body);
        assert_eq!(frame(&body), "7e 42 00 00 00 7d 5e 00 01 5e c9 bb 7e");
        block(1, &[0x2b, 0x1d], &mut body);
        assert_eq!(frame(&body), "7e 42 00 00 00 01 00 02 2b 1d 7d 5d 7d 5e 7e");
    }

    #[test]
    fn replies_are_read_tolerantly() {
        assert_eq!(Reply::parse(&[2]), Reply::Ack);
        assert_eq!(Reply::parse(&[3, 0, 0x0c]), Reply::Nak(0x0c));
        assert_eq!(Reply::parse(b"\x0d\x0f7200B--SKCBADZM"), Reply::Version("7200B--SKCBADZM".into()));
        assert_eq!(Reply::parse(b"\x0d\xff72"), Reply::Version("72".into()));
        assert_eq!(
            Reply::parse(b"\x45HUAWEI E3372h_153\0\0\0"),
            Reply::ProductId("HUAWEI E3372h_153".into())
        );
        assert_eq!(Reply::parse(&[0x3a]), Reply::Other(0x3a));
        assert_eq!(Reply::parse(&[]), Reply::Other(0));
        assert_eq!(Reply::parse(&[3, 0]), Reply::Other(3));
    }
}
