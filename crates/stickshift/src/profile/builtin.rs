//! The entries that are compiled in. They live as one block of records that `build.rs` makes from `data/devices/*.toml`; a record is
//! decoded when it is asked for.
//!
//! ```
//! use stickshift::profile::builtin;
//!
//! let entry = builtin::lookup("12d1:1446".parse().unwrap()).next().unwrap();
//! assert!(entry.name.starts_with("Huawei"));
//! assert_eq!(entry.parameters.summary(), "HuaweiNewMode");
//! ```

use std::sync::OnceLock;

use crate::profile::{Attribute, Entry, Key, Parameters, Product, Qualifier};
use crate::stick::UsbId;

static RECORDS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/devices.bin"));
/// What the entries lead to, ascending, vendor in the upper half.
static TARGETS: &[u32] = include!(concat!(env!("OUT_DIR"), "/device_targets.rs"));
/// What devices of the catalogue become that their entries do not name (`data/further-targets.toml`): before and after, ascending.
static FURTHER: &[(UsbId, UsbId)] = include!(concat!(env!("OUT_DIR"), "/further_targets.rs"));
/// More than there are.
const MOST_PARAMETERS: usize = 64;
static SOURCES: &[&str] = include!(concat!(env!("OUT_DIR"), "/device_sources.rs"));

/// Every built-in entry, by id; within an id the plain one first.
pub fn all() -> impl Iterator<Item = Entry> {
    records().map(decode)
}

/// The built-in entries for such ids; the others are not decoded.
#[cfg(feature = "pasted")]
pub(super) fn of(is_one: fn(UsbId) -> bool) -> impl Iterator<Item = Entry> {
    records().filter(move |r| is_one(id_of(r))).map(decode)
}

/// The built-in entries for a pair of ids, the plain one first.
pub fn lookup(id: UsbId) -> impl Iterator<Item = Entry> {
    records().skip_while(move |r| id_of(r) < id).take_while(move |r| id_of(r) == id).map(decode)
}

/// Every message of a built-in entry. The entries are decoded once for it, however often it is asked for.
pub fn messages() -> &'static [Vec<u8>] {
    static MESSAGES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    MESSAGES.get_or_init(|| {
        let messages = |entry: Entry| entry.parameters.messages.into_iter().filter(|m| !m.is_empty());
        let mut all: Vec<Vec<u8>> = all().flat_map(messages).collect();
        all.sort_unstable();
        all.dedup();
        all
    })
}

/// Whether there is a built-in entry for a pair of ids. Decodes nothing.
pub fn knows(id: UsbId) -> bool {
    records().any(|r| id_of(r) == id)
}

/// Whether a built-in entry is for a pair of ids or leads to it.
pub fn concerns(id: UsbId) -> bool {
    let target = u32::from(id.vendor) << 16 | u32::from(id.product);
    TARGETS.binary_search(&target).is_ok() || knows(id)
}

/// What a device of these ids was seen to become that its built-in entry does not name.
pub fn further_targets(id: UsbId) -> impl Iterator<Item = UsbId> {
    FURTHER.iter().filter(move |(from, _)| *from == id).map(|(_, to)| *to)
}

fn records() -> impl Iterator<Item = &'static [u8]> {
    let mut rest = RECORDS;
    std::iter::from_fn(move || {
        let (length, after) = rest.split_first_chunk::<2>()?;
        let (record, after) = after.split_at(usize::from(u16::from_le_bytes(*length)));
        rest = after;
        Some(record)
    })
}

fn id_of(record: &[u8]) -> UsbId {
    let word = |at: usize| u16::from_le_bytes([record[at], record[at + 1]]);
    UsbId::new(word(0), word(2))
}

/// A record is idVendor, idProduct and the number of the source, then what `build.rs` encoded of the entry, without the zeros at its end: most
/// parameters are absent, and an absent one is a zero. The records are our own, so a bad one is a bug and the tests, which read them all, find it.
fn decode(record: &'static [u8]) -> Entry {
    #[cfg(test)]
    DECODED.set(DECODED.get() + 1);
    let (head, encoded) = record.split_at(5);
    let id = id_of(head);
    let encoded = [encoded, &[0; MOST_PARAMETERS]].concat();
    let (name, conditions, parameters): (String, Vec<(&str, String)>, Parameters) =
        postcard::from_bytes(&encoded).expect("records are whole");
    let qualifiers = conditions
        .into_iter()
        .map(|(code, text)| {
            let attribute = Attribute::from_code(code).expect("a known attribute");
            Qualifier { attribute, text }
        })
        .collect();
    let key = Key { vendor: id.vendor, product: Product::Id(id.product), qualifiers };
    Entry { key, name, parameters, source: SOURCES[usize::from(head[4])].to_owned() }
}

#[cfg(test)]
thread_local! {
    /// How many records this thread decoded.
    pub(super) static DECODED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_record_decodes_and_has_a_name_and_a_source() {
        let all: Vec<Entry> = all().collect();
        assert_eq!(all.len(), records().count());
        for entry in &all {
            assert!(!entry.name.is_empty() && !entry.source.is_empty(), "{}", entry.key);
            let id = entry.key.id().unwrap();
            assert!(lookup(id).any(|e| e == *entry), "{}", entry.key);
            assert!(knows(id) && concerns(id));
            assert!(entry.targets().into_iter().all(concerns), "{}", entry.key);
        }
        assert!(TARGETS.is_sorted() && FURTHER.is_sorted());
        for (from, to) in FURTHER {
            assert!(concerns(*to) && further_targets(*from).any(|id| id == *to));
            assert!(lookup(*from).all(|entry| !entry.targets().contains(to)), "{from} has {to} already");
        }
        assert!(!concerns(UsbId::new(0x12d1, 0xffff)));
        assert_eq!(lookup(UsbId::new(0x12d1, 0xffff)).count(), 0);
        assert_eq!(lookup(UsbId::new(0xffff, 0xffff)).count(), 0);
    }
}
