//! A verb's arguments that are described to clap only when that verb was typed: describing all of them costs more than most verbs do.

use std::cell::Cell;

use clap::error::Error;
use clap::{ArgMatches, Args, Command, FromArgMatches};

use crate::options::Global;
use crate::{examples, stick_word};

thread_local! {
    /// Whether everything is described at once, for completions and manual pages: clap copies the verbs below `help` before it looks at what
    /// was put off. Each thread has its own, because several may describe the command line at a time.
    static ALL: Cell<bool> = const { Cell::new(false) };
}

/// The command line that `make` makes, every verb described.
pub(crate) fn described(make: fn() -> Command) -> Command {
    ALL.set(true);
    let mut command = make();
    ALL.set(false);
    // The one-line help of a verb takes the place of its long one, but not where the verb is described later.
    let mut later = for_one_run(make());
    later.build();
    for verb in later.get_subcommands() {
        if let Some(long) = verb.get_long_about().cloned() {
            command = command.mut_subcommand(verb.get_name(), |verb| verb.long_about(long));
        }
    }
    command
}

fn with_examples(command: Command) -> Command {
    let examples = examples::text(command.get_name());
    if examples.is_empty() { command } else { command.after_help(examples) }
}

/// The same command line for one run: clap would copy the options of every verb into each of them, and they are described where a verb is.
pub(crate) fn for_one_run(command: Command) -> Command {
    command.mut_args(|option| option.global(false))
}

/// The arguments `T` of a verb.
#[derive(Debug)]
pub(crate) struct Lazy<T>(pub(crate) T);

impl<T: Args> Args for Lazy<T> {
    fn augment_args(command: Command) -> Command {
        if ALL.get() {
            return with_examples(stick_word::taken_by(T::augment_args(command)));
        }
        command.defer(|command| {
            let about = command.get_about().cloned();
            let described = T::augment_args(Global::augment_args(command));
            with_examples(stick_word::taken_by(described).about(about.unwrap_or_default()))
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        command.defer(T::augment_args_for_update)
    }
}

impl<T: FromArgMatches> FromArgMatches for Lazy<T> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        T::from_arg_matches(matches).map(Lazy)
    }

    fn from_arg_matches_mut(matches: &mut ArgMatches) -> Result<Self, Error> {
        T::from_arg_matches_mut(matches).map(Lazy)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        self.0.update_from_arg_matches(matches)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    #[test]
    fn every_thread_that_describes_the_command_line_gets_all_of_it() {
        let options = || {
            let line = crate::command_line();
            line.get_subcommands().map(|verb| verb.get_arguments().count()).sum::<usize>()
        };
        let whole = options();
        let threads: Vec<_> =
            (0..4).map(|_| thread::spawn(move || (0..8).map(|_| options()).min())).collect();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), Some(whole));
        }
    }
}
