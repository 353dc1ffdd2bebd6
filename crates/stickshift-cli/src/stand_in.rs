//! Virtual sticks in place of this computer's: `--virtual NAME` for every verb.

use std::time::Duration;

use stickshift::error::Result;
use stickshift::event::{Event, Session};
use stickshift::link::Bus;
use stickshift_emu::computer::{ComputerFaults, ModemManager, VirtualBus};
use stickshift_emu::device::Device;
use stickshift_emu::sticks::catalogue;

use crate::any_stick;
use crate::context::Context;

/// The virtual bus with nothing on it.
const NOBODY: &str = "none";
/// ModemManager keeps them for longer than any verb runs.
const LONG: Duration = Duration::from_secs(24 * 3600);

impl Context {
    /// Two looks at the bus with the virtual stick that was asked for; `None` without `--virtual`.
    ///
    /// # Errors
    /// See [`virtual_bus`](Self::virtual_bus).
    pub(crate) fn stand_ins(&self) -> Result<Option<[Box<dyn Bus>; 2]>> {
        let Some(name) = &self.global.stand_in.virtual_stick else { return Ok(None) };
        let bus = self.virtual_bus(name)?;
        Ok(Some([Box::new(bus.clone()), Box::new(bus)]))
    }

    /// A virtual bus with the named sticks at 1-1, 1-2 and so on, seeds and faults from the options. The faults are those of the first stick,
    /// but for those that are the computer's.
    ///
    /// # Errors
    /// `Usage` when there is no such virtual stick or the faults do not read.
    pub(crate) fn virtual_bus(&self, names: &str) -> Result<VirtualBus> {
        let bus = VirtualBus::new();
        let computer = ComputerFaults::of(self.global.stand_in.fault.as_deref())?;
        bus.set_no_access(computer.no_access);
        if computer.port_held {
            bus.set_modem_manager(Some(ModemManager { keeps: LONG, ..ModemManager::default() }));
        }
        let mut faults = computer.stick;
        let names = names.split(',').map(str::trim).filter(|name| *name != NOBODY);
        for (number, name) in (1..).zip(names) {
            let seed = self.global.stand_in.seed.wrapping_add(number - 1);
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

    /// The named virtual stick, with its seed and faults from the options.
    ///
    /// # Errors
    /// `Usage` when there is no such virtual stick or the faults do not read.
    pub(crate) fn virtual_stick(&self, name: &str) -> Result<Box<dyn Device>> {
        let asked = &self.global.stand_in;
        if let Some(stick) = any_stick::named(name, asked.fault.as_deref())? {
            return Ok(stick);
        }
        catalogue::virtual_stick(name, asked.seed, asked.fault.as_deref())
    }

    /// A session as of any verb, and every event is told to `also` first.
    pub(crate) fn session_with<'a>(&'a self, also: impl Fn(&Event) + 'a) -> Session<'a> {
        let faults = self.global.stand_in.fault.as_deref();
        let mut until_ctrl_c = ComputerFaults::of(faults).ok().and_then(|computer| computer.ctrl_c);
        let sink = move |event| {
            also(&event);
            if let (Event::Progress { .. }, Some(left)) = (&event, until_ctrl_c.as_mut()) {
                *left = left.saturating_sub(1);
                if *left == 0 {
                    self.cancel.cancel();
                }
            }
            self.output.event(&event);
        };
        Session::new(sink, self.cancel.clone())
    }
}
