//! `stickshift virtual NAME`: a virtual stick for other programs.

// Without ptys and a virtual host controller only the list is left.
#![cfg_attr(not(unix), allow(dead_code, unused_imports))]

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use serde::Serialize;
use stickshift::error::{Error, ErrorKind, Result};
use stickshift::link::Moment;
use stickshift::stick::Interface;
use stickshift_emu::device::Device;
use stickshift_emu::sticks::catalogue;
use stickshift_emu::sticks::fault_words::{FaultOf, fault_words};
use stickshift_emu::sticks::huawei::Timing;
use stickshift_emu::sticks::zerocd::ZeroCd;

use crate::context::Context;
use crate::from_text;
use crate::output::Report;
use crate::verbs::virtual_owner::{Act, Port, flashable, listen, shows};
use crate::verbs::virtual_rack::{self, Host};
use crate::virtual_state::MOST_STICKS;

/// Expose a simulated stick to other programs.
///
/// --attach pty: its serial ports are ptys, linked as ttyUSB0 and so on in a folder; as on a real system, they reappear with other numbers
/// when the stick re-enumerates. --attach http: the web server of its HiLink firmware listens on 127.0.0.1 while the stick is a network
/// card. --attach kernel: the stick appears on this computer's virtual host controller and real drivers bind to it (as root, after
/// `modprobe vhci-hcd`). --attach usbip: a USB/IP client attaches it with `usbip attach`, again after each re-enumeration.
///
/// While it runs, it reads commands from standard input: needle (replug with the boot pin grounded), replug, unplug, plug, state, quit;
/// with several sticks, followed by the number of one.
#[derive(Args, Debug)]
pub(crate) struct VirtualArgs {
    /// Virtual stick; without a name, all are listed
    name: Option<String>,

    /// Play the sticks of a report, or of a text of lsusb, usb-devices or dmesg; FILE#2 is the second one in it
    #[arg(long, value_name = "FILE", conflicts_with = "name")]
    from: Option<String>,

    /// List the virtual sticks
    #[arg(long, conflicts_with_all = ["name", "from"])]
    list: bool,

    /// List the faults that --fault takes
    #[arg(long, conflicts_with_all = ["name", "list", "from"])]
    faults: bool,

    /// What the stick is attached to
    #[arg(long, value_enum, default_value_t = Attach::Pty)]
    attach: Attach,

    /// Number of virtual sticks; each has a seed of its own, counted from --seed
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=120))]
    count: u16,

    /// Folder for the links to its ports [default: current directory; none with `--attach http`]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,

    /// Port of 127.0.0.1 for `--attach http` [default: any free one] and `--attach usbip` [default: 3240]
    #[arg(long, value_name = "N")]
    tcp: Option<u16>,

    /// Skip the delays of a real stick's reboots and flash writes
    #[arg(long)]
    quick: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Attach {
    /// Serial ports as ptys
    Pty,
    /// Web server on 127.0.0.1; serial ports as ptys in --dir
    Http,
    /// This computer's kernel finds it on its USB
    Kernel,
    /// A port of 127.0.0.1 offers it to USB/IP
    Usbip,
}

/// The names there are.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Names {
    sticks: Vec<Name>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
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

/// The faults there are.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Faults {
    faults: Vec<ListedFault>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ListedFault {
    word: String,
    of: &'static str,
    what: &'static str,
}

impl Report for Faults {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let width = self.faults.iter().map(|f| f.word.len()).max().unwrap_or(0);
        let mut of = "";
        for fault in &self.faults {
            if fault.of != of {
                of = fault.of;
                writeln!(out, "faults of {of}:")?;
            }
            writeln!(out, "  {:width$}  {}", fault.word, fault.what)?;
        }
        writeln!(
            out,
            "@N is a step: the Nth request that the stick receives in this command, or the Nth report of progress"
        )
    }
}

fn faults() -> Faults {
    let faults = fault_words().map(|known| ListedFault {
        word: if known.at_step { format!("{}@N", known.word) } else { known.word.to_owned() },
        of: match known.of {
            FaultOf::Modem => "sticks that can be talked to and flashed",
            FaultOf::Network => "the network, behind every stick with a modem",
            FaultOf::SwitchedStick => "sticks that are only there to be switched",
            FaultOf::Computer => "the computer, with --virtual",
        },
        what: known.help,
    });
    Faults { faults: faults.collect() }
}

pub(crate) fn run(context: &mut Context, args: VirtualArgs) -> Result<()> {
    if args.faults {
        context.output.finish(&faults());
        return Ok(());
    }
    // A file of any name: as one that only a file can have.
    let file = args.from.as_ref().map(|file| match file.contains(['.', '/', '\\']) {
        true => file.clone(),
        false => format!("./{file}"),
    });
    let Some(name) = args.name.as_ref().or(file.as_ref()) else {
        let sticks = catalogue::names().map(|(name, what)| Name { name, what }).collect();
        context.output.finish(&Names { sticks });
        return Ok(());
    };
    let each = from_text::each(name)?;
    let names: Vec<&String> = (0..args.count).flat_map(|_| &each).collect();
    if names.len() > MOST_STICKS {
        let what = format!("a virtual computer has room for {MOST_STICKS} sticks");
        return Err(Error::new(ErrorKind::Usage, what));
    }
    if args.attach == Attach::Http && names.len() > 1 {
        let what =
            "one address holds the web server of one stick; of several in a file, FILE#2 is the second";
        return Err(Error::new(ErrorKind::Usage, what));
    }
    let stick = |(number, name): (u16, &&String)| {
        let mut stick = context.global.virtual_sticks.stick(name, number)?;
        if args.quick {
            hurry(stick.as_mut());
        }
        Ok(stick)
    };
    let sticks = (0..).zip(&names).map(stick).collect::<Result<Vec<_>>>()?;
    match args.attach {
        Attach::Pty | Attach::Http => attach_here(context, sticks, &args),
        Attach::Kernel => virtual_rack::attach(context, sticks, Host::Kernel),
        Attach::Usbip => virtual_rack::attach(context, sticks, Host::UsbIp(args.tcp)),
    }
}

fn hurry(stick: &mut dyn Device) {
    if let Some(stick) = flashable(stick) {
        stick.set_timing(Timing::quick());
        return;
    }
    let stick: &mut dyn std::any::Any = stick;
    if let Some(stick) = stick.downcast_mut::<ZeroCd>() {
        stick.hurry();
    }
}

#[cfg(not(unix))]
fn attach_here(_: &Context, _: Vec<Box<dyn Device>>, _: &VirtualArgs) -> Result<()> {
    Err(Error::new(ErrorKind::Unsupported, "this system has no ptys"))
}

/// Their ports are ptys in one folder, the web server of a single one is at an address.
#[cfg(unix)]
fn attach_here(context: &Context, mut sticks: Vec<Box<dyn Device>>, args: &VirtualArgs) -> Result<()> {
    use stickshift_emu::attach::pty::Ptys;
    use stickshift_emu::attach::tcp::WebServer;

    let mut web = match args.attach {
        Attach::Http => Some(WebServer::new(args.tcp.unwrap_or(0))?),
        _ => None,
    };
    let here = PathBuf::from(".");
    let folder = args.dir.as_ref().or(Some(&here).filter(|_| web.is_none()));
    let began = Instant::now();
    let mut all: Vec<Option<Ptys>> = Vec::new();
    for _ in &sticks {
        let ptys = folder.map(|folder| Ptys::new(folder)).transpose()?;
        all.push(ptys.map(|ptys| ptys.counting_from(began)));
    }
    let count = sticks.len();
    let longest = LONGEST / u32::try_from(count).unwrap_or(1);
    let owner = listen();
    sticks.iter_mut().for_each(|stick| stick.power(Moment::ZERO, true));
    if !args.quick {
        context
            .session()
            .step("starts", "starts, which takes some seconds, as with a real stick; --quick does without");
    }
    while !context.cancel.is_cancelled() {
        let now = || began.elapsed();
        for line in owner.try_iter() {
            let Some((act, slots)) = Act::of_several(context, &line, count) else { continue };
            if act == Act::Quit {
                return Ok(());
            }
            for (stick, ptys) in sticks[slots.clone()].iter_mut().zip(&mut all[slots]) {
                if act.first(context, stick.as_mut(), now()) {
                    // Seen to be away before it is back.
                    if let Some(ptys) = ptys {
                        ptys.turn(stick.as_mut(), Duration::ZERO)?;
                    }
                    if let Some(web) = &mut web {
                        web.turn(now(), stick.as_mut(), Duration::ZERO)?;
                    }
                    stick.power(now(), true);
                }
            }
        }
        for (slot, stick) in sticks.iter_mut().enumerate() {
            let others = all.iter().enumerate().filter(|(other, _)| *other != slot);
            let taken = others.flat_map(|(_, ptys)| ptys.iter().flat_map(Ptys::numbers)).collect();
            let mut changed = false;
            if let Some(ptys) = &mut all[slot] {
                ptys.leave_out(taken);
                changed |= ptys.turn(stick.as_mut(), if web.is_none() { longest } else { BOTH })?;
            }
            if let Some(web) = &mut web {
                changed |=
                    web.turn(now(), stick.as_mut(), if all[slot].is_none() { LONGEST } else { BOTH })?;
            }
            if changed {
                let ports = all[slot].as_ref().map_or(&[][..], Ptys::ports);
                let links = |interface: &Interface| {
                    let port = ports.iter().find(|p| p.interface == interface.number)?;
                    let path = port.link.display().to_string();
                    Some(Port { path, interface: interface.number, role: interface.role.code() })
                };
                let url = web.as_ref().filter(|web| web.is_up()).map(WebServer::url);
                let mut shown = shows(stick.appearance(), links);
                shown.url = url;
                shown.stick = (count > 1).then_some(slot + 1);
                context.output.stream("virtual", &shown);
            }
        }
    }
    Ok(())
}

/// How long is waited for bytes before the owner is listened to.
#[cfg(unix)]
const LONGEST: Duration = Duration::from_millis(100);
/// The same where two kinds of listeners are polled in turn.
#[cfg(unix)]
const BOTH: Duration = Duration::from_millis(20);

#[cfg(test)]
pub(crate) fn shapes(shapes: &mut crate::output::schema::Shapes) {
    shapes.result::<Names>("virtual");
    shapes.result::<Faults>("virtual");
    shapes.no_result("virtual");
    shapes.event::<crate::verbs::virtual_owner::Shows>("virtual", "virtual");
    #[cfg(target_os = "linux")]
    crate::verbs::virtual_rack::shapes(shapes);
    crate::verbs::virtual_owner::shapes(shapes);
}
