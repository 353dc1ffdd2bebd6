//! Which configuration holds an MBIM interface (docs/protocols/mode-switch.md section 3.5).
//!
//! ```
//! use stickshift::switch::mbim;
//!
//! // Without several configurations there is nothing to choose.
//! assert_eq!(mbim::configuration(&[]), None);
//! ```

use crate::wire::usb::ConfigurationDescriptor;

/// bConfigurationValue of the first configuration with an interface whose alternate setting 0 is class 02, subclass 0e. `None` when there
/// is none, or when there is only one configuration and so nothing to choose.
pub fn configuration(configurations: &[ConfigurationDescriptor]) -> Option<u8> {
    if configurations.len() < 2 {
        return None;
    }
    let has_mbim = |c: &&ConfigurationDescriptor| c.defaults().any(|i| i.class[..2] == [0x02, 0x0e]);
    configurations.iter().find(has_mbim).map(|c| c.value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::usb::InterfaceDescriptor;

    fn configuration_of(value: u8, class: [u8; 3], alternate: u8) -> ConfigurationDescriptor {
        let first = InterfaceDescriptor { class: [0xff, 0, 0], ..InterfaceDescriptor::default() };
        let second = InterfaceDescriptor { number: 1, alternate, class, ..InterfaceDescriptor::default() };
        ConfigurationDescriptor {
            value,
            name_index: 0,
            attributes: 0x80,
            max_power: 250,
            extra: Vec::new(),
            interfaces: vec![first, second],
        }
    }

    #[test]
    fn the_first_configuration_with_mbim_by_index() {
        let plain = configuration_of(1, [0x08, 6, 0x50], 0);
        let mbim = configuration_of(3, [0x02, 0x0e, 0], 0);
        let other = configuration_of(2, [0x02, 0x0e, 0], 0);
        assert_eq!(configuration(&[plain.clone(), mbim.clone(), other]), Some(3));
        assert_eq!(configuration(&[plain.clone(), configuration_of(2, [0x02, 0x0e, 0], 1)]), None);
        assert_eq!(configuration(&[plain.clone(), plain]), None);
        assert_eq!(configuration(&[mbim]), None);
        assert_eq!(configuration(&[]), None);
    }
}
