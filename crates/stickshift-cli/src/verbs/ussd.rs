//! `stickshift ussd`: codes such as `*100#`, over AT or HiLink.

use std::io::{self, Write};

use clap::Args;
use serde::Serialize;
use stickshift::at::ussd::Outcome;
use stickshift::clean;
use stickshift::error::{Error, ErrorKind, Result};
use stickshift::{at, hilink};

use crate::context::Context;
use crate::door::{self, Door, DoorArgs};
use crate::output::Report;

/// Send a code such as '*100#' to the network and print its answer.
#[derive(Args, Debug)]
pub(crate) struct UssdArgs {
    /// The code, then the replies to what the network asks, in order
    #[arg(value_name = "CODE", required = true)]
    codes: Vec<String>,
    #[command(flatten)]
    door: DoorArgs,
}

pub(crate) fn run(context: &mut Context, args: UssdArgs) -> Result<()> {
    match args.door.open(context)? {
        Door::At(mut link) => {
            let mut at = door::at(context, &mut *link)?;
            for (i, code) in args.codes.iter().enumerate() {
                let reply = at::ussd::ask(&mut at, code)?;
                let open = reply.outcome == Outcome::ReplyExpected;
                match reply.outcome {
                    Outcome::NotSupported => return Err(no_answer("the network does not know this code")),
                    Outcome::TimedOut => return Err(no_answer("the network did not answer the code")),
                    Outcome::Done | Outcome::ReplyExpected | Outcome::Ended => {}
                }
                context.output.stream("answer", &Answer { text: reply.text, reply_expected: open });
                let more = i + 1 < args.codes.len();
                match (open, more) {
                    (false, true) => {
                        return Err(no_answer("the network ended the dialogue before the last reply"));
                    }
                    (true, false) => _ = at.run_if_known(&at::ussd::cancel())?,
                    _ => {}
                }
            }
        }
        Door::Web(mut link) => {
            let mut web = args.door.web.session(context, &mut *link)?;
            for code in &args.codes {
                let text = hilink::ussd::ask(&mut web, code)?;
                let open = web.call_if_known(&hilink::ussd::is_open())?.unwrap_or(false);
                context.output.stream("answer", &Answer { text, reply_expected: open });
            }
            web.call_if_known(&hilink::ussd::release())?;
        }
    }
    Ok(())
}

fn no_answer(what: &str) -> Error {
    Error::new(ErrorKind::AtRefused, what)
}

#[derive(Serialize)]
struct Answer {
    text: String,
    reply_expected: bool,
}

impl Report for Answer {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        // Set apart from what is ours: a network's text may be made to look like it.
        for line in self.text.replace('\r', "\n").trim_end().lines() {
            writeln!(out, "    {}", clean::line(line))?;
        }
        if self.reply_expected { writeln!(out, "(the network waits for a reply)") } else { Ok(()) }
    }

    fn shows_whole_texts(&self) -> bool {
        true
    }
}
