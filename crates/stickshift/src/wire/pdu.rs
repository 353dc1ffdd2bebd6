//! Short messages and USSD texts: PDUs, the GSM 7-bit alphabet, UCS2.
//!
//! Layouts and worked bytes: docs/protocols/hilink-at.md section 3.7; the fields are those of 3GPP TS 23.040 section 9.2 and the
//! alphabet that of TS 23.038 section 6.2.
//!
//! ```
//! use stickshift::wire::pdu::{Body, Message, decode, submit};
//!
//! let pdus = submit("+12345678901", "Hello", 1, false)?;
//! assert_eq!(pdus.len(), 1);
//! let Message::Submit { to, body, .. } = decode(&pdus[0].bytes)? else { panic!() };
//! assert_eq!((to.as_str(), body), ("+12345678901", Body::Text("Hello".into())));
//! # Ok::<(), stickshift::error::Error>(())
//! ```

use std::fmt;

use crate::error::{Error, ErrorKind, Result};
use crate::hex;

/// Most parts that one long message can have.
pub const PARTS_LIMIT: usize = 255;

/// The GSM 7-bit default alphabet by code; 1B is the escape into the extension table.
const ALPHABET: [char; 128] = [
    '@', '£', '$', '¥', 'è', 'é', 'ù', 'ì', 'ò', 'Ç', '\n', 'Ø', 'ø', '\r', 'Å', 'å', //
    'Δ', '_', 'Φ', 'Γ', 'Λ', 'Ω', 'Π', 'Ψ', 'Σ', 'Θ', 'Ξ', '\u{1b}', 'Æ', 'æ', 'ß', 'É', //
    ' ', '!', '"', '#', '¤', '%', '&', '\'', '(', ')', '*', '+', ',', '-', '.', '/', //
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', ':', ';', '<', '=', '>', '?', //
    '¡', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O', //
    'P', 'Q', 'R', 'S', 'T', 'U', 'V', 'W', 'X', 'Y', 'Z', 'Ä', 'Ö', 'Ñ', 'Ü', '§', //
    '¿', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', //
    'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z', 'ä', 'ö', 'ñ', 'ü', 'à', //
];

const ESCAPE: u8 = 0x1b;

/// Characters that take an escape and a code.
const EXTENSION: [(u8, char); 10] = [
    (0x0a, '\u{c}'),
    (0x14, '^'),
    (0x28, '{'),
    (0x29, '}'),
    (0x2f, '\\'),
    (0x3c, '['),
    (0x3d, '~'),
    (0x3e, ']'),
    (0x40, '|'),
    (0x65, '€'),
];

/// The text as 7-bit codes, one per byte, escapes included; `None` when a character is not in the alphabet.
pub fn to_gsm7(text: &str) -> Option<Vec<u8>> {
    let mut codes = Vec::with_capacity(text.len());
    for c in text.chars() {
        if let Some(code) = ALPHABET.iter().position(|&a| a == c && a != '\u{1b}') {
            codes.push(code as u8);
        } else {
            let (code, _) = EXTENSION.iter().find(|(_, e)| *e == c)?;
            codes.extend_from_slice(&[ESCAPE, *code]);
        }
    }
    Some(codes)
}

/// The text of 7-bit codes. An escape with an unknown code gives the default alphabet's character, as the standard has it.
pub fn from_gsm7(codes: &[u8]) -> String {
    let mut text = String::with_capacity(codes.len());
    let mut escaped = false;
    for &code in codes {
        let plain = ALPHABET[usize::from(code & 0x7f)];
        if escaped {
            text.push(EXTENSION.iter().find(|(c, _)| *c == code).map_or(plain, |(_, e)| *e));
            escaped = false;
        } else if code == ESCAPE {
            escaped = true;
        } else {
            text.push(plain);
        }
    }
    text
}

/// Packs 7-bit codes, least significant bits first, after `fill` zero bits (0 to 6) that align the text behind a header.
pub fn pack(codes: &[u8], fill: usize) -> Vec<u8> {
    let mut out = vec![0; (codes.len() * 7 + fill).div_ceil(8)];
    for (i, &code) in codes.iter().enumerate() {
        let bit = fill + i * 7;
        let word = u16::from(code & 0x7f) << (bit % 8);
        out[bit / 8] |= word as u8;
        if word > 0xff {
            out[bit / 8 + 1] |= (word >> 8) as u8;
        }
    }
    out
}

/// Takes `count` 7-bit codes out of packed bytes, after `fill` bits; fewer when the bytes end first.
pub fn unpack(bytes: &[u8], count: usize, fill: usize) -> Vec<u8> {
    let there = (bytes.len() * 8).saturating_sub(fill) / 7;
    (0..count.min(there))
        .map(|i| {
            let bit = fill + i * 7;
            let next = bytes.get(bit / 8 + 1).copied().unwrap_or(0);
            ((u16::from_le_bytes([bytes[bit / 8], next]) >> (bit % 8)) & 0x7f) as u8
        })
        .collect()
}

/// A USSD request as packed 7-bit: `*100#` is `AA 18 0C 36 02`. `None` when a character is not in the alphabet.
pub fn pack_ussd(text: &str) -> Option<Vec<u8>> {
    let mut codes = to_gsm7(text)?;
    // Seven spare bits would read as one more '@': the standard fills them with CR, and doubles a CR that really ends there.
    if codes.len() % 8 == 7 || (codes.len().is_multiple_of(8) && codes.last() == Some(&b'\r')) {
        codes.push(b'\r');
    }
    Some(pack(&codes, 0))
}

/// A USSD text as the stick gave it, with its data coding scheme: packed 7-bit or UCS2 in hex.
/// `None` when it is no hex, or decodes to control characters: then it is plain already.
pub fn unpack_ussd(text: &str, scheme: u8) -> Option<String> {
    let bytes = hex::decode(text).filter(|b| !b.is_empty())?;
    let decoded = match ussd_alphabet(scheme) {
        Alphabet::Gsm7 => {
            let mut codes = unpack(&bytes, usize::MAX, 0);
            if codes.len().is_multiple_of(8) && matches!(codes.last(), Some(b'\r' | 0)) {
                codes.pop();
            }
            from_gsm7(&codes)
        }
        Alphabet::Ucs2 => from_ucs2(&bytes),
        Alphabet::Data => String::from_utf8(bytes).ok()?,
    };
    let printable = |c: char| !c.is_control() || matches!(c, '\n' | '\r');
    (decoded.chars().all(printable) && !decoded.contains(char::REPLACEMENT_CHARACTER)).then_some(decoded)
}

/// TS 23.038 section 5, the cell broadcast scheme that USSD uses.
fn ussd_alphabet(scheme: u8) -> Alphabet {
    match scheme {
        0x11 => Alphabet::Ucs2,
        0x40..=0x7f => Alphabet::of_bits(scheme >> 2),
        0xf0..=0xff if scheme & 4 != 0 => Alphabet::Data,
        _ => Alphabet::Gsm7,
    }
}

/// Big-endian UTF-16; half characters become U+FFFD.
fn from_ucs2(bytes: &[u8]) -> String {
    let units = bytes.chunks_exact(2).map(|u| u16::from_be_bytes([u[0], u[1]]));
    char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// How the user data is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alphabet {
    /// GSM 7-bit.
    Gsm7,
    /// 8-bit data.
    Data,
    /// UCS2, read and written as UTF-16.
    Ucs2,
}

impl Alphabet {
    fn of_bits(bits: u8) -> Alphabet {
        match bits & 3 {
            1 => Alphabet::Data,
            2 => Alphabet::Ucs2,
            _ => Alphabet::Gsm7,
        }
    }

    /// TS 23.038 section 4, the data coding scheme of a message.
    fn of_scheme(scheme: u8) -> Alphabet {
        match scheme >> 4 {
            0x0..=0x7 => Alphabet::of_bits(scheme >> 2),
            0xe => Alphabet::Ucs2,
            0xf if scheme & 4 != 0 => Alphabet::Data,
            _ => Alphabet::Gsm7,
        }
    }
}

/// When, as the network's clock had it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp {
    /// Years since 2000.
    pub year: u8,
    /// 1 to 12 where the network knows better than to say otherwise.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
    /// Offset from UTC in quarters of an hour.
    pub zone: i8,
}

impl Timestamp {
    fn decode(bytes: &[u8; 7]) -> Timestamp {
        let swapped = |b: u8| (b & 0x0f).min(9) * 10 + (b >> 4).min(9);
        let [year, month, day, hour, minute, second, zone] = *bytes;
        let quarters = swapped(zone & !0x08) as i8;
        Timestamp {
            year: swapped(year),
            month: swapped(month),
            day: swapped(day),
            hour: swapped(hour),
            minute: swapped(minute),
            second: swapped(second),
            zone: if zone & 0x08 != 0 { -quarters } else { quarters },
        }
    }
}

impl fmt::Display for Timestamp {
    /// As in ISO 8601: `2026-11-20T13:00:50+01:00`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Timestamp { year, month, day, hour, minute, second, zone } = *self;
        let sign = if zone < 0 { '-' } else { '+' };
        let quarters = zone.unsigned_abs();
        write!(f, "20{year:02}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        write!(f, "{sign}{:02}:{:02}", quarters / 4, quarters % 4 * 15)
    }
}

/// Which part of a long message this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Part {
    /// The same in all parts.
    pub reference: u16,
    /// How many there are.
    pub total: u8,
    /// Which one, from 1.
    pub number: u8,
}

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// A text.
    Text(String),
    /// Something for a program.
    Data(Vec<u8>),
}

/// A decoded PDU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// SMS-DELIVER: a message that came.
    Deliver {
        /// `+` and digits, or a name.
        from: String,
        /// When the service centre took it.
        time: Timestamp,
        /// Part of a long message.
        part: Option<Part>,
        /// What it says.
        body: Body,
    },
    /// SMS-SUBMIT: a message that was or will be sent.
    Submit {
        /// `+` and digits.
        to: String,
        /// Part of a long message.
        part: Option<Part>,
        /// What it says.
        body: Body,
    },
    /// SMS-STATUS-REPORT: what became of a message.
    StatusReport {
        /// The reference that sending it gave.
        reference: u8,
        /// `+` and digits.
        to: String,
        /// When the service centre took it.
        sent: Timestamp,
        /// When this status came to be.
        ended: Timestamp,
        /// TP-Status: 0 to 1F delivered, 20 to 3F still trying, from 40 on failed.
        status: u8,
    },
}

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
        Some(codes) => {
            (0x00, split(&codes, 160, 153, |c| c[c.len() - 1] == ESCAPE, |c, fill| (c.len(), pack(c, fill))))
        }
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

/// Length in digits, type, semi-octets.
fn encode_number(number: &str) -> Result<Vec<u8>> {
    let digits = number.strip_prefix('+');
    let kind = if digits.is_some() { 0x91 } else { 0x81 };
    let digits = digits.unwrap_or(number);
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

/// Semi-octets to digits; a filler ends them.
fn decode_digits(bytes: &[u8]) -> String {
    let nibbles = bytes.iter().flat_map(|b| [b & 0x0f, b >> 4]);
    nibbles.map_while(|n| b"0123456789*#abc".get(usize::from(n)).map(|&d| d as char)).collect()
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8]> {
        let taken = self.bytes.get(self.at..).and_then(|rest| rest.get(..n)).ok_or_else(|| {
            Error::new(ErrorKind::UnexpectedAnswer, "the message ends before it should")
                .with("offset", self.at)
        })?;
        self.at += n;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8> {
        Ok(self.take(1)?[0])
    }

    fn timestamp(&mut self) -> Result<Timestamp> {
        let mut bytes = [0; 7];
        bytes.copy_from_slice(self.take(7)?);
        Ok(Timestamp::decode(&bytes))
    }

    /// Length in semi-octets, type, semi-octets.
    fn address(&mut self) -> Result<String> {
        let semi_octets = usize::from(self.byte()?);
        let kind = self.byte()?;
        let bytes = self.take(semi_octets.div_ceil(2))?;
        let mut digits = decode_digits(bytes);
        digits.truncate(semi_octets);
        Ok(match kind >> 4 & 7 {
            5 => from_gsm7(&unpack(bytes, semi_octets * 4 / 7, 0)),
            1 => format!("+{digits}"),
            _ => digits,
        })
    }

    /// Length, then header and text.
    fn user_data(&mut self, has_header: bool, scheme: u8) -> Result<(Option<Part>, Body)> {
        let length = usize::from(self.byte()?);
        let alphabet = Alphabet::of_scheme(scheme);
        let octets = if alphabet == Alphabet::Gsm7 { (length * 7).div_ceil(8) } else { length };
        let data = self.take(octets)?;
        let header_length = match (has_header, data.first()) {
            (true, Some(&n)) => usize::from(n) + 1,
            (true, None) => return Err(self.bad_header()),
            (false, _) => 0,
        };
        let (header, text) = data.split_at_checked(header_length).ok_or_else(|| self.bad_header())?;
        let body = match alphabet {
            Alphabet::Gsm7 => {
                let skipped = (header_length * 8).div_ceil(7);
                let fill = skipped * 7 - header_length * 8;
                Body::Text(from_gsm7(&unpack(text, length.saturating_sub(skipped), fill)))
            }
            Alphabet::Ucs2 => Body::Text(from_ucs2(text)),
            Alphabet::Data => Body::Data(text.to_vec()),
        };
        Ok((part_of(header.get(1..).unwrap_or_default()), body))
    }

    fn bad_header(&self) -> Error {
        Error::new(ErrorKind::UnexpectedAnswer, "the message's header is longer than the message")
            .with("offset", self.at)
    }
}

/// Which part it is, by the information elements of the header: 00 has an 8-bit reference, 08 a 16-bit one.
fn part_of(mut elements: &[u8]) -> Option<Part> {
    while let [id, length, rest @ ..] = elements {
        let (element, after) = rest.split_at_checked(usize::from(*length))?;
        let part = match (id, element) {
            (0x00, &[reference, total, number]) => Some(Part { reference: reference.into(), total, number }),
            (0x08, &[high, low, total, number]) => {
                Some(Part { reference: u16::from_be_bytes([high, low]), total, number })
            }
            _ => None,
        };
        // A part outside of its whole is to be read as a message of its own.
        if let Some(part) = part {
            return (1..=part.total).contains(&part.number).then_some(part);
        }
        elements = after;
    }
    None
}

/// Decodes a PDU as `AT+CMGR` and `AT+CMGL` give it, with the service centre address in front.
///
/// # Errors
/// `UnexpectedAnswer` with the fact `offset` for what is cut or of no known kind.
pub fn decode(pdu: &[u8]) -> Result<Message> {
    let mut r = Reader { bytes: pdu, at: 0 };
    let centre = usize::from(r.byte()?);
    r.take(centre)?;
    let first = r.byte()?;
    let has_header = first & 0x40 != 0;
    match first & 0x03 {
        0 => {
            let from = r.address()?;
            r.byte()?;
            let scheme = r.byte()?;
            let time = r.timestamp()?;
            let (part, body) = r.user_data(has_header, scheme)?;
            Ok(Message::Deliver { from, time, part, body })
        }
        1 => {
            r.byte()?;
            let to = r.address()?;
            r.byte()?;
            let scheme = r.byte()?;
            r.take(match first >> 3 & 3 {
                0 => 0,
                2 => 1,
                _ => 7,
            })?;
            let (part, body) = r.user_data(has_header, scheme)?;
            Ok(Message::Submit { to, part, body })
        }
        2 => {
            let reference = r.byte()?;
            let to = r.address()?;
            let (sent, ended) = (r.timestamp()?, r.timestamp()?);
            Ok(Message::StatusReport { reference, to, sent, ended, status: r.byte()? })
        }
        _ => Err(Error::new(ErrorKind::UnexpectedAnswer, "not a message of a known kind")
            .with("offset", r.at - 1)
            .with("type", first & 3)),
    }
}

#[cfg(test)]
mod tests;
