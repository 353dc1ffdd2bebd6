//! What is done to every stick, and to which.

use serde_json::Value;
use stickshift::error::Result;
use stickshift::modem::Identity;
use stickshift::stick::{Place, Stick};

use super::row::Row;
use crate::context::Context;
use crate::recovery::Work;

/// What is done to each stick.
pub(crate) struct Line<'a> {
    pub(crate) verb: &'static str,
    pub(crate) work: Work,
    /// Whether it has a loader with it.
    pub(crate) gives_loader: bool,
    /// What tells this command from another one: its verb, its target, its files.
    pub(crate) key: String,
    /// The sticks that it is for.
    pub(crate) wants: &'a (dyn Fn(&Stick) -> bool + Sync),
    /// What a stick says of itself before anything is done to it, where it is asked.
    pub(crate) ask: &'a (dyn Fn(&Context, &Stick) -> Option<Identity> + Sync),
    /// Whether a stick is what it is to become.
    pub(crate) is_done: &'a (dyn Fn(&Identity) -> bool + Sync),
    /// Forgets an interrupted run at a place whose stick is what it was to become.
    pub(crate) is_over: &'a (dyn Fn(&Place, &Identity) + Sync),
    /// Whether it goes on with an interrupted run at a place.
    pub(crate) resumes: &'a (dyn Fn(&Context, &Place) -> bool + Sync),
    /// Does it, or plans it, for the stick at a place.
    pub(crate) run: &'a (dyn Fn(&mut Context, &Place, Phase) -> Result<()> + Sync),
    /// What a stick was and what it is, out of the verb's result.
    pub(crate) told: fn(&Value) -> (Option<String>, Option<String>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Plan,
    Carry,
}

/// A stick with its row and, once it is planned, its plan.
pub(super) struct Job {
    pub(super) stick: Stick,
    pub(super) row: Row,
    pub(super) plan: Option<Value>,
}
