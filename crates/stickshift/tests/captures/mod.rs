//! The sample captures, and their twins in every other format. Written apart from the readers, so that a bug does not cancel
//! itself out.

pub(crate) mod scene;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

pub(crate) const SAMPLES: [&str; 5] =
    ["k3772.pcapng", "k3772.usbmon.txt", "e3372-hilink.pcapng", "zte-mf190.pcapng", "huawei-e220.usbmon.txt"];

pub(crate) fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/captures").join(name)
}

pub(crate) fn sample(name: &str) -> Vec<u8> {
    fs::read(path(name)).unwrap()
}

/// One packet of usbmon with its 64-byte little-endian header, and its time in microseconds.
#[derive(Clone)]
pub(crate) struct Frame {
    pub(crate) time_us: u64,
    pub(crate) bytes: Vec<u8>,
}

fn word(b: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(b[at..at + 4].try_into().unwrap())
}

impl Frame {
    pub(crate) fn phase(&self) -> u8 {
        self.bytes[8]
    }
    pub(crate) fn pipe(&self) -> u8 {
        self.bytes[9]
    }
    pub(crate) fn endpoint(&self) -> u8 {
        self.bytes[10]
    }
    pub(crate) fn device(&self) -> u8 {
        self.bytes[11]
    }
    pub(crate) fn status(&self) -> i32 {
        word(&self.bytes, 28) as i32
    }
    pub(crate) fn setup(&self) -> [u8; 8] {
        self.bytes[40..48].try_into().unwrap()
    }
    pub(crate) fn length(&self) -> u32 {
        word(&self.bytes, 32)
    }
    pub(crate) fn data(&self) -> &[u8] {
        &self.bytes[64..]
    }
    pub(crate) fn is_in(&self) -> bool {
        self.endpoint() & 0x80 != 0
    }

    /// A submission or completion, as the kernel would have written it.
    #[allow(clippy::too_many_arguments)]
    pub(crate) fn new(
        time_us: u64,
        id: u64,
        phase: u8,
        pipe: u8,
        device: u8,
        endpoint: u8,
        status: i32,
        setup: Option<[u8; 8]>,
        length: u32,
        data: &[u8],
    ) -> Frame {
        let mut b = vec![0; 64];
        b[..8].copy_from_slice(&id.to_le_bytes());
        b[8..12].copy_from_slice(&[phase, pipe, endpoint, device]);
        b[12] = 1;
        b[14] = if setup.is_some() { 0 } else { b'-' };
        b[15] = if data.is_empty() { b'<' } else { 0 };
        b[16..24].copy_from_slice(&(time_us / 1_000_000).to_le_bytes());
        b[24..28].copy_from_slice(&((time_us % 1_000_000) as u32).to_le_bytes());
        b[28..32].copy_from_slice(&status.to_le_bytes());
        b[32..36].copy_from_slice(&length.to_le_bytes());
        b[36..40].copy_from_slice(&(data.len() as u32).to_le_bytes());
        if let Some(setup) = setup {
            b[40..48].copy_from_slice(&setup);
        }
        b.extend_from_slice(data);
        Frame { time_us, bytes: b }
    }
}

/// The frames of a sample that is pcapng of link type 220.
pub(crate) fn frames(pcapng: &[u8]) -> Vec<Frame> {
    let mut frames = Vec::new();
    let mut at = 0;
    while at + 12 <= pcapng.len() {
        let length = word(pcapng, at + 4) as usize;
        if word(pcapng, at) == 6 {
            let time_us = u64::from(word(pcapng, at + 12)) << 32 | u64::from(word(pcapng, at + 16));
            let captured = word(pcapng, at + 20) as usize;
            frames.push(Frame { time_us, bytes: pcapng[at + 28..at + 28 + captured].to_vec() });
        }
        at += length;
    }
    frames
}

/// How to write numbers.
#[derive(Clone, Copy)]
pub(crate) struct Order {
    pub(crate) big: bool,
}

impl Order {
    fn put<const N: usize>(self, out: &mut Vec<u8>, mut little: [u8; N]) {
        if self.big {
            little.reverse();
        }
        out.extend(little);
    }
}

/// A pcap file around records that are ready.
pub(crate) fn pcap(records: &[(u64, Vec<u8>)], link: u32, order: Order, nanoseconds: bool) -> Vec<u8> {
    let mut out = Vec::new();
    let magic: u32 = if nanoseconds { 0xa1b2_3c4d } else { 0xa1b2_c3d4 };
    order.put(&mut out, magic.to_le_bytes());
    order.put(&mut out, 2u16.to_le_bytes());
    order.put(&mut out, 4u16.to_le_bytes());
    for word in [0u32, 0, 262_144, link] {
        order.put(&mut out, word.to_le_bytes());
    }
    for (time_us, bytes) in records {
        let fraction = time_us % 1_000_000 * if nanoseconds { 1000 } else { 1 };
        let size = bytes.len() as u32;
        for word in [(time_us / 1_000_000) as u32, fraction as u32, size, size] {
            order.put(&mut out, word.to_le_bytes());
        }
        out.extend(bytes);
    }
    out
}

/// A pcapng file around records that are ready, with times in 10^-`exponent` seconds, and blocks between that nobody needs.
pub(crate) fn pcapng(records: &[(u64, Vec<u8>)], link: u16, order: Order, exponent: u8) -> Vec<u8> {
    let block = |kind: u32, body: Vec<u8>| {
        let mut out = Vec::new();
        let padded = body.len().next_multiple_of(4);
        order.put(&mut out, kind.to_le_bytes());
        order.put(&mut out, (padded as u32 + 12).to_le_bytes());
        out.extend(&body);
        out.resize(8 + padded, 0);
        order.put(&mut out, (padded as u32 + 12).to_le_bytes());
        out
    };
    let mut section = Vec::new();
    order.put(&mut section, 0x1a2b_3c4du32.to_le_bytes());
    order.put(&mut section, 1u16.to_le_bytes());
    order.put(&mut section, 0u16.to_le_bytes());
    order.put(&mut section, u64::MAX.to_le_bytes());
    let interface = |link: u16| {
        let mut body = Vec::new();
        order.put(&mut body, link.to_le_bytes());
        order.put(&mut body, 0u16.to_le_bytes());
        order.put(&mut body, 0u32.to_le_bytes());
        order.put(&mut body, 9u16.to_le_bytes());
        order.put(&mut body, 1u16.to_le_bytes());
        body.extend([exponent, 0, 0, 0]);
        order.put(&mut body, 0u16.to_le_bytes());
        order.put(&mut body, 0u16.to_le_bytes());
        body
    };
    let mut out = block(0x0a0d_0d0a, section);
    out.extend(block(1, interface(1)));
    out.extend(block(1, interface(link)));
    for (index, (time_us, bytes)) in records.iter().enumerate() {
        let ticks = match exponent {
            6 => *time_us,
            e => time_us * 10u64.pow(u32::from(e) - 6),
        };
        let mut body = Vec::new();
        for word in [1, (ticks >> 32) as u32, ticks as u32, bytes.len() as u32, bytes.len() as u32] {
            order.put(&mut body, word.to_le_bytes());
        }
        body.extend(bytes);
        out.extend(block(6, body));
        if index % 100 == 50 {
            out.extend(block(4, vec![0; 8]));
            out.extend(block(5, vec![0; 12]));
            // Wireshark counts this one as a frame.
            out.extend(block(0x0bad, vec![7; 12]));
        }
    }
    out
}

/// The frames as records of link type 220 or 189, in any byte order.
pub(crate) fn usbmon(frames: &[Frame], header: usize, order: Order) -> Vec<(u64, Vec<u8>)> {
    let record = |f: &Frame| {
        let b = &f.bytes;
        let mut out = Vec::new();
        order.put::<8>(&mut out, b[..8].try_into().unwrap());
        out.extend(&b[8..12]);
        order.put::<2>(&mut out, b[12..14].try_into().unwrap());
        out.extend(&b[14..16]);
        order.put::<8>(&mut out, b[16..24].try_into().unwrap());
        for at in [24, 28, 32, 36] {
            order.put::<4>(&mut out, b[at..at + 4].try_into().unwrap());
        }
        out.extend(&b[40..48]);
        for at in [48, 52, 56, 60].into_iter().filter(|at| *at < header) {
            order.put::<4>(&mut out, b[at..at + 4].try_into().unwrap());
        }
        out.extend(&b[64..]);
        (f.time_us, out)
    };
    frames.iter().map(record).collect()
}

/// What USBPcap would have written: no root hub, no enumeration at address 0, no addresses being set, setup and data in one record
/// (new versions) or in one per stage (old ones).
pub(crate) fn usbpcap(frames: &[Frame], one_record: bool) -> Vec<(u64, Vec<u8>)> {
    let mut records = Vec::new();
    let mut setups = std::collections::HashMap::new();
    for f in frames.iter().filter(|f| f.device() > 1) {
        let id: [u8; 8] = f.bytes[..8].try_into().unwrap();
        let done = f.phase() != b'S';
        let mut put = |stage: Option<u8>, info: u8, payload: &[u8]| {
            let status: u32 = match f.status() {
                _ if !done => 0,
                0 | -121 => 0,
                -32 => 0xc000_0004,
                -108 | -19 => 0xc000_7000,
                -71 => 0xc000_0011,
                _ => 0xc001_0000,
            };
            let function: u16 = if f.pipe() == 2 { 8 } else { 9 };
            let header = 27 + u16::from(stage.is_some());
            let mut out = header.to_le_bytes().to_vec();
            out.extend(id);
            out.extend(status.to_le_bytes());
            out.extend(function.to_le_bytes());
            out.push(info);
            out.extend(2u16.to_le_bytes());
            out.extend(u16::from(f.device()).to_le_bytes());
            out.extend([f.endpoint(), f.pipe()]);
            out.extend((payload.len() as u32).to_le_bytes());
            out.extend(stage);
            out.extend(payload);
            records.push((f.time_us, out));
        };
        match (f.pipe(), done) {
            (2, false) => {
                setups.insert(id, f.is_in());
                let mut payload = f.setup().to_vec();
                if one_record {
                    payload.extend(f.data());
                    put(Some(0), 0, &payload);
                } else {
                    put(Some(0), 0, &payload);
                    if !f.data().is_empty() {
                        put(Some(1), 0, f.data());
                    }
                }
            }
            (2, true) if one_record => put(Some(3), 1, f.data()),
            (2, true) => {
                if setups.get(&id) == Some(&true) {
                    put(Some(1), 1, f.data());
                    put(Some(2), 0, &[]);
                } else {
                    put(Some(2), 1, &[]);
                }
            }
            (_, false) => put(None, 0, f.data()),
            (_, true) => put(None, 1, f.data()),
        }
    }
    records
}

/// The text of usbmon: 32 bytes of data at most.
pub(crate) fn text(frames: &[Frame]) -> Vec<u8> {
    let mut out = Vec::new();
    for f in frames {
        let letter = b"ZICB"[usize::from(f.pipe())] as char;
        let direction = if f.is_in() { 'i' } else { 'o' };
        let id = u64::from_le_bytes(f.bytes[..8].try_into().unwrap());
        let bus = u16::from_le_bytes([f.bytes[12], f.bytes[13]]);
        write!(out, "{id:x} {} {} {letter}{direction}:{bus}:", f.time_us % 4_096_000_000, f.phase() as char)
            .unwrap();
        write!(out, "{:03}:{} ", f.device(), f.endpoint() & 15).unwrap();
        if f.phase() == b'S' && f.pipe() == 2 {
            let [t, r, v0, v1, i0, i1, l0, l1] = f.setup();
            write!(out, "s {t:02x} {r:02x} {v1:02x}{v0:02x} {i1:02x}{i0:02x} {l1:02x}{l0:02x}").unwrap();
        } else {
            write!(out, "{}", f.status()).unwrap();
            if f.pipe() == 1 {
                write!(out, ":8").unwrap();
            }
        }
        write!(out, " {}", f.length()).unwrap();
        if f.data().is_empty() {
            out.extend(if f.length() == 0 {
                b"".as_slice()
            } else if f.is_in() {
                b" <"
            } else {
                b" >"
            });
        } else {
            out.extend(b" =");
            for (i, b) in f.data().iter().take(32).enumerate() {
                write!(out, "{}{b:02x}", if i % 4 == 0 { " " } else { "" }).unwrap();
            }
        }
        out.push(b'\n');
    }
    out
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
