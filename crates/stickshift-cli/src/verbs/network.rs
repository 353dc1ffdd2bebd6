//! `stickshift network`: which technologies, bands and network the stick uses, over AT or HiLink.

use std::io::{self, Write};

use clap::{Args, Subcommand};
use serde::Serialize;
use stickshift::at::At;
use stickshift::at::network::{self, Access, RadioConfig, RadioConfig3g};
use stickshift::error::{Error, ErrorKind, Result, Verdict};
use stickshift::hilink::{Hilink, net};
use stickshift::stick::radio::{self, Order, Technology};

use crate::context::Context;
use crate::door::{self, Door, DoorArgs};
use crate::output::Report;

/// Show and choose radio technologies, bands and the network.
#[derive(Args, Debug)]
pub(crate) struct NetworkArgs {
    #[command(subcommand)]
    verb: NetworkVerb,
    #[command(flatten)]
    door: DoorArgs,
}

#[derive(Debug, Subcommand)]
enum NetworkVerb {
    /// What the radio may use now
    Show,
    /// Change what the radio may use; what is not named stays
    Set {
        /// Technologies in order of preference, lte,umts,gsm or some of them; or auto
        #[arg(long, value_name = "ORDER", value_parser = order)]
        mode: Option<Order>,
        /// LTE bands, 3,7,20 for example; or all
        #[arg(long, value_name = "BANDS", value_parser = lte_bands)]
        lte: Option<u64>,
        /// GSM and UMTS bands, gsm900,umts2100 for example; or all
        #[arg(long, value_name = "BANDS", value_parser = other_bands)]
        other: Option<u64>,
    },
    /// Search for networks; takes up to two minutes, and data stops meanwhile
    Scan,
    /// Use one network, by its number from a scan; or auto
    Use {
        /// 20801 for example, or auto
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
    match args.door.open(context)? {
        Door::At(mut link) => over_at(context, &mut door::at(context, &mut *link)?, args.verb),
        Door::Web(mut link) => over_web(context, &mut args.door.web.session(context, &mut *link)?, args.verb),
    }
}

/// What the radio may use. Sticks of the last generation have no LTE bands.
#[derive(Clone, PartialEq, Eq)]
struct Radio {
    order: Order,
    /// As the stick writes it, where that is no order that is known here.
    code: String,
    other: u64,
    lte: Option<u64>,
}

impl Radio {
    /// The same with what was asked for.
    ///
    /// # Errors
    /// `Usage` for one in which no technology keeps a band, `Unsupported` for LTE on a stick without it.
    fn with(&self, mode: Option<Order>, lte: Option<u64>, other: Option<u64>) -> Result<Radio> {
        let wants_lte = |order: &Order| order.0.contains(&Technology::Lte);
        if self.lte.is_none() && (lte.is_some() || mode.as_ref().is_some_and(wants_lte)) {
            return Err(
                Error::new(ErrorKind::Unsupported, "this stick has no LTE").with_verdict(Verdict::Untouched)
            );
        }
        let code = mode.as_ref().map_or_else(|| self.code.clone(), Order::code);
        let order = mode.unwrap_or_else(|| self.order.clone());
        let wanted = Radio { order, code, other: other.unwrap_or(self.other), lte: lte.or(self.lte) };
        let uses = |technology| wanted.order.0.is_empty() || wanted.order.0.contains(&technology);
        let by_lte = uses(Technology::Lte) && wanted.lte.is_some_and(|bits| bits != 0);
        let by_other = (uses(Technology::Gsm) || uses(Technology::Umts)) && wanted.other != 0;
        if !by_lte && !by_other {
            return Err(Error::new(
                ErrorKind::Usage,
                "with this no technology has a band: the stick would find no network",
            )
            .with("technologies", &wanted.order)
            .with_verdict(Verdict::Untouched));
        }
        Ok(wanted)
    }

    fn report(&self, set: bool) -> RadioReport {
        let known = Order::from_code(&self.code).is_some();
        RadioReport {
            mode: if known { self.order.to_string() } else { format!("code {}", self.code) },
            lte_bands: self.lte.map(radio::lte_words),
            other_bands: radio::other_words(self.other),
            set,
        }
    }
}

/// Shows what is and what is wanted, and asks.
fn agree(context: &Context, now: &Radio, wanted: &Radio) -> Result<bool> {
    if now == wanted {
        context.output.finish(&now.report(false));
        return Ok(false);
    }
    let line = |radio: &Radio| {
        let report = radio.report(false);
        let lte = report.lte_bands.map(|bands| format!(", LTE bands {bands}")).unwrap_or_default();
        format!("{}{lte}, other bands {}", report.mode, report.other_bands)
    };
    context.output.say(&format!("now:    {}\nwanted: {}", line(now), line(wanted)));
    context.confirm("set it? the connection is lost for a moment")?;
    Ok(true)
}

fn over_at(context: &Context, at: &mut At<'_>, verb: NetworkVerb) -> Result<()> {
    match verb {
        NetworkVerb::Show => context.output.finish(&at_radio(at)?.0.report(false)),
        NetworkVerb::Set { mode, lte, other } => {
            let (now, form) = at_radio(at)?;
            let wanted = now.with(mode, lte, other)?;
            if agree(context, &now, &wanted)? {
                match form {
                    Form::Lte(config) => at.run(&network::set_radio_config(&RadioConfig {
                        order: wanted.code,
                        bands: wanted.other,
                        lte_bands: wanted.lte.unwrap_or(config.lte_bands),
                        ..config
                    })?)?,
                    Form::Umts(config) => {
                        let (mode, order) = umts_numbers(&wanted.order);
                        let bands = u32::try_from(wanted.other).map_err(|_| {
                            Error::new(ErrorKind::Unsupported, "this stick does not know such bands")
                                .with_verdict(Verdict::Untouched)
                        })?;
                        let (roaming, domain) = (config.roaming, config.domain);
                        at.run(&network::set_radio_config_3g(mode, order, bands, roaming, domain))?;
                    }
                }
                context.output.finish(&at_radio(at)?.0.report(true));
            }
        }
        NetworkVerb::Scan => {
            let found = at.run(&network::operators())?.into_iter();
            let rows = found.map(|o| Network {
                number: o.numeric,
                name: o.name,
                technology: o.access.map(Access::words).unwrap_or_default().to_owned(),
                state: state_words(o.status),
            });
            context.output.finish(&Networks { networks: rows.collect() });
        }
        NetworkVerb::Use { number } => {
            match number.as_str() {
                "auto" => at.run(&network::select_automatically())?,
                _ => at.run(&network::select(&number, None)?)?,
            }
            context.output.finish(&Used { network: number });
        }
    }
    Ok(())
}

/// How the stick was asked, for setting it the same way.
enum Form {
    Lte(RadioConfig),
    Umts(RadioConfig3g),
}

fn at_radio(at: &mut At<'_>) -> Result<(Radio, Form)> {
    if let Some(config) = at.run_if_known(&network::radio_config())? {
        let radio = Radio {
            order: Order::from_code(&config.order).unwrap_or_default(),
            code: config.order.clone(),
            other: config.bands,
            lte: Some(config.lte_bands),
        };
        return Ok((radio, Form::Lte(config)));
    }
    let config = at.run(&network::radio_config_3g())?;
    let order = match (config.mode, config.order) {
        (13, _) => vec![Technology::Gsm],
        (14, _) => vec![Technology::Umts],
        (_, 1) => vec![Technology::Gsm, Technology::Umts],
        (_, 2) => vec![Technology::Umts, Technology::Gsm],
        _ => Vec::new(),
    };
    let order = Order(order);
    Ok((Radio { code: order.code(), order, other: config.bands, lte: None }, Form::Umts(config)))
}

/// Mode and order of `AT^SYSCFG`.
fn umts_numbers(order: &Order) -> (u8, u8) {
    match order.0.as_slice() {
        [Technology::Gsm] => (13, 3),
        [Technology::Umts] => (14, 3),
        [Technology::Gsm, ..] => (2, 1),
        [Technology::Umts, ..] => (2, 2),
        _ => (2, 0),
    }
}

fn over_web(context: &Context, web: &mut Hilink<'_>, verb: NetworkVerb) -> Result<()> {
    match verb {
        NetworkVerb::Show => context.output.finish(&web_radio(web)?.0.report(false)),
        NetworkVerb::Set { mode, lte, other } => {
            let (now, before) = web_radio(web)?;
            let wanted = now.with(mode, lte, other)?;
            if agree(context, &now, &wanted)? {
                // All three are what may be used: that is "auto" there, which knows pairs at most.
                let code = if wanted.order.0.len() == 3 { "00".to_owned() } else { wanted.code.clone() };
                let changed = |old: &str, is: u64, was: u64| {
                    if is == was { old.to_owned() } else { format!("{is:X}") }
                };
                let lte = changed(&before.lte_bands, wanted.lte.unwrap_or(0), now.lte.unwrap_or(0));
                let bands = changed(&before.bands, wanted.other, now.other);
                web.call(&net::set_mode(&net::NetMode { mode: code, bands, lte_bands: lte }))?;
                context.output.finish(&web_radio(web)?.0.report(true));
            }
        }
        NetworkVerb::Scan => {
            let rows = web.call(&net::search())?.into_iter().map(|n| Network {
                number: n.numeric.unwrap_or_default(),
                name: n.name.unwrap_or_default(),
                technology: n.rat.map(|rat| Access(rat).words()).unwrap_or_default().to_owned(),
                state: n.state.map(state_words).unwrap_or_default(),
            });
            context.output.finish(&Networks { networks: rows.collect() });
        }
        NetworkVerb::Use { number } => {
            match number.as_str() {
                "auto" => web.call(&net::register_automatically())?,
                _ => {
                    let found = web.call(&net::search())?.into_iter();
                    let wanted =
                        found.filter(|n| n.numeric.as_deref() == Some(&number)).max_by_key(|n| n.rat);
                    let wanted = wanted.ok_or_else(|| {
                        Error::new(ErrorKind::Usage, format!("no network {number} is heard here"))
                            .with_verdict(Verdict::Untouched)
                    })?;
                    web.call(&net::register(&number, wanted.rat.unwrap_or(0)))?;
                }
            }
            context.output.finish(&Used { network: number });
        }
    }
    Ok(())
}

fn web_radio(web: &mut Hilink<'_>) -> Result<(Radio, net::NetMode)> {
    let mode = web.call(&net::mode())?;
    let bits = |text: &str| u64::from_str_radix(text.trim(), 16).ok();
    let radio = Radio {
        order: Order::from_code(&mode.mode).unwrap_or_default(),
        code: mode.mode.clone(),
        other: bits(&mode.bands).unwrap_or(0),
        lte: bits(&mode.lte_bands),
    };
    Ok((radio, mode))
}

fn state_words(state: u8) -> &'static str {
    match state {
        1 => "available",
        2 => "in use",
        3 => "forbidden",
        _ => "unknown",
    }
}

#[derive(Serialize)]
struct RadioReport {
    mode: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    lte_bands: Option<String>,
    other_bands: String,
    set: bool,
}

impl Report for RadioReport {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "technologies  {}", self.mode)?;
        if let Some(bands) = &self.lte_bands {
            writeln!(out, "LTE bands     {bands}")?;
        }
        writeln!(out, "other bands   {}", self.other_bands)
    }
}

#[derive(Serialize)]
struct Networks {
    networks: Vec<Network>,
}

#[derive(Serialize)]
struct Network {
    number: String,
    name: String,
    technology: String,
    state: &'static str,
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
struct Used {
    network: String,
}

impl Report for Used {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        match self.network.as_str() {
            "auto" => writeln!(out, "the stick chooses its network"),
            number => writeln!(out, "on network {number}"),
        }
    }
}
