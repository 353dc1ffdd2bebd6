//! Bytes as hexadecimal digits and back.
//!
//! ```
//! use stickshift::hex;
//!
//! assert_eq!(hex::encode(&[0x12, 0xd1]), "12d1");
//! assert_eq!(hex::encode_upper(&[0x12, 0xd1]), "12D1");
//! assert_eq!(hex::decode("12D1"), Some(vec![0x12, 0xd1]));
//! assert_eq!(hex::decode("12d"), None);
//! ```

const LOWER: &[u8; 16] = b"0123456789abcdef";
const UPPER: &[u8; 16] = b"0123456789ABCDEF";

/// Two lower-case digits per byte, nothing between them.
pub fn encode(bytes: &[u8]) -> String {
    digits(bytes, LOWER)
}

/// Two upper-case digits per byte, nothing between them: what AT commands take.
pub fn encode_upper(bytes: &[u8]) -> String {
    digits(bytes, UPPER)
}

/// The bytes of an even number of digits of either case; `None` when anything else is in `text`.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let text = text.as_bytes();
    if !text.len().is_multiple_of(2) {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    text.chunks(2).map(|pair| Some((digit(pair[0])? << 4 | digit(pair[1])?) as u8)).collect()
}

fn digits(bytes: &[u8], digits: &[u8; 16]) -> String {
    let pairs = bytes.iter().flat_map(|b| [digits[usize::from(b >> 4)], digits[usize::from(b & 15)]]);
    pairs.map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_pairs_of_digits_are_decoded() {
        for text in ["0", "0x", "+1", " 1", "1 ", "ß", "gg", "00\n"] {
            assert_eq!(decode(text), None, "{text:?}");
        }
        assert_eq!(decode(""), Some(Vec::new()));
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(bytes: Vec<u8>) {
            prop_assert_eq!(decode(&encode(&bytes)), Some(bytes.clone()));
            prop_assert_eq!(encode_upper(&bytes), encode(&bytes).to_ascii_uppercase());
            prop_assert_eq!(decode(&encode_upper(&bytes)), Some(bytes));
        }
    }
}
