//! An [`Appearance`] as the descriptors that a host reads.

use crate::device::{Appearance, Configuration};

/// String indexes used in the device descriptor: manufacturer, product, serial number.
const STRINGS: [u8; 3] = [1, 2, 3];

/// The string that holds the Ethernet address in CDC descriptors.
pub(crate) const MAC_STRING: u8 = 5;

/// The Ethernet address of nearly every E3372h, in the letters of its string.
pub(crate) const MAC: &str = "0C5B8F279A64";

/// The same in bytes.
pub(crate) fn mac() -> [u8; 6] {
    let number = u64::from_str_radix(MAC, 16).unwrap_or_default();
    std::array::from_fn(|at| (number >> (40 - 8 * at)) as u8)
}

/// The 18 bytes of the device descriptor.
pub fn device(appearance: &Appearance) -> [u8; 18] {
    let named = [&appearance.manufacturer, &appearance.product, &appearance.serial];
    let index = |i: usize| if named[i].is_some() { STRINGS[i] } else { 0 };
    let [release, vendor, product] =
        [appearance.release, appearance.id.vendor, appearance.id.product].map(|number| number.to_le_bytes());
    [
        18,
        0x01,
        0x00,
        0x02,
        appearance.class[0],
        appearance.class[1],
        appearance.class[2],
        64,
        vendor[0],
        vendor[1],
        product[0],
        product[1],
        release[0],
        release[1],
        index(0),
        index(1),
        index(2),
        appearance.configurations.len() as u8,
    ]
}

/// A configuration descriptor with all that belongs to it.
pub fn configuration(configuration: &Configuration) -> Vec<u8> {
    let mut all =
        vec![9, 0x02, 0, 0, configuration.interfaces.len() as u8, configuration.value, 0, 0x80, 250];
    for interface in &configuration.interfaces {
        for (number, alternate) in interface.alternates.iter().enumerate() {
            let [class, subclass, protocol] = alternate.class;
            let endpoints = alternate.endpoints.len() as u8;
            all.extend([9, 0x04, interface.number, number as u8, endpoints, class, subclass, protocol, 0]);
            all.extend_from_slice(&alternate.extra);
            for &(address, kind, size) in &alternate.endpoints {
                let [low, high] = size.to_le_bytes();
                let interval = if kind == 3 { 9 } else { 0 };
                all.extend([7, 0x05, address, kind, low, high, interval]);
            }
        }
    }
    let length = (all.len() as u16).to_le_bytes();
    all[2..4].copy_from_slice(&length);
    all
}

/// The string descriptor of an index; 0 is the list of languages. `None` when there is no such string.
pub fn string(appearance: &Appearance, index: u8) -> Option<Vec<u8>> {
    let text = match index {
        0 => return Some(vec![4, 0x03, 0x09, 0x04]),
        1 => appearance.manufacturer.as_deref(),
        2 => appearance.product.as_deref(),
        3 => appearance.serial.as_deref(),
        MAC_STRING => Some(MAC),
        _ => None,
    }?;
    let units: Vec<u8> = text.encode_utf16().take(126).flat_map(u16::to_le_bytes).collect();
    let mut all = vec![2 + units.len() as u8, 0x03];
    all.extend_from_slice(&units);
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sticks::appearances;

    #[test]
    fn the_boot_rom_in_bytes() {
        let appearance = appearances::boot_rom();
        let expected = [18, 1, 0, 2, 0, 0, 0, 64, 0xd1, 0x12, 0x43, 0x14, 0x02, 0x01, 1, 2, 0, 1];
        assert_eq!(device(&appearance), expected);
        let expected = [
            9, 2, 32, 0, 1, 1, 0, 0x80, 250, 9, 4, 0, 0, 2, 0xff, 0xff, 0xff, 0, 7, 5, 0x81, 2, 0, 2, 0, 7,
            5, 0x01, 2, 0, 2, 0,
        ];
        assert_eq!(configuration(&appearance.configurations[0]), expected);
        assert_eq!(string(&appearance, 2).unwrap(), b"\x10\x03U\0S\0B\0 \0C\0O\0M\0");
        assert_eq!(string(&appearance, 3), None);
    }

    #[test]
    fn lengths_add_up() {
        for appearance in [
            appearances::hilink(),
            appearances::stick("A1,A2;12,1,16,A1,A2"),
            appearances::hilink_serial(true),
            appearances::download(),
        ] {
            let all = configuration(&appearance.configurations[0]);
            assert_eq!(usize::from(u16::from_le_bytes([all[2], all[3]])), all.len());
            let mut at = 0;
            while at < all.len() {
                assert!(all[at] >= 2);
                at += usize::from(all[at]);
            }
            assert_eq!(at, all.len());
        }
    }
}
