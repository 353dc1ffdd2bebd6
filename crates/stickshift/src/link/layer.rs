use crate::error::Result;
use crate::link::{Bus, ByteLink, HttpLink, Input, MessageLink, Moment, UsbLink};
use crate::stick::{Drive, Hindrance, Place, Stick};

/// A bus over another bus: it says what it does otherwise, and everything else goes to the bus below.
///
/// What is opened below passes through [`port`](Self::port), [`messages`](Self::messages), [`usb`](Self::usb) and [`http`](Self::http).
pub(super) trait Layer: Send {
    /// The bus below.
    fn below(&self) -> &dyn Bus;

    /// The bus below.
    fn below_mut(&mut self) -> &mut dyn Bus;

    /// As [`Bus::sticks`].
    ///
    /// # Errors
    /// As [`Bus::sticks`].
    fn sticks(&mut self) -> Result<Vec<Stick>> {
        self.below_mut().sticks()
    }

    /// As [`Bus::device`].
    ///
    /// # Errors
    /// As [`Bus::device`].
    fn device(&mut self, place: &Place) -> Result<Option<Stick>> {
        self.below_mut().device(place)
    }

    /// The port behind `interface` of the stick at `place`, just opened below.
    fn port(&mut self, port: Box<dyn ByteLink>, place: &Place, interface: u8) -> Box<dyn ByteLink> {
        let _ = (place, interface);
        port
    }

    /// The control channel of the stick at `place`, just opened below.
    fn messages(&self, messages: Box<dyn MessageLink>, place: &Place) -> Box<dyn MessageLink> {
        let _ = place;
        messages
    }

    /// The USB device at `place`, just opened below.
    fn usb(&self, usb: Box<dyn UsbLink>, place: &Place) -> Box<dyn UsbLink> {
        let _ = place;
        usb
    }

    /// The web server of a stick, just opened below.
    fn http(&self, http: Box<dyn HttpLink>) -> Box<dyn HttpLink> {
        http
    }
}

impl<L: Layer> Bus for L {
    fn raw_devices(&mut self) -> Result<Vec<Stick>> {
        self.below_mut().raw_devices()
    }

    fn raw_device(&mut self, place: &Place) -> Result<Option<Stick>> {
        self.below_mut().raw_device(place)
    }

    fn sticks(&mut self) -> Result<Vec<Stick>> {
        Layer::sticks(self)
    }

    fn device(&mut self, place: &Place) -> Result<Option<Stick>> {
        Layer::device(self, place)
    }

    fn wait_change(&mut self, deadline: Moment) -> Result<bool> {
        self.below_mut().wait_change(deadline)
    }

    fn wait_change_or_input(&mut self, deadline: Moment, inputs: &[Input]) -> Result<bool> {
        self.below_mut().wait_change_or_input(deadline, inputs)
    }

    fn open_port(&mut self, place: &Place, interface: u8) -> Result<Box<dyn ByteLink>> {
        let port = self.below_mut().open_port(place, interface)?;
        Ok(self.port(port, place, interface))
    }

    fn is_held_here(&mut self, place: &Place, interface: u8) -> bool {
        self.below_mut().is_held_here(place, interface)
    }

    fn open_messages(&mut self, place: &Place, interface: u8) -> Result<Box<dyn MessageLink>> {
        let messages = self.below_mut().open_messages(place, interface)?;
        Ok(self.messages(messages, place))
    }

    fn open_usb(&mut self, place: &Place) -> Result<Box<dyn UsbLink>> {
        let usb = self.below_mut().open_usb(place)?;
        Ok(self.usb(usb, place))
    }

    fn open_http(&mut self, place: &Place) -> Result<Box<dyn HttpLink>> {
        let http = self.below_mut().open_http(place)?;
        Ok(self.http(http))
    }

    fn drives(&mut self, place: &Place) -> Result<Option<Vec<Drive>>> {
        self.below_mut().drives(place)
    }

    fn hindrance(&mut self, place: &Place) -> Result<Option<Hindrance>> {
        self.below_mut().hindrance(place)
    }

    fn address(&mut self, place: &Place) -> Result<Option<u32>> {
        self.below_mut().address(place)
    }

    fn has_driver(&self, name: &str) -> bool {
        self.below().has_driver(name)
    }

    fn reports_plugging(&self) -> bool {
        self.below().reports_plugging()
    }

    fn now(&self) -> Moment {
        self.below().now()
    }
}
