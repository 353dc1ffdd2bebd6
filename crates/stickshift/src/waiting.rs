//! Waiting for what the bus will show. Driven by the bus's events, never by sleeping.
//!
//! ```no_run
//! use std::time::Duration;
//! use stickshift::event::Session;
//! use stickshift::link::Bus;
//! use stickshift::waiting::{Look, until};
//!
//! fn is_gone(bus: &mut dyn Bus, seconds: u64) -> stickshift::error::Result<bool> {
//!     let end = bus.now() + Duration::from_secs(seconds);
//!     until(bus, &mut Session::quiet(), |bus| {
//!         Ok(match bus.sticks()?.is_empty() {
//!             true => Look::Done(true),
//!             false if bus.now() >= end => Look::Done(false),
//!             false => Look::Again(end),
//!         })
//!     })
//! }
//! ```

use std::time::Duration;

use crate::error::Result;
use crate::event::Session;
use crate::link::{Bus, Moment};
use crate::stick::{Place, Stick};

/// How long one wait for a bus event lasts at most, so that a request to stop is noticed.
const SLICE: Duration = Duration::from_millis(500);

/// What a look at the bus came to.
pub enum Look<T> {
    /// The wait is over.
    Done(T),
    /// Nothing yet: look again when something changes, or at this moment at the latest.
    Again(Moment),
}

/// Looks at the bus, now and after every change, until `look` is done.
///
/// # Errors
/// `Interrupted`, and what the bus and `look` report.
pub fn until<T>(
    bus: &mut dyn Bus,
    session: &mut Session<'_>,
    mut look: impl FnMut(&mut dyn Bus) -> Result<Look<T>>,
) -> Result<T> {
    loop {
        match look(bus)? {
            Look::Done(value) => return Ok(value),
            Look::Again(latest) => {
                session.check()?;
                bus.wait_change((bus.now() + SLICE).min(latest))?;
            }
        }
    }
}

/// Waits until `wanted` accepts what stands at `place` (`None` = nothing), for `limit` at most. Gives what it accepted, or `None` when
/// the time ran out.
///
/// # Errors
/// `Interrupted`, and what the bus reports.
pub(crate) fn wait_at(
    bus: &mut dyn Bus,
    place: &Place,
    limit: Duration,
    session: &mut Session<'_>,
    mut wanted: impl FnMut(Option<&Stick>) -> bool,
) -> Result<Option<Option<Stick>>> {
    let end = bus.now() + limit;
    until(bus, session, |bus| {
        let stick = bus.sticks()?.into_iter().find(|s| s.place == *place);
        Ok(match wanted(stick.as_ref()) {
            true => Look::Done(Some(stick)),
            false if bus.now() >= end => Look::Done(None),
            false => Look::Again(end),
        })
    })
}

/// Waits for a stick at `place` that `wanted` accepts.
///
/// # Errors
/// As [`wait_at`].
pub(crate) fn wait_for_stick(
    bus: &mut dyn Bus,
    place: &Place,
    limit: Duration,
    session: &mut Session<'_>,
    mut wanted: impl FnMut(&Stick) -> bool,
) -> Result<Option<Stick>> {
    Ok(wait_at(bus, place, limit, session, |stick| stick.is_some_and(&mut wanted))?.flatten())
}
