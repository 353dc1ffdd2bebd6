//! The computer around the virtual sticks: one clock, places on a bus, drivers that bind, ports and who holds them.
//!
//! Time is discrete: it stands still while anybody works, and jumps to the next event when somebody waits.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use stickshift::error::{Detail, Error, ErrorKind, Result};
use stickshift::link::Moment;
use stickshift::stick::{Drive, DriveKind, Hindrance, Place, Stick};

use crate::computer::participants::Participants;
use crate::computer::present::{CHANNELS, Holder, Present, interfaces};
use crate::device::{Appearance, Device, Function, Unit};

/// From the appearance of a device to its drivers, as on a laptop.
const DRIVERS_BIND: Duration = Duration::from_millis(150);

/// What somebody does to a stick later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Pulls it out.
    Unplug,
    /// Puts it (back) in.
    Plug,
    /// Pulls it out and puts it back a second later.
    Replug,
}

/// ModemManager: it takes every serial port soon after it appears, probes it, and gives it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModemManager {
    /// From the appearance of a port until it takes it.
    pub takes_after: Duration,
    /// How long it keeps a port.
    pub keeps: Duration,
    /// Its process id.
    pub pid: u32,
}

impl Default for ModemManager {
    fn default() -> Self {
        ModemManager { takes_after: Duration::ZERO, keeps: Duration::from_secs(20), pid: 612 }
    }
}

/// A port of the computer that does not let a device work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadPort {
    /// It has no power for a device that asks for 500 mA: the kernel leaves it without a configuration.
    Weak,
    /// `authorized` is 0: the kernel leaves the device without a configuration.
    NotAuthorized,
    /// `authorized` of this interface is 0: no driver binds, and nobody can claim it.
    InterfaceNotAuthorized(u8),
}

struct UsbSocket {
    device: Box<dyn Device>,
    present: Option<Present>,
    /// tty numbers of the appearance before this one.
    last_ttys: BTreeSet<u32>,
}

/// The virtual computer.
#[derive(Default)]
pub(crate) struct VirtualComputer {
    now: Moment,
    pub(crate) participants: Participants,
    /// When all places were looked at last, and the places to which something was done since.
    settled: Option<Moment>,
    touched: BTreeSet<Place>,
    slots: BTreeMap<Place, UsbSocket>,
    /// Counts whatever a look at the bus would show.
    changes: u64,
    /// Open ports by tty number; a port that is held keeps its number when its stick leaves.
    held: BTreeMap<u32, Holder>,
    actions: Vec<(Moment, Place, Action)>,
    /// What will be plugged in, in place of what stands there then.
    arrivals: Vec<(Moment, Place, Box<dyn Device>)>,
    /// Drives that a desktop will mount.
    mounting: Vec<(Moment, Place, u8, u8, String)>,
    pub(crate) bad_ports: BTreeMap<Place, BadPort>,
    modem_manager: Option<ModemManager>,
    pub(crate) no_access: bool,
    /// Drivers that its kernel does not have.
    pub(crate) missing_drivers: BTreeSet<String>,
}

impl VirtualComputer {
    pub(crate) fn now(&self) -> Moment {
        self.now
    }

    pub(crate) fn changes(&self) -> u64 {
        self.changes
    }

    pub(crate) fn plug(&mut self, place: Place, mut device: Box<dyn Device>) {
        device.power(self.now, true);
        self.slots.insert(place, UsbSocket { device, present: None, last_ttys: BTreeSet::new() });
        self.settle_all();
    }

    pub(crate) fn take_out(&mut self, place: &Place) -> Option<Box<dyn Device>> {
        let mut slot = self.slots.remove(place)?;
        slot.device.power(self.now, false);
        self.changes += 1;
        Some(slot.device)
    }

    pub(crate) fn power(&mut self, place: &Place, on: bool) {
        if let Some(slot) = self.slots.get_mut(place) {
            slot.device.power(self.now, on);
        }
        self.settle_all();
    }

    pub(crate) fn schedule(&mut self, after: Duration, place: Place, action: Action) {
        self.actions.push((self.now + after, place, action));
    }

    /// Somebody takes out what stands there then, and plugs this in.
    pub(crate) fn schedule_arrival(&mut self, after: Duration, place: Place, device: Box<dyn Device>) {
        self.arrivals.push((self.now + after, place, device));
    }

    /// The system mounts a drive of the device at `place`.
    pub(crate) fn schedule_mount(
        &mut self,
        after: Duration,
        place: Place,
        interface: u8,
        unit: u8,
        at: &str,
    ) {
        self.mounting.push((self.now + after, place, interface, unit, at.to_owned()));
        self.settle_all();
    }

    pub(crate) fn unmount(&mut self, place: &Place) {
        if let Some(present) = self.slots.get_mut(place).and_then(|slot| slot.present.as_mut()) {
            present.mounts.clear();
        }
    }

    pub(crate) fn set_modem_manager(&mut self, modem_manager: Option<ModemManager>) {
        self.modem_manager = modem_manager;
    }

    pub(crate) fn device(&mut self, place: &Place) -> Option<&mut dyn Device> {
        self.touched.insert(place.clone());
        Some(self.slots.get_mut(place)?.device.as_mut())
    }

    /// The same for every place, whatever was done.
    fn settle_all(&mut self) {
        self.settled = None;
        self.settle();
    }

    /// Lets everything happen that is due now.
    pub(crate) fn settle(&mut self) {
        let now = self.now;
        while let Some(due) = self.actions.iter().position(|&(at, ..)| at <= now) {
            let (_, place, action) = self.actions.remove(due);
            self.settled = None;
            let Some(slot) = self.slots.get_mut(&place) else { continue };
            slot.device.power(now, action == Action::Plug);
            if action == Action::Replug {
                self.actions.push((now + Duration::from_secs(1), place, Action::Plug));
            }
        }
        while let Some(due) = self.arrivals.iter().position(|arrival| arrival.0 <= now) {
            self.settled = None;
            let (_, place, mut device) = self.arrivals.remove(due);
            self.take_out(&place);
            device.power(now, true);
            self.slots.insert(place, UsbSocket { device, present: None, last_ttys: BTreeSet::new() });
        }
        while let Some(due) = self.mounting.iter().position(|mount| mount.0 <= now) {
            let (_, place, interface, unit, at) = self.mounting.remove(due);
            if let Some(present) = self.slots.get_mut(&place).and_then(|slot| slot.present.as_mut()) {
                present.mounts.push((interface, unit, at));
            }
        }
        let touched = std::mem::take(&mut self.touched);
        let places = match self.settled.replace(now) {
            Some(then) if then == now => touched,
            _ => self.slots.keys().cloned().collect(),
        };
        for place in &places {
            self.look(place);
            self.bind(place);
            self.probe(place);
        }
    }

    /// Notices what appeared or left.
    fn look(&mut self, place: &Place) {
        let now = self.now;
        let Some(slot) = self.slots.get_mut(place) else { return };
        slot.device.tick(now);
        let shows = slot.device.appearance().map(|_| slot.device.enumeration());
        if slot.present.as_ref().map(|p| p.enumeration) == shows {
            return;
        }
        self.changes += 1;
        let mut given_back = Vec::new();
        if let Some(left) = slot.present.take() {
            slot.last_ttys = left.ttys.values().copied().collect();
            given_back.extend(left.ttys.into_values());
        }
        if let (Some(appearance), Some(enumeration)) = (slot.device.appearance().cloned(), shows) {
            let forbidden = matches!(self.bad_ports.get(place), Some(BadPort::Weak | BadPort::NotAuthorized));
            let first = appearance.configurations.first().map_or(0, |c| c.value);
            let configuration = if forbidden { 0 } else { first };
            if !forbidden {
                slot.device.configured(now, configuration);
            }
            let all = appearance.configurations.iter().flat_map(|c| &c.interfaces);
            let drivers = all.filter_map(|i| Some((i.number, slot.device.driver(i.number)?))).collect();
            slot.present = Some(Present {
                drivers,
                appearance,
                enumeration,
                bind_at: now + DRIVERS_BIND,
                bound: false,
                configuration,
                ttys: BTreeMap::new(),
                channels: BTreeMap::new(),
                networks: BTreeMap::new(),
                controls: BTreeMap::new(),
                detached: BTreeSet::new(),
                probing: None,
                mounts: Vec::new(),
            });
        }
        self.held.retain(|tty, holder| *holder == Holder::Us || !given_back.contains(tty));
    }

    /// Drivers bind: serial ports, network interfaces and control channels get their numbers. A number of a port that is held, or was this stick's a moment ago, is not given
    /// out, so that numbers move as they do on real systems.
    fn bind(&mut self, place: &Place) {
        let mut taken: BTreeSet<u32> = self.held.keys().copied().collect();
        let there = self.slots.values().filter_map(|s| s.present.as_ref());
        taken.extend(there.flat_map(|p| p.ttys.values().chain(p.channels.values())));
        let others =
            || self.slots.iter().filter(|(at, _)| *at != place).filter_map(|(_, s)| s.present.as_ref());
        let mut networks: BTreeSet<String> = others().flat_map(|p| p.networks.values().cloned()).collect();
        let mut controls: BTreeSet<u32> = others().flat_map(|p| p.controls.values().copied()).collect();
        let Some(slot) = self.slots.get_mut(place) else { return };
        let Some(present) = slot.present.as_mut().filter(|p| !p.bound && p.bind_at <= self.now) else {
            return;
        };
        taken.extend(&slot.last_ttys);
        present.bound = true;
        present.networks.clear();
        present.controls.clear();
        for interface in interfaces(&present.appearance, present.configuration) {
            if let Some(kind) = present.network(interface) {
                let free = (0..).map(|n| format!("{kind}{n}")).find(|name| networks.insert(name.clone()));
                present.networks.extend(free.map(|name| (interface.number, name)));
            }
            if present.has_control(interface) {
                let free = (0..).find(|n| controls.insert(*n));
                present.controls.extend(free.map(|n| (interface.number, n)));
            }
        }
        let drivers = present.drivers.clone();
        for interface in interfaces(&present.appearance, present.configuration) {
            if drivers.get(&interface.number) == Some(&None) {
                continue;
            }
            if interface.function == Function::Serial {
                let tty = (0..).find(|n| !taken.contains(n)).unwrap_or_default();
                taken.insert(tty);
                present.ttys.insert(interface.number, tty);
            } else if interface.function == Function::Ncm && interface.alternates[0].class[0] == 0xff {
                let channel = (CHANNELS..).find(|n| !taken.contains(n)).unwrap_or_default();
                taken.insert(channel);
                present.channels.insert(interface.number, channel);
            }
        }
        if let Some(mm) = self.modem_manager {
            let from = self.now + mm.takes_after;
            present.probing = Some((from, from + mm.keeps));
        }
        self.changes += 1;
    }

    /// ModemManager takes ports that nobody holds, writes AT into them, and gives them back.
    fn probe(&mut self, place: &Place) {
        let now = self.now;
        let Some(mm) = self.modem_manager else { return };
        let Some(slot) = self.slots.get_mut(place) else { return };
        let Some(present) = slot.present.as_mut() else { return };
        let Some((from, to)) = present.probing else { return };
        if from <= now && now < to {
            for (&interface, &tty) in &present.ttys {
                if let std::collections::btree_map::Entry::Vacant(free) = self.held.entry(tty) {
                    free.insert(Holder::ModemManager(mm.pid));
                    slot.device.serial_write(now, interface, b"AT\r");
                    self.changes += 1;
                }
            }
        } else if to <= now {
            present.probing = None;
            for (&interface, tty) in &present.ttys {
                if self.held.get(tty).is_some_and(|holder| *holder != Holder::Us) {
                    self.held.remove(tty);
                    slot.device.serial_read(now, interface);
                    self.changes += 1;
                }
            }
        }
    }

    /// When something will happen next.
    fn next_event(&self) -> Option<Moment> {
        let slots = self.slots.values();
        let devices = slots.clone().filter_map(|s| s.device.next_tick());
        let present = slots.filter_map(|s| s.present.as_ref());
        let binds = present.clone().filter(|p| !p.bound).map(|p| p.bind_at);
        let probes = present.filter_map(|p| p.probing).flat_map(|(from, to)| [from, to]);
        let arrivals = self.arrivals.iter().map(|arrival| arrival.0);
        let mounts = self.mounting.iter().map(|mount| mount.0);
        let actions = self.actions.iter().map(|&(at, ..)| at).chain(arrivals).chain(mounts);
        devices.chain(binds).chain(probes).chain(actions).filter(|&at| at > self.now).min()
    }

    /// Goes on to the next event, or to `deadline` when nothing happens before.
    pub(crate) fn step_until(&mut self, deadline: Moment) {
        let next = self.next_event().map_or(deadline, |at| at.min(deadline));
        self.now = self.now.max(next);
        self.settle();
    }

    pub(crate) fn devices(&self) -> Vec<Stick> {
        let places = self.slots.iter();
        let shown = places.filter_map(|(place, slot)| {
            let mut stick = slot.present.as_ref()?.stick(place, &self.held);
            // The strings of a device whose drives are silent are locked, and nobody waits for them here.
            if self.locked_until(place).is_some() {
                (stick.manufacturer, stick.product, stick.serial) = (None, None, None);
            }
            Some(stick)
        });
        shown.collect()
    }

    /// Until when the kernel keeps the device at `place` locked.
    pub(crate) fn locked_until(&self, place: &Place) -> Option<Moment> {
        let slot = self.slots.get(place)?;
        slot.present.as_ref()?;
        slot.device.silent_until().filter(|until| *until > self.now)
    }

    /// The device at `place`, with all that it says of itself.
    pub(crate) fn device_at(&self, place: &Place) -> Option<Stick> {
        Some(self.slots.get(place)?.present.as_ref()?.stick(place, &self.held))
    }

    /// The drives that the storage driver found, once it is bound and they answered it.
    pub(crate) fn drives(&self, place: &Place) -> Vec<Drive> {
        let Some(slot) = self.slots.get(place) else { return Vec::new() };
        let Some(present) = slot.present.as_ref().filter(|p| p.bound) else { return Vec::new() };
        if present.configuration == 0 || self.locked_until(place).is_some() {
            return Vec::new();
        }
        let units = slot.device.units().into_iter().filter(|u| !present.detached.contains(&u.interface));
        let drive = |unit: Unit| Drive {
            interface: unit.interface,
            unit: unit.number,
            kind: if unit.cdrom { DriveKind::Cdrom } else { DriveKind::Disk },
            texts: unit.texts,
            uses: present
                .mounts
                .iter()
                .filter(|(interface, number, _)| (*interface, *number) == (unit.interface, unit.number))
                .map(|(.., at)| format!("mounted at {at}"))
                .collect(),
        };
        units.map(drive).collect()
    }

    pub(crate) fn hindrance(&self, place: &Place) -> Option<Hindrance> {
        let configuration = self.slots.get(place)?.present.as_ref()?.configuration;
        Some(match self.bad_ports.get(place)? {
            BadPort::Weak | BadPort::NotAuthorized if configuration != 0 => return None,
            BadPort::Weak => Hindrance::NotConfigured { wants_ma: Some(500) },
            BadPort::NotAuthorized => Hindrance::NotAuthorized { interface: None },
            BadPort::InterfaceNotAuthorized(number) => Hindrance::NotAuthorized { interface: Some(*number) },
        })
    }

    /// The enumeration of what stands at `place` now.
    pub(crate) fn enumeration(&self, place: &Place) -> Option<u32> {
        self.slots.get(place)?.present.as_ref().map(|p| p.enumeration)
    }

    pub(crate) fn appearance(&self, place: &Place) -> Option<&Appearance> {
        self.slots.get(place)?.present.as_ref().map(|p| &p.appearance)
    }

    /// Takes the serial port behind an interface: its tty number.
    pub(crate) fn hold_port(&mut self, place: &Place, interface: u8) -> Result<u32> {
        let present = self.present(place)?;
        let Some(&tty) = present.ttys.get(&interface).or(present.channels.get(&interface)) else {
            let error = Error::new(ErrorKind::NoSuchPort, "the interface has no serial port");
            return Err(error.with("interface", interface));
        };
        let path = present.node(interface, tty);
        if self.no_access {
            return Err(
                Error::new(ErrorKind::PermissionDenied, "access to the port is denied").with("port", path)
            );
        }
        if let Some(holder) = self.held.get(&tty) {
            let (what, by) = match holder {
                Holder::Us => ("stickshift itself holds the port", Detail::HeldHere),
                Holder::ModemManager(_) => {
                    ("another program holds the port", Detail::Holder(holder.in_words()))
                }
            };
            return Err(Error::new(ErrorKind::PortBusy, what).with("port", path).detail(by));
        }
        self.held.insert(tty, Holder::Us);
        self.changes += 1;
        Ok(tty)
    }

    /// Whether the port behind an interface was taken and not given back yet.
    pub(crate) fn holds_port(&self, place: &Place, interface: u8) -> bool {
        let present = self.slots.get(place).and_then(|slot| slot.present.as_ref());
        let tty = present.and_then(|p| p.ttys.get(&interface).or(p.channels.get(&interface)));
        tty.is_some_and(|tty| self.held.get(tty) == Some(&Holder::Us))
    }

    pub(crate) fn ports_held(&self) -> usize {
        self.held.len()
    }

    pub(crate) fn give_back(&mut self, tty: u32) {
        self.held.remove(&tty);
        self.settled = None;
        self.changes += 1;
    }

    fn present(&mut self, place: &Place) -> Result<&mut Present> {
        let slot = self.slots.get_mut(place);
        let present = slot.and_then(|s| s.present.as_mut());
        present.ok_or_else(|| gone().with("place", place))
    }

    pub(crate) fn configuration(&mut self, place: &Place) -> Result<u8> {
        Ok(self.present(place)?.configuration)
    }

    /// Another configuration: other interfaces, other drivers.
    pub(crate) fn configure(&mut self, place: &Place, value: u8) -> Result<()> {
        let now = self.now;
        let present = self.present(place)?;
        present.configuration = value;
        present.ttys.clear();
        present.detached.clear();
        present.bound = false;
        present.bind_at = now + DRIVERS_BIND;
        if let Some(slot) = self.slots.get_mut(place) {
            slot.device.configured(now, value);
        }
        self.changes += 1;
        self.settle_all();
        Ok(())
    }

    /// Whether a kernel driver was bound.
    pub(crate) fn detach(&mut self, place: &Place, interface: u8) -> Result<bool> {
        let present = self.present(place)?;
        let held = present.bound
            && present.shown().iter().any(|i| i.number == interface && present.driver(i).is_some());
        let detached = held && present.detached.insert(interface);
        if detached {
            present.mounts.retain(|mount| mount.0 != interface);
            present.ttys.remove(&interface);
            self.changes += 1;
        }
        Ok(detached)
    }

    /// The driver that holds an interface.
    pub(crate) fn driver(&mut self, place: &Place, interface: u8) -> Result<Option<String>> {
        let present = self.present(place)?;
        if !present.bound || present.detached.contains(&interface) {
            return Ok(None);
        }
        let shown = present.shown();
        Ok(shown.iter().find(|i| i.number == interface).and_then(|i| present.driver(i)))
    }
}

pub(crate) fn gone() -> Error {
    Error::new(ErrorKind::Disconnected, "the stick disconnected")
}
