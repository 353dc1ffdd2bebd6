//! Mode switching: from a profile entry to a sequence of transfers, and the sequence over a USB link.
//!
//! The sequence is made from what the stick shows ([`View`]) and refuses what does not fit: storage commands go to storage
//! interfaces only. [`run`] carries it out and says what was observed. Whether the stick switched is not judged here: that
//! is what the bus shows afterwards at the same place.
//!
//! ```
//! use stickshift::profile::builtin;
//!
//! // What is sent follows from the entry of the catalogue.
//! let entry = builtin::lookup("12d1:1f01".parse().unwrap()).next().unwrap();
//! assert!(!entry.parameters.is_leave_alone());
//! # Ok::<(), stickshift::error::Error>(())
//! ```

pub mod mbim;
mod methods;
mod run;
mod sequence;
mod view;

pub use run::{End, Observation, SequenceRun, run};
pub use sequence::{OnFailure, Pipe, Sequence, Transfer, sequence};
pub use view::View;
