//! A command that another part of the program runs: `serve`, for its pages and its API. What it prints with `--json` goes to a listener,
//! and questions are answered by whoever asked for it.

#[cfg(feature = "web")]
use stickshift::event::Cancel;

#[cfg(all(feature = "virtual", feature = "web"))]
use crate::options::Global;
#[cfg(feature = "web")]
use crate::output::Listener;
#[cfg(all(feature = "virtual", feature = "web"))]
use crate::virtual_option::Played;

/// Whether what a question is about may be done.
pub(crate) type Approve = Box<dyn Fn() -> bool>;

/// What surrounds such a command in place of a terminal.
#[cfg(feature = "web")]
pub(crate) struct Surroundings {
    /// The options of the run that it belongs to; the command's own `--virtual` comes before its sticks.
    #[cfg(feature = "virtual")]
    pub(crate) global: Global,
    /// The virtual computer that all commands share.
    #[cfg(feature = "virtual")]
    pub(crate) played: Option<Played>,
    pub(crate) cancel: Cancel,
    pub(crate) listener: Listener,
    pub(crate) approve: Approve,
}

/// Runs the words of a command line. Everything it has to say, its failure too, is a line.
#[cfg(feature = "web")]
pub(crate) type RunHosted = fn(&[String], Surroundings);
