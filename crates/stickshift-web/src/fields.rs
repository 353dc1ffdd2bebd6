//! The fields of a request, from a form or from a JSON object: each is one that is known, and of its kind.

use serde_json::{Map, Value};

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
    /// It may come several times, or not at all.
    Any,
    /// `on` or `off`; left out, it is off.
    Switch,
    /// `on` or `off`, and never left out.
    Answer,
    /// It may be left out, and is shown nowhere: the command gets it as this variable.
    Secret(&'static str),
    /// An object of texts, each with one of these names.
    Named(&'static [&'static str]),
}

#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) about: &'static str,
}

pub(crate) const fn field(name: &'static str, kind: Kind, about: &'static str) -> Field {
    Field { name, kind, about }
}

/// Why a field is refused: its name, and what is wrong with it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Bad {
    pub(crate) name: String,
    pub(crate) what: String,
}

impl Bad {
    fn new(name: &str, what: &str) -> Bad {
        Bad { name: name.to_owned(), what: format!("{name:?} {what}") }
    }
}

/// The field of a name, if that may be sent. Parts of the path stand there alone.
fn known<'a>(fields: &'a [Field], name: &str) -> Result<&'a Field, Bad> {
    let mut sent = fields.iter().filter(|field| field.kind != Kind::Path);
    sent.find(|field| field.name == name).ok_or_else(|| {
        let names = fields.iter().filter(|field| field.kind != Kind::Path).map(|field| field.name);
        let names = names.collect::<Vec<_>>().join(", ");
        let taken =
            if names.is_empty() { "none is taken here".to_owned() } else { format!("taken here: {names}") };
        Bad::new(name, &format!("is no field of this request; {taken}"))
    })
}

/// Names and values. A name may come several times.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields(pub(crate) Vec<(String, String)>);

impl Fields {
    /// Reads `name=value&..`.
    pub(crate) fn of_form(bytes: &[u8]) -> Fields {
        Fields(form_urlencoded::parse(bytes).into_owned().collect())
    }

    /// Reads an object of texts, whole numbers, truths, and lists of texts. A truth is `on` or `off`.
    pub(crate) fn of_json(object: &Map<String, Value>, fields: &[Field]) -> Result<Fields, Bad> {
        let mut read = Fields::default();
        for (name, value) in object {
            match (known(fields, name)?.kind, value) {
                (_, Value::Null) => {}
                (Kind::Named(names), Value::Object(values)) => {
                    for (key, value) in values {
                        if !names.contains(&key.as_str()) {
                            let what = format!("has no {key:?}: it takes {}", names.join(", "));
                            return Err(Bad::new(name, &what));
                        }
                        read.push(
                            key,
                            text(value).ok_or_else(|| Bad::new(name, "has a value that is no text"))?,
                        );
                    }
                }
                (Kind::Named(_), _) => return Err(Bad::new(name, "is to be an object of texts")),
                (Kind::Switch | Kind::Answer, Value::Bool(is_on)) => {
                    read.push(name, if *is_on { "on" } else { "off" });
                }
                (Kind::Switch | Kind::Answer, Value::String(word)) => read.push(name, word.as_str()),
                (Kind::Switch | Kind::Answer, _) => return Err(Bad::new(name, "is to be true or false")),
                (Kind::Several | Kind::Any, Value::Array(values)) => {
                    for value in values {
                        let value = text(value).ok_or_else(|| Bad::new(name, "is to be a list of texts"))?;
                        read.push(name, value);
                    }
                }
                (_, value) => read.push(name, text(value).ok_or_else(|| Bad::new(name, "is to be a text"))?),
            }
        }
        read.checked(fields)?;
        Ok(read)
    }

    /// Refuses names that are not known, what comes twice and may come once, and switches that are neither on nor off.
    pub(crate) fn checked(&self, fields: &[Field]) -> Result<(), Bad> {
        let named = |name: &str| {
            let mut kinds = fields.iter().map(|field| field.kind);
            kinds.any(|kind| matches!(kind, Kind::Named(names) if names.contains(&name)))
        };
        for (name, _) in self.0.iter().filter(|(name, _)| !named(name)) {
            let field = known(fields, name)?;
            if !matches!(field.kind, Kind::Several | Kind::Any) && self.all(name).count() > 1 {
                return Err(Bad::new(name, "comes more than once"));
            }
        }
        for field in fields {
            if matches!(field.kind, Kind::Switch | Kind::Answer) {
                self.is_on(field.name).map_err(|what| Bad { name: field.name.to_owned(), what })?;
            }
        }
        let is_needed = |field: &&Field| matches!(field.kind, Kind::Answer | Kind::Required | Kind::Several);
        if let Some(missing) = fields.iter().filter(is_needed).find(|field| !self.has(field.name)) {
            return Err(Bad::new(missing.name, "is required"));
        }
        Ok(())
    }

    /// The same for the form of a page, where parts of the path are fields too.
    pub(crate) fn checked_form(&self, fields: &[Field]) -> Result<(), Bad> {
        let is_place = |name: &str| fields.iter().any(|f| f.kind == Kind::Path && f.name == name);
        let (places, others): (Vec<_>, Vec<_>) = self.0.iter().cloned().partition(|(name, _)| is_place(name));
        let (places, is_again) = (Fields(places), |name: &str, all: &Fields| all.all(name).count() > 1);
        match places.0.iter().find(|(name, _)| is_again(name, &places)) {
            Some((name, _)) => Err(Bad::new(name, "comes more than once")),
            None => Fields(others).checked(fields),
        }
    }

    /// What a form has left empty was left out; a document leaves out what it means to.
    pub(crate) fn filled(mut self) -> Fields {
        self.0.retain(|(_, value)| !value.is_empty());
        self
    }

    pub(crate) fn push(&mut self, name: &str, value: impl Into<String>) {
        self.0.push((name.to_owned(), value.into()));
    }

    /// The first value of this name that is not empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let fits = |field: &&(String, String)| field.0 == name && !field.1.is_empty();
        self.0.iter().find(fits).map(|field| field.1.as_str())
    }

    /// Takes the first value of this name out.
    pub(crate) fn take(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|field| field.0 == name)?;
        Some(self.0.remove(at).1)
    }

    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |field| field.0 == name).map(|field| field.1.as_str())
    }

    /// Whether a switch is on. Every other value than these two is refused: whoever sends one may mean the opposite.
    pub(crate) fn is_on(&self, name: &str) -> Result<bool, String> {
        let mut values = self.all(name).filter(|value| !value.is_empty());
        match (values.next(), values.next()) {
            (None | Some("off"), None) => Ok(false),
            (Some("on"), None) => Ok(true),
            _ => Err(format!("{name} is on or off, once")),
        }
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }
}

/// A text, or a whole number as one.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) if number.is_i64() || number.is_u64() => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const FIELDS: &[Field] = &[
        field("place", Kind::Path, ""),
        field("a", Kind::Optional, ""),
        field("list", Kind::Several, ""),
        field("yes", Kind::Switch, ""),
        field("no", Kind::Switch, ""),
        field("secret", Kind::Secret("S"), ""),
        field("named", Kind::Named(&["X", "Y"]), ""),
    ];

    fn read(object: &Value) -> Result<Fields, Bad> {
        Fields::of_json(object.as_object().unwrap(), FIELDS)
    }

    #[test]
    fn an_object_reads_as_a_form_does() {
        let object = json!({
            "a": "x y", "list": ["1", 2], "yes": true, "no": false, "secret": null, "named": { "X": "z" }
        });
        let form = Fields::of_form(b"a=x+y&list=1&list=2&yes=on&no=off&X=z");
        assert_eq!(form.checked(FIELDS), Ok(()));
        let sorted = |fields: Fields| {
            let mut fields = fields.0;
            fields.sort();
            fields
        };
        assert_eq!(sorted(read(&object).unwrap()), sorted(form));
        assert_eq!(read(&json!({ "a": 12, "list": "one", "yes": "on" })).unwrap().get("a"), Some("12"));
        let switches = Fields::of_form(b"yes=on&no=off&empty=&odd=no&both=on&both=off");
        let states = ["yes", "no", "empty", "absent"].map(|name| switches.is_on(name));
        assert_eq!(states, [Ok(true), Ok(false), Ok(false), Ok(false)]);
        assert!(switches.is_on("odd").is_err() && switches.is_on("both").is_err());
    }

    #[test]
    fn a_field_of_another_kind_is_refused_by_its_name() {
        for (name, values) in [
            ("a", &[json!(true), json!(1.5), json!(["x"]), json!({ "b": 1 })][..]),
            ("list", &[json!([[1]]), json!([true]), json!([null]), json!({})]),
            ("yes", &[json!(1), json!("yes"), json!("true"), json!(["on"]), json!({})]),
            ("secret", &[json!(false), json!(["1234"])]),
            ("named", &[json!("X"), json!(["X"]), json!({ "Z": "1" }), json!({ "X": true })]),
            ("place", &[json!("1-2")]),
            ("X", &[json!("1")]),
            ("unknown", &[json!("1"), json!(null)]),
        ] {
            for value in values {
                assert_eq!(
                    read(&json!({ name: value })).map_err(|bad| bad.name).err(),
                    Some(name.into()),
                    "{value}"
                );
            }
        }
        for (form, name) in [
            ("a=1&a=2", "a"),
            ("yes=1", "yes"),
            ("yes=on&yes=on", "yes"),
            ("place=1-1", "place"),
            ("b=", "b"),
        ] {
            let bad = Fields::of_form(form.as_bytes()).checked(FIELDS).unwrap_err();
            assert_eq!(bad.name, name, "{form}");
        }
        let missing = Fields::default().checked(FIELDS).unwrap_err();
        assert_eq!((missing.name.as_str(), missing.what.as_str()), ("list", "\"list\" is required"));
        assert_eq!(Fields::of_form(b"place=1-1&list=1").checked_form(FIELDS), Ok(()));
        for (form, name) in [("place=1-1&place=1-2&list=1", "place"), ("place=1-1&list=1&lst=2", "lst")] {
            assert_eq!(Fields::of_form(form.as_bytes()).checked_form(FIELDS).unwrap_err().name, name);
        }
        let answer = [field("yes", Kind::Answer, "")];
        assert!(Fields::default().checked(&answer).unwrap_err().what.contains("required"));
    }
}
