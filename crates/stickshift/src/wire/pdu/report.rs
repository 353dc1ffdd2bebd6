//! What became of a message: TP-Status of a delivery report, 3GPP TS 23.040 section 9.2.3.15.

/// How the delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is over and went well.
    Delivered,
    /// The service centre still tries.
    Pending,
    /// It is over and did not go well.
    Failed,
}

impl Outcome {
    /// By TP-Status.
    pub fn of(status: u8) -> Outcome {
        match status {
            0x00..=0x1f => Outcome::Delivered,
            0x20..=0x3f => Outcome::Pending,
            _ => Outcome::Failed,
        }
    }

    /// The stable word for it.
    pub fn code(self) -> &'static str {
        match self {
            Outcome::Delivered => "delivered",
            Outcome::Pending => "pending",
            Outcome::Failed => "failed",
        }
    }
}

const WORDS: &[(u8, &str)] = &[
    (0x00, "delivered"),
    (0x01, "forwarded; the service centre cannot confirm the delivery"),
    (0x02, "replaced by the service centre"),
    (0x40, "remote procedure error"),
    (0x41, "incompatible destination"),
    (0x42, "the receiver refused it"),
    (0x43, "not obtainable"),
    (0x44, "quality of service not available"),
    (0x45, "no interworking available"),
    (0x46, "its validity ended"),
    (0x47, "deleted by the sender"),
    (0x48, "deleted by the service centre"),
    (0x49, "the service centre does not know the message"),
];

/// Why it is not delivered yet: the same numbers while the service centre tries (20) and when it has given up (60).
const HELD_UP: &[(u8, &str)] = &[
    (0, "congestion"),
    (1, "the receiver is busy"),
    (2, "the receiver does not respond"),
    (3, "service rejected"),
    (4, "quality of service not available"),
    (5, "error in the receiver"),
];

/// TP-Status in words; `None` for reserved values and those of a service centre's own.
pub fn status_words(status: u8) -> Option<&'static str> {
    let (table, code) = match status {
        0x20..=0x3f | 0x60..=0x7f => (HELD_UP, status & 0x1f),
        _ => (WORDS, status),
    };
    table.iter().find(|(known, _)| *known == code).map(|(_, words)| *words)
}
