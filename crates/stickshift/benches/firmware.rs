//! Listing and verifying an image of 64 MiB in a temporary file, in bytes per second.

use std::fs::File;
use std::io::{BufWriter, Read, Write};

use divan::Bencher;
use divan::counter::BytesCount;
use stickshift::event::Session;
use stickshift::firmware::build::{self, Part};
use stickshift::firmware::{Header, Image, verify};
use stickshift_emu::testkit::noise;

const SIZE: u64 = 64 << 20;

fn main() {
    divan::main();
}

/// A small boot loader and one large partition of bytes that no run repeats.
fn image() -> tempfile::NamedTempFile {
    let parts = vec![
        Part::from_bytes(Header::new(0x0011_0000), noise(196_096, 1)),
        Part::from_bytes(Header::new(0x005a_0000), noise(SIZE as usize, 2)),
    ];
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    let mut out = BufWriter::new(file.reopen().expect("the file again"));
    build::write(&mut out, Some(&build::file_header(1)), parts).expect("an image");
    out.flush().expect("an image");
    file
}

#[divan::bench]
fn list_64_mib(bencher: Bencher) {
    let file = image();
    bencher.bench_local(|| {
        Image::open(File::open(file.path()).expect("opens")).expect("an image").partitions.len()
    });
}

#[divan::bench(sample_count = 20)]
fn verify_64_mib(bencher: Bencher) {
    let file = image();
    bencher.counter(BytesCount::new(SIZE)).bench_local(|| {
        let mut image = Image::open(File::open(file.path()).expect("opens")).expect("an image");
        verify(&mut image, &mut Session::quiet()).expect("readable").require_sound()
    });
}

/// The floor under verify: reading the same file.
#[divan::bench(sample_count = 20)]
fn read_64_mib(bencher: Bencher) {
    let file = image();
    let mut buffer = vec![0; 256 * 1024];
    bencher.counter(BytesCount::new(SIZE)).bench_local(|| {
        let mut input = File::open(file.path()).expect("opens");
        while input.read(&mut buffer).expect("readable") > 0 {}
    });
}
