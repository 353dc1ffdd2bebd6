//! CRC and framing, in bytes per second.

use divan::Bencher;
use divan::counter::BytesCount;
use stickshift::wire::{crc, hdlc};
use stickshift_emu::testkit::noise;

fn main() {
    divan::main();
}

/// One flashing block with the share of flags and escapes that random data has.
fn block(len: usize) -> Vec<u8> {
    noise(len, 1)
}

#[divan::bench(args = [4096, 1 << 20])]
fn x25(bencher: Bencher, len: usize) {
    let data = block(len);
    bencher.counter(BytesCount::new(len)).bench(|| crc::x25(divan::black_box(&data)));
}

#[divan::bench(args = [1024, 1 << 20])]
fn xmodem(bencher: Bencher, len: usize) {
    let data = block(len);
    bencher.counter(BytesCount::new(len)).bench(|| crc::xmodem(divan::black_box(&data)));
}

#[divan::bench(args = [4096])]
fn hdlc_encode(bencher: Bencher, len: usize) {
    let body = block(len);
    let mut out = Vec::new();
    bencher.counter(BytesCount::new(len)).bench_local(|| {
        out.clear();
        hdlc::encode(divan::black_box(&body), &mut out);
        out.len()
    });
}

#[divan::bench(args = [4096])]
fn hdlc_decode(bencher: Bencher, len: usize) {
    let mut frame = Vec::new();
    hdlc::encode(&block(len), &mut frame);
    let mut deframer = hdlc::Deframer::new();
    bencher.counter(BytesCount::new(len)).bench_local(|| {
        deframer.push(divan::black_box(&frame));
        deframer.next()
    });
}
