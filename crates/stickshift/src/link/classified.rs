use std::sync::Arc;

use crate::error::Result;
use crate::link::Bus;
use crate::link::layer::Layer;
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

impl Layer for ClassifiedBus {
    fn below(&self) -> &dyn Bus {
        &*self.inner
    }

    fn below_mut(&mut self) -> &mut dyn Bus {
        &mut *self.inner
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
}
