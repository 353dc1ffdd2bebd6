use std::fmt::Write as _;

/// The rows of `data/purposes.toml` as a table of ids, ascending.
pub(super) fn table(facts: &str) -> String {
    let facts: toml::Table = facts.parse().expect("TOML");
    let rows = facts["purpose"].as_array().expect("[[purpose]]");
    let text = |row: &toml::Value, key: &str| {
        row[key].as_str().unwrap_or_else(|| panic!("{key} in {row}")).to_owned()
    };
    let mut all = Vec::new();
    for row in rows {
        assert!(!text(row, "source").is_empty());
        let purpose = match text(row, "is").as_str() {
            "network-card" => "NetworkCard",
            "mbim-module" => "MbimModule",
            "no-modem" => "NoModem",
            other => panic!("{other} is no purpose"),
        };
        for id in row["ids"].as_array().expect("ids") {
            let (vendor, product) = id.as_str().and_then(|id| id.split_once(':')).expect("vvvv:pppp");
            let number = |digits: &str| u16::from_str_radix(digits, 16).expect("four hex digits");
            all.push((number(vendor), number(product), purpose, text(row, "what")));
        }
    }
    all.sort();
    assert!(all.windows(2).all(|pair| (pair[0].0, pair[0].1) != (pair[1].0, pair[1].1)), "ids stand twice");
    let mut code = String::from("&[\n");
    for (vendor, product, purpose, what) in all {
        writeln!(code, "    (UsbId::new({vendor:#06x}, {product:#06x}), Purpose::{purpose}, {what:?}),")
            .expect("a string takes all");
    }
    code + "]"
}
