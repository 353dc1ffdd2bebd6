//! What the forms of the pages take. Like a document of JSON, a form is understood as a whole or refused.

use crate::fields::{Bad, Field, Fields, Kind, field};
use crate::operations::{DANGERS, LOGIN, named, of_path};

const fn needed(name: &'static str) -> Field {
    field(name, Kind::Required, "")
}

const fn optional(name: &'static str) -> Field {
    field(name, Kind::Optional, "")
}

/// The forms besides those of `/do/`, which take what their operations take.
const FORMS: &[(&str, &[Field])] = &[
    ("/sticks/{place}/login", LOGIN),
    ("/sticks/{place}/logout", &[]),
    ("/profiles/add", &[needed("file"), needed("ids")]),
    ("/profiles/remove", &[needed("ids")]),
    ("/remove", &[needed("file")]),
    ("/jobs/{job}/start", DANGERS),
    ("/jobs/{job}/cancel", &[]),
    ("/replug", &[needed("place"), optional("job")]),
    ("/login", &[optional("password")]),
    ("/logout", &[]),
    ("/language", &[optional("language")]),
];

/// Refuses the form that was sent to a path if it has other fields than are taken there.
pub(crate) fn checked(path: &str, form: &Fields) -> Result<(), Bad> {
    if let Some(operation) = path.strip_prefix("/do/").and_then(named) {
        return form.checked_form(operation.fields);
    }
    let taken = FORMS.iter().find(|(known, _)| of_path(known, path).is_some());
    taken.map_or(Ok(()), |(_, fields)| form.checked(fields))
}
