//! The stick's own services, over whichever way in it has: AT commands on a serial port, or the web server of HiLink firmware.

pub mod assessment;
pub mod identity;
pub mod web;

pub use identity::Identity;
