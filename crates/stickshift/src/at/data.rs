//! Data connections as the stick sees them: docs/protocols/hilink-at.md section 3.6.
//!
//! ```
//! use stickshift::at::data::{self, LinkState, PdpType};
//!
//! assert_eq!(data::define_context(1, PdpType::V4V6, "internet")?.text, "AT+CGDCONT=1,\"IPV4V6\",\"internet\"");
//! // What follows `^NDISSTATQRY:`: IPv4 is up, IPv6 was refused by the network.
//! let states = data::read_ndis_states("1,,,\"IPV4\",0,33,,\"IPV6\"");
//! assert_eq!((states[0].state, states[1].cause), (LinkState::Up, Some(33)));
//! # Ok::<(), stickshift::error::Error>(())
//! ```

use core::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use crate::at::{Command, fields_of, hex_number, number, quoted, text, unexpected};
use crate::error::{Effect, Error, ErrorKind, Result};
use crate::wire::at::fields;

/// What kind of address a context asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PdpType {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
    /// Both.
    V4V6,
}

impl PdpType {
    /// As `AT+CGDCONT` writes it.
    pub fn word(self) -> &'static str {
        match self {
            PdpType::V4 => "IP",
            PdpType::V6 => "IPV6",
            PdpType::V4V6 => "IPV4V6",
        }
    }
}

/// One row of `AT+CGDCONT?`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// Its number.
    pub id: u8,
    /// Kind of address; `None` for one that has nothing to do with IP.
    pub pdp: Option<PdpType>,
    /// Access point name, empty for the operator's default.
    pub apn: String,
}

/// `AT+CGDCONT?`: the contexts that are defined.
pub fn contexts() -> Command<Vec<Context>> {
    Command::new("AT+CGDCONT?", |answer| {
        let context = |value| {
            let f = fields(value);
            let pdp = match f.get(1)?.to_ascii_uppercase().as_str() {
                "IP" => Some(PdpType::V4),
                "IPV6" => Some(PdpType::V6),
                "IPV4V6" => Some(PdpType::V4V6),
                _ => None,
            };
            Some(Context { id: number(&f, 0)?, pdp, apn: text(&f, 2).unwrap_or_default() })
        };
        Ok(answer.values("+CGDCONT").filter_map(context).collect())
    })
}

/// `AT+CGDCONT=`: defines a context.
///
/// # Errors
/// `Usage` for an access point name that cannot be written.
pub fn define_context(id: u8, pdp: PdpType, apn: &str) -> Result<Command<()>> {
    Ok(Command::plain(format!("AT+CGDCONT={id},\"{}\",{}", pdp.word(), quoted(apn)?)))
}

/// `AT+CGDCONT=`: removes the definition of a context.
pub fn undefine_context(id: u8) -> Command<()> {
    Command::plain(format!("AT+CGDCONT={id}"))
}

/// The answer to `AT+CGCONTRDP`: what the network gave a context. 3GPP TS 27.007 section 10.1.23.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContextDetails {
    /// The access point that the network chose.
    pub apn: Option<String>,
    /// Addresses, and the masks that some write behind them.
    pub addresses: Vec<(IpAddr, Option<u8>)>,
    /// Gateways.
    pub gateways: Vec<IpAddr>,
    /// Name servers.
    pub dns: Vec<IpAddr>,
    /// Largest IPv4 packet.
    pub mtu: Option<u16>,
}

/// `AT+CGCONTRDP=`: what the network gave a context, a line for each IP version.
pub fn context_details(id: u8) -> Command<ContextDetails> {
    Command::new(format!("AT+CGCONTRDP={id}"), |answer| {
        let mut details = ContextDetails::default();
        for value in answer.values("+CGCONTRDP") {
            let f = fields(value);
            details.apn = details.apn.or_else(|| text(&f, 2));
            details.addresses.extend(f.get(3).and_then(|t| address_and_mask(t)));
            details.gateways.extend(f.get(4).and_then(|t| address_and_mask(t)).map(|(a, _)| a));
            let servers = f.iter().skip(5).take(2).filter_map(|t| address_and_mask(t)).map(|(a, _)| a);
            details.dns.extend(servers);
            details.mtu = details.mtu.or_else(|| number(&f, 11).filter(|mtu| *mtu >= 576));
        }
        if details == ContextDetails::default() {
            return Err(unexpected("what the network gave", answer));
        }
        let given = |a: &IpAddr| !a.is_unspecified();
        details.addresses.retain(|(a, _)| given(a));
        details.gateways.retain(given);
        details.dns.retain(given);
        Ok(details)
    })
}

/// Reads an address as 3GPP TS 27.007 writes it: `10.0.0.1`, `10.0.0.1.255.255.255.0` with its mask, or sixteen (thirty-two) numbers
/// with points between them for IPv6; the usual form of IPv6, too.
fn address_and_mask(text: &str) -> Option<(IpAddr, Option<u8>)> {
    if let Ok(address) = text.parse() {
        return Some((address, None));
    }
    let numbers: Vec<u8> = text.split('.').map(str::parse).collect::<Result<_, _>>().ok()?;
    let prefix = |mask: &[u8]| mask.iter().map(|b| b.count_ones() as u8).sum();
    match numbers.len() {
        8 => {
            let address: [u8; 4] = numbers[..4].try_into().ok()?;
            Some((address.into(), Some(prefix(&numbers[4..]))))
        }
        16 | 32 => {
            let address: [u8; 16] = numbers[..16].try_into().ok()?;
            Some((address.into(), (numbers.len() == 32).then(|| prefix(&numbers[16..]))))
        }
        _ => None,
    }
}

/// `AT^CURC=`: whether the stick says unasked what happens; a refused data connection is told by such a line alone.
pub fn reports(on: bool) -> Command<()> {
    Command::plain(if on { "AT^CURC=1" } else { "AT^CURC=0" }).that(Effect::Reads)
}

/// `AT+CGEREP=`: whether the standard's lines `+CGEV:` tell unasked that the network ends a connection. 3GPP TS 27.007 section 10.1.19.
pub fn tell_events(on: bool) -> Command<()> {
    Command::plain(if on { "AT+CGEREP=1,0" } else { "AT+CGEREP=0,0" }).that(Effect::Reads)
}

/// `AT^NDISDUP=?`: whether the stick dials for a network interface of its own.
pub fn dials_for_network() -> Command<()> {
    Command::plain("AT^NDISDUP=?").that(Effect::Reads)
}

/// `AT+CGACT=1,`: activates a context. 3GPP TS 27.007 section 10.1.10.
pub fn activate(id: u8) -> Command<()> {
    Command::plain(format!("AT+CGACT=1,{id}")).within(Duration::from_secs(60))
}

/// `AT+CGACT=0,`: deactivates a context.
pub fn deactivate(id: u8) -> Command<()> {
    Command::plain(format!("AT+CGACT=0,{id}")).within(Duration::from_secs(60))
}

/// `AT&F`, `ATZ`: the settings of the modem port as made, before PPP.
pub fn factory_line() -> Command<()> {
    Command::plain("AT&F&C1&D2E0S0=0").that(Effect::Reads)
}

/// Whether a text can name an access point in AT commands and profiles: up to 100 characters (3GPP TS 23.003, 9.1), without spaces and quotes.
pub fn is_access_point(text: &str) -> bool {
    (1..=100).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic() && b != b'"')
}

/// How user and password are proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authentication {
    /// No credentials are sent.
    None,
    /// RFC 1334: the password goes to the network readable.
    Pap,
    /// RFC 1994.
    Chap,
    /// RFC 2759. Huawei's number for it is 3.
    MsChapV2,
}

impl Authentication {
    /// For people.
    pub fn words(self) -> &'static str {
        match self {
            Authentication::None => "no user name",
            Authentication::Pap => "PAP",
            Authentication::Chap => "CHAP",
            Authentication::MsChapV2 => "MS-CHAPv2",
        }
    }
}

/// Who dials.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Credentials<'a> {
    /// User name.
    pub user: &'a str,
    /// Password.
    pub password: &'a str,
    /// How they are proven.
    pub authentication: Authentication,
}

/// `AT^NDISDUP=cid,1`: dials. Answered at once; the connection is up when [`ndis_states`] or the report `^NDISSTAT:` says so.
///
/// [`hang_up`] first, always: after a host program died the stick believes to be connected and refuses every dial until it is replugged.
///
/// # Errors
/// `Usage` for texts that cannot be written.
pub fn dial(id: u8, apn: &str, credentials: Option<Credentials<'_>>) -> Result<Command<()>> {
    let mut command = format!("AT^NDISDUP={id},1");
    if !apn.is_empty() || credentials.is_some() {
        command += &format!(",{}", quoted(apn)?);
    }
    if let Some(Credentials { user, password, authentication }) = credentials {
        let kind = match authentication {
            Authentication::None => 0,
            Authentication::Pap => 1,
            Authentication::Chap => 2,
            Authentication::MsChapV2 => 3,
        };
        command += &format!(",{},{},{kind}", quoted(user)?, quoted(password)?);
    }
    Ok(Command::plain(command).within(Duration::from_secs(60)))
}

/// `AT^NDISDUP=cid,0`: hangs up. An idle context answers `ERROR`, which is to be passed over.
pub fn hang_up(id: u8) -> Command<()> {
    Command::plain(format!("AT^NDISDUP={id},0")).within(Duration::from_secs(30))
}

/// How a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// Down.
    Down,
    /// Up.
    Up,
    /// On its way up.
    Connecting,
    /// On its way down.
    Disconnecting,
}

/// One connection in `^NDISSTAT` or `^NDISSTATQRY`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NdisState {
    /// How it stands.
    pub state: LinkState,
    /// Why it went down: 36 regular, 33 not subscribed, 50 IPv4 only; others are 3GPP causes.
    pub cause: Option<u16>,
    /// Whether this is the IPv6 half.
    pub v6: bool,
}

/// `AT^NDISSTATQRY?`: how the connections stand, one for each IP version.
pub fn ndis_states() -> Command<Vec<NdisState>> {
    Command::new("AT^NDISSTATQRY?", |answer| {
        let read = |name| answer.values(name).flat_map(read_ndis_states).collect::<Vec<_>>();
        let (mut states, reports) = (read("^NDISSTATQRY"), read("^NDISSTAT"));
        // Some answer under the report's name. Where both came, that one was a report, and it alone tells a cause.
        if states.is_empty() {
            states = reports;
        } else {
            for state in states.iter_mut().filter(|s| s.state == LinkState::Down && s.cause.is_none()) {
                let told = |same: bool| {
                    let down = reports.iter().filter(|r| r.state == LinkState::Down);
                    down.filter(|r| !same || r.v6 == state.v6).find_map(|r| r.cause)
                };
                state.cause = told(true).or_else(|| told(false));
            }
        }
        if states.is_empty() { Err(unexpected("connection states", answer)) } else { Ok(states) }
    })
}

/// Whether any of these connections is up, or on its way up.
pub fn is_up(states: &[NdisState]) -> bool {
    states.iter().any(|s| matches!(s.state, LinkState::Up | LinkState::Connecting))
}

/// Reads what follows `^NDISSTAT:` or `^NDISSTATQRY:`: four fields for each IP version, both possibly in one line.
pub fn read_ndis_states(value: &str) -> Vec<NdisState> {
    let all = fields(value);
    let state = |f: &[&str]| {
        let state = match number(f, 0)? {
            0 => LinkState::Down,
            1 => LinkState::Up,
            2 => LinkState::Connecting,
            3 => LinkState::Disconnecting,
            _ => return None,
        };
        let v6 = f.get(3).is_some_and(|t| t.eq_ignore_ascii_case("IPV6"));
        Some(NdisState { state, cause: number(f, 1), v6 })
    };
    all.chunks(4).filter_map(state).collect()
}

/// The answer to `AT^DHCP?`: how the network wants the interface set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The address of the interface.
    pub address: Ipv4Addr,
    /// Network mask, `255.255.255.252`.
    pub mask: Ipv4Addr,
    /// The next router for everything beyond that network.
    pub gateway: Ipv4Addr,
    /// The DHCP server on the same link.
    pub server: Ipv4Addr,
    /// Name servers; 0.0.0.0 for none.
    pub dns: [Ipv4Addr; 2],
    /// Most that the network sends, in bit/s.
    pub download_rate: Option<u64>,
    /// Most that it takes, in bit/s.
    pub upload_rate: Option<u64>,
}

/// `AT^DHCP?`: the address. Refused while the connection is down.
pub fn lease() -> Command<Lease> {
    Command::new("AT^DHCP?", |answer| {
        let f = fields_of(answer, "^DHCP", "a lease")?;
        // A 32-bit word in hex whose last byte is the first octet; leading zeros are left out.
        let word = |i| {
            let word = hex_number(&f, i).and_then(|v| u32::try_from(v).ok());
            word.ok_or_else(|| unexpected("a lease", answer))
        };
        // Some firmware prints the first octet first. The mask shows it: turned round, it is none.
        let mask = word(1)?;
        let is_swapped = match (is_mask(mask.to_le_bytes()), is_mask(mask.to_be_bytes())) {
            (true, _) => false,
            (false, true) => true,
            (false, false) => return Err(unexpected("a network mask", answer)),
        };
        let address =
            |i| word(i).map(|v| Ipv4Addr::from(if is_swapped { v.to_be_bytes() } else { v.to_le_bytes() }));
        Ok(Lease {
            address: address(0)?,
            mask: address(1)?,
            gateway: address(2)?,
            server: address(3)?,
            dns: [address(4)?, address(5)?],
            download_rate: number(&f, 6),
            upload_rate: number(&f, 7),
        })
    })
}

/// Ones, and behind them zeros.
fn is_mask(octets: [u8; 4]) -> bool {
    let mask = u32::from_be_bytes(octets);
    mask.leading_ones() + mask.trailing_zeros() >= 32
}

/// `AT+CGPADDR=`: the address alone.
pub fn address(id: u8) -> Command<IpAddr> {
    Command::new(format!("AT+CGPADDR={id}"), |answer| {
        let f = fields_of(answer, "+CGPADDR", "an address")?;
        f.get(1).and_then(|a| a.parse().ok()).ok_or_else(|| unexpected("an address", answer))
    })
}

/// The answer to `AT^DSFLOWQRY`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Of the last or present connection.
    pub seconds: u64,
    /// Bytes sent in it.
    pub sent: u64,
    /// Bytes received in it.
    pub received: u64,
    /// Of all connections since the counters were cleared.
    pub total_seconds: u64,
    /// Bytes sent in them.
    pub total_sent: u64,
    /// Bytes received in them.
    pub total_received: u64,
}

/// `AT^DSFLOWQRY`: traffic counters.
pub fn flow() -> Command<Flow> {
    Command::new("AT^DSFLOWQRY", |answer| {
        let f = fields_of(answer, "^DSFLOWQRY", "traffic counters")?;
        let at = |i| hex_number(&f, i).ok_or_else(|| unexpected("traffic counters", answer));
        Ok(Flow {
            seconds: at(0)?,
            sent: at(1)?,
            received: at(2)?,
            total_seconds: at(3)?,
            total_sent: at(4)?,
            total_received: at(5)?,
        })
    })
}

/// `ATD*99***n#`: dials on the modem port. Ends with `CONNECT`, after which the port carries PPP. For programs that run PPP themselves.
///
/// # Errors
/// `Usage` for a context number outside 1 to 16.
pub fn ppp_dial(id: u8) -> Result<String> {
    match id {
        1..=16 => Ok(format!("ATD*99***{id}#")),
        _ => Err(Error::new(ErrorKind::Usage, "contexts have the numbers 1 to 16").with("context", id)),
    }
}

/// `ATH`: ends a data call, and what the stick believes of an earlier one.
pub fn hang_up_call() -> Command<()> {
    Command::plain("ATH").within(Duration::from_secs(30))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_as_the_standard_writes_them() {
        let read = |text: &str| address_and_mask(text).map(|(a, p)| (a.to_string(), p));
        assert_eq!(read("10.0.0.1"), Some(("10.0.0.1".into(), None)));
        assert_eq!(read("10.0.0.1.255.255.255.248"), Some(("10.0.0.1".into(), Some(29))));
        let v6 = "32.1.13.184.0.0.0.0.0.0.0.0.0.0.0.1";
        assert_eq!(read(v6), Some(("2001:db8::1".into(), None)));
        let masked = format!("{v6}.255.255.255.255.255.255.255.255.0.0.0.0.0.0.0.0");
        assert_eq!(read(&masked), Some(("2001:db8::1".into(), Some(64))));
        assert_eq!(read("2001:db8::1"), Some(("2001:db8::1".into(), None)));
        for bad in ["", "10.0.0", "10.0.0.256", "a.b.c.d"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
