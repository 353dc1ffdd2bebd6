//! `stickshift online apn`: the access point that `up` takes by itself.

use std::io::{self, Write};

use clap::Args;
use serde::Serialize;
use stickshift::at::data::Authentication;
use stickshift::error::Result;
use stickshift::online::{self, Apn, ApnSource};

use crate::config;
use crate::context::Context;
use crate::output::Report;
use crate::output::json::Outcome;
use crate::stick_word;
use crate::way_in::WayInArgs;

/// Show the access point that `up` takes where none is given.
#[derive(Args, Debug)]
pub(crate) struct ApnArgs {
    #[arg(id = "stick_after", value_name = "STICK", conflicts_with_all = ["stick", "port", "url"], help = stick_word::HELP)]
    word: Option<String>,

    #[command(flatten)]
    way_in: WayInArgs,
}

pub(crate) fn run(context: &Context, mut args: ApnArgs) -> Result<()> {
    args.way_in.port.stick = args.word.or(args.way_in.port.stick);
    context.output.outcome_is(Outcome::Untouched);
    // As `up`, which takes another access point than the one in there for no answer.
    let config = context.config.as_ref().map_err(config::again)?;
    let is_on_bus = args.way_in.web.url.is_none() && args.way_in.port.port.is_none();
    if is_on_bus {
        let stick = context.stick(&mut *context.bus()?, args.way_in.port.stick.as_deref())?;
        if online::dials_alone(&stick) {
            let apn_from = ApnSource::Stick.to_string();
            context.output.finish(&Suggested { apn: None, apn_from, user: None, auth: None });
            return Ok(());
        }
    }
    let mut link = args.way_in.open(context)?;
    let mut modem = args.way_in.modem(context, &mut link)?;
    let mut apn = online::suggested(&mut modem)?;
    // A stick that dials by its own page keeps the profile of that.
    if let Some(usual) = config.apn.as_ref().filter(|_| modem.web().is_none()) {
        apn = Apn::of_settings(usual);
    }
    context.output.finish(&Suggested {
        apn_from: apn.source.to_string(),
        auth: apn.authentication.map(word),
        user: Some(apn.user.clone()).filter(|user| !user.is_empty()),
        apn: apn.known_name(),
    });
    Ok(())
}

/// An access point's name for people.
pub(crate) fn words(apn: Option<&str>) -> &str {
    match apn {
        None => "not known",
        Some("") => "none",
        Some(name) => name,
    }
}

fn word(authentication: Authentication) -> &'static str {
    match authentication {
        Authentication::None => "none",
        Authentication::Pap => "pap",
        Authentication::Chap => "chap",
        Authentication::MsChapV2 => "mschapv2",
    }
}

/// An access point; its password is never shown.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Suggested {
    /// Its name; empty for the network's own, null where the stick does not tell.
    apn: Option<String>,
    /// Who says so.
    apn_from: String,
    user: Option<String>,
    /// `none`, `pap`, `chap`, `mschapv2`; null where all are tried.
    auth: Option<&'static str>,
}

impl Report for Suggested {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let name = words(self.apn.as_deref());
        writeln!(out, "access point  {name} ({})", self.apn_from)?;
        if let Some(user) = &self.user {
            writeln!(out, "user          {user}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
pub(crate) fn shapes(shapes: &mut crate::output::schema::Shapes) {
    shapes.result::<Suggested>("online apn");
}
