//! Which devices are meant, and whether one of them switched.

use std::time::Duration;

use stickshift::error::{ErrorKind, Result};
use stickshift::event::{Cancel, Session};
use stickshift::link::Bus;
use stickshift::profile::Parameters;
use stickshift::stick::{Stick, UsbId};
use stickshift::waiting::{Look, until};

use super::command_line::CommandLine;

/// The devices that are meant and not switched yet, in the order of their places.
pub(crate) fn default_devices(bus: &mut dyn Bus, request: &CommandLine, id: UsbId) -> Result<Vec<Stick>> {
    let mut found = bus.sticks()?;
    found.retain(|s| s.id == id && !shows_class(s, request.parameters.target_class));
    let Some(device) = request.device else { return Ok(found) };
    let mut meant = Vec::new();
    for stick in found {
        // A device number without its bus names nothing.
        let on_bus = request.bus.is_some() && bus_number(&stick) == request.bus;
        if on_bus && bus.address(&stick.place)? == Some(device) {
            meant.push(stick);
        }
    }
    Ok(meant)
}

/// The number of the bus that a device is on.
pub(crate) fn bus_number(stick: &Stick) -> Option<u32> {
    stick.place.as_str().split('-').next()?.parse().ok()
}

fn shows_class(stick: &Stick, class: Option<u8>) -> bool {
    class.is_some_and(|c| stick.class == c || stick.interfaces.first().is_some_and(|i| i.class == c))
}

/// What decides about success.
pub(crate) struct Check {
    /// The device as it was, with the number it had.
    pub(crate) before: Stick,
    pub(crate) address: Option<u32>,
    /// How many devices were in target mode before.
    pub(crate) targets: usize,
}

/// Whether anything tells what the device will be.
pub(crate) fn has_target(parameters: &Parameters) -> bool {
    parameters.target_vendor.is_some() || parameters.target_class.is_some()
}

/// How many devices are in target mode.
pub(crate) fn targets(bus: &mut dyn Bus, parameters: &Parameters, id: UsbId) -> Result<usize> {
    let wanted = parameters.targets(id.vendor);
    let vendor = parameters.target_vendor.unwrap_or(id.vendor);
    let is_target = |s: &Stick| {
        let ids = if wanted.is_empty() { s.id.vendor == vendor } else { wanted.contains(&s.id) };
        ids && (parameters.target_class.is_none() || shows_class(s, parameters.target_class))
    };
    Ok(bus.sticks()?.iter().filter(|s| is_target(s)).count())
}

impl Check {
    /// Watches the bus for at most `time`, or until it is to stop. Whether the device switched.
    ///
    /// # Errors
    /// What the bus reports.
    pub(crate) fn wait(
        &self,
        bus: &mut dyn Bus,
        parameters: &Parameters,
        time: Duration,
        cancel: &Cancel,
    ) -> Result<bool> {
        let end = bus.now() + time;
        let watched = until(bus, &mut Session::new(|_| {}, cancel.clone()), |bus| {
            let switched = if has_target(parameters) {
                targets(bus, parameters, self.before.id)? > self.targets
            } else {
                self.vanished(bus)?
            };
            let over = switched || bus.now() >= end;
            Ok(if over { Look::Done(switched) } else { Look::Again(end) })
        });
        match watched {
            Err(e) if e.is(ErrorKind::Interrupted) => Ok(false),
            watched => watched,
        }
    }

    fn vanished(&self, bus: &mut dyn Bus) -> Result<bool> {
        let there = bus.sticks()?.iter().any(|s| s.place == self.before.place && s.id == self.before.id);
        Ok(!there || bus.address(&self.before.place)? != self.address)
    }
}
