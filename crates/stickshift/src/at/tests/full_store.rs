//! A store that is full of long messages, and answers that have no end.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::{At, sms};
use super::{Port, ok};
use crate::error::ErrorKind;
use crate::link::flood::Flood;
use crate::modem::Modem;
use crate::wire::at::ANSWER_LIMIT;

const MESSAGES: u16 = 200;

/// A message of 70 letters of UCS2: the longest that there is.
fn long(index: u16) -> String {
    let letter = format!("{:04X}", 0x0410 + index % 32);
    format!("07912143658709F1040B912143658709F10008621102310005008C{}", letter.repeat(70))
}

/// A stick with a full store that takes every other command, too.
fn full() -> Port<'static> {
    let mut store: BTreeMap<u16, String> = (0..MESSAGES).map(|index| (index, long(index))).collect();
    Port::new(move |line| {
        if line == "AT+CMGL=4" {
            let row =
                |(index, pdu): (&u16, &String)| format!("+CMGL: {index},1,,{}\r\n{pdu}", pdu.len() / 2 - 8);
            let rows: Vec<String> = store.iter().map(row).collect();
            let answer = ok(&rows.iter().map(String::as_str).collect::<Vec<_>>());
            assert!(store.len() < usize::from(MESSAGES) || answer.len() > 64 * 1024, "{}", answer.len());
            return answer;
        }
        if let Some(index) = line.strip_prefix("AT+CMGD=") {
            let index = index.split(',').next().and_then(|n| n.parse().ok()).unwrap();
            assert!(store.remove(&index).is_some(), "{index} is deleted twice");
        }
        ok(&[])
    })
}

#[test]
fn a_full_store_is_listed_and_emptied() {
    let mut port = full();
    let mut modem = Modem::from_at(At::new(&mut port));
    let all = modem.messages().unwrap().messages;
    assert_eq!(all.len(), usize::from(MESSAGES));
    let is_whole = |text: &Option<String>| text.as_ref().is_some_and(|text| text.chars().count() == 70);
    assert!(all.iter().all(|m| is_whole(&m.text) && m.missing_parts == 0));
    let ids: Vec<_> = all.iter().filter_map(|m| m.id(false)).collect();
    modem.delete_messages(&ids).unwrap();
    assert_eq!(modem.messages().unwrap().messages, []);
}

#[test]
fn a_list_without_end_is_bounded_in_bytes_and_in_time() {
    for (says, kind) in [
        (
            &b"\r\n+CMGL: 1,1,,150\r\n07912143658709F1040B912143658709F1000862110231000500\r\n"[..],
            ErrorKind::UnexpectedAnswer,
        ),
        (&[b'F'; 1000][..], ErrorKind::UnexpectedAnswer),
        (b"\r\n^RSSI:12\r\n", ErrorKind::Timeout),
        (b"\r\n", ErrorKind::Timeout),
        (b"\0", ErrorKind::Timeout),
    ] {
        let mut link = Flood::of(says);
        let error = At::new(&mut link).run(&sms::list()).unwrap_err();
        assert!(error.is(kind), "{error:?}");
        assert!(link.said <= ANSWER_LIMIT + 64 * 1024, "{}", link.said);
        assert!(link.now <= Duration::from_secs(120), "{:?}", link.now);
    }
}
