//! Sending a prepared sequence, and waiting until the bus shows what came of it.

use crate::error::{Error, ErrorKind, Result, Verdict};
use crate::event::Session;
use crate::link::{Bus, UsbLink};
use crate::stick::Stick;
use crate::switch::{self, End, Sequence, Transfer, View};
use crate::switching::expectation::{Assessment, Expectation, SETTLED_AFTER, Switched, ports_are_made};
use crate::switching::medium::Medium;
use crate::switching::prepare::Prepared;
use crate::waiting::{Look, until};

/// A sequence that went out, whole or up to the point where the stick disconnected or refused.
#[derive(Debug)]
pub struct SentSequence {
    /// What to expect now.
    pub expectation: Expectation,
    /// What was seen while sending, one lower-case line each.
    pub observations: Vec<String>,
    /// A request that the method needs and the stick refused. It may have switched all the same: the bus decides.
    pub refused: Option<Error>,
}

/// Sends the sequence. A stick that restarts in the middle of its method is waited for.
///
/// # Errors
/// `MediumInUse`, untouched, for a stick whose media are in use without the owner's consent. Where nothing was sent, what the link reported, untouched; `Interrupted` between two messages; `Disconnected`, unknown, when a
/// stick that restarts in the middle does not come back.
pub fn send(bus: &mut dyn Bus, prepared: Prepared, session: &mut Session<'_>) -> Result<SentSequence> {
    let Prepared { stick, parameters, sequence, goal, mut link, consent, .. } = prepared;
    // A desktop mounts what it finds at any moment: what was seen while the plan was shown may be long ago.
    let medium = Medium::of(bus, &stick).map_err(|e| e.with_verdict(Verdict::Untouched))?;
    medium.check(&stick, consent)?;
    let mut address = bus.address(&stick.place).map_err(|e| e.with_verdict(Verdict::Untouched))?;
    let mut observations = Vec::new();
    let mut refused = None;
    let mut from = 0;
    loop {
        let run = switch::run(&sequence, from, link.as_mut(), session)?;
        observations.extend(run.observations.into_iter().map(|o| o.what));
        match run.end {
            End::Sent | End::Vanished { .. } => break,
            End::Stopped { error, .. } => {
                refused = Some(error);
                break;
            }
            End::AwaitReturn { step } => {
                drop(link);
                link = reopen(bus, &stick, address, &sequence, step, session)?;
                address = bus.address(&stick.place).map_err(|e| e.verdict_if_unset(Verdict::Unknown))?;
                let view = View::of(link.as_mut()).map_err(|e| e.verdict_if_unset(Verdict::Unknown))?;
                from = sequence.after_return(step, &view);
            }
        }
    }
    drop(link);
    let expectation = Expectation::new(stick, &parameters, &sequence, goal, address, bus.now());
    Ok(SentSequence { expectation, observations, refused })
}

/// Opens what comes back at the place of a stick that restarts in the middle of its method. A busy hub takes its time to notice that it left:
/// what still has its address is asked last.
fn reopen(
    bus: &mut dyn Bus,
    stick: &Stick,
    address: Option<u32>,
    sequence: &Sequence,
    step: usize,
    session: &mut Session<'_>,
) -> Result<Box<dyn UsbLink>> {
    let Some(Transfer::AwaitReturn { at_least, at_most, .. }) = sequence.transfers.get(step) else {
        return Err(Error::new(ErrorKind::Usage, "there is nothing to wait for at this step"));
    };
    session.step("await-return", "waiting for the stick to come back");
    let earliest = bus.now() + *at_least;
    let latest = earliest + *at_most;
    let mut left = address.is_none();
    let back = until(bus, session, |bus| {
        let now = bus.now();
        left |= bus.address(&stick.place)? != address;
        let there = bus.device(&stick.place)?.is_some_and(|s| s.id == stick.id && s.configuration != 0);
        let ready = if there && left { earliest } else { latest };
        Ok(if now >= ready { Look::Done(there) } else { Look::Again(ready) })
    });
    // The stick forgets what it got so far when it is plugged in again; what the bus does not tell is not known.
    let back = back.map_err(|e| match e.is(ErrorKind::Interrupted) {
        true => e.with_verdict(Verdict::Recoverable),
        false => e.verdict_if_unset(Verdict::Unknown),
    })?;
    match back {
        true => bus.open_usb(&stick.place).map_err(|e| e.verdict_if_unset(Verdict::Unknown)),
        false => Err(Error::new(ErrorKind::Disconnected, "the stick restarted and did not come back")
            .with("place", &stick.place)
            .with_verdict(Verdict::Unknown)),
    }
}

/// Sends the sequence and waits until the bus shows what came of it.
///
/// # Errors
/// `NoProfile` for an empty sequence; as [`send`]; `NotSwitched` and `Disconnected` with their verdicts when the stick did not do what was
/// asked.
pub fn switch(bus: &mut dyn Bus, prepared: Prepared, session: &mut Session<'_>) -> Result<Switched> {
    let (switched, expectation) = send_and_assess(bus, prepared, session)?;
    expectation.check_goal(&switched)?;
    Ok(switched)
}

/// The same, and waits until the drivers made their ports.
///
/// # Errors
/// As [`switch()`].
pub fn switch_and_wait(bus: &mut dyn Bus, prepared: Prepared, session: &mut Session<'_>) -> Result<Switched> {
    let (mut switched, mut expectation) = send_and_assess(bus, prepared, session)?;
    await_ports(bus, &mut switched, &mut expectation, session)?;
    expectation.check_goal(&switched)?;
    Ok(switched)
}

fn send_and_assess(
    bus: &mut dyn Bus,
    prepared: Prepared,
    session: &mut Session<'_>,
) -> Result<(Switched, Expectation)> {
    prepared.require_steps()?;
    let SentSequence { mut expectation, observations, refused } = send(bus, prepared, session)?;
    for what in &observations {
        session.note("switch-observation", what);
    }
    session.step("await-switch", format!("waiting for what comes back at {}", expectation.place));
    let assessed = until(bus, session, |bus| {
        let now = bus.now();
        let stick = bus.device(&expectation.place)?;
        expectation.see_address(bus.address(&expectation.place)?);
        Ok(match expectation.assess(stick.as_ref(), now) {
            Assessment::Switched(switched) => Look::Done(Ok(switched)),
            Assessment::Failed(error) => Look::Done(Err(error)),
            Assessment::Pending(until) => Look::Again(until),
        })
    });
    match assessed.map_err(|e| e.with_verdict(Verdict::Unknown))? {
        Ok(switched) => Ok((switched, expectation)),
        Err(mut error) => {
            if !observations.is_empty() {
                error = error.with("observed", observations.join("; "));
            }
            Err(match refused {
                Some(refusal) => error.because(refusal),
                None => error,
            })
        }
    }
}

/// Waits until every port is made, or nothing more comes. The stick has switched: a request to stop ends the wait and is no failure. One that leaves
/// again has to come back, as a hub that gives it too little power has it.
fn await_ports(
    bus: &mut dyn Bus,
    switched: &mut Switched,
    expectation: &mut Expectation,
    session: &mut Session<'_>,
) -> Result<()> {
    let mut quiet = bus.now() + SETTLED_AFTER;
    let mut is_away = false;
    let waited = until(bus, session, |bus| {
        let now = bus.now();
        let stick = bus.device(&expectation.place)?;
        expectation.see_address(bus.address(&expectation.place)?);
        let assessment = expectation.assess(stick.as_ref(), now);
        is_away = !matches!(assessment, Assessment::Switched(_));
        match assessment {
            Assessment::Switched(seen) => {
                if seen.stick != switched.stick {
                    quiet = now + SETTLED_AFTER;
                }
                *switched = seen;
            }
            Assessment::Failed(error) => return Ok(Look::Done(Err(error))),
            Assessment::Pending(until) => return Ok(Look::Again(until)),
        }
        let latest = quiet.min(expectation.end);
        let over = ports_are_made(&switched.stick) || now >= latest;
        Ok(if over { Look::Done(Ok(())) } else { Look::Again(latest) })
    });
    match waited {
        Err(e) if is_away => Err(e.with_verdict(Verdict::Unknown)),
        Err(e) if e.is(ErrorKind::Interrupted) => Ok(()),
        // It is switched, whatever the bus tells of its ports.
        waited => waited.map_err(|e| e.verdict_if_unset(Verdict::Done))?,
    }
}
