//! The entries that are compiled in. They live as one block of records that `build.rs` makes from `data/devices/*.toml`; a record is
//! decoded when it is asked for.

use crate::profile::{Attribute, Entry, Key, Method, Parameters, Product, Qualifier};
use crate::stick::UsbId;

static RECORDS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/devices.bin"));
/// What the entries lead to, ascending, vendor in the upper half.
static TARGETS: &[u32] = include!(concat!(env!("OUT_DIR"), "/device_targets.rs"));
static SOURCES: &[&str] = include!(concat!(env!("OUT_DIR"), "/device_sources.rs"));

/// Every built-in entry, by id; within an id the plain one first.
pub fn all() -> impl Iterator<Item = Entry> {
    records().map(decode)
}

/// The built-in entries for a pair of ids, the plain one first.
pub fn lookup(id: UsbId) -> impl Iterator<Item = Entry> {
    records().skip_while(move |r| id_of(r) < id).take_while(move |r| id_of(r) == id).map(decode)
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

/// Reads a record front to back. The records are our own, so a bad one is a bug and the tests, which read them all, find it.
struct Reader(&'static [u8]);

impl Reader {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().expect("records are whole");
        self.0 = rest;
        *first
    }

    fn word(&mut self) -> u16 {
        u16::from_le_bytes([self.byte(), self.byte()])
    }

    fn bytes(&mut self) -> &'static [u8] {
        let length = usize::from(self.byte());
        let (bytes, rest) = self.0.split_at(length);
        self.0 = rest;
        bytes
    }

    fn text(&mut self) -> &'static str {
        std::str::from_utf8(self.bytes()).expect("records hold UTF-8")
    }
}

fn decode(record: &'static [u8]) -> Entry {
    let mut r = Reader(record);
    let (vendor, product) = (r.word(), Product::Id(r.word()));
    let source = SOURCES[usize::from(r.byte())].to_owned();
    let name = r.text().to_owned();
    let qualifiers = (0..r.byte())
        .map(|_| {
            let code = r.text();
            let attribute = Attribute::ALL.into_iter().find(|a| a.code() == code).expect("a known attribute");
            Qualifier { attribute, text: r.text().to_owned() }
        })
        .collect();
    let mut p = Parameters::default();
    while !r.0.is_empty() {
        match r.byte() {
            1 => p.target_vendor = Some(r.word()),
            2 => p.target_product = Some(r.word()),
            3 => p.target_products = (0..r.byte()).map(|_| r.word()).collect(),
            4 => p.target_class = Some(r.byte()),
            tag @ (5 | 6) => {
                let method = Method::from_config_name(r.text()).expect("a known method");
                p.methods.insert(method, tag == 5);
            }
            tag @ 7..=9 => p.messages[usize::from(tag - 7)] = r.bytes().to_vec(),
            10 => p.message_endpoint = Some(r.byte()),
            11 => p.response_endpoint = Some(r.byte()),
            12 => p.interface = Some(r.byte()),
            13 => p.configuration = Some(r.byte()),
            14 => p.alt_setting = Some(r.byte()),
            15 => p.pantech = Some(r.word()),
            16 => p.release_delay_ms = Some(r.word().into()),
            17 => p.wait_before_s = Some(r.word().into()),
            18 => p.check_success_s = Some(r.word().into()),
            19 => p.need_response = Some(r.byte() != 0),
            20 => p.no_mbim_check = Some(r.byte() != 0),
            21 => p.no_driver_loading = Some(r.byte() != 0),
            22 => p.reset_usb = Some(r.byte() != 0),
            23 => p.mbim = Some(r.byte() != 0),
            tag => unreachable!("tag {tag}"),
        }
    }
    Entry { key: Key { vendor, product, qualifiers }, name, parameters: p, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_record_decodes_and_has_a_name_and_a_source() {
        let all: Vec<Entry> = all().collect();
        assert_eq!(all.len(), 515);
        for entry in &all {
            assert!(!entry.name.is_empty() && !entry.source.is_empty(), "{}", entry.key);
            let id = entry.key.id().unwrap();
            assert!(lookup(id).any(|e| e == *entry), "{}", entry.key);
            assert!(knows(id) && concerns(id));
            assert!(entry.targets().into_iter().all(concerns), "{}", entry.key);
        }
        assert!(TARGETS.is_sorted());
        assert!(!concerns(UsbId::new(0x12d1, 0xffff)));
        assert_eq!(lookup(UsbId::new(0x12d1, 0xffff)).count(), 0);
        assert_eq!(lookup(UsbId::new(0xffff, 0xffff)).count(), 0);
    }
}
