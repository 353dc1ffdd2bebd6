//! The event stream on a terminal: one bar for the present step, finished steps above it.

use std::io::{self, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use stickshift::clean;
use stickshift::event::Event;

pub(crate) struct Bar {
    bar: Option<ProgressBar>,
}

impl Bar {
    pub(crate) fn new() -> Self {
        Bar { bar: None }
    }

    pub(crate) fn event(&mut self, event: &Event) {
        match event {
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
                if bar.length() != Some(*total) {
                    bar.set_length(*total);
                    bar.set_style(bar_style());
                }
                bar.set_position(*done);
            }
            Event::Note { text, .. } => self.print(&format!("    {text}")),
            Event::Warning { text, .. } => self.print(&format!("    warning: {text}")),
            _ => {}
        }
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
        let line = &*clean::line(line);
        match &self.bar {
            Some(bar) => bar.println(line),
            None => {
                let _ = writeln!(io::stderr(), "{line}");
            }
        }
    }

    fn finish(&mut self, end: End) {
        if let Some(bar) = self.bar.take() {
            let line = last_line(&bar.message(), bar.elapsed(), bar.position(), bar.length(), end);
            bar.finish_and_clear();
            let _ = writeln!(io::stderr(), "{line}");
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
    ProgressStyle::with_template("  {bar:28} {percent:>3} % {bytes_per_sec:>12} {eta:>4}  {wide_msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[cfg(test)]
mod tests {
    use super::*;

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
