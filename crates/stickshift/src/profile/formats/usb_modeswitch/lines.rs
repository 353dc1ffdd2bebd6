//! The lines of a config text, with what mails, pages and editors did to them undone.

use std::vec;

use super::known_name;
use crate::profile::formats::text;

/// The digits of a whole message: nothing follows them.
const WRAPPER_DIGITS: usize = 62;

/// What a line is.
pub(super) enum Line {
    /// Its text, without the comment signs.
    Comment(String),
    /// A known name as usb_modeswitch spells it, its value without quotes, and the character at which that begins, from 1.
    Assignment { name: &'static str, value: String, column: usize },
    /// An assignment to this name.
    Unknown(String),
    /// No assignment.
    Words,
}

/// The lines that are not blank, each with its number from 1 and with what had to be undone. A line that holds several assignments comes several times.
pub(super) struct Lines {
    found: vec::IntoIter<(usize, Line, Vec<String>)>,
}

impl Lines {
    pub(super) fn of(text: &str) -> Lines {
        let mut found: Vec<(usize, Line, Vec<String>)> = Vec::new();
        // Whether the last value is a message that may go on in the next line.
        let mut open = false;
        for (index, raw) in text.lines().enumerate() {
            let (line, said) = text::plain(raw.trim_end());
            let mut warnings: Vec<String> = said.into_iter().collect();
            let begin = line.len() - line.trim_start().len();
            let (quotes, body) = unquoted_mail(&line[begin..]);
            if body.is_empty() {
                continue;
            }
            let column = |part: &str| {
                let offset = part.as_ptr() as usize - line.as_ptr() as usize;
                line[..offset].chars().count() + 1
            };
            if let Some(comment) = body.strip_prefix(['#', ';', '!']) {
                let comment = comment.trim_start_matches(['#', ';', '!']).trim().to_owned();
                found.push((index + 1, Line::Comment(comment), warnings));
                continue;
            }
            if open
                && continues(body)
                && let Some((_, Line::Assignment { value, .. }, said)) = found.last_mut()
                && value.len() < WRAPPER_DIGITS
            {
                value.push_str(body.trim_matches(['"', ' ']));
                said.push(
                    "the message goes on in the next line; usb_modeswitch reads the first one only"
                        .to_owned(),
                );
                open = !body.ends_with('"');
                continue;
            }
            if quotes {
                warnings.push("the '>' of a mail before this line is left out".to_owned());
            }
            let parts = assignments(body);
            if parts.len() > 1 {
                let names: Vec<&str> =
                    parts.iter().skip(1).filter_map(|p| p.split('=').next()).map(str::trim).collect();
                warnings.push(format!(
                    "two assignments in one line: usb_modeswitch does not see {}",
                    names.join(", ")
                ));
            }
            for part in parts {
                let (line, more) = assignment(part, &column, &mut warnings);
                open = more;
                found.push((index + 1, line, std::mem::take(&mut warnings)));
            }
        }
        Lines { found: found.into_iter() }
    }
}

impl Iterator for Lines {
    type Item = (usize, Line, Vec<String>);

    fn next(&mut self) -> Option<Self::Item> {
        self.found.next()
    }
}

/// Whether a comment would be an assignment without its sign.
pub(super) fn is_assignment(comment: &str) -> bool {
    comment.split_once('=').is_some_and(|(name, _)| known_name(name.trim()).is_some())
}

/// A line without the quote signs of a mail, and whether it had any.
fn unquoted_mail(line: &str) -> (bool, &str) {
    let mut rest = line;
    while let Some(after) = rest.strip_prefix('>') {
        rest = after.trim_start();
    }
    (rest.len() != line.len(), rest)
}

/// Whether a line is nothing but the rest of a message.
fn continues(line: &str) -> bool {
    let digits = line.trim_end_matches('"');
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit() || b == b' ')
}

/// No name is longer, in bytes, with the blanks behind it.
const LONGEST_NAME: usize = 64;
/// Twice as many as there are names; what follows them is of the last one.
const MOST_IN_A_LINE: usize = 128;

/// The assignments that a line holds: it is cut before every known name that follows a blank and has a `=` behind it, comments and quotes apart.
fn assignments(line: &str) -> Vec<&str> {
    let mut cuts = vec![0];
    let mut quoted = false;
    let mut previous = ' ';
    for (at, c) in line.char_indices() {
        if c == '"' {
            quoted = !quoted;
        } else if c == '#' && previous.is_whitespace() && !quoted && at > 0 {
            break;
        } else if at > 0
            && (previous.is_whitespace() || matches!(previous, ';' | ',' | '"'))
            && c.is_ascii_alphabetic()
        {
            let sign = line.as_bytes()[at..].iter().take(LONGEST_NAME).position(|b| *b == b'=');
            let name = sign.map(|sign| line[at..at + sign].trim());
            let is_known = |name: &str| !name.contains(char::is_whitespace) && known_name(name).is_some();
            if !quoted && name.is_some_and(is_known) {
                cuts.push(at);
            }
            if cuts.len() > MOST_IN_A_LINE {
                break;
            }
        }
        previous = c;
    }
    cuts.push(line.len());
    cuts.windows(2).map(|pair| line[pair[0]..pair[1]].trim_end()).collect()
}

/// Takes one assignment apart; says too whether its value may go on in the next line.
fn assignment(part: &str, column: &dyn Fn(&str) -> usize, warnings: &mut Vec<String>) -> (Line, bool) {
    let split = part.split_once('=').or_else(|| {
        let (name, value) = part.split_once(':')?;
        known_name(name.trim())?;
        warnings.push("usb_modeswitch wants '=' here, not ':'".to_owned());
        Some((name, value))
    });
    let Some((typed, value)) = split else { return (Line::Words, false) };
    let typed = typed.trim();
    let Some(name) = known_name(typed) else { return (Line::Unknown(typed.to_owned()), false) };
    if name != typed {
        warnings.push(format!("usb_modeswitch does not know {typed:?}: it is spelt {name}"));
    }
    let trimmed = value.trim();
    let (inner, ends) = match trimmed.chars().next() {
        Some(quote @ ('"' | '\'')) => {
            let rest = &trimmed[1..];
            if quote == '\'' {
                warnings.push("usb_modeswitch knows double quotes only".to_owned());
            }
            rest.rfind(quote).map_or((rest, false), |end| (&rest[..end], true))
        }
        _ => {
            let inner = without_comment(trimmed);
            if inner.len() < trimmed.len() {
                warnings.push(format!(
                    "usb_modeswitch takes what follows the value of {name} for a part of it: put the comment into a line of its own"
                ));
            }
            (inner, true)
        }
    };
    // A sign that ends assignments in other languages, and a quote whose other half is missing.
    let inner = if ends { inner.trim_end_matches([';', ',']) } else { inner };
    let inner = if trimmed.starts_with(['"', '\'']) { inner } else { inner.trim_end_matches(['"', '\'']) };
    let is_message = name.starts_with("Message") && name.contains("Content");
    let open = is_message && (!ends || (!trimmed.starts_with(['"', '\'']) && !inner.is_empty()));
    let column = if inner.is_empty() { column(part) } else { column(inner) };
    (Line::Assignment { name, value: inner.to_owned(), column }, open)
}

/// A value without the comment behind it.
fn without_comment(value: &str) -> &str {
    let comment = value.find([' ', '\t']).filter(|at| value[*at..].trim_start().starts_with(['#', ';', '!']));
    comment.map_or(value, |at| &value[..at])
}
