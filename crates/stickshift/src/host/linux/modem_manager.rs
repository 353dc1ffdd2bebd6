//! Taking a stick from ModemManager for a while, by its own means: `InhibitDevice`. It closes the ports, asks the stick nothing, and takes it up
//! again afterwards.

use std::fs;
use std::path::Path;

use super::dbus::{BusError, MessageBus, Object, Value};
use crate::host::sysfs::{Roots, attribute};
use crate::stick::Place;

/// ModemManager leaves the stick alone until this is dropped: it ends with the connection.
#[derive(Debug)]
#[must_use]
pub struct Inhibition {
    _bus: MessageBus,
}

impl Inhibition {
    /// Takes the stick at `place` from ModemManager. `None` where it runs not or knows nothing of that stick.
    ///
    /// # Errors
    /// A refusal that [is denied](BusError::is_denied) where the user may not; what the bus reports.
    pub fn take(mut bus: MessageBus, roots: &Roots, place: &Place) -> Result<Option<Self>, BusError> {
        let manager = Object::new(
            "org.freedesktop.ModemManager1",
            "/org/freedesktop/ModemManager1",
            "org.freedesktop.ModemManager1",
        );
        let daemon = Object::new("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus");
        // A call would start it where it is not running.
        let runs = bus.call(&daemon, "NameHasOwner", &[Value::from(&*manager.service)])?.values;
        let Some(uid) = roots.modem_manager_uid(place).filter(|_| runs == [Value::Bool(true)]) else {
            return Ok(None);
        };
        match bus.call(&manager, "InhibitDevice", &[Value::from(&*uid), Value::Bool(true)]) {
            Ok(_) => Ok(Some(Inhibition { _bus: bus })),
            Err(BusError::Refused { name, .. }) if name.ends_with(".Core.NotFound") => Ok(None),
            Err(BusError::NoService(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Roots {
    /// By what ModemManager knows the device at a place: `ID_MM_PHYSDEV_UID` of its udev rules, else its path in sysfs.
    fn modem_manager_uid(&self, place: &Place) -> Option<String> {
        let device = self.usb_devices().join(place.as_str()).canonicalize().ok()?;
        let number = attribute(&device, "dev");
        let named = number.and_then(|number| {
            let properties =
                fs::read_to_string(Path::new("/run/udev/data").join(format!("c{number}"))).ok()?;
            uid_of_rules(&properties)
        });
        named.or_else(|| Some(device.to_str()?.to_owned()))
    }
}

fn uid_of_rules(properties: &str) -> Option<String> {
    let value = properties.lines().find_map(|line| line.strip_prefix("E:ID_MM_PHYSDEV_UID="))?;
    Some(value.to_owned())
}

#[cfg(test)]
mod tests {
    use test_support::message_bus::PrivateBus;

    use super::*;

    /// A bus with a stick at 1-1 below `folder`, and its path.
    fn stick(folder: &Path) -> (Roots, Place, String) {
        let folder = &folder.join("sys");
        let device = folder.join("devices/pci0000:00/usb1/1-1");
        fs::create_dir_all(&device).unwrap();
        fs::create_dir_all(folder.join("bus/usb/devices")).unwrap();
        std::os::unix::fs::symlink(&device, folder.join("bus/usb/devices/1-1")).unwrap();
        let path = device.canonicalize().unwrap().display().to_string();
        (Roots { sys: folder.to_owned(), dev: "/dev".into() }, "1-1".parse().unwrap(), path)
    }

    #[test]
    fn a_stick_is_taken_until_the_inhibition_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let Some(mut server) = PrivateBus::with_services(folder.path(), &[]) else { return };
        let (roots, place, path) = stick(folder.path());
        let bus = MessageBus::connect(&server.address()).unwrap();
        let inhibition = Inhibition::take(bus, &roots, &place).unwrap().unwrap();
        assert_eq!(server.next_call(), format!("InhibitDevice {path} True"));
        drop(inhibition);
        assert_eq!(server.next_call(), format!("InhibitDevice {path} ended"));
    }

    #[test]
    fn where_it_is_not_running_there_is_nothing_to_take() {
        let folder = tempfile::tempdir().unwrap();
        let Some(server) = PrivateBus::start(folder.path()) else { return };
        let (roots, place, _) = stick(folder.path());
        let bus = MessageBus::connect(&server.address()).unwrap();
        assert!(Inhibition::take(bus, &roots, &place).unwrap().is_none());
    }

    #[test]
    fn a_refusal_is_reported() {
        let folder = tempfile::tempdir().unwrap();
        let Some(server) = PrivateBus::with_services(folder.path(), &["denied"]) else { return };
        let (roots, place, _) = stick(folder.path());
        let bus = MessageBus::connect(&server.address()).unwrap();
        assert!(Inhibition::take(bus, &roots, &place).unwrap_err().is_denied());
    }

    #[test]
    fn the_name_of_a_rule_comes_first() {
        assert_eq!(uid_of_rules("N:x\nE:ID_MM_PHYSDEV_UID=stick\n"), Some("stick".into()));
        assert_eq!(uid_of_rules("E:ID_MM_CANDIDATE=1\n"), None);
    }
}
