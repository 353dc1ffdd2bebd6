//! `stickshift network`: which technologies, bands and network the stick uses, over AT, HiLink or MBIM.

use std::io::{self, Write};

use clap::{Args, Subcommand};
use serde::Serialize;
use stickshift::error::{Error, ErrorKind, Result, Verdict};
use stickshift::modem::{HeardNetwork, Modem, RadioSettings, Reception, Untold};
use stickshift::stick::radio::{self, Order};

use crate::context::Context;
use crate::options::Switch;
use crate::output::Report;
use crate::output::json::Outcome;
use crate::verbs::signal::untold;
use crate::way_in::{WayInArgs, tell_second_look, tell_unseen};

/// Show and select radio technologies, bands and the network.
#[derive(Args, Debug)]
pub(crate) struct NetworkArgs {
    #[command(subcommand)]
    verb: NetworkVerb,
    #[command(flatten)]
    way_in: WayInArgs,
}

#[derive(Debug, Subcommand)]
enum NetworkVerb {
    /// Show the allowed technologies and bands
    Show,
    /// Set the allowed technologies and bands; options left out keep their value
    Set {
        /// Technologies in order of preference, from lte,umts,gsm; or auto
        #[arg(long, value_name = "ORDER", value_parser = order)]
        mode: Option<Order>,
        /// LTE bands, for example 3,7,20; or all
        #[arg(long, value_name = "BANDS", value_parser = lte_bands)]
        lte: Option<u64>,
        /// GSM and UMTS bands, for example gsm900,umts2100; or all
        #[arg(long, value_name = "BANDS", value_parser = other_bands)]
        other: Option<u64>,
        /// Use other operators' networks (over HiLink: have data there)
        #[arg(long, value_enum)]
        roaming: Option<Switch>,
    },
    /// Search for networks; takes up to two minutes and interrupts data
    Scan,
    /// Select a network by its number from a scan, or auto
    Use {
        /// Network number, for example 20801; or auto
        #[arg(value_name = "NUMBER")]
        number: String,
    },
}

fn order(text: &str) -> std::result::Result<Order, String> {
    text.parse().map_err(|()| "technologies are lte, umts and gsm; or auto".to_owned())
}

fn lte_bands(text: &str) -> std::result::Result<u64, String> {
    radio::lte_bits(text).ok_or_else(|| "LTE bands are numbers from 1 to 64; or all".to_owned())
}

fn other_bands(text: &str) -> std::result::Result<u64, String> {
    radio::other_bits(text).ok_or_else(|| {
        "bands are gsm850, gsm900, gsm1800, gsm1900, umts850, umts900, umts1900, umts2100; or all".to_owned()
    })
}

pub(crate) fn run(context: &mut Context, args: NetworkArgs) -> Result<()> {
    let mut link = args.way_in.open(context)?;
    let mut modem = args.way_in.modem(context, &mut link)?;
    match args.verb {
        NetworkVerb::Show => {
            context.output.outcome_is(Outcome::Untouched);
            context.output.finish(&shown(&mut modem)?);
        }
        NetworkVerb::Set { mode, lte, other, roaming } => {
            let now = modem.radio()?;
            let wanted = now.with(mode, lte, other).map_err(|e| e.verdict_if_unset(Verdict::Untouched))?;
            let wanted = match roaming {
                Some(roaming) => wanted.with_roaming(roaming == Switch::On),
                None => wanted,
            };
            let set = now != wanted;
            if !set {
                context.output.outcome_is(Outcome::Untouched);
            }
            let after = if set { set_radio(context, &mut modem, &now, &wanted)? } else { now };
            context.output.finish(&RadioReport::of(&after, set));
        }
        NetworkVerb::Scan => {
            context.output.outcome_is(Outcome::Untouched);
            context.output.finish(&Networks { networks: modem.heard_networks()? });
        }
        NetworkVerb::Use { number } => {
            let shown = modem.use_network((number != "auto").then_some(number.as_str()))?;
            if !shown {
                context.output.outcome_is(Outcome::Sent);
            }
            tell_second_look(context, &modem);
            context.output.finish(&Used { network: number, shown });
        }
    }
    Ok(())
}

/// What the stick may use, and which network it is on; whichever of them it tells.
fn shown(modem: &mut Modem<'_>) -> Result<Shown> {
    match (modem.radio(), modem.present_network()) {
        (Ok(radio), network) => {
            let network = network.or_else(|e| if ends_it(&e) { Err(e) } else { Ok(Reception::default()) })?;
            Ok(Shown { radio: Some(RadioReport::of(&radio, false)), network })
        }
        (Err(radio), Ok(mut network)) if !ends_it(&radio) => {
            let why = radio.meaning().map_or_else(|| radio.what().to_owned(), |m| m.cause.to_owned());
            network.untold.push(Untold { what: "allowed technologies and bands", why });
            Ok(Shown { radio: None, network })
        }
        (Err(error), _) => Err(error),
    }
}

fn ends_it(error: &Error) -> bool {
    error.is(ErrorKind::Disconnected) || error.is(ErrorKind::Interrupted)
}

/// Shows what is and what is wanted, asks, and sets it.
fn set_radio(
    context: &Context,
    modem: &mut Modem<'_>,
    now: &RadioSettings,
    wanted: &RadioSettings,
) -> Result<RadioSettings> {
    let line = |radio: &RadioSettings| {
        let report = RadioReport::of(radio, false);
        let lte = report.lte_bands.map(|bands| format!(", LTE bands {bands}")).unwrap_or_default();
        let roaming = report.roaming.map(|on| format!(", roaming {}", words(on))).unwrap_or_default();
        format!("{}{lte}, other bands {}{roaming}", report.mode, report.other_bands)
    };
    context.output.say(&format!("now:    {}\nwanted: {}", line(now), line(wanted)));
    context.confirm("set it? the connection is lost for a moment")?;
    let (after, shown) = modem.set_radio(now, wanted)?;
    tell_second_look(context, modem);
    tell_unseen(context, shown);
    Ok(after)
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct RadioReport {
    mode: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    lte_bands: Option<String>,
    other_bands: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    roaming: Option<bool>,
    set: bool,
}

fn words(on: bool) -> &'static str {
    if on { "allowed" } else { "not allowed" }
}

impl RadioReport {
    fn of(radio: &RadioSettings, set: bool) -> RadioReport {
        RadioReport {
            mode: radio.order_words(),
            lte_bands: radio.lte_bands.map(radio::lte_words),
            other_bands: radio::other_words(radio.other_bands),
            roaming: radio.roaming,
            set,
        }
    }
}

impl Report for RadioReport {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "technologies  {}", self.mode)?;
        if let Some(bands) = &self.lte_bands {
            writeln!(out, "LTE bands     {bands}")?;
        }
        writeln!(out, "other bands   {}", self.other_bands)?;
        match self.roaming {
            Some(on) => writeln!(out, "roaming       {}", words(on)),
            None => Ok(()),
        }
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Shown {
    #[serde(flatten)]
    radio: Option<RadioReport>,
    network: Reception,
}

impl Report for Shown {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        if let Some(radio) = &self.radio {
            radio.text(out)?;
        }
        let network = &self.network;
        for (name, value) in [
            ("network", network.operator.as_deref()),
            ("registration", network.registration),
            ("technology", network.technology.as_deref()),
        ] {
            if let Some(value) = value {
                writeln!(out, "{name:<13} {value}")?;
            }
        }
        untold(out, &network.untold)
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Networks {
    networks: Vec<HeardNetwork>,
}

impl Report for Networks {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.networks.is_empty() {
            return writeln!(out, "no network is heard here");
        }
        self.networks
            .iter()
            .try_for_each(|n| writeln!(out, "{:<7} {:<20} {:<8} {}", n.number, n.name, n.technology, n.state))
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Used {
    network: String,
    /// Whether the stick shows that it is so.
    shown: bool,
}

impl Report for Used {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        match (self.network.as_str(), self.shown) {
            ("auto", true) => writeln!(out, "the stick chooses its network"),
            ("auto", false) => {
                writeln!(out, "the stick took the choice, and does not say that it chooses its network")
            }
            (number, true) => writeln!(out, "on network {number}"),
            (number, false) => writeln!(
                out,
                "the stick took the choice, and does not show yet that it is on network {number}; `stickshift network show` tells where it is, and `network use auto` takes the choice back"
            ),
        }
    }
}

#[cfg(test)]
pub(crate) fn shapes(shapes: &mut crate::output::schema::Shapes) {
    shapes.result::<Shown>("network show");
    shapes.result::<RadioReport>("network set");
    shapes.result::<Networks>("network scan");
    shapes.result::<Used>("network use");
}
