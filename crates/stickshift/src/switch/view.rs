use crate::error::{Error, ErrorKind, Result};
use crate::link::UsbLink;
use crate::wire::usb::{ConfigurationDescriptor, DeviceDescriptor, InterfaceDescriptor};

/// What a device shows of itself, as far as a plan needs it.
#[derive(Clone, Debug)]
pub struct View {
    /// The device descriptor.
    pub device: DeviceDescriptor,
    /// Every configuration, in index order.
    pub configurations: Vec<ConfigurationDescriptor>,
    /// bConfigurationValue of the active one, 0 for none.
    pub active: u8,
}

impl View {
    /// Reads the descriptors that the link holds.
    ///
    /// # Errors
    /// `UnexpectedAnswer` for broken descriptors, `Disconnected`, `Io`.
    pub fn of(link: &mut dyn UsbLink) -> Result<View> {
        let device = DeviceDescriptor::parse(link.device_descriptor())?;
        let configurations = link
            .configurations()
            .iter()
            .map(|bytes| ConfigurationDescriptor::parse(bytes))
            .collect::<Result<_>>()?;
        Ok(View { device, configurations, active: link.active_configuration()? })
    }

    /// The active configuration; the first one where none is active.
    ///
    /// # Errors
    /// `UnexpectedAnswer` when the device has no such configuration.
    pub fn configuration(&self) -> Result<&ConfigurationDescriptor> {
        let active = self.configurations.iter().find(|c| c.value == self.active);
        let found = if self.active == 0 { self.configurations.first() } else { active };
        found
            .ok_or_else(|| Error::new(ErrorKind::UnexpectedAnswer, "the stick shows no active configuration"))
    }

    /// How many interfaces the active configuration has, and the number of the first.
    pub(crate) fn interfaces(&self) -> Result<(u8, u8)> {
        let mut numbers: Vec<u8> = self.configuration()?.defaults().map(|i| i.number).collect();
        let first = numbers.first().copied();
        numbers.sort_unstable();
        numbers.dedup();
        let first =
            first.ok_or_else(|| Error::new(ErrorKind::UnexpectedAnswer, "the stick shows no interface"))?;
        Ok((u8::try_from(numbers.len()).unwrap_or(u8::MAX), first))
    }

    /// Alternate setting 0 of an interface.
    pub(crate) fn interface(&self, number: u8) -> Result<&InterfaceDescriptor> {
        self.configuration()?.defaults().find(|i| i.number == number).ok_or_else(|| {
            Error::new(ErrorKind::WrongInterface, "the stick has no such interface").with("interface", number)
        })
    }

    /// The class that decides whether storage commands may be sent (docs/protocols/mode-switch.md section 2.2 step 6).
    pub fn effective_class(&self, interface: u8) -> Result<u8> {
        let class = self.interface(interface)?.class[0];
        Ok(match (self.device.class[0], class) {
            (0x00 | 0xef, class) => class,
            // A storage interface counts even where the device descriptor claims some other class.
            (device, 0x08) if device != 0x08 && device != 0xff => 0x08,
            (device, _) => device,
        })
    }
}
