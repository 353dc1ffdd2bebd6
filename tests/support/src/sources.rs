//! Rust sources, read for what they import: enough to keep rules about modules, not a parser.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Every `.rs` file below `folder`, without those that hold only tests.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let listed = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    for entry in listed {
        let path = entry.expect("a folder's entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name == "tests" || name == "tests.rs" || name.ends_with("_tests.rs") {
            continue;
        }
        if path.is_dir() {
            found.extend(files(&path));
        } else if name.ends_with(".rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The code of a file: without comments and without its test module, which may use anything.
pub fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let before_tests = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    before_tests.lines().map(|l| l.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// Every path that begins with `root::`, its groups taken apart: `root::{a, b::{self, c}}` is `a`, `b`, `b::c`. Without the root.
pub fn paths(code: &str, root: &str) -> BTreeSet<Vec<String>> {
    let prefix = format!("{root}::");
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices(&prefix) {
        let part_of_a_word =
            code[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':' || c == '$');
        if !part_of_a_word {
            tree(&code[at + prefix.len()..], &[], &mut found);
        }
    }
    found
}

/// One branch of a path with groups; returns the rest of the text after it.
fn tree<'a>(text: &'a str, before: &[String], found: &mut BTreeSet<Vec<String>>) -> &'a str {
    let mut path = before.to_vec();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        if let Some(mut group) = rest.strip_prefix('{') {
            loop {
                group = tree(group, &path, found).trim_start();
                match group.strip_prefix(',') {
                    Some(next) => group = next,
                    None => return group.strip_prefix('}').unwrap_or(group),
                }
            }
        }
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let word = &rest[..end];
        rest = rest[end..].strip_prefix('*').unwrap_or(&rest[end..]);
        if !word.is_empty() && word != "self" {
            path.push(word.to_owned());
        }
        match rest.strip_prefix("::") {
            Some(next) if !word.is_empty() => rest = next,
            _ => break,
        }
    }
    if !path.is_empty() {
        found.insert(path);
    }
    // `as other`
    let end = rest.find([',', '}', ';', '(', ')', '\n', '<']).unwrap_or(rest.len());
    &rest[end..]
}

/// Which file of a crate imports which, by `crate::` and `super::` paths; files are named as below `src`. Declaring a module is no import.
pub fn imports(src: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let files = files(src);
    let name = |path: &Path| path.strip_prefix(src).expect("below src").to_string_lossy().into_owned();
    let module = |path: &Path| -> Vec<String> {
        let name = name(path);
        let name = name.trim_end_matches(".rs").trim_end_matches("/mod");
        name.split('/').filter(|word| !matches!(*word, "lib" | "main" | "mod")).map(str::to_owned).collect()
    };
    let of_module: BTreeMap<Vec<String>, String> = files.iter().map(|p| (module(p), name(p))).collect();
    let mut graph = BTreeMap::new();
    for path in &files {
        let (code, own) = (code(path), module(path));
        let mut used: BTreeSet<Vec<String>> = paths(&code, "crate");
        let parent = &own[..own.len().saturating_sub(1)];
        used.extend(paths(&code, "super").into_iter().map(|rest| [parent, &rest].concat()));
        let file_of = |path: Vec<String>| (1..=path.len()).rev().find_map(|n| of_module.get(&path[..n]));
        let mut targets: BTreeSet<String> = used.into_iter().filter_map(file_of).cloned().collect();
        targets.remove(&name(path));
        graph.insert(name(path), targets);
    }
    graph
}

/// The circles of a graph: groups of two or more that reach each other, each sorted.
pub fn circles(graph: &BTreeMap<String, BTreeSet<String>>) -> Vec<Vec<String>> {
    let reach = |from: &String| {
        let mut seen = BTreeSet::new();
        let mut ahead: Vec<&String> = graph.get(from).into_iter().flatten().collect();
        while let Some(next) = ahead.pop() {
            if seen.insert(next.clone()) {
                ahead.extend(graph.get(next).into_iter().flatten());
            }
        }
        seen
    };
    let reached: BTreeMap<&String, BTreeSet<String>> = graph.keys().map(|node| (node, reach(node))).collect();
    let in_circle = graph.keys().filter(|node| reached[node].contains(*node));
    let circles: BTreeSet<Vec<String>> = in_circle
        .map(|node| {
            let back = |other: &&String| reached.get(*other).is_some_and(|r| r.contains(node));
            reached[node].iter().filter(back).cloned().collect()
        })
        .collect();
    circles.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(code: &str) -> Vec<String> {
        paths(code, "crate").into_iter().map(|path| path.join("::")).collect()
    }

    #[test]
    fn groups_are_taken_apart() {
        let code = "use crate::{error::{self, Error as E, kinds::{A, B}}, link};\nuse crate::plan;\nmycrate::no; $crate::no";
        let wanted = ["error", "error::Error", "error::kinds::A", "error::kinds::B", "link", "plan"];
        assert_eq!(joined(code), wanted);
        assert_eq!(
            joined("let x = crate::wire::crc::x25(b) + crate::hex::encode(c);"),
            ["hex::encode", "wire::crc::x25"]
        );
        assert_eq!(joined("use crate::stick::*;\nuse crate::{\n    a,\n    b::*,\n};"), ["a", "b", "stick"]);
    }

    #[test]
    fn circles_are_found() {
        let edge = |from: &str, to: &[&str]| (from.to_owned(), to.iter().map(|t| (*t).to_owned()).collect());
        let graph =
            BTreeMap::from([edge("a", &["b"]), edge("b", &["c"]), edge("c", &["b", "d"]), edge("d", &[])]);
        assert_eq!(circles(&graph), [["b", "c"]]);
    }
}
