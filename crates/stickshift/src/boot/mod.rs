//! The boot ROM of HiSilicon Balong chips: the loader file it takes ([`Loader`]), what can be changed in one before it is
//! sent ([`Changes`]), what one does to the flash ([`Safety`]), and the dialogue that sends it ([`download()`]).
//!
//! Everything here is described in docs/protocols/balong-boot.md.
//!
//! ```
//! use stickshift::boot::{Loader, PartitionTable};
//!
//! // Files are recognised by how they begin.
//! assert!(!Loader::recognises(b"MZ") && !PartitionTable::recognises(b"MZ"));
//! assert!(Loader::parse(b"no loader".to_vec()).is_err());
//! ```

mod chip;
mod classify;
mod download;
mod end;
mod loader;
mod patch;
mod ptable;
mod search;
#[cfg(test)]
pub(crate) mod tests;

pub use chip::{CHIPS, Chip, KNOWN_LOADERS, KnownLoader};
pub use classify::{Assessment, Evidence, Safety, WOULD_LOSE};
pub use download::{Downloaded, Start, download};
pub use end::check_end;
pub use loader::{Block, Descriptor, Loader, Oddity};
pub use patch::{Call, Change, Changes, EraseFamily, EraseSite};
pub use ptable::{Partition, PartitionTable};
