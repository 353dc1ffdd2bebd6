//! Profiles in everybody's syntax. Each format parses to [`Entry`](crate::profile::Entry) values and emits them, and names every
//! parameter that it cannot carry as a [`Loss`].

pub mod usb_modeswitch;

/// A parameter that a format cannot carry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Loss {
    /// The entry, as its file name.
    pub entry: String,
    /// What is lost, by its name in usb_modeswitch's files where it has one.
    pub what: &'static str,
    /// What that means for the owner: one lower-case sentence.
    pub why: String,
}

/// Something in the text that was not taken as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Line number, from 1.
    pub line: usize,
    /// One lower-case sentence.
    pub what: String,
}
