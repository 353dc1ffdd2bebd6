//! A virtual stick as USB: standard requests, class requests and transfers, spoken as USB/IP to a real kernel.

mod functions;
mod session;
mod standard;
mod urb;

#[cfg(target_os = "linux")]
pub mod rack;
#[cfg(target_os = "linux")]
pub mod usbip;
#[cfg(target_os = "linux")]
pub mod vhci;

pub use session::Session;
