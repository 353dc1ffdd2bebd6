//! The message store, seen by both ways in.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::modem::tpdu::{self, SmsSubmit};

/// How many messages each store holds.
pub(crate) const ROOM: usize = 50;

/// Where messages are kept, by the names of 3GPP TS 27.005 section 3.2.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Store {
    /// `SM`: the SIM.
    Sim,
    /// `ME`: the stick's own memory.
    Stick,
}

impl Store {
    pub(crate) const ALL: [Store; 2] = [Store::Sim, Store::Stick];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Store::Sim => "SM",
            Store::Stick => "ME",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Store> {
        Store::ALL.into_iter().find(|store| store.name() == name)
    }
}

/// The state of a message, numbered as in `AT+CMGL`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MessageState {
    /// It came and nobody has read it.
    Unread = 0,
    /// It came and was read.
    Read = 1,
    /// It was written here and waits to be sent.
    Unsent = 2,
    /// It was written here and sent.
    Sent = 3,
}

/// One message of up to some parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) store: Store,
    /// Of its first part; the parts follow each other. Each store counts on its own.
    pub(crate) index: u16,
    /// For a delivery report: whether the message was delivered.
    pub(crate) delivered: Option<bool>,
    pub(crate) stat: MessageState,
    pub(crate) phone: String,
    pub(crate) text: String,
    /// `YYYY-MM-DD HH:MM:SS`.
    pub(crate) date: String,
    /// Each part as it is read over AT, with the service centre in front.
    pub(crate) parts: Vec<Vec<u8>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Messages {
    pub(crate) stored: Vec<Message>,
    sent: Vec<(String, String)>,
    /// The numbers that the last request over the web was for, and whether the message reached them.
    pub(crate) last: Vec<(String, bool)>,
    /// Parts of a long message that is still coming, by number and reference.
    coming: BTreeMap<(String, u16), BTreeMap<u8, String>>,
    pub(crate) reference: u8,
    parts_sent: u32,
    pub(crate) next_index: [u16; 2],
    /// `AT+CPMS`: the store for reading and deleting, for writing and sending, for what comes.
    pub(crate) chosen: [Store; 3],
}

impl Messages {
    pub(crate) fn new() -> Self {
        let mut messages = Messages {
            stored: Vec::new(),
            sent: Vec::new(),
            last: Vec::new(),
            coming: BTreeMap::new(),
            reference: 41,
            parts_sent: 0,
            next_index: [0; 2],
            chosen: [Store::Sim; 3],
        };
        messages.arrives("+12345678901", "Hello", "2026-11-20 13:00:50");
        messages.arrives("+12345678901", "Привет 😀\u{1}", "2026-11-20 13:05:00");
        let long = "This message is longer than one hundred and sixty characters, so that it travels in two parts; \
                    whoever reads it puts them together again, in their order, and shows it as one message.";
        messages.arrives("12345", long, "2026-11-20 14:00:00");
        messages.chosen[1] = Store::Stick;
        let (phone, date) = ("+33123456789", "2026-11-19 09:30:00");
        messages.store(
            MessageState::Sent,
            phone,
            "On my way",
            date,
            vec![tpdu::submitted(phone, "On my way")],
        );
        messages.chosen = [Store::Sim, Store::Stick, Store::Stick];
        let report = tpdu::report(phone, 7, date, "2026-11-19 09:30:05", 0);
        messages.store(MessageState::Read, phone, "", date, vec![report]);
        if let Some(report) = messages.stored.last_mut() {
            report.delivered = Some(true);
        }
        // Of a kind that does not exist.
        messages.store(MessageState::Read, "", "", "", vec![vec![0x00, 0xff, 0xff]]);
        messages.chosen = [Store::Sim; 3];
        messages
    }

    /// After a restart: the store in use is the SIM.
    pub(crate) fn boot(&mut self) {
        self.chosen = [Store::Sim; 3];
    }

    pub(crate) fn arrives(&mut self, phone: &str, text: &str, date: &str) {
        let parts = tpdu::deliver(phone, text, date, self.next_index[self.chosen[2] as usize] as u8);
        self.store(MessageState::Unread, phone, text, date, parts);
    }

    /// Keeps a message, when there is room for it.
    pub(crate) fn store(
        &mut self,
        stat: MessageState,
        phone: &str,
        text: &str,
        date: &str,
        parts: Vec<Vec<u8>>,
    ) {
        let came = matches!(stat, MessageState::Unread | MessageState::Read);
        let store = self.chosen[if came { 2 } else { 1 }];
        if self.used(store) + parts.len().max(1) > ROOM {
            return;
        }
        let index = self.next_index[store as usize];
        self.next_index[store as usize] += parts.len().max(1) as u16;
        self.stored.push(Message {
            store,
            index,
            delivered: None,
            stat,
            phone: phone.into(),
            text: text.into(),
            date: date.into(),
            parts,
        });
    }

    /// Places taken.
    pub(crate) fn used(&self, store: Store) -> usize {
        let here = self.stored.iter().filter(|m| m.store == store);
        here.map(|m| m.parts.iter().filter(|part| !part.is_empty()).count().max(1)).sum()
    }

    /// A message goes out; the number that the network gives it.
    pub(crate) fn send(&mut self, message: SmsSubmit) -> u8 {
        self.reference = self.reference.wrapping_add(1);
        self.parts_sent += 1;
        match message.part {
            None => self.sent.push((message.phone, message.text)),
            Some((reference, total, number)) => {
                let key = (message.phone, reference);
                let parts = self.coming.entry(key.clone()).or_default();
                parts.insert(number, message.text);
                if parts.len() == usize::from(total)
                    && let Some(parts) = self.coming.remove(&key)
                {
                    self.sent.push((key.0, parts.into_values().collect()));
                }
            }
        }
        self.reference
    }

    /// What went out, in order.
    pub(crate) fn sent(&self) -> impl Iterator<Item = (&str, &str)> {
        self.sent.iter().map(|(phone, text)| (phone.as_str(), text.as_str()))
    }

    /// How many parts went out, those of messages that were never whole included.
    pub(crate) fn parts_sent(&self) -> u32 {
        self.parts_sent
    }

    /// The message that has this place in the store that is read, and which of its parts.
    pub(crate) fn at(&mut self, index: u16) -> Option<(&mut Message, usize)> {
        let store = self.chosen[0];
        self.stored.iter_mut().filter(|message| message.store == store).find_map(|message| {
            let part = usize::from(index.checked_sub(message.index)?);
            message.parts.get(part).is_some_and(|p| !p.is_empty()).then_some((message, part))
        })
    }

    /// Frees a place; a message goes when its last part does.
    pub(crate) fn delete(&mut self, index: u16) -> bool {
        let Some((message, part)) = self.at(index) else { return false };
        // The parts behind it keep their places.
        message.parts[part].clear();
        self.stored.retain(|m| m.parts.is_empty() || m.parts.iter().any(|p| !p.is_empty()));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_parts() {
        let mut messages = Messages::new();
        let places = |store| -> Vec<(u16, usize)> {
            let here = messages.stored.iter().filter(|m| m.store == store);
            here.map(|m| (m.index, m.parts.len())).collect()
        };
        assert_eq!(places(Store::Sim), [(0, 1), (1, 1), (2, 2)]);
        assert_eq!(places(Store::Stick), [(0, 1), (1, 1), (2, 1)]);
        assert_eq!(messages.at(3).unwrap().1, 1);
        assert!(messages.at(4).is_none());
        assert!(messages.delete(2) && messages.at(3).is_some());
        assert!(messages.delete(3) && messages.at(3).is_none());
        assert!(!messages.delete(9));
        for _ in 0..2 * ROOM {
            messages.arrives("1", "x", "2026-11-20 13:05:00");
        }
        assert_eq!((messages.used(Store::Sim), messages.used(Store::Stick)), (ROOM, 3));
        messages.chosen[0] = Store::Stick;
        assert!(messages.delete(1) && messages.at(1).is_none() && messages.at(2).is_some());
    }

    #[test]
    fn parts_of_a_long_message_are_put_together() {
        let mut messages = Messages::new();
        let part = |number, text: &str| SmsSubmit {
            phone: "1".into(),
            text: text.into(),
            part: Some((9, 2, number)),
        };
        assert_eq!(messages.send(part(2, "b")), 42);
        assert_eq!(messages.sent().count(), 0);
        messages.send(part(1, "a"));
        assert_eq!(messages.sent().next(), Some(("1", "ab")));
    }
}
