//! The tier of the packages: each is installed, used, upgraded, removed and purged in a clean root, and every file is accounted for.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Payload, apk, deb};
use crate::crates;
use crate::install::{self, Need};
use crate::run::{self, command, output, run, status, target, test_command};

/// A release of Debian, with udev and usb-modeswitch.
const RELEASE: &str = "bookworm";
const IN_THE_ROOT: &str = "init-system-helpers,udev,usb-modeswitch";

/// Installs what the tier needs and makes the clean root, which is kept.
pub(crate) fn prepare() -> Result<(), String> {
    if output("id", &["-u"])?.trim() != "0" {
        return Err("needs root, to install packages in a root of their own".to_owned());
    }
    install::debian(&[
        Need { file: "/usr/bin/lintian", package: "lintian" },
        Need { file: "/usr/bin/mmdebstrap", package: "mmdebstrap" },
        Need { file: "/usr/bin/python3", package: "python3" },
        Need { file: "/usr/bin/node", package: "nodejs" },
        Need { file: "/usr/bin/cc", package: "gcc" },
        Need { file: "/usr/include/json-c/json.h", package: "libjson-c-dev" },
    ])?;
    apk::alpine()?;
    let openwrt = openwrt_peers()?;
    if !openwrt.join("jshn.sh").exists() {
        let script = run::root().join("xtask/packages/openwrt/build-peers.sh");
        run("sh", &[&script.to_string_lossy(), &openwrt.to_string_lossy()])?;
    }
    let (root, peers) = (root()?, peers()?);
    if !root.exists() {
        println!("    making a clean root of {RELEASE}");
        let making = root.with_extension("making.tar");
        let include = format!("--include={IN_THE_ROOT}");
        let making_name = making.to_string_lossy();
        let args = ["--quiet", "--variant=minbase", &include, RELEASE, &making_name];
        status(test_command("mmdebstrap", &args))?;
        fs::rename(&making, &root).map_err(|e| format!("{}: {e}", root.display()))?;
    }
    if fs::read_dir(&peers).is_ok_and(|files| files.count() >= 2) {
        return Ok(());
    }
    fs::create_dir_all(&peers).map_err(|e| format!("{}: {e}", peers.display()))?;
    let mut download = command("apt-get", &["download", "-qq", "usb-modeswitch", "usb-modeswitch-data"]);
    status({
        download.current_dir(&peers);
        download
    })
}

fn root() -> Result<PathBuf, String> {
    let folder = target("package-tests")?;
    fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    Ok(folder.join(format!("{RELEASE}.tar")))
}

fn peers() -> Result<PathBuf, String> {
    target("package-tests/peers")
}

/// Packs and tries every kind.
pub(crate) fn test() -> Result<(), String> {
    let out = target("package-tests/packages")?;
    let _ = fs::remove_dir_all(&out);
    // What is packed is tried, and not how small it is.
    let binary = crates::installed()?;
    debian(&binary, &out.join("deb"))?;
    for kind in ["apk", "ipk"] {
        openwrt(kind, &binary, &out.join(kind))?;
    }
    let pages = run::root().join("xtask/packages/luci.js");
    run("node", &[&pages.to_string_lossy(), &binary.to_string_lossy()])
}

fn openwrt(kind: &str, binary: &Path, out: &Path) -> Result<(), String> {
    let (binary, folder) = (binary.to_string_lossy(), out.to_string_lossy());
    let newer = out.join("newer");
    let newer = newer.to_string_lossy();
    // For the machine that tries them, with virtual sticks, which the program for a router does without.
    let options = ["--binary", &binary, "--arch", "x86_64", "--out"];
    let packages = super::package(kind, &[&options[..], &[&folder]].concat())?;
    let first = bytes(&packages)?;
    if bytes(&super::package(kind, &[&options[..], &[&folder]].concat())?)? != first {
        return Err("the same sources made different packages".to_owned());
    }
    super::package(kind, &[&options[..], &[&newer, "--version", "99.0.0"]].concat())?;
    println!("    .{kind}");
    let script = run::root().join("xtask/packages/openwrt.sh");
    let of = |path: PathBuf| path.to_string_lossy().into_owned();
    // Not in memory: apk takes such a root for one that ends with the machine, and refuses.
    run("bash", &[&of(script), kind, &of(apk::alpine()?), &of(openwrt_peers()?), &folder])
}

/// OpenWrt's uci and jshn.
fn openwrt_peers() -> Result<PathBuf, String> {
    target("package-tests/openwrt-peers")
}

fn bytes(packages: &[PathBuf]) -> Result<Vec<Vec<u8>>, String> {
    packages.iter().map(|package| super::read(package)).collect()
}

fn debian(binary: &Path, out: &Path) -> Result<(), String> {
    let (binary, folder) = (binary.to_string_lossy(), out.to_string_lossy());
    let arch = output("dpkg", &["--print-architecture"])?;
    let mut payload = Payload::new(&["--binary", &binary, "--arch", arch.trim(), "--out", &folder])?;
    // lintian wants an address that can be written to.
    payload.maintainer = "The stickshift developers <stickshift@packages.debian.org>".to_owned();
    let packages = deb::pack(&payload)?;
    let first = bytes(&packages)?;
    if bytes(&deb::pack(&payload)?)? != first {
        return Err("the same sources made different packages".to_owned());
    }
    let names: Vec<_> = packages.iter().map(|p| p.to_string_lossy().into_owned()).collect();
    let mut lintian = vec!["--allow-root", "--fail-on=error,warning", "--tag-display-limit=0"];
    lintian.extend(names.iter().map(String::as_str));
    run("lintian", &lintian)?;
    println!("    lintian has neither errors nor warnings");
    let script = run::root().join("xtask/packages/deb.sh");
    let of = |path: PathBuf| path.to_string_lossy().into_owned();
    status(test_command("bash", &[&of(script), &of(root()?), &folder, &of(peers()?)]))
}
