//! One file per verb: its arguments and what it does with the library.

pub(crate) mod at;
pub(crate) mod convert;
pub(crate) mod doctor;
pub(crate) mod firmware;
pub(crate) mod flash;
pub(crate) mod hilink;
pub(crate) mod inspect;
pub(crate) mod learn;
pub(crate) mod list;
pub(crate) mod load;
pub(crate) mod loader;
pub(crate) mod openwrt;
pub(crate) mod pin;
pub(crate) mod ports;
pub(crate) mod profile;
#[cfg(feature = "virtual")]
pub(crate) mod rehearse;
pub(crate) mod router;
pub(crate) mod setup;
pub(crate) mod signal;
pub(crate) mod sms;
pub(crate) mod switch;
pub(crate) mod ussd;
#[cfg(feature = "virtual")]
pub(crate) mod virtual_rack;
#[cfg(feature = "virtual")]
pub(crate) mod virtual_stick;
pub(crate) mod watch;

use stickshift::error::Result;

use crate::args::Verb;
use crate::context::Context;

/// Runs a verb.
pub(crate) fn run(context: &mut Context, verb: Verb) -> Result<()> {
    match verb {
        Verb::Convert(args) => convert::run(context, args),
        Verb::Load(args) => load::run(context, args),
        Verb::Loader(args) => loader::run(context, args),
        Verb::Flash(args) => flash::run(context, args),
        #[cfg(feature = "virtual")]
        Verb::Rehearse(args) => rehearse::run(context, args),
        #[cfg(feature = "virtual")]
        Verb::Virtual(args) => virtual_stick::run(context, args),
        Verb::List(args) => list::run(context, args),
        Verb::Switch(args) => switch::run(context, args),
        Verb::Watch(args) => watch::run(context, args),
        Verb::Doctor(args) => doctor::run(context, args),
        Verb::Setup(args) => setup::run(context, args),
        Verb::Firmware(args) => firmware::run(context, args),
        Verb::Learn(args) => learn::run(context, args),
        Verb::Router(args) => router::run(context, args),
        Verb::Profile(args) => profile::run(context, args),
        Verb::At(args) => at::run(context, args),
        Verb::Hilink(args) => hilink::run(context, args),
        Verb::Pin(args) => pin::run(context, args),
        Verb::Ports(args) => ports::run(context, args),
        Verb::Signal(args) => signal::run(context, args),
        Verb::Sms(args) => sms::run(context, args),
        Verb::Ussd(args) => ussd::run(context, args),
        Verb::Inspect(args) => inspect::run(context, args),
    }
}
