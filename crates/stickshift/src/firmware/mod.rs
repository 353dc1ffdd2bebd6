//! Firmware images of Huawei Balong sticks: what is in them, whether it is whole, taking them apart and putting them together.
//!
//! [`Image::open`] reads the map of a `.BIN`, of an updater program with an image in it, of a single partition (`.fw`) or, with
//! [`Image::open_directory`], of a folder of raw partitions, without reading the payloads. [`verify`] reads everything once.
//! [`extract`] and [`build`] go the way there and back. The format is described in docs/protocols/balong-flash.md section 1.
//!
//! Partitions are stored plain or compressed. Checksums cover the stored bytes; what reaches a stick is always the inflated
//! image, read with [`Image::payload`].
//!
//! ```
//! use stickshift::firmware::build::{self, Part};
//! use stickshift::firmware::{Header, Image, verify};
//! use stickshift::event::Session;
//! use std::io::Cursor;
//!
//! let part = Part::from_bytes(Header::new(0x20000), vec![7; 5000]);
//! let mut file = Cursor::new(Vec::new());
//! build::write(&mut file, Some(&build::file_header(1)), vec![part])?;
//! let mut image = Image::open(file)?;
//! assert_eq!(image.partitions.len(), 1);
//! verify(&mut image, &mut Session::quiet())?.require_sound()?;
//! # Ok::<(), stickshift::error::Error>(())
//! ```

pub mod build;
mod container;
mod directory;
pub mod extract;
mod finding;
mod header;
mod image;
mod inflate;
mod manifest;
mod names;
pub mod signature;
mod verify;

#[cfg(test)]
mod tests;

use std::io::{Read, Seek};

pub use finding::{Finding, Severity};
pub use header::{FILE_HEADER_SIZE, HEADER_SIZE, Header, Kind, Version, text};
pub use image::{Form, Image, Partition};
pub use inflate::{Compression, MAX_INFLATED, Payload};
pub use names::{PartitionName, name};
pub use signature::Signature;
pub use verify::{BadBlock, Verification, verify};

/// Where an image is read from: a file, or bytes in memory.
pub trait Source: Read + Seek + Send {}

impl<T: Read + Seek + Send> Source for T {}
