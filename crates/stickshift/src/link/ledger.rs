use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::error::{Error, Result, Verdict};
use crate::link::layer::Layer;
use crate::link::{
    Bus, ByteLink, ControlSetup, HttpLink, HttpRequest, HttpResponse, MessageLink, Moment, UsbLink,
};
use crate::stick::Place;

/// Notes whether anything was sent to any stick: the evidence for an error without a verdict.
///
/// Clones share one note. Links note themselves when they were opened through a [`WatchedBus`], or are a [`WatchedPort`], [`WatchedUsb`]
/// or [`WatchedHttp`]. The note is taken before the bytes are handed over: a write that fails may have sent some of them.
///
/// ```
/// use stickshift::error::{Error, ErrorKind, Verdict};
/// use stickshift::link::{ByteLink, Ledger, Tape, TapeLink, WatchedPort};
///
/// let ledger = Ledger::new();
/// let tape = Tape::parse("> 41540d").unwrap();
/// let mut port = WatchedPort::new(Box::new(TapeLink::new(tape)), ledger.clone());
/// let without_verdict = Error::new(ErrorKind::Timeout, "no answer");
/// assert_eq!(ledger.verdict(&without_verdict), Verdict::Untouched);
///
/// port.write(b"AT\r").unwrap();
/// assert_eq!(ledger.verdict(&without_verdict), Verdict::Unknown);
/// assert_eq!(ledger.verdict(&without_verdict.with_verdict(Verdict::Recoverable)), Verdict::Recoverable);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Ledger(Arc<AtomicBool>);

impl Ledger {
    /// Nothing was sent yet.
    pub fn new() -> Self {
        Ledger::default()
    }

    /// Something is about to be sent.
    pub fn note(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether anything was sent.
    pub fn is_noted(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// The verdict of `error`. A missing one follows from what was sent: nothing, and every stick is untouched; anything, and it
    /// is not known.
    pub fn verdict(&self, error: &Error) -> Verdict {
        let by_evidence = if self.is_noted() { Verdict::Unknown } else { Verdict::Untouched };
        error.verdict().unwrap_or(by_evidence)
    }
}

/// A bus whose links note in a [`Ledger`] that something was sent.
pub struct WatchedBus {
    inner: Box<dyn Bus>,
    ledger: Ledger,
}

impl WatchedBus {
    /// Watches what is opened through `inner`.
    pub fn new(inner: Box<dyn Bus>, ledger: Ledger) -> Self {
        WatchedBus { inner, ledger }
    }
}

impl Layer for WatchedBus {
    fn below(&self) -> &dyn Bus {
        &*self.inner
    }

    fn below_mut(&mut self) -> &mut dyn Bus {
        &mut *self.inner
    }

    fn port(&mut self, port: Box<dyn ByteLink>, _place: &Place, _interface: u8) -> Box<dyn ByteLink> {
        Box::new(WatchedPort::new(port, self.ledger.clone()))
    }

    fn messages(&self, messages: Box<dyn MessageLink>, _place: &Place) -> Box<dyn MessageLink> {
        Box::new(WatchedMessages::new(messages, self.ledger.clone()))
    }

    fn usb(&self, usb: Box<dyn UsbLink>, _place: &Place) -> Box<dyn UsbLink> {
        Box::new(WatchedUsb::new(usb, self.ledger.clone()))
    }

    fn http(&self, http: Box<dyn HttpLink>) -> Box<dyn HttpLink> {
        Box::new(WatchedHttp::new(http, self.ledger.clone()))
    }
}

/// A byte link that notes writes.
pub struct WatchedPort {
    inner: Box<dyn ByteLink>,
    ledger: Ledger,
}

impl WatchedPort {
    /// Watches `inner`.
    pub fn new(inner: Box<dyn ByteLink>, ledger: Ledger) -> Self {
        WatchedPort { inner, ledger }
    }
}

impl ByteLink for WatchedPort {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        if !bytes.is_empty() {
            self.ledger.note();
        }
        self.inner.write(bytes)
    }

    fn read(&mut self, buffer: &mut [u8], deadline: Moment) -> Result<usize> {
        self.inner.read(buffer, deadline)
    }

    fn discard_input(&mut self) -> Result<()> {
        self.inner.discard_input()
    }

    #[cfg(unix)]
    fn descriptor(&self) -> Option<std::os::fd::OwnedFd> {
        self.inner.descriptor()
    }

    fn now(&self) -> Moment {
        self.inner.now()
    }

    fn sleep(&mut self, time: Duration) {
        self.inner.sleep(time);
    }

    fn drain(&mut self, quiet: Duration, limit: Duration) -> Result<Vec<u8>> {
        self.inner.drain(quiet, limit)
    }
}

/// A control channel that notes messages.
pub struct WatchedMessages {
    inner: Box<dyn MessageLink>,
    ledger: Ledger,
}

impl WatchedMessages {
    /// Watches `inner`.
    pub fn new(inner: Box<dyn MessageLink>, ledger: Ledger) -> Self {
        WatchedMessages { inner, ledger }
    }
}

impl MessageLink for WatchedMessages {
    fn longest(&self) -> usize {
        self.inner.longest()
    }

    fn send(&mut self, message: &[u8]) -> Result<()> {
        self.ledger.note();
        self.inner.send(message)
    }

    fn receive(&mut self, deadline: Moment) -> Result<Option<Vec<u8>>> {
        self.inner.receive(deadline)
    }

    #[cfg(unix)]
    fn descriptor(&self) -> Option<std::os::fd::OwnedFd> {
        self.inner.descriptor()
    }

    fn now(&self) -> Moment {
        self.inner.now()
    }

    fn sleep(&mut self, time: Duration) {
        self.inner.sleep(time);
    }
}

/// A web link that notes requests.
pub struct WatchedHttp {
    inner: Box<dyn HttpLink>,
    ledger: Ledger,
}

impl WatchedHttp {
    /// Watches `inner`.
    pub fn new(inner: Box<dyn HttpLink>, ledger: Ledger) -> Self {
        WatchedHttp { inner, ledger }
    }
}

impl HttpLink for WatchedHttp {
    fn request(&mut self, request: &HttpRequest) -> Result<HttpResponse> {
        self.ledger.note();
        self.inner.request(request)
    }

    fn now(&self) -> Moment {
        self.inner.now()
    }

    fn sleep(&mut self, time: Duration) {
        self.inner.sleep(time);
    }
}

/// A USB device that notes whatever may change it: everything but standard requests that read.
pub struct WatchedUsb {
    inner: Box<dyn UsbLink>,
    ledger: Ledger,
}

impl WatchedUsb {
    /// Watches `inner`.
    pub fn new(inner: Box<dyn UsbLink>, ledger: Ledger) -> Self {
        WatchedUsb { inner, ledger }
    }
}

/// Bits 6-5 of bmRequestType: whether it is a standard, a class or a vendor request.
const TYPE: u8 = 0x60;

impl UsbLink for WatchedUsb {
    fn device_descriptor(&self) -> &[u8] {
        self.inner.device_descriptor()
    }

    fn configurations(&self) -> &[Vec<u8>] {
        self.inner.configurations()
    }

    fn active_configuration(&mut self) -> Result<u8> {
        self.inner.active_configuration()
    }

    fn detach_kernel_driver(&mut self, interface: u8) -> Result<bool> {
        self.inner.detach_kernel_driver(interface)
    }

    fn claim(&mut self, interface: u8) -> Result<()> {
        self.inner.claim(interface)
    }

    fn release(&mut self, interface: u8) -> Result<()> {
        self.inner.release(interface)
    }

    fn control_in(&mut self, setup: ControlSetup, buffer: &mut [u8], timeout: Duration) -> Result<usize> {
        // Some makers switch modes by a request that reads.
        if setup.request_type & TYPE != 0 {
            self.ledger.note();
        }
        self.inner.control_in(setup, buffer, timeout)
    }

    fn control_out(&mut self, setup: ControlSetup, data: &[u8], timeout: Duration) -> Result<()> {
        self.ledger.note();
        self.inner.control_out(setup, data, timeout)
    }

    fn write(&mut self, endpoint: u8, data: &[u8], timeout: Duration) -> Result<()> {
        self.ledger.note();
        self.inner.write(endpoint, data, timeout)
    }

    fn read(&mut self, endpoint: u8, buffer: &mut [u8], timeout: Duration) -> Result<usize> {
        self.inner.read(endpoint, buffer, timeout)
    }

    fn clear_halt(&mut self, endpoint: u8) -> Result<()> {
        self.ledger.note();
        self.inner.clear_halt(endpoint)
    }

    fn set_configuration(&mut self, value: u8) -> Result<()> {
        self.ledger.note();
        self.inner.set_configuration(value)
    }

    fn set_alt_setting(&mut self, interface: u8, alternate: u8) -> Result<()> {
        self.ledger.note();
        self.inner.set_alt_setting(interface, alternate)
    }

    fn reset(&mut self) -> Result<()> {
        self.ledger.note();
        self.inner.reset()
    }

    fn now(&self) -> Moment {
        self.inner.now()
    }

    fn sleep(&mut self, time: Duration) {
        self.inner.sleep(time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::link::flood::Flood;

    #[test]
    fn an_error_without_a_verdict_is_untouched_only_until_a_byte_is_written() {
        let ledger = Ledger::new();
        let mut port = WatchedPort::new(Box::new(Flood::of(b"")), ledger.clone());
        let without_verdict = || Error::new(ErrorKind::Timeout, "no answer");
        port.discard_input().unwrap();
        port.read(&mut [0; 4], Moment::ZERO).unwrap();
        port.write(b"").unwrap();
        assert_eq!(ledger.verdict(&without_verdict()), Verdict::Untouched);
        port.write(b"A").unwrap();
        assert_eq!(ledger.verdict(&without_verdict()), Verdict::Unknown);
        for verdict in [Verdict::Untouched, Verdict::Done, Verdict::Recoverable, Verdict::Unknown] {
            assert_eq!(ledger.verdict(&without_verdict().with_verdict(verdict)), verdict);
        }
    }
}
