//! Router images: the container, the file system, its files and the tables among them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stickshift::router::{FileSystem, Image, tables};

fuzz_target!(|data: &[u8]| {
    let Ok(image) = Image::parse(data.to_vec()) else { return };
    for at in &image.file_systems {
        let Ok(files) = FileSystem::open(image.bytes_of(at), at) else { continue };
        let _ = tables::find(&files);
        for file in files.files() {
            let _ = files.read(&file.path, 1 << 20);
        }
    }
});
