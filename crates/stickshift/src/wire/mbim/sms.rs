//! The service "SMS" (section 10.6), with messages as PDUs.
//!
//! ```
//! use stickshift::wire::mbim::sms;
//!
//! // Format: by index; the index.
//! assert_eq!(sms::delete(7), [1, 0, 0, 0, 7, 0, 0, 0]);
//! assert_eq!(sms::reference(&[42, 0, 0, 0]), Some(42));
//! ```

use super::{Builder, Fields};

/// Stored messages.
pub const READ: u32 = 2;
/// Sends one.
pub const SEND: u32 = 3;
/// Deletes one.
pub const DELETE: u32 = 4;

/// Messages as PDUs, not as those of CDMA.
const PDU: u32 = 0;
const ALL: u32 = 0;
const BY_INDEX: u32 = 1;

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
