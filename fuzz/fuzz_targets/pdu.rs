//! Any bytes as a message; and any text as one to send, which must come back as it was.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stickshift::wire::pdu::{Body, Content, Message, decode, pack_ussd, submit, ussd_text};

fuzz_target!(|bytes: &[u8]| {
    let _ = decode(bytes);
    ussd_text(&stickshift::hex::encode_upper(bytes), bytes.first().copied().unwrap_or(15));
    let text = String::from_utf8_lossy(bytes);
    pack_ussd(&text);
    let Ok(pdus) = submit("+12345678901", &text, 1, false) else { return };
    let mut whole = String::new();
    for pdu in &pdus {
        match decode(&pdu.bytes) {
            Ok(Message::Submit { content: Content { body: Body::Text(piece), .. }, .. }) => whole.push_str(&piece),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(whole, text);
});
