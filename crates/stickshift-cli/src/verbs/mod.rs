//! One file per verb: its arguments and what it does with the library.

pub(crate) mod firmware;
pub(crate) mod inspect;
pub(crate) mod list;
pub(crate) mod profile;

use stickshift::error::Result;

use crate::args::Verb;
use crate::context::Context;

/// Runs a verb.
pub(crate) fn run(context: &mut Context, verb: Verb) -> Result<()> {
    match verb {
        Verb::List(args) => list::run(context, args),
        Verb::Firmware(args) => firmware::run(context, args),
        Verb::Profile(args) => profile::run(context, args),
        Verb::Inspect(args) => inspect::run(context, args),
    }
}
