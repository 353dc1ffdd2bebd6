//! `.ipk`, for OpenWrt's opkg (until 24.10): a compressed archive of `debian-binary`, `data.tar.gz` and `control.tar.gz`, in this order.

use std::path::PathBuf;
use std::process::Command;

use super::Payload;
use super::openwrt::{self, Package};
use super::tree::{FILE, PROGRAM, Tree, gzipped};

/// Both packages.
pub(super) fn pack(payload: &Payload) -> Result<Vec<PathBuf>, String> {
    let packages = openwrt::packages(payload, "ipk", "all")?;
    packages.iter().map(|package| one(payload, package)).collect()
}

fn one(payload: &Payload, package: &Package) -> Result<PathBuf, String> {
    let parts = Tree::new(payload.scratch(&format!("ipk/{}.parts", package.name))?)?;
    parts.put("debian-binary", "2.0\n", FILE)?;
    package.tree.tar_gz(&parts.path("data.tar.gz"), &payload.epoch)?;

    let control = Tree::new(payload.scratch(&format!("ipk/{}.control", package.name))?)?;
    let installed: u64 = package.tree.files()?.iter().map(|(_, length)| length).sum();
    let depends = match package.depends {
        [] => String::new(),
        names => format!("Depends: {}\n", names.join(", ")),
    };
    let fields = format!(
        "Package: {}\nVersion: {}\n{depends}Source: stickshift\nLicense: MIT OR Apache-2.0\nSection: net\nMaintainer: {}\n\
         Architecture: {}\nInstalled-Size: {installed}\nDescription:  {}\n",
        package.name,
        openwrt::version(payload),
        payload.maintainer,
        package.arch,
        package.synopsis
    );
    control.put("control", fields, FILE)?;
    if !package.conffiles.is_empty() {
        control.put("conffiles", package.conffiles.join("\n") + "\n", FILE)?;
    }
    control.put("postinst", &package.scripts.post_install, PROGRAM)?;
    control.put("prerm", &package.scripts.pre_remove, PROGRAM)?;
    control.tar_gz(&parts.path("control.tar.gz"), &payload.epoch)?;

    let packed = openwrt::file(payload, package, "ipk");
    let mut tar = Command::new("tar");
    tar.args(["--create", "--format=gnu", "--owner=0", "--group=0", "--numeric-owner"]);
    tar.args(["--mode=0644", &format!("--mtime=@{}", payload.epoch), "--directory"]).arg(parts.root());
    tar.args(["./debian-binary", "./data.tar.gz", "./control.tar.gz"]);
    gzipped(tar, &packed)?;
    Ok(packed)
}
