//! Locks of the stick, not of the SIM: whose code it wants before it takes a SIM.

use crate::error::{Detail, Error, ErrorKind, Refusal, RefusalFamily};

/// The locks of a stick, as `AT+CPIN?` names them, with the numbers that errors have for them: 3GPP TS 27.007 sections 8.3 and 9.2.
const LOCKS: &[(&str, i32)] = &[
    ("PH-SIM PIN", 5),
    ("PH-FSIM PIN", 6),
    ("PH-FSIM PUK", 7),
    ("PH-NET PIN", 40),
    ("PH-NET PUK", 41),
    ("PH-NETSUB PIN", 42),
    ("PH-NETSUB PUK", 43),
    ("PH-SP PIN", 44),
    ("PH-SP PUK", 45),
    ("PH-CORP PIN", 46),
    ("PH-CORP PUK", 47),
];

pub(super) fn lock_of(words: &str) -> Option<i32> {
    LOCKS.iter().find(|(name, _)| *name == words).map(|(_, number)| *number)
}

/// A lock of the stick, not of the SIM, in the stick's words.
pub(crate) fn locked(words: &str) -> Error {
    let code = lock_of(words).unwrap_or(40);
    let what = "the stick wants the code of a lock of its own before it takes this SIM";
    Error::new(ErrorKind::SimPinNeeded, what)
        .with("lock", words)
        .detail(Detail::Refusal(Refusal { family: RefusalFamily::Cme, code }))
}
