//! The rules of docs/architecture.md about who may import whom, kept by reading its table and the sources.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use test_support::sources::{circles, code, files, imports, paths};

/// What the virtual sticks may use of the library: never a dialogue, so that a bug does not cancel itself out.
const EMU: &str = "The virtual sticks of `stickshift-emu` may use";

/// Modules that may not reach for the computer they run on.
const PURE: &[&str] = &[
    "wire", "switch", "boot", "flash", "at", "hilink", "learn", "profile", "mask", "event", "error", "link",
    "stick",
];

const COMPUTER: &[&str] = &[
    "std::fs",
    "std::net",
    "std::thread",
    "std::env",
    "std::process",
    "Instant::now",
    "SystemTime::now",
    "File::",
];

const PRINTS: &[&str] = &["println!", "print!(", "eprintln!", "eprint!(", "process::exit"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn page() -> String {
    fs::read_to_string(root().join("docs/architecture.md")).unwrap()
}

/// The words between backticks.
fn quoted(text: &str) -> BTreeSet<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The rest of the sentence that begins with `start`.
fn sentence(page: &str, start: &str) -> BTreeSet<String> {
    let rest = page.split_once(start).unwrap_or_else(|| panic!("the page does not say {start:?}")).1;
    quoted(rest.split(['.', ':']).next().unwrap())
}

/// The table of the library's modules: what each may import.
fn arrows() -> BTreeMap<String, BTreeSet<String>> {
    let page = page();
    let section = page.split("\n## ").find(|s| s.starts_with("Modules of the library")).unwrap();
    let base = sentence(section, "\"The base\" is");
    let rows = section.lines().filter_map(|line| {
        let cells: Vec<&str> = line.strip_prefix("| `")?.trim_end_matches('|').split('|').collect();
        let [name, _, allowed] = cells[..] else { panic!("a row of three cells: {line}") };
        let mut allowed_modules = quoted(allowed);
        if allowed.contains("the base") {
            allowed_modules.extend(base.iter().cloned());
        }
        Some((name.trim_end_matches(['`', ' ']).to_owned(), allowed_modules))
    });
    rows.collect()
}

/// The module of the library that a file belongs to.
fn module_of(path: &Path, src: &Path) -> String {
    let first = path.strip_prefix(src).unwrap().components().next().unwrap();
    first.as_os_str().to_str().unwrap().trim_end_matches(".rs").to_owned()
}

fn first_names(path: &Path, root: &str) -> BTreeSet<String> {
    paths(&code(path), root).into_iter().map(|mut path| path.swap_remove(0)).collect()
}

#[test]
fn every_module_imports_only_what_the_page_allows() {
    let src = root().join("crates/stickshift/src");
    let arrows = arrows();
    let mut wrong = BTreeSet::new();
    let mut there = BTreeSet::new();
    for path in files(&src) {
        let module = module_of(&path, &src);
        if module == "lib" {
            continue;
        }
        there.insert(module.clone());
        let Some(allowed) = arrows.get(&module) else {
            wrong.insert(format!("`{module}` is not in the table"));
            continue;
        };
        for used in first_names(&path, "crate") {
            if arrows.contains_key(&used) && used != module && !allowed.contains(&used) {
                wrong.insert(format!("{}: `{module}` may not import `{used}`", path.display()));
            }
        }
    }
    wrong.extend(arrows.keys().filter(|m| !there.contains(*m)).map(|m| format!("`{m}` does not exist")));
    let named: BTreeSet<&String> = arrows.values().flatten().collect();
    wrong.extend(named.iter().filter(|m| !arrows.contains_key(**m)).map(|m| format!("`{m}` has no row")));
    assert!(wrong.is_empty(), "docs/architecture.md:\n{}", Vec::from_iter(wrong).join("\n"));
}

#[test]
fn the_table_has_no_circle() {
    assert_eq!(circles(&arrows()), Vec::<Vec<String>>::new());
}

#[test]
fn dialogues_do_not_reach_for_the_computer_and_the_library_prints_nothing() {
    let src = root().join("crates/stickshift/src");
    let mut wrong = Vec::new();
    for path in files(&src) {
        let code = code(&path);
        for word in PRINTS.iter().filter(|w| code.contains(**w)) {
            wrong.push(format!("{}: {word}", path.display()));
        }
        if PURE.contains(&module_of(&path, &src).as_str()) {
            for word in COMPUTER.iter().filter(|w| code.contains(**w)) {
                wrong.push(format!("{}: {word}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn virtual_sticks_use_no_dialogue() {
    let allowed = sentence(&page(), EMU);
    let mut wrong = Vec::new();
    for path in files(&root().join("crates/stickshift-emu/src")) {
        for used in first_names(&path, "stickshift").difference(&allowed) {
            wrong.push(format!("{}: {used}", path.display()));
        }
    }
    assert!(!allowed.is_empty() && wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn the_program_has_no_circle_of_files() {
    let found = circles(&imports(&root().join("crates/stickshift-cli/src")));
    assert_eq!(found, Vec::<Vec<String>>::new());
}
