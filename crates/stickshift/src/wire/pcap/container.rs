//! pcap and pcapng files. What counts is speed: a packet costs its header and a look at its first bytes.

use crate::error::{Error, ErrorKind, Result};
use crate::wire::pcap::window::Window;
use crate::wire::pcap::{End, Facts, Format, LinkType, Packet, link_type, usbmon, usbpcap};

/// Longest packet that can be; Wireshark takes no longer ones of USB either.
const MAX_PACKET: u32 = 128 * 1024 * 1024;
/// How much of a packet is looked at: the longest descriptor and the longest header fit.
const VIEW: u32 = 80 * 1024;
/// Interfaces in a pcapng file.
const MAX_INTERFACES: usize = 4096;

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const OLD_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;
const JOURNAL: u32 = 9;
const CUSTOM: u32 = 0x0bad;
const CUSTOM_NOT_COPIED: u32 = 0x4000_0bad;

pub(super) struct Container {
    kind: Kind,
    big: bool,
    number: u64,
    last_time: u64,
    /// Bytes of the packet that was given out, still to be passed over.
    pending: u64,
    /// Where that packet begins.
    began: u64,
}

enum Kind {
    Pcap { link: LinkType, nanoseconds: bool },
    Pcapng { interfaces: Vec<Interface> },
}

#[derive(Clone, Copy)]
struct Interface {
    link: Option<LinkType>,
    snap_length: u32,
    resolution: Resolution,
    offset_s: i64,
}

/// What one tick of an interface's clock is.
#[derive(Clone, Copy)]
enum Resolution {
    /// This many nanoseconds.
    Nanoseconds(u64),
    /// 10 to the minus this, finer than a nanosecond.
    Decimal(u32),
    /// 2 to the minus this.
    Binary(u32),
}

impl Resolution {
    fn nanoseconds(self, ticks: u64) -> u64 {
        match self {
            Resolution::Nanoseconds(each) => ticks.saturating_mul(each),
            Resolution::Decimal(n) => ticks / 10u64.checked_pow(n - 9).unwrap_or(u64::MAX),
            Resolution::Binary(n) => {
                u64::try_from((u128::from(ticks) * 1_000_000_000) >> n.min(127)).unwrap_or(u64::MAX)
            }
        }
    }
}

/// A packet found in the window.
struct Found {
    link: Option<LinkType>,
    time_ns: u64,
    /// From the window's start.
    from: usize,
    captured: u32,
    /// Its length before the capturing program cut it.
    original: u32,
    /// The whole block with what follows the data.
    total: u64,
}

impl Found {
    /// How much of it is looked at.
    fn length(&self) -> usize {
        self.captured.min(VIEW) as usize
    }
}

/// Why there is no further packet.
enum Stop {
    Cut,
    Broken(&'static str),
}

type Step<T> = std::result::Result<T, Stop>;

impl Container {
    /// Reads the header of the file. `None` when it is neither pcap nor pcapng.
    pub(super) fn open(window: &mut Window<'_>, facts: &mut Facts) -> Result<Option<Self>> {
        let head = window.fill(28)?;
        let Some(magic) = head.first_chunk::<4>() else { return Ok(None) };
        let (big, nanoseconds) = match u32::from_le_bytes(*magic) {
            0xa1b2_c3d4 => (false, false),
            0xa1b2_3c4d => (false, true),
            0xd4c3_b2a1 => (true, false),
            0x4d3c_b2a1 => (true, true),
            SECTION => {
                if head.len() < 12 {
                    return Err(truncated(head.len()));
                }
                let kind = Kind::Pcapng { interfaces: Vec::new() };
                return Ok(Some(Container {
                    kind,
                    big: false,
                    number: 0,
                    last_time: 0,
                    pending: 0,
                    began: 0,
                }));
            }
            _ => return Ok(None),
        };
        if head.len() < 24 {
            return Err(truncated(head.len()));
        }
        // The high bits say how long a frame check sequence is.
        let number = word(head, 20, big) & 0x0fff_ffff;
        let Some(link) = LinkType::of(number) else {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!(
                    "this is a capture of {}, not of USB as usbmon or USBPcap write it",
                    link_type(number)
                ),
            )
            .with("link-type", number));
        };
        window.consume(24);
        facts.link_types.push(number);
        facts.big_endian = big;
        facts.nanoseconds = nanoseconds;
        let kind = Kind::Pcap { link, nanoseconds };
        Ok(Some(Container { kind, big, number: 0, last_time: 0, pending: 0, began: 24 }))
    }

    pub(super) fn format(&self) -> Format {
        match self.kind {
            Kind::Pcap { .. } => Format::Pcap,
            Kind::Pcapng { .. } => Format::Pcapng,
        }
    }

    #[inline]
    pub(super) fn next<'w>(
        &mut self,
        window: &'w mut Window<'_>,
        facts: &mut Facts,
        end: &mut End,
    ) -> Result<Option<Packet<'w>>> {
        let Some(found) = self.find(window, facts, end)? else { return Ok(None) };
        Ok(self.decode(&found, window))
    }

    /// Goes to the next packet that [`decode`](Self::decode) can read.
    #[inline]
    fn find(&mut self, window: &mut Window<'_>, facts: &mut Facts, end: &mut End) -> Result<Option<Found>> {
        loop {
            if self.pending > 0 {
                let whole = window.skip(self.pending)?;
                self.pending = 0;
                if !whole {
                    *end = ended(window, Stop::Cut, self.began);
                    return Ok(None);
                }
            }
            self.began = window.offset();
            let found = match &self.kind {
                Kind::Pcap { link, nanoseconds } => {
                    let (link, nanoseconds) = (*link, *nanoseconds);
                    self.pcap(window, link, nanoseconds)?
                }
                Kind::Pcapng { .. } => self.pcapng(window, facts)?,
            };
            let found = match found {
                Ok(Some(found)) => found,
                Ok(None) => {
                    *end = match window.trouble.take() {
                        Some(what) => End::Broken { offset: window.offset(), what },
                        None => End::Whole,
                    };
                    return Ok(None);
                }
                Err(stop) => {
                    *end = ended(window, stop, self.began);
                    return Ok(None);
                }
            };
            self.number += 1;
            self.last_time = found.time_ns;
            self.pending = found.total;
            let view = found.from + found.length();
            if window.fill(view)?.len() < view {
                *end = ended(window, Stop::Cut, self.began);
                return Ok(None);
            }
            let bytes = window.view(found.from, found.length());
            let readable = match found.link {
                Some(LinkType::UsbLinuxMmapped) => usbmon::is_transfer(bytes, usbmon::LONG_HEADER),
                Some(LinkType::UsbLinux) => usbmon::is_transfer(bytes, usbmon::SHORT_HEADER),
                Some(LinkType::UsbPcap) => usbpcap::parse(bytes, 0, 0).is_some(),
                None => false,
            };
            if readable {
                return Ok(Some(found));
            }
            facts.skipped += 1;
            let is_cut = found.captured < found.original;
            facts.cut += u64::from(is_cut && found.link.is_some_and(|link| found.captured < link.header()));
        }
    }

    #[inline]
    fn decode<'w>(&self, found: &Found, window: &'w Window<'_>) -> Option<Packet<'w>> {
        let bytes = window.view(found.from, found.length());
        let (number, time_ns, big) = (self.number, found.time_ns, self.big);
        match found.link? {
            LinkType::UsbLinuxMmapped => usbmon::parse(bytes, usbmon::LONG_HEADER, big, number, time_ns),
            LinkType::UsbLinux => usbmon::parse(bytes, usbmon::SHORT_HEADER, big, number, time_ns),
            LinkType::UsbPcap => usbpcap::parse(bytes, number, time_ns),
        }
    }

    #[inline]
    fn pcap(
        &mut self,
        window: &mut Window<'_>,
        link: LinkType,
        nanoseconds: bool,
    ) -> Result<Step<Option<Found>>> {
        let head = window.fill(16)?;
        let Some(head) = head.first_chunk::<16>() else {
            return Ok(if head.is_empty() { Ok(None) } else { Err(Stop::Cut) });
        };
        let fraction = u64::from(word(head, 4, self.big)) * if nanoseconds { 1 } else { 1000 };
        let captured = word(head, 8, self.big);
        if captured > MAX_PACKET {
            return Ok(Err(Stop::Broken("a packet is longer than any can be")));
        }
        let time_ns = u64::from(word(head, 0, self.big)) * 1_000_000_000 + fraction;
        let total = u64::from(captured) + 16;
        Ok(Ok(Some(Found {
            link: Some(link),
            time_ns,
            from: 16,
            captured,
            original: word(head, 12, self.big),
            total,
        })))
    }

    fn pcapng(&mut self, window: &mut Window<'_>, facts: &mut Facts) -> Result<Step<Option<Found>>> {
        loop {
            let head = window.fill(32)?;
            if head.len() < 12 {
                return Ok(if head.is_empty() { Ok(None) } else { Err(Stop::Cut) });
            }
            let mut kind = word(head, 0, self.big);
            if kind == SECTION || kind == SECTION.swap_bytes() {
                kind = SECTION;
                self.big = match [head[8], head[9], head[10], head[11]] {
                    [0x4d, 0x3c, 0x2b, 0x1a] => false,
                    [0x1a, 0x2b, 0x3c, 0x4d] => true,
                    _ => return Ok(Err(Stop::Broken("a section has no byte order"))),
                };
                facts.big_endian |= self.big;
            }
            let big = self.big;
            let total = word(head, 4, big);
            if total < 12 || !total.is_multiple_of(4) || (kind == SECTION && total < 28) {
                return Ok(Err(Stop::Broken("a block has an impossible length")));
            }
            let Kind::Pcapng { interfaces } = &mut self.kind else { return Ok(Ok(None)) };
            let fixed = match kind {
                ENHANCED_PACKET | OLD_PACKET => 32,
                SIMPLE_PACKET => 16,
                _ => 12,
            };
            if total < fixed {
                return Ok(Err(Stop::Broken("a block is shorter than its kind")));
            }
            if (head.len() as u64) < u64::from(fixed) - 4 {
                return Ok(Err(Stop::Cut));
            }
            match kind {
                ENHANCED_PACKET | OLD_PACKET | SIMPLE_PACKET => {
                    let (interface, from, captured) = match kind {
                        ENHANCED_PACKET => (word(head, 8, big), 28, word(head, 20, big)),
                        OLD_PACKET => {
                            let number = [head[8], head[9]];
                            let number =
                                if big { u16::from_be_bytes(number) } else { u16::from_le_bytes(number) };
                            (number.into(), 28, word(head, 20, big))
                        }
                        _ => {
                            let snap = interfaces.first().map_or(0, |i| i.snap_length);
                            let snap = if snap == 0 { u32::MAX } else { snap };
                            (0, 12, word(head, 8, big).min(snap).min(total - 16))
                        }
                    };
                    let Some(interface) = interfaces.get(interface as usize).copied() else {
                        return Ok(Err(Stop::Broken("a packet is of an interface that was not described")));
                    };
                    if captured > MAX_PACKET || u64::from(captured) + from as u64 + 4 > u64::from(total) {
                        return Ok(Err(Stop::Broken("a packet is longer than its block")));
                    }
                    let time_ns = if kind == SIMPLE_PACKET {
                        self.last_time
                    } else {
                        let ticks = u64::from(word(head, 12, big)) << 32 | u64::from(word(head, 16, big));
                        let since = interface.resolution.nanoseconds(ticks);
                        since.saturating_add_signed(interface.offset_s.saturating_mul(1_000_000_000))
                    };
                    let original = word(head, if kind == SIMPLE_PACKET { 8 } else { 24 }, big);
                    let link = interface.link;
                    let found = Found { link, time_ns, from, captured, original, total: total.into() };
                    return Ok(Ok(Some(found)));
                }
                SECTION => interfaces.clear(),
                INTERFACE => {
                    if interfaces.len() >= MAX_INTERFACES {
                        return Ok(Err(Stop::Broken("there are too many interfaces")));
                    }
                    let length = total.min(VIEW) as usize;
                    let block = window.fill(length)?;
                    if block.len() < length {
                        return Ok(Err(Stop::Cut));
                    }
                    match describe(&block[..length], big, facts) {
                        Some(interface) => interfaces.push(interface),
                        None => return Ok(Err(Stop::Broken("an interface description is too short"))),
                    }
                }
                // Wireshark gives a number to these too, and ours are there to be looked up.
                JOURNAL | CUSTOM | CUSTOM_NOT_COPIED => self.number += 1,
                _ => {}
            }
            let began = window.offset();
            if !window.skip(total.into())? {
                return Ok(Err(Stop::Cut));
            }
            self.began = began + u64::from(total);
        }
    }
}

/// Reads an interface description block.
fn describe(block: &[u8], big: bool, facts: &mut Facts) -> Option<Interface> {
    let half = |at: usize| {
        let bytes = [*block.get(at)?, *block.get(at + 1)?];
        Some(if big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    };
    if block.len() < 20 {
        return None;
    }
    let number = u32::from(half(8)?);
    if !facts.link_types.contains(&number) {
        facts.link_types.push(number);
    }
    let mut interface = Interface {
        link: LinkType::of(number),
        snap_length: word(block, 12, big),
        resolution: Resolution::Nanoseconds(1000),
        offset_s: 0,
    };
    let mut at = 16;
    while let (Some(code), Some(length)) = (half(at), half(at + 2)) {
        let value = block.get(at + 4..at + 4 + usize::from(length));
        match (code, value) {
            (0, _) | (_, None) => break,
            (9, Some([exponent, ..])) => {
                let n = u32::from(exponent & 0x7f);
                interface.resolution = match (exponent & 0x80 != 0, n) {
                    (true, _) => Resolution::Binary(n),
                    (false, 0..=9) => Resolution::Nanoseconds(10u64.pow(9 - n)),
                    (false, _) => Resolution::Decimal(n),
                };
                facts.nanoseconds |= n > 6 && interface.link.is_some();
            }
            (14, Some(value)) if value.len() == 8 => {
                let bytes: [u8; 8] = value.try_into().ok()?;
                interface.offset_s = if big { i64::from_be_bytes(bytes) } else { i64::from_le_bytes(bytes) };
            }
            _ => {}
        }
        at += 4 + usize::from(length).next_multiple_of(4);
    }
    Some(interface)
}

fn ended(window: &mut Window<'_>, stop: Stop, offset: u64) -> End {
    match (window.trouble.take(), stop) {
        (Some(what), _) => End::Broken { offset, what },
        (None, Stop::Cut) => End::Cut { offset },
        (None, Stop::Broken(what)) => End::Broken { offset, what: what.to_owned() },
    }
}

#[inline]
fn word(bytes: &[u8], at: usize, big: bool) -> u32 {
    let Some(bytes) = bytes.get(at..).and_then(|b| b.first_chunk::<4>()) else { return 0 };
    if big { u32::from_be_bytes(*bytes) } else { u32::from_le_bytes(*bytes) }
}

fn truncated(size: usize) -> Error {
    Error::new(ErrorKind::FileTruncated, "the capture ends inside its own header").with("size", size)
}
