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
                self.finish();
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
        self.finish();
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

    fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            let message = bar.message();
            let took = bar.elapsed();
            let size = bar.length().filter(|n| *n > 0).map(|n| format!(", {n} bytes"));
            bar.finish_and_clear();
            let _ = writeln!(
                io::stderr(),
                "  {message} ({:.1} s{})",
                took.as_secs_f64(),
                size.unwrap_or_default()
            );
        }
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
