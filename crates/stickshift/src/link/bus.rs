use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};
use crate::link::{ByteLink, HttpLink, Input, MessageLink, Moment, UsbLink};
use crate::stick::{Drive, Hindrance, NoProfiles, Place, Stick, is_stick};

/// How often inputs are looked at where they cannot be waited for beside the bus.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The USB bus as the library sees it: which sticks stand where, and how to reach them.
///
/// The real bus (`host`) and the virtual one (`stickshift-emu`) are used through this alone. They report raw devices; what a device is
/// gets decided above them, by [`sticks`](Self::sticks) and [`device`](Self::device), which no real or virtual bus overrides.
/// [`ClassifiedBus`](crate::link::ClassifiedBus) decides with switching profiles, too.
pub trait Bus: Send {
    /// Every USB device there is now, ordered by place: descriptors, strings, drivers and ports. Mode and roles are not set.
    ///
    /// # Errors
    /// `Io`, `PermissionDenied`.
    fn raw_devices(&mut self) -> Result<Vec<Stick>>;

    /// The device at `place` as in [`raw_devices`](Self::raw_devices), except that who holds its ports may be missing.
    ///
    /// # Errors
    /// As [`raw_devices`](Self::raw_devices).
    fn raw_device(&mut self, place: &Place) -> Result<Option<Stick>> {
        Ok(self.raw_devices()?.into_iter().find(|device| device.place == *place))
    }

    /// Every stick there is now, ordered by place, classified by its ids and interfaces.
    ///
    /// # Errors
    /// As [`raw_devices`](Self::raw_devices).
    fn sticks(&mut self) -> Result<Vec<Stick>> {
        let mut devices = self.raw_devices()?;
        devices.iter_mut().for_each(|device| device.classify(&NoProfiles));
        devices.retain(is_stick);
        Ok(devices)
    }

    /// What stands at `place`, classified, also when it is nothing that [`sticks`](Self::sticks) would name: a stick that was
    /// switched may be anything. Who holds its ports is not looked for.
    ///
    /// # Errors
    /// As [`raw_devices`](Self::raw_devices).
    fn device(&mut self, place: &Place) -> Result<Option<Stick>> {
        let mut device = self.raw_device(place)?;
        device.iter_mut().for_each(|device| device.classify(&NoProfiles));
        Ok(device)
    }

    /// Waits until something on the bus may have changed since it was last looked at (a stick came, went, or a driver made or removed
    /// one of its ports), or until `deadline`. Returns whether something changed.
    ///
    /// # Errors
    /// `Io`.
    fn wait_change(&mut self, deadline: Moment) -> Result<bool>;

    /// As [`wait_change`](Self::wait_change), and ends early when something can be read from one of `inputs`. It may end early without
    /// either, too: whoever waits looks, and waits again.
    ///
    /// # Errors
    /// `Io`.
    fn wait_change_or_input(&mut self, deadline: Moment, inputs: &[Input]) -> Result<bool> {
        // Where nobody can wait for both, inputs are looked at now and then.
        let soon = if inputs.is_empty() { deadline } else { deadline.min(self.now() + LOOK_AGAIN) };
        self.wait_change(soon)
    }

    /// Opens the serial port behind an interface of the stick at `place`, exclusively.
    ///
    /// # Errors
    /// `NoSuchPort`, `PermissionDenied`, `PortBusy` (fact `holder`), `Disconnected`, `Io`.
    fn open_port(&mut self, place: &Place, interface: u8) -> Result<Box<dyn ByteLink>>;

    /// Whether this very program has the serial port behind an interface open, in another thread; false where the bus does not tell.
    fn is_held_here(&mut self, place: &Place, interface: u8) -> bool {
        let _ = (place, interface);
        false
    }

    /// Opens the control channel of an MBIM function, by its interface, exclusively.
    ///
    /// # Errors
    /// As [`open_port`](Self::open_port); `NoSuchPort` also where this bus has no such channels.
    fn open_messages(&mut self, place: &Place, interface: u8) -> Result<Box<dyn MessageLink>> {
        let what = format!("interface {interface} has no control channel here");
        Err(Error::new(ErrorKind::NoSuchPort, what).with("place", place))
    }

    /// Opens the USB device at `place`.
    ///
    /// # Errors
    /// `NoStick`, `PermissionDenied`, `Disconnected`, `Io`.
    fn open_usb(&mut self, place: &Place) -> Result<Box<dyn UsbLink>>;

    /// Opens the web server behind the network interface of the stick at `place`.
    ///
    /// # Errors
    /// `NoSuchPort` when the stick has no network interface, `Disconnected`, `Io`.
    fn open_http(&mut self, place: &Place) -> Result<Box<dyn HttpLink>>;

    /// The drives that the storage driver found behind the stick at `place` so far, by interface and unit, with what they are used for.
    /// `None` where the system does not tell: then nobody knows whether a medium is mounted.
    ///
    /// # Errors
    /// `Io`.
    fn drives(&mut self, place: &Place) -> Result<Option<Vec<Drive>>> {
        let _ = place;
        Ok(None)
    }

    /// Why the system does not use the device at `place`; `None` where it does, or does not tell.
    ///
    /// # Errors
    /// `Io`.
    fn hindrance(&mut self, place: &Place) -> Result<Option<Hindrance>> {
        let _ = place;
        Ok(None)
    }

    /// The number that the host gave the device at `place` on its bus, another one after every appearance. `None` where nothing stands or
    /// the system does not tell.
    ///
    /// # Errors
    /// `Io`.
    fn address(&mut self, place: &Place) -> Result<Option<u32>> {
        let _ = place;
        Ok(None)
    }

    /// Whether the system has a driver, by the kernel's name for it; true where it does not tell.
    fn has_driver(&self, name: &str) -> bool {
        let _ = name;
        true
    }

    /// Whether plugging is reported as it happens. Otherwise [`wait_change`](Self::wait_change) looks again now and then.
    fn reports_plugging(&self) -> bool {
        true
    }

    /// The bus's clock.
    fn now(&self) -> Moment;
}
