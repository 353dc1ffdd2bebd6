//! The operator's name server (RFC 1035 as far as one question needs it): every name has an IPv4 and an IPv6 address that only depend on the
//! name. `.invalid` has none (RFC 2606).

use std::net::{Ipv4Addr, Ipv6Addr};

pub(crate) const PORT: u16 = 53;

const HEADER: usize = 12;
const A: u16 = 1;
const AAAA: u16 = 28;
const INTERNET: u16 = 1;
const NO_SUCH_NAME: u8 = 3;
const TTL_S: u32 = 60;
/// A name in its wire form.
const LONGEST_NAME: usize = 255;

/// The answer to a query; `None` for what is none. `translated`: the network has IPv6 alone, and reaches IPv4 by addresses that begin with
/// 64:ff9b::, as a question for `ipv4only.arpa` shows (RFC 7050).
pub(crate) fn answer(query: &[u8], translated: bool) -> Option<Vec<u8>> {
    // A standard query, with one question.
    if query.len() < HEADER || query[2] & 0xf8 != 0 || query[4..6] != [0, 1] {
        return None;
    }
    let (name, end) = name(query)?;
    let &[t0, t1, c0, c1] = query.get(end..end + 4)? else { return None };
    let (kind, class) = (u16::from_be_bytes([t0, t1]), u16::from_be_bytes([c0, c1]));
    let missing = name == "invalid" || name.ends_with(".invalid");
    let data = match (kind, class) {
        _ if missing => None,
        (A, INTERNET) => Some(ipv4(&name).octets().to_vec()),
        (AAAA, INTERNET) if name == "ipv4only.arpa" => {
            translated.then(|| Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0xc000, 0x00aa).octets().to_vec())
        }
        (AAAA, INTERNET) => Some(ipv6(&name).octets().to_vec()),
        _ => None,
    };
    let mut reply = query[..2].to_vec();
    // A response, as recursive as was wished.
    reply.extend([0x80 | query[2] & 0x01, 0x80 | if missing { NO_SUCH_NAME } else { 0 }]);
    reply.extend([0, 1, 0, u8::from(data.is_some()), 0, 0, 0, 0]);
    reply.extend_from_slice(&query[HEADER..end + 4]);
    if let Some(data) = data {
        // The name is the one at byte 12.
        reply.extend([0xc0, HEADER as u8]);
        reply.extend(kind.to_be_bytes());
        reply.extend(class.to_be_bytes());
        reply.extend(TTL_S.to_be_bytes());
        reply.extend((data.len() as u16).to_be_bytes());
        reply.extend(data);
    }
    Some(reply)
}

/// The name of the question in small letters, and where it ends.
fn name(query: &[u8]) -> Option<(String, usize)> {
    let (mut name, mut at) = (String::new(), HEADER);
    loop {
        let length = usize::from(*query.get(at)?);
        at += 1;
        if length == 0 {
            return Some((name, at));
        }
        let label = query.get(at..at + length).filter(|_| length < 64 && at - HEADER < LONGEST_NAME)?;
        if !name.is_empty() {
            name.push('.');
        }
        name.extend(label.iter().map(|&byte| char::from(byte.to_ascii_lowercase())));
        at += length;
    }
}

/// In 198.18.0.0/15, which is for tests (RFC 2544).
pub(crate) fn ipv4(name: &str) -> Ipv4Addr {
    match name {
        "ipv4only.arpa" => Ipv4Addr::new(192, 0, 0, 170),
        name => Ipv4Addr::from(u32::from(Ipv4Addr::new(198, 18, 0, 0)) | hash(name) as u32 & 0x0001_ffff),
    }
}

/// In 2001:db8:fffe::/48, which is for documentation.
pub(crate) fn ipv6(name: &str) -> Ipv6Addr {
    Ipv6Addr::from(0x2001_0db8_fffe_u128 << 80 | u128::from(hash(name)))
}

/// FNV-1a.
fn hash(name: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    name.bytes().fold(0xcbf2_9ce4_8422_2325, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(name: &str, kind: u16) -> Vec<u8> {
        let mut all = vec![0xab, 0xcd, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in name.split('.') {
            all.push(label.len() as u8);
            all.extend(label.bytes());
        }
        all.extend([0, 0, kind as u8, 0, 1]);
        all
    }

    #[test]
    fn names_have_addresses_of_both_families() {
        let asked = query("Example.ORG", A);
        let reply = answer(&asked, false).unwrap();
        assert_eq!(reply[..12], [0xab, 0xcd, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
        assert_eq!(reply[12..asked.len()], asked[12..]);
        assert_eq!(reply[asked.len()..asked.len() + 12], [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        assert_eq!(reply[asked.len() + 12..], ipv4("example.org").octets());
        let asked = query("example.org", AAAA);
        let reply = answer(&asked, false).unwrap();
        assert_eq!(reply[asked.len() + 12..], ipv6("example.org").octets());
        assert_ne!(ipv4("example.org"), ipv4("example.com"));
    }

    #[test]
    fn what_has_none_says_so() {
        let reply = answer(&query("printer.invalid", A), false).unwrap();
        assert_eq!((reply[3] & 0x0f, reply[7]), (3, 0));
        // A mail exchanger: the name is there, and has none.
        let reply = answer(&query("example.org", 15), false).unwrap();
        assert_eq!((reply[3] & 0x0f, reply[7]), (0, 0));
        assert_eq!(answer(&query("ipv4only.arpa", AAAA), false).unwrap()[7], 0);
        let asked = query("ipv4only.arpa", AAAA);
        let reply = answer(&asked, true).unwrap();
        assert_eq!(reply[asked.len() + 12..][..4], [0x00, 0x64, 0xff, 0x9b]);
        assert_eq!(reply[reply.len() - 4..], [192, 0, 0, 170]);
    }

    #[test]
    fn nonsense_gets_no_answer() {
        let whole = query("a.example", A);
        for cut in 0..whole.len() {
            assert_eq!(answer(&whole[..cut], false), None, "{cut}");
        }
        let mut response = whole.clone();
        response[2] |= 0x80;
        assert_eq!(answer(&response, false), None);
        // A pointer to itself.
        let circle = [&whole[..12], &[0xc0, 12, 0, 1, 0, 1]].concat();
        assert_eq!(answer(&circle, false), None);
    }
}
