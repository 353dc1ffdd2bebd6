//! The SCSI messages that Huawei sticks take in CD-ROM mode.
//!
//! ```
//! use stickshift::profile::{Method, huawei};
//!
//! let alt = huawei::message("alt").unwrap();
//! assert_eq!(Some(&alt.message), Method::HuaweiAlt.message());
//! assert_eq!(alt.leads_to[0].to_string(), "12d1:155e");
//! ```

use crate::stick::UsbId;

/// One message and what it was reported to lead to (docs/protocols/mode-switch.md section 4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HuaweiMessage {
    /// A short stable name.
    pub name: &'static str,
    /// The command block wrapper.
    pub message: [u8; 31],
    /// Ids that sticks were seen with afterwards.
    pub leads_to: &'static [UsbId],
    /// What it is, in words.
    pub what: &'static str,
    /// Who says so.
    pub source: &'static str,
}

/// Every message known, the usual one first (`data/huawei-messages.toml`).
pub static MESSAGES: &[HuaweiMessage] = include!(concat!(env!("OUT_DIR"), "/huawei_messages.rs"));

/// The message of this name.
pub fn message(name: &str) -> Option<&'static HuaweiMessage> {
    MESSAGES.iter().find(|m| m.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_named_methods_are_among_them() {
        // Bytes from docs/protocols/mode-switch.md section 2.4.
        let start = |name| message(name).unwrap().message[14..24].to_vec();
        assert_eq!(start("linux"), [0, 0x11, 0x06, 0x20, 0, 0, 0x01, 0x01, 0, 0x01]);
        assert_eq!(start("alt"), [0, 0x11, 0x06, 0x30, 0, 0, 0, 0, 0x01, 0]);
        for m in MESSAGES {
            assert_eq!(m.message[..4], *b"USBC", "{}", m.name);
            assert_eq!(m.message[15..17], [0x11, 0x06], "{}", m.name);
        }
    }
}
