//! Conversion: from the firmware that a stick has to the firmware that its owner wants, from whatever mode it is in.
//!
//! [`plan()`] looks at the stick and says which steps there will be, without changing anything. [`convert()`] carries them out, keeps the
//! [`Journal`] from which an interrupted conversion is resumed, and reads the version back at the end.
//!
//! ```no_run
//! use std::path::Path;
//!
//! use stickshift::convert::{self, ConvertRequest, FirmwareFile, Target};
//! use stickshift::event::Session;
//! use stickshift::host::SysBus;
//! use stickshift::link::Bus;
//! use stickshift::plan::Consents;
//!
//! # fn main() -> stickshift::error::Result<()> {
//! let mut session = Session::quiet();
//! let mut bus = SysBus::open();
//! let mut request = ConvertRequest {
//!     to: Target::Stick,
//!     loader: None,
//!     files: vec![FirmwareFile::open(Path::new("E3372h_update.BIN"), &mut session)?],
//!     consents: Consents::default(),
//!     resume: false,
//!     login: None,
//!     no_updates: true,
//! };
//! let stick = bus.sticks()?.remove(0);
//! let planned = convert::plan(&mut bus, &stick, &request, &mut session)?;
//! assert!(planned.plan.unanswered(request.consents).is_none());
//! let converted = convert::convert(&mut bus, &planned, &mut request, Path::new("journals"), &mut session)?;
//! println!("{}", converted.after);
//! # Ok(())
//! # }
//! ```

mod boot_pin;
mod modes;
mod place_link;
pub(crate) mod plan;
mod proof;
mod request;
mod travel;

pub mod came_back;
pub mod firmware_file;
pub mod flash;
pub mod journal;
pub mod load;
pub mod resumption;

pub use firmware_file::FirmwareFile;
pub use journal::Journal;
pub use plan::{ConversionPlan, plan};
pub use request::{ConvertRequest, Converted, Target, order};
pub use travel::convert;
