//! What a terminal adds to a text: colours for errors, warnings and verdicts, and lines that are wrapped between words. Pipes and files get the
//! text alone.

use std::env;
use std::io::IsTerminal;

use crate::options::ColorChoice;

/// Narrower terminals are not wrapped for.
const NARROWEST: usize = 20;
/// A column that begins further right than this is no place to go on in.
const FURTHEST_HANG: usize = 24;

const RED: &str = "\x1b[1;31m";
const YELLOW: &str = "\x1b[33m";
const GREEN: &str = "\x1b[32m";
const PLAIN: &str = "\x1b[0m";

/// How texts look on one of the standard streams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Style {
    color: bool,
    width: Option<usize>,
}

impl Style {
    pub(crate) fn of_stdout(choice: ColorChoice) -> Style {
        let terminal = std::io::stdout().is_terminal();
        Style { color: colored(choice, terminal), width: terminal.then(|| columns(Stream::Out)) }
    }

    pub(crate) fn of_stderr(choice: ColorChoice) -> Style {
        let terminal = std::io::stderr().is_terminal();
        Style { color: colored(choice, terminal), width: terminal.then(|| columns(Stream::Err)) }
    }

    /// The text as it is shown. It must be clean already: what it holds of foreign texts is wrapped and coloured too.
    pub(crate) fn dress(self, text: &str) -> String {
        if self == Style::default() {
            return text.to_owned();
        }
        let mut dressed = String::with_capacity(text.len() + 64);
        for line in text.split_inclusive('\n') {
            let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
            let line = self.width.map_or_else(|| line.to_owned(), |width| wrap(line, width));
            dressed.push_str(&if self.color { paint(&line) } else { line });
            dressed.push_str(end);
        }
        dressed
    }
}

/// `--color`, then `NO_COLOR`, then `CLICOLOR_FORCE`, then whether it is a terminal that knows colours.
fn colored(choice: ColorChoice, terminal: bool) -> bool {
    let set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
    match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto if set("NO_COLOR") => false,
        ColorChoice::Auto if set("CLICOLOR_FORCE") && env::var_os("CLICOLOR_FORCE") != Some("0".into()) => {
            true
        }
        ColorChoice::Auto => terminal && env::var_os("TERM").is_none_or(|term| term != "dumb"),
    }
}

enum Stream {
    Out,
    Err,
}

/// The columns of the terminal behind a standard stream.
#[cfg(unix)]
fn columns(stream: Stream) -> usize {
    let size = match stream {
        Stream::Out => rustix::termios::tcgetwinsize(std::io::stdout()),
        Stream::Err => rustix::termios::tcgetwinsize(std::io::stderr()),
    };
    size.ok().map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0).unwrap_or(80)
}

#[cfg(not(unix))]
fn columns(_: Stream) -> usize {
    80
}

/// The columns of the terminal that standard error is.
pub(super) fn columns_of_stderr() -> usize {
    columns(Stream::Err)
}

/// Breaks a line between words. What follows goes on below the line's second column, or a little further right than its beginning.
fn wrap(line: &str, width: usize) -> String {
    if width < NARROWEST || line.chars().count() <= width {
        return line.to_owned();
    }
    let indent = line.chars().take_while(|c| *c == ' ').count();
    let hang =
        second_column(line, indent).filter(|at| *at <= FURTHEST_HANG.min(width / 2)).unwrap_or(indent + 2);
    let hang = hang.min(width / 2);
    let mut wrapped = String::new();
    let mut column = 0;
    // Blanks between words stay, those at a break go.
    let mut blanks = 0;
    for word in line.split(' ') {
        let length = word.chars().count();
        if word.is_empty() {
            blanks += 1;
            continue;
        }
        let text_before = wrapped.trim_end_matches(' ').len() > wrapped.rfind('\n').map_or(0, |at| at + 1);
        if text_before && column + blanks + length > width {
            wrapped.push('\n');
            wrapped.push_str(&" ".repeat(hang));
            column = hang;
        } else {
            wrapped.push_str(&" ".repeat(blanks));
            column += blanks;
        }
        wrapped.push_str(word);
        column += length;
        blanks = 1;
    }
    wrapped
}

/// Where the text after the first gap of two blanks begins, or after a list's mark.
fn second_column(line: &str, indent: usize) -> Option<usize> {
    let text: Vec<char> = line.chars().collect();
    let mut at = indent;
    if text.get(at..at + 2) == Some(&['-', ' ']) {
        return Some(at + 2);
    }
    while at + 1 < text.len() {
        if text[at] == ' ' && text[at + 1] == ' ' {
            let rest = text[at..].iter().take_while(|c| **c == ' ').count();
            return Some(at + rest);
        }
        at += 1;
    }
    None
}

/// Colours the word that a line is about: `error:`, `warning:`, or a verdict.
fn paint(line: &str) -> String {
    let text = line.trim_start();
    let indent = &line[..line.len() - text.len()];
    let painted = |color: &str, word: &str| format!("{indent}{color}{word}{PLAIN}{}", &text[word.len()..]);
    if text.starts_with("error:") {
        return painted(RED, "error:");
    }
    if text.starts_with("warning:") {
        return painted(YELLOW, "warning:");
    }
    let Some(rest) = text.strip_prefix("stick: ") else { return line.to_owned() };
    let verdict: &str = rest.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
    let color = match verdict {
        "done" | "untouched" => GREEN,
        "sent" | "recoverable" => YELLOW,
        "unknown" => RED,
        _ => return line.to_owned(),
    };
    format!("{indent}stick: {color}{verdict}{PLAIN}{}", &rest[verdict.len()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words_and_go_on_below_their_column() {
        assert_eq!(
            wrap("  help:  plug the stick in and wait ten seconds", 30),
            "  help:  plug the stick in and\n         wait ten seconds"
        );
        assert_eq!(
            wrap("    - the image is for another stick", 24),
            "    - the image is for\n      another stick"
        );
        assert_eq!(wrap("short", 30), "short");
        assert_eq!(wrap("a  b  c", 30), "a  b  c", "gaps stay");
        let long = format!("  file  /{}", "x".repeat(50));
        assert!(wrap(&long, 30).ends_with(&"x".repeat(50)), "a word is never cut");
        for width in [20, 40, 80, 120] {
            let text = "recoverable: plug it into the same USB port again, and run the same command again with --resume";
            assert!(wrap(text, width).lines().all(|l| l.chars().count() <= width));
            let words: Vec<&str> = text.split_whitespace().collect();
            assert_eq!(wrap(text, width).split_whitespace().collect::<Vec<_>>(), words);
        }
    }

    #[test]
    fn errors_warnings_and_verdicts_have_colours() {
        assert_eq!(paint("error: x"), "\x1b[1;31merror:\x1b[0m x");
        assert_eq!(paint("  warning: x"), "  \x1b[33mwarning:\x1b[0m x");
        assert_eq!(paint("  stick: unknown: look"), "  stick: \x1b[1;31munknown\x1b[0m: look");
        assert_eq!(paint("stick: done"), "stick: \x1b[32mdone\x1b[0m");
        assert_eq!(paint("stick: 1-1"), "stick: 1-1");
    }

    #[test]
    fn pipes_get_the_text_alone() {
        let text = "error: a very long line that would be wrapped on a terminal of twenty columns\n";
        assert_eq!(Style::default().dress(text), text);
        assert!(colored(ColorChoice::Always, false) && !colored(ColorChoice::Never, true));
    }
}
