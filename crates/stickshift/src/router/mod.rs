//! Router firmware images: what is inside, and which sticks they know (docs/protocols/router-image.md).
//!
//! [`Image::parse`] finds out what holds the file system and where it begins; [`FileSystem`] lists and reads its files; [`tables`] finds
//! the modem tables among them and reads them as profiles.

#[cfg(feature = "router")]
mod container;
pub mod openwrt;
#[cfg(feature = "router")]
mod squashfs;
#[cfg(feature = "router")]
pub mod tables;

#[cfg(feature = "router")]
pub use container::{Container, FileSystemAt, Image, TplinkHeader, is_image};
#[cfg(feature = "router")]
pub use squashfs::{File, FileKind, FileSystem};
