//! Short messages: list, send, delete.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::at::{self, At};
use crate::error::{Error, ErrorKind, Result, Verdict};
use crate::hilink::Hilink;
use crate::hilink::sms::{self as web_sms, Folder};
use crate::link::Changes;
use crate::modem::look::Seen;
use crate::modem::{Modem, Way};

/// A message that came, whole: the parts of a long one put together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ShortMessage {
    /// The number to delete it by.
    pub number: u32,
    /// The sender, an identity.
    pub from: String,
    /// `2026-11-20T13:05:00`, with the offset from UTC where the stick tells it.
    pub date: String,
    /// Whether it had been read.
    pub read: bool,
    /// Parts that have not come (yet).
    pub missing_parts: u8,
    /// What it says.
    pub text: String,
    /// Where its parts are stored.
    #[serde(skip)]
    pub(crate) places: Vec<u32>,
}

/// A text to send.
#[derive(Clone, Copy, Debug)]
pub struct Draft<'a> {
    /// The receiver, with `+` and country code.
    pub to: &'a str,
    /// What it says; cut into parts where it is long.
    pub text: &'a str,
    /// Ties the parts together on the receiver's side: should differ from one long message to the next.
    pub mark: u8,
    /// Now, `YYYY-MM-DD HH:MM:SS`: HiLink firmware stores it with the message.
    pub date: &'a str,
}

/// A message that went to the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Submission {
    /// Into how many parts it was cut; HiLink firmware does not tell.
    pub parts: Option<usize>,
}

impl Modem<'_> {
    /// Every message that came. Over AT, new ones count as read from then on.
    ///
    /// # Errors
    /// As [`At::run`] and [`Hilink::call`].
    pub fn messages(&mut self) -> Result<Vec<ShortMessage>> {
        match &mut self.way {
            Way::At(at) => listed_by_at(at),
            Way::Web(web) => listed_by_web(web),
        }
    }

    /// The message with this number. HiLink firmware takes it for read from then on.
    ///
    /// # Errors
    /// `Usage` when there is none; as [`messages`](Self::messages).
    pub fn read_message(&mut self, number: u32) -> Result<ShortMessage> {
        let mut all = self.messages()?;
        let Some(at) = all.iter().position(|m| m.number == number) else {
            return Err(self.fails(ErrorKind::Usage, format!("there is no message {number}")));
        };
        let message = all.swap_remove(at);
        if let Way::Web(web) = &mut self.way {
            // What was asked for is here already, whether the stick takes note of it or not.
            let _ = web.call_if_known(&web_sms::set_read(number));
        }
        Ok(message)
    }

    /// Deletes messages with all their parts. Every number is looked up before the first message goes, and afterwards the store is
    /// looked at.
    ///
    /// # Errors
    /// `Usage` for a number that no message has. When some are gone and others not: recoverable, with the facts `deleted` and `left`.
    pub fn delete_messages(&mut self, numbers: &[u32]) -> Result<()> {
        let before = self.messages()?;
        let numbers: BTreeSet<u32> = numbers.iter().copied().collect();
        if let Some(absent) = numbers.iter().find(|n| !before.iter().any(|m| m.number == **n)) {
            return Err(self.fails(ErrorKind::Usage, format!("there is no message {absent}")));
        }
        let (wanted, others): (Vec<_>, Vec<_>) =
            before.into_iter().partition(|message| numbers.contains(&message.number));
        let deletion = Deletion { wanted, others };
        let result = match &mut self.way {
            Way::At(at) => {
                let mut places = deletion.wanted.iter().flat_map(|m| &m.places);
                places.try_for_each(|place| at.run(&at::sms::delete(*place as u16)))
            }
            Way::Web(web) => {
                let numbers: Vec<u32> = numbers.into_iter().collect();
                let done = web.call(&web_sms::delete(&numbers));
                done.map_err(|e| match e.refusal() {
                    // What was refused may be one of them, and others gone before it.
                    Some(_) if numbers.len() > 1 => e.with_verdict(Verdict::Unknown),
                    _ => e,
                })
            }
        };
        match result {
            Ok(()) => self.see_that_they_are_gone(&deletion),
            // Others went before it: that the last one was refused says nothing about them.
            Err(error) => self.after_trouble(error, |modem| Ok(deletion.seen(&modem.messages()?))),
        }
    }

    /// The stick accepted every deletion: another message than the wanted one may have gone.
    fn see_that_they_are_gone(&mut self, deletion: &Deletion) -> Result<()> {
        // Where the store cannot be read now, the stick's word counts.
        let Ok(now) = self.looking(|modem| modem.messages()) else { return Ok(()) };
        match deletion.seen(&now) {
            Seen::Done => Ok(()),
            _ => {
                let what = "the stick accepted a deletion, but its message list does not show it";
                let error = Error::new(ErrorKind::UnexpectedAnswer, what);
                self.after_trouble(error, |modem| Ok(deletion.seen(&modem.messages()?)))
            }
        }
    }

    /// Sends a text and waits until the network has it.
    ///
    /// # Errors
    /// `Usage` for what is no telephone number and for an empty text; as [`at::sms::send`] and [`Hilink::call`]. Over AT it cannot be seen
    /// afterwards whether a message was sent whose result was lost: unknown.
    pub fn send_message(&mut self, draft: Draft<'_>) -> Result<Submission> {
        if draft.text.is_empty() {
            return Err(self.fails(ErrorKind::Usage, "the text is empty"));
        }
        match &mut self.way {
            Way::At(at) => {
                let sent = at::sms::send(at, draft.to, draft.text, draft.mark);
                match sent {
                    Ok(references) => Ok(Submission { parts: Some(references.len()) }),
                    Err(e) => {
                        let e = at.judge(e);
                        // Parts before it went, and are not called back.
                        Err(e.verdict_if_unset(Verdict::Recoverable))
                    }
                }
            }
            Way::Web(_) => {
                self.send_over_web(draft)?;
                Ok(Submission { parts: None })
            }
        }
    }

    fn send_over_web(&mut self, draft: Draft<'_>) -> Result<()> {
        let call = web_sms::submit(draft.to, draft.text, draft.date).map_err(|e| self.judge(e))?;
        let web = self.only_web("messages")?;
        if let Err(error) = web.call(&call) {
            return self.after_trouble(error, |modem| modem.find_sent(draft));
        }
        match web_sms::wait_until_sent(self.only_web("messages")?) {
            Ok(()) => Ok(()),
            Err(error) if error.is(ErrorKind::HilinkRefused) => Err(error.with_verdict(Verdict::Recoverable)),
            Err(error) => self.after_trouble(error, |modem| modem.find_sent(draft)),
        }
    }

    /// Looks for a message among those that were sent. That it is not there proves nothing: not every stick keeps them.
    fn find_sent(&mut self, draft: Draft<'_>) -> Result<Seen> {
        let web = self.only_web("messages")?;
        let sent = web.call(&web_sms::page(Folder::Sent, 1))?;
        let this = |m: &web_sms::Message| {
            m.phone == draft.to
                && m.text == draft.text
                && m.date == draft.date
                && m.status == web_sms::Status::Sent
        };
        Ok(if sent.iter().any(this) { Seen::Done } else { Seen::Nothing })
    }
}

fn listed_by_at(at: &mut At<'_>) -> Result<Vec<ShortMessage>> {
    at.run(&at::sms::pdu_mode())?;
    let before = at.standing();
    let stored = match at.run(&at::sms::list()) {
        // Nothing is lost by asking again.
        Err(e) if e.is(ErrorKind::Timeout) => at.run(&at::sms::list()),
        other => other,
    };
    let stored = stored.map_err(|e| {
        if e.verdict() == Some(Verdict::Unknown) {
            e.with("may-be", "new messages count as read now")
        } else {
            e
        }
    })?;
    // The marks that it leaves are part of a listing: whatever fails later says nothing about them.
    at.stand(before);
    let whole = at::sms::received(&stored).into_iter().map(|m| ShortMessage {
        number: m.indices.first().copied().unwrap_or(0).into(),
        from: m.from,
        date: m.time.to_string(),
        read: m.read,
        missing_parts: m.missing,
        text: m.text,
        places: m.indices.into_iter().map(u32::from).collect(),
    });
    Ok(whole.collect())
}

fn listed_by_web(web: &mut Hilink<'_>) -> Result<Vec<ShortMessage>> {
    let whole = web_sms::list(web, Folder::Inbox)?.into_iter().map(|m| ShortMessage {
        number: m.index,
        from: m.phone,
        date: m.date.replacen(' ', "T", 1),
        read: m.status == web_sms::Status::Read,
        missing_parts: 0,
        text: m.text,
        places: vec![m.index],
    });
    Ok(whole.collect())
}

/// What is to go and what is to stay.
struct Deletion {
    wanted: Vec<ShortMessage>,
    others: Vec<ShortMessage>,
}

impl Deletion {
    /// What the store shows of it. A place counts as empty when nothing is stored there: what came into it since cannot be told from what
    /// was there.
    fn seen(&self, now: &[ShortMessage]) -> Seen {
        let taken: BTreeSet<u32> = now.iter().flat_map(|m| &m.places).copied().collect();
        let is_gone = |m: &&ShortMessage| m.places.iter().all(|place| !taken.contains(place));
        let is_whole = |m: &&ShortMessage| m.places.iter().all(|place| taken.contains(place));
        let numbers = |all: &mut dyn Iterator<Item = &ShortMessage>| {
            all.map(|m| m.number.to_string()).collect::<Vec<_>>().join(", ")
        };
        let lost = numbers(&mut self.others.iter().filter(|m| !is_whole(m)));
        if !lost.is_empty() {
            return Seen::Other(format!("deleted without being asked for: {lost}"));
        }
        if self.wanted.iter().all(|m| is_gone(&m)) {
            return Seen::Done;
        }
        if self.wanted.iter().all(|m| is_whole(&m)) {
            return Seen::Untouched;
        }
        let deleted = numbers(&mut self.wanted.iter().filter(is_gone));
        let left = numbers(&mut self.wanted.iter().filter(|m| !is_gone(m)));
        Seen::Other(format!("deleted {}; left {left}", if deleted.is_empty() { "a part" } else { &deleted }))
    }
}
