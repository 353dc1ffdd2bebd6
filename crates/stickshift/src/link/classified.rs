use std::sync::Arc;

use crate::error::Result;
use crate::link::{Bus, ByteLink, HttpLink, Moment, UsbLink};
use crate::stick::{KnownIds, Place, Stick, is_stick};

/// A bus whose devices are classified with what switching profiles know, the owner's among them: the same on every bus below it.
pub struct ClassifiedBus {
    inner: Box<dyn Bus>,
    profiles: Arc<dyn KnownIds>,
    every_device: bool,
}

impl ClassifiedBus {
    /// Classifies the devices of `inner`.
    pub fn new(inner: Box<dyn Bus>, profiles: Arc<dyn KnownIds>) -> Self {
        ClassifiedBus { inner, profiles, every_device: false }
    }

    /// Shows every USB device, not only those that are known as sticks: for a message or a profile that was given for a device that nobody
    /// knows.
    #[must_use]
    pub fn with_every_device(mut self) -> Self {
        self.every_device = true;
        self
    }
}

impl Bus for ClassifiedBus {
    fn raw_devices(&mut self) -> Result<Vec<Stick>> {
        self.inner.raw_devices()
    }

    fn raw_device(&mut self, place: &Place) -> Result<Option<Stick>> {
        self.inner.raw_device(place)
    }

    fn sticks(&mut self) -> Result<Vec<Stick>> {
        let mut devices = self.inner.raw_devices()?;
        devices.iter_mut().for_each(|device| device.classify(&*self.profiles));
        devices.retain(|device| self.every_device || is_stick(device) || self.profiles.concerns(device.id));
        Ok(devices)
    }

    fn device(&mut self, place: &Place) -> Result<Option<Stick>> {
        let mut device = self.inner.raw_device(place)?;
        device.iter_mut().for_each(|device| device.classify(&*self.profiles));
        Ok(device)
    }

    fn wait_change(&mut self, deadline: Moment) -> Result<bool> {
        self.inner.wait_change(deadline)
    }

    fn open_port(&mut self, place: &Place, interface: u8) -> Result<Box<dyn ByteLink>> {
        self.inner.open_port(place, interface)
    }

    fn open_usb(&mut self, place: &Place) -> Result<Box<dyn UsbLink>> {
        self.inner.open_usb(place)
    }

    fn open_http(&mut self, place: &Place) -> Result<Box<dyn HttpLink>> {
        self.inner.open_http(place)
    }

    fn storage_texts(&mut self, place: &Place) -> Result<Option<[String; 3]>> {
        self.inner.storage_texts(place)
    }

    fn address(&mut self, place: &Place) -> Result<Option<u32>> {
        self.inner.address(place)
    }

    fn has_driver(&self, name: &str) -> bool {
        self.inner.has_driver(name)
    }

    fn reports_plugging(&self) -> bool {
        self.inner.reports_plugging()
    }

    fn now(&self) -> Moment {
        self.inner.now()
    }
}
