use std::time::Duration;

use crate::error::Result;
use crate::link::Moment;

/// The five fields of a control transfer's setup packet, named as in the USB specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ControlSetup {
    /// bmRequestType: bit 7 direction (1 = IN), bits 6-5 type, bits 4-0 recipient.
    pub request_type: u8,
    /// bRequest.
    pub request: u8,
    /// wValue.
    pub value: u16,
    /// wIndex.
    pub index: u16,
}

/// One opened USB device. Endpoint addresses carry the direction in bit 7, as in descriptors.
///
/// Errors of transfers: `Disconnected` when the device left, `Timeout`, `Stalled` when the endpoint halted, `Io` otherwise.
pub trait UsbLink: Send {
    /// The 18 bytes of the device descriptor.
    fn device_descriptor(&self) -> &[u8];

    /// Every configuration descriptor with all that belongs to it, in index order.
    fn configurations(&self) -> &[Vec<u8>];

    /// bConfigurationValue of the active configuration, 0 when none.
    ///
    /// # Errors
    /// `Disconnected`, `Io`.
    fn active_configuration(&mut self) -> Result<u8>;

    /// Detaches the kernel driver of an interface. `Ok(false)` when none was bound.
    ///
    /// # Errors
    /// `PermissionDenied`, `Disconnected`, `Unsupported`, `Io`.
    fn detach_kernel_driver(&mut self, interface: u8) -> Result<bool>;

    /// Claims an interface.
    ///
    /// # Errors
    /// `PortBusy` when a driver or another program holds it, `Disconnected`, `Io`.
    fn claim(&mut self, interface: u8) -> Result<()>;

    /// Releases a claimed interface.
    ///
    /// # Errors
    /// `Disconnected`, `Io`.
    fn release(&mut self, interface: u8) -> Result<()>;

    /// Control IN. Returns how many bytes came.
    ///
    /// # Errors
    /// See the trait.
    fn control_in(&mut self, setup: ControlSetup, buffer: &mut [u8], timeout: Duration) -> Result<usize>;

    /// Control OUT.
    ///
    /// # Errors
    /// See the trait.
    fn control_out(&mut self, setup: ControlSetup, data: &[u8], timeout: Duration) -> Result<()>;

    /// Bulk or interrupt OUT (the endpoint's descriptor says which).
    ///
    /// # Errors
    /// See the trait.
    fn write(&mut self, endpoint: u8, data: &[u8], timeout: Duration) -> Result<()>;

    /// Bulk or interrupt IN. Returns how many bytes came.
    ///
    /// # Errors
    /// See the trait.
    fn read(&mut self, endpoint: u8, buffer: &mut [u8], timeout: Duration) -> Result<usize>;

    /// CLEAR_FEATURE(ENDPOINT_HALT).
    ///
    /// # Errors
    /// See the trait.
    fn clear_halt(&mut self, endpoint: u8) -> Result<()>;

    /// SET_CONFIGURATION; 0 unconfigures.
    ///
    /// # Errors
    /// See the trait.
    fn set_configuration(&mut self, value: u8) -> Result<()>;

    /// SET_INTERFACE on a claimed interface.
    ///
    /// # Errors
    /// See the trait.
    fn set_alt_setting(&mut self, interface: u8, alternate: u8) -> Result<()>;

    /// Resets the port. `Disconnected` when the device came back as another one or not at all.
    ///
    /// # Errors
    /// See the trait.
    fn reset(&mut self) -> Result<()>;

    /// The link's clock.
    fn now(&self) -> Moment;

    /// Lets time pass.
    fn sleep(&mut self, time: Duration);
}
