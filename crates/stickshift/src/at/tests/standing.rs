//! What `signal` and `pin status` make of answers that differ between makers.

use super::{At, Port, ok};
use crate::error::{ErrorKind, Result, Verdict};
use crate::modem::{EntryKind, LastTry, Modem, PinUse, Reception, SimCondition, SimStatus};

/// What `signal` makes of a stick that answers so, and refuses all else.
fn signal(answers: &[(&str, &str)]) -> Reception {
    let mut port = Port::new(|line| match answers.iter().find(|(command, _)| *command == line) {
        Some((_, answer)) => ok(&[answer]),
        None => b"\r\nERROR\r\n".to_vec(),
    });
    Modem::from_at(At::new(&mut port)).signal().unwrap()
}

fn untold(reception: &Reception) -> Vec<(&str, &str)> {
    reception.untold.iter().map(|untold| (untold.what, untold.why.as_str())).collect()
}

#[test]
fn calls_without_data_are_told() {
    for (lte, packet, circuit, said) in [
        (1, 0, 0, "registered"),
        (0, 5, 3, "registered, roaming"),
        (3, 3, 5, "registered, roaming, data denied"),
        (3, 0, 1, "registered, data denied"),
        (2, 0, 1, "registered"),
        (3, 1, 1, "registered"),
        (0, 0, 6, "registered for messages only"),
        (0, 0, 7, "registered for messages only"),
        (0, 0, 8, "emergency calls only"),
        (3, 0, 8, "registration denied"),
        (2, 0, 8, "emergency calls only"),
        (2, 0, 0, "searching"),
    ] {
        let [lte, packet, circuit] = [("E", lte), ("G", packet), ("", circuit)]
            .map(|(domain, state)| format!("+C{domain}REG: 0,{state}"));
        let heard = signal(&[("AT+CEREG?", &lte), ("AT+CGREG?", &packet), ("AT+CREG?", &circuit)]);
        assert_eq!(heard.registration, Some(said), "{lte} {packet} {circuit}");
    }
}

#[test]
fn a_network_of_5g_alone_is_seen() {
    let heard = signal(&[
        ("AT+CEREG?", "+CEREG: 0,4"),
        ("AT+CREG?", "+CREG: 0,0"),
        ("AT+C5GREG?", "+C5GREG: 0,1"),
        ("AT+CSQ", "+CSQ: 20,99"),
    ]);
    assert_eq!(heard.registration, Some("registered"));
}

#[test]
fn what_keeps_the_stick_from_a_network_is_told() {
    let off = signal(&[
        ("AT+CREG?", "+CREG: 0,0"),
        ("AT+CFUN?", "+CFUN: 4"),
        ("AT+COPS?", "+COPS: 2"),
        ("AT+CSQ", "+CSQ: 99,99"),
    ]);
    assert_eq!(
        untold(&off),
        [("operator", "the radio is off: AT+CFUN? says 4"), ("figures", "the stick measures none now"),]
    );
    let left = signal(&[("AT+CREG?", "+CREG: 0,0"), ("AT+COPS?", "+COPS: 2"), ("AT+CSQ", "+CSQ: 9,99")]);
    assert_eq!(untold(&left), [("operator", "the stick was told to leave the network: AT+COPS? says 2")]);
    let on =
        signal(&[("AT+CREG?", "+CREG: 0,1"), ("AT+COPS?", "+COPS: 0,0,\"One\",7"), ("AT+CSQ", "+CSQ: 9,99")]);
    assert_eq!((untold(&on), on.operator.as_deref()), (vec![], Some("One")));
    let silent = signal(&[("AT+CREG?", "+CREG: 0,1"), ("AT+COPS?", "+COPS: 0,0,\"One\",7")]);
    assert_eq!(untold(&silent), [("figures", "the stick does not know the question")]);
}

#[test]
fn tries_are_counted_by_the_commands_of_several_makers() {
    for (command, answer, pin, puk) in [
        ("AT+QPINC?", "+QPINC: \"SC\",2,9", 2, 9),
        ("AT+ZPINPUK=?", "+ZPINPUK: 2,9", 2, 9),
        ("AT+SPIC", "+SPIC: 2,9,3,10", 2, 9),
        ("AT+UPINCNT", "+UPINCNT: 2,3,9,10", 2, 9),
        ("AT*EPIN?", "*EPIN: 2,9,3,10", 2, 9),
    ] {
        let mut port = Port::new(|line| match line {
            "AT+CPIN?" => ok(&["+CPIN: SIM PIN"]),
            _ if line == command => ok(&[answer]),
            _ => b"\r\nERROR\r\n".to_vec(),
        });
        let status = Modem::from_at(At::new(&mut port)).sim_status().unwrap();
        assert_eq!((status.pin_tries, status.puk_tries), (Some(pin), Some(puk)), "{command}");
        assert_eq!(status.state, SimCondition::Pin);
    }
}

/// SIM800 has the PIN2 in the second place, SIM7600 the PUK.
#[test]
fn the_tries_of_a_puk_are_told_from_those_of_a_pin2() {
    for (row, puk) in [
        ("0,3,1,10", Some(1)),
        ("3,3,10,10", Some(10)),
        ("3,10,0,10", Some(10)),
        ("0,1,3,10", Some(1)),
        ("0,3,3,10", Some(3)),
        ("0,0,3,10", Some(0)),
        ("0,2,1,10", None),
        ("0,2,2,10", Some(2)),
        ("0,2,3,10", None),
        ("0,3,2,10", None),
        ("0,7,9,10", Some(7)),
        ("0,3", None),
    ] {
        let row = format!("+SPIC: {row}");
        let mut port = Port::new(|line| match line {
            "AT+CPIN?" => ok(&["+CPIN: SIM PUK"]),
            "AT+SPIC" => ok(&[&row]),
            _ => b"\r\nERROR\r\n".to_vec(),
        });
        let status = Modem::from_at(At::new(&mut port)).sim_status().unwrap();
        assert_eq!(status.puk_tries, puk, "{row}");
    }
}

/// What a code comes to where the stick answers this to what it is sent, in this order; it is silent to what is not listed.
fn used(code: PinUse<'_>, answers: &[(&str, &str)]) -> Result<SimStatus> {
    let mut left = answers.to_vec();
    let mut port = Port::new(move |line| {
        let next = left.iter().position(|(command, _)| *command == line);
        let again = next.is_some_and(|at| !left[at + 1..].iter().any(|(command, _)| *command == line));
        match next {
            Some(at) if again => format!("\r\n{}\r\n", left[at].1).into_bytes(),
            Some(at) => format!("\r\n{}\r\n", left.remove(at).1).into_bytes(),
            None => Vec::new(),
        }
    });
    Modem::from_at(At::new(&mut port)).use_code(code, LastTry::MaySpend)
}

const UNKNOWN: [(&str, &str); 7] = [
    ("AT^CPIN?", "ERROR"),
    ("AT+CPINR", "ERROR"),
    ("AT+QPINC?", "ERROR"),
    ("AT+ZPINPUK=?", "ERROR"),
    ("AT+SPIC", "ERROR"),
    ("AT+UPINCNT", "ERROR"),
    ("AT*EPIN?", "ERROR"),
];

#[test]
fn a_sim_that_is_blocked_now_is_told_without_counters_too() {
    let (pin, puk) = ("+CPIN: SIM PIN\r\n\r\nOK", "+CPIN: SIM PUK\r\n\r\nOK");
    let answers = [
        ("AT+CPIN?", pin),
        ("AT+CPIN?", puk),
        ("AT+CPIN=\"1234\"", "+CME ERROR: 16"),
        ("AT+CLCK=\"SC\",2", "ERROR"),
    ];
    let error = used(PinUse::Enter("1234"), &[&answers[..], &UNKNOWN].concat()).unwrap_err();
    assert_eq!((error.kind(), error.verdict()), (ErrorKind::WrongPin, Some(Verdict::Recoverable)));
    assert!(error.next_step().is_some_and(|next| next.contains("blocked now")), "{error:?}");
    // A PIN that may be tried again.
    let answers = [&answers[..1], &answers[2..]].concat();
    let error = used(PinUse::Enter("1234"), &[&answers[..], &UNKNOWN].concat()).unwrap_err();
    assert_eq!((error.kind(), error.next_step()), (ErrorKind::WrongPin, None));
}

#[test]
fn a_pin_that_is_not_asked_for_cannot_be_changed() {
    for (asked_for, told) in [("+CLCK: 0\r\n\r\nOK", true), ("+CLCK: 1\r\n\r\nOK", false)] {
        let answers = [
            ("AT^CPIN?", "^CPIN: READY,,10,3,10,3\r\n\r\nOK"),
            ("AT+CPIN?", "+CPIN: READY\r\n\r\nOK"),
            ("AT+CPWD=\"SC\",\"1234\",\"4321\"", "+CME ERROR: 3"),
            ("AT+CLCK=\"SC\",2", asked_for),
        ];
        let error = used(PinUse::Change("1234", "4321"), &answers).unwrap_err();
        assert_eq!(error.verdict(), Some(Verdict::Untouched));
        assert_eq!(error.next_step().is_some_and(|next| next.contains("pin enable")), told, "{error:?}");
    }
}

/// The stick says OK and nothing more.
#[test]
fn what_nobody_saw_is_not_claimed() {
    let before = [("AT^CPIN?", "^CPIN: SIM PUK,,10,0,10,3\r\n\r\nOK"), ("AT^CPIN?", "")];
    let taken = ("AT+CPIN=\"12345678\",\"4321\"", "OK");
    let now = used(PinUse::Unblock("12345678", "4321"), &[&before[..], &[taken]].concat()).unwrap();
    let state = SimCondition::NotSeen;
    assert_eq!(now, SimStatus { state, asked_for: None, pin_tries: None, puk_tries: None });
}

/// It says OK to AT+CMGF=0 and goes on in text mode.
#[test]
fn a_list_in_text_mode_is_shown_as_it_is() {
    let mut port = Port::new(|line| match line {
        "AT+CMGL=4" => {
            ok(&["+CMGL: 1,\"REC READ\",\"+12345678901\",,\"26/11/20\"", "Hello text", "and more"])
        }
        "AT+CPMS?" | "AT+CPMS=?" => b"\r\nERROR\r\n".to_vec(),
        _ => ok(&[]),
    });
    let list = Modem::from_at(At::new(&mut port)).messages().unwrap();
    let [message] = &list.messages[..] else { panic!("{list:?}") };
    assert_eq!((message.kind, message.number), (EntryKind::Undecodable, Some(1)));
    let kept = "REC READ, +12345678901, , 26/11/20\nHello text\nand more";
    assert_eq!((message.text.as_deref(), &message.pdus[0][..]), (Some(kept), kept.as_bytes()));
}

#[test]
fn a_modem_without_pdus_is_told() {
    for refusal in ["+CMS ERROR: 303", "ERROR"] {
        let mut port = Port::new(|line| match line {
            "AT+CMGF=0" => format!("\r\n{refusal}\r\n").into_bytes(),
            _ => ok(&[]),
        });
        let error = Modem::from_at(At::new(&mut port)).messages().unwrap_err();
        assert!(error.next_step().is_some_and(|next| next.contains("no PDU mode")), "{error:?}");
    }
}

/// SIMCom's spelling.
#[test]
fn a_lock_is_known_in_either_spelling() {
    let mut port = Port::new(|_| ok(&["+CPIN: PH_SIM PIN"]));
    let state = Modem::from_at(At::new(&mut port)).sim_condition().unwrap();
    assert_eq!(state, SimCondition::Other("PH-SIM PIN".to_owned()));
}

/// A list that a refusal ends gives what came before it, and says that more may be there.
#[test]
fn a_list_that_breaks_off_is_no_whole_one() {
    const PDU: &str = "07912143658709F1040B912143658709F100006211023100050005C8329BFD06";
    let mut lists = 0;
    let mut port = Port::new(|line| match line {
        "AT+CMGL=4" => {
            lists += 1;
            format!("\r\n+CMGL: 1,1,,24\r\n{PDU}\r\n\r\n+CMS ERROR: 320\r\n").into_bytes()
        }
        "AT+CPMS?" | "AT+CPMS=?" => b"\r\nERROR\r\n".to_vec(),
        _ => ok(&[]),
    });
    let mut modem = Modem::from_at(At::new(&mut port));
    let list = modem.messages().unwrap();
    assert_eq!(list.messages.len(), 1);
    assert_eq!(list.messages[0].text.as_deref(), Some("Hello"));
    let [skipped] = &list.skipped[..] else { panic!("{:?}", list.skipped) };
    assert!(skipped.reason.starts_with("its list broke off: "), "{}", skipped.reason);
    let missing = modem.read_message(&2.into()).unwrap_err();
    assert!(missing.what().contains("cannot be seen whether"), "{missing}");
    drop(modem);
    drop(port);
    assert_eq!(lists, 4, "each list is asked for twice");
}

/// Emoji that two parts of a message share, as telephones send them.
#[test]
fn a_character_that_is_cut_by_the_end_of_a_part_is_whole() {
    let part = |number: u8, text: &str| {
        let length = 6 + text.len() / 2;
        format!(
            "07912143658709F1440B912143658709F1000862110231000500{length:02X}050003070{}0{number}{text}",
            3
        )
    };
    // "Hi" and the first half of a face; its second half and "!"; both halves apart from each other.
    let parts = [(1, "00480069D83D"), (2, "DE000021D83D"), (3, "0020DE01")];
    let list = |numbers: &[u8]| {
        let rows: Vec<String> = parts
            .iter()
            .filter(|(number, _)| numbers.contains(number))
            .map(|(number, text)| format!("+CMGL: {number},1,,30\r\n{}", part(*number, text)))
            .collect();
        let mut port = Port::new(|line| match line {
            "AT+CMGL=4" => ok(&rows.iter().map(String::as_str).collect::<Vec<_>>()),
            _ => ok(&[]),
        });
        let list = Modem::from_at(At::new(&mut port)).messages().unwrap();
        list.messages[0].text.clone().unwrap()
    };
    assert_eq!(list(&[1, 2, 3]), "Hi\u{1f600}!\u{fffd} \u{fffd}");
    // The part between is not there.
    assert_eq!(list(&[1]), "Hi\u{fffd}");
    assert_eq!(list(&[1, 3]), "Hi\u{fffd} \u{fffd}");
}
