//! TP-Link's files from the inside: the text is sealed first, so that the checksum does not keep the fuzzer out.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stickshift::profile::formats::tplink;

fuzz_target!(|data: &[u8]| {
    let _ = tplink::parse_bin(data);
    let _ = tplink::parse_table(data);
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(bytes) = tplink::seal_bin(text) {
        let _ = tplink::parse_bin(&bytes);
    }
});
