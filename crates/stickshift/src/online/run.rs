//! What one run has at hand, and how it makes changes and takes them back.

use crate::error::{Error, ErrorKind, Result, Verdict};
use crate::event::Session;
use crate::link::Bus;
use crate::online::computer::{CardState, Change, Computer};
use crate::online::record::{Record, StickUndo};
use crate::online::{Wanted, computer};
use crate::stick::{Place, Stick};

/// One run of `up`.
pub(super) struct Run<'a, 's> {
    pub(super) bus: &'a mut dyn Bus,
    pub(super) computer: &'a mut dyn Computer,
    pub(super) session: &'a mut Session<'s>,
    pub(super) wanted: &'a Wanted,
    pub(super) stick: Stick,
    pub(super) record: Record,
    /// The SIM was given its PIN, which it keeps until the power goes.
    pub(super) pin_entered: bool,
    /// The stick was changed, or its function was silent and was opened anew, which may have ended a connection. Stays when the change is
    /// taken back.
    pub(super) touched: bool,
}

impl<'a, 's> Run<'a, 's> {
    /// Nothing was done with the SIM or the stick yet but what the record has of an earlier run.
    pub(super) fn new(
        bus: &'a mut dyn Bus,
        computer: &'a mut dyn Computer,
        session: &'a mut Session<'s>,
        wanted: &'a Wanted,
        stick: Stick,
        record: Record,
    ) -> Run<'a, 's> {
        let touched = !record.on_stick.is_empty();
        Run { bus, computer, session, wanted, stick, record, pin_entered: false, touched }
    }

    pub(super) fn place(&self) -> &Place {
        &self.stick.place
    }

    /// An answer that only informs: where it was lost, that is said, and the run goes on.
    pub(super) fn told<T>(&mut self, what: &str, answer: Result<Option<T>>) -> Result<Option<T>> {
        match answer {
            Err(e) if is_lost(&e) => {
                self.session
                    .note("not-told", format!("{what}: not known, the stick's answer was lost ({e})"));
                Ok(None)
            }
            other => other,
        }
    }

    /// Makes a change of the computer, and says it. Whoever asked to stop gets no further change.
    pub(super) fn change(&mut self, change: Change) -> Result<()> {
        self.session.check()?;
        if self.record.make(self.computer, &change)? {
            self.session.note("computer", change.to_string());
        }
        Ok(())
    }

    /// The same for several that do not depend on each other.
    pub(super) fn changes(&mut self, changes: &[Change]) -> Result<()> {
        self.session.check()?;
        for change in self.record.make_all(self.computer, changes)? {
            self.session.note("computer", change.to_string());
        }
        Ok(())
    }

    /// Records what is to be put back on the stick, which is about to be changed.
    pub(super) fn note(&mut self, undo: StickUndo) -> Result<()> {
        self.session.check()?;
        self.record.note(self.computer, undo)?;
        self.touched = true;
        Ok(())
    }

    /// What a failure leaves of the stick where nothing of it is to be put back any more. Whoever sent a code has stated its verdict.
    pub(super) fn left(&self, stated: Option<Verdict>) -> Verdict {
        let done = self.pin_entered || self.touched;
        match stated {
            _ if self.pin_entered => Verdict::Recoverable,
            None | Some(Verdict::Untouched) if done => Verdict::Recoverable,
            stated => stated.unwrap_or(Verdict::Untouched),
        }
    }

    /// How many changes of the computer were made so far.
    pub(super) fn mark(&self) -> usize {
        self.record.on_computer.len()
    }

    /// Takes back the changes that were made since `mark`.
    pub(super) fn back_to(&mut self, mark: usize) -> Result<()> {
        while self.record.on_computer.len() > mark {
            if let Some(back) = self.record.on_computer.last() {
                undo(self.computer, back)?;
            }
            self.record.on_computer.pop();
            // What is taken back once more is no failure: where the record cannot be kept, the one before serves.
            let _ = self.computer.keep(&self.record);
        }
        Ok(())
    }

    /// The network interface of the stick's USB interface `number`, or its only one.
    pub(super) fn card(&mut self, number: Option<u8>) -> Result<CardState> {
        let all = self.computer.cards(&self.stick)?;
        let found = all.iter().find(|c| number.is_some() && c.interface == number).or(all.first()).cloned();
        found.ok_or_else(|| {
            Error::new(ErrorKind::NoSuchPort, "the stick has no network interface")
                .with("place", self.place())
        })
    }

    /// A failure from here on leaves a stick that was changed and put back.
    pub(super) fn fails(&self, kind: ErrorKind, what: impl Into<String>) -> Error {
        let error = Error::new(kind, what);
        if self.touched { error.with_verdict(Verdict::Recoverable) } else { error }
    }
}

/// So many answers may be lost in a row where a state is asked for again and again.
pub(super) const MOST_LOST: u32 = 2;

/// Whether an answer was lost on its way, or something else came in its place.
pub(super) fn is_lost(error: &Error) -> bool {
    error.is(ErrorKind::Timeout) || error.is(ErrorKind::UnexpectedAnswer)
}

/// What has to be known: a first answer that is lost is asked for again.
pub(super) fn twice<T>(mut ask: impl FnMut() -> Result<T>) -> Result<T> {
    match ask() {
        Err(e) if is_lost(&e) => ask(),
        other => other,
    }
}

/// Takes back one change. `false` where its interface is gone, and the change with it.
pub(super) fn undo(computer: &mut dyn Computer, back: &Change) -> Result<bool> {
    if let Some(card) = back.card()
        && computer.card(card)?.is_none()
        && !matches!(back, Change::Resolver { .. })
    {
        return Ok(false);
    }
    match computer.apply(back) {
        Err(e) if e.is(ErrorKind::Disconnected) => Ok(false),
        other => other.map(|()| true),
    }
}

/// What is left of the record's changes of the computer, after a restart or a replug.
pub(super) fn still_there(record: &Record, boot: &str) -> Vec<computer::Change> {
    let same_boot = record.boot == boot;
    record.on_computer.iter().filter(|back| same_boot || back.outlives_a_restart()).cloned().collect()
}

/// Values in one line.
pub(super) fn list<T: ToString>(values: &[T]) -> String {
    values.iter().map(T::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Cancel;
    use crate::link::{ByteLink, HttpLink, Moment, UsbLink};
    use crate::online::computer::Card;
    use crate::online::{Simulated, Weather};

    /// A bus with nothing on it.
    struct NoBus;

    impl Bus for NoBus {
        fn raw_devices(&mut self) -> Result<Vec<Stick>> {
            Ok(Vec::new())
        }

        fn wait_change(&mut self, _: Moment) -> Result<bool> {
            Ok(false)
        }

        fn open_port(&mut self, _: &Place, _: u8) -> Result<Box<dyn ByteLink>> {
            nothing()
        }

        fn open_usb(&mut self, _: &Place) -> Result<Box<dyn UsbLink>> {
            nothing()
        }

        fn open_http(&mut self, _: &Place) -> Result<Box<dyn HttpLink>> {
            nothing()
        }

        fn now(&self) -> Moment {
            Moment::ZERO
        }
    }

    fn nothing<T>() -> Result<T> {
        Err(Error::new(ErrorKind::NoSuchPort, "nothing is here"))
    }

    /// That the record is empty by now does not say that nothing was done.
    #[test]
    fn a_change_that_was_taken_back_is_none_that_was_never_made() {
        let (mut bus, mut computer, wanted) = (NoBus, Simulated::new(Weather::default()), Wanted::default());
        let place: Place = "1-1".parse().unwrap();
        let stick = Stick::new(place.clone(), "12d1:1506".parse().unwrap());
        let record = Record::new(&place, stick.id, "a boot".into(), "ncm");
        let mut session = Session::new(|_| {}, Cancel::new());
        let mut run = Run::new(&mut bus, &mut computer, &mut session, &wanted, stick, record);
        let (untouched, unknown) = (Some(Verdict::Untouched), Some(Verdict::Unknown));
        assert_eq!((run.left(None), run.left(unknown)), (Verdict::Untouched, Verdict::Unknown));
        assert_eq!(run.fails(ErrorKind::Timeout, "x").verdict(), None);
        run.note(StickUndo::Radio { on: false }).unwrap();
        run.record.on_stick.clear();
        assert_eq!((run.left(None), run.left(untouched)), (Verdict::Recoverable, Verdict::Recoverable));
        assert_eq!(run.left(unknown), Verdict::Unknown);
        assert_eq!(run.fails(ErrorKind::Timeout, "x").verdict(), Some(Verdict::Recoverable));
    }

    #[test]
    fn of_an_earlier_run_of_the_computer_only_files_are_put_back() {
        let card = Card { name: "wwan0".into(), index: 4 };
        let place = "1-1".parse().unwrap();
        let mut record = Record::new(&place, "12d1:1506", "a boot".into(), "ncm");
        let names = Change::Resolver { card: card.clone(), servers: Vec::new() };
        record.on_computer =
            vec![Change::Link { card, up: false }, names.clone(), Change::EndProgram { pid: 7, started: 1 }];
        assert_eq!(still_there(&record, "a boot"), record.on_computer);
        // The interfaces and processes of these numbers are others now.
        assert_eq!(still_there(&record, "the next"), [names]);
    }
}
