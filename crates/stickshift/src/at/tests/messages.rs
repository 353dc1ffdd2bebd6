use super::*;

const DELIVER: &str = "07912143658709F1040B912143658709F100006211023100050005C8329BFD06";

#[test]
fn message_stores() {
    let answer =
        format!("\r\n+CMGL: 3,0,,24\r\n{DELIVER}\r\n+CMGL: 7,1,,24\r\n{}\r\n\r\nOK\r\n", &DELIVER[..20]);
    let stored = run(&sms::list(), answer.as_bytes());
    assert_eq!((stored.len(), stored[0].index, stored[0].status), (2, Some(3), Some(Status::Unread)));
    assert_eq!((stored[1].index, stored[1].message.is_none(), stored[1].pdu.len()), (Some(7), true, 10));
    let odd = format!("\r\n+CMGL: 7,1,,24\r\n{}\r\n\r\nOK\r\n", &DELIVER[..21]);
    assert_eq!(run(&sms::list(), odd.as_bytes())[0].pdu.len(), 10, "a digit is lost, the others are there");
    let Some(Message::Deliver { content, .. }) = &stored[0].message else { panic!("no message") };
    assert_eq!(content.body, Body::Text("Hello".into()));

    let one = run(&sms::read(3), format!("\r\n+CMGR: 1,,24\r\n{DELIVER}\r\n\r\nOK\r\n").as_bytes()).unwrap();
    assert_eq!((one.status, one.message.is_some()), (Some(Status::Read), true));
    assert_eq!(run(&sms::read(3), &ok(&[])), None);
    assert_eq!(run(&sms::read(3), &ok(&["+CMGR: 0,,0"])), None);
    let store = run(&sms::store(), &ok(&["+CPMS: \"SM\",3,20,\"SM\",3,20,\"SM\",3,20"]));
    assert_eq!((store.name.as_str(), store.used, store.size), ("SM", 3, 20));
    let stores = run(&sms::stores(), &ok(&["+CPMS: (\"SM\",\"ME\"),(\"SM\"),(\"SM\",\"ME\",\"SR\")"]));
    assert_eq!(stores, ["SM", "ME"]);
    assert_eq!(run(&sms::stores(), &ok(&["+CPMS: ((\"ME\",\"MT\",\"ME\"),(\"SM\"))"])), ["ME", "MT"]);
    assert_eq!(run(&sms::stores(), &ok(&["+CPMS: \"SM\""])), ["SM"]);
    let used = run(&sms::use_store("ME").unwrap(), &ok(&["+CPMS: 4,50,4,50,4,50"]));
    assert_eq!(used, Some(4));
    assert_eq!(run(&sms::centre(), &ok(&["+CSCA: \"+12345678901\",145"])).as_deref(), Some("+12345678901"));
    assert_eq!(run(&sms::centre(), &ok(&["+CSCA: \"\",129"])), None);
}

/// One odd line costs its own message at most.
#[test]
fn odd_lists() {
    let pdu = DELIVER;
    let list = |text: String| {
        let mut port = Port::new(|_| text.clone().into_bytes());
        At::new(&mut port)
            .run(&sms::list())
            .map(|all| all.iter().map(|one| (one.index, one.message.is_some())).collect::<Vec<_>>())
    };
    let both = || vec![(Some(1), true), (Some(2), true)];
    let (one, two) = (format!("+CMGL: 1,1,,24\r\n{pdu}\r\n"), format!("+CMGL: 2,1,,24\r\n{pdu}\r\n"));
    for (what, text, expected) in [
        ("no status", format!("\r\n+CMGL: 1,,,24\r\n{pdu}\r\n{two}\r\nOK\r\n"), both()),
        ("a status in words", format!("\r\n+CMGL: 1,\"REC READ\",,24\r\n{pdu}\r\n{two}\r\nOK\r\n"), both()),
        (
            "no number",
            format!("\r\n+CMGL: ,1,,24\r\n{pdu}\r\n{two}\r\nOK\r\n"),
            vec![(None, true), (Some(2), true)],
        ),
        ("no header", format!("\r\n{one}\r\n{pdu}\r\n\r\nOK\r\n"), vec![(Some(1), true), (None, true)]),
        ("no PDU", format!("\r\n+CMGL: 1,1,,24\r\n{two}\r\nOK\r\n"), vec![(Some(1), false), (Some(2), true)]),
        ("a stray line", format!("\r\n+CMGL: 1,1,,24\r\nhello\r\n{pdu}\r\n{two}\r\nOK\r\n"), both()),
        ("an OK before it", format!("\r\nOK\r\n\r\n{one}{two}\r\nOK\r\n"), both()),
        ("an OK inside it", format!("\r\n{one}\r\nOK\r\n{two}\r\nOK\r\n"), both()),
        ("an error before it", format!("\r\nERROR\r\n\r\n{one}{two}\r\nOK\r\n"), both()),
        ("an error after it", format!("\r\n{one}{two}\r\nOK\r\n\r\nERROR\r\n"), both()),
        ("no service centre", format!("\r\n+CMGL: 1,1,,24\r\n{}\r\n{two}\r\nOK\r\n", &pdu[16..]), both()),
    ] {
        assert_eq!(list(text).unwrap(), expected, "{what}");
    }
    assert!(list("\r\n+CMS ERROR: 310\r\n".into()).unwrap_err().is(ErrorKind::NoSim));
}

#[test]
fn sending_messages() {
    let mut told = Vec::new();
    let mut port = Port::new(|line| {
        told.push(line.to_owned());
        match told.len() {
            2 => b"\r\n> ".to_vec(),
            3 => b"\r\n+CMGS: 42\r\n\r\nOK\r\n".to_vec(),
            _ => ok(&[]),
        }
    });
    assert_eq!(sms::send(&mut At::new(&mut port), "+12345678901", "Hello", 1).unwrap(), [Some(42)]);
    drop(port);
    assert_eq!(told, ["AT+CMGF=0", "AT+CMGS=19", "0011000B912143658709F10000AA05C8329BFD06"]);

    let mut told = Vec::new();
    let mut port = Port::new(|line| {
        told.push(line.to_owned());
        if line.starts_with("AT+CMGS") { Vec::new() } else { ok(&[]) }
    });
    let e = sms::send(&mut At::new(&mut port), "+12345678901", "Hello", 1).unwrap_err();
    assert!(e.is(ErrorKind::Timeout) && e.fact("parts-sent") == Some("0"), "{e:?}");
    drop(port);
    // Without a prompt the text is not sent, and the command is aborted: an empty line ended by ESC.
    assert_eq!(told, ["AT+CMGF=0", "AT+CMGS=19", ""]);
}
