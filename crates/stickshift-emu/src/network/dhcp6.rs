//! The network's DHCPv6 server: no addresses, which hosts make themselves, but name servers for whoever asks (RFC 8415 section 18.3.6, RFC 3646).

use std::net::Ipv6Addr;

pub(super) const SERVER_PORT: u16 = 547;
pub(super) const CLIENT_PORT: u16 = 546;

const INFORMATION_REQUEST: u8 = 11;
const REPLY: u8 = 7;
const CLIENT_ID: u16 = 1;
const SERVER_ID: u16 = 2;
const WANTED: u16 = 6;
const NAME_SERVERS: u16 = 23;
/// By the link-layer address of the router.
const OWN_ID: [u8; 10] = [0, 3, 0, 1, 0x02, 0x50, 0xf3, 0, 0, 0];

/// The answer to a message of a client; `None` for what is none, or wants something else.
pub(super) fn reply(request: &[u8], dns: &[Ipv6Addr]) -> Option<Vec<u8>> {
    let [INFORMATION_REQUEST, a, b, c, options @ ..] = request else { return None };
    let asked = option(options, WANTED)?;
    let mut reply = vec![REPLY, *a, *b, *c];
    let mut add = |code: u16, value: &[u8]| {
        reply.extend(code.to_be_bytes());
        reply.extend((value.len() as u16).to_be_bytes());
        reply.extend(value);
    };
    if let Some(client) = option(options, CLIENT_ID) {
        add(CLIENT_ID, client);
    }
    add(SERVER_ID, &OWN_ID);
    if asked.chunks(2).any(|code| code == NAME_SERVERS.to_be_bytes()) {
        add(NAME_SERVERS, &dns.iter().flat_map(Ipv6Addr::octets).collect::<Vec<u8>>());
    }
    Some(reply)
}

fn option(mut options: &[u8], wanted: u16) -> Option<&[u8]> {
    while let [c0, c1, l0, l1, rest @ ..] = options {
        let value = rest.get(..usize::from(u16::from_be_bytes([*l0, *l1])))?;
        if u16::from_be_bytes([*c0, *c1]) == wanted {
            return Some(value);
        }
        options = &rest[value.len()..];
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_servers_are_told_to_whoever_asks_for_them() {
        let dns: Vec<Ipv6Addr> = vec!["2001:db8::1".parse().unwrap()];
        let request = [11, 1, 2, 3, 0, 1, 0, 2, 9, 9, 0, 6, 0, 4, 0, 23, 0, 24];
        let answer = reply(&request, &dns).unwrap();
        assert_eq!(answer[..10], [7, 1, 2, 3, 0, 1, 0, 2, 9, 9]);
        assert!(answer.ends_with(&dns[0].octets()));
        let other = [11, 1, 2, 3, 0, 6, 0, 2, 0, 24];
        assert_eq!(reply(&other, &dns).unwrap().len(), 4 + 4 + OWN_ID.len());
        assert_eq!(reply(&[1, 1, 2, 3, 0, 6, 0, 2, 0, 23], &dns), None, "a request for an address");
        for cut in 0..request.len() {
            assert_eq!(reply(&request[..cut], &dns), None, "{cut}");
        }
    }
}
