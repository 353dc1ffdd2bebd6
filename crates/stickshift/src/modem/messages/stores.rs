//! The message stores behind an AT port, and which of them commands read from.

use crate::at::sms::{self, Status, Stored};
use crate::at::{At, Command};
use crate::error::{Error, ErrorKind, Result, Standing, Verdict};
use crate::link::Changes;
use crate::modem::messages::{MessageList, SkippedStore, joined, missing, reason};

/// The store that is a view of the others.
const ALL_IN_ONE: &str = "MT";

/// Which store commands read from: it is put back to what it was, so that other programs find what they are used to.
pub(super) struct Selection {
    preset: Option<String>,
    current: Option<String>,
    /// Places taken in the preset store.
    used: Option<u16>,
    before: Standing,
}

impl Selection {
    /// Asks which store is in use. Not every stick says it, and then the only one is read that there seems to be.
    pub(super) fn begin(at: &mut At<'_>) -> Result<Selection> {
        let before = at.standing();
        let store = unless_silent(at, &sms::store())?;
        let used = store.as_ref().map(|store| store.used);
        let preset = store.map(|store| store.name);
        Ok(Selection { current: preset.clone(), preset, used, before })
    }

    /// Messages are read from this store from now on. Gives how many places are taken, where the stick says it.
    pub(super) fn choose(&mut self, at: &mut At<'_>, name: &str) -> Result<Option<u16>> {
        if name.is_empty() || self.current.as_deref() == Some(name) {
            return Ok(if self.current == self.preset { self.used } else { None });
        }
        let used = at.run(&sms::use_store(name)?)?;
        self.current = Some(name.to_owned());
        Ok(used)
    }

    /// A stick that was pulled has forgotten which store was in use: to have chosen one is no change then.
    fn pulled(&self, at: &mut At<'_>, error: &Error) -> bool {
        let is_pulled = error.is(ErrorKind::Disconnected);
        if is_pulled {
            at.stand(self.before);
        }
        is_pulled
    }

    /// Puts the store back, also after a request to stop; gives why not, where that fails. `changed`: whether what was done meanwhile
    /// counts for verdicts.
    pub(super) fn end(mut self, at: &mut At<'_>, changed: bool) -> Option<SkippedStore> {
        if let Some(preset) = self.preset.clone() {
            let cancel = at.take_cancel();
            let back = self.choose(at, &preset);
            at.put_cancel(cancel);
            if let Err(e) = back {
                if !changed {
                    self.pulled(at, &e);
                }
                let reason = format!("it was in use before and could not be put back: {}", e.what());
                return Some(SkippedStore { store: preset, reason });
            }
        }
        if !changed {
            at.stand(self.before);
        }
        None
    }
}

/// Runs a question that tells more where it is known: nothing when the stick refuses it twice or keeps silent twice. A stick whose SIM is busy
/// refuses once what it knows, and a store that nobody hears of would make a number mean another message.
fn unless_silent<T>(at: &mut At<'_>, command: &Command<T>) -> Result<Option<T>> {
    let mut ask = || match at.run_if_known(command) {
        Err(e) if e.is(ErrorKind::Timeout) => Ok(None),
        other => other,
    };
    match ask()? {
        None => ask(),
        told => Ok(told),
    }
}

/// Everything in every store.
pub(super) fn listed(at: &mut At<'_>) -> Result<MessageList> {
    sms::use_pdus(at)?;
    let mut selection = Selection::begin(at)?;
    let names = readable(at, &selection)?;
    let mut list = MessageList::default();
    let mut found: Vec<(String, Vec<Stored>)> = Vec::new();
    let mut first_refusal = None;
    let mut trouble = None;
    for name in &names {
        let chosen = selection.choose(at, name);
        if let Err(e) = &chosen
            && !found.iter().any(|(_, stored)| may_have_been_new(stored))
            && selection.pulled(at, e)
            && selection.before == Standing::default()
        {
            return chosen.map(|_| list).map_err(|e| e.with_verdict(Verdict::Untouched));
        }
        match chosen.and_then(|used| list_one(at, used)) {
            Ok((stored, missing)) => {
                if let Some(reason) = missing {
                    list.skip(name, reason);
                }
                found.push((name.clone(), stored));
            }
            Err(e) if is_refusal(&e) => {
                list.skip(name, reason(&e));
                first_refusal.get_or_insert(e);
            }
            Err(e) => {
                trouble = Some(e);
                break;
            }
        }
    }
    if let Some(e) = trouble {
        let e = if e.verdict() == Some(Verdict::Unknown) {
            e.with("may-be", "new messages count as read now")
        } else {
            e.verdict_if_unset(Verdict::Unknown)
        };
        let is_back = selection.end(at, true).is_none();
        return Err(if is_back { e } else { e.with_verdict(Verdict::Unknown) });
    }
    // The marks that it leaves are part of a listing: whatever fails later says nothing about them.
    list.skipped.extend(selection.end(at, false));
    if found.is_empty()
        && let Some(e) = first_refusal
    {
        return Err(e);
    }
    without_doubles(&mut found);
    list.stores = found.iter().map(|(name, _)| name.clone()).collect();
    list.messages = joined::entries(&found);
    Ok(list)
}

/// The stores to read, the one in use first and the view of all of them last.
fn readable(at: &mut At<'_>, selection: &Selection) -> Result<Vec<String>> {
    let Some(preset) = selection.preset.clone() else { return Ok(vec![String::new()]) };
    let mut names = unless_silent(at, &sms::stores())?.unwrap_or_default();
    names.retain(|name| *name != preset);
    names.insert(0, preset);
    let whole = |names: &[String]| ["SM", "ME"].iter().all(|name| names.iter().any(|known| known == name));
    if whole(&names) {
        names.retain(|name| name != ALL_IN_ONE || Some(name) == selection.preset.as_ref());
    }
    names.sort_by_key(|name| name == ALL_IN_ONE);
    Ok(names)
}

/// What the view of all stores shows a second time.
fn without_doubles(found: &mut Vec<(String, Vec<Stored>)>) {
    let Some(at) = found.iter().position(|(name, _)| name == ALL_IN_ONE) else { return };
    let mut others: Vec<Vec<u8>> = found
        .iter()
        .filter(|(name, _)| name != ALL_IN_ONE)
        .flat_map(|(_, stored)| stored.iter().map(|one| one.pdu.clone()))
        .collect();
    found[at].1.retain(|one| match others.iter().position(|pdu| *pdu == one.pdu) {
        Some(double) => {
            others.swap_remove(double);
            false
        }
        None => true,
    });
    if found[at].1.is_empty() && found.len() > 1 {
        found.remove(at);
    }
}

/// The messages of the store in use, and why some may be missing. `used`: how many there should be, as far as the stick said it before.
fn list_one(at: &mut At<'_>, used: Option<u16>) -> Result<(Vec<Stored>, Option<String>)> {
    let counted = used.unwrap_or(0);
    let (mut stored, mut broken) = ask_for_list(at)?;
    if broken.is_some() || stored.len() < usize::from(counted) {
        // Somebody else's result may have ended the list before its time.
        at.wake()?;
        let (again, broken_again) = ask_for_list(at)?;
        if again.len() >= stored.len() {
            // The first list has marked them as read.
            let status = |one: &Stored| {
                let same = |first: &&Stored| (first.index, &first.pdu) == (one.index, &one.pdu);
                stored.iter().find(same).and_then(|first| first.status).or(one.status)
            };
            stored = again.iter().map(|one| Stored { status: status(one), ..one.clone() }).collect();
            broken = broken_again;
        }
    }
    let missing = missing(counted.into(), stored.len(), broken.as_ref());
    Ok((stored, missing))
}

fn ask_for_list(at: &mut At<'_>) -> Result<(Vec<Stored>, Option<Error>)> {
    match sms::list_as_far_as_it_goes(at) {
        // Nothing is lost by asking again.
        Err(e) if e.is(ErrorKind::Timeout) => sms::list_as_far_as_it_goes(at),
        other => other,
    }
}

/// Whether listing these may have marked one of them as read, which a stick keeps without power.
fn may_have_been_new(stored: &[Stored]) -> bool {
    stored.iter().any(|one| matches!(one.status, Some(Status::Unread) | None))
}

fn is_refusal(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::AtRefused | ErrorKind::NoSim | ErrorKind::SimPinNeeded | ErrorKind::SimPukNeeded
    )
}
