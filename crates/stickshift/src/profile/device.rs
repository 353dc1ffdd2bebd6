//! One `[[device]]` table of the native format and of `data/devices`: which stick, what is known of it, and its [`Parameters`].

use super::parameters::Parameters;

/// The table's contents. Every key that is not one of these is a parameter.
pub(crate) struct Device {
    /// `id`: `vvvv:pppp`.
    pub(crate) id: String,
    /// `name`; empty when not given.
    pub(crate) name: String,
    /// `match`: codes of attributes, each with the text that must occur in it.
    pub(crate) conditions: Vec<(String, String)>,
    /// `source`; `None` when not given.
    pub(crate) source: Option<String>,
    pub(crate) parameters: Parameters,
}

/// The key that cannot be taken, and why.
pub(crate) type BadKey = (String, String);

impl Device {
    pub(crate) fn from_table(mut table: toml::Table) -> Result<Device, BadKey> {
        let mut text = |key: &str| match table.remove(key) {
            None => Ok(None),
            Some(toml::Value::String(text)) => Ok(Some(text)),
            Some(_) => Err((key.to_owned(), "this is not a text".to_owned())),
        };
        let id =
            text("id")?.ok_or_else(|| ("id".to_owned(), "a device needs its ids as vvvv:pppp".to_owned()))?;
        let (name, source) = (text("name")?.unwrap_or_default(), text("source")?);
        let bad_match = || ("match".to_owned(), "this is not a table of texts".to_owned());
        let conditions = match table.remove("match") {
            None => Vec::new(),
            Some(toml::Value::Table(conditions)) => {
                let texts =
                    conditions.into_iter().map(|(code, text)| Some((code, text.as_str()?.to_owned())));
                texts.collect::<Option<_>>().ok_or_else(bad_match)?
            }
            Some(_) => return Err(bad_match()),
        };
        let parameters = parameters(table)?;
        Ok(Device { id, name, conditions, source, parameters })
    }
}

fn parameters(table: toml::Table) -> Result<Parameters, BadKey> {
    let read = |table: toml::Table| table.try_into::<Parameters>();
    let all = table.clone();
    read(table).map_err(|error| {
        // Each key by itself tells which one it is.
        let alone =
            |(key, value)| Some((String::clone(&key), read([(key, value)].into_iter().collect()).err()?));
        let bad = all.into_iter().find_map(alone);
        let (key, error) = bad.unwrap_or_else(|| (String::new(), error));
        (key, error.message().to_owned())
    })
}
