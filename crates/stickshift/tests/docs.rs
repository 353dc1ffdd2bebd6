//! Pages that are made from data, and lists of pages, are kept in step with what they are of.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

/// The page of `docs/deviations.toml`.
fn deviations_page() -> String {
    let table: toml::Table = fs::read_to_string(docs().join("deviations.toml")).unwrap().parse().unwrap();
    let mut page = String::from(
        "# Where stickshift differs from usb_modeswitch\n\n\
         Made from [deviations.toml](deviations.toml), which the tests read: what goes over the wire is compared with recordings of usb_modeswitch 2.6.1, and with the\n\
         program itself where it is installed, for every entry of the catalogue. A difference that is not listed here fails.\n\n\
         ## On every run\n",
    );
    let text = |row: &toml::Value, key: &str| row[key].as_str().unwrap().replace('\n', " ");
    for row in table["deviation"].as_array().unwrap() {
        let entries: Vec<String> =
            row["entries"].as_array().unwrap().iter().map(|e| format!("`{}`", e.as_str().unwrap())).collect();
        write!(
            page,
            "\n### {}\n\n{}\n\nWhy: {}\n\n{} {}: {}\n",
            text(row, "name"),
            text(row, "what"),
            text(row, "why"),
            entries.len(),
            if entries.len() == 1 { "entry" } else { "entries" },
            entries.join(" ")
        )
        .unwrap();
    }
    page.push_str("\n## When something goes wrong\n\nA recording of an obedient stick does not show these. Each is tested with virtual sticks.\n\n| | what | why |\n|---|---|---|\n");
    for row in table["on-fault"].as_array().unwrap() {
        writeln!(page, "| {} | {} | {} |", text(row, "name"), text(row, "what"), text(row, "why")).unwrap();
    }
    page
}

#[test]
fn the_page_of_deviations_is_that_of_the_table() {
    let path = docs().join("deviations.md");
    let wanted = deviations_page();
    if std::env::var_os("STICKSHIFT_WRITE_DOCS").is_some() {
        fs::write(&path, &wanted).unwrap();
    }
    let page = fs::read_to_string(&path).unwrap_or_default();
    assert!(page == wanted, "docs/deviations.md is behind its table; STICKSHIFT_WRITE_DOCS=1 writes it");
}

#[test]
fn links_between_pages_lead_somewhere() {
    let mut pages = vec![docs().join("../README.md")];
    for folder in [docs(), docs().join("protocols")] {
        let files = fs::read_dir(folder).unwrap().map(|f| f.unwrap().path());
        pages.extend(files.filter(|p| p.extension().is_some_and(|e| e == "md")));
    }
    let mut broken = Vec::new();
    let book = docs().canonicalize().unwrap();
    for page in pages {
        let text = fs::read_to_string(&page).unwrap();
        let is_of_book = page.canonicalize().unwrap().starts_with(&book);
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap_or_default();
            let elsewhere = file.is_empty() || file.contains("://") || file.contains(' ');
            if !elsewhere && !page.parent().unwrap().join(file).exists() {
                broken.push(format!("{}: {target}", page.display()));
            } else if !elsewhere && is_of_book {
                let there = page.parent().unwrap().join(file).canonicalize().unwrap();
                if !there.starts_with(&book) {
                    broken
                        .push(format!("{}: {target} is outside the book of docs/book.toml", page.display()));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn the_book_has_every_page_once() {
    let summary = fs::read_to_string(docs().join("SUMMARY.md")).unwrap();
    let mut listed: Vec<&str> =
        summary.split("](").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    listed.sort_unstable();
    let mut pages = Vec::new();
    below(&docs(), &[".md"], &mut pages);
    let mut pages: Vec<String> =
        pages.iter().map(|page| page.strip_prefix(docs()).unwrap().display().to_string()).collect();
    pages.retain(|page| page != "SUMMARY.md");
    pages.sort_unstable();
    assert_eq!(listed, pages);
}

fn root() -> PathBuf {
    docs().join("..")
}

/// Files below `folder` whose names end with one of these.
fn below(folder: &Path, ends: &[&str], found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            below(&path, ends, found);
        } else if ends.iter().any(|end| name.ends_with(end)) {
            found.push(path);
        }
    }
}

/// The numbers of a page's sections: `## 3. ..`, `### 3.1 ..`, and paragraphs that begin with `**3.1 `.
fn sections(page: &str) -> Vec<&str> {
    let heads = page.lines().filter_map(|line| {
        let head = line.trim_start_matches('#').trim_start().trim_start_matches("**");
        (head.len() < line.len()).then(|| number(head).0).filter(|n| !n.is_empty())
    });
    heads.collect()
}

/// A section's number at the beginning of a text, and what follows.
fn number(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    text.split_at(text[..end].trim_end_matches('.').len())
}

/// A file as one line, without the marks of comments: citations run over line ends.
fn one_line(text: &str) -> String {
    let mark = |c: char| matches!(c, '/' | '!' | '#' | '*') || c.is_whitespace();
    text.lines().map(|line| line.trim_start_matches(mark).trim_end()).collect::<Vec<_>>().join(" ")
}

/// Pages that a text cites, each with the sections that it names: `docs/x.md section 1`, `docs/x.md sections 2 (why) and 4.3`.
fn citations(text: &str) -> Vec<(&str, Vec<&str>)> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices(".md") {
        let part_of_path = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.');
        let begin = text[..at].rfind(|c| !part_of_path(c)).map_or(0, |n| n + 1);
        let after = text[at + 3..].trim_start_matches(['`', ')']);
        let list = after.strip_prefix(" sections ").or_else(|| after.strip_prefix(" section "));
        found.push((&text[begin..at + 3], list.map(numbers).unwrap_or_default()));
    }
    found
}

/// The numbers in a list: `2 (why), 4.3 and 5`.
fn numbers(list: &str) -> Vec<&str> {
    let (mut numbers, mut rest) = (Vec::new(), Some(list));
    while let Some((section, after)) = rest.map(number).filter(|(section, _)| !section.is_empty()) {
        numbers.push(section);
        let aside = after.strip_prefix(" (").and_then(|aside| aside.split_once(')'));
        let after = aside.map_or(after, |(_, after)| after);
        rest = [", and ", ", ", " and ", " to "].iter().find_map(|word| after.strip_prefix(word));
    }
    numbers
}

#[test]
fn cited_pages_and_sections_exist() {
    let root = root();
    let mut files = vec![root.join("README.md"), root.join("CONTRIBUTING.md")];
    for folder in ["crates", "docs", "fuzz/fuzz_targets", "packaging", "tests", "xtask"] {
        below(&root.join(folder), &[".c", ".md", ".py", ".rs", ".sh", ".toml"], &mut files);
    }
    let (mut wrong, mut checked) = (Vec::new(), 0);
    for file in files.iter().filter(|file| !file.ends_with("crates/stickshift/tests/docs.rs")) {
        let text = one_line(&fs::read_to_string(file).unwrap());
        for (page, cited) in citations(&text) {
            let from_root = page.starts_with("docs/");
            if !from_root && cited.is_empty() {
                continue;
            }
            let path = if from_root { root.join(page) } else { file.with_file_name(page) };
            let Ok(text) = fs::read_to_string(path) else {
                wrong.push(format!("{}: there is no {page}", file.display()));
                continue;
            };
            let there = sections(&text);
            checked += cited.len();
            let missing = cited.iter().filter(|section| !there.contains(section));
            wrong.extend(missing.map(|n| format!("{}: {page} has no section {n}", file.display())));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(checked > 100, "only {checked} citations were found");
}

#[test]
fn the_reader_of_citations_sees_lists_and_line_ends() {
    let text =
        one_line("//! (`a.md`\n//! sections 1.2, 3 (why) and 4.5). See docs/b.md section 2. Then docs/c.md.");
    let wanted = [("a.md", vec!["1.2", "3", "4.5"]), ("docs/b.md", vec!["2"]), ("docs/c.md", vec![])];
    assert_eq!(citations(&text), wanted);
}

/// Whether a fixture, objects with lists of records, has each record on a line of its own: changing a record changes one line.
fn one_record_per_line(text: &str) -> Result<(), String> {
    let whole = |text: &str| serde_json::from_str::<serde_json::Value>(text).is_ok();
    let mut open = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_end_matches(',').trim_start();
        let named = |opening: &str, closing: &str| {
            line.ends_with(&format!(": {opening}")) && whole(&format!("{{{line}{closing}}}"))
        };
        let fits = match (open.last(), line) {
            (None, "{" | "[") if index == 0 => {
                open.push(line);
                true
            }
            (Some(&"{"), "}") | (Some(&"["), "]") => open.pop().is_some(),
            (Some(&"{"), _) if named("[", "]") => {
                open.push("[");
                true
            }
            (Some(&"{"), _) if named("{", "}") => {
                open.push("{");
                true
            }
            (Some(&"{"), member) => whole(&format!("{{{member}}}")),
            (Some(_), record) => whole(record),
            (None, _) => false,
        };
        if !fits {
            return Err(format!("line {}", index + 1));
        }
    }
    if whole(text) { Ok(()) } else { Err("not JSON".into()) }
}

#[test]
fn json_fixtures_have_one_record_per_line() {
    let root = root();
    let mut fixtures = Vec::new();
    for folder in ["crates", "docs", "tests"] {
        below(&root.join(folder), &[".json"], &mut fixtures);
    }
    // Schemas are written by a test, which also compares them.
    let written = ["docs/json", "docs/openapi.json"].map(|path| root.join(path));
    fixtures.retain(|path| !written.iter().any(|written| path.starts_with(written)));
    assert!(!fixtures.is_empty());
    for path in fixtures {
        let checked = one_record_per_line(&fs::read_to_string(&path).unwrap());
        assert_eq!(checked, Ok(()), "{}: each record of a list has a line of its own", path.display());
    }
    assert_eq!(one_record_per_line("{\n\"a\": [\n{\n\"b\": 1\n}\n]\n}\n"), Err("line 3".into()));
}

/// The last column of the table of docs/online.md: names of tests in backquotes, and rows of the test that plays them.
#[test]
fn each_failure_of_going_online_has_a_test() {
    let page = fs::read_to_string(docs().join("online.md")).unwrap();
    let rows: Vec<Vec<&str>> = page
        .lines()
        .filter(|line| line.starts_with("| ") && line.as_bytes()[2].is_ascii_digit())
        .map(|line| line.split('|').map(str::trim).collect())
        .collect();
    let numbers: Vec<usize> = rows.iter().map(|row| row[1].parse().unwrap()).collect();
    assert_eq!(numbers, (1..=40).collect::<Vec<_>>());
    let mut sources = Vec::new();
    below(&root().join("crates"), &["rs"], &mut sources);
    let all: String = sources.iter().filter_map(|path| fs::read_to_string(path).ok()).collect();
    let played = fs::read_to_string(root().join("crates/stickshift-emu/tests/online/field.rs")).unwrap();
    let mut wrong = Vec::new();
    for row in &rows {
        let (number, tests) = (row[1], row[4]);
        let named: Vec<&str> =
            tests.split('`').skip(1).step_by(2).filter(|name| !name.contains('/')).collect();
        let is_folder = |name: &str| root().join("crates/stickshift-cli/tests").join(name).is_dir();
        let unknown = named.iter().filter(|name| !all.contains(&format!("fn {name}()")) && !is_folder(name));
        wrong.extend(unknown.map(|name| format!("row {number}: there is no test {name}")));
        let words = tests.split('`').step_by(2).flat_map(|text| text.split(|c: char| !c.is_ascii_digit()));
        let is_played = words.filter(|n| !n.is_empty()).any(|n| played.contains(&format!("case(\"{n}\"")));
        if named.is_empty() && !is_played && !tests.contains("the same") {
            wrong.push(format!("row {number}: no test"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
