//! Hiding secrets and identities before anything is shown or written: PINs, PUKs, passwords, codes, IMEI, IMSI, ICCID,
//! phone numbers, serial numbers, session tokens, addresses.
//!
//! What is masked depends on the link, not on how the bytes look: an AT dialogue ([`Dialogue`]) and a web message ([`web::message`]) are text
//! whatever their bytes, and what is not listed as shown is masked. So are the answers of a USB device ([`Transfers`]). The packets of boot ROMs and
//! of download mode are firmware and no secret.
//!
//! ```
//! use stickshift::mask::{self, Dialogue};
//!
//! assert_eq!(mask::identity("860000000000001"), "86*********0001");
//!
//! // What an answer means follows from the command before it.
//! let mut dialogue = Dialogue::default();
//! assert!(dialogue.sent(b"AT+CGSN\r").is_empty());
//! assert_eq!(dialogue.came(b"\r\n860000000000001\r\n\r\nOK\r\n"), [2..17]);
//! assert_eq!(dialogue.sent(b"AT+CPIN=\"1234\"\r"), [8..14]);
//! ```

mod at;
pub mod mbim;
mod usb;
pub mod web;

use std::ops::Range;

pub use at::Dialogue;
pub use usb::Transfers;

/// Digits in a row that make an identity (IMEI and IMSI have 15, an ICCID 19 or 20).
const IDENTITY_DIGITS: usize = 14;
/// Hex digits in a row that may hold a message with a phone number in it (an SMS in PDU form).
const PDU_DIGITS: usize = 24;
/// Digits after `+` that make a phone number.
const PHONE_DIGITS: usize = 7;

/// Shows the two first and four last characters of an identity: `86*********0001`.
pub fn identity(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    if chars.len() <= 6 {
        return "*".repeat(chars.len());
    }
    let keep = |i: usize| i < 2 || i + 4 >= chars.len();
    chars.iter().enumerate().map(|(i, c)| if keep(i) { *c } else { '*' }).collect()
}

/// Masks everything secret in a text for people, character for character: an AT command by its name, elements by theirs, and in any other
/// text what looks like a number, an identity or a message.
pub fn text(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut ranges = secrets(bytes);
    if at::command(bytes).is_some() {
        ranges.extend(Dialogue::default().sent(bytes));
    } else if text.starts_with('<') {
        ranges.extend(web::body(bytes));
    }
    hidden(text, &ranges)
}

/// What a stick calls itself, its maker or its model: some have a serial number in it, or an IMEI.
pub fn name(text: &str) -> String {
    hidden(text, &secrets(text.as_bytes()))
}

/// The words of a refusal: some repeat what they refuse.
pub(crate) fn words(text: &str) -> String {
    let mut ranges = Vec::new();
    digits(text.as_bytes(), 0..text.len(), at::SHORT + 1, &mut ranges);
    hidden(text, &ranges)
}

fn hidden(text: &str, ranges: &[Range<usize>]) -> String {
    let is_hidden = |at: usize| ranges.iter().any(|range| range.contains(&at));
    text.char_indices().map(|(at, c)| if is_hidden(at) { '*' } else { c }).collect()
}

/// An address or a path of the web without what may be secret in it: a user and a password before the host, a query and what follows.
pub fn address(text: &str) -> String {
    hidden(text, &web::address(text.as_bytes()))
}

/// The places of what looks like a secret in bytes of which nothing else is known, such as a text of a USB device.
pub fn secrets(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let is_text = |b: &u8| matches!(b, b'\r' | b'\n' | b'\t' | 0x1a | 0x1b | 0x20..=0x7e | 0x80..);
    if bytes.iter().all(is_text) {
        long_digits(bytes, 0..bytes.len(), &mut found);
        runs(bytes, u8::is_ascii_hexdigit, PDU_DIGITS, &mut found);
        phones(bytes, &mut found);
        serials(bytes, &mut found);
    }
    found
}

/// Serial numbers in the names of products: `SDXPINN-IDP _SN:0123ABCD`, `.._CID:0123ABCD`, `Module SN:0123ABCD`, `FN990 SN 0123abcd`.
fn serials(bytes: &[u8], found: &mut Vec<Range<usize>>) {
    /// What names no single device.
    const OF_A_KIND: &[&[u8]] = &[b"VID", b"PID", b"REV", b"VER", b"HW", b"SW", b"FW"];
    /// What names one, wherever it stands.
    const OF_ONE: &[&[u8]] = &[b"SN", b"CID", b"ESN", b"IMEI", b"IMSI", b"MEID"];
    for (at, end) in bytes.iter().enumerate().filter(|(_, b)| matches!(b, b':' | b' ' | b'=')) {
        let blanks = bytes[..at].iter().rev().take_while(|b| **b == b' ' && *end != b' ').count();
        let name = &bytes[..at - blanks];
        let length = name.iter().rev().take_while(|b| b.is_ascii_alphabetic()).count();
        let (before, mark) = name.split_at(name.len() - length);
        let of_one = OF_ONE.iter().any(|known| known.eq_ignore_ascii_case(mark))
            || mark.eq_ignore_ascii_case(b"N") && before.to_ascii_uppercase().ends_with(b"S/");
        let joined = *end == b':' && before.last() == Some(&b'_');
        let of_a_kind = OF_A_KIND.contains(&mark) || !mark.iter().all(u8::is_ascii_uppercase);
        if !of_one && (!joined || of_a_kind || !(2..=5).contains(&length)) {
            continue;
        }
        let start = at + 1 + usize::from(*end == b':' && bytes.get(at + 1) == Some(&b' '));
        let length = bytes[start..].iter().take_while(|b| b.is_ascii_alphanumeric()).count();
        let value = &bytes[start..start + length];
        // A word may follow a blank.
        if joined || length > 5 && value.iter().any(u8::is_ascii_digit) {
            found.push(start..start + length);
        }
    }
}

/// Digits in a row that make an identity, also where a list says that nothing is secret.
fn long_digits(bytes: &[u8], range: Range<usize>, found: &mut Vec<Range<usize>>) {
    digits(bytes, range, IDENTITY_DIGITS, found);
}

fn digits(bytes: &[u8], range: Range<usize>, least: usize, found: &mut Vec<Range<usize>>) {
    let from = found.len();
    runs(&bytes[range.clone()], u8::is_ascii_digit, least, found);
    for found in &mut found[from..] {
        *found = found.start + range.start..found.end + range.start;
    }
}

fn runs(bytes: &[u8], is: fn(&u8) -> bool, least: usize, found: &mut Vec<Range<usize>>) {
    let mut start = 0;
    while start < bytes.len() {
        let length = bytes[start..].iter().take_while(|b| is(b)).count();
        if length >= least {
            found.push(start..start + length);
        }
        start += length + 1;
    }
}

fn phones(bytes: &[u8], found: &mut Vec<Range<usize>>) {
    for (at, _) in bytes.iter().enumerate().filter(|(_, b)| **b == b'+') {
        let length = bytes[at + 1..].iter().take_while(|b| b.is_ascii_digit()).count();
        if length >= PHONE_DIGITS {
            found.push(at + 1..at + 1 + length);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serial_numbers_in_names_are_hidden() {
        assert_eq!(text("SDXPINN-IDP _SN:0123ABCD rev 2"), "SDXPINN-IDP _SN:******** rev 2");
        assert_eq!(text("Modem_SN:"), "Modem_SN:");
        assert_eq!(text("LE-IDP_CID:0402_SN:89ABCDEF"), "LE-IDP_CID:****_SN:********");
        assert_eq!(text("HSPA 860000000000001"), "HSPA ***************");
        assert_eq!(text("Module SN:86F44CD61234567"), "Module SN:***************");
        assert_eq!(text("FN990A28 SN 90b8a7d1"), "FN990A28 SN ********");
        assert_eq!(text("FN990 SN : 90b8a7d1 S/N:91f44cd6"), "FN990 SN : ******** S/N:********");
        assert_eq!(text("LE-IDP CID:04020304 imei=8600000000"), "LE-IDP CID:******** imei=**********");
        assert_eq!(text("SN series, IMEI: 86****0001, IMEI none"), "SN series, IMEI: 86****0001, IMEI none");
        assert_eq!(name("AT&T Beam 860000000000001"), "AT&T Beam ***************");
        assert_eq!(text("MODEM_VID:05C6_PID:9025, page_a:b, _:x"), "MODEM_VID:05C6_PID:9025, page_a:b, _:x");
    }

    #[test]
    fn identities_keep_both_ends() {
        assert_eq!(identity("860000000000001"), "86*********0001");
        assert_eq!(identity("1234"), "****");
    }

    fn masked(bytes: &[u8], ranges: Vec<Range<usize>>) -> String {
        let mut bytes = bytes.to_vec();
        for range in ranges {
            bytes[range].fill(b'*');
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }

    #[test]
    fn commands_hide_what_is_secret_or_unknown() {
        for (plain, wanted) in [
            ("AT+CPIN=\"1234\"\r", "AT+CPIN=******\r"),
            ("at+cpin=\"1234\"\r", "at+cpin=******\r"),
            ("AT+CPIN?\r", "AT+CPIN?\r"),
            ("AT+CMGS=\"+4915112345\"\r", "AT+CMGS=*************\r"),
            ("ATD015112345;\r", "ATD*********;\r"),
            ("AT+CPBW=1,\"015112345\",129,\"Mum\"\r", "AT+CPBW=***********************\r"),
            ("AT^AUTHDATA=1,2,\"apn\",\"secret\",\"user\"\r", "AT^AUTHDATA=*************************\r"),
            ("AT+CGAUTH=1,1,\"user\",\"secret\"\r", "AT+CGAUTH=*******************\r"),
            ("AT^OTHERMAKER=secret\r", "AT^OTHERMAKER=******\r"),
            ("AT+CMEE=1;+CPIN=1234\r", "AT+CMEE=1;**********\r"),
            ("AT+CMGF=0\r", "AT+CMGF=0\r"),
            ("AT+CMGF=\"SeCr3t\"\r", "AT+CMGF=\"******\"\r"),
            ("AT+CSQ=SeCr3t\r", "AT+CSQ=******\r"),
            ("AT+CFUN=1234\r", "AT+CFUN=****\r"),
            ("AT+CFUN=1,1\r", "AT+CFUN=1,1\r"),
            ("AT+COPS=4,2,\"SeCr3t\"\r", "AT+COPS=4,2,\"******\"\r"),
            ("AT+COPS=4,2,\"26201\"\r", "AT+COPS=4,2,\"26201\"\r"),
            ("AT+CPMS=\"SM\",\"my secret\"\r", "AT+CPMS=\"SM\",\"*********\"\r"),
            ("ATZ1234\r", "ATZ****\r"),
            ("AT$SECRET1234\r", "AT$SECRET****\r"),
            ("AT^SETPORT=\"FF;10,12,A2\"\r", "AT^SETPORT=\"FF;10,12,A2\"\r"),
            (
                "AT^SYSCFGEX=\"00\",3FFFFFFF,1,2,7FFFFFFFFFFFF,,\r",
                "AT^SYSCFGEX=\"00\",3FFFFFFF,1,2,7FFFFFFFFFFFF,,\r",
            ),
            ("0011000B912143658709F10000AA05C8329BFD06\x1a", "****************************************\x1a"),
            ("Hello\0Mum\x1a", "*********\x1a"),
        ] {
            assert_eq!(masked(plain.as_bytes(), Dialogue::default().sent(plain.as_bytes())), wanted);
        }
    }

    #[test]
    fn answers_hide_what_is_secret_or_unknown_whatever_their_bytes() {
        for (command, plain, wanted) in [
            ("AT+CGSN", "\r\n860000000000001\r\n\r\nOK\r\n", "\r\n***************\r\n\r\nOK\r\n"),
            ("AT+CGMR", "\r\n21.180.01.00.00\r\nOK\r\n", "\r\n21.180.01.00.00\r\nOK\r\n"),
            (
                "ATI",
                "Model: E3372\r\nIMEI: 8600\r\n+GCAP: +CGSM\r\n",
                "Model: E3372\r\nIMEI:*****\r\n+GCAP: +CGSM\r\n",
            ),
            (
                "AT+CMGL=4",
                "+CMGL: 1,\"REC READ\",\"+491\"\r\nHi\0there\r\nOK",
                "+CMGL: 1,\"********\",\"****\"\r\n********\r\nOK",
            ),
            ("AT", "^RSSI: 20\r\n+CLIP: \"+12345678901\",145", "^RSSI: 20\r\n+CLIP:*******************"),
            ("AT", "+CNUM: ,\"0151\",129\r\nOK", "+CNUM:************\r\nOK"),
            ("AT", "^OTHERMAKER: secret\r\n", "^OTHERMAKER:*******\r\n"),
            ("AT+CMGR=1", "Your code 483920: keep it\r\n", "*************************\r\n"),
            ("AT+CPIN", "AT+CFUN=1234\r\r\nERROR\r\n", "AT+CFUN=****\r\r\nERROR\r\n"),
            // What is refused or repeated in an answer.
            ("AT+CPIN", "+CPIN: \"4711\"\r\nERROR\r\n", "+CPIN: \"****\"\r\nERROR\r\n"),
            ("AT^CPIN?", "^CPIN: SIM PIN,3,10,3,10,3\r\n", "^CPIN: SIM PIN,3,10,3,10,3\r\n"),
            ("AT+CPIN", "+CME ERROR: no AT+CPIN=\"4711\"\r\n", "+CME ERROR: no AT+CPIN=\"****\"\r\n"),
            (
                "AT+CMGS=9",
                "+CMS ERROR: bad number +491701234567\r\n",
                "+CMS ERROR: bad number +************\r\n",
            ),
            ("AT+CPIN?", "+CME ERROR: SIM PIN2 required\r\n", "+CME ERROR: SIM PIN2 required\r\n"),
            ("AT+CPIN?", "AT+CPIN?\r\r\n+CPIN: READY\r\nOK\r\n", "AT+CPIN?\r\r\n+CPIN: READY\r\nOK\r\n"),
            (
                "AT",
                "^HCSQ:\"LTE\",30,19,66,0\r\n+CME ERROR: 10\r\n",
                "^HCSQ:\"LTE\",30,19,66,0\r\n+CME ERROR: 10\r\n",
            ),
        ] {
            let mut dialogue = Dialogue::default();
            dialogue.sent(command.as_bytes());
            assert_eq!(masked(plain.as_bytes(), dialogue.came(plain.as_bytes())), wanted);
        }
    }

    #[test]
    fn web_messages_hide_what_is_secret_or_unknown() {
        for (plain, wanted) in [
            (
                "GET /a?b=c\r\nCookie: SessionID=x; a=yz\r\n\r\n",
                "GET /a?***\r\nCookie: SessionID=*; a=**\r\n\r\n",
            ),
            (
                "302\r\nLocation: http://u:p@host/x?token=abc\r\n\r\n",
                "302\r\nLocation: http://***@host/x?*********\r\n\r\n",
            ),
            (
                "200\r\nSet-Cookie: S=x;path=/\r\nX-Other: s\r\n\r\n",
                "200\r\nSet-Cookie: S=*;path=/\r\nX-Other:**\r\n\r\n",
            ),
            (
                "200\r\n\r\n<response><Imei>86</Imei><State>-1</State><New>secret</New></response>",
                "200\r\n\r\n<response><Imei>**</Imei><State>-1</State><New>******</New></response>",
            ),
            ("200\r\n\r\n{\"a\":1}", "200\r\n\r\n*******"),
            (
                "200\r\n\r\n<html><meta name=\"csrf_token\" content=\"abc\"/><script>var t='x\0';</script>",
                "200\r\n\r\n<html><meta name=\"csrf_token\" content=\"***\"/><script>*** ***********</script>",
            ),
        ] {
            let wanted = wanted.replace("*** ***********", "***********");
            assert_eq!(masked(plain.as_bytes(), web::message(plain.as_bytes())), wanted);
        }
    }

    #[test]
    fn addresses_hide_users_and_queries() {
        for (plain, wanted) in [
            ("/api/x?SECRET", "/api/x?******"),
            ("/api/x#SECRET", "/api/x#******"),
            ("/api/x;s=SECRET?a", "/api/x;**********"),
            ("http://admin:pass@192.168.8.1/", "http://**********@192.168.8.1/"),
            ("admin:p@ss@host", "**********@host"),
            ("http://u:a/b@host/x", "http://*****@host/x"),
            ("https://192.168.8.1/html?to=a@b", "https://192.168.8.1/html?******"),
            ("/a@b", "**@b"),
        ] {
            assert_eq!(address(plain), wanted);
        }
    }

    #[test]
    fn texts_for_people_hide_numbers_and_codes() {
        for (plain, wanted) in [
            ("AT^DATALOCK=\"12345678\"", "AT^DATALOCK=**********"),
            ("ATE0+CPIN=\"98765\"", "ATE0*************"),
            ("AT+COPS?D49151", "AT+COPS?******"),
            ("<Password>YWRtaW4=</Password>", "<Password>********</Password>"),
            ("no stick has the IMEI 860000000000001", "no stick has the IMEI ***************"),
            ("21.180.01.00.00", "21.180.01.00.00"),
        ] {
            assert_eq!(text(plain), wanted);
        }
    }

    /// Every command and every element that the sources name has been thought about.
    #[test]
    fn the_lists_know_every_command_and_element_that_is_used() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let sources = |room: &str| -> String {
            let files = std::fs::read_dir(folder.join(room)).unwrap().map(|f| f.unwrap().path());
            let rust = files.filter(|f| f.extension().is_some_and(|e| e == "rs") && !f.ends_with("tests.rs"));
            let product = |text: String| text.split("#[cfg(test)]").next().unwrap_or_default().to_owned();
            rust.map(|f| product(std::fs::read_to_string(f).unwrap())).collect()
        };
        let mut missing = Vec::new();
        let mut counted = 0;
        for source in [sources("at"), sources("modem")] {
            for quoted in source.split("\"AT").skip(1) {
                let command = format!("AT{}", quoted.split('"').next().unwrap());
                let (name, _) = at::command(command.trim_end_matches('\\').as_bytes()).unwrap();
                counted += 1;
                if !at::knows(&name) && !["^NOSUCH", "^UNHEARD", "^X", "T"].contains(&&*name) {
                    missing.push(command);
                }
            }
        }
        let hilink = sources("hilink");
        for call in ["string(\"", "number(\"", "flag(\"", "text(\"", "child(\"", "children(\""] {
            for name in hilink.split(call).skip(1).map(|rest| rest.split('"').next().unwrap()) {
                counted += 1;
                let known = web::is_shown(name) || web::HIDDEN.contains(&&*name.to_ascii_lowercase());
                let container =
                    ["Messages", "Message", "Profiles", "Profile", "Networks", "Network"].contains(&name);
                if !known && !container {
                    missing.push(name.to_owned());
                }
            }
        }
        assert!(missing.is_empty(), "not in the lists of mask/: {missing:?}");
        assert!(counted > 100, "{counted} names were found");
    }
}
