//! The USB bus where there is no Linux under us: what the nusb crate gives on every platform. Serial ports are not tied to their
//! interfaces here; a port is named by its path instead.

use std::time::Duration;

use nusb::MaybeFuture;

use super::clock::Clock;
use super::usb::{UsbDevice, place_of};
use crate::error::{Error, ErrorKind, Result};
use crate::link::{Bus, ByteLink, HttpLink, Moment, UsbLink};
use crate::stick::{Interface, Place, Stick, UsbId};

/// How often the bus is looked at.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The USB devices that are plugged into this computer.
#[derive(Debug)]
pub struct SysBus {
    clock: Clock,
}

impl SysBus {
    /// The bus.
    pub fn open() -> SysBus {
        SysBus { clock: Clock::start() }
    }

    /// Who holds ports is not seen on this system.
    #[must_use]
    pub fn without_holders(self) -> SysBus {
        self
    }
}

impl Bus for SysBus {
    fn raw_devices(&mut self) -> Result<Vec<Stick>> {
        let all = nusb::list_devices().wait();
        let all = all.map_err(|e| Error::new(ErrorKind::Io, "cannot list USB devices").because(e))?;
        let mut devices: Vec<Stick> = all.filter_map(|info| device(&info)).collect();
        devices.sort_by(|a, b| a.place.cmp(&b.place));
        Ok(devices)
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

    fn reports_plugging(&self) -> bool {
        false
    }

    fn now(&self) -> Moment {
        self.clock.now()
    }
}

fn device(info: &nusb::DeviceInfo) -> Option<Stick> {
    let text = |s: Option<&str>| s.map(|s| s.chars().filter(|c| !c.is_control()).collect());
    let interfaces = info
        .interfaces()
        .map(|i| Interface::new(i.interface_number(), [i.class(), i.subclass(), i.protocol()]));
    Some(Stick {
        release: info.device_version(),
        class: info.class(),
        manufacturer: text(info.manufacturer_string()),
        product: text(info.product_string()),
        serial: text(info.serial_number()),
        interfaces: interfaces.collect(),
        ..Stick::new(place_of(info)?, UsbId::new(info.vendor_id(), info.product_id()))
    })
}
