//! Signal strength and quality.

use serde::Serialize;

use crate::at::network;
use crate::error::Result;
use crate::hilink::{device, net};
use crate::modem::{Modem, Way};

/// Operator, technology and figures, as far as the stick and its radio technology have them. In dB and dBm.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Reception {
    /// The operator's name; `None` when it is on no network.
    pub operator: Option<String>,
    /// `LTE`, `WCDMA`, `GSM`, `HSPA`.
    pub technology: Option<String>,
    /// All power in the channel, dBm.
    pub rssi: Option<f32>,
    /// 3G: the cell's code power, dBm.
    pub rscp: Option<f32>,
    /// 3G: its share of all power, dB.
    pub ecio: Option<f32>,
    /// 4G: the cell's reference signal, dBm.
    pub rsrp: Option<f32>,
    /// 4G: its quality, dB.
    pub rsrq: Option<f32>,
    /// 4G: signal to interference and noise, dB.
    pub sinr: Option<f32>,
}

impl Modem<'_> {
    /// Signal strength and quality now.
    ///
    /// # Errors
    /// As [`At::run`](crate::at::At::run) and [`Hilink::call`](crate::hilink::Hilink::call).
    pub fn signal(&mut self) -> Result<Reception> {
        match &mut self.way {
            Way::At(at) => {
                let operator = at.run_if_known(&network::operator())?;
                let mut heard = Reception {
                    operator: operator.as_ref().and_then(|o| o.name.clone()),
                    technology: operator.and_then(|o| o.access).map(|a| a.words().to_owned()),
                    ..Reception::default()
                };
                // 3G sticks know the one figure of the standard only.
                match at.run_if_known(&network::signal())? {
                    Some(s) => {
                        heard.technology = Some(s.system).filter(|t| !t.is_empty()).or(heard.technology);
                        heard.rssi = s.rssi;
                        heard.rscp = s.rscp;
                        heard.ecio = s.ecio;
                        heard.rsrp = s.rsrp;
                        heard.rsrq = s.rsrq;
                        heard.sinr = s.sinr;
                    }
                    None => heard.rssi = at.run(&network::strength())?.map(f32::from),
                }
                Ok(heard)
            }
            Way::Web(web) => {
                let network = web.call_if_known(&net::current())?;
                let s = web.call(&device::signal())?;
                let technology = match s.mode {
                    Some(0) => Some("GSM"),
                    Some(2) => Some("WCDMA"),
                    Some(5) => Some("HSPA"),
                    Some(7) => Some("LTE"),
                    _ => None,
                };
                Ok(Reception {
                    operator: network.and_then(|n| n.name),
                    technology: technology.map(str::to_owned),
                    rssi: s.rssi,
                    rsrp: s.rsrp,
                    rsrq: s.rsrq,
                    sinr: s.sinr,
                    rscp: s.rscp,
                    ecio: s.ecio,
                })
            }
        }
    }
}
