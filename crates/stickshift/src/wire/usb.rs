//! USB descriptors (USB 2.0 specification, section 9.6): parsed from bytes and encoded to them.
//!
//! What is not a device, configuration, interface or endpoint descriptor is kept as bytes in the `extra` of whatever it follows,
//! so that encoding gives back what was parsed.
//!
//! ```
//! use stickshift::wire::usb::DeviceDescriptor;
//!
//! let bytes = stickshift::hex::decode("120100020000004012d1061502010a0304ff").unwrap();
//! let device = DeviceDescriptor::parse(&bytes)?;
//! assert_eq!(device.encode(), bytes[..]);
//! # Ok::<(), stickshift::error::Error>(())
//! ```

use crate::error::{Error, ErrorKind, Result};

/// Descriptor type of a device descriptor.
pub const DEVICE: u8 = 1;
/// Descriptor type of a configuration descriptor.
pub const CONFIGURATION: u8 = 2;
/// Descriptor type of a string descriptor.
pub const STRING: u8 = 3;
/// Descriptor type of an interface descriptor.
pub const INTERFACE: u8 = 4;
/// Descriptor type of an endpoint descriptor.
pub const ENDPOINT: u8 = 5;

/// A device descriptor, 18 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceDescriptor {
    /// bcdUSB, 0x0200 for USB 2.0.
    pub usb: u16,
    /// bDeviceClass, bDeviceSubClass, bDeviceProtocol.
    pub class: [u8; 3],
    /// bMaxPacketSize0.
    pub max_packet: u8,
    /// idVendor.
    pub vendor: u16,
    /// idProduct.
    pub product: u16,
    /// bcdDevice.
    pub release: u16,
    /// iManufacturer, 0 for none.
    pub manufacturer_index: u8,
    /// iProduct, 0 for none.
    pub product_index: u8,
    /// iSerialNumber, 0 for none.
    pub serial_index: u8,
    /// bNumConfigurations.
    pub configurations: u8,
}

impl DeviceDescriptor {
    /// Length of the descriptor in bytes.
    pub const LENGTH: usize = 18;

    /// Reads the first 18 bytes of `bytes`.
    ///
    /// # Errors
    /// `UnexpectedAnswer` when they are fewer or no device descriptor.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let Some(d) = bytes.first_chunk::<{ Self::LENGTH }>() else {
            return Err(bad("the device descriptor is cut", bytes.len()));
        };
        if usize::from(d[0]) != Self::LENGTH || d[1] != DEVICE {
            return Err(bad("not a device descriptor", 0));
        }
        let word = |at: usize| u16::from_le_bytes([d[at], d[at + 1]]);
        Ok(DeviceDescriptor {
            usb: word(2),
            class: [d[4], d[5], d[6]],
            max_packet: d[7],
            vendor: word(8),
            product: word(10),
            release: word(12),
            manufacturer_index: d[14],
            product_index: d[15],
            serial_index: d[16],
            configurations: d[17],
        })
    }

    /// The descriptor as it goes over the wire.
    pub fn encode(&self) -> [u8; Self::LENGTH] {
        let [u0, u1] = self.usb.to_le_bytes();
        let [v0, v1] = self.vendor.to_le_bytes();
        let [p0, p1] = self.product.to_le_bytes();
        let [r0, r1] = self.release.to_le_bytes();
        let [c, s, p] = self.class;
        let [m, i, n] = [self.manufacturer_index, self.product_index, self.serial_index];
        [18, DEVICE, u0, u1, c, s, p, self.max_packet, v0, v1, p0, p1, r0, r1, m, i, n, self.configurations]
    }
}

/// A configuration descriptor with all that belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigurationDescriptor {
    /// bConfigurationValue.
    pub value: u8,
    /// iConfiguration, 0 for none.
    pub name_index: u8,
    /// bmAttributes: 0x80, plus 0x40 self-powered, 0x20 remote wake-up.
    pub attributes: u8,
    /// bMaxPower, in units of 2 mA.
    pub max_power: u8,
    /// Other descriptors before the first interface, whole.
    pub extra: Vec<u8>,
    /// Every alternate setting of every interface, in the order of the wire.
    pub interfaces: Vec<InterfaceDescriptor>,
}

/// One alternate setting of an interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InterfaceDescriptor {
    /// bInterfaceNumber.
    pub number: u8,
    /// bAlternateSetting.
    pub alternate: u8,
    /// bInterfaceClass, bInterfaceSubClass, bInterfaceProtocol.
    pub class: [u8; 3],
    /// iInterface, 0 for none.
    pub name_index: u8,
    /// Class-specific and other descriptors before the first endpoint, whole.
    pub extra: Vec<u8>,
    /// The endpoints in the order of the wire.
    pub endpoints: Vec<EndpointDescriptor>,
}

/// One endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointDescriptor {
    /// bEndpointAddress; bit 7 = IN.
    pub address: u8,
    /// bmAttributes; bits 1-0: 0 control, 1 isochronous, 2 bulk, 3 interrupt.
    pub attributes: u8,
    /// wMaxPacketSize.
    pub max_packet: u16,
    /// bInterval.
    pub interval: u8,
    /// Other descriptors after this one, whole (SuperSpeed companions, class-specific ones).
    pub extra: Vec<u8>,
}

impl EndpointDescriptor {
    /// bmAttributes bits 1-0: 2 bulk, 3 interrupt.
    pub fn kind(&self) -> u8 {
        self.attributes & 3
    }
}

impl ConfigurationDescriptor {
    /// Reads one configuration: `bytes` is its wTotalLength bytes; more is ignored.
    ///
    /// # Errors
    /// `UnexpectedAnswer` with the fact `offset` when a descriptor is cut, out of place, or shorter than its kind.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let total = total_length(bytes)?;
        let bytes = bytes.get(..total).ok_or_else(|| bad("the configuration is cut", bytes.len()))?;
        let mut configuration = ConfigurationDescriptor {
            value: bytes[5],
            name_index: bytes[6],
            attributes: bytes[7],
            max_power: bytes[8],
            extra: Vec::new(),
            interfaces: Vec::new(),
        };
        let mut at = usize::from(bytes[0]);
        while at < bytes.len() {
            let descriptor = descriptor_at(bytes, at)?;
            match (descriptor[1], configuration.interfaces.last_mut()) {
                (INTERFACE, _) => configuration.interfaces.push(interface(descriptor, at)?),
                (ENDPOINT, None) => return Err(bad("an endpoint stands before the first interface", at)),
                (ENDPOINT, Some(interface)) => interface.endpoints.push(endpoint(descriptor, at)?),
                (_, None) => configuration.extra.extend_from_slice(descriptor),
                (_, Some(interface)) => match interface.endpoints.last_mut() {
                    Some(endpoint) => endpoint.extra.extend_from_slice(descriptor),
                    None => interface.extra.extend_from_slice(descriptor),
                },
            }
            at += descriptor.len();
        }
        Ok(configuration)
    }

    /// The configuration as it goes over the wire; wTotalLength and bNumInterfaces are computed.
    pub fn encode(&self) -> Vec<u8> {
        let mut numbers: Vec<u8> = self.interfaces.iter().map(|i| i.number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let [count, value] = [numbers.len() as u8, self.value];
        let mut out =
            vec![9, CONFIGURATION, 0, 0, count, value, self.name_index, self.attributes, self.max_power];
        out.extend_from_slice(&self.extra);
        for i in &self.interfaces {
            let [class, subclass, protocol] = i.class;
            let endpoints = i.endpoints.len() as u8;
            let fixed =
                [9, INTERFACE, i.number, i.alternate, endpoints, class, subclass, protocol, i.name_index];
            out.extend_from_slice(&fixed);
            out.extend_from_slice(&i.extra);
            for e in &i.endpoints {
                let [low, high] = e.max_packet.to_le_bytes();
                out.extend_from_slice(&[7, ENDPOINT, e.address, e.attributes, low, high, e.interval]);
                out.extend_from_slice(&e.extra);
            }
        }
        let total = (out.len() as u16).to_le_bytes();
        out[2..4].copy_from_slice(&total);
        out
    }

    /// The alternate settings 0, by interface number.
    pub fn defaults(&self) -> impl Iterator<Item = &InterfaceDescriptor> {
        self.interfaces.iter().filter(|i| i.alternate == 0)
    }
}

/// Splits what follows a device descriptor into configurations of wTotalLength bytes each. A last one that is cut is left out.
///
/// # Errors
/// `UnexpectedAnswer` with the fact `offset` at what is no configuration descriptor.
pub fn split_configurations(bytes: &[u8]) -> Result<Vec<&[u8]>> {
    let mut found = Vec::new();
    let mut at = 0;
    while bytes.len() - at >= 9 {
        let total = total_length(&bytes[at..]).map_err(|e| e.with("at", at))?;
        let Some(one) = bytes.get(at..at + total) else { break };
        found.push(one);
        at += total;
    }
    Ok(found)
}

/// The text of a string descriptor; what is not UTF-16 becomes U+FFFD.
///
/// # Errors
/// `UnexpectedAnswer` when it is cut or no string descriptor.
pub fn parse_string(bytes: &[u8]) -> Result<String> {
    let descriptor = descriptor_at(bytes, 0)?;
    if descriptor[1] != STRING {
        return Err(bad("not a string descriptor", 0));
    }
    let units: Vec<u16> =
        descriptor[2..].chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    Ok(String::from_utf16_lossy(&units))
}

fn total_length(bytes: &[u8]) -> Result<usize> {
    let Some(head) = bytes.first_chunk::<9>() else {
        return Err(bad("the configuration is cut", bytes.len()));
    };
    let total = usize::from(u16::from_le_bytes([head[2], head[3]]));
    if head[0] < 9 || head[1] != CONFIGURATION || total < usize::from(head[0]) {
        return Err(bad("not a configuration descriptor", 0));
    }
    Ok(total)
}

/// The whole descriptor at `at`, at least two bytes.
fn descriptor_at(bytes: &[u8], at: usize) -> Result<&[u8]> {
    let length = usize::from(*bytes.get(at).ok_or_else(|| bad("a descriptor is cut", at))?);
    if length < 2 {
        return Err(bad("a descriptor has no length", at));
    }
    bytes.get(at..at + length).ok_or_else(|| bad("a descriptor is cut", at))
}

fn interface(d: &[u8], at: usize) -> Result<InterfaceDescriptor> {
    if d.len() < 9 {
        return Err(bad("an interface descriptor is too short", at));
    }
    Ok(InterfaceDescriptor {
        number: d[2],
        alternate: d[3],
        class: [d[5], d[6], d[7]],
        name_index: d[8],
        ..InterfaceDescriptor::default()
    })
}

fn endpoint(d: &[u8], at: usize) -> Result<EndpointDescriptor> {
    if d.len() < 7 {
        return Err(bad("an endpoint descriptor is too short", at));
    }
    Ok(EndpointDescriptor {
        address: d[2],
        attributes: d[3],
        max_packet: u16::from_le_bytes([d[4], d[5]]),
        interval: d[6],
        extra: Vec::new(),
    })
}

fn bad(what: &str, offset: usize) -> Error {
    Error::new(ErrorKind::UnexpectedAnswer, what).with("offset", offset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The device descriptor of a Vodafone K3772 before it is switched.
    const K3772: [u8; 18] = [
        0x12, 0x01, 0x00, 0x02, 0x00, 0x00, 0x00, 0x40, 0xd1, 0x12, 0x26, 0x15, 0x02, 0x01, 0x02, 0x01, 0x00,
        0x01,
    ];

    /// One storage interface with a bulk pair.
    const STORAGE: [u8; 32] = [
        0x09, 0x02, 0x20, 0x00, 0x01, 0x01, 0x00, 0x80, 0xfa, 0x09, 0x04, 0x00, 0x00, 0x02, 0x08, 0x06, 0x50,
        0x00, 0x07, 0x05, 0x81, 0x02, 0x00, 0x02, 0x00, 0x07, 0x05, 0x01, 0x02, 0x00, 0x02, 0x00,
    ];

    #[test]
    fn a_device_descriptor_is_read_and_written() {
        let device = DeviceDescriptor::parse(&K3772).unwrap();
        assert_eq!((device.vendor, device.product, device.release), (0x12d1, 0x1526, 0x0102));
        assert_eq!((device.manufacturer_index, device.product_index, device.serial_index), (2, 1, 0));
        assert_eq!(device.encode(), K3772);
        for n in 0..18 {
            assert!(DeviceDescriptor::parse(&K3772[..n]).is_err(), "{n}");
        }
    }

    #[test]
    fn a_storage_configuration_is_read_and_written() {
        let configuration = ConfigurationDescriptor::parse(&STORAGE).unwrap();
        assert_eq!(configuration.interfaces.len(), 1);
        assert_eq!(configuration.interfaces[0].class, [8, 6, 0x50]);
        let endpoints: Vec<_> = configuration.interfaces[0]
            .endpoints
            .iter()
            .map(|e| (e.address, e.kind(), e.max_packet))
            .collect();
        assert_eq!(endpoints, [(0x81, 2, 512), (0x01, 2, 512)]);
        assert_eq!(configuration.encode(), STORAGE);
        for n in 0..STORAGE.len() {
            let error = ConfigurationDescriptor::parse(&STORAGE[..n]).unwrap_err();
            assert!(error.fact("offset").is_some(), "{n}");
        }
    }

    #[test]
    fn what_is_not_understood_is_kept_where_it_stood() {
        let association = [8, 11, 0, 2, 2, 6, 0, 0];
        let functional = [5, 0x24, 0, 0x10, 1];
        let companion = [6, 0x30, 0, 0, 0, 0];
        let mut bytes = STORAGE.to_vec();
        bytes.splice(32..32, companion);
        bytes.splice(18..18, functional);
        bytes.splice(9..9, association);
        bytes[2] = bytes.len() as u8;
        let configuration = ConfigurationDescriptor::parse(&bytes).unwrap();
        assert_eq!(configuration.extra, association);
        assert_eq!(configuration.interfaces[0].extra, functional);
        assert_eq!(configuration.interfaces[0].endpoints[1].extra, companion);
        assert_eq!(configuration.encode(), bytes);
    }

    #[test]
    fn alternate_settings_count_as_one_interface() {
        let interface = |number, alternate| InterfaceDescriptor { number, alternate, ..Default::default() };
        let configuration = ConfigurationDescriptor {
            value: 1,
            name_index: 0,
            attributes: 0x80,
            max_power: 250,
            extra: Vec::new(),
            interfaces: vec![interface(0, 0), interface(2, 0), interface(2, 1)],
        };
        let bytes = configuration.encode();
        assert_eq!(bytes[4], 2);
        assert_eq!(configuration.defaults().map(|i| i.number).collect::<Vec<_>>(), [0, 2]);
    }

    #[test]
    fn broken_descriptors_are_named_by_offset() {
        let offset = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut bytes = STORAGE.to_vec();
            change(&mut bytes);
            ConfigurationDescriptor::parse(&bytes).unwrap_err().fact("offset").map(str::to_owned)
        };
        assert_eq!(offset(&|b| b[9] = 0).as_deref(), Some("9"), "no length");
        assert_eq!(offset(&|b| b[9] = 3).as_deref(), Some("9"), "short interface");
        assert_eq!(offset(&|b| b[18] = 4).as_deref(), Some("18"), "short endpoint");
        assert_eq!(offset(&|b| b[25] = 8).as_deref(), Some("25"), "past the end");
        assert_eq!(offset(&|b| b[10] = ENDPOINT).as_deref(), Some("9"), "endpoint first");
        assert_eq!(offset(&|b| b[2] = 8).as_deref(), Some("0"), "total below its own head");
    }

    #[test]
    fn several_configurations_are_split() {
        let mut all = STORAGE.to_vec();
        all.extend_from_slice(&STORAGE);
        assert_eq!(split_configurations(&all).unwrap(), [&STORAGE, &STORAGE]);
        assert_eq!(split_configurations(&all[..50]).unwrap().len(), 1, "a cut one is left out");
        assert!(split_configurations(&[]).unwrap().is_empty());
        all[33] = 9;
        assert!(split_configurations(&all).is_err());
    }

    #[test]
    fn strings_are_utf_16() {
        assert_eq!(parse_string(&[6, 3, 0x41, 0, 0xdf, 0]).unwrap(), "Aß");
        assert_eq!(parse_string(&[4, 3, 0x00, 0xd8]).unwrap(), "\u{fffd}");
        for bad in [&[][..], &[0], &[1, 3], &[6, 3, 0x41], &[2, 4]] {
            assert!(parse_string(bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_value_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = DeviceDescriptor::parse(&bytes);
            let _ = split_configurations(&bytes);
            let _ = parse_string(&bytes);
            let mut bytes = bytes;
            if bytes.len() >= 9 {
                let total = (bytes.len() as u16).to_le_bytes();
                bytes[..4].copy_from_slice(&[9, CONFIGURATION, total[0], total[1]]);
            }
            if let Ok(configuration) = ConfigurationDescriptor::parse(&bytes) {
                let again = ConfigurationDescriptor::parse(&configuration.encode()).unwrap();
                prop_assert_eq!(again, configuration);
            }
        }
    }
}
