//! What people come for: switching, loading a loader, flashing, converting; and the journal that makes it resumable.
//!
//! The only room that composes dialogues. Everything here works on a [`Bus`](crate::link::Bus) and a place on it.

pub mod convert;
pub mod doors;
pub mod firmware_file;
pub mod flash;
pub mod identity;
pub mod journal;
pub mod judging;
pub mod load;
pub mod plan;
mod random;
pub mod switching;
pub mod wait;
pub mod watching;
pub mod web;

pub use firmware_file::FirmwareFile;
pub use identity::Identity;
pub use journal::Journal;
pub use plan::{Consent, Consents, Plan};
