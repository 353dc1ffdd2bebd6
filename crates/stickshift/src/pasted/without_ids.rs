//! What the drivers of a device tell whose ids are not in the text.

use std::collections::BTreeMap;

use super::Attached;
use crate::stick::{MODEM_DRIVERS, Place};

/// Drivers of Linux that make a network card of a stick with a router in it, and of adapters too.
const CARD_DRIVERS: &[&str] = &["cdc_ether", "cdc_eem", "cdc_ncm", "rndis_host"];

/// That it is a modem, or may be one; `None` where no driver says so.
pub(super) fn evidence(place: Option<&Place>, interfaces: &BTreeMap<u8, Attached>) -> Option<String> {
    let of = |kind: &[&str]| {
        let mut drivers = interfaces.values().filter_map(|i| i.driver.as_ref()?.as_deref());
        drivers.find(|driver| kind.contains(driver)).map(str::to_owned)
    };
    let at = place.map(|place| format!(" at {place}")).unwrap_or_default();
    match (of(MODEM_DRIVERS), of(CARD_DRIVERS)) {
        (Some(driver), _) => Some(format!(
            "the device{at} is a modem, for the driver {driver} serves modems only; its ids are missing"
        )),
        (None, Some(driver)) => Some(format!(
            "the device{at} is a network card ({driver}), as some sticks are; its ids are missing"
        )),
        (None, None) => None,
    }
}
