//! Profile texts of every format, recognised by content; what is read is written again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stickshift::profile::formats::{self, Format};

fuzz_target!(|data: &[u8]| {
    let Ok(import) = formats::import(data, "12d1:1f01") else { return };
    for format in [Format::Pack, Format::Openwrt, Format::TplinkTable, Format::Udev, Format::Native] {
        let _ = formats::export(&import.entries, format);
    }
});
