//! What partitions are called and what they are for, from `data/partitions.toml`.

use std::borrow::Cow;

struct Row {
    code: u32,
    name: &'static str,
    boot: bool,
    system: bool,
    pages: bool,
}

include!(concat!(env!("OUT_DIR"), "/partitions.rs"));

/// What is known of a partition by its code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionName {
    /// The name in listings and file names: `Fastboot`, or `U00ab0000` for an unknown code.
    pub name: Cow<'static, str>,
    /// What the file type in the high 16 bits of the code means, where it is known.
    pub meaning: Option<&'static str>,
    /// Whether the stick does not start without it.
    pub boot: bool,
    /// Whether only main firmware has it.
    pub system: bool,
    /// Whether it is pages, a CD, texts or data: its version is one of its own.
    pub pages: bool,
}

/// The name of the partition `code`.
pub fn name(code: u32) -> PartitionName {
    let row = PARTITIONS.iter().find(|row| row.code == code);
    let kind = (code >> 16) as u16;
    let meaning = KINDS.iter().find(|(id, _)| *id == kind).map(|(_, meaning)| *meaning);
    match row {
        Some(Row { name, boot, system, pages, .. }) => {
            PartitionName { name: Cow::Borrowed(name), meaning, boot: *boot, system: *system, pages: *pages }
        }
        None => PartitionName {
            name: Cow::Owned(format!("U{code:08x}")),
            meaning,
            boot: false,
            system: false,
            pages: false,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_as_the_original_prints_them() {
        for (code, expected) in [
            (0x0001_0000, "M3Boot-ptable"),
            (0x0011_0000, "Fastboot"),
            (0x0025_0000, "Nvdload_R11"),
            (0x0010_0000, "System"),
            (0x0000_0066, "Nvimage_R1"),
            (0x001e_0000, "Modem_fw"),
            (0x00ab_0000, "U00ab0000"),
            (0xffff_ffff, "Uffffffff"),
        ] {
            assert_eq!(name(code).name, expected);
        }
        assert_eq!(PARTITIONS.len(), 51);
    }

    #[test]
    fn the_parts_that_start_the_stick_are_marked() {
        for (code, boot) in
            [(0x0020_0000, true), (0x0001_0000, true), (0x0011_0000, true), (0x0059_0000, false)]
        {
            assert_eq!(name(code).boot, boot, "{code:08x}");
        }
        assert_eq!(name(0x0011_0000).meaning, Some("fastboot"));
        for row in PARTITIONS {
            assert!(!(row.system && row.pages) && (row.system || !row.boot), "{:08x}", row.code);
        }
    }
}
