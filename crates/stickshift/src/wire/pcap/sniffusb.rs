//! The text log of SniffUSB (usbsnoop) on Windows: one device, a block of lines per URB going down and coming back.

use std::ops::ControlFlow;

use crate::error::Result;
use crate::wire::pcap::window::Window;
use crate::wire::pcap::{End, Facts, Packet, Phase, Pipe, Status, usbpcap};

/// Data bytes kept of a block.
const MAX_DATA: usize = 64 * 1024;

/// The log names no address, so that this stands for the only device there is.
const DEVICE: u8 = 1;

#[derive(Default)]
pub(super) struct SniffUsb {
    line: u64,
    /// The block that is being read.
    block: Option<Block>,
    data: Vec<u8>,
}

/// The lines of one URB, as far as they were read.
#[derive(Default)]
struct Block {
    line: u64,
    time_ms: u64,
    urb: u64,
    back: bool,
    gone: bool,
    function: String,
    endpoint: Option<u8>,
    is_in: Option<bool>,
    length: u32,
    status: Option<u32>,
    setup: Option<[u8; 8]>,
    request_type: u8,
    request: Option<u8>,
    value: u16,
    index: u16,
    descriptor: (u8, u8, u16),
    feature: u16,
    configuration: u8,
    interface: (u8, u8),
    data: Vec<u8>,
    /// Hex lines go to the setup packet.
    in_setup: bool,
}

/// Whether a text is such a log: several of its lines are of its making.
pub(super) fn looks_like(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let is_own = |line: &&str| {
        let line = without_columns(line).1;
        marker(line).is_some()
            || line.starts_with("-- URB_FUNCTION_")
            || (line.contains("UsbSnoop - ") && line.contains(" : "))
    };
    text.lines().filter(is_own).take(2).count() == 2
}

/// A line without the number and the time that DebugView puts before it, and that time in milliseconds.
fn without_columns(line: &str) -> (Option<u64>, &str) {
    let text = line.trim();
    let mut words = text.split_ascii_whitespace();
    let (Some(number), Some(time)) = (words.next(), words.next()) else { return (None, text) };
    let is_number = |w: &str| !w.is_empty() && w.bytes().all(|b| b.is_ascii_digit());
    let Some(time_ms) = clock_ms(time).filter(|_| is_number(number)) else { return (None, text) };
    let rest = text[number.len()..].trim_start()[time.len()..].trim_start();
    // A clock of twelve hours, and the number of the process.
    let rest = ["AM", "PM"].iter().find_map(|half| rest.strip_prefix(half)).unwrap_or(rest).trim_start();
    let rest = match rest.strip_prefix('[').and_then(|r| r.split_once(']')) {
        Some((process, after)) if is_number(process) => after,
        _ => rest,
    };
    (Some(time_ms), rest.trim_start())
}

/// `0.00110000` or `12:34:56.789` in milliseconds.
fn clock_ms(word: &str) -> Option<u64> {
    if !word.contains(['.', ':']) || !word.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b':')) {
        return None;
    }
    let seconds =
        word.split(':').try_fold(0.0, |sum: f64, part| Some(sum * 60.0 + part.parse::<f64>().ok()?))?;
    Some((seconds.clamp(0.0, 1e9) * 1000.0) as u64)
}

/// The line before an URB: its time where the log has one, its number, and whether it comes back. Old versions have no time and other arrows.
fn marker(text: &str) -> Option<(Option<u64>, u64, bool)> {
    let (time, rest) = match text.strip_prefix('[') {
        Some(rest) => {
            let (time, rest) = rest.split_once(']')?;
            (Some(digits(time.trim_start())), rest)
        }
        None => (None, text),
    };
    let rest = rest.trim_start();
    let back = rest.starts_with("<<");
    if !back && !rest.starts_with(">>") {
        return None;
    }
    let urb = rest.trim_start_matches(['<', '>', ' ']).strip_prefix("URB")?;
    let urb = urb.trim_start().trim_start_matches("0x");
    urb.starts_with(|c: char| c.is_ascii_hexdigit()).then(|| (time, digits(urb), back))
}

impl SniffUsb {
    pub(super) fn next<'a>(
        &'a mut self,
        window: &mut Window<'_>,
        facts: &mut Facts,
        end: &mut End,
    ) -> Result<Option<Packet<'a>>> {
        let mut done = None;
        while done.is_none() {
            let Some((line, taken)) = window.line()? else { break };
            self.line += 1;
            if let ControlFlow::Break(block) = self.take(&String::from_utf8_lossy(line)) {
                done = Some(block);
            }
            window.consume(taken);
            if let Some(block) = &done
                && !block.is_transfer()
            {
                facts.skipped += 1;
                done = None;
            }
        }
        let last = done.is_none();
        let Some(block) = done.or_else(|| self.block.take()).filter(Block::is_transfer) else {
            *end = finished(window);
            return Ok(None);
        };
        if last {
            // The block at the end of the file has nothing after it that would end it.
            self.block = None;
        }
        Ok(Some(self.packet(block)))
    }

    /// Takes a line in; gives the block that it ends.
    fn take(&mut self, line: &str) -> ControlFlow<Block> {
        let (column, text) = without_columns(line);
        if let Some((time, urb, back)) = marker(text) {
            let time_ms = time.or(column).unwrap_or_else(|| self.time_ms(""));
            let block = Block { line: self.line, time_ms, urb, back, ..Block::default() };
            return flow(self.block.replace(block));
        }
        if text.contains("IRP_MN_SURPRISE_REMOVAL") || text.contains("IRP_MN_REMOVE_DEVICE") {
            let time_ms = column.filter(|_| !text.starts_with('[')).unwrap_or_else(|| self.time_ms(text));
            let block = Block { line: self.line, time_ms, gone: true, ..Block::default() };
            return flow(self.block.replace(block));
        }
        if let Some(block) = &mut self.block {
            block.take(text);
        }
        ControlFlow::Continue(())
    }

    fn time_ms(&self, text: &str) -> u64 {
        match text.strip_prefix('[') {
            Some(rest) => digits(rest),
            None => self.block.as_ref().map_or(0, |b| b.time_ms),
        }
    }

    fn packet(&mut self, block: Block) -> Packet<'_> {
        let setup = block.setup_packet();
        let pipe = match (block.function.as_str(), setup) {
            (_, Some(_)) => Pipe::Control,
            (f, _) if f.contains("ISOCH") => Pipe::Isochronous,
            (f, _) if f.contains("BULK_OR_INTERRUPT") => Pipe::Bulk,
            _ => Pipe::Other,
        };
        let phase = if block.back || block.gone { Phase::Complete } else { Phase::Submit };
        let status = match block.status {
            _ if block.gone => Status::Gone,
            Some(number) => usbpcap::status(number, phase),
            None if phase == Phase::Complete => Status::Ok,
            None => Status::Pending,
        };
        let is_in = block.endpoint.map_or(block.is_in.unwrap_or(false), |e| e & 0x80 != 0);
        let setup_in = setup.is_some_and(|s| s[0] & 0x80 != 0);
        // What a read buffer holds before it was read means nothing, and what was written is told on the way down.
        let shown = (phase == Phase::Complete) == (is_in || setup_in);
        self.data = if shown { block.data } else { Vec::new() };
        Packet {
            number: block.line,
            time_ns: block.time_ms.saturating_mul(1_000_000),
            phase,
            pipe: if block.gone { Pipe::Other } else { pipe },
            id: block.urb,
            bus: 1,
            device: DEVICE,
            endpoint: block.endpoint.unwrap_or(if is_in { 0x80 } else { 0 }),
            status,
            setup,
            length: block.length,
            data: &self.data,
        }
    }
}

fn flow(block: Option<Block>) -> ControlFlow<Block> {
    block.map_or(ControlFlow::Continue(()), ControlFlow::Break)
}

fn finished(window: &mut Window<'_>) -> End {
    match window.trouble.take() {
        Some(what) => End::Broken { offset: window.offset(), what },
        None => End::Whole,
    }
}

impl Block {
    fn is_transfer(&self) -> bool {
        self.gone || !self.function.is_empty() || !self.data.is_empty() || self.setup.is_some()
    }

    fn take(&mut self, text: &str) {
        if let Some(function) = text.strip_prefix("-- ") {
            self.function = function.trim_end_matches(':').to_owned();
            return;
        }
        if let Some(bytes) = hex_line(text) {
            if self.in_setup {
                self.setup = bytes.first_chunk().copied();
            } else if self.data.len() + bytes.len() <= MAX_DATA {
                self.data.extend(bytes);
            }
            return;
        }
        let Some((name, value)) = text.split_once('=') else { return };
        let (name, value) = (name.trim(), value.trim());
        let number = hex(value);
        self.in_setup = name == "SetupPacket";
        match name {
            "PipeHandle" => {
                if let Some((_, rest)) = value.split_once("endpoint ") {
                    self.endpoint = Some(hex(rest.trim_start_matches("0x")) as u8);
                }
            }
            "TransferFlags" => {
                self.is_in =
                    Some(value.contains("DIRECTION_IN") || (!value.contains('(') && number & 1 != 0));
            }
            "TransferBufferLength" => self.length = number,
            "Status" | "UrbStatus" | "URB Status" | "UsbdStatus" => self.status = Some(number),
            "RequestTypeReservedBits" => self.request_type = number as u8,
            "Request" => self.request = Some(number as u8),
            "Value" => self.value = number as u16,
            "Index" => {
                self.index = number as u16;
                self.descriptor.1 = number as u8;
            }
            "DescriptorType" => self.descriptor.0 = number as u8,
            "LanguageId" => self.descriptor.2 = number as u16,
            "FeatureSelector" => self.feature = number as u16,
            "ConfigurationValue" | "bConfigurationValue" | "ConfigurationDescriptor->bConfigurationValue" => {
                self.configuration = number as u8;
            }
            "InterfaceNumber" | "Interface: InterfaceNumber" => self.interface.0 = number as u8,
            "AlternateSetting" | "Interface: AlternateSetting" => self.interface.1 = number as u8,
            _ => {}
        }
    }

    /// The setup packet that the URB stands for, from the log itself or from what its function means.
    fn setup_packet(&self) -> Option<[u8; 8]> {
        if self.setup.is_some() {
            return self.setup;
        }
        let function = self.function.strip_prefix("URB_FUNCTION_")?;
        let recipient = match function.rsplit('_').next()? {
            "DEVICE" => 0,
            "INTERFACE" => 1,
            "ENDPOINT" => 2,
            "OTHER" => 3,
            _ => 0,
        };
        let length = (self.length.min(0xffff) as u16).to_le_bytes();
        let [v0, v1] = self.value.to_le_bytes();
        let [i0, i1] = self.index.to_le_bytes();
        let direction = if self.is_in == Some(true) { 0x80 } else { 0 };
        if let Some(request) = self.request
            && (function.starts_with("VENDOR") || function.starts_with("CLASS"))
        {
            let kind = if function.starts_with("VENDOR") { 0x40 } else { 0x20 };
            let reserved = self.request_type & 0x1c;
            let [l0, l1] = length;
            return Some([direction | kind | recipient | reserved, request, v0, v1, i0, i1, l0, l1]);
        }
        if function.starts_with("GET_DESCRIPTOR_FROM") {
            let (kind, index, language) = self.descriptor;
            let ([g0, g1], [l0, l1]) = (language.to_le_bytes(), length);
            return Some([0x80 | recipient, 6, index, kind, g0, g1, l0, l1]);
        }
        let [f0, f1] = self.feature.to_le_bytes();
        match function {
            _ if function.starts_with("SET_FEATURE_TO") => Some([recipient, 3, f0, f1, i0, i1, 0, 0]),
            _ if function.starts_with("CLEAR_FEATURE_TO") => Some([recipient, 1, f0, f1, i0, i1, 0, 0]),
            "SELECT_CONFIGURATION" => Some([0, 9, self.configuration, 0, 0, 0, 0, 0]),
            "SELECT_INTERFACE" => Some([1, 11, self.interface.1, 0, self.interface.0, 0, 0, 0]),
            "RESET_PIPE" | "SYNC_RESET_PIPE_AND_CLEAR_STALL" | "SYNC_CLEAR_STALL" => {
                Some([2, 1, 0, 0, self.endpoint.unwrap_or(0), 0, 0, 0])
            }
            _ => None,
        }
    }
}

/// The bytes of a line such as `00000010: 55 53 42 43`.
fn hex_line(text: &str) -> Option<Vec<u8>> {
    let (offset, bytes) = text.split_once(':')?;
    if offset.len() != 8 || !offset.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let bytes = bytes.split_ascii_whitespace().map_while(|w| (w.len() == 2).then(|| hex_byte(w)).flatten());
    Some(bytes.take(64).collect())
}

fn hex_byte(word: &str) -> Option<u8> {
    if word.bytes().all(|b| b.is_ascii_hexdigit()) { u8::from_str_radix(word, 16).ok() } else { None }
}

/// The hex number that a text begins with; 0 for none.
fn hex(text: &str) -> u32 {
    let text = text.strip_prefix("0x").unwrap_or(text);
    let end = text.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(text.len());
    u32::from_str_radix(&text[..end.min(8)], 16).unwrap_or(0)
}

/// The decimal number that a text begins with; 0 for none.
fn digits(text: &str) -> u64 {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().unwrap_or(0)
}
