//! A virtual stick as USB: standard requests, class requests and transfers, spoken as USB/IP to a real kernel.

mod functions;
mod network;
mod ntb;
mod rndis;
mod session;
mod standard;
mod urb;

pub use session::UsbSession;
