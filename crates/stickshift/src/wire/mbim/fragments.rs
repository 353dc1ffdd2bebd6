//! Messages of a function, put together from their fragments (section 9.5).

use super::{
    CLOSE_DONE, COMMAND_DONE, FRAGMENT_HEADER, FUNCTION_ERROR, Fields, HEADER, INDICATE_STATUS, Incoming,
    OPEN_DONE, Service,
};

/// More than any information buffer holds: a list of all messages of a full SIM is a tenth of it.
const LONGEST: usize = 256 * 1024;

/// A message whose fragments are still coming.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Begun {
    kind: u32,
    transaction: u32,
    total: u32,
    next: u32,
    body: Vec<u8>,
}

/// Takes what comes over the control channel and gives whole messages. What is none, or does not continue what came before, is dropped.
#[derive(Clone, Debug, Default)]
pub struct Assembler {
    /// Of an answer and of an indication at most: fragments of one may stand between those of the other.
    begun: Vec<Begun>,
}

/// Messages that may be under way at a time.
const MOST_BEGUN: usize = 4;

impl Assembler {
    /// The message that is whole with these bytes, which are one transfer.
    pub fn push(&mut self, bytes: &[u8]) -> Option<Incoming> {
        let fields = Fields::new(bytes);
        let (kind, length, transaction) = (fields.number(0)?, fields.number(4)? as usize, fields.number(8)?);
        // Some pad a transfer to the size of a packet.
        let message = bytes.get(..length).filter(|_| length >= HEADER)?;
        let fields = Fields::new(message);
        match kind {
            OPEN_DONE | CLOSE_DONE => Some(Incoming::Opened {
                transaction,
                open: kind == OPEN_DONE,
                status: fields.number(HEADER)?,
            }),
            FUNCTION_ERROR => Some(Incoming::Error { transaction, code: fields.number(HEADER)? }),
            COMMAND_DONE | INDICATE_STATUS => {
                let (total, current) = (fields.number(HEADER)?, fields.number(HEADER + 4)?);
                let piece = &message[HEADER + FRAGMENT_HEADER..];
                self.take(kind, transaction, (total, current), piece)
            }
            _ => None,
        }
    }

    fn take(
        &mut self,
        kind: u32,
        transaction: u32,
        (total, current): (u32, u32),
        piece: &[u8],
    ) -> Option<Incoming> {
        // Some count a message of one fragment as none.
        if current == 0 && total <= 1 {
            return whole(kind, transaction, piece);
        }
        let is_its = |begun: &Begun| (begun.kind, begun.transaction) == (kind, transaction);
        let before = self.begun.iter().position(is_its).map(|at| self.begun.remove(at));
        let mut begun = match before {
            Some(begun) if current > 0 => begun,
            _ if current == 0 => Begun { kind, transaction, total, next: 0, body: Vec::new() },
            _ => return None,
        };
        let follows = (begun.total, begun.next) == (total, current);
        if !follows || begun.body.len() + piece.len() > LONGEST {
            return None;
        }
        begun.body.extend_from_slice(piece);
        begun.next += 1;
        if begun.next == begun.total {
            return whole(kind, transaction, &begun.body);
        }
        if self.begun.len() == MOST_BEGUN {
            self.begun.remove(0);
        }
        self.begun.push(begun);
        None
    }
}

fn whole(kind: u32, transaction: u32, body: &[u8]) -> Option<Incoming> {
    let fields = Fields::new(body);
    let (service, cid) = (Service(fields.array(0)?), fields.number(16)?);
    let data_at = |at: usize| {
        let length = fields.number(at)? as usize;
        body.get(at + 4..at.checked_add(4)?.checked_add(length)?).map(<[u8]>::to_vec)
    };
    match kind {
        INDICATE_STATUS => Some(Incoming::Indication { service, cid, data: data_at(20)? }),
        _ => {
            Some(Incoming::Done { transaction, service, cid, status: fields.number(20)?, data: data_at(24)? })
        }
    }
}
