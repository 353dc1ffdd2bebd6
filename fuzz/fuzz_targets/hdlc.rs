//! Any bytes from a port: frames come out or they do not, and what is a frame encodes and decodes to itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stickshift::wire::hdlc::{self, Deframer};

fuzz_target!(|bytes: &[u8]| {
    let mut deframer = Deframer::new();
    for piece in bytes.chunks(7) {
        deframer.push(piece);
        while let Some(frame) = deframer.next() {
            let Ok(body) = frame else { continue };
            let mut again = Vec::new();
            hdlc::encode(&body, &mut again);
            let mut second = Deframer::new();
            second.push(&again);
            assert_eq!(second.next(), Some(Ok(body)));
        }
    }
});
