//! Messages as people write them: digits with `0x`, blanks, colons or dashes between the bytes.
//!
//! ```
//! use stickshift::profile::message;
//!
//! assert_eq!(message::read("0x55 0x53").unwrap().0, [0x55, 0x53]);
//! assert_eq!(message::read("55:53:42").unwrap().0, [0x55, 0x53, 0x42]);
//! let bad = message::read("55 5g").unwrap_err();
//! assert_eq!((bad.character, bad.what.as_str()), (5, "'g' is not a hex digit"));
//! ```

use std::fmt;

use super::parameters::MAX_MESSAGE;
use crate::hex;

/// What is wrong with a message, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadMessage {
    /// Which character of the text, from 1.
    pub character: usize,
    /// One lower-case sentence.
    pub what: String,
}

impl fmt::Display for BadMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "character {}: {}", self.character, self.what)
    }
}

/// The bytes of a message, and whether more than digits stood in the text. Blanks, colons, commas, dashes, dots and underscores may stand between
/// bytes, and `0x` or `\x` before them.
///
/// # Errors
/// What is no hex digit; half a byte; more than [`MAX_MESSAGE`] bytes.
pub fn read(text: &str) -> Result<(Vec<u8>, bool), BadMessage> {
    let mut digits = String::new();
    let mut other = false;
    // A byte that is written by itself may lack its zero: `0x5` between separators.
    let mut characters = text.chars().enumerate().peekable();
    let bad = |at: usize, what: String| BadMessage { character: at + 1, what };
    while let Some((at, c)) = characters.next() {
        match c {
            '0' | '\\' if characters.peek().is_some_and(|(_, next)| matches!(next, 'x' | 'X')) => {
                if !digits.len().is_multiple_of(2) {
                    return Err(bad(at, "half a byte stands before this".to_owned()));
                }
                characters.next();
                other = true;
            }
            '\\' | '{' | '}' | '[' | ']' | '(' | ')' | ';' => {
                return Err(bad(at, format!("'{c}' is not a hex digit")));
            }
            c if c.is_ascii_hexdigit() => digits.push(c),
            ' ' | '\t' | '\u{a0}' | ':' | ',' | '-' | '.' | '_' => other = true,
            c => return Err(bad(at, format!("'{}' is not a hex digit", c.escape_default()))),
        }
        if digits.len() > 2 * MAX_MESSAGE {
            return Err(bad(at, "the message is longer than anything that switches a stick".to_owned()));
        }
    }
    let count = digits.len();
    let bytes = hex::decode(&digits).ok_or_else(|| {
        bad(
            text.chars().count().max(1) - 1,
            format!("{count} hex digits are an odd number: one is missing or too many"),
        )
    })?;
    Ok((bytes, other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn separators_and_prefixes_are_nothing() {
        for text in
            ["555342", "55 53 42", "0x555342", "0x55,0x53,0x42", "55:53:42", "\\x55\\x53\\x42", "55-53-42"]
        {
            assert_eq!(read(text).unwrap().0, [0x55, 0x53, 0x42], "{text}");
        }
        assert!(!read("5553").unwrap().1 && read("55 53").unwrap().1);
        assert_eq!(read("").unwrap().0, [0; 0]);
    }

    #[test]
    fn the_character_is_named() {
        for (text, character) in
            [("555", 3), ("55O3", 3), ("5 0x53", 3), ("55;53", 3), ("55\u{201d}", 3), ("0xx5", 3)]
        {
            assert_eq!(read(text).unwrap_err().character, character, "{text}");
        }
        assert!(read(&"00".repeat(MAX_MESSAGE + 1)).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,80}") {
            let _ = read(&text);
        }

        #[test]
        fn bytes_are_read_however_they_are_spaced(bytes in prop::collection::vec(any::<u8>(), 0..40), between in prop::sample::select(vec!["", " ", ":", " 0x", ", "])) {
            let text: Vec<String> = bytes.iter().map(|b| format!("{b:02x}")).collect();
            prop_assert_eq!(read(&text.join(between)).unwrap().0, bytes);
        }
    }
}
