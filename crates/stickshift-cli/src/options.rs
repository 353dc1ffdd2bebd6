//! The options that every verb takes.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Options that every verb takes.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Global {
    /// Print JSON, one object per line; the last line is the result or the error
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) json: bool,

    /// Print only the result
    #[arg(short, long, global = true, help_heading = "Global options")]
    pub(crate) quiet: bool,

    /// Print what was found out on the way as well; twice (-vv): every byte too, masked as in --trace
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Global options")]
    pub(crate) verbose: u8,

    /// Colour errors, warnings and verdicts: auto (on a terminal), always or never; JSON has none [env: NO_COLOR, CLICOLOR_FORCE]
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "WHEN",
        default_value_t,
        hide_possible_values = true
    )]
    #[arg(hide_default_value = true, help_heading = "Global options")]
    pub(crate) color: ColorChoice,

    /// Record every byte exchanged with a stick in FILE; secrets and identities are masked
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    pub(crate) trace: Option<PathBuf>,

    /// Overwrite files that already exist
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) force: bool,

    /// Assume yes; do not ask for confirmation
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) yes: bool,

    /// Say in the lines of JSON in words, too, what is said on a terminal: for the program on another computer
    #[arg(long, global = true, hide = true)]
    pub(crate) texts: bool,

    #[cfg(feature = "host")]
    #[command(flatten)]
    pub(crate) hosts: HostOptions,

    #[cfg(feature = "virtual")]
    #[command(flatten)]
    pub(crate) virtual_sticks: VirtualOptions,
}

/// Sticks of other computers.
#[cfg(feature = "host")]
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct HostOptions {
    /// Run the command on another computer, by its `stickshift serve`; `list` and `doctor` on several. Without a port 443 is meant; `serve`
    /// has 8321. A name is one of the settings
    #[arg(
        id = "host",
        long = "host",
        global = true,
        value_name = "https://HOST[:PORT]|unix:PATH|NAME",
        value_delimiter = ','
    )]
    #[arg(help_heading = "Other computers")]
    pub(crate) names: Vec<String>,

    /// Read the password of that `stickshift serve` from the first line of FILE [env: STICKSHIFT_WEB_PASSWORD]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Other computers")]
    pub(crate) host_password_file: Option<PathBuf>,

    /// Trust the authorities in FILE, or the server's own certificate, PEM [default: those of the system]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Other computers")]
    pub(crate) host_ca: Option<PathBuf>,
}

/// When texts are coloured: auto, always or never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorChoice {
    #[default]
    Auto,
    Always,
    Never,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Switch {
    On,
    Off,
}

/// Virtual sticks in place of the real ones.
#[cfg(feature = "virtual")]
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct VirtualOptions {
    /// Use virtual sticks in this process, at 1-1, 1-2 and so on: by name (see `stickshift virtual`; none: an empty bus), by the ids of a
    /// switching profile, or those of a report or a text of lsusb in a file; NAME=40 are forty
    #[arg(long = "virtual", global = true, value_name = "NAME[,NAME]", help_heading = "Virtual sticks")]
    pub(crate) names: Option<String>,

    /// Keep the virtual sticks in FILE from one command to the next: flash, mode and ports; without --virtual, use those in FILE
    #[arg(long = "virtual-state", global = true, value_name = "FILE", help_heading = "Virtual sticks")]
    pub(crate) state: Option<PathBuf>,

    /// Faults of the first virtual stick, or of the third with #3 after the word: unplug@20 or nak=07@12,drop@30#3 for one that can be talked
    /// to or flashed, ignores for one that is switched; or of the computer: ctrl-c@5. `stickshift virtual --faults` lists them
    #[arg(long, global = true, value_name = "SPEC", help_heading = "Virtual sticks")]
    pub(crate) fault: Option<String>,

    /// Let a virtual owner do what the owner of the stick is told to do
    #[arg(long, global = true, value_enum, value_name = "WHO", help_heading = "Virtual sticks")]
    pub(crate) owner: Option<VirtualOwner>,

    /// Random seed of the virtual stick [default: 1]
    #[arg(long, global = true, value_name = "N", help_heading = "Virtual sticks")]
    pub(crate) seed: Option<u64>,
}

/// Who acts for the owner of a virtual stick.
#[cfg(feature = "virtual")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum VirtualOwner {
    /// Grounds the boot pin when asked to, and plugs the stick in again
    Needle,
}

#[cfg(feature = "virtual")]
impl VirtualOptions {
    /// An option that is given and says how a virtual stick is.
    pub(crate) fn of_the_stick(&self) -> Option<&'static str> {
        let given = [
            ("--fault", self.fault.is_some()),
            ("--seed", self.seed.is_some()),
            ("--owner", self.owner.is_some()),
        ];
        given.iter().find(|(_, given)| *given).map(|(name, _)| *name)
    }

    /// Whether virtual sticks take the place of this computer's.
    pub(crate) fn replace_the_real(&self) -> bool {
        self.names.is_some() || self.state.is_some()
    }
}
