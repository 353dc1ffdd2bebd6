//! What of an MBIM message is a secret or an identity.
//!
//! ```
//! use stickshift::mask;
//! use stickshift::wire::mbim::{Command, Service, basic, encode_command};
//!
//! let data = basic::set_pin(basic::PIN1, basic::PinOperation::Enter, "1234", "");
//! let command = Command { service: Service::BASIC_CONNECT, cid: basic::PIN, set: true, data };
//! let message = &encode_command(1, &command, 4096)[0];
//! // The header stays; the code is hidden.
//! assert_eq!(mask::mbim::message(message), Some(48..message.len()));
//! ```

use std::ops::Range;

/// Where the information buffer of a command, of an answer and of an indication begins.
const COMMAND: (u32, usize) = (3, 48);
const DONE: (u32, usize) = (0x8000_0003, 48);
const INDICATION: (u32, usize) = (0x8000_0007, 44);

/// The first bytes of the service "basic connect".
const BASIC_CONNECT: [u8; 4] = [0xa2, 0x89, 0xcc, 0x33];

/// Commands of that service that hold no secret: radio, list of codes, networks, signal, state of packets.
const OPEN: [u32; 7] = [3, 5, 6, 8, 9, 10, 11];

/// The part of a message to hide: everything behind the header of whatever is not known to be open, and of all fragments but the first.
pub fn message(bytes: &[u8]) -> Option<Range<usize>> {
    let number = |at: usize| {
        let four = bytes.get(at..)?.first_chunk::<4>()?;
        Some(u32::from_le_bytes(*four))
    };
    let kind = number(0)?;
    let (_, start) = [COMMAND, DONE, INDICATION].into_iter().find(|known| known.0 == kind)?;
    let is_open = number(16) == Some(0)
        && bytes.get(20..24) == Some(&BASIC_CONNECT)
        && number(36).is_some_and(|cid| OPEN.contains(&cid));
    let start = if number(16) == Some(0) { start } else { 20 };
    (!is_open && bytes.len() > start).then_some(start..bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::mbim::{Command, Service, basic, encode_command, sms};

    fn hidden(service: Service, cid: u32, data: &[u8], max: usize) -> Vec<Option<Range<usize>>> {
        let command = Command { service, cid, set: true, data: data.to_vec() };
        encode_command(1, &command, max).iter().map(|fragment| message(fragment)).collect()
    }

    #[test]
    fn codes_messages_and_passwords_are_hidden_whole() {
        let pin = basic::set_pin(basic::PIN1, basic::PinOperation::Enter, "1234", "");
        assert_eq!(hidden(Service::BASIC_CONNECT, basic::PIN, &pin, 4096), [Some(48..48 + pin.len())]);
        assert_eq!(hidden(Service::BASIC_CONNECT, basic::REGISTER_STATE, &[1; 9], 4096), [None]);
        let long = hidden(Service::SMS, sms::SEND, &[1; 100], 100);
        assert_eq!(long, [Some(48..100), Some(20..68)]);
        assert_eq!(hidden(Service::SMS, sms::READ, &[], 4096), [None]);
        assert!(message(&[]).is_none() && message(&[1, 0, 0, 0, 16]).is_none());
    }
}
