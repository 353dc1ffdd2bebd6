//! The text that Linux gives in `/sys/kernel/debug/usb/usbmon/1u` (and in the older `1t`, without the bus): one line per packet, 32
//! bytes of data at most.

use crate::error::Result;
use crate::wire::pcap::window::Window;
use crate::wire::pcap::{End, Facts, Packet, Phase, Pipe, Status, usbmon};

/// Data bytes kept of a line; the kernel writes 32.
const MAX_DATA: usize = 4096;

#[derive(Default)]
pub(super) struct UsbmonText {
    line: u64,
    /// The clock of the text starts again every 4096 seconds.
    wrapped_us: u64,
    last_us: u64,
    data: Vec<u8>,
}

/// What a line says besides its data.
struct Head {
    phase: Phase,
    pipe: Pipe,
    id: u64,
    time_us: u64,
    bus: u16,
    device: u8,
    endpoint: u8,
    status: Status,
    setup: Option<[u8; 8]>,
    length: u32,
}

/// Whether a text begins with such lines. The first one may be cut.
pub(super) fn looks_like(bytes: &[u8]) -> bool {
    let lines = bytes.split(|b| *b == b'\n').filter(|l| !l.is_empty()).take(4);
    lines.filter(|line| parse(line, &mut Vec::new()).is_some()).count() >= 1
}

impl UsbmonText {
    pub(super) fn next<'a>(
        &'a mut self,
        window: &mut Window<'_>,
        facts: &mut Facts,
        end: &mut End,
    ) -> Result<Option<Packet<'a>>> {
        loop {
            let Some((line, taken)) = window.line()? else {
                *end = match window.trouble.take() {
                    Some(what) => End::Broken { offset: window.offset(), what },
                    None => End::Whole,
                };
                return Ok(None);
            };
            self.line += 1;
            let blank = line.iter().all(u8::is_ascii_whitespace);
            let head = parse(line, &mut self.data);
            window.consume(taken);
            let Some(head) = head else {
                facts.skipped += u64::from(!blank);
                continue;
            };
            const WRAP: u64 = 4096 * 1_000_000;
            if head.time_us + WRAP / 2 < self.last_us {
                self.wrapped_us += WRAP;
            }
            self.last_us = head.time_us;
            let Head { phase, pipe, id, bus, device, endpoint, status, setup, length, .. } = head;
            let time_ns = (head.time_us + self.wrapped_us).saturating_mul(1000);
            let number = self.line;
            return Ok(Some(Packet {
                number,
                time_ns,
                phase,
                pipe,
                id,
                bus,
                device,
                endpoint,
                status,
                setup,
                length,
                data: &self.data,
            }));
        }
    }
}

fn parse(line: &[u8], data: &mut Vec<u8>) -> Option<Head> {
    data.clear();
    let line = std::str::from_utf8(line).ok()?;
    let mut words = line.split_ascii_whitespace();
    let id = u64::from_str_radix(words.next()?, 16).ok()?;
    let time_us = words.next()?.parse().ok()?;
    let phase = match words.next()? {
        "S" => Phase::Submit,
        "C" | "E" => Phase::Complete,
        _ => return None,
    };
    let mut address = words.next()?.split(':');
    let kind = address.next()?.as_bytes();
    let (pipe, direction) = match kind {
        [kind, direction] => (*kind, *direction),
        _ => return None,
    };
    let pipe = match pipe {
        b'C' => Pipe::Control,
        b'Z' => Pipe::Isochronous,
        b'I' => Pipe::Interrupt,
        b'B' => Pipe::Bulk,
        _ => return None,
    };
    let places: Vec<&str> = address.take(4).collect();
    let (bus, device, endpoint) = match places.as_slice() {
        [bus, device, endpoint] => (bus.parse().ok()?, device, endpoint),
        [device, endpoint] => (1, device, endpoint),
        _ => return None,
    };
    let device = device.parse().ok()?;
    let endpoint = endpoint.parse::<u8>().ok()? & 0x0f | if direction == b'i' { 0x80 } else { 0 };

    let mut setup = None;
    let mut status = Status::Pending;
    match words.next()? {
        "s" => {
            let mut hex = |_| u16::from_str_radix(words.next()?, 16).ok();
            let numbers: [Option<u16>; 5] = std::array::from_fn(&mut hex);
            let [request_type, request, value, index, length] = numbers;
            let ([t, r], [v0, v1]) =
                ([u8::try_from(request_type?).ok()?, u8::try_from(request?).ok()?], value?.to_le_bytes());
            let ([i0, i1], [l0, l1]) = (index?.to_le_bytes(), length?.to_le_bytes());
            setup = Some([t, r, v0, v1, i0, i1, l0, l1]);
        }
        word => match word.split(':').next()?.parse() {
            Ok(number) => status = usbmon::status(number, phase),
            // A setup packet that the kernel could not read: a letter and five gaps.
            Err(_) => _ = words.nth(4)?,
        },
    }
    if pipe == Pipe::Isochronous {
        let descriptors: usize = words.next()?.parse().ok()?;
        for _ in 0..descriptors.min(5) {
            words.next()?;
        }
    }
    let length = words.next().and_then(|w| w.parse().ok())?;
    if words.next() == Some("=") {
        // A last word that is cut in the middle of a byte is given up.
        for word in words {
            let pairs = word.as_bytes().chunks_exact(2);
            for pair in pairs {
                let digit = |d: u8| (d as char).to_digit(16).map(|n| n as u8);
                let (Some(high), Some(low)) = (digit(pair[0]), digit(pair[1])) else { break };
                if data.len() < MAX_DATA {
                    data.push(high << 4 | low);
                }
            }
        }
    }
    Some(Head { phase, pipe, id, time_us, bus, device, endpoint, status, setup, length })
}
