//! Tests that report that they could not run (`test_support::skip`): counted, printed, and in CI allowed only by a list.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::run::{in_ci, root, target};

/// The variable by which tests find the file they report to.
pub(crate) const VARIABLE: &str = "STICKSHIFT_SKIPS";

const ALLOWED: &str = "xtask/allowed-skips.toml";

/// An empty file for the reports of one run.
pub(crate) fn begin() -> Result<PathBuf, String> {
    let file = target("skipped-tests")?;
    fs::write(&file, "").map_err(|e| format!("{}: {e}", file.display()))?;
    Ok(file)
}

/// Prints what was skipped. In CI a skip that the list does not allow is an error.
pub(crate) fn end(file: &Path) -> Result<(), String> {
    let read = |path: &Path| fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()));
    let (reports, allowed) = (read(file)?, allowed(&read(&root().join(ALLOWED))?)?);
    let skipped: BTreeSet<&str> = reports.lines().collect();
    println!("    {} tests skipped themselves", skipped.len());
    for line in &skipped {
        println!("    - {line}");
    }
    let refused = refused(&skipped, &allowed);
    if refused.is_empty() || !in_ci() {
        return Ok(());
    }
    Err(format!("{ALLOWED} does not allow these tests to be skipped: {}", refused.join(", ")))
}

/// The names of skipped tests that are not allowed to be. A line is `test: reason`.
fn refused<'a>(skipped: &BTreeSet<&'a str>, allowed: &[String]) -> Vec<&'a str> {
    let names = skipped.iter().map(|line| line.split_once(": ").map_or(*line, |(name, _)| name));
    names.filter(|name| !allowed.iter().any(|a| a == name)).collect()
}

/// The names in the list; each row must give a reason.
fn allowed(text: &str) -> Result<Vec<String>, String> {
    let list: toml::Table = text.parse().map_err(|e| format!("{ALLOWED}: {e}"))?;
    let rows = list.get("skip").and_then(|rows| rows.as_array()).cloned().unwrap_or_default();
    let word = |row: &toml::Value, key: &str| {
        let word = row.get(key).and_then(|v| v.as_str()).unwrap_or_default().trim().to_owned();
        if word.is_empty() { Err(format!("{ALLOWED}: a row without {key}: {row}")) } else { Ok(word) }
    };
    rows.iter().map(|row| word(row, "reason").and_then(|_| word(row, "test"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_skips_are_allowed() {
        let allowed = allowed("[[skip]]\ntest = \"a::b\"\nreason = \"c\"").unwrap();
        let skipped = BTreeSet::from(["a::b: no python3", "a::d: no python3"]);
        assert_eq!(refused(&skipped, &allowed), ["a::d"]);
    }

    #[test]
    fn a_row_without_a_reason_is_refused() {
        assert!(allowed("[[skip]]\ntest = \"a::b\"").is_err());
        assert!(allowed("[[skip]]\ntest = \"a::b\"\nreason = \" \"").is_err());
    }

    #[test]
    fn the_list_is_sound() {
        let text = fs::read_to_string(root().join(ALLOWED)).unwrap();
        let tests = allowed(&text).unwrap();
        assert_eq!(tests.len(), tests.iter().collect::<BTreeSet<_>>().len());
    }
}
