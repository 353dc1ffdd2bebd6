//! What a command line of usb_modeswitch asks for, as one value.

use stickshift::error::{Error, ErrorKind, Result};
use stickshift::profile::Parameters;
use stickshift::stick::UsbId;

/// What the command line asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CommandLine {
    /// `-v`: vendor id to look for.
    pub(crate) vendor: Option<u16>,
    /// `-p`: product id to look for.
    pub(crate) product: Option<u16>,
    /// Everything that a config text can say, too.
    pub(crate) parameters: Parameters,
    /// `-b`: bus number.
    pub(crate) bus: Option<u32>,
    /// `-g`: device number on that bus; only this device is meant then.
    pub(crate) device: Option<u32>,
    /// `-W`.
    pub(crate) verbose: bool,
    /// `-Q`.
    pub(crate) quiet: bool,
    /// `-D`: print the sysmode lines.
    pub(crate) sysmode: bool,
    /// `-j`: only print the number of the configuration that holds MBIM.
    pub(crate) find_mbim: bool,
    /// `-h`, or nothing was given.
    pub(crate) help: bool,
    /// `-e`.
    pub(crate) version: bool,
    /// What was given and means nothing, in words.
    pub(crate) warnings: Vec<String>,
}

/// Where a config text comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// `-c FILE`.
    File(String),
    /// `-t`.
    Stdin,
    /// `-f TEXT`.
    Text(String),
}

impl CommandLine {
    /// The ids to look for.
    ///
    /// # Errors
    /// `Usage` when one is missing or zero.
    pub(crate) fn id(&self) -> Result<UsbId> {
        match (self.vendor, self.product) {
            (Some(vendor), Some(product)) if vendor != 0 && product != 0 => Ok(UsbId::new(vendor, product)),
            _ => Err(Error::new(ErrorKind::Usage, "no default vendor or product id given")),
        }
    }
}
