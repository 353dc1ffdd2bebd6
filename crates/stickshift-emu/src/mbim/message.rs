//! Messages on the modem's side (USB-IF, MBIM 1.0 section 9.3).

use crate::mbim::buffer::Input;

/// The services that the modem has, by the first bytes of their number.
pub(super) const BASIC: [u8; 16] =
    [0xa2, 0x89, 0xcc, 0x33, 0xbc, 0xbb, 0x8b, 0x4f, 0xb6, 0xb0, 0x13, 0x3e, 0xc2, 0xaa, 0xe6, 0xdf];
pub(super) const SMS: [u8; 16] =
    [0x53, 0x3f, 0xbe, 0xeb, 0x14, 0xfe, 0x44, 0x67, 0x9f, 0x90, 0x33, 0xa2, 0x23, 0xe5, 0x6c, 0x3f];
pub(super) const USSD: [u8; 16] =
    [0xe5, 0x50, 0xa0, 0xc8, 0x5e, 0x82, 0x47, 0x9e, 0x82, 0xf7, 0x10, 0xab, 0xf4, 0xc3, 0x35, 0x1f];

/// The errors of section 9.3.4 that are told.
pub(super) const OUT_OF_SEQUENCE: u32 = 2;
pub(super) const BAD_LENGTH: u32 = 3;
pub(super) const NOT_OPENED: u32 = 5;

/// What a host sent, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostMessage {
    /// It opens the function; messages may be so long.
    Open {
        /// Its number.
        transaction: u32,
        /// Bytes.
        longest: u32,
    },
    /// It closes the function.
    Close {
        /// Its number.
        transaction: u32,
    },
    /// A command.
    Command(HostCommand),
    /// A message that cannot be read: the error that is told.
    Bad {
        /// Its number.
        transaction: u32,
        /// As in section 9.3.4.
        error: u32,
    },
}

/// A command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostCommand {
    /// Its number.
    pub transaction: u32,
    pub(super) service: [u8; 16],
    pub(super) cid: u32,
    pub(super) set: bool,
    pub(super) data: Vec<u8>,
}

/// Puts a host's messages together.
#[derive(Clone, Debug, Default)]
pub(super) struct Inbox {
    /// Transaction, fragments in all, fragments that came, bytes.
    partial: Option<(u32, u32, u32, Vec<u8>)>,
}

/// Longer commands nobody sends.
const MOST_BYTES: usize = 64 * 1024;

impl Inbox {
    /// Takes one transfer; `None` while a message is not whole, and for what is none at all.
    pub(super) fn take(&mut self, transfer: &[u8]) -> Option<HostMessage> {
        let input = Input(transfer);
        let (kind, length, transaction) = (input.u32(0)?, input.u32(4)? as usize, input.u32(8)?);
        if length != transfer.len() {
            return Some(HostMessage::Bad { transaction, error: BAD_LENGTH });
        }
        match kind {
            1 => Some(HostMessage::Open { transaction, longest: input.u32(12)? }),
            2 => Some(HostMessage::Close { transaction }),
            3 => {
                let (total, number) = (input.u32(12)?, input.u32(16)?);
                let piece = &transfer[20..];
                if number == 0 {
                    self.partial = Some((transaction, total, 0, Vec::new()));
                }
                let bad = Some(HostMessage::Bad { transaction, error: OUT_OF_SEQUENCE });
                let Some((its, all, came, mut bytes)) = self.partial.take() else { return bad };
                if (its, all, came) != (transaction, total, number) || bytes.len() + piece.len() > MOST_BYTES
                {
                    return bad;
                }
                bytes.extend_from_slice(piece);
                if came + 1 < all {
                    self.partial = Some((its, all, came + 1, bytes));
                    return None;
                }
                Some(
                    command(transaction, &bytes)
                        .map_or(HostMessage::Bad { transaction, error: BAD_LENGTH }, HostMessage::Command),
                )
            }
            _ => None,
        }
    }
}

fn command(transaction: u32, bytes: &[u8]) -> Option<HostCommand> {
    let input = Input(bytes);
    let service = bytes.get(..16)?.try_into().ok()?;
    let data = bytes.get(28..)?;
    if input.u32(24)? as usize != data.len() {
        return None;
    }
    Some(HostCommand {
        transaction,
        service,
        cid: input.u32(16)?,
        set: input.u32(20)? == 1,
        data: data.to_vec(),
    })
}

fn short(kind: u32, transaction: u32, number: u32) -> Vec<u8> {
    [kind, 16, transaction, number].iter().flat_map(|n| n.to_le_bytes()).collect()
}

pub(super) fn opened(transaction: u32) -> Vec<u8> {
    short(0x8000_0001, transaction, 0)
}

pub(super) fn closed(transaction: u32) -> Vec<u8> {
    short(0x8000_0002, transaction, 0)
}

pub(super) fn error(transaction: u32, error: u32) -> Vec<u8> {
    short(0x8000_0004, transaction, error)
}

/// The answer to a command, in transfers of at most `longest` bytes.
pub(super) fn done(command: &HostCommand, status: u32, data: &[u8], longest: usize) -> Vec<Vec<u8>> {
    let mut body = command.service.to_vec();
    for number in [command.cid, status, data.len() as u32] {
        body.extend(number.to_le_bytes());
    }
    body.extend_from_slice(data);
    in_fragments(0x8000_0003, command.transaction, &body, longest)
}

/// Something that nobody asked for.
pub(super) fn indication(service: [u8; 16], cid: u32, data: &[u8], longest: usize) -> Vec<Vec<u8>> {
    let mut body = service.to_vec();
    for number in [cid, data.len() as u32] {
        body.extend(number.to_le_bytes());
    }
    body.extend_from_slice(data);
    in_fragments(0x8000_0007, 0, &body, longest)
}

fn in_fragments(kind: u32, transaction: u32, body: &[u8], longest: usize) -> Vec<Vec<u8>> {
    let pieces: Vec<&[u8]> = body.chunks(longest.max(64) - 20).collect();
    let all = pieces.len() as u32;
    let one = |(number, piece): (usize, &&[u8])| {
        let head = [kind, 20 + piece.len() as u32, transaction, all, number as u32];
        let mut message: Vec<u8> = head.iter().flat_map(|n| n.to_le_bytes()).collect();
        message.extend_from_slice(piece);
        message
    };
    pieces.iter().enumerate().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fragment(transaction: u32, all: u32, number: u32, piece: &[u8]) -> Vec<u8> {
        let head = [3, 20 + piece.len() as u32, transaction, all, number];
        let mut message: Vec<u8> = head.iter().flat_map(|n| n.to_le_bytes()).collect();
        message.extend_from_slice(piece);
        message
    }

    fn body(data: &[u8]) -> Vec<u8> {
        let mut body = BASIC.to_vec();
        [4, 1, data.len() as u32].iter().for_each(|n: &u32| body.extend(n.to_le_bytes()));
        body.extend_from_slice(data);
        body
    }

    #[test]
    fn commands_come_whole_and_in_fragments() {
        let body = body(&[5; 50]);
        let wanted = HostCommand { transaction: 9, service: BASIC, cid: 4, set: true, data: vec![5; 50] };
        let mut inbox = Inbox::default();
        assert_eq!(inbox.take(&fragment(9, 1, 0, &body)), Some(HostMessage::Command(wanted.clone())));
        assert_eq!(inbox.take(&fragment(9, 2, 0, &body[..40])), None);
        assert_eq!(inbox.take(&fragment(9, 2, 1, &body[40..])), Some(HostMessage::Command(wanted)));
        assert_eq!(
            inbox.take(&fragment(9, 2, 1, &body[40..])),
            Some(HostMessage::Bad { transaction: 9, error: OUT_OF_SEQUENCE })
        );
        let mut long = fragment(9, 1, 0, &body);
        long.push(0);
        assert_eq!(inbox.take(&long), Some(HostMessage::Bad { transaction: 9, error: BAD_LENGTH }));
        for cut in 0..20 {
            assert!(!matches!(inbox.take(&long[..cut]), Some(HostMessage::Command(_))));
        }
    }

    #[test]
    fn answers_are_cut_to_what_the_host_takes() {
        let command = HostCommand { transaction: 3, service: SMS, cid: 2, set: false, data: Vec::new() };
        let pieces = done(&command, 0, &[1; 100], 64);
        assert_eq!(pieces.len(), 3);
        assert!(pieces.iter().all(|piece| piece.len() <= 64));
        assert_eq!(pieces[1][12..20], [3, 0, 0, 0, 1, 0, 0, 0]);
        assert_eq!(opened(5), [1, 0, 0, 0x80, 16, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0]);
    }
}
