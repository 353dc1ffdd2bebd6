//! The command line: what may be typed, in one place. Help, man page and completions are made from it.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::lazy::Lazy;
use crate::verbs;

/// Find, identify, switch, flash and talk to USB cellular modems.
///
/// A STICK is a place on the bus (1-1.2), ids (12d1:1f01), a tty (/dev/ttyUSB0) or a serial number or an IMEI; left out,
/// it is the only stick there. A FILE is recognised by its content.
#[derive(Debug, Parser)]
#[command(name = "stickshift", version, propagate_version = true, arg_required_else_help = true)]
#[command(
    after_help = "Exit codes: 0 done, 1 failed, 2 usage, 3 no such stick, 4 no access (permission, busy),\n\
    5 the stick or a check refused, 6 stopped: recoverable, 7 state of the stick unknown."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,

    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// Options that every verb takes.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Global {
    /// Print JSON: one document, or one line per event for long work
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) json: bool,

    /// Print only the result
    #[arg(short, long, global = true, help_heading = "Global options")]
    pub(crate) quiet: bool,

    /// Say more: what was found out on the way
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Global options")]
    pub(crate) verbose: u8,

    /// Write every byte exchanged with a stick to FILE, secrets and identities masked
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    pub(crate) trace: Option<PathBuf>,

    /// Overwrite files that exist already
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) force: bool,

    /// Answer the question before acting with yes
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) yes: bool,

    #[cfg(feature = "virtual")]
    #[command(flatten)]
    pub(crate) stand_in: StandIn,
}

/// A virtual stick in place of a real one.
#[cfg(feature = "virtual")]
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct StandIn {
    /// Run against virtual sticks in this process, at 1-1, 1-2 and so on (`stickshift virtual` names them; none: an empty bus)
    #[arg(long = "virtual", global = true, value_name = "NAME[,NAME]", help_heading = "Virtual sticks")]
    pub(crate) virtual_stick: Option<String>,

    /// Faults of the (first) virtual stick, such as unplug@20 or nak=07@12,drop@30, or of the computer: no-access, port-held, ctrl-c@5
    #[arg(long, global = true, value_name = "SPEC", help_heading = "Virtual sticks")]
    pub(crate) fault: Option<String>,

    /// Seed of everything random about the virtual stick
    #[arg(long, global = true, value_name = "N", default_value_t = 1, help_heading = "Virtual sticks")]
    pub(crate) seed: u64,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Show every stick: place, ids, name, mode, ports with their roles, who holds them, what to do next
    List(Lazy<verbs::list::ListArgs>),

    /// Say what a stick is, how sure that is and why, and which ways lead on
    Identify(Lazy<verbs::identify::IdentifyArgs>),

    /// Switch a stick from CD-ROM to modem
    Switch(Lazy<verbs::switch::SwitchArgs>),

    /// Switch whatever is plugged in, as long as it runs
    Watch(Lazy<verbs::watch::WatchArgs>),

    /// Check permissions, drivers, and programs that get in the way, and say how to fix each
    Doctor(Lazy<verbs::doctor::DoctorArgs>),

    /// Write what belongs on the system: udev rules, the systemd service, completions, manual pages
    Setup(Lazy<verbs::setup::SetupArgs>),

    /// Check, take apart and put together firmware images
    Firmware(Lazy<verbs::firmware::FirmwareArgs>),

    /// Switching profiles: the catalogue, and the formats of usb_modeswitch, OpenWrt and TP-Link
    Profile(Lazy<verbs::profile::ProfileArgs>),

    /// Learn from a USB capture how a stick is switched
    Learn(Lazy<verbs::learn::LearnArgs>),

    /// Look into a router's firmware image: its files, and which sticks it knows
    Router(Lazy<verbs::router::RouterArgs>),

    /// Convert a stick from HiLink to Stick firmware or back: the whole journey, resumable
    Convert(Lazy<verbs::convert::ConvertArgs>),

    /// Send a loader to a stick in its boot ROM and wait until it runs
    Load(Lazy<verbs::load::LoadArgs>),

    /// Look at and change boot ROM loaders: whether one erases, its patches, its partition table
    Loader(Lazy<verbs::loader::LoaderArgs>),

    /// Flash firmware to a stick in download mode
    Flash(Lazy<verbs::flash::FlashArgs>),

    #[cfg(feature = "virtual")]
    /// Rehearse the whole conversion on a virtual E3372h: no hardware, no root, no download
    Rehearse(Lazy<verbs::rehearse::RehearseArgs>),

    #[cfg(feature = "virtual")]
    /// A virtual stick for other programs to play with
    Virtual(Lazy<verbs::virtual_stick::VirtualArgs>),

    /// Talk to the web server of HiLink firmware
    Hilink(Lazy<verbs::hilink::HilinkArgs>),

    /// Send AT commands to a stick and print its answers
    At(Lazy<verbs::at::AtArgs>),

    /// Read, send and delete short messages
    Sms(Lazy<verbs::sms::SmsArgs>),

    /// Send a code such as '*100#' to the network and print its answer
    Ussd(Lazy<verbs::ussd::UssdArgs>),

    /// The SIM's PIN: state, enter, change, switch on and off, unblock
    Pin(Lazy<verbs::pin::PinArgs>),

    /// Show network and signal
    Signal(Lazy<verbs::signal::SignalArgs>),

    /// Show and choose radio technologies, bands and the network
    Network(Lazy<verbs::network::NetworkArgs>),

    /// Show and change the ports that the stick shows on the bus
    Ports(Lazy<verbs::ports::PortsArgs>),

    /// Say what a file is and what is in it
    Inspect(Lazy<verbs::inspect::InspectArgs>),
}
