//! `stickshift ussd`: codes such as `*100#`, over AT, HiLink or MBIM.

use std::io::{self, BufRead, IsTerminal, Write};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use stickshift::clean;
use stickshift::error::{Detail, Error, ErrorKind, Result, Verdict};
use stickshift::modem::{CodeAnswer, CodeForm, check_code, check_reply};

use crate::context::Context;
use crate::output::Report;
use crate::stick_word;
use crate::way_in::WayInArgs;

/// How long it takes at most until Ctrl-C is noticed while a reply is being typed.
const SOON: Duration = Duration::from_millis(100);

/// Send a USSD code such as '*100#' and print the reply.
///
/// Where the network asks back, replies come from the command line, then from the terminal or, line by line, from standard input. An empty
/// reply, the end of the input or Ctrl-C ends the dialogue.
#[derive(Args, Debug)]
pub(crate) struct UssdArgs {
    /// The code, then your answers to the network's prompts, in order; a USB port path at the end is the stick's
    #[arg(value_name = "CODE", required = true)]
    codes: Vec<String>,
    /// Send codes in this form only: packed, plain or ucs2 (default: that of the stick's maker, then the other of the first two)
    #[arg(long, value_name = "FORM")]
    coding: Option<CodeForm>,
    #[command(flatten)]
    way_in: WayInArgs,
}

pub(crate) fn run(context: &mut Context, mut args: UssdArgs) -> Result<()> {
    let named =
        args.way_in.port.stick.is_some() || args.way_in.port.port.is_some() || args.way_in.web.url.is_some();
    if let Some(stick) = stick_word::split_off(&mut args.codes, named)? {
        args.way_in.port.stick = Some(stick);
    }
    let Some((code, replies)) = args.codes.split_first() else {
        return Err(Error::new(ErrorKind::Usage, "a stick is named, and no code"));
    };
    // All of them, before the first one goes out.
    check_code(code)?;
    replies.iter().try_for_each(|reply| check_reply(reply))?;
    let mut link = args.way_in.open(context)?;
    let mut modem = args.way_in.modem(context, &mut link)?;
    if let Some(form) = args.coding {
        modem.set_code_form(form)?;
    }
    let mut given = args.codes.into_iter();
    let mut typed = None;
    let mut told = Answers::default();
    let mut open = true;
    let mut first = true;
    loop {
        let code = match given.next() {
            Some(_) if !open => return Err(not_asked_for(given.len() + 1)),
            Some(code) => code,
            None if !open => return Ok(()),
            // Nobody sits at the terminal of this run.
            None if context.approve.is_some() => break,
            None => match typed.get_or_insert_with(Replies::read).next(context) {
                Some(reply) => reply,
                None => break,
            },
        };
        match modem.ask_code(&code) {
            Ok(answer) => {
                open = answer.reply_expected;
                let answer = Answer(answer);
                context.output.stream("answer", &answer);
                told.answers.push(answer);
                context.output.sum_up(&told);
            }
            // The first answers were given, and are no longer in doubt; what this reply did is.
            Err(e) if first => return Err(e),
            Err(e) => return Err(e.with("reply", "the last one")),
        }
        first = false;
    }
    modem.end_codes();
    if context.cancel.is_cancelled() {
        let what = "stopped on request; the dialogue with the network was ended";
        return Err(Error::new(ErrorKind::Interrupted, what).with_verdict(Verdict::Recoverable));
    }
    Ok(())
}

/// The network has answered, and there are replies left.
fn not_asked_for(left: usize) -> Error {
    let what = match left {
        1 => "the network asks nothing more: the last reply was not sent".to_owned(),
        left => format!("the network asks nothing more: the last {left} replies were not sent"),
    };
    let cause =
        "its dialogue was over with the answer that is shown: more replies were typed than it asks for";
    let next = "`stickshift ussd CODE` without replies shows what the network asks, step by step";
    let error = Error::new(ErrorKind::Usage, what).because(Error::new(ErrorKind::Usage, cause));
    error.detail(Detail::NextStep(next)).with_verdict(Verdict::Recoverable)
}

/// Replies that are typed, or come from another program.
struct Replies {
    lines: Receiver<String>,
}

impl Replies {
    /// Reads standard input in a thread of its own: nothing ends a read there, and Ctrl-C must not wait for one.
    fn read() -> Replies {
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in io::stdin().lock().lines() {
                let Ok(line) = line else { break };
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Replies { lines }
    }

    /// The next reply; `None` when there is none any more, or the user asked to stop.
    fn next(&self, context: &Context) -> Option<String> {
        if io::stdin().is_terminal() && io::stderr().is_terminal() {
            let _ = write!(io::stderr(), "reply (empty to end): ");
            let _ = io::stderr().flush();
        }
        loop {
            if context.cancel.is_cancelled() {
                return None;
            }
            match self.lines.recv_timeout(SOON) {
                Ok(line) => return Some(line.trim().to_owned()).filter(|line| !line.is_empty()),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Answer(CodeAnswer);

/// All answers of a dialogue.
#[derive(Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Answers {
    answers: Vec<Answer>,
}

impl Report for Answer {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.0.text.trim().is_empty() {
            writeln!(out, "(the network accepted the code and sent no text)")?;
        }
        // Set apart from what is ours: a network's text may be made to look like it.
        for line in self.0.text.replace("\r\n", "\n").replace('\r', "\n").trim_end().lines() {
            writeln!(out, "    {}", clean::line(line))?;
        }
        if self.0.reply_expected { writeln!(out, "(the network waits for a reply)") } else { Ok(()) }
    }

    fn shows_whole_texts(&self) -> bool {
        true
    }
}

#[cfg(test)]
pub(crate) fn shapes(shapes: &mut crate::output::schema::Shapes) {
    shapes.result::<Answers>("ussd");
    shapes.event::<Answer>("ussd", "answer");
}
