//! USB captures: what a computer and its devices said to each other, transfer by transfer (docs/protocols/captures.md).
//!
//! [`Capture`] reads pcap and pcapng files (both byte orders, micro and nanoseconds, gzipped or not) that hold Linux usbmon or
//! Windows USBPcap packets, and the text logs of usbmon, SniffUSB and Bus Hound. It is a stream: one buffer of fixed size, whatever
//! the size of the file. A file that ends or breaks in the middle gives what stands before, and [`Capture::end`] says so.
//!
//! ```
//! use stickshift::wire::pcap::{Capture, End, Format, Phase};
//!
//! let mut log = &b"ffff8800 1000 S Ci:1:001:0 s a3 00 0000 0001 0004 4 <\nffff8800 1090 C Ci:1:001:0 0 4 = 00010000\n"[..];
//! let mut capture = Capture::open(&mut log)?;
//! assert_eq!(capture.format(), Format::UsbmonText);
//! assert_eq!(capture.next_packet()?.unwrap().setup, Some([0xa3, 0, 0, 0, 1, 0, 4, 0]));
//! let answer = capture.next_packet()?.unwrap();
//! assert_eq!((answer.phase, answer.data), (Phase::Complete, &[0, 1, 0, 0][..]));
//! assert!(capture.next_packet()?.is_none());
//! assert_eq!(*capture.end(), End::Whole);
//! # Ok::<(), stickshift::error::Error>(())
//! ```

mod bushound;
mod container;
mod others;
mod sniffusb;
mod usbmon;
mod usbmon_text;
mod usbpcap;
mod window;

use std::io::{Cursor, Read};

use crate::error::{Detail, Error, ErrorKind, Result};
use crate::wire::foreign;
use crate::wire::text::{Encoding, encoding};
use bushound::BusHound;
use container::Container;
use sniffusb::SniffUsb;
use usbmon_text::UsbmonText;
use window::Window;

/// One submission or completion of a USB transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Its number, from 1: the frame as Wireshark counts, or the line of a text log.
    pub number: u64,
    /// When, in nanoseconds since some zero that is the same throughout the file.
    pub time_ns: u64,
    /// Whether it was asked for or is answered.
    pub phase: Phase,
    /// How it moves bytes.
    pub pipe: Pipe,
    /// Ties a completion to its submission, as long as both are under way.
    pub id: u64,
    /// The number of the bus; 1 in formats that do not have it.
    pub bus: u16,
    /// The device's address on it; 0 while it has none.
    pub device: u8,
    /// The endpoint; bit 7 = IN. Of a control transfer only the low bits count.
    pub endpoint: u8,
    /// How it ended.
    pub status: Status,
    /// The setup packet of a control transfer, where it is known: usually on the submission.
    pub setup: Option<[u8; 8]>,
    /// Bytes asked for (submission) or moved (completion).
    pub length: u32,
    /// The bytes, as far as the capture holds them: OUT on the submission, IN on the completion.
    pub data: &'a [u8],
}

/// Which end of a transfer a packet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The computer asks for it.
    Submit,
    /// It is done, or failed.
    Complete,
}

/// The four ways of USB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pipe {
    /// Isochronous.
    Isochronous,
    /// Interrupt.
    Interrupt,
    /// Control.
    Control,
    /// Bulk.
    Bulk,
    /// Something of the capturing system that is no transfer.
    Other,
}

/// How a transfer ended, in the terms of both systems.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Not ended: a submission.
    Pending,
    /// Good, also with fewer bytes than asked for.
    Ok,
    /// The endpoint halted.
    Stalled,
    /// The device is gone: Linux ENODEV and ESHUTDOWN, Windows DEVICE_GONE.
    Gone,
    /// The device did not answer on the wire: Linux EPROTO, EILSEQ, ETIME, Windows XACT_ERROR, DEV_NOT_RESPONDING.
    NoAnswer,
    /// Taken back by the computer: Linux ENOENT, ECONNRESET, Windows CANCELED.
    Cancelled,
    /// Anything else, as the system's number.
    Other(i32),
}

impl Status {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Status::Pending => "pending",
            Status::Ok => "good",
            Status::Stalled => "stalled",
            Status::Gone => "device gone",
            Status::NoAnswer => "no answer on the wire",
            Status::Cancelled => "cancelled",
            Status::Other(_) => "failed",
        }
    }
}

impl Packet<'_> {
    /// Whether bytes go to the computer.
    pub fn is_in(&self) -> bool {
        match (self.pipe, self.setup) {
            (Pipe::Control, Some(setup)) => setup[0] & 0x80 != 0,
            _ => self.endpoint & 0x80 != 0,
        }
    }

    /// Whether the capture holds fewer bytes than were moved.
    pub fn is_cut(&self) -> bool {
        !self.data.is_empty() && self.data.len() < self.length as usize
    }
}

/// What kind of file a capture is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Classic pcap.
    Pcap,
    /// pcapng.
    Pcapng,
    /// The text of `/sys/kernel/debug/usb/usbmon`.
    UsbmonText,
    /// The text log of SniffUSB (usbsnoop).
    SniffUsb,
    /// The text export of Bus Hound.
    BusHound,
}

impl Format {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Format::Pcap => "pcap",
            Format::Pcapng => "pcapng",
            Format::UsbmonText => "usbmon-text",
            Format::SniffUsb => "sniffusb",
            Format::BusHound => "bus-hound",
        }
    }

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Format::Pcap => "pcap capture",
            Format::Pcapng => "pcapng capture",
            Format::UsbmonText => "usbmon text log",
            Format::SniffUsb => "SniffUSB log",
            Format::BusHound => "Bus Hound log",
        }
    }

    /// What [`Packet::number`] counts.
    pub fn unit(self) -> &'static str {
        match self {
            Format::Pcap | Format::Pcapng => "frame",
            _ => "line",
        }
    }
}

/// The link types whose packets are understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LinkType {
    /// 189: usbmon with a header of 48 bytes.
    UsbLinux,
    /// 220: usbmon with a header of 64 bytes.
    UsbLinuxMmapped,
    /// 249: USBPcap.
    UsbPcap,
}

impl LinkType {
    fn of(number: u32) -> Option<LinkType> {
        match number {
            189 => Some(LinkType::UsbLinux),
            220 => Some(LinkType::UsbLinuxMmapped),
            249 => Some(LinkType::UsbPcap),
            _ => None,
        }
    }

    /// Its registered number.
    pub fn number(self) -> u32 {
        match self {
            LinkType::UsbLinux => 189,
            LinkType::UsbLinuxMmapped => 220,
            LinkType::UsbPcap => 249,
        }
    }

    /// So many bytes stand before the data at least.
    fn header(self) -> u32 {
        match self {
            LinkType::UsbLinux => usbmon::SHORT_HEADER as u32,
            LinkType::UsbLinuxMmapped => usbmon::LONG_HEADER as u32,
            LinkType::UsbPcap => usbpcap::HEADER as u32,
        }
    }

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            LinkType::UsbLinux => "Linux usbmon",
            LinkType::UsbLinuxMmapped => "Linux usbmon, mmapped",
            LinkType::UsbPcap => "Windows USBPcap",
        }
    }
}

/// What the packets of a registered link type are, in words.
pub fn link_type(number: u32) -> String {
    let words = match number {
        1 => "Ethernet",
        12 | 14 | 101 | 228 | 229 => "IP",
        9 | 50 => "PPP",
        105 | 119 | 127 | 163 => "Wi-Fi",
        113 | 276 => "network cards of Linux",
        187 | 201 | 251 | 254 => "Bluetooth",
        186 => "USB as FreeBSD writes it",
        266 => "USB as macOS writes it",
        288 | 293..=295 => "USB as an analyser on the wire writes it",
        _ => LinkType::of(number).map_or("something else", LinkType::words),
    };
    format!("{words} (link type {number})")
}

/// How a capture ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// It was not read to its end yet.
    Open,
    /// At the end of a whole packet.
    Whole,
    /// In the middle of a packet.
    Cut {
        /// Where in the (unpacked) file the packet begins that is not whole.
        offset: u64,
    },
    /// Something in it cannot be; what stands before was read.
    Broken {
        /// Where in the (unpacked) file.
        offset: u64,
        /// One lower-case sentence.
        what: String,
    },
}

/// What the header and the packets so far told about a capture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Whether the file is gzipped.
    pub gzip: bool,
    /// Link types met, by their registered numbers, also those that are not read.
    pub link_types: Vec<u32>,
    /// Whether numbers stand most significant byte first.
    pub big_endian: bool,
    /// Whether times have more than microseconds.
    pub nanoseconds: bool,
    /// Frames or entries that hold no USB transfer in a form that is read.
    pub skipped: u64,
    /// Those of them that the capturing program cut before their own header ends.
    pub cut: u64,
    /// Lines of a text that lack their end.
    pub broken_lines: u64,
}

/// A capture as a stream of packets.
pub struct Capture<'r> {
    window: Window<'r>,
    reader: Reader,
    facts: Facts,
    end: End,
}

enum Reader {
    Binary(Container),
    UsbmonText(UsbmonText),
    SniffUsb(SniffUsb),
    BusHound(BusHound),
}

/// What recognising a text looks at.
const GLANCE: usize = 64 * 1024;

impl<'r> Capture<'r> {
    /// Begins to read a capture of any format, recognised by its content.
    ///
    /// # Errors
    /// `WrongFileKind` when it is none; `Unsupported` for a pcap file of a link type that is not USB as usbmon or USBPcap
    /// write it (fact `link-type`); `FileTruncated` when it ends before its own header does; `FileUnreadable` from the source.
    pub fn open(source: &'r mut (dyn Read + 'r)) -> Result<Self> {
        let mut window = Window::new(Box::new(source));
        let mut gzip = false;
        if window.fill(3)?.starts_with(&[0x1f, 0x8b, 8]) {
            gzip = true;
            let (first, rest) = window.into_parts();
            window = Window::gzip(Cursor::new(first).chain(rest));
        }
        let mut facts = Facts { gzip, ..Facts::default() };
        if let Some(container) = Container::open(&mut window, &mut facts)? {
            return Ok(Capture { window, reader: Reader::Binary(container), facts, end: End::Open });
        }
        let start = window.fill(foreign::ENOUGH)?;
        let start = start[..start.len().min(foreign::ENOUGH)].to_vec();
        let (encoding, mark) = encoding(&start);
        window.consume(mark);
        if encoding != Encoding::Utf8 {
            window = window.ascii(encoding);
        }
        let glance = window.fill(GLANCE)?;
        let glance = &glance[..glance.len().min(GLANCE)];
        // Looking for words in the bytes of something else takes longer than all that is done with it.
        let text = is_text(glance);
        let reader = if text && usbmon_text::looks_like(glance) {
            Reader::UsbmonText(UsbmonText::default())
        } else if text && sniffusb::looks_like(glance) {
            Reader::SniffUsb(SniffUsb::default())
        } else if text && bushound::looks_like(glance) {
            Reader::BusHound(BusHound::default())
        } else if let Some((what, instead)) = others::named(glance, text) {
            let error =
                Error::new(ErrorKind::WrongFileKind, format!("this is {what}, which is not read: {instead}"));
            return Err(error.detail(Detail::OtherCapture));
        } else {
            foreign::refuse(&start)?;
            let size = glance.len();
            return Err(
                Error::new(ErrorKind::WrongFileKind, "this is no USB capture").with("looked-at", size)
            );
        };
        Ok(Capture { window, reader, facts, end: End::Open })
    }

    /// What kind of file it is.
    pub fn format(&self) -> Format {
        match &self.reader {
            Reader::Binary(container) => container.format(),
            Reader::UsbmonText(_) => Format::UsbmonText,
            Reader::SniffUsb(_) => Format::SniffUsb,
            Reader::BusHound(_) => Format::BusHound,
        }
    }

    /// What was found out about the file so far.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// How it ended.
    pub fn end(&self) -> &End {
        &self.end
    }

    /// Bytes read so far, after unpacking.
    pub fn offset(&self) -> u64 {
        self.window.offset()
    }

    /// The next packet; `None` at the end, which [`end`](Self::end) describes.
    ///
    /// # Errors
    /// `FileUnreadable` from the source. A file that is cut or broken is no error here.
    #[inline]
    pub fn next_packet(&mut self) -> Result<Option<Packet<'_>>> {
        if self.end != End::Open {
            return Ok(None);
        }
        let Capture { window, reader, facts, end } = self;
        match reader {
            Reader::Binary(container) => container.next(window, facts, end),
            Reader::UsbmonText(text) => text.next(window, facts, end),
            Reader::SniffUsb(log) => log.next(window, facts, end),
            Reader::BusHound(log) => log.next(window, facts, end),
        }
    }
}

/// Whether bytes may be a text, with whatever damage: texts have next to no control characters.
fn is_text(bytes: &[u8]) -> bool {
    let control = bytes.iter().filter(|b| **b < b' ' && !b.is_ascii_whitespace()).count();
    control * 32 <= bytes.len()
}

#[cfg(test)]
mod tests;
