//! Captures of every format, recognised by content, and what they teach.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stickshift::event::Session;
use stickshift::learn::learn;
use stickshift::wire::pcap::Capture;

fuzz_target!(|data: &[u8]| {
    let mut source = data;
    let Ok(mut capture) = Capture::open(&mut source) else { return };
    let _ = learn(&mut capture, None, &mut Session::quiet());
});
