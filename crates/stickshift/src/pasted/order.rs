//! Logs whose latest line stands first, as `journalctl -r` and some web pages print them, put in order.

use std::cmp::Ordering;

use super::log_line;

/// Words of a line among which its time is looked for.
const WORDS: usize = 8;

/// Which way the lines of a log run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Runs {
    /// As they were written, or the text is of another kind.
    #[default]
    Forward,
    /// The latest came first; they were turned round.
    Backward,
    /// They have no times, and nothing else tells.
    Untold,
}

/// When a line was written.
#[derive(Debug, Default)]
struct Stamp<'a> {
    month: &'a str,
    /// In the month, or of an ISO date all digits.
    day: u32,
    clock: &'a str,
    /// Microseconds since the system was started.
    uptime: Option<u64>,
}

/// Turns logs round whose latest line stands first.
pub(super) fn oldest_first(lines: &mut [(String, usize)]) -> Runs {
    let logged: Vec<bool> =
        lines.iter().map(|(text, _)| stamp(text).is_some() || log_line::is_line(text)).collect();
    let mut runs = Vec::new();
    let mut from = 0;
    for block in logged.chunk_by(|a, b| a == b) {
        let range = from..from + block.len();
        from = range.end;
        if block[0] {
            runs.push((votes(&lines[range.clone()]), range));
        }
    }
    let (forward, backward) =
        runs.iter().fold((0, 0), |(forward, backward), ((f, b), _)| (forward + f, backward + b));
    let mut turned = false;
    for ((own_forward, own_backward), range) in runs {
        let told = own_forward + own_backward > 0;
        let turn = if told { own_backward > own_forward } else { backward > forward };
        if turn {
            lines[range].reverse();
            turned = true;
        }
    }
    match forward + backward {
        0 if logged.contains(&true) => Runs::Untold,
        _ if turned => Runs::Backward,
        _ => Runs::Forward,
    }
}

/// How many pairs of neighbours run forward and backward: by their times, else by the order in which the kernel announces a device.
fn votes(lines: &[(String, usize)]) -> (usize, usize) {
    let stamps: Vec<Stamp<'_>> = lines.iter().filter_map(|(text, _)| stamp(text)).collect();
    let by_time = count(stamps.windows(2).map(|pair| pair[0].compare(&pair[1])));
    if by_time != (0, 0) || !stamps.is_empty() {
        return by_time;
    }
    count(lines.windows(2).map(|pair| {
        match (log_line::announces(&pair[0].0), log_line::announces(&pair[1].0)) {
            (Some((place, a)), Some((other, b))) if place == other => a.cmp(&b),
            _ => Ordering::Equal,
        }
    }))
}

fn count(pairs: impl Iterator<Item = Ordering>) -> (usize, usize) {
    pairs.fold((0, 0), |(forward, backward), order| match order {
        Ordering::Less => (forward + 1, backward),
        Ordering::Greater => (forward, backward + 1),
        Ordering::Equal => (forward, backward),
    })
}

impl Stamp<'_> {
    fn compare(&self, other: &Stamp<'_>) -> Ordering {
        let clocks = !self.clock.is_empty() && !other.clock.is_empty();
        // The names of months are those of some language, and have no order here.
        let by_clock = match clocks && self.month == other.month {
            true => (self.day, self.clock).cmp(&(other.day, other.clock)),
            false => Ordering::Equal,
        };
        by_clock.then_with(|| match (self.uptime, other.uptime) {
            (Some(one), Some(other)) => one.cmp(&other),
            _ => Ordering::Equal,
        })
    }
}

/// Whether a line tells when it was written.
pub(super) fn is_stamped(text: &str) -> bool {
    stamp(text).is_some()
}

/// `[   12.345678]`, `Nov 28 10:00:08`, `2026-11-28T10:00:08+01:00`, `[Sat Nov 28 10:00:08 2026]`.
fn stamp(text: &str) -> Option<Stamp<'_>> {
    let mut found = Stamp { uptime: uptime(text), ..Stamp::default() };
    let mut before = ["", ""];
    for word in text.split_whitespace().take(WORDS) {
        let word = word.trim_matches(['[', ']', ',']);
        let (date, clock) = word.split_once('T').unwrap_or((before[1], word));
        if is_clock(clock) {
            found.clock = clock.get(..clock.find(['+', 'Z']).unwrap_or(clock.len()))?;
            let digits: String = date.split('-').collect();
            (found.month, found.day) = match (digits.parse(), date.contains('-')) {
                (Ok(day), true) => ("", day),
                (Ok(day), false) => (before[0], day),
                (Err(_), _) => (date, 0),
            };
            break;
        }
        before = [before[1], word];
    }
    (!found.clock.is_empty() || found.uptime.is_some()).then_some(found)
}

fn is_clock(word: &str) -> bool {
    let digit = |at: usize| word.as_bytes().get(at).is_some_and(u8::is_ascii_digit);
    [0, 1, 3, 4, 6, 7].into_iter().all(digit) && [2, 5].iter().all(|at| word.as_bytes()[*at] == b':')
}

/// Microseconds since the system was started.
pub(super) fn uptime(text: &str) -> Option<u64> {
    text.match_indices('[').take(3).find_map(|(at, _)| {
        let (seconds, rest) = text[at + 1..].split_once(']')?.0.trim().split_once('.')?;
        let fraction: u64 = format!("{rest:0<6}").get(..6)?.parse().ok()?;
        Some(seconds.parse::<u64>().ok()?.checked_mul(1_000_000)?.saturating_add(fraction))
    })
}
