//! What an E3372h shows on the bus in each of its modes (docs/protocols/hilink-at.md sections 2.1 to 2.3).

use stickshift::stick::UsbId;

use crate::device::descriptors::MAC_STRING;
use crate::device::{Alternate, Appearance, Configuration, Function, UsbInterface};

const HUAWEI: u16 = 0x12d1;

/// Bulk and interrupt endpoints, as endpoint descriptors name them.
const BULK: u8 = 2;
const INTERRUPT: u8 = 3;

/// A CDC Ethernet function's class descriptors: header, union of interfaces 0 and 1, Ethernet with MAC string 5.
const CDC_ETHERNET: [u8; 23] = [
    5, 0x24, 0x00, 0x10, 0x01, // header, CDC 1.10
    5, 0x24, 0x06, 0x00, 0x01, // union
    13, 0x24, 0x0f, MAC_STRING, 0, 0, 0, 0, 0xea, 0x05, 0, 0, 0, // Ethernet, 1514 bytes
];

/// A CDC NCM function's class descriptors on one interface: header, union with itself, Ethernet, NCM 1.0.
fn cdc_ncm(number: u8) -> Vec<u8> {
    let mut all = CDC_ETHERNET.to_vec();
    all[8..10].copy_from_slice(&[number, number]);
    all.extend([6, 0x24, 0x1a, 0x00, 0x01, 0]);
    all
}

pub(crate) fn interface(
    number: u8,
    function: Function,
    class: [u8; 3],
    endpoints: &[(u8, u8, u16)],
) -> UsbInterface {
    let alternate = Alternate { class, extra: Vec::new(), endpoints: endpoints.to_vec() };
    UsbInterface { number, function, alternates: vec![alternate] }
}

/// A serial port with its own pair of bulk endpoints; `modem` ports have an interrupt endpoint, too.
pub(crate) fn serial(number: u8, class: [u8; 3], modem: bool) -> UsbInterface {
    let pair = [(0x81 + 2 * number, BULK, 512), (0x01 + number, BULK, 512)];
    let mut endpoints = pair.to_vec();
    if modem {
        endpoints.push((0x82 + 2 * number, INTERRUPT, 10));
    }
    interface(number, Function::Serial, class, &endpoints)
}

/// A drive behind its own pair of bulk endpoints.
pub fn storage(number: u8, endpoint_in: u8, endpoint_out: u8) -> UsbInterface {
    let endpoints = [(endpoint_in, BULK, 512), (endpoint_out, BULK, 512)];
    interface(number, Function::Storage, [0x08, 0x06, 0x50], &endpoints)
}

pub(crate) fn ethernet(wake: u8, endpoint_in: u8, endpoint_out: u8) -> [UsbInterface; 2] {
    let mut control = interface(0, Function::Ethernet, [0x02, 0x06, 0x00], &[(wake, INTERRUPT, 16)]);
    control.alternates[0].extra = CDC_ETHERNET.to_vec();
    let data = [(endpoint_in, BULK, 512), (endpoint_out, BULK, 512)];
    [control, interface(1, Function::Ethernet, [0x0a, 0x06, 0x00], &data)]
}

/// NCM with its network data in alternate setting 1, and AT commands over the control channel.
pub(crate) fn ncm(number: u8) -> UsbInterface {
    let class = [0xff, 0x03, 0x16];
    let wake = (0x8f, INTERRUPT, 16);
    let mut appearance = interface(number, Function::Ncm, class, &[wake]);
    appearance.alternates[0].extra = cdc_ncm(number);
    let endpoints = vec![wake, (0x8e, BULK, 512), (0x0e, BULK, 512)];
    appearance.alternates.push(Alternate { class, extra: cdc_ncm(number), endpoints });
    appearance
}

/// MBIM: a control interface, and one for data with its endpoints in alternate setting 1 (USB-IF, MBIM 1.0 section 6).
pub(crate) fn mbim(number: u8) -> [UsbInterface; 2] {
    let mut control = interface(number, Function::Ncm, [0x02, 0x0e, 0x00], &[(0x8f, INTERRUPT, 16)]);
    control.alternates[0].extra = vec![
        5,
        0x24,
        0x00,
        0x10,
        0x01, // header, CDC 1.10
        5,
        0x24,
        0x06,
        number,
        number + 1, // union
        // MBIM 1.0: control messages of 4 kB, 32 filters of 128 bytes, segments of 2 kB, no capabilities
        12,
        0x24,
        0x1b,
        0x00,
        0x01,
        0x00,
        0x10,
        32,
        128,
        0x00,
        0x08,
        0,
    ];
    let mut data = interface(number + 1, Function::Ncm, [0x0a, 0x00, 0x02], &[]);
    let endpoints = vec![(0x8e, BULK, 512), (0x0e, BULK, 512)];
    data.alternates.push(Alternate { endpoints, ..data.alternates[0].clone() });
    [control, data]
}

pub(crate) fn appearance(
    product_id: u16,
    class: [u8; 3],
    product: &str,
    interfaces: Vec<UsbInterface>,
) -> Appearance {
    Appearance {
        id: UsbId::new(HUAWEI, product_id),
        release: 0x0102,
        class,
        manufacturer: Some("HUAWEI_MOBILE".into()),
        product: Some(product.into()),
        serial: None,
        configurations: vec![Configuration { value: 1, interfaces }],
    }
}

/// The boot ROM: 12d1:1443, one serial port.
pub fn boot_rom() -> Appearance {
    let port = serial(0, [0xff, 0xff, 0xff], false);
    Appearance { manufacturer: Some("HUAWEI".into()), ..appearance(0x1443, [0; 3], "USB COM", vec![port]) }
}

/// A loader or stick firmware in download mode: 12d1:1c05, three serial ports, interface 2 takes the firmware.
pub fn download() -> Appearance {
    let ports = (0..3).map(|number| serial(number, [0xff, 0xff, 0xff], number == 0)).collect();
    appearance(0x1c05, [0; 3], "HUAWEI Mobile", ports)
}

/// HiLink firmware in download mode: 12d1:1442, two serial ports, interface 0 takes the firmware.
pub fn hilink_download() -> Appearance {
    let ports = (0..2).map(|number| serial(number, [0xff, 0xff, 0xff], false)).collect();
    appearance(0x1442, [0; 3], "HUAWEI Mobile", ports)
}

/// A loader's fastboot: 12d1:36dd, no serial port.
pub fn fastboot() -> Appearance {
    let endpoints = [(0x81, BULK, 512), (0x01, BULK, 512)];
    let port = interface(0, Function::Raw, [0xff, 0x42, 0x03], &endpoints);
    appearance(0x36dd, [0; 3], "fastboot", vec![port])
}

/// Not switched yet: 12d1:1f01 under HiLink firmware, 12d1:14fe under stick firmware.
pub fn cdrom(hilink: bool) -> Appearance {
    appearance(if hilink { 0x1f01 } else { 0x14fe }, [0; 3], "HUAWEI_MOBILE", vec![storage(0, 0x81, 0x01)])
}

/// HiLink: 12d1:14dc, CDC Ethernet and a card reader. The same serial number on every one of them.
pub fn hilink() -> Appearance {
    let mut interfaces = ethernet(0x83, 0x82, 0x02).to_vec();
    interfaces.push(storage(2, 0x84, 0x03));
    let serial = Some("0123456789ABCDEF".into());
    Appearance { serial, ..appearance(0x14dc, [0x02, 0, 0], "HUAWEI_MOBILE", interfaces) }
}

/// HiLink firmware in project or debug mode: 12d1:1442, Ethernet and AT ports; debug mode shows two more.
pub fn hilink_serial(debug: bool) -> Appearance {
    let mut interfaces = ethernet(0x8f, 0x8e, 0x0e).to_vec();
    interfaces.push(serial(2, [0xff, 0x03, 0x12], false));
    interfaces.push(serial(3, [0xff, 0x03, 0x13], false));
    if debug {
        interfaces.push(serial(4, [0xff, 0x03, 0x17], false));
        interfaces.push(serial(5, [0xff, 0x03, 0x18], false));
    }
    appearance(0x1442, [0xef, 0x02, 0x01], "HUAWEI_MOBILE", interfaces)
}

/// Stick firmware: 12d1:1506, with the ports of an `AT^SETPORT` set in their order (docs/protocols/hilink-at.md sections 2.2 and
/// 3.4): `A1,A2;12,1,16,A1,A2` shows what stands behind the semicolon.
pub fn stick(set: &str) -> Appearance {
    let shown = set.split(';').next_back().unwrap_or_default();
    // NCM has its own endpoints, 0x8e, 0x8f and 0x0e; the others take theirs one after another.
    let (mut next_in, mut next_out) = (0x81, 0x01);
    let mut take = |ins: u8| {
        let endpoints = (next_in, next_out);
        next_in += ins;
        next_out += 1;
        endpoints
    };
    let interfaces = (0..).zip(shown.split(',').map(str::trim).filter(|c| !c.is_empty() && *c != "FF"));
    let interfaces = interfaces.map(|(number, code)| match code {
        "16" => ncm(number),
        "A1" | "A2" => {
            let (endpoint_in, endpoint_out) = take(1);
            storage(number, endpoint_in, endpoint_out)
        }
        code => {
            let modem = matches!(code, "1" | "10");
            let (endpoint_in, endpoint_out) = take(if modem { 2 } else { 1 });
            let mut endpoints = vec![(endpoint_in, BULK, 512), (endpoint_out, BULK, 512)];
            if modem {
                endpoints.push((endpoint_in + 1, INTERRUPT, 10));
            }
            let protocol = u8::from_str_radix(code, 16).unwrap_or(0xff);
            interface(number, Function::Serial, [0xff, 0x03, protocol], &endpoints)
        }
    });
    appearance(0x1506, [0; 3], "HUAWEI Mobile", interfaces.collect())
}

/// CDC NCM: a control interface, and one for data with its endpoints in alternate setting 1 (USB-IF, NCM 1.0 section 5).
pub(crate) fn cdc_ncm_pair(number: u8) -> [UsbInterface; 2] {
    let mut control = interface(number, Function::Ncm, [0x02, 0x0d, 0x00], &[(0x8f, INTERRUPT, 16)]);
    let mut extra = cdc_ncm(number);
    extra[9] = number + 1;
    control.alternates[0].extra = extra;
    let mut data = interface(number + 1, Function::Ncm, [0x0a, 0x00, 0x01], &[]);
    let endpoints = vec![(0x8e, BULK, 512), (0x0e, BULK, 512)];
    data.alternates.push(Alternate { endpoints, ..data.alternates[0].clone() });
    [control, data]
}

/// HiLink firmware after the message for other systems: 12d1:155e, three serial ports that say nothing of their purpose and CDC NCM.
pub fn fallback() -> Appearance {
    let untyped = [0xff, 0xff, 0xff];
    let mut interfaces = vec![serial(0, untyped, false), serial(1, untyped, true), serial(2, untyped, false)];
    interfaces.extend(cdc_ncm_pair(3));
    appearance(0x155e, [0; 3], "HUAWEI_MOBILE", interfaces)
}

/// The interface of [`fallback`] that takes AT commands.
pub(crate) const FALLBACK_AT: u8 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoint_addresses_are_used_once_per_face() {
        let appearances = [
            boot_rom(),
            download(),
            hilink_download(),
            fastboot(),
            cdrom(true),
            cdrom(false),
            hilink(),
            hilink_serial(false),
            hilink_serial(true),
            stick("A1,A2;12,1,16,A1,A2"),
            stick("FF;10,12,13,3,14,16,A1"),
            fallback(),
            appearance(0x15c1, [0; 3], "MBIM", mbim(0).to_vec()),
        ];
        for appearance in appearances {
            let mut seen = std::collections::HashSet::new();
            for (at, interface) in appearance.configurations[0].interfaces.iter().enumerate() {
                assert_eq!(usize::from(interface.number), at, "{}", appearance.id);
                let last = interface.alternates.last().unwrap();
                for &(address, _, _) in &last.endpoints {
                    assert!(seen.insert(address), "{}: endpoint {address:02x} twice", appearance.id);
                    assert!((1..=15).contains(&(address & 0x0f)), "{}: {address:02x}", appearance.id);
                }
            }
        }
    }
}

#[cfg(test)]
mod compositions {
    use super::*;

    #[test]
    fn a_composition_is_shown_in_its_order() {
        let codes = |set: &str| -> Vec<u8> {
            stick(set).configurations[0].interfaces.iter().map(|i| i.alternates[0].class[2]).collect()
        };
        assert_eq!(codes("A1,A2;12,1,16,A1,A2"), [0x12, 0x01, 0x16, 0x50, 0x50]);
        assert_eq!(codes("FF;16"), [0x16]);
        assert!(codes("FF;FF").is_empty());
    }
}
