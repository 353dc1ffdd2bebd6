//! Refusals in words. Two lists of codes are in use and a stick does not tell which one it follows, so both readings are given
//! where they differ (docs/protocols/balong-flash.md section 2.5).

/// Bad CRC of a frame: worth sending again.
pub const BAD_FRAME: u8 = 0x01;
/// Not a command here: also what a port in its AT phase says to a frame.
pub const INVALID_COMMAND: u8 = 0x06;
/// The operation failed; the partition must be begun again.
pub const OPERATION_FAILED: u8 = 0x07;

/// What a refusal code means.
pub fn words(code: u8) -> &'static str {
    match code {
        0x01 => "the frame arrived damaged",
        0x02 => {
            "destination out of range: the partition is unknown or does not fit, or the stick is not in flashing mode"
        }
        0x03 => "the request has another length than expected",
        0x04 => "less data than announced",
        0x05 => "more data than announced",
        0x06 => "unknown command",
        0x07 => "the operation failed: flash write error, wrong block number or size",
        0x08 => "wrong id",
        0x09 => "wrong programming voltage",
        0x0a => "authorisation failed, or (newer list) operation not permitted",
        0x0b => "no security code, or (newer list) address not accessible",
        0x0c => "wrong security code or failed verification: in practice the signature does not match",
        0x0d => "refused, probably for want of authorisation (newer list: no security code)",
        0x0e => "not permitted by the feature set, or (newer list) wrong security code",
        0x0f => "address not accessible, or (newer list) larger than the partition",
        0x10 => "flash operation failed (newer list)",
        _ => "a code without a known meaning",
    }
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
    }
}
