//! The words of the pages, one file per language. What commands report stays in English, and is marked as such.

use std::collections::HashMap;
use std::sync::LazyLock;

type Texts = HashMap<String, String>;

static ENGLISH: LazyLock<Texts> = LazyLock::new(|| read(include_str!("../assets/en.json")));
static GERMAN: LazyLock<Texts> = LazyLock::new(|| read(include_str!("../assets/de.json")));

fn read(text: &str) -> Texts {
    serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text)
        .unwrap_or_default()
        .into_iter()
        .filter_map(|(key, value)| Some((key, value.as_str()?.to_owned())))
        .collect()
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Language {
    #[default]
    English,
    German,
}

impl Language {
    /// The language that was chosen, else the first that the browser wants and that there is.
    pub(crate) fn of(chosen: &str, accepted: &str) -> Language {
        let known = |word: &str| match word.trim().get(..2) {
            Some("en") => Some(Language::English),
            Some("de") => Some(Language::German),
            _ => None,
        };
        known(chosen).or_else(|| accepted.split(',').find_map(known)).unwrap_or_default()
    }

    pub(crate) fn code(self) -> &'static str {
        match self {
            Language::English => "en",
            Language::German => "de",
        }
    }

    /// The text of a key; the key where there is none.
    pub(crate) fn get(self, key: &'static str) -> &'static str {
        self.find(key).unwrap_or(key)
    }

    /// The text of a key that a report makes, where there is one.
    pub(crate) fn find(self, key: &str) -> Option<&'static str> {
        let texts: &'static Texts = match self {
            Language::English => &ENGLISH,
            Language::German => &GERMAN,
        };
        texts.get(key).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_text_is_there_in_every_language() {
        let keys = |texts: &'static Texts| texts.keys().collect::<BTreeSet<_>>();
        assert_eq!(keys(&ENGLISH), keys(&GERMAN));
        assert!(ENGLISH.len() > 50);
        let mut used = BTreeSet::new();
        let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/pages");
        for file in fs::read_dir(pages).unwrap() {
            let source = fs::read_to_string(file.unwrap().path()).unwrap();
            for call in
                [".t(\"", " t(\"", "language.get(\""].iter().flat_map(|call| source.split(call).skip(1))
            {
                used.insert(call.split('"').next().unwrap().to_owned());
            }
        }
        let missing: Vec<_> = used.iter().filter(|key| !ENGLISH.contains_key(*key)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn the_browsers_language_counts_until_one_is_chosen() {
        assert_eq!(Language::of("", "fr, de-CH;q=0.9, en;q=0.8"), Language::German);
        assert_eq!(Language::of("en", "de"), Language::English);
        assert_eq!(Language::of("", ""), Language::English);
        assert_eq!(Language::of("é", "ü"), Language::English);
    }
}
