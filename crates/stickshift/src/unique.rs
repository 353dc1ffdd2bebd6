//! Documents of JSON in which each name stands once: of two, readers take different ones.
//!
//! ```
//! use stickshift::unique::{self, NotUnique};
//!
//! assert_eq!(unique::read(br#"{"to":"1"}"#).unwrap()["to"], "1");
//! assert_eq!(unique::read(br#"{"to":"1","to":"2"}"#), Err(NotUnique::Twice("to".to_owned())));
//! ```

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Why a text is no such document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotUnique {
    /// It is no JSON.
    NoJson,
    /// This name comes again in one object.
    Twice(String),
}

/// Reads a document.
///
/// # Errors
/// [`NotUnique`].
pub fn read(bytes: &[u8]) -> Result<Value, NotUnique> {
    let error = match serde_json::from_slice(bytes) {
        Ok(Unique(value)) => return Ok(value),
        Err(error) => error.to_string(),
    };
    let Some(name) = error.strip_prefix(TWICE) else { return Err(NotUnique::NoJson) };
    // serde_json says where it stands.
    let name = name.rsplit_once(" at line ").map_or(name, |(name, _)| name);
    Err(NotUnique::Twice(name.to_owned()))
}

struct Unique(Value);

/// How the error of a repeated name begins.
const TWICE: &str = "comes more than once: ";

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Unique, D::Error> {
        from.deserialize_any(Reader).map(Unique)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, is_true: bool) -> Result<Value, E> {
        Ok(is_true.into())
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Number::from_f64(number).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Unique(value)) = list.next_element()? {
            values.push(value);
        }
        Ok(values.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value, A::Error> {
        let mut values = Map::new();
        while let Some((name, Unique(value))) = object.next_entry::<String, Unique>()? {
            if values.contains_key(&name) {
                return Err(de::Error::custom(format_args!("{TWICE}{name}")));
            }
            values.insert(name, value);
        }
        Ok(values.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_reads_as_it_is_and_repeats_no_name() {
        for text in
            [r#"{"a":1,"b":[-2,true,null,{"a":"x"}],"c":{"a":1.5}}"#, "[]", "\"x\"", "18446744073709551615"]
        {
            assert_eq!(read(text.as_bytes()), Ok(serde_json::from_str(text).unwrap()));
        }
        for text in [r#"{"a":1,"a":1}"#, r#"{"b":[{"a":1,"\u0061":2}]}"#] {
            assert_eq!(read(text.as_bytes()), Err(NotUnique::Twice("a".into())), "{text}");
        }
        for text in ["", "{", "{}x", "comes more than once: a"] {
            assert_eq!(read(text.as_bytes()), Err(NotUnique::NoJson), "{text}");
        }
    }
}
