//! How it goes: state of the connection, traffic, what is new.
//!
//! ```
//! use stickshift::hilink::monitoring;
//!
//! // A GET: nothing is sent but the path.
//! let status = monitoring::status();
//! assert_eq!((status.path, status.body), ("/api/monitoring/status", None));
//! ```

use crate::error::refusals::{self, ConnectionMeaning, ConnectionState};
use crate::hilink::{Call, unexpected};

/// `monitoring/status`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// How the connection stands; `None` for a number that no source explains, or without one.
    pub connection: Option<&'static ConnectionMeaning>,
    /// The number behind it.
    pub connection_code: Option<u16>,
    /// Bars.
    pub signal_bars: Option<u8>,
    /// How many bars there can be.
    pub most_bars: Option<u8>,
    /// Radio technology in words.
    pub network: &'static str,
    /// 0 none, 1 limited, 2 in service, 3 limited regional, 4 asleep.
    pub service: Option<u8>,
    /// On another operator's network.
    pub roaming: Option<bool>,
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
        // Empty where the firmware is starting.
        let code: Option<u16> = r.number("ConnectionStatus");
        if r.child("ConnectionStatus").is_none() && r.child("SignalIcon").is_none() {
            return Err(unexpected("a status"));
        }
        let network = match r.number("CurrentNetworkTypeEx").filter(|n| *n > 0) {
            Some(n) => network_words(n),
            None => r.number("CurrentNetworkType").map_or("unknown", network_words),
        };
        let dns = ["PrimaryDns", "SecondaryDns"].iter().filter_map(|name| r.string(name)).collect();
        Ok(Status {
            connection: code.and_then(refusals::connection),
            connection_code: code,
            // The oldest firmware has hundredths alone.
            signal_bars: r
                .number("SignalIcon")
                .or_else(|| r.number("SignalStrength").map(|percent: u8| percent.min(100) / 20)),
            most_bars: r.number("maxsignal"),
            network,
            service: r.number("ServiceStatus"),
            roaming: r.number::<i32>("RoamingStatus").map(|n| n == 1),
            sim: r.number("SimStatus"),
            wan_address: r.string("WanIPAddress"),
            dns,
        })
    })
}

impl Status {
    /// How the connection stands, in words with the number: `connected (901)`.
    pub fn connection_words(&self) -> String {
        match (self.connection, self.connection_code) {
            (Some(meaning), Some(code)) => format!("{} ({code})", meaning.words),
            (None, Some(code)) => format!("a state that no source explains ({code})"),
            (_, None) => "the stick does not report it".to_owned(),
        }
    }

    /// Whether it is up.
    pub fn is(&self, state: ConnectionState) -> bool {
        self.connection.is_some_and(|meaning| meaning.state == state)
    }

    /// Whether a network has the stick: `registered`, `registered, roaming`, `not registered`, `limited service`.
    pub fn registration_words(&self) -> Option<&'static str> {
        Some(match (self.service?, self.roaming) {
            (2, Some(true)) => "registered, roaming",
            (2, _) => "registered",
            (1 | 3, _) => "limited service: emergency calls only",
            (4, _) => "asleep",
            _ => "not registered",
        })
    }
}

/// Radio technology by CurrentNetworkType or CurrentNetworkTypeEx, whose numbers do not meet but for 0 to 3; from the constants of the web page.
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
        13 | 23 | 27 => "CDMA 1x",
        24..=26 | 28..=36 => "EV-DO",
        81 => "WiMAX",
        19 | 101 => "LTE",
        1011 => "LTE+",
        20 | 111 => "5G NR",
        _ => "unknown",
    }
}

/// `monitoring/traffic-statistics`: bytes, bytes per second, seconds; `None` for what is no number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Since this connection came up.
    pub seconds: Option<u64>,
    /// Bytes sent in it.
    pub sent: Option<u64>,
    /// Bytes received in it.
    pub received: Option<u64>,
    /// Bytes sent per second now.
    pub send_rate: Option<u64>,
    /// Bytes received per second now.
    pub receive_rate: Option<u64>,
    /// Seconds connected since the counters were cleared.
    pub total_seconds: Option<u64>,
    /// Bytes sent since then.
    pub total_sent: Option<u64>,
    /// Bytes received since then.
    pub total_received: Option<u64>,
}

/// `GET monitoring/traffic-statistics`.
pub fn traffic() -> Call<Traffic> {
    Call::get("/api/monitoring/traffic-statistics", |r| {
        let at = |name| r.number(name);
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
