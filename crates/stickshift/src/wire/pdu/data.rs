//! Messages that are for programs: what they are, by the ports in their header (3GPP TS 23.040 section 9.2.3.24.4; the numbers are those
//! of IANA and the Open Mobile Alliance) and by the first octets of their content (WAP-230-WSP).

use std::fmt;

/// To which application a message goes, and from which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// Whether the numbers have 16 bits: 8-bit ports are numbered on their own.
    pub wide: bool,
    /// The receiving application.
    pub to: u16,
    /// The sending application.
    pub from: u16,
}

/// What a message for a program is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataKind {
    /// Says that a multimedia message waits on the operator's server.
    MmsNotification,
    /// A link that the phone is to offer.
    ServiceIndication,
    /// A link that the phone is to open.
    ServiceLoading,
    /// Settings for the phone.
    Settings,
    /// Any other WAP push.
    WapPush,
    /// A business card.
    BusinessCard,
    /// A calendar entry.
    CalendarEntry,
    /// A ringing tone.
    RingingTone,
    /// An operator's or a group's logo.
    Logo,
    /// A picture message.
    Picture,
    /// For the SIM.
    SimDownload,
    /// For another application, by its port.
    Port(u16),
    /// For nobody in particular.
    Plain,
}

/// Ports of 16 bits.
const WIDE: &[(u16, DataKind)] = &[
    (2948, DataKind::WapPush),
    (2949, DataKind::WapPush),
    (5505, DataKind::RingingTone),
    (5506, DataKind::Logo),
    (5507, DataKind::Logo),
    (5514, DataKind::Picture),
    (9200, DataKind::WapPush),
    (9201, DataKind::WapPush),
    (9202, DataKind::WapPush),
    (9203, DataKind::WapPush),
    (9204, DataKind::BusinessCard),
    (9205, DataKind::CalendarEntry),
    (9206, DataKind::BusinessCard),
    (9207, DataKind::CalendarEntry),
    (49999, DataKind::Settings),
];

/// Ports of 8 bits.
const NARROW: &[(u16, DataKind)] = &[
    (226, DataKind::BusinessCard),
    (227, DataKind::BusinessCard),
    (228, DataKind::CalendarEntry),
    (229, DataKind::CalendarEntry),
];

/// TP-Protocol-Identifier of data for the SIM.
const SIM_DOWNLOAD: u8 = 0x7f;

/// What a push says it carries: the code of WAP-230-WSP table 40, and its name.
const PUSHED: &[(u8, &[u8], DataKind)] = &[
    (0x2e, b"application/vnd.wap.sic", DataKind::ServiceIndication),
    (0x30, b"application/vnd.wap.slc", DataKind::ServiceLoading),
    (0x36, b"application/vnd.wap.connectivity-wbxml", DataKind::Settings),
    (0x3e, b"application/vnd.wap.mms-message", DataKind::MmsNotification),
];

impl DataKind {
    /// By the ports, the protocol identifier and the content.
    pub fn of(ports: Option<Ports>, protocol: u8, content: &[u8]) -> DataKind {
        let Some(ports) = ports else {
            return if protocol == SIM_DOWNLOAD { DataKind::SimDownload } else { DataKind::Plain };
        };
        let known = if ports.wide { WIDE } else { NARROW };
        match known.iter().find(|(port, _)| *port == ports.to) {
            Some((_, DataKind::WapPush)) => pushed(content).unwrap_or(DataKind::WapPush),
            Some((_, kind)) => *kind,
            None => DataKind::Port(ports.to),
        }
    }

    /// The stable word for it in JSON.
    pub fn code(self) -> &'static str {
        match self {
            DataKind::MmsNotification => "mms-notification",
            DataKind::ServiceIndication => "service-indication",
            DataKind::ServiceLoading => "service-loading",
            DataKind::Settings => "settings",
            DataKind::WapPush => "wap-push",
            DataKind::BusinessCard => "business-card",
            DataKind::CalendarEntry => "calendar-entry",
            DataKind::RingingTone => "ringing-tone",
            DataKind::Logo => "logo",
            DataKind::Picture => "picture",
            DataKind::SimDownload => "sim-data",
            DataKind::Port(_) => "port",
            DataKind::Plain => "binary",
        }
    }
}

impl fmt::Display for DataKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DataKind::MmsNotification => "MMS notification (WAP push)",
            DataKind::ServiceIndication => "WAP push, a link (service indication)",
            DataKind::ServiceLoading => "WAP push, a link to open (service loading)",
            DataKind::Settings => "WAP push, settings from the operator",
            DataKind::WapPush => "WAP push",
            DataKind::BusinessCard => "business card (vCard)",
            DataKind::CalendarEntry => "calendar entry (vCalendar)",
            DataKind::RingingTone => "ringing tone",
            DataKind::Logo => "logo",
            DataKind::Picture => "picture message",
            DataKind::SimDownload => "data for the SIM",
            DataKind::Port(port) => return write!(f, "data for port {port}"),
            DataKind::Plain => "binary data",
        })
    }
}

/// What a connectionless push carries: transaction, type 06, length of the headers, and the content type first among them.
fn pushed(content: &[u8]) -> Option<DataKind> {
    let [_transaction, 0x06, rest @ ..] = content else { return None };
    // The length may take several octets, the high bit says that one more follows.
    let length = rest.iter().position(|octet| octet & 0x80 == 0)? + 1;
    let mut headers = &rest[length..];
    // A content type with parameters has its length in front.
    match headers {
        [1..=30, after @ ..] => headers = after,
        [31, after @ ..] => {
            let length = after.iter().position(|octet| octet & 0x80 == 0)? + 1;
            headers = &after[length..];
        }
        _ => {}
    }
    let by_code = |code: u8| headers.first() == Some(&(code | 0x80));
    let found = PUSHED.iter().find(|(code, name, _)| by_code(*code) || headers.starts_with(name));
    found.map(|(.., kind)| *kind)
}
