//! How a stick takes its message, and the words for what may go wrong then.

use std::str::FromStr;
use std::time::Duration;

use stickshift::error::{Error, ErrorKind, Result};

/// How it takes its message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Behaviour {
    /// As it should: answers, leaves, comes back.
    #[default]
    Switches,
    /// Answers and does nothing.
    Ignores,
    /// Stalls the message and does nothing.
    Stalls,
    /// Switches without a word: the status never comes.
    NoStatus,
    /// Leaves the bus before the message's transfer is done.
    VanishesEarly,
    /// Leaves, and comes back as it was.
    ComesBackUnchanged,
    /// Leaves for good.
    NeverComesBack,
    /// Switches, but its drive answers no command for this long after it appeared: the storage driver hangs in its first questions.
    Busy(Duration),
    /// Switches, and stays on the bus this much longer before it leaves.
    LeavesLate(Duration),
    /// Takes its message, and shows what it made of it after the next reset of its port.
    WaitsForReset,
}

/// The words for them, and what each does.
const BEHAVIOURS: [(&str, Behaviour, &str); 10] = [
    ("switches", Behaviour::Switches, "Nothing goes wrong."),
    ("ignores", Behaviour::Ignores, "The stick answers its switch message and does nothing."),
    ("stalls", Behaviour::Stalls, "The stick stalls its switch message and does nothing."),
    ("no-status", Behaviour::NoStatus, "The stick switches without a word: the status never comes."),
    (
        "vanishes-early",
        Behaviour::VanishesEarly,
        "The stick leaves the bus before its message's transfer is done.",
    ),
    ("comes-back", Behaviour::ComesBackUnchanged, "The stick leaves, and comes back as it was."),
    ("never-comes-back", Behaviour::NeverComesBack, "The stick leaves for good."),
    (
        "busy",
        Behaviour::Busy(Duration::from_secs(5)),
        "The stick's drive answers nothing for 5 s after it appeared.",
    ),
    (
        "leaves-late",
        Behaviour::LeavesLate(Duration::from_secs(7)),
        "The stick switches, and stays on the bus 7 s longer before it leaves.",
    ),
    (
        "waits-for-reset",
        Behaviour::WaitsForReset,
        "The stick shows its modem after the next reset of its port.",
    ),
];

impl Behaviour {
    /// Every word with what it does.
    pub fn words() -> impl Iterator<Item = (&'static str, &'static str)> {
        BEHAVIOURS.iter().map(|(word, _, help)| (*word, *help))
    }

    /// The word for it.
    pub fn word(self) -> &'static str {
        let same = |other: Behaviour| std::mem::discriminant(&self) == std::mem::discriminant(&other);
        BEHAVIOURS.iter().find(|(_, behaviour, _)| same(*behaviour)).map_or("", |(word, ..)| *word)
    }
}

impl FromStr for Behaviour {
    type Err = Error;

    /// One of the known words.
    fn from_str(word: &str) -> Result<Self> {
        let known = BEHAVIOURS.iter().find(|(known, ..)| *known == word);
        known.map(|(_, behaviour, _)| *behaviour).ok_or_else(|| {
            Error::new(ErrorKind::Usage, format!("there is no behaviour '{word}'")).with("fault", word)
        })
    }
}
