//! Name servers by stateless DHCPv6: one question to all servers on the link, from the port of clients.

use std::io;
use std::mem::MaybeUninit;
use std::net::{IpAddr, Ipv6Addr, SocketAddrV6};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};

use super::netlink::failed;
use crate::error::{Error, ErrorKind, Result};
use crate::event::Cancel;
use crate::online::computer::Card;
use crate::wire::dhcp6;

/// All_DHCP_Relay_Agents_and_Servers.
const SERVERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);
const CLIENT_PORT: u16 = 546;
const SERVER_PORT: u16 = 547;

/// How long one answer is waited for: INF_TIMEOUT of RFC 8415.
const WAIT: Duration = Duration::from_secs(1);

/// Asks the servers on the link of `card`, which has this hardware address; none where nobody answers, or somebody else has the port.
pub(super) fn name_servers(
    card: &Card,
    mac: [u8; 6],
    limit: Duration,
    cancel: &Cancel,
) -> Result<Vec<IpAddr>> {
    let os = |e: io::Error| failed("DHCPv6 cannot be asked", e.raw_os_error().unwrap_or(0));
    let socket = Socket::new(Domain::IPV6, Type::DGRAM, Some(Protocol::UDP)).map_err(os)?;
    socket.set_only_v6(true).map_err(os)?;
    socket.bind_device(Some(card.name.as_bytes())).map_err(os)?;
    // The system's own client answers for itself.
    if socket.bind(&SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, CLIENT_PORT, 0, 0).into()).is_err() {
        return Ok(Vec::new());
    }
    let mut number = [0; 4];
    crate::random::fill(&mut number);
    let number = u32::from_be_bytes(number);
    let question = dhcp6::information_request(number, mac);
    let to = SocketAddrV6::new(SERVERS, SERVER_PORT, 0, card.index).into();
    let end = Instant::now() + limit;
    while Instant::now() < end {
        if cancel.is_cancelled() {
            return Err(Error::new(ErrorKind::Interrupted, "stopped on request"));
        }
        // Without an address of the link yet there is no way out, a moment later there is.
        let _ = socket.send_to(&question, &to);
        let until = end.min(Instant::now() + WAIT);
        while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            socket.set_read_timeout(Some(left)).map_err(os)?;
            let mut buffer = [MaybeUninit::<u8>::uninit(); 2048];
            let Ok(n) = socket.recv(&mut buffer) else { break };
            // SAFETY: the system has written the first n bytes.
            #[allow(unsafe_code)]
            let bytes = unsafe { std::slice::from_raw_parts(buffer.as_ptr().cast::<u8>(), n) };
            if let Some(servers) = dhcp6::name_servers(bytes, number) {
                return Ok(servers.into_iter().map(IpAddr::V6).collect());
            }
        }
    }
    Ok(Vec::new())
}
