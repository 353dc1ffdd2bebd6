//! The alerts and the dashboard of `packaging` name only metrics that `serve` has.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn names(text: &str) -> BTreeSet<String> {
    let word = regex_lite::Regex::new("stickshift_[a-z0-9_]+").unwrap();
    word.find_iter(text).map(|found| found.as_str().to_owned()).collect()
}

#[test]
fn every_metric_that_is_named_exists() {
    let there = names(&read("crates/stickshift-web/src/metrics.rs"));
    let dashboard: serde_json::Value =
        serde_json::from_str(&read("packaging/grafana/dashboard.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let queries: Vec<&str> = (panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap()))
        .map(|target| target["expr"].as_str().unwrap())
        .collect();
    assert!(queries.len() >= panels.len());
    for (file, text) in
        [("dashboard.json", queries.join(" ")), ("alerts.yml", read("packaging/prometheus/alerts.yml"))]
    {
        let named = names(&text);
        assert!(!named.is_empty());
        assert!(named.is_subset(&there), "{file}: {:?}", named.difference(&there).collect::<Vec<_>>());
    }
}
