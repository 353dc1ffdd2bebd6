//! What the numbers mean by which sticks and networks refuse, from `data/refusals-*.toml`.
//!
//! ```
//! use stickshift::error::refusals::{self, Tried};
//! use stickshift::error::RefusalFamily;
//!
//! // Sticks write the meaning in words, too: the row is the same.
//! let full = refusals::named(RefusalFamily::Cms, "memory full").unwrap();
//! assert_eq!(full.from, 322);
//! assert_eq!(refusals::connection(901).map(|meaning| meaning.code), Some(901));
//! ```

use std::io::Read;
use std::sync::OnceLock;

use crate::error::{ErrorKind, Refusal, RefusalFamily};

/// What was tried, where the meaning of a refusal depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tried {
    /// Switching the question for the PIN off.
    PinOff,
    /// Choosing one network by hand.
    ChooseNetwork,
    /// A call to the emergency services.
    EmergencyCall,
    /// Listing, reading, writing or deleting stored messages.
    StoredMessages,
}

/// What one number, or each of a range of numbers, means.
#[derive(Debug, PartialEq, Eq)]
pub struct Meaning {
    /// Whose number it is.
    pub family: RefusalFamily,
    /// The number, or the first of the range.
    pub from: i32,
    /// The number, or the last of the range.
    pub to: i32,
    /// The purpose that it is restricted to.
    pub tried: Option<Tried>,
    /// The standard's name, which a stick may write in place of the number; empty for a range.
    pub name: &'static str,
    /// The kind of error, where it is not the usual one of the family.
    pub kind: Option<ErrorKind>,
    /// It passes by waiting.
    pub busy: bool,
    /// What was asked for may have been done all the same.
    pub in_doubt: bool,
    /// The same again fails in the same way until the owner changes something.
    pub owner: bool,
    /// Why, for owners.
    pub cause: &'static str,
    /// What to do, for owners; empty where the kind of error says it.
    pub help: &'static str,
    /// Where the fact is from.
    pub source: &'static str,
}

/// How a HiLink stick's data connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionState {
    /// On its way up.
    Connecting,
    /// Up.
    Connected,
    /// Down.
    Disconnected,
    /// On its way down.
    Disconnecting,
    /// It did not come up.
    Failed,
}

/// What a number of `ConnectionStatus` means.
#[derive(Debug, PartialEq, Eq)]
pub struct ConnectionMeaning {
    /// The number.
    pub code: u16,
    /// How the connection stands.
    pub state: ConnectionState,
    /// The same in words, with the reason.
    pub words: &'static str,
    /// Where the fact is from.
    pub source: &'static str,
}

/// A [`Meaning`] without its texts.
struct Row {
    family: RefusalFamily,
    from: i32,
    to: i32,
    tried: Option<Tried>,
    kind: Option<ErrorKind>,
    busy: bool,
    in_doubt: bool,
    owner: bool,
}

include!(concat!(env!("OUT_DIR"), "/refusals.rs"));

/// Every meaning that is known. The texts are compressed, for they are wanted in failures only and large for a router.
pub fn meanings() -> &'static [Meaning] {
    static TEXTS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/refusals.bin"));
    static ALL: OnceLock<Vec<Meaning>> = OnceLock::new();
    ALL.get_or_init(|| {
        let mut texts = String::new();
        // They were packed when this was built.
        let _ = flate2::read::DeflateDecoder::new(TEXTS).read_to_string(&mut texts);
        let texts: &'static str = String::leak(texts);
        let mut texts = texts.split('\n');
        let mut text = || texts.next().unwrap_or_default();
        let meaning = |row: &Row| {
            let &Row { family, from, to, tried, kind, busy, in_doubt, owner } = row;
            let [name, cause, help, source] = [text(), text(), text(), text()];
            Meaning { family, from, to, tried, name, kind, busy, in_doubt, owner, cause, help, source }
        };
        ROWS.iter().map(meaning).collect()
    })
}

/// What a refusal means: the row for what was `tried` first, then the number's own row, then that of its range.
pub fn meaning(refusal: Refusal, tried: Option<Tried>) -> Option<&'static Meaning> {
    let fits = |m: &&Meaning| m.family == refusal.family && (m.from..=m.to).contains(&refusal.code);
    let of = |tried: Option<Tried>, own: bool| {
        meanings().iter().filter(fits).find(|m| m.tried == tried && (m.from == m.to) == own)
    };
    let special = tried.and_then(|tried| of(Some(tried), true));
    special.or_else(|| of(None, true)).or_else(|| of(None, false))
}

/// The meaning that a stick wrote in words in place of a number.
pub fn named(family: RefusalFamily, words: &str) -> Option<&'static Meaning> {
    // Sticks differ in capitals, blanks and hyphens.
    let bare = |text: &str| -> String {
        text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
    };
    let words = bare(words);
    meanings().iter().find(|m| m.family == family && !m.name.is_empty() && bare(m.name) == words)
}

/// What a number of `ConnectionStatus` means.
pub fn connection(code: u16) -> Option<&'static ConnectionMeaning> {
    CONNECTIONS.iter().find(|c| c.code == code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_reached_and_says_what_to_do() {
        for row in meanings() {
            let alone = |code: &i32| {
                !meanings().iter().any(|m| m.family == row.family && m.from == m.to && m.from == *code)
            };
            let code = if row.from == row.to { Some(row.from) } else { (row.from..=row.to).find(alone) };
            let code = code.unwrap_or_else(|| panic!("{row:?} is hidden"));
            let found = meaning(Refusal { family: row.family, code }, row.tried).unwrap();
            assert_eq!(found, row, "{code}");
            for text in [row.cause, row.help] {
                assert!(!text.ends_with('.') && !text.contains("  ") && !text.contains('`'), "{text}");
            }
            assert!(!row.cause.is_empty() && !row.source.is_empty(), "{row:?}");
            if row.tried.is_none() && !row.name.is_empty() && row.family != RefusalFamily::Hilink {
                assert_eq!(named(row.family, row.name).map(|m| m.cause), Some(row.cause), "{}", row.name);
            }
        }
    }

    /// The numbers of docs/protocols/hilink-at.md section 1.6: a word of their meaning, whether waiting helps, and whether what was asked
    /// for may have been done all the same.
    #[test]
    fn refusals_of_hilink_mean_what_the_document_says() {
        for (code, word, busy, in_doubt) in [
            (-1, "not ready", false, false),
            (100_001, "does not know the request", false, false),
            (100_002, "no such function", false, false),
            (100_003, "login", false, false),
            (100_004, "busy", true, false),
            (100_005, "form", false, false),
            (100_006, "values", false, false),
            (100_009, "save", false, true),
            (101_002, "PIN", false, false),
            (101_003, "blocked", false, false),
            (103_002, "PIN", false, false),
            (103_015, "PIN", false, false),
            (108_001, "no such user", false, false),
            (108_002, "password", false, false),
            (108_003, "another user is logged in", false, false),
            (108_005, "too many users", false, false),
            (108_006, "user name or password", false, false),
            (108_007, "too many wrong passwords", false, false),
            (108_008, "not changed", false, false),
            (108_009, "another device", false, false),
            (108_010, "too quickly", false, false),
            (110_024, "battery", false, false),
            (111_019, "not answered the code yet", false, true),
            (111_020, "in time", false, true),
            (111_022, "does not take the code", false, false),
            (112_003, "technologies and bands", false, false),
            (113_018, "busy with its messages", false, false),
            (113_999, "messages", false, true),
            (114_001, "file", false, false),
            (114_006, "card", false, false),
            (115_002, "password", false, false),
            (117_001, "Wi-Fi", false, false),
            (117_004, "Wi-Fi", false, false),
            (120_001, "voice call", false, false),
            (125_001, "token", false, false),
            (125_002, "blocks", false, false),
            (125_003, "token", false, false),
        ] {
            let meaning = meaning(Refusal { family: RefusalFamily::Hilink, code }, None).unwrap();
            assert!(meaning.cause.contains(word), "{code}: {}", meaning.cause);
            assert_eq!((meaning.busy, meaning.in_doubt), (busy, in_doubt), "{code}");
        }
    }

    #[test]
    fn a_number_counts_for_its_family_and_its_purpose() {
        let cause = |family, code, tried| meaning(Refusal { family, code }, tried).map(|m| m.name);
        assert_eq!(cause(RefusalFamily::Cms, 304, None), Some("invalid PDU mode parameter"));
        assert_eq!(cause(RefusalFamily::Cme, 304, None), Some("invalid PDU"));
        assert_eq!(cause(RefusalFamily::Cms, 77, None), Some(""));
        assert_eq!(cause(RefusalFamily::Cme, 4711, None), None);
        assert_eq!(cause(RefusalFamily::Download, 3, None), None);
        let off = |tried| meaning(Refusal { family: RefusalFamily::Cme, code: 3 }, tried).unwrap();
        assert!(off(Some(Tried::PinOff)).cause.contains("switched off"));
        assert_ne!(off(Some(Tried::PinOff)).cause, off(None).cause);
        // A purpose without a row of its own for the number.
        assert_eq!(off(Some(Tried::ChooseNetwork)).tried, Some(Tried::ChooseNetwork));
        let full = meaning(Refusal { family: RefusalFamily::Cme, code: 20 }, Some(Tried::PinOff)).unwrap();
        assert_eq!((full.name, full.tried), ("memory full", None));
    }

    #[test]
    fn words_count_as_their_number() {
        for (family, words, code) in [
            (RefusalFamily::Cme, "SIM busy", 14),
            (RefusalFamily::Cme, "no network  service", 30),
            (RefusalFamily::Cms, "SMSC address unknown", 330),
            (RefusalFamily::Cms, "(U)SIM application toolkit busy", 212),
        ] {
            assert_eq!(named(family, words).map(|m| m.from), Some(code), "{words}");
        }
        assert_eq!(named(RefusalFamily::Cme, "a word of its own"), None);
    }

    #[test]
    fn each_number_of_the_connection_has_one_meaning() {
        for row in CONNECTIONS {
            assert_eq!(connection(row.code), Some(row));
            let fails = row.words.starts_with("failed") || row.words.starts_with("not connected");
            assert_eq!(row.state == ConnectionState::Failed, fails, "{row:?}");
        }
        assert_eq!(connection(4711), None);
    }
}
