//! What every system sends by itself to a disk or a device: nothing of it is a message that switches a stick.

use crate::wire::scsi::CommandBlock;

/// Routine that some system or driver sends, not every one: it may have been what made a stick leave.
pub(super) const NOT_EVERYWHERE: [&str; 12] = [
    "set feature",
    "set interface",
    "HID settings",
    "HID report",
    // To a disk nobody has these to send.
    "serial line settings",
    "encapsulated command",
    "network settings",
    "hub or endpoint request",
    "mode select",
    "start stop unit",
    "data",
    "zero-length write",
];

/// The name of a SCSI command that storage drivers send, `None` when it is something else.
pub(super) fn command(command: &CommandBlock) -> Option<&'static str> {
    let cdb = &command.cdb;
    let asks = command.wants_data();
    Some(match cdb[0] {
        0x00 if cdb[1..6] == [0; 5] && command.data_length == 0 => "test unit ready",
        0x03 if asks && cdb[1..4] == [0; 3] && u32::from(cdb[4]) == command.data_length => "request sense",
        0x08 | 0x28 | 0xa8 | 0x88 | 0xbe if asks => "read",
        0x0a | 0x2a | 0xaa | 0x8a if command.flags & 0x80 == 0 && command.data_length > 0 => "write",
        0x12 if asks && u32::from(u16::from_be_bytes([cdb[3], cdb[4]])) == command.data_length => "inquiry",
        0x15 | 0x55 => "mode select",
        0x1a | 0x5a if asks => "mode sense",
        0x1b if cdb[1..4] == [0; 3] && cdb[4] & 0x0f <= 1 => "start stop unit",
        0x1e => "prevent or allow medium removal",
        0x23 if asks => "read format capacities",
        0x25 | 0x9e if asks => "read capacity",
        0x2f | 0x8f => "verify",
        0x35 | 0x91 => "synchronize cache",
        0x37 | 0x42 | 0x43 | 0x44 if asks => "read table of contents",
        0x46 if asks => "get configuration",
        0x4a if asks => "get event status",
        0x4d if asks => "log sense",
        0x51 | 0x52 | 0x5c if asks => "read disc information",
        0x85 | 0xa1 if is_ata_identify(command) => "ATA identify",
        0xa0 if asks => "report LUNs",
        0xa3 if asks => "report what is supported",
        0xa4 | 0xac | 0xad if asks => "read disc structure",
        0xbb | 0xb6 => "set speed",
        0xbd if asks && cdb[1..6] == [0; 5] => "mechanism status",
        _ => return None,
    })
}

/// ATA commands through SCSI that ask what a disk is and how it feels.
fn is_ata_identify(command: &CommandBlock) -> bool {
    let ata = match command.cdb[0] {
        0xa1 => command.cdb[9],
        _ => command.cdb[14],
    };
    matches!(ata, 0xec | 0xa1 | 0xe5 | 0xb0)
}

/// The name of a control request that systems and class drivers send, `None` when it is something else. SET_CONFIGURATION is
/// not judged here.
pub(super) fn request(setup: &[u8; 8]) -> Option<&'static str> {
    let [kind, request, v0, v1, i0, i1, l0, l1] = *setup;
    let value = u16::from_le_bytes([v0, v1]);
    let index = u16::from_le_bytes([i0, i1]);
    let length = u16::from_le_bytes([l0, l1]);
    Some(match (kind, request) {
        (0x80..=0x83, 6) => "get descriptor",
        (0x80..=0x83, _) => "get status",
        (0x00..=0x03, 1) => "clear halt",
        (0x00, 5) => "set address",
        (0x00, 0x30 | 0x31) => "set link timing",
        // Remote wake-up alone is somebody's switch.
        (0x00, 3) if value == 1 && length == 0 => return None,
        (0x00..=0x03, 3) => "set feature",
        (0x01, 11) => "set interface",
        (0xa1, 0xfe) => "get max LUN",
        (0x21, 0xff) => "storage reset",
        (0x21, 0x0a | 0x0b) | (0xa1, 0x01..=0x03) => "HID settings",
        // One cable is switched by a report of eight bytes.
        (0x21, 0x09) if value != 0x0300 || length != 8 => "HID report",
        (0x21, 0x20 | 0x22 | 0x23) | (0xa1, 0x21) => "serial line settings",
        (0x21, 0x00) | (0xa1, 0x00) => "encapsulated command",
        (0x21, 0x40..=0x44 | 0x81..=0x8a) | (0xa1, 0x80..=0x8a) => "network settings",
        (0x22 | 0xa2 | 0x20 | 0xa0 | 0x23 | 0xa3, _) => "hub or endpoint request",
        // Microsoft's descriptors: the vendor code is the device's choice, the index is theirs.
        (0xc0 | 0xc1, _) if matches!(index, 4 | 5 | 7) && length >= 10 => "Microsoft OS descriptor",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(data_length: u32, cdb_bytes: &[u8]) -> Option<&'static str> {
        let mut cdb = [0; 16];
        cdb[..cdb_bytes.len()].copy_from_slice(cdb_bytes);
        let (flags, cdb_length) = (0x80, cdb_bytes.len() as u8);
        command(&CommandBlock { tag: [1, 0, 0, 0], data_length, flags, lun: 0, cdb_length, cdb })
    }

    #[test]
    fn drivers_talk_is_routine() {
        assert_eq!(of(0, &[0; 6]), Some("test unit ready"));
        assert_eq!(of(36, &[0x12, 0, 0, 0, 36, 0]), Some("inquiry"));
        assert_eq!(of(255, &[0x12, 1, 0x80, 0, 255, 0]), Some("inquiry"));
        assert_eq!(of(18, &[3, 0, 0, 0, 18, 0]), Some("request sense"));
        assert_eq!(of(12, &[0x43, 0, 0, 0, 0, 0, 0, 0, 12, 0x40]), Some("read table of contents"));
        assert_eq!(of(0, &[0x1e, 0, 0, 0, 1, 0]), Some("prevent or allow medium removal"));
        assert_eq!(of(0, &[0x1b, 0, 0, 0, 1, 0]), Some("start stop unit"));
        assert_eq!(of(512, &[0xa1, 8, 0x2e, 0, 1, 0, 0, 0, 0, 0xec, 0, 0]), Some("ATA identify"));
        assert_eq!(of(8, &[0xbd, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0]), Some("mechanism status"));
        assert_eq!(of(0, &[0x1b, 0, 0, 0, 2, 0]), None, "eject");
        assert_eq!(of(0, &[0x11, 0x06, 0x20]), None);
    }

    #[test]
    fn messages_of_the_catalogue_are_not_routine() {
        // Five messages look like what any driver sends; they are known by their tags.
        let like_a_driver = [[0x12, 0], [0x2a, 0], [0x00, 0]];
        let mut seen = 0;
        for entry in crate::profile::builtin::all() {
            for message in entry.parameters.messages.iter() {
                let Some(c) = CommandBlock::parse(message) else { continue };
                seen += 1;
                if let Some(name) = command(&c) {
                    assert!(like_a_driver.contains(&[c.cdb[0], c.cdb[1]]), "{} {name} {c:02x?}", entry.key);
                }
            }
        }
        assert!(seen > 100);
    }

    #[test]
    fn requests_of_methods_are_not_routine() {
        for (setup, routine) in [
            ([0x00, 3, 1, 0, 0, 0, 0, 0], false),
            ([0x40, 0x0b, 1, 0, 0, 0, 0, 0], false),
            ([0xc0, 0xff, 0, 0, 0, 0, 0, 0], false),
            ([0xc0, 0x11, 2, 0, 0, 0, 3, 0], false),
            ([0xa1, 0xa0, 0, 0, 0, 0, 1, 0], false),
            ([0x21, 9, 0, 3, 0, 0, 8, 0], false),
            ([0xa1, 0xfe, 0, 0, 0, 0, 1, 0], true),
            ([0x80, 6, 0, 1, 0, 0, 18, 0], true),
            ([0x02, 1, 0, 0, 0x81, 0, 0, 0], true),
            ([0x00, 3, 0x30, 0, 0, 0, 0, 0], true),
            ([0xc0, 0x01, 0, 0, 4, 0, 0x10, 0], true),
        ] {
            assert_eq!(request(&setup).is_some(), routine, "{setup:02x?}");
        }
    }
}
