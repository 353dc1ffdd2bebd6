//! Everything that may be asked for: by the API, by the forms of the pages, and as the OpenAPI document tells it.
//!
//! What comes from outside becomes a word of a command line only behind `--option=` or after `--`, so that it never is an option itself.

use serde_json::{Map, Value, json};
use stickshift::stick::{Place, UsbId};

use crate::fields::Fields;
use crate::uploads::Uploads;

/// How a field is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A part of the path.
    Path,
    /// It may be left out.
    Optional,
    Required,
    /// It may come several times, and once at least.
    Several,
}

#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    about: &'static str,
}

const fn field(name: &'static str, kind: Kind, about: &'static str) -> Field {
    Field { name, kind, about }
}

/// How an operation is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// It only reads: the answer is the last line.
    Read,
    /// It changes something, and is soon done.
    Change,
    /// It takes long: the answer is the job that was begun.
    Job,
    /// The same, and its result is a plan that can be started.
    Plan,
}

type Words = fn(&Fields, &Uploads) -> Result<Vec<String>, String>;

#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    pub(crate) method: &'static str,
    /// Below `/api`.
    pub(crate) path: &'static str,
    /// The command whose line is the answer.
    verb: &'static str,
    about: &'static str,
    pub(crate) way: Way,
    pub(crate) fields: &'static [Field],
    pub(crate) words: Words,
}

const PLACE: Field = field("place", Kind::Path, "The stick's place on the bus, for example 1-1.2");
const FILE: Field = field("file", Kind::Path, "The id of a file that was uploaded");
const FORMAT: Field = field(
    "format",
    Kind::Path,
    "usb-modeswitch, usb-modeswitch-pack, openwrt, tplink, tplink-table, udev or stickshift",
);

pub(crate) static OPERATIONS: &[Operation] = &[
    Operation {
        name: "sticks",
        method: "GET",
        path: "/sticks",
        verb: "list",
        about: "What is plugged in",
        way: Way::Read,
        fields: &[],
        words: |_, _| words(&["list"]),
    },
    Operation {
        name: "identify",
        method: "GET",
        path: "/sticks/{place}",
        verb: "identify",
        about: "What a stick is, with evidence",
        way: Way::Read,
        fields: &[PLACE],
        words: |f, _| Ok(vec!["identify".into(), "--".into(), place(f)?]),
    },
    Operation {
        name: "signal",
        method: "GET",
        path: "/sticks/{place}/signal",
        verb: "signal",
        about: "Network, signal strength and quality",
        way: Way::Read,
        fields: &[PLACE],
        words: |f, _| Ok(vec!["signal".into(), stick(f)?]),
    },
    Operation {
        name: "connection",
        method: "GET",
        path: "/sticks/{place}/connection",
        verb: "hilink status",
        about: "Connection, network and SIM of HiLink firmware",
        way: Way::Read,
        fields: &[PLACE],
        words: |f, _| Ok(vec!["hilink".into(), stick(f)?, "status".into()]),
    },
    Operation {
        name: "traffic",
        method: "GET",
        path: "/sticks/{place}/traffic",
        verb: "hilink traffic",
        about: "Traffic of HiLink firmware",
        way: Way::Read,
        fields: &[PLACE],
        words: |f, _| Ok(vec!["hilink".into(), stick(f)?, "traffic".into()]),
    },
    Operation {
        name: "messages",
        method: "GET",
        path: "/sticks/{place}/messages",
        verb: "sms list",
        about: "Messages of all stores, oldest first",
        way: Way::Read,
        fields: &[PLACE],
        words: |f, _| Ok(vec!["sms".into(), stick(f)?, "list".into()]),
    },
    Operation {
        name: "send",
        method: "POST",
        path: "/sticks/{place}/messages",
        verb: "sms send",
        about: "Send a message",
        way: Way::Change,
        fields: &[
            PLACE,
            field("to", Kind::Required, "Recipient, with + and country code"),
            field("text", Kind::Required, "Text; a long one is split"),
        ],
        words: |f, _| {
            let (to, text) = (required(f, "to")?, required(f, "text")?);
            Ok(vec!["sms".into(), stick(f)?, "send".into(), "--".into(), to, text])
        },
    },
    Operation {
        name: "delete",
        method: "DELETE",
        path: "/sticks/{place}/messages/{message}",
        verb: "sms delete",
        about: "Delete a message",
        way: Way::Change,
        fields: &[
            PLACE,
            field("message", Kind::Path, "Its number, with its store where several have it: SM:3"),
        ],
        words: |f, _| {
            Ok(vec!["sms".into(), stick(f)?, "delete".into(), "--".into(), required(f, "message")?])
        },
    },
    Operation {
        name: "ussd",
        method: "POST",
        path: "/sticks/{place}/ussd",
        verb: "ussd",
        about: "Send a USSD code, and then the replies to what the network asks back",
        way: Way::Change,
        fields: &[PLACE, field("code", Kind::Several, "The code, then the replies in order")],
        words: |f, _| {
            let codes: Vec<String> = f.all("code").filter(|c| !c.is_empty()).map(str::to_owned).collect();
            if codes.is_empty() {
                return Err("a code is required".into());
            }
            let mut words = vec!["ussd".into(), stick(f)?, "--".into()];
            words.extend(codes);
            Ok(words)
        },
    },
    Operation {
        name: "network",
        method: "GET",
        path: "/sticks/{place}/network",
        verb: "network show",
        about: "Allowed technologies and bands",
        way: Way::Read,
        fields: &[PLACE],
        words: |f, _| Ok(vec!["network".into(), stick(f)?, "show".into()]),
    },
    Operation {
        name: "radio",
        method: "PUT",
        path: "/sticks/{place}/network",
        verb: "network set",
        about: "Set the allowed technologies and bands; the connection is lost for a moment",
        way: Way::Change,
        fields: &[
            PLACE,
            field("mode", Kind::Optional, "Technologies in order of preference, from lte,umts,gsm; or auto"),
            field("lte", Kind::Optional, "LTE bands, for example 3,7,20; or all"),
            field("other", Kind::Optional, "GSM and UMTS bands, for example gsm900,umts2100; or all"),
            field("roaming", Kind::Optional, "on or off"),
        ],
        words: |f, _| {
            let mut words = vec!["network".into(), stick(f)?, "set".into()];
            words.extend(options(f, &["mode", "lte", "other", "roaming"]));
            if words.len() == 3 { Err("nothing was chosen".into()) } else { Ok(words) }
        },
    },
    Operation {
        name: "scan",
        method: "POST",
        path: "/sticks/{place}/network/scan",
        verb: "network scan",
        about: "Search for networks: up to two minutes, and data is interrupted",
        way: Way::Job,
        fields: &[PLACE],
        words: |f, _| Ok(vec!["network".into(), stick(f)?, "scan".into()]),
    },
    Operation {
        name: "use-network",
        method: "POST",
        path: "/sticks/{place}/network/use",
        verb: "network use",
        about: "Select a network",
        way: Way::Change,
        fields: &[PLACE, field("number", Kind::Required, "Its number, for example 20801; or auto")],
        words: |f, _| {
            Ok(vec!["network".into(), stick(f)?, "use".into(), "--".into(), required(f, "number")?])
        },
    },
    Operation {
        name: "doctor",
        method: "GET",
        path: "/doctor",
        verb: "doctor",
        about: "What on this computer stands in the way, each with its fix",
        way: Way::Read,
        fields: &[],
        words: |_, _| words(&["doctor"]),
    },
    Operation {
        name: "profiles",
        method: "GET",
        path: "/profiles",
        verb: "profile list",
        about: "Switching profiles",
        way: Way::Read,
        fields: &[field("text", Kind::Optional, "Part of ids, name or method")],
        words: |f, _| {
            let text = f.get("text").unwrap_or_default();
            Ok(vec!["profile".into(), "list".into(), "--".into(), text.into()])
        },
    },
    Operation {
        name: "profile",
        method: "GET",
        path: "/profiles/{ids}",
        verb: "profile show",
        about: "The profiles for USB ids",
        way: Way::Read,
        fields: &[IDS],
        words: |f, _| Ok(vec!["profile".into(), "show".into(), ids(f)?]),
    },
    Operation {
        name: "profile-as",
        method: "GET",
        path: "/profiles/{ids}/as/{format}",
        verb: "profile convert",
        about: "The profiles for USB ids in a file format",
        way: Way::Read,
        fields: &[IDS, FORMAT],
        words: |f, _| Ok(vec!["profile".into(), "convert".into(), format(f)?, ids(f)?]),
    },
    Operation {
        name: "inspect",
        method: "GET",
        path: "/files/{file}/contents",
        verb: "inspect",
        about: "What an uploaded file is and holds",
        way: Way::Read,
        fields: &[FILE],
        words: |f, u| Ok(vec!["inspect".into(), "--".into(), path(f, u, "file")?]),
    },
    Operation {
        name: "file-as",
        method: "GET",
        path: "/files/{file}/as/{format}",
        verb: "profile convert",
        about: "The profiles of an uploaded file in another file format",
        way: Way::Read,
        fields: &[FILE, FORMAT],
        words: |f, u| {
            Ok(vec!["profile".into(), "convert".into(), format(f)?, "--".into(), path(f, u, "file")?])
        },
    },
    Operation {
        name: "learned-as",
        method: "GET",
        path: "/files/{file}/learned/{format}",
        verb: "learn",
        about: "The profile that an uploaded capture shows, in a file format",
        way: Way::Read,
        fields: &[FILE, FORMAT],
        words: |f, u| {
            let format = format(f)?.replacen("--to=", "--format=", 1);
            Ok(vec!["learn".into(), format, "--".into(), path(f, u, "file")?])
        },
    },
    Operation {
        name: "try-profile",
        method: "POST",
        path: "/tries",
        verb: "switch",
        about: "Switch a virtual stick of these ids with an uploaded profile",
        way: Way::Job,
        fields: &[
            field("file", Kind::Required, "The id of the file with the profile"),
            field("ids", Kind::Required, "USB ids of the stick, vvvv:pppp"),
        ],
        words: |f, u| {
            let file = format!("--profile={}", path(f, u, "file")?);
            Ok(vec!["switch".into(), format!("--virtual={}", ids(f)?), file])
        },
    },
    Operation {
        name: "plan-switch",
        method: "POST",
        path: "/plans/switch",
        verb: "switch",
        about: "Plan to switch a stick from CD-ROM to modem",
        way: Way::Plan,
        fields: &[
            field("place", Kind::Required, "The stick's place on the bus"),
            field("to", Kind::Optional, "modem, hilink or serial"),
            field("file", Kind::Optional, "The id of a file with the profile to use"),
        ],
        words: |f, u| {
            let mut words = vec!["switch".into()];
            words.extend(options(f, &["to"]));
            if f.has("file") {
                words.push(format!("--profile={}", path(f, u, "file")?));
            }
            words.extend(["--".into(), place(f)?]);
            Ok(words)
        },
    },
    Operation {
        name: "plan-convert",
        method: "POST",
        path: "/plans/convert",
        verb: "convert",
        about: "Plan to convert a stick to the other firmware",
        way: Way::Plan,
        fields: &[
            field("place", Kind::Required, "The stick's place on the bus"),
            field("to", Kind::Required, "stick or hilink"),
            field("firmware", Kind::Required, "The id of the main firmware's file"),
            field("webui", Kind::Optional, "The id of the web UI's file"),
            field("loader", Kind::Optional, "The id of the loader's file"),
            field("resume", Kind::Optional, "on: go on with the interrupted run at this place"),
            field("no-updates", Kind::Optional, "on: turn off the stick's automatic updates first"),
            field("allow-erase", Kind::Optional, "on: start a loader that erases the whole flash"),
            field("allow-mismatch", Kind::Optional, "on: flash an image that is made for other hardware"),
            field("allow-unsigned", Kind::Optional, "on: flash an image without a signature"),
            field("allow-partial", Kind::Optional, "on: flash an image in which partitions are missing"),
            field("allow-no-loader", Kind::Optional, "on: write the boot loader without a loader at hand"),
        ],
        words: |f, u| {
            let mut words = vec!["convert".into()];
            words.extend(options(f, &["to"]));
            for name in ["firmware", "webui", "loader"] {
                if name == "firmware" || f.has(name) {
                    words.push(format!("--{name}={}", path(f, u, name)?));
                }
            }
            let flags = ["resume", "no-updates"].into_iter().chain(CONSENTS);
            words.extend(flags.filter(|name| f.has(name)).map(|name| format!("--{name}")));
            words.extend(["--".into(), place(f)?]);
            Ok(words)
        },
    },
    Operation {
        name: "rehearse",
        method: "POST",
        path: "/rehearsals",
        verb: "rehearse",
        about: "A whole conversion on a virtual stick",
        way: Way::Job,
        fields: &[
            field("to", Kind::Optional, "stick or hilink"),
            field("needle", Kind::Optional, "on: with firmware that requires the boot pin"),
            field("fault", Kind::Optional, "What goes wrong, for example powerloss@300"),
        ],
        words: |f, _| {
            let mut words = vec!["rehearse".into()];
            words.extend(options(f, &["to", "fault"]));
            if f.has("needle") {
                words.extend(["--needle".into(), "--owner=needle".into()]);
            }
            Ok(words)
        },
    },
];

const IDS: Field = field("ids", Kind::Path, "USB ids, vvvv:pppp");

/// The options that lift objections.
pub(crate) const CONSENTS: [&str; 5] =
    ["allow-erase", "allow-mismatch", "allow-unsigned", "allow-partial", "allow-no-loader"];

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

/// The operation for a method and a path below `/api`, with the fields of the path.
pub(crate) fn find(method: &str, path: &str) -> Option<(&'static Operation, Fields)> {
    OPERATIONS.iter().filter(|op| op.method == method).find_map(|op| {
        let mut fields = Fields::default();
        let (mut wanted, mut given) = (op.path.split('/'), path.split('/'));
        loop {
            match (wanted.next(), given.next()) {
                (None, None) => return Some((op, fields)),
                (Some(wanted), Some(given)) => match wanted.strip_prefix('{') {
                    Some(name) if !given.is_empty() => {
                        fields.push(name.trim_end_matches('}'), decoded(given)?)
                    }
                    None if wanted == given => {}
                    _ => return None,
                },
                _ => return None,
            }
        }
    })
}

/// A part of a path without its percent signs.
fn decoded(part: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: u8| (byte as char).to_digit(16);
        bytes.push((digit(rest.next()?)? * 16 + digit(rest.next()?)?) as u8);
    }
    String::from_utf8(bytes).ok()
}

pub(crate) fn named(name: &str) -> Option<&'static Operation> {
    OPERATIONS.iter().find(|op| op.name == name)
}

fn words(words: &[&str]) -> Result<Vec<String>, String> {
    Ok(words.iter().map(|word| (*word).to_owned()).collect())
}

fn required(fields: &Fields, name: &str) -> Result<String, String> {
    fields.get(name).map(str::to_owned).ok_or_else(|| format!("{name} is required"))
}

/// The fields that are there, as options of the same names.
fn options<'a>(fields: &'a Fields, names: &'a [&str]) -> impl Iterator<Item = String> + 'a {
    names.iter().filter_map(|name| Some(format!("--{name}={}", fields.get(name)?)))
}

pub(crate) fn place(fields: &Fields) -> Result<String, String> {
    let place = required(fields, "place")?;
    place
        .parse::<Place>()
        .map(|place| place.to_string())
        .map_err(|()| format!("{place:?} is no place on the bus"))
}

fn stick(fields: &Fields) -> Result<String, String> {
    place(fields).map(|place| format!("--stick={place}"))
}

fn ids(fields: &Fields) -> Result<String, String> {
    let ids = required(fields, "ids")?;
    ids.parse::<UsbId>().map(|ids| ids.to_string()).map_err(|()| format!("{ids:?} is no pair of USB ids"))
}

/// Only formats whose name is one: nothing else becomes an option's value here.
fn format(fields: &Fields) -> Result<String, String> {
    let format = required(fields, "format")?;
    let is_word = format.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
    if is_word { Ok(format!("--to={format}")) } else { Err(format!("{format:?} is no format")) }
}

fn path(fields: &Fields, uploads: &Uploads, name: &str) -> Result<String, String> {
    let id = required(fields, name)?;
    let upload = uploads.get(&id).ok_or_else(|| format!("there is no uploaded file {id:?} for {name}"))?;
    upload
        .path
        .to_str()
        .map(str::to_owned)
        .ok_or_else(|| "the folder for temporary files has an odd name".into())
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_to_their_operations() {
        let (op, fields) = find("GET", "/sticks/1-1.2/messages").unwrap();
        assert_eq!((op.name, fields.get("place")), ("messages", Some("1-1.2")));
        let (op, fields) = find("DELETE", "/sticks/1-1/messages/SM%3A3").unwrap();
        assert_eq!((op.name, fields.get("message")), ("delete", Some("SM:3")));
        for path in [
            "",
            "/",
            "/sticks/",
            "/sticks//signal",
            "/sticks/%zz",
            "/sticks/%",
            "/sticks/1-1/signal/",
            "/Sticks",
        ] {
            assert!(find("GET", path).is_none(), "{path}");
        }
    }

    #[test]
    fn nothing_from_outside_becomes_an_option() {
        let uploads = Uploads::new().unwrap();
        let nasty = ["--trace=/tmp/x", "-v", "--yes", "--virtual=k3772", "@file", "../../x", "--"];
        for op in OPERATIONS {
            for value in nasty {
                let mut fields = Fields::default();
                op.fields.iter().for_each(|field| fields.push(field.name, value));
                let Ok(words) = (op.words)(&fields, &uploads) else { continue };
                let options = words.iter().take_while(|word| *word != "--");
                for word in options {
                    assert!(word != value, "{}: {words:?}", op.name);
                }
            }
        }
        // With what does read, too.
        for (name, value) in
            [("to", "--yes"), ("text", "-v"), ("message", "--yes"), ("number", "-q"), ("code", "--json")]
        {
            for op in OPERATIONS.iter().filter(|op| op.fields.iter().any(|f| f.name == name)) {
                let mut fields = Fields::default();
                op.fields
                    .iter()
                    .for_each(|f| fields.push(f.name, if f.name == name { value } else { "1-1" }));
                let Ok(words) = (op.words)(&fields, &uploads) else { continue };
                let at = words.iter().position(|word| word == value);
                let end = words.iter().position(|word| word == "--");
                assert!(at.is_none() || end < at, "{}: {words:?}", op.name);
            }
        }
    }

    #[test]
    fn every_operation_has_a_name_and_a_path_of_its_own() {
        for (index, op) in OPERATIONS.iter().enumerate() {
            let others = &OPERATIONS[index + 1..];
            assert!(
                !others.iter().any(|o| o.name == op.name || (o.method, o.path) == (op.method, op.path)),
                "{}",
                op.name
            );
            let of_path = op.path.split('/').filter_map(|p| Some(p.strip_prefix('{')?.trim_end_matches('}')));
            for name in of_path {
                assert!(
                    op.fields.iter().any(|f| f.name == name && f.kind == Kind::Path),
                    "{}: {name}",
                    op.name
                );
            }
        }
    }
}
