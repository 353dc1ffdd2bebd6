//! Everything that may be asked for: by the API and by the forms of the pages.
//!
//! What comes from outside becomes a word of a command line only behind `--option=` or after `--`, so that it never is an option itself.

mod own;
mod table;
mod words;

use crate::engine::Secrets;
use crate::fields::{Field, Fields, Kind};
use crate::uploads::Uploads;

pub(crate) use own::{DANGERS, LOGIN, OWN};
pub(crate) use table::{OPERATIONS, STAY, WATCH};
pub(crate) use words::place;

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
    /// It runs as long as the server: nobody asks for it.
    Service,
}

type Words = fn(&Fields, &Uploads) -> Result<Vec<String>, String>;

#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    pub(crate) method: &'static str,
    /// Below `/api`.
    pub(crate) path: &'static str,
    /// The command whose line is the answer.
    pub(crate) verb: &'static str,
    pub(crate) about: &'static str,
    pub(crate) way: Way,
    pub(crate) fields: &'static [Field],
    /// For [`Operation::line`].
    pub(crate) words: Words,
}

impl Operation {
    /// The words of the command line.
    pub(crate) fn line(&self, fields: &Fields, uploads: &Uploads) -> Result<Vec<String>, String> {
        let mut fields = fields.clone();
        for field in self.fields.iter().filter(|field| field.kind == Kind::Switch) {
            let is_on = fields.is_on(field.name)?;
            fields.0.retain(|(name, _)| name != field.name || is_on);
        }
        (self.words)(&fields, uploads)
    }

    /// Takes the secrets out of the fields of a request.
    pub(crate) fn take_secrets(&self, fields: &mut Fields) -> Secrets {
        let mut secrets = Secrets::new();
        for field in self.fields {
            let Kind::Secret(variable) = field.kind else { continue };
            if let Some(secret) = fields.get(field.name) {
                secrets.push((variable.to_owned(), secret.to_owned()));
            }
            fields.0.retain(|(name, _)| name != field.name);
        }
        secrets
    }
}

/// The options that lift objections.
pub(crate) const CONSENTS: [&str; 5] =
    ["allow-erase", "allow-mismatch", "allow-unsigned", "allow-partial", "allow-no-loader"];

/// The operation for a method and a path below `/api`, with the fields of the path.
pub(crate) fn find(method: &str, path: &str) -> Option<(&'static Operation, Fields)> {
    OPERATIONS.iter().filter(|op| op.method == method).find_map(|op| Some((op, of_path(op.path, path)?)))
}

/// What may be sent to a path below `/api` besides what stands in it, by the methods that it takes. None where there is nothing.
pub(crate) fn sent_to(path: &str) -> Vec<(&'static str, &'static [Field])> {
    let own = OWN.iter().map(|own| (own.method, own.path, own.fields));
    let all = own.chain(OPERATIONS.iter().map(|op| (op.method, op.path, op.fields)));
    all.filter(|(_, known, _)| of_path(known, path).is_some())
        .map(|(method, _, fields)| (method, fields))
        .collect()
}

/// The fields that a path has, where it is of this form.
pub(crate) fn of_path(known: &str, path: &str) -> Option<Fields> {
    let mut fields = Fields::default();
    let (mut wanted, mut given) = (known.split('/'), path.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(fields),
            (Some(wanted), Some(given)) => match wanted.strip_prefix('{') {
                Some(name) if !given.is_empty() => fields.push(name.trim_end_matches('}'), decoded(given)?),
                None if wanted == given => {}
                _ => return None,
            },
            _ => return None,
        }
    }
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
                let Ok(words) = op.line(&fields, &uploads) else { continue };
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
                let Ok(words) = op.line(&fields, &uploads) else { continue };
                let at = words.iter().position(|word| word == value);
                let end = words.iter().position(|word| word == "--");
                assert!(at.is_none() || end < at, "{}: {words:?}", op.name);
            }
        }
    }

    #[test]
    fn an_empty_access_point_is_the_networks_own_in_a_document_and_left_out_in_a_form() {
        let uploads = Uploads::new().unwrap();
        let up = named("up").unwrap();
        let has = |mut fields: Fields| {
            fields.push("place", "1-1");
            up.line(&fields, &uploads).unwrap().iter().any(|word| word == "--apn=")
        };
        let document = serde_json::json!({"apn": ""});
        assert!(has(Fields::of_json(document.as_object().unwrap(), up.fields).unwrap()));
        assert!(!has(Fields::of_form(b"apn=&user=").filled()));
        assert!(!has(Fields::default()));
    }

    #[test]
    fn no_authentication_needs_no_user() {
        let uploads = Uploads::new().unwrap();
        for (body, has) in [("auth=none", true), ("auth=pap", false), ("auth=pap&user=me", true)] {
            let fields = Fields::of_form(format!("place=1-1&{body}").as_bytes());
            let words = named("up").unwrap().line(&fields, &uploads).unwrap();
            assert_eq!(words.iter().any(|word| word.starts_with("--auth=")), has, "{body}");
        }
    }

    #[test]
    fn a_switch_is_on_only_when_it_says_so() {
        let uploads = Uploads::new().unwrap();
        let line = |name: &str, value: &str| {
            let body = format!("place=1-1&to=modem&{name}={value}");
            let name = if name == "roaming" { "up" } else { "rehearse" };
            named(name).unwrap().line(&Fields::of_form(body.as_bytes()), &uploads)
        };
        for (name, option) in [("roaming", "--roaming"), ("needle", "--needle")] {
            let has = |value| line(name, value).map(|words| words.iter().any(|word| word == option));
            assert_eq!((has("on"), has("off"), has("")), (Ok(true), Ok(false), Ok(false)), "{name}");
            for other in ["no", "false", "true", "1", "On"] {
                assert!(has(other).is_err(), "{name}={other}");
            }
        }
        // Whatever lifts an objection is one.
        let convert = named("plan-convert").unwrap();
        for consent in CONSENTS {
            assert!(convert.fields.iter().any(|f| f.name == consent && f.kind == Kind::Switch), "{consent}");
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
