//! SMS-SUBMIT: a text as the PDUs that send it (3GPP TS 23.040 section 9.2.2.2).

use crate::error::{Error, ErrorKind, Result};
use crate::wire::pdu::PARTS_LIMIT;
use crate::wire::pdu::alphabet::{ends_in_escape, pack, to_gsm7};

/// One PDU to write after the prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pdu {
    /// With the service centre address in front (an empty one: the SIM's own).
    pub bytes: Vec<u8>,
    /// Octets without the service centre address: what `AT+CMGS=` wants to know.
    pub length: usize,
}

/// Encodes a text as SMS-SUBMIT: one PDU, or several when it is long. GSM 7-bit where every character allows it, else UCS2.
/// `reference` marks the parts as belonging together and should differ from message to message. Valid for four days.
///
/// # Errors
/// `Usage` for a number that is none, or a text too long for 255 parts.
pub fn submit(to: &str, text: &str, reference: u8, status_report: bool) -> Result<Vec<Pdu>> {
    let address = encode_number(to)?;
    let (scheme, pieces): (u8, Vec<Piece>) = match to_gsm7(text) {
        Some(codes) => (0x00, split(&codes, 160, 153, ends_in_escape, |c, fill| (c.len(), pack(c, fill)))),
        None => {
            let units: Vec<u16> = text.encode_utf16().collect();
            let high = |u: &[u16]| (0xd800..0xdc00).contains(&u[u.len() - 1]);
            let bytes = |u: &[u16], _| (u.len() * 2, u.iter().flat_map(|u| u.to_be_bytes()).collect());
            (0x08, split(&units, 70, 67, high, bytes))
        }
    };
    if pieces.len() > PARTS_LIMIT {
        return Err(Error::new(ErrorKind::Usage, "the text is too long for one message")
            .with("parts", pieces.len())
            .with("limit", PARTS_LIMIT));
    }
    let total = pieces.len() as u8;
    let encode = |(index, (length, data)): (usize, Piece)| {
        let long = total > 1;
        // MTI 01 SUBMIT, relative validity, then status report and header present.
        let first = 0x11 | u8::from(status_report) << 5 | u8::from(long) << 6;
        let mut bytes = vec![0x00, first, 0x00];
        bytes.extend_from_slice(&address);
        bytes.extend_from_slice(&[0x00, scheme, 0xaa]);
        // The length counts the header too: six octets, in 7-bit units rounded up to seven.
        let header = if !long {
            0
        } else if scheme == 0 {
            7
        } else {
            6
        };
        bytes.push((length + header) as u8);
        if long {
            bytes.extend_from_slice(&[0x05, 0x00, 0x03, reference, total, index as u8 + 1]);
        }
        bytes.extend_from_slice(&data);
        Pdu { length: bytes.len() - 1, bytes }
    };
    Ok(pieces.into_iter().enumerate().map(encode).collect())
}

/// Length as TP-User-Data-Length counts it, and the bytes.
type Piece = (usize, Vec<u8>);

/// Cuts `units` into pieces that `encode` makes bytes of: one of up to `whole`, or many of up to `part`. A piece
/// that `opens` (ends in the first half of a character) is cut one unit earlier.
fn split<T>(
    units: &[T],
    whole: usize,
    part: usize,
    opens: impl Fn(&[T]) -> bool,
    encode: impl Fn(&[T], usize) -> Piece,
) -> Vec<Piece> {
    if units.len() <= whole {
        return vec![encode(units, 0)];
    }
    let mut pieces = Vec::new();
    let mut rest = units;
    while !rest.is_empty() {
        let mut n = rest.len().min(part);
        if n < rest.len() && opens(&rest[..n]) {
            n -= 1;
        }
        // Six octets of header leave one bit to the next septet.
        pieces.push(encode(&rest[..n], 1));
        rest = &rest[n..];
    }
    pieces
}

/// A telephone number without what people write between its digits: blanks, hyphens, dots, slashes and parentheses.
pub fn plain_number(number: &str) -> String {
    let between =
        |c: char| c.is_whitespace() || matches!(c, '-' | '.' | '/' | '(' | ')' | '\u{2010}'..='\u{2015}');
    number.chars().filter(|c| !between(*c)).collect()
}

/// Length in digits, type, semi-octets.
pub(super) fn encode_number(number: &str) -> Result<Vec<u8>> {
    let number = plain_number(number);
    let digits = number.strip_prefix('+');
    let kind = if digits.is_some() { 0x91 } else { 0x81 };
    let digits = digits.unwrap_or(&number);
    let codes: Option<Vec<u8>> = digits
        .bytes()
        .map(|d| match d {
            b'0'..=b'9' => Some(d - b'0'),
            b'*' => Some(0xa),
            b'#' => Some(0xb),
            _ => None,
        })
        .collect();
    // The number itself is nobody's business in an error.
    let codes = codes.filter(|c| (1..=20).contains(&c.len())).ok_or_else(|| {
        Error::new(
            ErrorKind::Usage,
            "not a telephone number: up to 20 digits, with a + in front of a country code",
        )
    })?;
    let mut out = vec![codes.len() as u8, kind];
    out.extend(codes.chunks(2).map(|pair| pair.get(1).copied().unwrap_or(0xf) << 4 | pair[0]));
    Ok(out)
}
