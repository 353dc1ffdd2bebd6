//! The virtual computer that virtual sticks are plugged into: its clock, its USB ports and drivers, and the links that it opens.

mod bus;
mod drivers;
mod faults;
mod http_link;
mod message_link;
mod participants;
mod present;
mod serial_link;
mod shared;
mod usb_link;
mod virtual_computer;

pub use bus::{Leads, VirtualBus};
pub use faults::ComputerFaults;
pub use shared::Participant;
pub use virtual_computer::{Action, BadPort, ModemManager};
