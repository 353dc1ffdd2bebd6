//! What a stick's radio may use, in words: technologies in order of preference, and bands.
//!
//! Codes and bits: docs/protocols/hilink-at.md sections 1.7 (net-mode) and 3.5 (SYSCFGEX); AT and the web API share them.
//!
//! ```
//! use stickshift::stick::radio::{Order, lte_bits, lte_words};
//!
//! let order: Order = "lte,umts".parse().unwrap();
//! assert_eq!(Order::from_code(&order.code()), Some(order));
//! assert_eq!(lte_words(lte_bits("b1,b3").unwrap()), "1,3");
//! ```

use std::fmt;
use std::str::FromStr;

/// One figure of a signal, dB or dBm. The ends of a scale are bounds, not measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Figure {
    /// As measured.
    Exact(f32),
    /// So much or less.
    AtMost(f32),
    /// So much or more.
    AtLeast(f32),
}

impl Figure {
    /// The number, whether it is a bound or not.
    pub fn value(self) -> f32 {
        match self {
            Figure::Exact(value) | Figure::AtMost(value) | Figure::AtLeast(value) => value,
        }
    }
}

/// Every LTE band.
pub const ALL_LTE: u64 = 0x7fff_ffff_ffff_ffff;
/// Every GSM and WCDMA band.
pub const ALL_OTHER: u64 = 0x3fff_ffff;

/// A radio technology.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Technology {
    /// 01.
    Gsm,
    /// 02.
    Umts,
    /// 03.
    Lte,
}

/// Technologies in order of preference; an empty order leaves the choice to the stick.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Order(pub Vec<Technology>);

impl Technology {
    const ALL: [(Technology, &'static str, &'static str); 3] =
        [(Technology::Gsm, "01", "gsm"), (Technology::Umts, "02", "umts"), (Technology::Lte, "03", "lte")];

    fn row(self) -> &'static (Technology, &'static str, &'static str) {
        Self::ALL.iter().find(|row| row.0 == self).unwrap_or(&Self::ALL[0])
    }
}

impl Order {
    /// Of the digits that sticks use, `030201`; `None` for what has others.
    pub fn from_code(code: &str) -> Option<Order> {
        if code == "00" {
            return Some(Order::default());
        }
        let pairs = code.as_bytes().chunks(2);
        let of = |pair: &[u8]| Technology::ALL.iter().find(|row| row.1.as_bytes() == pair).map(|row| row.0);
        let all: Option<Vec<Technology>> = pairs.map(of).collect();
        all.filter(|all| !all.is_empty()).map(Order)
    }

    /// The digits.
    pub fn code(&self) -> String {
        if self.0.is_empty() { "00".to_owned() } else { self.0.iter().map(|t| t.row().1).collect() }
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("auto");
        }
        let words: Vec<&str> = self.0.iter().map(|t| t.row().2).collect();
        f.write_str(&words.join(","))
    }
}

impl FromStr for Order {
    type Err = ();

    fn from_str(text: &str) -> Result<Order, ()> {
        if text == "auto" {
            return Ok(Order::default());
        }
        let mut order = Vec::new();
        for word in text.split(',') {
            let found = Technology::ALL.iter().find(|row| row.2 == word.trim()).ok_or(())?.0;
            if order.contains(&found) {
                return Err(());
            }
            order.push(found);
        }
        Ok(Order(order))
    }
}

/// GSM and WCDMA bands by bit.
const OTHER_BANDS: [(u64, &str); 9] = [
    (0x80, "gsm1800"),
    (0x100, "gsm900"),
    (0x200, "gsm900p"),
    (0x8_0000, "gsm850"),
    (0x20_0000, "gsm1900"),
    (0x40_0000, "umts2100"),
    (0x80_0000, "umts1900"),
    (0x400_0000, "umts850"),
    (0x2_0000_0000_0000, "umts900"),
];

/// LTE bands in words: `all`, or `1,3,7`.
pub fn lte_words(bits: u64) -> String {
    if bits & ALL_LTE == ALL_LTE {
        return "all".to_owned();
    }
    let bands: Vec<String> = (0..64).filter(|n| bits >> n & 1 == 1).map(|n| (n + 1).to_string()).collect();
    if bands.is_empty() { "none".to_owned() } else { bands.join(",") }
}

/// The bits of `all` or `1,3,7`; `None` for what is neither.
pub fn lte_bits(words: &str) -> Option<u64> {
    if words == "all" {
        return Some(ALL_LTE);
    }
    words.split(',').try_fold(0, |bits, word| {
        let band: u32 = word.trim().trim_start_matches(['b', 'B']).parse().ok()?;
        (1..=64).contains(&band).then(|| bits | 1u64 << (band - 1))
    })
}

/// GSM and WCDMA bands in words; bits without a name as hex.
pub fn other_words(bits: u64) -> String {
    if bits == ALL_OTHER {
        return "all".to_owned();
    }
    let named = OTHER_BANDS.iter().filter(|(bit, _)| bits & bit != 0);
    let mut words: Vec<String> = named.clone().map(|(_, name)| (*name).to_owned()).collect();
    let rest = bits & !named.fold(0, |all, (bit, _)| all | bit);
    if rest != 0 {
        words.push(format!("0x{rest:x}"));
    }
    if words.is_empty() { "none".to_owned() } else { words.join(",") }
}

/// The bits of `all` or names as [`other_words`] writes them; `None` for what is neither.
pub fn other_bits(words: &str) -> Option<u64> {
    if words == "all" {
        return Some(ALL_OTHER);
    }
    words.split(',').try_fold(0, |bits, word| {
        let word = word.trim();
        let by_name = OTHER_BANDS.iter().find(|(_, name)| *name == word).map(|(bit, _)| *bit);
        let by_number = || u64::from_str_radix(word.strip_prefix("0x")?, 16).ok();
        Some(bits | by_name.or_else(by_number)?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders() {
        for (code, words) in
            [("00", "auto"), ("030201", "lte,umts,gsm"), ("0302", "lte,umts"), ("02", "umts")]
        {
            let order = Order::from_code(code).unwrap();
            assert_eq!((order.to_string().as_str(), order.code().as_str()), (words, code));
            assert_eq!(words.parse(), Ok(order));
        }
        for bad in ["", "0", "04", "0304", "99"] {
            assert_eq!(Order::from_code(bad), None, "{bad}");
        }
        for bad in ["", "lte,", "lte,lte", "5g", "auto,lte"] {
            assert!(bad.parse::<Order>().is_err(), "{bad}");
        }
    }

    #[test]
    fn bands() {
        // The value of a captured E3372h.
        assert_eq!(lte_words(0x808_00d5), "1,3,5,7,8,20,28");
        assert_eq!(lte_bits("1,3,5,7,8,20,B28"), Some(0x808_00d5));
        assert_eq!((lte_words(ALL_LTE).as_str(), lte_bits("all")), ("all", Some(ALL_LTE)));
        assert_eq!(lte_words(0), "none");
        for bad in ["", "0", "65", "1,,3", "x"] {
            assert_eq!(lte_bits(bad), None, "{bad}");
        }
        assert_eq!(other_words(0x2_0000_0440_0000), "umts2100,umts850,umts900");
        assert_eq!(other_words(0x100 | 1 << 40), "gsm900,0x10000000000");
        assert_eq!(other_bits("gsm900,0x10000000000"), Some(0x100 | 1 << 40));
        assert_eq!(other_bits("gsm900, umts2100"), Some(0x40_0100));
        assert_eq!(other_bits("gsm42"), None);
    }
}
