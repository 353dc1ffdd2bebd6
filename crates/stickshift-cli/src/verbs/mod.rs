//! The verbs of the command line, one file each: its arguments, and what it does with the library. A new verb is a file, a row of [`Verb`]
//! and a row of [`run`].

pub(crate) mod at;
pub(crate) mod convert;
pub(crate) mod doctor;
pub(crate) mod firmware;
pub(crate) mod flash;
pub(crate) mod hilink;
mod hilink_reports;
pub(crate) mod identify;
pub(crate) mod inspect;
pub(crate) mod learn;
pub(crate) mod list;
pub(crate) mod load;
pub(crate) mod loader;
pub(crate) mod network;
pub(crate) mod online;
mod online_stay;
pub(crate) mod openwrt;
pub(crate) mod pasted;
pub(crate) mod pin;
pub(crate) mod ports;
pub(crate) mod profile;
mod profile_reports;
#[cfg(feature = "virtual")]
pub(crate) mod rehearse;
pub(crate) mod report;
pub(crate) mod router;
#[cfg(feature = "web")]
pub(crate) mod serve;
pub(crate) mod setup;
mod setup_online;
mod setup_udev;
pub(crate) mod signal;
pub(crate) mod sms;
pub(crate) mod switch;
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

    /// Verify, extract and build firmware images
    Firmware(Lazy<firmware::FirmwareArgs>),

    /// List, check and convert switching profiles (usb_modeswitch, OpenWrt, TP-Link, udev)
    Profile(Lazy<profile::ProfileArgs>),

    /// Learn from a USB capture how to switch a stick
    Learn(Lazy<learn::LearnArgs>),

    #[cfg(feature = "web")]
    /// Serve a web page, an API and metrics for the sticks of this computer
    Serve(Lazy<serve::ServeArgs>),

    /// Inspect a router firmware image: its files, and which sticks it supports
    Router(Lazy<router::RouterArgs>),

    /// Convert a stick from HiLink to Stick firmware or back: end to end, resumable
    Convert(Lazy<convert::ConvertArgs>),

    /// Send a loader to a stick in boot ROM mode and wait until it runs
    Load(Lazy<load::LoadArgs>),

    /// Inspect and patch boot ROM loaders: erase call, patches, partition table
    Loader(Lazy<loader::LoaderArgs>),

    /// Flash firmware to a stick in download mode
    Flash(Lazy<flash::FlashArgs>),

    #[cfg(feature = "virtual")]
    /// Rehearse a conversion on a simulated E3372h: no hardware, no root, no download
    Rehearse(Lazy<rehearse::RehearseArgs>),

    #[cfg(feature = "virtual")]
    /// Expose a simulated stick to other programs
    Virtual(Lazy<virtual_stick::VirtualArgs>),

    /// Query and control HiLink firmware through its web API
    Hilink(Lazy<hilink::HilinkArgs>),

    /// Send AT commands to a stick and print the replies
    At(Lazy<at::AtArgs>),

    /// Read, send and delete SMS messages
    Sms(Lazy<sms::SmsArgs>),

    /// Send a USSD code such as '*100#' and print the reply
    Ussd(Lazy<ussd::UssdArgs>),

    /// Manage the SIM PIN: status, enter, change, enable, disable, unblock
    Pin(Lazy<pin::PinArgs>),

    /// Show the network, signal strength and signal quality
    Signal(Lazy<signal::SignalArgs>),

    /// Show and select radio technologies, bands and the network
    Network(Lazy<network::NetworkArgs>),

    /// Go online through a stick: registration, data connection, address, route, name servers
    Online(Lazy<online::OnlineArgs>),

    /// Show and change the stick's USB composition (its ports)
    Ports(Lazy<ports::PortsArgs>),

    /// Identify a file and show its contents
    Inspect(Lazy<inspect::InspectArgs>),

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
            Verb::Firmware(_) => "firmware",
            Verb::Profile(_) => "profile",
            Verb::Learn(_) => "learn",
            Verb::Router(_) => "router",
            Verb::Convert(_) => "convert",
            Verb::Load(_) => "load",
            Verb::Loader(_) => "loader",
            Verb::Flash(_) => "flash",
            Verb::Hilink(_) => "hilink",
            Verb::At(_) => "at",
            Verb::Sms(_) => "sms",
            Verb::Ussd(_) => "ussd",
            Verb::Pin(_) => "pin",
            Verb::Signal(_) => "signal",
            Verb::Network(_) => "network",
            Verb::Online(_) => "online",
            Verb::Ports(_) => "ports",
            Verb::Inspect(_) => "inspect",
            #[cfg(feature = "web")]
            Verb::Serve(_) => "serve",
            Verb::Report(_) => "report",
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
            Verb::Convert(_) => Work::Convert,
            Verb::Flash(_) => Work::Flash,
            Verb::Load(_) => Work::Load,
            Verb::Switch(_) | Verb::Watch(_) => Work::Switch,
            Verb::Online(_) => Work::Online,
            Verb::At(_)
            | Verb::Hilink(_)
            | Verb::Network(_)
            | Verb::Pin(_)
            | Verb::Ports(_)
            | Verb::Report(_)
            | Verb::Signal(_)
            | Verb::Sms(_)
            | Verb::Ussd(_) => Work::Talk,
            _ => Work::Other,
        }
    }

    /// Whether it touches no stick: then a signal ends it at once, as the system does it. Files that it writes have no name before they
    /// are whole.
    pub(crate) fn touches_only_files(&self) -> bool {
        match self {
            Verb::Firmware(_)
            | Verb::Inspect(_)
            | Verb::Loader(_)
            | Verb::Profile(_)
            | Verb::Router(_)
            | Verb::Setup(_) => true,
            Verb::Learn(args) => args.0.only_reads(),
            _ => false,
        }
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
        Verb::Convert(Lazy(args)) => convert::run(context, args),
        Verb::Load(Lazy(args)) => load::run(context, args),
        Verb::Loader(Lazy(args)) => loader::run(context, args),
        Verb::Flash(Lazy(args)) => flash::run(context, args),
        #[cfg(feature = "virtual")]
        Verb::Rehearse(Lazy(args)) => rehearse::run(context, args),
        #[cfg(feature = "virtual")]
        Verb::Virtual(Lazy(args)) => virtual_stick::run(context, args),
        Verb::List(Lazy(args)) => list::run(context, args),
        Verb::Identify(Lazy(args)) => identify::run(context, args),
        Verb::Switch(Lazy(args)) => switch::run(context, args),
        Verb::Watch(Lazy(args)) => watch::run(context, args),
        Verb::Doctor(Lazy(args)) => doctor::run(context, args),
        Verb::Setup(Lazy(args)) => setup::run(context, args),
        Verb::Firmware(Lazy(args)) => firmware::run(context, args),
        Verb::Learn(Lazy(args)) => learn::run(context, args),
        Verb::Router(Lazy(args)) => router::run(context, args),
        Verb::Profile(Lazy(args)) => profile::run(context, args),
        Verb::At(Lazy(args)) => at::run(context, args),
        Verb::Hilink(Lazy(args)) => hilink::run(context, args),
        Verb::Pin(Lazy(args)) => pin::run(context, args),
        Verb::Network(Lazy(args)) => network::run(context, args),
        Verb::Online(Lazy(args)) => online::run(context, args),
        Verb::Ports(Lazy(args)) => ports::run(context, args),
        Verb::Signal(Lazy(args)) => signal::run(context, args),
        Verb::Sms(Lazy(args)) => sms::run(context, args),
        Verb::Ussd(Lazy(args)) => ussd::run(context, args),
        Verb::Inspect(Lazy(args)) => inspect::run(context, args),
        #[cfg(feature = "web")]
        Verb::Serve(Lazy(args)) => serve::run(context, args),
        Verb::Report(Lazy(args)) => report::run(context, args),
    }
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
    firmware::shapes(&mut shapes);
    profile::shapes(&mut shapes);
    learn::shapes(&mut shapes);
    pasted::shapes(&mut shapes);
    router::shapes(&mut shapes);
    convert::shapes(&mut shapes);
    load::shapes(&mut shapes);
    loader::shapes(&mut shapes);
    flash::shapes(&mut shapes);
    hilink::shapes(&mut shapes);
    at::shapes(&mut shapes);
    sms::shapes(&mut shapes);
    ussd::shapes(&mut shapes);
    pin::shapes(&mut shapes);
    signal::shapes(&mut shapes);
    network::shapes(&mut shapes);
    online::shapes(&mut shapes);
    ports::shapes(&mut shapes);
    #[cfg(feature = "web")]
    serve::shapes(&mut shapes);
    report::shapes(&mut shapes);
    #[cfg(feature = "virtual")]
    rehearse::shapes(&mut shapes);
    #[cfg(feature = "virtual")]
    virtual_stick::shapes(&mut shapes);
    shapes
}
