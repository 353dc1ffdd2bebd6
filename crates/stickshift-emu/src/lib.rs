//! Virtual sticks: one state machine per device, attached as in-process links, ptys, HTTP on loopback, or to a real kernel.
//!
//! Written from the protocol documents alone. The host side's dialogues are never used here, so that a misreading on one
//! side meets a right reading on the other.

pub mod device;
