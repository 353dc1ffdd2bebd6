//! What the options `--virtual`, `--fault` and `--seed` make: a virtual computer with virtual sticks.

use std::time::Duration;

use stickshift::error::Result;
use stickshift_emu::computer::{ComputerFaults, ModemManager, VirtualBus};
use stickshift_emu::device::Device;
use stickshift_emu::sticks::catalogue;

use crate::any_stick;
use crate::options::VirtualOptions;

/// The virtual bus with nothing on it.
const NONE: &str = "none";
/// ModemManager keeps them for longer than any verb runs.
const LONG: Duration = Duration::from_secs(24 * 3600);

impl VirtualOptions {
    /// The seed that was given, or the usual one.
    pub(crate) fn seed(&self) -> u64 {
        self.seed.unwrap_or(1)
    }

    /// A virtual bus with the named sticks at 1-1, 1-2 and so on. The faults are those of the first stick, except for those of the computer.
    ///
    /// # Errors
    /// `Usage` when there is no such virtual stick or the faults do not read.
    pub(crate) fn bus(&self, names: &str) -> Result<VirtualBus> {
        let bus = VirtualBus::new();
        let computer = ComputerFaults::of(self.fault.as_deref())?;
        bus.set_no_access(computer.no_access);
        if computer.port_held {
            bus.set_modem_manager(Some(ModemManager { keeps: LONG, ..ModemManager::default() }));
        }
        let mut faults = computer.stick;
        let names = names.split(',').map(str::trim).filter(|name| *name != NONE);
        for (number, name) in (1..).zip(names) {
            let seed = self.seed().wrapping_add(number - 1);
            let faults = faults.take();
            let stick = match any_stick::named(name, faults.as_deref())? {
                Some(stick) => stick,
                None => catalogue::virtual_stick(name, seed, faults.as_deref())?,
            };
            let place = format!("1-{number}").parse().unwrap_or_else(|()| unreachable!("a place"));
            bus.plug(&place, stick);
        }
        // It was plugged in a minute ago.
        bus.advance(Duration::from_secs(60));
        Ok(bus)
    }

    /// The named virtual stick, with its seed and faults.
    ///
    /// # Errors
    /// As [`bus`](Self::bus).
    pub(crate) fn stick(&self, name: &str) -> Result<Box<dyn Device>> {
        if let Some(stick) = any_stick::named(name, self.fault.as_deref())? {
            return Ok(stick);
        }
        catalogue::virtual_stick(name, self.seed(), self.fault.as_deref())
    }

    /// Progress reports after which Ctrl-C is simulated.
    pub(crate) fn ctrl_c(&self) -> Option<u32> {
        ComputerFaults::of(self.fault.as_deref()).ok().and_then(|computer| computer.ctrl_c)
    }
}
