//! The text export of Bus Hound on Windows: columns Device, Length, Phase and Data, one phase of a transfer per entry, its data over several lines.

use crate::error::Result;
use crate::wire::pcap::window::Window;
use crate::wire::pcap::{End, Facts, Packet, Phase, Pipe, Status, usbpcap};
use crate::wire::scsi::CommandBlock;

/// Data bytes kept of an entry.
const MAX_DATA: usize = 64 * 1024;

/// The phases that mean something here.
const PHASES: &[&str] = &["CTL", "DI", "DO", "IN", "OUT", "CMD", "USTS", "SSTS", "NSTS", "RSET", "SNS"];

#[derive(Default)]
pub(super) struct BusHound {
    line: u64,
    columns: Option<Columns>,
    entry: Option<Entry>,
    /// The setup packet whose data phase may follow, and its device.
    setup: Option<(u8, [u8; 8])>,
    time_ns: u64,
    /// The last time of day, and what passed since the entry before.
    last_clock: Option<u64>,
    passed_ns: u64,
    data: Vec<u8>,
}

/// Where the columns stand, from the line of dashes under their names.
#[derive(Clone, Copy)]
struct Columns {
    data: (usize, usize),
    delta: Option<(usize, usize)>,
}

#[derive(Default)]
struct Entry {
    line: u64,
    device: u8,
    endpoint: u8,
    phase: String,
    delta_ns: u64,
    /// How many bytes there are, where only that tells data from the words behind it.
    length: Option<usize>,
    data: Vec<u8>,
}

/// Whether a text is such an export: it has the names of the columns over a line of dashes, or begins as Bus Hound does, or has entries.
pub(super) fn looks_like(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
    let first = lines.first().is_some_and(|l| l.starts_with("Bus Hound") && l.contains("capture"));
    let names = |l: &str| ["Device", "Phase", "Data"].iter().all(|name| l.contains(name));
    let has_columns = lines.windows(2).any(|pair| names(pair[0]) && pair[1].starts_with("---"));
    let is_entry = |l: &&&str| {
        let words: Vec<&str> = l.split_ascii_whitespace().collect();
        let phase = words.iter().take(3).position(|w| PHASES.contains(w));
        let byte = |w: &&str| w.len() == 2 && w.bytes().all(|b| b.is_ascii_hexdigit());
        words.first().is_some_and(|w| w.contains('.') && address(w).is_some())
            && phase
                .is_some_and(|at| at > 0 && words[at + 1..].iter().take(4).filter(|w| byte(w)).count() > 1)
    };
    first || has_columns || lines.iter().filter(is_entry).take(3).count() == 3
}

impl BusHound {
    pub(super) fn next<'a>(
        &'a mut self,
        window: &mut Window<'_>,
        facts: &mut Facts,
        end: &mut End,
    ) -> Result<Option<Packet<'a>>> {
        loop {
            let read =
                window.line()?.map(|(line, taken)| (String::from_utf8_lossy(line).into_owned(), taken));
            let ended = read.is_none();
            let done = match read {
                Some((line, taken)) => {
                    self.line += 1;
                    let done = self.take(&line);
                    window.consume(taken);
                    done
                }
                None => self.entry.take(),
            };
            if let Some(entry) = done {
                if self.is_packet(&entry) {
                    return Ok(Some(self.packet(entry)));
                }
                facts.skipped += 1;
            } else if ended {
                *end = match window.trouble.take() {
                    Some(what) => End::Broken { offset: window.offset(), what },
                    None => End::Whole,
                };
                return Ok(None);
            }
        }
    }

    /// Takes a line in; gives the entry that it ends.
    fn take(&mut self, line: &str) -> Option<Entry> {
        if line.starts_with("---") {
            self.columns = columns(line);
            return self.entry.take();
        }
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let start = words.first().and_then(|w| address(w)).filter(|_| {
            words.iter().skip(1).take(2).any(|w| PHASES.contains(w)) && !line.trim_start().starts_with('(')
        });
        let Some((device, endpoint)) = start else {
            if line.trim().is_empty() {
                return self.entry.take();
            }
            let bytes = self.data_of(line, &words);
            if let Some(entry) = &mut self.entry
                && entry.data.len() + bytes.len() <= MAX_DATA
            {
                entry.data.extend(bytes);
                entry.data.truncate(entry.length.unwrap_or(usize::MAX));
            }
            return None;
        };
        let phase = words.iter().skip(1).find(|w| PHASES.contains(w)).copied().unwrap_or_default().to_owned();
        let after = words.iter().position(|w| *w == phase).map_or(0, |at| at + 1);
        let mut data = self.data_of(line, &words[after..]);
        let stated = words.get(1).filter(|_| after > 2 && self.columns.is_none());
        let length = stated.and_then(|word| word.parse().ok());
        data.truncate(length.unwrap_or(usize::MAX));
        // A clock stands anywhere behind the data: longer positions push it out of its column.
        let behind = self.columns.map_or("", |c| cell(line, (c.data.1.min(line.len()), line.len())));
        let clock = behind.split_ascii_whitespace().rev().find_map(clock_ns);
        if let Some(clock) = clock {
            let afternoon = behind.trim_end().to_ascii_uppercase().ends_with("PM");
            self.clock(clock, afternoon);
        }
        let delta =
            self.columns.and_then(|c| c.delta).filter(|_| clock.is_none() && self.last_clock.is_none());
        let last = || words.iter().rev().take(3).map(|word| time(word)).find(|ns| *ns > 0).unwrap_or(0);
        let delta_ns = delta
            .map_or_else(|| if self.columns.is_none() { last() } else { 0 }, |delta| time(cell(line, delta)));
        let delta_ns = clock.map_or(delta_ns, |_| std::mem::take(&mut self.passed_ns));
        self.entry.replace(Entry { line: self.line, device, endpoint, phase, delta_ns, length, data })
    }

    /// Takes in the time of day of an entry.
    fn clock(&mut self, clock: u64, afternoon: bool) {
        const HOUR: u64 = 3600 * 1_000_000_000;
        let clock = if afternoon && clock < 12 * HOUR { clock + 12 * HOUR } else { clock };
        self.passed_ns = match self.last_clock {
            // Midnight; anything less far back is an entry out of order.
            Some(last) if clock + 12 * HOUR < last => clock + 24 * HOUR - last,
            Some(last) => clock.saturating_sub(last),
            None => 0,
        };
        self.last_clock = Some(clock);
    }

    /// The hex bytes of a line: in the data column where the columns are known, else as many pairs of digits as there are.
    fn data_of(&self, line: &str, words: &[&str]) -> Vec<u8> {
        let pairs = |words: &mut dyn Iterator<Item = &str>| -> Vec<u8> {
            words
                .map_while(|w| (w.len() == 2).then(|| u8::from_str_radix(w, 16).ok()).flatten())
                .take(256)
                .collect()
        };
        match self.columns {
            Some(columns) => pairs(&mut cell(line, columns.data).split_ascii_whitespace()),
            None => pairs(&mut words.iter().copied()),
        }
    }

    fn is_packet(&mut self, entry: &Entry) -> bool {
        match entry.phase.as_str() {
            "CTL" => entry.data.len() >= 8,
            "CMD" => !entry.data.is_empty(),
            "DI" | "DO" | "IN" | "OUT" | "USTS" => true,
            _ => false,
        }
    }

    fn packet(&mut self, entry: Entry) -> Packet<'_> {
        self.time_ns = self.time_ns.saturating_add(entry.delta_ns);
        let control = self.setup.filter(|(device, _)| *device == entry.device && entry.endpoint == 0);
        let mut packet = Packet {
            number: entry.line,
            time_ns: self.time_ns,
            phase: Phase::Submit,
            pipe: Pipe::Bulk,
            id: u64::from(entry.device),
            bus: 1,
            device: entry.device,
            endpoint: entry.endpoint,
            status: Status::Pending,
            setup: None,
            length: u32::try_from(entry.data.len()).unwrap_or(u32::MAX),
            data: &[],
        };
        self.data = entry.data;
        match entry.phase.as_str() {
            "CTL" => {
                let setup = self.data.first_chunk().copied().unwrap_or_default();
                self.setup = Some((entry.device, setup));
                packet.pipe = Pipe::Control;
                packet.setup = Some(setup);
                packet.length = u16::from_le_bytes([setup[6], setup[7]]).into();
                // An OUT request's data comes as an entry of its own, and so few sticks want any that it may be left.
                self.data.drain(..8);
            }
            // Captured above the transport: the wrapper that the driver made is put around the command again.
            "CMD" => {
                let mut cdb = [0; 16];
                let length = self.data.len().min(16);
                cdb[..length].copy_from_slice(&self.data[..length]);
                let [cdb_length, lun, flags] = [length as u8, 0, 0];
                let command = CommandBlock {
                    tag: [0x12, 0x34, 0x56, 0x78],
                    data_length: 0,
                    flags,
                    lun,
                    cdb_length,
                    cdb,
                };
                self.data = command.encode().to_vec();
                packet.length = CommandBlock::LENGTH as u32;
            }
            "USTS" => {
                packet.phase = Phase::Complete;
                let status = self.data.first_chunk().map_or(0, |b| u32::from_be_bytes(*b));
                packet.status = usbpcap::status(status, Phase::Complete);
                packet.pipe = if control.is_some() { Pipe::Control } else { Pipe::Bulk };
                self.data.clear();
            }
            "DI" | "IN" => {
                packet.phase = Phase::Complete;
                packet.status = Status::Ok;
                packet.endpoint |= 0x80;
                packet.pipe = if control.is_some() { Pipe::Control } else { Pipe::Bulk };
                self.setup = None;
            }
            _ => packet.pipe = if control.is_some() { Pipe::Other } else { Pipe::Bulk },
        }
        packet.data = &self.data;
        packet
    }
}

/// `22.1` is endpoint 1 of device 22.
fn address(word: &str) -> Option<(u8, u8)> {
    let (device, endpoint) = word.split_once('.').unwrap_or((word, "0"));
    Some((device.parse().ok().filter(|d| *d < 128)?, endpoint.split('.').next()?.parse().ok()?))
}

/// Where the columns are: the names stand over runs of dashes. Only Device, Length, Phase, Data, .. in that order are known.
fn columns(dashes: &str) -> Option<Columns> {
    let mut runs = Vec::new();
    let mut start = None;
    for (at, b) in dashes.bytes().chain([b' ']).enumerate() {
        match (b == b'-', start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                runs.push((from, at));
                start = None;
            }
            _ => {}
        }
    }
    let widest = (0..runs.len()).max_by_key(|i| runs[*i].1 - runs[*i].0)?;
    // Where the blanks were squeezed, nothing stands in its column.
    let is_squeezed = runs.windows(2).all(|pair| pair[1].0 - pair[0].1 < 2);
    if runs.len() < 3 || widest == 0 || is_squeezed {
        return None;
    }
    // The data column ends where the next one begins.
    let data_end = runs.get(widest + 1).map_or(usize::MAX, |r| r.0);
    let delta = (runs.len() > widest + 2).then(|| runs[widest + 2]);
    Some(Columns { data: (runs[widest].0, data_end), delta })
}

/// What a line has in a column.
fn cell(line: &str, (from, to): (usize, usize)) -> &str {
    line.get(from.min(line.len())..to.min(line.len())).unwrap_or_default()
}

/// `09:44:08.010` in nanoseconds since midnight.
fn clock_ns(word: &str) -> Option<u64> {
    let mut parts = word.split(':');
    let (hours, minutes) = (parts.next()?, parts.next()?);
    let seconds: f64 = parts.next().filter(|s| s.starts_with(|c: char| c.is_ascii_digit()))?.parse().ok()?;
    let (hours, minutes): (u64, u64) = (hours.parse().ok()?, minutes.parse().ok()?);
    let plausible = parts.next().is_none() && hours < 24 && minutes < 60 && (0.0..61.0).contains(&seconds);
    plausible.then(|| (hours * 3600 + minutes * 60) * 1_000_000_000 + (seconds * 1e9) as u64)
}

/// `15ms`, `2us`, `1.2sc` in nanoseconds.
fn time(text: &str) -> u64 {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let Ok(number) = text[..end].parse::<f64>() else { return 0 };
    let unit = match text[end..].trim() {
        "ns" => 1.0,
        "us" => 1e3,
        "ms" => 1e6,
        "sc" | "s" | "sec" => 1e9,
        "mn" | "min" => 60e9,
        _ => return 0,
    };
    (number * unit).clamp(0.0, 1e18) as u64
}
