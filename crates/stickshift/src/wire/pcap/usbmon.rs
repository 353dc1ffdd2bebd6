//! The packets of Linux usbmon: a header of 48 bytes, 64 in the mmapped form, in the byte order of the file.

use crate::wire::pcap::{Packet, Phase, Pipe, Status};

/// Length of the header of link type 189.
pub(super) const SHORT_HEADER: usize = 48;
/// Length of the header of link type 220.
pub(super) const LONG_HEADER: usize = 64;

/// Whether [`parse`] can read it.
#[inline]
pub(super) fn is_transfer(bytes: &[u8], header: usize) -> bool {
    bytes.len() >= header && matches!(bytes[8], b'S' | b'C' | b'E') && bytes[9] < 4
}

/// Reads one packet. `None` when it is shorter than its header or no transfer.
#[inline]
pub(super) fn parse(bytes: &[u8], header: usize, big: bool, number: u64, time_ns: u64) -> Option<Packet<'_>> {
    let (head, rest) = bytes.split_at_checked(header)?;
    let head: &[u8; SHORT_HEADER] = head.first_chunk()?;
    let word = |at: usize| {
        let bytes = [head[at], head[at + 1], head[at + 2], head[at + 3]];
        if big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    };
    let id = [head[0], head[1], head[2], head[3], head[4], head[5], head[6], head[7]];
    let bus = [head[12], head[13]];
    let phase = match head[8] {
        b'S' => Phase::Submit,
        b'C' | b'E' => Phase::Complete,
        _ => return None,
    };
    let pipe = match head[9] {
        0 => Pipe::Isochronous,
        1 => Pipe::Interrupt,
        2 => Pipe::Control,
        3 => Pipe::Bulk,
        _ => return None,
    };
    let has_setup = pipe == Pipe::Control && phase == Phase::Submit && head[14] == 0;
    let setup = || [head[40], head[41], head[42], head[43], head[44], head[45], head[46], head[47]];
    // The descriptors of isochronous transfers stand before the data, and nobody here wants either.
    let data = if head[15] == 0 && pipe != Pipe::Isochronous {
        &rest[..rest.len().min(word(36) as usize)]
    } else {
        &[]
    };
    Some(Packet {
        number,
        time_ns,
        phase,
        pipe,
        id: if big { u64::from_be_bytes(id) } else { u64::from_le_bytes(id) },
        bus: if big { u16::from_be_bytes(bus) } else { u16::from_le_bytes(bus) },
        device: head[11],
        endpoint: head[10],
        status: status(word(28) as i32, phase),
        setup: has_setup.then(setup),
        length: word(32),
        data,
    })
}

/// What a negative errno of Linux means here.
#[inline]
pub(super) fn status(number: i32, phase: Phase) -> Status {
    match number {
        _ if phase == Phase::Submit => Status::Pending,
        0 | -121 => Status::Ok,
        -115 => Status::Pending,
        -32 => Status::Stalled,
        -19 | -108 => Status::Gone,
        -71 | -84 | -62 | -110 => Status::NoAnswer,
        -2 | -104 => Status::Cancelled,
        other => Status::Other(other),
    }
}
