//! Deleting messages, and looking whether they are gone.

use std::collections::BTreeSet;

use crate::at::{self, At};
use crate::error::{Detail, Error, ErrorKind, Result, Verdict};
use crate::hilink::sms as web_sms;
use crate::link::Changes;
use crate::mbim;
use crate::modem::look::Seen;
use crate::modem::messages::stores::Selection;
use crate::modem::messages::{EntryKind, MessageId, MessageList, Place, ShortMessage};
use crate::modem::{Modem, Way};

/// What deleting came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deleted {
    /// The stick said that it deleted them, and its stores could not be read since.
    pub unseen: bool,
}

impl Modem<'_> {
    /// Deletes entries with all their parts. Every one is looked up before the first goes, and afterwards the stores are looked at. What
    /// is still there is deleted once more.
    ///
    /// # Errors
    /// `Usage` for one that is not there. When some are gone and others not: recoverable, with the facts `deleted` and `left`.
    pub fn delete_messages(&mut self, ids: &[MessageId]) -> Result<Deleted> {
        let mut before = self.messages()?;
        // Where parts seem to miss or do not decode, the list may have been damaged on its way.
        let doubtful =
            |message: &ShortMessage| message.missing_parts > 0 || message.kind == EntryKind::Undecodable;
        if ids.iter().any(|id| before.find(id).is_ok_and(doubtful))
            || !before.messages.iter().all(has_numbers)
        {
            before = self.messages()?;
        }
        if let Some(error) = ids.iter().find_map(|id| before.find(id).err()) {
            return Err(before.tell(self.assess(error)));
        }
        // Whatever comes of the deletion.
        let marked = before.marked_as_read() && !matches!(self.way, Way::Web(_));
        self.delete_listed(before, ids).map_err(|e| match marked {
            true => e.detail(Detail::MarkedRead),
            false => e,
        })
    }

    fn delete_listed(&mut self, before: MessageList, ids: &[MessageId]) -> Result<Deleted> {
        let deletion = Deletion::new(before, ids).map_err(|e| self.assess(e))?;
        if !deletion.wanted.iter().all(has_numbers) {
            let what = "the stick does not say where all parts of the message are stored";
            return Err(self.fails(ErrorKind::UnexpectedAnswer, what));
        }
        let mut accepted = 0;
        if let Err(error) = self.delete_places(&deletion.places(), &mut accepted) {
            // Others went before it: that the last one was refused says nothing about them. A list that still shows what the stick said
            // to have deleted proves nothing either.
            self.after_trouble(error, |modem| match deletion.seen(&modem.messages()?) {
                Seen::Untouched if accepted > 0 => Ok(Seen::Nothing),
                seen => Ok(seen),
            })?;
            return Ok(Deleted::default());
        }
        self.see_that_they_are_gone(&deletion)
    }

    /// The stick accepted every deletion: another message than the wanted one may have gone.
    fn see_that_they_are_gone(&mut self, deletion: &Deletion) -> Result<Deleted> {
        let unseen = Deleted { unseen: true };
        let Ok(now) = self.looking(|modem| modem.messages()) else { return Ok(unseen) };
        let left = deletion.left(&now);
        if left.is_empty() || !matches!(deletion.seen(&now), Seen::Untouched | Seen::Other(_)) {
            return self.confirmed(deletion, &now, false);
        }
        let mut accepted = 0;
        if let Err(error) = self.delete_places(&left, &mut accepted) {
            self.after_trouble(error, |modem| match deletion.seen(&modem.messages()?) {
                Seen::Untouched => Ok(Seen::Nothing),
                seen => Ok(seen),
            })?;
            return Ok(Deleted::default());
        }
        let Ok(now) = self.looking(|modem| modem.messages()) else { return Ok(unseen) };
        self.confirmed(deletion, &now, true)
    }

    fn confirmed(&mut self, deletion: &Deletion, now: &MessageList, is_second: bool) -> Result<Deleted> {
        if let Some(lost) = deletion.lost(now) {
            let what = "the stick accepted a deletion, but its message list does not show it";
            let error = Error::new(ErrorKind::UnexpectedAnswer, what).with("lost", lost);
            self.after_trouble(error, |modem| Ok(deletion.seen(&modem.messages()?)))?;
        }
        let listed = deletion.still_listed(now);
        if is_second && !listed.is_empty() {
            self.stand(self.standing().in_doubt());
            let what = format!("the stick says twice that it deleted {listed}, and still lists it");
            let cause = Error::new(ErrorKind::UnexpectedAnswer, "the message is still in its list");
            let next = "replug the stick and look again";
            let error = Error::new(ErrorKind::UnexpectedAnswer, what).because(cause);
            let error = error.detail(Detail::NextStep(next));
            return Err(match deletion.seen(now) {
                Seen::Other(now) => error.with("now", now).with_verdict(Verdict::Recoverable),
                _ => error.with_verdict(Verdict::Unknown),
            });
        }
        Ok(Deleted { unseen: !listed.is_empty() || deletion.seen(now) == Seen::Nothing })
    }

    fn delete_places(&mut self, places: &[Place], accepted: &mut usize) -> Result<()> {
        match &mut self.way {
            Way::At(at) => delete_at(at, places, accepted),
            Way::Mbim(mbim) => places.iter().try_for_each(|place| {
                mbim.run(&mbim::delete_message(place.number))?;
                *accepted += 1;
                Ok(())
            }),
            Way::Web(web) => {
                let numbers: Vec<u32> = places.iter().map(|place| place.number).collect();
                web.call(&web_sms::delete(&numbers)).map_err(|e| match e.refusal() {
                    // What was refused may be one of them, and others gone before it.
                    Some(_) if numbers.len() > 1 => e.with_verdict(Verdict::Unknown),
                    _ => e,
                })?;
                *accepted = numbers.len();
                Ok(())
            }
        }
    }
}

fn delete_at(at: &mut At<'_>, places: &[Place], accepted: &mut usize) -> Result<()> {
    let before = at.standing();
    let mut selection = Selection::begin(at)?;
    let mut delete = |at: &mut At<'_>, place: &Place| -> Result<()> {
        selection.choose(at, &place.store)?;
        at.run(&at::sms::delete(place.number as u16))
    };
    let result = places.iter().try_for_each(|place| {
        delete(at, place)?;
        *accepted += 1;
        Ok(())
    });
    // A store that is not put back is named by the listing that follows.
    let is_back = selection.end(at, true).is_none();
    if is_back && *accepted == 0 {
        // To have chosen another store for a moment is no change.
        let doubt = at.standing().is_in_doubt();
        at.stand(if doubt { before.in_doubt() } else { before });
    }
    result
}

/// What is to go and what is to stay.
struct Deletion {
    wanted: Vec<ShortMessage>,
    others: Vec<ShortMessage>,
}

impl Deletion {
    fn new(before: MessageList, ids: &[MessageId]) -> Result<Deletion> {
        let places = ids.iter().map(|id| before.find(id).map(|message| message.places.clone()));
        let places: Vec<Vec<Place>> = places.collect::<Result<_>>()?;
        let (wanted, others) =
            before.messages.into_iter().partition(|message| places.contains(&message.places));
        Ok(Deletion { wanted, others })
    }

    fn places(&self) -> Vec<Place> {
        self.wanted.iter().flat_map(|message| message.places.clone()).collect()
    }

    /// What the stores show of it. A place counts as empty when nothing is stored there: what came into it since cannot be told from what
    /// was there.
    fn seen(&self, now: &MessageList) -> Seen {
        // A list with holes shows nothing.
        if !now.skipped.is_empty() || now.messages.iter().any(|message| message.places.is_empty()) {
            return Seen::Nothing;
        }
        if let Some(lost) = self.lost(now) {
            return Seen::Other(format!("deleted without being asked for: {lost}"));
        }
        let taken = taken(now);
        let is_gone = |m: &&ShortMessage| m.places.iter().all(|place| !taken.contains(place));
        let is_whole = |m: &&ShortMessage| m.places.iter().all(|place| taken.contains(place));
        if self.wanted.iter().all(|m| is_gone(&m)) {
            return Seen::Done;
        }
        if self.wanted.iter().all(|m| is_whole(&m)) {
            return Seen::Untouched;
        }
        let deleted = numbers(self.wanted.iter().filter(is_gone));
        let left = numbers(self.wanted.iter().filter(|m| !is_gone(m)));
        Seen::Other(format!("deleted {}; left {left}", if deleted.is_empty() { "a part" } else { &deleted }))
    }

    /// What is gone and should not be, in words.
    fn lost(&self, now: &MessageList) -> Option<String> {
        let taken = taken(now);
        let is_lost = |m: &&ShortMessage| {
            let read = m.places.iter().all(|place| now.stores.contains(&place.store));
            read && m.places.iter().any(|place| !taken.contains(place))
        };
        let lost = numbers(self.others.iter().filter(is_lost));
        (!lost.is_empty()).then_some(lost)
    }

    /// The places that were to be emptied and still hold what was in them.
    fn left(&self, now: &MessageList) -> Vec<Place> {
        let same = |message: &ShortMessage, other: &ShortMessage| {
            message.pdus == other.pdus && (&message.text, &message.time_raw) == (&other.text, &other.time_raw)
        };
        let left = |place: &Place| {
            let find = |all: &[ShortMessage]| all.iter().find(|m| m.places.contains(place)).cloned();
            let (Some(then), Some(now)) = (find(&self.wanted), find(&now.messages)) else { return false };
            then.places.len() != now.places.len() || same(&then, &now)
        };
        self.places().into_iter().filter(left).collect()
    }

    fn still_listed(&self, now: &MessageList) -> String {
        let left = self.left(now);
        numbers(self.wanted.iter().filter(|message| message.places.iter().any(|place| left.contains(place))))
    }
}

/// Whether the stick says of every part where it is stored.
fn has_numbers(message: &ShortMessage) -> bool {
    message.places.len() >= message.pdus.len().max(1)
}

fn taken(now: &MessageList) -> BTreeSet<&Place> {
    now.messages.iter().flat_map(|message| &message.places).collect()
}

fn numbers<'a>(messages: impl Iterator<Item = &'a ShortMessage>) -> String {
    let ids = messages.filter_map(|message| message.id(false)).map(|id| id.to_string());
    ids.collect::<Vec<_>>().join(", ")
}
