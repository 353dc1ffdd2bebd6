//! From the places of message stores to entries: long messages are put together.

use std::collections::HashMap;

use crate::at::sms::{Status, Stored};
use crate::hex;
use crate::modem::messages::entry::{DataContent, DeliveryReport, EntryKind, Place, ShortMessage};
use crate::wire::pdu::{
    Body, Content, DataKind, Message, Outcome, Part, Ports, Timestamp, status_words, text_of_octets,
};

/// The parts of one message are stamped within so many seconds of each other. Many senders number all their messages alike.
const PARTS_WITHIN: i64 = 15 * 60;

/// What the parts of one long message have in common: whether they came, the other side, the reference, how many they are.
type Whole = (bool, String, u16, u8);

/// One part that waits for its others.
struct Piece {
    at: usize,
    number: u8,
    time: Option<i64>,
}

/// What is stored, by store, as entries.
pub(super) fn entries(stores: &[(String, Vec<Stored>)]) -> Vec<ShortMessage> {
    let all: Vec<(&str, &Stored)> =
        stores.iter().flat_map(|(store, stored)| stored.iter().map(|s| (store.as_str(), s))).collect();
    let mut single = Vec::new();
    let mut pieces: HashMap<Whole, Vec<Piece>> = HashMap::new();
    let mut keys: Vec<Whole> = Vec::new();
    for (at, (_, stored)) in all.iter().enumerate() {
        let (came, side, content, time) = match &stored.message {
            Some(Message::Deliver { from, time, content }) => (true, from, content, time.seconds()),
            Some(Message::Submit { to, content }) => (false, to, content, None),
            _ => {
                single.push((at, vec![at], 0));
                continue;
            }
        };
        let Some(Part { reference, total, number }) = content.part else {
            single.push((at, vec![at], 0));
            continue;
        };
        let key = (came, side.clone(), reference, total);
        let group = pieces.entry(key.clone()).or_insert_with(|| {
            keys.push(key);
            Vec::new()
        });
        group.push(Piece { at, number, time });
    }
    for key in keys {
        for parts in messages_of(pieces.remove(&key).unwrap_or_default()) {
            let missing = key.3 - parts.len() as u8;
            let parts: Vec<usize> = parts.into_iter().map(|piece| piece.at).collect();
            let first = parts.iter().copied().min().unwrap_or_default();
            single.push((first, parts, missing));
        }
    }
    // In the order of the places.
    single.sort_by_key(|(first, ..)| *first);
    single.into_iter().map(|(_, parts, missing)| entry(&parts, &all, missing)).collect()
}

/// The parts with one key, as messages: a part that is there already, or that was stamped at another time, belongs to another one.
fn messages_of(mut pieces: Vec<Piece>) -> Vec<Vec<Piece>> {
    // In the order in which they were sent; what has no time stays in the order of the places.
    pieces.sort_by_key(|piece| piece.time);
    let mut messages: Vec<Vec<Piece>> = Vec::new();
    for piece in pieces {
        let apart = |other: &Piece| match (other.time, piece.time) {
            (Some(a), Some(b)) => (a - b).abs(),
            _ => 0,
        };
        let open = messages.iter_mut().filter_map(|message| {
            let apart = message.last().map(apart).filter(|apart| *apart <= PARTS_WITHIN)?;
            let is_new = message.iter().all(|other| other.number != piece.number);
            is_new.then_some((apart, message))
        });
        match open.min_by_key(|(apart, _)| *apart) {
            Some((_, message)) => message.push(piece),
            None => messages.push(vec![piece]),
        }
    }
    for message in &mut messages {
        message.sort_by_key(|piece| piece.number);
    }
    messages
}

/// The entry that these places hold.
fn entry(parts: &[usize], all: &[(&str, &Stored)], missing: u8) -> ShortMessage {
    let stored = || parts.iter().map(|at| &all[*at]);
    let (store, first) = all[parts[0]];
    let mut entry = ShortMessage {
        number: first.index.map(u32::from),
        store: store.to_owned(),
        missing_parts: missing,
        pdus: stored().map(|(_, part)| part.pdu.clone()).collect(),
        ..ShortMessage::default()
    };
    entry.places = stored()
        .filter_map(|(store, part)| {
            Some(Place { store: (*store).to_owned(), number: u32::from(part.index?) })
        })
        .collect();
    let contents = || {
        stored().filter_map(|(_, part)| match &part.message {
            Some(Message::Deliver { content, .. } | Message::Submit { content, .. }) => Some(content),
            _ => None,
        })
    };
    match &first.message {
        Some(Message::Deliver { from, .. }) => {
            entry.kind = EntryKind::Received;
            entry.from = Some(from.clone());
            entry.read = stored()
                .map(|(_, part)| part.status.map(|status| status != Status::Unread))
                .reduce(|all, one| Some(all? && one?))
                .flatten();
            if let Some(time) = stored().filter_map(|(_, part)| stamp(part)).min_by_key(Timestamp::seconds) {
                entry.stamp(time);
            }
            says(&mut entry, &contents().collect::<Vec<_>>());
        }
        Some(Message::Submit { to, .. }) => {
            entry.kind =
                if first.status == Some(Status::Unsent) { EntryKind::Draft } else { EntryKind::Sent };
            entry.to = Some(to.clone());
            says(&mut entry, &contents().collect::<Vec<_>>());
        }
        Some(Message::StatusReport { reference, to, sent, ended, status }) => {
            entry.kind = EntryKind::Report;
            entry.to = Some(to.clone());
            entry.read = first.status.map(|status| status != Status::Unread);
            entry.stamp(*sent);
            entry.report = Some(DeliveryReport {
                reference: Some(*reference),
                outcome: Outcome::of(*status).code(),
                status: Some(*status),
                reason: status_words(*status),
                ended: ended.rfc3339(),
            });
        }
        None => {
            entry.kind = EntryKind::Undecodable;
            // A list in text mode.
            entry.text = text_of_octets(&first.pdu);
        }
    }
    entry
}

fn stamp(stored: &Stored) -> Option<Timestamp> {
    match &stored.message {
        Some(Message::Deliver { time, .. }) => Some(*time),
        _ => None,
    }
}

/// What the parts say together.
fn says(entry: &mut ShortMessage, contents: &[&Content]) {
    let ports: Option<Ports> = contents.iter().find_map(|content| content.ports);
    let protocol = contents.first().map_or(0, |content| content.protocol);
    let mut text = String::new();
    let mut octets = Vec::new();
    let mut compressed = false;
    let mut open: Option<(Option<u8>, u16)> = None;
    for content in contents {
        match &content.body {
            Body::Text(part) => {
                let number = content.part.map(|part| part.number);
                let first = open.filter(|(before, _)| before.zip(number).is_some_and(|(a, b)| a + 1 == b));
                let halves = first.zip(content.halves.0);
                match halves.and_then(|((_, first), second)| String::from_utf16(&[first, second]).ok()) {
                    // Each half stands there as U+FFFD.
                    Some(whole) => {
                        text.pop();
                        text += &whole;
                        text.extend(part.chars().skip(1));
                    }
                    None => text += part,
                }
            }
            Body::Data(part) => octets.extend_from_slice(part),
            Body::Compressed(part) => {
                compressed = true;
                octets.extend_from_slice(part);
            }
        }
        open = content.halves.1.map(|half| (content.part.map(|part| part.number), half));
    }
    let kind = DataKind::of(ports, protocol, &octets);
    let data = |kind, what| DataContent { kind, what, hex: hex::encode_upper(&octets) };
    if compressed {
        entry.data = Some(data("compressed", "compressed text (3GPP TS 23.042)".to_owned()));
    } else if !octets.is_empty() {
        let read = text_of_octets(&octets).filter(|_| !matches!(kind, DataKind::SimDownload));
        entry.eight_bit = read.is_some();
        if read.is_none() || ports.is_some() {
            entry.data = Some(data(kind.code(), kind.to_string()));
        }
        entry.text = read;
        return;
    }
    if entry.data.is_none() || !text.is_empty() {
        entry.text = Some(text);
    }
}
