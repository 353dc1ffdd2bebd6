//! JSON Schemas of what each verb prints with `--json`, made from the types that are printed. docs/json has them.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::FailureReport;
use super::json::{Outcome, SCHEMA};

/// The types that verbs print: results, and events of their own.
#[derive(Default)]
pub(crate) struct Shapes {
    results: Vec<(&'static str, Make)>,
    events: Vec<(&'static str, &'static str, Make)>,
}

type Make = fn(&mut SchemaGenerator) -> Schema;

impl Shapes {
    /// `verb` (`sms send`) may end with a `T`.
    pub(crate) fn result<T: JsonSchema>(&mut self, verb: &'static str) {
        self.results.push((verb, SchemaGenerator::subschema_for::<T>));
    }

    /// A verb may end without a result: all of it came as events, or went where it was told to.
    pub(crate) fn no_result(&mut self, verb: &'static str) {
        self.result::<()>(verb);
    }

    /// The verb may print events `name` with a `T`.
    pub(crate) fn event<T: JsonSchema>(&mut self, verb: &'static str, name: &'static str) {
        self.events.push((verb, name, SchemaGenerator::subschema_for::<T>));
    }

    /// Every verb with its parts that has a result.
    pub(crate) fn verbs(&self) -> impl Iterator<Item = &'static str> {
        self.results.iter().map(|(verb, _)| *verb)
    }

    /// The schema of one line of `verb` or of one of its parts.
    pub(crate) fn of_verb(&self, verb: &str) -> Value {
        let below = |name: &str| name.split(' ').next() == Some(verb);
        let mut generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
        let text = || json!({ "type": "string" });
        let number = || json!({ "type": "integer", "minimum": 0 });
        let code = || json!({ "code": text(), "text": text() });
        let mut lines = vec![
            line("step", "Work on a step begins.", code()),
            line("progress", "So much of the step is done.", json!({ "done": number(), "total": number() })),
            line("note", "What was found out.", code()),
            line("warning", "What the user should know.", code()),
        ];
        let mut events: Vec<&str> = self.events.iter().filter(|e| below(e.0)).map(|e| e.1).collect();
        events.sort_unstable();
        events.dedup();
        for event in events {
            let makes = self.events.iter().filter(|e| below(e.0) && e.1 == event).map(|e| e.2);
            lines.push(line(event, "", json!({ event: any_of(makes, &mut generator) })));
        }
        let mut parts: Vec<&str> = self.verbs().filter(|name| below(name)).collect();
        parts.sort_unstable();
        parts.dedup();
        let exit = json!({ "type": "integer", "minimum": 0, "maximum": 7 });
        for part in &parts {
            let makes = self.results.iter().filter(|r| r.0 == *part).map(|r| r.1);
            let fields = json!({
                "verb": { "const": part },
                "verdict": generator.subschema_for::<Outcome>(),
                "exit": exit.clone(),
                "result": any_of(makes, &mut generator),
            });
            lines.push(line("result", "The last line, when it ended well.", fields));
        }
        lines.push(error(&parts, &mut generator));
        let mut schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": format!("One line of `stickshift {verb} --json`, version {SCHEMA}"),
            "oneOf": lines,
        });
        schema["$defs"] = Value::Object(generator.take_definitions(true));
        schema
    }
}

fn any_of(makes: impl Iterator<Item = Make>, generator: &mut SchemaGenerator) -> Value {
    let mut all: Vec<Value> = Vec::new();
    for make in makes {
        let schema = make(generator).to_value();
        if !all.contains(&schema) {
            all.push(schema);
        }
    }
    if all.len() == 1 { all.remove(0) } else { json!({ "anyOf": all }) }
}

/// A line with the event's name, the version and its fields.
fn line(event: &str, about: &str, fields: Value) -> Value {
    let mut properties = json!({ "event": { "const": event }, "schema": { "const": SCHEMA } });
    if let (Value::Object(all), Value::Object(fields)) = (&mut properties, fields) {
        all.extend(fields);
    }
    let required: Vec<String> = properties.as_object().into_iter().flat_map(Map::keys).cloned().collect();
    let mut line = json!({ "type": "object", "properties": properties, "required": required });
    if !about.is_empty() {
        line["description"] = about.into();
    }
    line
}

/// The last line of a failure: the fields of the report itself, the verb, and what was found before.
fn error(parts: &[&str], generator: &mut SchemaGenerator) -> Value {
    let report = FailureReport::json_schema(generator).to_value();
    let mut line = line("error", "The last line, when it failed.", report["properties"].clone());
    let mut verbs: Vec<Value> = parts.iter().map(|part| Value::from(*part)).collect();
    // A command line that was not understood names no verb.
    verbs.push(Value::Null);
    line["properties"]["verb"] = json!({ "enum": verbs });
    line["properties"]["result"] = json!({ "description": "What was found before it failed." });
    if let Value::Array(required) = &mut line["required"] {
        required.push("verb".into());
    }
    line
}
