//! The USB bus where there is no Linux under us: what the nusb crate gives on every platform. Serial ports are not tied to their
//! interfaces here; a port is named by its path instead.

use std::time::Duration;

use nusb::MaybeFuture;

use super::clock::Clock;
use super::usb::{UsbDevice, place_of};
use crate::error::{Error, ErrorKind, Result};
use crate::link::{Bus, ByteLink, HttpLink, Moment, UsbLink};
use crate::profile;
use crate::stick::{Interface, Place, Stick, UsbId, is_stick};

/// How often the bus is looked at.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The sticks that are plugged into this computer.
#[derive(Debug)]
pub struct SysBus {
    every_device: bool,
    clock: Clock,
}

impl SysBus {
    /// The bus.
    pub fn open() -> SysBus {
        SysBus { every_device: false, clock: Clock::start() }
    }

    /// Who holds ports is not seen on this system.
    #[must_use]
    pub fn without_holders(self) -> SysBus {
        self
    }

    /// Shows every USB device, not only those that are known as sticks: for profiles of devices that nobody knew before.
    #[must_use]
    pub fn with_every_device(mut self) -> SysBus {
        self.every_device = true;
        self
    }

    /// Whether plugging is reported as it happens; otherwise the bus is looked at once a second.
    pub fn is_event_driven(&self) -> bool {
        false
    }
}

impl Bus for SysBus {
    fn sticks(&mut self) -> Result<Vec<Stick>> {
        let mut sticks = devices()?;
        sticks.retain(|stick| self.every_device || is_stick(stick) || profile::builtin::concerns(stick.id));
        sticks.sort_by(|a, b| a.place.cmp(&b.place));
        Ok(sticks)
    }

    fn device(&mut self, place: &Place) -> Result<Option<Stick>> {
        Ok(devices()?.into_iter().find(|stick| stick.place == *place))
    }

    fn wait_change(&mut self, deadline: Moment) -> Result<bool> {
        self.clock.sleep(self.clock.until(deadline).min(LOOK_AGAIN));
        Ok(true)
    }

    fn open_port(&mut self, place: &Place, interface: u8) -> Result<Box<dyn ByteLink>> {
        Err(Error::new(
            ErrorKind::Unsupported,
            "ports are not found by themselves on this system; name the port",
        )
        .with("place", place)
        .with("interface", interface))
    }

    fn open_usb(&mut self, place: &Place) -> Result<Box<dyn UsbLink>> {
        Ok(Box::new(UsbDevice::open(place)?))
    }

    fn open_http(&mut self, place: &Place) -> Result<Box<dyn HttpLink>> {
        Err(Error::new(
            ErrorKind::Unsupported,
            "web servers are not found by themselves on this system; name the address",
        )
        .with("place", place))
    }

    fn now(&self) -> Moment {
        self.clock.now()
    }
}

fn devices() -> Result<Vec<Stick>> {
    let all = nusb::list_devices().wait();
    let all = all.map_err(|e| Error::new(ErrorKind::Io, "cannot list USB devices").because(e))?;
    Ok(all.filter_map(|info| stick(&info)).collect())
}

fn stick(info: &nusb::DeviceInfo) -> Option<Stick> {
    let text = |s: Option<&str>| s.map(|s| s.chars().filter(|c| !c.is_control()).collect());
    let interfaces = info
        .interfaces()
        .map(|i| Interface::new(i.interface_number(), [i.class(), i.subclass(), i.protocol()]));
    let mut stick = Stick {
        release: info.device_version(),
        class: info.class(),
        manufacturer: text(info.manufacturer_string()),
        product: text(info.product_string()),
        serial: text(info.serial_number()),
        interfaces: interfaces.collect(),
        ..Stick::new(place_of(info)?, UsbId::new(info.vendor_id(), info.product_id()))
    };
    stick.classify();
    Some(stick)
}
