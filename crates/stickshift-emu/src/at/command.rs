//! What a command is, and what comes of it: the words that the table and its handlers share.

use std::time::Duration;

use stickshift::link::Moment;

use crate::at::port::AtPort;
use crate::identity::Identity;
use crate::modem::Modem;

/// What a command may look at and change.
pub(crate) struct Call<'a> {
    /// The port that it came in on.
    pub(crate) port: &'a mut AtPort,
    pub(crate) id: &'a Identity,
    pub(crate) modem: &'a mut Modem,
    pub(crate) now: Moment,
    /// What follows the `=`, as it was written.
    pub(crate) arguments: &'a str,
}

impl Call<'_> {
    /// The arguments without their quotes; one that was left out is empty.
    pub(crate) fn fields(&self) -> Vec<String> {
        let (mut fields, mut quoted) = (vec![String::new()], false);
        for c in self.arguments.chars() {
            match c {
                '"' => quoted = !quoted,
                ',' if !quoted => fields.push(String::new()),
                c => {
                    if let Some(last) = fields.last_mut() {
                        last.push(c);
                    }
                }
            }
        }
        fields.iter().map(|f| f.trim().to_owned()).collect()
    }
}

/// What becomes of the stick after a command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AtEffect {
    /// It goes on.
    #[default]
    Nothing,
    /// It restarts in download mode after a while.
    Download,
    /// It reboots.
    Reset,
}

/// The answer to a command, before it is put into lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AtAnswer {
    /// Lines of information, then `OK`.
    Lines(Vec<String>),
    /// `ERROR`.
    Error,
    /// `+CME ERROR`, a number or words by `AT+CMEE`.
    Cme(u16),
    /// `+CMS ERROR`, the same for messages.
    Cms(u16),
    /// The firmware does not know this command; what it says then is its dialect's.
    Unknown,
    /// `> `, and text is to follow.
    Prompt,
    /// `CONNECT`, and data follows.
    Connect,
    /// `NO CARRIER`.
    NoCarrier,
}

impl AtAnswer {
    /// `OK` alone.
    pub(crate) fn ok() -> Self {
        AtAnswer::Lines(Vec::new())
    }

    /// One line, then `OK`.
    pub(crate) fn line(text: impl Into<String>) -> Self {
        AtAnswer::Lines(vec![text.into()])
    }
}

/// What a command does, besides answering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CommandResult {
    /// The answer.
    pub(crate) said: AtAnswer,
    /// How long it takes.
    pub(crate) after: Duration,
    /// Lines that come unasked, so long after the answer.
    pub(crate) later: Vec<(Duration, String)>,
    /// What becomes of the stick.
    pub(crate) then: AtEffect,
}

impl From<AtAnswer> for CommandResult {
    fn from(said: AtAnswer) -> Self {
        CommandResult { said, after: Duration::ZERO, later: Vec::new(), then: AtEffect::Nothing }
    }
}

impl CommandResult {
    pub(crate) fn later(mut self, after: Duration, line: impl Into<String>) -> Self {
        self.later.push((after, line.into()));
        self
    }

    pub(crate) fn after(mut self, time: Duration) -> Self {
        self.after = time;
        self
    }
}

pub(crate) type Handler = fn(&mut Call<'_>) -> CommandResult;

/// Which firmware knows a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Knows {
    Every,
    Lte,
    Umts,
}

/// What follows `AT`: a whole command, or, when it ends with `=`, one with arguments.
pub(crate) type CommandRow = (&'static str, Knows, Handler);
