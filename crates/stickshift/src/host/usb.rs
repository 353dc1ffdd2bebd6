//! One opened USB device, through nusb.

use std::time::Duration;

use nusb::MaybeFuture;
use nusb::transfer::{
    Buffer, Bulk, BulkOrInterrupt, ControlIn, ControlOut, ControlType, In, Interrupt, Out, Recipient,
    TransferError,
};

use super::clock::Clock;
use crate::error::{Detail, Error, ErrorKind, Result};
use crate::link::{ControlSetup, Moment, UsbLink};
use crate::stick::Place;

/// A USB device at a place. Interfaces that were claimed are released when it is dropped; drivers that were detached stay so.
pub struct UsbDevice {
    place: Place,
    device: nusb::Device,
    descriptor: Vec<u8>,
    configurations: Vec<Vec<u8>>,
    /// Pipes with their address and interface. They hold on to their interface, so they go first.
    endpoints: Vec<(u8, u8, Pipe)>,
    /// Claimed interfaces with their number.
    claimed: Vec<(u8, nusb::Interface)>,
    clock: Clock,
}

enum Pipe {
    BulkIn(nusb::Endpoint<Bulk, In>),
    BulkOut(nusb::Endpoint<Bulk, Out>),
    InterruptIn(nusb::Endpoint<Interrupt, In>),
    InterruptOut(nusb::Endpoint<Interrupt, Out>),
}

impl UsbDevice {
    /// Opens what stands at `place`.
    ///
    /// # Errors
    /// `NoStick`, `PermissionDenied`, `Disconnected`, `Io`.
    pub fn open(place: &Place) -> Result<UsbDevice> {
        let device = open_at(place)?;
        let descriptor = device.device_descriptor().as_bytes().to_vec();
        let configurations = device.configurations().map(|c| c.as_bytes().to_vec()).collect();
        Ok(UsbDevice {
            place: place.clone(),
            device,
            descriptor,
            configurations,
            endpoints: Vec::new(),
            claimed: Vec::new(),
            clock: Clock::start(),
        })
    }

    fn claimed(&self, interface: u8) -> Result<&nusb::Interface> {
        let claimed = self.claimed.iter().find(|(number, _)| *number == interface);
        claimed.map(|(_, claimed)| claimed).ok_or_else(|| {
            Error::new(ErrorKind::Usage, format!("interface {interface} is not claimed"))
                .with("place", &self.place)
                .with("interface", interface)
        })
    }

    /// The pipe to an endpoint of a claimed interface.
    fn pipe(&mut self, address: u8) -> Result<&mut Pipe> {
        let index = self.endpoints.iter().position(|(known, ..)| *known == address);
        if index.is_none() {
            let opened = self.claimed.iter().find_map(|(number, interface)| {
                let endpoint = interface.descriptor()?.endpoints().find(|e| e.address() == address)?;
                Some((*number, open_pipe(interface, address, endpoint.transfer_type())))
            });
            let Some((number, pipe)) = opened else {
                return Err(Error::new(ErrorKind::Usage, "no claimed interface has this endpoint")
                    .with("place", &self.place)
                    .with("endpoint", format!("{address:02x}")));
            };
            let pipe = pipe.map_err(|e| failed(&self.place, "cannot open the endpoint", &e))?;
            self.endpoints.push((address, number, pipe));
        }
        let index = index.unwrap_or(self.endpoints.len() - 1);
        Ok(&mut self.endpoints[index].2)
    }

    /// Lets go of everything that is in use on an interface.
    fn close_pipes(&mut self, interface: u8) {
        self.endpoints.retain(|(_, number, _)| *number != interface);
    }

    fn transfer_failed(&self, e: TransferError) -> Error {
        transfer_failed(&self.place, e)
    }
}

impl UsbLink for UsbDevice {
    fn device_descriptor(&self) -> &[u8] {
        &self.descriptor
    }

    fn configurations(&self) -> &[Vec<u8>] {
        &self.configurations
    }

    #[cfg(target_os = "linux")]
    fn active_configuration(&mut self) -> Result<u8> {
        Ok(super::sysfs::Roots::default().configuration(&self.place))
    }

    #[cfg(not(target_os = "linux"))]
    fn active_configuration(&mut self) -> Result<u8> {
        Ok(self.device.active_configuration().map_or(0, |c| c.configuration_value()))
    }

    fn detach_kernel_driver(&mut self, interface: u8) -> Result<bool> {
        match self.device.detach_kernel_driver(interface) {
            Ok(()) => Ok(cfg!(target_os = "linux")),
            Err(e) if e.os_error() == Some(NO_DRIVER) => Ok(false),
            Err(e) => {
                Err(failed(&self.place, "cannot detach the kernel driver", &e).with("interface", interface))
            }
        }
    }

    fn claim(&mut self, interface: u8) -> Result<()> {
        if self.claimed(interface).is_ok() {
            return Ok(());
        }
        let claimed = self.device.claim_interface(interface).wait();
        let claimed = claimed.map_err(|e| {
            let error = failed(&self.place, "cannot claim the interface", &e).with("interface", interface);
            match holder(&self.place, interface) {
                Some(driver) if error.is(ErrorKind::PortBusy) => {
                    error.detail(Detail::Holder(format!("kernel driver {driver}")))
                }
                _ => error,
            }
        })?;
        self.claimed.push((interface, claimed));
        Ok(())
    }

    fn release(&mut self, interface: u8) -> Result<()> {
        self.close_pipes(interface);
        match self.claimed.iter().position(|(number, _)| *number == interface) {
            Some(index) => {
                let (_, claimed) = self.claimed.swap_remove(index);
                claimed.release().wait().map_err(|e| failed(&self.place, "cannot release the interface", &e))
            }
            None => Ok(()),
        }
    }

    fn control_in(&mut self, setup: ControlSetup, buffer: &mut [u8], timeout: Duration) -> Result<usize> {
        let (control_type, recipient) = kind_and_recipient(setup)?;
        let request = ControlIn {
            control_type,
            recipient,
            request: setup.request,
            value: setup.value,
            index: setup.index,
            length: buffer.len().min(usize::from(u16::MAX)) as u16,
        };
        let data = self.control_pipe()?.control_in(request, timeout).wait();
        let data = data.map_err(|e| self.transfer_failed(e))?;
        let n = data.len().min(buffer.len());
        buffer[..n].copy_from_slice(&data[..n]);
        Ok(n)
    }

    fn control_out(&mut self, setup: ControlSetup, data: &[u8], timeout: Duration) -> Result<()> {
        if data.len() > usize::from(u16::MAX) {
            return Err(Error::new(ErrorKind::Usage, "a control transfer carries at most 65535 bytes"));
        }
        let (control_type, recipient) = kind_and_recipient(setup)?;
        let request = ControlOut {
            control_type,
            recipient,
            request: setup.request,
            value: setup.value,
            index: setup.index,
            data,
        };
        self.control_pipe()?.control_out(request, timeout).wait().map_err(|e| self.transfer_failed(e))
    }

    fn write(&mut self, endpoint: u8, data: &[u8], timeout: Duration) -> Result<()> {
        let done = match self.pipe(endpoint)? {
            Pipe::BulkOut(pipe) => send(pipe, data, timeout),
            Pipe::InterruptOut(pipe) => send(pipe, data, timeout),
            _ => return Err(wrong_direction(endpoint)),
        };
        match done.map_err(|e| self.transfer_failed(e))? {
            n if n == data.len() => Ok(()),
            n => Err(Error::new(ErrorKind::Io, "the stick took a part of the data")
                .with("place", &self.place)
                .with("taken", n)
                .with("of", data.len())),
        }
    }

    fn read(&mut self, endpoint: u8, buffer: &mut [u8], timeout: Duration) -> Result<usize> {
        let done = match self.pipe(endpoint)? {
            Pipe::BulkIn(pipe) => receive(pipe, buffer, timeout),
            Pipe::InterruptIn(pipe) => receive(pipe, buffer, timeout),
            _ => return Err(wrong_direction(endpoint)),
        };
        done.map_err(|e| self.transfer_failed(e))
    }

    fn clear_halt(&mut self, endpoint: u8) -> Result<()> {
        let done = match self.pipe(endpoint)? {
            Pipe::BulkIn(pipe) => pipe.clear_halt().wait(),
            Pipe::BulkOut(pipe) => pipe.clear_halt().wait(),
            Pipe::InterruptIn(pipe) => pipe.clear_halt().wait(),
            Pipe::InterruptOut(pipe) => pipe.clear_halt().wait(),
        };
        done.map_err(|e| failed(&self.place, "cannot clear the halted endpoint", &e))
    }

    fn set_configuration(&mut self, value: u8) -> Result<()> {
        self.endpoints.clear();
        self.claimed.clear();
        let done = self.device.set_configuration(value).wait();
        done.map_err(|e| {
            failed(&self.place, "cannot select the configuration", &e).with("configuration", value)
        })
    }

    fn set_alt_setting(&mut self, interface: u8, alternate: u8) -> Result<()> {
        self.close_pipes(interface);
        let done = self.claimed(interface)?.set_alt_setting(alternate).wait();
        done.map_err(|e| failed(&self.place, "cannot select the alternate setting", &e))
    }

    fn reset(&mut self) -> Result<()> {
        self.endpoints.clear();
        self.device.reset().wait().map_err(|e| failed(&self.place, "cannot reset the port", &e))
    }

    fn now(&self) -> Moment {
        self.clock.now()
    }

    fn sleep(&mut self, time: Duration) {
        self.clock.sleep(time);
    }
}

#[cfg(not(target_os = "windows"))]
impl UsbDevice {
    fn control_pipe(&self) -> Result<&nusb::Device> {
        Ok(&self.device)
    }
}

/// Windows lets control requests through a claimed interface only.
#[cfg(target_os = "windows")]
impl UsbDevice {
    fn control_pipe(&self) -> Result<&nusb::Interface> {
        self.claimed.first().map(|(_, claimed)| claimed).ok_or_else(|| {
            Error::new(ErrorKind::Unsupported, "a control request needs a claimed interface on this system")
        })
    }
}

/// ENODATA: what Linux says when there is no driver to detach.
const NO_DRIVER: u32 = 61;

fn open_pipe(
    interface: &nusb::Interface,
    address: u8,
    kind: nusb::descriptors::TransferType,
) -> Result<Pipe, nusb::Error> {
    let input = address & 0x80 != 0;
    let interrupt = kind == nusb::descriptors::TransferType::Interrupt;
    Ok(match (interrupt, input) {
        (false, true) => Pipe::BulkIn(interface.endpoint(address)?),
        (false, false) => Pipe::BulkOut(interface.endpoint(address)?),
        (true, true) => Pipe::InterruptIn(interface.endpoint(address)?),
        (true, false) => Pipe::InterruptOut(interface.endpoint(address)?),
    })
}

fn send<K: BulkOrInterrupt>(
    pipe: &mut nusb::Endpoint<K, Out>,
    data: &[u8],
    timeout: Duration,
) -> Result<usize, TransferError> {
    let done = pipe.transfer_blocking(Buffer::from(data), timeout);
    done.status.map(|()| done.actual_len)
}

/// The library below wants whole packets: the rest of the last one is read and left out.
fn receive<K: BulkOrInterrupt>(
    pipe: &mut nusb::Endpoint<K, In>,
    buffer: &mut [u8],
    timeout: Duration,
) -> Result<usize, TransferError> {
    let packet = pipe.max_packet_size().max(1);
    let whole = buffer.len().max(1).div_ceil(packet) * packet;
    let done = pipe.transfer_blocking(Buffer::new(whole), timeout);
    done.status?;
    let n = done.actual_len.min(buffer.len());
    buffer[..n].copy_from_slice(&done.buffer[..n]);
    Ok(n)
}

fn kind_and_recipient(setup: ControlSetup) -> Result<(ControlType, Recipient)> {
    let kind = match setup.request_type >> 5 & 3 {
        0 => ControlType::Standard,
        1 => ControlType::Class,
        2 => ControlType::Vendor,
        _ => return Err(Error::new(ErrorKind::Usage, "control requests of the reserved type do not exist")),
    };
    let recipient = match setup.request_type & 0x1f {
        0 => Recipient::Device,
        1 => Recipient::Interface,
        2 => Recipient::Endpoint,
        _ => Recipient::Other,
    };
    Ok((kind, recipient))
}

/// Opens the node of the device at `place`. A list of all devices would wait for each whose lock a driver holds.
#[cfg(target_os = "linux")]
fn open_at(place: &Place) -> Result<nusb::Device> {
    let roots = super::sysfs::Roots::default();
    let node = roots.usb_node(place).ok_or_else(|| nothing_at(place))?;
    let opened = std::fs::OpenOptions::new().read(true).write(true).open(&node);
    let file = opened.map_err(|e| match e.kind() {
        // It is not only gone in the meantime.
        std::io::ErrorKind::NotFound if roots.address(place).is_some() => {
            let what = "the kernel shows the stick, and its device node is missing";
            Error::new(ErrorKind::PermissionDenied, what)
                .with("place", place)
                .with("node", node.display())
                .detail(Detail::NoNode)
        }
        std::io::ErrorKind::NotFound => nothing_at(place),
        std::io::ErrorKind::PermissionDenied => {
            Error::new(ErrorKind::PermissionDenied, "cannot open the USB device")
                .with("place", place)
                .because(e)
        }
        _ => Error::new(ErrorKind::Io, "cannot open the USB device").with("place", place).because(e),
    })?;
    nusb::Device::from_fd(file.into()).wait().map_err(|e| failed(place, "cannot open the USB device", &e))
}

#[cfg(not(target_os = "linux"))]
fn open_at(place: &Place) -> Result<nusb::Device> {
    let all = nusb::list_devices().wait().map_err(|e| failed(place, "cannot list USB devices", &e))?;
    let info = all.into_iter().find(|info| place_of(info).as_ref() == Some(place));
    let info = info.ok_or_else(|| nothing_at(place))?;
    info.open().wait().map_err(|e| failed(place, "cannot open the USB device", &e))
}

fn nothing_at(place: &Place) -> Error {
    Error::new(ErrorKind::NoStick, format!("nothing stands at {place}")).with("place", place)
}

/// The place of a device, as this program writes places.
#[cfg(not(target_os = "linux"))]
pub(super) fn place_of(info: &nusb::DeviceInfo) -> Option<Place> {
    // Buses have names of other shapes here; the last digits tell them apart for a reader.
    let digits: String = info.bus_id().chars().filter(char::is_ascii_digit).collect();
    let bus = &digits[digits.len().saturating_sub(3)..];
    let ports: Vec<String> = info.port_chain().iter().map(u8::to_string).collect();
    format!("{}-{}", if bus.is_empty() { "0" } else { bus }, ports.join(".")).parse().ok()
}

#[cfg(target_os = "linux")]
fn holder(place: &Place, interface: u8) -> Option<String> {
    super::sysfs::Roots::default().driver(place, interface)
}

#[cfg(not(target_os = "linux"))]
fn holder(_: &Place, _: u8) -> Option<String> {
    None
}

fn failed(place: &Place, what: &str, e: &nusb::Error) -> Error {
    let kind = match e.kind() {
        nusb::ErrorKind::Disconnected => ErrorKind::Disconnected,
        nusb::ErrorKind::Busy => ErrorKind::PortBusy,
        nusb::ErrorKind::PermissionDenied => ErrorKind::PermissionDenied,
        nusb::ErrorKind::Unsupported => ErrorKind::Unsupported,
        _ => ErrorKind::Io,
    };
    Error::new(kind, what).with("place", place).because(e.clone())
}

fn transfer_failed(place: &Place, e: TransferError) -> Error {
    let (kind, what) = match e {
        TransferError::Cancelled => (ErrorKind::Timeout, "the stick did not answer in time"),
        TransferError::Stall => (ErrorKind::Stalled, "the endpoint halted"),
        TransferError::Disconnected => (ErrorKind::Disconnected, "the stick disconnected"),
        // Signals on the wire broke off: the stick is leaving, and the hub has not noticed yet.
        TransferError::Fault => (ErrorKind::Disconnected, "the stick broke off in the middle of a transfer"),
        _ => (ErrorKind::Io, "the transfer failed"),
    };
    Error::new(kind, what).with("place", place).because(e)
}

fn wrong_direction(endpoint: u8) -> Error {
    Error::new(ErrorKind::Usage, "this endpoint goes the other way")
        .with("endpoint", format!("{endpoint:02x}"))
}
