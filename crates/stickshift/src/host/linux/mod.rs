//! Services of a Linux system that are reached over its message bus.

pub mod dbus;
