//! How it goes: state of the connection, traffic, what is new.

use crate::hilink::{Call, unexpected};

/// How the data connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connection {
    /// On its way up.
    Connecting,
    /// Up.
    Connected,
    /// Down.
    Disconnected,
    /// On its way down.
    Disconnecting,
    /// It did not come up, or the number says why not.
    Failed,
    /// Not known.
    Unknown,
}

/// `monitoring/status`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// How the connection stands.
    pub connection: Connection,
    /// The number behind it.
    pub connection_code: u16,
    /// Bars.
    pub signal_bars: Option<u8>,
    /// How many bars there can be.
    pub most_bars: Option<u8>,
    /// Radio technology in words.
    pub network: &'static str,
    /// In service.
    pub in_service: bool,
    /// On another operator's network.
    pub roaming: bool,
    /// 0 none or invalid, 1 valid, 2 to 4 invalid for circuit, packet, both, 240 ROM SIM, 255 absent.
    pub sim: Option<u8>,
    /// Address in the operator's network; newer ones tell it in `device/information`.
    pub wan_address: Option<String>,
    /// Name servers.
    pub dns: Vec<String>,
}

/// `GET monitoring/status`.
pub fn status() -> Call<Status> {
    Call::get("/api/monitoring/status", |r| {
        let code: u16 = r.number("ConnectionStatus").ok_or_else(|| unexpected("a status"))?;
        let connection = match code {
            900 => Connection::Connecting,
            901 => Connection::Connected,
            902 => Connection::Disconnected,
            903 => Connection::Disconnecting,
            904 | 906 | 7 | 11..=14 | 37 | 112 | 113 | 201 => Connection::Failed,
            _ => Connection::Unknown,
        };
        let network = match r.number("CurrentNetworkTypeEx").filter(|n| *n > 0) {
            Some(n) => network_words(n),
            None => r.number("CurrentNetworkType").map_or("unknown", network_words),
        };
        let dns = ["PrimaryDns", "SecondaryDns"].iter().filter_map(|name| r.string(name)).collect();
        Ok(Status {
            connection,
            connection_code: code,
            signal_bars: r.number("SignalIcon"),
            most_bars: r.number("maxsignal"),
            network,
            in_service: r.number::<i32>("ServiceStatus") == Some(2),
            roaming: r.number::<i32>("RoamingStatus") == Some(1),
            sim: r.number("SimStatus"),
            wan_address: r.string("WanIPAddress"),
            dns,
        })
    })
}

/// Radio technology by CurrentNetworkType or CurrentNetworkTypeEx, whose numbers do not meet but for 0 to 3.
fn network_words(number: u16) -> &'static str {
    match number {
        0 => "no service",
        1 => "GSM",
        2 => "GPRS",
        3 => "EDGE",
        4 | 41 => "UMTS",
        5 | 42 => "HSDPA",
        6 | 43 => "HSUPA",
        7 | 44 => "HSPA",
        8 | 61..=65 => "TD-SCDMA",
        9 | 17 | 18 | 45 => "HSPA+",
        46 => "DC-HSPA+",
        10..=12 => "EV-DO",
        19 | 101 => "LTE",
        1011 => "LTE+",
        _ => "unknown",
    }
}

/// `monitoring/traffic-statistics`: bytes, bytes per second, seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Since this connection came up.
    pub seconds: u64,
    /// Bytes sent in it.
    pub sent: u64,
    /// Bytes received in it.
    pub received: u64,
    /// Bytes sent per second now.
    pub send_rate: u64,
    /// Bytes received per second now.
    pub receive_rate: u64,
    /// Seconds connected since the counters were cleared.
    pub total_seconds: u64,
    /// Bytes sent since then.
    pub total_sent: u64,
    /// Bytes received since then.
    pub total_received: u64,
}

/// `GET monitoring/traffic-statistics`.
pub fn traffic() -> Call<Traffic> {
    Call::get("/api/monitoring/traffic-statistics", |r| {
        let at = |name| r.number(name).unwrap_or(0);
        r.child("CurrentUpload").ok_or_else(|| unexpected("traffic counters"))?;
        Ok(Traffic {
            seconds: at("CurrentConnectTime"),
            sent: at("CurrentUpload"),
            received: at("CurrentDownload"),
            send_rate: at("CurrentUploadRate"),
            receive_rate: at("CurrentDownloadRate"),
            total_seconds: at("TotalConnectTime"),
            total_sent: at("TotalUpload"),
            total_received: at("TotalDownload"),
        })
    })
}
