//! The GSM 7-bit alphabets (3GPP TS 23.038 section 6.2 and annex A) and their packing.

const ESCAPE: u8 = 0x1b;

/// One table of 128 characters by code; 1B is the escape into a shift table.
type Table = [char; 128];

/// The default alphabet.
const DEFAULT: Table = [
    '@', '£', '$', '¥', 'è', 'é', 'ù', 'ì', 'ò', 'Ç', '\n', 'Ø', 'ø', '\r', 'Å', 'å', //
    'Δ', '_', 'Φ', 'Γ', 'Λ', 'Ω', 'Π', 'Ψ', 'Σ', 'Θ', 'Ξ', '\u{1b}', 'Æ', 'æ', 'ß', 'É', //
    ' ', '!', '"', '#', '¤', '%', '&', '\'', '(', ')', '*', '+', ',', '-', '.', '/', //
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', ':', ';', '<', '=', '>', '?', //
    '¡', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O', //
    'P', 'Q', 'R', 'S', 'T', 'U', 'V', 'W', 'X', 'Y', 'Z', 'Ä', 'Ö', 'Ñ', 'Ü', '§', //
    '¿', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', //
    'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z', 'ä', 'ö', 'ñ', 'ü', 'à', //
];

/// The Turkish locking shift table, annex A.3.1.
const TURKISH: Table = [
    '@', '£', '$', '¥', '€', 'é', 'ù', 'ı', 'ò', 'Ç', '\n', 'Ğ', 'ğ', '\r', 'Å', 'å', //
    'Δ', '_', 'Φ', 'Γ', 'Λ', 'Ω', 'Π', 'Ψ', 'Σ', 'Θ', 'Ξ', '\u{1b}', 'Ş', 'ş', 'ß', 'É', //
    ' ', '!', '"', '#', '¤', '%', '&', '\'', '(', ')', '*', '+', ',', '-', '.', '/', //
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', ':', ';', '<', '=', '>', '?', //
    'İ', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O', //
    'P', 'Q', 'R', 'S', 'T', 'U', 'V', 'W', 'X', 'Y', 'Z', 'Ä', 'Ö', 'Ñ', 'Ü', '§', //
    'ç', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', //
    'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z', 'ä', 'ö', 'ñ', 'ü', 'à', //
];

/// The Portuguese locking shift table, annex A.3.3.
const PORTUGUESE: Table = [
    '@', '£', '$', '¥', 'ê', 'é', 'ú', 'í', 'ó', 'ç', '\n', 'Ô', 'ô', '\r', 'Á', 'á', //
    'Δ', '_', 'ª', 'Ç', 'À', '∞', '^', '\\', '€', 'Ó', '|', '\u{1b}', 'Â', 'â', 'Ê', 'É', //
    ' ', '!', '"', '#', 'º', '%', '&', '\'', '(', ')', '*', '+', ',', '-', '.', '/', //
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', ':', ';', '<', '=', '>', '?', //
    'Í', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O', //
    'P', 'Q', 'R', 'S', 'T', 'U', 'V', 'W', 'X', 'Y', 'Z', 'Ã', 'Õ', 'Ú', 'Ü', '§', //
    '~', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', //
    'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z', 'ã', 'õ', '`', 'ü', 'à', //
];

/// Characters that take an escape and a code.
type Shifted = &'static [(u8, char)];

/// What every single shift table holds: the default extension table but for its euro sign.
const COMMON: Shifted = &[
    (0x0a, '\u{c}'),
    (0x14, '^'),
    (0x28, '{'),
    (0x29, '}'),
    (0x2f, '\\'),
    (0x3c, '['),
    (0x3d, '~'),
    (0x3e, ']'),
    (0x40, '|'),
    (0x65, '€'),
];

/// Annex A.2.1.
const TURKISH_SINGLE: Shifted =
    &[(0x47, 'Ğ'), (0x49, 'İ'), (0x53, 'Ş'), (0x63, 'ç'), (0x67, 'ğ'), (0x69, 'ı'), (0x73, 'ş')];

/// Annex A.2.2.
const SPANISH_SINGLE: Shifted = &[
    (0x09, 'ç'),
    (0x41, 'Á'),
    (0x49, 'Í'),
    (0x4f, 'Ó'),
    (0x55, 'Ú'),
    (0x61, 'á'),
    (0x69, 'í'),
    (0x6f, 'ó'),
    (0x75, 'ú'),
];

/// Annex A.2.3.
const PORTUGUESE_SINGLE: Shifted = &[
    (0x05, 'ê'),
    (0x09, 'ç'),
    (0x0b, 'Ô'),
    (0x0c, 'ô'),
    (0x0e, 'Á'),
    (0x0f, 'á'),
    (0x12, 'Φ'),
    (0x13, 'Γ'),
    (0x15, 'Ω'),
    (0x16, 'Π'),
    (0x17, 'Ψ'),
    (0x18, 'Σ'),
    (0x19, 'Θ'),
    (0x1f, 'Ê'),
    (0x41, 'À'),
    (0x49, 'Í'),
    (0x4f, 'Ó'),
    (0x55, 'Ú'),
    (0x5b, 'Ã'),
    (0x5c, 'Õ'),
    (0x61, 'Â'),
    (0x69, 'í'),
    (0x6f, 'ó'),
    (0x75, 'ú'),
    (0x7b, 'ã'),
    (0x7c, 'õ'),
    (0x7f, 'â'),
];

/// Which national tables a text uses, by the language identifiers of TS 23.038 section 6.2.1.2.4; 0 is the default. A language without a
/// table here is read with the default one, as the standard has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shift {
    /// In place of the default alphabet: 1 Turkish, 3 Portuguese.
    pub locking: u8,
    /// After an escape: 1 Turkish, 2 Spanish, 3 Portuguese.
    pub single: u8,
}

impl Shift {
    fn table(self) -> &'static Table {
        match self.locking {
            1 => &TURKISH,
            3 => &PORTUGUESE,
            _ => &DEFAULT,
        }
    }

    fn escaped(self, code: u8) -> Option<char> {
        let national = match self.single {
            1 => TURKISH_SINGLE,
            2 => SPANISH_SINGLE,
            3 => PORTUGUESE_SINGLE,
            _ => &[],
        };
        national.iter().chain(COMMON).find(|(c, _)| *c == code).map(|(_, character)| *character)
    }
}

/// The text as 7-bit codes of the default alphabet, one per byte, escapes included; `None` when a character is not in it.
pub fn to_gsm7(text: &str) -> Option<Vec<u8>> {
    let mut codes = Vec::with_capacity(text.len());
    for c in text.chars() {
        if let Some(code) = DEFAULT.iter().position(|&a| a == c && a != '\u{1b}') {
            codes.push(code as u8);
        } else {
            let (code, _) = COMMON.iter().find(|(_, e)| *e == c)?;
            codes.extend_from_slice(&[ESCAPE, *code]);
        }
    }
    Some(codes)
}

/// The text of 7-bit codes. An escape with an unknown code gives the alphabet's own character, as the standard has it.
pub fn from_gsm7(codes: &[u8], shift: Shift) -> String {
    let table = shift.table();
    let mut text = String::with_capacity(codes.len());
    let mut escaped = false;
    for &code in codes {
        let plain = table[usize::from(code & 0x7f)];
        if escaped {
            text.push(shift.escaped(code).unwrap_or(if code == ESCAPE { ' ' } else { plain }));
            escaped = false;
        } else if code == ESCAPE {
            escaped = true;
        } else {
            text.push(plain);
        }
    }
    text
}

/// Packs 7-bit codes, least significant bits first, after `fill` zero bits (0 to 6) that align the text behind a header.
pub fn pack(codes: &[u8], fill: usize) -> Vec<u8> {
    let mut out = vec![0; (codes.len() * 7 + fill).div_ceil(8)];
    for (i, &code) in codes.iter().enumerate() {
        let bit = fill + i * 7;
        let word = u16::from(code & 0x7f) << (bit % 8);
        out[bit / 8] |= word as u8;
        if word > 0xff {
            out[bit / 8 + 1] |= (word >> 8) as u8;
        }
    }
    out
}

/// Takes `count` 7-bit codes out of packed bytes, after `fill` bits; fewer when the bytes end first.
pub fn unpack(bytes: &[u8], count: usize, fill: usize) -> Vec<u8> {
    let there = (bytes.len() * 8).saturating_sub(fill) / 7;
    (0..count.min(there))
        .map(|i| {
            let bit = fill + i * 7;
            let next = bytes.get(bit / 8 + 1).copied().unwrap_or(0);
            ((u16::from_le_bytes([bytes[bit / 8], next]) >> (bit % 8)) & 0x7f) as u8
        })
        .collect()
}

/// Whether a piece of 7-bit codes ends in the first half of a character.
pub(super) fn ends_in_escape(codes: &[u8]) -> bool {
    codes.last() == Some(&ESCAPE)
}

/// Big-endian UTF-16; half characters become U+FFFD.
pub(super) fn from_ucs2(bytes: &[u8]) -> String {
    let units = bytes.chunks_exact(2).map(|u| u16::from_be_bytes([u[0], u[1]]));
    char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// A second half of a character that big-endian UTF-16 begins with, and a first half that it ends with.
pub(super) fn halves_at_the_ends(bytes: &[u8]) -> (Option<u16>, Option<u16>) {
    let unit = |pair: &[u8]| u16::from_be_bytes([pair[0], pair[1]]);
    let mut units = bytes.chunks_exact(2).map(unit);
    let (last, first) = (bytes.chunks_exact(2).next_back().map(unit), units.next());
    (
        first.filter(|unit| (0xdc00..0xe000).contains(unit)),
        last.filter(|unit| (0xd800..0xdc00).contains(unit)),
    )
}

/// How a text is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alphabet {
    /// GSM 7-bit.
    Gsm7,
    /// 8-bit data.
    Data,
    /// UCS2, read and written as UTF-16.
    Ucs2,
}

impl Alphabet {
    pub(super) fn of_bits(bits: u8) -> Alphabet {
        match bits & 3 {
            1 => Alphabet::Data,
            2 => Alphabet::Ucs2,
            _ => Alphabet::Gsm7,
        }
    }

    /// TS 23.038 section 4, the data coding scheme of a message.
    pub(super) fn of_scheme(scheme: u8) -> Alphabet {
        match scheme >> 4 {
            0x0..=0x7 => Alphabet::of_bits(scheme >> 2),
            0xe => Alphabet::Ucs2,
            0xf if scheme & 4 != 0 => Alphabet::Data,
            _ => Alphabet::Gsm7,
        }
    }
}

/// 8-bit data as a text: UTF-8, or Latin-1 that is mostly ASCII; `None` when it does not read as either.
pub fn text_of_octets(bytes: &[u8]) -> Option<String> {
    let end = bytes.iter().rposition(|&b| b != 0).map_or(0, |last| last + 1);
    let bytes = &bytes[..end];
    let reads = |text: &str| {
        !text.is_empty() && text.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t'))
    };
    if let Ok(text) = str::from_utf8(bytes) {
        return reads(text).then(|| text.to_owned());
    }
    let ascii = bytes.iter().filter(|b| b.is_ascii()).count();
    let text: String = bytes.iter().map(|&b| char::from(b)).collect();
    (ascii * 4 >= bytes.len() * 3 && reads(&text)).then_some(text)
}
