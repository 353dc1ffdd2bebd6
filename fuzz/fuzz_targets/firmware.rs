//! Any bytes as a firmware image: opened, verified, unpacked within bounds; what is sound is built again to something sound.
#![no_main]

use std::io::{Cursor, Read};

use libfuzzer_sys::fuzz_target;
use stickshift::event::Session;
use stickshift::firmware::extract::Package;
use stickshift::firmware::{Image, verify};

/// Enough to reach every path; a fuzzer that unpacks half a gigabyte finds nothing else.
const UNPACKED: u64 = 1 << 20;

fuzz_target!(|bytes: &[u8]| {
    let Ok(mut image) = Image::open(Cursor::new(bytes.to_vec())) else { return };
    for index in 0..image.partitions.len().min(32) {
        if let Ok(payload) = image.payload(index) {
            let _ = std::io::copy(&mut payload.take(UNPACKED), &mut std::io::sink());
        }
    }
    let Ok(seen) = verify(&mut image, &mut Session::quiet()) else { return };
    for finding in &seen.findings {
        assert!(!finding.to_string().is_empty());
    }
    if seen.require_sound().is_err() || image.file_header.is_none() {
        return;
    }
    let mut out = Cursor::new(Vec::new());
    let partitions = image.partitions.len();
    let Ok(package) = Package::from_image(image, &mut Session::quiet()) else { return };
    if package.write(&mut out).is_ok() {
        let mut again = Image::open(Cursor::new(out.into_inner())).expect("what was built opens");
        assert_eq!(again.partitions.len(), partitions);
        verify(&mut again, &mut Session::quiet()).expect("readable").require_sound().expect("sound again");
    }
});
