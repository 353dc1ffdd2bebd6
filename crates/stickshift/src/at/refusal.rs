use crate::error::{Detail, Error, ErrorKind, Refusal, RefusalFamily};
use crate::mask;
use crate::wire::at::Final;

/// What the numbers of `+CME ERROR` mean, section 3.9.
const CME: &[(u16, &str)] = &[
    (0, "phone failure"),
    (3, "operation not allowed"),
    (4, "operation not supported"),
    (5, "PH-SIM PIN required"),
    (10, "SIM not inserted"),
    (11, "SIM PIN required"),
    (12, "SIM PUK required"),
    (13, "SIM failure"),
    (14, "SIM busy"),
    (15, "SIM wrong"),
    (16, "incorrect password"),
    (17, "SIM PIN2 required"),
    (18, "SIM PUK2 required"),
    (20, "memory full"),
    (21, "invalid index"),
    (22, "not found"),
    (30, "no network service"),
    (31, "network time-out"),
    (32, "emergency calls only"),
    (50, "incorrect parameters"),
    (100, "unknown error"),
    (103, "illegal MS"),
    (107, "GPRS services not allowed"),
    (111, "PLMN not allowed"),
    (133, "service not subscribed"),
    (148, "unspecified GPRS error"),
    (149, "PDP authentication failure"),
    (304, "invalid PDU (for USSD: wrong encoding)"),
];

/// What the numbers of `+CMS ERROR` mean; below 128 they are the network's causes.
const CMS: &[(u16, &str)] = &[
    (300, "ME failure"),
    (301, "SMS service reserved"),
    (302, "operation not allowed"),
    (303, "operation not supported"),
    (304, "invalid PDU"),
    (305, "invalid text"),
    (310, "SIM not inserted"),
    (311, "SIM PIN required"),
    (313, "SIM failure"),
    (314, "SIM busy"),
    (320, "memory failure"),
    (321, "invalid index"),
    (322, "memory full"),
    (330, "service centre address unknown"),
    (331, "no network service"),
    (332, "network time-out"),
    (500, "unknown error"),
];

fn words(table: &[(u16, &'static str)], code: &str) -> Option<(u16, &'static str)> {
    let by_number = code.parse::<u16>().ok();
    table.iter().find(|(n, text)| Some(*n) == by_number || text.eq_ignore_ascii_case(code)).copied()
}

const REFUSED: &str = "the stick refused an AT command";

/// The error for a result other than `OK`: what the SIM lacks has kinds of its own, everything else is `AtRefused`,
/// with the facts `command` (masked), `code` and `meaning` where there are any.
pub fn refusal(command: &str, result: &Final) -> Error {
    use RefusalFamily::{Cme, Cms};
    let (family, name, table, code) = match result {
        Final::CmeError(code) => (Cme, "cme", CME, code),
        Final::CmsError(code) => (Cms, "cms", CMS, code),
        _ => {
            return Error::new(ErrorKind::AtRefused, REFUSED)
                .with("command", mask::text(command))
                .with("code", result);
        }
    };
    let meaning = words(table, code);
    let number = meaning.map(|(number, _)| number).or_else(|| code.parse().ok());
    let (kind, what) = match (family, number) {
        (Cme, Some(10)) | (Cms, Some(310)) => (ErrorKind::NoSim, "the stick has no SIM"),
        (Cme, Some(11)) | (Cms, Some(311)) => (ErrorKind::SimPinNeeded, "the SIM wants its PIN"),
        (Cme, Some(12)) => (ErrorKind::SimPukNeeded, "the SIM is blocked and wants its PUK"),
        (Cme, Some(16)) => (ErrorKind::WrongPin, "the code is wrong"),
        _ => (ErrorKind::AtRefused, REFUSED),
    };
    let mut error = Error::new(kind, what).with("command", mask::text(command));
    if let Some(number) = number {
        error = error.detail(Detail::Refusal(Refusal { family, code: number.into() }));
    }
    match meaning {
        Some((number, words)) => error.with("code", format!("{name} {number}")).with("meaning", words),
        None => error.with("code", format!("{name} {code}")),
    }
}
