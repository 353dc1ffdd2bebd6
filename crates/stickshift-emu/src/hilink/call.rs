//! One call of the web UI's API: what it may look at and change, and what it answers.

use std::time::Duration;

use stickshift::link::Moment;

use crate::hilink::xml::elements;
use crate::hilink::{WebEffect, WebOptions};
use crate::identity::{Dialect, Identity};
use crate::modem::Modem;

/// What a call may look at and change.
pub(crate) struct CallContext<'a> {
    pub(crate) now: Moment,
    pub(crate) id: &'a Identity,
    pub(crate) modem: &'a mut Modem,
    pub(crate) options: &'a WebOptions,
}

/// What a call says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CallAnswer {
    /// The inside of a `<response>`.
    Document(String),
    /// The same after a while.
    Late(String, Duration),
    Error(u32),
    /// `OK`.
    Done,
    /// `OK`, and something becomes of the stick.
    DoneAnd(WebEffect),
}

pub(super) fn told(pairs: &[(&str, &str)]) -> CallAnswer {
    CallAnswer::Document(elements(pairs))
}

pub(super) fn flag(on: bool) -> &'static str {
    if on { "1" } else { "0" }
}

pub(super) fn registered(ask: &CallContext<'_>) -> bool {
    matches!(ask.modem.registration(ask.now), 1 | 5)
}

/// As in `current-plmn`: LTE, or 3G on sticks without it.
pub(super) fn rat(ask: &CallContext<'_>) -> &'static str {
    if ask.id.dialect == Dialect::Lte { "7" } else { "2" }
}
