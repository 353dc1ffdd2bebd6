//! The packets of Windows USBPcap: a packed little-endian header that says its own length.

use crate::wire::pcap::{Packet, Phase, Pipe, Status};

/// Length of the header that every packet has.
pub(super) const HEADER: usize = 27;

/// Stages of a control transfer.
const SETUP: u8 = 0;
const STATUS: u8 = 2;

/// Reads one packet. `None` when it is shorter than its header or no transfer.
#[inline]
pub(super) fn parse(bytes: &[u8], number: u64, time_ns: u64) -> Option<Packet<'_>> {
    let head: &[u8; HEADER] = bytes.first_chunk()?;
    let header = usize::from(u16::from_le_bytes([head[0], head[1]]));
    if header < HEADER {
        return None;
    }
    let rest = bytes.get(header..)?;
    let declared = u32::from_le_bytes([head[23], head[24], head[25], head[26]]);
    let answer = head[16] & 1 != 0;
    let phase = if answer { Phase::Complete } else { Phase::Submit };
    let mut packet = Packet {
        number,
        time_ns,
        phase,
        pipe: match head[22] {
            0 => Pipe::Isochronous,
            1 => Pipe::Interrupt,
            2 => Pipe::Control,
            3 => Pipe::Bulk,
            _ => Pipe::Other,
        },
        id: u64::from_le_bytes([head[2], head[3], head[4], head[5], head[6], head[7], head[8], head[9]]),
        bus: u16::from_le_bytes([head[17], head[18]]),
        device: u8::try_from(u16::from_le_bytes([head[19], head[20]])).ok()?,
        endpoint: head[21],
        status: status(u32::from_le_bytes([head[10], head[11], head[12], head[13]]), phase),
        setup: None,
        length: declared,
        data: &rest[..rest.len().min(declared as usize)],
    };
    match packet.pipe {
        Pipe::Isochronous => packet.data = &[],
        Pipe::Control => {
            let stage = bytes.get(HEADER).copied().filter(|_| header > HEADER)?;
            match (stage, answer) {
                // New versions put the OUT data behind the setup packet.
                (SETUP, _) => {
                    let (setup, data) = packet.data.split_first_chunk::<8>()?;
                    packet.setup = Some(*setup);
                    packet.data = data;
                    let asked = u16::from_le_bytes([setup[6], setup[7]]);
                    packet.length = asked.into();
                    packet.phase = Phase::Submit;
                    packet.status = Status::Pending;
                }
                // Old versions ask for the status in a packet of its own, which says nothing new.
                (STATUS, false) => return None,
                _ => {}
            }
        }
        _ => {}
    }
    Some(packet)
}

/// What a USBD_STATUS means here.
pub(super) fn status(number: u32, phase: Phase) -> Status {
    if phase == Phase::Submit {
        return Status::Pending;
    }
    match number {
        0 => Status::Ok,
        // Short and long reads that the driver did or did not like.
        0x8000_0009 | 0xc000_0009 | 0xc000_0008 => Status::Ok,
        0xc000_0004 | 0xc000_0030 => Status::Stalled,
        0xc000_7000 => Status::Gone,
        0xc000_0005 | 0xc000_0011 | 0xc000_0001 => Status::NoAnswer,
        0xc001_0000 => Status::Cancelled,
        other if other & 0xc000_0000 == 0 => Status::Pending,
        other => Status::Other(other as i32),
    }
}
