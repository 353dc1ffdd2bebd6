//! Everything that stickshift does with a USB cellular modem, as a library that prints nothing and exits never.
//!
//! A [`link::Bus`] shows [`stick::Stick`]s and opens links to them. A dialogue talks the stick's protocol over one link and
//! reports to an [`event::Session`]. What goes wrong is an [`error::Error`] with a stable kind and, where a stick may have been
//! touched, a [`error::Verdict`] on its state.

#![forbid(unsafe_op_in_unsafe_fn)]

pub mod at;
pub mod atomic_file;
#[cfg(feature = "flash")]
pub mod boot;
pub mod clean;
#[cfg(feature = "flash")]
pub mod convert;
pub mod error;
pub mod event;
#[cfg(feature = "flash")]
pub mod firmware;
#[cfg(feature = "flash")]
pub mod flash;
pub mod hex;
pub mod hilink;
pub mod host;
#[cfg(feature = "learn")]
pub mod learn;
pub mod link;
pub mod mask;
pub mod mbim;
pub mod modem;
#[cfg(feature = "online")]
pub mod online;
#[cfg(feature = "pasted")]
pub mod pasted;
pub mod plan;
pub mod profile;
pub mod random;
pub mod router;
pub mod stick;
pub mod switch;
pub mod switching;
pub mod unique;
pub mod waiting;
pub mod wire;
