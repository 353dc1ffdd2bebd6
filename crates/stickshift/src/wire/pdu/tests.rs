use proptest::prelude::*;

use super::*;

fn hex(pdus: &[Pdu]) -> Vec<(usize, String)> {
    pdus.iter().map(|p| (p.length, hex::encode_upper(&p.bytes))).collect()
}

fn decode_hex(text: &str) -> Message {
    decode(&hex::decode(text).unwrap()).unwrap()
}

#[test]
fn submit_vectors() {
    let pdus = submit("+12345678901", "Hello", 1, false).unwrap();
    assert_eq!(hex(&pdus), [(19, "0011000B912143658709F10000AA05C8329BFD06".to_owned())]);
    let pdus = submit("+12345678901", "Привет", 1, false).unwrap();
    assert_eq!(hex(&pdus), [(26, "0011000B912143658709F10008AA0C041F04400438043204350442".to_owned())]);
}

#[test]
fn deliver_vector() {
    let pdu = "07912143658709F1040B912143658709F100006211023100050005C8329BFD06";
    assert_eq!(hex::decode(pdu).unwrap().len() - 8, 24);
    let Message::Deliver { from, time, part, body } = decode_hex(pdu) else { panic!("not a deliver") };
    assert_eq!((from.as_str(), part, body), ("+12345678901", None, Body::Text("Hello".into())));
    assert_eq!(time.to_string(), "2026-11-20T13:00:50+00:00");
}

#[test]
fn zones_are_quarters_with_a_sign_bit() {
    let at = |zone| Timestamp::decode(&[0x62, 0x11, 0x02, 0x31, 0x00, 0x05, zone]).to_string();
    assert_eq!(at(0x40), "2026-11-20T13:00:50+01:00");
    assert_eq!(at(0x12), "2026-11-20T13:00:50+05:15");
    assert_eq!(at(0x0a), "2026-11-20T13:00:50-05:00");
}

#[test]
fn senders_with_a_name() {
    // "Orange" is 42 bits: 11 semi-octets.
    let name = pack(&to_gsm7("Orange").unwrap(), 0);
    let pdu = format!("00040BD0{}00006211023100050000", hex::encode_upper(&name));
    let Message::Deliver { from, body, .. } = decode_hex(&pdu) else { panic!("not a deliver") };
    assert_eq!((from.as_str(), body), ("Orange", Body::Text(String::new())));
}

#[test]
fn status_reports() {
    let pdu = "0006 2A 0B912143658709F1 62110231000500 62110231001500 00".replace(' ', "");
    let Message::StatusReport { reference, to, ended, status, .. } = decode_hex(&pdu) else { panic!() };
    assert_eq!((reference, to.as_str(), status), (42, "+12345678901", 0));
    assert_eq!(ended.second, 51);
}

#[test]
fn the_alphabet_and_its_extension() {
    let text = "@£$¥èéùìòÇ\nØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ ¤¡ÄÖÑÜ§¿äöñüà^{}\\[~]|€";
    assert_eq!(from_gsm7(&to_gsm7(text).unwrap()), text);
    assert_eq!(to_gsm7("€"), Some(vec![0x1b, 0x65]));
    assert_eq!(to_gsm7("`"), None);
    assert_eq!(to_gsm7("\u{1b}"), None);
    assert_eq!(from_gsm7(&[0x1b, b'A', 0x1b]), "A");
    for (code, c) in ALPHABET.iter().enumerate().filter(|(code, _)| *code != usize::from(ESCAPE)) {
        assert_eq!(to_gsm7(&c.to_string()), Some(vec![code as u8]));
    }
}

#[test]
fn ussd_packing() {
    assert_eq!(hex::encode_upper(&pack_ussd("*100#").unwrap()), "AA180C3602");
    assert_eq!(unpack_ussd("AA180C3602", 15).as_deref(), Some("*100#"));
    for text in ["1234567", "12345678", "123456", ""] {
        let packed = hex::encode_upper(&pack_ussd(text).unwrap());
        assert_eq!(unpack_ussd(&packed, 15).unwrap_or_default(), text, "{text:?}");
    }
    // A CR that the text ends with on an octet boundary would be taken for filling: it is doubled.
    assert_eq!(pack_ussd("1234567\r").unwrap(), pack(b"1234567\r\r", 0));
    assert_eq!(unpack_ussd("041F04400438043204350442", 72).as_deref(), Some("Привет"));
    assert_eq!(unpack_ussd("Balance: 5", 15), None);
    assert_eq!(unpack_ussd("D83D", 72), None);
}

/// The lengths around every edge: one PDU or two, a full last part or a new one.
#[test]
fn long_texts_are_cut_and_come_back_whole() {
    let smile = "\u{1f600}";
    for (unit, lengths) in [
        ("a", 150..=162),
        ("a", 304..=308),
        ("€", 75..=82),
        ("ж", 65..=72),
        ("ж", 132..=136),
        (smile, 30..=36),
    ] {
        for (n, lead) in lengths.flat_map(|n| [(n, ""), (n, "b")]) {
            let text = format!("{lead}{}", unit.repeat(n));
            let pdus = submit("123", &text, 7, true).unwrap();
            let mut whole = String::new();
            for (i, pdu) in pdus.iter().enumerate() {
                assert!(pdu.bytes.len() <= 1 + 12 + 4 + 140 && pdu.length + 1 == pdu.bytes.len());
                let Message::Submit { to, part, body: Body::Text(piece) } = decode(&pdu.bytes).unwrap()
                else {
                    panic!("not a submit")
                };
                assert_eq!(to, "123");
                let expected = Part { reference: 7, total: pdus.len() as u8, number: i as u8 + 1 };
                assert_eq!(part, (pdus.len() > 1).then_some(expected));
                whole += &piece;
            }
            assert_eq!(whole, text);
        }
    }
    assert_eq!(submit("123", &"a".repeat(160), 0, false).unwrap().len(), 1);
    assert_eq!(submit("123", &"a".repeat(161), 0, false).unwrap().len(), 2);
    assert_eq!(submit("123", &"a".repeat(306), 0, false).unwrap().len(), 2);
    assert_eq!(submit("123", &"ж".repeat(70), 0, false).unwrap().len(), 1);
    assert_eq!(submit("123", &"ж".repeat(135), 0, false).unwrap().len(), 3);
    assert!(submit("123", &"a".repeat(153 * 255), 0, false).is_ok());
    assert!(submit("123", &"a".repeat(153 * 255 + 1), 0, false).unwrap_err().is(ErrorKind::Usage));
}

#[test]
fn numbers() {
    assert_eq!(hex::encode_upper(&encode_number("*10#").unwrap()), "0481 1AB0".replace(' ', ""));
    for bad in ["", "+", "12a", "+1 2", "123456789012345678901", "１"] {
        let e = encode_number(bad).unwrap_err();
        assert!(e.is(ErrorKind::Usage), "{bad}");
        assert!(bad.len() < 3 || !format!("{e:?}").contains(bad), "{bad}");
    }
}

#[test]
fn every_truncation_is_an_error() {
    for pdu in [
        "07912143658709F1040B912143658709F100006211023100050005C8329BFD06",
        "0011000B912143658709F10008AA0C041F04400438043204350442",
        "00062A0B912143658709F1621102310005006211023100150000",
        "0051000B912143658709F10000AA0C050003070201C8329BFD06",
    ] {
        let bytes = hex::decode(pdu).unwrap();
        assert!(decode(&bytes).is_ok());
        for n in 0..bytes.len() {
            let e = decode(&bytes[..n]).unwrap_err();
            assert!(e.is(ErrorKind::UnexpectedAnswer) && e.fact("offset").is_some(), "{pdu} {n}");
        }
    }
}

proptest! {
    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode(&bytes);
        let _ = unpack_ussd(&hex::encode_upper(&bytes), bytes.len() as u8);
    }

    #[test]
    fn any_header(header in proptest::collection::vec(any::<u8>(), 0..20), scheme: u8, length: u8) {
        let mut bytes = hex::decode("00440B912143658709F100").unwrap();
        bytes.push(scheme);
        bytes.extend([0; 7]);
        bytes.push(length);
        bytes.extend(header);
        let _ = decode(&bytes);
    }

    #[test]
    fn packing_round_trip(codes in proptest::collection::vec(0u8..128, 0..200), fill in 0usize..7) {
        let packed = pack(&codes, fill);
        prop_assert_eq!(unpack(&packed, codes.len(), fill), codes);
    }

    #[test]
    fn texts_round_trip(text in "\\PC{1,300}", reference: u8) {
        let whole: String = submit("+4912", &text, reference, false).unwrap().iter().map(|p| {
            match decode(&p.bytes).unwrap() {
                Message::Submit { body: Body::Text(t), .. } => t,
                other => panic!("{other:?}"),
            }
        }).collect();
        prop_assert_eq!(whole, text);
    }
}
