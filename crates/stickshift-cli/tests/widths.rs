//! Screens of 40, 80 and 120 columns: lines break between words, nothing is cut off, and a bar keeps to one line.

#![cfg(all(target_os = "linux", feature = "virtual"))]

mod terminal;

use std::process::Command;

use terminal::Terminal;

/// What is shown, without what makes colours and moves.
fn plain(shown: &str) -> String {
    let escapes = regex_lite::Regex::new("\x1b\\[[0-9;?]*[A-Za-z]").unwrap();
    escapes.replace_all(shown, "").replace("\r\n", "\n").replace('\r', "\n")
}

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

/// Whether the terminal breaks a row inside a word. One that is longer than the row alone cannot be helped, and what stays above a bar is filled
/// up with blanks to the width.
fn is_cut(row: &str, width: u16) -> bool {
    let row: Vec<char> = row.chars().collect();
    let width = usize::from(width);
    (width..row.len()).step_by(width).any(|at| {
        let begins = row[..at].iter().rposition(|c| *c == ' ').map_or(0, |blank| blank + 1);
        let alone = at - begins + row[at..].iter().take_while(|c| **c != ' ').count() + 8 > width;
        row[at - 1] != ' ' && row[at] != ' ' && !alone
    })
}

#[test]
fn screens_are_wrapped_between_words() {
    let folder = tempfile::tempdir().unwrap();
    for line in [
        "--help",
        "sms --help",
        "list --virtual k3772,e3372h-stick,e3372h-hilink",
        "identify --virtual e3372h-hilink",
        "switch --dry-run --virtual k3772",
        "signal --virtual e3372h-stick",
        "sms list --virtual e3372h-stick",
        "ports show --virtual e3372h-stick",
        "identify --virtual none",
        "at ATI --virtual k3772",
        "virtual --faults",
    ] {
        let arguments: Vec<&str> = line.split(' ').collect();
        let piped = Command::new(env!("CARGO_BIN_EXE_stickshift"))
            .args(&arguments)
            .current_dir(folder.path())
            .env("STICKSHIFT_STATE", "journals")
            .output()
            .unwrap();
        let piped = [piped.stdout, piped.stderr].concat();
        let piped = String::from_utf8(piped).unwrap();
        assert!(!piped.contains('\x1b'), "{line}: a pipe gets no colours");
        for width in [40, 80, 120] {
            let (_, shown) = Terminal::of_width(width, &arguments, folder.path()).end();
            let shown = plain(&shown);
            assert_eq!(words(&shown), words(&piped), "{line} at {width}");
            for row in shown.lines().filter(|row| !row.starts_with("Usage:")) {
                assert!(!is_cut(row, width), "{line} at {width}: {row:?}");
            }
        }
    }
}

#[test]
fn a_rehearsal_keeps_its_bars_to_the_width() {
    let folder = tempfile::tempdir().unwrap();
    for width in [40, 80, 120] {
        let (code, shown) = Terminal::of_width(width, &["rehearse"], folder.path()).end();
        assert_eq!(code, Some(0), "{shown}");
        let shown = plain(&shown);
        for row in shown.lines() {
            assert!(!is_cut(row, width), "at {width}: {row:?}");
        }
        assert!(!shown.contains("stopped at"), "{shown}");
        assert!(shown.contains("% "), "there is a bar");
        for text in ["stick: done", "stickshift online up", "nothing real was touched", "[0:1"] {
            let found = words(&shown).join(" ").contains(text);
            assert!(found, "{text}: {shown}");
        }
    }
}

#[test]
fn colours_are_for_terminals_unless_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let none = ["identify", "--virtual", "none"];
    let (_, shown) = Terminal::run(&none, folder.path()).end();
    assert!(
        shown.contains("\x1b[1;31merror:\x1b[0m") && shown.contains("stick: \x1b[32muntouched\x1b[0m"),
        "{shown}"
    );
    let (_, shown) = Terminal::run(&[&none[..], &["--color", "never"]].concat(), folder.path()).end();
    assert!(!shown.contains('\x1b'), "{shown}");
    let (_, shown) = Terminal::run(&[&none[..], &["--json"]].concat(), folder.path()).end();
    assert!(!shown.contains('\x1b'), "{shown}");
    let piped = |variable: &str, value: &str, more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stickshift"));
        command
            .args(none)
            .args(more)
            .env_remove("NO_COLOR")
            .env_remove("CLICOLOR_FORCE")
            .env(variable, value);
        let run = command.output().unwrap();
        let text = [run.stdout, run.stderr].concat();
        text.contains(&0x1b)
    };
    assert!(piped("CLICOLOR_FORCE", "1", &[]));
    assert!(!piped("CLICOLOR_FORCE", "0", &[]));
    assert!(!piped("CLICOLOR_FORCE", "1", &["--json"]));
    assert!(!piped("CLICOLOR_FORCE", "1", &["--color", "never"]));
    assert!(!piped("NO_COLOR", "1", &[]));
    assert!(piped("NO_COLOR", "1", &["--color", "always"]));
}
