//! `stickshift online`: from the stick to packets, and back.

mod apn;
#[cfg(all(target_os = "linux", feature = "desktop"))]
mod journal;
mod reports;
mod stay;

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use stickshift::at::data::{Authentication, PdpType};
use stickshift::error::{Detail, Error, ErrorKind, Result, Shows, Verdict};
use stickshift::modem::Login;
use stickshift::online::computer::KEEPS;
use stickshift::online::{self, Access, Computer, Taken, Wanted, WantedWay};
use stickshift::stick::{Mode, Place};

use crate::config;
use crate::context::Context;
use crate::hosted;
use crate::output::json::Outcome;
use crate::question;
use crate::way_in::{LoginArgs, StickArgs, secret};
use crate::wrong_mode::{self, Needs};
use reports::{AllStand, Connected, Down, Stands};
use stay::{Limit, Staying};

/// Go online through a stick, and back.
///
/// The way follows from the stick's interfaces: NCM, PPP, HiLink, MBIM, or another maker's network card. What is changed on the stick and on
/// the computer is recorded before, and `down` puts it back. The PIN comes from STICKSHIFT_PIN or a prompt, and is tried once.
#[derive(Args, Debug)]
pub(crate) struct OnlineArgs {
    #[command(subcommand)]
    verb: OnlineVerb,
}

#[derive(Debug, Subcommand)]
enum OnlineVerb {
    /// Go online: SIM, registration, data connection, address, route, name servers, and a check that packets pass
    ///
    /// Its own exit codes: 10 SIM or PIN, 11 not registered, 12 refused by the network, 13 no address, 14 no reach, 15 limit reached.
    Up(Box<UpArgs>),
    /// Hang up and put back what `up` has changed; twice is no error
    Down(DownArgs),
    /// Show the state of the connection; the stick is not asked
    Status(StatusArgs),
    /// The access point that `up` takes without --apn
    Apn(apn::ApnArgs),
}

#[derive(Args, Debug)]
struct UpArgs {
    #[command(flatten)]
    stick: StickArgs,

    /// Access point name. Default: from the settings, else by the operator of the SIM, else what the stick has, else the network chooses, as with an empty one
    #[arg(long, value_name = "NAME")]
    apn: Option<String>,

    /// User name of the access point; the password comes from STICKSHIFT_APN_PASSWORD or a prompt, else it is empty
    #[arg(long, value_name = "NAME")]
    user: Option<String>,

    /// Authentication protocol. Default: CHAP, then PAP, then none
    #[arg(long, value_name = "HOW", requires_ifs = [("pap", "user"), ("chap", "user"), ("mschapv2", "user")])]
    auth: Option<Auth>,

    /// IP version. Default: both, or the one that the network allows
    #[arg(long, value_name = "KIND")]
    ip: Option<Ip>,

    /// Allow data roaming: switches it on in the stick
    #[arg(long)]
    roaming: bool,

    /// Metric of the default route, from 1. Default: higher than every other, so that they are preferred
    #[arg(long, value_name = "NUMBER", conflicts_with = "no_default", value_parser = clap::value_parser!(u32).range(1..))]
    metric: Option<u32>,

    /// No default route: programs choose the stick by its interface, its address or its routing table
    #[arg(long)]
    no_default: bool,

    /// Largest packet, 576 to 9000; with IPv6 from 1280. Default: what the network says, else what gets through
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u16).range(576..=9000))]
    mtu: Option<u16>,

    /// The way to use
    #[arg(long, value_name = "WAY", default_value = "auto")]
    way: WayWord,

    /// Host whose page /generate_204 shows that packets pass; `none` for no such page, as where a portal wants a login first
    #[arg(long, value_name = "HOST", value_parser = host)]
    check: Option<String>,

    /// Stay online: watch the connection and restore it when it fails, until Ctrl-C
    #[arg(long)]
    stay: bool,

    /// With --stay: time between two checks, 5 to 3600
    #[arg(long, value_name = "SECONDS", default_value_t = 60, requires = "stay", value_parser = clap::value_parser!(u64).range(5..=3600))]
    every: u64,

    /// With --stay: leave the AT port to other programs between checks; only these notice a lost connection
    #[arg(long, requires = "stay")]
    leave_port: bool,

    /// With --stay: end after this amount of data or time: 5GB/month, 500MB/day, 10GB, 2h
    #[arg(long, value_name = "LIMIT", requires = "stay")]
    limit: Option<Limit>,

    /// With --stay: run PROGRAM on every change; its argument is up, down, failed, climbed or waiting; STICKSHIFT_PLACE and others are in its environment
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
    #[command(flatten)]
    stick: StickArgs,

    #[command(flatten)]
    login: WebLogin,

    /// What a connection that was kept took back when it ended just before, as its result; `serve` itself says so
    #[cfg(feature = "web")]
    #[arg(long, value_name = "JSON", hide = true)]
    taken_back: Vec<Earlier>,
}

/// What was taken back just before.
#[cfg(feature = "web")]
#[derive(Clone, Debug)]
struct Earlier {
    computer: Vec<String>,
    stick: Vec<String>,
}

#[cfg(feature = "web")]
impl std::str::FromStr for Earlier {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Earlier, String> {
        let value: serde_json::Value = serde_json::from_str(text).map_err(|e| e.to_string())?;
        let lines = |name: &str| {
            let lines = value[name].as_array().into_iter().flatten();
            lines.filter_map(|line| line.as_str().map(str::to_owned)).collect()
        };
        Ok(Earlier { computer: lines("computer"), stick: lines("stick") })
    }
}

#[derive(Args, Debug)]
struct StatusArgs {
    #[command(flatten)]
    stick: StickArgs,
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

/// A name or an address.
fn host(text: &str) -> std::result::Result<String, String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
    match (1..=253).contains(&text.len()) && text.chars().all(is_part) {
        true => Ok(text.to_owned()),
        false => Err("it is the name of a host, example.com, or an address".to_owned()),
    }
}

impl UpArgs {
    /// `usual` is the access point of the settings.
    fn wanted(&self, usual: Option<&str>) -> Result<Wanted> {
        let password = match &self.user {
            Some(_) if !matches!(self.auth, Some(Auth::None)) => Some(apn_password()?),
            // What is not proven needs no password.
            _ => None,
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

/// The password of the access point. Unlike other secrets it may be empty: some access points have a user alone, and no tries are counted.
fn apn_password() -> Result<String> {
    let variable = "STICKSHIFT_APN_PASSWORD";
    if hosted::is_hosted() {
        return Ok(hosted::secret(variable).unwrap_or_default());
    }
    match std::env::var(variable) {
        Ok(password) => Ok(password),
        Err(_) => Ok(question::secret("password of the access point: ".to_owned())?.unwrap_or_default()),
    }
}

pub(crate) fn run(context: &mut Context, args: OnlineArgs) -> Result<()> {
    match args.verb {
        OnlineVerb::Up(args) => up(context, &args),
        OnlineVerb::Down(args) => {
            let ended = down(context, &args);
            // What was taken back just before is part of it.
            #[cfg(feature = "web")]
            let ended = ended.map_err(|error| match args.taken_back.is_empty() {
                true => error,
                false => error.after(Verdict::Recoverable),
            });
            ended
        }
        OnlineVerb::Status(args) => status(context, &args),
        OnlineVerb::Apn(args) => apn::run(context, args),
    }
}

fn up(context: &mut Context, args: &UpArgs) -> Result<()> {
    if let Some(why) = args.exec.as_deref().and_then(no_program) {
        return Err(Error::new(ErrorKind::Usage, format!("--exec: {why}")).with_verdict(Verdict::Untouched));
    }
    let usual = match &context.config {
        Ok(config) => config.apn.as_deref(),
        // Another access point than the one in there could cost money.
        Err(error) if args.apn.is_none() => return Err(config::again(error)),
        Err(_) => None,
    };
    let wanted = args.wanted(usual)?;
    let mut computer = computer(context)?;
    let mut bus = context.bus()?;
    let stick = context.stick(&mut *bus, args.stick.name())?;
    let (place, mode) = (stick.place.clone(), stick.mode);
    let has_at = stick.ports().next().is_some();
    // The verb that leads on, as it is typed.
    let leads_on = |error: Error| match (mode, wanted.way) {
        _ if !error.is(ErrorKind::NoSuchPort) => error,
        (Mode::Cdrom, _) => error.with("command", format!("stickshift switch {place}")),
        (Mode::Modem, WantedWay::Ncm) if has_at => {
            error.with("command", format!("stickshift ports set at,modem,ncm --stick {place}"))
        }
        _ => wrong_mode::told(error, Needs::AtOrWeb, mode),
    };
    if args.dry_run {
        context.output.outcome_is(Outcome::Untouched);
        let mut plan = online::plan(&stick, &mut *computer, &wanted).map_err(leads_on)?;
        if args.stay {
            staying_steps(&mut plan, args);
            online::plan_staying(&mut plan, &stick, &wanted, !args.leave_port)?;
        }
        context.output.finish(&plan);
        return Ok(());
    }
    let mut pin = || pin(context.global.json);
    let mut access = Access::new(&mut pin, args.login.login()?);
    let stays = stays(&mut *computer, &place)?;
    if args.stay {
        // A file that cannot be written says less of a sudden end, and stops nothing.
        let _ = stays.as_ref().map(|mut file| file.write_all(KEEPS.as_bytes()));
        let every = Duration::from_secs(args.every);
        let listens = !args.leave_port;
        let staying = Staying { wanted: &wanted, limit: args.limit, every, hook: args.exec.clone(), listens };
        let ended = stay::run(context, &mut *bus, &mut *computer, stick.place, access, &staying);
        let _ = stays.as_ref().map(|file| file.set_len(0));
        finish_down(context, ended.map_err(leads_on)?);
        return Ok(());
    }
    let mut session = context.session_by_steps();
    let connection = online::up(&mut *bus, stick, &mut *computer, &wanted, &mut access, &mut session);
    let connection = connection.map_err(leads_on).map_err(|error| {
        // A web server that does not answer may be one whose stick was pulled.
        match bus.device(&place) {
            Ok(None) if error.is(ErrorKind::Disconnected) => error.detail(Detail::PlaceShows(Shows::Nothing)),
            _ => error,
        }
    })?;
    drop(session);
    context.output.finish(&Connected(connection));
    Ok(())
}

/// What follows once it is online.
fn staying_steps(plan: &mut stickshift::plan::Plan, args: &UpArgs) {
    let port = if args.leave_port { "left to others between looks" } else { "held open" };
    let looks = format!(
        "stays until Ctrl-C: a look every {} s, what fails is mended; its port is {port}",
        args.every
    );
    plan.step("stay", looks, None);
    if let Some(limit) = args.limit {
        plan.step("stay", format!("hangs up after {limit}"), None);
    }
    if let Some(program) = &args.exec {
        plan.step("stay", format!("on every change: {}", program.to_string_lossy()), None);
    }
}

/// Why `program` cannot be run: it is looked for at its path, or by its name in the folders of PATH.
fn no_program(program: &OsStr) -> Option<String> {
    let path = Path::new(program);
    let mut files = Vec::new();
    if path.components().count() > 1 || path.is_absolute() {
        files.push(path.to_owned());
    } else if let Some(all) = std::env::var_os("PATH") {
        files.extend(std::env::split_paths(&all).map(|folder| folder.join(path)));
    }
    files.retain(|file| file.is_file());
    let named = program.to_string_lossy();
    if files.is_empty() {
        return Some(format!("there is no program {named}"));
    }
    (!files.iter().any(|file| may_run(file)))
        .then(|| format!("{named} is a file that may not be run: `chmod +x` allows it"))
}

#[cfg(unix)]
fn may_run(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;

    file.metadata().is_ok_and(|metadata| metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn may_run(_: &Path) -> bool {
    true
}

/// The PIN, where there is somebody to ask or one in the environment.
fn pin(json: bool) -> Result<Option<String>> {
    use std::io::IsTerminal;

    if hosted::is_given("STICKSHIFT_PIN") || io::stdin().is_terminal() && !json {
        return secret("PIN", "STICKSHIFT_PIN", None).map(Some);
    }
    if !hosted::is_hosted() && std::env::var_os("STICKSHIFT_PIN").is_some() {
        let what = "the SIM wants its PIN, and STICKSHIFT_PIN is empty";
        return Err(Error::new(ErrorKind::SimPinNeeded, what));
    }
    Ok(None)
}

fn down(context: &mut Context, args: &DownArgs) -> Result<()> {
    let mut computer = computer(context)?;
    let mut bus = context.bus()?;
    let word = args.stick.name().or(context.stick_word.as_deref());
    let (place, stick) = match (word, &computer.recorded()[..]) {
        // The only connection is meant, whatever else is plugged in.
        (None, [place]) => (place.clone(), bus.device(place)?),
        (word, _) => match context.stick(&mut *bus, word) {
            Ok(stick) => (stick.place.clone(), Some(stick)),
            // What is unplugged has a place all the same.
            Err(error) => match word.and_then(|word| word.parse::<Place>().ok()) {
                Some(place) => (place, None),
                None => return Err(error),
            },
        },
    };
    let _stays = stays(&mut *computer, &place)?;
    let login = args.login.login()?;
    #[cfg_attr(not(feature = "web"), expect(unused_mut, reason = "a server adds to it"))]
    let mut taken = online::down(&mut *bus, &place, stick, &mut *computer, login, &mut context.session())?;
    #[cfg(feature = "web")]
    tell_earlier(context, &mut taken, &args.taken_back);
    if !taken.was_online {
        context.output.outcome_is(Outcome::Untouched);
    }
    // A service that is stopped ends well all the same.
    if taken.left_changed {
        context.exit = Outcome::Recoverable.exit();
    }
    finish_down(context, taken);
    Ok(())
}

/// Adds what was taken back just before.
#[cfg(feature = "web")]
fn tell_earlier(context: &Context, taken: &mut Taken, all: &[Earlier]) {
    let is_later = taken.was_online;
    for Earlier { computer, stick } in all.iter().rev() {
        taken.computer.splice(..0, computer.iter().cloned());
        // The later word on the stick counts.
        if !is_later {
            taken.stick.splice(..0, stick.iter().cloned());
        }
        taken.was_online = true;
    }
    if taken.was_online && !is_later && !taken.stick.is_empty() {
        context.output.outcome_is(Outcome::Done);
    }
}

/// The right to take a stick online or offline: whoever keeps it online would dial again.
fn stays(computer: &mut dyn Computer, place: &Place) -> Result<Option<File>> {
    computer.stays(place).map_err(|error| {
        let next = "end that run by Ctrl-C, `kill` or `systemctl stop`: it hangs up and puts everything back; then run this again";
        error.with("place", place).detail(Detail::NextStep(next)).with_verdict(Verdict::Untouched)
    })
}

/// Says what going offline did.
fn finish_down(context: &Context, taken: Taken) {
    if taken.left_changed {
        context.output.outcome_is(Outcome::Recoverable);
    }
    context.output.finish(&Down(taken));
}

fn status(context: &mut Context, args: &StatusArgs) -> Result<()> {
    context.output.outcome_is(Outcome::Untouched);
    let mut computer = computer(context)?;
    let mut places = Vec::new();
    match args.stick.name().or(context.stick_word.as_deref()) {
        Some(word) => places.push(match word.parse() {
            Ok(place) => place,
            Err(_) => context.stick(&mut *context.bus()?, Some(word))?.place,
        }),
        None => {
            let plugged = context.bus()?.sticks()?.into_iter().map(|stick| stick.place);
            for place in plugged.chain(computer.recorded()) {
                if !places.contains(&place) {
                    places.push(place);
                }
            }
        }
    }
    if places.is_empty() {
        // That says what is missing.
        places.push(context.stick(&mut *context.bus()?, None)?.place);
    }
    if let [place] = &places[..] {
        context.output.finish(&Stands(online::status(place, &mut *computer)?));
        return Ok(());
    }
    let sticks = places.iter().map(|place| online::status(place, &mut *computer).map(Stands));
    context.output.finish(&AllStand { sticks: sticks.collect::<Result<_>>()? });
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

#[cfg(test)]
pub(crate) fn shapes(shapes: &mut crate::output::schema::Shapes) {
    shapes.result::<Connected>("online up");
    shapes.result::<stickshift::plan::Plan>("online up");
    shapes.result::<Down>("online up");
    shapes.event::<stay::Happened>("online up", "online");
    shapes.result::<Down>("online down");
    shapes.result::<Stands>("online status");
    shapes.result::<AllStand>("online status");
    apn::shapes(shapes);
}
