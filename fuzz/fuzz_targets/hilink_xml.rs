//! Any bytes as a reply of a stick's web server: a tree or an error; and every call reads any tree.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stickshift::hilink::{Call, device, dialup, monitoring, net, pin, sms, xml};

fn parse<T>(call: Call<T>, reply: &xml::Element) {
    let _ = call.parse(reply);
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(reply) = xml::parse(bytes) else { return };
    parse(device::information(), &reply);
    parse(device::signal(), &reply);
    parse(monitoring::status(), &reply);
    parse(monitoring::traffic(), &reply);
    parse(net::search(), &reply);
    parse(dialup::profiles(), &reply);
    parse(pin::status(), &reply);
    parse(sms::page(sms::Folder::Inbox, 1), &reply);
    // What was read can be written and read again, without the control characters that no request carries.
    let legal = |c: &char| !c.is_control() || matches!(c, '\t' | '\n' | '\r');
    let written: String = reply.text.chars().filter(legal).collect();
    let again = xml::request(&xml::element("text", &reply.text));
    assert_eq!(
        xml::parse(&xml::to_cesu8(&again))
            .map(|r| r.value("text").unwrap_or_default().to_owned())
            .ok()
            .as_deref(),
        Some(written.trim())
    );
});
