//! Router firmware images: what is inside, and which sticks they know (docs/protocols/router-image.md).
//!
//! [`Image::parse`] finds out what holds the file system and where it begins; [`FileSystem`] lists and reads its files; [`tables`] finds
//! the modem tables among them and reads them as profiles.
//!
//! ```
//! use stickshift::router;
//!
//! // Images are recognised by how they begin; a text is none.
//! assert!(router::is_image(b"HDR0"));
//! assert!(!router::is_image(b"DefaultVendor = 0x12d1"));
//! ```

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
