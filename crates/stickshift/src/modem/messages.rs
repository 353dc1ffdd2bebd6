//! Short messages: list, send, delete.

mod deletion;
mod entry;
mod joined;
mod over_mbim;
mod stores;

use serde::Serialize;

use crate::at;
use crate::error::{Detail, Error, ErrorKind, Result, Verdict};
use crate::hilink::sms::{self as web_sms, Folder};
use crate::hilink::{BUSY, Hilink, code_of};
use crate::link::Changes;
use crate::modem::look::Seen;
use crate::modem::{Modem, Way};
use crate::wire::pdu::{plain_number, submit};

pub use deletion::Deleted;
pub use entry::{DataContent, DeliveryReport, EntryKind, MessageId, Place, ShortMessage};

/// What the stick's message stores hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MessageList {
    /// Every entry, oldest first; what has no time follows in the order of its place.
    pub messages: Vec<ShortMessage>,
    /// The stores that were read.
    pub stores: Vec<String>,
    /// What could not be read, and why.
    pub skipped: Vec<SkippedStore>,
    /// Stores of which not every entry may be in the list.
    #[serde(skip)]
    incomplete: Vec<String>,
}

/// A store that could not be read while others could.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SkippedStore {
    /// As in [`Place`].
    pub store: String,
    /// Why, in words.
    pub reason: String,
}

impl MessageList {
    /// The entry that is addressed so.
    ///
    /// # Errors
    /// `Usage` when there is none, when the number alone fits entries of several stores, or may fit one in a store that was not read;
    /// `UnexpectedAnswer` when it may be in one that was not.
    fn find(&self, id: &MessageId) -> Result<&ShortMessage> {
        let named = |store: &&String| id.store.as_ref().is_none_or(|name| name.eq_ignore_ascii_case(store));
        let unread = self.incomplete.iter().find(named);
        let mut found = self.messages.iter().filter(|message| message.is(id));
        let Some(first) = found.next() else {
            return Err(match unread {
                Some(store) => {
                    let why = self.why_not(store);
                    let what = format!("it cannot be seen whether there is a message {id}: {why}");
                    let cause = Error::new(ErrorKind::UnexpectedAnswer, "the list of that store broke off");
                    let next = "run the command again: the store is read anew";
                    Error::new(ErrorKind::UnexpectedAnswer, what)
                        .because(cause)
                        .detail(Detail::NextStep(next))
                }
                None => Error::new(ErrorKind::Usage, format!("there is no message {id}")),
            });
        };
        let what = match (found.next(), &id.store, unread) {
            (Some(_), None, _) => {
                format!("several stores hold a message {id}; name the store, as in {}:{id}", first.store)
            }
            (Some(_), Some(_), _) => format!("the stick lists two messages {id}"),
            (None, None, Some(store)) => format!(
                "another store may hold a message {id} too: {}; name the store, as in {}:{id}",
                self.why_not(store),
                first.store
            ),
            (None, ..) => return Ok(first),
        };
        Err(Error::new(ErrorKind::Usage, what))
    }

    /// The store was not read whole.
    fn skip(&mut self, store: &str, reason: String) {
        self.incomplete.push(store.to_owned());
        self.skipped.push(SkippedStore { store: store.to_owned(), reason });
    }

    fn why_not(&self, store: &str) -> String {
        let reason =
            self.skipped.iter().find(|skipped| skipped.store == store).map(|skipped| &skipped.reason);
        let reason = reason.map_or("no reason was given", String::as_str);
        match store {
            "" => format!("the store was not read whole ({reason})"),
            store => format!("the store {store} was not read whole ({reason})"),
        }
    }

    /// What was not read or not put back, as facts of an error.
    fn tell(&self, error: Error) -> Error {
        self.skipped.iter().fold(error, |error, skipped| {
            error.with("store", format!("{}: {}", skipped.store, skipped.reason))
        })
    }

    /// Whether listing them has marked new messages as read, which over AT and MBIM it does.
    fn marked_as_read(&self) -> bool {
        self.messages.iter().any(|message| message.read == Some(false))
    }

    /// Whether a number needs its store beside it: over AT each store counts on its own.
    pub fn numbers_need_stores(&self) -> bool {
        let named = self.messages.iter().any(|message| !message.pdus.is_empty());
        named && self.stores.len() > 1
    }
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Submission {
    /// Into how many parts it was cut; HiLink firmware does not tell.
    pub parts: Option<usize>,
    /// Whether the stick says that the network took it. Otherwise it has it, and whether it went is not known.
    pub shown: bool,
}

impl Modem<'_> {
    /// Everything in every store of the stick. Over AT and MBIM, new messages count as read from then on.
    ///
    /// ```
    /// use stickshift::event::Cancel;
    /// use stickshift::link::Bus;
    /// use stickshift::modem::Modem;
    ///
    /// let (mut bus, stick) = stickshift_emu::testkit::plugged("e3372h-hilink", 1, None)?;
    /// let mut page = bus.open_http(&stick.place)?;
    /// let mut modem = Modem::over_web(&mut *page, None, &Cancel::new())?;
    /// let list = modem.messages()?;
    /// let named = list.numbers_need_stores();
    /// for message in &list.messages {
    ///     println!("{:?} {:?}", message.id(named), message.text);
    /// }
    /// assert!(list.skipped.is_empty());
    /// # Ok::<(), stickshift::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`At::run`](crate::at::At::run) and [`Hilink::call`]. A store that refuses beside others that do not is no error: see
    /// [`MessageList::skipped`].
    pub fn messages(&mut self) -> Result<MessageList> {
        let mut list = match &mut self.way {
            Way::At(at) => stores::listed(at)?,
            Way::Web(web) => listed_by_web(web)?,
            Way::Mbim(mbim) => over_mbim::listed(mbim)?,
        };
        entry::order(&mut list.messages);
        Ok(list)
    }

    /// The message that is addressed so. HiLink firmware takes it for read from then on.
    ///
    /// # Errors
    /// `Usage` when there is none; as [`messages`](Self::messages).
    pub fn read_message(&mut self, id: &MessageId) -> Result<ShortMessage> {
        let list = self.messages()?;
        let found = list.find(id).map_err(|e| list.tell(self.assess(e)));
        let message = found?.clone();
        if let Way::Web(web) = &mut self.way
            && message.read.is_some()
        {
            // What was asked for is here already, whether the stick takes note of it or not.
            let _ = web.call_if_known(&web_sms::set_read(id.number));
        }
        Ok(message)
    }

    /// The entries that are addressed so, or all of them, to be shown as they are stored ([`ShortMessage::pdus`]).
    ///
    /// # Errors
    /// `Unsupported` over the web, which does not show them; as [`read_message`](Self::read_message).
    pub fn raw_messages(&mut self, ids: &[MessageId]) -> Result<MessageList> {
        if let Way::Web(_) = self.way {
            self.only_at("messages as they are stored")?;
        }
        let mut list = self.messages()?;
        if !ids.is_empty() {
            let found = ids.iter().map(|id| list.find(id).cloned());
            let found = found.collect::<Result<Vec<_>>>();
            list.messages = found.map_err(|e| list.tell(self.assess(e)))?;
        }
        Ok(list)
    }

    /// Sends a text and waits until the network has it.
    ///
    /// ```
    /// use stickshift::event::{Cancel, Session};
    /// use stickshift::link::Bus;
    /// use stickshift::modem::{Draft, Modem, identity};
    ///
    /// let (mut bus, stick) = stickshift_emu::testkit::plugged("e3372h-stick", 1, None)?;
    /// let interface = identity::find_at_port(&mut bus, &stick, &mut Session::quiet())?.expect("an AT port");
    /// let mut port = bus.open_port(&stick.place, interface)?;
    /// let mut modem = Modem::over_at(&mut *port, &Cancel::new())?;
    /// let draft = Draft { to: "+491710000000", text: "on my way", mark: 1, date: "2026-01-01 12:00:00" };
    /// assert_eq!(modem.send_message(draft)?.parts, Some(1));
    /// # Ok::<(), stickshift::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Usage` for what is no telephone number and for an empty text; as [`at::sms::send`] and [`Hilink::call`]. Over AT it cannot be seen
    /// afterwards whether a message was sent whose result was lost: unknown.
    pub fn send_message(&mut self, draft: Draft<'_>) -> Result<Submission> {
        if draft.text.is_empty() {
            return Err(self.fails(ErrorKind::Usage, "the text is empty"));
        }
        let to = plain_number(draft.to);
        let draft = Draft { to: &to, ..draft };
        match &mut self.way {
            Way::At(at) => {
                let sent = at::sms::send(at, draft.to, draft.text, draft.mark);
                match sent {
                    Ok(references) => Ok(Submission { parts: Some(references.len()), shown: true }),
                    Err(e) => {
                        let e = at.assess(e);
                        // Parts before it went, and are not called back.
                        Err(e.verdict_if_unset(Verdict::Recoverable))
                    }
                }
            }
            Way::Mbim(mbim) => match over_mbim::send(mbim, draft) {
                Ok(parts) => Ok(Submission { parts: Some(parts), shown: true }),
                Err(e) => Err(mbim.assess(e).verdict_if_unset(Verdict::Recoverable)),
            },
            Way::Web(_) => Ok(Submission { parts: None, shown: self.send_over_web(draft)? }),
        }
    }

    fn send_over_web(&mut self, draft: Draft<'_>) -> Result<bool> {
        let call = web_sms::submit(draft.to, draft.text, draft.date).map_err(|e| self.assess(e))?;
        let web = self.only_web("messages")?;
        let before = match web.call(&web_sms::send_status()) {
            Err(error) if error.refusal().is_none() => return Err(self.assess(error)),
            told => told.ok(),
        };
        if let Err(error) = web.call(&call) {
            let waits = code_of(&error) == Some(BUSY);
            return self.after_trouble(error, |modem| modem.find_sent(draft)).map(|()| true).map_err(|e| {
                // A stick that is busy may be busy with just this, and it costs.
                let next = "see in a minute whether it is among the sent ones before you send it again";
                if waits { e.detail(Detail::NextStep(next)).with_verdict(Verdict::Unknown) } else { e }
            });
        }
        match web_sms::wait_until_sent(self.only_web("messages")?, draft.to, before.as_ref()) {
            Ok(true) => Ok(true),
            Ok(false) => Ok(self.find_sent(draft).is_ok_and(|seen| seen == Seen::Done)),
            // The network's no, and not the page's. Of several parts some may have gone.
            Err(error) if error.is(ErrorKind::HilinkRefused) && error.refusal().is_none() => {
                let parts = submit(draft.to, draft.text, draft.mark, false);
                let is_one = parts.is_ok_and(|parts| parts.len() == 1);
                let verdict = if is_one { Verdict::Untouched } else { Verdict::Recoverable };
                Err(error.with_verdict(verdict))
            }
            Err(error) => self.after_trouble(error, |modem| modem.find_sent(draft)).map(|()| true),
        }
    }

    /// Looks for a message among those that were sent. That it is not there proves nothing: not every stick keeps them.
    fn find_sent(&mut self, draft: Draft<'_>) -> Result<Seen> {
        let web = self.only_web("messages")?;
        let (_, sent) = web.call(&web_sms::page(Folder::Sent, 1))?;
        let this = |m: &web_sms::Message| {
            m.phone == draft.to
                && m.text == draft.text
                && m.date == draft.date
                && m.status == Some(web_sms::Status::Sent)
        };
        Ok(if sent.iter().any(this) { Seen::Done } else { Seen::Nothing })
    }
}

/// The boxes of HiLink firmware: those in the stick, and those on the SIM where something is in them.
fn listed_by_web(web: &mut Hilink<'_>) -> Result<MessageList> {
    let mut list = MessageList::default();
    let counts = web.call_if_known(&web_sms::counts()).ok().flatten().unwrap_or_default();
    let on_sim = [Folder::SimInbox, Folder::SimSent, Folder::SimDrafts];
    let on_sim = on_sim.into_iter().filter(|folder| counts.of(*folder) > 0);
    for folder in [Folder::Inbox, Folder::Sent, Folder::Drafts].into_iter().chain(on_sim) {
        match web_sms::list(web, folder) {
            Ok((found, broken)) => {
                if let Some(reason) = missing(counts.of(folder).into(), found.len(), broken.as_ref()) {
                    list.skip(folder.name(), reason);
                }
                add(&mut list, folder, found);
            }
            // Older firmware has no other box than the first.
            Err(e) if folder != Folder::Inbox && e.is(ErrorKind::HilinkRefused) => {
                list.skip(folder.name(), e.what().to_owned());
            }
            Err(e) => return Err(e),
        }
    }
    Ok(list)
}

/// Why a list may lack messages: it broke off, or the stick counts more than it lists.
fn missing(counted: u64, listed: usize, broken: Option<&Error>) -> Option<String> {
    match broken {
        Some(error) => Some(format!("its list broke off: {}", reason(error))),
        None if counted > listed as u64 => {
            Some(format!("the stick counts {counted} entries and lists {listed}"))
        }
        None => None,
    }
}

/// A refusal in one line.
fn reason(error: &Error) -> String {
    match error.fact("meaning") {
        Some(meaning) => format!("{}: {meaning}", error.what()),
        None => error.what().to_owned(),
    }
}

fn add(list: &mut MessageList, folder: Folder, found: Vec<web_sms::Message>) {
    list.stores.push(folder.name().to_owned());
    for message in found {
        let entry = from_web(message, folder);
        // Some give the same messages whichever box is asked for.
        let known = |other: &ShortMessage| {
            (other.number, &other.text, &other.time_raw) == (entry.number, &entry.text, &entry.time_raw)
        };
        if !list.messages.iter().any(known) {
            list.messages.push(entry);
        }
    }
}

fn from_web(message: web_sms::Message, folder: Folder) -> ShortMessage {
    use web_sms::Status;
    let store = folder.name().to_owned();
    let kind = match message.status {
        _ if message.delivered.is_some() => EntryKind::Report,
        Some(Status::Unread | Status::Read) => EntryKind::Received,
        Some(Status::Draft) => EntryKind::Draft,
        Some(Status::Sent) => EntryKind::Sent,
        Some(Status::Failed) => EntryKind::Failed,
        None => match folder {
            Folder::Inbox | Folder::SimInbox => EntryKind::Received,
            Folder::Sent | Folder::SimSent => EntryKind::Sent,
            Folder::Drafts | Folder::SimDrafts => EntryKind::Draft,
        },
    };
    let (from, to) =
        if kind == EntryKind::Received { (Some(message.phone), None) } else { (None, Some(message.phone)) };
    let came = matches!(kind, EntryKind::Received | EntryKind::Report);
    let mut entry = ShortMessage {
        number: message.index,
        places: message.index.into_iter().map(|number| Place { store: store.clone(), number }).collect(),
        store,
        kind,
        from,
        to,
        read: message.status.filter(|_| came).map(|status| status != Status::Unread),
        text: Some(message.text),
        report: message.delivered.map(|delivered| DeliveryReport {
            reference: None,
            outcome: if delivered { "delivered" } else { "failed" },
            status: None,
            reason: None,
            ended: None,
        }),
        ..ShortMessage::default()
    };
    entry.stamp_text(&message.date);
    entry
}
