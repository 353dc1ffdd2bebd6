//! Packages for Debian and OpenWrt, out of a static program that was built before.

mod apk;
mod deb;
mod ipk;
mod openwrt;
pub(crate) mod tier;
mod tree;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run;

/// What a package is made from.
pub(crate) struct Payload {
    /// The static program.
    binary: PathBuf,
    /// The architecture by the name that the packages of that system have for it.
    arch: String,
    /// Version of the program, without that of the package.
    version: String,
    /// Where the packages go.
    out: PathBuf,
    /// Name and address of whoever publishes them.
    maintainer: String,
    /// Seconds since 1970 of everything in the package.
    epoch: String,
}

/// Makes a package by the arguments of `cargo xtask package`, and returns the files.
pub(crate) fn package(kind: &str, options: &[&str]) -> Result<Vec<PathBuf>, String> {
    if kind == "feed" {
        return match options {
            ["--out", out] => openwrt::feed(Path::new(out)),
            _ => openwrt::feed(&run::target("packages")?),
        };
    }
    let payload = Payload::new(options)?;
    match kind {
        "deb" => deb::pack(&payload),
        "ipk" => ipk::pack(&payload),
        "apk" => apk::pack(&payload),
        _ => Err(format!("no package is called {kind}: there are deb, ipk, apk and feed")),
    }
}

impl Payload {
    fn new(options: &[&str]) -> Result<Payload, String> {
        let mut payload = Payload {
            binary: PathBuf::new(),
            arch: String::new(),
            version: version()?,
            out: run::target("packages")?,
            maintainer: maintainer(),
            epoch: epoch()?,
        };
        let mut rest = options;
        while let [option, value, more @ ..] = rest {
            match *option {
                "--binary" => payload.binary = PathBuf::from(value),
                "--arch" => payload.arch = (*value).to_owned(),
                "--version" => payload.version = (*value).to_owned(),
                "--out" => payload.out = PathBuf::from(value),
                _ => return Err(format!("{option} is no option of `cargo xtask package`")),
            }
            rest = more;
        }
        if !rest.is_empty() || payload.arch.is_empty() || payload.binary.as_os_str().is_empty() {
            return Err("--binary PATH and --arch ARCH say what is packed".to_owned());
        }
        check_program(&read(&payload.binary)?, &payload.arch)
            .map_err(|why| format!("{}: {why}", payload.binary.display()))?;
        fs::create_dir_all(&payload.out).map_err(|e| format!("{}: {e}", payload.out.display()))?;
        Ok(payload)
    }

    /// The program where this machine can run it, else the one of this checkout, which prints the same texts.
    fn teller(&self) -> Result<PathBuf, String> {
        if Command::new(&self.binary).arg("--version").output().is_ok_and(|ran| ran.status.success()) {
            return Ok(self.binary.clone());
        }
        run::run("cargo", &["build", "--quiet", "-p", "stickshift"])?;
        run::target("debug/stickshift")
    }

    /// What it prints for these arguments.
    fn says(&self, args: &[&str]) -> Result<Vec<u8>, String> {
        let teller = self.teller()?;
        let shown = format!("{} {}", teller.display(), args.join(" "));
        let output = Command::new(&teller).args(args).output().map_err(|e| format!("{shown}: {e}"))?;
        if output.status.success() { Ok(output.stdout) } else { Err(format!("{shown}: {}", output.status)) }
    }

    /// A folder for the files of one package.
    fn scratch(&self, name: &str) -> Result<PathBuf, String> {
        run::target(&format!("package-trees/{name}"))
    }
}

fn version() -> Result<String, String> {
    let packages = run::metadata()?["packages"].as_array().ok_or("cargo metadata names no packages")?;
    let program = packages.iter().find(|package| package["name"] == "stickshift");
    Ok(program.and_then(|p| p["version"].as_str()).ok_or("the program has no version")?.to_owned())
}

/// By Debian's own variables; the project has no address.
fn maintainer() -> String {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let name = variable("DEBFULLNAME").unwrap_or_else(|| "The stickshift developers".to_owned());
    let address = variable("DEBEMAIL").unwrap_or_else(|| "stickshift@packages.invalid".to_owned());
    format!("{name} <{address}>")
}

/// `SOURCE_DATE_EPOCH`, else when the last change was committed, so that the same sources are the same bytes.
fn epoch() -> Result<String, String> {
    let text = match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(text) => text,
        Err(_) => run::output("git", &["log", "-1", "--format=%ct"])?,
    };
    let epoch = text.trim();
    epoch.parse::<u64>().map(|_| epoch.to_owned()).map_err(|_| format!("{epoch} is no time in seconds"))
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|e| format!("{}: {e}", path.display()))
}

/// A file of the repository.
fn ours(path: &str) -> Result<Vec<u8>, String> {
    read(&run::root().join(path))
}

/// Processors by the beginning of their architectures' names, with the machine and byte order of their programs.
const MACHINES: [(&str, u16, bool); 9] = [
    ("x86_64", 62, true),
    ("amd64", 62, true),
    ("aarch64", 183, true),
    ("arm64", 183, true),
    ("arm", 40, true),
    ("mipsel", 8, true),
    ("mips", 8, false),
    ("i386", 3, true),
    ("riscv64", 243, true),
];

/// A static program for Linux on this architecture: the package depends on no C library, and installs nothing that cannot start.
fn check_program(bytes: &[u8], arch: &str) -> Result<(), String> {
    let elf = Elf::read(bytes).ok_or("this is no program of Linux")?;
    let known = MACHINES.iter().find(|(name, ..)| arch.starts_with(name));
    let (_, machine, little) = known.ok_or_else(|| format!("no processor is known for {arch}"))?;
    if (elf.machine, elf.little) != (*machine, *little) {
        let order = if elf.little { "little" } else { "big" };
        return Err(format!("not a program for {arch}: machine {}, {order} endian", elf.machine));
    }
    if elf.has_interpreter {
        return Err("it needs a C library: packages are made from static programs".to_owned());
    }
    Ok(())
}

/// What the head of a program says.
struct Elf {
    machine: u16,
    little: bool,
    has_interpreter: bool,
}

impl Elf {
    fn read(bytes: &[u8]) -> Option<Elf> {
        let rest = bytes.strip_prefix(b"\x7fELF")?;
        let (wide, little) = (*rest.first()? == 2, *rest.get(1)? == 1);
        let number = |at: usize, size: usize| {
            let field = bytes.get(at..at.checked_add(size)?)?;
            let add = |sum: usize, byte: &u8| sum << 8 | usize::from(*byte);
            Some(if little { field.iter().rev().fold(0, add) } else { field.iter().fold(0, add) })
        };
        let (table, size, count) = if wide {
            (number(32, 8)?, number(54, 2)?, number(56, 2)?)
        } else {
            (number(28, 4)?, number(42, 2)?, number(44, 2)?)
        };
        const INTERPRETER: usize = 3;
        let mut kinds = (0..count).map_while(|n| number(table.checked_add(n * size)?, 4));
        Some(Elf {
            machine: u16::try_from(number(18, 2)?).ok()?,
            little,
            has_interpreter: kinds.any(|kind| kind == INTERPRETER),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A head with one segment.
    fn elf(little: bool, machine: u16, segment: u32) -> Vec<u8> {
        let mut bytes = vec![0; 64 + 56];
        bytes[..6].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, if little { 1 } else { 2 }]);
        let mut put = |at: usize, value: &[u8]| {
            let mut value = value.to_vec();
            if little {
                value.reverse();
            }
            bytes[at..at + value.len()].copy_from_slice(&value);
        };
        put(18, &machine.to_be_bytes());
        put(32, &64_u64.to_be_bytes());
        put(54, &56_u16.to_be_bytes());
        put(56, &1_u16.to_be_bytes());
        put(64, &segment.to_be_bytes());
        bytes
    }

    #[test]
    fn a_program_is_static_and_for_the_architecture() {
        check_program(&elf(true, 62, 1), "amd64").unwrap();
        check_program(&elf(false, 8, 1), "mips_24kc").unwrap();
        check_program(&elf(true, 8, 1), "mipsel_24kc").unwrap();
        for (bytes, arch) in [
            (elf(true, 62, 3), "amd64"),
            (elf(true, 62, 1), "arm64"),
            (elf(true, 8, 1), "mips_24kc"),
            (elf(true, 62, 1), "vax"),
            (b"#!/bin/sh\n".to_vec(), "amd64"),
            (elf(true, 62, 1)[..40].to_vec(), "amd64"),
        ] {
            assert!(check_program(&bytes, arch).is_err(), "{arch}");
        }
    }
}
