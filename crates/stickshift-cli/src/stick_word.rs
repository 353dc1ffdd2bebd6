//! STICK as a word of its own: every verb that reaches a stick takes `--stick STICK`, and a verb or a part of one that takes no other words takes
//! the stick as its only word, `stickshift signal 1-1.2`.

use clap::{Arg, ArgMatches, Command};

/// The word's name among the arguments of a verb.
const WORD: &str = "stick_word";
const OPTION: &str = "stick";
/// Other ways to say which stick.
const INSTEAD: [&str; 4] = [OPTION, "port", "url", "all"];

/// Lets `verb` and its parts take the stick as a word, where `--stick` is known and no other word is taken.
pub(crate) fn taken_by(verb: Command) -> Command {
    if !verb.get_arguments().any(|argument| argument.get_long() == Some(OPTION)) {
        return verb;
    }
    let instead: Vec<&str> =
        INSTEAD.into_iter().filter(|name| verb.get_arguments().any(|a| a.get_id() == *name)).collect();
    if verb.has_subcommands() {
        verb.mut_subcommands(|part| with_word(part, &instead))
    } else {
        with_word(verb, &instead)
    }
}

fn with_word(command: Command, instead: &[&'static str]) -> Command {
    if command.get_positionals().next().is_some() {
        return command;
    }
    command.arg(
        Arg::new(WORD)
            .value_name("STICK")
            .help("The stick: USB port path, ids, tty, serial number or IMEI")
            .conflicts_with_all(instead.iter().copied()),
    )
}

/// The stick that was typed as a word.
pub(crate) fn typed(matches: &ArgMatches) -> Option<String> {
    match matches.subcommand() {
        Some((_, below)) => typed(below),
        None => matches.try_get_one::<String>(WORD).ok().flatten().cloned(),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::Cli;

    /// The verbs whose `--stick` reaches into their parts, with every part.
    fn parts(command: &Command, before: &str, all: &mut Vec<(String, Command)>) {
        for below in command.get_subcommands().filter(|c| c.get_name() != "help") {
            let name = format!("{before} {}", below.get_name()).trim().to_owned();
            match below.has_subcommands() {
                true => parts(below, &name, all),
                false => all.push((name, below.clone())),
            }
        }
    }

    #[test]
    fn every_verb_that_reaches_a_stick_takes_its_name() {
        let mut all = Vec::new();
        let mut line = crate::command_line();
        line.build();
        parts(&line, "", &mut all);
        let reaching = [
            "at", "sms", "ussd", "pin", "signal", "network", "ports", "hilink", "identify", "switch",
            "convert", "load", "flash",
        ];
        for (name, command) in all {
            let verb = name.split(' ').next().unwrap_or_default();
            if !reaching.contains(&verb) {
                continue;
            }
            let option = command.get_arguments().any(|a| a.get_long() == Some(OPTION));
            assert!(option, "{name} has no --stick");
            let words: Vec<_> = command.get_positionals().map(|a| a.get_id().as_str()).collect();
            assert!(!words.is_empty(), "{name} takes neither the stick nor anything else");
        }
    }

    #[test]
    fn the_word_is_read_where_it_stands() {
        let typed = |line: &str| {
            Cli::command().try_get_matches_from(line.split(' ')).map(|matches| super::typed(&matches))
        };
        for line in
            ["signal 1-2", "sms list 1-2", "hilink status 1-2", "network set --mode lte 1-2", "identify 1-2"]
        {
            let word = typed(&format!("stickshift {line}")).unwrap();
            assert_eq!(word.as_deref(), Some("1-2"), "{line}");
        }
        assert_eq!(typed("stickshift sms read 3").unwrap(), None);
        assert!(typed("stickshift signal 1-2 --stick 1-3").is_err());
        assert!(typed("stickshift signal 1-2 --port /dev/ttyUSB0").is_err());
    }
}
