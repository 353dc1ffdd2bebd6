//! The OpenAPI document: the operations, and what the server does itself.

use serde_json::{Map, Value, json};

use crate::fields::{Field, Kind};
use crate::operations::{OPERATIONS, OWN, Way};

/// The OpenAPI document. `schema` gives the JSON Schema of the lines of a verb, docs/json.
pub fn openapi(version: &str, mut schema: impl FnMut(&str) -> Option<Value>) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    let mut schemas = Map::new();
    let mut add = |method: &str, path: &str, operation: Value| {
        let path = paths.entry(path.to_owned()).or_insert_with(|| json!({}));
        path[method.to_lowercase()] = operation;
    };
    for op in OPERATIONS {
        let verb = op.verb.split(' ').next().unwrap_or_default();
        let line = match schema(verb) {
            Some(schema) => {
                schemas.entry(verb).or_insert(schema);
                json!({ "$ref": format!("#/components/schemas/{verb}") })
            }
            None => json!({ "type": "object" }),
        };
        let job = json!({ "$ref": "#/components/schemas/job" });
        let mut responses = failures();
        match op.way {
            Way::Read => responses["200"] = answer("Done", &line),
            Way::Change => {
                responses["200"] = answer("Done", &line);
                responses["202"] = answer("It takes longer than three minutes: its job", &job);
            }
            Way::Job | Way::Plan | Way::Service => responses["202"] = answer("The job that was begun", &job),
        }
        let mut operation = json!({
            "operationId": op.name,
            "summary": op.about,
            "description": format!("The line of `stickshift {} --json`.", op.verb),
            "parameters": parameters(op.method, op.path, op.fields),
            "responses": responses,
        });
        if let Some(body) = body(op.method, op.fields) {
            operation["requestBody"] = body;
        }
        add(op.method, op.path, operation);
    }
    for own in OWN {
        let (method, path) = (own.method, own.path);
        // Its body is the file itself.
        let is_file = (method, path) == ("POST", "/files");
        let mut responses = failures();
        match path {
            "/events" => {
                let content = json!({ "text/event-stream": { "schema": { "type": "string" } } });
                responses["200"] = json!({ "description": "Events", "content": content });
            }
            "/commands" => {
                let content = json!({ "application/x-ndjson": { "schema": { "type": "string" } } });
                responses["200"] = json!({ "description": "Lines", "content": content });
            }
            "/jobs/{job}/start" => {
                responses["202"] =
                    answer("The job that was begun", &json!({ "$ref": "#/components/schemas/job" }));
            }
            _ => responses["200"] = answer("Done", &json!({ "type": "object" })),
        }
        let mut operation = json!({
            "summary": own.about,
            "parameters": parameters(if is_file { "GET" } else { method }, path, own.fields),
            "responses": responses,
        });
        if is_file {
            let schema = json!({ "type": "string", "format": "binary" });
            operation["requestBody"] =
                json!({ "content": { "application/octet-stream": { "schema": schema } } });
        } else if let Some(body) = body(method, own.fields) {
            operation["requestBody"] = body;
        }
        add(method, path, operation);
    }
    schemas.insert("job".into(), crate::jobs::schema());
    schemas.insert("failure".into(), failure());
    json!({
        "openapi": "3.1.0",
        "info": { "title": "stickshift serve", "version": version },
        "servers": [{ "url": "/api" }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "session": { "type": "apiKey", "in": "cookie", "name": "stickshift-8321", "description": "The port is part of its name" },
                "token": { "type": "apiKey", "in": "header", "name": "x-stickshift-token", "description": "For changes" },
            },
        },
        "security": [{ "session": [], "token": [] }],
    })
}

fn answer(about: &str, schema: &Value) -> Value {
    json!({ "description": about, "content": { "application/json": { "schema": schema } } })
}

/// What may be answered in place of what was asked for.
fn failures() -> Value {
    let line = json!({ "$ref": "#/components/schemas/failure" });
    json!({
        "400": answer("A field is missing, not known or of another kind; it is named", &line),
        "401": answer("There is no session", &line),
        "403": answer("The role may not do this, or the token is missing", &line),
        "404": answer("There is no such stick, file or job", &line),
        "405": answer("The address is there for other methods, which Allow names", &line),
        "409": answer("The stick, a check, or another program refused", &line),
        "413": answer("It is larger than what is taken", &line),
        "500": answer("It failed; the verdict says what the stick is left as", &line),
        "503": answer("Too many do this at the same time", &line),
    })
}

/// The JSON Schema of a failure: a command's, or the server's own.
fn failure() -> Value {
    let text = json!({ "type": "string" });
    json!({
        "type": "object",
        "required": ["event", "kind", "what", "verdict", "exit"],
        "properties": {
            "event": { "const": "error" }, "kind": text, "what": text, "cause": text, "help": text, "recover": text,
            "verdict": { "enum": ["untouched", "done", "recoverable", "unknown"] },
            "exit": { "type": "integer", "minimum": 0, "maximum": 255 },
        },
    })
}

/// The parts of a path, and the fields of a query.
fn parameters(method: &str, path: &str, fields: &[Field]) -> Vec<Value> {
    let text = json!({ "type": "string" });
    let of_path = path.split('/').filter_map(|part| part.strip_prefix('{')).map(|part| {
        let name = part.trim_end_matches('}');
        let about = fields.iter().find(|field| field.name == name).map_or("", |field| field.about);
        json!({ "name": name, "in": "path", "required": true, "description": about, "schema": text })
    });
    let of_query = sent(fields).filter(|_| method == "GET").map(|field| {
        json!({
            "name": field.name, "in": "query", "required": is_required(field), "description": field.about,
            "schema": of_field(field),
        })
    });
    of_path.chain(of_query).collect()
}

/// The document that a change takes; none where it takes no fields.
fn body(method: &str, fields: &[Field]) -> Option<Value> {
    let properties: Map<String, Value> =
        sent(fields).map(|field| (field.name.to_owned(), of_field(field))).collect();
    if method == "GET" || properties.is_empty() {
        return None;
    }
    let required: Vec<&str> =
        sent(fields).filter(|field| is_required(field)).map(|field| field.name).collect();
    let schema = json!({
        "type": "object", "properties": properties, "required": required, "additionalProperties": false,
    });
    Some(json!({ "required": !required.is_empty(), "content": { "application/json": { "schema": schema } } }))
}

fn sent(fields: &[Field]) -> impl Iterator<Item = &Field> {
    fields.iter().filter(|field| field.kind != Kind::Path)
}

fn is_required(field: &Field) -> bool {
    matches!(field.kind, Kind::Required | Kind::Several | Kind::Answer)
}

fn of_field(field: &Field) -> Value {
    let text = json!({ "type": "string" });
    let mut schema = match field.kind {
        Kind::Several => json!({ "type": "array", "minItems": 1, "items": text }),
        Kind::Any => json!({ "type": "array", "items": text }),
        Kind::Switch => json!({ "enum": ["on", "off", true, false] }),
        Kind::Answer => json!({ "type": "boolean" }),
        Kind::Secret(_) => json!({ "type": "string", "format": "password", "writeOnly": true }),
        Kind::Named(names) => {
            let properties: Map<String, Value> =
                names.iter().map(|name| ((*name).to_owned(), text.clone())).collect();
            json!({ "type": "object", "properties": properties, "additionalProperties": false, "writeOnly": true })
        }
        Kind::Path | Kind::Optional | Kind::Required => text,
    };
    schema["description"] = field.about.into();
    schema
}
