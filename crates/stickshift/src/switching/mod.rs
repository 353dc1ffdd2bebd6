//! Switching: from CD-ROM to modem, and from HiLink to serial ports.
//!
//! [`prepare`] chooses the profile and makes the sequence, without sending anything; [`switch_and_wait`] sends it and assesses by what the bus
//! shows afterwards at the same place. [`watch`] does so for sticks as they are plugged in; [`web_ports`] asks a stick that is a network card
//! already over its web server.
//!
//! ```
//! use stickshift::event::Session;
//! use stickshift::profile::Catalogue;
//! use stickshift::stick::Mode;
//! use stickshift::switching::{Goal, SwitchRequest, prepare, switch_and_wait};
//!
//! // A virtual computer; on a real one: `host::SysBus::open()`.
//! let (mut bus, stick) = stickshift_emu::testkit::plugged("e3372h-stick-cd", 1, None)?;
//! assert_eq!(stick.mode, Mode::Cdrom);
//!
//! let catalogue = Catalogue::builtin();
//! let request = SwitchRequest { catalogue: &catalogue, profile: None, goal: Goal::Modem };
//! let prepared = prepare(&mut bus, &stick, &request, &mut Session::quiet())?;
//! // Nothing was sent so far.
//! assert!(!prepared.sequence.transfers.is_empty());
//! let switched = switch_and_wait(&mut bus, prepared, &mut Session::quiet())?;
//! assert_eq!((switched.stick.place, switched.stick.mode), (stick.place, Mode::Modem));
//! # Ok::<(), stickshift::error::Error>(())
//! ```

mod expectation;
mod guard;
mod medium;
mod prepare;
mod rules;
mod send;
pub mod watch;
pub mod web_ports;

pub use expectation::{Assessment, Expectation, Switched, ports_are_made};
pub use medium::{Medium, MediumConsent};
pub use prepare::{Goal, Prepared, SwitchRequest, prepare};
pub use rules::{Choice, Rule, Rules};
pub use send::{SentSequence, send, switch, switch_and_wait};
