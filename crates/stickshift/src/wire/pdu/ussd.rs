//! USSD texts: packed 7-bit, UCS2 or plain, whatever the data coding scheme says (3GPP TS 23.038 section 5, TS 27.007 section 7.15).

use crate::hex;
use crate::wire::pdu::alphabet::{
    Alphabet, Shift, from_gsm7, from_ucs2, pack, text_of_octets, to_gsm7, unpack,
};

/// A USSD request as packed 7-bit: `*100#` is `AA 18 0C 36 02`. `None` when a character is not in the alphabet.
pub fn pack_ussd(text: &str) -> Option<Vec<u8>> {
    let mut codes = to_gsm7(text)?;
    // Seven spare bits would read as one more '@': the standard fills them with CR, and doubles a CR that really ends there.
    if codes.len() % 8 == 7 || (codes.len().is_multiple_of(8) && codes.last() == Some(&b'\r')) {
        codes.push(b'\r');
    }
    Some(pack(&codes, 0))
}

/// A USSD text as the stick gave it, in words. `scheme` is what the stick says about its coding, and many say something else than they
/// do: what the scheme stands for is taken where it makes sense, else whichever reading does. What makes no sense in any is given as it
/// came, for it is plain already.
pub fn ussd_text(raw: &str, scheme: u8) -> String {
    let Some(octets) = hex::decode(raw).filter(|b| !b.is_empty()) else { return raw.to_owned() };
    let declared = alphabet_of(scheme);
    if raw.bytes().all(|b| b.is_ascii_digit()) {
        return digits(raw, &octets, declared, scheme);
    }
    if let Some(text) = shown_by_every_octet(&octets, declared) {
        return text;
    }
    let all = [Alphabet::Gsm7, Alphabet::Ucs2, Alphabet::Data];
    let readings = all.into_iter().filter_map(|alphabet| {
        let text = read(&octets, alphabet, scheme)?;
        let bonus = if alphabet == declared { 15 } else { 0 };
        // Two characters may make sense by chance.
        let counts = alphabet == declared || text.chars().nth(2).is_some();
        let counts = counts && (has_word(&text) || alphabet == declared && is_plain(&text));
        Some((sense(&text, alphabet).filter(|_| counts)? + bonus, text))
    });
    match readings.max_by_key(|(sense, _)| *sense) {
        Some((sense, text)) if sense >= 60 => text,
        _ => raw.to_owned(),
    }
}

/// A text whose every octet shows how it is coded: six or more that are all plain ASCII, of which packed 7-bit text has one in two at most
/// by chance, or UCS-2 in which only emoji stand beside Latin letters.
/// Two octets of a Chinese character may both be ASCII, too: where UCS-2 is declared, a blank or a digit tells them apart.
fn shown_by_every_octet(octets: &[u8], declared: Alphabet) -> Option<String> {
    let ascii = std::str::from_utf8(octets).ok().filter(|text| octets.len() >= 6 && is_plain(text));
    let tells =
        |text: &&str| declared != Alphabet::Ucs2 || text.contains(|c: char| c == ' ' || c.is_ascii_digit());
    let ascii = ascii.filter(tells);
    if let Some(ascii) = ascii {
        return Some(ascii.to_owned());
    }
    let units: Vec<u16> = octets.chunks_exact(2).map(|unit| u16::from_be_bytes([unit[0], unit[1]])).collect();
    let text = String::from_utf16(&units).ok().filter(|_| octets.len().is_multiple_of(2))?;
    let is_latin = |c: char| c == '\n' || c == '\r' || (c < '\u{100}' && !c.is_control());
    let latin = text.chars().filter(|c| is_latin(*c)).count();
    let is_it = latin >= 2 && text.chars().all(|c| is_latin(c) || c > '\u{ffff}');
    is_it.then_some(text)
}

/// Three letters in a row or a blank: codes in hexadecimal read as text by chance rarely have one.
fn has_word(text: &str) -> bool {
    text.contains(' ') || text.split(|c: char| !c.is_alphabetic()).any(|word| word.chars().nth(2).is_some())
}

/// What an amount or a short answer is made of.
fn is_plain(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || " .,:;-+*#/()$€\r\n".contains(c))
}

/// Digits alone are mostly what they look like, a number or a balance: coded texts of any length have letters among their digits. Only
/// where one of the codings shows in every octet they are read by it.
fn digits(raw: &str, octets: &[u8], declared: Alphabet, scheme: u8) -> String {
    let units: Vec<&[u8]> = octets.chunks(2).collect();
    let whole = octets.len().is_multiple_of(2);
    let first = octets[0];
    let one_script = whole && units.iter().all(|unit| unit[0] == first || unit[0] == 0);
    let wide = one_script && (units.len() > 1 || declared == Alphabet::Ucs2) && first < 0x10;
    let ascii = octets.len() >= 3 && octets.iter().all(|octet| (0x30..=0x39).contains(octet));
    let alphabet = match () {
        () if wide => Alphabet::Ucs2,
        () if ascii => Alphabet::Data,
        () => return raw.to_owned(),
    };
    read(octets, alphabet, scheme)
        .filter(|text| sense(text, alphabet).is_some())
        .unwrap_or_else(|| raw.to_owned())
}

/// TS 23.038 section 5, the cell broadcast scheme that USSD uses.
fn alphabet_of(scheme: u8) -> Alphabet {
    match scheme {
        0x11 => Alphabet::Ucs2,
        0x40..=0x7f => Alphabet::of_bits(scheme >> 2),
        0xf0..=0xff if scheme & 4 != 0 => Alphabet::Data,
        _ => Alphabet::Gsm7,
    }
}

fn read(octets: &[u8], alphabet: Alphabet, scheme: u8) -> Option<String> {
    match alphabet {
        Alphabet::Gsm7 => {
            let mut codes = unpack(octets, usize::MAX, 0);
            if codes.len().is_multiple_of(8) && matches!(codes.last(), Some(b'\r' | 0)) {
                codes.pop();
            }
            let text = from_gsm7(&codes, Shift::default());
            // Scheme 10: two letters that name the language, and CR.
            let named = |text: &str| text.as_bytes().get(2) == Some(&b'\r') && text.is_char_boundary(3);
            Some(if scheme == 0x10 && named(&text) { text[3..].to_owned() } else { text })
        }
        Alphabet::Ucs2 => {
            // Scheme 11: the language as two packed letters, in two octets.
            let octets = if scheme == 0x11 && names_a_language(octets) { &octets[2..] } else { octets };
            if octets.len() < 2 {
                return None;
            }
            let text = from_ucs2(octets);
            let end = text.find('\0').unwrap_or(text.len());
            (end > 0).then(|| text[..end].to_owned())
        }
        Alphabet::Data => text_of_octets(octets),
    }
}

fn names_a_language(octets: &[u8]) -> bool {
    unpack(octets.get(..2).unwrap_or_default(), 2, 0).iter().all(u8::is_ascii_lowercase)
}

/// How much a text looks like one that somebody wrote, 0 to 100; `None` for what nobody writes.
fn sense(text: &str, alphabet: Alphabet) -> Option<usize> {
    let odd = |c: char| matches!(c, '\u{e000}'..='\u{f8ff}' | '\u{fff0}'..='\u{ffff}');
    let broken = |c: char| (c.is_control() && !matches!(c, '\n' | '\r' | '\t')) || odd(c);
    if text.is_empty() || text.chars().any(broken) {
        return None;
    }
    let foreign: Vec<char> = text.chars().filter(|c| !c.is_ascii()).collect();
    // Letters of one script stand in one block; chance spreads over all of them.
    let script = |c: char| match c as u32 {
        0x3040..=0x30ff | 0x4e00..=0x9fff | 0xff00..=0xffef | 0x3000..=0x303f => 0x4e,
        0xac00..=0xd7a3 => 0xac,
        other => other >> 8,
    };
    let common =
        |c: char| foreign.iter().filter(|f| script(**f) == script(c)).count() * 10 >= foreign.len() * 7;
    let weight = |c: char| match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' | ' ' => 100,
        '@' => 20,
        _ if c.is_ascii() => 80,
        // The accents of the 7-bit alphabet stand among letters; its Greek capitals and its signs rarely stand anywhere.
        '\u{c0}'..='\u{ff}' => 55,
        '\u{391}'..='\u{3a9}' if alphabet == Alphabet::Gsm7 => 30,
        '\u{80}'..='\u{bf}' => 30,
        '€' => 80,
        _ if c.is_alphabetic() && common(c) => 95,
        _ => 40,
    };
    Some(text.chars().map(weight).sum::<usize>() / text.chars().count())
}
