//! The OpenAPI document: the operations, and what the server does itself.

use serde_json::{Map, Value, json};

use crate::operations::{Field, Kind, OPERATIONS, Operation, Way};

/// What the server does itself, for the OpenAPI document: method, path, what it is for.
const OWN: [(&str, &str, &str); 16] = [
    (
        "GET",
        "/events",
        "Events as they happen (server-sent events); Last-Event-ID goes on where a viewer left off",
    ),
    ("GET", "/session", "Who is asking: the role, and the token that changes need in x-stickshift-token"),
    ("GET", "/files", "Uploaded files"),
    ("POST", "/files", "Upload a file: its bytes as application/octet-stream, its name as ?name="),
    ("DELETE", "/files/{file}", "Remove an uploaded file"),
    (
        "GET",
        "/commands",
        "Run a command line that only reads, `?word=signal&word=--&word=1-1`: what it says, a line of JSON each",
    ),
    (
        "POST",
        "/commands",
        "Run a command line, `words`, with its `secrets` by the names of their variables: what it says, a line of JSON each",
    ),
    ("GET", "/jobs", "Jobs, the newest first"),
    ("GET", "/jobs/{job}", "A job with its lines"),
    ("POST", "/jobs/{job}/start", "Start the plan of a job; `danger` names each of its dangers by its index"),
    ("POST", "/jobs/{job}/cancel", "Stop a job at the next safe step"),
    ("POST", "/jobs/{job}/answer", "Answer the question of a command line: `yes` is true or false"),
    ("POST", "/sticks/{place}/replug", "Pull a virtual stick and plug it in again"),
    (
        "GET",
        "/sticks/{place}/history",
        "Signal of the last hour, as far as anybody looked; since when the connection stands, and why the last one was lost",
    ),
    (
        "POST",
        "/sticks/{place}/login",
        "Log in to the stick's web interface with `user` and `password`, for every request that follows",
    ),
    ("DELETE", "/sticks/{place}/login", "Forget that login"),
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
            "parameters": parameters(op),
            "responses": responses,
        });
        let body: Vec<&Field> = if op.method == "GET" {
            Vec::new()
        } else {
            op.fields.iter().filter(|f| f.kind != Kind::Path).collect()
        };
        if !body.is_empty() {
            let properties: Map<String, Value> =
                body.iter().map(|f| (f.name.to_owned(), of_field(f))).collect();
            let is_required = |f: &&&Field| matches!(f.kind, Kind::Required | Kind::Several);
            let required: Vec<&str> = body.iter().filter(is_required).map(|f| f.name).collect();
            let schema = json!({ "type": "object", "properties": properties, "required": required });
            operation["requestBody"] = json!({ "content": { "application/json": { "schema": schema } } });
        }
        add(op.method, op.path, operation);
    }
    for (method, path, about) in OWN {
        let of_path = path.split('/').filter_map(|part| part.strip_prefix('{')).map(|part| {
            json!({ "name": part.trim_end_matches('}'), "in": "path", "required": true, "schema": { "type": "string" } })
        });
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
            "summary": about,
            "parameters": of_path.collect::<Vec<_>>(),
            "responses": responses,
        });
        if (method, path) == ("POST", "/files") {
            let schema = json!({ "type": "string", "format": "binary" });
            operation["requestBody"] =
                json!({ "content": { "application/octet-stream": { "schema": schema } } });
        } else if method == "POST" {
            let schema = json!({ "type": "object" });
            operation["requestBody"] = json!({ "content": { "application/json": { "schema": schema } } });
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
        "400": answer("A field is missing or does not read", &line),
        "401": answer("There is no session", &line),
        "403": answer("The role may not do this, or the token is missing", &line),
        "404": answer("There is no such stick, file or job", &line),
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

fn parameters(op: &Operation) -> Vec<Value> {
    let of_url = op.fields.iter().filter(|f| f.kind == Kind::Path || op.method == "GET");
    of_url
        .map(|f| {
            let place = if f.kind == Kind::Path { "path" } else { "query" };
            json!({ "name": f.name, "in": place, "required": !matches!(f.kind, Kind::Optional | Kind::Switch), "description": f.about, "schema": { "type": "string" } })
        })
        .collect()
}

fn of_field(field: &Field) -> Value {
    match field.kind {
        Kind::Several => {
            json!({ "type": "array", "items": { "type": "string" }, "description": field.about })
        }
        Kind::Switch => json!({ "enum": ["on", "off"], "description": field.about }),
        Kind::Secret(_) => {
            json!({ "type": "string", "format": "password", "writeOnly": true, "description": field.about })
        }
        _ => json!({ "type": "string", "description": field.about }),
    }
}
