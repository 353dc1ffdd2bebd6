//! `stickshift sms`: short messages, over AT or HiLink.

use std::io::{self, Write};

use clap::{Args, Subcommand};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use stickshift::clean;
use stickshift::error::Result;
use stickshift::modem::{Draft, ShortMessage, Submission};

use crate::context::Context;
use crate::output::Report;
use crate::way_in::{WayInArgs, tell_second_look};

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
    /// List received messages; long ones are reassembled
    List,
    /// Show a message by its number in the list
    Read {
        /// Message number
        #[arg(value_name = "N")]
        number: u32,
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
        /// Message numbers; all parts of a long message are deleted
        #[arg(value_name = "N", required = true)]
        numbers: Vec<u32>,
    },
}

pub(crate) fn run(context: &mut Context, args: SmsArgs) -> Result<()> {
    let mut link = args.way_in.open(context)?;
    let mut modem = args.way_in.modem(context, &mut link)?;
    match args.verb {
        SmsVerb::List => context.output.finish(&Messages { messages: modem.messages()? }),
        SmsVerb::Read { number } => context.output.finish(&One(modem.read_message(number)?)),
        SmsVerb::Send { to, text } => {
            let now = Timestamp::now();
            // Not strftime: it is 50 KB of program.
            let utc = TimeZone::UTC.to_datetime(now);
            let date = format!("{} {:.0}", utc.date(), utc.time());
            let draft = Draft { to: &to, text: &text, mark: now.as_second() as u8, date: &date };
            let sent = modem.send_message(draft)?;
            tell_second_look(context, &modem);
            context.output.finish(&Sent(sent));
        }
        SmsVerb::Delete { numbers } => {
            modem.delete_messages(&numbers)?;
            tell_second_look(context, &modem);
            context.output.finish(&Deleted { deleted: numbers });
        }
    }
    Ok(())
}

#[derive(Serialize)]
struct Messages {
    messages: Vec<ShortMessage>,
}

#[derive(Serialize)]
struct One(ShortMessage);

impl Report for Messages {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.messages.is_empty() {
            return writeln!(out, "no messages");
        }
        self.messages.iter().try_for_each(|m| show(m, out))
    }

    fn shows_whole_texts(&self) -> bool {
        true
    }
}

impl Report for One {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        show(&self.0, out)
    }

    fn shows_whole_texts(&self) -> bool {
        true
    }
}

fn show(message: &ShortMessage, out: &mut dyn Write) -> io::Result<()> {
    let new = if message.read { "" } else { ", new" };
    let date = message.date.replacen('T', " ", 1);
    writeln!(out, "{}  {}  {}{new}", message.number, clean::line(&date), clean::line(&message.from))?;
    for line in message.text.lines() {
        writeln!(out, "    {}", clean::line(line))?;
    }
    if message.missing_parts > 0 {
        writeln!(out, "    ({} parts have not come)", message.missing_parts)?;
    }
    Ok(())
}

#[derive(Serialize)]
struct Sent(Submission);

impl Report for Sent {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        match self.0.parts {
            Some(n) if n > 1 => writeln!(out, "sent in {n} parts"),
            _ => writeln!(out, "sent"),
        }
    }
}

#[derive(Serialize)]
struct Deleted {
    deleted: Vec<u32>,
}

impl Report for Deleted {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "deleted {}", self.deleted.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strangers_text_does_not_reach_the_terminal_raw() {
        let mut message = ShortMessage::default();
        (message.number, message.missing_parts) = (1, 1);
        (message.from, message.date) = ("+1".into(), "d".into());
        message.text = "a\u{1b}[31m\nb".into();
        let mut text = Vec::new();
        show(&message, &mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert_eq!(text, "1  d  +1, new\n    a\\u{1b}[31m\n    b\n    (1 parts have not come)\n");
    }
}
