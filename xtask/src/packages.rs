//! Tiers about the workspace's packages: their features, the oldest Rust they build with, and dependencies that nothing uses.

use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use crate::install;
use crate::run::{cargo_command, command, metadata, output, phase, root, run, status, target, two_at_a_time};

/// Every way to build a package: without features, and with each one alone. Arguments for cargo.
fn builds() -> Result<Vec<Vec<String>>, String> {
    let packages = metadata()?["packages"].as_array().ok_or("cargo metadata lists no packages")?;
    let mut builds = Vec::new();
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        let features = package["features"].as_object().into_iter().flatten();
        let bare = || ["-p", name, "--no-default-features"].map(str::to_owned).to_vec();
        let each = features.filter(|(feature, _)| *feature != "default").map(|(feature, _)| {
            let mut build = bare();
            build.extend(["--features".to_owned(), feature.clone()]);
            build
        });
        let each: Vec<_> = each.collect();
        if !each.is_empty() {
            builds.push(bare());
            builds.extend(each);
        }
    }
    Ok(builds)
}

/// Checks each package without its default features and with each feature alone; warnings are errors. Clippy, which takes twice as long, has seen them in the
/// tier `lint`, with all features.
///
/// Two at a time: what changes between two builds is one crate or two, which the compiler checks on one core.
pub(crate) fn features() -> Result<(), String> {
    // Cargo locks its target folder.
    let folders = [None, Some(target("features")?)];
    two_at_a_time(builds()?.into_iter(), |lane, build| {
        println!("    {}", build.join(" "));
        check_features(&build, folders[lane].as_deref())
    })
}

fn check_features(build: &[String], folder: Option<&Path>) -> Result<(), String> {
    let mut args = vec!["check"];
    args.extend(build.iter().map(String::as_str));
    let mut check = cargo_command(&args);
    // Not by RUSTFLAGS, with which the dependencies would be built anew.
    check.env("RUSTC_WORKSPACE_WRAPPER", root().join("xtask/deny-warnings"));
    check.envs(folder.map(|folder| ("CARGO_TARGET_DIR", folder)));
    status(check)
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
    fn the_program_is_built_without_virtual_sticks() {
        let wanted = ["-p", "stickshift", "--no-default-features"].map(str::to_owned);
        assert!(builds().unwrap().iter().any(|build| build == &wanted));
    }
}
