//! This computer: the only part of the library that opens devices, reads the system's files and looks at its clock.
//!
//! [`SerialLink`] implements the link of the same shape for real devices. Linux is the complete platform; elsewhere
//! the same types exist with what the system's own interfaces give.

mod clock;
#[cfg(target_os = "linux")]
mod holder;
#[cfg_attr(not(target_os = "linux"), path = "serial_portable.rs")]
mod serial;

pub use serial::SerialLink;
