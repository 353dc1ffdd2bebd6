//! `stickshift ussd`: codes such as `*100#`, over AT or HiLink.

use std::io::{self, Write};

use clap::Args;
use serde::Serialize;
use stickshift::clean;
use stickshift::error::{Error, ErrorKind, Result, Verdict};
use stickshift::modem::CodeAnswer;

use crate::context::Context;
use crate::output::Report;
use crate::way_in::WayInArgs;

/// Send a USSD code such as '*100#' and print the reply.
#[derive(Args, Debug)]
pub(crate) struct UssdArgs {
    /// The code, then your answers to the network's prompts, in order
    #[arg(value_name = "CODE", required = true)]
    codes: Vec<String>,
    #[command(flatten)]
    way_in: WayInArgs,
}

pub(crate) fn run(context: &mut Context, args: UssdArgs) -> Result<()> {
    let mut link = args.way_in.open(context)?;
    let mut modem = args.way_in.modem(context, &mut link)?;
    let mut open = true;
    for code in &args.codes {
        if !open {
            let what = "the network ended the dialogue before the last reply";
            return Err(Error::new(ErrorKind::AtRefused, what).with_verdict(Verdict::Recoverable));
        }
        let answer = modem.ask_code(code)?;
        open = answer.reply_expected;
        context.output.stream("answer", &Answer(answer));
    }
    if open {
        modem.end_codes();
    }
    Ok(())
}

#[derive(Serialize)]
struct Answer(CodeAnswer);

impl Report for Answer {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        // Set apart from what is ours: a network's text may be made to look like it.
        for line in self.0.text.replace('\r', "\n").trim_end().lines() {
            writeln!(out, "    {}", clean::line(line))?;
        }
        if self.0.reply_expected { writeln!(out, "(the network waits for a reply)") } else { Ok(()) }
    }

    fn shows_whole_texts(&self) -> bool {
        true
    }
}
