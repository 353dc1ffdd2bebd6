//! Services of a Linux system that are reached over its message bus.

pub mod awake;
pub mod dbus;
pub mod modem_manager;
