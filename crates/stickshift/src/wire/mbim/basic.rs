//! The service "basic connect" (section 10.5): identity, SIM, network, connection.
//!
//! ```
//! use stickshift::wire::mbim::basic;
//!
//! assert_eq!(basic::set_radio_state(true), [1, 0, 0, 0]);
//! // The switch of the hardware is on, that of the software off.
//! assert_eq!(basic::radio_state(&[1, 0, 0, 0, 0, 0, 0, 0]), Some((true, false)));
//! assert_eq!(basic::radio_state(&[1, 0]), None);
//! ```

use core::net::{Ipv4Addr, Ipv6Addr};

use super::{Builder, Fields};

/// Numbers of its commands.
pub const DEVICE_CAPS: u32 = 1;
/// The SIM and whose it is.
pub const SUBSCRIBER_READY_STATUS: u32 = 2;
/// The radio's switches.
pub const RADIO_STATE: u32 = 3;
/// State and use of PIN and PUK.
pub const PIN: u32 = 4;
/// Which codes are asked for.
pub const PIN_LIST: u32 = 5;
/// The SIM's network.
pub const HOME_PROVIDER: u32 = 6;
/// Networks that are heard; a full scan takes minutes.
pub const VISIBLE_PROVIDERS: u32 = 8;
/// The network in use.
pub const REGISTER_STATE: u32 = 9;
/// Attachment to the packet domain.
pub const PACKET_SERVICE: u32 = 10;
/// Signal strength and error rate.
pub const SIGNAL_STATE: u32 = 11;
/// State of one session, and its activation.
pub const CONNECT: u32 = 12;
/// Addresses, gateways, name servers and MTU of one session.
pub const IP_CONFIGURATION: u32 = 15;

/// What a modem is ([`DEVICE_CAPS`], section 10.5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceCaps {
    /// A bit for each [data class](data_class_words).
    pub data_class: u32,
    /// Sessions that can be active at the same time.
    pub max_sessions: u32,
    /// The IMEI: an identity.
    pub device_id: String,
    /// Version of the firmware.
    pub firmware: String,
    /// Name of the hardware.
    pub hardware: String,
}

/// Reads [`DEVICE_CAPS`].
pub fn device_caps(data: &[u8]) -> Option<DeviceCaps> {
    let fields = Fields::new(data);
    Some(DeviceCaps {
        data_class: fields.number(16)?,
        max_sessions: fields.number(28)?,
        device_id: fields.text(40)?,
        firmware: fields.text(48)?,
        hardware: fields.text(56)?,
    })
}

/// How the SIM stands (section 10.5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadyState {
    /// It is being read.
    NotInitialized,
    /// It is ready.
    Initialized,
    /// There is none.
    SimNotInserted,
    /// It is none that works here.
    BadSim,
    /// It does not answer.
    Failure,
    /// Its subscription is not active.
    NotActivated,
    /// It waits for a code.
    Locked,
    /// A number that is not known.
    Other(u32),
}

/// The SIM and whose it is ([`SUBSCRIBER_READY_STATUS`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscriber {
    /// How it stands.
    pub ready: ReadyState,
    /// The IMSI: an identity.
    pub id: String,
    /// The ICCID: an identity.
    pub icc_id: String,
}

/// Reads [`SUBSCRIBER_READY_STATUS`].
pub fn subscriber(data: &[u8]) -> Option<Subscriber> {
    let fields = Fields::new(data);
    let ready = match fields.number(0)? {
        0 => ReadyState::NotInitialized,
        1 => ReadyState::Initialized,
        2 => ReadyState::SimNotInserted,
        3 => ReadyState::BadSim,
        4 => ReadyState::Failure,
        5 => ReadyState::NotActivated,
        6 => ReadyState::Locked,
        other => ReadyState::Other(other),
    };
    Some(Subscriber { ready, id: fields.text(4)?, icc_id: fields.text(12)? })
}

/// The radio's two switches: that of the device, and that of the host ([`RADIO_STATE`]).
pub fn radio_state(data: &[u8]) -> Option<(bool, bool)> {
    let fields = Fields::new(data);
    Some((fields.number(0)? == 1, fields.number(4)? == 1))
}

/// Turns the radio on or off.
pub fn set_radio_state(on: bool) -> Vec<u8> {
    Builder::new().number(u32::from(on)).build()
}

/// PIN1, the SIM's own.
pub const PIN1: u32 = 2;
/// PIN2, for a few functions.
pub const PIN2: u32 = 3;
/// Unblocks PIN1.
pub const PUK1: u32 = 11;
/// Unblocks PIN2.
pub const PUK2: u32 = 12;

/// The code that the modem speaks of ([`PIN`], section 10.5.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PinInfo {
    /// Which code: [`PIN1`], [`PUK1`]; 0 for none.
    pub kind: u32,
    /// It is waited for.
    pub locked: bool,
    /// Tries that are left.
    pub remaining: Option<u32>,
}

/// Reads [`PIN`].
pub fn pin(data: &[u8]) -> Option<PinInfo> {
    let fields = Fields::new(data);
    Some(PinInfo {
        kind: fields.number(0)?,
        locked: fields.number(4)? == 1,
        remaining: fields.number(8).filter(|remaining| *remaining != u32::MAX),
    })
}

/// What is done with a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PinOperation {
    /// It is entered; with [`PUK1`], the new PIN goes beside it.
    Enter = 0,
    /// It is asked for from now on.
    Enable = 1,
    /// It is not asked for any more.
    Disable = 2,
    /// It is replaced.
    Change = 3,
}

/// Uses a code; `new` is its successor, or empty.
pub fn set_pin(kind: u32, operation: PinOperation, code: &str, new: &str) -> Vec<u8> {
    Builder::new().number(kind).number(operation as u32).text(code).text(new).build()
}

/// Whether PIN1 is asked for at power-up ([`PIN_LIST`]); `None` where the modem does not say.
pub fn pin1_enabled(data: &[u8]) -> Option<bool> {
    match Fields::new(data).number(0)? {
        1 => Some(true),
        2 => Some(false),
        _ => None,
    }
}

/// A network (section 10.5.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// Country and network code, `20801`.
    pub id: String,
    /// Bits: 1 home, 2 forbidden, 4 preferred, 8 visible, 10h registered.
    pub state: u32,
    /// The name as the modem shows it; may be empty.
    pub name: String,
}

fn provider_of(fields: Fields<'_>) -> Option<Provider> {
    Some(Provider { id: fields.text(0)?, state: fields.number(8)?, name: fields.text(12)? })
}

/// Reads [`HOME_PROVIDER`].
pub fn provider(data: &[u8]) -> Option<Provider> {
    provider_of(Fields::new(data))
}

/// Asks for all networks in reach.
pub fn full_scan() -> Vec<u8> {
    Builder::new().number(0).build()
}

/// Reads [`VISIBLE_PROVIDERS`].
pub fn providers(data: &[u8]) -> Option<Vec<Provider>> {
    Fields::new(data).list(0)?.into_iter().map(provider_of).collect()
}

/// How the modem stands with its network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegisterState {
    /// It does not say.
    Unknown,
    /// On none, and not looking.
    Deregistered,
    /// Looking.
    Searching,
    /// On that of the SIM.
    Home,
    /// On another one.
    Roaming,
    /// On another one that counts as that of the SIM.
    Partner,
    /// Refused.
    Denied,
}

impl RegisterState {
    /// Whether it is in a network, its own or another one.
    pub fn is_registered(self) -> bool {
        matches!(self, RegisterState::Home | RegisterState::Roaming | RegisterState::Partner)
    }
}

/// The network in use ([`REGISTER_STATE`], section 10.5.9).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// Why it was refused, by 3GPP TS 24.008; 0 for no reason.
    pub network_error: u32,
    /// How it stands.
    pub state: RegisterState,
    /// Whether networks are chosen by hand; `None` where the modem does not say.
    pub manual: Option<bool>,
    /// A bit for each [data class](data_class_words) of the network.
    pub data_classes: u32,
    /// Country and network code.
    pub provider_id: String,
    /// The name of the network that the modem is on; may be empty.
    pub provider_name: String,
}

/// Reads [`REGISTER_STATE`].
pub fn registration(data: &[u8]) -> Option<Registration> {
    let fields = Fields::new(data);
    Some(Registration {
        network_error: fields.number(0)?,
        state: match fields.number(4)? {
            1 => RegisterState::Deregistered,
            2 => RegisterState::Searching,
            3 => RegisterState::Home,
            4 => RegisterState::Roaming,
            5 => RegisterState::Partner,
            6 => RegisterState::Denied,
            _ => RegisterState::Unknown,
        },
        manual: match fields.number(8)? {
            1 => Some(false),
            2 => Some(true),
            _ => None,
        },
        data_classes: fields.number(12)?,
        provider_id: fields.text(20)?,
        provider_name: fields.text(28)?,
    })
}

/// Chooses a network by its number, or leaves the choice to the modem.
pub fn set_register(number: Option<&str>) -> Vec<u8> {
    let by_hand = u32::from(number.is_some());
    Builder::new().text(number.unwrap_or_default()).number(by_hand).number(ALL_CLASSES).build()
}

/// Every data class that 3GPP has.
const ALL_CLASSES: u32 = 0x3f;

/// Whether packets pass at all ([`PACKET_SERVICE`], section 10.5.10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketService {
    /// Why not, by 3GPP TS 24.008; 0 for no reason.
    pub network_error: u32,
    /// 1 attaching, 2 attached, 3 detaching, 4 detached.
    pub state: u32,
    /// The best [data class](data_class_words) here.
    pub best_class: u32,
}

/// [`PacketService::state`]: attached.
pub const ATTACHED: u32 = 2;

/// Reads [`PACKET_SERVICE`].
pub fn packet_service(data: &[u8]) -> Option<PacketService> {
    let fields = Fields::new(data);
    Some(PacketService {
        network_error: fields.number(0)?,
        state: fields.number(4)?,
        best_class: fields.number(8)?,
    })
}

/// Attaches, or detaches.
pub fn set_packet_service(attach: bool) -> Vec<u8> {
    Builder::new().number(u32::from(!attach)).build()
}

/// The best of some data classes, in words (section 10.5.1.1).
pub fn data_class_words(classes: u32) -> Option<&'static str> {
    const WORDS: [(u32, &str); 8] = [
        (0x80, "5G NR"),
        (0x40, "LTE + 5G NR"),
        (0x20, "LTE"),
        (0x10, "HSUPA"),
        (0x08, "HSDPA"),
        (0x04, "UMTS"),
        (0x02, "EDGE"),
        (0x01, "GSM"),
    ];
    WORDS.iter().find(|(bit, _)| classes & bit != 0).map(|(_, words)| *words)
}

/// How it receives ([`SIGNAL_STATE`], section 10.5.11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal {
    /// As `AT+CSQ` counts, 0 to 31; `None` where it is not known.
    pub rssi: Option<u32>,
}

impl Signal {
    /// In dBm; the ends of the scale are bounds.
    pub fn rssi_dbm(self) -> Option<i16> {
        self.rssi.map(|rssi| -113 + 2 * rssi as i16)
    }
}

/// Reads [`SIGNAL_STATE`].
pub fn signal(data: &[u8]) -> Option<Signal> {
    Some(Signal { rssi: Some(Fields::new(data).number(0)?).filter(|rssi| *rssi <= 31) })
}

/// Which addresses a connection has, or is to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IpType {
    /// What the network gives.
    Default = 0,
    /// IPv4.
    V4 = 1,
    /// IPv6.
    V6 = 2,
    /// Both in one.
    V4V6 = 3,
}

/// How the host shows who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Auth {
    /// It does not.
    None = 0,
    /// PAP.
    Pap = 1,
    /// CHAP.
    Chap = 2,
    /// MS-CHAPv2.
    MsChapV2 = 3,
}

/// The context type "internet" (section 10.5.12).
const INTERNET: [u8; 16] = 0x7e5e_2a7e_4e6f_7272_736b_656e_7e5e_2a7e_u128.to_be_bytes();

/// A connection to ask for.
#[derive(Clone, Copy, Debug)]
pub struct Activation<'a> {
    /// Access point name; empty for the network's choice.
    pub apn: &'a str,
    /// User name, or empty.
    pub user: &'a str,
    /// Password, or empty: a secret.
    pub password: &'a str,
    /// How these are shown.
    pub auth: Auth,
    /// Which addresses.
    pub ip: IpType,
}

/// Brings a connection up.
pub fn activate(session: u32, wanted: Activation<'_>) -> Vec<u8> {
    let Activation { apn, user, password, auth, ip } = wanted;
    Builder::new()
        .number(session)
        .number(1)
        .text(apn)
        .text(user)
        .text(password)
        .number(0)
        .number(auth as u32)
        .number(ip as u32)
        .array(&INTERNET)
        .build()
}

/// Takes a connection down.
pub fn deactivate(session: u32) -> Vec<u8> {
    let none = |b: Builder| b.text("").text("").text("");
    none(Builder::new().number(session).number(0)).number(0).number(0).number(0).array(&INTERNET).build()
}

/// Asks for a connection.
pub fn connection_query(session: u32) -> Vec<u8> {
    Builder::new().number(session).array(&[0; 12]).array(&INTERNET).number(0).build()
}

/// How a connection stands ([`CONNECT`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Which one.
    pub session: u32,
    /// 1 up, 2 coming up, 3 down, 4 going down.
    pub state: u32,
    /// As in [`IpType`]; 4 is both, apart.
    pub ip: u32,
    /// Why not, by 3GPP TS 24.008; 0 for no reason.
    pub network_error: u32,
}

/// [`Connection::state`]: up.
pub const ACTIVATED: u32 = 1;
/// [`Connection::state`]: down.
pub const DEACTIVATED: u32 = 3;

/// Reads [`CONNECT`].
pub fn connection(data: &[u8]) -> Option<Connection> {
    let fields = Fields::new(data);
    Some(Connection {
        session: fields.number(0)?,
        state: fields.number(4)?,
        ip: fields.number(12)?,
        network_error: fields.number(32)?,
    })
}

/// The addresses of a connection ([`IP_CONFIGURATION`], section 10.5.20).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IpConfiguration {
    /// With their prefix lengths.
    pub ipv4: Vec<(Ipv4Addr, u8)>,
    /// With their prefix lengths.
    pub ipv6: Vec<(Ipv6Addr, u8)>,
    /// Where packets go.
    pub ipv4_gateway: Option<Ipv4Addr>,
    /// Where packets go.
    pub ipv6_gateway: Option<Ipv6Addr>,
    /// Name servers.
    pub ipv4_dns: Vec<Ipv4Addr>,
    /// Name servers.
    pub ipv6_dns: Vec<Ipv6Addr>,
    /// Longest packet; `None` where the network does not say.
    pub ipv4_mtu: Option<u32>,
    /// Longest packet; `None` where the network does not say.
    pub ipv6_mtu: Option<u32>,
}

/// Asks for addresses.
pub fn ip_configuration_query(session: u32) -> Vec<u8> {
    Builder::new().number(session).array(&[0; 56]).build()
}

/// Reads [`IP_CONFIGURATION`].
pub fn ip_configuration(data: &[u8]) -> Option<IpConfiguration> {
    let fields = Fields::new(data);
    let (has4, has6) = (fields.number(4)?, fields.number(8)?);
    let v4 = |bytes: &[u8]| bytes.first_chunk::<4>().map(|octets| Ipv4Addr::from(*octets));
    let v6 = |bytes: &[u8]| bytes.first_chunk::<16>().map(|octets| Ipv6Addr::from(*octets));
    let prefixed = |bytes: &[u8], most: u32| {
        Fields::new(bytes).number(0).filter(|length| *length <= most).map(|length| length as u8)
    };
    let mut all = IpConfiguration::default();
    if has4 & 1 != 0 {
        for one in fields.pieces(12, 16, 8)? {
            all.ipv4.push((v4(&one[4..])?, prefixed(one, 32)?));
        }
    }
    if has6 & 1 != 0 {
        for one in fields.pieces(20, 24, 20)? {
            all.ipv6.push((v6(&one[4..])?, prefixed(one, 128)?));
        }
    }
    let behind = |at: usize| data.get(fields.number(at)? as usize..);
    if has4 & 2 != 0 {
        all.ipv4_gateway = Some(v4(behind(28)?)?);
    }
    if has6 & 2 != 0 {
        all.ipv6_gateway = Some(v6(behind(32)?)?);
    }
    if has4 & 4 != 0 {
        all.ipv4_dns = fields.pieces(36, 40, 4)?.into_iter().filter_map(v4).collect();
    }
    if has6 & 4 != 0 {
        all.ipv6_dns = fields.pieces(44, 48, 16)?.into_iter().filter_map(v6).collect();
    }
    all.ipv4_mtu = Some(fields.number(52)?).filter(|_| has4 & 8 != 0);
    all.ipv6_mtu = Some(fields.number(56)?).filter(|_| has6 & 8 != 0);
    Some(all)
}
