//! What was typed, in the form in which it is sent: the verb, each option as `--name` or `--name=value`, then the other words after `--`.

use clap::parser::ValueSource;
use clap::{ArgAction, ArgMatches, Command};

/// A command line without the options that are for this computer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Typed {
    /// `sms send`.
    pub(crate) verb: String,
    pub(crate) words: Vec<String>,
}

impl Typed {
    /// `command` is the whole command line, every verb described.
    pub(crate) fn of(command: &Command, matches: &ArgMatches) -> Typed {
        let (mut verb, mut options, mut rest) = (Vec::new(), Vec::new(), Vec::new());
        let (mut command, mut matches) = (command, matches);
        while let Some((name, below)) = matches.subcommand() {
            let Some(inner) = command.find_subcommand(name) else { break };
            verb.push(name.to_owned());
            for argument in inner.get_arguments() {
                let id = argument.get_id().as_str();
                // Those of every verb are for this computer.
                let is_global = below.try_contains_id(id).is_err()
                    || below.value_source(id) != Some(ValueSource::CommandLine);
                if is_global {
                    continue;
                }
                let values = below.get_raw(id).into_iter().flatten().map(|value| value.to_string_lossy());
                let Some(long) = argument.get_long() else {
                    rest.extend(values.map(|value| value.into_owned()));
                    continue;
                };
                let words: Vec<String> = match argument.get_action() {
                    ArgAction::SetTrue => vec![format!("--{long}")],
                    ArgAction::Count => vec![format!("--{long}"); usize::from(below.get_count(id))],
                    _ => values.map(|value| format!("--{long}={value}")).collect(),
                };
                // What a verb gives to its parts is there twice.
                if words.iter().any(|word| !options.contains(word)) {
                    options.extend(words);
                }
            }
            (command, matches) = (inner, below);
        }
        let mut words = verb.clone();
        words.extend(options);
        if !rest.is_empty() {
            words.push("--".to_owned());
            words.extend(rest);
        }
        Typed { verb: verb.join(" "), words }
    }

    /// The verb with its options, and the words behind `--`.
    pub(super) fn parts(&self) -> (&[String], &[String]) {
        match self.words.iter().position(|word| word == "--") {
            Some(end) => (&self.words[..end], &self.words[end + 1..]),
            None => (&self.words, &[]),
        }
    }

    pub(super) fn has(&self, option: &str) -> bool {
        self.parts().0.iter().any(|word| word == option)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_type_it_is_sent_in_one_way() {
        let command = crate::command_line();
        for (typed, sent) in [
            ("list --host unix:/s", "list"),
            ("--json list --host unix:/s -v", "list"),
            ("signal 1-2 --host unix:/s", "signal -- 1-2"),
            ("sms --stick 1-2 send +12345678901 --yes", "sms send --stick=1-2 -- +12345678901 --yes"),
            ("sms send +12345678901 hello --stick=1-2", "sms send --stick=1-2 -- +12345678901 hello"),
            ("ussd --host unix:/s *100# 1", "ussd -- *100# 1"),
            ("network set --mode lte,umts --stick 1-1", "network set --stick=1-1 --mode=lte,umts"),
            (
                "convert --to stick --firmware f.bin --allow-erase 1-1 --yes",
                "convert --to=stick --firmware=f.bin --allow-erase -- 1-1",
            ),
            ("online status 1-1", "online status -- 1-1"),
        ] {
            let words = std::iter::once("stickshift").chain(typed.split(' '));
            // A text that looks like an option is one only before `--`.
            let words: Vec<&str> = match typed.contains("send +12345678901 --yes") {
                true => "stickshift sms --stick 1-2 send -- +12345678901 --yes".split(' ').collect(),
                false => words.collect(),
            };
            let matches = command.clone().try_get_matches_from(words).unwrap();
            let got = Typed::of(&command, &matches);
            let mut got: Vec<&str> = got.words.iter().map(String::as_str).collect();
            let mut sent: Vec<&str> = sent.split(' ').collect();
            // Options have no order.
            got.sort_unstable();
            sent.sort_unstable();
            assert_eq!(got, sent, "{typed}");
        }
    }
}
