//! Switching knowledge: what to send to which stick, and where it goes from there.
//!
//! An [`Entry`] is what one file of usb_modeswitch's data holds: the ids a stick shows before it is switched, conditions on its texts, and
//! [`Parameters`]. The [`Catalogue`] holds the built-in entries under whatever overlays the owner has, and
//! [`Catalogue::choose`] picks the entry for a stick as docs/protocols/mode-switch.md section 3.4 describes.
//! [`formats`] reads and writes entries in everybody's syntax, and says what a format cannot carry.
//!
//! ```
//! use stickshift::profile::formats::{self, Format};
//! use stickshift::profile::{Attributes, Catalogue};
//!
//! // What does the catalogue say about a stick?
//! let choice = Catalogue::builtin().choose("12d1:1f01".parse().unwrap(), &Attributes::default());
//! let entry = choice.chosen.unwrap().entry;
//! assert_eq!(entry.parameters.summary(), "HuaweiNewMode");
//!
//! // A file of usb_modeswitch, named by the stick's ids, becomes one of OpenWrt.
//! let theirs = formats::import(b"TargetProductList=\"14db,14dc\"\nHuaweiNewMode=1\n", "12d1:1f01")?;
//! let openwrt = formats::export(&theirs.entries, Format::Openwrt)?;
//! assert!(String::from_utf8_lossy(&openwrt.bytes).contains(r#""mode": "HuaweiNew""#));
//! # Ok::<(), stickshift::error::Error>(())
//! ```

pub mod builtin;
mod catalogue;
pub mod check;
#[cfg(feature = "formats")]
pub(crate) mod device;
mod entry;
pub mod formats;
pub mod huawei;
mod key;
mod matching;
pub mod message;
pub mod methods;
pub mod parameters;
pub mod purpose;

pub use catalogue::{Catalogue, Overlay, Problem, is_left_behind};
pub use entry::Entry;
pub use key::{Attribute, Key, Product, Qualifier};
pub use matching::{Attributes, Candidate, Choice, Origin, Scsi};
pub use methods::{Method, Sends};
pub use parameters::Parameters;
