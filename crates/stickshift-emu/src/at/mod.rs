//! The serial side of running firmware: ports that take AT commands (docs/protocols/hilink-at.md section 3).

pub mod port;
mod table;
