use crate::error::{Error, ErrorKind};
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

/// The error for a result other than `OK`: what the SIM lacks has kinds of its own, everything else is `AtRefused`,
/// with the facts `command` (masked), `code` and `meaning` where there are any.
pub fn refusal(command: &str, result: &Final) -> Error {
    let (source, code) = match result {
        Final::CmeError(code) => (Some(("cme", CME)), code.as_str()),
        Final::CmsError(code) => (Some(("cms", CMS)), code.as_str()),
        _ => (None, ""),
    };
    let meaning = source.and_then(|(_, table)| words(table, code));
    let (kind, what) = match (source.map(|(name, _)| name), meaning.map(|(n, _)| n)) {
        (Some("cme"), Some(10)) | (Some("cms"), Some(310)) => (ErrorKind::NoSim, "the stick has no SIM"),
        (Some("cme"), Some(11)) | (Some("cms"), Some(311)) => {
            (ErrorKind::SimPinNeeded, "the SIM wants its PIN")
        }
        (Some("cme"), Some(12)) => (ErrorKind::SimPukNeeded, "the SIM is blocked and wants its PUK"),
        (Some("cme"), Some(16)) => (ErrorKind::WrongPin, "the code is wrong"),
        _ => (ErrorKind::AtRefused, "the stick refused an AT command"),
    };
    let error = Error::new(kind, what).with("command", mask::text(command));
    match (source, meaning) {
        (Some((name, _)), Some((number, words))) => {
            error.with("code", format!("{name} {number}")).with("meaning", words)
        }
        (Some((name, _)), None) => error.with("code", format!("{name} {code}")),
        (None, _) => error.with("code", result),
    }
}
