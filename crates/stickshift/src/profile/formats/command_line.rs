//! Command lines of usb_modeswitch, as they stand in forums, in scripts and in the rules of udev (docs/protocols/mode-switch.md section 2.1). Each option stands for
//! a line of a config text, and is read as one.

use std::path::Path;

use crate::error::{Error, ErrorKind, Result};
use crate::profile::formats::exchange::{Format, Import, Warning};
use crate::profile::formats::{text, usb_modeswitch};
use crate::profile::{Entry, Key, Method};

/// The options that stand for a parameter with a value: letter, long name, and the name in config texts.
const VALUES: [(char, &str, &str); 18] = [
    ('v', "default-vendor", "DefaultVendor"),
    ('p', "default-product", "DefaultProduct"),
    ('V', "target-vendor", "TargetVendor"),
    ('P', "target-product", "TargetProduct"),
    ('C', "target-class", "TargetClass"),
    ('m', "message-endpoint", "MessageEndpoint"),
    ('r', "response-endpoint", "ResponseEndpoint"),
    ('M', "message-content", "MessageContent"),
    ('2', "message-content2", "MessageContent2"),
    ('3', "message-content3", "MessageContent3"),
    ('w', "release-delay", "ReleaseDelay"),
    ('i', "interface", "Interface"),
    ('u', "configuration", "Configuration"),
    ('a', "altsetting", "AltSetting"),
    ('s', "check-success", "CheckSuccess"),
    ('F', "pantech-mode", "PantechMode"),
    ('b', "bus-num", ""),
    ('g', "device-num", ""),
];
/// The long names of methods that are not their names in config texts with dashes.
const METHODS: [(&str, Method); 16] = [
    ("detach-only", Method::DetachStorageOnly),
    ("std-eject", Method::StandardEject),
    ("huawei-mode", Method::Huawei),
    ("huawei-new-mode", Method::HuaweiNew),
    ("huawei-alt-mode", Method::HuaweiAlt),
    ("sierra-mode", Method::Sierra),
    ("sony-mode", Method::Sony),
    ("qisda-mode", Method::Qisda),
    ("quanta-mode", Method::Quanta),
    ("gct-mode", Method::Gct),
    ("kobil-mode", Method::Kobil),
    ("sequans-mode", Method::Sequans),
    ("mobileaction-mode", Method::MobileAction),
    ("cisco-mode", Method::Cisco),
    ("blackberry-mode", Method::Blackberry),
    ("option-mode", Method::Option),
];
/// The most lines of other things that a text of command lines holds, for each of them.
const OTHER_LINES: usize = 4;
/// The most lines that a quoted value goes over; a config text has fifty.
const LONGEST_VALUE: usize = 64;

/// Whether a text is made of such command lines.
pub(super) fn looks_like(text: &str) -> bool {
    let (mut commands, mut other) = (0, 0);
    for (_, line) in whole_lines(text) {
        if is_command(&line) {
            commands += 1;
        } else if !line.trim().is_empty() && !line.trim_start().starts_with('#') {
            other += 1;
        }
    }
    commands > 0 && other <= OTHER_LINES * commands
}

/// Lines with those that a backslash continues, each with its number; of a command also those up to the quote that ends its value.
pub(super) fn whole_lines(text: &str) -> Vec<(usize, String)> {
    let lines = unbroken_lines(text);
    let mut found = Vec::new();
    let mut at = 0;
    while let Some((number, line)) = lines.get(at) {
        let count = if is_command(line) { lines_of_command(&lines[at..]) } else { 1 };
        let parts: Vec<&str> = lines[at..at + count].iter().map(|(_, line)| line.as_str()).collect();
        found.push((*number, parts.join("\n")));
        at += count;
    }
    found
}

/// How many lines a command goes over that begins with the first of them: one, where a quote is never closed.
fn lines_of_command(lines: &[(usize, String)]) -> usize {
    let mut quote = None;
    for (index, (_, line)) in lines.iter().take(LONGEST_VALUE).enumerate() {
        quote = line.chars().fold(quote, |quote, c| match quote {
            Some(q) if q == c => None,
            None if matches!(c, '"' | '\'') => Some(c),
            quote => quote,
        });
        if quote.is_none() {
            return index + 1;
        }
    }
    1
}

fn unbroken_lines(text: &str) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    let mut goes_on = false;
    for (index, raw) in text.lines().enumerate() {
        let (line, _) = text::plain(raw);
        let stripped = line.trim_end().strip_suffix('\\');
        let part = stripped.unwrap_or(&line);
        match found.last_mut().filter(|_| goes_on) {
            Some((_, whole)) => {
                whole.push(' ');
                whole.push_str(part.trim_start_matches(['>', ' ']));
            }
            None => found.push((index + 1, part.to_owned())),
        }
        goes_on = stripped.is_some();
    }
    found
}

fn is_command(line: &str) -> bool {
    if line.trim_start().starts_with('#') {
        return false;
    }
    let words = words(line);
    match words.iter().position(|word| is_program(word)) {
        Some(at) => words.get(at + 1).is_some_and(|word| word.starts_with('-')),
        None => {
            let has = |option: &str| words.iter().any(|word| word.starts_with(option));
            words.first().is_some_and(|word| word.starts_with('-')) && has("-v") && has("-p")
        }
    }
}

/// Whether a word names usb_modeswitch, by whatever path.
pub(super) fn is_program(word: &str) -> bool {
    Path::new(word).file_name().is_some_and(|name| name == "usb_modeswitch" || name == "usb-modeswitch")
}

/// The words of a shell's line up to what ends the command.
pub(super) fn words(line: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut has_program = false;
    for c in line.chars() {
        let ends_command = matches!(c, ';' | '|' | '&' | '>' | '<' | ')' | '(' | '`');
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() && !words.is_empty() => return words,
            (None, c) if ends_command || c.is_whitespace() => {
                has_program |= word.as_deref().is_some_and(is_program);
                words.extend(word.take());
                // What stands before the program may end in one of these: only what follows it counts.
                if ends_command && has_program {
                    return words;
                }
            }
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// The options of a command line, without the program, as lines of a config text; and what they ask for that no profile says.
pub(super) fn config_text(options: &[String]) -> (String, Vec<String>) {
    let mut text = Lines::default();
    let mut given: Vec<Method> = Vec::new();
    let mut warnings = Vec::new();
    let mut rest = options.iter();
    while let Some(option) = rest.next() {
        let letters: Vec<(String, Option<String>)> = if let Some(long) = option.strip_prefix("--") {
            let (name, value) = long.split_once('=').map_or((long, None), |(n, v)| (n, Some(v.to_owned())));
            vec![(long_letter(name).map_or_else(|| name.to_owned(), String::from), value)]
        } else if let Some(letters) = option.strip_prefix('-').filter(|l| !l.is_empty()) {
            let takes = |c: char| VALUES.iter().any(|(letter, ..)| *letter == c) || matches!(c, 'c' | 'f');
            let at = letters.find(takes);
            let flags = letters[..at.unwrap_or(letters.len())].chars().map(|c| (c.to_string(), None));
            let valued = at.map(|at| {
                let value = &letters[at + 1..];
                (letters[at..=at].to_owned(), Some(value.to_owned()).filter(|v| !v.is_empty()))
            });
            flags.chain(valued).collect()
        } else {
            warnings.push(format!("{option:?} is no option and is ignored"));
            continue;
        };
        for (letter, value) in letters {
            let mut value = || value.clone().or_else(|| rest.next().cloned()).unwrap_or_default();
            let mut only = letter.chars();
            let c = only.next().filter(|_| only.next().is_none());
            if let Some((_, _, name)) = VALUES.iter().find(|(known, ..)| Some(*known) == c) {
                let value = value();
                // The wrapper passes -1 for "do not look".
                let is_none = c == Some('u') && value == "-1";
                if !name.is_empty() && !is_none {
                    text.set(name, &value);
                }
                continue;
            }
            match c {
                Some('f') if text.has_config => {
                    value();
                    warnings.push("of several config texts only the first one counts".to_owned());
                }
                Some('f') => text.config(&value()),
                Some('c') => warnings.push(format!("it reads {:?} too: check that file by itself", value())),
                Some('R') => text.set("ResetUSB", "1"),
                Some('W' | 'Q' | 'D' | 'n' | 'I' | 'h' | 'e' | 'j' | 't') => {}
                _ => match c.and_then(|c| Method::ALL.into_iter().find(|m| m.letter() == c)) {
                    Some(method) => {
                        if given.contains(&method) {
                            let what = "usb_modeswitch then runs another method: write it once";
                            warnings.push(format!("-{letter} stands twice, and {what}"));
                        } else {
                            given.push(method);
                        }
                        text.set(method.name(), "1");
                    }
                    None => warnings.push(format!("-{letter} is no option of usb_modeswitch, it is ignored")),
                },
            }
        }
    }
    (text.lines.concat(), warnings)
}

/// Lines of a config text as options make them: what comes later wins, but inside a config text the first line of a name.
#[derive(Default)]
struct Lines {
    lines: Vec<String>,
    has_config: bool,
}

impl Lines {
    fn forget(&mut self, name: &str) {
        self.lines.retain(|line| line.split_once('=').is_none_or(|(known, _)| known.trim() != name));
    }

    fn set(&mut self, name: &str, value: &str) {
        self.forget(name);
        self.lines.push(format!("{name}={value}\n"));
    }

    fn config(&mut self, text: &str) {
        self.has_config = true;
        for (name, _) in text.lines().filter_map(|line| line.split_once('=')) {
            self.forget(name.trim());
        }
        self.lines.extend(text.lines().map(|line| format!("{line}\n")));
    }
}

/// The letter of a long option; an unambiguous beginning is enough.
fn long_letter(name: &str) -> Option<char> {
    const OTHERS: [(&str, char); 12] = [
        ("help", 'h'),
        ("version", 'e'),
        ("find-mbim", 'j'),
        ("verbose", 'W'),
        ("quiet", 'Q'),
        ("sysmode", 'D'),
        ("need-response", 'n'),
        ("inquire", 'I'),
        ("reset-usb", 'R'),
        ("stdinput", 't'),
        ("config-file", 'c'),
        ("long-config", 'f'),
    ];
    let values = VALUES.iter().map(|(letter, long, _)| (*long, *letter));
    let all: Vec<(&str, char)> =
        values.chain(METHODS.iter().map(|(long, m)| (*long, m.letter()))).chain(OTHERS).collect();
    let exact = all.iter().find(|(long, _)| *long == name);
    let mut beginning = all.iter().filter(|(long, _)| !name.is_empty() && long.starts_with(name));
    let found = exact.or_else(|| beginning.next().filter(|_| beginning.next().is_none()));
    found.map(|(_, letter)| *letter)
}

/// Reads the command lines of a text.
///
/// # Errors
/// `FileCorrupt` for a value that is none, or where a command names no stick.
pub(super) fn parse(text: &str) -> Result<Import> {
    let mut import = Import {
        format: Format::CommandLine,
        entries: Vec::new(),
        warnings: Vec::new(),
        refused: Vec::new(),
    };
    for (number, line) in whole_lines(text).into_iter().filter(|(_, line)| is_command(line)) {
        let words = words(&line);
        let from = words.iter().position(|word| is_program(word)).map_or(0, |at| at + 1);
        let (config, warnings) = config_text(&words[from..]);
        let parsed = usb_modeswitch::parse(&config).map_err(|e| {
            Error::new(ErrorKind::FileCorrupt, e.what().to_owned()).detail(crate::error::Detail::Line(number))
        })?;
        let all = warnings.into_iter().chain(parsed.warnings.iter().map(|w| w.what.clone()));
        import.warnings.extend(all.map(|what| Warning { line: number, what }));
        let id = parsed.default_id().ok_or_else(|| {
            Error::new(
                ErrorKind::FileCorrupt,
                "this command line does not name the stick: -v and -p are missing",
            )
            .detail(crate::error::Detail::Line(number))
        })?;
        let name = String::new();
        let (parameters, source) = (parsed.parameters, "a command line of usb_modeswitch".to_owned());
        import.entries.push(Entry { key: Key::plain(id), name, parameters, source });
    }
    Ok(import)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> String {
        assert!(looks_like(text), "{text}");
        let import = parse(text).unwrap();
        let entry = |e: &Entry| {
            let lines = usb_modeswitch::assignments(&e.parameters);
            format!("{} {}", e.key, lines.split_whitespace().collect::<Vec<_>>().join(" "))
        };
        import.entries.iter().map(entry).collect::<Vec<_>>().join("; ")
    }

    /// Each would take hours where the work for a line grew with the text before it.
    #[test]
    fn long_texts_are_read_in_one_pass() {
        const MANY: usize = 200_000;
        assert_eq!(whole_lines(&"usb_modeswitch -v 1 'x\n".repeat(MANY)).len(), MANY / 2);
        assert_eq!(words(&"$(".repeat(MANY)).len(), MANY);
        assert_eq!(config_text(&vec!["-H".to_owned(); MANY]).1.len(), MANY - 1);
        assert!(!looks_like(&"<".repeat(MANY)));
        assert!(!looks_like(&"<b".repeat(MANY)));
    }

    #[test]
    fn options_are_read_as_the_lines_that_they_stand_for() {
        for (line, expected) in [
            ("usb_modeswitch -v 12d1 -p 1f01 -J", "12d1:1f01 HuaweiNewMode=1"),
            (
                "sudo /usr/sbin/usb_modeswitch -W -v 0x12d1 -p 0x1446 -V 0x12d1 -P 0x1506 -H",
                "12d1:1446 TargetVendor=0x12d1 TargetProduct=0x1506 HuaweiMode=1",
            ),
            ("$ usb_modeswitch -KWv 19d2 -p2000", "19d2:2000 StandardEject=1"),
            (
                "usb_modeswitch --default-vendor=0x1c9e --default-product 0xf000 --message-content 5553 --release-delay 500",
                "1c9e:f000 MessageContent=\"5553\" ReleaseDelay=500",
            ),
            ("usb_modeswitch -v 1bbb -p f000 \\\n   -M '5553'", "1bbb:f000 MessageContent=\"5553\""),
            ("usb_modeswitch \u{2013}v 12d1 \u{2013}p 1446 \u{2013}J", "12d1:1446 HuaweiNewMode=1"),
            ("-v 12d1 -p 14d1 -u 2", "12d1:14d1 Configuration=2"),
            (
                "#!/bin/sh\nsleep 5\nusb_modeswitch -v 12d1 -p 1446 -H >/dev/null; usb_modeswitch -v 1 -p 2 -K\n",
                "12d1:1446 HuaweiMode=1",
            ),
            (
                "usb_modeswitch -v 19d2 -p 2000 -f 'TargetProduct=0031\nStandardEject=1\n'\n",
                "19d2:2000 TargetProduct=0x0031 StandardEject=1",
            ),
            (
                "usb_modeswitch -v 12d1 -p 1f01 -v 19d2 -p 2000 -M 5553 -M 5554",
                "19d2:2000 MessageContent=\"5554\"",
            ),
            (
                "usb_modeswitch -v 19d2 -p 2000 -P 1 -w 5 -f 'TargetProduct=0031\nReleaseDelay=6' -w 7 -K",
                "19d2:2000 TargetProduct=0x0031 StandardEject=1 ReleaseDelay=7",
            ),
        ] {
            assert!(said(line).starts_with(expected), "{line}: {}", said(line));
        }
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        for text in ["usb_modeswitch -J", "usb_modeswitch -v 12d1 -p 1f01 -M 555"] {
            assert!(parse(text).unwrap_err().is(ErrorKind::FileCorrupt), "{text}");
        }
        let import = parse("usb_modeswitch -v 12d1 -p 1f01 -c /etc/x -Y").unwrap();
        assert_eq!(import.warnings.len(), 2);
        let twice = parse("usb_modeswitch -v 12d1 -p 1f01 -J -J").unwrap().warnings;
        assert!(twice[0].what.contains("write it once"), "{twice:?}");
        assert!(!looks_like("# Tools\nThis uses usb_modeswitch.\n"));
    }

    #[test]
    fn every_method_has_its_long_name() {
        for method in Method::ALL {
            let (long, _) = METHODS.iter().find(|(_, m)| *m == method).unwrap();
            assert_eq!(long_letter(long), Some(method.letter()));
        }
    }
}
