//! `stickshift online`: from the stick to packets, and back.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;
use stickshift::at::data::{Authentication, PdpType};
use stickshift::error::{Error, ErrorKind, Result};
use stickshift::modem::Login;
use stickshift::online::{self, Access, Computer, Connection, Status, Taken, Wanted, WantedWay};
use stickshift::stick::{Mode, Place};

use crate::context::Context;
use crate::hosted;
use crate::output::Report;
use crate::output::json::Outcome;
use crate::verbs::online_apn;
use crate::verbs::online_stay::{self, Limit, Staying};
use crate::way_in::{LoginArgs, secret};

/// Go online through a stick, and back.
///
/// The way follows from the stick's interfaces: NCM, PPP, HiLink, or the network card of another maker. What is changed on the stick and on
/// the computer is recorded before, and `down` puts it back. The PIN comes from STICKSHIFT_PIN or a prompt, and is tried once.
#[derive(Args, Debug)]
pub(crate) struct OnlineArgs {
    #[command(subcommand)]
    verb: OnlineVerb,
}

#[derive(Debug, Subcommand)]
enum OnlineVerb {
    /// Go online: SIM, registration, data connection, address, route, name servers, and a check that packets pass
    Up(Box<UpArgs>),
    /// Hang up and put back what `up` has changed; twice is no error
    Down(DownArgs),
    /// How the connection stands, without a word to the stick
    Status(StatusArgs),
    /// The access point that `up` takes where none is given
    Apn(online_apn::ApnArgs),
}

#[derive(Args, Debug)]
struct UpArgs {
    /// The stick: USB port path, ids, tty, serial number or IMEI
    stick: Option<String>,

    /// Access point name; where it is not given that of the settings, else by the SIM's operator, else the network's own
    #[arg(long, value_name = "NAME")]
    apn: Option<String>,

    /// User name of the access point; the password comes from STICKSHIFT_APN_PASSWORD or a prompt
    #[arg(long, value_name = "NAME")]
    user: Option<String>,

    /// How the user is proven; CHAP, then PAP, then not at all where it is not given
    #[arg(long, value_name = "HOW", requires = "user")]
    auth: Option<Auth>,

    /// Kind of address; both where it is not given, else what the network allows
    #[arg(long, value_name = "KIND")]
    ip: Option<Ip>,

    /// Switch data in other operators' networks on in the stick
    #[arg(long)]
    roaming: bool,

    /// Metric of the default route; behind every other one where it is not given
    #[arg(long, value_name = "NUMBER", conflicts_with = "no_default")]
    metric: Option<u32>,

    /// No default route: programs choose the stick by its interface, its address or its routing table
    #[arg(long)]
    no_default: bool,

    /// Largest packet; what the network says, or what gets through, where it is not given
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u16).range(576..=9000))]
    mtu: Option<u16>,

    /// The way to use
    #[arg(long, value_name = "WAY", default_value = "auto")]
    way: WayWord,

    /// Host whose page /generate_204 shows that packets pass; `none` for no such page
    #[arg(long, value_name = "HOST")]
    check: Option<String>,

    /// Stay online: watch the connection, and mend what fails, until Ctrl-C
    #[arg(long)]
    stay: bool,

    /// How often the connection is looked at
    #[arg(long, value_name = "SECONDS", default_value_t = 60, requires = "stay", value_parser = clap::value_parser!(u64).range(5..=3600))]
    every: u64,

    /// Do not listen to what the stick says between looks: its AT port stays free for other programs, and a lost connection is noticed by
    /// the next look
    #[arg(long, requires = "stay")]
    leave_port: bool,

    /// End the connection after so much: 5GB/month, 500MB/day, 10GB, 2h
    #[arg(long, value_name = "LIMIT", requires = "stay")]
    limit: Option<Limit>,

    /// Run PROGRAM on every change: its argument is up, down, failed, climbed or waiting; STICKSHIFT_PLACE and others are in its environment
    #[arg(long, value_name = "PROGRAM", requires = "stay")]
    exec: Option<OsString>,

    /// Print what would be done, every command and every change of the computer, and do nothing
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    login: WebLogin,
}

/// Who logs in to the web interface of HiLink firmware.
#[derive(Args, Debug)]
struct WebLogin {
    /// Log in to the web interface as this user; the password comes from --password-file, STICKSHIFT_PASSWORD or a prompt
    #[arg(long, value_name = "NAME")]
    web_user: Option<String>,

    /// Read the web interface password from the first line of FILE
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

impl WebLogin {
    fn login(&self) -> Result<Option<Login>> {
        let (user, password_file) = (self.web_user.clone(), self.password_file.clone());
        LoginArgs { user, password_file, ..LoginArgs::default() }.login()
    }
}

#[derive(Args, Debug)]
struct DownArgs {
    /// The stick: USB port path, ids, tty, serial number or IMEI
    stick: Option<String>,

    #[command(flatten)]
    login: WebLogin,
}

#[derive(Args, Debug)]
struct StatusArgs {
    /// The stick: USB port path, ids, tty, serial number or IMEI
    stick: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Auth {
    None,
    Pap,
    Chap,
    Mschapv2,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Ip {
    V4,
    V6,
    V4v6,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum WayWord {
    Auto,
    Ncm,
    Ppp,
    Hilink,
    Mbim,
    Ecm,
}

impl UpArgs {
    /// `usual` is the access point of the settings.
    fn wanted(&self, usual: Option<&str>) -> Result<Wanted> {
        let password = match &self.user {
            Some(_) => Some(secret("password of the access point", "STICKSHIFT_APN_PASSWORD", None)?),
            None => None,
        };
        Ok(Wanted {
            apn: self.apn.clone(),
            usual_apn: usual.map(str::to_owned),
            user: self.user.clone(),
            password,
            authentication: self.auth.map(|auth| match auth {
                Auth::None => Authentication::None,
                Auth::Pap => Authentication::Pap,
                Auth::Chap => Authentication::Chap,
                Auth::Mschapv2 => Authentication::MsChapV2,
            }),
            ip: self.ip.map(|ip| match ip {
                Ip::V4 => PdpType::V4,
                Ip::V6 => PdpType::V6,
                Ip::V4v6 => PdpType::V4V6,
            }),
            roaming: self.roaming,
            metric: self.metric,
            no_default: self.no_default,
            mtu: self.mtu,
            way: match self.way {
                WayWord::Auto => WantedWay::Auto,
                WayWord::Ncm => WantedWay::Ncm,
                WayWord::Ppp => WantedWay::Ppp,
                WayWord::Hilink => WantedWay::Hilink,
                WayWord::Mbim => WantedWay::Mbim,
                WayWord::Ecm => WantedWay::Ecm,
            },
            check: self.check.as_ref().map(|host| if host == "none" { String::new() } else { host.clone() }),
        })
    }
}

pub(crate) fn run(context: &mut Context, args: OnlineArgs) -> Result<()> {
    match args.verb {
        OnlineVerb::Up(args) => up(context, &args),
        OnlineVerb::Down(args) => down(context, &args),
        OnlineVerb::Status(args) => status(context, &args),
        OnlineVerb::Apn(args) => online_apn::run(context, &args),
    }
}

fn up(context: &mut Context, args: &UpArgs) -> Result<()> {
    let usual = context.config.as_ref().ok().and_then(|config| config.apn.as_deref());
    let wanted = args.wanted(usual)?;
    let mut computer = computer(context)?;
    let mut bus = context.bus()?;
    let stick = context.stick(&mut *bus, args.stick.as_deref())?;
    let (place, mode) = (stick.place.clone(), stick.mode);
    let has_at = stick.ports().next().is_some();
    // The verb that leads on, as it is typed.
    let leads_on = |error: Error| match (mode, wanted.way) {
        _ if !error.is(ErrorKind::NoSuchPort) => error,
        (Mode::Cdrom, _) => error.with("command", format!("stickshift switch {place}")),
        (Mode::Modem, WantedWay::Ncm) if has_at => {
            error.with("command", format!("stickshift ports set at,modem,ncm --stick {place}"))
        }
        _ => error,
    };
    if args.dry_run {
        context.output.outcome_is(Outcome::Untouched);
        context.output.finish(&online::plan(&stick, &mut *computer, &wanted).map_err(leads_on)?);
        return Ok(());
    }
    let mut pin = || pin(context.global.json);
    let mut access = Access::new(&mut pin, args.login.login()?);
    if args.stay {
        let every = Duration::from_secs(args.every);
        let listens = !args.leave_port;
        let staying = Staying { wanted: &wanted, limit: args.limit, every, hook: args.exec.clone(), listens };
        let ended = online_stay::run(context, &mut *bus, &mut *computer, stick.place, access, &staying);
        return ended.map_err(leads_on);
    }
    let mut session = context.session_by_steps();
    let connection = online::up(&mut *bus, stick, &mut *computer, &wanted, &mut access, &mut session);
    let connection = connection.map_err(leads_on)?;
    drop(session);
    context.output.finish(&Connected(connection));
    Ok(())
}

/// The PIN, where there is somebody to ask or one in the environment.
fn pin(json: bool) -> Result<Option<String>> {
    use std::io::IsTerminal;

    let at_hand = hosted::secret("STICKSHIFT_PIN").is_some() || std::env::var_os("STICKSHIFT_PIN").is_some();
    if at_hand || io::stdin().is_terminal() && !json {
        return secret("PIN", "STICKSHIFT_PIN", None).map(Some);
    }
    Ok(None)
}

fn down(context: &mut Context, args: &DownArgs) -> Result<()> {
    let mut computer = computer(context)?;
    let mut bus = context.bus()?;
    let (place, stick) = match context.stick(&mut *bus, args.stick.as_deref()) {
        Ok(stick) => (stick.place.clone(), Some(stick)),
        // What is unplugged has a place all the same.
        Err(error) => match args.stick.as_deref().and_then(|word| word.parse::<Place>().ok()) {
            Some(place) => (place, None),
            None => return Err(error),
        },
    };
    let login = args.login.login()?;
    let taken = online::down(&mut *bus, &place, stick, &mut *computer, login, &mut context.session())?;
    if !taken.was_online {
        context.output.outcome_is(Outcome::Untouched);
    }
    context.output.finish(&Down(taken));
    Ok(())
}

fn status(context: &mut Context, args: &StatusArgs) -> Result<()> {
    context.output.outcome_is(Outcome::Untouched);
    let mut computer = computer(context)?;
    let place = match args.stick.as_deref().and_then(|word| word.parse::<Place>().ok()) {
        Some(place) => place,
        None => context.stick(&mut *context.bus()?, args.stick.as_deref())?.place,
    };
    context.output.finish(&Stands(online::status(&place, &mut *computer)?));
    Ok(())
}

/// This computer; beside virtual sticks one in memory, so that nobody needs root to see how it goes.
fn computer(context: &Context) -> Result<Box<dyn Computer>> {
    #[cfg(feature = "virtual")]
    if context.opener.is_virtual() {
        return Ok(Box::new(context.opener.virtual_computer()?));
    }
    #[cfg(target_os = "linux")]
    return Ok(Box::new(stickshift::host::SysComputer::open(
        stickshift::host::Folders::default(),
        &context.cancel,
    )?));
    #[cfg(not(target_os = "linux"))]
    Err(stickshift::error::Error::new(
        stickshift::error::ErrorKind::Unsupported,
        "going online is built for Linux alone",
    ))
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Connected(Connection);

impl Report for Connected {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let c = &self.0;
        writeln!(out, "online over {} on {}", c.way, c.interface)?;
        let roaming = if c.roaming { ", roaming" } else { "" };
        if let Some(operator) = &c.operator {
            writeln!(out, "network       {operator}{roaming}")?;
        }
        let apn = if c.apn.is_empty() { "none" } else { &c.apn };
        writeln!(out, "access point  {apn} ({})", c.apn_from)?;
        writeln!(out, "address       {} (from {})", c.addresses.join(", "), c.address_from.join(", "))?;
        if let Some(gateway) = &c.gateway {
            writeln!(out, "router        {gateway}")?;
        }
        writeln!(out, "name servers  {}", c.dns.join(", "))?;
        match c.metric {
            Some(metric) => {
                writeln!(out, "route         default with metric {metric}, own table {}", c.table)?
            }
            None => writeln!(out, "route         own table {}, no default route", c.table)?,
        }
        writeln!(out, "largest packet {}", c.mtu)?;
        writeln!(out, "answers       {}", c.reaches.join(", "))?;
        c.changed.iter().try_for_each(|line| writeln!(out, "changed       {line}"))
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Down(Taken);

impl Report for Down {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        if !self.0.was_online && self.0.stick.is_empty() {
            return writeln!(
                out,
                "nothing to take back: no connection of ours is recorded for {}",
                self.0.place
            );
        }
        self.0.computer.iter().try_for_each(|line| writeln!(out, "computer  {line}"))?;
        self.0.stick.iter().try_for_each(|line| writeln!(out, "stick     {line}"))
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Stands(Status);

impl Report for Stands {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let s = &self.0;
        let Some(way) = &s.way else {
            return writeln!(out, "{}: no connection of ours is recorded", s.place);
        };
        let state = if s.online { "online" } else { "not online" };
        writeln!(
            out,
            "{}: {state} over {way} on {}",
            s.place,
            s.interface.as_deref().unwrap_or("no interface")
        )?;
        writeln!(out, "address       {}", s.addresses.join(", "))?;
        writeln!(out, "name servers  {}", s.dns.join(", "))?;
        if let (Some(received), Some(sent)) = (s.received, s.sent) {
            writeln!(out, "traffic       {received} bytes received, {sent} sent")?;
        }
        writeln!(out, "answers       {}", s.answers.as_deref().unwrap_or("nothing"))?;
        s.changed.iter().try_for_each(|line| writeln!(out, "changed       {line}"))
    }
}

#[cfg(test)]
pub(crate) fn shapes(shapes: &mut crate::output::schema::Shapes) {
    shapes.result::<Connected>("online up");
    shapes.result::<stickshift::plan::Plan>("online up");
    shapes.event::<online_stay::Happened>("online up", "online");
    shapes.result::<Down>("online down");
    shapes.result::<Stands>("online status");
    online_apn::shapes(shapes);
}
