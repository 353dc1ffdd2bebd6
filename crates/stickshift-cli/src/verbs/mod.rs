//! One file per verb: its arguments and what it does with the library.

pub(crate) mod at;
pub(crate) mod convert;
pub(crate) mod doctor;
pub(crate) mod firmware;
pub(crate) mod flash;
pub(crate) mod hilink;
pub(crate) mod identify;
pub(crate) mod inspect;
pub(crate) mod learn;
pub(crate) mod list;
pub(crate) mod load;
pub(crate) mod loader;
pub(crate) mod network;
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
use crate::lazy::Lazy;

/// Runs a verb.
pub(crate) fn run(context: &mut Context, verb: Verb) -> Result<()> {
    match verb {
        Verb::Convert(Lazy(args)) => convert::run(context, args),
        Verb::Load(Lazy(args)) => load::run(context, args),
        Verb::Loader(Lazy(args)) => loader::run(context, args),
        Verb::Flash(Lazy(args)) => flash::run(context, args),
        #[cfg(feature = "virtual")]
        Verb::Rehearse(Lazy(args)) => rehearse::run(context, args),
        #[cfg(feature = "virtual")]
        Verb::Virtual(Lazy(args)) => virtual_stick::run(context, args),
        Verb::List(Lazy(args)) => list::run(context, args),
        Verb::Identify(Lazy(args)) => identify::run(context, args),
        Verb::Switch(Lazy(args)) => switch::run(context, args),
        Verb::Watch(Lazy(args)) => watch::run(context, args),
        Verb::Doctor(Lazy(args)) => doctor::run(context, args),
        Verb::Setup(Lazy(args)) => setup::run(context, args),
        Verb::Firmware(Lazy(args)) => firmware::run(context, args),
        Verb::Learn(Lazy(args)) => learn::run(context, args),
        Verb::Router(Lazy(args)) => router::run(context, args),
        Verb::Profile(Lazy(args)) => profile::run(context, args),
        Verb::At(Lazy(args)) => at::run(context, args),
        Verb::Hilink(Lazy(args)) => hilink::run(context, args),
        Verb::Pin(Lazy(args)) => pin::run(context, args),
        Verb::Network(Lazy(args)) => network::run(context, args),
        Verb::Ports(Lazy(args)) => ports::run(context, args),
        Verb::Signal(Lazy(args)) => signal::run(context, args),
        Verb::Sms(Lazy(args)) => sms::run(context, args),
        Verb::Ussd(Lazy(args)) => ussd::run(context, args),
        Verb::Inspect(Lazy(args)) => inspect::run(context, args),
    }
}
