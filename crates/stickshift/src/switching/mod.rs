//! Switching: from CD-ROM to modem, and from HiLink to serial ports.
//!
//! [`prepare`] chooses the profile and makes the sequence, without sending anything; [`switch_and_wait`] sends it and judges by what the bus
//! shows afterwards at the same place. [`watch`] does so for sticks as they are plugged in; [`web_ports`] asks a stick that is a network card
//! already over its web server.
//!
//! ```no_run
//! use stickshift::event::Session;
//! use stickshift::host::SysBus;
//! use stickshift::link::Bus;
//! use stickshift::profile::Catalogue;
//! use stickshift::switching::{Goal, SwitchRequest, prepare, switch_and_wait};
//!
//! # fn main() -> stickshift::error::Result<()> {
//! let mut bus = SysBus::open();
//! let mut session = Session::quiet();
//! let catalogue = Catalogue::builtin();
//! let request = SwitchRequest { catalogue: &catalogue, profile: None, goal: Goal::Modem };
//! for stick in bus.sticks()? {
//!     let prepared = prepare(&mut bus, &stick, &request, &mut session)?;
//!     for transfer in &prepared.sequence.transfers {
//!         println!("{transfer}");
//!     }
//!     let switched = switch_and_wait(&mut bus, prepared, &mut session)?;
//!     println!("{} is {} now", stick.place, switched.stick.mode);
//! }
//! # Ok(())
//! # }
//! ```

mod expectation;
mod guard;
mod medium;
mod prepare;
mod rules;
mod send;
pub mod watch;
pub mod web_ports;

pub use expectation::{Expectation, Judgement, Switched, ports_are_made};
pub use medium::{Medium, MediumConsent};
pub use prepare::{Goal, Prepared, SwitchRequest, prepare};
pub use rules::{Choice, Rule, Rules};
pub use send::{SentSequence, send, switch, switch_and_wait};
