//! USB transfers on a tape, as they are on the wire: a control transfer begins with its setup packet of eight bytes, a bulk or
//! interrupt transfer is its data. Which endpoint it was, and how a transfer failed, stands in a comment line above it.

use std::ops::Range;
use std::time::Duration;

use crate::clean;
use crate::error::{Error, ErrorKind, Result};
use crate::link::tape::tape_line;
use crate::link::trace::{TraceSink, put};
use crate::link::{ByteLink, ControlSetup, Direction, Moment, Tape, TapeLink, UsbLink};
use crate::mask::{self, Transfers};

/// bRequest of the standard requests (USB 2.0, table 9-4).
const CLEAR_FEATURE: u8 = 0x01;
const GET_DESCRIPTOR: u8 = 0x06;
const GET_CONFIGURATION: u8 = 0x08;
const SET_CONFIGURATION: u8 = 0x09;
const SET_INTERFACE: u8 = 0x0b;

/// The eight bytes of a setup packet.
fn packet(setup: ControlSetup, length: usize) -> Vec<u8> {
    let mut bytes = vec![setup.request_type, setup.request];
    for word in [setup.value, setup.index, length.min(usize::from(u16::MAX)) as u16] {
        bytes.extend_from_slice(&word.to_le_bytes());
    }
    bytes
}

/// A standard request of the host to the device, an interface or an endpoint.
fn standard(request_type: u8, request: u8, value: u16, index: u16) -> ControlSetup {
    ControlSetup { request_type, request, value, index }
}

fn get_descriptor(kind: u16, index: usize) -> ControlSetup {
    standard(0x80, GET_DESCRIPTOR, kind << 8 | index as u16, 0)
}

fn clear_halt(endpoint: u8) -> ControlSetup {
    standard(0x02, CLEAR_FEATURE, 0, u16::from(endpoint))
}

fn set_configuration(value: u8) -> ControlSetup {
    standard(0x00, SET_CONFIGURATION, u16::from(value), 0)
}

fn set_interface(interface: u8, alternate: u8) -> ControlSetup {
    standard(0x01, SET_INTERFACE, u16::from(alternate), u16::from(interface))
}

/// A USB link that is traced. Its descriptors stand at the beginning, as the requests that read them.
pub struct TracedUsb {
    inner: Box<dyn UsbLink>,
    sink: TraceSink,
    transfers: Transfers,
}

impl TracedUsb {
    /// Traces `inner` to `sink`.
    pub fn new(inner: Box<dyn UsbLink>, sink: TraceSink) -> Self {
        let device = inner.device_descriptor().to_vec();
        let mut traced = TracedUsb { inner, sink, transfers: Transfers::new(&device) };
        traced.descriptor(get_descriptor(1, 0), &device);
        for (index, bytes) in traced.inner.configurations().to_vec().iter().enumerate() {
            traced.descriptor(get_descriptor(2, index), bytes);
        }
        traced
    }

    fn descriptor(&mut self, setup: ControlSetup, bytes: &[u8]) {
        self.line(Direction::ToStick, &packet(setup, bytes.len()), Vec::new());
        self.data(Direction::FromStick, setup, bytes);
    }

    /// The data of a control transfer.
    fn data(&self, direction: Direction, setup: ControlSetup, bytes: &[u8]) {
        let ControlSetup { request_type, request, value, .. } = setup;
        self.line(direction, bytes, self.transfers.control(request_type, request, value, bytes));
    }

    fn line(&self, direction: Direction, bytes: &[u8], secrets: Vec<Range<usize>>) {
        put(&self.sink, &tape_line(direction, bytes, secrets));
    }

    fn say(&self, what: &str) {
        put(&self.sink, &format!("# {}\n", clean::line(&mask::text(what))));
    }

    /// Notes how a transfer failed.
    fn told<T>(&self, outcome: Result<T>) -> Result<T> {
        if let Err(error) = &outcome {
            self.say(&format!("{error} ({})", error.kind()));
        }
        outcome
    }

    /// What is done to the device without a transfer of its own.
    fn act<T>(&mut self, what: String, act: impl FnOnce(&mut dyn UsbLink) -> Result<T>) -> Result<T> {
        self.say(&what);
        let outcome = act(&mut *self.inner);
        self.told(outcome)
    }

    fn request<T>(
        &mut self,
        setup: ControlSetup,
        act: impl FnOnce(&mut dyn UsbLink) -> Result<T>,
    ) -> Result<T> {
        self.line(Direction::ToStick, &packet(setup, 0), Vec::new());
        let outcome = act(&mut *self.inner);
        self.told(outcome)
    }
}

impl UsbLink for TracedUsb {
    fn device_descriptor(&self) -> &[u8] {
        self.inner.device_descriptor()
    }

    fn configurations(&self) -> &[Vec<u8>] {
        self.inner.configurations()
    }

    fn active_configuration(&mut self) -> Result<u8> {
        let setup = standard(0x80, GET_CONFIGURATION, 0, 0);
        self.line(Direction::ToStick, &packet(setup, 1), Vec::new());
        let outcome = self.inner.active_configuration();
        if let Ok(value) = outcome {
            self.data(Direction::FromStick, setup, &[value]);
        }
        self.told(outcome)
    }

    fn detach_kernel_driver(&mut self, interface: u8) -> Result<bool> {
        self.act(format!("detach the driver of interface {interface}"), |usb| {
            usb.detach_kernel_driver(interface)
        })
    }

    fn claim(&mut self, interface: u8) -> Result<()> {
        self.act(format!("claim interface {interface}"), |usb| usb.claim(interface))
    }

    fn release(&mut self, interface: u8) -> Result<()> {
        self.act(format!("release interface {interface}"), |usb| usb.release(interface))
    }

    fn control_in(&mut self, setup: ControlSetup, buffer: &mut [u8], timeout: Duration) -> Result<usize> {
        self.line(Direction::ToStick, &packet(setup, buffer.len()), Vec::new());
        let outcome = self.inner.control_in(setup, buffer, timeout);
        if let Ok(n) = outcome {
            self.data(Direction::FromStick, setup, &buffer[..n]);
        }
        self.told(outcome)
    }

    fn control_out(&mut self, setup: ControlSetup, data: &[u8], timeout: Duration) -> Result<()> {
        self.line(Direction::ToStick, &packet(setup, data.len()), Vec::new());
        if !data.is_empty() {
            self.data(Direction::ToStick, setup, data);
        }
        let outcome = self.inner.control_out(setup, data, timeout);
        self.told(outcome)
    }

    fn write(&mut self, endpoint: u8, data: &[u8], timeout: Duration) -> Result<()> {
        self.say(&format!("endpoint {endpoint:02x}"));
        let secrets = self.transfers.sent(data);
        self.line(Direction::ToStick, data, secrets);
        let outcome = self.inner.write(endpoint, data, timeout);
        self.told(outcome)
    }

    fn read(&mut self, endpoint: u8, buffer: &mut [u8], timeout: Duration) -> Result<usize> {
        self.say(&format!("endpoint {endpoint:02x}"));
        let outcome = self.inner.read(endpoint, buffer, timeout);
        if let Ok(n) = outcome {
            let secrets = self.transfers.came(&buffer[..n]);
            self.line(Direction::FromStick, &buffer[..n], secrets);
        }
        self.told(outcome)
    }

    fn clear_halt(&mut self, endpoint: u8) -> Result<()> {
        self.request(clear_halt(endpoint), |usb| usb.clear_halt(endpoint))
    }

    fn set_configuration(&mut self, value: u8) -> Result<()> {
        self.request(set_configuration(value), |usb| usb.set_configuration(value))
    }

    fn set_alt_setting(&mut self, interface: u8, alternate: u8) -> Result<()> {
        self.request(set_interface(interface, alternate), |usb| usb.set_alt_setting(interface, alternate))
    }

    fn reset(&mut self) -> Result<()> {
        self.act("reset the port".to_owned(), |usb| usb.reset())
    }

    fn now(&self) -> Moment {
        self.inner.now()
    }

    fn sleep(&mut self, time: Duration) {
        self.inner.sleep(time);
    }
}

/// Plays a tape of [`TracedUsb`] back: what the host sends must be what the tape holds. A transfer IN that the tape has no answer to
/// times out; after its end the stick is gone.
pub struct TapeUsb {
    tape: TapeLink,
    device: Vec<u8>,
    configurations: Vec<Vec<u8>>,
}

impl TapeUsb {
    /// Takes the descriptors from the beginning of `tape`.
    ///
    /// # Errors
    /// `FileCorrupt` when it does not begin with those of a device.
    pub fn new(tape: Tape) -> Result<Self> {
        let mut pairs = Vec::new();
        let mut rest = tape.entries.into_iter().peekable();
        while let Some((Direction::ToStick, packet)) = rest.peek() {
            if packet.len() != 8 || packet[..2] != [Some(0x80), Some(GET_DESCRIPTOR)] {
                break;
            }
            rest.next();
            if let Some((Direction::FromStick, answer)) = rest.next() {
                pairs.push(answer.into_iter().map(Option::unwrap_or_default).collect::<Vec<u8>>());
            }
        }
        if pairs.first().is_none_or(|device| device.len() != 18) {
            return Err(Error::new(
                ErrorKind::FileCorrupt,
                "the recording does not start with a device descriptor",
            ));
        }
        let device = pairs.remove(0);
        let tape = TapeLink::new(Tape { entries: rest.collect() });
        Ok(TapeUsb { tape, device, configurations: pairs })
    }

    /// Whether everything on the tape happened.
    pub fn is_finished(&self) -> bool {
        self.tape.is_finished()
    }

    fn out(&mut self, bytes: &[u8]) -> Result<()> {
        if self.tape.is_finished() {
            return Err(Error::new(ErrorKind::Disconnected, "end of recording"));
        }
        self.tape.write(bytes)
    }

    fn answer(&mut self, buffer: &mut [u8], timeout: Duration) -> Result<usize> {
        if self.tape.is_finished() {
            return Err(Error::new(ErrorKind::Disconnected, "end of recording"));
        }
        let end = self.tape.now() + timeout;
        let n = self.tape.read(buffer, end)?;
        // An answer without bytes is on the tape as one, and takes no time.
        if n == 0 && self.tape.now() >= end {
            return Err(Error::new(ErrorKind::Timeout, "the tape has no answer here"));
        }
        Ok(n)
    }

    fn request(&mut self, setup: ControlSetup, length: usize) -> Result<()> {
        self.out(&packet(setup, length))
    }
}

impl UsbLink for TapeUsb {
    fn device_descriptor(&self) -> &[u8] {
        &self.device
    }

    fn configurations(&self) -> &[Vec<u8>] {
        &self.configurations
    }

    fn active_configuration(&mut self) -> Result<u8> {
        self.request(standard(0x80, GET_CONFIGURATION, 0, 0), 1)?;
        let mut value = [0];
        self.answer(&mut value, Duration::from_secs(1))?;
        Ok(value[0])
    }

    fn detach_kernel_driver(&mut self, _interface: u8) -> Result<bool> {
        Ok(false)
    }

    fn claim(&mut self, _interface: u8) -> Result<()> {
        Ok(())
    }

    fn release(&mut self, _interface: u8) -> Result<()> {
        Ok(())
    }

    fn control_in(&mut self, setup: ControlSetup, buffer: &mut [u8], timeout: Duration) -> Result<usize> {
        self.request(setup, buffer.len())?;
        self.answer(buffer, timeout)
    }

    fn control_out(&mut self, setup: ControlSetup, data: &[u8], _timeout: Duration) -> Result<()> {
        self.request(setup, data.len())?;
        if data.is_empty() { Ok(()) } else { self.out(data) }
    }

    fn write(&mut self, _endpoint: u8, data: &[u8], _timeout: Duration) -> Result<()> {
        self.out(data)
    }

    fn read(&mut self, _endpoint: u8, buffer: &mut [u8], timeout: Duration) -> Result<usize> {
        self.answer(buffer, timeout)
    }

    fn clear_halt(&mut self, endpoint: u8) -> Result<()> {
        self.request(clear_halt(endpoint), 0)
    }

    fn set_configuration(&mut self, value: u8) -> Result<()> {
        self.request(set_configuration(value), 0)
    }

    fn set_alt_setting(&mut self, interface: u8, alternate: u8) -> Result<()> {
        self.request(set_interface(interface, alternate), 0)
    }

    fn reset(&mut self) -> Result<()> {
        Ok(())
    }

    fn now(&self) -> Moment {
        self.tape.now()
    }

    fn sleep(&mut self, time: Duration) {
        self.tape.sleep(time);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn what_was_played_back_is_traced_the_same() {
        let mut text = "> 8006000100001200\n< 1201000200000040d112011f000001020301\n".to_owned();
        text.push_str("> 8006000200000900\n< 090200000101008000\n> 8008000000000100\n< 01\n");
        text.push_str("> 5553424312345678\n< 55534253\n> 010b010000000000\n> 2109000200000200\n> 0102\n");
        let played = TapeUsb::new(Tape::parse(&text).unwrap()).unwrap();
        let bytes = Arc::new(Mutex::new(Vec::<u8>::new()));
        let mut usb = TracedUsb::new(Box::new(played), bytes.clone());
        let second = Duration::from_secs(1);
        assert_eq!(usb.active_configuration().unwrap(), 1);
        usb.claim(0).unwrap();
        usb.write(1, b"\x55\x53\x42\x43\x12\x34\x56\x78", second).unwrap();
        let mut buffer = [0; 13];
        assert_eq!(usb.read(0x81, &mut buffer, second).unwrap(), 4);
        usb.set_alt_setting(0, 1).unwrap();
        let setup = ControlSetup { request_type: 0x21, request: 9, value: 0x200, index: 0 };
        assert!(usb.read(0x81, &mut buffer, second).unwrap_err().is(ErrorKind::Timeout));
        usb.control_out(setup, &[1, 2], second).unwrap();
        assert!(usb.write(1, b"x", second).unwrap_err().is(ErrorKind::Disconnected));
        drop(usb);
        let written = String::from_utf8(bytes.lock().unwrap().clone()).unwrap();
        let transfers: String =
            written.lines().filter(|l| !l.starts_with('#')).map(|l| format!("{l}\n")).collect();
        assert_eq!(transfers, text + "> 78\n");
        assert!(written.contains("# claim interface 0\n") && written.contains("(timeout)"), "{written}");
    }

    #[test]
    fn a_tape_of_something_else_is_refused() {
        for text in ["", "> 41540d\n", "> 8006000100001200\n< 1201\n"] {
            let error = TapeUsb::new(Tape::parse(text).unwrap()).err().unwrap();
            assert!(error.is(ErrorKind::FileCorrupt));
        }
    }
}
