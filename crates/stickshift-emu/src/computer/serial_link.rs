//! A serial port of a virtual stick as [`ByteLink`].

use std::time::Duration;

use stickshift::error::Result;
use stickshift::link::{ByteLink, Moment};
use stickshift::stick::Place;

use crate::computer::shared::Shared;
use crate::computer::virtual_computer::{self, VirtualComputer};

pub(crate) struct VirtualPort {
    pub(crate) computer: Shared,
    pub(crate) place: Place,
    pub(crate) enumeration: u32,
    pub(crate) interface: u8,
    pub(crate) tty: u32,
    /// Said by the stick beyond what the host took.
    pub(crate) unread: Vec<u8>,
}

impl VirtualPort {
    fn still_there(&self, computer: &VirtualComputer) -> Result<()> {
        if computer.enumeration(&self.place) == Some(self.enumeration) {
            Ok(())
        } else {
            Err(virtual_computer::gone())
        }
    }
}

impl ByteLink for VirtualPort {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let mut computer = self.computer.lock();
        computer.settle();
        self.still_there(&computer)?;
        let now = computer.now();
        if let Some(device) = computer.device(&self.place) {
            device.serial_write(now, self.interface, bytes);
        }
        Ok(())
    }

    fn read(&mut self, buffer: &mut [u8], deadline: Moment) -> Result<usize> {
        let mut computer = self.computer.lock();
        loop {
            computer.settle();
            self.still_there(&computer)?;
            let now = computer.now();
            if let Some(device) = computer.device(&self.place) {
                self.unread.extend_from_slice(&device.serial_read(now, self.interface));
            }
            if !self.unread.is_empty() {
                let n = self.unread.len().min(buffer.len());
                buffer[..n].copy_from_slice(&self.unread[..n]);
                self.unread.drain(..n);
                return Ok(n);
            }
            if now >= deadline {
                return Ok(0);
            }
            computer = self.computer.step_until(computer, deadline);
        }
    }

    fn discard_input(&mut self) -> Result<()> {
        let mut computer = self.computer.lock();
        computer.settle();
        self.still_there(&computer)?;
        self.unread.clear();
        let now = computer.now();
        if let Some(device) = computer.device(&self.place) {
            device.serial_read(now, self.interface);
        }
        Ok(())
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

impl Drop for VirtualPort {
    fn drop(&mut self) {
        let mut computer = self.computer.lock();
        let there = computer.enumeration(&self.place) == Some(self.enumeration);
        let now = computer.now();
        if let Some(device) = computer.device(&self.place).filter(|_| there) {
            device.port_closed(now, self.interface);
        }
        computer.give_back(self.tty);
    }
}
