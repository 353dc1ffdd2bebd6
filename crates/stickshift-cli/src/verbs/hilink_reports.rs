//! What `stickshift hilink` shows of a stick: for people, names and values of what is known.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::{self, Write};

use serde::Serialize;
use stickshift::hilink::device;
use stickshift::modem::{ConnectionStatus, Untold};
use stickshift::stick::radio::Figure;

use crate::output::Report;

/// A row of a table, where its value is known.
fn row(out: &mut dyn Write, name: &str, value: Option<impl Display>) -> io::Result<()> {
    value.map_or(Ok(()), |value| writeln!(out, "{name:<15} {value}"))
}

fn on_or_off(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

/// Model, hardware, firmware and identities.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Info {
    pub(crate) model: Option<String>,
    pub(crate) hardware: Option<String>,
    pub(crate) firmware: Option<String>,
    pub(crate) web_ui: Option<String>,
    pub(crate) family: Option<String>,
    pub(crate) class: Option<String>,
    /// Masked without --unmasked.
    pub(crate) serial: Option<String>,
    /// Masked without --unmasked.
    pub(crate) imei: Option<String>,
    /// Masked without --unmasked.
    pub(crate) imsi: Option<String>,
    /// Masked without --unmasked.
    pub(crate) iccid: Option<String>,
    /// Masked without --unmasked.
    pub(crate) number: Option<String>,
    pub(crate) supports: Option<String>,
    pub(crate) works_in: Option<String>,
    pub(crate) sessions: Sessions,
}

/// How its web server knows who asks.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) enum Sessions {
    /// No tokens (2011 to 2013).
    None,
    /// One token (about 2014).
    Token,
    /// Sessions and one-time tokens (web UI 17).
    OneTimeTokens,
    /// Sessions and SCRAM (web UI 21, 10.0).
    Scram,
}

impl Report for Info {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        row(out, "model", self.model.as_ref())?;
        row(out, "hardware", self.hardware.as_ref())?;
        row(out, "firmware", self.firmware.as_ref())?;
        row(out, "web-ui", self.web_ui.as_ref())?;
        row(out, "family", self.family.as_ref())?;
        row(out, "class", self.class.as_ref())?;
        row(out, "serial", self.serial.as_ref())?;
        row(out, "imei", self.imei.as_ref())?;
        row(out, "imsi", self.imsi.as_ref())?;
        row(out, "iccid", self.iccid.as_ref())?;
        row(out, "number", self.number.as_ref())?;
        row(out, "supports", self.supports.as_ref())?;
        row(out, "works-in", self.works_in.as_ref())?;
        let sessions = match self.sessions {
            Sessions::None => "no tokens (2011 to 2013)",
            Sessions::Token => "one token (about 2014)",
            Sessions::OneTimeTokens => "sessions and one-time tokens (web UI 17)",
            Sessions::Scram => "sessions and SCRAM (web UI 21, 10.0)",
        };
        row(out, "sessions", Some(sessions))
    }
}

/// Connection, network and SIM.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Status {
    /// In words, with the firmware's number.
    connection_text: String,
    /// The firmware's number for it: 901 is connected.
    connection_code: Option<u16>,
    registration: Option<&'static str>,
    /// Whether data is switched on, on sticks with a switch.
    data: Option<bool>,
    operator: Option<String>,
    technology: String,
    roaming: Option<bool>,
    signal: Option<Bars>,
    sim: Option<Sim>,
    /// The firmware's number for the SIM.
    sim_code: Option<u8>,
    address: Option<String>,
    dns: Vec<String>,
    /// What the stick did not tell.
    untold: Vec<Untold>,
}

/// Bars of signal strength.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Bars {
    bars: u8,
    most: u8,
}

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
enum Sim {
    Invalid,
    Valid,
    Absent,
    Limited,
}

impl Status {
    pub(crate) fn of(s: ConnectionStatus) -> Status {
        let sim = s.sim.map(|code| match code {
            0 => Sim::Invalid,
            1 => Sim::Valid,
            255 => Sim::Absent,
            _ => Sim::Limited,
        });
        Status {
            connection_text: s.connection,
            connection_code: s.connection_code,
            registration: s.registration,
            data: s.data,
            operator: s.operator,
            technology: s.technology,
            roaming: s.roaming,
            signal: s.bars.map(|(bars, most)| Bars { bars, most }),
            sim,
            sim_code: s.sim,
            address: s.address,
            dns: s.dns,
            untold: s.untold,
        }
    }
}

impl Report for Status {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        row(out, "connection", Some(&self.connection_text))?;
        row(out, "registration", self.registration)?;
        row(out, "data", self.data.map(on_or_off))?;
        row(out, "operator", self.operator.as_ref())?;
        row(out, "technology", Some(&self.technology))?;
        row(out, "roaming", self.roaming.map(|on| if on { "yes" } else { "no" }))?;
        row(out, "signal", self.signal.as_ref().map(|s| format!("{} of {}", s.bars, s.most)))?;
        let sim = self.sim.zip(self.sim_code).map(|(sim, code)| match sim {
            Sim::Invalid => "invalid".to_owned(),
            Sim::Valid => "valid".to_owned(),
            Sim::Absent => "absent".to_owned(),
            Sim::Limited => format!("limited ({code})"),
        });
        row(out, "sim", sim)?;
        row(out, "address", self.address.as_ref())?;
        row(out, "dns", Some(self.dns.join(" ")).filter(|dns| !dns.is_empty()))?;
        let untold: Vec<String> = self.untold.iter().map(|u| format!("{} ({})", u.what, u.why)).collect();
        row(out, "not-known", Some(untold.join(", ")).filter(|words| !words.is_empty()))
    }
}

/// Signal strength and quality in dBm and dB, and the cell.
#[derive(Default, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Signal {
    rssi: Option<f64>,
    rsrp: Option<f64>,
    rsrq: Option<f64>,
    sinr: Option<f64>,
    rscp: Option<f64>,
    ecio: Option<f64>,
    /// 5G beside LTE.
    nr_rsrp: Option<f64>,
    /// 5G beside LTE.
    nr_rsrq: Option<f64>,
    /// 5G beside LTE.
    nr_sinr: Option<f64>,
    /// Figures that are bounds, not measured, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    bounds: BTreeMap<&'static str, Bound>,
    band: Option<u16>,
    cell: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
enum Bound {
    AtMost,
    AtLeast,
}

impl Signal {
    pub(crate) fn of(s: &device::Signal) -> Signal {
        let mut bounds = BTreeMap::new();
        let mut figure = |name, figure: Option<Figure>| {
            let figure = figure?;
            match figure {
                Figure::Exact(_) => {}
                Figure::AtMost(_) => _ = bounds.insert(name, Bound::AtMost),
                Figure::AtLeast(_) => _ = bounds.insert(name, Bound::AtLeast),
            }
            // Tenths are all that firmware tells, and an f32 has no exact ones.
            Some((f64::from(figure.value()) * 10.0).round() / 10.0)
        };
        Signal {
            rssi: figure("rssi", s.rssi),
            rsrp: figure("rsrp", s.rsrp),
            rsrq: figure("rsrq", s.rsrq),
            sinr: figure("sinr", s.sinr),
            rscp: figure("rscp", s.rscp),
            ecio: figure("ecio", s.ecio),
            nr_rsrp: figure("nr_rsrp", s.nr_rsrp),
            nr_rsrq: figure("nr_rsrq", s.nr_rsrq),
            nr_sinr: figure("nr_sinr", s.nr_sinr),
            bounds,
            band: s.band,
            cell: s.cell,
        }
    }
}

impl Report for Signal {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        for (shown, name, figure) in [
            ("rssi", "rssi", self.rssi),
            ("rsrp", "rsrp", self.rsrp),
            ("rsrq", "rsrq", self.rsrq),
            ("sinr", "sinr", self.sinr),
            ("rscp", "rscp", self.rscp),
            ("ecio", "ecio", self.ecio),
            ("5g-rsrp", "nr_rsrp", self.nr_rsrp),
            ("5g-rsrq", "nr_rsrq", self.nr_rsrq),
            ("5g-sinr", "nr_sinr", self.nr_sinr),
        ] {
            let sign = match self.bounds.get(name) {
                None => "",
                Some(Bound::AtMost) => "<=",
                Some(Bound::AtLeast) => ">=",
            };
            row(out, shown, figure.map(|figure| format!("{sign}{figure}")))?;
        }
        row(out, "band", self.band)?;
        row(out, "cell", self.cell)?;
        match *self == Signal::default() {
            true => writeln!(out, "no figures: the stick told none"),
            false => Ok(()),
        }
    }
}

/// Traffic of this session and in all: seconds, bytes, and bytes per second; null for what the stick does not tell.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Traffic {
    pub(crate) seconds: Option<u64>,
    pub(crate) sent: Option<u64>,
    pub(crate) received: Option<u64>,
    pub(crate) send_rate: Option<u64>,
    pub(crate) receive_rate: Option<u64>,
    pub(crate) total_seconds: Option<u64>,
    pub(crate) total_sent: Option<u64>,
    pub(crate) total_received: Option<u64>,
}

impl Report for Traffic {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        row(out, "seconds", self.seconds)?;
        row(out, "sent", self.sent)?;
        row(out, "received", self.received)?;
        row(out, "send-rate", self.send_rate)?;
        row(out, "receive-rate", self.receive_rate)?;
        row(out, "total-seconds", self.total_seconds)?;
        row(out, "total-sent", self.total_sent)?;
        row(out, "total-received", self.total_received)
    }
}

/// The data switch, and how the connection stands after it was set.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Data {
    data: bool,
    /// In words, with the firmware's number; null where the stick does not report how the connection stands.
    connection_text: Option<String>,
    connection_code: Option<u16>,
    operator: Option<String>,
    address: Option<String>,
}

impl Data {
    pub(crate) fn of(data: bool, status: Option<ConnectionStatus>) -> Data {
        let Some(status) = status else {
            return Data {
                data,
                connection_text: None,
                connection_code: None,
                operator: None,
                address: None,
            };
        };
        Data {
            data,
            connection_text: Some(status.connection),
            connection_code: status.connection_code,
            operator: status.operator,
            address: status.address,
        }
    }
}

impl Report for Data {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let on = on_or_off(self.data);
        if self.connection_text.is_none() {
            let said = format!("{on} was accepted; the stick does not report how the connection stands");
            return row(out, "request", Some(said));
        }
        row(out, "data", Some(on))?;
        row(out, "connection", self.connection_text.as_ref())?;
        row(out, "operator", self.operator.as_ref())?;
        row(out, "address", self.address.as_ref())
    }
}

/// Automatic updates; null where the stick does not tell.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Updates {
    pub(crate) updates: Option<bool>,
}

impl Report for Updates {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        row(out, "updates", self.updates.map(on_or_off))
    }
}

/// What became of a request after which the stick leaves.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Request {
    pub(crate) request: Delivered,
}

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) enum Delivered {
    /// The stick accepted it.
    Accepted,
    /// It was sent, and the connection ended.
    ConnectionLost,
}

impl Report for Request {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let words = match self.request {
            Delivered::Accepted => "accepted",
            Delivered::ConnectionLost => {
                "sent, and the connection ended; check the result with `stickshift list`"
            }
        };
        row(out, "request", Some(words))
    }
}
