//! What goes to a disk and comes from it: commands in their wrappers, statuses, the answer to INQUIRY.

use crate::learn::device::Device;
use crate::learn::observe::sent;
use crate::learn::reading::is_eject;
use crate::learn::routine;
use crate::learn::sent::{Answer, What};
use crate::wire::pcap::Packet;
use crate::wire::scsi::{CommandBlock, CommandStatus};

/// Tags of a storage driver count up; this many in order show that they do.
const ORDER: u32 = 3;

/// A command block wrapper goes to a disk.
pub(super) fn command(device: &mut Device, packet: &Packet<'_>) {
    device.commands += 1;
    device.commands_to = Some(packet.endpoint);
    let (block, held) = held_block(packet.data);
    let is_cut = held < CommandBlock::LENGTH;
    device.cut += u64::from(is_cut);
    if held < CommandBlock::HEADER {
        let has_tag = held >= CommandBlock::TAGGED;
        let foreign = has_tag && is_foreign(device, block.tag);
        device.awaited = has_tag.then_some((block.tag, false));
        device.remember(sent(packet, What::CutCommand { block, held }, foreign));
        return;
    }
    device.data_out = if block.flags & 0x80 == 0 { block.data_length } else { 0 };
    device.inquiry = block.cdb[0] == 0x12 && block.cdb[1] & 1 == 0 && device.scsi.is_none();
    let foreign = is_foreign(device, block.tag);
    // What follows a command in its wrapper is no part of it, but messages have been found there.
    let commands_end = CommandBlock::HEADER + usize::from(block.cdb_length);
    let is_legible = !is_cut || (matches!(block.cdb_length, 6..=16) && held >= commands_end);
    let name = routine::command(&block).filter(|_| is_legible);
    let what = match is_cut {
        true if !(is_legible && (name.is_some() || is_eject(&block))) => What::CutCommand { block, held },
        _ => What::Command(block),
    };
    let sent = sent(packet, what, foreign);
    match name {
        Some(name) if !foreign => {
            device.count_routine(name);
            device.last_routine = Some(sent);
            device.awaited = Some((block.tag, true));
        }
        // Preliminary to many things, a message to nobody.
        Some(name) if block.cdb[0] == 0x1e => {
            device.count_routine(name);
            device.awaited = None;
        }
        _ => {
            device.remember(sent);
            device.awaited = Some((block.tag, false));
        }
    }
}

/// A wrapper as far as the capture holds it, and how many bytes of it that is.
fn held_block(data: &[u8]) -> (CommandBlock, usize) {
    let held = data.len().min(CommandBlock::LENGTH);
    let mut bytes = [0; CommandBlock::LENGTH];
    bytes[..held].copy_from_slice(&data[..held]);
    (CommandBlock::of(&bytes), held)
}

/// Whether a tag breaks the order of the driver's.
fn is_foreign(device: &mut Device, tag: [u8; 4]) -> bool {
    let tag = u32::from_le_bytes(tag);
    if matches!(tag.wrapping_sub(device.last_tag), 1..=16) {
        device.tags_in_order = device.tags_in_order.saturating_add(1);
        device.last_tag = tag;
        return false;
    }
    if device.tags_in_order >= ORDER {
        return true;
    }
    device.tags_in_order = 0;
    device.last_tag = tag;
    false
}

/// Bytes come that may be the status of a command, or the answer to INQUIRY.
pub(super) fn answer(device: &mut Device, packet: &Packet<'_>) {
    if let Some(status) = CommandStatus::parse(packet.data) {
        device.inquiry = false;
        let Some((tag, of_routine)) = device.awaited else { return };
        if status.tag == tag {
            let sent = if of_routine { device.last_routine.as_mut() } else { device.sent.back_mut() };
            if let Some(sent) = sent {
                sent.answer = Answer::Came(status.status);
                sent.answered_ns = Some(packet.time_ns);
                sent.answered_from = Some(packet.endpoint);
            }
            device.awaited = None;
        }
        return;
    }
    if !device.inquiry || packet.data.len() < 32 {
        return;
    }
    device.inquiry = false;
    device.is_cdrom |= packet.data[0] & 0x1f == 5;
    let text = |from: usize, to: usize| {
        let printable = |b: &u8| if b.is_ascii_graphic() { *b as char } else { ' ' };
        packet.data[from..to].iter().map(printable).collect::<String>().trim().to_owned()
    };
    device.scsi = Some([text(8, 16), text(16, 32)]);
}

/// As many bytes come as a status has, and the capture holds a part of them. A driver waits for one before it sends the next command.
pub(super) fn cut_status(device: &mut Device, packet: &Packet<'_>) {
    let held = packet.data.len().min(CommandStatus::SIGNATURE.len());
    let Some((_, of_routine)) =
        device.awaited.filter(|_| CommandStatus::SIGNATURE.starts_with(&packet.data[..held]))
    else {
        return;
    };
    let sent = if of_routine { device.last_routine.as_mut() } else { device.sent.back_mut() };
    if let Some(sent) = sent {
        sent.answer = Answer::Unseen;
        sent.answered_ns = Some(packet.time_ns);
        sent.answered_from = Some(packet.endpoint);
    }
    device.awaited = None;
    device.inquiry = false;
}
