//! Tiers about the workspace's packages: their features, the oldest Rust they build with, and dependencies that nothing uses.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;

use serde_json::Value;

use crate::install;
use crate::run::{cargo_command, command, metadata, output, phase, root, run, status};

/// Features of a package that are named in its manifest, `default` left out, each with all it brings with it of the same package, itself included.
type Features = BTreeMap<String, BTreeSet<String>>;

/// A package that has features.
struct Package {
    name: String,
    features: Features,
    /// For each feature, those of other packages of the workspace that it turns on, with the names of these packages.
    passed_on: BTreeMap<String, BTreeSet<(String, String)>>,
}

impl Package {
    /// Of what cargo tells.
    fn of(package: &Value) -> Package {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let dependencies = package["dependencies"].as_array().into_iter().flatten();
        let called = |d: &Value| text(if d["rename"].is_null() { &d["name"] } else { &d["rename"] });
        let names: BTreeMap<String, String> = dependencies.map(|d| (called(d), text(&d["name"]))).collect();
        let table = package["features"].as_object().into_iter().flatten();
        let passed_on = table.map(|(feature, brings)| {
            let others = brings.as_array().into_iter().flatten().filter_map(Value::as_str);
            let others = others.filter_map(|other| other.split_once('/'));
            let named = others.filter_map(|(called, of)| Some((names.get(called)?.clone(), of.to_owned())));
            (feature.clone(), named.collect())
        });
        Package {
            name: text(&package["name"]),
            features: features_of(&package["features"]),
            passed_on: passed_on.collect(),
        }
    }

    /// What a build of this package with these features turns on in another one, at least.
    fn turns_on(&self, set: &BTreeSet<String>, other: &Package) -> BTreeSet<String> {
        let passed_on = set.iter().filter_map(|feature| self.passed_on.get(feature)).flatten();
        let its = passed_on.filter(|(name, _)| *name == other.name);
        its.filter_map(|(_, feature)| other.features.get(feature)).flatten().cloned().collect()
    }
}

/// Packages that have features, each after those that use it.
fn packages_with_features() -> Result<Vec<Package>, String> {
    let packages = metadata()?["packages"].as_array().ok_or("cargo metadata lists no packages")?;
    let mut all: Vec<Package> = packages.iter().map(Package::of).filter(|p| !p.features.is_empty()).collect();
    all.sort_by_key(|package| !package.passed_on.values().any(|others| !others.is_empty()));
    Ok(all)
}

/// Of the manifest's table.
fn features_of(table: &Value) -> Features {
    let table = table.as_object().into_iter().flatten();
    let direct: BTreeMap<&str, Vec<&str>> = table
        .filter(|(name, _)| *name != "default")
        .map(|(name, brings)| {
            let brings = brings.as_array().into_iter().flatten();
            (name.as_str(), brings.filter_map(Value::as_str).collect())
        })
        .collect();
    let with_all = |name: &str| {
        let (mut all, mut next) = (BTreeSet::new(), vec![name]);
        while let Some(one) = next.pop() {
            // `dep:` and features of other packages are not in the table.
            if let Some(brings) = direct.get(one)
                && all.insert(one.to_owned())
            {
                next.extend(brings);
            }
        }
        all
    };
    direct.keys().map(|name| ((*name).to_owned(), with_all(name))).collect()
}

/// Sets of features, few of them, in which each feature is once without each other one that it does not bring with it. The first is empty.
/// `seen`: sets that are built anyway.
fn sets(features: &Features, seen: &[BTreeSet<String>]) -> Vec<BTreeSet<String>> {
    let mut apart: BTreeSet<(&str, &str)> = BTreeSet::new();
    for (with, brings) in features {
        apart.extend(features.keys().filter(|f| !brings.contains(*f)).map(|f| (with.as_str(), f.as_str())));
    }
    let not_in = |set: &BTreeSet<String>, apart: &mut BTreeSet<(&str, &str)>| {
        apart.retain(|(with, without)| !set.contains(*with) || set.contains(*without));
    };
    seen.iter().for_each(|set| not_in(set, &mut apart));
    let seen_in = |set: &BTreeSet<String>, apart: &BTreeSet<(&str, &str)>| {
        apart.iter().filter(|(with, without)| set.contains(*with) && !set.contains(*without)).count()
    };
    let mut sets = vec![BTreeSet::new()];
    while let Some((first, _)) = apart.first() {
        let mut set = features[*first].clone();
        loop {
            let larger = features.values().map(|brings| set.union(brings).cloned().collect::<BTreeSet<_>>());
            match larger.max_by_key(|larger| seen_in(larger, &apart)) {
                Some(larger) if seen_in(&larger, &apart) > seen_in(&set, &apart) => set = larger,
                _ => break,
            }
        }
        not_in(&set, &mut apart);
        sets.push(set);
    }
    sets
}

/// Without features, and each alone.
fn alone(features: &Features, _: &[BTreeSet<String>]) -> Vec<BTreeSet<String>> {
    let each = features.keys().map(|feature| BTreeSet::from([feature.clone()]));
    std::iter::once(BTreeSet::new()).chain(each).collect()
}

/// Chooses sets of features to build; the second are those that are built anyway.
type Choose = fn(&Features, &[BTreeSet<String>]) -> Vec<BTreeSet<String>>;

/// Arguments for cargo. A package that is compiled for one that uses it need not be built by itself with the same features.
fn builds(choose: Choose) -> Result<Vec<Vec<String>>, String> {
    let mut chosen: Vec<(Package, Vec<BTreeSet<String>>)> = Vec::new();
    for package in packages_with_features()? {
        let of_users =
            chosen.iter().flat_map(|(user, sets)| sets.iter().map(|set| user.turns_on(set, &package)));
        let sets = choose(&package.features, &of_users.collect::<Vec<_>>());
        chosen.push((package, sets));
    }
    let builds = chosen.into_iter().flat_map(|(package, sets)| {
        sets.into_iter().map(move |set| {
            let mut build = ["-p", &package.name, "--no-default-features"].map(str::to_owned).to_vec();
            if !set.is_empty() {
                build.extend(["--features".to_owned(), set.into_iter().collect::<Vec<_>>().join(",")]);
            }
            build
        })
    });
    Ok(builds.collect())
}

/// Checks each package without its features and with sets of them in which each is without each other; warnings are errors. Clippy, which takes twice as
/// long, has seen them in the tier `lint`, with all features.
pub(crate) fn features() -> Result<(), String> {
    check_all(builds(sets)?)
}

/// The same with each feature alone, which are three times as many builds: what two others can stand in for is found by it only.
pub(crate) fn features_alone() -> Result<(), String> {
    check_all(builds(alone)?)
}

/// In the folder that has what the tier `lint` checked of dependencies.
fn check_all(builds: Vec<Vec<String>>) -> Result<(), String> {
    builds.iter().try_for_each(|build| {
        println!("    {}", build.join(" "));
        let mut check = cargo_command(&["check"]);
        check.args(build);
        // Not by RUSTFLAGS, with which the dependencies would be built anew.
        check.env("RUSTC_WORKSPACE_WRAPPER", root().join("xtask/deny-warnings"));
        status(check)
    })
}

/// The version that Cargo.toml promises.
fn promised() -> Result<&'static str, String> {
    let packages = metadata()?["packages"].as_array().into_iter().flatten();
    let mut versions: Vec<&str> = packages.filter_map(|p| p["rust_version"].as_str()).collect();
    versions.sort_unstable();
    versions.dedup();
    match versions.as_slice() {
        [one] => Ok(one),
        _ => Err(format!("the packages promise different Rust versions: {versions:?}")),
    }
}

/// Adds the oldest toolchain that is promised to rustup's, where it is to be had.
pub(crate) fn oldest_toolchain() -> Result<(), String> {
    let version = promised()?;
    if !has_toolchain(version) {
        println!("    adding the toolchain {version} to rustup's");
        // Without it there is another check.
        let _ = run("rustup", &["toolchain", "install", version, "--profile", "minimal"]);
    }
    Ok(())
}

fn has_toolchain(version: &str) -> bool {
    let mut probe = command("rustup", &["run", version, "rustc", "--version"]);
    probe.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// Builds with the oldest Rust that is promised, where its toolchain is to be had; else checks what can be without it.
pub(crate) fn oldest_rust() -> Result<(), String> {
    let version = promised()?;
    if has_toolchain(version) {
        phase(&format!("checking the workspace with the toolchain {version}"));
        let args = ["run", version, "cargo", "check", "--workspace", "--locked", "--quiet"];
        return run("rustup", &args);
    }
    println!(
        "    no toolchain {version} here: checked by clippy's list, in the tier lint, and by what the dependencies promise"
    );
    dependencies_promise(version)
}

/// Every locked dependency promises to build with `version`, or promises nothing.
fn dependencies_promise(version: &str) -> Result<(), String> {
    let text = output("cargo", &["metadata", "--format-version", "1", "--locked"])?;
    let all: Value = serde_json::from_str(&text).map_err(|e| format!("cargo metadata: {e}"))?;
    let newer: Vec<String> = all["packages"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|p| p["rust_version"].as_str().is_some_and(|needs| number(needs) > number(version)))
        .map(|p| format!("{} {} needs {}", p["name"], p["version"], p["rust_version"]))
        .collect();
    if newer.is_empty() { Ok(()) } else { Err(newer.join("; ")) }
}

/// `1.88` and `1.88.0` alike.
fn number(version: &str) -> [u32; 3] {
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    [(); 3].map(|()| parts.next().unwrap_or(0))
}

pub(crate) fn unused_tool() -> Result<(), String> {
    install::cargo_tool("cargo-machete").map(|_| ())
}

/// Dependencies that no source file names.
pub(crate) fn unused() -> Result<(), String> {
    // Not by way of cargo, whose first argument it would take for a folder.
    run(&install::cargo_tool("cargo-machete")?, &["crates", "xtask", "tests/support", "fuzz"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_number() {
        assert!(number("1.9") < number("1.88.0") && number("1.88") == number("1.88.0"));
    }

    #[test]
    fn each_feature_is_once_without_each_other() {
        let table = serde_json::json!({
            "default": ["a", "b"], "a": ["dep:x"], "b": [], "c": ["b", "other/f"], "d": ["c"], "e": [], "f": [], "g": [], "h": [],
        });
        let features = features_of(&table);
        assert_eq!(features["d"], ["b", "c", "d"].map(str::to_owned).into());
        let sets = sets(&features, &[]);
        assert!(sets[0].is_empty() && sets.len() < alone(&features, &[]).len(), "{sets:?}");
        each_is_without_each_other(&features, &sets);
    }

    fn each_is_without_each_other(features: &Features, sets: &[BTreeSet<String>]) {
        for (with, brings) in features {
            assert!(sets.iter().filter(|set| set.contains(with)).all(|set| set.is_superset(brings)));
            for without in features.keys().filter(|other| !brings.contains(*other)) {
                let apart = sets.iter().any(|set| set.contains(with) && !set.contains(without));
                assert!(apart, "{with} is never without {without}");
            }
        }
    }

    #[test]
    fn what_is_built_for_a_user_is_not_built_again() {
        let user = Package::of(&serde_json::json!({
            "name": "user",
            "dependencies": [{ "name": "library-core", "rename": "library" }, { "name": "other", "rename": null }],
            "features": { "x": ["library/a", "other/z", "dep:other"], "y": ["x", "library/b"], "z": [] },
        }));
        let table = serde_json::json!({ "a": [], "b": ["c"], "c": [], "d": [] });
        let library = Package::of(&serde_json::json!({ "name": "library-core", "features": table }));
        let turned_on = |set: &[&str]| user.turns_on(&set.iter().map(|f| f.to_string()).collect(), &library);
        assert_eq!(turned_on(&["x"]), ["a"].map(str::to_owned).into());
        assert_eq!(turned_on(&["x", "y"]), ["a", "b", "c"].map(str::to_owned).into());
        let seen = [turned_on(&["x"]), turned_on(&["y"])];
        let more = sets(&library.features, &seen);
        assert!(more.len() < sets(&library.features, &[]).len(), "{more:?}");
        each_is_without_each_other(&library.features, &[more, seen.to_vec()].concat());
    }

    #[test]
    fn the_program_is_built_without_virtual_sticks() {
        let wanted = ["-p", "stickshift", "--no-default-features"].map(str::to_owned);
        assert!(builds(sets).unwrap().iter().any(|build| build == &wanted));
    }
}
