//! Keeping the computer awake while a stick is flashed: an inhibitor of logind's, and a look at the battery.

use std::fs;
use std::os::fd::OwnedFd;

use super::dbus::{BusError, MessageBus, Object, Value};
use crate::host::sysfs::{Roots, attribute};

/// What is to be kept off. Not every user may keep the lid of a notebook from doing what it usually does.
const WHAT: [&str; 2] = ["shutdown:sleep:idle:handle-lid-switch", "sleep:idle"];

/// The computer stays awake until this is dropped.
#[derive(Debug)]
#[must_use]
pub struct Awake {
    _inhibitor: OwnedFd,
}

impl Awake {
    /// Asks logind to keep the computer awake; `why` is what it tells the user.
    ///
    /// # Errors
    /// `NoBus` or `NoService` where there is no logind; a refusal that [is denied](BusError::is_denied) where the user may not.
    pub fn keep(bus: &mut MessageBus, why: &str) -> Result<Self, BusError> {
        let logind = Object::new(
            "org.freedesktop.login1",
            "/org/freedesktop/login1",
            "org.freedesktop.login1.Manager",
        );
        let mut refused = None;
        for what in WHAT {
            let arguments = [what, "stickshift", why, "block"].map(Value::from);
            match bus.call(&logind, "Inhibit", &arguments) {
                Ok(reply) => {
                    let inhibitor = reply.descriptor();
                    let none = || BusError::Broken("logind returned no inhibitor".into());
                    return inhibitor.map(|inhibitor| Awake { _inhibitor: inhibitor }).ok_or_else(none);
                }
                Err(error) if error.is_denied() => refused = Some(error),
                Err(error) => return Err(error),
            }
        }
        Err(refused.unwrap_or(BusError::NoAnswer))
    }
}

/// A computer without mains power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OnBattery {
    /// How full the fullest battery is, in percent.
    pub percent: Option<u8>,
}

impl Roots {
    /// Whether the computer runs on its battery: one discharges and no mains supply is plugged in. Batteries of mice and headsets do not count.
    pub fn on_battery(&self) -> Option<OnBattery> {
        let folder = self.sys.join("class/power_supply");
        let mut on_battery = None;
        for supply in fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()) {
            let is = |name: &str, value: &str| attribute(&supply, name).as_deref() == Some(value);
            if is("scope", "Device") {
                continue;
            }
            if !is("type", "Battery") {
                if is("online", "1") {
                    return None;
                }
            } else if is("status", "Discharging") {
                let percent = attribute(&supply, "capacity").and_then(|text| text.parse().ok());
                let before = on_battery.and_then(|known: OnBattery| known.percent);
                on_battery = Some(OnBattery { percent: percent.max(before) });
            }
        }
        on_battery
    }
}

#[cfg(test)]
mod tests {
    use test_support::message_bus::PrivateBus;

    use super::*;

    #[test]
    fn awake_until_it_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let Some(mut server) = PrivateBus::with_services(folder.path(), &[]) else { return };
        let mut bus = MessageBus::connect(&server.address()).unwrap();
        let awake = Awake::keep(&mut bus, "a stick is being flashed").unwrap();
        assert_eq!(
            server.next_call(),
            format!("Inhibit {} stickshift block: a stick is being flashed", WHAT[0])
        );
        drop(awake);
        assert_eq!(server.next_call(), "Inhibit ended");
    }

    #[test]
    fn a_user_who_may_not_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let Some(server) = PrivateBus::with_services(folder.path(), &["denied"]) else { return };
        let mut bus = MessageBus::connect(&server.address()).unwrap();
        assert!(Awake::keep(&mut bus, "x").unwrap_err().is_denied());
    }

    #[test]
    fn batteries_of_the_computer_count_without_mains() {
        let folder = tempfile::tempdir().unwrap();
        let roots = Roots { sys: folder.path().to_owned(), dev: "/dev".into() };
        assert_eq!(roots.on_battery(), None, "no supplies at all");
        let write = |supply: &str, attributes: &[(&str, &str)]| {
            let folder = folder.path().join("class/power_supply").join(supply);
            fs::create_dir_all(&folder).unwrap();
            attributes
                .iter()
                .for_each(|(name, text)| fs::write(folder.join(name), format!("{text}\n")).unwrap());
        };
        write("hidpp_battery_0", &[("type", "Battery"), ("scope", "Device"), ("status", "Discharging")]);
        assert_eq!(roots.on_battery(), None, "a mouse");
        write("BAT0", &[("type", "Battery"), ("status", "Discharging"), ("capacity", "41")]);
        write("BAT1", &[("type", "Battery"), ("status", "Discharging"), ("capacity", "7")]);
        write("AC", &[("type", "Mains"), ("online", "0")]);
        assert_eq!(roots.on_battery(), Some(OnBattery { percent: Some(41) }));
        write("ucsi0", &[("type", "USB"), ("online", "1")]);
        assert_eq!(roots.on_battery(), None, "USB-C power");
    }
}
