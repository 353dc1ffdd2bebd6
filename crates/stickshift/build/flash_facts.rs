//! `data/flash-facts.toml`, `data/signature-keys.toml` and `data/foreign-files.toml` as static tables.

use std::collections::HashSet;
use std::fmt::Write;

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Facts {
    refusal: Vec<Refusal>,
    odd_stick: Vec<OddStick>,
    loader_kit: Vec<LoaderKit>,
    updater_error: Vec<UpdaterError>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Refusal {
    code: u8,
    words: String,
    #[serde(default)]
    for_good: bool,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OddStick {
    code: String,
    product: String,
    software: String,
    what: String,
    next: String,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LoaderKit {
    word: String,
    what: String,
    next: String,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UpdaterError {
    code: u8,
    words: String,
    next: String,
    source: String,
}

/// The statics of `flash::facts`.
pub(super) fn facts(text: &str) -> String {
    let facts: Facts = toml::from_str(text).unwrap_or_else(|e| panic!("data/flash-facts.toml: {e}"));
    let mut seen = HashSet::new();
    let mut out = String::from("/// Every refusal that is known.\npub static REFUSALS: &[Refusal] = &[\n");
    for r in &facts.refusal {
        assert!(seen.insert(r.code) && !r.source.is_empty(), "refusal {:02x}", r.code);
        writeln!(out, "Refusal {{ code: {}, words: {:?}, for_good: {} }},", r.code, r.words, r.for_good)
            .unwrap();
    }
    out.push_str("];\n/// Every stick that is known to be odd.\npub static ODD_STICKS: &[OddStick] = &[\n");
    for s in &facts.odd_stick {
        assert!(!s.source.is_empty() && !s.product.is_empty(), "odd-stick {}", s.code);
        writeln!(
            out,
            "OddStick {{ code: {:?}, product: {:?}, software: {:?}, what: {:?}, next: {:?} }},",
            s.code, s.product, s.software, s.what, s.next
        )
        .unwrap();
    }
    out.push_str("];\n/// Every kit whose loaders are known.\npub static LOADER_KITS: &[LoaderKit] = &[\n");
    for k in &facts.loader_kit {
        assert!(!k.source.is_empty() && !k.word.is_empty(), "loader-kit {}", k.word);
        writeln!(out, "LoaderKit {{ word: {:?}, what: {:?}, next: {:?} }},", k.word, k.what, k.next).unwrap();
    }
    out.push_str("];\n/// Every number of an updater that is known.\npub static UPDATER_ERRORS: &[UpdaterError] = &[\n");
    for e in &facts.updater_error {
        assert!(!e.source.is_empty(), "updater-error {}", e.code);
        writeln!(out, "UpdaterError {{ code: {}, words: {:?}, next: {:?} }},", e.code, e.words, e.next)
            .unwrap();
    }
    out + "];\n"
}

#[derive(Deserialize)]
struct Keys {
    key: Vec<Key>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Key {
    hash: String,
    lengths: Vec<u32>,
    seen_on: String,
    source: String,
}

/// The statics of `firmware::signature`.
pub(super) fn keys(text: &str) -> String {
    let keys: Keys = toml::from_str(text).unwrap_or_else(|e| panic!("data/signature-keys.toml: {e}"));
    let mut out = String::from("/// Every key that was seen.\npub static KNOWN_KEYS: &[KnownKey] = &[\n");
    for k in &keys.key {
        assert!(k.hash.len() == 64 && !k.source.is_empty(), "key {}", k.hash);
        writeln!(
            out,
            "KnownKey {{ hash: {:?}, lengths: &{:?}, seen_on: {:?} }},",
            k.hash, k.lengths, k.seen_on
        )
        .unwrap();
    }
    out + "];\n"
}

#[derive(Deserialize)]
struct Files {
    foreign: Vec<Foreign>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Foreign {
    code: String,
    #[serde(default)]
    starts: Vec<String>,
    #[serde(default)]
    text: Vec<String>,
    what: String,
    next: String,
    source: String,
}

/// The statics of `wire::foreign`; `bytes` reads hex.
pub(super) fn foreign(text: &str, bytes: impl Fn(&str) -> Option<Vec<u8>>) -> String {
    let files: Files = toml::from_str(text).unwrap_or_else(|e| panic!("data/foreign-files.toml: {e}"));
    let mut out = String::from("/// Every kind that is known.\npub static FOREIGN: &[Foreign] = &[\n");
    for f in &files.foreign {
        assert!(!f.source.is_empty(), "foreign {}", f.code);
        assert!(!f.starts.is_empty() || !f.text.is_empty(), "foreign {}", f.code);
        let starts: Vec<String> = f.starts.iter().map(|s| format!("&{:?}", bytes(s).expect("hex"))).collect();
        writeln!(
            out,
            "Foreign {{ code: {:?}, starts: &[{}], text: &{:?}, what: {:?}, next: {:?} }},",
            f.code,
            starts.join(", "),
            f.text,
            f.what,
            f.next
        )
        .unwrap();
    }
    out + "];\n"
}
