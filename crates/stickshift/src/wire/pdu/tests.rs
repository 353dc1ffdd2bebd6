use proptest::prelude::*;

use super::submit::encode_number;
use super::*;
use crate::error::ErrorKind;
use crate::hex;

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
    let Message::Deliver { from, time, content } = decode_hex(pdu) else { panic!("not a deliver") };
    assert_eq!((from.as_str(), content.part), ("+12345678901", None));
    assert_eq!(content.body, Body::Text("Hello".into()));
    assert_eq!(time.rfc3339().as_deref(), Some("2026-11-20T13:00:50+00:00"));
}

#[test]
fn times_as_they_are_and_as_they_are_not() {
    let at = |text: &str| Timestamp(hex::decode(text).unwrap().try_into().unwrap());
    for (octets, rfc3339, local, shown) in [
        ("62110231000540", Some("2026-11-20T13:00:50+01:00"), true, "26-11-20 13:00:50 04"),
        ("62110231000512", Some("2026-11-20T13:00:50+05:15"), true, "26-11-20 13:00:50 21"),
        ("6211023100050A", Some("2026-11-20T13:00:50-05:00"), true, "26-11-20 13:00:50 A0"),
        // No zone: all bits set, more than 14 hours.
        ("621102310005FF", None, true, "26-11-20 13:00:50 FF"),
        ("62110231000577", None, true, "26-11-20 13:00:50 77"),
        // Month 0, day 31 of November, hour 24, second 60, a nibble that is no digit.
        ("62000231000500", None, false, "26-00-20 13:00:50 00"),
        ("62111331000500", None, false, "26-11-31 13:00:50 00"),
        ("62110242000500", None, false, "26-11-20 24:00:50 00"),
        ("62110231000600", None, false, "26-11-20 13:00:60 00"),
        ("62110A31000500", None, false, "26-11-A0 13:00:50 00"),
        // A clock that nobody set.
        ("99102131955500", Some("1999-01-12T13:59:55+00:00"), true, "99-01-12 13:59:55 00"),
        ("09102131955500", Some("1990-01-12T13:59:55+00:00"), true, "90-01-12 13:59:55 00"),
        ("98102131955500", Some("2089-01-12T13:59:55+00:00"), true, "89-01-12 13:59:55 00"),
        ("FFFFFFFFFFFFFF", None, false, "FF-FF-FF FF:FF:FF FF"),
    ] {
        let time = at(octets);
        assert_eq!((time.rfc3339().as_deref(), time.local().is_some()), (rfc3339, local), "{octets}");
        assert_eq!((time.to_string().as_str(), time.seconds().is_some()), (shown, local), "{octets}");
        assert_eq!(time.is_blank(), octets.starts_with("FF"), "{octets}");
    }
    assert!(at("00000000000000").is_blank());
    assert!(at("62110231000540").seconds() < at("62110231000500").seconds());
}

#[test]
fn a_reserved_coding_is_shown_as_octets() {
    // Korean networks: the length counts octets, of which most are a header.
    let pdu = "0791280102194105440BA11091041852F00084218013414441630D0A22080B811091041852F0A4B2";
    let Message::Deliver { content, .. } = decode_hex(pdu) else { panic!("not a deliver") };
    assert_eq!(content.body, Body::Data(vec![0xa4, 0xb2]));
    // Where it counts septets it is the default alphabet.
    let text = hex::encode_upper(&pack(&to_gsm7("Hello, world").unwrap(), 0));
    let pdu = format!("07912143658709F1040B912143658709F10084621102310005000C{text}");
    let Message::Deliver { content, .. } = decode_hex(&pdu) else { panic!("not a deliver") };
    assert_eq!(content.body, Body::Text("Hello, world".into()));
}

#[test]
fn senders_with_a_name() {
    // "Orange" is 42 bits: 11 semi-octets.
    let name = pack(&to_gsm7("Orange").unwrap(), 0);
    let pdu = format!("00040BD0{}00006211023100050000", hex::encode_upper(&name));
    let Message::Deliver { from, content, .. } = decode_hex(&pdu) else { panic!("not a deliver") };
    assert_eq!((from.as_str(), content.body), ("Orange", Body::Text(String::new())));
}

#[test]
fn status_reports() {
    let pdu = "0006 2A 0B912143658709F1 62110231000500 62110231001500 00".replace(' ', "");
    let Message::StatusReport { reference, to, ended, status, .. } = decode_hex(&pdu) else { panic!() };
    assert_eq!((reference, to.as_str(), status), (42, "+12345678901", 0));
    assert_eq!(ended.rfc3339().as_deref(), Some("2026-11-20T13:00:51+00:00"));
}

#[test]
fn the_alphabet_and_its_extension() {
    let text = "@£$¥èéùìòÇ\nØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ ¤¡ÄÖÑÜ§¿äöñüà^{}\\[~]|€";
    assert_eq!(from_gsm7(&to_gsm7(text).unwrap(), Shift::default()), text);
    assert_eq!(to_gsm7("€"), Some(vec![0x1b, 0x65]));
    assert_eq!(to_gsm7("`"), None);
    assert_eq!(to_gsm7("\u{1b}"), None);
    assert_eq!(from_gsm7(&[0x1b, b'A', 0x1b], Shift::default()), "A");
    for code in (0..128).filter(|code| *code != 0x1b) {
        let c = from_gsm7(&[code], Shift::default());
        assert_eq!(to_gsm7(&c), Some(vec![code]));
    }
}

/// The letters that annex A of TS 23.038 puts into the national tables.
#[test]
fn national_tables() {
    let every: Vec<u8> = (0..128).filter(|code| *code != 0x1b).collect();
    let locked = |language| from_gsm7(&every, Shift { locking: language, single: 0 });
    let plain = locked(0);
    let differs = |language| {
        let own = locked(language);
        own.chars().zip(plain.chars()).filter(|(a, b)| a != b).map(|(a, _)| a).collect::<String>()
    };
    assert_eq!(differs(1), "€ıĞğŞşİç");
    assert_eq!(differs(3), "êúíóçÔôÁáªÇÀ∞^\\€Ó|ÂâÊºÍÃÕÚ~ãõ`");
    // Spanish has no locking table; languages without a table here are read with the default one.
    for language in [2, 4, 13, 200] {
        assert_eq!(differs(language), "", "{language}");
    }
    let single = |language, codes: &[u8]| {
        let escaped: Vec<u8> = codes.iter().flat_map(|code| [0x1b, *code]).collect();
        from_gsm7(&escaped, Shift { locking: 0, single: language })
    };
    assert_eq!(single(1, b"GISGcgis"), "ĞİŞĞçğış");
    assert_eq!(single(2, b"\x09AIOUaiou"), "çÁÍÓÚáíóú");
    let portuguese = b"\x05\x09\x0b\x0c\x0e\x0f\x12\x13\x15\x16\x17\x18\x19\x1fAIOU[\\aiou{|\x7f";
    assert_eq!(single(3, portuguese), "êçÔôÁáΦΓΩΠΨΣΘÊÀÍÓÚÃÕÂíóúãõâ");
    for language in 0..4 {
        assert_eq!(single(language, b"\x14()/<=>@e"), "^{}\\[~]|€", "{language}");
    }
}

/// A message that came, of this coding scheme, header and content (both in hexadecimal). `length` as TP-User-Data-Length counts.
fn delivered(protocol: &str, scheme: &str, length: usize, header: &str, content: &str) -> Content {
    let first = if header.is_empty() { "04" } else { "44" };
    let start = format!("00{first}0B912143658709F1{protocol}{scheme}62110231000500{length:02X}");
    let Message::Deliver { content, .. } = decode_hex(&format!("{start}{header}{content}")) else { panic!() };
    content
}

#[test]
fn national_texts() {
    for (header, codes, text) in [
        ("03250101", &b"\x1c\x1d\x40\x60"[..], "Şşİç"),
        ("03240102", b"Informaci\x1bon", "Información"),
        ("03240103", b"S\x1b{o Paulo", "São Paulo"),
        ("06250103240103", b"n\x7b\x1be", "nã€"),
        // Parts of a long message have both.
        ("080003070201240101", b"a\x1bs", "aş"),
    ] {
        let skipped = (header.len() / 2 * 8).div_ceil(7);
        let fill = skipped * 7 - header.len() / 2 * 8;
        let packed = hex::encode_upper(&pack(codes, fill));
        let content = delivered("00", "00", skipped + codes.len(), header, &packed);
        assert_eq!(content.body, Body::Text(text.to_owned()), "{header}");
    }
}

#[test]
fn coding_schemes() {
    let body = |scheme: &str| delivered("00", scheme, 4, "", "00410042").body;
    for scheme in ["04", "05", "F4", "F6", "15", "44"] {
        assert_eq!(body(scheme), Body::Data(vec![0, 0x41, 0, 0x42]), "{scheme}");
    }
    for scheme in ["08", "18", "E0", "E8", "48"] {
        assert_eq!(body(scheme), Body::Text("AB".into()), "{scheme}");
    }
    for scheme in ["20", "24", "28", "3F", "60", "68"] {
        assert_eq!(body(scheme), Body::Compressed(vec![0, 0x41, 0, 0x42]), "{scheme}");
    }
    for scheme in ["00", "10", "40", "80", "B0", "C0", "C8", "D0", "F0", "F1"] {
        assert!(matches!(body(scheme), Body::Text(text) if text.chars().count() == 4), "{scheme}");
    }
}

#[test]
fn data_is_named() {
    let name = |protocol: &str, header: &str, content: &str| {
        let length = header.len() / 2 + content.len() / 2;
        let content = delivered(protocol, "04", length, header, content);
        let Body::Data(data) = content.body else { panic!() };
        DataKind::of(content.ports, content.protocol, &data)
    };
    let wide = |port: u16| format!("060504{port:04X}0000");
    let narrow = |port: u8| format!("040402{port:02X}00");
    // The width of a port is a part of it: 226 is vCard's among the short ones, and nobody's among the long ones.
    for (header, kind) in [
        (narrow(226), DataKind::BusinessCard),
        (wide(226), DataKind::Port(226)),
        (wide(9204), DataKind::BusinessCard),
        (narrow(5), DataKind::Port(5)),
        (wide(16000), DataKind::Port(16000)),
    ] {
        assert_eq!(name("00", &header, "01"), kind, "{header}");
    }
    let push = wide(2948);
    for (content, kind) in [
        (
            "0106226170706C69636174696F6E2F766E642E7761702E6D6D732D6D65737361676500AF84",
            DataKind::MmsNotification,
        ),
        ("010603BEAF848C82", DataKind::MmsNotification),
        // With the length of the content type and its parameters in front.
        ("010605 03BE81EA 8C82", DataKind::MmsNotification),
        ("010601AE02056A0045C6", DataKind::ServiceIndication),
        ("010601B0", DataKind::ServiceLoading),
        ("010601B6", DataKind::Settings),
        ("01068101AE", DataKind::ServiceIndication),
        ("010601FF", DataKind::WapPush),
        ("0106", DataKind::WapPush),
        ("0105AE", DataKind::WapPush),
    ] {
        assert_eq!(name("00", &push, &content.replace(' ', "")), kind, "{content}");
    }
    assert_eq!(name("7F", "", "D116"), DataKind::SimDownload);
    assert_eq!(name("00", "", "D116"), DataKind::Plain);
}

#[test]
fn octets_that_read_as_text() {
    assert_eq!(text_of_octets(b"Hello\0").as_deref(), Some("Hello"));
    assert_eq!(text_of_octets(b"Votre cr\xe9dit").as_deref(), Some("Votre crédit"));
    assert_eq!(text_of_octets("Баланс".as_bytes()).as_deref(), Some("Баланс"));
    for none in [&b""[..], b"\0\0", b"\x01\x06", b"\xe9\xe8\xe0\xe9", b"ab\x9bcdefgh"] {
        assert_eq!(text_of_octets(none), None, "{none:?}");
    }
}

#[test]
fn what_became_of_a_message() {
    let known: Vec<u8> = (0..=255).filter(|status| status_words(*status).is_some()).collect();
    let rows: Vec<u8> = (0..3).chain(0x20..0x26).chain(0x40..0x4a).chain(0x60..0x66).collect();
    assert_eq!(known, rows);
    assert_eq!(
        (status_words(0x22), status_words(0x62)),
        (status_words(0x62), Some("the receiver does not respond"))
    );
    for (status, outcome) in [
        (0, "delivered"),
        (0x1f, "delivered"),
        (0x20, "pending"),
        (0x3f, "pending"),
        (0x46, "failed"),
        (0xff, "failed"),
    ] {
        assert_eq!(Outcome::of(status).code(), outcome, "{status:02x}");
    }
}

#[test]
fn ussd_packing() {
    assert_eq!(hex::encode_upper(&pack_ussd("*100#").unwrap()), "AA180C3602");
    assert_eq!(ussd_text("AA180C3602", 15), "*100#");
    for text in ["1234567", "Balance", "Balance: 5 EUR", "Crédit: 5 €\n1 Info", "ΔΕΝ ΕΧΕΤΕ"] {
        let Some(packed) = pack_ussd(text) else { continue };
        assert_eq!(ussd_text(&hex::encode_upper(&packed), 15), text, "{text:?}");
    }
    // A CR that the text ends with on an octet boundary would be taken for filling: it is doubled.
    assert_eq!(pack_ussd("1234567\r").unwrap(), pack(b"1234567\r\r", 0));
}

/// What sticks send, whatever their data coding scheme says.
#[test]
fn ussd_texts_as_they_come() {
    let ucs2 = |text: &str| text.encode_utf16().map(|unit| format!("{unit:04X}")).collect::<String>();
    let ascii = |text: &str| hex::encode_upper(text.as_bytes());
    let packed = |text: &str| hex::encode_upper(&pack_ussd(text).unwrap());
    let texts = [
        "Havi keret",
        "Balance: 12.50",
        "Баланс: 150.25 руб",
        "Ваш баланс 5р",
        "رصيدك 5",
        "您的账户余额为50.00元",
        "Υπόλοιπο: 5€",
        "ΥΠΟΛΟΙΠΟ",
        "Số dư: 5000d",
        "Kredit: 5 zł",
        "ยอดเงิน 5 บาท",
        "12.50",
        "B12.50",
        "12.50 EU",
        "😀AB",
        "AB😀",
        "So 😀",
    ];
    for text in texts {
        for scheme in [0, 15, 17, 68, 72, 240] {
            assert_eq!(ussd_text(&ucs2(text), scheme), text, "UCS2, scheme {scheme}");
            assert_eq!(ussd_text(text, scheme), text, "plain, scheme {scheme}");
        }
    }
    for text in [
        "Sisa pulsa Rp.5000",
        "Your balance is 5",
        "OK",
        "1. Info\n2. Data",
        "Balance: 12.30",
        "Hello World",
        "177.00",
    ] {
        for scheme in [0, 15, 68, 72] {
            let expected = if text == "OK" && scheme != 68 { continue } else { text };
            assert_eq!(ussd_text(&ascii(text), scheme), expected, "ASCII, scheme {scheme}");
        }
        assert_eq!(ussd_text(&packed(text), 15), text);
    }
    // Digits alone, and codes of digits alone.
    for digits in ["5000", "0712345678", "31", "12345", "3000", "99", "5010", "491701234567"] {
        for scheme in [0, 15, 72] {
            assert_eq!(ussd_text(digits, scheme), digits, "scheme {scheme}");
        }
    }
    assert_eq!(ussd_text(&ucs2("50"), 15), "50");
    assert_eq!(ussd_text(&ucs2("АБВ"), 72), "АБВ");
    assert_eq!(ussd_text(&ascii("5000"), 15), "5000");
    // A language in front: two packed letters and UCS2, or two letters and CR.
    assert_eq!(ussd_text("61390631063506440000FFFF60B1", 17), "رصل");
    assert_eq!(ussd_text(&packed("en\rBalance 5"), 16), "Balance 5");
    // Codes of hex digits.
    for (raw, scheme) in [("A1B2C3D4", 15), ("4772C3", 68)] {
        assert_eq!(ussd_text(raw, scheme), raw);
    }
    assert_eq!(ussd_text(&packed("5.50 €"), 15), "5.50 €");
    assert_eq!(ussd_text("672C624B673A", 72), "本手机");
    // Nothing that makes sense, and half a character.
    for raw in ["Balance: 5", "ABC", "", "D83D", "FFFFFFFF"] {
        assert_eq!(ussd_text(raw, 72), raw);
    }
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
                let Message::Submit { to, content } = decode(&pdu.bytes).unwrap() else {
                    panic!("not a submit")
                };
                let (part, Body::Text(piece)) = (content.part, content.body) else { panic!("not a text") };
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
    assert_eq!(encode_number("+49 (170) 123-45.67/8").unwrap(), encode_number("+4917012345678").unwrap());
    for bad in ["", "+", "12a", "1+2", "123456789012345678901", "１"] {
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
        let _ = ussd_text(&hex::encode_upper(&bytes), bytes.len() as u8);
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
                Message::Submit { content: Content { body: Body::Text(t), .. }, .. } => t,
                other => panic!("{other:?}"),
            }
        }).collect();
        prop_assert_eq!(whole, text);
    }
}
