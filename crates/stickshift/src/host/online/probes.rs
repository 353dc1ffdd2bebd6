//! Echoes, names and pages through one interface.

use std::io::{self, Read, Write};
use std::mem::MaybeUninit;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use smoltcp::wire::{
    DnsFlags, DnsOpcode, DnsPacket, DnsQueryType, DnsQuestion, DnsRcode, DnsRecord, DnsRecordData, DnsRepr,
};
use socket2::{Domain, Protocol, Socket, Type};

use super::netlink::failed;
use crate::error::Result;
use crate::online::computer::Card;
use crate::online::probe::{Answer, Probe};

/// The largest head of a page that is looked at.
const LARGEST_HEAD: usize = 16 * 1024;

pub(super) fn ask(card: &Card, probe: &Probe) -> Result<Answer> {
    let answer = match probe {
        Probe::Echo { to, bytes, limit } => echo(card, *to, *bytes, *limit),
        Probe::Name { server, name, v6, limit } => resolve(card, *server, name, *v6, *limit),
        Probe::Page { to, host, limit } => page(card, *to, host, *limit),
    };
    answer.or_else(|error| {
        let number = error.raw_os_error().unwrap_or(0);
        of_error(&error).ok_or_else(|| failed("the computer cannot ask through the interface", number))
    })
}

/// What an error tells of the way and of whoever was asked; `None` where it is the computer's own.
fn of_error(error: &io::Error) -> Option<Answer> {
    Some(match (error.kind(), error.raw_os_error()) {
        (_, Some(libc::EMSGSIZE)) => Answer::TooLarge,
        (_, Some(libc::ENETUNREACH | libc::EHOSTUNREACH | libc::ECONNREFUSED | libc::ENETDOWN)) => {
            Answer::Unreachable
        }
        (_, Some(libc::EADDRNOTAVAIL)) => Answer::Unreachable,
        (io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut, _)
        | (io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe, _)
        | (io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData, _) => Answer::Silence,
        _ => return None,
    })
}

/// A socket of a kind that sends through one interface alone.
fn bound(card: &Card, to: IpAddr, kind: Type, protocol: Option<Protocol>) -> io::Result<Socket> {
    let domain = if to.is_ipv6() { Domain::IPV6 } else { Domain::IPV4 };
    let socket = Socket::new(domain, kind, protocol)?;
    socket.bind_device(Some(card.name.as_bytes()))?;
    Ok(socket)
}

/// Waits for what `read` takes, until the end.
fn await_answer<T>(
    socket: &Socket,
    end: Instant,
    mut read: impl FnMut(&[u8]) -> Option<T>,
) -> io::Result<Option<T>> {
    let mut buffer = [MaybeUninit::<u8>::uninit(); 4096];
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(None);
        }
        socket.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
        let n = match socket.recv(&mut buffer) {
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        // SAFETY: the system has written the first n bytes.
        #[allow(unsafe_code)]
        let bytes = unsafe { std::slice::from_raw_parts(buffer.as_ptr().cast::<u8>(), n) };
        if let Some(found) = read(bytes) {
            return Ok(Some(found));
        }
    }
}

fn echo(card: &Card, to: IpAddr, bytes: u16, limit: Duration) -> io::Result<Answer> {
    let v6 = to.is_ipv6();
    let protocol = if v6 { Protocol::ICMPV6 } else { Protocol::ICMPV4 };
    let socket = bound(card, to, Type::RAW, Some(protocol))?;
    never_split(&socket, v6)?;
    let mut id = [0; 2];
    crate::random::fill(&mut id);
    let (head, request, reply) = if v6 { (40, 128, 129) } else { (20, 8, 0) };
    let mut packet = vec![request, 0, 0, 0, id[0], id[1], 0, 1];
    packet.resize(usize::from(bytes).saturating_sub(head).max(8), 0x2a);
    if !v6 {
        let sum = checksum(&packet);
        packet[2..4].copy_from_slice(&sum.to_be_bytes());
    }
    let start = Instant::now();
    socket.send_to(&packet, &SocketAddr::new(to, 0).into())?;
    let is_ours = |heard: &[u8]| {
        // IPv4 comes with its header.
        let body = if v6 { heard } else { heard.get(usize::from(heard.first()? & 15) * 4..)? };
        (body.first() == Some(&reply) && body.get(4..6) == Some(&id[..])).then_some(())
    };
    let heard = await_answer(&socket, start + limit, is_ours)?;
    Ok(heard.map_or(Answer::Silence, |()| Answer::Echo(start.elapsed())))
}

/// Packets go as they are, whatever the system believes of the way.
fn never_split(socket: &Socket, v6: bool) -> io::Result<()> {
    let (level, option) = if v6 {
        (libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER)
    } else {
        (libc::IPPROTO_IP, libc::IP_MTU_DISCOVER)
    };
    let value: libc::c_int = libc::IP_PMTUDISC_PROBE;
    // SAFETY: the option takes an int, and that is what is given, with its size.
    #[allow(unsafe_code)]
    let done = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            option,
            std::ptr::from_ref(&value).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn checksum(bytes: &[u8]) -> u16 {
    let word = |pair: &[u8]| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0));
    let mut sum: u32 = bytes.chunks(2).map(word).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

fn resolve(card: &Card, server: IpAddr, name: &str, v6: bool, limit: Duration) -> io::Result<Answer> {
    let socket = bound(card, server, Type::DGRAM, None)?;
    let mut id = [0; 2];
    crate::random::fill(&mut id);
    let id = u16::from_be_bytes(id);
    let Some(name) = labels(name) else { return Ok(Answer::Addresses(Vec::new())) };
    let type_ = if v6 { DnsQueryType::Aaaa } else { DnsQueryType::A };
    let query = DnsRepr {
        transaction_id: id,
        opcode: DnsOpcode::Query,
        flags: DnsFlags::RECURSION_DESIRED,
        question: DnsQuestion { name: &name, type_ },
    };
    let mut bytes = vec![0; query.buffer_len()];
    query.emit(&mut DnsPacket::new_unchecked(&mut bytes[..]));
    socket.connect(&SocketAddr::new(server, 53).into())?;
    socket.send(&bytes)?;
    let heard = await_answer(&socket, Instant::now() + limit, |heard| read_answer(heard, id))?;
    Ok(heard.unwrap_or(Answer::Silence))
}

/// A name as DNS writes it.
fn labels(name: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for label in name.trim_end_matches('.').split('.') {
        if label.is_empty() || label.len() > 63 {
            return None;
        }
        bytes.push(label.len() as u8);
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    (bytes.len() <= 255).then_some(bytes)
}

fn read_answer(bytes: &[u8], id: u16) -> Option<Answer> {
    let packet = DnsPacket::new_checked(bytes).ok()?;
    if packet.transaction_id() != id || !packet.flags().contains(DnsFlags::RESPONSE) {
        return None;
    }
    match packet.rcode() {
        DnsRcode::NoError | DnsRcode::NXDomain => {}
        code => return Some(Answer::Refused(u8::from(code))),
    }
    let mut rest = packet.payload();
    for _ in 0..packet.question_count().min(4) {
        rest = DnsQuestion::parse(rest).ok()?.0;
    }
    let mut addresses = Vec::new();
    for _ in 0..packet.answer_record_count().min(64) {
        let Ok((next, record)) = DnsRecord::parse(rest) else { break };
        rest = next;
        match record.data {
            DnsRecordData::A(address) => addresses.push(IpAddr::V4(Ipv4Addr::from(address.octets()))),
            DnsRecordData::Aaaa(address) => addresses.push(IpAddr::V6(Ipv6Addr::from(address.octets()))),
            _ => {}
        }
    }
    Some(Answer::Addresses(addresses))
}

fn page(card: &Card, to: IpAddr, host: &str, limit: Duration) -> io::Result<Answer> {
    let end = Instant::now() + limit;
    let socket = bound(card, to, Type::STREAM, None)?;
    socket.connect_timeout(&SocketAddr::new(to, 80).into(), limit)?;
    socket.set_write_timeout(Some(limit))?;
    let host: String = host.chars().filter(|c| c.is_ascii_graphic()).collect();
    let mut stream = std::net::TcpStream::from(socket);
    // In one piece: a server may close after the first.
    let request = format!(
        "GET /generate_204 HTTP/1.1\r\nHost: {host}\r\nUser-Agent: stickshift\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes())?;
    let mut head = Vec::new();
    let mut buffer = [0; 2048];
    loop {
        let left = end.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        stream.set_read_timeout(Some(left))?;
        let n = stream.read(&mut buffer)?;
        head.extend_from_slice(&buffer[..n]);
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut response = httparse::Response::new(&mut headers);
        match response.parse(&head) {
            Ok(httparse::Status::Complete(_)) => {
                let to = response.headers.iter().find(|h| h.name.eq_ignore_ascii_case("location"));
                let to = to.map(|h| String::from_utf8_lossy(h.value).chars().take(300).collect());
                return Ok(Answer::Page { status: response.code.unwrap_or(0), to });
            }
            Ok(httparse::Status::Partial) if n > 0 && head.len() < LARGEST_HEAD && Instant::now() < end => {}
            // Something answers that is no web server: a portal, mostly.
            _ if !head.is_empty() => return Ok(Answer::Page { status: 0, to: None }),
            _ => return Ok(Answer::Silence),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_answer_is_read_with_compressed_names() {
        // a.b: A 192.0.2.1, behind a question.
        let mut bytes = vec![0, 7, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0];
        bytes.extend([1, b'a', 1, b'b', 0, 0, 1, 0, 1]);
        bytes.extend([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1]);
        assert_eq!(read_answer(&bytes, 7), Some(Answer::Addresses(vec![[192, 0, 2, 1].into()])));
        assert_eq!(read_answer(&bytes, 8), None);
        bytes[3] = 0x85;
        assert_eq!(read_answer(&bytes, 7), Some(Answer::Refused(5)));
    }

    #[test]
    fn a_server_that_closes_early_is_no_fault_of_the_computer() {
        let of = |number| of_error(&io::Error::from_raw_os_error(number));
        assert_eq!([of(libc::EPIPE), of(libc::ECONNRESET)], [Some(Answer::Silence), Some(Answer::Silence)]);
        assert_eq!(of(libc::EMFILE), None);
    }

    #[test]
    fn checksums_and_names() {
        assert_eq!(checksum(&[8, 0, 0, 0, 0, 1, 0, 1]), 0xf7fd);
        assert_eq!(labels("a.bc"), Some(vec![1, b'a', 2, b'b', b'c', 0]));
        assert_eq!(labels("a..b"), None);
    }

    proptest! {
        #[test]
        fn nothing_that_a_server_says_is_too_much(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            read_answer(&bytes, 0);
        }
    }
}
