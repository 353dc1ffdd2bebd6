//! What goes onto a router, the same in `.ipk` and `.apk`: the program with its service, its protocol for netifd, its ubus object; and LuCI's pages.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::tree::{FILE, PROGRAM, Tree, gzipped};
use super::{Payload, read};
use crate::run;

/// Files of the program's package, laid out as on the router. `setup openwrt` has some of them too.
const FILES: &str = "crates/stickshift-cli/openwrt";
/// The feed, with LuCI's pages.
const FEED: &str = "packaging/openwrt";

/// One package for OpenWrt, before it is packed.
pub(super) struct Package {
    pub(super) name: &'static str,
    pub(super) arch: String,
    pub(super) synopsis: &'static str,
    pub(super) depends: &'static [&'static str],
    /// Settings of the owner: paths from `/`.
    pub(super) conffiles: &'static [&'static str],
    pub(super) tree: Tree,
    pub(super) scripts: Scripts,
}

/// What runs after the installation and before the removal, in the words of both package managers.
pub(super) struct Scripts {
    pub(super) post_install: String,
    pub(super) pre_remove: String,
}

/// Both packages. `all` is what the package manager calls every architecture.
pub(super) fn packages(payload: &Payload, kind: &str, all: &str) -> Result<Vec<Package>, String> {
    let program = Tree::new(payload.scratch(&format!("{kind}/stickshift"))?)?;
    program.put("usr/bin/stickshift", read(&payload.binary)?, PROGRAM)?;
    program.link("usr/sbin/usb_modeswitch", "../bin/stickshift")?;
    copy(FILES, "", &program)?;

    let pages = Tree::new(payload.scratch(&format!("{kind}/luci-app-stickshift"))?)?;
    copy(&format!("{FEED}/luci-app-stickshift/htdocs"), "www", &pages)?;
    copy(&format!("{FEED}/luci-app-stickshift/root"), "", &pages)?;
    Ok(vec![
        Package {
            name: "stickshift",
            arch: payload.arch.clone(),
            synopsis: "One program for USB cellular modems: switches, dials, reads messages and signal",
            depends: &[],
            conffiles: &["/etc/config/stickshift"],
            tree: program,
            scripts: scripts("stickshift"),
        },
        Package {
            name: "luci-app-stickshift",
            arch: all.to_owned(),
            synopsis: "USB modems in LuCI: status, settings, and the protocol for network interfaces",
            depends: &["luci-base", "stickshift"],
            conffiles: &[],
            tree: pages,
            scripts: scripts("luci-app-stickshift"),
        },
    ])
}

/// The version with that of the package.
pub(super) fn version(payload: &Payload) -> String {
    format!("{}-r1", payload.version)
}

/// As OpenWrt's own packages have them: the functions enable and start services, and stop them. rpcd reads ubus objects and rights when it starts.
fn scripts(name: &str) -> Scripts {
    let begin = "#!/bin/sh\n[ \"${IPKG_NO_SCRIPT}\" = 1 ] && exit 0\n[ -s ${IPKG_INSTROOT}/lib/functions.sh ] || exit 0\n\
                 . ${IPKG_INSTROOT}/lib/functions.sh\n";
    let set = format!("export root=\"${{IPKG_INSTROOT}}\"\nexport pkgname=\"{name}\"\n");
    let reload = "[ -n \"${IPKG_INSTROOT}\" ] || [ ! -x /etc/init.d/rpcd ] || /etc/init.d/rpcd reload\n";
    let caches = "rm -f /tmp/luci-indexcache*\n";
    Scripts {
        post_install: format!("{begin}{set}default_postinst $0 $@\n{reload}{caches}exit 0\n"),
        pre_remove: format!("{begin}{set}default_prerm $0 $@\n"),
    }
}

/// The files below a folder of the repository. Scripts are those that are executable there.
fn copy(from: &str, below: &str, tree: &Tree) -> Result<(), String> {
    let root = run::root().join(from);
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        let failed = |e: std::io::Error| format!("{}: {e}", folder.display());
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(&root).map_err(|e| e.to_string())?;
            let target = Path::new(below).join(name);
            tree.put(&target.to_string_lossy(), read(&path)?, mode(&path)?)?;
        }
    }
    Ok(())
}

fn mode(path: &Path) -> Result<u32, String> {
    use std::os::unix::fs::PermissionsExt;
    let about = fs::metadata(path).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(if about.permissions().mode() & 0o100 == 0 { FILE } else { PROGRAM })
}

/// Where the packed file goes.
pub(super) fn file(payload: &Payload, package: &Package, suffix: &str) -> PathBuf {
    payload.out.join(format!("{}_{}_{}.{suffix}", package.name, version(payload), package.arch))
}

/// The feed as it is published: a copy of its folder that names the checksum of the sources, and the sources beside it.
pub(super) fn feed(out: &Path) -> Result<Vec<PathBuf>, String> {
    let version = super::version()?;
    fs::create_dir_all(out).map_err(|e| format!("{}: {e}", out.display()))?;
    let name = format!("stickshift-{version}");
    let sources = out.join(format!("{name}.tar.gz"));
    let mut archive = run::command("git", &["archive", "--format=tar", &format!("--prefix={name}/"), "HEAD"]);
    archive.stderr(Stdio::inherit());
    gzipped(archive, &sources)?;
    let sum = run::output("sha256sum", &[&sources.to_string_lossy()])?;
    let sum = sum.split(' ').next().unwrap_or_default();

    let tree = Tree::new(out.join("feed"))?;
    copy(FEED, "", &tree)?;
    let makefile = tree.path("stickshift/Makefile");
    let text = String::from_utf8_lossy(&read(&makefile)?).into_owned();
    let text: String = text
        .lines()
        .map(|line| match line.split_once(":=") {
            Some(("PKG_VERSION", _)) => format!("PKG_VERSION:={version}\n"),
            Some(("PKG_HASH", _)) => format!("PKG_HASH:={sum}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    tree.put("stickshift/Makefile", text, FILE)?;
    Ok(vec![sources, tree.root().to_owned()])
}
