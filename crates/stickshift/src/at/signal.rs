//! Signal strength and quality, by Huawei's command and by the standard's: docs/protocols/hilink-at.md section 3.5.
//!
//! ```
//! use stickshift::at::signal;
//!
//! // What follows `^HCSQ:`, in an answer or a report.
//! let levels = signal::read_levels("\"LTE\",46,40,130,20").unwrap();
//! assert_eq!(levels.system, "LTE");
//! assert!(levels.rsrp.is_some() && levels.rscp.is_none());
//! ```

use crate::at::{Command, fields_of, number, unexpected};
use crate::stick::radio::Figure;
use crate::wire::at::fields;

/// `AT+CSQ`: received strength in dBm, `None` when unknown. -113 and -51 are the ends of the scale: that much at most, at least. TD-SCDMA
/// has a scale of its own, 3GPP TS 27.007 section 8.5.
pub fn strength() -> Command<Option<i16>> {
    Command::new("AT+CSQ", |answer| {
        let n: i16 = number(&fields_of(answer, "+CSQ", "a signal strength")?, 0)
            .ok_or_else(|| unexpected("a signal strength", answer))?;
        Ok(match n {
            0..=31 => Some(-113 + 2 * n),
            100..=191 => Some(n - 216),
            _ => None,
        })
    })
}

/// A scale of steps: step 0 is everything below the first, the last everything above.
struct Scale {
    most: u16,
    /// What step 0 would be.
    lowest: f32,
    step: f32,
}

impl Scale {
    /// The figure in field `index`; what lies outside of the scale is "unknown".
    fn read(&self, fields: &[&str], index: usize) -> Option<Figure> {
        let n = number::<u16>(fields, index).filter(|n| *n <= self.most)?;
        let value = self.lowest + f32::from(n) * self.step;
        Some(match n {
            0 => Figure::AtMost(value + self.step),
            n if n == self.most => Figure::AtLeast(value),
            _ => Figure::Exact(value),
        })
    }
}

const POWER: Scale = Scale { most: 96, lowest: -121.0, step: 1.0 };
const RSRP: Scale = Scale { most: 97, lowest: -141.0, step: 1.0 };
const RSRQ: Scale = Scale { most: 34, lowest: -20.0, step: 0.5 };

/// Signal strength and quality, as far as its technology has the figure. All in dB or dBm.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Levels {
    /// `LTE`, `WCDMA`, `GSM`, `NOSERVICE`, ...; empty where the command does not tell.
    pub system: String,
    /// All power in the channel.
    pub rssi: Option<Figure>,
    /// 3G: the cell's code power.
    pub rscp: Option<Figure>,
    /// 3G: its share of all power.
    pub ecio: Option<Figure>,
    /// 4G: the cell's reference signal.
    pub rsrp: Option<Figure>,
    /// 4G: signal to interference and noise.
    pub sinr: Option<Figure>,
    /// 4G: its quality.
    pub rsrq: Option<Figure>,
    /// 5G: the cell's reference signal.
    pub nr_rsrp: Option<Figure>,
    /// 5G: its quality.
    pub nr_rsrq: Option<Figure>,
    /// 5G: signal to interference and noise.
    pub nr_sinr: Option<Figure>,
}

impl Levels {
    /// Whether there is a figure.
    pub fn has_any(&self) -> bool {
        let all = [self.rssi, self.rscp, self.ecio, self.rsrp, self.sinr, self.rsrq, self.nr_rsrp];
        all.iter().any(Option::is_some)
    }
}

/// `AT^HCSQ?`: what Huawei's sticks tell.
pub fn levels() -> Command<Levels> {
    Command::new("AT^HCSQ?", |answer| {
        // A stick with a 5G carrier beside its LTE one has a line for each; a report may come before the answer.
        let lines = answer.values("^HCSQ").filter_map(read_levels);
        lines
            .reduce(|earlier, later| {
                if later.system.starts_with("NR") && !earlier.system.starts_with("NR") {
                    let Levels { nr_rsrp, nr_rsrq, nr_sinr, .. } = later;
                    return Levels { nr_rsrp, nr_rsrq, nr_sinr, ..earlier };
                }
                later
            })
            .ok_or_else(|| unexpected("a signal", answer))
    })
}

/// Reads what follows `^HCSQ:`, in an answer or a report.
pub fn read_levels(value: &str) -> Option<Levels> {
    let f = fields(value);
    let system = f.first()?.to_ascii_uppercase();
    let sinr = Scale { most: 251, lowest: -20.2, step: 0.2 };
    let mut levels = Levels::default();
    match system.as_str() {
        "WCDMA" | "TD-SCDMA" => {
            levels.rssi = POWER.read(&f, 1);
            levels.rscp = POWER.read(&f, 2);
            levels.ecio = Scale { most: 65, lowest: -32.5, step: 0.5 }.read(&f, 3);
        }
        "LTE" => {
            levels.rssi = POWER.read(&f, 1);
            levels.rsrp = RSRP.read(&f, 2);
            levels.sinr = sinr.read(&f, 3);
            levels.rsrq = RSRQ.read(&f, 4);
        }
        "NR" | "NR-5GC" => {
            levels.nr_rsrp = RSRP.read(&f, 1);
            levels.nr_sinr = sinr.read(&f, 2);
            levels.nr_rsrq = RSRQ.read(&f, 3);
        }
        _ => levels.rssi = POWER.read(&f, 1),
    }
    levels.system = system;
    Some(levels)
}

/// `AT+CESQ`: the standard's figures, 3GPP TS 27.007 section 8.69; the last three of newer modems are 5G.
pub fn extended() -> Command<Levels> {
    Command::new("AT+CESQ", |answer| {
        let f = fields_of(answer, "+CESQ", "a signal quality")?;
        if f.len() < 6 {
            return Err(unexpected("a signal quality", answer));
        }
        let quality_5g = |lowest| Scale { most: 126, lowest, step: 0.5 };
        Ok(Levels {
            rssi: Scale { most: 63, lowest: -111.0, step: 1.0 }.read(&f, 0),
            rscp: POWER.read(&f, 2),
            ecio: Scale { most: 49, lowest: -24.5, step: 0.5 }.read(&f, 3),
            rsrq: RSRQ.read(&f, 4),
            rsrp: RSRP.read(&f, 5),
            nr_rsrq: quality_5g(-43.5).read(&f, 6),
            nr_rsrp: Scale { most: 126, lowest: -157.0, step: 1.0 }.read(&f, 7),
            nr_sinr: Scale { most: 127, lowest: -23.5, step: 0.5 }.read(&f, 8),
            ..Levels::default()
        })
    })
}

/// Whose channel numbers count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cellular {
    /// 2G: ARFCN.
    Gsm,
    /// 3G: UARFCN.
    Umts,
    /// 4G: EARFCN.
    Lte,
    /// 5G: NR-ARFCN.
    Nr,
}

/// One carrier that the stick is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Carrier {
    /// Which system it is of.
    pub system: Cellular,
    /// Band number.
    pub band: u16,
    /// Channel number of the downlink.
    pub channel: u32,
}

/// `AT^HFREQINFO?`: the carriers. Of a line: whether it is reported, the mode (as in `^SYSINFOEX`: 1 GSM, 3 and 4 3G, 6 LTE, 7 NR), then for each carrier the band, channel, frequency and
/// bandwidth down, and channel, frequency and bandwidth up.
pub fn carriers() -> Command<Vec<Carrier>> {
    Command::new("AT^HFREQINFO?", |answer| {
        let mut carriers = Vec::new();
        for value in answer.values("^HFREQINFO") {
            let f = fields(value);
            let system = match number::<u8>(&f, 1) {
                Some(1) => Cellular::Gsm,
                Some(3 | 4) => Cellular::Umts,
                Some(7) => Cellular::Nr,
                _ => Cellular::Lte,
            };
            for start in (2..f.len()).step_by(7) {
                if let (Some(band), Some(channel)) = (number(&f, start), number(&f, start + 1)) {
                    carriers.push(Carrier { system, band, channel });
                }
            }
        }
        if carriers.is_empty() { Err(unexpected("carriers", answer)) } else { Ok(carriers) }
    })
}
