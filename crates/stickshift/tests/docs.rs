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
            "\n### {}\n\n{}\n\nWhy: {}\n\n{} entries: {}\n",
            text(row, "name"),
            text(row, "what"),
            text(row, "why"),
            entries.len(),
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
    for page in pages {
        let text = fs::read_to_string(&page).unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap_or_default();
            let elsewhere = file.is_empty() || file.contains("://") || file.contains(' ');
            if !elsewhere && !page.parent().unwrap().join(file).exists() {
                broken.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}
