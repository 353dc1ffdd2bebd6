//! `--all`: one verb for every stick that is plugged in. Each stick is served by the same code as one alone, in a thread of its own; the
//! whole plan is shown and agreed to once, no failure stops the others, and what was done is kept until all of it is.

mod line;
mod plans;
mod record;
mod report;
mod row;
mod screen;
mod serve;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::thread;

use clap::Args;
use stickshift::error::{Error, ErrorKind, Result, Verdict, counted};

use crate::context::Context;
use crate::hosted;
use crate::output::json::Outcome;
use line::Job;
pub(crate) use line::{Line, Phase};
use plans::Plans;
use record::Record;
#[cfg(feature = "host")]
pub(crate) use report::{check_report, write_report};
use row::Row;
#[cfg(feature = "host")]
pub(crate) use row::Rows;
#[cfg(not(feature = "host"))]
use row::Rows;
use screen::Screen;
use serve::{Ended, Planned, Said};

/// One verb for every stick.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct RackArgs {
    /// Every stick that is plugged in; run the same command again after an interruption, and the rest is done
    #[arg(long, conflicts_with = "stick", help_heading = "Several sticks")]
    pub(crate) all: bool,

    /// Work on N sticks at the same time [default: on all]
    #[arg(long, value_name = "N", requires = "all", help_heading = "Several sticks")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=120))]
    jobs: Option<u16>,

    /// Write a row per stick to FILE, which ends in .csv or .json
    #[arg(long, value_name = "FILE", requires = "all", value_parser = report_file, help_heading = "Several sticks")]
    report: Option<PathBuf>,

    /// Forget what an earlier run of the same command did
    #[arg(long, requires = "all", help_heading = "Several sticks")]
    anew: bool,

    /// A place whose stick another command of the same server talks to; `serve` itself says so
    #[arg(long, value_name = "PLACE", requires = "all", hide = true)]
    in_use: Vec<String>,
}

impl RackArgs {
    /// Whether it is done to every stick. clap lets options without `--all` pass where a stick is named: both cannot be given.
    ///
    /// # Errors
    /// `Usage` for options of `--all` without it.
    pub(crate) fn means_all(&self) -> Result<bool> {
        let given =
            [("--jobs", self.jobs.is_some()), ("--report", self.report.is_some()), ("--anew", self.anew)];
        match given.iter().find(|(_, given)| *given && !self.all) {
            Some((name, _)) => {
                let what =
                    format!("{name} is for --all: leave it out, or the name of the stick, and add --all");
                Err(Error::new(ErrorKind::Usage, what).with_verdict(Verdict::Untouched))
            }
            None => Ok(self.all),
        }
    }
}

fn report_file(text: &str) -> std::result::Result<PathBuf, String> {
    match Path::new(text).extension().and_then(|ending| ending.to_str()) {
        Some("csv" | "json") => Ok(PathBuf::from(text)),
        _ => Err("its name ends in .csv or .json".to_owned()),
    }
}

/// Runs the verb for every stick.
///
/// # Errors
/// `Usage`, `NoStick`, `ConsentNeeded`, what the bus and the files report. What happens to a stick is in its row.
pub(crate) fn run(context: &mut Context, args: &RackArgs, dry_run: bool, line: &Line<'_>) -> Result<()> {
    if context.stick_word.is_some() {
        return Err(Error::new(ErrorKind::Usage, "--all means every stick: name none"));
    }
    if context.global.trace.is_some() {
        return Err(Error::new(ErrorKind::Usage, "a trace is of one stick: run --trace with one of them"));
    }
    if let Some(path) = &args.report {
        report::check_report(path, context.global.force)?;
    }
    let mut bus = context.bus()?;
    let mut record = Record::open(&context.journal_folder(), line.verb, &line.key, args.anew)?;
    let (sticks, others): (Vec<_>, Vec<_>) = bus.sticks()?.into_iter().partition(|stick| (line.wants)(stick));
    drop(bus);
    let is_in_use = |stick: &stickshift::stick::Stick| args.in_use.contains(&stick.place.to_string());
    let (in_use, sticks): (Vec<_>, Vec<_>) = sticks.into_iter().partition(is_in_use);
    if sticks.is_empty() && in_use.is_empty() {
        let error = Error::new(ErrorKind::NoStick, "no stick is plugged in that this could be done to")
            .with_verdict(Verdict::Untouched);
        record.rows.retain(Row::is_in_the_middle);
        return Err(match record.rows.as_slice() {
            [] => error,
            left => error.with("left-in-the-middle", row::names(left)),
        });
    }
    let all = args.jobs.map_or(sticks.len(), usize::from);
    let row = |stick: &stickshift::stick::Stick| {
        let mut row = Row::of(stick, context.name_of(stick, None));
        row.was_left(&record.rows);
        row
    };
    let job = |stick: stickshift::stick::Stick| Job { row: row(&stick), stick, plan: None };
    let jobs: Vec<Job> = sticks.into_iter().map(job).collect();
    let screen = Screen::new(context, jobs.len());
    let around = serve::Around::of(context, line, Phase::Plan, &record.secret)?;
    let jobs = each(context, &around, jobs, all, &screen, |_| Ok(()))?;
    screen.clear();

    let (mut rows, mut left) = (Rows::default(), Vec::new());
    for stick in in_use {
        rows.add(row(&stick).left_alone());
    }
    for job in jobs {
        match (&job.plan, job.row.is_finished()) {
            (Some(_), false) => left.push(job),
            _ => rows.add(job.row),
        }
    }
    let others: Vec<String> = others.iter().map(|stick| stick.place.to_string()).collect();
    rows.remember(std::mem::take(&mut record.rows), left.iter().map(|job| &job.row), &others);
    let plans = Plans::of(left.iter().filter_map(|job| Some((&job.stick.place, job.plan.as_ref()?))));
    if dry_run {
        context.output.outcome_is(Outcome::Untouched);
        context.output.finish(&plans);
        rows.all().for_each(|row| context.output.stream("row", row));
        context.exit = rows.exit();
        return Ok(());
    }
    rows.all().for_each(|row| context.output.stream("row", row));
    // A file that cannot be written stops no stick, and takes no verdict away.
    let mut kept = Ok(());
    if !left.is_empty() {
        context.output.interim("plans", &plans);
        let as_left = rows.as_left(left.iter().map(|job| &job.row));
        let as_left = |e: Error| match as_left {
            Some(verdict) => e.with_verdict(verdict),
            None => e,
        };
        context.confirm(&format!("Proceed with {}?", counted(left.len(), "stick"))).map_err(as_left)?;
        left.iter().for_each(|job| rows.add(job.row.begun()));
        record.keep(rows.known()).map_err(as_left)?;
        let _awake = crate::undisturbed::awake(context);
        let screen = Screen::new(context, left.len());
        let around = serve::Around::of(context, line, Phase::Carry, &record.secret).map_err(as_left)?;
        kept = each(context, &around, left, all, &screen, |job| {
            screen.row(context, &job.row);
            rows.add(job.row.clone());
            record.keep(rows.known()).and(report(args, &rows))
        })
        .map(drop);
        screen.clear();
    }
    kept = kept.and(record.end(&rows)).and(report(args, &rows));
    context.exit = rows.exit();
    context.output.outcome_is(rows.outcome());
    context.output.finish(&rows);
    kept.map_err(|e| e.with_verdict(rows.verdict()))
}

fn report(args: &RackArgs, rows: &Rows) -> Result<()> {
    args.report.as_deref().map_or(Ok(()), |path| report::write_report(path, rows))
}

/// Serves every stick, `most` at the same time, and gives them back in the order of their places. `ended` is told of each at once.
fn each(
    context: &Context,
    around: &serve::Around<'_>,
    jobs: Vec<Job>,
    most: usize,
    screen: &Screen,
    mut ended: impl FnMut(&Job) -> Result<()>,
) -> Result<Vec<Job>> {
    let most = most.clamp(1, jobs.len().max(1));
    let queue = Mutex::new(VecDeque::from_iter(jobs));
    let (sender, receiver) = channel();
    let mut all = Vec::new();
    let mut first = Ok(());
    thread::scope(|scope| {
        // Counted before the first one works: no clock of a virtual computer runs ahead of a thread that is not there yet.
        let present: Vec<_> = (0..most).map(|_| around.participant()).collect();
        for present in present {
            let (queue, sender) = (&queue, sender.clone());
            let secrets = hosted::secrets();
            let work = move || {
                // It is there until the thread ends.
                let _ = &present;
                while let Some(job) = serve::next(queue) {
                    serve::one(around, job, &sender);
                }
            };
            let body = move || hosted::of_thread(secrets, work);
            if let Err(error) = thread::Builder::new().stack_size(serve::STACK).spawn_scoped(scope, body) {
                first = Err(Error::new(ErrorKind::Io, "cannot start a thread").because(error));
            }
        }
        drop(sender);
        for said in receiver {
            match said {
                Said::Line(place, value) => {
                    if value["event"] == "progress" {
                        context.counts_to_ctrl_c();
                    }
                    screen.line(context, around.phase, &place, &value);
                }
                Said::Ended(ended_now) => {
                    let Ended { mut job, planned } = *ended_now;
                    if let Some(Planned(plan)) = planned {
                        job.plan = Some(plan);
                    }
                    if let (Err(error), Ok(())) = (ended(&job), &first) {
                        first = Err(error);
                    }
                    all.push(job);
                }
            }
        }
    });
    // Threads that could not start leave their sticks to the others; without any, nobody was served.
    for mut job in queue.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
        job.row.is_not_begun();
        first = first.and(ended(&job));
        all.push(job);
    }
    first?;
    all.sort_by(|a, b| a.stick.place.cmp(&b.stick.place));
    Ok(all)
}

/// What tells a command from others, as a name of a file: its words, and its files by their headers.
pub(crate) fn key(words: &[&str], files: &[stickshift::convert::FirmwareFile]) -> String {
    let records: Vec<String> = files.iter().map(|file| file.record().headers).collect();
    format!("{} {}", words.join(" "), records.join(" "))
}

#[cfg(test)]
pub(crate) fn shapes(shapes: &mut crate::output::schema::Shapes, verb: &'static str) {
    shapes.result::<Rows>(verb);
    shapes.result::<Plans>(verb);
    shapes.event::<Row>(verb, "row");
    shapes.event::<Plans>(verb, "plans");
    shapes.event::<screen::StickLine>(verb, "stick");
}
