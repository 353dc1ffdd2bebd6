//! The serial side of running firmware: ports that take AT commands (docs/protocols/hilink-at.md section 3).

mod answer;
mod command;
mod composition;
mod data;
mod identification;
mod network;
pub mod port;
pub(crate) mod ports;
mod sim;
mod sms;
mod table;
#[cfg(test)]
mod tests;

pub use answer::PortAnswer;
pub use command::AtEffect;
