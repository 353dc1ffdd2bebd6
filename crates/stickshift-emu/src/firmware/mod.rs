//! What runs on a Balong stick below its AT ports and web server: boot ROM, loader and download mode, and the flash they write.

pub mod boot_rom;
pub mod download;
pub(crate) mod loader;
pub mod memory;
