//! `data/chips.toml` as a static table.

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Data {
    chip: Vec<Chip>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Chip {
    name: String,
    models: Vec<String>,
    erase_families: Vec<String>,
    products: Vec<String>,
    source: String,
}

/// The elements of `boot::CHIPS`.
pub(super) fn table(facts: &str) -> String {
    let data: Data = toml::from_str(facts).unwrap_or_else(|e| panic!("data/chips.toml: {e}"));
    let row = |c: &Chip| {
        format!(
            "Chip {{ name: {:?}, models: &{:?}, erase_families: &{:?}, products: &{:?}, source: {:?} }},\n",
            c.name, c.models, c.erase_families, c.products, c.source
        )
    };
    format!("&[\n{}]", data.chip.iter().map(row).collect::<String>())
}
