//! The guard of the watcher against sticks that fall back: one that is switched and comes back as it was, again and again, is left alone. Sticks
//! that are plugged in one after another, and one that its owner plugs in again, do not fall back: they work until somebody pulls them out.

use std::time::Duration;

use crate::link::Moment;
use crate::stick::{Stick, UsbId};

/// A stick that was sent its message this often within [`GUARD`], and never worked, is left alone.
const FAILURES: usize = 2;
/// See [`FAILURES`]. A place that stayed empty this long begins afresh.
pub(super) const GUARD: Duration = Duration::from_secs(30);
/// A stick that worked for less than this when it fell back may be one that cannot stay switched, or one that was pulled out early.
const SHORT: Duration = Duration::from_secs(5);
/// So it takes this many of them within [`LAPSES_WITHIN`] to be left alone.
const LAPSES: usize = 8;
/// See [`LAPSES`].
const LAPSES_WITHIN: Duration = Duration::from_secs(120);

/// What tells one stick from another that stands at the same place. What is not known tells nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Likeness {
    id: UsbId,
    release: u16,
    texts: [Option<String>; 3],
}

impl Likeness {
    fn of(stick: &Stick) -> Likeness {
        let texts = [stick.serial.clone(), stick.product.clone(), stick.manufacturer.clone()];
        Likeness { id: stick.id, release: stick.release, texts }
    }

    fn may_be(&self, other: &Likeness) -> bool {
        let mut texts = self.texts.iter().zip(&other.texts);
        let agree = texts.all(|(one, two)| one.is_none() || two.is_none() || one == two);
        (self.id, self.release) == (other.id, other.release) && agree
    }
}

/// A message that a stick got.
#[derive(Debug)]
struct Attempt {
    stick: Likeness,
    at: Moment,
    /// When its ports were there.
    worked_from: Option<Moment>,
    /// When it was seen to be gone from the mode that it was switched to.
    worked_until: Option<Moment>,
}

/// How often sticks were switched at one place, and what became of them.
#[derive(Debug, Default)]
pub(super) struct Guard {
    attempts: Vec<Attempt>,
    left_alone: Vec<Likeness>,
    empty_since: Option<Moment>,
}

impl Guard {
    /// A stick gets its message.
    pub(super) fn began(&mut self, stick: &Stick, now: Moment) {
        self.attempts.retain(|attempt| now < attempt.at + LAPSES_WITHIN);
        self.attempts.push(Attempt {
            stick: Likeness::of(stick),
            at: now,
            worked_from: None,
            worked_until: None,
        });
    }

    /// The last one works.
    pub(super) fn works(&mut self, now: Moment) {
        if let Some(last) = self.attempts.last_mut() {
            last.worked_from.get_or_insert(now);
        }
    }

    /// What stood there is gone, or is something else.
    pub(super) fn changed(&mut self, now: Moment) {
        if let Some(last) = self.attempts.last_mut().filter(|last| last.worked_from.is_some()) {
            last.worked_until.get_or_insert(now);
        }
    }

    /// Whether anything stands there. A place that stayed empty for a while begins afresh.
    pub(super) fn notice(&mut self, there: bool, now: Moment) {
        if !there {
            self.empty_since.get_or_insert(now);
            return;
        }
        if self.is_long_empty(now) {
            *self = Guard::default();
        }
        self.empty_since = None;
    }

    /// Whether the place has been empty so long that nothing of it matters.
    pub(super) fn is_long_empty(&self, now: Moment) -> bool {
        self.empty_since.is_some_and(|since| now >= since + GUARD)
    }

    /// Assesses a stick that is to get its message: how often it fell back, if that is too often. Second: whether that is new.
    pub(super) fn forbids(&mut self, stick: &Stick, now: Moment) -> Option<(usize, bool)> {
        let its = Likeness::of(stick);
        let of_it = || self.attempts.iter().filter(|attempt| attempt.stick.may_be(&its));
        let failures = of_it().filter(|a| a.worked_from.is_none() && now < a.at + GUARD).count();
        let is_short = |attempt: &Attempt| {
            let worked = attempt.worked_from.zip(attempt.worked_until);
            now < attempt.at + LAPSES_WITHIN && worked.is_some_and(|(from, until)| until < from + SHORT)
        };
        let lapses = of_it().filter(|attempt| is_short(attempt)).count();
        if self.left_alone.iter().any(|known| known.may_be(&its)) {
            return Some((failures + lapses, false));
        }
        if failures < FAILURES && lapses < LAPSES {
            return None;
        }
        self.left_alone.push(its);
        Some((failures + lapses, true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stick(serial: &str) -> Stick {
        Stick {
            serial: Some(serial.to_owned()),
            ..Stick::new("1-1".parse().unwrap(), UsbId::new(0x12d1, 0x1f01))
        }
    }

    fn seconds(n: u64) -> Moment {
        Moment::from_secs(n)
    }

    #[test]
    fn a_stick_that_never_works_is_left_alone_and_another_one_is_not() {
        let mut guard = Guard::default();
        for at in [0, 5] {
            assert_eq!(guard.forbids(&stick("A"), seconds(at)), None);
            guard.began(&stick("A"), seconds(at));
        }
        assert_eq!(guard.forbids(&stick("A"), seconds(10)), Some((2, true)));
        assert_eq!(guard.forbids(&stick("A"), seconds(60)), Some((0, false)), "told once");
        assert_eq!(guard.forbids(&stick("B"), seconds(10)), None);
        let nameless = Stick { serial: None, ..stick("A") };
        assert!(guard.forbids(&nameless, seconds(10)).is_some(), "its serial number was not read yet");
        guard.notice(false, seconds(60));
        guard.notice(true, seconds(90));
        assert_eq!(guard.forbids(&stick("A"), seconds(90)), None, "the place was empty for a while");
    }

    #[test]
    fn a_stick_that_worked_each_time_may_come_back_often_but_not_for_ever() {
        let mut guard = Guard::default();
        let mut at = 0;
        let mut cycle = |guard: &mut Guard, works_for: u64| {
            let allowed = guard.forbids(&stick("A"), seconds(at)).is_none();
            if allowed {
                guard.began(&stick("A"), seconds(at));
                guard.works(seconds(at + 3));
                guard.changed(seconds(at + 3 + works_for));
            }
            at += 4 + works_for;
            allowed
        };
        assert!((0..5).all(|_| cycle(&mut guard, 1)), "plugged in again and again by its owner");
        let mut more = 0;
        while cycle(&mut guard, 1) {
            more += 1;
        }
        assert_eq!(more, 3, "a loop comes to an end");
        let mut guard = Guard::default();
        assert!((0..40).all(|_| cycle(&mut guard, 6)), "it works for a while each time");
    }
}
