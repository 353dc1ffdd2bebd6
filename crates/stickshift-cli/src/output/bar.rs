//! The event stream on a terminal: one bar for the present step, finished steps above it.

use std::io::{self, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use stickshift::clean;
use stickshift::event::Event;

use super::style::{self, Style};

pub(crate) struct Bar {
    bar: Option<ProgressBar>,
    style: Style,
    /// All partitions of a flash together.
    all: Option<All>,
}

/// The partitions of a flash.
struct All {
    bytes: u64,
    /// Those of the partitions that are finished.
    before: u64,
    /// The present one: what is done of it, and all of it.
    now: (u64, u64),
    /// What the present partition is called.
    name: String,
}

const PARTITION: &str = "flash-partition";

impl Bar {
    /// `None` where the terminal is written to in lines.
    pub(crate) fn on_terminal(style: Style) -> Option<Self> {
        Some(Bar { bar: None, style, all: None })
    }

    /// Partitions of so many bytes together come: they have one bar.
    pub(crate) fn flashes(&mut self, bytes: u64) {
        self.all = Some(All { bytes, before: 0, now: (0, 0), name: String::new() });
    }

    pub(crate) fn event(&mut self, event: &Event) {
        match event {
            Event::Step { code: PARTITION, text } if self.all.is_some() => self.partition(&clean::line(text)),
            Event::Step { text, .. } => {
                self.finish(End::Next);
                let bar = ProgressBar::new_spinner()
                    .with_style(spinner_style())
                    .with_message(clean::line(text).into_owned());
                bar.enable_steady_tick(Duration::from_millis(120));
                self.bar = Some(bar);
            }
            Event::Progress { done, total } => {
                let Some(bar) = &self.bar else { return };
                let (done, total) = match self.all.as_mut().filter(|all| !all.name.is_empty()) {
                    Some(all) => all.at(*done, *total),
                    None => (*done, *total),
                };
                if bar.length() != Some(total) {
                    bar.set_length(total);
                    bar.set_style(bar_style());
                }
                bar.set_position(done);
            }
            Event::Note { text, .. } => self.print(&format!("    {text}")),
            Event::Warning { text, .. } => self.print(&format!("    warning: {text}")),
            _ => {}
        }
    }

    /// The next partition begins: the bar goes on, and what is finished stays above it.
    fn partition(&mut self, text: &str) {
        let Some(all) = self.all.as_mut() else { return };
        let goes_on = !all.name.is_empty();
        if goes_on {
            let line = all.partition_line();
            if let Some(bar) = &self.bar {
                bar.println(self.style.dress(&line));
            }
        } else {
            self.finish(End::Next);
        }
        let Some(all) = self.all.as_mut() else { return };
        all.begin(text);
        let (before, bytes) = (all.before, all.bytes);
        let bar = self
            .bar
            .get_or_insert_with(|| ProgressBar::new(bytes).with_style(bar_style()).with_position(before));
        bar.set_message(text.to_owned());
    }

    /// Ends the present step's line, keeping it on the screen.
    pub(crate) fn clear(&mut self) {
        self.finish(End::Next);
    }

    /// Ends the line of a step that failed or was stopped.
    pub(crate) fn fail(&mut self) {
        self.finish(End::Failed);
    }

    fn print(&self, line: &str) {
        let line = self.style.dress(&clean::line(line));
        match &self.bar {
            Some(bar) => bar.println(line),
            None => {
                let _ = writeln!(io::stderr(), "{line}");
            }
        }
    }

    fn finish(&mut self, end: End) {
        let Some(bar) = self.bar.take() else { return };
        let line = match self.all.as_mut().filter(|all| !all.name.is_empty()) {
            Some(all) => {
                let line = all.partition_line();
                all.begin("");
                line
            }
            None => last_line(&bar.message(), bar.elapsed(), bar.position(), bar.length(), end),
        };
        bar.finish_and_clear();
        let _ = writeln!(io::stderr(), "{}", self.style.dress(&line));
    }
}

impl All {
    /// The next partition: what was sent of the one before is counted only if that was all of it.
    fn begin(&mut self, name: &str) {
        let (done, total) = std::mem::take(&mut self.now);
        if done == total {
            self.before += total;
        }
        self.name = name.to_owned();
    }

    /// Where all of them are, when the present one is at `done` of `total`.
    fn at(&mut self, done: u64, total: u64) -> (u64, u64) {
        self.now = (done, total);
        // A run that begins anew sends more than was left.
        self.bytes = self.bytes.max(self.before + total);
        (self.before + done, self.bytes)
    }

    /// What stays on the screen of a partition.
    fn partition_line(&self) -> String {
        let (done, total) = self.now;
        match done == total {
            true => format!("  {}", self.name),
            false => format!("  {}: stopped at {done} of {total} bytes", self.name),
        }
    }
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The next one began, or all is done.
    Next,
    Failed,
}

/// What stays on the screen of a step. One that did not get to its end never reads as if it had.
fn last_line(message: &str, took: Duration, done: u64, total: Option<u64>, end: End) -> String {
    let seconds = took.as_secs_f64();
    let total = total.filter(|total| *total > 0);
    match (total, end) {
        (Some(total), _) if done < total => {
            format!("  {message}: stopped at {done} of {total} bytes ({seconds:.1} s)")
        }
        (_, End::Failed) => format!("  {message}: not finished ({seconds:.1} s)"),
        (Some(total), End::Next) => format!("  {message} ({seconds:.1} s, {total} bytes)"),
        (None, End::Next) => format!("  {message} ({seconds:.1} s)"),
    }
}

fn spinner_style() -> ProgressStyle {
    ProgressStyle::with_template("  {spinner} {wide_msg} {elapsed}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
}

fn bar_style() -> ProgressStyle {
    // On a narrow terminal the time left matters more than the rate.
    let template = match style::columns_of_stderr() {
        0..60 => "  {bar:10} {percent:>3} % {eta:>4} left  {wide_msg}",
        60..100 => "  {bar:16} {percent:>3} % {bytes_per_sec:>12} {eta:>4} left  {wide_msg}",
        _ => "  {bar:28} {percent:>3} % {bytes_per_sec:>12} {eta:>4} left  {wide_msg}",
    };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_add_up() {
        let mut all = All { bytes: 100, before: 0, now: (0, 0), name: String::new() };
        all.begin("kernel");
        assert_eq!(all.at(0, 60), (0, 100));
        assert_eq!(all.at(30, 60), (30, 100));
        assert_eq!(all.partition_line(), "  kernel: stopped at 30 of 60 bytes");
        all.begin("kernel");
        assert_eq!(all.at(60, 60), (60, 100), "one that was started over counts once");
        assert_eq!(all.partition_line(), "  kernel");
        all.begin("web UI");
        assert_eq!(all.at(40, 40), (100, 100));
        all.begin("more than was said");
        assert_eq!(all.at(5, 10), (105, 110));
    }

    #[test]
    fn a_step_that_was_interrupted_does_not_read_as_complete() {
        let line = |done, total, end| last_line("send", Duration::from_millis(1500), done, total, end);
        assert_eq!(line(10, Some(10), End::Next), "  send (1.5 s, 10 bytes)");
        assert_eq!(line(0, None, End::Next), "  send (1.5 s)");
        for end in [End::Next, End::Failed] {
            assert_eq!(line(4, Some(10), end), "  send: stopped at 4 of 10 bytes (1.5 s)");
        }
        assert_eq!(line(10, Some(10), End::Failed), "  send: not finished (1.5 s)");
        assert_eq!(line(0, None, End::Failed), "  send: not finished (1.5 s)");
    }
}
