//! Transfers to a virtual stick as [`UsbLink`].

use std::collections::BTreeSet;
use std::sync::MutexGuard;
use std::time::Duration;

use stickshift::error::{Detail, Error, ErrorKind, Result};
use stickshift::link::{ControlSetup, Moment, UsbLink};
use stickshift::stick::Place;

use crate::computer::shared::Shared;
use crate::computer::virtual_computer::{self, BadPort, VirtualComputer};
use crate::device::descriptors;
use crate::device::{Appearance, Device, Function, UsbReply};

const GET_DESCRIPTOR: u8 = 6;
const GET_CONFIGURATION: u8 = 8;
const GET_STATUS: u8 = 0;

pub(crate) struct VirtualUsb {
    computer: Shared,
    place: Place,
    enumeration: u32,
    appearance: Appearance,
    device: [u8; 18],
    configurations: Vec<Vec<u8>>,
    claimed: BTreeSet<u8>,
}

impl VirtualUsb {
    pub(crate) fn new(computer: Shared, place: Place, enumeration: u32, appearance: &Appearance) -> Self {
        VirtualUsb {
            computer,
            place,
            enumeration,
            device: descriptors::device(appearance),
            configurations: appearance.configurations.iter().map(descriptors::configuration).collect(),
            appearance: appearance.clone(),
            claimed: BTreeSet::new(),
        }
    }

    fn computer(&self) -> Result<MutexGuard<'_, VirtualComputer>> {
        let mut computer = self.computer.lock();
        computer.settle();
        if computer.enumeration(&self.place) == Some(self.enumeration) {
            Ok(computer)
        } else {
            Err(virtual_computer::gone())
        }
    }

    /// Asks the device until it does not put the transfer off any more.
    fn transfer(
        &self,
        timeout: Duration,
        mut ask: impl FnMut(&mut dyn Device, Moment) -> UsbReply,
    ) -> Result<Vec<u8>> {
        let deadline = self.now() + timeout;
        loop {
            let mut computer = self.computer()?;
            let now = computer.now();
            let reply = computer.device(&self.place).map_or(UsbReply::Gone, |device| ask(device, now));
            match reply {
                UsbReply::Done(bytes) => return Ok(bytes),
                UsbReply::Stall => return Err(Error::new(ErrorKind::Stalled, "the endpoint halted")),
                UsbReply::Gone => return Err(virtual_computer::gone()),
                UsbReply::Pending if now >= deadline => {
                    return Err(Error::new(ErrorKind::Timeout, "the stick did not answer the transfer"));
                }
                UsbReply::Pending => drop(self.computer.step_until(computer, deadline)),
            }
        }
    }

    /// Tells the device what the host did; it has nothing to answer.
    fn tell(&self, what: impl FnOnce(&mut dyn Device, Moment)) -> Result<()> {
        let mut computer = self.computer()?;
        let now = computer.now();
        if let Some(device) = computer.device(&self.place) {
            what(device, now);
        }
        Ok(())
    }

    /// The interface of an endpoint, which must be claimed, and what it is. Data goes to an endpoint in one direction only.
    fn interface_of(&self, endpoint: u8, direction: u8) -> Result<(u8, Function)> {
        if endpoint & 0x80 != direction {
            return Err(Error::new(ErrorKind::Io, "the endpoint is of the other direction")
                .with("endpoint", format!("{endpoint:02x}")));
        }
        let all = self.appearance.configurations.iter().flat_map(|c| &c.interfaces);
        let found = all
            .filter(|i| i.alternates.iter().any(|a| a.endpoints.iter().any(|e| e.0 == endpoint)))
            .find(|i| self.claimed.contains(&i.number));
        found.map(|i| (i.number, i.function)).ok_or_else(|| {
            Error::new(ErrorKind::Io, "no claimed interface has this endpoint")
                .with("endpoint", format!("{endpoint:02x}"))
        })
    }

    fn standard_in(&self, setup: ControlSetup) -> Option<Result<Vec<u8>>> {
        let stalled = || Error::new(ErrorKind::Stalled, "there is no such descriptor");
        if setup.request_type & 0x60 != 0 {
            return None;
        }
        match setup.request {
            GET_STATUS => Some(Ok(vec![0, 0])),
            GET_CONFIGURATION => {
                Some(self.computer().and_then(|mut w| w.configuration(&self.place)).map(|value| vec![value]))
            }
            GET_DESCRIPTOR => {
                let [index, kind] = setup.value.to_le_bytes();
                let found = match kind {
                    1 => Some(self.device.to_vec()),
                    2 => self.configurations.get(usize::from(index)).cloned(),
                    3 => descriptors::string(&self.appearance, index),
                    _ => None,
                };
                Some(self.computer().and_then(|_| found.ok_or_else(stalled)))
            }
            _ => None,
        }
    }
}

impl UsbLink for VirtualUsb {
    fn device_descriptor(&self) -> &[u8] {
        &self.device
    }

    fn configurations(&self) -> &[Vec<u8>] {
        &self.configurations
    }

    fn active_configuration(&mut self) -> Result<u8> {
        self.computer()?.configuration(&self.place)
    }

    fn detach_kernel_driver(&mut self, interface: u8) -> Result<bool> {
        self.computer()?.detach(&self.place, interface)
    }

    fn claim(&mut self, interface: u8) -> Result<()> {
        if self.computer()?.bad_ports.get(&self.place) == Some(&BadPort::InterfaceNotAuthorized(interface)) {
            return Err(Error::new(ErrorKind::PermissionDenied, "the interface is not authorized"));
        }
        if let Some(driver) = self.computer()?.driver(&self.place, interface)? {
            let error = Error::new(ErrorKind::PortBusy, "a driver holds the interface");
            return Err(error.with("interface", interface).detail(Detail::Holder(driver)));
        }
        self.claimed.insert(interface);
        Ok(())
    }

    fn release(&mut self, interface: u8) -> Result<()> {
        self.claimed.remove(&interface);
        self.computer().map(|_| ())
    }

    fn control_in(&mut self, setup: ControlSetup, buffer: &mut [u8], timeout: Duration) -> Result<usize> {
        let length = buffer.len().min(usize::from(u16::MAX)) as u16;
        let bytes = match self.standard_in(setup) {
            Some(answer) => answer?,
            None => self.transfer(timeout, |device, now| device.control(now, setup, &[], length))?,
        };
        let n = bytes.len().min(buffer.len());
        buffer[..n].copy_from_slice(&bytes[..n]);
        Ok(n)
    }

    fn control_out(&mut self, setup: ControlSetup, data: &[u8], timeout: Duration) -> Result<()> {
        let length = data.len().min(usize::from(u16::MAX)) as u16;
        self.transfer(timeout, |device, now| device.control(now, setup, data, length))?;
        Ok(())
    }

    fn write(&mut self, endpoint: u8, data: &[u8], timeout: Duration) -> Result<()> {
        let (interface, function) = self.interface_of(endpoint, 0x00)?;
        self.transfer(timeout, |device, now| {
            if function == Function::Serial {
                device.serial_write(now, interface, data);
                return UsbReply::Done(Vec::new());
            }
            device.transfer_out(now, endpoint, data)
        })?;
        Ok(())
    }

    fn read(&mut self, endpoint: u8, buffer: &mut [u8], timeout: Duration) -> Result<usize> {
        let (interface, function) = self.interface_of(endpoint, 0x80)?;
        let length = buffer.len();
        let bytes = self.transfer(timeout, |device, now| {
            if function != Function::Serial {
                return device.transfer_in(now, endpoint, length);
            }
            let bytes = device.serial_read(now, interface);
            if bytes.is_empty() { UsbReply::Pending } else { UsbReply::Done(bytes) }
        })?;
        let n = bytes.len().min(length);
        buffer[..n].copy_from_slice(&bytes[..n]);
        Ok(n)
    }

    fn clear_halt(&mut self, _endpoint: u8) -> Result<()> {
        self.computer().map(|_| ())
    }

    fn set_configuration(&mut self, value: u8) -> Result<()> {
        if value != 0 && !self.appearance.configurations.iter().any(|c| c.value == value) {
            return Err(
                Error::new(ErrorKind::Stalled, "the stick has no such configuration").with("value", value)
            );
        }
        self.claimed.clear();
        self.computer()?.configure(&self.place, value)
    }

    fn set_alt_setting(&mut self, interface: u8, alternate: u8) -> Result<()> {
        let all = self.appearance.configurations.iter().flat_map(|c| &c.interfaces);
        let known =
            all.filter(|i| i.number == interface).any(|i| usize::from(alternate) < i.alternates.len());
        if !self.claimed.contains(&interface) || !known {
            return Err(Error::new(ErrorKind::Io, "no such alternate setting on a claimed interface"));
        }
        self.tell(|device, now| device.alternate_selected(now, interface, alternate))
    }

    fn reset(&mut self) -> Result<()> {
        self.tell(|device, now| device.port_reset(now))?;
        self.computer().map(|_| ())
    }

    fn now(&self) -> Moment {
        self.computer.lock().now()
    }

    fn sleep(&mut self, time: Duration) {
        let computer = self.computer.lock();
        let end = computer.now() + time;
        drop(self.computer.advance_to(computer, end));
    }
}
