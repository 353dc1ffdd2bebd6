//! Which stick is meant: `STICK` on the command line.

use std::path::Path;

use stickshift::error::{Error, ErrorKind, Result};
use stickshift::link::Bus;
use stickshift::stick::{Mode, Place, Stick, UsbId};

/// The stick that `wanted` names, or the only one there.
///
/// # Errors
/// `NoStick`, `SeveralSticks`, and what the bus reports.
pub(crate) fn stick(bus: &mut dyn Bus, wanted: Option<&str>) -> Result<Stick> {
    let all = bus.sticks()?;
    let Some(wanted) = wanted else { return only(all, "no stick is plugged in".into()) };
    let fits: Vec<Stick> = all.into_iter().filter(|s| names(s, wanted)).collect();
    only(fits, format!("no stick is {wanted}"))
}

/// The stick that `wanted` names, or the only one that is in `mode`.
///
/// # Errors
/// As [`stick`].
pub(crate) fn in_mode(bus: &mut dyn Bus, wanted: Option<&str>, mode: Mode) -> Result<Stick> {
    if wanted.is_some() {
        return stick(bus, wanted);
    }
    let all = bus.sticks()?;
    let others: Vec<String> = all.iter().map(|s| format!("{} ({}, {})", s.place, s.id, s.mode)).collect();
    let fits: Vec<Stick> = all.into_iter().filter(|s| s.mode == mode).collect();
    let none = format!("no stick is in this mode: {}", mode.words());
    only(fits, none).map_err(|e| if others.is_empty() { e } else { e.with("there-is", others.join(", ")) })
}

/// Whether `wanted` names this stick: by place, ids, tty or serial number.
fn names(stick: &Stick, wanted: &str) -> bool {
    if let Ok(place) = wanted.parse::<Place>() {
        return stick.place == place;
    }
    if let Ok(id) = wanted.parse::<UsbId>() {
        return stick.id == id;
    }
    let tty = |path: &str| path == wanted || Path::new(path).file_name().is_some_and(|n| n == wanted);
    stick.ports().any(|p| p.tty.as_deref().is_some_and(tty)) || stick.serial.as_deref() == Some(wanted)
}

fn only(mut sticks: Vec<Stick>, none: String) -> Result<Stick> {
    match sticks.len() {
        0 => Err(Error::new(ErrorKind::NoStick, none)),
        1 => Ok(sticks.remove(0)),
        n => {
            let there: Vec<String> = sticks.iter().map(|s| format!("{} ({})", s.place, s.id)).collect();
            Err(Error::new(ErrorKind::SeveralSticks, format!("{n} sticks fit"))
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
            number: 0,
            class: 0xff,
            subclass: 3,
            protocol: 0x12,
            endpoints: Vec::new(),
            role: Role::Pcui,
            driver: Some("option".into()),
            tty: Some("/dev/ttyUSB2".into()),
            netdev: None,
            cdc_wdm: None,
            holder: None,
        };
        Stick {
            place: place.parse().unwrap(),
            id: UsbId::new(0x12d1, 0x1506),
            release: 0x0102,
            class: 0,
            manufacturer: None,
            product: None,
            serial: Some("0123456789ABCDEF".into()),
            configuration: 1,
            configurations: 1,
            interfaces: vec![port],
            mode: Mode::Modem,
        }
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

    #[test]
    fn none_and_several_are_different_failures() {
        assert!(only(vec![], "x".into()).unwrap_err().is(ErrorKind::NoStick));
        let two = only(vec![stick("1-1"), stick("1-2")], "x".into()).unwrap_err();
        assert_eq!(two.fact("sticks"), Some("1-1 (12d1:1506), 1-2 (12d1:1506)"));
    }
}
