//! What a program is made of: a CycloneDX list of its crates, beside the archive. The same source gives the same bytes, so it has no time and no
//! serial number.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::dist::{Target, Variant};
use crate::run::output;

/// The list for a program.
pub(crate) fn of(target: &Target, variant: Variant) -> Result<String, String> {
    let metadata = ["metadata", "--format-version", "1", "--locked", "--filter-platform", target.triple];
    let metadata = output("cargo", &metadata)?;
    let metadata: Value = serde_json::from_str(&metadata).map_err(|e| format!("cargo metadata: {e}"))?;
    let lock = std::fs::read_to_string(crate::run::root().join("Cargo.lock"));
    let lock = lock.map_err(|e| format!("Cargo.lock: {e}"))?;
    let list = listed(&metadata, &linked(target, variant)?, &checksums(&lock)?)?;
    serde_json::to_string_pretty(&list).map(|text| text + "\n").map_err(|e| e.to_string())
}

/// Names and versions of what is in the program with the features of the variant, which metadata of a whole workspace does not tell.
fn linked(target: &Target, variant: Variant) -> Result<BTreeSet<(String, String)>, String> {
    let mut args = vec!["tree", "-p", "stickshift", "--locked", "--edges", "normal,build", "--target"];
    args.extend([target.triple, "--prefix", "none", "--format", "{p}"]);
    args.extend(variant.features());
    let tree = output("cargo", &args)?;
    let package = |line: &str| {
        let (name, rest) = line.split_once(" v")?;
        Some((name.to_owned(), rest.split_whitespace().next()?.to_owned()))
    };
    Ok(tree.lines().filter_map(package).collect())
}

/// Of each package that came from a registry, by name and version.
fn checksums(lock: &str) -> Result<BTreeMap<(String, String), String>, String> {
    let lock: toml::Table = lock.parse().map_err(|e| format!("Cargo.lock: {e}"))?;
    let packages = lock.get("package").and_then(|p| p.as_array()).cloned().unwrap_or_default();
    let word =
        |package: &toml::Value, key: &str| package.get(key).and_then(|v| v.as_str()).map(str::to_owned);
    let sum = |package: &toml::Value| {
        Some(((word(package, "name")?, word(package, "version")?), word(package, "checksum")?))
    };
    Ok(packages.iter().filter_map(sum).collect())
}

/// The program and all that is linked into it or runs while it is built.
fn listed(
    metadata: &Value,
    linked: &BTreeSet<(String, String)>,
    checksums: &BTreeMap<(String, String), String>,
) -> Result<Value, String> {
    let packages = metadata["packages"].as_array().ok_or("cargo metadata lists no packages")?;
    let packages: Vec<&Value> =
        packages.iter().filter(|package| linked.contains(&identity(package))).collect();
    let by_id: BTreeMap<&str, &Value> =
        packages.iter().filter_map(|package| Some((package["id"].as_str()?, *package))).collect();
    let nodes = metadata["resolve"]["nodes"].as_array().ok_or("cargo metadata resolves nothing")?;
    let needs: BTreeMap<&str, Vec<&str>> =
        nodes.iter().filter_map(|node| Some((node["id"].as_str()?, needs(node, &by_id)))).collect();
    let is_program = |package: &&&Value| {
        let mut targets = package["targets"].as_array().into_iter().flatten();
        package["source"].is_null() && targets.any(|t| t["name"] == "stickshift" && t["kind"][0] == "bin")
    };
    let program = packages.iter().find(is_program).ok_or("the workspace has no program")?;
    let (mut seen, mut open) = (BTreeSet::new(), vec![program["id"].as_str().unwrap_or_default()]);
    while let Some(id) = open.pop() {
        if seen.insert(id) {
            open.extend(needs.get(id).into_iter().flatten());
        }
    }
    let package = |id: &&str| by_id.get(*id).copied().ok_or_else(|| format!("{id} is no package"));
    let mut components = Vec::new();
    let mut graph = Vec::new();
    for id in &seen {
        let one = package(id)?;
        let mut depends: Vec<String> = needs
            .get(id)
            .into_iter()
            .flatten()
            .map(|n| package(n).map(reference))
            .collect::<Result<_, _>>()?;
        depends.sort();
        graph.push(json!({ "ref": reference(one), "dependsOn": depends }));
        if one["id"] != program["id"] {
            components.push(component(one, "library", checksums));
        }
    }
    components.sort_by_key(|component| component["bom-ref"].as_str().map(str::to_owned));
    graph.sort_by_key(|row| row["ref"].as_str().map(str::to_owned));
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": { "component": component(program, "application", checksums) },
        "components": components,
        "dependencies": graph,
    }))
}

fn identity(package: &Value) -> (String, String) {
    let word = |key: &str| package[key].as_str().unwrap_or_default().to_owned();
    (word("name"), word("version"))
}

/// The ids of what a package needs and the program has, tests not counted.
fn needs<'a>(node: &'a Value, by_id: &BTreeMap<&str, &Value>) -> Vec<&'a str> {
    let dependencies = node["deps"].as_array().into_iter().flatten();
    let counts = |dependency: &&Value| {
        let mut kinds = dependency["dep_kinds"].as_array().into_iter().flatten();
        kinds.any(|kind| kind["kind"] != "dev")
    };
    let ids = dependencies.filter(counts).filter_map(|dependency| dependency["pkg"].as_str());
    ids.filter(|id| by_id.contains_key(id)).collect()
}

/// The package URL: as CycloneDX lists name packages everywhere.
fn reference(package: &Value) -> String {
    let word = |key: &str| package[key].as_str().unwrap_or_default();
    format!("pkg:cargo/{}@{}", word("name"), word("version"))
}

fn component(package: &Value, kind: &str, checksums: &BTreeMap<(String, String), String>) -> Value {
    let word = |key: &str| package[key].as_str().unwrap_or_default().to_owned();
    let mut component = Map::from_iter([
        ("type".to_owned(), json!(kind)),
        ("bom-ref".to_owned(), json!(reference(package))),
        ("name".to_owned(), json!(word("name"))),
        ("version".to_owned(), json!(word("version"))),
        ("purl".to_owned(), json!(reference(package))),
    ]);
    if let Some(license) = package["license"].as_str() {
        // Older crates write a slash, which is no SPDX expression.
        let expression = license.replace('/', " OR ");
        component.insert("licenses".to_owned(), json!([{ "expression": expression }]));
    }
    if let Some(sum) = checksums.get(&identity(package)) {
        component.insert("hashes".to_owned(), json!([{ "alg": "SHA-256", "content": sum }]));
    }
    Value::Object(component)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_has_what_is_linked_and_no_tests() {
        let package = |name: &str, source: Value, kind: &str| {
            json!({ "id": name, "name": name, "version": "1.0.0", "source": source, "license": "MIT/Apache-2.0",
                "targets": [{ "name": if kind == "bin" { "stickshift" } else { name }, "kind": [kind] }] })
        };
        let dependency = |name: &str, kind: Value| json!({ "pkg": name, "dep_kinds": [{ "kind": kind }] });
        let metadata = json!({
            "packages": [package("program", Value::Null, "bin"), package("linked", json!("registry"), "lib"),
                package("tests", json!("registry"), "lib")],
            "resolve": { "nodes": [
                { "id": "program", "deps": [dependency("linked", Value::Null), dependency("tests", json!("dev"))] },
                { "id": "linked", "deps": [] }, { "id": "tests", "deps": [] },
            ] },
        });
        let sums = BTreeMap::from([(("linked".to_owned(), "1.0.0".to_owned()), "ab".to_owned())]);
        let linked = ["program", "linked"].map(|name| (name.to_owned(), "1.0.0".to_owned()));
        let list = listed(&metadata, &BTreeSet::from(linked), &sums).unwrap();
        let components = list["components"].as_array().unwrap();
        assert_eq!(components.len(), 1);
        assert_eq!(components[0]["purl"], "pkg:cargo/linked@1.0.0");
        assert_eq!(components[0]["licenses"][0]["expression"], "MIT OR Apache-2.0");
        assert_eq!(components[0]["hashes"][0]["content"], "ab");
        assert_eq!(list["metadata"]["component"]["name"], "program");
    }

    #[test]
    fn a_router_program_has_no_web_server() {
        let list = of(Target::named("mips").unwrap(), Variant::Router).unwrap();
        assert!(list.contains("pkg:cargo/nusb@") && !list.contains("pkg:cargo/proptest@"), "{list}");
        assert!(!list.contains("pkg:cargo/axum@"));
    }
}
