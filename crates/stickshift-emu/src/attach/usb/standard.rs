//! The requests of the USB specification's chapter 9 that every device answers, from the appearance that it shows.

use std::collections::{BTreeMap, BTreeSet};

use stickshift::link::ControlSetup;

use crate::device::descriptors;
use crate::device::{Alternate, Appearance, UsbInterface};

const GET_STATUS: u8 = 0;
const CLEAR_FEATURE: u8 = 1;
const SET_FEATURE: u8 = 3;
const SET_ADDRESS: u8 = 5;
const GET_DESCRIPTOR: u8 = 6;
const GET_CONFIGURATION: u8 = 8;
const SET_CONFIGURATION: u8 = 9;
const GET_INTERFACE: u8 = 10;
const SET_INTERFACE: u8 = 11;

/// Feature selectors.
const ENDPOINT_HALT: u16 = 0;
const REMOTE_WAKEUP: u16 = 1;

/// What comes of a control request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StandardAnswer {
    /// It is done; these bytes go to the host, cut to what it asked for.
    Done(Vec<u8>),
    /// A configuration was selected.
    Configured(u8),
    /// An alternate setting of an interface was selected.
    Alternate(u8, u8),
    /// This request is not one of these.
    NotStandard,
    /// The device has no such thing.
    Stall,
}

/// What the host has selected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Selection {
    /// bConfigurationValue, 0 for none.
    pub(crate) configuration: u8,
    /// Alternate settings that are not 0, by interface.
    pub(crate) alternates: BTreeMap<u8, u8>,
    /// Endpoints that are halted.
    pub(crate) halted: BTreeSet<u8>,
}

impl Selection {
    /// The interfaces of the selected configuration.
    pub(crate) fn interfaces<'a>(&self, appearance: &'a Appearance) -> &'a [UsbInterface] {
        let selected = appearance.configurations.iter().find(|c| c.value == self.configuration);
        selected.map_or(&[], |c| &c.interfaces)
    }

    fn alternate<'a>(&self, interface: &'a UsbInterface) -> Option<&'a Alternate> {
        let selected = self.alternates.get(&interface.number).copied().unwrap_or(0);
        interface.alternates.get(usize::from(selected))
    }

    /// The interface that has this endpoint as things are selected, and the endpoint's kind (2 bulk, 3 interrupt).
    pub(crate) fn endpoint<'a>(
        &self,
        appearance: &'a Appearance,
        address: u8,
    ) -> Option<(&'a UsbInterface, u8)> {
        self.interfaces(appearance).iter().find_map(|interface| {
            let endpoints = &self.alternate(interface)?.endpoints;
            let found = endpoints.iter().find(|e| e.0 == address)?;
            Some((interface, found.1))
        })
    }

    /// Answers a standard request.
    pub(crate) fn request(&mut self, appearance: &Appearance, setup: ControlSetup) -> StandardAnswer {
        if setup.request_type & 0x60 != 0 {
            return StandardAnswer::NotStandard;
        }
        let [low, high] = setup.value.to_le_bytes();
        let index = setup.index as u8;
        let interface = || self.interfaces(appearance).iter().find(|i| i.number == index);
        let done = |known: bool| if known { StandardAnswer::Done(Vec::new()) } else { StandardAnswer::Stall };
        match (setup.request_type, setup.request) {
            (0x80, GET_DESCRIPTOR) => {
                let bytes = match high {
                    1 => Some(descriptors::device(appearance).to_vec()),
                    2 => appearance.configurations.get(usize::from(low)).map(descriptors::configuration),
                    3 => descriptors::string(appearance, low),
                    _ => None,
                };
                bytes.map_or(StandardAnswer::Stall, StandardAnswer::Done)
            }
            (0x80, GET_CONFIGURATION) => StandardAnswer::Done(vec![self.configuration]),
            (0x80, GET_STATUS) => StandardAnswer::Done(vec![0, 0]),
            (0x81, GET_STATUS) if interface().is_some() => StandardAnswer::Done(vec![0, 0]),
            (0x82, GET_STATUS) => StandardAnswer::Done(vec![u8::from(self.halted.contains(&index)), 0]),
            (0x00, SET_ADDRESS) => StandardAnswer::Done(Vec::new()),
            (0x00, SET_CONFIGURATION) => {
                if low != 0 && !appearance.configurations.iter().any(|c| c.value == low) {
                    return StandardAnswer::Stall;
                }
                *self = Selection { configuration: low, ..Selection::default() };
                StandardAnswer::Configured(low)
            }
            (0x00, CLEAR_FEATURE | SET_FEATURE) => done(setup.value == REMOTE_WAKEUP),
            (0x81, GET_INTERFACE) if interface().is_some() => {
                StandardAnswer::Done(vec![self.alternates.get(&index).copied().unwrap_or(0)])
            }
            (0x01, SET_INTERFACE) => {
                let Some(found) = interface().filter(|i| usize::from(low) < i.alternates.len()) else {
                    return StandardAnswer::Stall;
                };
                let endpoints = found.alternates.iter().flat_map(|a| &a.endpoints);
                let unhalted: Vec<u8> = endpoints.map(|e| e.0).collect();
                self.halted.retain(|address| !unhalted.contains(address));
                self.alternates.insert(index, low);
                StandardAnswer::Alternate(index, low)
            }
            (0x02, CLEAR_FEATURE) if setup.value == ENDPOINT_HALT => {
                self.halted.remove(&index);
                done(self.endpoint(appearance, index).is_some() || index & 0x7f == 0)
            }
            (0x02, SET_FEATURE) if setup.value == ENDPOINT_HALT => {
                let known = self.endpoint(appearance, index).is_some();
                if known {
                    self.halted.insert(index);
                }
                done(known)
            }
            _ => StandardAnswer::Stall,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sticks::appearances;

    fn ask(
        selection: &mut Selection,
        appearance: &Appearance,
        request_type: u8,
        request: u8,
        value: u16,
        index: u16,
    ) -> StandardAnswer {
        selection.request(appearance, ControlSetup { request_type, request, value, index })
    }

    #[test]
    fn a_stick_is_enumerated() {
        let (appearance, mut selection) = (appearances::stick("A1,A2;12,1,16,A1,A2"), Selection::default());
        let mut get = |value| ask(&mut selection, &appearance, 0x80, 6, value, 0);
        assert_eq!(get(0x0100), StandardAnswer::Done(descriptors::device(&appearance).to_vec()));
        assert_eq!(
            get(0x0200),
            StandardAnswer::Done(descriptors::configuration(&appearance.configurations[0]))
        );
        assert_eq!(get(0x0201), StandardAnswer::Stall, "there is one configuration");
        assert_eq!(get(0x0300), StandardAnswer::Done(vec![4, 3, 9, 4]));
        assert_eq!(get(0x0303), StandardAnswer::Stall, "it has no serial number");
        assert_eq!(get(0x0600), StandardAnswer::Stall, "no other speed");
        assert!(selection.interfaces(&appearance).is_empty(), "not configured");
        assert_eq!(ask(&mut selection, &appearance, 0, 9, 2, 0), StandardAnswer::Stall);
        assert_eq!(ask(&mut selection, &appearance, 0, 9, 1, 0), StandardAnswer::Configured(1));
        assert_eq!(ask(&mut selection, &appearance, 0x80, 8, 0, 0), StandardAnswer::Done(vec![1]));
        assert_eq!(selection.interfaces(&appearance).len(), 5);
    }

    #[test]
    fn alternate_settings_bring_their_endpoints() {
        let (appearance, mut selection) = (
            appearances::stick("A1,A2;12,1,16,A1,A2"),
            Selection { configuration: 1, ..Selection::default() },
        );
        assert!(selection.endpoint(&appearance, 0x8e).is_none());
        assert_eq!(ask(&mut selection, &appearance, 1, 11, 1, 2), StandardAnswer::Alternate(2, 1));
        assert_eq!(ask(&mut selection, &appearance, 0x81, 10, 0, 2), StandardAnswer::Done(vec![1]));
        let (interface, kind) = selection.endpoint(&appearance, 0x8e).unwrap();
        assert_eq!((interface.number, kind), (2, 2));
        assert_eq!(ask(&mut selection, &appearance, 1, 11, 2, 2), StandardAnswer::Stall);
        assert_eq!(ask(&mut selection, &appearance, 1, 11, 0, 9), StandardAnswer::Stall);
    }

    #[test]
    fn a_halt_is_set_shown_and_cleared() {
        let (appearance, mut selection) =
            (appearances::boot_rom(), Selection { configuration: 1, ..Selection::default() });
        assert_eq!(ask(&mut selection, &appearance, 2, 3, 0, 0x81), StandardAnswer::Done(Vec::new()));
        assert_eq!(ask(&mut selection, &appearance, 0x82, 0, 0, 0x81), StandardAnswer::Done(vec![1, 0]));
        assert_eq!(ask(&mut selection, &appearance, 2, 1, 0, 0x81), StandardAnswer::Done(Vec::new()));
        assert_eq!(ask(&mut selection, &appearance, 0x82, 0, 0, 0x81), StandardAnswer::Done(vec![0, 0]));
        assert_eq!(ask(&mut selection, &appearance, 2, 3, 0, 0x85), StandardAnswer::Stall);
    }

    #[test]
    fn other_requests_are_left_to_others() {
        let (appearance, mut selection) = (appearances::boot_rom(), Selection::default());
        for request_type in [0x21, 0x40, 0xa1, 0xc0] {
            assert_eq!(
                ask(&mut selection, &appearance, request_type, 6, 0x0100, 0),
                StandardAnswer::NotStandard
            );
        }
        assert_eq!(ask(&mut selection, &appearance, 0, 77, 0, 0), StandardAnswer::Stall);
    }
}
