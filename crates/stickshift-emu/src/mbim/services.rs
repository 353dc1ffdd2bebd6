//! Which command leads where, and the services "SMS" and "USSD" on the modem's side (sections 10.6 and 10.8).

use std::time::Duration;

use stickshift::hex;

use crate::mbim::buffer::{Input, Output};
use crate::mbim::{HostCommand, Outcome, Request, basic, message, status};
use crate::modem::sms::{MessageState, ROOM};
use crate::modem::ussd::TAKES;
use crate::modem::{Store, tpdu};

/// How long a network that never answers is waited for.
const NO_ANSWER: Duration = Duration::from_secs(30);

pub(super) fn run(command: &HostCommand, request: Request<'_>) -> Outcome {
    match command.service {
        message::BASIC => basic::run(command.cid, request),
        message::SMS => match request.wants() {
            Some(wants) => Outcome::refused(wants),
            None => sms(command.cid, request),
        },
        message::USSD if command.cid == 1 && command.set => match request.wants() {
            Some(wants) => Outcome::refused(wants),
            None => ussd(request),
        },
        _ => Outcome::refused(status::NO_SUPPORT),
    }
}

/// The store is the SIM; places count from 1.
fn sms(cid: u32, request: Request<'_>) -> Outcome {
    let input = Input(request.data);
    let messages = &mut request.modem.messages;
    messages.chosen[0] = Store::Sim;
    match (cid, request.set) {
        (1, _) => {
            let mut out = Output::default();
            out.u32s(&[1, 0, ROOM as u32, 0]).text("+12345678901");
            Outcome::done(out.bytes())
        }
        (2, false) => {
            let (Some(0), Some(flag), Some(index)) = (input.u32(0), input.u32(4), input.u32(8)) else {
                return Outcome::refused(status::BAD_PARAMETERS);
            };
            let mut records = Vec::new();
            for stored in messages.stored.iter_mut().filter(|m| m.store == Store::Sim) {
                let state = match stored.stat {
                    MessageState::Unread => 0,
                    MessageState::Read => 1,
                    MessageState::Unsent => 2,
                    MessageState::Sent => 3,
                };
                for (place, part) in (u32::from(stored.index) + 1..).zip(&stored.parts) {
                    let wanted = match flag {
                        0 => true,
                        1 => place == index,
                        2 => state == 0,
                        3 => state == 1,
                        4 => state == 3,
                        5 => state == 2,
                        _ => false,
                    };
                    if wanted && !part.is_empty() {
                        let mut record = Output::default();
                        record.u32s(&[place, state]).named(part);
                        records.push(record.bytes());
                        if stored.stat == MessageState::Unread {
                            stored.stat = MessageState::Read;
                        }
                    }
                }
            }
            if flag == 1 && records.is_empty() {
                return Outcome::refused(status::BAD_INDEX);
            }
            let mut out = Output::default();
            out.u32s(&[0, records.len() as u32]);
            records.iter().for_each(|record| _ = out.named(record));
            Outcome::done(out.bytes())
        }
        (3, true) => {
            // The record begins behind the format, and its offset counts from there.
            let record = Input(request.data.get(4..).unwrap_or_default());
            let pdu = record.named(0).filter(|_| input.u32(0) == Some(0));
            match pdu.and_then(tpdu::submit) {
                Some((message, _)) => {
                    let mut out = Output::default();
                    out.u32(u32::from(messages.send(message)));
                    Outcome::done(out.bytes()).after(Duration::from_secs(2))
                }
                None => Outcome::refused(status::BAD_PARAMETERS),
            }
        }
        (4, true) => {
            let (Some(flag), Some(index)) = (input.u32(0), input.u32(4)) else {
                return Outcome::refused(status::BAD_PARAMETERS);
            };
            let done = match flag {
                0 => {
                    messages.stored.retain(|m| m.store != Store::Sim);
                    true
                }
                1 => index
                    .checked_sub(1)
                    .and_then(|at| at.try_into().ok())
                    .is_some_and(|at| messages.delete(at)),
                _ => return Outcome::refused(status::BAD_PARAMETERS),
            };
            if done { Outcome::done(Vec::new()) } else { Outcome::refused(status::BAD_INDEX) }
        }
        (5, false) => {
            let full = messages.used(Store::Sim) >= ROOM;
            let mut out = Output::default();
            out.u32s(&[u32::from(full), 0]);
            Outcome::done(out.bytes())
        }
        _ => Outcome::refused(status::NO_SUPPORT),
    }
}

fn ussd(request: Request<'_>) -> Outcome {
    let input = Input(request.data);
    let (Some(action), Some(scheme), Some(payload)) = (input.u32(0), input.u32(4), input.named(8)) else {
        return Outcome::refused(status::BAD_PARAMETERS);
    };
    let said = |response: u32, scheme: u32, payload: &[u8]| {
        let mut out = Output::default();
        out.u32s(&[response, u32::from(action == 1), scheme]).named(payload);
        out.bytes()
    };
    let ussd = &mut request.modem.ussd;
    let code = match (action, scheme) {
        (2, _) => {
            ussd.release();
            return Outcome::done(said(2, 15, &[]));
        }
        (1, _) if !ussd.is_open() => return Outcome::refused(status::NOT_ALLOWED),
        (0 | 1, 72) => {
            let units: Vec<u16> = payload.chunks_exact(2).map(|p| u16::from_be_bytes([p[0], p[1]])).collect();
            String::from_utf16(&units).ok()
        }
        (0 | 1, _) => {
            tpdu::unpacked(&hex::encode(payload)).map(|text| text.trim_end_matches('\r').to_owned())
        }
        _ => None,
    };
    let Some(code) = code.filter(|code| !code.is_empty()) else {
        return Outcome::refused(status::BAD_PARAMETERS);
    };
    let Some(reply) = ussd.send(request.now, &code) else {
        return Outcome::done(said(5, 15, &[])).after(NO_ANSWER);
    };
    let (scheme, coded) = match tpdu::packed(&reply.text) {
        Some(packed) => (15, packed),
        None => (72, tpdu::wide(&reply.text)),
    };
    let coded = hex::decode(&coded).unwrap_or_default();
    Outcome::done(said(u32::from(reply.asks), scheme, &coded)).after(TAKES)
}
