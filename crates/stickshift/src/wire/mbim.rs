//! Messages of MBIM, the control protocol of modems with a `cdc-wdm` channel (USB-IF, "Mobile Broadband Interface Model" 1.0).
//!
//! A message goes whole over the control channel. One that is longer than the function takes is cut into fragments; an [`Assembler`] puts
//! those of the function together again. What is in a message is in [`basic`], [`sms`] and [`ussd`], by service.
//!
//! ```
//! use stickshift::wire::mbim::{Assembler, Command, Incoming, Service, basic, encode_command};
//!
//! let ask = Command { service: Service::BASIC_CONNECT, cid: basic::SIGNAL_STATE, set: false, data: Vec::new() };
//! let fragments = encode_command(7, &ask, 4096);
//! assert_eq!(fragments[0][..12], [3, 0, 0, 0, 48, 0, 0, 0, 7, 0, 0, 0]);
//!
//! // The function answers: 20 on the scale of 0 to 31.
//! let mut answer = vec![3, 0, 0, 0x80, 68, 0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0];
//! answer.extend(Service::BASIC_CONNECT.0);
//! answer.extend([11, 0, 0, 0, 0, 0, 0, 0, 20, 0, 0, 0, 20, 0, 0, 0, 99, 0, 0, 0]);
//! answer.extend([0; 12]);
//! let Some(Incoming::Done { transaction: 7, status: 0, data, .. }) = Assembler::default().push(&answer) else {
//!     panic!("an answer")
//! };
//! assert_eq!(basic::signal(&data).and_then(|signal| signal.rssi_dbm()), Some(-73));
//! ```

pub mod basic;
mod fields;
mod fragments;
pub mod sms;
#[cfg(test)]
mod tests;
pub mod ussd;

pub use fields::{Builder, Fields};
pub use fragments::Assembler;

/// Message types (section 9.1). An answer has the top bit of its request.
const OPEN: u32 = 1;
const CLOSE: u32 = 2;
const COMMAND: u32 = 3;
const HOST_ERROR: u32 = 4;
const DONE: u32 = 0x8000_0000;
const OPEN_DONE: u32 = OPEN | DONE;
const CLOSE_DONE: u32 = CLOSE | DONE;
const COMMAND_DONE: u32 = COMMAND | DONE;
const FUNCTION_ERROR: u32 = HOST_ERROR | DONE;
const INDICATE_STATUS: u32 = 7 | DONE;

/// Type, length, transaction.
const HEADER: usize = 12;
/// Fragments in all, and which one this is, from 0.
const FRAGMENT_HEADER: usize = 8;

/// The largest message that a function is told to send: what all known ones take.
pub const USUAL_MAX: usize = 4096;

/// The number of a service: sixteen bytes in the order in which they are written.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Service(pub [u8; 16]);

impl Service {
    /// Identity, SIM, network, connection (section 10.5).
    pub const BASIC_CONNECT: Service = Service::of(0xa289_cc33_bcbb_8b4f_b6b0_133e_c2aa_e6df);
    /// Short messages.
    pub const SMS: Service = Service::of(0x533f_beeb_14fe_4467_9f90_33a2_23e5_6c3f);
    /// USSD.
    pub const USSD: Service = Service::of(0xe550_a0c8_5e82_479e_82f7_10ab_f4c3_351f);

    const fn of(number: u128) -> Service {
        Service(number.to_be_bytes())
    }

    fn name(self) -> Option<&'static str> {
        Some(match self {
            Service::BASIC_CONNECT => "basic connect",
            Service::SMS => "SMS",
            Service::USSD => "USSD",
            _ => return None,
        })
    }
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "{}", crate::hex::encode(&self.0)),
        }
    }
}

/// What the host asks for (query) or wants done (set).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Whose command it is.
    pub service: Service,
    /// Its number in the service.
    pub cid: u32,
    /// Whether it is a set.
    pub set: bool,
    /// The information buffer.
    pub data: Vec<u8>,
}

/// What a function sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// The answer to an open (`true`) or a close.
    Opened {
        /// Of the request.
        transaction: u32,
        /// Whether it was an open.
        open: bool,
        /// 0, or why not.
        status: u32,
    },
    /// The answer to a command.
    Done {
        /// Of the command.
        transaction: u32,
        /// Whose command it was.
        service: Service,
        /// Its number.
        cid: u32,
        /// 0, or why not: section 9.4.5.
        status: u32,
        /// The information buffer; may be there beside a status.
        data: Vec<u8>,
    },
    /// Something that nobody asked for.
    Indication {
        /// Whose indication it is.
        service: Service,
        /// Its number.
        cid: u32,
        /// The information buffer.
        data: Vec<u8>,
    },
    /// The function could not make sense of a message: section 9.3.4.
    Error {
        /// Of that message.
        transaction: u32,
        /// Which error: [`NOT_OPENED`] for one.
        code: u32,
    },
}

/// The function was not opened.
pub const NOT_OPENED: u32 = 5;

fn header(kind: u32, length: usize, transaction: u32) -> Vec<u8> {
    [kind, length as u32, transaction].into_iter().flat_map(u32::to_le_bytes).collect()
}

/// Opens the function. Messages in either direction are at most `max` bytes long.
pub fn encode_open(transaction: u32, max: usize) -> Vec<u8> {
    let mut message = header(OPEN, HEADER + 4, transaction);
    message.extend((max as u32).to_le_bytes());
    message
}

/// Closes the function: connections end.
pub fn encode_close(transaction: u32) -> Vec<u8> {
    header(CLOSE, HEADER, transaction)
}

/// A command as the fragments that it takes, each at most `max` bytes long.
pub fn encode_command(transaction: u32, command: &Command, max: usize) -> Vec<Vec<u8>> {
    let mut body = command.service.0.to_vec();
    for number in [command.cid, u32::from(command.set), command.data.len() as u32] {
        body.extend(number.to_le_bytes());
    }
    body.extend_from_slice(&command.data);
    let room = max.saturating_sub(HEADER + FRAGMENT_HEADER).max(64);
    let total = body.len().div_ceil(room) as u32;
    let fragment = |(index, piece): (u32, &[u8])| {
        let mut message = header(COMMAND, HEADER + FRAGMENT_HEADER + piece.len(), transaction);
        message.extend(total.to_le_bytes());
        message.extend(index.to_le_bytes());
        message.extend_from_slice(piece);
        message
    };
    (0..).zip(body.chunks(room)).map(fragment).collect()
}

/// A status other than 0 in words (section 9.4.5).
pub fn status_words(status: u32) -> Option<&'static str> {
    Some(match status {
        1 => "busy",
        2 => "failure",
        3 => "SIM not inserted",
        4 => "bad SIM",
        5 => "PIN required",
        6 => "PIN disabled",
        7 => "not registered",
        8 => "providers not found",
        9 => "no device support",
        10 => "provider not visible",
        11 => "data class not available",
        12 => "packet service detached",
        13 => "max activated contexts",
        14 => "not initialized",
        15 => "voice call in progress",
        16 => "context not activated",
        17 => "service not activated",
        18 => "invalid access string",
        19 => "invalid user name or password",
        20 => "radio power off",
        21 => "invalid parameters",
        22 => "read failure",
        23 => "write failure",
        25 => "no phonebook",
        26 => "parameter too long",
        27 => "STK busy",
        28 => "operation not allowed",
        29 => "memory failure",
        30 => "invalid memory index",
        31 => "memory full",
        32 => "filter not supported",
        33 => "DSS instance limit",
        34 => "invalid device service operation",
        35 => "auth incorrect AUTN",
        36 => "auth sync failure",
        37 => "auth AMF not set",
        38 => "context not supported",
        100 => "SMS unknown SMSC address",
        101 => "SMS network timeout",
        102 => "SMS language not supported",
        103 => "SMS encoding not supported",
        104 => "SMS format not supported",
        _ => return None,
    })
}
