//! The AT dialogue: one command at a time over a port, typed commands, SMS and USSD.
//!
//! [`At`] is the engine: it writes a command, reads until its result, and keeps unsolicited lines apart. A [`Command`] is a
//! command as a value: its text, how long the stick may take, and how its answer reads. The shapes are those of
//! docs/protocols/hilink-at.md section 3.
//!
//! ```
//! use stickshift::at::{At, signal};
//! use stickshift::link::{Tape, TapeLink};
//!
//! // The recording of one command, `AT+CSQ`, and its answer.
//! let tape = Tape::parse("> 41542b4353510d\n< 0d0a2b4353513a2032302c39390d0a0d0a4f4b0d0a")?;
//! let mut port = TapeLink::new(tape);
//! assert_eq!(At::new(&mut port).run(&signal::strength())?, Some(-73));
//! # Ok::<(), stickshift::error::Error>(())
//! ```

pub mod data;
mod engine;
pub mod identify;
#[cfg(feature = "figures")]
pub mod makers;
pub mod network;
pub mod ports;
mod refusal;
pub mod signal;
pub mod sim;
pub mod sms;
mod typed;
pub mod ussd;

use std::time::Duration;

use crate::error::{Effect, Error, ErrorKind, Result};
use crate::wire::at::{Answer, fields};

pub use engine::{At, PATIENT, USUAL};
pub use refusal::refusal;
pub(crate) use typed::plain;
pub use typed::{effect_of, is_counted, may_have_acted, usual_time};

/// One command as a value.
pub struct Command<T> {
    /// What is written, without the CR.
    pub text: String,
    /// What it does to the stick.
    pub effect: Effect,
    /// How long the stick may take.
    pub timeout: Duration,
    parse: fn(&Answer) -> Result<T>,
}

impl<T> Command<T> {
    /// A command that asks and takes no longer than [`USUAL`].
    pub fn new(text: impl Into<String>, parse: fn(&Answer) -> Result<T>) -> Self {
        Command { text: text.into(), effect: Effect::Reads, timeout: USUAL, parse }
    }

    /// The same, with another effect.
    #[must_use]
    pub fn that(mut self, effect: Effect) -> Self {
        self.effect = effect;
        self
    }

    /// The same, with more time.
    #[must_use]
    pub fn within(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Reads an answer that ended with `OK`.
    ///
    /// # Errors
    /// `UnexpectedAnswer` when it is not of this command's shape.
    pub fn parse(&self, answer: &Answer) -> Result<T> {
        (self.parse)(answer)
    }
}

impl Command<()> {
    /// A command that is answered by its result alone: it changes something, unless it is [said otherwise](Command::that).
    pub fn plain(text: impl Into<String>) -> Self {
        Command::new(text, |_| Ok(())).that(Effect::Changes)
    }
}

/// A text as an argument in quotes.
///
/// # Errors
/// `Usage` for what cannot stand in one: quotes, control characters, anything that is not ASCII.
pub fn quoted(text: &str) -> Result<String> {
    if text.bytes().all(|b| (b' '..=b'~').contains(&b) && b != b'"') {
        Ok(format!("\"{text}\""))
    } else {
        Err(Error::new(
            ErrorKind::Usage,
            "an argument of an AT command holds a character that it cannot carry",
        ))
    }
}

/// The error for an answer of another shape than the command's. The answer itself may be an identity, so only its size is reported.
fn unexpected(what: &'static str, answer: &Answer) -> Error {
    Error::new(ErrorKind::UnexpectedAnswer, format!("the stick's answer does not read as {what}"))
        .with("lines", answer.lines.len())
}

/// The fields of the first line `NAME: ..`.
fn fields_of<'a>(answer: &'a Answer, name: &'a str, what: &'static str) -> Result<Vec<&'a str>> {
    answer.value(name).map(fields).ok_or_else(|| unexpected(what, answer))
}

/// The number in field `index`; `None` when the field is missing, empty or no number.
fn number<T: std::str::FromStr>(fields: &[&str], index: usize) -> Option<T> {
    fields.get(index)?.parse().ok()
}

/// The text in field `index`, `None` when missing or empty.
fn text(fields: &[&str], index: usize) -> Option<String> {
    fields.get(index).filter(|t| !t.is_empty()).map(|t| (*t).to_owned())
}

/// The hexadecimal number in field `index`, with or without `0x`.
fn hex_number(fields: &[&str], index: usize) -> Option<u64> {
    let digits = fields.get(index)?;
    let digits = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")).unwrap_or(digits);
    // `from_str_radix` takes a sign.
    digits.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u64::from_str_radix(digits, 16).ok())?
}

#[cfg(test)]
pub(crate) mod tests;
