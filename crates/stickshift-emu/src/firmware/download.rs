//! The stick's side of flashing, "dload" (docs/protocols/balong-flash.md section 2): an AT phase, then binary frames.

use std::collections::VecDeque;
use std::time::Duration;

use stickshift::wire::hdlc::{self, Deframer};

use crate::firmware::memory::Flash;

const PARTITION_TABLE: u32 = 0x0001_0000;

/// The version reply is the same text on every device seen.
const VERSION: &[u8; 15] = b"7200B--SKCBADZM";

/// Data is written to the flash in pieces of this size, and the block that fills one is acknowledged late.
const FLUSH: usize = 2 << 20;

/// Keys that a stick accepts (docs/protocols/balong-flash.md section 1.7).
const KEYS: [&str; 2] = [
    "778A8D175E602B7B779D9E05C330B5279B0661BF2EED99A20445B366D63DD697",
    "44C7B100763BF828B13B8B6AECF1ED2A6D3CB2888998F41448B276207B0F4EC4",
];

/// NAK codes of the V7R2 table that this side uses.
mod nak {
    pub(super) const BAD_FCS: u8 = 0x01;
    pub(super) const OUT_OF_RANGE: u8 = 0x02;
    pub(super) const WRONG_LENGTH: u8 = 0x03;
    pub(super) const TOO_SHORT: u8 = 0x04;
    pub(super) const INVALID_COMMAND: u8 = 0x06;
    pub(super) const FAILED: u8 = 0x07;
}

/// What an AT command is answered with once the port is in its binary phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtInBinary {
    /// As in the AT phase (V7R2).
    Answered,
    /// With silence.
    Deaf,
    /// With a NAK frame.
    Nak(u8),
}

/// What closing a changed partition table does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewTable {
    /// It is acknowledged as any other partition.
    Taken,
    /// Download mode restarts at once, without an answer.
    Restarts,
    /// It is refused, and the old one stays.
    Refused,
}

/// How this download mode behaves, where sticks differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DownloadOptions {
    /// `AT^DATAMODE` is refused until a good `AT^SIGNVER` came.
    pub require_signature: bool,
    /// AT commands after `AT^DATAMODE`.
    pub at_in_binary: AtInBinary,
    /// Frames are understood before `AT^DATAMODE`.
    pub binary_at_once: bool,
    /// The port is in the binary phase from the start, as after an aborted run.
    pub starts_binary: bool,
    /// AT commands are echoed until `ATE0`.
    pub echo: bool,
    /// Replies carry their opening flag. The version reply never does.
    pub opening_flag: bool,
    /// A frame with a bad CRC is refused with NAK 01 rather than dropped without a word.
    pub nak_bad_crc: bool,
    /// `01` is understood and leads back to the AT phase.
    pub leaves_binary: bool,
    /// What closing a partition table that differs from the one before does.
    pub new_table: NewTable,
    /// `AT^DATAMODE` is known. Balong V3 sticks have another protocol.
    pub knows_datamode: bool,
    /// The start of every partition is refused.
    pub refuses_starts: bool,
    /// What stands behind `HUAWEI ` in the product id.
    pub product: String,
    /// The largest partition.
    pub largest: u32,
    /// `AT^DLOADVER?`.
    pub protocol: String,
    /// `swver:` of `AT^DLOADINFO?`.
    pub software: String,
    /// How long the block that fills 2 MiB, and a closing, take.
    pub slow_flush: Duration,
}

impl DownloadOptions {
    /// As the V7R2 daemon: AT and frames side by side, bad frames dropped without a word, no signature asked for.
    pub fn v7r2() -> Self {
        DownloadOptions {
            at_in_binary: AtInBinary::Answered,
            binary_at_once: true,
            nak_bad_crc: false,
            leaves_binary: false,
            // docs/protocols/balong-flash.md section 2.4: at once, the acknowledgement may never come.
            new_table: NewTable::Restarts,
            require_signature: false,
            product: "E3372s_153".into(),
            ..DownloadOptions::v7r11()
        }
    }

    /// As V7R11 units: `AT^DATAMODE` is needed, wants a signature first, and ends the AT phase (docs/protocols/balong-flash.md section 2.2).
    pub fn v7r11() -> Self {
        DownloadOptions {
            require_signature: true,
            at_in_binary: AtInBinary::Nak(nak::INVALID_COMMAND),
            binary_at_once: false,
            starts_binary: false,
            echo: false,
            opening_flag: true,
            nak_bad_crc: true,
            leaves_binary: true,
            new_table: NewTable::Taken,
            knows_datamode: true,
            refuses_starts: false,
            product: "E3372h_153".into(),
            largest: 128 << 20,
            protocol: "2.0".into(),
            software: String::new(),
            slow_flush: Duration::from_millis(400),
        }
    }
}

/// One request of the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DownloadRequest {
    /// An AT command, with its CR.
    At(Vec<u8>),
    /// The body of a frame.
    Frame(Vec<u8>),
    /// A frame that did not arrive whole.
    BadFrame,
}

/// What the stick does about a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DownloadReply {
    /// Sent to the host.
    pub bytes: Vec<u8>,
    /// How long it takes.
    pub after: Duration,
    /// What becomes of the stick.
    pub then: DownloadEffect,
}

/// What becomes of the stick after a reply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DownloadEffect {
    /// It goes on.
    #[default]
    Nothing,
    /// It reboots into its firmware about a second later.
    Reset,
    /// It restarts download mode at once.
    Restart,
}

#[derive(Debug)]
struct Open {
    code: u32,
    size: u32,
    received: usize,
    /// Number of the last block, 0 before the first.
    last: u32,
    table_before: Option<Vec<u8>>,
}

/// Download mode, from its appearance to its reset.
#[derive(Debug)]
pub struct DownloadMode {
    options: DownloadOptions,
    binary: bool,
    echo: bool,
    signed: bool,
    open: Option<Open>,
    deframer: Deframer,
    /// Nothing but a flag begins a frame here.
    hunting: bool,
    mid_frame: bool,
    waiting: VecDeque<DownloadRequest>,
}

impl DownloadMode {
    /// Just appeared.
    pub fn new(options: DownloadOptions) -> Self {
        DownloadMode {
            binary: options.starts_binary,
            echo: options.echo,
            signed: false,
            open: None,
            deframer: Deframer::new(),
            hunting: true,
            mid_frame: false,
            waiting: VecDeque::new(),
            options,
        }
    }

    /// Whether it is in the binary phase.
    pub fn is_binary(&self) -> bool {
        self.binary
    }

    /// The code of the partition that is being written.
    pub fn open_partition(&self) -> Option<u32> {
        self.open.as_ref().map(|open| open.code)
    }

    /// Takes what the host wrote in one go. An AT command must come in one piece and alone.
    pub fn push(&mut self, bytes: &[u8]) {
        if !self.mid_frame && is_at(bytes) {
            self.hunting = true;
            self.waiting.push_back(DownloadRequest::At(bytes.to_vec()));
            return;
        }
        let mut bytes = bytes;
        if self.hunting {
            let Some(flag) = memchr::memchr(0x7e, bytes) else { return };
            bytes = &bytes[flag..];
            self.hunting = false;
        }
        self.deframer.push(bytes);
        self.mid_frame = bytes.last().is_some_and(|&b| b != 0x7e);
        while let Some(frame) = self.deframer.next() {
            self.waiting.push_back(frame.map_or(DownloadRequest::BadFrame, DownloadRequest::Frame));
        }
    }

    /// The next request, to be given to [`answer`](Self::answer).
    pub fn next_request(&mut self) -> Option<DownloadRequest> {
        self.waiting.pop_front()
    }

    /// Refuses a request with a code, without acting on it.
    pub fn refuse(&self, code: u8) -> DownloadReply {
        self.frame(&[0x03, 0x00, code])
    }

    /// Acts on one request.
    pub fn answer(&mut self, request: &DownloadRequest, flash: &mut Flash) -> DownloadReply {
        match request {
            DownloadRequest::At(command) => self.at(command),
            DownloadRequest::BadFrame if self.options.nak_bad_crc && self.listens() => {
                self.refuse(nak::BAD_FCS)
            }
            DownloadRequest::BadFrame => DownloadReply::default(),
            DownloadRequest::Frame(_) if !self.listens() => self.refuse(nak::INVALID_COMMAND),
            DownloadRequest::Frame(body) => self.binary(body, flash),
        }
    }

    fn listens(&self) -> bool {
        self.binary || self.options.binary_at_once
    }

    fn frame(&self, body: &[u8]) -> DownloadReply {
        let mut bytes = Vec::with_capacity(32);
        hdlc::encode(body, &mut bytes);
        if !self.options.opening_flag {
            bytes.remove(0);
        }
        DownloadReply { bytes, ..DownloadReply::default() }
    }

    fn acknowledge(&self) -> DownloadReply {
        self.frame(&[0x02])
    }

    fn at(&mut self, command: &[u8]) -> DownloadReply {
        let text = String::from_utf8_lossy(command).trim_end_matches('\r').to_ascii_uppercase();
        if self.binary && text != "AT^RESET" {
            match self.options.at_in_binary {
                AtInBinary::Answered => {}
                AtInBinary::Deaf => return DownloadReply::default(),
                AtInBinary::Nak(code) => return self.refuse(code),
            }
        }
        let mut reply = DownloadReply::default();
        if self.echo {
            reply.bytes.extend_from_slice(command);
        }
        let said = match text.as_str() {
            "ATE0" | "ATE1" => {
                self.echo = text == "ATE1";
                Some(String::new())
            }
            "AT+CMEE=0" | "AT^GODLOAD" | "AT^SDLOAD" => Some(String::new()),
            "AT^DLOADVER?" => Some(self.options.protocol.clone()),
            "AT^DLOADINFO?" => Some(format!(
                "\r\nswver:{}\r\n\r\niso:\r\n\r\nwebui:\r\n\r\nproduct name:{}\r\n\r\ndload type:1",
                self.options.software,
                self.options.product.replace('_', "-")
            )),
            "AT^AUTHORITYVER?" => Some("1000".into()),
            "AT^AUTHORITYID?" => Some("0".into()),
            "AT^HWNATQRY?" | "AT^FLASHINFO?" | "AT^NVBACKUP" | "AT^NVRESTORE" | "AT^NVRSTSTTS" => {
                Some("0".into())
            }
            "AT^RESET" => {
                reply.then = DownloadEffect::Reset;
                Some(String::new())
            }
            "AT^DATAMODE" if !self.options.knows_datamode => None,
            "AT^DATAMODE" if self.options.require_signature && !self.signed => None,
            "AT^DATAMODE" => {
                self.binary = true;
                Some(String::new())
            }
            _ => match text.strip_prefix("AT^SIGNVER=") {
                Some(arguments) => {
                    self.signed = is_good_signature(arguments);
                    Some(if self.signed { "0" } else { "1" }.into())
                }
                None => None,
            },
        };
        reply.bytes.extend_from_slice(
            match said {
                Some(text) if text.is_empty() => "\r\nOK\r\n".to_owned(),
                Some(text) => format!("\r\n{text}\r\n\r\nOK\r\n"),
                None => "\r\nERROR\r\n".to_owned(),
            }
            .as_bytes(),
        );
        reply
    }

    fn binary(&mut self, body: &[u8], flash: &mut Flash) -> DownloadReply {
        let Some(&command) = body.first() else { return self.refuse(nak::INVALID_COMMAND) };
        match command {
            0x01 if self.options.leaves_binary => {
                self.binary = false;
                self.hunting = true;
                self.acknowledge()
            }
            0x0a => DownloadReply { then: DownloadEffect::Reset, ..self.acknowledge() },
            0x0c => {
                let mut reply = self.frame(&[&[0x0d, 0x0f], VERSION.as_slice()].concat());
                if self.options.opening_flag {
                    reply.bytes.remove(0);
                }
                reply
            }
            0x3a => self.frame(&[0x3a]),
            0x41 => self.start(body, flash),
            0x42 => self.block(body, flash),
            0x43 => self.end(body, flash),
            0x45 => {
                let mut id = format!("HUAWEI {}", self.options.product).into_bytes();
                id.resize(id.len().max(20), 0);
                self.frame(&[&[0x45], id.as_slice()].concat())
            }
            0xfb => self.frame(&[0xfb, 0x00]),
            _ => self.refuse(nak::INVALID_COMMAND),
        }
    }

    fn start(&mut self, body: &[u8], flash: &mut Flash) -> DownloadReply {
        if body.len() != 12 {
            return self.refuse(nak::WRONG_LENGTH);
        }
        let (code, size) = (word(body, 1), word(body, 5));
        if self.options.refuses_starts {
            return self.refuse(nak::OUT_OF_RANGE);
        }
        if size == 0 {
            return self.refuse(nak::FAILED);
        }
        if size > self.options.largest {
            return self.refuse(nak::OUT_OF_RANGE);
        }
        let table_before =
            (code == PARTITION_TABLE).then(|| flash.partition(code).unwrap_or_default().to_vec());
        flash.begin(code);
        self.open = Some(Open { code, size, received: 0, last: 0, table_before });
        self.acknowledge()
    }

    fn block(&mut self, body: &[u8], flash: &mut Flash) -> DownloadReply {
        if body.len() < 7 {
            return self.refuse(nak::WRONG_LENGTH);
        }
        let (number, length) = (word(body, 1), usize::from(u16::from_be_bytes([body[5], body[6]])));
        let data = &body[7..];
        if data.len() != length {
            return self.refuse(nak::TOO_SHORT);
        }
        let Some(open) = &mut self.open else { return self.refuse(nak::FAILED) };
        if number == open.last && number > 0 {
            return self.acknowledge();
        }
        if number != open.last + 1 || open.received + length > open.size as usize {
            return self.refuse(nak::FAILED);
        }
        let filled = open.received / FLUSH;
        open.received += length;
        open.last = number;
        let flushed = open.received / FLUSH > filled;
        flash.append(open.code, data);
        let after = if flushed { self.options.slow_flush } else { Duration::ZERO };
        DownloadReply { after, ..self.acknowledge() }
    }

    fn end(&mut self, body: &[u8], flash: &mut Flash) -> DownloadReply {
        if body.len() != 23 {
            return self.refuse(nak::WRONG_LENGTH);
        }
        let (size, code) = (word(body, 1), word(body, 8));
        let fits = |open: &Open| open.code == code && open.size == size && open.received == size as usize;
        if !self.open.as_ref().is_some_and(fits) {
            // Writing failed: the partition has to be begun again.
            self.open = None;
            return self.refuse(nak::FAILED);
        }
        flash.close(code);
        let table_before = self.open.take().and_then(|open| open.table_before);
        let changed =
            table_before.as_ref().is_some_and(|before| flash.partition(code) != Some(before.as_slice()));
        if changed && self.options.new_table == NewTable::Refused {
            flash.begin(code);
            flash.append(code, &table_before.unwrap_or_default());
            flash.close(code);
            return self.refuse(nak::OUT_OF_RANGE);
        }
        if changed && self.options.new_table == NewTable::Restarts {
            return DownloadReply { then: DownloadEffect::Restart, ..DownloadReply::default() };
        }
        DownloadReply { after: self.options.slow_flush / 4, ..self.acknowledge() }
    }
}

fn word(body: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([body[at], body[at + 1], body[at + 2], body[at + 3]])
}

/// A whole AT command and nothing else.
fn is_at(bytes: &[u8]) -> bool {
    matches!(bytes, [b'A' | b'a', b'T' | b't', .., b'\r'] if bytes.len() <= 512)
        && bytes[..bytes.len() - 1].iter().all(|b| (0x20..0x7e).contains(b))
}

/// `<type>,0,<64 hex digits of a known key>,<length>`.
fn is_good_signature(arguments: &str) -> bool {
    let fields: Vec<&str> = arguments.split(',').collect();
    let [kind, "0", key, length] = fields[..] else { return false };
    kind.parse::<u8>().is_ok_and(|k| k <= 7) && KEYS.contains(&key) && length.parse::<u32>().is_ok()
}

#[cfg(test)]
mod tests;
