//! What of the transfers of a USB device may be shown. What the host sends to switch a stick comes from a profile and is no secret; of what the
//! stick answers, that is shown whose meaning is known.

use std::ops::Range;

use super::{Dialogue, long_digits};

/// Standard requests and descriptor types (USB 2.0, tables 9-4 and 9-5).
const GET_DESCRIPTOR: u8 = 0x06;
const STRING: u8 = 0x03;
/// Class requests whose data tell nothing of anybody: the answer to how many drives there are, reports to a keyboard or mouse, the
/// speed of a line.
const CLASS_SHOWN: [u8; 5] = [0xfe, 0xff, 0x09, 0x20, 0x21];

/// Commands to a drive whose data tell nothing of anybody: sense, sizes, modes, tables of contents.
const DRIVE_SHOWN: [u8; 9] = [0x03, 0x1a, 0x23, 0x25, 0x43, 0x46, 0x4a, 0x51, 0x5a];
const INQUIRY: u8 = 0x12;
/// Length of the part of an INQUIRY answer that every drive has: its type, maker, model and revision.
const INQUIRY_LENGTH: usize = 36;

/// Follows the transfers of one device, as what an answer may show depends on what was asked.
#[derive(Clone, Debug, Default)]
pub struct Transfers {
    /// The numbers of the texts that name maker and product.
    names: [u8; 2],
    phase: Phase,
    dialogue: Dialogue,
}

/// What the last bytes to a bulk endpoint were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Nothing,
    /// A command to a drive, and whether it asks for a page of its vital data, in which its serial number is.
    Drive { command: u8, vital: bool },
    /// A line of an AT dialogue.
    At,
}

impl Transfers {
    /// Of a device with this descriptor.
    pub fn new(device_descriptor: &[u8]) -> Self {
        let name = |at: usize| device_descriptor.get(at).copied().unwrap_or(0);
        Transfers { names: [name(14), name(15)], ..Transfers::default() }
    }

    /// The secrets in the data of a control transfer, in either direction.
    pub fn control(&self, request_type: u8, request: u8, value: u16, data: &[u8]) -> Vec<Range<usize>> {
        let to_host = request_type & 0x80 != 0;
        let [number, kind] = value.to_le_bytes();
        match request_type & 0x60 {
            0x00 if request == GET_DESCRIPTOR && kind == STRING && number != 0 => {
                if self.names.contains(&number) { wide_digits(data) } else { from(2, data) }
            }
            0x00 => Vec::new(),
            0x20 if CLASS_SHOWN.contains(&request) => Vec::new(),
            // A message of a profile.
            0x40 if !to_host => Vec::new(),
            _ => from(0, data),
        }
    }

    /// The secrets in what goes to a bulk or interrupt endpoint.
    pub fn sent(&mut self, data: &[u8]) -> Vec<Range<usize>> {
        if data.starts_with(b"USBC") && data.len() > 16 {
            self.phase = Phase::Drive { command: data[15], vital: data[16] & 1 != 0 };
            return Vec::new();
        }
        if data.get(..2).is_some_and(|start| start.eq_ignore_ascii_case(b"AT")) {
            self.phase = Phase::At;
            return self.dialogue.sent(data);
        }
        // What follows a command to a drive is data of it, and what stands alone a message of a profile.
        match self.phase {
            Phase::Drive { command, .. } if !DRIVE_SHOWN.contains(&command) => from(0, data),
            _ => Vec::new(),
        }
    }

    /// The secrets in what comes from a bulk or interrupt endpoint.
    pub fn came(&mut self, data: &[u8]) -> Vec<Range<usize>> {
        // The status of a command to a drive.
        if data.starts_with(b"USBS") && data.len() <= 13 {
            self.phase = Phase::Nothing;
            return Vec::new();
        }
        match self.phase {
            Phase::At => self.dialogue.came(data),
            Phase::Drive { command: INQUIRY, vital: true } => from(4, data),
            Phase::Drive { command: INQUIRY, vital: false } => {
                let mut found = from(INQUIRY_LENGTH, data);
                long_digits(data, 0..data.len().min(INQUIRY_LENGTH), &mut found);
                found
            }
            Phase::Drive { command, .. } if DRIVE_SHOWN.contains(&command) => Vec::new(),
            Phase::Drive { .. } | Phase::Nothing => from(0, data),
        }
    }
}

/// Everything from there on.
fn from(start: usize, data: &[u8]) -> Vec<Range<usize>> {
    let range = start.min(data.len())..data.len();
    if range.is_empty() { Vec::new() } else { vec![range] }
}

/// The long digits of a string descriptor: its length and type, then UTF-16.
fn wide_digits(data: &[u8]) -> Vec<Range<usize>> {
    let units: Vec<u8> = data
        .get(2..)
        .unwrap_or_default()
        .chunks(2)
        .map(|unit| if matches!(unit, [_, 0]) { unit[0] } else { 0xff })
        .collect();
    let mut found = Vec::new();
    long_digits(&units, 0..units.len(), &mut found);
    found.into_iter().map(|r| 2 + 2 * r.start..(2 + 2 * r.end).min(data.len())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(data: &[u8], ranges: Vec<Range<usize>>) -> String {
        let mut data = data.to_vec();
        ranges.into_iter().for_each(|range| data[range].fill(b'*'));
        String::from_utf8_lossy(&data).replace('\0', "")
    }

    /// A device whose texts 1 to 3 are its maker, its product and its serial number.
    fn device() -> Transfers {
        Transfers::new(&[18, 1, 0, 2, 0, 0, 0, 64, 0xd1, 0x12, 1, 0x1f, 2, 1, 1, 2, 3, 1])
    }

    #[test]
    fn texts_are_shown_that_name_maker_and_product() {
        let text = |text: &str| -> Vec<u8> {
            [b"S\x03".to_vec(), text.encode_utf16().flat_map(u16::to_le_bytes).collect()].concat()
        };
        for (number, plain, wanted) in [
            (0, "\u{409}", "S\u{3}\t\u{4}"),
            (1, "HUAWEI", "S\u{3}HUAWEI"),
            (2, "Stick 860000000000001", "S\u{3}Stick ******************************"),
            (3, "0123", "S\u{3}********"),
            (9, "E3372", "S\u{3}**********"),
        ] {
            let data = text(plain);
            let secrets = device().control(0x80, GET_DESCRIPTOR, 0x300 | number, &data);
            assert_eq!(masked(&data, secrets), wanted, "{number}");
        }
        assert!(device().control(0x80, GET_DESCRIPTOR, 0x200, &[1; 40]).is_empty());
    }

    #[test]
    fn requests_of_classes_and_makers() {
        for (request_type, request, hidden) in [
            (0xa1, 0xfe, false),
            (0x21, 9, false),
            (0x21, 0, true),
            (0xa1, 1, true),
            (0x40, 2, false),
            (0xc0, 2, true),
        ] {
            let secrets = device().control(request_type, request, 0, b"secret");
            assert_eq!(!secrets.is_empty(), hidden, "{request_type:02x} {request:02x}");
        }
    }

    /// A command to a drive.
    fn command(cdb: &[u8]) -> Vec<u8> {
        let mut block = [b"USBC".to_vec(), vec![0; 11], cdb.to_vec()].concat();
        block.resize(31, 0);
        block
    }

    #[test]
    fn drives_show_what_they_are_and_not_which_one() {
        let inquiry = b"\x05\x80\0\0\x1f\0\0\0HUAWEI  Mass Storage    2.31serial number 0123";
        for (cdb, answer, wanted) in [
            (
                &[0x12, 0][..],
                &inquiry[..],
                "\u{5}\u{fffd}\u{1f}HUAWEI  Mass Storage    2.31******************",
            ),
            (&[0x12, 1, 0x80], b"\x05\x80\0\x04SN12", "\u{5}\u{fffd}\u{4}****"),
            (&[0x25], b"\0\0\x10\0\0\0\x08\0", "\u{10}\u{8}"),
            (&[0x28], b"a block", "*******"),
        ] {
            let mut device = device();
            assert!(device.sent(&command(cdb)).is_empty());
            let secrets = device.came(answer);
            assert_eq!(masked(answer, secrets), wanted);
            assert!(device.came(b"USBS\x01\x02\x03\x04\0\0\0\0\0").is_empty());
            assert!(!device.came(b"what nobody asked for").is_empty());
        }
        let mut device = device();
        device.sent(&command(&[0x2a]));
        assert!(!device.sent(b"a block").is_empty());
    }

    #[test]
    fn messages_are_shown_and_at_is_at_on_every_endpoint() {
        let mut device = device();
        assert!(device.sent(&[0x16, 0x24, 0x10, 0]).is_empty());
        assert_eq!(masked(b"AT+CPIN=\"1234\"\r", device.sent(b"AT+CPIN=\"1234\"\r")), "AT+CPIN=******\r");
        let answer = b"\r\n+CSQ: 20,99\r\n860000000000001\r\nOK\r\n";
        assert_eq!(masked(answer, device.came(answer)), "\r\n+CSQ: 20,99\r\n***************\r\nOK\r\n");
    }
}
