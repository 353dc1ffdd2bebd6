//! Messages over the web (docs/protocols/hilink-at.md section 1.7).

use crate::hilink::call::{CallAnswer, CallContext};
use crate::hilink::xml::{elements, number, value, values};
use crate::modem::Modem;
use crate::modem::sms::{Message, MessageState, ROOM, Store};
use crate::modem::tpdu::SmsSubmit;

/// What the web adds to a message's place.
const FIRST: u16 = 40_000;
/// Most messages on a page.
const PAGE: u32 = 50;
/// A number that no message reaches.
const NOBODY: &str = "000";

pub(crate) fn unread(modem: &Modem) -> usize {
    modem.messages.stored.iter().filter(|m| m.stat == MessageState::Unread).count()
}

pub(super) fn get(ask: &mut CallContext<'_>, call: &str) -> Option<CallAnswer> {
    let modem = &*ask.modem;
    let count = |stats: &[MessageState]| {
        let shown = |m: &&Message| stats.contains(&m.stat) && !m.phone.is_empty();
        modem.messages.stored.iter().filter(shown).count().to_string()
    };
    Some(match call {
        "sms/sms-count" => CallAnswer::Document(elements(&[
            ("LocalUnread", &count(&[MessageState::Unread])),
            ("LocalInbox", &count(&[MessageState::Unread, MessageState::Read])),
            ("LocalOutbox", &count(&[MessageState::Sent])),
            ("LocalDraft", &count(&[MessageState::Unsent])),
            ("LocalDeleted", "0"),
            ("SimUnread", "0"),
            ("SimInbox", "0"),
            ("SimOutbox", "0"),
            ("SimDraft", "0"),
            ("LocalMax", "500"),
            ("SimMax", &ROOM.to_string()),
        ])),
        "sms/send-status" => {
            let sent: Vec<String> = modem.messages.last.iter().map(|(phone, _)| phone.clone()).collect();
            let by = |good: bool| {
                let all = modem.messages.last.iter().filter(|(_, went)| *went == good);
                all.map(|(phone, _)| phone.as_str()).collect::<Vec<_>>().join(",")
            };
            let total = sent.len().to_string();
            CallAnswer::Document(elements(&[
                ("Phone", ""),
                ("SucPhone", &by(true)),
                ("FailPhone", &by(false)),
                ("TotalCount", &total),
                ("CurIndex", &total),
            ]))
        }
        "sms/config" => CallAnswer::Document(elements(&[
            ("SaveMode", "0"),
            ("Validity", "10752"),
            ("Sca", "+12345678901"),
            ("UseSReport", "0"),
            ("SendType", "1"),
            ("Priority", "0"),
        ])),
        _ => return None,
    })
}

pub(super) fn post(ask: &mut CallContext<'_>, call: &str, body: &str) -> Option<CallAnswer> {
    let modem = &mut *ask.modem;
    Some(match call {
        "sms/sms-list" => list(modem, body),
        "sms/send-sms" => send(modem, body),
        "sms/set-read" => match number(body, "Index").and_then(|index| place(modem, index)) {
            Some(at) => {
                modem.messages.stored[at].stat = MessageState::Read;
                CallAnswer::Done
            }
            None => CallAnswer::Error(113_055),
        },
        "sms/delete-sms" => {
            let wanted: Vec<String> = values(body, "Index").collect();
            for index in wanted.iter().filter_map(|index| index.parse().ok()) {
                let Some(at) = place(modem, index) else { return Some(CallAnswer::Error(113_055)) };
                modem.messages.stored.remove(at);
            }
            if wanted.is_empty() { CallAnswer::Error(100_005) } else { CallAnswer::Done }
        }
        "sms/save-sms" => {
            let (phone, text) = (value(body, "Phone"), value(body, "Content"));
            let (phone, text) = (phone.unwrap_or_default(), text.unwrap_or_default());
            let date = value(body, "Date").unwrap_or_default();
            modem.messages.store(MessageState::Unsent, &phone, &text, &date, Vec::new());
            CallAnswer::Done
        }
        "sms/cancel-send" | "sms/config" => CallAnswer::Done,
        _ => return None,
    })
}

/// The number that the web gives a message: those of the stick's own memory follow the SIM's.
fn web_index(message: &Message) -> u32 {
    let store = if message.store == Store::Stick { 2 * ROOM as u16 } else { 0 };
    u32::from(FIRST + store + message.index)
}

/// Where the message of a web index is.
fn place(modem: &Modem, index: u32) -> Option<usize> {
    modem.messages.stored.iter().position(|m| web_index(m) == index)
}

fn list(modem: &mut Modem, body: &str) -> CallAnswer {
    let (page, count) = (number(body, "PageIndex"), number(body, "ReadCount"));
    let (Some(page @ 1..), Some(count @ 1..=PAGE)) = (page, count) else { return CallAnswer::Error(100_005) };
    let wanted: &[MessageState] = match number(body, "BoxType") {
        Some(1) => &[MessageState::Unread, MessageState::Read],
        Some(2) => &[MessageState::Sent],
        Some(3) => &[MessageState::Unsent],
        Some(4..=10) => &[],
        _ => return CallAnswer::Error(100_005),
    };
    // What does not decode is not shown here.
    let shown = |m: &&Message| wanted.contains(&m.stat) && !m.phone.is_empty();
    let mut all: Vec<&Message> = modem.messages.stored.iter().filter(shown).collect();
    all.sort_by(|a, b| a.date.cmp(&b.date));
    if number(body, "Ascending") != Some(1) {
        all.reverse();
    }
    if number(body, "UnreadPreferred") == Some(1) {
        all.sort_by_key(|m| m.stat != MessageState::Unread);
    }
    let shown: Vec<&&Message> =
        all.iter().skip((page - 1) as usize * count as usize).take(count as usize).collect();
    let messages: String =
        shown.iter().map(|message| format!("<Message>\r\n{}</Message>\r\n", one(message))).collect();
    let count = elements(&[("Count", &shown.len().to_string())]);
    CallAnswer::Document(format!("{count}<Messages>{messages}</Messages>\r\n"))
}

fn one(message: &Message) -> String {
    let stat = match message.stat {
        MessageState::Unread => "0",
        MessageState::Read => "1",
        MessageState::Unsent => "2",
        MessageState::Sent => "3",
    };
    elements(&[
        ("Smstat", stat),
        ("Index", &web_index(message).to_string()),
        ("Phone", &message.phone),
        ("Content", &message.text),
        ("Date", &message.date),
        ("Sca", ""),
        ("SaveType", "4"),
        ("Priority", "0"),
        (
            "SmsType",
            match message.delivered {
                Some(true) => "7",
                Some(false) => "8",
                None if message.parts.len() > 1 => "2",
                None => "1",
            },
        ),
    ])
}

fn send(modem: &mut Modem, body: &str) -> CallAnswer {
    let phones: Vec<String> = values(body, "Phone").filter(|phone| !phone.is_empty()).collect();
    let text = value(body, "Content").unwrap_or_default();
    let Some(length) = number(body, "Length") else { return CallAnswer::Error(100_005) };
    if phones.is_empty() || phones.len() > 50 || length as usize > 2048 {
        return CallAnswer::Error(100_005);
    }
    if !modem.sim.present {
        return CallAnswer::Error(113_004);
    }
    let date = value(body, "Date").unwrap_or_default();
    modem.messages.last.clear();
    for phone in phones {
        let reached = phone != NOBODY;
        if reached {
            modem.messages.send(SmsSubmit { phone: phone.clone(), text: text.clone(), part: None });
            modem.messages.store(MessageState::Sent, &phone, &text, &date, Vec::new());
        }
        modem.messages.last.push((phone, reached));
    }
    CallAnswer::Done
}
