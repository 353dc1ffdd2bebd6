//! The virtual bus: virtual sticks through the same interface as real ones.

use std::sync::Arc;
use std::time::Duration;

use stickshift::error::{Error, ErrorKind, Result};
use stickshift::link::{Bus, ByteLink, HttpLink, Input, MessageLink, Moment, UsbLink};
use stickshift::stick::{Drive, Hindrance, Place, Stick};

use crate::computer::http_link::VirtualHttp;
use crate::computer::message_link::VirtualMessages;
use crate::computer::present;
use crate::computer::serial_link::VirtualPort;
use crate::computer::shared::{Participant, Shared};
use crate::computer::usb_link::VirtualUsb;
use crate::computer::virtual_computer::{self, Action, BadPort, ModemManager};
use crate::device::{Appearance, Device, Function};
use crate::modem::{Held, ModemState};
use crate::network::Bearer;

type Reaches = dyn Fn(&Place) -> bool + Send + Sync;

/// Where the network card of a stick leads to at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leads {
    /// A router in the stick, whose own addresses are handed out.
    pub router: bool,
    /// The data connection.
    pub bearer: Option<Bearer>,
    /// Whether requests for an address are answered.
    pub answers_dhcp: bool,
}

/// A bus of virtual sticks with its own clock. Clones look at the same bus.
#[derive(Clone)]
pub struct VirtualBus {
    computer: Shared,
    /// The changes that the last look at the bus has shown.
    seen: u64,
    /// Whether the web server of the stick at a place is within the computer's reach.
    web: Option<Arc<Reaches>>,
}

impl VirtualBus {
    /// Nothing is plugged in, and the clock stands at zero.
    pub fn new() -> Self {
        VirtualBus { computer: Shared::default(), seen: 0, web: None }
    }

    /// Web servers answer only where `reaches` says so: without an address of the computer's there is no way to them.
    pub fn web_where(&mut self, reaches: impl Fn(&Place) -> bool + Send + Sync + 'static) {
        self.web = Some(Arc::new(reaches));
    }

    /// Plugs a stick in. What stood there before is gone.
    pub fn plug(&self, place: &Place, device: Box<dyn Device>) {
        self.computer.lock().plug(place.clone(), device);
    }

    /// Takes a stick away for good.
    pub fn take_out(&self, place: &Place) -> Option<Box<dyn Device>> {
        self.computer.lock().take_out(place)
    }

    /// Pulls a stick out (`false`), or puts it back in.
    pub fn power(&self, place: &Place, on: bool) {
        self.computer.lock().power(place, on);
    }

    /// Pulls a stick out and puts it back a second later.
    pub fn replug(&self, place: &Place) {
        let mut computer = self.computer.lock();
        computer.power(place, false);
        let back = computer.now() + Duration::from_secs(1);
        computer = self.computer.advance_to(computer, back);
        computer.power(place, true);
    }

    /// What somebody will do to a stick after a while, whoever waits for what then.
    pub fn schedule(&self, after: Duration, place: &Place, action: Action) {
        self.computer.lock().schedule(after, place.clone(), action);
    }

    /// Somebody takes out what stands at a place after a while, and plugs in something else.
    pub fn schedule_arrival(&self, after: Duration, place: &Place, device: Box<dyn Device>) {
        self.computer.lock().schedule_arrival(after, place.clone(), device);
    }

    /// The system mounts a drive of the device at a place, by interface and unit, after a while.
    pub fn mount(&self, after: Duration, place: &Place, (interface, unit): (u8, u8), at: &str) {
        self.computer.lock().schedule_mount(after, place.clone(), interface, unit, at);
    }

    /// Unmounts every drive of the device at a place.
    pub fn unmount(&self, place: &Place) {
        self.computer.lock().unmount(place);
    }

    /// A port that does not let devices work, from the next appearance on; `None` mends it.
    pub fn set_bad_port(&self, place: &Place, bad: Option<BadPort>) {
        let mut computer = self.computer.lock();
        match bad {
            Some(bad) => computer.bad_ports.insert(place.clone(), bad),
            None => computer.bad_ports.remove(place),
        };
    }

    /// Lets ModemManager run on this computer, or stops it. Ports that it holds already it keeps for its time.
    pub fn set_modem_manager(&self, modem_manager: Option<ModemManager>) {
        self.computer.lock().set_modem_manager(modem_manager);
    }

    /// Whether the system denies access to every device node.
    pub fn set_no_access(&self, denied: bool) {
        self.computer.lock().no_access = denied;
    }

    /// Takes a driver from the system, for whoever asks for it.
    pub fn remove_driver(&self, name: &str) {
        self.computer.lock().missing_drivers.insert(name.to_owned());
    }

    /// How many serial ports somebody holds open.
    pub fn ports_held(&self) -> usize {
        self.computer.lock().ports_held()
    }

    /// Lets time pass.
    pub fn advance(&self, time: Duration) {
        let computer = self.computer.lock();
        let end = computer.now() + time;
        drop(self.computer.advance_to(computer, end));
    }

    /// Counts a thread that works with this bus beside others, until what is returned is dropped. Time goes on when all of those that are
    /// counted wait, to whatever happens next to one of them: as on a real computer, nobody's deadline passes while others are served.
    pub fn participant(&self) -> Participant {
        self.computer.participant()
    }

    /// What the modem of the stick at `place` holds, also while it is unplugged or restarts. `None` when no stick was plugged in
    /// there, or one without a modem.
    pub fn held(&self, place: &Place) -> Option<Held> {
        let mut computer = self.computer.lock();
        computer.settle();
        let now = computer.now();
        computer.device(place)?.held(now)
    }

    /// Where the network card of the stick at `place` leads to now.
    pub fn leads(&self, place: &Place) -> Option<Leads> {
        let mut computer = self.computer.lock();
        computer.settle();
        let now = computer.now();
        let device = computer.device(place)?;
        let (router, answers_dhcp) = (device.lan().is_some(), device.answers_dhcp());
        Some(Leads { router, bearer: device.bearer(now), answers_dhcp })
    }

    /// What of the modem of the stick at `place` another process goes on with.
    pub fn modem_state(&self, place: &Place) -> Option<ModemState> {
        self.computer.lock().device(place)?.modem_state()
    }

    /// The configuration of the stick at `place`, where it is another one than it begins with.
    pub fn other_configuration(&self, place: &Place) -> Option<u8> {
        let mut computer = self.computer.lock();
        let first = computer.appearance(place)?.configurations.first().map_or(0, |c| c.value);
        computer.configuration(place).ok().filter(|now| *now != first && *now != 0)
    }

    /// Selects a configuration of the stick at `place`, and lets its drivers bind. `false` where it has no such one.
    pub fn configure(&self, place: &Place, value: u8) -> bool {
        let mut computer = self.computer.lock();
        let has = |appearance: &Appearance| appearance.configurations.iter().any(|c| c.value == value);
        let done = computer.appearance(place).is_some_and(has) && computer.configure(place, value).is_ok();
        drop(computer);
        self.advance(Duration::from_secs(1));
        done
    }

    /// Looks into the stick at `place`, when it is a `D`.
    pub fn with<D: Device, R>(&self, place: &Place, look: impl FnOnce(&mut D) -> R) -> Option<R> {
        let mut computer = self.computer.lock();
        let device: &mut dyn std::any::Any = computer.device(place)?;
        device.downcast_mut::<D>().map(look)
    }
}

impl Default for VirtualBus {
    fn default() -> Self {
        VirtualBus::new()
    }
}

impl Bus for VirtualBus {
    fn has_driver(&self, name: &str) -> bool {
        !self.computer.lock().missing_drivers.contains(name)
    }

    fn raw_devices(&mut self) -> Result<Vec<Stick>> {
        let mut computer = self.computer.lock();
        computer.settle();
        self.seen = computer.changes();
        Ok(computer.devices())
    }

    /// As on a real system, whoever asks about one device waits while the kernel keeps it locked.
    fn raw_device(&mut self, place: &Place) -> Result<Option<Stick>> {
        let mut computer = self.computer.lock();
        computer.settle();
        if let Some(until) = computer.locked_until(place) {
            computer = self.computer.advance_to(computer, until);
        }
        self.seen = computer.changes();
        Ok(computer.device_at(place))
    }

    fn drives(&mut self, place: &Place) -> Result<Option<Vec<Drive>>> {
        let mut computer = self.computer.lock();
        computer.settle();
        Ok(Some(computer.drives(place)))
    }

    fn hindrance(&mut self, place: &Place) -> Result<Option<Hindrance>> {
        let mut computer = self.computer.lock();
        computer.settle();
        Ok(computer.hindrance(place))
    }

    fn wait_change(&mut self, deadline: Moment) -> Result<bool> {
        let mut computer = self.computer.lock();
        computer.settle();
        while computer.changes() == self.seen && computer.now() < deadline {
            computer = self.computer.step_until(computer, deadline);
        }
        Ok(computer.changes() != self.seen)
    }

    /// Ends at whatever happens next: what a virtual stick says has no descriptor to wait for.
    fn wait_change_or_input(&mut self, deadline: Moment, _: &[Input]) -> Result<bool> {
        let mut computer = self.computer.lock();
        computer.settle();
        if computer.changes() == self.seen && computer.now() < deadline {
            computer.step_until(deadline);
        }
        Ok(computer.changes() != self.seen)
    }

    fn is_held_here(&mut self, place: &Place, interface: u8) -> bool {
        self.computer.lock().holds_port(place, interface)
    }

    fn open_port(&mut self, place: &Place, interface: u8) -> Result<Box<dyn ByteLink>> {
        let mut computer = self.computer.lock();
        computer.settle();
        let tty = computer.hold_port(place, interface)?;
        let enumeration = computer.enumeration(place).ok_or_else(virtual_computer::gone)?;
        let computer = self.computer.clone();
        Ok(Box::new(VirtualPort {
            computer,
            place: place.clone(),
            enumeration,
            interface,
            tty,
            unread: Vec::new(),
        }))
    }

    fn open_messages(&mut self, place: &Place, interface: u8) -> Result<Box<dyn MessageLink>> {
        let mut computer = self.computer.lock();
        computer.settle();
        if computer.no_access {
            return Err(Error::new(ErrorKind::PermissionDenied, "access to the control channel is denied"));
        }
        let stick = computer.device_at(place).ok_or_else(virtual_computer::gone)?;
        if !stick.interfaces.iter().any(|i| i.number == interface && i.cdc_wdm.is_some()) {
            let error = Error::new(ErrorKind::NoSuchPort, "the interface has no control channel");
            return Err(error.with("interface", interface));
        }
        let enumeration = computer.enumeration(place).ok_or_else(virtual_computer::gone)?;
        let (computer, place) = (self.computer.clone(), place.clone());
        Ok(Box::new(VirtualMessages { computer, place, enumeration, interface }))
    }

    fn open_usb(&mut self, place: &Place) -> Result<Box<dyn UsbLink>> {
        let mut computer = self.computer.lock();
        computer.settle();
        let Some(appearance) = computer.appearance(place).cloned() else {
            return Err(Error::new(ErrorKind::NoStick, "nothing stands there").with("place", place));
        };
        if computer.no_access {
            return Err(Error::new(ErrorKind::PermissionDenied, "access to the device is denied"));
        }
        let enumeration = computer.enumeration(place).ok_or_else(virtual_computer::gone)?;
        Ok(Box::new(VirtualUsb::new(self.computer.clone(), place.clone(), enumeration, &appearance)))
    }

    fn open_http(&mut self, place: &Place) -> Result<Box<dyn HttpLink>> {
        let mut computer = self.computer.lock();
        computer.settle();
        let configuration = computer.configuration(place)?;
        let network = computer.appearance(place).is_some_and(|appearance| {
            let mut shown = present::interfaces(appearance, configuration).iter();
            shown.any(|i| matches!(i.function, Function::Ethernet | Function::Ncm))
        });
        if !network {
            return Err(Error::new(ErrorKind::NoSuchPort, "the stick has no network interface"));
        }
        if self.web.as_ref().is_some_and(|reaches| !reaches(place)) {
            return Err(Error::new(ErrorKind::Timeout, "the web server is out of reach"));
        }
        let enumeration = computer.enumeration(place).ok_or_else(virtual_computer::gone)?;
        Ok(Box::new(VirtualHttp { computer: self.computer.clone(), place: place.clone(), enumeration }))
    }

    fn address(&mut self, place: &Place) -> Result<Option<u32>> {
        let mut computer = self.computer.lock();
        computer.settle();
        Ok(computer.enumeration(place))
    }

    fn now(&self) -> Moment {
        self.computer.lock().now()
    }
}

#[cfg(test)]
mod tests;
