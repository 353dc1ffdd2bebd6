//! The service "SMS" (section 10.6), with messages as PDUs.

use super::{Builder, Fields};

/// The store and the service centre.
pub const CONFIGURATION: u32 = 1;
/// Stored messages.
pub const READ: u32 = 2;
/// Sends one.
pub const SEND: u32 = 3;
/// Deletes one.
pub const DELETE: u32 = 4;
/// Comes unasked when a message arrived, or the store is full.
pub const STORE_STATUS: u32 = 5;

/// Messages as PDUs, not as those of CDMA.
const PDU: u32 = 0;
const ALL: u32 = 0;
const BY_INDEX: u32 = 1;

/// The message store ([`CONFIGURATION`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configuration {
    /// It can be read.
    pub initialized: bool,
    /// Messages come as PDUs.
    pub pdu: bool,
    /// Places.
    pub places: u32,
    /// The service centre's number; empty when the SIM has none.
    pub centre: String,
}

/// Reads [`CONFIGURATION`].
pub fn configuration(data: &[u8]) -> Option<Configuration> {
    let fields = Fields::new(data);
    Some(Configuration {
        initialized: fields.number(0)? == 1,
        pdu: fields.number(4)? == PDU,
        places: fields.number(8)?,
        centre: fields.text(16)?,
    })
}

/// How a stored message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It came, and nobody read it.
    New,
    /// It came and was read.
    Old,
    /// It was written and not sent.
    Draft,
    /// It was sent.
    Sent,
}

/// One place of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its number.
    pub index: u32,
    /// How it stands; `None` for a number that is not known.
    pub status: Option<Status>,
    /// What is stored, with the service centre address in front.
    pub pdu: Vec<u8>,
}

/// Asks for every stored message.
pub fn read_all() -> Vec<u8> {
    Builder::new().number(PDU).number(ALL).number(0).build()
}

/// Reads [`READ`]; `None` also for messages that are no PDUs.
pub fn stored(data: &[u8]) -> Option<Vec<Stored>> {
    let fields = Fields::new(data);
    if fields.number(0)? != PDU {
        return None;
    }
    let one = |record: Fields<'_>| {
        let status = match record.number(4)? {
            0 => Some(Status::New),
            1 => Some(Status::Old),
            2 => Some(Status::Draft),
            3 => Some(Status::Sent),
            _ => None,
        };
        Some(Stored { index: record.number(0)?, status, pdu: record.bytes(8)?.to_vec() })
    };
    fields.list(4)?.into_iter().map(one).collect()
}

/// Sends a PDU that has its service centre address in front. The offset counts from the record, which begins behind the format.
pub fn send(pdu: &[u8]) -> Vec<u8> {
    let record = Builder::new().bytes(pdu).build();
    Builder::new().number(PDU).array(&record).build()
}

/// Reads the answer to [`SEND`]: the message's reference.
pub fn reference(data: &[u8]) -> Option<u32> {
    Fields::new(data).number(0)
}

/// Deletes what is at one place.
pub fn delete(index: u32) -> Vec<u8> {
    Builder::new().number(BY_INDEX).number(index).build()
}
