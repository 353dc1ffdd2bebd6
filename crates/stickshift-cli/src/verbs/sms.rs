//! `stickshift sms`: short messages, over AT, HiLink or MBIM.

use std::io::{self, Write};

use clap::{Args, Subcommand};
use jiff::Timestamp;
use jiff::tz::Offset;
use serde::Serialize;
use stickshift::clean;
use stickshift::error::{Detail, ErrorKind, Result};
use stickshift::hex;
use stickshift::modem::{Draft, EntryKind, MessageId, MessageList, ShortMessage, SkippedStore, Submission};
use stickshift::wire::pdu::date_and_time;

use crate::context::Context;
use crate::output::Report;
use crate::output::json::Outcome;
use crate::way_in::{WayInArgs, tell_second_look, tell_unseen};

/// Read, send and delete SMS messages.
#[derive(Args, Debug)]
pub(crate) struct SmsArgs {
    #[command(subcommand)]
    verb: SmsVerb,
    #[command(flatten)]
    way_in: WayInArgs,
}

#[derive(Debug, Subcommand)]
enum SmsVerb {
    /// List what all message stores hold, oldest first; long messages are reassembled
    List,
    /// Show a message by its number in the list
    Read {
        /// Message number, with its store where the list shows one: SM:3
        #[arg(value_name = "N")]
        id: MessageId,
    },
    /// Show messages as they are stored, in hexadecimal (PDUs)
    Raw {
        /// Message numbers, as in the list [default: all]
        #[arg(value_name = "N")]
        ids: Vec<MessageId>,
    },
    /// Send a message; a long text is split
    Send {
        /// Recipient, with + and country code
        #[arg(value_name = "NUMBER")]
        to: String,
        /// Text
        #[arg(value_name = "TEXT")]
        text: String,
    },
    /// Delete messages by their numbers in the list
    Delete {
        /// Message numbers, as in the list; all parts of a long message are deleted
        #[arg(value_name = "N", required = true)]
        ids: Vec<MessageId>,
    },
}

const ORDER: &str =
    "the number comes first, then the text in quotes: `stickshift sms send +12345678901 'On my way'`";

pub(crate) fn run(context: &mut Context, args: SmsArgs) -> Result<()> {
    let mut link = args.way_in.open(context)?;
    let mut modem = args.way_in.modem(context, &mut link)?;
    match args.verb {
        SmsVerb::List => {
            context.output.outcome_is(Outcome::Untouched);
            context.output.finish(&Messages(modem.messages()?));
        }
        SmsVerb::Read { id } => {
            context.output.outcome_is(Outcome::Untouched);
            let message = modem.read_message(&id)?;
            let named = id.store.is_some();
            context.output.finish(&One { message, named });
        }
        SmsVerb::Raw { ids } => {
            context.output.outcome_is(Outcome::Untouched);
            let list = modem.raw_messages(&ids)?;
            context.output.finish(&Raw::of(list));
        }
        SmsVerb::Send { to, text } => {
            let now = Timestamp::now();
            let date = date_and_time(Offset::UTC.to_datetime(now), ' ');
            let draft = Draft { to: &to, text: &text, mark: now.as_second() as u8, date: &date };
            let sent = modem.send_message(draft).map_err(|e| match e.is(ErrorKind::Usage) {
                true if e.facts().is_empty() => e.detail(Detail::NextStep(ORDER)),
                _ => e,
            })?;
            tell_second_look(context, &modem);
            tell_unseen(context, sent.shown);
            context.output.finish(&Sent(sent));
        }
        SmsVerb::Delete { mut ids } => {
            let mut seen = Vec::new();
            ids.retain(|id| {
                !seen.contains(id) && {
                    seen.push(id.clone());
                    true
                }
            });
            let outcome = modem.delete_messages(&ids)?;
            tell_second_look(context, &modem);
            tell_unseen(context, !outcome.unseen);
            context.output.finish(&Deleted { deleted: ids });
        }
    }
    Ok(())
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Messages(MessageList);

impl Report for Messages {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let list = &self.0;
        let named = list.numbers_need_stores();
        list.messages.iter().try_for_each(|m| show(m, named, out))?;
        if list.messages.is_empty() {
            let stores = list.stores.join(", ");
            match list.skipped.is_empty() {
                true => writeln!(out, "no messages")?,
                false => writeln!(out, "no messages in {}", clean::line(&stores))?,
            }
        }
        list.skipped.iter().try_for_each(|skipped| {
            writeln!(out, "({}: {})", clean::line(&skipped.store), clean::line(&skipped.reason))
        })
    }

    fn shows_whole_texts(&self) -> bool {
        true
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct One {
    #[serde(flatten)]
    message: ShortMessage,
    #[serde(skip)]
    named: bool,
}

impl Report for One {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        show(&self.message, self.named, out)
    }

    fn shows_whole_texts(&self) -> bool {
        true
    }
}

fn name(message: &ShortMessage, named: bool) -> String {
    match message.id(named) {
        Some(id) => id.to_string(),
        None if named => format!("{}:?", message.store),
        None => "?".to_owned(),
    }
}

fn show(message: &ShortMessage, named: bool, out: &mut dyn Write) -> io::Result<()> {
    let id = name(message, named);
    write!(out, "{}  ", clean::line(&id))?;
    if message.kind == EntryKind::Undecodable {
        let octets: usize = message.pdus.iter().map(Vec::len).sum();
        writeln!(out, "cannot be decoded ({octets} bytes; `stickshift sms raw` shows them)")?;
        return text(message, out);
    }
    let clock = if message.clock.is_empty() { "no time" } else { &message.clock };
    let to = message.to.as_deref().unwrap_or_default();
    let who = match message.kind {
        EntryKind::Sent => format!("to {to}, sent"),
        EntryKind::Draft => format!("to {to}, draft"),
        EntryKind::Failed => format!("to {to}, could not be sent"),
        EntryKind::Report => format!("delivery report for {to}"),
        _ => message.from.clone().unwrap_or_default(),
    };
    let new = if message.read == Some(false) { ", new" } else { "" };
    writeln!(out, "{}  {}{new}", clean::line(clock), clean::line(&who))?;
    if let Some(report) = &message.report {
        let reason = report.reason.filter(|reason| *reason != report.outcome);
        let reason = reason.map(|reason| format!(", {reason}")).unwrap_or_default();
        let ended = report.ended.as_ref().map(|ended| format!(", {}", ended.replacen('T', " ", 1)));
        writeln!(out, "    {}{reason}{}", report.outcome, ended.unwrap_or_default())?;
    }
    text(message, out)?;
    if message.eight_bit {
        writeln!(out, "    (sent as 8-bit data)")?;
    }
    if let Some(data) = &message.data {
        writeln!(out, "    ({}, {} bytes)", data.what, data.hex.len() / 2)?;
    }
    match message.missing_parts {
        0 => Ok(()),
        1 => writeln!(out, "    (1 part has not come)"),
        missing => writeln!(out, "    ({missing} parts have not come)"),
    }
}

fn text(message: &ShortMessage, out: &mut dyn Write) -> io::Result<()> {
    let mut lines = message.text.as_deref().unwrap_or_default().lines();
    lines.try_for_each(|line| writeln!(out, "    {}", clean::line(line)))
}

/// One part as it is stored.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct RawPart {
    store: String,
    number: Option<u32>,
    pdu: String,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Raw {
    pdus: Vec<RawPart>,
    skipped: Vec<SkippedStore>,
}

impl Raw {
    fn of(list: MessageList) -> Raw {
        let parts = list.messages.into_iter().flat_map(|message| {
            let mut places = message.places.into_iter();
            message.pdus.into_iter().map(move |pdu| {
                let place = places.next();
                let number = place.as_ref().map(|place| place.number);
                let store = place.map_or_else(|| message.store.clone(), |place| place.store);
                RawPart { store, number, pdu: hex::encode_upper(&pdu) }
            })
        });
        Raw { pdus: parts.collect(), skipped: list.skipped }
    }
}

impl Report for Raw {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        for part in &self.pdus {
            let number = part.number.map_or_else(|| "?".to_owned(), |number| number.to_string());
            let store = if part.store.is_empty() { String::new() } else { format!("{}:", part.store) };
            let pdu = if part.pdu.is_empty() { "(nothing)" } else { &part.pdu };
            writeln!(out, "{}{number}  {pdu}", clean::line(&store))?;
        }
        self.skipped.iter().try_for_each(|skipped| {
            writeln!(out, "({}: {})", clean::line(&skipped.store), clean::line(&skipped.reason))
        })
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Sent(Submission);

impl Report for Sent {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        match self.0.parts {
            _ if !self.0.shown => writeln!(out, "handed to the stick"),
            Some(n) if n > 1 => writeln!(out, "sent in {n} parts"),
            _ => writeln!(out, "sent"),
        }
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Deleted {
    deleted: Vec<MessageId>,
}

impl Report for Deleted {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "deleted {}", self.deleted.len())
    }
}

#[cfg(test)]
pub(crate) fn shapes(shapes: &mut crate::output::schema::Shapes) {
    shapes.result::<Messages>("sms list");
    shapes.result::<One>("sms read");
    shapes.result::<Raw>("sms raw");
    shapes.result::<Sent>("sms send");
    shapes.result::<Deleted>("sms delete");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strangers_text_does_not_reach_the_terminal_raw() {
        let message = ShortMessage {
            number: Some(1),
            missing_parts: 1,
            from: Some("+1".into()),
            clock: "d".into(),
            read: Some(false),
            text: Some("a\u{1b}[31m\nb".into()),
            ..ShortMessage::default()
        };
        let mut text = Vec::new();
        show(&message, false, &mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert_eq!(text, "1  d  +1, new\n    a\\u{1b}[31m\n    b\n    (1 part has not come)\n");
    }
}
