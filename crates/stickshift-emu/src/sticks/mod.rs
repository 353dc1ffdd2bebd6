//! The virtual sticks: Huawei's with all their firmware, sticks that only wait to be switched, and the names of them all.

pub mod appearances;
pub mod bystanders;
pub mod catalogue;
pub mod described;
pub mod fault_words;
pub mod hardware;
pub mod huawei;
pub mod mbim;
pub mod scsi_cdrom;
pub mod switchable;
pub mod zerocd;
