//! Where the bytes of a program are: per crate, per room of ours and per verb, from its symbols.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::run::output;

/// What of a program belongs to whom, in bytes of code.
#[derive(Default)]
pub(crate) struct Anatomy {
    /// All code.
    pub(crate) code: u64,
    pub(crate) crates: BTreeMap<String, u64>,
    /// Top modules of the library and of the program.
    pub(crate) rooms: BTreeMap<String, u64>,
    /// Verbs of the program, without what of the library they use alone.
    pub(crate) verbs: BTreeMap<String, u64>,
}

impl Anatomy {
    /// Reads the symbols of a program that was not stripped.
    pub(crate) fn of(program: &Path) -> Result<Anatomy, String> {
        let listed =
            output("nm", &["--print-size", "--defined-only", "--demangle=rust", &program.to_string_lossy()])?;
        let mut anatomy = Anatomy::default();
        for line in listed.lines() {
            let Some((size, name)) = code(line) else { continue };
            anatomy.code += size;
            *anatomy.crates.entry(crate_of(name)).or_default() += size;
            if let Some(room) = after(name, "stickshift::") {
                *anatomy.rooms.entry(room.to_owned()).or_default() += size;
            }
            if let Some(verb) = verb_in(name) {
                *anatomy.verbs.entry(verb.to_owned()).or_default() += size;
            }
        }
        if anatomy.rooms.is_empty() {
            return Err(format!("{} has no symbols", program.display()));
        }
        Ok(anatomy)
    }

    /// The tables with their names.
    pub(crate) fn tables(&self) -> [(&'static str, &BTreeMap<String, u64>); 3] {
        [("crates", &self.crates), ("rooms", &self.rooms), ("verbs", &self.verbs)]
    }

    /// As it is kept.
    pub(crate) fn to_json(&self) -> Value {
        let tables = self.tables().map(|(name, table)| (name.to_owned(), json!(table)));
        let mut all = Map::from_iter(tables);
        all.insert("code".to_owned(), self.code.into());
        Value::Object(all)
    }
}

/// Size and name of a function in a line `address size kind name`.
fn code(line: &str) -> Option<(u64, &str)> {
    let mut parts = line.splitn(4, ' ');
    let (_, size, kind, name) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let size = u64::from_str_radix(size, 16).ok()?;
    matches!(kind, "t" | "T" | "w" | "W").then_some((size, name))
}

/// The crate that a function's text is from; an implementation counts to the type's crate, C counts as `C`.
fn crate_of(name: &str) -> String {
    let start = name.trim_start_matches(|c: char| "<&([*".contains(c));
    let start = ["mut ", "const ", "dyn "].iter().fold(start, |start, word| start.trim_start_matches(word));
    let end = start.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(start.len());
    match (&start[..end], start[end..].starts_with(['[', ':'])) {
        (word, true) if start[end..].starts_with("::") => word.to_owned(),
        // An implementation for every type counts to the trait's crate.
        (_, _) => match name.split_once(" as ") {
            Some((_, of)) if name.starts_with('<') => crate_of(of),
            _ => "C".to_owned(),
        },
    }
}

/// The word that follows `path` where it first stands in a name.
fn after<'a>(name: &'a str, path: &str) -> Option<&'a str> {
    let rest = &name[name.find(path)? + path.len()..];
    let end = rest.find(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'))?;
    (end > 0).then(|| &rest[..end])
}

/// The first verb that a name has: functions with types of a verb are the verb's.
fn verb_in(name: &str) -> Option<&str> {
    const VERBS: &str = "stickshift::verbs::";
    name.match_indices(VERBS).find_map(|(at, _)| verb_of(after(&name[at..], VERBS)?))
}

/// The verb that a module below `verbs` serves.
fn verb_of(module: &str) -> Option<&str> {
    Some(match module {
        "run" | "apart" => return None,
        "virtual_owner" | "virtual_rack" | "virtual_stick" => "virtual",
        other => other.strip_suffix("_reports").unwrap_or(other),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_whose_code_it_is() {
        for (name, owner) in [
            ("stickshift::learn::learn", "stickshift"),
            ("<stickshift::online::Change as serde_core::ser::Serialize>::serialize", "stickshift"),
            (
                "<&mut serde_json::de::Deserializer<R> as serde_core::de::Deserializer>::deserialize_seq",
                "serde_json",
            ),
            ("<T as alloc::string::ToString>::to_string", "alloc"),
            ("<[u8] as core::fmt::Debug>::fmt", "core"),
            ("memcpy", "C"),
            ("core::ptr::drop_in_place::<stickshift::error::Error>", "core"),
        ] {
            assert_eq!(crate_of(name), owner, "{name}");
        }
        assert_eq!(after("stickshift::verbs::list::run", "stickshift::"), Some("verbs"));
        assert_eq!(
            verb_in("stickshift::verbs::apart::<stickshift::verbs::online::stay::Args>"),
            Some("online")
        );
        assert_eq!(verb_in("stickshift::verbs::run"), None);
        assert_eq!(code("0000000000401000 0000000000000010 t a b"), Some((16, "a b")));
        assert_eq!(code("0000000000401000 0000000000000010 r a"), None);
    }
}
