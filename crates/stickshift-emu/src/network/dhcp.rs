//! The stick's DHCP server: one lease, always the same (RFC 2131 as far as a single host needs it).

use smoltcp::wire::Ipv4Address;

pub(crate) const SERVER_PORT: u16 = 67;
pub(crate) const CLIENT_PORT: u16 = 68;

/// Where the options begin: after the fixed fields and the magic cookie.
const OPTIONS: usize = 240;
const COOKIE: [u8; 4] = [99, 130, 83, 99];
/// What a host is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lease {
    /// The server, which is the router, too.
    pub(crate) server: Ipv4Address,
    pub(crate) host: Ipv4Address,
    pub(crate) mask: Ipv4Address,
    pub(crate) dns: Vec<Ipv4Address>,
    pub(crate) mtu: Option<u16>,
    pub(crate) seconds: u32,
}

const DISCOVER: u8 = 1;
const OFFER: u8 = 2;
const REQUEST: u8 = 3;
const ACK: u8 = 5;
const NAK: u8 = 6;
const INFORM: u8 = 8;

/// The answer to a client's message; `None` for what is none, or wants no answer.
pub(crate) fn reply(request: &[u8], lease: &Lease) -> Option<Vec<u8>> {
    if request.len() < OPTIONS || request[0] != 1 || request[236..OPTIONS] != COOKIE {
        return None;
    }
    let (server_address, host) = (lease.server.octets(), lease.host.octets());
    let option = |code| option(&request[OPTIONS..], code);
    // A request that chose another server's offer is not for this one.
    if option(54).is_some_and(|server| server != server_address) {
        return None;
    }
    let kind = match (*option(53)?.first()?, option(50)) {
        (DISCOVER, _) => OFFER,
        (REQUEST, Some(wanted)) if wanted != host => NAK,
        (REQUEST | INFORM, _) => ACK,
        _ => return None,
    };
    let mut reply = vec![0; OPTIONS];
    reply[0] = 2;
    // Ethernet, transaction, flags, relay and the client's address are those of the request.
    reply[1..3].copy_from_slice(&request[1..3]);
    reply[4..8].copy_from_slice(&request[4..8]);
    reply[10..12].copy_from_slice(&request[10..12]);
    reply[24..44].copy_from_slice(&request[24..44]);
    reply[236..].copy_from_slice(&COOKIE);
    let mut add = |code: u8, value: &[u8]| {
        reply.extend([code, value.len() as u8]);
        reply.extend(value);
    };
    add(53, &[kind]);
    add(54, &server_address);
    if kind != NAK {
        add(51, &lease.seconds.to_be_bytes());
        add(1, &lease.mask.octets());
        add(3, &server_address);
        add(6, &lease.dns.iter().flat_map(Ipv4Address::octets).collect::<Vec<u8>>());
        if let Some(mtu) = lease.mtu {
            add(26, &mtu.to_be_bytes());
        }
        reply[16..20].copy_from_slice(&host);
        reply[20..24].copy_from_slice(&server_address);
    }
    reply.push(255);
    Some(reply)
}

fn option(mut options: &[u8], wanted: u8) -> Option<&[u8]> {
    loop {
        match options {
            [255, ..] | [] => return None,
            [0, rest @ ..] => options = rest,
            [code, length, rest @ ..] => {
                let value = rest.get(..usize::from(*length))?;
                if *code == wanted {
                    return Some(value);
                }
                options = &rest[value.len()..];
            }
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease() -> Lease {
        let server = Ipv4Address::new(192, 168, 8, 1);
        Lease {
            server,
            host: Ipv4Address::new(192, 168, 8, 100),
            mask: Ipv4Address::new(255, 255, 255, 0),
            dns: vec![server],
            mtu: None,
            seconds: 60,
        }
    }

    fn message(options: &[u8]) -> Vec<u8> {
        let mut all = vec![0; OPTIONS];
        all[..8].copy_from_slice(&[1, 1, 6, 0, 0xde, 0xad, 0xbe, 0xef]);
        all[28..34].copy_from_slice(&[0x0c, 0x5b, 0x8f, 0x27, 0x9a, 0x64]);
        all[236..].copy_from_slice(&COOKIE);
        all.extend(options);
        all
    }

    #[test]
    fn a_lease_with_gateway_and_name_server() {
        let offer = reply(&message(&[53, 1, DISCOVER, 255]), &lease()).unwrap();
        assert_eq!((offer[0], &offer[4..8]), (2, &[0xde, 0xad, 0xbe, 0xef][..]));
        assert_eq!(offer[16..20], [192, 168, 8, 100]);
        assert_eq!(offer[28..34], [0x0c, 0x5b, 0x8f, 0x27, 0x9a, 0x64]);
        let of = |code| option(&offer[OPTIONS..], code).unwrap().to_vec();
        assert_eq!(of(53), [OFFER]);
        assert_eq!(
            (of(3), of(6), of(1)),
            (vec![192, 168, 8, 1], vec![192, 168, 8, 1], vec![255, 255, 255, 0])
        );
        let request = [53, 1, REQUEST, 0, 50, 4, 192, 168, 8, 100, 54, 4, 192, 168, 8, 1, 255];
        let ack = reply(&message(&request), &lease()).unwrap();
        assert_eq!(option(&ack[OPTIONS..], 53), Some(&[ACK][..]));
    }

    #[test]
    fn other_addresses_are_refused_and_other_servers_left_alone() {
        let nak = reply(&message(&[53, 1, REQUEST, 50, 4, 10, 0, 0, 7, 255]), &lease()).unwrap();
        assert_eq!(option(&nak[OPTIONS..], 53), Some(&[NAK][..]));
        assert_eq!(nak[16..20], [0; 4]);
        assert_eq!(reply(&message(&[53, 1, REQUEST, 54, 4, 10, 0, 0, 1, 255]), &lease()), None);
    }

    #[test]
    fn nonsense_gets_no_answer() {
        let whole = message(&[53, 1, DISCOVER, 255]);
        for cut in 0..OPTIONS + 3 {
            assert_eq!(reply(&whole[..cut], &lease()), None, "{cut}");
        }
        assert_eq!(reply(&message(&[53, 200, 1]), &lease()), None);
        assert_eq!(reply(&message(&[]), &lease()), None);
    }
}
