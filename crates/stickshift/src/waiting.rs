//! Waiting for what a place on the bus will show. Driven by the bus's events, never by sleeping.

use std::time::Duration;

use crate::error::Result;
use crate::event::Session;
use crate::link::Bus;
use crate::stick::{Place, Stick};

/// How long one wait for a bus event lasts at most, so that a request to stop is noticed.
const SLICE: Duration = Duration::from_millis(500);

/// Waits until `wanted` says yes to what stands at `place` (`None` = nothing), for `limit` at most. Gives what it said yes to,
/// or `None` when the time ran out.
///
/// # Errors
/// `Interrupted`, and what the bus reports.
pub fn wait_at(
    bus: &mut dyn Bus,
    place: &Place,
    limit: Duration,
    session: &mut Session<'_>,
    mut wanted: impl FnMut(Option<&Stick>) -> bool,
) -> Result<Option<Option<Stick>>> {
    let end = bus.now() + limit;
    loop {
        let stick = bus.sticks()?.into_iter().find(|s| s.place == *place);
        if wanted(stick.as_ref()) {
            return Ok(Some(stick));
        }
        session.check()?;
        if bus.now() >= end {
            return Ok(None);
        }
        bus.wait_change((bus.now() + SLICE).min(end))?;
    }
}

/// Waits for a stick at `place` that `wanted` says yes to.
///
/// # Errors
/// As [`wait_at`].
pub fn wait_for_stick(
    bus: &mut dyn Bus,
    place: &Place,
    limit: Duration,
    session: &mut Session<'_>,
    mut wanted: impl FnMut(&Stick) -> bool,
) -> Result<Option<Stick>> {
    Ok(wait_at(bus, place, limit, session, |stick| stick.is_some_and(&mut wanted))?.flatten())
}
