//! Stateless DHCPv6: the question for name servers and its answer (RFC 8415 sections 8, 18.2.6 and 21, RFC 3646 section 3).
//!
//! ```
//! use stickshift::wire::dhcp6;
//!
//! let question = dhcp6::information_request(0x01_02_03, [2, 0x53, 1, 2, 3, 4]);
//! assert_eq!(question[..4], [11, 1, 2, 3]);
//! // An answer to another question is none to this one.
//! assert_eq!(dhcp6::name_servers(&[7, 9, 9, 9], 0x01_02_03), None);
//! ```

use core::net::Ipv6Addr;

const INFORMATION_REQUEST: u8 = 11;
const REPLY: u8 = 7;
const CLIENT_ID: u16 = 1;
const SERVER_ID: u16 = 2;
const WANTED: u16 = 6;
const ELAPSED: u16 = 8;
const NAME_SERVERS: u16 = 23;

/// Most name servers that are taken from one answer.
const MOST_SERVERS: usize = 8;

/// The question for name servers, of the client with this hardware address; `number` (24 bits of it) comes back with the answer.
pub fn information_request(number: u32, mac: [u8; 6]) -> Vec<u8> {
    let [_, a, b, c] = number.to_be_bytes();
    let mut message = vec![INFORMATION_REQUEST, a, b, c];
    let mut add = |code: u16, value: &[u8]| {
        message.extend(code.to_be_bytes());
        message.extend((value.len() as u16).to_be_bytes());
        message.extend(value);
    };
    // DUID-LL of Ethernet.
    add(CLIENT_ID, &[&[0, 3, 0, 1][..], &mac].concat());
    add(WANTED, &NAME_SERVERS.to_be_bytes());
    add(ELAPSED, &[0, 0]);
    message
}

/// The name servers of an answer to the question with this number; `None` for anything else.
pub fn name_servers(answer: &[u8], number: u32) -> Option<Vec<Ipv6Addr>> {
    let [_, a, b, c] = number.to_be_bytes();
    let [REPLY, n0, n1, n2, options @ ..] = answer else { return None };
    let mut options = options;
    if [*n0, *n1, *n2] != [a, b, c] {
        return None;
    }
    let (mut servers, mut has_server_id) = (Vec::new(), false);
    while let [c0, c1, l0, l1, rest @ ..] = options {
        let value = rest.get(..usize::from(u16::from_be_bytes([*l0, *l1])))?;
        match u16::from_be_bytes([*c0, *c1]) {
            SERVER_ID => has_server_id = true,
            NAME_SERVERS => {
                let each = value.chunks_exact(16).filter_map(|b| <[u8; 16]>::try_from(b).ok());
                servers.extend(each.map(Ipv6Addr::from).filter(|a| !a.is_unspecified() && !a.is_multicast()));
            }
            _ => {}
        }
        options = &rest[value.len()..];
    }
    servers.truncate(MOST_SERVERS);
    (has_server_id && options.is_empty()).then_some(servers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ANSWER: [u8; 34] = [
        7, 1, 2, 3, 0, 2, 0, 6, 0, 3, 0, 1, 9, 9, 0, 23, 0, 16, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0x34,
    ];

    #[test]
    fn the_question_octet_by_octet() {
        let mac = [0x02, 0x53, 1, 2, 3, 4];
        let message = information_request(0xff01_0203, mac);
        assert_eq!(message[..4], [11, 1, 2, 3]);
        assert_eq!(message[4..18], [0, 1, 0, 10, 0, 3, 0, 1, 0x02, 0x53, 1, 2, 3, 4]);
        assert_eq!(message[18..], [0, 6, 0, 2, 0, 23, 0, 8, 0, 2, 0, 0]);
    }

    #[test]
    fn an_answer_is_ours_whole_and_of_a_server() {
        let server: Ipv6Addr = "2001:db8::34".parse().unwrap();
        assert_eq!(name_servers(&ANSWER, 0x01_0203), Some(vec![server]));
        assert_eq!(name_servers(&ANSWER, 0x01_0204), None, "somebody else's");
        for cut in 0..ANSWER.len() {
            let heard = name_servers(&ANSWER[..cut], 0x01_0203);
            assert!(heard.is_none_or(|servers| cut == 14 && servers.is_empty()), "{cut}");
        }
        let mut advertise = ANSWER;
        advertise[0] = 2;
        assert_eq!(name_servers(&advertise, 0x01_0203), None);
        let mut anonymous = ANSWER;
        anonymous[5] = 99;
        assert_eq!(name_servers(&anonymous, 0x01_0203), None, "a server names itself");
    }

    proptest! {
        #[test]
        fn nothing_that_a_server_says_is_too_much(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let mut answer = vec![7, 0, 0, 0];
            answer.extend(bytes);
            prop_assert!(name_servers(&answer, 0).is_none_or(|servers| servers.len() <= MOST_SERVERS));
        }
    }
}
