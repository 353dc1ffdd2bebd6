//! Devices that are no sticks, and stand where one stood or beside one.

use crate::device::{Appearance, Function};
use crate::sticks::appearances::{interface, storage};
use crate::sticks::scsi_cdrom::DriveKind;
use crate::sticks::switchable::{appearance, from_parts};
use crate::sticks::zerocd::ZeroCdOptions;

/// A flash drive with its file system.
pub fn flash_drive() -> ZeroCdOptions {
    let shown = appearance(0x0781, 0x5567, "Cruzer Blade", vec![storage(0, 0x81, 0x02)]);
    let shown = Appearance { manufacturer: Some("SanDisk".into()), ..shown };
    ZeroCdOptions { units: vec![vec![DriveKind::Disk]], ..from_parts("flash drive", shown, Vec::new()) }
}

/// A mouse.
pub fn mouse() -> ZeroCdOptions {
    let hid = interface(0, Function::Raw, [0x03, 0x01, 0x02], &[(0x81, 3, 8)]);
    from_parts("mouse", appearance(0x046d, 0xc077, "USB Optical Mouse", vec![hid]), Vec::new())
}

/// A device of Huawei's that no list knows, with the card of a telephone or of a card reader in it.
pub fn huawei_disk() -> ZeroCdOptions {
    let shown = appearance(0x12d1, 0x10ff, "Android Card", vec![storage(0, 0x81, 0x01)]);
    ZeroCdOptions { units: vec![vec![DriveKind::Disk]], ..from_parts("card", shown, Vec::new()) }
}
