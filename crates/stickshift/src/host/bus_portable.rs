//! The USB bus where there is no Linux under us: what the nusb crate gives on every platform. On Windows the system's tree of devices adds the
//! serial ports of each interface, and the drive of a stick that waits to be switched; on other systems a port is named by its path.

use std::time::Duration;

use nusb::MaybeFuture;

use super::clock::Clock;
use super::serial::SerialLink;
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
        let device = self.raw_device(place)?.ok_or_else(|| {
            Error::new(ErrorKind::NoStick, format!("nothing stands at {place}")).with("place", place)
        })?;
        let port = device.interfaces.iter().find(|i| i.number == interface).and_then(|i| i.tty.clone());
        match port {
            Some(port) => Ok(Box::new(SerialLink::open(port.as_ref())?)),
            None if cfg!(windows) => {
                let what = format!("interface {interface} has no serial port here");
                Err(Error::new(ErrorKind::NoSuchPort, what).with("place", place))
            }
            None => Err(Error::new(
                ErrorKind::Unsupported,
                "ports are not found by themselves on this system; name the port",
            )
            .with("place", place)
            .with("interface", interface)),
        }
    }

    fn open_usb(&mut self, place: &Place) -> Result<Box<dyn UsbLink>> {
        let device = Box::new(UsbDevice::open(place)?);
        Ok(with_drive(device, place))
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

/// The device, with its drive reached through the storage driver.
#[cfg(windows)]
fn with_drive(device: Box<UsbDevice>, place: &Place) -> Box<dyn UsbLink> {
    let place = place.clone();
    let open = Box::new(move |interface| {
        let all = nusb::list_devices().wait();
        let all = all.map_err(|e| Error::new(ErrorKind::Io, "cannot list USB devices").because(e))?;
        let info = all.into_iter().find(|info| place_of(info).as_ref() == Some(&place));
        let info = info.ok_or_else(|| {
            Error::new(ErrorKind::NoStick, format!("nothing stands at {place}")).with("place", &place)
        })?;
        super::windows::open_drive(info.instance_id(), interface)
    });
    Box::new(super::pass_through::PassThroughLink::new(device, open))
}

#[cfg(not(windows))]
fn with_drive(device: Box<UsbDevice>, _: &Place) -> Box<dyn UsbLink> {
    device
}

/// Names the serial ports of the stick's interfaces.
#[cfg(windows)]
fn add_ports(info: &nusb::DeviceInfo, interfaces: &mut [Interface]) {
    let ports = super::windows::ports(info.instance_id());
    for interface in interfaces {
        interface.tty =
            ports.iter().find(|(number, _)| *number == interface.number).map(|(_, port)| port.clone());
    }
}

#[cfg(not(windows))]
fn add_ports(_: &nusb::DeviceInfo, _: &mut [Interface]) {}

fn device(info: &nusb::DeviceInfo) -> Option<Stick> {
    let text = |s: Option<&str>| s.map(|s| s.chars().filter(|c| !c.is_control()).collect());
    let mut interfaces: Vec<Interface> = info
        .interfaces()
        .map(|i| Interface::new(i.interface_number(), [i.class(), i.subclass(), i.protocol()]))
        .collect();
    add_ports(info, &mut interfaces);
    Some(Stick {
        release: info.device_version(),
        class: info.class(),
        manufacturer: text(info.manufacturer_string()),
        product: text(info.product_string()),
        serial: text(info.serial_number()),
        interfaces,
        ..Stick::new(place_of(info)?, UsbId::new(info.vendor_id(), info.product_id()))
    })
}
