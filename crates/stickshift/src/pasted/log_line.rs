//! One line of the kernel's log: of which device and which driver it speaks.

use super::class_of_driver;
use crate::stick::Place;

/// Whether a line speaks of a USB device.
pub(super) fn is_line(text: &str) -> bool {
    find(text).is_some()
}

/// Which step of the kernel's announcement of a device a line is, counted from 0; and where that stands.
pub(super) fn announces(text: &str) -> Option<(Place, usize)> {
    const STEPS: &[&str] = &[
        "new ",
        "New USB device found",
        "New USB device strings",
        "Product:",
        "Manufacturer:",
        "SerialNumber:",
    ];
    let found = find(text).filter(|found| found.driver == "usb" && found.interface.is_none())?;
    let step = STEPS.iter().position(|words| found.rest.starts_with(words))?;
    Some((found.place, step))
}

/// What a line of the log is about.
pub(super) struct Found<'a> {
    pub(super) driver: &'a str,
    pub(super) place: Place,
    pub(super) configuration: Option<u8>,
    pub(super) interface: Option<u8>,
    /// What follows the place.
    pub(super) rest: &'a str,
}

/// Finds `driver place:` anywhere in a line: time, host and level before it come in many forms.
pub(super) fn find(text: &str) -> Option<Found<'_>> {
    let mut at = 0;
    let mut before = "";
    for word in text.split_whitespace().take(24) {
        // The offset of the word in the text.
        at += text[at..].find(word)?;
        let end = at + word.len();
        let plain = word.trim_end_matches(':');
        let (place, interface) = match plain.split_once(':') {
            Some((place, interface)) => (place, Some(interface)),
            None => (plain, None),
        };
        let closed = word.ends_with(':') || interface.is_some();
        if let Some(place) = place.parse::<Place>().ok().or_else(|| port(place))
            && closed
            && !before.is_empty()
        {
            let numbers = interface.map(|i| {
                let (configuration, interface) = i.split_once('.')?;
                Some((configuration.parse().ok()?, interface.parse().ok()?))
            });
            let (configuration, interface) = match numbers {
                Some(None) => return None,
                Some(numbers) => numbers.unzip(),
                None => (None, None),
            };
            // Linux 3.2 to 3.6 wrote `>` before what its debugging levels precede.
            let rest = text[end..].trim_start();
            let rest = rest.strip_prefix('>').unwrap_or(rest);
            // Before Linux 6.12 `qmi_wwan: probe of 1-1.2:1.4 failed with error -22`, since then with the place first.
            let (driver, rest) = match text[..at].split_once(": probe of") {
                Some((driver, _)) => {
                    (driver.rsplit([' ', ']']).next().unwrap_or(driver), "probe with driver failed")
                }
                None => (before, rest),
            };
            return Some(Found { driver, place, configuration, interface, rest });
        }
        before = word.rsplit(']').next().unwrap_or(word);
        at = end;
    }
    None
}

/// The place behind the port of a hub: `1-1-port3` is 1-1.3, `usb1-port2` is 1-2.
fn port(word: &str) -> Option<Place> {
    let (hub, port) = word.split_once("-port")?;
    let place = match hub.strip_prefix("usb") {
        Some(bus) => format!("{bus}-{port}"),
        None => format!("{hub}.{port}"),
    };
    place.parse().ok()
}

/// `usb0: register 'sierra_net' at usb-0000:00:1d.7-4, Sierra Wireless ..` of kernels before 2.6.37: node, driver and the way from the bus.
pub(super) fn registered(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once(": register '")?;
    let node = before.rsplit([' ', ']']).next().filter(|node| node.len() <= 15)?;
    let (driver, rest) = rest.split_once("' at usb-")?;
    let (_, ports) = rest.split([',', ' ']).next()?.rsplit_once('-')?;
    let known = class_of_driver(driver).is_some() && find(text).is_none();
    known.then_some((node, driver, ports))
}
