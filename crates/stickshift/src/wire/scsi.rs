//! The bulk-only transport of USB storage and the SCSI commands that switch sticks (docs/protocols/mode-switch.md sections 1.1
//! and 1.2).
//!
//! ```
//! use stickshift::wire::scsi::CommandBlock;
//!
//! let message = stickshift::hex::decode("55534243123456780000000000000011062000000101000100000000000000").unwrap();
//! let command = CommandBlock::parse(&message).unwrap();
//! assert_eq!((command.cdb[0], command.wants_data()), (0x11, false));
//! assert_eq!(command.words(), "Huawei switch for Linux");
//! assert_eq!(command.encode(), message[..]);
//! ```

/// A command block wrapper: the 31 bytes that go to bulk OUT before anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandBlock {
    /// Echoed in the status. The bytes in the order of the wire.
    pub tag: [u8; 4],
    /// How many bytes of data follow the command.
    pub data_length: u32,
    /// bmCBWFlags: bit 7 says that the data comes from the device.
    pub flags: u8,
    /// The whole LUN byte; the LUN is its low nibble.
    pub lun: u8,
    /// bCBWCBLength. Huawei's messages carry 0 here, which is against the rules and works.
    pub cdb_length: u8,
    /// The command, padded with zeros.
    pub cdb: [u8; 16],
}

impl CommandBlock {
    /// Length on the wire.
    pub const LENGTH: usize = 31;
    /// The first four bytes.
    pub const SIGNATURE: [u8; 4] = *b"USBC";
    /// So many bytes hold the signature and the tag.
    pub const TAGGED: usize = 8;
    /// So many bytes stand before the command.
    pub const HEADER: usize = 15;

    /// Reads a wrapper. `None` unless it is exactly 31 bytes with the signature.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; Self::LENGTH] = bytes.try_into().ok()?;
        bytes.starts_with(&Self::SIGNATURE).then(|| Self::of(bytes))
    }

    /// The fields of a wrapper, whatever its signature.
    pub(crate) fn of(bytes: &[u8; Self::LENGTH]) -> Self {
        let [_, _, _, _, t0, t1, t2, t3, l0, l1, l2, l3, flags, lun, cdb_length, cdb @ ..] = *bytes;
        let data_length = u32::from_le_bytes([l0, l1, l2, l3]);
        CommandBlock { tag: [t0, t1, t2, t3], data_length, flags, lun, cdb_length, cdb }
    }

    /// The bytes on the wire.
    pub const fn encode(&self) -> [u8; Self::LENGTH] {
        let [s0, s1, s2, s3] = Self::SIGNATURE;
        let [t0, t1, t2, t3] = self.tag;
        let [l0, l1, l2, l3] = self.data_length.to_le_bytes();
        let [c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13, c14, c15] = self.cdb;
        [
            s0,
            s1,
            s2,
            s3,
            t0,
            t1,
            t2,
            t3,
            l0,
            l1,
            l2,
            l3,
            self.flags,
            self.lun,
            self.cdb_length,
            c0,
            c1,
            c2,
            c3,
            c4,
            c5,
            c6,
            c7,
            c8,
            c9,
            c10,
            c11,
            c12,
            c13,
            c14,
            c15,
        ]
    }

    /// Whether the device is asked to send data before the status.
    pub fn wants_data(&self) -> bool {
        self.flags & 0x80 != 0 && self.data_length > 0
    }

    /// What the command is.
    pub fn words(&self) -> &'static str {
        command_words(&self.cdb)
    }
}

/// A command status wrapper: the 13 bytes that end a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandStatus {
    /// The tag of the command that it answers, bytes in the order of the wire.
    pub tag: [u8; 4],
    /// How many of the announced data bytes did not move.
    pub residue: u32,
    /// 0 good, 1 failed, 2 phase error.
    pub status: u8,
}

impl CommandStatus {
    /// Length on the wire.
    pub const LENGTH: usize = 13;
    /// The first four bytes.
    pub const SIGNATURE: [u8; 4] = *b"USBS";

    /// Reads a status. `None` unless it is exactly 13 bytes with the signature.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; Self::LENGTH] = bytes.try_into().ok()?;
        let [s0, s1, s2, s3, t0, t1, t2, t3, r0, r1, r2, r3, status] = *bytes;
        if [s0, s1, s2, s3] != Self::SIGNATURE {
            return None;
        }
        let residue = u32::from_le_bytes([r0, r1, r2, r3]);
        Some(CommandStatus { tag: [t0, t1, t2, t3], residue, status })
    }

    /// The bytes on the wire.
    pub fn encode(&self) -> [u8; Self::LENGTH] {
        let mut bytes = [0; Self::LENGTH];
        bytes[..4].copy_from_slice(&Self::SIGNATURE);
        bytes[4..8].copy_from_slice(&self.tag);
        bytes[8..12].copy_from_slice(&self.residue.to_le_bytes());
        bytes[12] = self.status;
        bytes
    }
}

/// What a command is, by its first bytes: the ones that switch sticks by what they do, routine ones by their SCSI name.
pub fn command_words(cdb: &[u8]) -> &'static str {
    match cdb {
        [0x11, 0x06, 0x20, ..] => "Huawei switch for Linux",
        [0x11, 0x06, 0x30, ..] => "Huawei switch, fallback",
        [0x11, 0x06, 0x10, ..] => "Huawei switch for Mac OS",
        [0x11, 0x06, 0x00, ..] => "Huawei switch for Windows",
        [0x1e, _, _, _, 0, ..] => "allow medium removal",
        [0x1e, ..] => "prevent medium removal",
        [0x1b, _, _, _, action, ..] if action & 3 == 2 => "eject",
        [0x1b, ..] => "start stop unit",
        [0x01, ..] => "rezero unit, Option's switch",
        [0x06, 0xf5, 0x04, 0x02, 0x52, 0x70, ..] => "Longcheer switch",
        [0xff, 0x02, b'D', b'E', b'V', b'C', b'H', b'G', ..]
        | [0x10, 0xff, b'D', b'E', b'V', b'C', b'H', b'G', ..]
        | [0xff | 0xfe, b'D', b'E', b'V', b'C', b'H', b'G', ..] => "Qualcomm device change",
        [0x85, 0x01, 0x01, 0x01, 0x18, ..] => "ZTE switch",
        // Registers of Cisco's method; others have commands of this number too.
        [0xfd, 0, 0..=3, 0 | 0x10, 3 | 7 | 0x23 | 0x24 | 0x26 | 0x73, _, 0, 0, 0 | 1, 0, ..] => {
            "Cisco switch"
        }
        [0x00, ..] => "test unit ready",
        [0x03, ..] => "request sense",
        [0x12, ..] => "inquiry",
        [0x1a | 0x5a, ..] => "mode sense",
        [0x23, ..] => "read format capacities",
        [0x25 | 0x9e, ..] => "read capacity",
        [0x28 | 0xa8 | 0xbe, ..] => "read",
        [0x43, ..] => "read table of contents",
        [0x46, ..] => "get configuration",
        [0x4a, ..] => "get event status",
        [0x51, ..] => "read disc information",
        [] => "no command",
        _ => "vendor command",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_fields_of_an_asking_message() {
        // 19d2:2000, docs/protocols/mode-switch.md section 1.2.
        let bytes = [
            0x55, 0x53, 0x42, 0x43, 0x12, 0x34, 0x56, 0x70, 0x20, 0, 0, 0, 0x80, 0, 0x0c, 0x85, 1, 1, 1,
            0x18, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0,
        ];
        let command = CommandBlock::parse(&bytes).unwrap();
        assert_eq!(command.tag, [0x12, 0x34, 0x56, 0x70]);
        assert_eq!((command.data_length, command.flags, command.cdb_length), (0x20, 0x80, 12));
        assert!(command.wants_data());
        assert_eq!(command.words(), "ZTE switch");
        assert_eq!(command.encode(), bytes);
        for length in 0..31 {
            assert_eq!(CommandBlock::parse(&bytes[..length]), None);
        }
    }

    #[test]
    fn a_status_is_thirteen_bytes() {
        let status = CommandStatus { tag: [1, 2, 3, 4], residue: 0x0102, status: 1 };
        let bytes = status.encode();
        assert_eq!(bytes, [0x55, 0x53, 0x42, 0x53, 1, 2, 3, 4, 2, 1, 0, 0, 1]);
        assert_eq!(CommandStatus::parse(&bytes), Some(status));
        assert_eq!(CommandStatus::parse(&bytes[..12]), None);
        assert_eq!(CommandStatus::parse(b"USBC123456789"), None);
    }

    #[test]
    fn eject_and_start_differ() {
        assert_eq!(command_words(&[0x1b, 0, 0, 0, 2, 0]), "eject");
        assert_eq!(command_words(&[0x1b, 0, 0, 0, 1, 0]), "start stop unit");
        assert_eq!(command_words(&[0x1e, 0, 0, 0, 1, 0]), "prevent medium removal");
    }

    proptest! {
        #[test]
        fn wrappers_round_trip(tag: [u8; 4], data_length: u32, flags: u8, lun: u8, cdb_length: u8, cdb: [u8; 16]) {
            let command = CommandBlock { tag, data_length, flags, lun, cdb_length, cdb };
            prop_assert_eq!(CommandBlock::parse(&command.encode()), Some(command));
            let status = CommandStatus { tag, residue: data_length, status: flags };
            prop_assert_eq!(CommandStatus::parse(&status.encode()), Some(status));
        }
    }
}
