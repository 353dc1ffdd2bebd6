//! The computer's end of a dialled link, as far as it takes for the stick's end to be content: RFC 1661, 1662, 1994, 1332, 5072.

use std::collections::VecDeque;

use stickshift::link::{ByteLink, Moment};
use stickshift::online::PppEnd;

const LCP: u16 = 0xc021;
const IPCP: u16 = 0x8021;
const IPV6CP: u16 = 0x8057;

const CHAP: u16 = 0xc223;

const CHALLENGE: u8 = 1;
const RESPONSE: u8 = 2;
const REQUEST: u8 = 1;
const ACK: u8 = 2;
const NAK: u8 = 3;
const TERMINATE: u8 = 5;
const TERMINATED: u8 = 6;
const ECHO: u8 = 9;
const ECHO_REPLY: u8 = 10;

/// Agrees to everything, and asks for an address.
#[derive(Default)]
pub(crate) struct Agreeable {
    heard: VecDeque<u8>,
    asked: [bool; 3],
}

pub(crate) fn agreeable() -> Box<dyn PppEnd> {
    Box::new(Agreeable::default())
}

impl PppEnd for Agreeable {
    fn turn(&mut self, port: &mut dyn ByteLink) -> bool {
        let mut buffer = [0; 2048];
        loop {
            match port.read(&mut buffer, Moment::ZERO) {
                Ok(0) => return true,
                Ok(n) => self.heard.extend(&buffer[..n]),
                Err(_) => return false,
            }
            if self.heard.make_contiguous().windows(10).any(|w| w == b"NO CARRIER") {
                return false;
            }
            while let Some(frame) = self.next_frame() {
                let answers = self.answer(&frame);
                if answers.iter().any(|(protocol, bytes)| port.write(&encode(*protocol, bytes)).is_err()) {
                    return false;
                }
            }
        }
    }
}

impl Agreeable {
    /// What stands between two flags, without its escapes and its check.
    fn next_frame(&mut self) -> Option<Vec<u8>> {
        loop {
            let end = self.heard.iter().position(|b| *b == 0x7e)?;
            let raw: Vec<u8> = self.heard.drain(..=end).collect();
            let (mut frame, mut escaped) = (Vec::new(), false);
            for byte in &raw[..end] {
                match byte {
                    0x7d => escaped = true,
                    byte => frame.push(byte ^ if std::mem::take(&mut escaped) { 0x20 } else { 0 }),
                }
            }
            if frame.len() > 8 {
                frame.truncate(frame.len() - 2);
                return Some(frame);
            }
        }
    }

    fn answer(&mut self, frame: &[u8]) -> Vec<(u16, Vec<u8>)> {
        let [0xff, 0x03, high, low, code, id, _, _, data @ ..] = frame else { return Vec::new() };
        let protocol = u16::from_be_bytes([*high, *low]);
        let own = match protocol {
            LCP => (0, Vec::new()),
            IPCP => (1, vec![3, 6, 0, 0, 0, 0]),
            // Everybody is let in, whatever the answer to the challenge is.
            CHAP if *code == CHALLENGE => {
                let value = [&[16][..], &[0; 16], b"me"].concat();
                return vec![(CHAP, packet(RESPONSE, *id, &value))];
            }
            IPV6CP => (2, vec![1, 10, 0, 0, 0, 0, 0, 0, 0, 0]),
            _ => return Vec::new(),
        };
        let mut said = Vec::new();
        match *code {
            REQUEST => {
                said.push((protocol, packet(ACK, *id, data)));
                if !std::mem::replace(&mut self.asked[own.0], true) {
                    said.push((protocol, packet(REQUEST, 1, &own.1)));
                }
            }
            NAK => said.push((protocol, packet(REQUEST, id.wrapping_add(1), data))),
            TERMINATE => said.push((protocol, packet(TERMINATED, *id, &[]))),
            ECHO => said.push((protocol, packet(ECHO_REPLY, *id, &[0; 4]))),
            _ => {}
        }
        said
    }
}

fn packet(code: u8, id: u8, data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u16 + 4).to_be_bytes();
    [&[code, id, length[0], length[1]], data].concat()
}

/// A frame with every control character escaped.
fn encode(protocol: u16, packet: &[u8]) -> Vec<u8> {
    let mut frame = vec![0xff, 0x03];
    frame.extend(protocol.to_be_bytes());
    frame.extend_from_slice(packet);
    frame.extend(check(&frame).to_le_bytes());
    let mut bytes = vec![0x7e];
    for byte in frame {
        if byte < 0x20 || matches!(byte, 0x7d | 0x7e) {
            bytes.extend([0x7d, byte ^ 0x20]);
        } else {
            bytes.push(byte);
        }
    }
    bytes.push(0x7e);
    bytes
}

/// RFC 1662 appendix C.
fn check(bytes: &[u8]) -> u16 {
    let mut fcs = 0xffff_u16;
    for byte in bytes {
        fcs ^= u16::from(*byte);
        for _ in 0..8 {
            fcs = if fcs & 1 == 1 { fcs >> 1 ^ 0x8408 } else { fcs >> 1 };
        }
    }
    !fcs
}
