//! Numbers as these programs print them.

/// `0x0200`, `0x1506 Modem/Networkcard`, `2`, `255 Vendor Specific Class`.
pub(super) fn leading(text: &str) -> Option<u32> {
    let text = text.trim_start();
    if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        return hex(digits);
    }
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok()
}

/// Hexadecimal digits up to the first other character: `ff(vend.)`.
pub(super) fn hex(text: &str) -> Option<u32> {
    let text = text.trim_start();
    let text = text.strip_prefix("0x").unwrap_or(text);
    let end = text.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(text.len());
    u32::from_str_radix(text.get(..end)?, 16).ok()
}

/// An id of four digits, as all these programs print it: fewer are what a cut left.
pub(super) fn id(text: &str) -> Option<u16> {
    let text = text.trim_start();
    let text = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    let end = text.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(text.len());
    if end == 4 { u16::from_str_radix(&text[..end], 16).ok() } else { None }
}

/// `1.02` and ` 1.02` as 0x0102.
pub(super) fn bcd(text: &str) -> Option<u16> {
    let (high, low) = text.trim().split_once('.')?;
    let [high, low] = [hex(high)?, hex(low)?];
    (high <= 0xff && low <= 0xff).then_some((high << 8 | low) as u16)
}

/// What follows the number: `1 HUAWEI` is `HUAWEI`. `None` where there is none, or it could not be read.
pub(super) fn text_after(text: &str) -> Option<&str> {
    let number = text.trim_start();
    let rest = match number.strip_prefix("0x") {
        // FreeBSD: `0x0002  <HUAWEI Mobile>`
        Some(hex) => hex.trim_start_matches(|c: char| c.is_ascii_hexdigit()).trim().trim_matches(['<', '>']),
        None => number.trim_start_matches(|c: char| c.is_ascii_digit()).trim(),
    };
    let unread = ["(error)", "(?)", "??", "no string", "retrieving string failed"];
    (!rest.is_empty() && !unread.contains(&rest)).then_some(rest)
}

pub(super) fn byte(number: Option<u32>) -> Option<u8> {
    number.and_then(|n| u8::try_from(n).ok())
}

pub(super) fn word(number: Option<u32>) -> Option<u16> {
    number.and_then(|n| u16::try_from(n).ok())
}

/// A text of a device, no longer than a string descriptor can be.
pub(super) fn string(text: &str) -> Option<String> {
    let text: String = text.trim().chars().take(126).collect();
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_end_where_their_digits_end() {
        assert_eq!(
            (leading("0x1506 Modem"), leading("255 Vendor"), leading("x")),
            (Some(0x1506), Some(255), None)
        );
        assert_eq!((hex("ff(vend.)"), hex("0x0"), hex("(none)")), (Some(255), Some(0), None));
        assert_eq!(
            (id("0x12d1 Huawei"), id("12d1,"), id("0x12"), id("12d15")),
            (Some(0x12d1), Some(0x12d1), None, None)
        );
        assert_eq!(
            (bcd(" 1.02"), bcd("ff.ff"), bcd("100.00"), bcd("1")),
            (Some(0x102), Some(0xffff), None, None)
        );
        assert_eq!(
            (text_after("1 HUAWEI"), text_after("0 "), text_after("2 (error)")),
            (Some("HUAWEI"), None, None)
        );
        assert_eq!(
            (text_after("0x0002  <HUAWEI Mobile>"), text_after("0x0000  <no string>")),
            (Some("HUAWEI Mobile"), None)
        );
    }
}
