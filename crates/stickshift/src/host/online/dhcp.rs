//! A DHCPv4 client for one interface: discover, request, renew (RFC 2131). Packets go through a packet socket, as the interface has no address
//! yet; their codec is smoltcp's.

use std::io;
use std::mem::MaybeUninit;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    DHCP_CLIENT_PORT, DHCP_SERVER_PORT, DhcpMessageType, DhcpPacket, DhcpRepr, EthernetAddress, IpAddress,
    IpProtocol, Ipv4Packet, Ipv4Repr, UdpPacket, UdpRepr,
};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::netlink::failed;
use crate::error::{Error, ErrorKind, Result};
use crate::event::Cancel;
use crate::online::computer::{Card, DhcpLease, Network};

/// `ETH_P_IP`.
const IP: u16 = 0x0800;

/// How long one answer is waited for, at first; doubled with every repetition up to 8 s.
const FIRST_WAIT: Duration = Duration::from_millis(800);

/// The option of the largest packet.
const OPTION_MTU: u8 = 26;

/// Subnet mask, router, name servers, largest packet, lease time, when to renew.
const WANTED: &[u8] = &[1, 3, 6, OPTION_MTU, 51, 58];

/// Asks the server behind `card`, which has this hardware address. `again` is a lease to be asked for once more.
pub(super) fn lease(
    card: &Card,
    mac: [u8; 6],
    again: Option<&DhcpLease>,
    limit: Duration,
    cancel: &Cancel,
) -> Result<Option<DhcpLease>> {
    let socket = open(card)?;
    let mut number = [0; 4];
    crate::random::fill(&mut number);
    let client =
        Client { socket, card, mac: EthernetAddress(mac), number: u32::from_be_bytes(number), cancel };
    client.run(again, Instant::now() + limit)
}

struct Client<'a> {
    socket: Socket,
    card: &'a Card,
    mac: EthernetAddress,
    number: u32,
    cancel: &'a Cancel,
}

fn open(card: &Card) -> Result<Socket> {
    let os = |e: io::Error| failed("a packet socket cannot be opened", e.raw_os_error().unwrap_or(0));
    let socket =
        Socket::new(Domain::PACKET, Type::DGRAM, Some(Protocol::from(i32::from(IP.to_be())))).map_err(os)?;
    socket.bind(&address(card.index)).map_err(os)?;
    Ok(socket)
}

/// Everybody on the link of an interface.
#[allow(unsafe_code)]
fn address(index: u32) -> SockAddr {
    let mut everybody = [0; 8];
    everybody[..6].fill(0xff);
    let link = libc::sockaddr_ll {
        sll_family: libc::AF_PACKET as u16,
        sll_protocol: IP.to_be(),
        sll_ifindex: index as i32,
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 6,
        sll_addr: everybody,
    };
    // SAFETY: the storage is as large as any address of a socket, and what is written is one, with its true length.
    let made = unsafe {
        SockAddr::try_init(|storage, length| {
            storage.cast::<libc::sockaddr_ll>().write(link);
            *length = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
            Ok(())
        })
    };
    match made {
        Ok(((), address)) => address,
        Err(_) => unreachable!("the closure does not fail"),
    }
}

impl Client<'_> {
    fn run(&self, again: Option<&DhcpLease>, end: Instant) -> Result<Option<DhcpLease>> {
        let mut wait = FIRST_WAIT;
        let mut asked_for = again.map(|lease| (lease_address(lease), None));
        while Instant::now() < end {
            let (kind, wanted, server) = match asked_for {
                Some((wanted, server)) => (DhcpMessageType::Request, Some(wanted), server),
                None => (DhcpMessageType::Discover, None, None),
            };
            self.send(kind, wanted, server)?;
            let until = end.min(Instant::now() + wait);
            match self.receive(kind, until)? {
                Some(Heard::Offer(address, server)) => {
                    asked_for = Some((address, Some(server)));
                    wait = FIRST_WAIT;
                    continue;
                }
                Some(Heard::Given(lease)) => return Ok(Some(lease)),
                Some(Heard::Refused) => asked_for = None,
                // The server of before may be gone.
                None if again.is_some() && wait > FIRST_WAIT * 2 => asked_for = None,
                None => {}
            }
            wait = (wait * 2).min(Duration::from_secs(8));
        }
        Ok(None)
    }

    fn send(&self, kind: DhcpMessageType, wanted: Option<Ipv4Addr>, server: Option<Ipv4Addr>) -> Result<()> {
        let dhcp = DhcpRepr {
            message_type: kind,
            transaction_id: self.number,
            secs: 0,
            client_hardware_address: self.mac,
            client_ip: Ipv4Addr::UNSPECIFIED,
            your_ip: Ipv4Addr::UNSPECIFIED,
            server_ip: Ipv4Addr::UNSPECIFIED,
            router: None,
            subnet_mask: None,
            relay_agent_ip: Ipv4Addr::UNSPECIFIED,
            broadcast: true,
            requested_ip: wanted,
            client_identifier: Some(self.mac),
            server_identifier: server,
            parameter_request_list: Some(WANTED),
            dns_servers: None,
            max_size: Some(1500),
            lease_duration: None,
            renew_duration: None,
            rebind_duration: None,
            additional_options: &[],
        };
        let udp = UdpRepr { src_port: DHCP_CLIENT_PORT, dst_port: DHCP_SERVER_PORT };
        let ip = Ipv4Repr {
            src_addr: Ipv4Addr::UNSPECIFIED,
            dst_addr: Ipv4Addr::BROADCAST,
            next_header: IpProtocol::Udp,
            payload_len: udp.header_len() + dhcp.buffer_len(),
            hop_limit: 64,
        };
        let checksums = ChecksumCapabilities::default();
        let mut bytes = vec![0; ip.buffer_len() + ip.payload_len];
        let mut packet = Ipv4Packet::new_unchecked(&mut bytes[..]);
        ip.emit(&mut packet, &checksums);
        let (from, to) = (IpAddress::Ipv4(ip.src_addr), IpAddress::Ipv4(ip.dst_addr));
        let mut whole = Ok(());
        udp.emit(
            &mut UdpPacket::new_unchecked(packet.payload_mut()),
            &from,
            &to,
            dhcp.buffer_len(),
            |payload| whole = dhcp.emit(&mut DhcpPacket::new_unchecked(payload)),
            &checksums,
        );
        whole.map_err(|_| Error::new(ErrorKind::Io, "a DHCP request could not be written"))?;
        match self.socket.send_to(&bytes, &address(self.card.index)) {
            Ok(_) => Ok(()),
            // Right after it came up an interface may have no room yet.
            Err(e) if e.raw_os_error() == Some(libc::ENOBUFS) => Ok(()),
            Err(e) => Err(failed("a DHCP request could not be sent", e.raw_os_error().unwrap_or(0))),
        }
    }

    fn receive(&self, sent: DhcpMessageType, until: Instant) -> Result<Option<Heard>> {
        let mut buffer = [MaybeUninit::<u8>::uninit(); 2048];
        loop {
            if self.cancel.is_cancelled() {
                return Err(Error::new(ErrorKind::Interrupted, "stopped on request"));
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            let os = |e: io::Error| failed("DHCP answers cannot be read", e.raw_os_error().unwrap_or(0));
            let slice = left.min(Duration::from_millis(200)).max(Duration::from_millis(1));
            self.socket.set_read_timeout(Some(slice)).map_err(os)?;
            let n = match self.socket.recv(&mut buffer) {
                Ok(n) => n,
                Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => continue,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(os(e)),
            };
            // SAFETY: the system has written the first n bytes.
            #[allow(unsafe_code)]
            let bytes = unsafe { std::slice::from_raw_parts(buffer.as_ptr().cast::<u8>(), n) };
            if let Some(heard) = self.read(bytes, sent) {
                return Ok(Some(heard));
            }
        }
    }

    fn read(&self, bytes: &[u8], sent: DhcpMessageType) -> Option<Heard> {
        let ip = Ipv4Packet::new_checked(bytes).ok()?;
        if ip.next_header() != IpProtocol::Udp {
            return None;
        }
        let udp = UdpPacket::new_checked(ip.payload()).ok()?;
        if udp.dst_port() != DHCP_CLIENT_PORT {
            return None;
        }
        answer(udp.payload(), self.number, sent)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Heard {
    Offer(Ipv4Addr, Ipv4Addr),
    Given(DhcpLease),
    Refused,
}

/// What a server's message means for the request of this number.
fn answer(payload: &[u8], number: u32, sent: DhcpMessageType) -> Option<Heard> {
    let packet = DhcpPacket::new_checked(payload).ok()?;
    let dhcp = DhcpRepr::parse(&packet).ok()?;
    if dhcp.transaction_id != number {
        return None;
    }
    let server = dhcp.server_identifier?;
    match (dhcp.message_type, sent) {
        (DhcpMessageType::Offer, DhcpMessageType::Discover) if !dhcp.your_ip.is_unspecified() => {
            Some(Heard::Offer(dhcp.your_ip, server))
        }
        (DhcpMessageType::Ack, DhcpMessageType::Request) => {
            let mtu = packet.options().find(|o| o.kind == OPTION_MTU);
            let mtu = mtu.and_then(|o| o.data.try_into().ok()).map(u16::from_be_bytes);
            let mask = dhcp.subnet_mask.unwrap_or(Ipv4Addr::new(255, 255, 255, 0));
            let time = Duration::from_secs(dhcp.lease_duration.unwrap_or(3600).into());
            let renewal = dhcp.renew_duration.map(|seconds| Duration::from_secs(seconds.into()));
            Some(Heard::Given(DhcpLease {
                address: Network::with_mask(dhcp.your_ip, mask),
                router: dhcp.router.filter(|r| !r.is_unspecified()),
                dns: dhcp.dns_servers.map(|all| all.to_vec()).unwrap_or_default(),
                mtu: mtu.filter(|mtu| *mtu >= 576),
                server,
                time,
                // RFC 2131 section 4.4.5: half of the lease where the server does not say.
                renew_after: renewal.filter(|at| !at.is_zero() && *at < time).unwrap_or(time / 2),
            }))
        }
        (DhcpMessageType::Nak, DhcpMessageType::Request) => Some(Heard::Refused),
        _ => None,
    }
}

fn lease_address(lease: &DhcpLease) -> Ipv4Addr {
    match lease.address.address {
        std::net::IpAddr::V4(address) => address,
        std::net::IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn nothing_that_a_server_says_is_too_much(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            answer(&bytes, 7, DhcpMessageType::Request);
        }
    }
}
