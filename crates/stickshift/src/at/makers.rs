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

use crate::at::signal::{Carrier, Levels};
use crate::at::{Command, fields_of, number, unexpected};
use crate::stick::radio::Figure;
use crate::wire::at::{Answer, fields};

/// What 4G figures can be: what lies outside is a mark for "unknown", or of another unit.
const RSSI: (f32, f32) = (-125.0, -10.0);
const RSRP: (f32, f32) = (-144.0, -30.0);
const RSRQ: (f32, f32) = (-40.0, 0.0);

fn within(value: Option<f32>, (least, most): (f32, f32)) -> Option<Figure> {
    value.filter(|value| (least..=most).contains(value)).map(Figure::Exact)
}

/// `AT+QCSQ`, Quectel: the system, and in 4G RSSI, RSRP, SINR and RSRQ; in other systems the RSSI comes first.
pub fn quectel() -> Command<Levels> {
    Command::new("AT+QCSQ", |answer| {
        let f = fields_of(answer, "+QCSQ", "a signal")?;
        let system = f.first().ok_or_else(|| unexpected("a signal", answer))?.to_ascii_uppercase();
        let is_4g = matches!(&*system, "LTE" | "CAT-M1" | "CAT-NB1" | "EMTC" | "NBIOT");
        let figure = |at, range| within(number::<i16>(&f, at).map(f32::from), range);
        let mut levels = Levels { rssi: figure(1, RSSI), ..Levels::default() };
        if is_4g {
            levels.rsrp = figure(2, RSRP);
            levels.rsrq = figure(4, RSRQ);
            // Fifths of a decibel from -20 on, or on some models decibels, which are 30 at most: what may be either is not told.
            let fifths = number::<u8>(&f, 3).filter(|n| (31..=250).contains(n));
            levels.sinr = fifths.map(|n| Figure::Exact(f32::from(n) / 5.0 - 20.0));
        }
        levels.system = system;
        Ok(levels)
    })
}

/// `AT+QENG="servingcell"`, Quectel: the 4G carrier. Behind the system stand duplex, country, network, cell, its number, channel and band.
pub fn quectel_cell() -> Command<Vec<Carrier>> {
    Command::new("AT+QENG=\"servingcell\"", |answer| {
        let carrier = |value: &str| {
            let f = fields(value);
            let lte = f.iter().position(|field| *field == "LTE")?;
            let (channel, band) = (number(&f, lte + 6)?, number(&f, lte + 7)?);
            Some(Carrier { is_5g: false, band, channel })
        };
        let carriers: Vec<Carrier> = answer.values("+QENG").filter_map(carrier).collect();
        if carriers.is_empty() { Err(unexpected("a cell", answer)) } else { Ok(carriers) }
    })
}

/// `AT!GSTATUS?`, Sierra Wireless: words with values, several on a line. Those of the first receiver come first.
pub fn sierra() -> Command<(Levels, Vec<Carrier>)> {
    Command::new("AT!GSTATUS?", |answer| {
        let told = |label| figure_behind(answer, label);
        let levels = Levels {
            rssi: within(told("PCC RxM RSSI:").or_else(|| told("RSSI (dBm):")), RSSI),
            rsrp: within(told("RSRP (dBm):"), RSRP),
            rsrq: within(told("RSRQ (dB):"), RSRQ),
            sinr: within(told("SINR (dB):"), (-30.0, 50.0)),
            ..Levels::default()
        };
        let system = behind(answer, "System mode:").ok_or_else(|| unexpected("a status", answer))?;
        let band = behind(answer, "LTE band:").and_then(|band| band.strip_prefix('B')?.parse().ok());
        let channel = behind(answer, "LTE Rx chan:").and_then(|channel| channel.parse().ok());
        let carrier = band.zip(channel).map(|(band, channel)| Carrier { is_5g: false, band, channel });
        Ok((Levels { system: system.to_owned(), ..levels }, carrier.into_iter().collect()))
    })
}

/// The word behind a label.
fn behind<'a>(answer: &'a Answer, label: &str) -> Option<&'a str> {
    let value = answer.lines.iter().find_map(|line| line.split_once(label))?.1;
    value.split_whitespace().next()
}

fn figure_behind(answer: &Answer, label: &str) -> Option<f32> {
    behind(answer, label)?.parse().ok().filter(|value: &f32| value.is_finite())
}
