//! Bytes as hexadecimal text, and back.

use std::fmt::Write as _;

/// Lower-case digits, two per byte, nothing between them.
pub fn encode(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes all");
        text
    })
}

/// The bytes of pairs of digits in either case, with nothing between them. `None` for anything else.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let bytes = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect();
    if rest.is_empty() { bytes } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_pairs_of_digits_are_bytes() {
        assert_eq!(decode("00fFa1"), Some(vec![0, 0xff, 0xa1]));
        assert_eq!(encode(&[0, 0xff, 0xa1]), "00ffa1");
        assert_eq!(decode(""), Some(vec![]));
        for bad in ["0", "0x", "00 ff", "+1", "é"] {
            assert_eq!(decode(bad), None, "{bad}");
        }
    }
}
