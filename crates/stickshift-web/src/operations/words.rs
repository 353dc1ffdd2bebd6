//! Words of a command line from fields that come from outside, each checked for what it may be.

use stickshift::stick::{Place, UsbId};

use crate::fields::Fields;
use crate::uploads::Uploads;

pub(super) fn words(words: &[&str]) -> Result<Vec<String>, String> {
    Ok(words.iter().map(|word| (*word).to_owned()).collect())
}

pub(super) fn required(fields: &Fields, name: &str) -> Result<String, String> {
    fields.get(name).map(str::to_owned).ok_or_else(|| format!("{name} is required"))
}

/// The fields that are there, as options of the same names.
pub(super) fn options<'a>(fields: &'a Fields, names: &'a [&str]) -> impl Iterator<Item = String> + 'a {
    names.iter().filter_map(|name| Some(format!("--{name}={}", fields.get(name)?)))
}

pub(crate) fn place(fields: &Fields) -> Result<String, String> {
    let place = required(fields, "place")?;
    place
        .parse::<Place>()
        .map(|place| place.to_string())
        .map_err(|()| format!("{place:?} is no place on the bus"))
}

pub(super) fn stick(fields: &Fields) -> Result<String, String> {
    place(fields).map(|place| format!("--stick={place}"))
}

pub(super) fn ids(fields: &Fields) -> Result<String, String> {
    let ids = required(fields, "ids")?;
    ids.parse::<UsbId>().map(|ids| ids.to_string()).map_err(|()| format!("{ids:?} is no pair of USB ids"))
}

/// Only formats whose name is one: nothing else becomes an option's value here.
pub(super) fn format(fields: &Fields) -> Result<String, String> {
    let format = required(fields, "format")?;
    let is_word = format.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
    if is_word { Ok(format!("--to={format}")) } else { Err(format!("{format:?} is no format")) }
}

pub(super) fn path(fields: &Fields, uploads: &Uploads, name: &str) -> Result<String, String> {
    let id = required(fields, name)?;
    let upload = uploads.get(&id).ok_or_else(|| format!("there is no uploaded file {id:?} for {name}"))?;
    upload
        .path
        .to_str()
        .map(str::to_owned)
        .ok_or_else(|| "the folder for temporary files has an odd name".into())
}
