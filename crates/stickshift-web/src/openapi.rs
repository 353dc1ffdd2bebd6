//! The OpenAPI document: the operations, and what the server does itself.

use serde_json::{Map, Value, json};

use crate::operations::{Field, Kind, OPERATIONS, Operation, Way};

/// What the server does itself, for the OpenAPI document: method, path, what it is for.
const OWN: [(&str, &str, &str); 11] = [
    (
        "GET",
        "/events",
        "Events as they happen (server-sent events); Last-Event-ID goes on where a viewer left off",
    ),
    ("GET", "/session", "Who is asking: the role, and the token that changes need in x-stickshift-token"),
    ("GET", "/files", "Uploaded files"),
    ("POST", "/files", "Upload a file: its bytes as application/octet-stream, its name as ?name="),
    ("DELETE", "/files/{file}", "Remove an uploaded file"),
    ("GET", "/jobs", "Jobs, the newest first"),
    ("GET", "/jobs/{job}", "A job with its lines"),
    ("POST", "/jobs/{job}/start", "Start the plan of a job; `danger` names each of its dangers by its index"),
    ("POST", "/jobs/{job}/cancel", "Stop a job at the next safe step"),
    ("POST", "/sticks/{place}/replug", "Pull a virtual stick and plug it in again"),
    ("GET", "/sticks/{place}/history", "Signal of the last hour, as far as anybody looked"),
];

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
        let answer = match op.way {
            Way::Read | Way::Change => line,
            Way::Job | Way::Plan => json!({ "$ref": "#/components/schemas/job" }),
        };
        let content = json!({ "application/json": { "schema": answer } });
        let failure = |about: &str| json!({ "description": about, "content": content.clone() });
        let mut operation = json!({
            "operationId": op.name,
            "summary": op.about,
            "description": format!("The line of `stickshift {} --json`.", op.verb),
            "parameters": parameters(op),
            "responses": {
                "200": { "description": "Done", "content": content },
                "400": failure("A field is missing or does not read"),
                "403": failure("The role may not do this, or the token is missing"),
                "404": failure("There is no such stick or file"),
                "409": failure("The stick, a check, or another program refused"),
                "500": failure("It failed; the verdict says what the stick is left as"),
            },
        });
        let body: Vec<&Field> = if op.method == "GET" {
            Vec::new()
        } else {
            op.fields.iter().filter(|f| f.kind != Kind::Path).collect()
        };
        if !body.is_empty() {
            let properties: Map<String, Value> =
                body.iter().map(|f| (f.name.to_owned(), of_field(f))).collect();
            let required: Vec<&str> =
                body.iter().filter(|f| f.kind != Kind::Optional).map(|f| f.name).collect();
            let schema = json!({ "type": "object", "properties": properties, "required": required });
            operation["requestBody"] = json!({ "content": { "application/json": { "schema": schema } } });
        }
        add(op.method, op.path, operation);
    }
    for (method, path, about) in OWN {
        let of_path = path.split('/').filter_map(|part| part.strip_prefix('{')).map(|part| {
            json!({ "name": part.trim_end_matches('}'), "in": "path", "required": true, "schema": { "type": "string" } })
        });
        let operation = json!({
            "summary": about,
            "parameters": of_path.collect::<Vec<_>>(),
            "responses": { "200": { "description": "Done" } },
        });
        add(method, path, operation);
    }
    schemas.insert("job".into(), crate::jobs::schema());
    json!({
        "openapi": "3.1.0",
        "info": { "title": "stickshift serve", "version": version },
        "servers": [{ "url": "/api" }],
        "paths": paths,
        "components": { "schemas": schemas },
    })
}

fn parameters(op: &Operation) -> Vec<Value> {
    let of_url = op.fields.iter().filter(|f| f.kind == Kind::Path || op.method == "GET");
    of_url
        .map(|f| {
            let place = if f.kind == Kind::Path { "path" } else { "query" };
            json!({ "name": f.name, "in": place, "required": f.kind != Kind::Optional, "description": f.about, "schema": { "type": "string" } })
        })
        .collect()
}

fn of_field(field: &Field) -> Value {
    match field.kind {
        Kind::Several => {
            json!({ "type": "array", "items": { "type": "string" }, "description": field.about })
        }
        _ => json!({ "type": "string", "description": field.about }),
    }
}
