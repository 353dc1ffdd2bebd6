//! No entry and no parameter of usb_modeswitch's data was lost on the way into `data/devices`.

use std::collections::BTreeMap;

use serde_json::Value;
use stickshift::profile::formats::usb_modeswitch;
use stickshift::profile::{Catalogue, Entry, builtin};

fn facts() -> Vec<Value> {
    let text = include_str!("../../../tests/fixtures/modeswitch-db.json");
    let mut all: Value = serde_json::from_str(text).unwrap();
    all["entries"].as_array_mut().unwrap().drain(..).collect()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap()
}

/// A value as the type that docs/protocols/mode-switch.md section 2.1 gives its name, so that `0x0003` equals `3`.
fn canonical(name: &str, value: &str) -> String {
    let hex = |t: &str| i64::from_str_radix(t.trim_start_matches("0x"), 16).unwrap().to_string();
    match name {
        "TargetVendor" | "TargetProduct" | "TargetClass" | "MessageEndpoint" | "ResponseEndpoint"
        | "Interface" | "Configuration" => hex(value),
        _ => value.trim_matches('"').to_lowercase(),
    }
}

#[test]
fn all_512_entries_and_1337_parameters_are_there() {
    let ours: BTreeMap<String, Entry> = builtin::all().map(|e| (e.key.to_string(), e)).collect();
    let (mut entries, mut parameters) = (0, 0);
    for fact in facts() {
        let file = text(&fact, "file");
        let entry = ours.get(file).unwrap_or_else(|| panic!("{file} is missing"));
        assert_eq!(entry.source, "usb-modeswitch-data 20191128-5", "{file}");
        let expected: BTreeMap<String, String> = fact["params"]
            .as_array()
            .unwrap()
            .iter()
            .map(|p| (text(p, "name").to_owned(), canonical(text(p, "name"), text(p, "value"))))
            .collect();
        let found: BTreeMap<String, String> = usb_modeswitch::assignments(&entry.parameters)
            .lines()
            .map(|line| line.split_once('=').unwrap())
            .map(|(name, value)| (name.to_owned(), canonical(name, value)))
            .collect();
        assert_eq!(found, expected, "{file}");
        entries += 1;
        parameters += expected.len();
    }
    assert_eq!((entries, parameters), (512, 1337));
}

#[test]
fn what_is_added_says_where_it_is_from() {
    let known: Vec<String> = facts().iter().map(|f| text(f, "file").to_owned()).collect();
    let added: Vec<(String, String)> = Catalogue::builtin()
        .iter()
        .filter(|(_, e)| !known.contains(&e.key.to_string()))
        .map(|(_, e)| (e.key.to_string(), e.source))
        .collect();
    let keys: Vec<&str> = added.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["19d2:1705", "3426:1f01", "3566:2001"]);
    assert!(added.iter().all(|(_, source)| !source.starts_with("usb-modeswitch-data")));
}
