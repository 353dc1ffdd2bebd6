//! Learning from a capture of 1 GiB, against tshark with a display filter.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use super::measure::{Run, in_turn, took};
use super::{folder, program};
use crate::run::{command, root};

const SIZE: u64 = 1 << 30;
/// tshark gets the beginning only: it would take a minute for all.
const PART: u64 = 64 << 20;
const ROUNDS: u32 = 5;

/// The block type of a packet in pcapng.
const PACKET: u32 = 6;
/// Every so many small packets a large one: a disk that is read.
const LARGE_EVERY: usize = 400;
const LARGE: usize = 16 * 1024;

pub(super) fn run() -> Result<(), String> {
    let program = program()?;
    let (whole, part) = captures()?;
    let size = |path: &Path| fs::metadata(path).map(|m| m.len()).map_err(|e| e.to_string());
    let (whole_size, part_size) = (size(&whole)?, size(&part)?);
    let (program, whole, part) = (program.to_string_lossy(), whole.to_string_lossy(), part.to_string_lossy());
    let mut runs: Vec<Run<'_>> = vec![
        Box::new(|| took(&mut command("cat", &[&whole]))),
        Box::new(|| took(&mut command(&program, &["learn", &whole]))),
        Box::new(|| took(&mut command(&program, &["learn", &part]))),
    ];
    let ours = in_turn(ROUNDS, &mut runs)?;
    let rate = |size: u64, wall: f64| size as f64 / wall / 1e6;
    let seconds = |i: usize| ours[i].wall.as_secs_f64();
    println!("cat    1 GiB   {}   {:.0} MB/s", ours[0], rate(whole_size, seconds(0)));
    println!("learn  1 GiB   {}   {:.0} MB/s", ours[1], rate(whole_size, seconds(1)));
    println!("learn  64 MiB  {}   {:.0} MB/s", ours[2], rate(part_size, seconds(2)));
    let filter = ["-r", &part, "-Y", "usbms.dCBWSignature || usb.idVendor"];
    match took(&mut command("tshark", &filter)) {
        Ok(theirs) => {
            let (mine, their) = (rate(whole_size, seconds(1)), rate(part_size, theirs.wall.as_secs_f64()));
            println!("tshark 64 MiB  {theirs}   {their:.1} MB/s");
            println!("learn is {:.0} times as fast as tshark with a display filter", mine / their);
        }
        Err(why) => println!("tshark 64 MiB  skipped: {why}"),
    }
    Ok(())
}

/// The smaller capture.
pub(super) fn part() -> Result<PathBuf, String> {
    capture("learn-part.pcapng", PART)
}

/// The capture, and its beginning: a sample in the midst of a disk and a mouse that were there all the time.
fn captures() -> Result<(PathBuf, PathBuf), String> {
    Ok((capture("learn.pcapng", SIZE)?, part()?))
}

fn capture(name: &str, size: u64) -> Result<PathBuf, String> {
    let path = folder()?.join(name);
    if !fs::metadata(&path).is_ok_and(|m| m.len() >= size) {
        let file = File::create(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        make(&mut BufWriter::with_capacity(1 << 20, file), size).map_err(|e| e.to_string())?;
    }
    Ok(path)
}

fn make(out: &mut dyn Write, size: u64) -> std::io::Result<()> {
    let sample = fs::read(root().join("tests/fixtures/captures/k3772.pcapng"))?;
    let word = |b: &[u8], at: usize| u32::from_le_bytes([b[at], b[at + 1], b[at + 2], b[at + 3]]);
    let (mut head, mut packets, mut at) = (Vec::new(), Vec::new(), 0);
    while at + 12 <= sample.len() {
        let length = word(&sample, at + 4) as usize;
        let block = sample[at..at + length].to_vec();
        match word(&sample, at) {
            PACKET => packets.push(block),
            0x0a0d_0d0a | 1 => head.extend(block),
            _ => {}
        }
        at += length;
    }
    // Bulk packets of the stick become those of a disk at address 9; now and then one is long, or a mouse moves.
    let mut noise = Vec::new();
    for (index, block) in packets.iter().filter(|b| b[28 + 11] == 2 && b[28 + 9] == 3).enumerate() {
        let mut block = block.clone();
        block[28 + 11] = 9;
        // No switch among the noise.
        if block.windows(4).any(|w| w == [0x11, 6, 0x20, 0]) {
            continue;
        }
        if index % LARGE_EVERY == 0 {
            noise.push(large(&block));
        }
        if index % 10 == 0 {
            let mut mouse = block.clone();
            mouse[28 + 9..28 + 12].copy_from_slice(&[1, 0x81, 7]);
            noise.push(mouse);
        }
        noise.push(block);
    }
    let stamp = |block: &[u8]| u64::from(word(block, 12)) << 32 | u64::from(word(block, 16));
    let first = packets.first().map_or(0, |b| stamp(b));
    let mut now = first;
    let put = |out: &mut dyn Write, block: &mut Vec<u8>, time: u64| {
        block[12..16].copy_from_slice(&((time >> 32) as u32).to_le_bytes());
        block[16..20].copy_from_slice(&(time as u32).to_le_bytes());
        out.write_all(block).map(|()| block.len() as u64)
    };
    out.write_all(&head)?;
    let mut written = head.len() as u64;
    let mut switched = false;
    while written < size {
        if !switched && written > size / 2 {
            switched = true;
            let offset = now - first;
            for block in &mut packets.clone() {
                now = stamp(block) + offset;
                written += put(out, block, now)?;
            }
        }
        for block in &mut noise {
            now += 20;
            written += put(out, block, now)?;
        }
    }
    out.flush()
}

/// The packet with a long read in it.
fn large(block: &[u8]) -> Vec<u8> {
    let captured = 64 + LARGE;
    let mut out = block[..28 + 64].to_vec();
    out.resize(28 + captured, 0xa5);
    let total = (28 + captured + 4) as u32;
    out[4..8].copy_from_slice(&total.to_le_bytes());
    out[20..24].copy_from_slice(&(captured as u32).to_le_bytes());
    out[24..28].copy_from_slice(&(captured as u32).to_le_bytes());
    // A completion, IN, with data.
    out[28 + 8..28 + 11].copy_from_slice(&[b'C', 3, 0x81]);
    out[28 + 15] = 0;
    out[28 + 28..28 + 32].copy_from_slice(&[0; 4]);
    for at in [32, 36] {
        out[28 + at..28 + at + 4].copy_from_slice(&(LARGE as u32).to_le_bytes());
    }
    out.extend(total.to_le_bytes());
    out
}
