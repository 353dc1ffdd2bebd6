//! Bytes to values and back, pure: no input or output, no clock. Every decoder takes any bytes and never panics.
//!
//! ```
//! use stickshift::wire::{crc, hdlc};
//!
//! let mut frame = Vec::new();
//! hdlc::encode(&[0x0c], &mut frame);
//! let crc = crc::x25(&[0x0c]).to_le_bytes();
//! assert_eq!(frame, [0x7e, 0x0c, crc[0], crc[1], 0x7e]);
//! ```

pub mod at;
pub mod crc;
pub mod dhcp6;
pub mod foreign;
pub mod hdlc;
pub mod mbim;
#[cfg(feature = "learn")]
pub mod pcap;
pub mod pdu;
pub mod rtnetlink;
pub mod scsi;
pub mod text;
pub mod usb;
