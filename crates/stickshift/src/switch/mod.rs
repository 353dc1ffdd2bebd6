//! Mode switching: from a profile entry to a plan of transfers, and the plan over a USB link.
//!
//! The plan is made from what the stick shows ([`View`]) and refuses what does not fit: storage commands go to storage
//! interfaces only. [`run`] carries it out and says what was observed. Whether the stick switched is not judged here: that
//! is what the bus shows afterwards at the same place.

pub mod mbim;
mod methods;
pub mod modeswitch;
mod plan;
mod run;
mod view;

pub use plan::{OnFailure, Pipe, Plan, Transfer, plan};
pub use run::{End, Observation, Outcome, run};
pub use view::View;
