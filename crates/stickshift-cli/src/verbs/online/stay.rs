//! `stickshift online up --stay`: what the supervisor tells the system, the log and the owner's hook.

use std::cell::{Cell, RefCell};
#[cfg(all(target_os = "linux", feature = "desktop"))]
use std::env;
use std::ffi::OsString;
use std::fmt;
use std::io::{self, Write};
use std::process::{ExitStatus, Stdio};
use std::str::FromStr;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use serde::Serialize;
use stickshift::error::{Error, ErrorKind, Result, Verdict};
use stickshift::host::child;
use stickshift::link::{Bus, Moment};
use stickshift::online::stay::{
    Health, Limits, Look, News, Per, Recovery, Remedy, StickSupervisor, Supervised, Woke, stay,
};
use stickshift::online::{Access, Computer, Connection, Taken, Wanted};
use stickshift::stick::Place;

use crate::context::Context;
use crate::hosted;
use crate::output::Report;
use crate::output::json::Outcome;
#[cfg(all(target_os = "linux", feature = "desktop"))]
use crate::verbs::online::journal::Journal;

/// How long a look rests beside virtual sticks, whose clock jumps to the next one: else it would take a whole processor.
const REST: Duration = Duration::from_millis(20);

/// How soon one that a server runs hears of a request to stop.
const WAKE: Duration = Duration::from_secs(1);

/// `5GB/month`, `500MB/day`, `2h`, `10GB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    pub(crate) limits: Limits,
    pub(crate) per: Per,
}

impl FromStr for Limit {
    type Err = String;

    fn from_str(text: &str) -> Result<Limit, String> {
        let wrong =
            || format!("{text}: an amount and a period, 5GB/month or 500MB/day, or a time, 90m or 2h");
        let (amount, per) = match text.split_once('/') {
            Some((amount, "month")) => (amount, Per::Month),
            Some((amount, "day")) => (amount, Per::Day),
            Some(_) => return Err(wrong()),
            None => (text, Per::Run),
        };
        let at = amount.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let number: u64 = amount[..at].parse().map_err(|_| wrong())?;
        if number == 0 {
            return Err(wrong());
        }
        let bytes = |unit: u64| number.checked_mul(unit).ok_or_else(wrong);
        let mut limits = Limits::default();
        match &amount[at..] {
            "MB" => limits.bytes = Some(bytes(1_000_000)?),
            "GB" => limits.bytes = Some(bytes(1_000_000_000)?),
            "m" if per == Per::Run => limits.time = Some(Duration::from_secs(bytes(60)?)),
            "h" if per == Per::Run => limits.time = Some(Duration::from_secs(bytes(3600)?)),
            _ => return Err(wrong()),
        }
        Ok(Limit { limits, per })
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(time) = self.limits.time {
            return write!(f, "{} minutes online", time.as_secs() / 60);
        }
        let per = match self.per {
            Per::Run => "in this run",
            Per::Day => "in a day",
            Per::Month => "in a month",
        };
        write!(f, "{} MB {per}", self.limits.bytes.unwrap_or_default() / 1_000_000)
    }
}

/// What happened, as an event and for a hook.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Happened {
    /// `up`, `down`, `failed`, `climbed`, `waiting`.
    what: &'static str,
    /// In words.
    text: String,
    /// The connection, when it came up.
    #[serde(skip_serializing_if = "Option::is_none")]
    connection: Option<Connection>,
}

impl Report for Happened {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}: {}", self.what, self.text)
    }
}

pub(crate) struct Staying<'a> {
    pub(crate) wanted: &'a Wanted,
    pub(crate) limit: Option<Limit>,
    pub(crate) every: Duration,
    pub(crate) hook: Option<OsString>,
    pub(crate) listens: bool,
}

pub(crate) fn run(
    context: &Context,
    bus: &mut dyn Bus,
    computer: &mut dyn Computer,
    place: Place,
    access: Access<'_>,
    staying: &Staying<'_>,
) -> Result<Taken> {
    // A server that runs it speaks for itself, and no signal reaches its thread: it wakes to hear of a request to stop.
    let notify = if hosted::is_hosted() { Notify::nobody(WAKE) } else { Notify::open() };
    // A line of the output beside the entry would say it twice; JSON is for who asked for it.
    #[cfg(all(target_os = "linux", feature = "desktop"))]
    let journal = if context.global.json { None } else { Journal::open() };
    #[cfg(not(all(target_os = "linux", feature = "desktop")))]
    let journal = None::<()>;
    let mut told = |event| {
        // Going up takes longer than the watchdog's patience; each step shows that it is alive.
        if notify.beat.is_some() {
            notify.say("WATCHDOG=1");
        }
        context.output.event(&event);
    };
    let name = place.to_string();
    let mut supervisor =
        StickSupervisor::new(bus, computer, place, staying.wanted, access, &mut told, context.cancel.clone());
    supervisor.per = staying.limit.map_or(Per::Run, |limit| limit.per);
    supervisor.listens = staying.listens;
    let hook = staying.hook.as_ref().map(|program| Hook::new(context, program, &name));
    let rest = if context.opener.is_virtual() { REST } else { Duration::ZERO };
    let mut beating = Beating { supervisor, notify: &notify, hook: hook.as_ref(), rest };
    let said = RefCell::new(String::new());
    let limits = staying.limit.map_or(Limits::default(), |limit| limit.limits);
    let ended = stay(&mut beating, staying.every, limits, &mut |news| {
        let help = match &news {
            News::Failed { error, remedy, .. } => help_once(context, error, *remedy, &said),
            _ => String::new(),
        };
        let Some(mut happened) = happened(news, &name) else { return };
        happened.text.push_str(&help);
        notify.say(&format!("READY=1\nSTATUS={}: {}", happened.what, happened.text.replace('\n', " ")));
        if !journal.as_ref().is_some_and(|journal| tell(journal, &name, &happened)) {
            context.output.stream("online", &happened);
        }
        if let Some(hook) = &hook {
            hook.call(&happened);
        }
    });
    if let Some(hook) = &hook {
        hook.wait();
    }
    if notify.is_managed() { of_service(context, ended, name) } else { ended }
}

/// How a service ends: systemd stops it in the ordinary course of things, and a stop before it was online is no failure.
fn of_service(context: &Context, ended: Result<Taken>, place: String) -> Result<Taken> {
    let error = match ended {
        Err(error) => error,
        taken => return taken,
    };
    let Some(outcome) = mere_stop(&error) else { return Err(error) };
    context.output.outcome_is(outcome);
    let now = error.fact("stick-now").map(str::to_owned);
    Ok(Taken { place, stick: [error.to_string()].into_iter().chain(now).collect(), ..Taken::default() })
}

/// What a stop has left; `None` for every other end, and where that was not seen.
fn mere_stop(error: &Error) -> Option<Outcome> {
    match error.verdict().filter(|_| error.is(ErrorKind::Interrupted))? {
        Verdict::Untouched => Some(Outcome::Untouched),
        Verdict::Recoverable => Some(Outcome::Recoverable),
        Verdict::Done | Verdict::Unknown => None,
    }
}

/// What to do about a failure that nothing done here mends, the first time.
fn help_once(context: &Context, error: &Error, remedy: Remedy, said: &RefCell<String>) -> String {
    let help = match remedy {
        Remedy::Means => String::new(),
        _ => context.output.help(error),
    };
    if help.is_empty() || *said.borrow() == help {
        return String::new();
    }
    said.replace(help.clone());
    format!("; {help}")
}

/// Tells an event to the journal, with its fields.
#[cfg(all(target_os = "linux", feature = "desktop"))]
fn tell(journal: &Journal, place: &str, happened: &Happened) -> bool {
    let (mut interface, mut addresses, mut way) = (String::new(), String::new(), "");
    if let Some(connection) = &happened.connection {
        interface.clone_from(&connection.interface);
        addresses = connection.addresses.join(" ");
        way = connection.way;
    }
    let all = [
        ("STICKSHIFT_INTERFACE", interface.as_str()),
        ("STICKSHIFT_ADDRESSES", addresses.as_str()),
        ("STICKSHIFT_WAY", way),
    ];
    let more: Vec<(&str, &str)> = all.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    journal.tell(happened.what, &happened.text, place, &more)
}

#[cfg(not(all(target_os = "linux", feature = "desktop")))]
fn tell((): &(), _: &str, _: &Happened) -> bool {
    false
}

fn happened(news: News<'_>, place: &str) -> Option<Happened> {
    let plain = |what, text: String| Some(Happened { what, text, connection: None });
    match news {
        News::Up(connection) => {
            let text = format!("{} on {}", connection.addresses.join(", "), connection.interface);
            Some(Happened { what: "up", text, connection: Some(connection.clone()) })
        }
        News::Down(why) => plain("down", why),
        News::Failed { error, recovery, pause, .. } => {
            let meaning = error.meaning().map(|meaning| format!(": {}", meaning.cause));
            let holder = || error.holder().map(|holder| format!(": held by {holder}"));
            let cause = meaning.or_else(holder).unwrap_or_default();
            plain("failed", format!("{error}{cause}; in {} s: {}", pause.as_secs(), recovery.words()))
        }
        News::Escalated { recovery, count } => {
            plain("climbed", format!("{}; stronger means used so far: {count}", recovery.words()))
        }
        News::Waiting { gone: true } => {
            plain("waiting", format!("the stick is gone from {place}: it goes online again when it is back"))
        }
        News::Waiting { gone: false } => {
            plain("waiting", format!("no stick is at {place}: one that is plugged in there goes online"))
        }
        _ => None,
    }
}

/// How long the owner's program may take for the end.
const LAST: Duration = Duration::from_secs(5);

/// The owner's program, which is run on every change. It is waited for at the end alone.
struct Hook<'a> {
    context: &'a Context,
    program: &'a OsString,
    place: &'a str,
    running: Cell<usize>,
    ended: (Sender<Ended>, Receiver<Ended>),
}

/// What it was run for, and how it ended.
type Ended = (&'static str, io::Result<ExitStatus>);

impl<'a> Hook<'a> {
    fn new(context: &'a Context, program: &'a OsString, place: &'a str) -> Hook<'a> {
        Hook { context, program, place, running: Cell::new(0), ended: channel() }
    }

    fn call(&self, happened: &Happened) {
        self.look();
        let mut command = child::command(self.program);
        command.arg(happened.what);
        command.env("STICKSHIFT_PLACE", self.place).env("STICKSHIFT_TEXT", &happened.text);
        if let Some(connection) = &happened.connection {
            command.env("STICKSHIFT_INTERFACE", &connection.interface);
            command.env("STICKSHIFT_ADDRESSES", connection.addresses.join(" "));
            command.env("STICKSHIFT_DNS", connection.dns.join(" "));
        }
        command.stdin(Stdio::null()).stdout(Stdio::null());
        match command.spawn() {
            // Whoever waits for it takes it out of the list of processes.
            Ok(mut child) => {
                let (what, ended) = (happened.what, self.ended.0.clone());
                self.running.set(self.running.get() + 1);
                std::thread::spawn(move || ended.send((what, child.wait())));
            }
            Err(error) => self.warn(format!("the program of --exec cannot be started: {error}")),
        }
    }

    /// Says of those that have ended meanwhile which failed.
    fn look(&self) {
        while let Ok(ended) = self.ended.1.try_recv() {
            self.heard(&ended);
        }
    }

    /// The same of all, the last of which was told of the end.
    fn wait(&self) {
        while self.running.get() > 0 {
            let Ok(ended) = self.ended.1.recv_timeout(LAST) else {
                return self.warn("the program of --exec still runs, and is left alone".to_owned());
            };
            self.heard(&ended);
        }
    }

    fn heard(&self, (what, ended): &Ended) {
        self.running.set(self.running.get() - 1);
        match ended {
            Ok(status) if status.success() => {}
            Ok(status) => self.warn(format!("the program of --exec failed with `{what}`: {status}")),
            Err(error) => self.warn(format!("the program of --exec was lost with `{what}`: {error}")),
        }
    }

    fn warn(&self, text: String) {
        self.context.output.warn("hook", text);
    }
}

/// Who waits for so long gives memory back first.
#[cfg(target_os = "linux")]
const LONG: Duration = Duration::from_secs(5);

/// A supervisor that tells systemd's watchdog that it lives.
struct Beating<'a, 'f, 'n> {
    supervisor: StickSupervisor<'a, 'f>,
    notify: &'n Notify,
    hook: Option<&'n Hook<'n>>,
    rest: Duration,
}

impl Beating<'_, '_, '_> {
    fn wait_once(&mut self, until: Moment) -> Result<Woke> {
        if !self.rest.is_zero() {
            std::thread::sleep(self.rest);
        }
        self.supervisor.wait(until)
    }
}

impl Supervised for Beating<'_, '_, '_> {
    fn now(&self) -> Moment {
        self.supervisor.now()
    }

    fn wait(&mut self, until: Moment) -> Result<Woke> {
        if let Some(hook) = self.hook {
            hook.look();
        }
        #[cfg(target_os = "linux")]
        if until.saturating_sub(self.supervisor.now()) >= LONG {
            stickshift::host::memory::give_back();
        }
        let Some(beat) = self.notify.beat else { return self.wait_once(until) };
        loop {
            self.notify.say("WATCHDOG=1");
            let soon = (self.supervisor.now() + beat).min(until);
            match self.wait_once(soon)? {
                Woke::Time if soon < until => {}
                other => return Ok(other),
            }
        }
    }

    fn is_there(&mut self) -> Result<bool> {
        self.supervisor.is_there()
    }

    fn up(&mut self) -> Result<Connection> {
        self.supervisor.up()
    }

    fn down(&mut self) -> Result<Taken> {
        self.supervisor.down()
    }

    fn check(&mut self, look: Look) -> Result<Health> {
        self.supervisor.check(look)
    }

    fn escalate(&mut self, recovery: Recovery) -> Result<()> {
        self.supervisor.escalate(recovery)
    }

    fn traffic(&mut self) -> u64 {
        self.supervisor.traffic()
    }
}

/// systemd's notification socket, sd_notify(3).
struct Notify {
    #[cfg(all(target_os = "linux", feature = "desktop"))]
    socket: Option<std::os::unix::net::UnixDatagram>,
    /// How often the watchdog wants to hear.
    beat: Option<Duration>,
}

impl Notify {
    /// Tells nobody, and wakes after `beat` all the same.
    fn nobody(beat: Duration) -> Notify {
        Notify {
            #[cfg(all(target_os = "linux", feature = "desktop"))]
            socket: None,
            beat: Some(beat),
        }
    }

    #[cfg(all(target_os = "linux", feature = "desktop"))]
    fn open() -> Notify {
        let socket = env::var_os("NOTIFY_SOCKET").and_then(|path| connected(&path));
        let wanted = env::var("WATCHDOG_USEC").ok().and_then(|usec| usec.parse().ok());
        let beat = wanted.filter(|_| socket.is_some()).map(|usec: u64| Duration::from_micros(usec / 2));
        Notify { socket, beat }
    }

    #[cfg(not(all(target_os = "linux", feature = "desktop")))]
    fn open() -> Notify {
        Notify { beat: None }
    }

    /// Whether a service manager has started this, and waits for a word.
    fn is_managed(&self) -> bool {
        #[cfg(all(target_os = "linux", feature = "desktop"))]
        return self.socket.is_some();
        #[cfg(not(all(target_os = "linux", feature = "desktop")))]
        false
    }

    fn say(&self, text: &str) {
        #[cfg(all(target_os = "linux", feature = "desktop"))]
        if let Some(socket) = &self.socket {
            // Nobody may listen any more, and that is no failure of ours.
            let _ = socket.send(text.as_bytes());
        }
        #[cfg(not(all(target_os = "linux", feature = "desktop")))]
        let _ = text;
    }
}

/// A socket of a service manager. One that reads nothing any more holds nobody up for long.
#[cfg(all(target_os = "linux", feature = "desktop"))]
fn connected(path: &std::ffi::OsStr) -> Option<std::os::unix::net::UnixDatagram> {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::net::{SocketAddr, UnixDatagram};

    let address = match path.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name).ok()?,
        None => SocketAddr::from_pathname(path).ok()?,
    };
    let socket = UnixDatagram::unbound().ok()?;
    socket.connect_addr(&address).ok()?;
    socket.set_write_timeout(Some(Duration::from_millis(200))).ok()?;
    Some(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stick_that_was_pulled_is_waited_for_where_it_was() {
        let text = |gone| happened(News::Waiting { gone }, "1-1.2").map(|happened| happened.text);
        assert!(text(true).is_some_and(|text| text.starts_with("the stick is gone from 1-1.2")));
        assert!(text(false).is_some_and(|text| text.starts_with("no stick is at 1-1.2")));
    }

    /// A unit that is stopped before it was online is not failed; one whose stick is in doubt, or that ended for another reason, is.
    #[test]
    fn a_service_that_is_stopped_has_not_failed() {
        let ended = |kind, verdict| mere_stop(&Error::new(kind, "x").with_verdict(verdict));
        let stopped = |verdict| ended(ErrorKind::Interrupted, verdict);
        assert!(matches!(stopped(Verdict::Untouched), Some(Outcome::Untouched)));
        assert!(matches!(stopped(Verdict::Recoverable), Some(Outcome::Recoverable)));
        assert!(stopped(Verdict::Unknown).is_none());
        assert!(ended(ErrorKind::Unsupported, Verdict::Recoverable).is_none());
    }

    #[cfg(all(target_os = "linux", feature = "desktop"))]
    #[test]
    fn a_service_manager_that_reads_nothing_holds_nobody_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let _mute = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
        let notify = Notify { socket: connected(path.as_os_str()), beat: None };
        let socket = notify.socket.as_ref().unwrap();
        while socket.send(b"x").is_ok() {}
        notify.say("READY=1\n");
    }

    #[test]
    fn limits_are_amounts_per_period_or_times() {
        let bytes = |text: &str| text.parse::<Limit>().map(|l| (l.limits.bytes, l.per)).ok();
        assert_eq!(bytes("5GB/month"), Some((Some(5_000_000_000), Per::Month)));
        assert_eq!(bytes("500MB/day"), Some((Some(500_000_000), Per::Day)));
        assert_eq!(bytes("10GB"), Some((Some(10_000_000_000), Per::Run)));
        let time = "2h".parse::<Limit>().unwrap().limits.time;
        assert_eq!(time, Some(Duration::from_secs(7200)));
        for bad in
            ["", "5", "GB", "5TB", "5GB/year", "2h/day", "0GB", "0MB/day", "0h", "99999999999999999999GB"]
        {
            assert!(bad.parse::<Limit>().is_err(), "{bad}");
        }
    }
}
