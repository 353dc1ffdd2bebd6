//! Switching knowledge: what to send to which stick, and where it goes from there.
//!
//! An [`Entry`] is what one file of usb_modeswitch's data holds: the ids a stick shows before it is switched, conditions on its texts, and
//! [`Parameters`]. The [`Catalogue`] holds the built-in entries under whatever overlays the owner has, and
//! [`Catalogue::choose`] picks the entry for a stick as docs/protocols/mode-switch.md section 3.4 describes.
//! [`formats`] reads and writes entries in everybody's syntax, and says what a format cannot carry.

pub mod builtin;
mod catalogue;
mod entry;
pub mod formats;
pub mod huawei;
mod key;
mod matching;
pub mod messages;

pub use catalogue::{Catalogue, Origin, Overlay, Problem};
pub use entry::{Entry, Method, Parameters};
pub use key::{Attribute, Key, Product, Qualifier};
pub use matching::{Attributes, Candidate, Choice, Scsi};
