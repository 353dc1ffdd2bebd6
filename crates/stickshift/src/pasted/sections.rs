//! The parts of stickshift's own report, one for each stick: what is said of one is not of the others.

use super::MOST_DEVICES;
use crate::stick::{Place, UsbId};

/// How a report begins, wherever it stands in a text.
pub(super) const HEAD: &str = "stickshift report, format ";
/// What encloses the heading of a part.
const RULE: &str = "==";

/// The text in parts; one where it is no report of several sticks.
pub(super) fn of(text: &str) -> Vec<&str> {
    let mut starts = Vec::new();
    if text.contains(HEAD) {
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            if starts.len() < MOST_DEVICES && heading(line).is_some() {
                starts.push(at);
            }
            at += line.len();
        }
    }
    // What stands before the first stick belongs to no other one.
    if let Some(first) = starts.first_mut() {
        *first = 0;
    } else {
        starts.push(0);
    }
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    starts.iter().zip(ends).map(|(start, end)| &text[*start..end]).collect()
}

/// `== 1-1 12d1:1506 ==`, also quoted.
pub(super) fn heading(line: &str) -> Option<(Place, UsbId)> {
    let words: Vec<&str> = line.split_whitespace().filter(|word| *word != ">").take(5).collect();
    match words[..] {
        [RULE, place, id, RULE] => Some((place.parse().ok()?, id.parse().ok()?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_has_a_part_for_each_stick() {
        let head = "stickshift report, format 1\nsystem: x\n";
        let one = "\n== 1-1 12d1:1506 ==\nT: Bus=1\n";
        let other = "\n> == 1-2.3 19d2:2000 ==\nT: Bus=1\n";
        let parts = |text: &str| of(text).iter().map(|part| part.len()).collect::<Vec<_>>();
        assert_eq!(parts(&format!("{head}{one}")), [head.len() + one.len()]);
        // The empty line before the second heading belongs to the first part.
        assert_eq!(parts(&format!("{head}{one}{other}")), [head.len() + one.len() + 1, other.len() - 1]);
        for whole in ["", "hello", &format!("{one}{other}"), &format!("{head}\n== trace ==\n")] {
            assert_eq!(parts(whole), [whole.len()]);
        }
    }
}
