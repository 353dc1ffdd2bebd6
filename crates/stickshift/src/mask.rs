//! Hiding secrets and identities before anything is shown or written: PINs, PUKs, passwords, codes, IMEI, IMSI, ICCID,
//! phone numbers, serial numbers, session tokens.

use std::ops::Range;

/// AT commands, answers and headers of web messages after which the rest of the line is secret or an identity.
const SECRET_LINES: &[&str] = &[
    "+CPIN=",
    "+CPWD=",
    "+CLCK=",
    "^DATALOCK=",
    "^CARDLOCK=",
    "^CPIN=",
    "+CUSD=",
    "+CUSD:",
    "+CNUM:",
    "^SN:",
    "^NDISDUP=",
    "\n__requestverificationtoken:",
    "\n__requestverificationtokenone:",
    "\n__requestverificationtokentwo:",
    "\nauthorization:",
];

/// XML elements of the HiLink API whose content is secret or an identity. Compared without case.
const SECRET_ELEMENTS: &[&str] = &[
    "password",
    "imei",
    "imsi",
    "iccid",
    "msisdn",
    "serialnumber",
    "macaddress1",
    "macaddress2",
    "phone",
    "currentpin",
    "newpin",
    "pukcode",
    "simsavepinpin",
    "simlockcode",
    "clientproof",
    "firstnonce",
    "finalnonce",
    "servernonce",
    "salt",
    "serversignature",
    "sesinfo",
    "tokinfo",
    "token",
    "content",
];

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

/// Masks everything secret in a text for people, character for character.
pub fn text(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for range in secrets(&bytes) {
        bytes[range].fill(b'*');
    }
    String::from_utf8(bytes).unwrap_or_else(|_| "*".repeat(text.chars().count()))
}

/// The places of everything secret in bytes that went over a link. Bytes that are not text hold none: firmware and loaders
/// are no secrets, and masking in them would only damage the record.
pub fn secrets(bytes: &[u8]) -> Vec<Range<usize>> {
    let is_text = |b: &u8| matches!(b, b'\r' | b'\n' | b'\t' | 0x1a | 0x1b | 0x20..=0x7e | 0x80..);
    if !bytes.iter().all(is_text) {
        return Vec::new();
    }
    let mut found = Vec::new();
    runs(bytes, u8::is_ascii_digit, IDENTITY_DIGITS, &mut found);
    runs(bytes, u8::is_ascii_hexdigit, PDU_DIGITS, &mut found);
    phones(bytes, &mut found);
    commands(bytes, &mut found);
    cookies(bytes, &mut found);
    elements(bytes, &mut found);
    found
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

fn commands(bytes: &[u8], found: &mut Vec<Range<usize>>) {
    for name in SECRET_LINES {
        for at in positions(bytes, name.as_bytes()) {
            let start = at + name.len();
            let length = bytes[start..].iter().take_while(|b| !matches!(b, b'\r' | b'\n')).count();
            found.push(start..start + length);
        }
    }
}

/// The values of cookies: the first pair of a `Set-Cookie`, every pair of a `Cookie`. Names and attributes stay, so that a record can be
/// played back.
fn cookies(bytes: &[u8], found: &mut Vec<Range<usize>>) {
    for (name, pairs) in [("\ncookie:", usize::MAX), ("\nset-cookie:", 1)] {
        for at in positions(bytes, name.as_bytes()) {
            let start = at + name.len();
            let length = bytes[start..].iter().take_while(|b| !matches!(b, b'\r' | b'\n')).count();
            let mut pair_at = start;
            for pair in bytes[start..start + length].split(|b| *b == b';').take(pairs) {
                let value = pair.iter().position(|b| *b == b'=').map_or(0, |equals| equals + 1);
                found.push(pair_at + value..pair_at + pair.len());
                pair_at += pair.len() + 1;
            }
        }
    }
}

fn elements(bytes: &[u8], found: &mut Vec<Range<usize>>) {
    for name in SECRET_ELEMENTS {
        let open = format!("<{name}>");
        for at in positions(bytes, open.as_bytes()) {
            let start = at + open.len();
            let length = bytes[start..].iter().take_while(|b| **b != b'<').count();
            found.push(start..start + length);
        }
    }
}

/// Where `needle` stands in `bytes`, compared without case.
fn positions<'a>(bytes: &'a [u8], needle: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    bytes.windows(needle.len()).enumerate().filter(|(_, w)| w.eq_ignore_ascii_case(needle)).map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_keep_both_ends() {
        assert_eq!(identity("860000000000001"), "86*********0001");
        assert_eq!(identity("1234"), "****");
    }

    #[test]
    fn secrets_are_hidden_and_the_rest_stays() {
        for (plain, masked) in [
            ("AT+CPIN=\"1234\"\r", "AT+CPIN=******\r"),
            ("at+cpin=\"1234\"\r\r\nOK\r\n", "at+cpin=******\r\r\nOK\r\n"),
            ("\r\n860000000000001\r\n\r\nOK\r\n", "\r\n***************\r\n\r\nOK\r\n"),
            ("+CLIP: \"+12345678901\",145", "+CLIP: \"+***********\",145"),
            ("<Password>YWRtaW4=</Password>", "<Password>********</Password>"),
            ("<Imei>860000000000001</Imei>", "<Imei>***************</Imei>"),
            ("AT^DATALOCK=\"12345678\"", "AT^DATALOCK=**********"),
            ("0011000B912143658709F10000AA05C8329BFD06\x1a", "****************************************\x1a"),
            ("GET /\r\nCookie: SessionID=x; a=yz\r\n\r\n", "GET /\r\nCookie: SessionID=*; a=**\r\n\r\n"),
            ("200\r\nSet-Cookie: S=x;path=/\r\n", "200\r\nSet-Cookie: S=*;path=/\r\n"),
            ("+CNUM: ,\"0151\",129\r\nOK", "+CNUM:************\r\nOK"),
            ("^HCSQ:\"LTE\",30,19,66,0", "^HCSQ:\"LTE\",30,19,66,0"),
            ("21.180.01.00.00", "21.180.01.00.00"),
        ] {
            assert_eq!(text(plain), masked);
        }
    }

    #[test]
    fn firmware_blocks_are_left_alone() {
        let mut block = b"\x7e\x42\0\0\0\x01\x10\0".to_vec();
        block.extend(b"860000000000001");
        assert!(secrets(&block).is_empty());
    }
}
