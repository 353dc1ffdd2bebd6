//! `stickshift serve`: the web page and the API, and the passwords that open them.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::Value;
use stickshift::error::{Detail, Error, ErrorKind, Result, Verdict};
use stickshift::event::Cancel;
use stickshift::link::Ledger;
use stickshift::stick::Place;
use stickshift_web::{Engine, Options, Passwords, Server, Service, Socket, Tls};

use crate::context::Context;
use crate::hosted::{self, RunHosted, Surroundings};
#[cfg(feature = "virtual")]
use crate::options::Global;
use crate::output::json::Outcome;
use crate::output::{Output, Report};
use crate::verbs::serve_stopped::{StoppedJob, rank};
#[cfg(feature = "virtual")]
use crate::virtual_option::Played;
use crate::{files, overlays, way_in};

/// Serve a web page and an API for the sticks of this computer.
///
/// Without --listen, only this computer reaches it, and a one-time link opens it. Other addresses need a password, `stickshift serve passwd`
/// sets it, and TLS: --tls-cert, or a proxy in front and --public. systemd may pass the sockets. GET /metrics is for Prometheus.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct ServeArgs {
    #[command(subcommand)]
    verb: Option<ServeVerb>,

    /// Address to listen on [default: 127.0.0.1:8321, or none with --unix]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,

    /// Listen on a Unix socket; whoever may open it may do everything
    #[arg(long, value_name = "PATH")]
    unix: Option<PathBuf>,

    /// The address that people type, where it has a name or a proxy stands in front
    #[arg(long, value_name = "URL", value_parser = public)]
    public: Option<String>,

    /// Certificate for TLS with those that lead to its authority, PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,

    /// Its private key, PEM; P-256
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,

    /// Switch sticks as they are plugged in, as `stickshift watch` does
    #[arg(long)]
    watch: bool,

    /// Stay online through the stick at PLACE, or through the only one, as `stickshift online up --stay` does; may be repeated
    #[arg(long, value_name = "PLACE", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    stay: Vec<String>,

    /// Ask for a password of this file, on loopback addresses too
    #[arg(long, value_name = "FILE")]
    passwords: Option<PathBuf>,

    /// Nobody may change anything
    #[arg(long)]
    read_only: bool,

    /// Whoever reaches the address may read /metrics
    #[arg(long)]
    open_metrics: bool,

    /// Largest file that is taken
    #[arg(long, value_name = "MIB", default_value_t = 256, value_parser = clap::value_parser!(u64).range(1..=4096))]
    max_upload: u64,
}

#[derive(Debug, Subcommand)]
enum ServeVerb {
    /// Set the password; it comes from STICKSHIFT_WEB_PASSWORD or a prompt
    Passwd {
        /// Set the password of those who may only look
        #[arg(long)]
        read_only: bool,
        /// Keep the passwords in FILE
        #[arg(long, value_name = "FILE")]
        passwords: Option<PathBuf>,
    },
}

fn public(text: &str) -> std::result::Result<String, String> {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    match host.map(|host| host.trim_end_matches('/')) {
        Some(host) if !host.is_empty() && !host.contains(['/', '?', '#', '@', ' ']) => Ok(text.to_owned()),
        _ => Err("it is https://NAME or http://NAME, without a path".to_owned()),
    }
}

pub(crate) fn run(context: &mut Context, args: ServeArgs) -> Result<()> {
    context.output.outcome_is(Outcome::Untouched);
    if let Some(ServeVerb::Passwd { read_only, passwords }) = args.verb {
        return passwd(context, read_only, &passwords.unwrap_or_else(passwords_file));
    }
    let Some(run_hosted) = context.run_hosted else {
        return Err(Error::new(ErrorKind::Usage, "one server does not start another"));
    };
    context.warn_of_config();
    let services = services(context, &args)?;
    let sockets = sockets();
    let default =
        || (args.unix.is_none() && sockets.is_empty()).then(|| SocketAddr::from(([127, 0, 0, 1], 8321)));
    let listen = args.listen.or_else(default);
    let is_open = |socket: &Socket| {
        let address = socket.local_addr().ok().and_then(|address| address.as_socket());
        address.is_some_and(|address| !address.ip().is_loopback())
    };
    let reachable = args.public.is_some()
        || listen.is_some_and(|address| !address.ip().is_loopback())
        || sockets.iter().any(is_open);
    let has_addresses = listen.is_some()
        || sockets
            .iter()
            .any(|socket| socket.local_addr().is_ok_and(|address| address.as_socket().is_some()));
    if !has_addresses {
        only_unix(context, &args)?;
    }
    let tls = match (&args.tls_cert, &args.tls_key) {
        (Some(certificate), Some(key)) => {
            Some(Tls::from_pem(&files::read(certificate)?, &files::read(key)?)?)
        }
        _ => None,
    };
    let passwords = match (&args.passwords, reachable) {
        (Some(file), _) => read(file)?,
        (None, true) => read(&passwords_file())?,
        (None, false) => Passwords::default(),
    };
    if args.passwords.is_some() && passwords.is_empty() {
        let what = "the file has no password: `stickshift serve passwd --passwords FILE` sets one";
        return Err(Error::new(ErrorKind::Usage, what));
    }
    if reachable && passwords.is_empty() {
        let what = "others reach this address, and no password is set: `stickshift serve passwd` sets one";
        return Err(Error::new(ErrorKind::Usage, what).with_verdict(Verdict::Untouched));
    }
    let options = Options {
        listen,
        unix: args.unix.clone(),
        public: args.public,
        passwords,
        read_only: args.read_only,
        open_metrics: args.open_metrics,
        max_upload: args.max_upload << 20,
        tls,
        services,
        version: env!("CARGO_PKG_VERSION"),
    };
    let worst = Arc::new(Mutex::new(Outcome::Untouched));
    let engine = Hosted {
        #[cfg(feature = "virtual")]
        global: context.global.clone(),
        run_hosted,
        worst: Arc::clone(&worst),
        names: context.config.as_ref().is_ok_and(|config| !config.names.is_empty()),
        #[cfg(feature = "virtual")]
        played: context.opener.computer()?,
    };
    let global = context.global.clone();
    let links = move |url: &str| {
        let link = Link { url: url.to_owned() };
        Output::new(&global, Ledger::new()).stream("link", &link);
    };
    let is_encrypted =
        options.tls.is_some() || options.public.as_ref().is_some_and(|url| url.starts_with("https://"));
    let scheme = if options.tls.is_some() { "https" } else { "http" };
    let server = Server::bind(options, sockets, Arc::new(engine), links).map_err(elsewhere)?;
    let url = server.address().map(|address| format!("{scheme}://{address}/"));
    let mut answers_to: Vec<String> = Vec::new();
    for name in server.names() {
        if !answers_to.contains(name) {
            answers_to.push(name.clone());
        }
    }
    if server.answers_every_address() {
        answers_to.push("each address of this computer in numbers".to_owned());
    }
    let listening = Listening {
        address: server.address().map(|a| a.to_string()),
        url,
        unix: args.unix,
        answers_to,
        reachable,
    };
    context.output.stream("listening", &listening);
    if reachable && !is_encrypted {
        let what = "passwords and what the page shows pass the network as they are: give a certificate with --tls-cert, or name a proxy that has one with --public https://NAME";
        context.output.warn("no-tls", what.to_owned());
    }
    let mut cut = 0;
    server.run(&context.cancel, &mut |stopped| {
        let stopped = StoppedJob::of(stopped);
        context.output.stream("stopped", &stopped);
        if let Some(exit) = stopped.exit.filter(|_| stopped.is_cut) {
            cut = if rank(exit) > rank(cut) { exit } else { cut };
            if matches!(stopped.verdict.as_deref(), Some("unknown") | None) {
                *worst.lock().unwrap_or_else(PoisonError::into_inner) = Outcome::Unknown;
            }
        }
    });
    let worst = *worst.lock().unwrap_or_else(PoisonError::into_inner);
    context.exit = if cut == 0 { worst.exit() } else { cut };
    context.output.outcome_is(worst);
    Ok(())
}

/// Refuses options that mean nothing where it listens on a Unix socket alone: nobody is asked for anything there.
///
/// # Errors
/// `Usage`.
fn only_unix(context: &Context, args: &ServeArgs) -> Result<()> {
    let given = [
        ("--passwords", args.passwords.is_some()),
        ("--tls-cert", args.tls_cert.is_some()),
        ("--open-metrics", args.open_metrics),
    ];
    if let Some((name, _)) = given.iter().find(|(_, given)| *given) {
        let what = format!(
            "{name} is for addresses, and a Unix socket has none: whoever may open it is asked for nothing; add --listen ADDRESS:PORT, or leave {name} out"
        );
        return Err(Error::new(ErrorKind::Usage, what).with_verdict(Verdict::Untouched));
    }
    if args.public.is_some() {
        let what = "whoever comes through the Unix socket is asked for no password: the proxy in front of it has to ask for one";
        context.output.warn("no-password", what.to_owned());
    }
    Ok(())
}

/// What to do where it cannot listen.
fn elsewhere(error: Error) -> Error {
    let cause = std::error::Error::source(&error).and_then(|cause| cause.downcast_ref::<io::Error>());
    let next = match cause.map(io::Error::kind) {
        _ if !error.is(ErrorKind::Io) => return error,
        Some(io::ErrorKind::AddrInUse) => {
            "another program listens there: stop it, or choose another place with --listen ADDRESS:PORT or --unix PATH"
        }
        Some(io::ErrorKind::AddrNotAvailable) => {
            "the address is not one of this computer: name one that is, --listen ADDRESS:PORT"
        }
        Some(io::ErrorKind::PermissionDenied) => {
            "ports below 1024 and folders of the system are root's: choose another place with --listen ADDRESS:PORT or --unix PATH"
        }
        _ => "choose another place with --listen ADDRESS:PORT or --unix PATH",
    };
    error.detail(Detail::NextStep(next))
}

/// What runs beside the pages.
///
/// # Errors
/// `Usage` beside virtual sticks: their clock stands still while no command runs.
fn services(context: &Context, args: &ServeArgs) -> Result<Vec<Service>> {
    let place = |word: &String| match word.as_str() {
        "" => Ok(None),
        word if word.parse::<Place>().is_ok() => Ok(Some(word.to_owned())),
        word => Err(Error::new(ErrorKind::Usage, format!("{word} is no USB port path, 1-1.2 is one"))),
    };
    let stays: Vec<Option<String>> = args.stay.iter().map(place).collect::<Result<_>>()?;
    let watch = args.watch.then_some(Service::Watch);
    let services: Vec<Service> = watch.into_iter().chain(stays.into_iter().map(Service::Stay)).collect();
    if context.opener.is_virtual() && !services.is_empty() {
        let what = "--watch and --stay are for real sticks: the clock of virtual ones stands still while no command runs";
        return Err(Error::new(ErrorKind::Usage, what));
    }
    Ok(services)
}

/// The sockets that systemd has passed.
fn sockets() -> Vec<Socket> {
    #[cfg(target_os = "linux")]
    return stickshift::host::inherited_sockets().into_iter().map(Socket::from).collect();
    #[cfg(not(target_os = "linux"))]
    Vec::new()
}

/// Where passwords are kept.
fn passwords_file() -> PathBuf {
    files::journal_folder().join("web-passwords")
}

/// The passwords in a file; none where there is no file.
fn read(file: &Path) -> Result<Passwords> {
    match files::read(file) {
        Ok(bytes) => {
            let next = "name a file that `stickshift serve passwd --passwords FILE` wrote, or move this one away and set the passwords anew";
            let why = "each of its lines is a role, owner or reader, and the hash of its password";
            Passwords::parse(&String::from_utf8_lossy(&bytes)).map_err(|e| {
                e.with("file", file.display()).because(io::Error::other(why)).detail(Detail::NextStep(next))
            })
        }
        Err(error) if error.is(ErrorKind::FileNotFound) => Ok(Passwords::default()),
        Err(error) => Err(error),
    }
}

fn passwd(context: &Context, read_only: bool, file: &Path) -> Result<()> {
    let mut passwords = read(file)?;
    let password = way_in::new_secret("new password of the web page", "STICKSHIFT_WEB_PASSWORD")?;
    passwords.set(read_only, &password)?;
    let unwritable = |e: io::Error| {
        let what = format!("cannot write {}", file.display());
        Error::new(ErrorKind::FileUnwritable, what).because(e).with_verdict(Verdict::Untouched)
    };
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).map_err(unwritable)?;
    }
    write_private(file, passwords.text().as_bytes()).map_err(unwritable)?;
    context
        .output
        .finish(&Set { file: file.display().to_string(), role: if read_only { "reader" } else { "owner" } });
    Ok(())
}

/// Writes a file that nobody else may read, whole or not at all.
fn write_private(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = file.as_os_str().to_owned();
    name.push(".new");
    let new = PathBuf::from(name);
    let _ = std::fs::remove_file(&new);
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut out = options.open(&new)?;
    out.write_all(bytes)?;
    out.sync_all()?;
    // Written by root, it is for the service that the folder belongs to.
    #[cfg(unix)]
    if let Some(folder) = file.parent().and_then(|folder| folder.metadata().ok()) {
        use std::os::unix::fs::MetadataExt;
        let _ = std::os::unix::fs::fchown(&out, Some(folder.uid()), Some(folder.gid()));
    }
    std::fs::rename(&new, file)
}

/// Runs the commands of the pages and of the API in this process.
struct Hosted {
    #[cfg(feature = "virtual")]
    global: Global,
    run_hosted: RunHosted,
    /// The worst of the ends that commands had.
    worst: Arc<Mutex<Outcome>>,
    /// Whether the settings have names for sticks.
    names: bool,
    #[cfg(feature = "virtual")]
    played: Option<Played>,
}

impl Engine for Hosted {
    fn run(
        &self,
        words: &[String],
        secrets: Vec<(String, String)>,
        cancel: Cancel,
        listener: Box<dyn Fn(&Value)>,
        approve: Box<dyn Fn() -> bool>,
    ) {
        let worst = Arc::clone(&self.worst);
        let listener = Box::new(move |line: &Value| {
            let is_last = matches!(line["event"].as_str(), Some("result" | "error"));
            if is_last {
                let mut worst = worst.lock().unwrap_or_else(PoisonError::into_inner);
                *worst = (*worst).max(Outcome::of(line));
            }
            listener(line);
        });
        let mut secrets = secrets;
        // A connection that is kept is the server's own affair: nobody is asked when it begins anew.
        if words.iter().any(|word| word == "--stay") {
            for name in ["STICKSHIFT_PIN", "STICKSHIFT_APN_PASSWORD"] {
                if let (false, Some(value)) =
                    (secrets.iter().any(|(given, _)| given == name), hosted::in_environment(name))
                {
                    secrets.push((name.to_owned(), value));
                }
            }
        }
        let around = Surroundings {
            #[cfg(feature = "virtual")]
            global: self.global.clone(),
            #[cfg(feature = "virtual")]
            played: self.played.clone(),
            cancel,
            secrets,
            listener,
            approve,
            only_reads: false,
        };
        (self.run_hosted)(words, around);
    }

    fn misread(&self, words: &[String]) -> Option<Value> {
        let refused = std::rc::Rc::new(std::cell::RefCell::new(None));
        let heard = std::rc::Rc::clone(&refused);
        let around = Surroundings {
            #[cfg(feature = "virtual")]
            global: self.global.clone(),
            #[cfg(feature = "virtual")]
            played: None,
            cancel: Cancel::new(),
            secrets: Vec::new(),
            listener: Box::new(move |line: &Value| drop(heard.borrow_mut().replace(line.clone()))),
            approve: Box::new(|| false),
            only_reads: true,
        };
        (self.run_hosted)(words, around);
        refused.take()
    }

    #[cfg(feature = "virtual")]
    fn is_virtual(&self) -> bool {
        self.played.is_some()
    }

    #[cfg(not(feature = "virtual"))]
    fn is_virtual(&self) -> bool {
        false
    }

    #[cfg(feature = "virtual")]
    fn replug(&self, place: &str) -> bool {
        let (Some(played), Ok(place)) = (&self.played, place.parse()) else { return false };
        if !played.sticks.iter().any(|stick| stick.place == place) {
            return false;
        }
        played.bus.power(&place, false);
        played.bus.advance(std::time::Duration::from_secs(2));
        played.bus.power(&place, true);
        played.bus.advance(std::time::Duration::from_secs(60));
        true
    }

    #[cfg(not(feature = "virtual"))]
    fn replug(&self, _: &str) -> bool {
        false
    }

    fn names_sticks(&self) -> bool {
        self.names
    }

    fn profile_folder(&self) -> PathBuf {
        overlays::owners_folder()
    }
}

/// Where it listens.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Listening {
    address: Option<String>,
    url: Option<String>,
    unix: Option<PathBuf>,
    /// The names under which it is asked for.
    answers_to: Vec<String>,
    #[serde(skip)]
    reachable: bool,
}

impl Report for Listening {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        if let Some(url) = &self.url {
            writeln!(out, "listening on {url}")?;
        }
        if self.reachable {
            // It is named above.
            let others = self.answers_to.iter().filter(|name| self.address.as_ref() != Some(*name));
            let others: Vec<&str> = others.map(String::as_str).collect();
            let others = if others.is_empty() { "no other name".to_owned() } else { others.join(", ") };
            writeln!(out, "answers to {others}; --public URL adds a name")?;
        }
        match &self.unix {
            Some(unix) => writeln!(out, "listening on {}", unix.display()),
            None => Ok(()),
        }
    }
}

/// A link that opens the page once.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Link {
    url: String,
}

impl Report for Link {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "open this link; it works once: {}", self.url)
    }
}

/// A password that was set.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Set {
    file: String,
    role: &'static str,
}

impl Report for Set {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "the password of the {} is in {}; restart the server to use it", self.role, self.file)
    }
}

#[cfg(test)]
pub(crate) fn shapes(shapes: &mut crate::output::schema::Shapes) {
    shapes.no_result("serve");
    shapes.event::<Listening>("serve", "listening");
    shapes.event::<Link>("serve", "link");
    shapes.event::<StoppedJob>("serve", "stopped");
    shapes.result::<Set>("serve passwd");
}
