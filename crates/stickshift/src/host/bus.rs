//! The USB bus of this computer.

use super::aside::StringsAside;
use super::cdc_wdm::{ChannelPort, ControlChannel};
use super::clock::Clock;
use super::drivers::KernelDrivers;
use super::drives;
use super::holder;
use super::hotplug::Hotplug;
use super::http::WebLink;
use super::serial::SerialLink;
use super::sysfs::Roots;
use super::usb::UsbDevice;
use crate::error::{Error, ErrorKind, Result};
use crate::link::{Bus, ByteLink, HttpLink, Input, MessageLink, Moment, UsbLink};
use crate::stick::{Drive, Hindrance, Place, Stick};
use std::path::Path;
use std::time::Duration;

/// How often the bus is looked at where the system does not report plugging.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The USB devices that are plugged into this computer.
#[derive(Debug)]
pub struct SysBus {
    roots: Roots,
    strings: StringsAside,
    hotplug: Option<Hotplug>,
    holders: bool,
    clock: Clock,
}

impl SysBus {
    /// Listens to the bus from now on.
    pub fn open() -> SysBus {
        // Where the system reports nothing, looking again now and then does.
        SysBus {
            roots: Roots::default(),
            strings: StringsAside::default(),
            hotplug: Hotplug::open().ok(),
            holders: true,
            clock: Clock::start(),
        }
    }

    /// Does not look for who holds ports: that means reading about every process, for every look at the bus.
    #[must_use]
    pub fn without_holders(mut self) -> SysBus {
        self.holders = false;
        self
    }

    fn stick(&self, place: &Place) -> Result<Stick> {
        self.roots.device(place).ok_or_else(|| {
            Error::new(ErrorKind::NoStick, format!("nothing stands at {place}")).with("place", place)
        })
    }
}

impl Bus for SysBus {
    fn raw_devices(&mut self) -> Result<Vec<Stick>> {
        // What happens from here on is news again: nothing falls between looking and listening.
        if let Some(hotplug) = &mut self.hotplug {
            hotplug.forget();
        }
        let mut devices = self.roots.devices_at_once();
        self.strings.fill(&self.roots, &mut devices);
        if self.holders {
            self.roots.find_holders(&mut devices);
        }
        Ok(devices)
    }

    fn raw_device(&mut self, place: &Place) -> Result<Option<Stick>> {
        Ok(self.roots.device(place))
    }

    fn wait_change(&mut self, deadline: Moment) -> Result<bool> {
        self.wait_change_or_input(deadline, &[])
    }

    fn wait_change_or_input(&mut self, deadline: Moment, inputs: &[Input]) -> Result<bool> {
        if let Some(hotplug) = &mut self.hotplug {
            if let Ok(changed) = hotplug.wait(&self.clock, deadline, inputs) {
                return Ok(changed);
            }
            // Listening fails on some kernels. A stick that got its message is looked at all the same.
            self.hotplug = None;
        }
        self.clock.sleep(self.clock.until(deadline).min(LOOK_AGAIN));
        Ok(true)
    }

    fn open_port(&mut self, place: &Place, interface: u8) -> Result<Box<dyn ByteLink>> {
        let stick = self.stick(place)?;
        let found = stick.interfaces.iter().find(|i| i.number == interface);
        if let Some(node) = found.and_then(|i| i.cdc_wdm.as_deref().filter(|_| i.tty.is_none())) {
            return Ok(Box::new(ChannelPort::open(Path::new(node)).map_err(|e| e.with("place", place))?));
        }
        let port = found.and_then(|i| i.tty.as_deref()).ok_or_else(|| {
            Error::new(ErrorKind::NoSuchPort, format!("interface {interface} has no serial port"))
                .with("place", place)
                .with("interface", interface)
        })?;
        Ok(Box::new(SerialLink::open(Path::new(port)).map_err(|e| e.with("place", place))?))
    }

    fn is_held_here(&mut self, place: &Place, interface: u8) -> bool {
        let stick = self.roots.device(place);
        let port = stick.as_ref().and_then(|stick| stick.interfaces.iter().find(|i| i.number == interface));
        let node = port.and_then(|port| port.tty.as_deref().or(port.cdc_wdm.as_deref()));
        node.is_some_and(|node| holder::is_own(Path::new(node)))
    }

    fn open_messages(&mut self, place: &Place, interface: u8) -> Result<Box<dyn MessageLink>> {
        let stick = self.stick(place)?;
        let node = stick.interfaces.iter().find(|i| i.number == interface).and_then(|i| i.cdc_wdm.as_deref());
        let node = node.ok_or_else(|| {
            Error::new(ErrorKind::NoSuchPort, format!("interface {interface} has no control channel"))
                .with("place", place)
                .with("interface", interface)
        })?;
        let descriptors = std::fs::read(self.roots.descriptors(place)).unwrap_or_default();
        let channel =
            ControlChannel::open(Path::new(node), &descriptors).map_err(|e| e.with("place", place))?;
        Ok(Box::new(channel))
    }

    fn open_usb(&mut self, place: &Place) -> Result<Box<dyn UsbLink>> {
        Ok(Box::new(UsbDevice::open(place)?))
    }

    fn open_http(&mut self, place: &Place) -> Result<Box<dyn HttpLink>> {
        let stick = self.stick(place)?;
        let netdev = stick.interfaces.iter().find_map(|i| i.netdev.as_deref());
        let netdev = netdev.ok_or_else(|| {
            Error::new(ErrorKind::NoSuchPort, "the stick has no network interface").with("place", place)
        })?;
        Ok(Box::new(WebLink::behind(netdev)))
    }

    fn drives(&mut self, place: &Place) -> Result<Option<Vec<Drive>>> {
        Ok(Some(drives::of(&self.roots, Path::new("/proc"), place)))
    }

    fn hindrance(&mut self, place: &Place) -> Result<Option<Hindrance>> {
        Ok(self.roots.hindrance(place))
    }

    fn address(&mut self, place: &Place) -> Result<Option<u32>> {
        Ok(self.roots.address(place))
    }

    fn has_driver(&self, name: &str) -> bool {
        KernelDrivers::below(Path::new("/")).has(name)
    }

    fn reports_plugging(&self) -> bool {
        self.hotplug.is_some()
    }

    fn now(&self) -> Moment {
        self.clock.now()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bus_that_cannot_be_listened_to_is_looked_at() {
        let mut bus = SysBus::open();
        bus.hotplug = Some(Hotplug::deaf());
        assert_eq!(bus.wait_change(bus.now()).ok(), Some(true));
        assert!(!bus.reports_plugging());
    }
}
