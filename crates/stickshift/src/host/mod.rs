//! This computer: the only part of the library that opens devices, reads the system's files and looks at its clock.
//!
//! [`SysBus`] shows the sticks that are plugged in; [`SerialLink`], [`UsbDevice`], [`WebLink`] and, on
//! Linux, `ControlChannel` are the ways to reach one. Linux
//! is the complete platform; elsewhere the same names exist with what the system's own interfaces give. On Windows a stick that waits to be switched
//! is reached through its storage driver, and serial ports are found by the system's tree of devices.
//!
//! ```
//! use std::sync::Arc;
//!
//! use stickshift::host::SysBus;
//! use stickshift::link::{Bus, ClassifiedBus};
//! use stickshift::stick::NoProfiles;
//!
//! let mut bus = ClassifiedBus::new(Box::new(SysBus::open()), Arc::new(NoProfiles));
//! if let Ok(sticks) = bus.sticks() {
//!     for stick in sticks {
//!         println!("{} {} {}", stick.place, stick.id, stick.mode);
//!     }
//! }
//! ```

#[cfg(target_os = "linux")]
mod aside;
#[cfg_attr(not(target_os = "linux"), path = "bus_portable.rs")]
mod bus;
#[cfg(target_os = "linux")]
mod cdc_wdm;
pub mod child;
mod clock;
#[cfg(any(windows, test))]
mod device_tree;
mod drivers;
#[cfg(target_os = "linux")]
mod drives;
#[cfg(target_os = "linux")]
mod holder;
#[cfg(target_os = "linux")]
mod hotplug;
mod http;
#[cfg(target_os = "linux")]
mod inherited;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(all(target_os = "linux", feature = "online"))]
mod online;
#[cfg(any(windows, test))]
mod pass_through;
#[cfg_attr(not(target_os = "linux"), path = "serial_portable.rs")]
mod serial;
mod signals;
mod stick_name;
#[cfg(target_os = "linux")]
mod sysfs;
mod usb;
#[cfg(windows)]
mod windows;

pub use bus::SysBus;
#[cfg(target_os = "linux")]
pub use cdc_wdm::{ChannelPort, ControlChannel};
pub use drivers::KernelDrivers;
pub use http::WebLink;
#[cfg(target_os = "linux")]
pub use inherited::inherited_sockets;
#[cfg(target_os = "linux")]
pub use linux::{awake, dbus, memory, modem_manager};
#[cfg(all(target_os = "linux", feature = "online"))]
pub use online::{Folders, SysComputer};
pub use serial::SerialLink;
pub use signals::errors_for_large_files;
#[cfg(unix)]
pub use signals::{stop_on_request, stop_requests};
pub use stick_name::is_stick_name;
#[cfg(target_os = "linux")]
pub use sysfs::{Roots, can_open};
pub use usb::UsbDevice;
