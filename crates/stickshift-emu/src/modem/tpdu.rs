//! Short messages as the stick stores and takes them: 3GPP TS 23.040 transfer units, small and on its own
//! (docs/protocols/hilink-at.md section 3.7). Of the 7-bit alphabet only the part that it shares with ASCII is known here.

use stickshift::hex;

/// A message that the host wants sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SmsSubmit {
    pub(crate) phone: String,
    pub(crate) text: String,
    /// Reference, number of parts and part of a long message.
    pub(crate) part: Option<(u16, u8, u8)>,
}

/// The service centre that every stored message names.
const CENTRE: &str = "+12345678901";

/// Characters of the 7-bit alphabet that stand elsewhere in ASCII.
const MOVED: [(char, u8); 3] = [('@', 0x00), ('$', 0x02), ('_', 0x11)];

fn to_septet(c: char) -> Option<u8> {
    if let Some(&(_, code)) = MOVED.iter().find(|m| m.0 == c) {
        return Some(code);
    }
    let same = c.is_ascii_alphanumeric() || " !\"#%&'()*+,-./:;<=>?\n\r".contains(c);
    same.then_some(c as u8)
}

fn from_septet(code: u8) -> char {
    let moved = MOVED.iter().find(|m| m.1 == code).map(|m| m.0);
    moved.unwrap_or(if code < 0x80 && to_septet(code as char) == Some(code) { code as char } else { '?' })
}

/// Packs septets, the first at bit `at`.
fn pack(septets: &[u8], at: usize) -> Vec<u8> {
    let mut bytes = vec![0; (at + septets.len() * 7).div_ceil(8)];
    for (i, &septet) in septets.iter().enumerate() {
        for bit in 0..7 {
            let to = at + i * 7 + bit;
            bytes[to / 8] |= (septet >> bit & 1) << (to % 8);
        }
    }
    bytes
}

fn unpack(bytes: &[u8], at: usize, count: usize) -> Option<Vec<u8>> {
    let bit = |n: usize| bytes.get(n / 8).map(|b| b >> (n % 8) & 1);
    (0..count).map(|i| (0..7).try_fold(0, |all, n| Some(all | bit(at + i * 7 + n)? << n))).collect()
}

/// The digits of a number, swapped in pairs.
fn swapped(digits: &str) -> Vec<u8> {
    let digits: Vec<u8> = digits.bytes().map(|b| b.wrapping_sub(b'0') & 0x0f).collect();
    digits.chunks(2).map(|pair| pair.get(1).copied().unwrap_or(0x0f) << 4 | pair[0]).collect()
}

fn kind_and_digits(phone: &str) -> (u8, &str) {
    phone.strip_prefix('+').map_or((0x81, phone), |digits| (0x91, digits))
}

/// The centre, its length in octets first, as it stands before a transfer unit.
fn centre() -> Vec<u8> {
    let (kind, digits) = kind_and_digits(CENTRE);
    let digits = swapped(digits);
    [&[digits.len() as u8 + 1, kind], digits.as_slice()].concat()
}

/// A message that arrived from `phone` at `YYYY-MM-DD HH:MM:SS`: one transfer unit for each part, with the centre in front.
pub(crate) fn deliver(phone: &str, text: &str, date: &str, reference: u8) -> Vec<Vec<u8>> {
    let septets: Option<Vec<u8>> = text.chars().map(to_septet).collect();
    let units: Vec<u16> = text.encode_utf16().collect();
    let parts: Vec<Vec<u8>> = match &septets {
        Some(all) if all.len() > 160 => all.chunks(153).map(<[u8]>::to_vec).collect(),
        Some(all) => vec![all.clone()],
        None => units.chunks(if units.len() > 70 { 67 } else { 70 }).map(be_bytes).collect(),
    };
    let total = parts.len() as u8;
    let one = |(number, part): (u8, Vec<u8>)| {
        let header = [0x05, 0x00, 0x03, reference, total, number];
        let header = if total > 1 { &header[..] } else { &[] };
        let (kind, digits) = kind_and_digits(phone);
        let mut unit = vec![if total > 1 { 0x44 } else { 0x04 }, digits.len() as u8, kind];
        unit.extend(swapped(digits));
        unit.extend([0x00, if septets.is_some() { 0x00 } else { 0x08 }]);
        let stamp: String = date.chars().filter(char::is_ascii_digit).skip(2).collect();
        unit.extend(swapped(&stamp));
        unit.push(0x00);
        if septets.is_some() {
            // The text begins at the next septet after the header.
            let skip = (header.len() * 8).div_ceil(7);
            unit.push((skip + part.len()) as u8);
            let mut bytes = pack(&part, skip * 7);
            bytes[..header.len()].copy_from_slice(header);
            unit.extend(bytes);
        } else {
            unit.push((header.len() + part.len()) as u8);
            unit.extend(header);
            unit.extend(part);
        }
        [centre(), unit].concat()
    };
    (1..).zip(parts).map(one).collect()
}

/// A message as it stays in the store when it was sent, without a centre: the SIM's own.
pub(crate) fn submitted(phone: &str, text: &str) -> Vec<u8> {
    let (kind, digits) = kind_and_digits(phone);
    let septets: Vec<u8> = text.chars().map(|c| to_septet(c).unwrap_or(b'?')).collect();
    let mut unit = vec![0x00, 0x11, 0x00, digits.len() as u8, kind];
    unit.extend(swapped(digits));
    unit.extend([0x00, 0x00, 0xaa, septets.len() as u8]);
    unit.extend(pack(&septets, 0));
    unit
}

/// What became of the message with this reference (3GPP TS 23.040 section 9.2.2.3): when the centre took it, when it ended, and how.
pub(crate) fn report(phone: &str, reference: u8, taken: &str, ended: &str, status: u8) -> Vec<u8> {
    let (kind, digits) = kind_and_digits(phone);
    let mut unit = vec![0x06, reference, digits.len() as u8, kind];
    unit.extend(swapped(digits));
    for date in [taken, ended] {
        let stamp: String = date.chars().filter(char::is_ascii_digit).skip(2).collect();
        unit.extend(swapped(&stamp));
        unit.push(0x00);
    }
    unit.push(status);
    [centre(), unit].concat()
}

fn be_bytes(units: &[u16]) -> Vec<u8> {
    units.iter().flat_map(|u| u.to_be_bytes()).collect()
}

/// Takes a message to be sent apart, the centre in front; also says how long it is without the centre.
pub(crate) fn submit(bytes: &[u8]) -> Option<(SmsSubmit, usize)> {
    let mut rest = bytes;
    let mut take = |n: usize| -> Option<&[u8]> {
        let (head, tail) = rest.split_at_checked(n)?;
        rest = tail;
        Some(head)
    };
    let centre = usize::from(*take(1)?.first()?);
    take(centre)?;
    let unit = bytes.len() - 1 - centre;
    let [first, _reference] = *take(2)? else { return None };
    if first & 0x03 != 0x01 {
        return None;
    }
    let [digits, kind] = *take(2)? else { return None };
    let number = take(usize::from(digits).div_ceil(2))?;
    let number = number.iter().flat_map(|b| [b & 0x0f, b >> 4]).take(usize::from(digits));
    let mut phone = if kind == 0x91 { "+".to_owned() } else { String::new() };
    phone.extend(number.map(|d| char::from(b'0' + d.min(9))));
    let [_protocol, scheme] = *take(2)? else { return None };
    // No validity, one octet of it, or seven.
    take([0, 7, 1, 7][usize::from(first >> 3 & 3)])?;
    let length = usize::from(take(1)?[0]);
    let octets = if scheme & 0x0c == 0 { (length * 7).div_ceil(8) } else { length };
    let data = take(octets)?;
    if !rest.is_empty() {
        return None;
    }
    let header = if first & 0x40 != 0 { data.get(..usize::from(*data.first()?) + 1)? } else { &[] };
    let part = match header {
        [5, 0, 3, reference, total, number] => Some((u16::from(*reference), *total, *number)),
        [6, 8, 4, high, low, total, number] => Some((u16::from_be_bytes([*high, *low]), *total, *number)),
        _ => None,
    };
    let text = match scheme & 0x0c {
        0x00 => {
            let skip = (header.len() * 8).div_ceil(7);
            let septets = unpack(data, skip * 7, length.checked_sub(skip)?)?;
            septets.into_iter().map(from_septet).collect()
        }
        0x08 => {
            let units =
                data[header.len()..].chunks(2).map(|p| u16::from_be_bytes([p[0], *p.get(1).unwrap_or(&0)]));
            String::from_utf16_lossy(&units.collect::<Vec<u16>>())
        }
        _ => return None,
    };
    Some((SmsSubmit { phone, text, part }, unit))
}

/// Text as packed septets in hexadecimal digits, for USSD; `None` when it has other characters.
pub(crate) fn packed(text: &str) -> Option<String> {
    let septets: Vec<u8> = text.chars().map(to_septet).collect::<Option<_>>()?;
    Some(hex::encode_upper(&pack(&septets, 0)))
}

/// The other way round.
pub(crate) fn unpacked(digits: &str) -> Option<String> {
    let bytes = hex::decode(digits)?;
    let text: String = unpack(&bytes, 0, bytes.len() * 8 / 7)?.into_iter().map(from_septet).collect();
    // Seven spare bits look like one more `@`.
    Some(if bytes.len() % 7 == 0 { text.strip_suffix('@').unwrap_or(&text).to_owned() } else { text })
}

/// Text as UCS-2 in hexadecimal digits.
pub(crate) fn wide(text: &str) -> String {
    hex::encode_upper(&be_bytes(&text.encode_utf16().collect::<Vec<_>>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(phone: &str, text: &str) -> SmsSubmit {
        SmsSubmit { phone: phone.into(), text: text.into(), part: None }
    }

    /// docs/protocols/hilink-at.md section 3.7.
    #[test]
    fn the_documents_messages() {
        let hello = hex::decode("0011000B912143658709F10000AA05C8329BFD06").unwrap();
        assert_eq!(submit(&hello), Some((plain("+12345678901", "Hello"), 19)));
        let wide = hex::decode("0011000B912143658709F10008AA0C041F04400438043204350442").unwrap();
        assert_eq!(submit(&wide), Some((plain("+12345678901", "Привет"), 26)));
        let arrived = deliver("+12345678901", "Hello", "2026-11-20 13:00:50", 0);
        assert_eq!(
            hex::encode_upper(&arrived[0]),
            "07912143658709F1040B912143658709F100006211023100050005C8329BFD06"
        );
        assert_eq!(
            hex::encode_upper(&submitted("+12345678901", "Hello")),
            "0011000B912143658709F10000AA05C8329BFD06"
        );
        let report = report("+12345678901", 42, "2026-11-20 13:00:50", "2026-11-20 13:00:51", 0);
        assert_eq!(
            hex::encode_upper(&report),
            "07912143658709F1062A0B912143658709F1621102310005006211023100150000"
        );
        assert_eq!(packed("*100#").as_deref(), Some("AA180C3602"));
        assert_eq!(unpacked("AA180C3602").as_deref(), Some("*100#"));
    }

    #[test]
    fn cut_messages_are_none() {
        let hello = hex::decode("0011000B912143658709F10000AA05C8329BFD06").unwrap();
        for n in 0..hello.len() {
            assert_eq!(submit(&hello[..n]), None, "{n}");
        }
        let longer = [&hello[..], &[0]].concat();
        assert_eq!(submit(&longer), None);
    }

    #[test]
    fn long_messages_come_in_parts() {
        let text = "0123456789".repeat(17);
        let parts = deliver("123", &text, "2026-11-20 13:00:50", 7);
        assert_eq!(parts.len(), 2);
        // A header of six octets takes seven septets.
        assert_eq!(parts[0][8 + 2 + 2 + 1 + 2 + 7], 160);
        assert_eq!(parts[1][8 + 2 + 2 + 1 + 2 + 7], 7 + 17);
        assert_eq!(deliver("123", &"П".repeat(71), "2026-11-20 13:00:50", 7).len(), 2);
    }
}
