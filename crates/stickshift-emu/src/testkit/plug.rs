use std::time::Duration;

use stickshift::error::Result;
use stickshift::link::Bus;
use stickshift::stick::{Place, Stick};

use crate::computer::VirtualBus;
use crate::sticks::catalogue::virtual_stick;

/// After this long a stick and its firmware are up, and the network knows its modem.
const UP: Duration = Duration::from_secs(60);

/// A virtual computer with the named stick at `1-1`, plugged in a minute ago, and what stands there now. Faults are written as for
/// [`FaultPlan`](crate::fault::FaultPlan).
///
/// # Errors
/// As [`virtual_stick`].
pub fn plugged(name: &str, seed: u64, faults: Option<&str>) -> Result<(VirtualBus, Stick)> {
    let mut bus = VirtualBus::new();
    let place: Place = "1-1".parse().unwrap_or_else(|_| unreachable!("a place"));
    bus.plug(&place, virtual_stick(name, seed, faults)?);
    bus.advance(UP);
    let stick = bus.device(&place)?.unwrap_or_else(|| unreachable!("it was just plugged in"));
    Ok((bus, stick))
}
