//! `.deb`: the program with what belongs to it, and a small package that stands in for usb-modeswitch. Needs `dpkg-deb` alone.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::tree::{FILE, PROGRAM, Tree};
use super::{Payload, ours, read};
use crate::run;

const PROGRAM_PACKAGE: &str = "stickshift";
const STAND_IN: &str = "stickshift-usb-modeswitch";

const SYNOPSIS: &str = "one program for USB cellular modems";
const ABOUT: &str = " It finds and identifies USB modem sticks, switches them from CD-ROM to modem,\n \
     dials and stays online, reads and sends messages, shows signal and network,\n \
     loads and flashes firmware, and learns from USB captures how unknown sticks\n \
     are switched.\n";

/// Both packages.
pub(super) fn pack(payload: &Payload) -> Result<Vec<PathBuf>, String> {
    Ok(vec![program(payload)?, stand_in(payload)?])
}

fn program(payload: &Payload) -> Result<PathBuf, String> {
    let tree = Tree::new(payload.scratch(PROGRAM_PACKAGE)?)?;
    let says = |args: &[&str]| payload.says(args);
    tree.put("usr/bin/stickshift", read(&payload.binary)?, PROGRAM)?;
    // For the group that Debian gives serial ports, whatever the system has that packs this.
    let access = says(&["setup", "udev", "--print", "--root", "package", "--group", "dialout"])?;
    tree.put("usr/lib/udev/rules.d/70-stickshift.rules", access, FILE)?;
    for (unit, more) in [("stickshift.service", None), ("stickshift-online@.service", Some("--online"))] {
        let mut args = vec!["setup", "systemd", "--print", "--root", "package"];
        args.extend(more);
        tree.put(&format!("usr/lib/systemd/system/{unit}"), says(&args)?, FILE)?;
    }
    for (shell, path) in [
        ("bash", "usr/share/bash-completion/completions/stickshift"),
        ("zsh", "usr/share/zsh/vendor-completions/_stickshift"),
        ("fish", "usr/share/fish/vendor_completions.d/stickshift.fish"),
    ] {
        tree.put(path, says(&["setup", "completions", shell])?, FILE)?;
    }
    manual(payload, &tree)?;
    tree.put("etc/stickshift/config.toml", ours("packaging/debian/config.toml")?, FILE)?;
    documents(payload, &tree, PROGRAM_PACKAGE)?;
    for script in ["postinst", "prerm", "postrm"] {
        tree.put(&format!("DEBIAN/{script}"), ours(&format!("packaging/debian/{script}"))?, PROGRAM)?;
    }
    tree.put("DEBIAN/conffiles", "/etc/stickshift/config.toml\n", FILE)?;
    let fields = "Recommends: udev\nSuggests: ppp\nSection: comm\n";
    build(payload, &tree, PROGRAM_PACKAGE, &payload.arch, fields, SYNOPSIS, ABOUT)
}

fn stand_in(payload: &Payload) -> Result<PathBuf, String> {
    let tree = Tree::new(payload.scratch(STAND_IN)?)?;
    tree.link("usr/sbin/usb_modeswitch", "../bin/stickshift")?;
    tree.link("usr/share/man/man1/usb_modeswitch.1.gz", "stickshift.1.gz")?;
    let rules = payload.says(&["setup", "udev", "--switch", "--print", "--root", "package"])?;
    tree.put("usr/lib/udev/rules.d/81-stickshift-switch.rules", rules, FILE)?;
    documents(payload, &tree, STAND_IN)?;
    let fields = format!(
        "Depends: stickshift (>= {}), udev\n\
         Provides: usb-modeswitch, usb-modeswitch-data\n\
         Conflicts: usb-modeswitch, usb-modeswitch-data\n\
         Replaces: usb-modeswitch, usb-modeswitch-data\n\
         Section: comm\n",
        debian_version(payload)
    );
    let about = " Switches USB modem sticks from CD-ROM to modem as they are plugged in, by udev\n \
                 rules, and takes the name and the options of usb_modeswitch for scripts that\n \
                 call it. It takes the place of usb-modeswitch and its data.\n";
    build(payload, &tree, STAND_IN, "all", &fields, "stickshift in the place of usb-modeswitch", about)
}

/// Of this project's first package of that version.
fn debian_version(payload: &Payload) -> String {
    format!("{}-1", payload.version)
}

fn build(
    payload: &Payload,
    tree: &Tree,
    name: &str,
    arch: &str,
    fields: &str,
    synopsis: &str,
    about: &str,
) -> Result<PathBuf, String> {
    let version = debian_version(payload);
    let files = tree.files()?;
    let files: Vec<_> = files.iter().filter(|(path, _)| !path.starts_with("DEBIAN/")).collect();
    let installed_kib: u64 = files.iter().map(|(_, length)| length.div_ceil(1024)).sum();
    tree.put("DEBIAN/md5sums", sums(tree, &files)?, FILE)?;
    let control = format!(
        "Package: {name}\nSource: stickshift\nVersion: {version}\nArchitecture: {arch}\n\
         Maintainer: {}\nInstalled-Size: {installed_kib}\n{fields}Priority: optional\nDescription: {synopsis}\n{about}",
        payload.maintainer
    );
    tree.put("DEBIAN/control", control, FILE)?;
    let package = payload.out.join(format!("{name}_{version}_{arch}.deb"));
    let mut pack = Command::new("dpkg-deb");
    pack.args(["--root-owner-group", "-Zxz", "--build"]).arg(tree.root()).arg(&package);
    pack.env("SOURCE_DATE_EPOCH", &payload.epoch);
    run::status(pack)?;
    Ok(package)
}

/// Manual pages of the program and of each verb.
fn manual(payload: &Payload, tree: &Tree) -> Result<(), String> {
    let folder = payload.scratch("man")?;
    let _ = fs::remove_dir_all(&folder);
    payload.says(&["setup", "man", "--dir", &folder.to_string_lossy()])?;
    let failed = |e: std::io::Error| format!("{}: {e}", folder.display());
    for entry in fs::read_dir(&folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let target = format!("usr/share/man/man1/{}", entry.file_name().to_string_lossy());
        tree.put_gzip(&target, read(&entry.path())?)?;
    }
    Ok(())
}

fn documents(payload: &Payload, tree: &Tree, name: &str) -> Result<(), String> {
    let folder = format!("usr/share/doc/{name}");
    tree.put(&format!("{folder}/copyright"), ours("packaging/debian/copyright")?, FILE)?;
    tree.put_gzip(&format!("{folder}/changelog.Debian"), changelog(payload)?)?;
    tree.put_gzip(&format!("{folder}/changelog"), ours("CHANGELOG.md")?)?;
    let overrides = ours(&format!("packaging/debian/{name}.overrides"))?;
    tree.put(&format!("usr/share/lintian/overrides/{name}"), overrides, FILE)?;
    tree.put(&format!("{folder}/README.Debian"), ours(&format!("packaging/debian/{name}.README"))?, FILE)
}

fn changelog(payload: &Payload) -> Result<String, String> {
    let mut date = run::command("date", &["-u", "-R", "-d", &format!("@{}", payload.epoch)]);
    let date = date.env("LC_ALL", "C").output().map_err(|e| format!("date: {e}"))?;
    Ok(format!(
        "stickshift ({}) unstable; urgency=medium\n\n  \
         * Packaged as published; the changes are in changelog.gz.\n\n -- {}  {}",
        debian_version(payload),
        payload.maintainer,
        String::from_utf8_lossy(&date.stdout)
    ))
}

/// The lines of `md5sums`, which has files and no links.
fn sums(tree: &Tree, files: &[&(String, u64)]) -> Result<String, String> {
    let mut command = Command::new("md5sum");
    command.current_dir(tree.root());
    let mut paths =
        files.iter().map(|(path, _)| path).filter(|path| !tree.path(path).is_symlink()).peekable();
    if paths.peek().is_none() {
        return Ok(String::new());
    }
    let output = command.arg("--").args(paths).output().map_err(|e| format!("md5sum: {e}"))?;
    if !output.status.success() {
        return Err(format!("md5sum: {}", output.status));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
