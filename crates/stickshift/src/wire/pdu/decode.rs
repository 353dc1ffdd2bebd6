//! PDUs as the stick stores them (3GPP TS 23.040 section 9.2.2).

use crate::error::{Error, ErrorKind, Result};
use crate::wire::pdu::alphabet::{Alphabet, Shift, from_gsm7, from_ucs2, halves_at_the_ends, unpack};
use crate::wire::pdu::{Body, Content, Message, Part, Ports, Timestamp};

/// Semi-octets to digits; a filler ends them.
pub(super) fn decode_digits(bytes: &[u8]) -> String {
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
        let mut octets = [0; 7];
        octets.copy_from_slice(self.take(7)?);
        Ok(Timestamp(octets))
    }

    /// Length in semi-octets, type, semi-octets.
    fn address(&mut self) -> Result<String> {
        let semi_octets = usize::from(self.byte()?);
        let kind = self.byte()?;
        let bytes = self.take(semi_octets.div_ceil(2))?;
        let mut digits = decode_digits(bytes);
        digits.truncate(semi_octets);
        Ok(match kind >> 4 & 7 {
            5 => from_gsm7(&unpack(bytes, semi_octets * 4 / 7, 0), Shift::default()),
            1 => format!("+{digits}"),
            _ => digits,
        })
    }

    /// Length, then header and text.
    fn content(&mut self, has_header: bool, protocol: u8, scheme: u8) -> Result<Content> {
        let length = usize::from(self.byte()?);
        let left = self.bytes.len() - self.at;
        // In a reserved group the length counts septets of the default alphabet, or octets: of a few, which may be either, 84 of Korean networks.
        let alphabet = match scheme {
            0x80..=0xbf if left == length && (length > 7 || scheme == 0x84) => Alphabet::Data,
            _ => Alphabet::of_scheme(scheme),
        };
        // Both general groups say with the same bit that the text is compressed: the length counts octets then.
        let compressed = scheme & 0xa0 == 0x20;
        let septets = alphabet == Alphabet::Gsm7 && !compressed;
        let octets = if septets { (length * 7).div_ceil(8) } else { length };
        let data = self.take(octets)?;
        let header_length = match (has_header, data.first()) {
            (true, Some(&n)) => usize::from(n) + 1,
            (true, None) => return Err(self.bad_header()),
            (false, _) => 0,
        };
        let (header, text) = data.split_at_checked(header_length).ok_or_else(|| self.bad_header())?;
        let header = Header::read(header.get(1..).unwrap_or_default());
        let body = match alphabet {
            _ if compressed => Body::Compressed(text.to_vec()),
            Alphabet::Gsm7 => {
                let skipped = (header_length * 8).div_ceil(7);
                let fill = skipped * 7 - header_length * 8;
                let codes = unpack(text, length.saturating_sub(skipped), fill);
                Body::Text(from_gsm7(&codes, header.shift))
            }
            Alphabet::Ucs2 => Body::Text(from_ucs2(text)),
            Alphabet::Data => Body::Data(text.to_vec()),
        };
        let halves = if alphabet == Alphabet::Ucs2 { halves_at_the_ends(text) } else { (None, None) };
        Ok(Content { part: header.part, ports: header.ports, protocol, body, halves })
    }

    fn bad_header(&self) -> Error {
        Error::new(ErrorKind::UnexpectedAnswer, "the message's header is longer than the message")
            .with("offset", self.at)
    }
}

/// What the information elements of a header say (TS 23.040 section 9.2.3.24).
#[derive(Default)]
struct Header {
    part: Option<Part>,
    ports: Option<Ports>,
    shift: Shift,
}

impl Header {
    fn read(mut elements: &[u8]) -> Header {
        let mut header = Header::default();
        while let [id, length, rest @ ..] = elements {
            let Some((element, after)) = rest.split_at_checked(usize::from(*length)) else { break };
            match (id, element) {
                (0x00, &[reference, total, number]) => {
                    header.part = Some(Part { reference: reference.into(), total, number });
                }
                (0x08, &[high, low, total, number]) => {
                    header.part = Some(Part { reference: u16::from_be_bytes([high, low]), total, number });
                }
                (0x04, &[to, from]) => {
                    header.ports = Some(Ports { wide: false, to: to.into(), from: from.into() });
                }
                (0x05, &[to, to_low, from, from_low]) => {
                    let (to, from) = (u16::from_be_bytes([to, to_low]), u16::from_be_bytes([from, from_low]));
                    header.ports = Some(Ports { wide: true, to, from });
                }
                (0x24, &[language]) => header.shift.single = language,
                (0x25, &[language]) => header.shift.locking = language,
                _ => {}
            }
            elements = after;
        }
        // A part outside of its whole is to be read as a message of its own.
        header.part = header.part.filter(|part| (1..=part.total).contains(&part.number));
        header
    }
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
            let protocol = r.byte()?;
            let scheme = r.byte()?;
            let time = r.timestamp()?;
            let content = r.content(has_header, protocol, scheme)?;
            Ok(Message::Deliver { from, time, content })
        }
        1 => {
            r.byte()?;
            let to = r.address()?;
            let protocol = r.byte()?;
            let scheme = r.byte()?;
            r.take(match first >> 3 & 3 {
                0 => 0,
                2 => 1,
                _ => 7,
            })?;
            let content = r.content(has_header, protocol, scheme)?;
            Ok(Message::Submit { to, content })
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
