//! The messages between a host controller whose ports are sockets and the device behind one (docs/protocols/virtual-usb.md
//! section 2). All header fields are big-endian; the setup packet inside is little-endian, as on USB.

use stickshift::error::{Error, ErrorKind, Result};
use stickshift::link::ControlSetup;

const CMD_SUBMIT: u32 = 1;
const CMD_UNLINK: u32 = 2;
const RET_SUBMIT: u32 = 3;
const RET_UNLINK: u32 = 4;

/// Every header is this long.
pub(crate) const HEADER: usize = 48;

/// More than any driver asks for in one transfer; what claims more is not USB/IP.
const LONGEST: u32 = 16 << 20;

/// Status of a transfer on a halted endpoint (EPIPE).
pub(crate) const STALLED: i32 = -32;

/// Status of a transfer that was taken back (ECONNRESET).
pub(crate) const TAKEN_BACK: i32 = -104;

/// A transfer that the host wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UrbSubmit {
    /// Names the transfer in its answer.
    pub(crate) seqnum: u32,
    /// Endpoint address, with bit 7 for IN; 0 or 0x80 is the control pipe.
    pub(crate) endpoint: u8,
    /// How many bytes the host takes, or sends.
    pub(crate) length: u32,
    /// The setup packet; zeros but on the control pipe.
    pub(crate) setup: [u8; 8],
    /// OUT data.
    pub(crate) data: Vec<u8>,
}

impl UrbSubmit {
    /// The setup packet's fields, and wLength.
    pub(crate) fn control(&self) -> (ControlSetup, u16) {
        let [request_type, request, v0, v1, i0, i1, l0, l1] = self.setup;
        let [value, index, length] = [[v0, v1], [i0, i1], [l0, l1]].map(u16::from_le_bytes);
        (ControlSetup { request_type, request, value, index }, length)
    }
}

/// What the host sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Do a transfer.
    Submit(UrbSubmit),
    /// Give a transfer back that is not done yet.
    Unlink {
        /// Of this command.
        seqnum: u32,
        /// Of the transfer.
        unwanted: u32,
    },
}

/// The first command in `bytes` and its length; `None` until it is whole.
///
/// # Errors
/// `UnexpectedAnswer` for what is not USB/IP, or isochronous.
pub(crate) fn next_command(bytes: &[u8]) -> Result<Option<(Command, usize)>> {
    let Some(header) = bytes.first_chunk::<HEADER>() else { return Ok(None) };
    let word = |index: usize| {
        let at = index * 4;
        u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    };
    let strange = |what: &str, value: u32| Error::new(ErrorKind::UnexpectedAnswer, what).with("value", value);
    let [command, seqnum, direction, endpoint] = [word(0), word(1), word(3), word(4)];
    match command {
        CMD_UNLINK => Ok(Some((Command::Unlink { seqnum, unwanted: word(5) }, HEADER))),
        CMD_SUBMIT => {
            let (length, packets) = (word(6), word(8));
            if endpoint > 15 || direction > 1 {
                return Err(strange("there is no such endpoint", endpoint));
            }
            if length > LONGEST {
                return Err(strange("no transfer is this long", length));
            }
            if packets != 0 && packets != u32::MAX {
                return Err(strange("sticks have no isochronous endpoints", packets));
            }
            let data_length = if direction == 0 { length as usize } else { 0 };
            let Some(data) = bytes.get(HEADER..HEADER + data_length) else { return Ok(None) };
            let mut setup = [0; 8];
            setup.copy_from_slice(&header[40..48]);
            let endpoint = endpoint as u8 | (direction as u8) << 7;
            let submit = UrbSubmit { seqnum, endpoint, length, setup, data: data.to_vec() };
            Ok(Some((Command::Submit(submit), HEADER + data_length)))
        }
        other => Err(strange("this is no USB/IP command", other)),
    }
}

/// Appends the answer to a transfer: 0 or a negative error number, how many bytes moved, and for IN these bytes.
pub(crate) fn answer(seqnum: u32, status: i32, moved: u32, data: &[u8], out: &mut Vec<u8>) {
    let words = [RET_SUBMIT, seqnum, 0, 0, 0, status.cast_unsigned(), moved, 0, u32::MAX, 0, 0, 0];
    out.extend(words.iter().flat_map(|word| word.to_be_bytes()));
    out.extend_from_slice(data);
}

/// Appends the answer to an unlink: [`TAKEN_BACK`], or 0 when the transfer was done already.
pub(crate) fn unlinked(seqnum: u32, status: i32, out: &mut Vec<u8>) {
    let words = [RET_UNLINK, seqnum, 0, 0, 0, status.cast_unsigned(), 0, 0, 0, 0, 0, 0];
    out.extend(words.iter().flat_map(|word| word.to_be_bytes()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn submit(words: [u32; 10], setup: [u8; 8], data: &[u8]) -> Vec<u8> {
        let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        bytes.extend_from_slice(&setup);
        bytes.extend_from_slice(data);
        bytes
    }

    #[test]
    fn a_control_request_is_read() {
        let setup = [0x80, 6, 0, 1, 0, 0, 18, 0];
        let bytes = submit([1, 7, 0x10002, 1, 0, 0x200, 18, 0, 0, 0], setup, &[]);
        let (command, length) = next_command(&bytes).unwrap().unwrap();
        assert_eq!(length, 48);
        let Command::Submit(submit) = command else { panic!("a transfer") };
        assert_eq!((submit.seqnum, submit.endpoint, submit.length), (7, 0x80, 18));
        let (setup, length) = submit.control();
        assert_eq!(setup, ControlSetup { request_type: 0x80, request: 6, value: 0x0100, index: 0 });
        assert_eq!(length, 18);
    }

    #[test]
    fn data_out_belongs_to_the_command_and_what_follows_does_not() {
        let bytes = submit([1, 9, 0x10002, 0, 1, 0, 31, 0, 0xffff_ffff, 0], [0; 8], &[0x55; 40]);
        for cut in 0..48 + 31 {
            assert_eq!(next_command(&bytes[..cut]).unwrap(), None, "{cut}");
        }
        let (command, length) = next_command(&bytes).unwrap().unwrap();
        assert_eq!(length, 48 + 31);
        let Command::Submit(submit) = command else { panic!("a transfer") };
        assert_eq!((submit.endpoint, submit.data.len()), (1, 31));
    }

    #[test]
    fn strange_commands_are_refused() {
        for words in [
            [3, 1, 0, 0, 0, 0, 0, 0, 0, 0],
            [1, 1, 0, 0, 16, 0, 0, 0, 0, 0],
            [1, 1, 0, 2, 1, 0, 0, 0, 0, 0],
            [1, 1, 0, 0, 1, 0, 0x0100_0001, 0, 0, 0],
            [1, 1, 0, 1, 1, 0, 8, 0, 4, 0],
        ] {
            assert!(next_command(&submit(words, [0; 8], &[])).is_err(), "{words:?}");
        }
    }

    #[test]
    fn answers_in_bytes() {
        let mut out = Vec::new();
        answer(5, STALLED, 0, &[], &mut out);
        assert_eq!(out.len(), 48);
        assert_eq!(out[..8], [0, 0, 0, 3, 0, 0, 0, 5]);
        assert_eq!(out[20..40], [[0xff, 0xff, 0xff, 0xe0], [0; 4], [0; 4], [0xff; 4], [0; 4]].concat());
        out.clear();
        answer(6, 0, 2, &[1, 2], &mut out);
        assert_eq!((out[27], &out[48..]), (2, &[1, 2][..]));
        out.clear();
        unlinked(8, TAKEN_BACK, &mut out);
        assert_eq!((out[3], out[7], &out[20..24]), (4, 8, &[0xff, 0xff, 0xff, 0x98][..]));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            if let Ok(Some((_, length))) = next_command(&bytes) {
                prop_assert!(length <= bytes.len());
            }
        }
    }
}
