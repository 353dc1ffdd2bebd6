use super::*;
use crate::modem::Modem;

/// Asks for `*100#` a stick that answers `answers` in turn.
fn ask(answers: &[(&str, &str)]) -> Result<(ussd::Reply, ussd::Coding)> {
    let mut turn = 0;
    let mut port = Port::new(|line| {
        let Some((command, answer)) = answers.get(turn) else { return ok(&[]) };
        assert_eq!(line, *command);
        turn += 1;
        answer.as_bytes().to_vec()
    });
    ussd::ask(&mut At::new(&mut port), "*100#", &ussd::Coding::tried("huawei"), false)
}

const PACKED: &str = "AT+CUSD=1,\"AA180C3602\",15";
const PLAIN: &str = "AT+CUSD=1,\"*100#\",15";

#[test]
fn ussd_packed_and_plain() {
    let answer = "\r\nOK\r\n\r\n^RSSI:9\r\n\r\n+CUSD: 0,\"C8329BFD06\",15\r\n";
    let (reply, coding) = ask(&[(PACKED, answer)]).unwrap();
    assert_eq!(
        (reply.kind, reply.text.as_deref(), coding),
        (ReplyKind::Done, Some("Hello"), ussd::Coding::Packed)
    );
    let plain = "\r\nOK\r\n\r\n+CUSD: 1,\"Balance: 5\",15\r\n";
    for refusal in ["\r\n+CME ERROR: 304\r\n", "\r\nERROR\r\n", "\r\nOK\r\n\r\n+CUSD: 4\r\n"] {
        let (reply, coding) = ask(&[(PACKED, refusal), (PLAIN, plain)]).unwrap();
        assert_eq!((reply.kind, reply.text.as_deref()), (ReplyKind::ReplyExpected, Some("Balance: 5")));
        assert_eq!(coding, ussd::Coding::Plain);
    }
    let four = "\r\nOK\r\n\r\n+CUSD: 4\r\n";
    assert_eq!(ask(&[(PACKED, four), (PLAIN, four)]).unwrap().0.kind, ReplyKind::NotSupported);
    assert!(ask(&[]).unwrap_err().is(ErrorKind::Timeout));

    let mut told = Vec::new();
    let mut port = Port::new(|line| {
        told.push(line.to_owned());
        b"\r\nOK\r\n\r\n+CUSD: 0,\"x\",15\r\n".to_vec()
    });
    for coding in ussd::Coding::ALL {
        ussd::ask(&mut At::new(&mut port), "*1#", &[coding], false).unwrap();
    }
    drop(port);
    assert_eq!(told, ["AT+CUSD=1,\"AAD808\",15", "AT+CUSD=1,\"*1#\",15", "AT+CUSD=1,\"002A00310023\",72"]);
}

#[test]
fn ussd_answers_in_every_shape() {
    use ReplyKind::{Done, Ended, NotSupported, ReplyExpected, TakenByAnother, TimedOut};
    for (value, kind, text) in [
        ("0,\"Balance\",15", Done, Some("Balance")),
        ("0,\"Balance\"", Done, Some("Balance")),
        ("0, \"Balance\", 15", Done, Some("Balance")),
        ("1,\"Press \"1\" for more\",15", ReplyExpected, Some("Press \"1\" for more")),
        ("1,\"Choose \"A\", \"B\"\",15", ReplyExpected, Some("Choose \"A\", \"B\"")),
        ("0,\"a, b, 12\",15", Done, Some("a, b, 12")),
        ("0,\"Balance", Done, Some("Balance")),
        ("0,Balance 5,15", Done, Some("Balance 5")),
        ("0,Balance", Done, Some("Balance")),
        ("2,\"5000\",15", Ended, Some("5000")),
        ("0,\"\",15", Done, None),
        ("0", Done, None),
        ("2", Ended, None),
        ("3", TakenByAnother, None),
        ("4", NotSupported, None),
        ("5", TimedOut, None),
        ("5,\"\"", TimedOut, None),
    ] {
        let reply = ussd::read_reply(value).unwrap();
        assert_eq!((reply.kind, reply.text.as_deref()), (kind, text), "{value}");
    }
    for bad in ["", "x", "9", "\"0\""] {
        assert_eq!(ussd::read_reply(bad), None, "{bad}");
    }
}

#[test]
fn ussd_texts_of_several_lines() {
    for (answer, text) in [
        ("\r\n+CUSD: 1,\"Menu\r\n1. Balance\r\n2. Data\",15\r\n", "Menu\n1. Balance\n2. Data"),
        ("\r\n+CUSD: 1,\"Menu\n1. Balance\n\n2. Data\",15\r\n", "Menu\n1. Balance\n\n2. Data"),
        ("\r\n+CUSD: 1,\"Reply\r\nOK\r\nto go on\",15\r\n", "Reply\nOK\nto go on"),
        ("\r\n+CUSD: 1,\"OK\r\n\r\nERROR\",15\r\n", "OK\n\nERROR"),
        ("\r\n+CUSD: 1,\"Press \"1\"\r\nor \"2\"\",15\r\n", "Press \"1\"\nor \"2\""),
        ("\r\n+CUSD: 0,\"One\r\nTwo\"\r\n", "One\nTwo"),
        ("\r\n+CUSD: 1,\"Menu\r\n\r\n^RSSI:12\r\n1. Balance\",15\r\n", "Menu\n1. Balance"),
        ("\r\n+CUSD: 1,\"Offer: 5\r\n+BONUS: 5\",15\r\n", "Offer: 5\n+BONUS: 5"),
        // Its end is lost.
        ("\r\n+CUSD: 0,\"One\r\nTwo\r\n", "One\nTwo"),
    ] {
        // After the result, and before it.
        for answer in [format!("\r\nOK\r\n{answer}"), format!("{answer}\r\nOK\r\n")] {
            let (reply, _) = ask(&[(PACKED, &answer)]).unwrap_or_else(|e| panic!("{answer:?}: {e:?}"));
            assert_eq!(reply.text.as_deref(), Some(text), "{answer:?}");
        }
    }
    let mut port = Port::new(|_| b"\r\nOK\r\n\r\n+CUSD: 0,\"Cr\xe9dit 5\",15\r\n".to_vec());
    let (reply, _) =
        ussd::ask(&mut At::new(&mut port), "*100#", &ussd::Coding::tried("huawei"), false).unwrap();
    assert_eq!(reply.text.as_deref(), Some("Crédit 5"));
}

#[test]
fn ussd_that_fails_late() {
    for late in ["\r\n+CME ERROR: 30\r\n", "\r\n^RSSI:9\r\n\r\n+CME ERROR: no network service\r\n"] {
        let mut port =
            Port::new(
                |line| {
                    if line == "AT+CUSD=2" { ok(&[]) } else { format!("\r\nOK\r\n{late}").into_bytes() }
                },
            );
        let e =
            ussd::ask(&mut At::new(&mut port), "*100#", &ussd::Coding::tried("huawei"), false).unwrap_err();
        assert!(e.is(ErrorKind::AtRefused) && e.fact("code") == Some("cme 30"), "{e:?}");
        assert!(port.now < Duration::from_secs(10), "it was waited for");
    }
}

/// A reply is no answer to a dialogue that is over: it would be taken for a code.
#[test]
fn a_reply_to_a_dialogue_that_is_over_is_not_sent() {
    let mut told = Vec::new();
    let mut port = Port::new(|line| {
        told.push(line.to_owned());
        // The session ends right behind the answer.
        b"\r\nOK\r\n\r\n+CUSD: 1,\"Menu\",15\r\n\r\n+CUSD: 2\r\n".to_vec()
    });
    let mut at = At::new(&mut port);
    assert_eq!(
        ussd::ask(&mut at, "*1#", &ussd::Coding::tried("huawei"), false).unwrap().0.kind,
        ReplyKind::ReplyExpected
    );
    let e = ussd::ask(&mut at, "1", &ussd::Coding::tried("huawei"), true).unwrap_err();
    assert!(e.is(ErrorKind::AtRefused) && e.what().contains("ended the dialogue"), "{e:?}");
    drop(port);
    assert_eq!(told.len(), 1, "{told:?}");
}

/// The standard has plain codes; a stick of Huawei's takes them packed, and others would send the digits to the network.
#[test]
fn the_form_that_is_tried_first_is_that_of_the_maker() {
    for (maker, first) in [
        (Some("huawei"), PACKED),
        (Some("HUAWEI"), PACKED),
        (Some("ZTE CORPORATION"), PLAIN),
        (Some("Quectel"), PLAIN),
        (Some(""), PACKED),
        (None, PACKED),
    ] {
        let mut told = Vec::new();
        let mut port = Port::new(|line| {
            told.push(line.to_owned());
            match (line, maker) {
                ("AT+CGMI", Some(maker)) => ok(&[maker]),
                ("AT+CGMI", None) => b"\r\nERROR\r\n".to_vec(),
                _ => b"\r\nOK\r\n\r\n+CUSD: 0,\"C8329BFD06\",15\r\n".to_vec(),
            }
        });
        let mut modem = Modem::from_at(At::new(&mut port));
        assert_eq!(modem.ask_code("*100#").unwrap().text, "Hello");
        // Asked once for all codes.
        modem.ask_code("*100#").unwrap();
        drop(modem);
        drop(port);
        assert_eq!(told, ["AT+CGMI", first, first], "{maker:?}");
    }
}
