//! What a device of the catalogue is for, where it is no modem with serial ports (`data/purposes.toml`).
//!
//! ```
//! use stickshift::profile::purpose::{self, Purpose};
//!
//! assert_eq!(purpose::of("03f0:002a".parse().unwrap()), Some((Purpose::NoModem, "a laser printer")));
//! assert_eq!(purpose::of("12d1:1446".parse().unwrap()), None);
//! ```

use crate::stick::UsbId;

/// What a device is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A stick with a router inside: it shows a network card and takes DHCP.
    NetworkCard,
    /// A module whose MBIM is in a configuration that the kernel selects, where it is left alone.
    MbimModule,
    /// No modem at all.
    NoModem,
}

static PURPOSES: &[(UsbId, Purpose, &str)] = include!(concat!(env!("OUT_DIR"), "/purposes.rs"));

/// What the device of these ids, before the switch, is for, and what it is in words. `None` for a modem with serial ports.
pub fn of(id: UsbId) -> Option<(Purpose, &'static str)> {
    let at = PURPOSES.binary_search_by_key(&id, |(id, ..)| *id).ok()?;
    let (_, purpose, what) = PURPOSES[at];
    Some((purpose, what))
}

/// What the device of these ids, before the switch, is in words, where it is no modem.
pub fn no_modem(id: UsbId) -> Option<&'static str> {
    of(id).and_then(|(purpose, what)| (purpose == Purpose::NoModem).then_some(what))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::builtin;

    #[test]
    fn every_row_is_of_a_device_in_the_catalogue() {
        for (id, purpose, what) in PURPOSES {
            assert!(builtin::knows(*id), "{id}");
            assert_eq!(of(*id), Some((*purpose, *what)));
        }
    }
}
