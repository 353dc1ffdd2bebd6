//! Files that owners hold for firmware, a loader or a capture and that are something else: archives, web pages, nothing at all.
//!
//! ```
//! use stickshift::wire::foreign;
//!
//! assert_eq!(foreign::recognise(b"PK\x03\x04..").map(|f| f.code), Some("zip"));
//! assert!(foreign::recognise(b"\x00\x00\x02\x00").is_none());
//! ```

use crate::error::{Detail, Error, ErrorKind};

/// So many bytes of a file's start are enough to tell.
pub const ENOUGH: usize = 512;

/// A kind of file. The table is `data/foreign-files.toml`.
#[derive(Debug, PartialEq, Eq)]
pub struct Foreign {
    /// Stable kebab-case code.
    pub code: &'static str,
    /// First bytes, any of them.
    pub starts: &'static [&'static [u8]],
    /// First words, any of them, in any case.
    pub text: &'static [&'static str],
    /// What it is: "a zip archive".
    pub what: &'static str,
    /// What to do with it.
    pub next: &'static str,
}

include!(concat!(env!("OUT_DIR"), "/foreign_files.rs"));

/// What to do with an empty file.
const EMPTY: &str = "the download or the copy failed: get it again and look at its size";

/// The kind of a file that begins with `start`.
pub fn recognise(start: &[u8]) -> Option<&'static Foreign> {
    let words = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
    let begins =
        |word: &str| words.get(..word.len()).is_some_and(|w| w.eq_ignore_ascii_case(word.as_bytes()));
    FOREIGN.iter().find(|kind| {
        kind.starts.iter().any(|bytes| start.starts_with(bytes)) || kind.text.iter().any(|word| begins(word))
    })
}

/// Refuses a file that begins with `start` if it is of such a kind, or empty.
///
/// # Errors
/// `WrongFileKind` with the detail `NextStep`.
pub fn refuse(start: &[u8]) -> Result<(), Error> {
    let (what, next) = match recognise(start) {
        Some(kind) => (kind.what, kind.next),
        None if start.is_empty() => ("empty", EMPTY),
        None => return Ok(()),
    };
    Err(Error::new(ErrorKind::WrongFileKind, format!("the file is {what}")).detail(Detail::NextStep(next)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_recognised_by_each_of_its_starts() {
        for kind in FOREIGN {
            for start in kind.starts {
                let file = [start, [0xa5; 8].as_slice()].concat();
                assert_eq!(recognise(&file), Some(kind));
                assert!(recognise(&start[..start.len() - 1]).is_none(), "{}", kind.code);
            }
            for word in kind.text {
                for before in ["", "\u{feff}", " \r\n"] {
                    let file = format!("{before}{} lang=en>", word.to_uppercase());
                    assert_eq!(recognise(file.as_bytes()), Some(kind));
                }
            }
            let error = refuse(
                kind.starts.first().copied().unwrap_or(kind.text.first().map_or(b"", |t| t.as_bytes())),
            );
            let error = error.unwrap_err();
            assert!(error.is(ErrorKind::WrongFileKind) && error.what().contains(kind.what));
            assert!(error.has(&Detail::NextStep(kind.next)));
        }
    }

    #[test]
    fn an_empty_file_is_said_to_be_empty_and_our_own_files_are_not_foreign() {
        assert!(refuse(b"").unwrap_err().what().contains("empty"));
        for ours in [
            b"\x00\x00\x02\x00".as_slice(),
            b"MZ\x90\x00",
            b"\x55\xaa\x5a\xa5",
            b"pTableHead",
            b"\n\r\r\n",
            b"0",
        ] {
            assert!(refuse(ours).is_ok());
        }
    }
}
