//! The verbs of the command line: the file of a verb has its arguments, and what it does with the library; what only that verb needs is beside
//! it, or in the folder of its name. A new verb is a file, a row of [`Verb`] and a row of [`run`].

pub(crate) mod at;
#[cfg(feature = "mqtt")]
pub(crate) mod bridge;
#[cfg(feature = "flash")]
pub(crate) mod convert;
pub(crate) mod doctor;
#[cfg(feature = "flash")]
pub(crate) mod firmware;
#[cfg(feature = "flash")]
pub(crate) mod flash;
#[cfg(feature = "hilink-verb")]
pub(crate) mod hilink;
#[cfg(feature = "hilink-verb")]
mod hilink_reports;
pub(crate) mod identify;
#[cfg(any(feature = "flash", feature = "learn", feature = "pasted", feature = "router"))]
pub(crate) mod inspect;
#[cfg(feature = "learn")]
pub(crate) mod learn;
pub(crate) mod list;
#[cfg(feature = "flash")]
pub(crate) mod load;
#[cfg(feature = "flash")]
pub(crate) mod loader;
#[cfg(feature = "network")]
pub(crate) mod network;
#[cfg(feature = "online")]
pub(crate) mod online;
pub(crate) mod pin;
#[cfg(feature = "ports")]
pub(crate) mod ports;
pub(crate) mod profile;
mod profile_reports;
#[cfg(feature = "virtual")]
pub(crate) mod rehearse;
#[cfg(feature = "report")]
pub(crate) mod report;
#[cfg(feature = "router")]
pub(crate) mod router;
#[cfg(feature = "router")]
mod router_reports;
#[cfg(feature = "web")]
pub(crate) mod serve;
#[cfg(feature = "web")]
mod serve_stopped;
pub(crate) mod setup;
pub(crate) mod signal;
pub(crate) mod sms;
pub(crate) mod switch;
#[cfg(feature = "ussd")]
pub(crate) mod ussd;
#[cfg(feature = "virtual")]
pub(crate) mod virtual_owner;
#[cfg(feature = "virtual")]
pub(crate) mod virtual_rack;
#[cfg(feature = "virtual")]
pub(crate) mod virtual_stick;
pub(crate) mod watch;

use clap::Subcommand;
use stickshift::error::Result;

use crate::advice::Attempt;
use crate::context::Context;
use crate::lazy::Lazy;
use crate::recovery::Work;

/// A verb with its arguments. The doc comments are the help texts.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List every stick: USB port path, ids, name, mode, ports and their roles, who holds them, what to do next
    List(Lazy<list::ListArgs>),

    /// Identify a stick: model, firmware, confidence and evidence, and what you can do next
    Identify(Lazy<identify::IdentifyArgs>),

    /// Switch a stick from CD-ROM to modem
    Switch(Lazy<switch::SwitchArgs>),

    /// Run as a daemon: switch sticks as they are plugged in
    Watch(Lazy<watch::WatchArgs>),

    /// Check permissions, drivers and conflicting programs, and show how to fix each problem
    Doctor(Lazy<doctor::DoctorArgs>),

    /// Install system files: udev rules, systemd unit, completions, man pages
    Setup(Lazy<setup::SetupArgs>),

    #[cfg(feature = "flash")]
    /// Verify, extract and build firmware images
    Firmware(Lazy<firmware::FirmwareArgs>),

    /// List, check and convert switching profiles (usb_modeswitch, OpenWrt, TP-Link, udev)
    Profile(Lazy<profile::ProfileArgs>),

    #[cfg(feature = "learn")]
    /// Learn from a USB capture how to switch a stick
    Learn(Lazy<learn::LearnArgs>),

    #[cfg(feature = "web")]
    /// Serve a web page, an API and metrics for the sticks of this computer
    Serve(Lazy<serve::ServeArgs>),

    #[cfg(feature = "mqtt")]
    /// Connect the sticks of this computer to another system: an MQTT broker
    Bridge(Lazy<bridge::BridgeArgs>),

    #[cfg(feature = "router")]
    /// Inspect a router firmware image: its files, and which sticks it supports
    Router(Lazy<router::RouterArgs>),

    #[cfg(feature = "flash")]
    /// Convert a stick from HiLink to Stick firmware or back: end to end, resumable
    Convert(Lazy<convert::ConvertArgs>),

    #[cfg(feature = "flash")]
    /// Send a loader to a stick in boot ROM mode and wait until it runs
    Load(Lazy<load::LoadArgs>),

    #[cfg(feature = "flash")]
    /// Inspect and patch boot ROM loaders: erase call, patches, partition table
    Loader(Lazy<loader::LoaderArgs>),

    #[cfg(feature = "flash")]
    /// Flash firmware to a stick in download mode
    Flash(Lazy<flash::FlashArgs>),

    #[cfg(feature = "virtual")]
    /// Rehearse a conversion on a simulated E3372h: no hardware, no root, no download
    Rehearse(Lazy<rehearse::RehearseArgs>),

    #[cfg(feature = "virtual")]
    /// Expose a simulated stick to other programs
    Virtual(Lazy<virtual_stick::VirtualArgs>),

    #[cfg(feature = "hilink-verb")]
    /// Query and control HiLink firmware through its web API
    Hilink(Lazy<hilink::HilinkArgs>),

    /// Send AT commands to a stick and print the replies
    At(Lazy<at::AtArgs>),

    /// Read, send and delete SMS messages
    Sms(Lazy<sms::SmsArgs>),

    #[cfg(feature = "ussd")]
    /// Send a USSD code such as '*100#' and print the reply
    Ussd(Lazy<ussd::UssdArgs>),

    /// Manage the SIM PIN: status, enter, change, enable, disable, unblock
    Pin(Lazy<pin::PinArgs>),

    /// Show the network, signal strength and signal quality
    Signal(Lazy<signal::SignalArgs>),

    #[cfg(feature = "network")]
    /// Show and select radio technologies, bands and the network
    Network(Lazy<network::NetworkArgs>),

    #[cfg(feature = "online")]
    /// Go online through a stick: registration, data connection, address, route, name servers
    Online(Lazy<online::OnlineArgs>),

    #[cfg(feature = "ports")]
    /// Show and change the stick's USB composition (its ports)
    Ports(Lazy<ports::PortsArgs>),

    #[cfg(any(feature = "flash", feature = "learn", feature = "pasted", feature = "router"))]
    /// Identify a file and show its contents
    Inspect(Lazy<inspect::InspectArgs>),

    #[cfg(feature = "report")]
    /// Collect what a maintainer needs about a stick in one masked text
    Report(Lazy<report::ReportArgs>),
}

impl Verb {
    /// What is tried by it.
    pub(crate) fn attempt(&self) -> Attempt {
        Attempt { verb: self.word(), work: self.work(), ..Attempt::default() }
    }

    /// Its word on the command line.
    fn word(&self) -> &'static str {
        match self {
            Verb::List(_) => "list",
            Verb::Identify(_) => "identify",
            Verb::Switch(_) => "switch",
            Verb::Watch(_) => "watch",
            Verb::Doctor(_) => "doctor",
            Verb::Setup(_) => "setup",
            #[cfg(feature = "flash")]
            Verb::Firmware(_) => "firmware",
            Verb::Profile(_) => "profile",
            #[cfg(feature = "learn")]
            Verb::Learn(_) => "learn",
            #[cfg(feature = "router")]
            Verb::Router(_) => "router",
            #[cfg(feature = "flash")]
            Verb::Convert(_) => "convert",
            #[cfg(feature = "flash")]
            Verb::Load(_) => "load",
            #[cfg(feature = "flash")]
            Verb::Loader(_) => "loader",
            #[cfg(feature = "flash")]
            Verb::Flash(_) => "flash",
            #[cfg(feature = "hilink-verb")]
            Verb::Hilink(_) => "hilink",
            Verb::At(_) => "at",
            Verb::Sms(_) => "sms",
            #[cfg(feature = "ussd")]
            Verb::Ussd(_) => "ussd",
            Verb::Pin(_) => "pin",
            Verb::Signal(_) => "signal",
            #[cfg(feature = "network")]
            Verb::Network(_) => "network",
            #[cfg(feature = "online")]
            Verb::Online(_) => "online",
            #[cfg(feature = "ports")]
            Verb::Ports(_) => "ports",
            #[cfg(any(feature = "flash", feature = "learn", feature = "pasted", feature = "router"))]
            Verb::Inspect(_) => "inspect",
            #[cfg(feature = "web")]
            Verb::Serve(_) => "serve",
            #[cfg(feature = "report")]
            Verb::Report(_) => "report",
            #[cfg(feature = "mqtt")]
            Verb::Bridge(_) => "bridge",
            #[cfg(feature = "virtual")]
            Verb::Rehearse(_) => "rehearse",
            #[cfg(feature = "virtual")]
            Verb::Virtual(_) => "virtual",
        }
    }

    /// What it leaves behind when it fails half-way.
    fn work(&self) -> Work {
        match self {
            #[cfg(feature = "virtual")]
            Verb::Rehearse(_) => Work::Convert,
            #[cfg(feature = "flash")]
            Verb::Convert(_) => Work::Convert,
            #[cfg(feature = "flash")]
            Verb::Flash(_) => Work::Flash,
            #[cfg(feature = "flash")]
            Verb::Load(_) => Work::Load,
            Verb::Switch(_) | Verb::Watch(_) => Work::Switch,
            #[cfg(feature = "online")]
            Verb::Online(_) => Work::Online,
            Verb::At(_) | Verb::Pin(_) | Verb::Signal(_) | Verb::Sms(_) => Work::Talk,
            #[cfg(feature = "network")]
            Verb::Network(_) => Work::Talk,
            #[cfg(feature = "hilink-verb")]
            Verb::Hilink(_) => Work::Talk,
            #[cfg(feature = "ports")]
            Verb::Ports(_) => Work::Talk,
            #[cfg(feature = "report")]
            Verb::Report(_) => Work::Talk,
            #[cfg(feature = "ussd")]
            Verb::Ussd(_) => Work::Talk,
            _ => Work::Other,
        }
    }

    /// Whether it touches no stick: then a signal ends it at once, as the system does it. Files that it writes have no name before they
    /// are whole.
    pub(crate) fn touches_only_files(&self) -> bool {
        match self {
            Verb::Profile(_) | Verb::Setup(_) => true,
            #[cfg(feature = "flash")]
            Verb::Firmware(_) | Verb::Loader(_) => true,
            #[cfg(feature = "router")]
            Verb::Router(_) => true,
            #[cfg(any(feature = "flash", feature = "learn", feature = "pasted", feature = "router"))]
            Verb::Inspect(_) => true,
            #[cfg(feature = "learn")]
            Verb::Learn(args) => args.0.only_reads(),
            _ => false,
        }
    }

    /// Whether it talks to sticks itself: then there is something to record.
    pub(crate) fn talks_to_sticks(&self) -> bool {
        !self.is_about_files() && !matches!(self.word(), "serve" | "bridge" | "virtual")
    }

    /// Whether it is about no stick at all: `setup` may look which one is plugged in.
    pub(crate) fn is_about_files(&self) -> bool {
        self.touches_only_files() && !matches!(self, Verb::Setup(_))
    }

    /// Whether it makes virtual sticks of its own, without `--virtual`.
    #[cfg(feature = "virtual")]
    pub(crate) fn is_virtual(&self) -> bool {
        matches!(self, Verb::Rehearse(_) | Verb::Virtual(_))
    }
}

/// Runs a verb.
pub(crate) fn run(context: &mut Context, verb: Verb) -> Result<()> {
    match verb {
        #[cfg(feature = "flash")]
        Verb::Convert(Lazy(args)) => apart(args, |args| convert::run(context, args)),
        #[cfg(feature = "flash")]
        Verb::Load(Lazy(args)) => apart(args, |args| load::run(context, args)),
        #[cfg(feature = "flash")]
        Verb::Loader(Lazy(args)) => apart(args, |args| loader::run(context, args)),
        #[cfg(feature = "flash")]
        Verb::Flash(Lazy(args)) => apart(args, |args| flash::run(context, args)),
        #[cfg(feature = "virtual")]
        Verb::Rehearse(Lazy(args)) => apart(args, |args| rehearse::run(context, args)),
        #[cfg(feature = "virtual")]
        Verb::Virtual(Lazy(args)) => apart(args, |args| virtual_stick::run(context, args)),
        Verb::List(Lazy(args)) => apart(args, |args| list::run(context, args)),
        Verb::Identify(Lazy(args)) => apart(args, |args| identify::run(context, args)),
        Verb::Switch(Lazy(args)) => apart(args, |args| switch::run(context, args)),
        Verb::Watch(Lazy(args)) => apart(args, |args| watch::run(context, args)),
        Verb::Doctor(Lazy(args)) => apart(args, |args| doctor::run(context, args)),
        Verb::Setup(Lazy(args)) => apart(args, |args| setup::run(context, args)),
        #[cfg(feature = "flash")]
        Verb::Firmware(Lazy(args)) => apart(args, |args| firmware::run(context, args)),
        #[cfg(feature = "learn")]
        Verb::Learn(Lazy(args)) => apart(args, |args| learn::run(context, args)),
        #[cfg(feature = "router")]
        Verb::Router(Lazy(args)) => apart(args, |args| router::run(context, args)),
        Verb::Profile(Lazy(args)) => apart(args, |args| profile::run(context, args)),
        Verb::At(Lazy(args)) => apart(args, |args| at::run(context, args)),
        #[cfg(feature = "hilink-verb")]
        Verb::Hilink(Lazy(args)) => apart(args, |args| hilink::run(context, args)),
        Verb::Pin(Lazy(args)) => apart(args, |args| pin::run(context, args)),
        #[cfg(feature = "network")]
        Verb::Network(Lazy(args)) => apart(args, |args| network::run(context, args)),
        #[cfg(feature = "online")]
        Verb::Online(Lazy(args)) => apart(args, |args| online::run(context, args)),
        #[cfg(feature = "ports")]
        Verb::Ports(Lazy(args)) => apart(args, |args| ports::run(context, args)),
        Verb::Signal(Lazy(args)) => apart(args, |args| signal::run(context, args)),
        Verb::Sms(Lazy(args)) => apart(args, |args| sms::run(context, args)),
        #[cfg(feature = "ussd")]
        Verb::Ussd(Lazy(args)) => apart(args, |args| ussd::run(context, args)),
        #[cfg(any(feature = "flash", feature = "learn", feature = "pasted", feature = "router"))]
        Verb::Inspect(Lazy(args)) => apart(args, |args| inspect::run(context, args)),
        #[cfg(feature = "web")]
        Verb::Serve(Lazy(args)) => apart(args, |args| serve::run(context, args)),
        #[cfg(feature = "report")]
        Verb::Report(Lazy(args)) => apart(args, |args| report::run(context, args)),
        #[cfg(feature = "mqtt")]
        Verb::Bridge(Lazy(args)) => apart(args, |args| bridge::run(context, args)),
    }
}

/// Keeps each verb a function of its own: none has the others' variables on its stack, and its size can be measured.
#[inline(never)]
fn apart<A>(args: A, run: impl FnOnce(A) -> Result<()>) -> Result<()> {
    run(args)
}

/// What each verb prints with `--json`.
#[cfg(test)]
pub(crate) fn shapes() -> crate::output::schema::Shapes {
    let mut shapes = crate::output::schema::Shapes::default();
    list::shapes(&mut shapes);
    identify::shapes(&mut shapes);
    switch::shapes(&mut shapes);
    watch::shapes(&mut shapes);
    doctor::shapes(&mut shapes);
    setup::shapes(&mut shapes);
    #[cfg(feature = "flash")]
    firmware::shapes(&mut shapes);
    profile::shapes(&mut shapes);
    #[cfg(feature = "learn")]
    learn::shapes(&mut shapes);
    #[cfg(feature = "pasted")]
    inspect::pasted::shapes(&mut shapes);
    #[cfg(feature = "router")]
    router_reports::shapes(&mut shapes);
    #[cfg(feature = "flash")]
    convert::shapes(&mut shapes);
    #[cfg(feature = "flash")]
    load::shapes(&mut shapes);
    #[cfg(feature = "flash")]
    loader::shapes(&mut shapes);
    #[cfg(feature = "flash")]
    flash::shapes(&mut shapes);
    #[cfg(feature = "hilink-verb")]
    hilink::shapes(&mut shapes);
    at::shapes(&mut shapes);
    sms::shapes(&mut shapes);
    #[cfg(feature = "ussd")]
    ussd::shapes(&mut shapes);
    pin::shapes(&mut shapes);
    signal::shapes(&mut shapes);
    #[cfg(feature = "network")]
    network::shapes(&mut shapes);
    #[cfg(feature = "online")]
    online::shapes(&mut shapes);
    #[cfg(feature = "ports")]
    ports::shapes(&mut shapes);
    #[cfg(feature = "web")]
    serve::shapes(&mut shapes);
    #[cfg(feature = "report")]
    report::shapes(&mut shapes);
    #[cfg(feature = "mqtt")]
    bridge::shapes(&mut shapes);
    #[cfg(feature = "virtual")]
    rehearse::shapes(&mut shapes);
    #[cfg(feature = "virtual")]
    virtual_stick::shapes(&mut shapes);
    shapes
}
