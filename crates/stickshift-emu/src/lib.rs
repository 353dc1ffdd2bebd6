//! Virtual sticks: one state machine per device, attached as in-process links, ptys, HTTP on loopback, or to a real kernel.
//!
//! Written from the protocol documents alone. The host side's dialogues are never used here, so that a misreading on one
//! side meets a right reading on the other.

pub mod at;
pub mod bootrom;
pub mod bus;
pub mod catalogue;
pub mod descriptors;
pub mod device;
pub mod dload;
pub mod e3372h;
pub mod faces;
pub mod fault;
pub mod hardware;
pub mod hilink;
pub mod http;
pub mod identity;
mod loader;
pub mod memory;
pub mod modem;
pub mod net;
mod outbox;
#[cfg(unix)]
pub mod pty;
mod random;
pub mod scsi_cdrom;
pub mod sticks;
#[cfg(unix)]
pub mod tcp;
pub mod usb;
mod usb_link;
mod world;
pub mod zerocd;
