//! The rules of docs/architecture.md about who may import whom, kept by reading its table and the sources.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use test_support::sources::{circles, code, files, imports, paths};

/// What the virtual sticks may use of the library: never a dialogue, so that a bug does not cancel itself out.
const EMU: &str = "The virtual sticks of `stickshift-emu` may use";

/// Modules that may not reach for the computer they run on.
const PURE: &[&str] = &[
    "wire", "switch", "boot", "flash", "at", "hilink", "mbim", "learn", "profile", "mask", "event", "error",
    "link", "stick", "pasted", "clean", "hex", "plan", "modem", "waiting",
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

/// The same graph between the modules at the top of a crate.
fn between_modules(files: &BTreeMap<String, BTreeSet<String>>) -> BTreeMap<String, BTreeSet<String>> {
    let module = |file: &String| module_of(Path::new(file), Path::new(""));
    let mut graph: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (file, used) in files {
        let from = module(file);
        let others: Vec<String> = used.iter().map(module).filter(|to| *to != from).collect();
        graph.entry(from).or_default().extend(others);
    }
    graph
}

#[test]
fn program_and_virtual_sticks_have_no_circle_of_files_or_modules() {
    for (src, from, to) in
        [("crates/stickshift-cli/src", "verbs", "output"), ("crates/stickshift-emu/src", "sticks", "device")]
    {
        let files = imports(&root().join(src));
        assert_eq!(circles(&files), Vec::<Vec<String>>::new(), "{src}");
        let modules = between_modules(&files);
        assert!(modules[from].contains(to), "{src}: {modules:?}");
        assert_eq!(circles(&modules), Vec::<Vec<String>>::new(), "{src}");
    }
}

/// The modules that a file declares: `pub mod x;`, and with `private` also `mod x;` and `pub(crate) mod x;`.
fn declared(text: &str, private: bool) -> BTreeSet<String> {
    let name = |line: &str| {
        let rest = line.strip_prefix("pub mod ").or_else(|| {
            let line = line.strip_prefix("pub(crate) ").unwrap_or(line);
            line.strip_prefix("mod ").filter(|_| private)
        });
        rest?.strip_suffix(';').map(str::to_owned)
    };
    text.lines().filter_map(name).collect()
}

#[test]
fn the_page_names_every_module_of_the_virtual_sticks() {
    let lib = fs::read_to_string(root().join("crates/stickshift-emu/src/lib.rs")).unwrap();
    let page = page();
    let table = page.split("\n## Virtual sticks").nth(1).unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `")?.split(" |").next());
    let named: BTreeSet<String> = rows.flat_map(|cell| quoted(&format!("`{cell}"))).collect();
    assert_eq!(named, declared(&lib, true));
}

/// The public modules below a file, each with the file that it is in.
fn public_modules(file: &Path, folder: &Path) -> Vec<PathBuf> {
    let text = fs::read_to_string(file).unwrap();
    let mut found = Vec::new();
    for name in declared(&text, false) {
        let below = folder.join(&name);
        let candidates = [folder.join(format!("{name}.rs")), below.join("mod.rs")];
        let file = candidates.into_iter().find(|path| path.is_file());
        let file = file.unwrap_or_else(|| panic!("{} has no file", below.display()));
        found.extend(public_modules(&file, &below));
        found.push(file);
    }
    found
}

/// What the opening of a module lacks: what it is, and an example that is run.
fn lacks(text: &str) -> Option<&'static str> {
    let lines = text.lines().map_while(|line| line.strip_prefix("//!"));
    let opening: Vec<&str> = lines.map(str::trim).collect();
    if opening.first().is_none_or(|line| line.is_empty() || line.starts_with("```")) {
        return Some("does not say what it is");
    }
    (!opening.contains(&"```")).then_some("has no example that is run")
}

#[test]
fn every_public_module_opens_with_what_it_is_and_an_example() {
    let src = root().join("crates/stickshift/src");
    let modules = public_modules(&src.join("lib.rs"), &src);
    assert!(modules.len() > 80, "only {} modules were found", modules.len());
    let wrong = modules.iter().filter_map(|path| {
        let what = lacks(&fs::read_to_string(path).unwrap())?;
        Some(format!("{} {what}", path.strip_prefix(&src).unwrap().display()))
    });
    assert_eq!(wrong.collect::<Vec<_>>(), Vec::<String>::new());
    assert_eq!(lacks("//! What.\n//!\n//! ```ignore\n//! x\n"), Some("has no example that is run"));
    assert_eq!(lacks("use std::fs;\n//! ```\n"), Some("does not say what it is"));
}
