//! How large the static program is, whole and for a router: the file, what it takes in a router's squashfs, and where its bytes are, beside
//! the figures of the last release in `xtask/sizes.json`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::anatomy::Anatomy;
use super::folder;
use crate::install::{Need, debian};
use crate::run::{output, root, run as run_program};
use crate::small;

/// The builds by name, with their arguments for cargo.
const BUILDS: [(&str, &[&str]); 2] = [("everything", &[]), ("router", &small::ROUTER)];
/// Below this a row is not worth its line.
const SMALL: u64 = 4096;

pub(super) fn run() -> Result<(), String> {
    let before = kept();
    for (name, more) in BUILDS {
        let program = small::with_symbols(more)?;
        let (measured, before) = (Measured::of(&program)?, &before[name]);
        println!("{name:24} {:>9} {:>9}", "now", "release");
        row("file", measured.file, before["file"].as_u64());
        row("in squashfs", measured.squashfs, before["squashfs"].as_u64());
        row("code", measured.anatomy.code, before["code"].as_u64());
        for (title, table) in measured.anatomy.tables() {
            rows(title, table, before[title].as_object().unwrap_or(&Map::new()));
        }
    }
    Ok(())
}

/// Writes the figures of this version for later ones to be printed beside.
pub(crate) fn keep() -> Result<(), String> {
    let mut all = Map::new();
    for (name, more) in BUILDS {
        all.insert(name.to_owned(), Measured::of(&small::with_symbols(more)?)?.to_json());
    }
    let text = serde_json::to_string_pretty(&all).map_err(|e| e.to_string())?;
    fs::write(file(), text + "\n").map_err(|e| format!("{}: {e}", file().display()))
}

/// The figures of a program that was not stripped, as they are kept.
pub(crate) fn of(program: &str) -> Result<(), String> {
    println!("{:#}", Measured::of(Path::new(program))?.to_json());
    Ok(())
}

fn file() -> PathBuf {
    root().join("xtask/sizes.json")
}

fn kept() -> Value {
    fs::read_to_string(file()).ok().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}

struct Measured {
    /// The stripped file.
    file: u64,
    /// The same in a squashfs of OpenWrt's kind.
    squashfs: u64,
    anatomy: Anatomy,
}

impl Measured {
    fn of(program: &Path) -> Result<Measured, String> {
        let alone = folder()?.join("size");
        let (stripped, image) = (alone.join("stickshift"), folder()?.join("size.squashfs"));
        fs::create_dir_all(&alone).map_err(|e| format!("{}: {e}", alone.display()))?;
        output("strip", &["-s", "-o", &stripped.to_string_lossy(), &program.to_string_lossy()])?;
        let length =
            |path: &Path| fs::metadata(path).map(|m| m.len()).map_err(|e| format!("{}: {e}", path.display()));
        Ok(Measured {
            file: length(&stripped)?,
            squashfs: squashfs(&alone, &image).and_then(|()| length(&image))?,
            anatomy: Anatomy::of(program)?,
        })
    }

    fn to_json(&self) -> Value {
        let mut all = self.anatomy.to_json();
        all["file"] = json!(self.file);
        all["squashfs"] = json!(self.squashfs);
        all
    }
}

/// Packs a folder as OpenWrt packs its root.
fn squashfs(folder: &Path, image: &Path) -> Result<(), String> {
    debian(&[Need { file: "/usr/bin/mksquashfs", package: "squashfs-tools" }])?;
    let (folder, image) = (folder.to_string_lossy(), image.to_string_lossy());
    let how = ["-comp", "xz", "-b", "256K", "-noappend", "-no-xattrs", "-all-root", "-quiet", "-no-progress"];
    run_program("mksquashfs", &[&[&*folder, &*image], &how[..]].concat())
}

fn rows(title: &str, now: &BTreeMap<String, u64>, before: &Map<String, Value>) {
    println!("  {title}");
    let then = |name: &str| before.get(name).and_then(Value::as_u64);
    let names: BTreeSet<&str> = now.keys().chain(before.keys()).map(String::as_str).collect();
    let mut all: Vec<_> = names.iter().map(|n| (now.get(*n).copied().unwrap_or(0), then(n), *n)).collect();
    all.sort_by_key(|(now, before, _)| std::cmp::Reverse((*now).max(before.unwrap_or(0))));
    all.iter()
        .filter(|(now, before, _)| *now >= SMALL || *before >= Some(SMALL))
        .for_each(|(now, before, name)| row(&format!("    {name}"), *now, *before));
}

fn row(name: &str, now: u64, before: Option<u64>) {
    match before {
        Some(before) => {
            println!("{name:24} {now:>9} {before:>9} {:>+9}", now as i64 - before as i64);
        }
        None => println!("{name:24} {now:>9}"),
    }
}
