//! `data/refusals-*.toml` as static tables.

use std::fmt::Write as _;

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Data {
    group: Vec<Group>,
    #[serde(default)]
    connection: Vec<Connections>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    family: String,
    tried: Option<String>,
    source: String,
    rows: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Row {
    code: Option<i32>,
    from: Option<i32>,
    to: Option<i32>,
    #[serde(default)]
    name: String,
    kind: Option<String>,
    #[serde(default)]
    busy: bool,
    #[serde(default)]
    in_doubt: bool,
    #[serde(default)]
    owner: bool,
    cause: String,
    #[serde(default)]
    help: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Connections {
    source: String,
    rows: Vec<Connection>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Connection {
    code: u16,
    state: String,
    words: String,
    #[serde(default)]
    owner: bool,
    /// With it, a failure is a refusal as well.
    #[serde(default)]
    help: String,
}

/// `a-few-words` as `AFewWords`.
fn variant(code: &str) -> String {
    let word = |word: &str| word[..1].to_uppercase() + &word[1..];
    code.split('-').map(word).collect()
}

/// The statics of `error::refusals`, and the texts of its rows: name, cause, help and source, a line each.
pub(super) fn tables(files: &[&str]) -> (String, String) {
    let read = |file: &&str| toml::from_str(file).unwrap_or_else(|e| panic!("data/refusals: {e}"));
    let data: Vec<Data> = files.iter().map(read).collect();
    let mut texts = String::new();
    let mut code = String::from("static ROWS: &[Row] = &[\n");
    for group in data.iter().flat_map(|data| &data.group) {
        for row in &group.rows {
            let (from, to) = match (row.code, row.from, row.to) {
                (Some(code), None, None) => (code, code),
                (None, Some(from), Some(to)) if from < to => (from, to),
                _ => panic!("data/refusals: neither a code nor a range: {}", row.cause),
            };
            assert!(!row.help.is_empty() || row.kind.is_some(), "data/refusals: {from} has no help");
            let kind = row.kind.as_ref().map(|kind| format!("ErrorKind::{}", variant(kind)));
            let tried = group.tried.as_ref().map(|tried| format!("Tried::{}", variant(tried)));
            writeln!(
                code,
                "Row {{ family: RefusalFamily::{}, from: {from}, to: {to}, tried: {}, kind: {}, busy: {}, in_doubt: {}, owner: {} }},",
                variant(&group.family),
                option(tried),
                option(kind),
                row.busy,
                row.in_doubt,
                row.owner,
            )
            .expect("a string takes all");
            for text in [&row.name, &row.cause, &row.help, &group.source] {
                assert!(!text.contains('\n'), "data/refusals: a text of two lines: {text}");
                texts.push_str(text);
                texts.push('\n');
            }
        }
    }
    for group in data.iter().flat_map(|data| &data.connection) {
        for row in group.rows.iter().filter(|row| !row.help.is_empty()) {
            writeln!(
                code,
                "Row {{ family: RefusalFamily::Connection, from: {0}, to: {0}, tried: None, kind: None, busy: false, in_doubt: false, owner: {1} }},",
                row.code, row.owner,
            )
            .expect("a string takes all");
            let cause = row.words.trim_start_matches("failed: ");
            texts += &format!("\n{cause}\n{}\n{}\n", row.help, group.source);
        }
    }
    code += "];\n/// Every number of the data connection that is known.\npub static CONNECTIONS: &[ConnectionMeaning] = &[\n";
    for group in data.iter().flat_map(|data| &data.connection) {
        for row in &group.rows {
            writeln!(
                code,
                "ConnectionMeaning {{ code: {}, state: ConnectionState::{}, words: {:?}, source: {:?} }},",
                row.code,
                variant(&row.state),
                row.words,
                group.source
            )
            .expect("a string takes all");
        }
    }
    (code + "];\n", texts)
}

fn option(code: Option<String>) -> String {
    code.map_or_else(|| "None".to_owned(), |code| format!("Some({code})"))
}
