//! A boot ROM that answers with anything: the download ends, and it does not panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stickshift::boot::{Loader, check_end, download};
use stickshift::event::Session;
use stickshift_fuzz::Stick;

const LOADER: &[u8] = include_bytes!("../corpus/loader/v7r11.bin");

fuzz_target!(|bytes: &[u8]| {
    let loader = Loader::parse(LOADER.to_vec()).expect("the seed is a loader");
    let mut stick = Stick::new(bytes);
    if let Ok(sent) = download(&mut stick, &loader, &mut Session::quiet()) {
        let _ = check_end(&mut stick, &sent, &mut Session::quiet());
    }
});
