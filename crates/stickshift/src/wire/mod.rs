//! Bytes to values and back, pure: no input or output, no clock. Every decoder takes any bytes and never panics.

pub mod at;
pub mod crc;
pub mod hdlc;
pub mod pcap;
pub mod pdu;
pub mod scsi;
pub mod usb;
