//! What the options `--virtual`, `--virtual-state`, `--fault`, `--seed` and `--owner` make: a virtual computer with virtual sticks.

use std::time::Duration;

use stickshift::error::{Error, ErrorKind, Result};
use stickshift::event::Event;
use stickshift::stick::Place;
use stickshift_emu::computer::{Action, ComputerFaults, ModemManager, VirtualBus};
use stickshift_emu::device::Device;
use stickshift_emu::sticks::catalogue;
use stickshift_emu::sticks::huawei::HuaweiStick;
use stickshift_emu::sticks::mbim::MbimStick;
use stickshift_emu::sticks::zerocd::ZeroCd;

use crate::any_stick;
use crate::from_text;
use crate::options::VirtualOptions;
use crate::virtual_computer::VirtualComputer;
use crate::virtual_state::{self, Kept, PlayedStick};

/// The virtual bus with nothing on it.
const NONE: &str = "none";
/// ModemManager keeps them for longer than any verb runs.
const LONG: Duration = Duration::from_secs(24 * 3600);
/// How long the virtual owner takes to follow an instruction.
const OWNER_ACTS: Duration = Duration::from_secs(20);

/// The virtual computer of this run, and what was plugged into it.
#[derive(Clone)]
pub(crate) struct Played {
    pub(crate) bus: VirtualBus,
    pub(crate) sticks: Vec<PlayedStick>,
    /// What `online` changes of it.
    pub(crate) computer: VirtualComputer,
}

impl VirtualOptions {
    /// The seed that was given, or the usual one.
    pub(crate) fn seed(&self) -> u64 {
        self.seed.unwrap_or(1)
    }

    /// The virtual bus that was asked for, with the sticks of the state file where there is one.
    ///
    /// # Errors
    /// As [`bus`](Self::bus) and [`virtual_state::read`]; `Usage` when the file holds other sticks than were named.
    pub(crate) fn asked_for(&self) -> Result<Played> {
        let kept = self.state.as_deref().map(virtual_state::read).transpose()?.flatten();
        let Some(kept) = kept else {
            return match (&self.names, &self.state) {
                (Some(names), _) => self.bus(names),
                (None, Some(file)) => {
                    let what =
                        format!("{} does not exist: --virtual NAME makes its first stick", file.display());
                    Err(Error::new(ErrorKind::FileNotFound, what))
                }
                (None, None) => Err(Error::new(ErrorKind::Usage, "no virtual stick was named")),
            };
        };
        let there: Vec<&str> = kept.iter().map(|kept| kept.name.as_str()).collect();
        let there = there.join(",");
        let same = |names: &String| there == names.split(',').map(str::trim).collect::<Vec<_>>().join(",");
        let seed = kept.first().map_or(self.seed(), |kept| kept.seed);
        if !self.names.as_ref().is_none_or(same) || self.seed.is_some_and(|given| given != seed) {
            let what = "the state file holds another virtual stick, or one with another seed: name another file, or delete it";
            return Err(Error::new(ErrorKind::Usage, what).with("holds", format!("{there}, seed {seed}")));
        }
        self.computer(kept)
    }

    /// A virtual bus with the named sticks at 1-1, 1-2 and so on, as new. The faults are those of the first stick, except for those of the computer.
    ///
    /// # Errors
    /// `Usage` when there is no such virtual stick or the faults do not read.
    pub(crate) fn bus(&self, names: &str) -> Result<Played> {
        let names = names.split(',').map(str::trim).filter(|name| *name != NONE);
        let mut each = Vec::new();
        for name in names {
            each.extend(from_text::each(name)?);
        }
        let new = (0..).zip(&each).map(|(number, name)| Kept::new(name, self.seed().wrapping_add(number)));
        self.computer(new.collect())
    }

    fn computer(&self, sticks: Vec<Kept>) -> Result<Played> {
        let bus = VirtualBus::new();
        let computer = ComputerFaults::of(self.fault.as_deref())?;
        bus.set_no_access(computer.no_access);
        if computer.port_held {
            bus.set_modem_manager(Some(ModemManager { keeps: LONG, ..ModemManager::default() }));
        }
        let mut faults = computer.stick;
        let mut played = Vec::new();
        for (number, kept) in (1..).zip(sticks) {
            let mut stick = made(&kept.name, kept.seed, faults.take().as_deref())?;
            kept.go_on(stick.as_mut())?;
            let place: Place = format!("1-{number}").parse().unwrap_or_else(|()| unreachable!("a place"));
            bus.plug(&place, stick);
            played.push(PlayedStick { place, name: kept.name, seed: kept.seed });
        }
        if let Some(faults) = faults {
            return Err(Error::new(
                ErrorKind::Usage,
                "there is no virtual stick that the faults could be of",
            )
            .with("fault", faults));
        }
        // It was plugged in a minute ago.
        bus.advance(Duration::from_secs(60));
        let computer = VirtualComputer::beside(&bus);
        Ok(Played { bus, sticks: played, computer })
    }

    /// Number `number` of several virtual sticks of that name, counted from 0, with its seed and the faults.
    ///
    /// # Errors
    /// As [`bus`](Self::bus).
    pub(crate) fn stick(&self, name: &str, number: u16) -> Result<Box<dyn Device>> {
        made(name, self.seed().wrapping_add(number.into()), self.fault.as_deref())
    }

    /// Progress reports after which Ctrl-C is simulated.
    pub(crate) fn ctrl_c(&self) -> Option<u32> {
        ComputerFaults::of(self.fault.as_deref()).ok().and_then(|computer| computer.ctrl_c)
    }
}

fn made(name: &str, seed: u64, fault: Option<&str>) -> Result<Box<dyn Device>> {
    if let Some(stick) = from_text::named(name, fault)? {
        return Ok(stick);
    }
    match any_stick::named(name, fault)? {
        Some(stick) => Ok(stick),
        None => catalogue::virtual_stick(name, seed, fault),
    }
}

impl Played {
    /// The faults that never struck, each with why as far as it is known.
    pub(crate) fn unfired(&self) -> Vec<String> {
        let mut unfired = Vec::new();
        for stick in &self.sticks {
            let of_requests = |stick: &mut HuaweiStick| {
                let steps = stick.steps();
                stick
                    .unfired()
                    .map(|fault| format!("{fault} (the stick received {steps} requests)"))
                    .collect::<Vec<_>>()
            };
            unfired.extend(self.bus.with(&stick.place, of_requests).unwrap_or_default());
            let of_messages = |stick: &mut MbimStick| {
                let steps = stick.steps();
                let words = |fault| format!("{fault} (the stick received {steps} messages)");
                stick.unfired().map(words).collect::<Vec<_>>()
            };
            unfired.extend(self.bus.with(&stick.place, of_messages).unwrap_or_default());
            let of_message = self.bus.with(&stick.place, |stick: &mut ZeroCd| stick.unfired()).flatten();
            unfired
                .extend(of_message.map(|behaviour| format!("{} (no switch message came)", behaviour.word())));
        }
        unfired
    }

    /// What an owner with a needle does when an event asks for the boot pin.
    pub(crate) fn owner_hears(&self, event: &Event) {
        if !asks_for_the_pin(event) {
            return;
        }
        for stick in &self.sticks {
            if self.bus.with(&stick.place, HuaweiStick::hold_boot_pin).is_some() {
                self.bus.schedule(OWNER_ACTS, &stick.place, Action::Replug);
            }
        }
    }
}

/// Whether the owner is told to ground the boot pin.
pub(crate) fn asks_for_the_pin(event: &Event) -> bool {
    matches!(event, Event::Step { code: "boot-pin", .. } | Event::Warning { code: "boot-pin-missed", .. })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verbs::virtual_owner::flashable;

    #[test]
    fn each_stick_of_several_has_the_next_seed() {
        let options = |seed| VirtualOptions { seed, ..VirtualOptions::default() };
        let imei = |options: &VirtualOptions, number| {
            let mut stick = options.stick("e3372h-stick", number).unwrap();
            flashable(stick.as_mut()).unwrap().identity().imei
        };
        assert_ne!(imei(&options(None), 0), imei(&options(None), 1));
        assert_eq!(imei(&options(None), 4), imei(&options(Some(3)), 2));
    }
}
