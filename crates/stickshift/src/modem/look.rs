//! The second look: what a change in trouble has done.

use std::time::Duration;

use crate::error::{Detail, Error, ErrorKind, Result, Verdict};
use crate::link::Changes;
use crate::modem::{Modem, Way};

/// How long a change is looked for that the stick said OK to, or that it did not answer and may still make.
const SHOWS_WITHIN: Duration = Duration::from_secs(10);

/// What a look at the stick shows of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// It is done.
    Done,
    /// It has not happened.
    Untouched,
    /// Something else is there than before, and than was wanted: in words.
    Other(String),
    /// One cannot tell.
    Nothing,
}

/// One look at what became of a change. One code for all of them, which a router has no room to have for each.
type Look<'a, 'l> = &'a mut dyn FnMut(&mut Modem<'l>) -> Result<Seen>;

impl<'l> Modem<'l> {
    /// What became of a change that ended with `error`: `Ok` when it is seen to be done, the error with its verdict otherwise.
    ///
    /// `look` is taken twice and counts when both agree: the first thing that is heard after trouble may be a late answer to something
    /// else. Where no result came, the stick may still act: it is looked at for a while. A web server may have acted although it refused.
    pub(super) fn after_trouble(
        &mut self,
        error: Error,
        mut look: impl FnMut(&mut Modem<'l>) -> Result<Seen>,
    ) -> Result<()> {
        self.judge(error, &mut look)
    }

    fn judge(&mut self, error: Error, look: Look<'_, 'l>) -> Result<()> {
        let by_web = matches!(self.way, Way::Web(_));
        let refused = error.verdict() == Some(Verdict::Untouched);
        if refused && !(by_web && error.refusal().is_some()) {
            return Err(error);
        }
        let answered = error.is(ErrorKind::AtRefused) && !self.standing().is_in_doubt();
        let late = !refused && !answered && error.refusal().is_none();
        let before = self.standing();
        let seen = self.looking(|modem| {
            let first = if late { modem.wait_for(look)? } else { look(modem)? };
            Ok((look(modem)? == first).then_some(first))
        });
        match seen {
            // Nothing speaks against the refusal.
            Ok(Some(Seen::Untouched | Seen::Nothing) | None) | Err(_) if refused => {
                self.stand(before);
                Err(error)
            }
            Ok(Some(Seen::Done)) => {
                self.settle(true);
                self.second_look = Some(error);
                Ok(())
            }
            // A stick that did not answer may be busy, and act when nobody looks any more.
            Ok(Some(Seen::Untouched)) if late => {
                self.stand(self.standing().in_doubt());
                Err(error.with("now", "as before").with_verdict(Verdict::Unknown))
            }
            Ok(Some(Seen::Untouched)) => {
                self.settle(false);
                // Of this change; another one may have gone before it.
                let verdict =
                    if self.standing().has_changed() { Verdict::Recoverable } else { Verdict::Untouched };
                Err(error.with_verdict(verdict))
            }
            // What was there before may have been read wrongly.
            Ok(Some(Seen::Other(now))) if refused => {
                self.stand(before.in_doubt());
                Err(error.with("now", now).with_verdict(Verdict::Unknown))
            }
            Ok(Some(Seen::Other(now))) => {
                self.settle(true);
                Err(error.with("now", now).with_verdict(Verdict::Recoverable))
            }
            Ok(Some(Seen::Nothing) | None) | Err(_) => {
                self.stand(self.standing().in_doubt());
                Err(error.with_verdict(Verdict::Unknown))
            }
        }
    }

    /// What became of a change: [`change_shows`](Self::change_shows) after OK, [`after_trouble`](Self::after_trouble) otherwise.
    pub(super) fn seen_after(
        &mut self,
        sent: Result<()>,
        mut look: impl FnMut(&mut Modem<'l>) -> Result<Seen>,
    ) -> Result<bool> {
        match sent {
            Ok(()) => self.change_shows(&mut look),
            Err(error) => self.judge(error, &mut look).map(|()| true),
        }
    }

    /// Whether a change that the stick said OK to shows: `false` where one cannot tell.
    ///
    /// # Errors
    /// `UnexpectedAnswer` where it does not show; what it did, and may still do, is not known then.
    pub(super) fn change_shows(&mut self, look: Look<'_, 'l>) -> Result<bool> {
        match self.wait_for(look) {
            Ok(Seen::Done) => Ok(true),
            Ok(Seen::Nothing) | Err(_) => Ok(false),
            Ok(seen) => {
                let kind = ErrorKind::UnexpectedAnswer;
                let cause =
                    Error::new(kind, "it does not have what was asked for, or needs a restart for it");
                let error =
                    Error::new(kind, "the stick said OK, and does not show the change").because(cause);
                let error = if let Seen::Other(now) = seen { error.with("now", now) } else { error };
                let next = "look at it again in a minute, and after a restart of the stick";
                let error = error.detail(Detail::NextStep(next));
                self.stand(self.standing().in_doubt());
                Err(error.with_verdict(Verdict::Unknown))
            }
        }
    }

    /// Looks until a change shows, or something else than before, or [`SHOWS_WITHIN`] is over.
    fn wait_for(&mut self, look: Look<'_, 'l>) -> Result<Seen> {
        let mut last = Ok(Seen::Nothing);
        self.shows_in_time(&mut |modem| {
            last = look(modem);
            matches!(last, Ok(Seen::Done | Seen::Other(_)))
        });
        last
    }

    /// Whether something shows before [`SHOWS_WITHIN`] is over, also after a request to stop.
    pub(super) fn shows_in_time(&mut self, shows: &mut dyn FnMut(&mut Modem<'l>) -> bool) -> bool {
        let cancel = self.take_cancel();
        let patient = self.now() + SHOWS_WITHIN;
        let mut looks = 0;
        let shown = loop {
            if shows(self) {
                break true;
            }
            looks += 1;
            // One answer may be lost, which takes as long.
            if looks > 1 && self.now() >= patient {
                break false;
            }
            self.sleep(Duration::from_secs(1));
        };
        self.put_cancel(cancel);
        shown
    }

    /// Runs `look` to its end even after a request to stop.
    pub(super) fn looking<T>(&mut self, look: impl FnOnce(&mut Modem<'l>) -> Result<T>) -> Result<T> {
        let cancel = self.take_cancel();
        let seen = look(self);
        self.put_cancel(cancel);
        seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::at::At;
    use crate::error::{ErrorKind, Refusal, RefusalFamily};
    use crate::link::flood::Flood;

    /// What is said of a change in trouble when the looks see this, one after the other.
    fn said(verdict: Option<Verdict>, sights: &[Option<Seen>]) -> Result<(), Option<Verdict>> {
        said_of(Error::new(ErrorKind::Timeout, "no answer"), verdict, sights)
    }

    fn said_of(
        trouble: Error,
        verdict: Option<Verdict>,
        sights: &[Option<Seen>],
    ) -> Result<(), Option<Verdict>> {
        let mut port = Flood::of(b"");
        let mut modem = Modem::from_at(At::new(&mut port));
        let trouble = match verdict {
            Some(verdict) => trouble.with_verdict(verdict),
            None => trouble,
        };
        // What neither happened nor shows anything else is looked for each second for a while.
        let waits = trouble.refusal().is_none()
            && sights.first().is_some_and(|seen| !matches!(seen, Some(Seen::Done | Seen::Other(_))));
        let again = if waits { SHOWS_WITHIN.as_secs() as usize } else { 0 };
        let mut sights = sights.iter().take(1).cycle().take(again).chain(sights);
        let looked = modem.after_trouble(trouble, |_| match sights.next() {
            Some(Some(seen)) => Ok(seen.clone()),
            _ => Err(Error::new(ErrorKind::Timeout, "no answer either")),
        });
        assert_eq!(sights.next(), None, "each look is taken");
        looked.map_err(|e| e.verdict())
    }

    #[test]
    fn what_cannot_be_told_stays_in_doubt() {
        for (seen, in_doubt) in [(Seen::Nothing, true), (Seen::Done, false), (Seen::Untouched, true)] {
            let mut port = Flood::of(b"");
            let mut modem = Modem::from_at(At::new(&mut port));
            let trouble = Error::new(ErrorKind::Timeout, "no answer");
            let _ = modem.after_trouble(trouble, |_| Ok(seen.clone()));
            assert_eq!(modem.standing().is_in_doubt(), in_doubt, "{seen:?}");
        }
    }

    /// The stick acts some seconds after it was given up.
    #[test]
    fn what_comes_late_is_waited_for() {
        for kind in [ErrorKind::Timeout, ErrorKind::Interrupted, ErrorKind::Disconnected] {
            let mut port = Flood::of(b"");
            let mut modem = Modem::from_at(At::new(&mut port));
            let mut looks = 0;
            let seen = modem.after_trouble(Error::new(kind, "no answer"), |_| {
                looks += 1;
                Ok(if looks < 5 { Seen::Untouched } else { Seen::Done })
            });
            assert_eq!((seen.is_ok(), looks), (true, 6), "{kind:?}");
        }
    }

    #[test]
    fn a_look_counts_when_a_second_one_agrees() {
        let other = || Some(Seen::Other("two of three".to_owned()));
        assert_eq!(said(None, &[Some(Seen::Done), Some(Seen::Done)]), Ok(()));
        // One that did not answer may act after the last look; one that refused does not.
        let as_before = [Some(Seen::Untouched), Some(Seen::Untouched)];
        assert_eq!(said(None, &as_before), Err(Some(Verdict::Unknown)));
        let number = Refusal { family: RefusalFamily::Cme, code: 30 };
        let refused = Error::new(ErrorKind::AtRefused, "no").detail(Detail::Refusal(number));
        assert_eq!(said_of(refused, None, &as_before), Err(Some(Verdict::Untouched)));
        assert_eq!(said(None, &[other(), other()]), Err(Some(Verdict::Recoverable)));
        for sights in [
            [Some(Seen::Done), Some(Seen::Untouched)],
            [Some(Seen::Untouched), Some(Seen::Done)],
            [Some(Seen::Untouched), None],
            [Some(Seen::Done), None],
            [other(), Some(Seen::Done)],
            [Some(Seen::Nothing), Some(Seen::Nothing)],
        ] {
            assert_eq!(said(None, &sights), Err(Some(Verdict::Unknown)), "{sights:?}");
        }
        // Before the first byte there is nothing to look at.
        assert_eq!(said(Some(Verdict::Untouched), &[]), Err(Some(Verdict::Untouched)));
    }
}
