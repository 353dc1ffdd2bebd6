//! The tier of crates.io: what would be published is packed, and `cargo install stickshift` is tried with the packed crates.
//!
//! The registry of the trial is a folder with the packed crates and all they need. What only the checkout has, files or patches, is not in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::json;

use crate::install::rust_target;
use crate::run::{cargo, command, metadata, output, output_of, phase, status, target};
use crate::small;

/// Packages that stay here, as arguments for cargo.
pub(crate) const UNPUBLISHED: [&str; 4] = ["--exclude", "xtask", "--exclude", "test-support"];

/// Packs every package that is published, and uses them as strangers would. Publishes none.
pub(crate) fn publishable() -> Result<(), String> {
    phase("what crates.io asks of the packages");
    // Changed files of a contributor are no hindrance. What compiles is seen below.
    let dry = ["publish", "--workspace", "--dry-run", "--no-verify", "--allow-dirty"];
    cargo(&[&dry[..], &UNPUBLISHED].concat())?;
    let program = installed()?.to_string_lossy().into_owned();
    let told = output(&program, &["--version"])?;
    println!("    installed: {}", told.trim());
    // With the data that it carries.
    output(&program, &["rehearse", "--quiet"]).map(|_| ())
}

/// The program that `cargo install stickshift` makes of the packed crates, installed once in a run: static, and not optimised.
pub(crate) fn installed() -> Result<PathBuf, String> {
    static INSTALLED: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let install = || {
        phase("a registry with the packed crates and all they need");
        let registry = Registry::new(target("crates")?, &pack()?)?;
        phase("cargo install --locked stickshift");
        registry.install()
    };
    INSTALLED.get_or_init(install).clone()
}

/// A package as it would be published.
struct Packed {
    name: String,
    /// Its name with its version, as its folder is called.
    folder: String,
    file: PathBuf,
}

/// Packs, without compiling.
pub(crate) fn pack_only() -> Result<(), String> {
    let args = ["package", "--workspace", "--no-verify", "--allow-dirty"];
    cargo(&[&args[..], &UNPUBLISHED].concat())
}

fn pack() -> Result<Vec<Packed>, String> {
    pack_only()?;
    let packages = metadata()?["packages"].as_array().into_iter().flatten();
    // An empty list is "publish = false".
    let published = packages.filter(|p| p["publish"].as_array().is_none_or(|list| !list.is_empty()));
    let packed = published.map(|package| {
        let text = |key: &str| package[key].as_str().unwrap_or_default().to_owned();
        let (name, version) = (text("name"), text("version"));
        let folder = format!("{name}-{version}");
        Ok(Packed { file: target(&format!("package/{folder}.crate"))?, name, folder })
    });
    packed.collect()
}

/// A registry with the packed packages and all they need.
struct Registry {
    /// A folder for each package.
    packages: PathBuf,
    /// What cargo builds.
    built: PathBuf,
}

const STATIC: &str = "target.x86_64-unknown-linux-musl.rustflags=[\"-C\", \"relocation-model=static\"]";

impl Registry {
    fn new(folder: PathBuf, packed: &[Packed]) -> Result<Registry, String> {
        let workspace = folder.join("workspace");
        let _ = fs::remove_dir_all(&workspace);
        make(&workspace)?;
        let (mut members, mut patches) = (String::new(), String::new());
        for package in packed {
            let mut tar = command("tar", &["--extract", "--file"]);
            tar.arg(&package.file).arg("--directory").arg(&workspace);
            status(tar)?;
            members.push_str(&format!("{:?}, ", package.folder));
            patches.push_str(&format!("{} = {{ path = {:?} }}\n", package.name, package.folder));
        }
        let manifest =
            format!("[workspace]\nresolver = \"3\"\nmembers = [{members}]\n[patch.crates-io]\n{patches}");
        write(&workspace.join("Cargo.toml"), &manifest)?;
        // The versions that `--locked` takes.
        let program =
            packed.iter().find(|package| package.name == "stickshift").ok_or("no program is packed")?;
        let (from, to) = (workspace.join(&program.folder).join("Cargo.lock"), workspace.join("Cargo.lock"));
        fs::copy(&from, to).map_err(|e| format!("{}: {e}", from.display()))?;

        let packages = workspace.join("registry");
        let mut vendor = command("cargo", &["vendor", "--quiet", "registry"]);
        output_of(vendor.current_dir(&workspace))?;
        for package in packed {
            let entry = packages.join(&package.name);
            let mut copy = command("cp", &["--recursive", "--reflink=auto"]);
            copy.arg(workspace.join(&package.folder)).arg(&entry);
            status(copy)?;
            let sum = output("sha256sum", &[&package.file.to_string_lossy()])?;
            let sum = sum.split(' ').next().unwrap_or_default();
            let checksum = json!({ "files": {}, "package": sum });
            write(&entry.join(".cargo-checksum.json"), &checksum.to_string())?;
        }
        Ok(Registry { packages, built: folder.join("built") })
    }

    /// Cargo, which knows no registry but this one.
    fn cargo(&self, args: &[&str], within: &Path) -> Command {
        let mut cargo = command("cargo", args);
        cargo
            .args([
                "--quiet",
                "--offline",
                "--config",
                "source.crates-io.replace-with=\"packed\"",
                "--config",
            ])
            .arg(format!("source.packed.directory={:?}", self.packages.display().to_string()))
            // As the program of an archive is made: packages want no static program that can be moved.
            .args(["--config", STATIC])
            .env("CARGO_TARGET_DIR", &self.built)
            // What is tried is whether it builds, and works.
            .envs([
                ("CARGO_PROFILE_DEV_DEBUG", "0"),
                ("CARGO_PROFILE_DEV_STRIP", "true"),
                ("CARGO_PROFILE_DEV_OPT_LEVEL", "0"),
                ("CARGO_INCREMENTAL", "0"),
            ])
            .current_dir(within);
        cargo
    }

    /// Installs the program and returns where it is.
    fn install(&self) -> Result<PathBuf, String> {
        rust_target(small::TARGET)?;
        let into = self.built.join("installed");
        let elsewhere = self.built.join("elsewhere");
        make(&elsewhere)?;
        let root = format!("--root={}", into.display());
        let args =
            ["install", "--locked", "--debug", "--force", "--target", small::TARGET, "stickshift", &root];
        status(self.cargo(&args, &elsewhere))?;
        Ok(into.join("bin/stickshift"))
    }
}

fn make(path: &Path) -> Result<(), String> {
    fs::create_dir_all(path).map_err(|e| format!("{}: {e}", path.display()))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|e| format!("{}: {e}", path.display()))
}
