//! `data/linux-modems.tsv` and `data/more-modems.toml` as static tables.

use std::fmt::Write;

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct More {
    modem: Vec<Modem>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Modem {
    id: String,
    #[serde(default)]
    drivers: Vec<String>,
    #[serde(default)]
    ports: String,
    source: String,
}

/// The rows of the list with those of the hand-made one among them.
fn joined(text: &str, more: &str) -> Vec<String> {
    let more: More = toml::from_str(more).unwrap_or_else(|e| panic!("data/more-modems.toml: {e}"));
    let mut rows: Vec<String> = text.lines().filter(|row| !row.starts_with('#')).map(str::to_owned).collect();
    for modem in more.modem {
        assert!(!modem.source.is_empty(), "data/more-modems.toml: {} has no source", modem.id);
        let listed = rows.iter().position(|row| row.starts_with(&modem.id)).map(|at| rows.remove(at));
        let known = listed.as_deref().and_then(|row| row.split('\t').nth(1)).map(str::to_owned);
        let drivers = known.filter(|_| modem.drivers.is_empty()).unwrap_or_else(|| modem.drivers.join(","));
        rows.push(format!("{}\t{drivers}\t{}", modem.id, modem.ports));
    }
    rows
}

/// The Rust source of the tables, sorted by id. They are in every router's flash: nothing in them is padded. A row that makes no sense stops
/// the build.
pub(crate) fn tables(text: &str, more: &str) -> String {
    let (mut modems, mut sets) = (Vec::new(), Vec::new());
    for row in &joined(text, more) {
        let mut columns = row.split('\t');
        let ids = columns.next().unwrap_or_default();
        let (vendor, product) = ids.split_once(':').unwrap_or_else(|| panic!("data/linux-modems.tsv: {row}"));
        let id = u32::from_str_radix(&format!("{vendor}{product}"), 16).expect("eight hex digits");
        let drivers = columns.next().unwrap_or_default();
        let words: Vec<&str> = columns.next().unwrap_or_default().split_whitespace().collect();
        let drivers: Vec<String> =
            drivers.split(',').filter(|driver| !matches!(*driver, "-" | "")).map(str::to_owned).collect();
        let found = (drivers, words.contains(&"download"));
        let set = sets.iter().position(|known| *known == found).unwrap_or_else(|| {
            sets.push(found);
            sets.len() - 1
        });
        let mut ports: Vec<(u8, String)> = words
            .iter()
            .filter_map(|word| word.split_once('='))
            .map(|(number, role)| {
                let number = number.parse().expect("the number of an interface");
                (number, role[..1].to_ascii_uppercase() + &role[1..])
            })
            .collect();
        ports.sort_unstable();
        modems.push((id, u8::try_from(set).expect("few sets"), ports));
    }
    modems.sort_unstable();
    assert!(modems.windows(2).all(|pair| pair[0].0 != pair[1].0), "data/linux-modems.tsv: an id twice");
    assert!(modems.len() <= usize::from(u16::MAX), "data/linux-modems.tsv: too many rows");
    let mut out =
        "/// Drivers of the kernel that go together; whether in download mode.\nstatic SETS: &[(&[&str], bool)] = &[\n"
            .to_owned();
    for (drivers, download) in &sets {
        writeln!(out, "(&{drivers:?}, {download}),").unwrap();
    }
    out.push_str("];\n\n/// Sorted.\nstatic IDS: &[u32] = &[\n");
    modems.iter().for_each(|(id, ..)| writeln!(out, "{id:#010x},").unwrap());
    out.push_str("];\n\n/// Which of the sets each of the ids has.\nstatic SET_OF: &[u8] = &[\n");
    modems.iter().for_each(|(_, set, _)| writeln!(out, "{set},").unwrap());
    out.push_str(
        "];\n\n/// Which of the ids, interface, role; sorted.\nstatic PORTS: &[(u16, u8, Role)] = &[\n",
    );
    for (row, (_, _, ports)) in modems.iter().enumerate() {
        for (number, role) in ports {
            writeln!(out, "({row}, {number}, Role::{role}),").unwrap();
        }
    }
    out.push_str("];\n");
    out
}
