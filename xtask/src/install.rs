//! What the tiers need from outside, installed when it is missing and this machine lets us.

use std::path::Path;
use std::process::Stdio;
use std::sync::OnceLock;

use crate::run::{command, has, in_ci, output, run, status, status_logged, target};

/// One program that a tier needs: a path that shows it is there, and the Debian package that brings it.
pub(crate) struct Need {
    /// File that is there when the package is.
    pub(crate) file: &'static str,
    /// Debian package.
    pub(crate) package: &'static str,
}

/// Makes sure that Debian packages are there.
pub(crate) fn debian(needs: &[Need]) -> Result<(), String> {
    let missing: Vec<&str> =
        needs.iter().filter(|n| !Path::new(n.file).exists()).map(|n| n.package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    if !has("apt-get", "--version") {
        return Err(format!("needs {}, and this system has no apt-get", missing.join(" ")));
    }
    let sudo = !has("sh", "-c") && has("sudo", "--version");
    let log = target("apt.log")?;
    let apt = |args: &[&str]| {
        // Another installation is waited for.
        let mut all = vec!["apt-get", "-o", "DPkg::Lock::Timeout=600"];
        if in_ci() {
            // Nobody keeps what is installed there.
            all.extend(["-o", "Dpkg::Options::=--force-unsafe-io"]);
        }
        all.extend(args);
        let mut apt = if sudo { command("sudo", &all) } else { command(all[0], &all[1..]) };
        apt.env("DEBIAN_FRONTEND", "noninteractive");
        status_logged(apt, &log)
    };
    println!("    installing Debian packages: {}", missing.join(" "));
    static LISTS: OnceLock<Result<(), String>> = OnceLock::new();
    LISTS.get_or_init(|| apt(&["update", "-qq"])).clone()?;
    let mut args = vec!["install", "-y", "-qq", "--no-install-recommends"];
    args.extend(missing);
    apt(&args)
}

/// Installs packages from PyPI in a folder of their own, which needs no right to install anything on this machine.
pub(crate) fn python(folder: &Path, packages: &[&str]) -> Result<(), String> {
    let python = folder.join("bin/python").to_string_lossy().into_owned();
    let has_pip = || {
        let mut probe = command(&python, &["-c", "import pip"]);
        probe.stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    };
    let make = || run("python3", &["-m", "venv", &folder.to_string_lossy()]);
    if !has_pip() && make().is_err() {
        // Debian keeps what it needs in a package of its own, which has no file that a path without a version names.
        debian(&[
            Need { file: "/usr/bin/python3", package: "python3" },
            Need { file: "/usr/share/doc/python3-venv", package: "python3-venv" },
        ])?;
        make()?;
    }
    let args = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    run(&python, &[&args[..], packages].concat())
}

/// A program of crates.io: the one that is installed, else one of our own in the target folder's `tools`. Cargo's home is left as it is.
pub(crate) fn cargo_tool(package: &str) -> Result<String, String> {
    let folder = target("tools")?;
    let own = folder.join("bin").join(package);
    if own.exists() {
        return Ok(own.to_string_lossy().into_owned());
    }
    if has(package, "--version") || has(package, "--help") {
        return Ok(package.to_owned());
    }
    println!("    compiling {package} into {} (minutes, once)", folder.display());
    // Compiled faster than it would run faster.
    let root = folder.to_string_lossy();
    let args = ["install", "--quiet", "--locked", "--debug", "--root", &root, package];
    let mut install = command("cargo", &args);
    install.env("CARGO_PROFILE_DEV_DEBUG", "0");
    status(install)?;
    Ok(own.to_string_lossy().into_owned())
}

/// Makes sure that rustc can build for `target`.
pub(crate) fn rust_target(target: &str) -> Result<(), String> {
    if output("rustc", &["--print", "target-libdir", "--target", target])
        .is_ok_and(|folder| Path::new(folder.trim()).exists())
    {
        return Ok(());
    }
    println!("    adding the standard library of {target} to rustup's toolchain");
    run("rustup", &["target", "add", target])
}
