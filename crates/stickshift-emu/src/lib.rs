//! Virtual sticks: one state machine per device, attached as in-process links, ptys, HTTP on loopback, or to a real kernel.
//!
//! Written from the protocol documents alone. The host side's dialogues are never used here, so that a misreading on one
//! side meets a right reading on the other.
//!
//! ```
//! use std::time::Duration;
//!
//! use stickshift::link::Bus;
//! use stickshift::stick::{Mode, Place};
//! use stickshift_emu::computer::VirtualBus;
//! use stickshift_emu::sticks::catalogue::virtual_stick;
//!
//! let place: Place = "1-1".parse().expect("a place on the bus");
//! let mut bus = VirtualBus::new();
//! bus.plug(&place, virtual_stick("e3372h-stick", 1, None)?);
//! bus.advance(Duration::from_secs(60));
//!
//! let sticks = bus.sticks()?;
//! assert_eq!((sticks[0].id.to_string().as_str(), sticks[0].mode), ("12d1:1506", Mode::Modem));
//! assert_eq!(sticks[0].interfaces[0].tty.as_deref(), Some("/dev/ttyUSB0"));
//!
//! // What its modem holds, whatever the host claims.
//! let held = bus.held(&place).expect("a stick with a modem");
//! assert_eq!((held.kept.sim.pin_tries, held.sent.messages.len()), (3, 0));
//! # Ok::<(), stickshift::error::Error>(())
//! ```

pub mod at;
pub mod attach;
pub mod computer;
pub mod device;
pub mod fault;
pub mod firmware;
pub mod hilink;
pub mod identity;
pub mod mbim;
pub mod modem;
pub mod network;
pub mod ppp;
mod random;
pub mod router;
pub mod sticks;
pub mod testkit;
