//! One entry of a message list, over either way in.

use std::fmt;
use std::str::FromStr;

use jiff::civil::DateTime;
use jiff::tz::Offset;
use serde::Serialize;

use crate::wire::pdu::{Timestamp, date_and_time};

/// What an entry is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum EntryKind {
    /// A message that came.
    #[default]
    Received,
    /// A message that was sent.
    Sent,
    /// A message that was written and not sent.
    Draft,
    /// A message that could not be sent.
    Failed,
    /// What became of a message that was sent.
    Report,
    /// Something that does not read as any of these.
    Undecodable,
}

/// Where a part of an entry is stored.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Place {
    /// `SM` is the SIM, `ME` the stick; a folder of HiLink firmware; empty where the stick does not name its store.
    pub store: String,
    /// Its number there.
    pub number: u32,
}

/// How an entry is addressed: its number, and its store where the number alone would fit several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MessageId {
    /// As in [`Place`]; compared without case.
    pub store: Option<String>,
    /// The number of the entry's first part.
    pub number: u32,
}

impl From<u32> for MessageId {
    fn from(number: u32) -> Self {
        MessageId { store: None, number }
    }
}

impl FromStr for MessageId {
    type Err = String;

    /// `3` or `SM:3`.
    fn from_str(text: &str) -> Result<MessageId, String> {
        let (store, number) = match text.split_once(':') {
            Some((store, number)) if !store.is_empty() => (Some(store.to_owned()), number),
            Some((_, number)) => (None, number),
            None => (None, text),
        };
        let number = number.parse().map_err(|_| "a message is named N or STORE:N, as in SM:3".to_owned())?;
        Ok(MessageId { store, number })
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.store {
            Some(store) => write!(f, "{store}:{}", self.number),
            None => write!(f, "{}", self.number),
        }
    }
}

/// Something for a program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DataContent {
    /// A stable word: `mms-notification`, `wap-push`, `binary`, `compressed`..
    pub kind: &'static str,
    /// The same for people.
    pub what: String,
    /// The octets, in hexadecimal.
    pub hex: String,
}

/// What became of a message that was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeliveryReport {
    /// The reference that sending it gave; HiLink firmware does not tell.
    pub reference: Option<u8>,
    /// `delivered`, `pending` or `failed`.
    pub outcome: &'static str,
    /// TP-Status, 3GPP TS 23.040 section 9.2.3.15; HiLink firmware does not tell.
    pub status: Option<u8>,
    /// Why, in words.
    pub reason: Option<&'static str>,
    /// When this came to be, as in RFC 3339.
    pub ended: Option<String>,
}

/// One entry: a message with all its parts put together, a delivery report, or something that does not decode.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ShortMessage {
    /// The number to read and delete it by, that of its first part; `None` when the stick does not say it.
    pub number: Option<u32>,
    /// As in [`Place`].
    pub store: String,
    /// What it is.
    pub kind: EntryKind,
    /// The sender of what came, an identity: `+` and digits, or a name.
    pub from: Option<String>,
    /// The receiver of what was sent, an identity.
    pub to: Option<String>,
    /// When the service centre took it, as in RFC 3339; `None` where that is not known with its offset from UTC.
    pub time: Option<String>,
    /// The same as it is stored, whatever it is; `None` where nothing is stored.
    pub time_raw: Option<String>,
    /// Whether it had been read; `None` for what did not come, and where the stick does not say it.
    pub read: Option<bool>,
    /// Parts that have not come (yet).
    pub missing_parts: u8,
    /// What it says; `None` for data and for what does not decode.
    pub text: Option<String>,
    /// That it came as 8-bit data, and the text is what these octets read as.
    pub eight_bit: bool,
    /// What it carries for a program.
    pub data: Option<DataContent>,
    /// What became of the message that it reports on.
    pub report: Option<DeliveryReport>,
    /// Where its parts are stored.
    pub places: Vec<Place>,
    /// The wall clock of its time, for people; empty where there is none.
    #[serde(skip)]
    pub clock: String,
    /// Each part as it is stored, in the order of the places; over AT only.
    #[serde(skip)]
    pub pdus: Vec<Vec<u8>>,
    /// Seconds since 1970, to order by.
    #[serde(skip)]
    pub seconds: Option<i64>,
}

impl ShortMessage {
    /// How it is addressed: with its store where `named`.
    pub fn id(&self, named: bool) -> Option<MessageId> {
        let store = (named && !self.store.is_empty()).then(|| self.store.clone());
        self.number.map(|number| MessageId { store, number })
    }

    pub(super) fn is(&self, id: &MessageId) -> bool {
        let same = |store: &String| store.eq_ignore_ascii_case(&self.store);
        self.number == Some(id.number) && id.store.as_ref().is_none_or(same)
    }

    /// Stamps it with the time of its first part.
    pub(super) fn stamp(&mut self, time: Timestamp) {
        self.time = time.rfc3339();
        self.time_raw = Some(time.to_string());
        self.seconds = time.seconds();
        self.clock = match (&self.time, time.local()) {
            (Some(time), _) => time.replacen('T', " ", 1),
            (None, Some(local)) => format!("{} (time zone unknown)", date_and_time(local, ' ')),
            (None, None) if time.is_blank() => String::new(),
            (None, None) => format!("no time (stored as {time})"),
        };
    }

    /// Stamps it with what HiLink firmware says, the stick's local time.
    pub(super) fn stamp_text(&mut self, date: &str) {
        let local = wall_clock(date.trim());
        self.seconds = local.and_then(|local| Some(Offset::UTC.to_timestamp(local).ok()?.as_second()));
        self.time_raw = (!date.is_empty()).then(|| date.to_owned());
        self.clock = match (self.seconds, date.trim()) {
            (Some(_), date) => date.to_owned(),
            (None, "") => String::new(),
            (None, date) => format!("no time (stored as {date})"),
        };
    }
}

/// `YYYY-MM-DD HH:MM:SS`.
fn wall_clock(text: &str) -> Option<DateTime> {
    let (date, time) = text.split_once([' ', 'T'])?;
    let mut date = date.split('-');
    let mut time = time.split(':');
    let next = |fields: &mut std::str::Split<'_, char>| fields.next()?.parse::<i8>().ok();
    let year = date.next()?.parse().ok()?;
    let (month, day) = (next(&mut date)?, next(&mut date)?);
    let (hour, minute, second) = (next(&mut time)?, next(&mut time)?, next(&mut time)?);
    DateTime::new(year, month, day, hour, minute, second, 0).ok()
}

/// Oldest first; what has no time follows, in the order of its place.
pub(super) fn order(entries: &mut [ShortMessage]) {
    entries.sort_by_key(|entry| (entry.seconds.is_none(), entry.seconds));
}
