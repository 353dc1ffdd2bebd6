//! Which stick is meant: `STICK` on the command line.

use std::path::Path;

use stickshift::error::{Detail, Error, ErrorKind, Result, Verdict};
use stickshift::event::Session;
use stickshift::link::Bus;
use stickshift::mask;
use stickshift::modem::identity;
use stickshift::profile::Catalogue;
use stickshift::stick::{KnownIds, Mode, Place, Stick, UsbId, is_huawei_design, is_stick};

use crate::wrong_mode::{self, Needs};

/// Where a stick stands of which no place is known: behind `--port` or `--url`, or in a text.
pub(crate) fn port_place() -> Place {
    "0-0".parse().unwrap_or_else(|()| unreachable!("a place"))
}

/// Whether a device of a text is a stick as `list` counts them; not the Ethernet adapter or printer that a profile made of its drive.
pub(crate) fn concerns(stick: &Stick, catalogue: &Catalogue) -> bool {
    let other = stick.mode == Mode::Unknown && catalogue.no_modem(stick.id).is_some();
    is_stick(stick) || (catalogue.concerns(stick.id) && !stick.is_phone() && !other)
}

/// Where a network card with a router is set up: Huawei's by its web API, another maker's by its page alone, at the address of the gateway that
/// it gives out.
pub(crate) fn its_page(stick: &Stick) -> &'static str {
    if is_huawei_design(stick.id.vendor) { "stickshift hilink status" } else { OTHER_PAGE }
}

/// What helps a stick whose chip waits for firmware.
#[cfg(feature = "pasted")]
pub(crate) const CHIP_DOWNLOAD: &str = "its chip waits for firmware, which stickshift cannot load: unplug it and plug it in again; if it stays so, its maker's tool loads it (Qualcomm's also qmi-firmware-update, qdl or gobi-loader)";

/// What helps a stick that a program has for itself, as no driver does; `word` names the stick on the command line.
#[cfg(feature = "pasted")]
pub(crate) fn taken_by_a_program(stick: &Stick, word: &str) -> Option<String> {
    use stickshift::stick::{Interface, Role};

    // Android's debug bridge is in nobody's way.
    let in_the_way = |i: &&Interface| i.driver.as_deref() == Some("usbfs") && i.role != Role::Other;
    let held = stick.interfaces.iter().find(in_the_way)?;
    Some(format!(
        "a program has interface {} for itself (usbfs), such as a virtual machine, usb_modeswitch, a flashing tool or another stickshift: end it, plug the stick in again, then stickshift identify {word}",
        held.number
    ))
}

/// Of makers whose web pages have another API than Huawei's.
pub(crate) const OTHER_PAGE: &str =
    "open its page in a browser, at the gateway's address (`ip route` shows it)";

/// Chooses among several sticks that fit; `None` leaves it at the failure.
pub(crate) type Chooser<'a> = &'a dyn Fn(&[Stick]) -> Result<Option<usize>>;

/// The stick that `wanted` names, or the only one there.
///
/// # Errors
/// `NoStick`, `SeveralSticks`, what the bus and `choose` report.
pub(crate) fn stick(bus: &mut dyn Bus, wanted: Option<&str>, choose: Chooser<'_>) -> Result<Stick> {
    let all = bus.sticks()?;
    let only = |fits, none| only(fits, none, choose);
    let Some(wanted) = wanted else { return only(all, "no stick is plugged in".into()) };
    let others = all.clone();
    let mut fits: Vec<Stick> = all.into_iter().filter(|s| names(s, wanted)).collect();
    if fits.is_empty() && is_imei(wanted) {
        fits = others.iter().filter(|s| says_imei(bus, s, wanted)).cloned().collect();
        // No IMEI is shown in full, not even the one that was typed. Sticks were asked what they are, nothing else.
        return only(fits, format!("no stick has the IMEI {}", mask::identity(wanted)))
            .map_err(|e| with_others(e, &others).verdict_if_unset(Verdict::Untouched));
    }
    if fits.is_empty() && is_serial(wanted) {
        fits = others.iter().filter(|s| says_serial(bus, s, wanted)).cloned().collect();
        return only(fits, format!("no stick has the serial number {}", mask::identity(wanted)))
            .map_err(|e| with_others(e, &others).verdict_if_unset(Verdict::Untouched));
    }
    only(fits, format!("no stick matches {wanted:?}")).map_err(|e| with_others(e, &others))
}

/// Whether a word reads as the serial number on a stick's label: capital letters and digits, with both kinds or digits alone.
fn is_serial(word: &str) -> bool {
    let of_label = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
    (8..=20).contains(&word.len()) && word.bytes().all(of_label) && word.bytes().any(|b| b.is_ascii_digit())
}

/// The same with the serial number that the stick says, which need not be the one that USB shows.
fn says_serial(bus: &mut dyn Bus, stick: &Stick, serial: &str) -> bool {
    let said = identity::ask(bus, stick, None, &mut Session::quiet());
    matches!(said, Ok(Some(identity)) if identity.serial.as_deref() == Some(serial))
}

/// What is there instead, where it was the wrong name.
fn with_others(error: Error, others: &[Stick]) -> Error {
    if others.is_empty() || !error.is(ErrorKind::NoStick) {
        return error;
    }
    let there: Vec<String> =
        others.iter().map(|s| format!("{} ({}, {})", s.place, s.id, s.mode.code())).collect();
    error.detail(Detail::ThereIs(there.join(", ")))
}

/// Whether a word reads as an IMEI: 15 digits.
fn is_imei(word: &str) -> bool {
    word.len() == 15 && word.bytes().all(|b| b.is_ascii_digit())
}

/// Whether the stick, asked over its AT port or its web server, says that this is its IMEI. One that cannot be asked does not.
fn says_imei(bus: &mut dyn Bus, stick: &Stick, imei: &str) -> bool {
    let said = identity::ask(bus, stick, None, &mut Session::quiet());
    matches!(said, Ok(Some(identity)) if identity.imei.as_deref() == Some(imei))
}

/// The stick that `wanted` names, or the only one that is in `mode`.
///
/// # Errors
/// As [`stick`].
pub(crate) fn in_mode(
    bus: &mut dyn Bus,
    wanted: Option<&str>,
    mode: Mode,
    choose: Chooser<'_>,
) -> Result<Stick> {
    if wanted.is_some() {
        return stick(bus, wanted, choose);
    }
    let all = bus.sticks()?;
    let others = all.clone();
    let fits: Vec<Stick> = all.into_iter().filter(|s| s.mode == mode).collect();
    let name = mode.words().split(" (").next().unwrap_or_default().trim_end_matches(" mode");
    let none = format!("no stick is in {name} mode");
    only(fits, none, choose).map_err(|e| {
        let needs = match mode {
            Mode::Download => Needs::Download,
            Mode::BootRom => Needs::BootRom,
            _ => return with_others(e, &others),
        };
        match others.as_slice() {
            [other] => wrong_mode::told(with_others(e, &others), needs, other.mode),
            _ => with_others(e, &others),
        }
    })
}

/// Whether `wanted` names this stick: by place, ids, tty or serial number.
pub(crate) fn names(stick: &Stick, wanted: &str) -> bool {
    if let Ok(place) = wanted.parse::<Place>() {
        return stick.place == place;
    }
    if let Ok(id) = wanted.parse::<UsbId>() {
        return stick.id == id;
    }
    let tty = |path: &str| path == wanted || Path::new(path).file_name().is_some_and(|n| n == wanted);
    stick.ports().any(|p| p.tty.as_deref().is_some_and(tty)) || stick.serial.as_deref() == Some(wanted)
}

/// The only one of `sticks`, or the one that was chosen; `none` says that there is none.
///
/// # Errors
/// `NoStick`, `SeveralSticks`, what `choose` reports.
pub(crate) fn only(mut sticks: Vec<Stick>, none: String, choose: Chooser<'_>) -> Result<Stick> {
    match sticks.len() {
        0 => Err(Error::new(ErrorKind::NoStick, none)),
        1 => Ok(sticks.remove(0)),
        n => {
            if let Some(chosen) = choose(&sticks)? {
                return Ok(sticks.swap_remove(chosen.min(n - 1)));
            }
            let there: Vec<String> =
                sticks.iter().map(|s| format!("{} ({}, {})", s.place, s.id, s.mode.code())).collect();
            Err(Error::new(ErrorKind::SeveralSticks, format!("{n} sticks match"))
                .with("sticks", there.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use stickshift::stick::{Interface, Mode, Role};

    use super::*;

    fn stick(place: &str) -> Stick {
        let port = Interface {
            role: Role::Pcui,
            driver: Some("option".into()),
            tty: Some("/dev/ttyUSB2".into()),
            ..Interface::new(0, [0xff, 3, 0x12])
        };
        Stick {
            serial: Some("0123456789ABCDEF".into()),
            interfaces: vec![port],
            mode: Mode::Modem,
            ..Stick::new(place.parse().unwrap(), UsbId::new(0x12d1, 0x1506))
        }
    }

    fn nobody(_: &[Stick]) -> Result<Option<usize>> {
        Ok(None)
    }

    #[test]
    fn a_stick_has_many_names() {
        let one = stick("1-1.2");
        for name in ["1-1.2", "12d1:1506", "12D1:1506", "/dev/ttyUSB2", "ttyUSB2", "0123456789ABCDEF"] {
            assert!(names(&one, name), "{name}");
        }
        for name in ["1-1", "1-1.20", "12d1:1507", "ttyUSB", "USB2", ""] {
            assert!(!names(&one, name), "{name}");
        }
    }

    #[cfg(feature = "virtual")]
    #[test]
    fn an_imei_is_asked_for() {
        let mut bus = stickshift_emu::computer::VirtualBus::new();
        for (place, name) in [("1-1", "e3372h-hilink"), ("1-2", "e3372s"), ("1-3", "e3372h-needle")] {
            bus.plug(
                &place.parse().unwrap(),
                stickshift_emu::sticks::catalogue::virtual_stick(name, 1, None).unwrap(),
            );
        }
        bus.advance(std::time::Duration::from_secs(60));
        let all = bus.sticks().unwrap();
        let mut of = |stick: &Stick| {
            let said = identity::ask(&mut bus, stick, None, &mut Session::quiet()).unwrap();
            said.and_then(|i| i.imei).unwrap()
        };
        let (first, second) = (of(&all[0]), of(&all[1]));
        let chosen = super::stick(&mut bus, Some(&second), &nobody).unwrap();
        assert_eq!(chosen.place.as_str(), "1-2");
        assert_eq!(super::stick(&mut bus, Some(&first), &nobody).unwrap().place.as_str(), "1-1");
        let serial = {
            let said = identity::ask(&mut bus, &all[0], None, &mut Session::quiet()).unwrap();
            said.and_then(|i| i.serial).unwrap()
        };
        assert!(is_serial(&serial), "{serial}");
        assert_eq!(super::stick(&mut bus, Some(&serial), &nobody).unwrap().place.as_str(), "1-1");
        let none = super::stick(&mut bus, Some("ZZZ0000000000000"), &nobody).unwrap_err();
        assert!(none.is(ErrorKind::NoStick) && !format!("{none:?}").contains("ZZZ0000000000000"));
        let none = super::stick(&mut bus, Some("861234567890123"), &nobody).unwrap_err();
        assert!(none.is(ErrorKind::NoStick) && !format!("{none:?}").contains("861234567890123"));
    }

    #[test]
    fn none_and_several_are_different_failures() {
        assert!(only(vec![], "x".into(), &nobody).unwrap_err().is(ErrorKind::NoStick));
        let both = || vec![stick("1-1"), stick("1-2")];
        let two = only(both(), "x".into(), &nobody).unwrap_err();
        assert_eq!(two.fact("sticks"), Some("1-1 (12d1:1506, modem), 1-2 (12d1:1506, modem)"));
        assert_eq!(only(both(), "x".into(), &|_| Ok(Some(1))).unwrap().place.as_str(), "1-2");
    }
}
