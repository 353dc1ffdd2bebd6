//! Holds what `--json` printed against docs/json: a line per object, the last of them the only result or error, each as its schema says.

#![allow(dead_code, reason = "each test takes what it needs")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/json")
}

/// The schema of a verb.
fn schema(verb: &str) -> Value {
    let file = folder().join(format!("{verb}.json"));
    let text = fs::read(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    serde_json::from_slice(&text).unwrap()
}

/// Every verb and part of one that docs/json knows, `sms send`.
pub(crate) fn verbs() -> BTreeSet<String> {
    let files = fs::read_dir(folder()).unwrap().map(|file| file.unwrap().path());
    let lines = files.flat_map(|path| {
        let schema: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        schema["oneOf"].as_array().unwrap().clone()
    });
    lines.filter_map(|line| Some(line["properties"]["verb"]["const"].as_str()?.to_owned())).collect()
}

/// The last line of what a command printed, when all of it keeps the contract; else what is wrong.
pub(crate) fn last_line(stdout: &str, exit: Option<i32>) -> Result<Value, String> {
    let mut lines = Vec::new();
    for line in stdout.lines() {
        let value: Value = serde_json::from_str(line).map_err(|e| format!("no JSON ({e}): {line}"))?;
        lines.push(value);
    }
    let last = lines.last().cloned().ok_or("nothing was printed")?;
    let ends = |line: &Value| line["event"] == "result" || line["event"] == "error";
    if lines.iter().filter(|line| ends(line)).count() != 1 || !ends(&last) {
        return Err(format!("not one result or error, at the end: {stdout}"));
    }
    if exit.is_some_and(|exit| last["exit"] != exit) {
        return Err(format!("ended with {exit:?}: {last}"));
    }
    // A command line that was not understood has no verb; its error is the same everywhere.
    let verb = last["verb"].as_str().unwrap_or("list");
    let schema = schema(verb.split(' ').next().unwrap_or_default());
    for line in &lines {
        fits(&schema, line)?;
    }
    Ok(last)
}

fn fits(schema: &Value, line: &Value) -> Result<(), String> {
    // Of lines, the event tells which one is meant, and the verb which result: its own complaint says more than "none fits".
    let meant = |one: &&Value| {
        let says = |name: &str| {
            let known = &one["properties"][name]["const"];
            known.is_null() || *known == line[name]
        };
        says("event") && says("verb")
    };
    let lines = schema["oneOf"].as_array().ok_or("a schema without lines")?;
    let mut meant = lines.iter().filter(meant);
    let one = meant.next().ok_or_else(|| format!("no such line is described: {line}"))?;
    if meant.next().is_some() {
        return Err(format!("described twice: {line}"));
    }
    check(one, line, schema, "line").map_err(|why| format!("{why}: {line}"))
}

/// Checks by the words that our schemas use; any other word is an error. Objects are closed: a field that no schema names is one, too.
fn check(schema: &Value, value: &Value, root: &Value, at: &str) -> Result<(), String> {
    let Value::Object(words) = schema else {
        return if *schema == Value::Bool(true) { Ok(()) } else { Err(format!("{at}: {schema}")) };
    };
    let wrong = |why: String| Err(format!("{at}: {why}"));
    let all = |word: &str| words[word].as_array().cloned().unwrap_or_default();
    for (word, wanted) in words {
        match word.as_str() {
            "$schema" | "$defs" | "title" | "description" | "format" | "default" => {}
            "$ref" => {
                let name = wanted.as_str().and_then(|to| to.strip_prefix("#/$defs/")).unwrap_or_default();
                check(&root["$defs"][name], value, root, at)?;
            }
            "const" if wanted != value => return wrong(format!("{value} in place of {wanted}")),
            "enum" if !all(word).contains(value) => return wrong(format!("{value} is none of {wanted}")),
            "const" | "enum" => {}
            "type" => {
                let types = if wanted.is_array() { all(word) } else { vec![wanted.clone()] };
                if !types.iter().any(|name| is(value, name.as_str().unwrap_or_default())) {
                    return wrong(format!("{value} is not {wanted}"));
                }
            }
            "minimum" | "maximum" => {
                let outside = value.as_f64().zip(wanted.as_f64()).is_some_and(|(value, limit)| {
                    if word == "minimum" { value < limit } else { value > limit }
                });
                if outside {
                    return wrong(format!("{value} with a {word} of {wanted}"));
                }
            }
            "oneOf" | "anyOf" => {
                let tried: Vec<_> = all(word).iter().map(|one| check(one, value, root, at)).collect();
                let fitting = tried.iter().filter(|outcome| outcome.is_ok()).count();
                if fitting == 0 || (word == "oneOf" && fitting > 1) {
                    return wrong(format!("{fitting} of {word} fit: {tried:?}"));
                }
            }
            "required" => {
                let missing =
                    |name: &&Value| value.is_object() && value.get(name.as_str().unwrap()).is_none();
                if let Some(name) = all(word).iter().find(missing) {
                    return wrong(format!("{name} is missing"));
                }
            }
            "properties" | "additionalProperties" => {
                for (name, inner) in value.as_object().into_iter().flatten() {
                    let named = words.get("properties").and_then(|known| known.get(name));
                    let Some(schema) = named.or(words.get("additionalProperties")) else {
                        return wrong(format!("{name} is not described"));
                    };
                    check(schema, inner, root, &format!("{at}.{name}"))?;
                }
            }
            "prefixItems" | "items" => {
                let first = words.get("prefixItems").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
                for (index, inner) in value.as_array().into_iter().flatten().enumerate() {
                    let Some(schema) = first.get(index).or(words.get("items")) else { continue };
                    check(schema, inner, root, &format!("{at}[{index}]"))?;
                }
            }
            "minItems" | "maxItems" => {
                let (count, limit) = (value.as_array().map_or(0, Vec::len) as u64, wanted.as_u64().unwrap());
                if value.is_array() && if word == "minItems" { count < limit } else { count > limit } {
                    return wrong(format!("{count} items with {word} {limit}"));
                }
            }
            other => return wrong(format!("this test does not know the word {other}")),
        }
    }
    Ok(())
}

fn is(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "number" => value.is_number(),
        "integer" => value.is_u64() || value.is_i64(),
        _ => false,
    }
}
