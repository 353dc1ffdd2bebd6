//! One stick, served in a thread by the code that serves one alone: its output is heard, its question is answered by the plan that was
//! agreed to.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::mpsc::Sender;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;
use stickshift::convert::journal::Secret;
use stickshift::error::{Error, ErrorKind, Result, Verdict};
use stickshift::event::Cancel;
use stickshift::stick::Place;
#[cfg(feature = "virtual")]
use stickshift_emu::computer::Participant;

use super::line::{Job, Line, Phase};
use crate::advice::Attempt;
use crate::config;
use crate::context::Context;
use crate::options::Global;
use crate::overlays;
#[cfg(feature = "virtual")]
use crate::virtual_option::Played;

/// As much as a program's first thread has on small systems, and plenty.
pub(super) const STACK: usize = 2 << 20;

/// What a stick's thread says.
pub(super) enum Said {
    /// A line of `--json`.
    Line(Place, Value),
    Ended(Box<Ended>),
}

pub(super) struct Ended {
    pub(super) job: Job,
    pub(super) planned: Option<Planned>,
}

/// The plan of a stick.
pub(super) struct Planned(pub(super) Value);

/// What all threads share.
pub(super) struct Around<'a> {
    line: &'a Line<'a>,
    pub(super) phase: Phase,
    secret: &'a Secret,
    global: Global,
    cancel: Cancel,
    command_line: fn() -> clap::Command,
    #[cfg(feature = "virtual")]
    played: Option<Played>,
}

impl<'a> Around<'a> {
    pub(super) fn of(
        context: &Context,
        line: &'a Line<'a>,
        phase: Phase,
        secret: &'a Secret,
    ) -> Result<Around<'a>> {
        // What is said in words is said of all of them.
        let mut global =
            Global { json: true, texts: false, quiet: false, verbose: 0, ..context.global.clone() };
        #[cfg(feature = "virtual")]
        {
            global.virtual_sticks.fault = None;
        }
        // The plan was agreed to, or yes was said to any.
        global.yes &= phase == Phase::Carry;
        Ok(Around {
            line,
            phase,
            secret,
            global,
            cancel: context.cancel.clone(),
            command_line: context.command_line,
            #[cfg(feature = "virtual")]
            played: context.opener.computer()?,
        })
    }

    #[cfg(feature = "virtual")]
    pub(super) fn participant(&self) -> Option<Participant> {
        self.played.as_ref().map(|played| played.bus.participant())
    }

    #[cfg(not(feature = "virtual"))]
    pub(super) fn participant(&self) {}

    fn context(&self, place: &Place) -> Context {
        let config = config::load(&overlays::root());
        let context = Context::new(self.global.clone(), self.cancel.clone(), self.command_line, config);
        #[cfg(feature = "virtual")]
        context.opener.share(self.played.as_ref().map(|played| played.only(place)));
        let tried = Attempt { verb: self.line.verb, work: self.line.work, ..Attempt::default() };
        context.output.tries(self.line.verb.to_owned(), tried);
        let _ = place;
        context
    }
}

/// The next stick that waits.
pub(super) fn next(queue: &Mutex<VecDeque<Job>>) -> Option<Job> {
    queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
}

/// Serves one stick from its first question to its row.
pub(super) fn one(around: &Around<'_>, mut job: Job, sender: &Sender<Said>) {
    let line = around.line;
    let place = job.stick.place.clone();
    let mut context = around.context(&place);
    let last = Rc::new(RefCell::new(Value::Null));
    let plan = Rc::new(RefCell::new(Value::Null));
    let (heard, seen, said, at) = (Rc::clone(&last), Rc::clone(&plan), sender.clone(), place.clone());
    context.output.listen(Box::new(move |value: &Value| {
        match value["event"].as_str() {
            Some("result" | "error") => drop(heard.replace(value.clone())),
            Some("plan") => drop(seen.replace(value["plan"].clone())),
            // A receiver that is gone is a program that ends.
            _ => drop(said.send(Said::Line(at.clone(), value.clone()))),
        }
    }));
    if !around.global.yes {
        let (agreed, now) = (job.plan.clone(), Rc::clone(&plan));
        context.approve = Some(Box::new(move || agreed.as_ref() == Some(&*now.borrow())));
    }
    let bus = context.bus();
    let now = || bus.as_ref().map(|bus| bus.now()).unwrap_or_default();
    let began = now();
    let mut planned = None;
    if around.phase == Phase::Plan && is_there_already(around, &context, &mut job) {
        return drop(sender.send(Said::Ended(Box::new(Ended { job, planned }))));
    }
    if around.phase == Phase::Carry && (line.resumes)(&context, &place) {
        job.row.resumes();
    }
    let outcome = match around.cancel.is_cancelled() {
        true => Err(Error::new(ErrorKind::Interrupted, "not begun: stopped on request")
            .with_verdict(Verdict::Untouched)),
        false => (line.run)(&mut context, &place, around.phase),
    };
    // To plan is to ask what the stick is, and no more.
    let outcome = match around.phase {
        Phase::Plan => outcome.map_err(|e| e.verdict_if_unset(Verdict::Untouched)),
        Phase::Carry => outcome,
    };
    context.output.way_is(context.opener.way());
    match outcome {
        Ok(()) => context.output.end(context.exit),
        Err(error) => drop(context.output.error(&error)),
    }
    let took = now().saturating_sub(began);
    let last = last.take();
    if around.phase == Phase::Plan && last["event"] == "result" {
        planned = Some(Planned(last["result"].clone()));
    } else {
        let shows = context.bus().and_then(|mut bus| bus.device(&place)).ok();
        let shows = shows.map(|stick| stick.map_or("nothing", |stick| stick.mode.code()).to_owned());
        job.row.end(&last, (line.told)(&last["result"]), shows, took, line.gives_loader);
    }
    drop(sender.send(Said::Ended(Box::new(Ended { job, planned }))));
}

/// Asks the stick what it is; whether it is what it is to become.
fn is_there_already(around: &Around<'_>, context: &Context, job: &mut Job) -> bool {
    let line = around.line;
    let Some(identity) = (line.ask)(context, &job.stick) else { return false };
    job.row.identify(&identity, around.secret);
    job.row.is_called(context.name_of(&job.stick, identity.imei.as_deref()));
    let done = (line.is_done)(&identity);
    if done {
        job.row.is_there_already();
        (line.is_over)(&job.stick.place, &identity);
    }
    done
}
