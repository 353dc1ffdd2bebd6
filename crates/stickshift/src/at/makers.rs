//! Signal strength and quality by commands of single makers, for modems that know neither Huawei's nor the standard's: docs/protocols/hilink-at.md
//! section 3.5.
//!
//! ```
//! use stickshift::at::{makers, signal};
//!
//! // Nobody says that a modem knows them: each is asked, and a refusal costs nothing.
//! assert_eq!(makers::quectel().text, "AT+QCSQ");
//! assert!(!signal::Levels::default().has_any());
//! ```

use crate::at::signal::{Carrier, Cellular, Levels};
use crate::at::{Command, number, unexpected};
use crate::stick::radio::Figure;
use crate::wire::at::{Answer, fields};

/// What 4G and 5G figures can be: what lies outside is a mark for "unknown", or of another unit.
const RSSI: (f32, f32) = (-125.0, -10.0);
const RSRP: (f32, f32) = (-144.0, -30.0);
const NR_RSRP: (f32, f32) = (-157.0, -30.0);
const RSRQ: (f32, f32) = (-43.5, 0.0);
const SINR: (f32, f32) = (-30.0, 50.0);

fn within(value: Option<f32>, (least, most): (f32, f32)) -> Option<Figure> {
    value.filter(|value| (least..=most).contains(value)).map(Figure::Exact)
}

/// `AT+QCSQ`, Quectel: the system, in 4G RSSI, RSRP, SINR and RSRQ, in 5G RSRP, SINR and RSRQ; in other systems the RSSI comes first. With a
/// 5G carrier beside the 4G one there is a line for each.
pub fn quectel() -> Command<Levels> {
    Command::new("AT+QCSQ", |answer| {
        let lines: Vec<Vec<&str>> = answer.values("+QCSQ").map(fields).collect();
        let of_5g = lines.iter().find(|f| f.first().is_some_and(|system| system.starts_with("NR")));
        let nr = of_5g.map(|f| levels_of_5g(f, [1, 2, 3])).unwrap_or_default();
        let f = lines.first().ok_or_else(|| unexpected("a signal", answer))?;
        let system = f.first().ok_or_else(|| unexpected("a signal", answer))?.to_ascii_uppercase();
        if system.starts_with("NR") {
            return Ok(Levels { system, ..nr });
        }
        let is_4g = matches!(&*system, "LTE" | "CAT-M1" | "CAT-NB1" | "EMTC" | "NBIOT");
        let figure = |at, range| within(number::<i16>(f, at).map(f32::from), range);
        let mut levels = Levels { rssi: figure(1, RSSI), ..nr };
        if is_4g {
            levels.rsrp = figure(2, RSRP);
            levels.rsrq = figure(4, RSRQ);
            // Fifths of a decibel from -20 on, or on some models decibels, which are 30 at most: what may be either is not told.
            let fifths = number::<u8>(f, 3).filter(|n| (31..=250).contains(n));
            levels.sinr = fifths.map(|n| Figure::Exact(f32::from(n) / 5.0 - 20.0));
        }
        levels.system = system;
        Ok(levels)
    })
}

/// Figures of 5G, at these places: RSRP, SINR, RSRQ.
fn levels_of_5g(f: &[&str], [rsrp, sinr, rsrq]: [usize; 3]) -> Levels {
    let figure = |at, range| within(number::<i16>(f, at).map(f32::from), range);
    Levels {
        nr_rsrp: figure(rsrp, NR_RSRP),
        nr_sinr: figure(sinr, SINR),
        nr_rsrq: figure(rsrq, RSRQ),
        ..Levels::default()
    }
}

/// Of a line of `+QENG`: the system, where channel and band stand behind it, and where RSRP, SINR and RSRQ of 5G do.
const CELLS: [(&str, Cellular, usize, Option<[usize; 3]>); 3] = [
    ("LTE", Cellular::Lte, 6, None),
    ("NR5G-SA", Cellular::Nr, 7, Some([10, 12, 11])),
    ("NR5G-NSA", Cellular::Nr, 7, Some([4, 5, 6])),
];

/// `AT+QENG="servingcell"`, Quectel: the carriers, and the figures of 5G. Behind the system stand, in 4G and in 5G alone, duplex, country, network,
/// cell, its number, in 5G the area, then channel and band; for 5G beside 4G country, network, number, figures, channel and band.
pub fn quectel_cell() -> Command<(Levels, Vec<Carrier>)> {
    Command::new("AT+QENG=\"servingcell\"", |answer| {
        let (mut levels, mut carriers) = (Levels::default(), Vec::new());
        for value in answer.values("+QENG") {
            let f = fields(value);
            for (name, system, channel, figures) in CELLS {
                let Some(at) = f.iter().position(|field| *field == name) else { continue };
                if let (Some(band), Some(channel)) = (number(&f, at + channel + 1), number(&f, at + channel))
                {
                    carriers.push(Carrier { system, band, channel });
                }
                if let Some(figures) = figures {
                    levels = levels_of_5g(&f, figures.map(|figure| at + figure));
                }
            }
        }
        if carriers.is_empty() { Err(unexpected("a cell", answer)) } else { Ok((levels, carriers)) }
    })
}

/// `AT!GSTATUS?`, Sierra Wireless: words with values, several on a line. Those of the first receiver come first; the ones of 5G have a word more.
pub fn sierra() -> Command<(Levels, Vec<Carrier>)> {
    Command::new("AT!GSTATUS?", |answer| {
        let told = |labels: &[&str], range| within(figure_behind(answer, labels), range);
        let levels = Levels {
            rssi: told(&["PCC RxM RSSI:", "RSSI (dBm):"], RSSI),
            rsrp: told(&["PCC RxM RSRP:", "RSRP (dBm):"], RSRP),
            rsrq: told(&["RSRQ (dB):", "RSRQ (dBm):"], RSRQ),
            sinr: told(&["SINR (dB):"], SINR),
            nr_rsrp: told(&["NR5G RSRP (dBm):"], NR_RSRP),
            nr_rsrq: told(&["NR5G RSRQ (dB):"], RSRQ),
            nr_sinr: told(&["NR5G SINR (dB):"], SINR),
            ..Levels::default()
        };
        let system = behind(answer, "System mode:").ok_or_else(|| unexpected("a status", answer))?;
        let carrier = |system, band, sign, channel| {
            let band = behind(answer, band)?.strip_prefix(sign)?.parse().ok()?;
            Some(Carrier { system, band, channel: behind(answer, channel)?.parse().ok()? })
        };
        let carriers = [
            carrier(Cellular::Lte, "LTE band:", 'B', "LTE Rx chan:"),
            carrier(Cellular::Nr, "NR5G band:", 'n', "NR5G Rx chan:"),
        ];
        Ok((Levels { system, ..levels }, carriers.into_iter().flatten().collect()))
    })
}

/// The word behind a label, which some models end with a blank and a colon. A label of 5G is none of 4G.
fn behind(answer: &Answer, label: &str) -> Option<String> {
    answer.lines.iter().find_map(|line| {
        let line = line.replace(" :", ":");
        let (before, value) = line.split_once(label)?;
        let is_whole = !before.trim_end().ends_with("NR5G");
        value.split_whitespace().next().filter(|_| is_whole).map(str::to_owned)
    })
}

fn figure_behind(answer: &Answer, labels: &[&str]) -> Option<f32> {
    let told = labels.iter().find_map(|label| behind(answer, label));
    told?.parse().ok().filter(|value: &f32| value.is_finite())
}
