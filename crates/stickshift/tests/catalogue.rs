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
    assert_eq!(
        keys,
        [
            "0408:f003",
            "04e8:a100",
            "0bda:8151",
            "1004:61aa",
            "1033:0035",
            "12d1:1037",
            "12d1:142d",
            "12d1:14a7",
            "13b1:0040",
            "19d2:0013",
            "19d2:0065",
            "19d2:0548",
            "19d2:1705",
            "1c9e:9202",
            "1c9e:9913",
            "3426:1f01",
            "3566:2001",
            "a69c:5721",
            "a69c:5723",
        ]
    );
    // Ids of sticks that are switched already, and messages that were derived wrongly.
    for id in [
        "05c6:6000",
        "0685:6001",
        "07d1:0010",
        "0b3c:c003",
        "12d1:140b",
        "12d1:14c9",
        "12d1:14ca",
        "19d2:0017",
        "19d2:0117",
        "19d2:1403",
    ] {
        assert!(!builtin::knows(id.parse().unwrap()), "{id}");
    }
    assert!(added.iter().all(|(_, source)| !source.starts_with("usb-modeswitch-data 20191128")));
}

#[test]
fn the_pages_name_the_number_of_profiles_that_there_are() {
    let said = format!("{} ", builtin::all().count());
    for (page, text) in [
        ("README.md", include_str!("../../../README.md")),
        ("docs/switching.md", include_str!("../../../docs/switching.md")),
    ] {
        assert!(
            text.contains(&format!("{said}switching profiles")) || text.contains(&format!("{said}profiles")),
            "{page}: {said}"
        );
    }
}
