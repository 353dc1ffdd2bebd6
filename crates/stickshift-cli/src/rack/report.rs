//! The report that `--all` writes: CSV, or JSON where the file is called so.

use std::path::Path;

use stickshift::atomic_file;
use stickshift::clean;
use stickshift::error::Result;

use crate::files;
use crate::rack::row::Rows;

/// The columns of a report in CSV. A file that begins with them is one of ours.
const COLUMNS: &str =
    "place,id,product,serial,imei,before,after,verdict,exit,seconds,kind,what,next,resumed,earlier,called";
/// The member that tells a report in JSON.
const MARK: &str = "stickshift-report";

/// Refuses a report that would take the place of a file that is none of ours.
pub(crate) fn check_report(path: &Path, force: bool) -> Result<()> {
    let is_ours = files::read(path).is_ok_and(|bytes| {
        bytes.starts_with(COLUMNS.as_bytes()) || bytes.starts_with(format!("{{\n  \"{MARK}\"").as_bytes())
    });
    if is_ours { Ok(()) } else { files::check_free(path, force) }
}

/// Writes the report, whole or not at all.
pub(crate) fn write_report(path: &Path, rows: &Rows) -> Result<()> {
    let text = match path.extension().is_some_and(|ending| ending == "json") {
        true => {
            let rows = serde_json::to_value(rows).unwrap_or_default();
            let document = format!(
                "{{\n  \"{MARK}\": 1,\n  \"rows\": {:#},\n  \"absent\": {:#}\n}}\n",
                rows["rows"], rows["absent"]
            );
            clean::json(&document).into_owned()
        }
        false => csv(rows),
    };
    atomic_file::write(path, text.as_bytes())
}

fn csv(rows: &Rows) -> String {
    let mut text = format!("{COLUMNS}\r\n");
    for row in rows.all() {
        let fields = row.fields().map(|field| cell(&field));
        text.push_str(&fields.join(","));
        text.push_str("\r\n");
    }
    text
}

/// A cell on one line. One that a spreadsheet would take for a formula gets an apostrophe: it may come from a stick.
fn cell(text: &str) -> String {
    let mut text = clean::line(text).into_owned();
    if text.starts_with(['=', '+', '-', '@']) {
        text.insert(0, '\'');
    }
    if text.contains([',', '"', '\'']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rack::row::Row;

    #[test]
    fn cells_stay_cells() {
        assert_eq!(cell("1-1"), "1-1");
        assert_eq!(cell("a, \"b\""), "\"a, \"\"b\"\"\"");
        assert_eq!(cell("=cmd()"), "\"'=cmd()\"");
        assert_eq!(cell("two\nlines").lines().count(), 1);
    }

    #[test]
    fn reports_are_ours_or_not_touched() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.csv", "a.json"] {
            let path = folder.path().join(name);
            let mut rows = Rows::default();
            rows.add(Row::default());
            check_report(&path, false).unwrap();
            write_report(&path, &rows).unwrap();
            check_report(&path, false).unwrap();
            std::fs::write(&path, "somebody's").unwrap();
            assert!(check_report(&path, false).is_err());
            check_report(&path, true).unwrap();
        }
    }
}
