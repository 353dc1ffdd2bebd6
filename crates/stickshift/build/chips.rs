//! `data/chips.toml` as static tables.

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Data {
    chip: Vec<Chip>,
    loader: Vec<Loader>,
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Loader {
    name: String,
    sha256: String,
    chip: String,
    about: String,
    source: String,
}

/// The statics of `boot::chip`.
pub(super) fn tables(facts: &str) -> String {
    let data: Data = toml::from_str(facts).unwrap_or_else(|e| panic!("data/chips.toml: {e}"));
    for loader in &data.loader {
        assert!(data.chip.iter().any(|c| c.name == loader.chip), "data/chips.toml: no chip {}", loader.chip);
    }
    let row = |c: &Chip| {
        format!(
            "Chip {{ name: {:?}, models: &{:?}, erase_families: &{:?}, products: &{:?}, source: {:?} }},\n",
            c.name, c.models, c.erase_families, c.products, c.source
        )
    };
    let loader = |l: &Loader| {
        format!(
            "KnownLoader {{ name: {:?}, sha256: {:?}, chip: {:?}, about: {:?}, source: {:?} }},\n",
            l.name, l.sha256, l.chip, l.about, l.source
        )
    };
    format!(
        "/// Every chip that is known.\npub static CHIPS: &[Chip] = &[\n{}];\n\
         /// Every loader file that is known.\npub static KNOWN_LOADERS: &[KnownLoader] = &[\n{}];\n",
        data.chip.iter().map(row).collect::<String>(),
        data.loader.iter().map(loader).collect::<String>()
    )
}
