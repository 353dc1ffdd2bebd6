//! `stickshift virtual NAME`: a virtual stick for other programs.

// Without ptys and a virtual host controller only the list is left.
#![cfg_attr(not(unix), allow(dead_code, unused_imports))]

use std::io::{self, BufRead, Write};
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use serde::Serialize;
use stickshift::error::{Error, ErrorKind, Result};
use stickshift::link::Moment;
use stickshift::stick::{Endpoint, Interface, classify};
use stickshift_emu::device::{Appearance, Device};
use stickshift_emu::sticks::catalogue;
use stickshift_emu::sticks::huawei::{HuaweiStick, PlugIn, Timing};
use stickshift_emu::sticks::zerocd::ZeroCd;

use crate::context::Context;
use crate::output::Report;
use crate::verbs::virtual_rack::{self, Host};

/// A virtual stick for other programs to play with.
///
/// With `--attach pty` its serial ports are ptys, linked as ttyUSB0 and so on in a folder; they go and come with other numbers whenever
/// the stick re-enumerates, as on a real system. With `--attach http` the web server of its HiLink firmware is at an address of this
/// computer, as long as the stick is a network card. With `--attach kernel` this computer's own kernel finds it on a USB port of its virtual
/// host controller, and real drivers bind to it (as root, after `modprobe vhci-hcd`). With `--attach usbip` whoever runs `usbip attach`
/// does; once more whenever the stick comes back as something else. While it runs, lines on standard input are what its owner does:
/// needle (pull it out and plug it in with the boot pin held), replug, unplug, plug, state, quit; with several sticks, the number of one
/// may follow.
#[derive(Args, Debug)]
pub(crate) struct VirtualArgs {
    /// Which one
    #[arg(required_unless_present = "list")]
    name: Option<String>,

    /// Name every virtual stick and do nothing
    #[arg(long, conflicts_with = "name")]
    list: bool,

    /// What the stick is attached to
    #[arg(long, value_enum, default_value_t = Attach::Pty)]
    attach: Attach,

    /// So many of them, each in a port of its own
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=120))]
    count: u16,

    /// Folder for the links to its ports [default: the present one; with `--attach http` none]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,

    /// Port of 127.0.0.1 for `--attach http` [default: any free one] and `--attach usbip` [default: 3240]
    #[arg(long, value_name = "N")]
    tcp: Option<u16>,

    /// Do not take the time that a real stick takes to reboot and to write
    #[arg(long)]
    quick: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Attach {
    /// Its serial ports are ptys
    Pty,
    /// Its web server is at a port of 127.0.0.1, its serial ports are ptys in --dir
    Http,
    /// This computer's kernel finds it on its USB
    Kernel,
    /// A port of 127.0.0.1 offers it to USB/IP
    Usbip,
}

/// The names there are.
#[derive(Serialize)]
struct Names {
    sticks: Vec<Name>,
}

#[derive(Serialize)]
struct Name {
    name: &'static str,
    what: &'static str,
}

impl Report for Names {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let width = self.sticks.iter().map(|s| s.name.len()).max().unwrap_or(0);
        self.sticks.iter().try_for_each(|s| writeln!(out, "{:width$}  {}", s.name, s.what))
    }
}

/// What the stick shows now.
#[derive(Serialize)]
pub(crate) struct Shows {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stick: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) place: Option<String>,
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    mode: &'static str,
    #[serde(skip)]
    words: &'static str,
    ports: Vec<Port>,
}

#[derive(Serialize)]
pub(crate) struct Port {
    path: String,
    interface: u8,
    role: &'static str,
}

impl Report for Shows {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        if let Some(stick) = self.stick {
            write!(out, "{stick}: ")?;
        }
        let Some(id) = &self.id else { return writeln!(out, "off the bus") };
        match &self.place {
            Some(place) => writeln!(out, "{place} {id} {}", self.words)?,
            None => writeln!(out, "{id} {}", self.words)?,
        }
        if let Some(url) = &self.url {
            writeln!(out, "  {url}")?;
        }
        for port in &self.ports {
            writeln!(out, "  {}  interface {}, {}", port.path, port.interface, port.role)?;
        }
        Ok(())
    }
}

/// What is on its flash.
#[derive(Serialize)]
struct State {
    requests: u32,
    starts: Option<String>,
    why_not: Option<String>,
    nv_intact: bool,
    partitions: Vec<Partition>,
}

#[derive(Serialize)]
struct Partition {
    code: String,
    size: usize,
    whole: bool,
}

impl Report for State {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        match (&self.starts, &self.why_not) {
            (Some(firmware), _) => writeln!(out, "its flash starts {firmware}")?,
            (_, why) => writeln!(out, "its flash starts nothing: {}", why.as_deref().unwrap_or("unknown"))?,
        }
        writeln!(out, "IMEI and calibration: {}", if self.nv_intact { "intact" } else { "lost" })?;
        for p in &self.partitions {
            writeln!(out, "  {} {} bytes{}", p.code, p.size, if p.whole { "" } else { ", torn" })?;
        }
        writeln!(out, "requests so far: {}", self.requests)
    }
}

pub(crate) fn run(context: &mut Context, args: VirtualArgs) -> Result<()> {
    let Some(name) = &args.name else {
        let sticks = catalogue::names().map(|(name, what)| Name { name, what }).collect();
        context.output.finish(&Names { sticks });
        return Ok(());
    };
    let stick = || {
        let mut stick = context.global.virtual_sticks.stick(name)?;
        if args.quick {
            hurry(stick.as_mut());
        }
        Ok(stick)
    };
    match args.attach {
        Attach::Pty | Attach::Http if args.count > 1 => {
            Err(Error::new(ErrorKind::Usage, "one folder and one address hold the ports of one stick"))
        }
        Attach::Pty | Attach::Http => attach_here(context, stick()?.as_mut(), &args),
        Attach::Kernel | Attach::Usbip => {
            let sticks = (0..args.count).map(|_| stick()).collect::<Result<Vec<_>>>()?;
            let host = if args.attach == Attach::Kernel { Host::Kernel } else { Host::UsbIp(args.tcp) };
            virtual_rack::attach(context, sticks, host)
        }
    }
}

fn hurry(stick: &mut dyn Device) {
    if let Some(stick) = e3372h(stick) {
        stick.set_timing(Timing::quick());
        return;
    }
    let stick: &mut dyn std::any::Any = stick;
    if let Some(stick) = stick.downcast_mut::<ZeroCd>() {
        stick.hurry();
    }
}

/// The stick behind the trait, when it is one that can be flashed.
fn e3372h(stick: &mut dyn Device) -> Option<&mut HuaweiStick> {
    let stick: &mut dyn std::any::Any = stick;
    stick.downcast_mut()
}

#[cfg(not(unix))]
fn attach_here(_: &Context, _: &mut dyn Device, _: &VirtualArgs) -> Result<()> {
    Err(Error::new(ErrorKind::Unsupported, "this system has no ptys"))
}

/// Its ports are ptys, its web server is at an address.
#[cfg(unix)]
fn attach_here(context: &Context, stick: &mut dyn Device, args: &VirtualArgs) -> Result<()> {
    use stickshift_emu::attach::pty::Ptys;
    use stickshift_emu::attach::tcp::WebServer;

    let mut web = match args.attach {
        Attach::Http => Some(WebServer::new(args.tcp.unwrap_or(0))?),
        _ => None,
    };
    let here = PathBuf::from(".");
    let folder = args.dir.as_ref().or(Some(&here).filter(|_| web.is_none()));
    let began = Instant::now();
    let ptys = folder.map(|folder| Ptys::new(folder)).transpose()?;
    let mut ptys = ptys.map(|ptys| ptys.counting_from(began));
    let owner = listen();
    stick.power(Moment::ZERO, true);
    while !context.cancel.is_cancelled() {
        let now = || began.elapsed();
        for line in owner.try_iter() {
            let Some(act) = Act::parse(context, &line) else { continue };
            if act == Act::Quit {
                return Ok(());
            }
            if act.first(context, stick, now()) {
                // Seen to be away before it is back.
                if let Some(ptys) = &mut ptys {
                    ptys.turn(stick, Duration::ZERO)?;
                }
                if let Some(web) = &mut web {
                    web.turn(now(), stick, Duration::ZERO)?;
                }
                stick.power(now(), true);
            }
        }
        let mut changed = false;
        if let Some(ptys) = &mut ptys {
            changed |= ptys.turn(stick, if web.is_none() { LONGEST } else { BOTH })?;
        }
        if let Some(web) = &mut web {
            changed |= web.turn(now(), stick, if ptys.is_none() { LONGEST } else { BOTH })?;
        }
        if changed {
            let ports = ptys.as_ref().map_or(&[][..], Ptys::ports);
            let links = |interface: &Interface| {
                let port = ports.iter().find(|p| p.interface == interface.number)?;
                let path = port.link.display().to_string();
                Some(Port { path, interface: interface.number, role: interface.role.code() })
            };
            let url = web.as_ref().filter(|web| web.is_up()).map(WebServer::url);
            context.output.stream("virtual", &Shows { url, ..shows(stick.appearance(), links) });
        }
    }
    Ok(())
}

/// How long is waited for bytes before the owner is listened to.
#[cfg(unix)]
const LONGEST: Duration = Duration::from_millis(100);
/// The same where two kinds of doors are waited for in turns.
#[cfg(unix)]
const BOTH: Duration = Duration::from_millis(20);

/// What its owner does to a stick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Needle,
    Replug,
    Unplug,
    Plug,
    State,
    Quit,
}

impl Act {
    /// The word for it; an empty one is nothing, and another one is told.
    pub(crate) fn parse(context: &Context, word: &str) -> Option<Act> {
        Some(match word.trim() {
            "" => return None,
            "needle" => Act::Needle,
            "replug" => Act::Replug,
            "unplug" => Act::Unplug,
            "plug" => Act::Plug,
            "state" => Act::State,
            "quit" => Act::Quit,
            other => {
                let known = "needle, replug, unplug, plug, state, quit";
                context.output.say(&format!("'{other}' is nothing an owner does; there are: {known}"));
                return None;
            }
        })
    }

    /// Does it, or its first half: `true` when the stick was pulled out and has to be put back.
    pub(crate) fn first(self, context: &Context, stick: &mut dyn Device, now: Moment) -> bool {
        match self {
            Act::Needle | Act::Replug => {
                if self == Act::Needle
                    && let Some(stick) = e3372h(stick)
                {
                    stick.plug_in_next(PlugIn::BootPin);
                }
                stick.power(now, false);
                return true;
            }
            Act::Unplug => stick.power(now, false),
            Act::Plug => stick.power(now, true),
            Act::State => match e3372h(stick) {
                Some(stick) => context.output.stream("state", &state(stick)),
                None => context.output.say("this stick has no flash to look at"),
            },
            Act::Quit => {}
        }
        false
    }
}

/// Lines on standard input, as they come.
pub(crate) fn listen() -> mpsc::Receiver<String> {
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(io::Result::ok) {
            if tell.send(line).is_err() {
                break;
            }
        }
    });
    told
}

pub(crate) fn shows(appearance: Option<&Appearance>, port: impl Fn(&Interface) -> Option<Port>) -> Shows {
    let Some(appearance) = appearance else {
        return Shows {
            stick: None,
            place: None,
            id: None,
            url: None,
            mode: "gone",
            words: "",
            ports: Vec::new(),
        };
    };
    let mut interfaces: Vec<Interface> =
        appearance.configurations.iter().take(1).flat_map(interfaces).collect();
    let found = classify(appearance.id, appearance.class[0], &interfaces);
    for (interface, role) in interfaces.iter_mut().zip(found.roles) {
        interface.role = role;
    }
    Shows {
        stick: None,
        place: None,
        id: Some(appearance.id.to_string()),
        url: None,
        mode: found.mode.code(),
        words: found.mode.words(),
        ports: interfaces.iter().filter_map(port).collect(),
    }
}

fn interfaces(configuration: &stickshift_emu::device::Configuration) -> Vec<Interface> {
    let shown = configuration.interfaces.iter().map(|interface| {
        let first = &interface.alternates[0];
        let endpoint = |&(address, kind, max_packet): &(u8, u8, u16)| Endpoint { address, kind, max_packet };
        Interface {
            endpoints: first.endpoints.iter().map(endpoint).collect(),
            ..Interface::new(interface.number, first.class)
        }
    });
    shown.collect()
}

fn state(stick: &HuaweiStick) -> State {
    let firmware = stick.flash().firmware();
    let partitions = stick.flash().partitions().iter();
    State {
        requests: stick.steps(),
        starts: firmware.as_ref().ok().map(|f| format!("{} firmware {}", f.kind, f.version)),
        why_not: firmware.err(),
        nv_intact: stick.nv_intact(),
        partitions: partitions
            .map(|(code, p)| Partition { code: format!("{code:08x}"), size: p.bytes.len(), whole: p.whole })
            .collect(),
    }
}
