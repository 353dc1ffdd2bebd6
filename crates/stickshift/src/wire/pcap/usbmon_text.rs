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
    /// What the times before the clock started again add up to.
    wrapped_us: u64,
    last_us: u64,
    data: Vec<u8>,
    /// A line that a mail program broke, with what followed it so far, and its number.
    broken: Option<(u64, String)>,
    /// Whether the one that was put together last has all its bytes.
    line_is_whole: bool,
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

/// Whether a text holds such lines: the first of them, or several further down, as in a mail. The first one may be cut.
pub(super) fn looks_like(bytes: &[u8]) -> bool {
    const FURTHER_DOWN: usize = 3;
    let lines = bytes.split(|b| *b == b'\n').filter(|l| !l.trim_ascii().is_empty());
    let found =
        lines.enumerate().filter(|(_, line)| parse(line, &mut Vec::new()).is_some() || plain(line).is_some());
    let mut found = found.take(FURTHER_DOWN).map(|(index, _)| index);
    found.next().is_some_and(|first| first < 2 || found.count() + 1 == FURTHER_DOWN)
}

/// The line behind quote signs and numbers; `None` when no kernel's line begins in it.
fn plain(line: &[u8]) -> Option<String> {
    /// Words that an editor or a mail put before a line.
    const WORDS_BEFORE: usize = 4;
    let text = text_of(line)?.replace("=20", " ");
    let is_mark =
        |c: char| c.is_ascii_whitespace() || matches!(c, '>' | '|' | ':' | ')' | ']' | '[' | '.' | '#');
    let mut rest = text.as_str();
    for _ in 0..=WORDS_BEFORE {
        rest = rest.trim_start_matches(is_mark);
        if begins(rest) {
            return Some(rest.to_owned());
        }
        let number = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        rest = match number {
            0 => return None,
            end => &rest[end..],
        };
    }
    None
}

/// Whether a packet's line begins here: tag, time, S, C or E, address.
fn begins(text: &str) -> bool {
    let mut words = text.split_ascii_whitespace();
    let tag = words.next().is_some_and(|w| w.len() >= 4 && w.bytes().all(|b| b.is_ascii_hexdigit()));
    let time = words.next().is_some_and(|w| w.bytes().all(|b| b.is_ascii_digit()));
    let phase = words.next().is_some_and(|w| matches!(w, "S" | "C" | "E"));
    let address = words
        .next()
        .is_some_and(|w| matches!(w.as_bytes(), [b'C' | b'Z' | b'I' | b'B', b'i' | b'o', b':', ..]));
    tag && time && phase && address
}

/// Whether a packet's line lacks its end.
fn is_broken(line: &str, head: Option<&Head>, data: &[u8]) -> bool {
    /// The kernel shows no more of a packet.
    const SHOWN: usize = 32;
    match head {
        None => true,
        Some(head) => {
            let has_data = line.split_ascii_whitespace().any(|w| w == "=");
            let wanted = (head.length as usize).min(SHOWN);
            let is_moved = matches!(head.phase, Phase::Complete) == (head.endpoint & 0x80 != 0);
            let ends = line.trim_end().ends_with(['<', '>']);
            data.len() < wanted && !ends && (has_data || is_moved && head.status_is_good())
        }
    }
}

impl Head {
    fn status_is_good(&self) -> bool {
        matches!(self.status, Status::Ok | Status::Pending)
    }
}

/// Whether a line is of a web page's source.
fn is_web(line: &[u8]) -> bool {
    let is_tag = |at: usize| matches!(line.get(at + 1), Some(b'/' | b'a'..=b'z' | b'A'..=b'Z' | b'!'));
    memchr::memchr(b'&', line).is_some() || memchr::memchr_iter(b'<', line).any(is_tag)
}

/// A line without what a mail's encoding and the source of a web page make of it.
fn text_of(line: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(line).ok()?.replace("=3D", "=");
    if !is_web(line) {
        return Some(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(at) = rest.find('<') {
        plain.push_str(&rest[..at]);
        let tag = &rest[at..];
        rest = match tag.find('>').filter(|_| is_web(tag.as_bytes().get(..2).unwrap_or_default())) {
            Some(end) => &tag[end + 1..],
            None => {
                plain.push('<');
                &tag[1..]
            }
        };
    }
    plain.push_str(rest);
    let signs = [("&lt;", "<"), ("&gt;", ">"), ("&nbsp;", " "), ("&#61;", "="), ("&amp;", "&")];
    Some(signs.iter().fold(plain, |text, (name, sign)| text.replace(name, sign)))
}

/// A broken line with what it goes on with. Some programs break between words and drop the space, others anywhere.
fn joined(whole: &str, more: &str) -> String {
    /// Digits of a word of data that is not the last one.
    const WORD: usize = 8;
    // A soft line end of a mail's encoding.
    let soft = whole.strip_suffix('=').filter(|rest| rest.ends_with(|c: char| c.is_ascii_hexdigit()));
    if let Some(rest) = soft {
        return format!("{rest}{more}");
    }
    let (spaced, together) = (format!("{whole} {more}"), format!("{whole}{more}"));
    if whole.contains(" = ") {
        let last = whole.rsplit(' ').next().unwrap_or_default();
        let is_cut = !whole.ends_with([' ', '=']) && last.len() < WORD;
        return if is_cut { together } else { spaced };
    }
    // The kernel writes so many digits of each part of a setup packet.
    let has_setup = |text: &str| {
        let words = text.split_ascii_whitespace().skip_while(|w| *w != "s").skip(1);
        words.zip([2, 2, 4, 4, 4]).all(|(word, digits)| word.len() == digits)
    };
    let rank = |text: &str| {
        let mut data = Vec::new();
        match parse(text.as_bytes(), &mut data) {
            Some(head) if has_setup(text) => match is_broken(text, Some(&head), &data) {
                false => 3,
                true => 1 + u8::from(!data.is_empty()),
            },
            _ => 0,
        }
    };
    if rank(&together) > rank(&spaced) { together } else { spaced }
}

/// What a broken line goes on with: words of digits and the signs before data. `None` when it is something else.
fn continuation(line: &[u8]) -> Option<String> {
    let text = text_of(line)?;
    let text = text.trim_start_matches(['>', '|', ' ', '\t']).trim_end();
    let is_word = |w: &str| {
        matches!(w, "=" | "<" | ">" | "s")
            || w.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-' || b == b':')
    };
    let good = !text.is_empty() && text.split_ascii_whitespace().all(is_word) && !begins(text);
    good.then(|| text.to_owned())
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
                if let Some((number, head)) = self.unbroken() {
                    return Ok(Some(self.packet(number, head)));
                }
                *end = match window.trouble.take() {
                    Some(what) => End::Broken { offset: window.offset(), what },
                    None => End::Whole,
                };
                return Ok(None);
            };
            if self.broken.is_some() {
                if let (Some(more), Some((_, whole))) = (continuation(line), &mut self.broken) {
                    *whole = joined(whole, &more);
                    self.line += 1;
                    window.consume(taken);
                    let whole = whole.clone();
                    let head = parse(whole.as_bytes(), &mut self.data);
                    if is_broken(&whole, head.as_ref(), &self.data) {
                        continue;
                    }
                }
                match self.unbroken() {
                    Some((number, head)) => {
                        let whole = self.line_is_whole;
                        facts.broken_lines += u64::from(!whole);
                        return Ok(Some(self.packet(number, head)));
                    }
                    None => facts.skipped += 1,
                }
                continue;
            }
            self.line += 1;
            let blank = line.iter().all(u8::is_ascii_whitespace);
            // What a mail's encoding or a web page makes of the signs before data would be read as a line without any.
            let encoded = memchr::memmem::find(line, b"=3D").is_some() || is_web(line);
            let mut head = if encoded { None } else { parse(line, &mut self.data) };
            let text =
                if head.is_some() { std::str::from_utf8(line).ok().map(str::to_owned) } else { plain(line) };
            if let (None, Some(text)) = (&head, &text) {
                head = parse(text.as_bytes(), &mut self.data);
            }
            window.consume(taken);
            if let Some(text) = text.filter(|text| is_broken(text, head.as_ref(), &self.data)) {
                self.broken = Some((self.line, text));
                continue;
            }
            let Some(head) = head else {
                facts.skipped += u64::from(!blank);
                continue;
            };
            return Ok(Some(self.packet(self.line, head)));
        }
    }

    /// Ends the broken line with what there is of it.
    fn unbroken(&mut self) -> Option<(u64, Head)> {
        let (number, text) = self.broken.take()?;
        let head = parse(text.as_bytes(), &mut self.data)?;
        self.line_is_whole = !is_broken(&text, Some(&head), &self.data);
        Some((number, head))
    }

    fn packet(&mut self, number: u64, head: Head) -> Packet<'_> {
        // The kernel's clock has 4096 seconds; a later time is of a program that lets it fill its 32 bits.
        const KERNEL: u64 = 4096 * 1_000_000;
        let wrap = if self.last_us < KERNEL { KERNEL } else { 1 << 32 };
        if head.time_us + wrap / 2 < self.last_us {
            self.wrapped_us += wrap;
        }
        self.last_us = head.time_us;
        let Head { phase, pipe, id, bus, device, endpoint, status, setup, length, .. } = head;
        let time_ns = (head.time_us + self.wrapped_us).saturating_mul(1000);
        let data = &self.data;
        Packet { number, time_ns, phase, pipe, id, bus, device, endpoint, status, setup, length, data }
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
