//! `data/partitions.toml`: names and meanings of firmware partitions.

use std::collections::HashSet;
use std::fmt::Write;

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    partition: Vec<Partition>,
    kind: Vec<Kind>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Partition {
    code: u32,
    name: String,
    #[serde(default)]
    boot: bool,
    #[serde(default)]
    system: bool,
    #[serde(default)]
    pages: bool,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Kind {
    id: u16,
    meaning: String,
    source: String,
}

pub(crate) fn tables(facts: &str) -> String {
    let file: File = toml::from_str(facts).unwrap_or_else(|e| panic!("data/partitions.toml: {e}"));
    let mut out = String::from("static PARTITIONS: &[Row] = &[\n");
    let mut codes = HashSet::new();
    for row in &file.partition {
        assert!(codes.insert(row.code), "partition {:08x} twice", row.code);
        // Names become file names and twenty-byte fields of other tools.
        assert!(
            row.name.len() < 20 && row.name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b)),
            "partition {:08x}: bad name {:?}",
            row.code,
            row.name
        );
        assert!(!row.source.is_empty(), "partition {:08x} without a source", row.code);
        let Partition { code, name, boot, system, pages, .. } = row;
        let system = *system || *boot;
        writeln!(out, "    Row {{ code: {code:#010x}, name: {name:?}, boot: {boot}, system: {system}, pages: {pages} }},")
            .unwrap();
    }
    out.push_str("];\nstatic KINDS: &[(u16, &str)] = &[\n");
    let mut ids = HashSet::new();
    for row in &file.kind {
        assert!(ids.insert(row.id), "kind {:02x} twice", row.id);
        assert!(!row.source.is_empty(), "kind {:02x} without a source", row.id);
        writeln!(out, "    ({:#06x}, {:?}),", row.id, row.meaning).unwrap();
    }
    out.push_str("];\n");
    out
}
