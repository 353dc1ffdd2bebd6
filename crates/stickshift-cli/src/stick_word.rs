//! STICK as a word of its own: every verb that reaches a stick takes `--stick STICK`, and a verb or a part of one that takes no other words takes
//! the stick as its only word, `stickshift signal 1-1.2`.

use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgMatches, Command};
use stickshift::error::{Error, ErrorKind, Result};
use stickshift::host::is_stick_name;

/// The word's name among the arguments of a verb.
const WORD: &str = "stick_word";
const OPTION: &str = "stick";
/// What every STICK says of itself.
pub(crate) const HELP: &str =
    "The stick: USB port path, ids, tty, serial number or IMEI [default: the only one that fits]";
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
    command.arg(Arg::new(WORD).value_name("STICK").help(HELP).conflicts_with_all(instead.iter().copied()))
}

/// The stick that was typed as a word.
pub(crate) fn typed(matches: &ArgMatches) -> Option<String> {
    match matches.subcommand() {
        Some((_, below)) => typed(below),
        None => matches.try_get_one::<String>(WORD).ok().flatten().cloned(),
    }
}

/// Takes the stick off the end of the words of a verb that sends them: none that reads as a stick is ever sent. `named` is whether an option
/// says which stick.
///
/// # Errors
/// `Usage` where such a word stands elsewhere, or beside the option.
pub(crate) fn split_off(words: &mut Vec<String>, named: bool) -> Result<Option<String>> {
    let stick = words.pop_if(|last| !named && is_stick_name(last));
    match words.iter().find(|word| is_stick_name(word)) {
        Some(word) if named => {
            let what = format!("{word} is not sent, it reads as a stick, and an option names one already");
            Err(Error::new(ErrorKind::Usage, what))
        }
        Some(word) => {
            let what = format!("{word} is not sent, it reads as a stick: --stick {word}");
            Err(Error::new(ErrorKind::Usage, what))
        }
        None => Ok(stick),
    }
}

/// How to name the stick, where a word was refused that reads as one.
pub(crate) fn hint(error: &clap::Error) -> Option<String> {
    let word = |kind| match error.get(kind) {
        Some(ContextValue::String(word)) => Some(word),
        _ => None,
    };
    if let Some(place) = word(ContextKind::InvalidSubcommand).filter(|word| is_stick_name(word)) {
        let option = word(ContextKind::PriorArg)
            .map_or("--stay", |prior| prior.split(['=', '[']).next().unwrap_or(prior));
        return Some(format!("the place is part of the option: {option}={place}"));
    }
    let refused = error.kind() == clap::error::ErrorKind::UnknownArgument;
    let word = word(ContextKind::InvalidArg).filter(|word| refused && is_stick_name(word))?;
    Some(format!("the stick is named by --stick {word}"))
}

#[cfg(test)]
mod tests {

    use super::*;

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
            "convert", "load", "flash", "online", "report",
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
    fn a_word_that_reads_as_a_stick_is_never_sent() {
        let split = |line: &str, named| {
            let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            split_off(&mut words, named).map(|stick| (words.join(" "), stick))
        };
        for stick in ["1-1", "12-4.3", "12d1:1506", "/dev/ttyUSB0"] {
            let line = format!("*100# 1 {stick}");
            assert_eq!(split(&line, false).unwrap(), ("*100# 1".to_owned(), Some(stick.to_owned())));
            assert!(split(&line, true).unwrap_err().is(ErrorKind::Usage), "{line}");
            let wrong = split(&format!("*100# {stick} 1"), false).unwrap_err();
            assert!(wrong.to_string().contains(&format!("--stick {stick}")), "{wrong}");
        }
        assert_eq!(split("*100# 1", false).unwrap().1, None);
    }

    #[test]
    fn a_refused_word_that_reads_as_a_stick_leads_to_the_option() {
        let hint = |line: &str| {
            let read = crate::for_one_run().try_get_matches_from(line.split(' '));
            super::hint(&read.unwrap_err())
        };
        let told = hint("stickshift sms send +12345678901 hello 1-1").unwrap();
        assert!(told.ends_with("--stick 1-1"), "{told}");
        assert_eq!(hint("stickshift sms send +12345678901 hello you"), None);
    }

    #[test]
    fn the_word_is_read_where_it_stands() {
        let typed = |line: &str| {
            crate::for_one_run().try_get_matches_from(line.split(' ')).map(|matches| super::typed(&matches))
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
