//! `stickshift sms`: short messages, over AT or HiLink.

use std::io::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand};
use serde::Serialize;
use stickshift::at::{self, At};
use stickshift::clean;
use stickshift::error::{Error, ErrorKind, Result, Verdict};
use stickshift::hilink::{self, Hilink};

use crate::context::Context;
use crate::door::{self, Door, DoorArgs};
use crate::output::Report;

/// Read, send and delete short messages.
#[derive(Args, Debug)]
pub(crate) struct SmsArgs {
    #[command(subcommand)]
    verb: SmsVerb,
    #[command(flatten)]
    door: DoorArgs,
}

#[derive(Debug, Subcommand)]
enum SmsVerb {
    /// Every message that came, the parts of long ones put together
    List,
    /// One message by its number in the list
    Read {
        /// Its number
        #[arg(value_name = "N")]
        number: u32,
    },
    /// Send a text; it is cut into parts where it is long
    Send {
        /// The receiver, with + and country code
        #[arg(value_name = "NUMBER")]
        to: String,
        /// The text
        #[arg(value_name = "TEXT")]
        text: String,
    },
    /// Delete messages by their numbers in the list
    Delete {
        /// Their numbers; every part of a long message goes with its first
        #[arg(value_name = "N", required = true)]
        numbers: Vec<u32>,
    },
}

pub(crate) fn run(context: &mut Context, args: SmsArgs) -> Result<()> {
    match args.door.open(context)? {
        Door::At(mut link) => {
            let mut at = door::at(context, &mut *link)?;
            over_at(context, &mut at, args.verb)
        }
        Door::Web(mut link) => {
            let mut web = args.door.web.session(context, &mut *link)?;
            over_web(context, &mut web, args.verb)
        }
    }
}

fn over_at(context: &Context, at: &mut At<'_>, verb: SmsVerb) -> Result<()> {
    at.run(&at::sms::pdu_mode())?;
    if let SmsVerb::Send { to, text } = verb {
        let parts = at::sms::send(at, &to, &text, seconds() as u8)?.len();
        context.output.finish(&Sent { parts: Some(parts) });
        return Ok(());
    }
    let received = at::sms::received(&at.run(&at::sms::list())?);
    let number = |m: &at::sms::Received| u32::from(m.indices.first().copied().unwrap_or(0));
    match verb {
        SmsVerb::Delete { numbers } => {
            for wanted in &numbers {
                let message =
                    received.iter().find(|m| number(m) == *wanted).ok_or_else(|| no_message(*wanted))?;
                for index in &message.indices {
                    at.run(&at::sms::delete(*index))?;
                }
            }
            context.output.finish(&Deleted { deleted: numbers });
        }
        SmsVerb::List | SmsVerb::Read { .. } => {
            let messages = received.iter().map(|m| Message {
                number: number(m),
                from: m.from.clone(),
                date: m.time.to_string(),
                read: m.read,
                missing_parts: m.missing,
                text: m.text.clone(),
            });
            show(context, messages.collect(), &verb)?;
        }
        SmsVerb::Send { .. } => {}
    }
    Ok(())
}

fn over_web(context: &Context, web: &mut Hilink<'_>, verb: SmsVerb) -> Result<()> {
    use hilink::sms::{self, Folder};
    match verb {
        SmsVerb::Send { to, text } => {
            sms::send(web, &to, &text, &date(seconds()))?;
            context.output.finish(&Sent { parts: None });
        }
        SmsVerb::Delete { numbers } => {
            let there = sms::list(web, Folder::Inbox)?;
            if let Some(absent) = numbers.iter().find(|n| !there.iter().any(|m| m.index == **n)) {
                return Err(no_message(*absent));
            }
            web.call(&sms::delete(&numbers))?;
            context.output.finish(&Deleted { deleted: numbers });
        }
        SmsVerb::List | SmsVerb::Read { .. } => {
            let messages = sms::list(web, Folder::Inbox)?.into_iter().map(|m| Message {
                number: m.index,
                from: m.phone,
                date: m.date.replacen(' ', "T", 1),
                read: m.status == sms::Status::Read,
                missing_parts: 0,
                text: m.text,
            });
            show(context, messages.collect(), &verb)?;
            if let SmsVerb::Read { number } = verb {
                web.call_if_known(&sms::set_read(number))?;
            }
        }
    }
    Ok(())
}

fn show(context: &Context, mut messages: Vec<Message>, verb: &SmsVerb) -> Result<()> {
    if let SmsVerb::Read { number } = verb {
        messages.retain(|m| m.number == *number);
        let message = messages.first().ok_or_else(|| no_message(*number))?;
        context.output.finish(message);
    } else {
        context.output.finish(&Messages { messages });
    }
    Ok(())
}

fn no_message(number: u32) -> Error {
    Error::new(ErrorKind::Usage, format!("there is no message {number}")).with_verdict(Verdict::Untouched)
}

fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
}

/// `YYYY-MM-DD HH:MM:SS` of seconds since 1970, UTC.
fn date(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Years that begin in March have their leap day at the end.
    let from_0000_03_01 = days + 719_468;
    let (era, day) = (from_0000_03_01 / 146_097, from_0000_03_01 % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = era * 400 + year + carry;
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}", rest / 3600, rest / 60 % 60, rest % 60)
}

#[derive(Serialize)]
struct Messages {
    messages: Vec<Message>,
}

#[derive(Serialize)]
struct Message {
    number: u32,
    from: String,
    /// `2026-11-20T13:05:00`, with the offset from UTC where the stick tells it.
    date: String,
    read: bool,
    missing_parts: u8,
    text: String,
}

impl Report for Messages {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.messages.is_empty() {
            return writeln!(out, "no messages");
        }
        self.messages.iter().try_for_each(|m| m.text(out))
    }

    fn shows_whole_texts(&self) -> bool {
        true
    }
}

impl Report for Message {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let new = if self.read { "" } else { ", new" };
        let date = self.date.replacen('T', " ", 1);
        writeln!(out, "{}  {}  {}{new}", self.number, clean::line(&date), clean::line(&self.from))?;
        for line in self.text.lines() {
            writeln!(out, "    {}", clean::line(line))?;
        }
        if self.missing_parts > 0 {
            writeln!(out, "    ({} parts have not come)", self.missing_parts)?;
        }
        Ok(())
    }

    fn shows_whole_texts(&self) -> bool {
        true
    }
}

#[derive(Serialize)]
struct Sent {
    /// Into how many it was cut; HiLink firmware does not tell.
    parts: Option<usize>,
}

impl Report for Sent {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        match self.parts {
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
    fn dates() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00:00"),
            (951_782_400, "2000-02-29 00:00:00"),
            (1_795_179_650, "2026-11-20 13:00:50"),
            (4_107_542_399, "2100-02-28 23:59:59"),
            (4_107_542_400, "2100-03-01 00:00:00"),
        ] {
            assert_eq!(date(seconds), text);
        }
    }

    #[test]
    fn a_strangers_text_does_not_reach_the_terminal_raw() {
        let message = Message {
            number: 1,
            from: "+1".into(),
            date: "d".into(),
            read: false,
            missing_parts: 1,
            text: "a\u{1b}[31m\nb".into(),
        };
        let mut text = Vec::new();
        message.text(&mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert_eq!(text, "1  d  +1, new\n    a\\u{1b}[31m\n    b\n    (1 parts have not come)\n");
    }
}
