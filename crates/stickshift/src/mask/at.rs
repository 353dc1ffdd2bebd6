//! What of an AT dialogue may be shown. Commands and answers are looked up by name; what is not listed as shown is masked, so that a command
//! of another maker, or one that was forgotten, hides too much rather than too little.

use std::ops::Range;

use super::{IDENTITY_DIGITS, digits, long_digits};

/// How much of a command's arguments, or of an answer after its colon, is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    All,
    /// Also numbers and hex digits that could be a code: bands, networks and addresses in memory.
    Wide,
    /// All but digits in a row that may be a code.
    Counts,
    /// All but what stands in quotes.
    Numbers,
    Nothing,
}

use Shown::{All, Counts, Nothing, Numbers, Wide};

/// Name, what of the arguments, what of the answer. Compared in capitals.
const COMMANDS: &[(&str, Shown, Shown)] = &[
    // What every dialogue begins with, and results.
    ("", All, All),
    ("E", All, All),
    ("Q", All, All),
    ("V", All, All),
    ("Z", All, All),
    ("&F", All, All),
    ("H", All, All),
    ("I", All, All),
    ("+CME ERROR", All, Counts),
    ("+CMS ERROR", All, Counts),
    ("+CMEE", All, All),
    ("^CURC", All, All),
    // What the stick is.
    ("MANUFACTURER", All, All),
    ("MODEL", All, All),
    ("REVISION", All, All),
    ("+GCAP", All, All),
    ("+CGMI", All, All),
    ("+CGMM", All, All),
    ("+CGMR", All, All),
    ("+CLAC", All, All),
    ("^HWVER", All, All),
    ("^FHVER", All, All),
    ("^VERSION", All, All),
    ("^DLOADVER", All, All),
    ("^DLOADINFO", All, All),
    ("^AUTHORITYVER", All, All),
    ("^AUTHORITYID", All, All),
    ("^CHIPTEMP", All, All),
    ("^TBATVOLT", All, All),
    ("^SETPORT", Wide, All),
    ("^GETPORTMODE", All, All),
    ("^U2DIAG", All, All),
    ("^PORTSEL", All, All),
    ("^SFM", All, All),
    ("^GODLOAD", All, All),
    ("^RESET", All, All),
    // Identities, and memory that may hold one.
    ("IMEI", Nothing, Nothing),
    ("+CGSN", Nothing, Nothing),
    ("+CIMI", Nothing, Nothing),
    ("^ICCID", Nothing, Nothing),
    ("^SN", Nothing, Nothing),
    ("^NVRDEX", Wide, Nothing),
    // Locks: codes go there, states and counts come back.
    ("+CPIN", Nothing, Counts),
    ("^CPIN", Nothing, Counts),
    ("+CPINR", Nothing, Counts),
    ("+QPINC", Nothing, Counts),
    ("+ZPINPUK", Nothing, Counts),
    ("+SPIC", Nothing, Counts),
    ("+UPINCNT", Nothing, Counts),
    ("*EPIN", Nothing, Counts),
    ("+CLCK", Nothing, Counts),
    ("+CPWD", Nothing, Counts),
    ("^CARDLOCK", Nothing, Counts),
    ("^DATALOCK", Nothing, Counts),
    // Network and signal.
    ("+CREG", All, All),
    ("+CGREG", All, All),
    ("+CEREG", All, All),
    ("+CGEREP", All, All),
    ("+COPS", Wide, All),
    ("+C5GREG", All, All),
    ("+CSQ", All, All),
    ("+CESQ", All, All),
    ("+QCSQ", All, All),
    ("+QENG", All, All),
    ("!GSTATUS", All, Nothing),
    ("^HFREQINFO", All, All),
    ("+CFUN", All, All),
    ("^HCSQ", All, All),
    ("^SYSINFO", All, All),
    ("^SYSINFOEX", All, All),
    ("^SYSCFG", Wide, All),
    ("^SYSCFGEX", Wide, All),
    ("^RSSI", All, All),
    ("^HRSSILVL", All, All),
    ("^RSSILVL", All, All),
    ("^CERSSI", All, All),
    ("^LTERSRP", All, All),
    ("^ANLEVEL", All, All),
    ("^MODE", All, All),
    ("^SRVST", All, All),
    ("^SIMST", All, All),
    ("^RFSWITCH", All, All),
    ("^STIN", All, All),
    ("^BOOT", All, All),
    ("^THERM", All, All),
    ("^TIME", All, All),
    ("^NWTIME", All, All),
    ("^EONS", All, All),
    ("^LWURC", All, All),
    // Messages, numbers and codes.
    ("D", Nothing, Nothing),
    ("+CMGF", All, All),
    ("+CPMS", All, All),
    ("+CMTI", All, All),
    ("+CDSI", All, All),
    ("+CMGD", All, All),
    ("+CMGL", All, Numbers),
    ("+CMGR", All, Numbers),
    ("+CMGS", Nothing, All),
    ("+CMGW", Nothing, All),
    ("+CMT", Nothing, Numbers),
    ("+CDS", Nothing, Numbers),
    ("+CBM", Nothing, Numbers),
    ("+CSCA", Nothing, Nothing),
    ("+CUSD", Nothing, Nothing),
    ("^USSDMODE", All, All),
    ("^SMMEMFULL", All, All),
    ("+CNUM", Nothing, Nothing),
    ("+CLIP", Nothing, Nothing),
    ("+CRING", All, All),
    ("+CUSATP", Nothing, Nothing),
    ("+CUSATEND", All, All),
    ("+CPBW", Nothing, Nothing),
    ("+CPBR", Nothing, Nothing),
    ("^ECCLIST", Nothing, Nothing),
    ("^ORIG", All, All),
    ("^CONF", All, All),
    ("^CONN", All, All),
    ("^CEND", All, All),
    ("^DDTMF", Nothing, Nothing),
    ("^CSNR", Nothing, Nothing),
    ("^POSITION", Nothing, Nothing),
    ("^POSEND", Nothing, Nothing),
    // Data: access points come with names and passwords, leases with addresses.
    ("+CGDCONT", Nothing, Nothing),
    ("+CGPADDR", Nothing, Nothing),
    ("+CGCONTRDP", All, Nothing),
    ("+CGATT", All, All),
    ("+CGACT", All, All),
    ("+CRSM", All, Nothing),
    ("+CGAUTH", Nothing, Nothing),
    ("^AUTHDATA", Nothing, Nothing),
    ("^NDISDUP", Nothing, Nothing),
    ("^DHCP", Nothing, Nothing),
    ("^NDISSTATQRY", All, All),
    ("^NDISSTAT", All, All),
    ("^NDISEND", All, All),
    ("^PDPDEACT", All, All),
    ("^DSDORMANT", All, All),
    ("^DSFLOWQRY", All, All),
    ("^DSFLOWRPT", All, All),
    ("^DSFLOWCLR", All, All),
];

/// Commands whose answers stand bare on their lines and may be shown.
const BARE: &[&str] = &["+CGMI", "+CGMM", "+CGMR", "+CLAC", "^HWVER", "I"];

/// What the names of extended commands begin with.
const SIGNS: [char; 7] = ['+', '^', '$', '*', '%', '&', '!'];

/// Digits and letters in a row that are too few for a code: a PIN has four digits.
pub(super) const SHORT: usize = 3;

/// Lines that end an answer or come by themselves, and hold nothing.
const RESULTS: &[&str] = &[
    "OK",
    "ERROR",
    "RING",
    "BUSY",
    "NO CARRIER",
    "NO ANSWER",
    "NO DIALTONE",
    "COMMAND NOT SUPPORT",
    "TOO MANY PARAMETERS",
];

/// Whether the list knows this command: for the test that holds it against the commands that are sent.
#[cfg(test)]
pub(super) fn knows(name: &str) -> bool {
    is_listed(name)
}

fn is_listed(name: &str) -> bool {
    COMMANDS.iter().any(|(known, ..)| *known == name)
}

fn shown(name: &str) -> (Shown, Shown) {
    let name = name.to_ascii_uppercase();
    COMMANDS
        .iter()
        .find(|(known, ..)| *known == name)
        .map_or((Nothing, Nothing), |(_, to, from)| (*to, *from))
}

/// Follows one dialogue, as what an answer without a name may show depends on what was asked.
#[derive(Clone, Debug, Default)]
pub struct Dialogue {
    bare: bool,
}

impl Dialogue {
    /// The secrets in what the host writes.
    pub fn sent(&mut self, bytes: &[u8]) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        for line in lines(bytes) {
            match command(&bytes[line.clone()]) {
                Some((name, from)) => {
                    hide_name(line.start, from, &name, &mut found);
                    self.bare = BARE.contains(&&*name);
                    arguments(bytes, line.start + from..line.end, &name, &mut found);
                }
                // The text or the PDU of a message.
                None => hide(bytes, line, Nothing, &mut found),
            }
        }
        found
    }

    /// The secrets in what the stick answers.
    pub fn came(&self, bytes: &[u8]) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        for line in lines(bytes) {
            let text = &bytes[line.clone()];
            if let Some((name, from)) = command(text) {
                // The echo.
                hide_name(line.start, from, &name, &mut found);
                arguments(bytes, line.start + from..line.end, &name, &mut found);
            } else if let Some((name, from)) = named(text) {
                // What stands before a colon may be the text of a message.
                if shown(&name).1 == Nothing && !name.starts_with(SIGNS) && !is_listed(&name) {
                    found.push(line);
                    continue;
                }
                hide_name(line.start, from, &name, &mut found);
                hide(bytes, line.start + from..line.end, shown(&name).1, &mut found);
            } else {
                let trimmed = text.trim_ascii();
                let result =
                    RESULTS.iter().any(|r| r.as_bytes() == trimmed) || trimmed.starts_with(b"CONNECT");
                // The rest of an identity, where a report came in the middle of its line.
                let number = trimmed.len() > SHORT + 1 && trimmed.iter().all(u8::is_ascii_digit);
                let harmless = result || trimmed == b">" || trimmed.len() == 1 || (self.bare && !number);
                hide(bytes, line, if harmless { All } else { Nothing }, &mut found);
            }
        }
        found
    }
}

/// The lines of it, without their ends.
fn lines(bytes: &[u8]) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        while bytes.get(at).is_some_and(|b| is_end(*b)) {
            at += 1;
        }
        let start = at;
        while bytes.get(at).is_some_and(|b| !is_end(*b)) {
            at += 1;
        }
        (start < at).then_some(start..at)
    })
}

fn is_end(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n' | 0x1a | 0x1b)
}

/// The name of a command, and where its arguments begin; none when it is no command.
pub(super) fn command(line: &[u8]) -> Option<(String, usize)> {
    if !line.get(..2)?.eq_ignore_ascii_case(b"AT") {
        return None;
    }
    let blanks = line[2..].iter().take_while(|b| **b == b' ').count();
    let rest = &line[2 + blanks..];
    let length = match rest.first() {
        Some(sign) if SIGNS.contains(&char::from(*sign)) => {
            1 + rest[1..].iter().take_while(|b| b.is_ascii_alphanumeric()).count()
        }
        Some(first) if first.is_ascii_alphabetic() => 1,
        Some(_) => return Some(("?".to_owned(), 2 + blanks)),
        None => 0,
    };
    Some((String::from_utf8_lossy(&rest[..length]).to_ascii_uppercase(), 2 + blanks + length))
}

/// The name of an answer's line, and where its value begins.
fn named(line: &[u8]) -> Option<(String, usize)> {
    let colon = line.iter().position(|b| *b == b':')?;
    let name = line[..colon].trim_ascii();
    let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'^' | b' ');
    let is_name = !name.is_empty() && name.len() <= 20 && name.iter().all(plain);
    is_name.then(|| (String::from_utf8_lossy(name).to_ascii_uppercase(), colon + 1))
}

/// Of a name that is not listed the letters are shown, but nothing from its first digit on: somebody may have typed a code there.
fn hide_name(line: usize, end: usize, name: &str, found: &mut Vec<Range<usize>>) {
    let digit = name.bytes().position(|b| b.is_ascii_digit());
    if let Some(digit) = digit.filter(|_| !is_listed(name)) {
        found.push(line + end - (name.len() - digit)..line + end);
    }
}

/// The arguments of a command. Nobody looks at the names of further commands on the line, so they are all hidden.
fn arguments(bytes: &[u8], range: Range<usize>, name: &str, found: &mut Vec<Range<usize>>) {
    let text = &bytes[range.clone()];
    let mut in_quotes = false;
    let ends = |b: &u8| {
        in_quotes ^= *b == b'"';
        *b == b';' && !in_quotes
    };
    let next = text.iter().position(ends).unwrap_or(text.len());
    // A further command may follow without a sign: behind the digits of a basic command, and behind a question.
    let is_basic = name.starts_with(|c: char| c == '&' || c.is_ascii_alphabetic());
    let own = match text.first() {
        _ if is_basic => text.iter().take_while(|b| b.is_ascii_digit()).count(),
        Some(b'?') => 1,
        _ => next,
    };
    let own_range = range.start..range.start + own;
    match shown(name).0 {
        All => unexpected(bytes, own_range, false, found),
        Wide => unexpected(bytes, own_range, true, found),
        other => hide(bytes, own_range, other, found),
    }
    let rest = if own == next { next + 1 } else { own };
    if rest < text.len() {
        found.push(range.start + rest..range.end);
    }
}

/// What no argument of a command with plain arguments is: long, or not of digits and letters. Where `wide`, hex digits may be many.
fn unexpected(bytes: &[u8], range: Range<usize>, wide: bool, found: &mut Vec<Range<usize>>) {
    let is_separator = |b: u8| matches!(b, b',' | b'"' | b'=' | b'?') || wide && b == b';';
    let mut at = range.start;
    while at < range.end {
        let length = bytes[at..range.end].iter().take_while(|b| !is_separator(**b)).count();
        let word = &bytes[at..at + length];
        let is_plain = word.iter().all(u8::is_ascii_alphanumeric);
        let is_hex = wide && word.iter().all(u8::is_ascii_hexdigit) && length < IDENTITY_DIGITS;
        if !(is_plain && length <= SHORT || is_hex) {
            found.push(at..at + length);
        }
        at += length + 1;
    }
}

fn hide(bytes: &[u8], range: Range<usize>, shown: Shown, found: &mut Vec<Range<usize>>) {
    match shown {
        Nothing => {
            // That a command asks (`?`, `=?`) is no secret.
            let question = matches!(&bytes[range.clone()], b"?" | b"=?" | b"");
            let equals = usize::from(bytes.get(range.start) == Some(&b'='));
            if !question {
                found.push(range.start + equals..range.end);
            }
        }
        Numbers => {
            let mut quoted = None;
            for at in range.clone().filter(|at| bytes[*at] == b'"') {
                match quoted.take() {
                    Some(from) => found.push(from..at),
                    None => quoted = Some(at + 1),
                }
            }
            if let Some(from) = quoted {
                found.push(from..range.end);
            }
            long_digits(bytes, range, found);
        }
        Counts => digits(bytes, range, SHORT + 1, found),
        All | Wide => {
            long_digits(bytes, range, found);
        }
    }
}
