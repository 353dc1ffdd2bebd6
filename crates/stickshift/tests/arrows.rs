//! Who may import whom, kept by reading the sources.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The spine: every room but `wire` may use all of it.
const SPINE: &[&str] = &["clean", "error", "event", "hex", "link", "mask", "stick", "wire"];

/// What a room may import besides itself. A room that is not named here fails the test: new rooms get their arrows first.
const ARROWS: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("event", &["error"]),
    ("clean", &[]),
    ("mask", &[]),
    ("wire", &["hex", "error"]),
    ("stick", &["hex", "wire", "error"]),
    ("link", &["hex", "error", "mask", "stick"]),
    ("atomic_file", &["error"]),
    // Dialogues: bytes, links, events, errors, and values. Never the host, the clock, the file system, or each other.
    ("switch", &["hex", "error", "event", "link", "mask", "stick", "wire", "profile"]),
    ("boot", SPINE),
    ("flash", SPINE),
    ("at", SPINE),
    ("hilink", SPINE),
    // Knowledge and files.
    ("profile", &["clean", "hex", "error", "stick", "wire"]),
    ("learn", &["hex", "error", "event", "mask", "profile", "stick", "wire", "switch"]),
    ("firmware", &["hex", "error", "event", "wire", "atomic_file"]),
    ("router", &["hex", "error", "event", "wire", "profile", "atomic_file", "stick"]),
    // The only room that touches this computer.
    ("host", &["hex", "error", "event", "link", "mask", "stick", "wire"]),
    // The computer's clock and randomness, and waiting for the bus.
    ("hex", &[]),
    ("random", &[]),
    ("waiting", &["error", "event", "link", "stick"]),
    ("plan", &[]),
    // The stick's services, over whichever way in.
    ("modem", &["hex", "at", "error", "event", "hilink", "link", "mask", "random", "stick", "wire"]),
    // What composes all of it.
    (
        "switching",
        &["error", "event", "hilink", "link", "modem", "plan", "profile", "stick", "switch", "waiting"],
    ),
    (
        "convert",
        &[
            "hex",
            "at",
            "atomic_file",
            "boot",
            "error",
            "event",
            "firmware",
            "flash",
            "hilink",
            "link",
            "mask",
            "modem",
            "plan",
            "profile",
            "stick",
            "switching",
            "waiting",
            "wire",
        ],
    ),
];

/// What the virtual sticks may use of the library: never a dialogue, so that a bug does not cancel itself out.
const EMU: &[&str] = &["error", "hex", "link", "stick", "wire"];

/// Rooms that may not reach for the computer they run on.
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

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found
}

/// The code of a file: without comments and without its test module, which may use anything.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let before_tests = text.split("#[cfg(test)]\nmod tests").next().unwrap_or("");
    before_tests.lines().map(|l| l.split("//").next().unwrap_or("")).collect::<Vec<_>>().join("\n")
}

fn is_test_file(path: &Path) -> bool {
    path.components().any(|c| {
        c.as_os_str().to_str().is_some_and(|n| n == "tests" || n == "tests.rs" || n.ends_with("_tests.rs"))
    })
}

/// The names that stand right after `prefix`, also in the braces of a `use`.
fn names_after(code: &str, prefix: &str) -> BTreeSet<String> {
    let word = |t: &str| t.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect::<String>();
    let mut names = BTreeSet::new();
    for (at, _) in code.match_indices(prefix) {
        let whole_word = !code[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':');
        let rest = &code[at + prefix.len()..];
        if !whole_word {
            continue;
        }
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut item = String::new();
            for c in group.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => {
                        names.insert(word(item.trim()));
                        item.clear();
                        continue;
                    }
                    _ => {}
                }
                item.push(c);
            }
            names.insert(word(item.trim()));
        } else {
            names.insert(word(rest));
        }
    }
    names.remove("");
    names
}

fn room_of(path: &Path, src: &Path) -> String {
    let first = path.strip_prefix(src).unwrap().components().next().unwrap();
    first.as_os_str().to_str().unwrap().trim_end_matches(".rs").to_owned()
}

#[test]
fn every_room_imports_only_what_it_may() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    for path in sources(&src).into_iter().filter(|p| !is_test_file(p)) {
        let room = room_of(&path, &src);
        if room == "lib" {
            continue;
        }
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == room) else {
            wrong.push(format!("{}: the room `{room}` has no arrows", path.display()));
            continue;
        };
        for used in names_after(&code(&path), "crate::") {
            let is_room = ARROWS.iter().any(|(name, _)| *name == used);
            if is_room && used != room && !allowed.contains(&used.as_str()) {
                wrong.push(format!("{}: {room} may not import {used}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn dialogues_do_not_reach_for_the_computer_and_the_library_prints_nothing() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    for path in sources(&src).into_iter().filter(|p| !is_test_file(p)) {
        let code = code(&path);
        for word in PRINTS.iter().filter(|w| code.contains(**w)) {
            wrong.push(format!("{}: {word}", path.display()));
        }
        if PURE.contains(&room_of(&path, &src).as_str()) {
            for word in COMPUTER.iter().filter(|w| code.contains(**w)) {
                wrong.push(format!("{}: {word}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Facts are for people. What code has to know of an error is a typed detail.
#[test]
fn no_code_branches_on_the_facts_of_an_error() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folders = ["stickshift/src", "stickshift-cli/src", "stickshift-emu/src"];
    let files = folders.iter().flat_map(|folder| sources(&crates.join(folder)));
    let reads_a_fact = |path: &PathBuf| code(path).contains(".fact(");
    let wrong: Vec<PathBuf> = files.filter(|p| !is_test_file(p)).filter(reads_a_fact).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn virtual_sticks_use_no_dialogue() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("../stickshift-emu/src");
    let mut wrong = Vec::new();
    for path in sources(&src).into_iter().filter(|p| !is_test_file(p)) {
        for used in names_after(&code(&path), "stickshift::") {
            if !EMU.contains(&used.as_str()) {
                wrong.push(format!("{}: {used}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn the_reader_of_imports_sees_groups_and_paths() {
    let names = names_after(
        "use crate::{error::{Error, Result}, link};\nlet x = crate::wire::crc::x25(b);\nmycrate::no",
        "crate::",
    );
    assert_eq!(names.into_iter().collect::<Vec<_>>(), ["error", "link", "wire"]);
}
