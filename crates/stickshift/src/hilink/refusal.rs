use crate::error::{Detail, Error, ErrorKind, Refusal, RefusalFamily};

/// The API has no such path, or the firmware no such function.
pub const ABSENT: i32 = 100_002;
/// A login is needed, or the user may not do this.
pub(super) const NO_RIGHTS: i32 = 100_003;
/// Busy: to be asked again in a second.
pub(super) const BUSY: i32 = 100_004;
/// The token is not the one that was given out.
pub(super) const WRONG_TOKEN: i32 = 125_001;
/// There is no such session (any more).
pub(super) const WRONG_SESSION: i32 = 125_002;
/// The token was used already.
pub(super) const STALE_TOKEN: i32 = 125_003;
/// The USSD answer has not come yet.
pub(super) const USSD_WAITS: i32 = 111_019;

/// What the codes mean, docs/protocols/hilink-at.md section 1.6.
const MEANINGS: &[(i32, &str)] = &[
    (-1, "system not available"),
    (100_001, "unknown request or wrong method"),
    (100_002, "not supported by this firmware"),
    (100_003, "no rights: a login is needed"),
    (100_004, "system busy"),
    (100_005, "wrong format or parameter"),
    (100_006, "invalid parameter"),
    (100_009, "writing failed"),
    (101_001, "SIM or PIN error"),
    (101_002, "SIM or PIN error"),
    (101_003, "SIM or PIN error"),
    (101_004, "SIM or PIN error"),
    (103_002, "unknown, probably a PIN refusal"),
    (103_015, "unknown, probably a PIN refusal"),
    (108_001, "wrong user name"),
    (108_002, "wrong password"),
    (108_003, "another user is logged in"),
    (108_005, "too many logins"),
    (108_006, "wrong user name or password"),
    (108_007, "locked after too many tries"),
    (108_008, "changing the password failed"),
    (108_009, "logged in on another device"),
    (108_010, "logging in too often"),
    (110_024, "battery below half"),
    (111_019, "no answer yet"),
    (111_020, "the network did not answer"),
    (111_022, "the network refuses"),
    (112_003, "network mode refused"),
    (113_018, "messages are busy"),
    (115_001, "unknown"),
    (115_002, "the password must be changed first"),
    (117_001, "wrong Wi-Fi password"),
    (117_004, "wrong WISPr password"),
    (120_001, "a voice call is in progress"),
    (125_001, "wrong token"),
    (125_002, "wrong session, or blocked by this firmware"),
    (125_003, "token used already"),
];

/// The error for `<error><code>`: logins have kinds of their own, everything else is `HilinkRefused`,
/// with the facts `path`, `code` and `meaning`.
pub fn refusal(path: &str, code: i32) -> Error {
    let (kind, what) = match code {
        NO_RIGHTS => (ErrorKind::LoginNeeded, "the stick wants a login for this"),
        108_001 | 108_002 | 108_006 | 115_002 => (ErrorKind::LoginRefused, "the stick refused the login"),
        108_005 | 108_007 | 108_010 => (ErrorKind::LoginLocked, "the stick takes no login for a while"),
        108_003 | 108_009 => (ErrorKind::SessionTaken, "another user is logged in to the stick"),
        _ => (ErrorKind::HilinkRefused, "the stick refused a HiLink request"),
    };
    Error::new(kind, what)
        .with("path", path)
        .with("code", code)
        .detail(Detail::Refusal(Refusal { family: RefusalFamily::Hilink, code }))
        .with("meaning", meaning(code))
}

/// What the number of a refusal means, in words.
pub fn meaning(code: i32) -> &'static str {
    let meaning = MEANINGS.iter().find(|(c, _)| *c == code).map(|(_, words)| *words);
    meaning.unwrap_or(match code / 1000 {
        101 | 103 => "SIM or PIN error",
        108 => "login error",
        111 => "USSD error",
        112 => "network error",
        113 => "message error",
        114 => "SD card or file error",
        _ => "not known",
    })
}

/// The code of a refusal, `None` for every other error.
pub fn code_of(error: &Error) -> Option<i32> {
    error.refusal_of(RefusalFamily::Hilink)
}
