//! A command that another part of the program runs: `serve` for its pages and its API, `bridge` to look at sticks. What it prints with `--json` goes
//! to a listener, questions are answered by whoever asked for it, and secrets come from there, too.

use std::cell::RefCell;

#[cfg(any(feature = "web", feature = "mqtt"))]
use stickshift::event::Cancel;

#[cfg(all(feature = "virtual", any(feature = "web", feature = "mqtt")))]
use crate::options::Global;
#[cfg(any(feature = "web", feature = "mqtt"))]
use crate::output::Listener;
#[cfg(all(feature = "virtual", any(feature = "web", feature = "mqtt")))]
use crate::virtual_option::Played;

/// Whether what a question is about may be done.
pub(crate) type Approve = Box<dyn Fn() -> bool>;

/// Secrets by the names of the variables that they would be in, were there an environment of their own.
pub(crate) type Secrets = Vec<(String, String)>;

thread_local! {
    /// The secrets of the command that runs in this thread, where it is such a one.
    static SECRETS: RefCell<Option<Secrets>> = const { RefCell::new(None) };
}

/// Runs a command with its secrets in place of a terminal's.
#[cfg(any(feature = "web", feature = "mqtt"))]
pub(crate) fn with_secrets(secrets: Secrets, run: impl FnOnce()) {
    of_thread(Some(secrets), run);
}

/// The secrets of the command that runs in this thread, for another thread of it.
#[cfg(feature = "rack")]
pub(crate) fn secrets() -> Option<Secrets> {
    SECRETS.with_borrow(Clone::clone)
}

/// Runs a part of a command in a thread of its own, with what [`secrets`] gave where the command began.
#[cfg(any(feature = "rack", feature = "web", feature = "mqtt"))]
pub(crate) fn of_thread(secrets: Option<Secrets>, run: impl FnOnce()) {
    struct Forget;
    impl Drop for Forget {
        fn drop(&mut self) {
            SECRETS.set(None);
        }
    }
    SECRETS.set(secrets);
    let _forget = Forget;
    run();
}

/// The secret that was given for a variable.
pub(crate) fn secret(variable: &str) -> Option<String> {
    SECRETS.with_borrow(|secrets| {
        let found = secrets.as_ref()?.iter().find(|(name, _)| name == variable)?;
        Some(found.1.clone())
    })
}

/// Whether a secret was given for a variable. The environment is that of the program: a hosted command takes nothing from it.
pub(crate) fn is_given(variable: &str) -> bool {
    match is_hosted() {
        true => secret(variable).is_some(),
        false => in_environment(variable).is_some(),
    }
}

/// What a variable of the program's environment is set to. An empty one, as units and scripts leave it, is not set.
pub(crate) fn in_environment(variable: &str) -> Option<String> {
    std::env::var(variable).ok().filter(|value| !value.is_empty())
}

/// Whether the command in this thread has no terminal to ask on, whatever the program has.
pub(crate) fn is_hosted() -> bool {
    SECRETS.with_borrow(Option::is_some)
}

/// What surrounds such a command in place of a terminal.
#[cfg(any(feature = "web", feature = "mqtt"))]
pub(crate) struct Surroundings {
    /// The options of the run that it belongs to; the command's own `--virtual` comes before its sticks.
    #[cfg(feature = "virtual")]
    pub(crate) global: Global,
    /// The virtual computer that all commands share.
    #[cfg(feature = "virtual")]
    pub(crate) played: Option<Played>,
    pub(crate) cancel: Cancel,
    pub(crate) secrets: Secrets,
    pub(crate) listener: Listener,
    pub(crate) approve: Approve,
    /// Only the error of a command line that does not read is told, and nothing is run.
    pub(crate) only_reads: bool,
}

/// Runs the words of a command line. Everything it has to say, its failure too, is a line.
#[cfg(any(feature = "web", feature = "mqtt"))]
pub(crate) type RunHosted = fn(&[String], Surroundings);
