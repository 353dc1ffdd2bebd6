use crate::hex;
use crate::wire::pcap::Status;
use crate::wire::scsi::CommandBlock;

/// Something that the computer sent to a device and that it does not send by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) number: u64,
    pub(super) time_ns: u64,
    pub(super) what: What,
    pub(super) answer: Answer,
    /// When the answer came.
    pub(super) answered_ns: Option<u64>,
    /// Its tag is none of the storage driver's: a program sent it.
    pub(super) foreign: bool,
    /// The id of its transfer, to find the completion.
    pub(super) urb: u64,
    /// Bytes that followed a command as its data.
    pub(super) data: u64,
    /// The endpoint that it went to.
    pub(super) endpoint: u8,
    /// The endpoint that a command's status came from.
    pub(super) answered_from: Option<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// A SCSI command in its wrapper.
    Command(CommandBlock),
    /// A wrapper of which the capture holds the first `held` bytes; the others are zero here.
    CutCommand { block: CommandBlock, held: usize },
    /// A control request.
    Control { setup: [u8; 8], data: Vec<u8> },
    /// Bytes to a bulk or interrupt endpoint that are no wrapper: how many went out, and those that the capture holds.
    Raw { endpoint: u8, interrupt: bool, length: u32, data: Vec<u8> },
}

/// What the device said to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Nothing: the transfer never completed, or the command's status never came.
    Never,
    /// The transfer completed well; of a command: its status came and was this.
    Came(u8),
    /// A command's status came, and the capture does not hold what it was.
    Unseen,
    /// It failed so.
    Failed(Status),
}

impl Sent {
    /// Whether both send the same, tags apart.
    pub(super) fn same(&self, other: &Sent) -> bool {
        match (&self.what, &other.what) {
            (What::Command(a), What::Command(b)) => CommandBlock { tag: b.tag, ..*a } == *b,
            // What the capture does not hold may be different.
            (What::CutCommand { block: a, held }, What::CutCommand { block: b, .. }) => {
                *held > CommandBlock::HEADER && CommandBlock { tag: b.tag, ..*a } == *b
            }
            (a, b) => a == b,
        }
    }

    /// Whether the capture holds only a part of a message's bytes.
    pub(super) fn is_cut(&self) -> bool {
        matches!(&self.what, What::Raw { length, data, .. } if data.len() < *length as usize)
    }

    /// The tag of a command, where the capture holds it.
    pub(super) fn tag(&self) -> Option<[u8; 4]> {
        match &self.what {
            What::Command(block) => Some(block.tag),
            What::CutCommand { block, held } if *held >= CommandBlock::TAGGED => Some(block.tag),
            _ => None,
        }
    }

    /// Whether the device said that it did not do it.
    pub(super) fn is_refused(&self) -> bool {
        match self.answer {
            Answer::Came(status) => status != 0,
            Answer::Failed(status) => status == Status::Stalled,
            Answer::Never | Answer::Unseen => false,
        }
    }

    /// What it is, in words, with its bytes.
    pub(super) fn words(&self) -> String {
        match &self.what {
            What::Command(command) => {
                let length = usize::from(command.cdb_length).clamp(6, 16);
                let length = if command.cdb_length == 0 { 10 } else { length };
                let data = match self.data {
                    0 => String::new(),
                    n => format!(", with {n} bytes of data"),
                };
                format!("command {} ({}){data}", hex::encode(&command.cdb[..length]), command.words())
            }
            What::CutCommand { block, held } => match held.checked_sub(CommandBlock::HEADER) {
                Some(held @ 1..) => format!(
                    "command {} ({}), of which the capture holds {held} of 16 bytes",
                    hex::encode(&block.cdb[..held.min(16)]),
                    block.words()
                ),
                _ => "a command that the capture cuts off".to_owned(),
            },
            What::Control { setup, data } => {
                let [kind, request, v0, v1, i0, i1, ..] = *setup;
                let length = u16::from_le_bytes([setup[6], setup[7]]);
                let data = match data.is_empty() {
                    true => String::new(),
                    // It may be what a modem is told, a PIN among it.
                    false if is_text(data) => ", data that holds text".to_owned(),
                    false => format!(", data {}", hex::encode(data)),
                };
                format!(
                    "control request {kind:02x} {request:02x} {:04x} {:04x}, {length} bytes{data}",
                    u16::from_le_bytes([v0, v1]),
                    u16::from_le_bytes([i0, i1]),
                )
            }
            What::Raw { endpoint, length, data, .. } => {
                let shown = &data[..data.len().min(40)];
                let all = match *length as usize {
                    length if length > shown.len() => format!(", {length} bytes in all"),
                    _ => String::new(),
                };
                format!("{} to endpoint {endpoint:02x}{all}", hex::encode(shown))
            }
        }
    }

    /// What came of it, in words.
    pub(super) fn answer_words(&self) -> String {
        match (self.answer, self.answered_ns) {
            (Answer::Never, _) if self.tag().is_some() => "no status ever came".to_owned(),
            (Answer::Never, _) if matches!(self.what, What::CutCommand { .. }) && self.tag().is_none() => {
                "the capture does not hold whether it was answered".to_owned()
            }
            (Answer::Never, _) => "it was never answered".to_owned(),
            (Answer::Unseen, _) if matches!(self.what, What::Control { .. } | What::Raw { .. }) => {
                "the log does not say whether it was answered".to_owned()
            }
            (Answer::Unseen, _) => "answered, but the capture does not hold with what".to_owned(),
            (Answer::Came(0), Some(at)) => {
                format!("answered well after {}", span(at.saturating_sub(self.time_ns)))
            }
            (Answer::Came(n), Some(at)) => {
                format!("answered with status {n} after {}", span(at.saturating_sub(self.time_ns)))
            }
            (Answer::Came(_), None) => "answered".to_owned(),
            (Answer::Failed(status), _) => format!("it ended: {}", status.words()),
        }
    }
}

/// Whether letters or digits stand in a row in it.
fn is_text(data: &[u8]) -> bool {
    data.windows(4).any(|four| four.iter().all(u8::is_ascii_graphic))
}

/// A stretch of time in words.
pub(super) fn span(ns: u64) -> String {
    match ns {
        0..10_000_000 => format!("{:.1} ms", ns as f64 / 1e6),
        10_000_000..1_000_000_000 => format!("{:.0} ms", ns as f64 / 1e6),
        _ => format!("{:.1} s", ns as f64 / 1e9),
    }
}
