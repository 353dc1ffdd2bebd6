//! Any bytes as transfers of a control channel, and as every information buffer.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stickshift::wire::mbim::{Assembler, Incoming, basic, sms, ussd};

fuzz_target!(|bytes: &[u8]| {
    let mut assembler = Assembler::default();
    // The first byte of each transfer says how long it is.
    let mut rest = bytes;
    while let Some((length, more)) = rest.split_first() {
        let (transfer, after) = more.split_at(more.len().min(usize::from(*length)));
        if let Some(Incoming::Done { data, .. } | Incoming::Indication { data, .. }) = assembler.push(transfer) {
            every_buffer(&data);
        }
        rest = after;
    }
    every_buffer(bytes);
});

fn every_buffer(data: &[u8]) {
    basic::device_caps(data);
    basic::subscriber(data);
    basic::radio_state(data);
    basic::pin(data);
    basic::pin1_enabled(data);
    basic::provider(data);
    basic::providers(data);
    basic::registration(data);
    basic::packet_service(data);
    basic::signal(data);
    basic::connection(data);
    basic::ip_configuration(data);
    sms::stored(data);
    ussd::reply(data);
}
