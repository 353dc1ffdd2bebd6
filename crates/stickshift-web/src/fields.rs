//! The fields of a request, from a form or from a JSON object.

use serde_json::{Map, Value};

/// Names and values. A name may come several times.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields(pub(crate) Vec<(String, String)>);

impl Fields {
    /// Reads `name=value&..`.
    pub(crate) fn of_form(bytes: &[u8]) -> Fields {
        Fields(form_urlencoded::parse(bytes).into_owned().collect())
    }

    /// Reads an object of texts, numbers, truths, and lists of them. A truth is `on` or `off`.
    pub(crate) fn of_json(object: &Map<String, Value>) -> Option<Fields> {
        let mut fields = Fields::default();
        for (name, value) in object {
            match value {
                Value::Array(values) => values.iter().try_for_each(|value| fields.add(name, value))?,
                value => fields.add(name, value)?,
            }
        }
        Some(fields)
    }

    fn add(&mut self, name: &str, value: &Value) -> Option<()> {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Bool(true) => "on".to_owned(),
            Value::Bool(false) => "off".to_owned(),
            Value::Null => return Some(()),
            _ => return None,
        };
        self.push(name, text);
        Some(())
    }

    pub(crate) fn push(&mut self, name: &str, value: impl Into<String>) {
        self.0.push((name.to_owned(), value.into()));
    }

    /// The first value of this name that is not empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let fits = |field: &&(String, String)| field.0 == name && !field.1.is_empty();
        self.0.iter().find(fits).map(|field| field.1.as_str())
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_reads_as_a_form_does() {
        let object = json!({"a": "x y", "list": ["1", 2], "yes": true, "no": false, "none": null});
        let fields = Fields::of_json(object.as_object().unwrap()).unwrap();
        let form = Fields::of_form(b"a=x+y&list=1&list=2&yes=on&no=off");
        let sorted = |fields: Fields| {
            let mut fields = fields.0;
            fields.sort();
            fields
        };
        assert_eq!(sorted(fields), sorted(form));
        let switches = Fields::of_form(b"yes=on&no=off&empty=&odd=no&both=on&both=off");
        let states = ["yes", "no", "empty", "absent"].map(|name| switches.is_on(name));
        assert_eq!(states, [Ok(true), Ok(false), Ok(false), Ok(false)]);
        assert!(switches.is_on("odd").is_err() && switches.is_on("both").is_err());
        assert!(Fields::of_json(json!({"a": {"b": 1}}).as_object().unwrap()).is_none());
        assert!(Fields::of_json(json!({"a": [[1]]}).as_object().unwrap()).is_none());
    }
}
