//! Advice about a stick that was named otherwise than by its place: a command that it names acts on that one.

use serde_json::Value;

use crate::advice::{Way, by_port, by_url};
use crate::files;

/// Verbs that `--host` runs.
pub(crate) const RUN: [&str; 16] = [
    "list", "identify", "signal", "sms", "ussd", "at", "pin", "network", "ports", "hilink", "online",
    "switch", "load", "flash", "convert", "doctor",
];
/// Verbs about sticks that have to be run on that computer itself. `firmware` is none: its files are those of this computer.
const THERE: [&str; 6] = ["router", "setup", "learn", "watch", "report", "profile"];
/// What only the computer itself does, whatever the verb.
const THERE_ALONE: [&str; 7] = ["--stay", "--watch", "--terminal", "--port", "--url", "--trace", "FILE"];
const PROGRAM: &str = "stickshift ";

/// `text` with each command in it made one for the computer that `--host HOST` names.
pub(super) fn named(text: &str, host: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(PROGRAM) {
        let before = rest[..at].chars().next_back();
        let is_quoted = before == Some('`');
        let command = &rest[at..];
        let verb =
            command[PROGRAM.len()..].split(|c: char| !c.is_ascii_lowercase()).next().unwrap_or_default();
        let is_word = before.is_none_or(|c| !c.is_alphanumeric() && !matches!(c, '-' | '/' | '_'));
        let runs = RUN.contains(&verb);
        if !is_word || !(runs || THERE.contains(&verb)) {
            out.push_str(&rest[..at + PROGRAM.len()]);
            rest = &rest[at + PROGRAM.len()..];
            continue;
        }
        let command = &command[..end(command, is_quoted)];
        out.push_str(&rest[..at]);
        let has = |word: &str| command.split(' ').any(|one| one == word);
        rest = &rest[at + command.len()..];
        let is_named = has("--host") || rest.trim_start_matches('`').starts_with(" (on ");
        if has("--help") || is_named {
            out.push_str(command);
        } else if runs && !THERE_ALONE.iter().any(|word| has(word)) {
            // Behind `--` it would be a word of the verb.
            let (options, words) = command.split_at(command.find(" -- ").unwrap_or(command.len()));
            out.push_str(&format!("{options} --host {}{words}", files::shell_word(host)));
        } else {
            out.push_str(command);
            if let Some(after) = rest.strip_prefix('`').filter(|_| is_quoted) {
                out.push('`');
                rest = after;
            }
            out.push_str(&format!(" (on {host} itself)"));
        }
    }
    out + rest
}

/// `text` with each command in it made one for the stick that `way` and `name` lead to.
pub(super) fn reached(text: &str, way: Way, name: &str) -> String {
    let (option, takes) = match way {
        Way::Bus => return text.to_owned(),
        Way::Port => ("--port", by_port()),
        Way::Url => ("--url", by_url()),
    };
    // A password in an address is masked, and such an address is refused.
    if name.contains('*') {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    for (number, piece) in text.split('`').enumerate() {
        if number > 0 {
            out.push('`');
        }
        let verb = piece.strip_prefix(PROGRAM).and_then(|words| words.split(' ').next());
        let has = |word: &str| piece.split(' ').any(|one| one == word);
        let is_led = ["--help", "--stick", "--port", "--url", "--all"].into_iter().any(has);
        if number % 2 == 0 || is_led || verb.is_none_or(|verb| !takes.contains(&verb)) {
            out.push_str(piece);
            continue;
        }
        // Behind `--` it would be a word of the verb.
        let (options, words) = piece.split_at(piece.find(" -- ").unwrap_or(piece.len()));
        out.push_str(&format!("{options} {option} {}{words}", files::shell_word(name)));
    }
    out
}

/// Where a command ends that a text begins with.
fn end(text: &str, is_quoted: bool) -> usize {
    if is_quoted {
        return text.find('`').unwrap_or(text.len());
    }
    let ends = ["`", "\n", "  ", " (", ", ", "; ", ": ", ". "];
    ends.iter().filter_map(|end| text.find(end)).min().unwrap_or(text.len())
}

/// The same for every text in a line of JSON.
pub(super) fn name_in(value: &mut Value, host: &str) {
    match value {
        Value::String(text) => *text = named(text, host),
        Value::Array(values) => values.iter_mut().for_each(|value| name_in(value, host)),
        Value::Object(fields) => fields.values_mut().for_each(|value| name_in(value, host)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_an_address_is_in_no_advice() {
        let text = "`stickshift sms list` shows them";
        assert_eq!(reached(text, Way::Url, "http://***@10.0.0.1/"), text);
    }

    #[test]
    fn a_command_in_a_text_acts_on_the_stick_that_was_named() {
        let (port, url) = ((Way::Port, "/dev/ttyUSB0"), (Way::Url, "http://10.0.0.1/"));
        for ((way, name), said, wanted) in [
            (
                port,
                "`stickshift pin status` shows it",
                "`stickshift pin status --port /dev/ttyUSB0` shows it",
            ),
            (port, "see `stickshift list`", "see `stickshift list`"),
            (port, "`stickshift hilink status`", "`stickshift hilink status`"),
            (url, "`stickshift hilink status`", "`stickshift hilink status --url http://10.0.0.1/`"),
            (url, "`stickshift at ATI`", "`stickshift at ATI`"),
            (
                port,
                "`stickshift at ATI`, `stickshift sms --help`",
                "`stickshift at ATI --port /dev/ttyUSB0`, `stickshift sms --help`",
            ),
            (port, "`stickshift ussd -- *100#`", "`stickshift ussd --port /dev/ttyUSB0 -- *100#`"),
            (port, "stickshift signal", "stickshift signal"),
            ((Way::Port, "/a b"), "`stickshift signal`", "`stickshift signal --port '/a b'`"),
            ((Way::Bus, ""), "`stickshift signal`", "`stickshift signal`"),
        ] {
            assert_eq!(reached(said, way, name), wanted);
            assert_eq!(reached(wanted, way, name), wanted, "it is named once");
        }
    }

    #[test]
    fn a_command_in_a_text_acts_on_the_computer_of_the_stick() {
        for (said, wanted) in [
            ("  next  stickshift switch 1-2\n", "  next  stickshift switch 1-2 --host r\n"),
            ("name one; see `stickshift list`", "name one; see `stickshift list --host r`"),
            ("`stickshift ussd -- *100#`", "`stickshift ussd --host r -- *100#`"),
            (
                "stickshift setup udev, or stickshift identify 1-1",
                "stickshift setup udev (on r itself), or stickshift identify 1-1 --host r",
            ),
            ("`stickshift load LOADER`, then", "`stickshift load LOADER --host r`, then"),
            ("`stickshift convert --all` does", "`stickshift convert --all --host r` does"),
            ("`stickshift at --terminal` asks", "`stickshift at --terminal` (on r itself) asks"),
            ("`stickshift sms --help` shows", "`stickshift sms --help` shows"),
            ("this build of stickshift does not", "this build of stickshift does not"),
            (
                "`stickshift firmware build FOLDER -o FILE` makes",
                "`stickshift firmware build FOLDER -o FILE` makes",
            ),
            ("`stickshift serve passwd` there", "`stickshift serve passwd` there"),
            ("/usr/bin/stickshift list", "/usr/bin/stickshift list"),
        ] {
            assert_eq!(named(said, "r"), wanted);
            assert_eq!(named(wanted, "other"), wanted, "it is named once");
        }
        assert_eq!(named("stickshift list", "unix:/a b"), "stickshift list --host 'unix:/a b'");
    }
}
