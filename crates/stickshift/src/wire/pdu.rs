//! Short messages and USSD texts: PDUs, the GSM 7-bit alphabet, UCS2.
//!
//! Layouts and worked bytes: docs/protocols/hilink-at.md section 3.7; the fields are those of 3GPP TS 23.040 section 9.2 and the
//! alphabets those of TS 23.038 section 6.2 and annex A.
//!
//! ```
//! use stickshift::wire::pdu::{Body, Message, decode, submit};
//!
//! let pdus = submit("+12345678901", "Hello", 1, false)?;
//! assert_eq!(pdus.len(), 1);
//! let Message::Submit { to, content } = decode(&pdus[0].bytes)? else { panic!() };
//! assert_eq!((to.as_str(), content.body), ("+12345678901", Body::Text("Hello".into())));
//! # Ok::<(), stickshift::error::Error>(())
//! ```

mod alphabet;
mod data;
mod decode;
mod report;
mod submit;
#[cfg(test)]
mod tests;
mod timestamp;
mod ussd;

pub use alphabet::{Alphabet, Shift, from_gsm7, pack, text_of_octets, to_gsm7, unpack};
pub use data::{DataKind, Ports};
pub use decode::decode;
pub use report::{Outcome, status_words};
pub use submit::{Pdu, plain_number, submit};
pub use timestamp::{Timestamp, date_and_time};
pub use ussd::{pack_ussd, ussd_text};

/// Most parts that one long message can have.
pub const PARTS_LIMIT: usize = 255;

/// Which part of a long message this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Part {
    /// The same in all parts.
    pub reference: u16,
    /// How many there are.
    pub total: u8,
    /// Which one, from 1.
    pub number: u8,
}

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// A text.
    Text(String),
    /// 8-bit data: something for a program, or a text in an alphabet that is not said.
    Data(Vec<u8>),
    /// A text compressed by 3GPP TS 23.042, which nobody reads.
    Compressed(Vec<u8>),
}

/// What a message says, and what its header says about that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// Part of a long message.
    pub part: Option<Part>,
    /// The applications that it is for and from.
    pub ports: Option<Ports>,
    /// TP-Protocol-Identifier.
    pub protocol: u8,
    /// What it says. Half a character of UTF-16 is U+FFFD there.
    pub body: Body,
    /// The halves of characters that the text begins and ends with: those of a long message are in the parts before and after it.
    pub halves: (Option<u16>, Option<u16>),
}

/// A decoded PDU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// SMS-DELIVER: a message that came.
    Deliver {
        /// `+` and digits, or a name.
        from: String,
        /// When the service centre took it.
        time: Timestamp,
        /// What it says.
        content: Content,
    },
    /// SMS-SUBMIT: a message that was or will be sent.
    Submit {
        /// `+` and digits.
        to: String,
        /// What it says.
        content: Content,
    },
    /// SMS-STATUS-REPORT: what became of a message.
    StatusReport {
        /// The reference that sending it gave.
        reference: u8,
        /// `+` and digits.
        to: String,
        /// When the service centre took it.
        sent: Timestamp,
        /// When this status came to be.
        ended: Timestamp,
        /// TP-Status: 0 to 1F delivered, 20 to 3F still trying, from 40 on failed.
        status: u8,
    },
}
