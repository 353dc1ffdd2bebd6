//! Which models and ids there are and what versions stand for is written in `data/` only: no source of the library, the program or the
//! web page repeats it.

use std::fs;
use std::path::{Path, PathBuf};

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "tests" {
            found.extend(sources(&path));
        } else if name.ends_with(".rs") && name != "tests.rs" && !name.ends_with("_tests.rs") {
            found.push(path);
        }
    }
    found
}

/// The string literals of a file, without those of comments and of its test module.
fn literals(text: &str) -> Vec<&str> {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or("");
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.flat_map(|line| line.split('"').skip(1).step_by(2)).collect()
}

/// `E3372h`, `B310s`, `K3772`: a letter and three or four digits.
fn is_model(word: &str) -> bool {
    let digits = word.get(1..).unwrap_or("").bytes().take_while(u8::is_ascii_digit).count();
    word.starts_with(['B', 'E', 'K']) && (digits == 3 || digits == 4)
}

/// `21`, `21.` or `22.200.15`: how versions of firmware begin.
fn is_version(word: &str) -> bool {
    matches!(word, "21" | "22") || ["10.", "11.", "21.", "22."].iter().any(|start| word.starts_with(start))
}

/// Lines of code that state a USB id: `UsbId::new(0x12d1, 0x1c05)`. Nobody's vendor 0 is none.
fn ids(text: &str) -> Vec<&str> {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or("");
    let lines = code.lines().map(str::trim).filter(|line| !line.starts_with("//"));
    lines.filter(|line| line.contains("UsbId::new(0x")).collect()
}

/// States the versions of the made-up firmware that a rehearsal writes: no rule.
const MADE_UP: &str = "verbs/rehearse.rs";

#[test]
fn no_model_no_version_and_no_id_is_named_in_code() {
    let mut found = Vec::new();
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = ["src", "../stickshift-cli/src", "../stickshift-web/src"].map(|folder| here.join(folder));
    for path in folders.iter().flat_map(|folder| sources(folder)) {
        let text = fs::read_to_string(&path).unwrap();
        found.extend(ids(&text).into_iter().map(|line| format!("{}: {line}", path.display())));
        for literal in literals(&text) {
            if is_model(literal) || is_version(literal) && !path.ends_with(MADE_UP) {
                found.push(format!("{}: {literal:?}", path.display()));
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn the_search_finds_what_it_looks_for() {
    assert_eq!(ids("const A: UsbId = UsbId::new(0x12d1, 0x1c05);\n// UsbId::new(0x1, 0)").len(), 1);
    let code = "let a = \"E3372h\"; // \"x\"\nif v.starts_with(\"22.\") {}\n/// \"B310\"\n";
    assert_eq!(literals(code), ["E3372h", "x", "22."]);
    assert!(is_model("E3372h") && is_model("B310s") && !is_model("ERROR") && !is_model("E33"));
    assert!(is_version("22.") && is_version("21") && !is_version("2.1"));
}
