use std::fmt::Write as _;

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Data {
    router: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    id: String,
    name: String,
    source: String,
}

/// `data/router-hardware.toml` as a table of hardware ids, ascending.
pub(super) fn table(facts: &str) -> String {
    let mut data: Data = toml::from_str(facts).unwrap_or_else(|e| panic!("data/router-hardware.toml: {e}"));
    data.router.sort_by(|one, other| one.id.cmp(&other.id));
    assert!(data.router.windows(2).all(|pair| pair[0].id != pair[1].id), "a hardware id stands twice");
    let mut code = String::from("&[\n");
    for row in &data.router {
        assert!(row.id.len() == 8 && !row.source.is_empty(), "{}", row.name);
        let id = u32::from_str_radix(&row.id, 16).expect("eight hex digits");
        writeln!(code, "    ({id:#010x}, {:?}),", row.name).expect("a string takes all");
    }
    code + "]"
}
