//! Messages and short codes over AT (docs/protocols/hilink-at.md section 3.7).

use std::time::Duration;

use crate::at::command::{AtAnswer, Call, CommandResult, CommandRow, Knows};
use crate::at::sim;
use crate::identity::Dialect;
use crate::modem::Modem;
use crate::modem::sim::SimState;
use crate::modem::sms::{MessageState, ROOM, Store};
use crate::modem::{tpdu, ussd};
use stickshift::hex;

pub(super) const ROWS: &[CommandRow] = &[
    ("+CMGF?", Knows::Every, |call| {
        AtAnswer::line(format!("+CMGF: {}", u8::from(call.port.text_mode))).into()
    }),
    ("+CMGF=", Knows::Every, |call| match call.arguments {
        mode @ ("0" | "1") => {
            call.port.text_mode = mode == "1";
            AtAnswer::ok().into()
        }
        _ => AtAnswer::Cms(303).into(),
    }),
    ("+CSCS=", Knows::Every, |_| AtAnswer::ok().into()),
    ("+CSMP=", Knows::Every, |_| AtAnswer::ok().into()),
    ("+CNMI=", Knows::Every, |_| AtAnswer::ok().into()),
    ("+CSCA?", Knows::Every, |_| AtAnswer::line("+CSCA: \"+12345678901\",145").into()),
    ("+CPMS?", Knows::Every, |call| {
        let messages = &call.modem.messages;
        let one = |store: &Store| format!("\"{}\",{},{ROOM}", store.name(), messages.used(*store));
        AtAnswer::line(format!("+CPMS: {}", messages.chosen.each_ref().map(one).join(","))).into()
    }),
    ("+CPMS=?", Knows::Every, |_| {
        let names = Store::ALL.map(|store| format!("\"{}\"", store.name())).join(",");
        AtAnswer::line(format!("+CPMS: ({names}),({names}),({names})")).into()
    }),
    ("+CPMS=", Knows::Every, |call| {
        let named: Option<Vec<Store>> = call.fields().iter().map(|name| Store::named(name)).collect();
        let messages = &mut call.modem.messages;
        let Some(named @ [_, ..]) = named.as_deref().filter(|named| named.len() <= 3) else {
            return AtAnswer::Cms(302).into();
        };
        messages.chosen[..named.len()].copy_from_slice(named);
        let one = |store: &Store| format!("{},{ROOM}", messages.used(*store));
        AtAnswer::line(format!("+CPMS: {}", messages.chosen.each_ref().map(one).join(","))).into()
    }),
    ("+CMGL=", Knows::Every, list),
    ("+CMGR=", Knows::Every, read),
    ("+CMGD=", Knows::Every, delete),
    ("+CMGS=", Knows::Every, |call| {
        if let Some(refused) = refused(call) {
            return refused;
        }
        match call.arguments.parse() {
            Ok(octets @ 1..=176) if !call.port.text_mode => {
                call.port.expect_message(octets);
                AtAnswer::Prompt.into()
            }
            _ => AtAnswer::Cms(303).into(),
        }
    }),
    ("^USSDMODE?", Knows::Lte, |call| {
        AtAnswer::line(format!("^USSDMODE: {}", u8::from(call.modem.ussd.packed))).into()
    }),
    ("^USSDMODE=", Knows::Lte, |call| match call.arguments {
        mode @ ("0" | "1") => {
            call.modem.ussd.packed = mode == "1";
            AtAnswer::ok().into()
        }
        _ => AtAnswer::Cme(50).into(),
    }),
    ("+CUSD=", Knows::Every, short_code),
];

/// What stands in the way of messages at all.
fn refused(call: &Call<'_>) -> Option<CommandResult> {
    let number = match sim::state(call) {
        SimState::Ready => return None,
        SimState::Absent => 310,
        SimState::Busy => 314,
        SimState::Pin | SimState::Puk => 311,
        SimState::Dead => 313,
    };
    Some(AtAnswer::Cms(number).into())
}

/// The octets of a stored transfer unit without the service centre.
fn unit_length(stored: &[u8]) -> usize {
    stored.len() - 1 - usize::from(stored[0])
}

fn list(call: &mut Call<'_>) -> CommandResult {
    if let Some(refused) = refused(call) {
        return refused;
    }
    let Some(wanted @ 0..=4) = call.arguments.parse::<u8>().ok().filter(|_| !call.port.text_mode) else {
        return AtAnswer::Cms(302).into();
    };
    let mut lines = Vec::new();
    let store = call.modem.messages.chosen[0];
    for message in call.modem.messages.stored.iter_mut().filter(|message| message.store == store) {
        let stat = message.stat as u8;
        if wanted != 4 && wanted != stat {
            continue;
        }
        for (index, part) in (message.index..).zip(&message.parts).filter(|(_, part)| !part.is_empty()) {
            lines.push(format!("+CMGL: {index},{stat},,{}", unit_length(part)));
            lines.push(hex::encode_upper(part));
        }
        if message.stat == MessageState::Unread {
            message.stat = MessageState::Read;
        }
    }
    AtAnswer::Lines(lines).into()
}

fn read(call: &mut Call<'_>) -> CommandResult {
    if let Some(refused) = refused(call) {
        return refused;
    }
    let index = call.arguments.parse().ok();
    let Some((message, part)) = index.and_then(|index| call.modem.messages.at(index)) else {
        return AtAnswer::Cms(321).into();
    };
    let (stat, part) = (message.stat as u8, message.parts[part].clone());
    if message.stat == MessageState::Unread {
        message.stat = MessageState::Read;
    }
    AtAnswer::Lines(vec![format!("+CMGR: {stat},,{}", unit_length(&part)), hex::encode_upper(&part)]).into()
}

/// `AT+CMGD=<index>[,<4: all, 3 all but unread, 2 read and sent, 1 read>]`.
fn delete(call: &mut Call<'_>) -> CommandResult {
    if let Some(refused) = refused(call) {
        return refused;
    }
    let fields = call.fields();
    let flag = fields.get(1).map_or(Some(0), |f| f.parse::<u8>().ok());
    let messages = &mut call.modem.messages;
    let store = messages.chosen[0];
    match flag {
        Some(0) => match fields[0].parse() {
            Ok(index) if messages.delete(index) => {}
            _ => return AtAnswer::Cms(321).into(),
        },
        Some(flag @ 1..=4) => messages.stored.retain(|message| {
            let stays = match message.stat {
                MessageState::Read => false,
                MessageState::Sent => flag < 2,
                MessageState::Unsent => flag < 3,
                MessageState::Unread => flag < 4,
            };
            stays || message.store != store
        }),
        _ => return AtAnswer::Cms(302).into(),
    }
    AtAnswer::ok().into()
}

/// What followed the prompt: hexadecimal digits and the byte that sends them, or the one that does not.
pub(super) fn send(octets: usize, text: &[u8], modem: &mut Modem) -> CommandResult {
    if text.last() != Some(&0x1a) {
        return AtAnswer::ok().into();
    }
    let digits: String =
        text.iter().map(|&b| char::from(b)).filter(|c| !c.is_whitespace() && *c != '\u{1a}').collect();
    let message = hex::decode(&digits).and_then(|bytes| tpdu::submit(&bytes));
    match message {
        Some((message, length)) if length == octets => {
            let reference = modem.messages.send(message);
            CommandResult::from(AtAnswer::line(format!("+CMGS: {reference}"))).after(Duration::from_secs(2))
        }
        _ => AtAnswer::Cms(304).into(),
    }
}

/// `AT+CUSD=1,"<text>",15` asks, `AT+CUSD=2` ends. The answer comes unasked.
fn short_code(call: &mut Call<'_>) -> CommandResult {
    let fields = call.fields();
    match fields[0].as_str() {
        "0" => return AtAnswer::ok().into(),
        "2" => {
            call.modem.ussd.release();
            return AtAnswer::ok().into();
        }
        "1" => {}
        _ => return AtAnswer::Cme(50).into(),
    }
    if let Some(first) = sim::hindrance(call) {
        return first.into();
    }
    let packed = call.modem.ussd.packed || call.id.dialect == Dialect::Umts;
    let given = fields.get(1).map(String::as_str).unwrap_or_default();
    let code = if packed { tpdu::unpacked(given) } else { Some(given.to_owned()) };
    let Some(code) = code.filter(|code| !code.is_empty()) else { return AtAnswer::Cme(304).into() };
    let Some(said) = call.modem.ussd.send(call.now, &code) else { return AtAnswer::ok().into() };
    let (text, scheme) = match tpdu::packed(&said.text) {
        None => (tpdu::wide(&said.text), 72),
        Some(digits) if packed => (digits, 15),
        Some(_) => (said.text.clone(), 15),
    };
    let line = format!("+CUSD: {},\"{text}\",{scheme}", u8::from(said.asks));
    CommandResult::from(AtAnswer::ok()).later(ussd::TAKES, line)
}

#[cfg(test)]
mod tests {
    use crate::at::tests::Rig;
    use crate::modem::Modem;

    /// docs/protocols/hilink-at.md section 3.7.
    #[test]
    fn a_message_is_sent_after_the_prompt() {
        let mut rig = Rig::new();
        assert_eq!(rig.bytes(b"AT+CMGS=19\r"), "\r\n> ");
        assert_eq!(rig.bytes(b"0011000B912143658709F10000AA05C8329BFD06\x1a"), "\r\n+CMGS: 42\r\n\r\nOK\r\n");
        assert_eq!(rig.modem.sent().next(), Some(("+12345678901", "Hello")));
        assert_eq!(rig.bytes(b"AT+CMGS=26\r"), "\r\n> ");
        assert!(rig.bytes(b"0011000B912143658709F10008AA0C041F0440043804320435").is_empty());
        assert!(rig.bytes(b"0442\x1a").contains("+CMGS: 43"));
        assert_eq!(rig.modem.sent().nth(1), Some(("+12345678901", "Привет")));
        rig.bytes(b"AT+CMGS=18\r");
        assert!(rig.bytes(b"0011000B912143658709F10000AA05C8329BFD06\x1a").contains("+CMS ERROR: 304"));
        rig.bytes(b"AT+CMGS=19\r");
        assert_eq!(rig.bytes(b"0011\x1b"), "\r\nOK\r\n");
        assert_eq!(rig.modem.sent().count(), 2);
    }

    #[test]
    fn messages_are_listed_read_and_deleted() {
        let mut rig = Rig::new();
        let all = rig.ask("AT+CMGL=4");
        assert!(all.starts_with(
            "+CMGL: 0,0,,24 07912143658709F1040B912143658709F100006211023100050005C8329BFD06 +CMGL: 1,0,,"
        ));
        assert_eq!(all.matches("+CMGL:").count(), 4);
        assert_eq!(rig.ask("AT+CMGL=0"), "OK", "they are read now");
        assert!(rig.ask("AT+CMGR=0").starts_with("+CMGR: 1,,24 0791"));
        assert_eq!(rig.ask("AT+CMGD=0"), "OK");
        assert_eq!(rig.ask("AT+CMGR=0"), "+CMS ERROR: 321");
        assert_eq!(rig.ask("AT+CPMS=\"SM\",\"SM\",\"SM\""), "+CPMS: 3,50,3,50,3,50 OK");
        for wrong in ["\"MT\"", "", "\"SM\",\"SM\",\"SM\",\"SM\""] {
            assert_eq!(rig.ask(&format!("AT+CPMS={wrong}")), "+CMS ERROR: 302", "{wrong}");
        }
        assert_eq!(rig.ask("AT+CPMS=?"), "+CPMS: (\"SM\",\"ME\"),(\"SM\",\"ME\"),(\"SM\",\"ME\") OK");
        assert_eq!(rig.ask("AT+CPMS=\"ME\""), "+CPMS: 3,50,3,50,3,50 OK");
        assert_eq!(rig.ask("AT+CPMS?"), "+CPMS: \"ME\",3,50,\"SM\",3,50,\"SM\",3,50 OK");
        let stick = rig.ask("AT+CMGL=4");
        assert!(
            stick.starts_with("+CMGL: 0,3,,22 0011000B") && stick.ends_with("+CMGL: 2,1,,2 00FFFF OK"),
            "{stick}"
        );
        assert_eq!(rig.ask("AT+CMGD=2"), "OK");
        assert_eq!(rig.ask("AT+CPMS=\"SM\""), "+CPMS: 3,50,3,50,3,50 OK");
        assert_eq!(rig.ask("AT+CMGD=0,4"), "OK");
        assert_eq!(rig.ask("AT+CMGL=4"), "OK");
        rig.modem = Modem::new("").with_pin();
        assert_eq!(rig.ask("AT+CMGL=4"), "+CMS ERROR: 311");
    }

    #[test]
    fn short_codes_packed_and_plain() {
        let mut rig = Rig::new();
        assert_eq!(rig.ask("AT+CUSD=1,\"*100#\",15"), "+CME ERROR: 304");
        assert_eq!(rig.ask("AT+CUSD=1,\"AA180C3602\",15"), "OK");
        assert!(rig.later[0].1.starts_with("+CUSD: 0,\"C2") && rig.later[0].1.ends_with("\",15"));
        rig.later.clear();
        assert_eq!(rig.ask("AT^USSDMODE=0"), "OK");
        rig.ask("AT+CUSD=1,\"*111#\",15");
        assert!(rig.later[0].1.starts_with("+CUSD: 1,\"1 Balance"), "{:?}", rig.later);
        rig.later.clear();
        rig.ask("AT+CUSD=1,\"*123#\",15");
        assert!(rig.later[0].1.ends_with("\",72"));
        rig.later.clear();
        rig.ask("AT+CUSD=1,\"*999#\",15");
        assert!(rig.later.is_empty());
        // 3GPP TS 27.007 section 9.2.1: a SIM that wants its PIN is no missing one.
        rig.modem = Modem::new("").with_pin();
        assert_eq!(rig.ask("AT+CUSD=1,\"AA180C3602\",15"), "+CME ERROR: 11");
    }
}
