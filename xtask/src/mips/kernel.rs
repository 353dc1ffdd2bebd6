//! Kernels for QEMU's Malta board: Debian's little-endian one, and a big-endian one that is built from Debian's source.

use std::fs;
use std::path::{Path, PathBuf};

use crate::debian::Packages;
use crate::install::{self, Need};
use crate::run::{command, entries, run, status, target};
use crate::vm;

/// A kernel, and the modules to load, in order.
pub(crate) struct Kernel {
    pub(crate) image: PathBuf,
    pub(crate) modules: Vec<PathBuf>,
}

/// What sticks need, and the network by which they come.
const MODULES: &[&str] =
    &["pcnet32", "vhci-hcd", "usb-storage", "sr_mod", "sg", "option", "cdc_ether", "huawei_cdc_ncm"];

/// Debian's kernel, unpacked.
pub(crate) fn little() -> Result<Kernel, String> {
    let folder = target("mips")?;
    let debian = Packages::of("mipsel", &folder);
    let package = debian.first_need("linux-image-4kc-malta")?;
    let release = package.strip_prefix("linux-image-").ok_or_else(|| format!("{package} is no kernel"))?;
    let files = folder.join("little");
    debian.unpack_only(&[&package], &files)?;
    run("/usr/sbin/depmod", &["-b", &files.to_string_lossy(), release])?;
    let below = files.join("lib/modules").join(release);
    let dependencies = below.join("modules.dep");
    let dependencies =
        fs::read_to_string(&dependencies).map_err(|e| format!("{}: {e}", dependencies.display()))?;
    let modules = vm::module_order(&dependencies, MODULES)?;
    Ok(Kernel {
        image: files.join(format!("boot/vmlinuz-{release}")),
        modules: modules.iter().map(|module| below.join(module)).collect(),
    })
}

/// The big-endian kernel, where one was built. `STICKSHIFT_BUILD_KERNEL=1` builds it.
pub(crate) fn kept() -> Result<Option<Kernel>, String> {
    if std::env::var_os("STICKSHIFT_BUILD_KERNEL").is_some() {
        return big().map(Some);
    }
    let image = image()?;
    Ok(image.exists().then(|| Kernel { image, modules: Vec::new() }))
}

fn image() -> Result<PathBuf, String> {
    target("mips/big/vmlinux")
}

/// The big-endian kernel, built where it is not kept.
pub(crate) fn big() -> Result<Kernel, String> {
    let image = image()?;
    if !image.exists() {
        build(&image)?;
    }
    Ok(Kernel { image, modules: Vec::new() })
}

fn build(image: &Path) -> Result<(), String> {
    install::debian(&[
        Need { file: "/usr/bin/mips-linux-gnu-gcc-12", package: "gcc-12-mips-linux-gnu" },
        Need { file: "/usr/bin/make", package: "make" },
        Need { file: "/usr/bin/bison", package: "bison" },
        Need { file: "/usr/bin/flex", package: "flex" },
        Need { file: "/usr/bin/bc", package: "bc" },
        Need { file: "/usr/bin/xz", package: "xz-utils" },
    ])?;
    println!("    building a big-endian kernel: some minutes, once");
    let folder = target("mips/big")?;
    let (source, tree) = (folder.join("source"), folder.join("tree"));
    Packages::Here.unpack_only(&["linux-source-6.1"], &source)?;
    fs::create_dir_all(&tree).map_err(|e| format!("{}: {e}", tree.display()))?;
    let packed = entries(&source.join("usr/src"))?;
    let packed = packed.iter().find(|path| path.to_string_lossy().ends_with(".tar.xz"));
    let packed = packed.ok_or("linux-source-6.1 has no source")?;
    let mut tar = command("tar", &["--extract", "--strip-components=1", "--file"]);
    tar.arg(packed).arg("--directory").arg(&tree);
    status(tar)?;
    let make = |args: &[&str]| {
        let mut make = command("make", &["--silent", "ARCH=mips", "CROSS_COMPILE=mips-linux-gnu-"]);
        make.arg("CC=mips-linux-gnu-gcc-12").args(args).current_dir(&tree);
        // What it says goes nowhere; an error comes on the other channel.
        make.stdout(std::process::Stdio::null());
        status(make)
    };
    let fragment = crate::run::root().join("xtask/mips/big-endian.config");
    make(&["allnoconfig", &format!("KCONFIG_ALLCONFIG={}", fragment.display())])?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    make(&[&format!("-j{cores}"), "vmlinux"])?;
    status({
        let mut strip = command("mips-linux-gnu-strip", &["-s", "-o"]);
        strip.arg(image).arg(tree.join("vmlinux"));
        strip
    })?;
    for done in [source, tree] {
        let _ = fs::remove_dir_all(done);
    }
    Ok(())
}
