//! What only a Linux system has: services that are reached over its message bus, and memory that can be given back.

pub mod awake;
pub mod dbus;
pub mod memory;
pub mod modem_manager;
#[cfg(all(feature = "online", feature = "resolved"))]
pub(super) mod resolved;
#[cfg(target_env = "musl")]
mod thread_name;
