//! Refusals in words. Two lists of codes are in use and a stick does not tell which one it follows, so both readings are given
//! where they differ (docs/protocols/balong-flash.md section 2.5).
//!
//! ```
//! use stickshift::flash::nak;
//!
//! assert!(!nak::is_for_good(nak::BAD_FRAME), "a frame that was damaged is sent again");
//! assert!(nak::is_for_good(0x0c) && nak::is_authorisation(0x0c));
//! ```

use crate::flash::facts::REFUSALS;

/// Bad CRC of a frame: worth sending again.
pub const BAD_FRAME: u8 = 0x01;
/// Not a command here: also what a port in its AT phase says to a frame.
pub const INVALID_COMMAND: u8 = 0x06;
/// The operation failed; the partition must be begun again.
pub const OPERATION_FAILED: u8 = 0x07;

/// What a refusal code means.
pub fn words(code: u8) -> &'static str {
    REFUSALS.iter().find(|r| r.code == code).map_or("a code without a known meaning", |r| r.words)
}

/// Whether the same request will be refused again.
pub fn is_for_good(code: u8) -> bool {
    REFUSALS.iter().any(|r| r.code == code && r.for_good)
}

/// Whether the code speaks of signatures and permissions rather than of the transfer.
pub fn is_authorisation(code: u8) -> bool {
    matches!(code, 0x0a..=0x0e)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_code_has_words_of_its_own() {
        let unknown = words(0xff);
        let all: std::collections::HashSet<_> = (0x01..=0x10).map(words).collect();
        assert_eq!(all.len(), 16);
        assert!(!all.contains(unknown));
        for code in 0x0a..=0x0f {
            assert!(words(code).contains("newer list") || code == 0x0c, "{code:02x} has one reading only");
        }
        assert!([0x02, 0x0c, 0x0f].into_iter().all(is_for_good));
        assert!(![BAD_FRAME, INVALID_COMMAND, OPERATION_FAILED, 0x10, 0xff].into_iter().any(is_for_good));
    }
}
