//! The service "USSD" (section 10.8).
//!
//! ```
//! use stickshift::wire::mbim::ussd::{self, Action};
//!
//! // Action, data coding scheme, and where the text is.
//! let request = ussd::request(Action::Initiate, 15, b"*100#");
//! assert_eq!(request[..8], [0, 0, 0, 0, 15, 0, 0, 0]);
//! assert_eq!(ussd::reply(&[9, 0, 0, 0]), None);
//! ```

use super::{Builder, Fields};

/// Its one command.
pub const USSD: u32 = 1;

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A code begins a dialogue.
    Initiate = 0,
    /// A reply goes on with one.
    Continue = 1,
    /// It ends.
    Cancel = 2,
}

/// What the network's word means for the dialogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Response {
    /// Answered; the dialogue is over.
    Done,
    /// The network waits for a reply.
    ReplyExpected,
    /// The network ended the dialogue.
    Ended,
    /// Another program took the answer.
    TakenByAnother,
    /// The network does not know such a thing.
    NotSupported,
    /// The network did not answer.
    TimedOut,
}

/// The network's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// What became of it.
    pub response: Response,
    /// Data coding scheme of the text (3GPP TS 23.038 section 5).
    pub scheme: u32,
    /// The text, coded.
    pub payload: Vec<u8>,
}

/// Sends `payload`, coded by `scheme`.
pub fn request(action: Action, scheme: u8, payload: &[u8]) -> Vec<u8> {
    Builder::new().number(action as u32).number(u32::from(scheme)).bytes(payload).build()
}

/// Reads the network's word.
pub fn reply(data: &[u8]) -> Option<Reply> {
    let fields = Fields::new(data);
    let response = match fields.number(0)? {
        0 => Response::Done,
        1 => Response::ReplyExpected,
        2 => Response::Ended,
        3 => Response::TakenByAnother,
        4 => Response::NotSupported,
        5 => Response::TimedOut,
        _ => return None,
    };
    Some(Reply { response, scheme: fields.number(8)?, payload: fields.bytes(12)?.to_vec() })
}
