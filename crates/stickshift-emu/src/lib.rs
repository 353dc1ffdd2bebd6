//! Virtual sticks: one state machine per device, attached as in-process links, ptys, HTTP on loopback, or to a real kernel.
//!
//! Written from the protocol documents alone. The host side's dialogues are never used here, so that a misreading on one
//! side meets a right reading on the other.

pub mod at;
pub mod attach;
pub mod computer;
pub mod device;
pub mod fault;
pub mod firmware;
pub mod hilink;
pub mod identity;
pub mod modem;
pub mod network;
mod random;
pub mod sticks;
pub mod testkit;
