//! The control channel of a virtual stick's MBIM function as [`MessageLink`].

use std::time::Duration;

use stickshift::error::{Error, ErrorKind, Result};
use stickshift::link::{ControlSetup, MessageLink, Moment};
use stickshift::stick::Place;

use crate::computer::shared::Shared;
use crate::computer::virtual_computer::{self, VirtualComputer};
use crate::device::UsbReply;

/// What the function's descriptor says.
const LONGEST: u16 = 4096;

pub(crate) struct VirtualMessages {
    pub(crate) computer: Shared,
    pub(crate) place: Place,
    pub(crate) enumeration: u32,
    pub(crate) interface: u8,
}

impl VirtualMessages {
    fn control(&self, computer: &mut VirtualComputer, setup: (u8, u8), data: &[u8]) -> Result<Vec<u8>> {
        computer.settle();
        if computer.enumeration(&self.place) != Some(self.enumeration) {
            return Err(virtual_computer::gone());
        }
        let (request_type, request) = setup;
        let setup = ControlSetup { request_type, request, value: 0, index: u16::from(self.interface) };
        let (now, length) = (computer.now(), if data.is_empty() { LONGEST } else { data.len() as u16 });
        let reply = computer.device(&self.place).map(|device| device.control(now, setup, data, length));
        // A stick that leaves in the middle is seen at once.
        computer.settle();
        match reply {
            Some(UsbReply::Done(bytes)) => Ok(bytes),
            Some(UsbReply::Gone) | None => Err(virtual_computer::gone()),
            Some(UsbReply::Pending | UsbReply::Stall) => {
                Err(Error::new(ErrorKind::Io, "the stick does not take a message"))
            }
        }
    }
}

impl MessageLink for VirtualMessages {
    fn longest(&self) -> usize {
        usize::from(LONGEST)
    }

    fn send(&mut self, message: &[u8]) -> Result<()> {
        self.control(&mut self.computer.lock(), (0x21, 0x00), message).map(|_| ())
    }

    fn receive(&mut self, deadline: Moment) -> Result<Option<Vec<u8>>> {
        let mut computer = self.computer.lock();
        loop {
            let message = self.control(&mut computer, (0xa1, 0x01), &[])?;
            if !message.is_empty() {
                return Ok(Some(message));
            }
            if computer.now() >= deadline {
                return Ok(None);
            }
            computer = self.computer.step_until(computer, deadline);
        }
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
