//! A boot ROM that answers with anything: the download ends, and it does not panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stickshift::boot::{Loader, download, wait_for_hang_up};
use stickshift::event::Session;
use stickshift_fuzz::Stick;

const LOADER: &[u8] = include_bytes!("../corpus/loader/v7r11.bin");

fuzz_target!(|bytes: &[u8]| {
    let loader = Loader::parse(LOADER.to_vec()).expect("the seed is a loader");
    let mut stick = Stick::new(bytes);
    if download(&mut stick, &loader, &mut Session::quiet()).is_ok() {
        let _ = wait_for_hang_up(&mut stick, &mut Session::quiet());
    }
});
