//! The links that dialogues talk over: small object-safe traits, implemented by `host` for real devices
//! and by the virtual sticks for everything else.
//!
//! **A link owns time.** [`ByteLink::now`] counts from an arbitrary start, and deadlines are moments on that
//! clock, so a virtual link can run an hour of time-outs in a millisecond. Dialogues never look at another clock.
//!
//! **A vanished device is a value.** Reads and writes report it as [`ErrorKind::Disconnected`](crate::error::ErrorKind), and the
//! dialogue decides: success in a mode switch, trouble in the middle of a partition.
//!
//! ```
//! use std::time::Duration;
//!
//! use stickshift::link::{ByteLink, Tape, TapeLink};
//!
//! // A recorded dialogue stands in for a device.
//! let mut link = TapeLink::new(Tape::parse("> 41 54 0d\n< 4f 4b")?);
//! link.write(b"AT\r")?;
//! let mut buffer = [0; 16];
//! let deadline = link.now() + Duration::from_secs(5);
//! let n = link.read(&mut buffer, deadline)?;
//! assert_eq!(&buffer[..n], b"OK");
//! assert!(link.is_finished());
//! # Ok::<(), stickshift::error::Error>(())
//! ```

mod bus;
mod byte;
mod classified;
mod effects;
#[cfg(test)]
pub(crate) mod flood;
mod http;
mod input;
mod layer;
mod ledger;
mod limited;
mod messages;
mod tape;
mod trace;
mod usb;
mod usb_tape;

pub use bus::Bus;
pub use byte::ByteLink;
#[cfg(feature = "flash")]
pub(crate) use byte::{NEVER_QUIET, QUIET};
pub use classified::ClassifiedBus;
pub(crate) use effects::{Changes, Effects};
pub use http::{HttpLink, HttpRequest, HttpResponse};
pub use input::Input;
pub use ledger::{Ledger, WatchedBus, WatchedHttp, WatchedMessages, WatchedPort, WatchedUsb};
pub use limited::LimitedHttp;
pub use messages::MessageLink;
pub use tape::{Direction, Tape, TapeLink};
pub use trace::{Speech, TraceSink, TracedBus, TracedLink};
pub use usb::{ControlSetup, UsbLink};
pub use usb_tape::{TapeUsb, TracedUsb};

/// A moment on a link's or bus's own clock: the time since its arbitrary start.
pub type Moment = std::time::Duration;
