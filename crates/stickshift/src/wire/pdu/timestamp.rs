//! When, as the network's clock had it: TP-Service-Centre-Time-Stamp, 3GPP TS 23.040 section 9.2.3.11.

use std::fmt;

use jiff::civil::DateTime;
use jiff::tz::Offset;

/// Seven octets of semi-octets, as they came: they may be no date at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(pub [u8; 7]);

impl Timestamp {
    /// The date and time on the service centre's wall; `None` when the octets are no date.
    pub fn local(&self) -> Option<DateTime> {
        let [year, month, day, hour, minute, second, _] = self.0;
        let field = |octet: u8| number(octet).map(|n| n as i8);
        // Of a clock that nobody set; messages began in the nineties.
        let year = i16::from(number(year)?);
        let year = if year >= 90 { 1900 + year } else { 2000 + year };
        DateTime::new(year, field(month)?, field(day)?, field(hour)?, field(minute)?, field(second)?, 0).ok()
    }

    /// The offset from UTC in quarters of an hour; `None` for more than 14 hours and for what is no number.
    pub fn quarters(&self) -> Option<i8> {
        let zone = self.0[6];
        let quarters = number(zone & !0x08).filter(|q| *q <= 56)? as i8;
        Some(if zone & 0x08 != 0 { -quarters } else { quarters })
    }

    /// As in RFC 3339, `2026-11-20T13:00:50+01:00`; `None` when the octets are no date or no offset.
    pub fn rfc3339(&self) -> Option<String> {
        let local = self.local()?;
        let quarters = self.quarters()?;
        let sign = if quarters < 0 { '-' } else { '+' };
        let quarters = quarters.unsigned_abs();
        Some(format!("{}{sign}{:02}:{:02}", date_and_time(local, 'T'), quarters / 4, quarters % 4 * 15))
    }

    /// Seconds since 1970, to order messages by: in UTC where the offset is known.
    pub fn seconds(&self) -> Option<i64> {
        let offset = Offset::from_seconds(i32::from(self.quarters().unwrap_or(0)) * 900).ok()?;
        Some(offset.to_timestamp(self.local()?).ok()?.as_second())
    }

    /// Whether nobody filled it in: all of it F, or all of it 0.
    pub fn is_blank(&self) -> bool {
        self.0 == [0xff; 7] || self.0 == [0; 7]
    }
}

impl fmt::Display for Timestamp {
    /// The semi-octets in their order, whatever they are: `26-11-20 13:00:50 04`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [year, month, day, hour, minute, second, zone] = self.0.map(|octet| octet.rotate_left(4));
        write!(f, "{year:02X}-{month:02X}-{day:02X} {hour:02X}:{minute:02X}:{second:02X} {zone:02X}")
    }
}

/// `2026-11-20T13:00:50` with another sign in place of T. What jiff writes dates with is twice as much program.
pub fn date_and_time(at: DateTime, between: char) -> String {
    let (month, day, hour) = (at.month(), at.day(), at.hour());
    format!("{}-{month:02}-{day:02}{between}{hour:02}:{:02}:{:02}", at.year(), at.minute(), at.second())
}

/// Two decimal semi-octets, the tens in the low one.
fn number(octet: u8) -> Option<u8> {
    let (tens, ones) = (octet & 0x0f, octet >> 4);
    (tens <= 9 && ones <= 9).then_some(tens * 10 + ones)
}
