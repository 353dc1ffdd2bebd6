//! A compiler for targets whose standard library no package has: Debian's newest Rust with its source, and zig as linker with its C libraries.
//!
//! Everything comes from package registries (Debian, PyPI) and is unpacked below the target folder; nothing is installed.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::debian::Packages;
use crate::install::{self, Need};
use crate::run::{command, entries, target};

/// Debian's Rust for its browsers: newer than its `rustc`, and the source belongs to it.
const DEBIAN: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];

/// From PyPI. Newer releases of zig cannot link for MIPS (undefined symbols of its own C library).
const PYPI: [&str; 2] = ["ziglang==0.14.1", "cargo-zigbuild==0.24.1"];

/// The unpacked compiler.
pub(crate) struct Toolchain {
    debian: PathBuf,
    zig: PathBuf,
    cache: PathBuf,
}

/// Unpacks the toolchain where it is not there yet.
pub(crate) fn get() -> Result<Toolchain, String> {
    install::debian(&[Need { file: "/usr/bin/cc", package: "gcc" }])?;
    let folder = target("toolchain")?;
    let toolchain =
        Toolchain { debian: folder.join("debian"), zig: folder.join("zig"), cache: folder.join("cache") };
    Packages::Here.unpack_with_needs(&DEBIAN, &toolchain.debian)?;
    toolchain.get_zig()?;
    Ok(toolchain)
}

impl Toolchain {
    /// Cargo, with this compiler and the linker of `cargo zigbuild`. Unstable options are allowed.
    pub(crate) fn cargo(&self, args: &[&str]) -> Result<Command, String> {
        self.with_compiler(command(&self.debian.join("usr/bin/cargo").to_string_lossy(), args))
    }

    /// `cargo test`, linked as `cargo zigbuild` does.
    pub(crate) fn cargo_test(&self, args: &[&str]) -> Result<Command, String> {
        let mut test = command(&self.zig.join("bin/cargo-zigbuild").to_string_lossy(), &["test"]);
        test.args(args);
        self.with_compiler(test)
    }

    fn with_compiler(&self, mut cargo: Command) -> Result<Command, String> {
        let bin = self.debian.join("usr/bin");
        // What a cargo that runs us has set for itself.
        for variable in ["RUSTUP_TOOLCHAIN", "RUSTC_WRAPPER", "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"] {
            cargo.env_remove(variable);
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = [bin.clone(), self.zig.join("bin")].into_iter().chain(std::env::split_paths(&path));
        cargo
            .env("PATH", std::env::join_paths(path).map_err(|e| e.to_string())?)
            .env("LD_LIBRARY_PATH", self.debian.join("usr/lib/x86_64-linux-gnu"))
            .env("CARGO", bin.join("cargo"))
            .env("RUSTC", bin.join("rustc"))
            .env("RUSTDOC", bin.join("rustdoc"))
            .env("RUSTC_BOOTSTRAP", "1")
            .env("CARGO_ZIGBUILD_ZIG_PATH", self.zig_program()?)
            .env("CARGO_ZIGBUILD_CACHE_DIR", &self.cache)
            .env("ZIG_GLOBAL_CACHE_DIR", self.cache.join("zig"))
            .env("ZIG_LOCAL_CACHE_DIR", self.cache.join("zig"));
        Ok(cargo)
    }

    /// The source of the compiler, whose folder is named after its version.
    pub(crate) fn source(&self) -> Result<PathBuf, String> {
        let named = |path: &PathBuf| name(path).starts_with("rustc-");
        let found = entries(&self.debian.join("usr/src"))?.into_iter().find(named);
        found.ok_or_else(|| "the toolchain has no source".to_owned())
    }

    /// Zig itself.
    pub(crate) fn zig_program(&self) -> Result<PathBuf, String> {
        let named = |path: &PathBuf| name(path).starts_with("python3");
        let python = entries(&self.zig.join("lib"))?.into_iter().find(named);
        let python = python.ok_or_else(|| format!("{} has no Python", self.zig.display()))?;
        Ok(python.join("site-packages/ziglang/zig"))
    }

    fn get_zig(&self) -> Result<(), String> {
        let (stamp, wanted) = (self.zig.join("complete"), PYPI.join(" "));
        if fs::read_to_string(&stamp).is_ok_and(|there| there == wanted) {
            return Ok(());
        }
        println!("    installing {wanted} in {}", self.zig.display());
        install::python(&self.zig, &PYPI)?;
        fs::write(&stamp, wanted).map_err(|e| format!("{}: {e}", stamp.display()))
    }
}

fn name(path: &Path) -> String {
    path.file_name().map(OsString::from).unwrap_or_default().to_string_lossy().into_owned()
}
