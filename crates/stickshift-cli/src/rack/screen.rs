//! Several sticks on one screen: a bar for each on a terminal, lines with its place elsewhere, lines of JSON with `--json`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde::Serialize;
use serde_json::Value;
use stickshift::clean;
use stickshift::stick::Place;

use super::line::Phase;
use super::row::Row;
use crate::context::Context;
use crate::output::Report;

/// What happens to one stick.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct StickLine<'a> {
    place: &'a str,
    /// The line that its verb prints for it alone.
    line: &'a Value,
    /// While it is planned, what matters is the plan.
    #[serde(skip)]
    phase: Phase,
}

impl Report for StickLine<'_> {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.phase == Phase::Plan {
            return Ok(());
        }
        match (self.line["event"].as_str(), self.line["text"].as_str()) {
            (Some("step"), Some(text)) => writeln!(out, "{}: {text}", self.place),
            (Some("warning"), Some(text)) => writeln!(out, "{}: warning: {text}", self.place),
            _ => Ok(()),
        }
    }
}

pub(super) struct Screen {
    /// None where there is no terminal.
    bars: Option<MultiProgress>,
    each: RefCell<BTreeMap<Place, ProgressBar>>,
    all: Option<ProgressBar>,
}

impl Screen {
    pub(super) fn new(context: &Context, sticks: usize) -> Screen {
        let shows = !context.global.json && !context.global.quiet && io::stderr().is_terminal();
        let bars = shows.then(MultiProgress::new);
        let all = bars.as_ref().map(|bars| {
            let bar = ProgressBar::new(sticks as u64).with_style(style("  {pos} of {len} sticks {elapsed}"));
            bars.add(bar)
        });
        Screen { bars, each: RefCell::default(), all }
    }

    /// A line of one stick.
    pub(super) fn line(&self, context: &Context, phase: Phase, place: &Place, line: &Value) {
        let shown = StickLine { place: place.as_str(), line, phase };
        if context.global.json {
            return context.output.interim("stick", &shown);
        }
        if phase == Phase::Plan {
            return;
        }
        let Some(bars) = &self.bars else { return context.output.interim("stick", &shown) };
        let mut each = self.each.borrow_mut();
        let bar = each.entry(place.clone()).or_insert_with(|| {
            let bar = bars.insert_from_back(1, ProgressBar::new_spinner().with_style(style(SPINNER)));
            bar.set_prefix(place.to_string());
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        match (line["event"].as_str(), line["text"].as_str()) {
            (Some("step"), Some(text)) => {
                bar.set_style(style(SPINNER));
                bar.set_message(clean::line(text).into_owned());
            }
            (Some("warning"), Some(text)) => {
                let _ = bars.println(format!("{place}: warning: {}", clean::line(text)));
            }
            (Some("progress"), _) => {
                if let (Some(done), Some(total)) = (line["done"].as_u64(), line["total"].as_u64()) {
                    bar.set_style(style(BAR));
                    bar.set_length(total);
                    bar.set_position(done);
                }
            }
            _ => {}
        }
    }

    /// What became of one stick.
    pub(super) fn row(&self, context: &Context, row: &Row) {
        let place = row.place.parse::<Place>().ok();
        if let Some(bar) = place.and_then(|place| self.each.borrow_mut().remove(&place)) {
            bar.finish_and_clear();
        }
        if let Some(all) = &self.all {
            all.inc(1);
        }
        match &self.bars {
            Some(bars) => bars.suspend(|| context.output.stream("row", row)),
            None => context.output.stream("row", row),
        }
    }

    pub(super) fn clear(&self) {
        self.each.borrow_mut().values().for_each(ProgressBar::finish_and_clear);
        if let Some(all) = &self.all {
            all.finish_and_clear();
        }
    }
}

const SPINNER: &str = "  {prefix:8} {spinner} {wide_msg} {elapsed}";
const BAR: &str = "  {prefix:8} {bar:20} {percent:>3} % {wide_msg} {elapsed}";

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}
