//! Images made byte by byte here, without the code that builds them, whole and in every way broken.

use std::fs;
use std::io::{Cursor, Read};

use proptest::prelude::*;

use super::build::{self, Part};
use super::extract::{MANIFEST, Options, Package, extract};
use super::*;
use crate::error::ErrorKind;
use crate::event::Session;
use crate::wire::crc;

mod building;

const KEY: [u8; 32] = [0x77; 32];

/// Header, table and payload as docs/protocols/balong-flash.md section 1.3 has them.
fn partition(code: u32, payload: &[u8], blocksize: u32) -> Vec<u8> {
    let sums: Vec<u8> =
        payload.chunks(blocksize as usize).flat_map(|block| crc::x25(block).to_le_bytes()).collect();
    let mut out = b"\x55\xaa\x5a\xa5".to_vec();
    out.extend((98 + sums.len() as u32).to_le_bytes());
    out.extend(1u32.to_le_bytes());
    out.extend(b"HWEW11.1");
    out.extend(code.to_le_bytes());
    out.extend((payload.len() as u32).to_le_bytes());
    out.extend(b"2015.03.03\0\0\0\0\0\0");
    out.extend(b"11:42:10\0\0\0\0\0\0\0\0");
    let mut version = b":E3372h_153:21.180.01.00.00".to_vec();
    version.resize(32, 0);
    out.extend(version);
    out.extend([0, 0]);
    out.extend(blocksize.to_le_bytes());
    let sum = crc::x25(&out);
    out[92..94].copy_from_slice(&sum.to_le_bytes());
    out.extend(sums);
    out.extend(payload);
    out
}

fn image_of(kind: u8, partitions: &[Vec<u8>]) -> Vec<u8> {
    let mut out = vec![0; 92];
    out[0] = kind;
    for partition in partitions {
        out.extend(partition);
        out.resize(out.len().next_multiple_of(4), 0);
    }
    out
}

fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 24) as u8
    };
    (0..len).map(|_| next()).collect()
}

/// What `xz --format=lzma` makes of `hello hello hello hello!`: no size in its header, an end mark.
const LZMA: &[u8] = &[
    0x5d, 0x00, 0x00, 0x80, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00, 0x24, 0x19, 0x49,
    0x98, 0x6f, 0x16, 0x02, 0x8c, 0xe8, 0xe6, 0x5b, 0xb1, 0x47, 0xc6, 0xce, 0xb7, 0x63, 0xff, 0xff, 0x3c,
    0xac, 0x00, 0x00,
];

fn zlib(plain: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    flate2::read::ZlibEncoder::new(plain, flate2::Compression::best()).read_to_end(&mut out).unwrap();
    out
}

/// Five partitions, signed: plain with the trailer, odd length, zlib, LZMA, one byte.
fn small() -> Vec<u8> {
    let mut first = noise(1, 100);
    first.extend(signature::trailer(&KEY, signature::trailer_length(5)));
    image_of(
        9,
        &[
            partition(0x0001_0000, &first, 512),
            partition(0x0011_0000, &noise(2, 333), 64),
            partition(0x0009_0000, &zlib(&noise(3, 40).repeat(5)), 64),
            partition(0x0059_0000, LZMA, 4096),
            partition(0x0025_0000, &[7], 4096),
        ],
    )
}

fn open(bytes: impl Into<Vec<u8>>) -> Result<Image, crate::error::Error> {
    Image::open(Cursor::new(bytes.into()))
}

fn check(bytes: &[u8]) -> Result<Verification, crate::error::Error> {
    verify(&mut open(bytes)?, &mut Session::quiet())
}

fn findings(bytes: &[u8]) -> Vec<Finding> {
    check(bytes).unwrap().findings
}

fn codes(bytes: &[u8]) -> Vec<&'static str> {
    findings(bytes).iter().map(Finding::code).collect()
}

fn payload(image: &mut Image, index: usize) -> Vec<u8> {
    let mut out = Vec::new();
    image.payload(index).unwrap().read_to_end(&mut out).unwrap();
    out
}

#[test]
fn a_sound_image_is_read_in_full() {
    let mut image = open(small()).unwrap();
    assert_eq!((image.form, image.kind(), image.start()), (Form::Image, Some(Kind(9)), 0));
    let names: Vec<_> = image.partitions.iter().map(|p| p.name.name.to_string()).collect();
    assert_eq!(names, ["M3Boot-ptable", "Fastboot", "Kernel_R11", "System", "Nvdload_R11"]);
    let stored: Vec<_> = image.partitions.iter().map(|p| p.compression.name()).collect();
    assert_eq!(stored, ["plain", "plain", "zlib", "lzma", "plain"]);
    assert_eq!(image.signature.as_ref().unwrap().key_hash, KEY);
    assert_eq!(payload(&mut image, 1), noise(2, 333));
    assert_eq!(payload(&mut image, 2), noise(3, 40).repeat(5));
    assert_eq!(payload(&mut image, 3), b"Hello, world!");
    assert_eq!(payload(&mut image, 4), [7]);
    assert_eq!(image.partitions[2].inflated, None);
    assert_eq!(image.inflated_size(2).unwrap(), 200);
    assert_eq!(findings(&small()), []);
    assert!(image.payload(5).is_err_and(|e| e.is(ErrorKind::Usage)));
}

/// Counts what is read.
struct Counting(Cursor<Vec<u8>>, std::sync::Arc<std::sync::atomic::AtomicUsize>);

impl Read for Counting {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let got = self.0.read(buffer)?;
        self.1.fetch_add(got, std::sync::atomic::Ordering::Relaxed);
        Ok(got)
    }
}

impl std::io::Seek for Counting {
    fn seek(&mut self, to: std::io::SeekFrom) -> std::io::Result<u64> {
        self.0.seek(to)
    }
}

#[test]
fn the_map_is_read_without_the_payloads() {
    let big = noise(5, 4 << 20);
    let parts: Vec<_> =
        [0x0001_0000, 0x0059_0000, 0x005a_0000].map(|code| partition(code, &big, 4096)).into();
    let read = std::sync::Arc::default();
    let image =
        Image::open(Counting(Cursor::new(image_of(1, &parts)), std::sync::Arc::clone(&read))).unwrap();
    assert_eq!(image.partitions.len(), 3);
    let read = read.load(std::sync::atomic::Ordering::Relaxed);
    assert!(read < 4096, "{read} bytes read for three headers");
}

#[test]
fn every_truncation_is_noticed() {
    let whole = small();
    let end = open(whole.clone()).unwrap().end as usize;
    for cut in 0..end {
        let outcome = check(&whole[..cut]);
        let error = match outcome {
            Err(error) => error,
            Ok(seen) => seen.require_sound().expect_err("a cut image passed as whole"),
        };
        let expected = match cut {
            0..96 => ErrorKind::WrongFileKind,
            _ => error.kind(),
        };
        assert_eq!(error.kind(), expected, "cut at {cut}: {error:?}");
        let fits = [ErrorKind::WrongFileKind, ErrorKind::FileTruncated, ErrorKind::ImageIncomplete];
        assert!(fits.contains(&error.kind()), "cut at {cut}: {error:?}");
        assert!(cut < 96 || error.kind() == ErrorKind::ImageIncomplete || error.fact("offset").is_some());
    }
    for cut in end..=whole.len() {
        check(&whole[..cut]).unwrap().require_sound().unwrap();
    }
}

#[test]
fn a_cut_partition_has_no_payload() {
    let whole = small();
    let at = open(whole.clone()).unwrap().partitions[4].payload_offset as usize;
    let mut image = open(&whole[..at]).unwrap();
    assert_eq!((image.partitions[4].stored, image.partitions[4].inflated), (0, None));
    assert!(image.payload(4).is_err_and(|e| e.is(ErrorKind::FileTruncated)));
    assert!(image.inflated_size(4).is_err_and(|e| e.is(ErrorKind::FileTruncated)));
    let folder = tempfile::tempdir().unwrap();
    let outcome = extract(&mut image, folder.path(), &Options::default(), &mut Session::quiet());
    assert!(outcome.is_err_and(|e| e.is(ErrorKind::FileTruncated)));
}

#[test]
fn a_cut_between_partitions_shows_by_the_signature() {
    let whole = small();
    let image = open(whole.clone()).unwrap();
    for keep in 1..5 {
        let cut = image.partitions[keep].header_offset as usize;
        let error = check(&whole[..cut]).unwrap().require_sound().unwrap_err();
        assert!(error.is(ErrorKind::ImageIncomplete));
        assert_eq!(
            (error.fact("expected"), error.fact("found")),
            (Some("5"), Some(keep.to_string().as_str()))
        );
    }
}

#[test]
fn every_changed_byte_is_noticed() {
    let whole = small();
    let image = open(whole.clone()).unwrap();
    let mut padding: Vec<u64> = Vec::new();
    for (index, partition) in image.partitions.iter().enumerate() {
        let next = image.partitions.get(index + 1).map_or(image.size, |p| p.header_offset);
        padding.extend(partition.payload_offset + partition.stored..next);
    }
    for at in 92..whole.len() {
        if padding.contains(&(at as u64)) {
            continue;
        }
        for flip in [1, 0x80, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] ^= flip;
            let sound = check(&bytes).and_then(|seen| seen.require_sound());
            assert!(sound.is_err(), "byte {at:#x} ^ {flip:#x} went unnoticed");
        }
    }
}

#[test]
fn ten_thousand_mutations_do_no_harm() {
    let whole = small();
    let mut state = 0x1234_5678_9abc_def1u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 16) as usize
    };
    for _ in 0..10_000 {
        let mut bytes = whole.clone();
        for _ in 0..1 + next() % 8 {
            let at = next() % bytes.len();
            match next() % 5 {
                0 => bytes[at] = next() as u8,
                1 => bytes[at..].iter_mut().take(4).for_each(|b| *b = 0xff),
                2 => bytes[at..].iter_mut().take(4).for_each(|b| *b = 0),
                3 => {
                    let word: [u8; 4] = *b"\x55\xaa\x5a\xa5";
                    bytes[at..].iter_mut().zip(word).for_each(|(b, m)| *b = m);
                }
                _ => bytes.truncate(at.max(1)),
            }
        }
        match open(bytes) {
            Err(error) => assert!(!error.what().is_empty() && !error.facts().is_empty(), "{error:?}"),
            Ok(mut image) => {
                let seen = verify(&mut image, &mut Session::quiet()).unwrap();
                for finding in &seen.findings {
                    assert!(!finding.to_string().is_empty());
                }
                for index in 0..image.partitions.len() {
                    let _ = image.inflated_size(index);
                }
            }
        }
    }
}

#[test]
fn a_bad_block_is_named_exactly() {
    let mut bytes = small();
    let fastboot = open(bytes.clone()).unwrap().partitions[1].clone();
    let at = fastboot.payload_offset as usize;
    let expected = crc::x25(&bytes[at + 320..at + 333]);
    bytes[at + 332] ^= 1;
    let found = crc::x25(&bytes[at + 320..at + 333]);
    let block = BadBlock {
        partition: 1,
        block: 5,
        offset: fastboot.payload_offset + 320,
        length: 13,
        expected,
        found,
    };
    let seen = check(&bytes).unwrap();
    assert_eq!(seen.findings, [Finding::Block(block)]);
    let error = seen.require_sound().unwrap_err();
    assert!(error.is(ErrorKind::FileCorrupt));
    assert_eq!((error.fact("partition"), error.fact("block")), (Some("2"), Some("5")));
    assert_eq!(error.fact("offset"), Some(format!("{:#x}", block.offset).as_str()));
    assert_eq!(error.fact("expected"), Some(format!("{expected:04x}").as_str()));
    assert_eq!(error.fact("found"), Some(format!("{found:04x}").as_str()));
}

#[test]
fn many_bad_blocks_are_counted_not_listed() {
    let mut part = partition(0x0011_0000, &noise(1, 100_000), 1);
    for byte in &mut part[98 + 200_000..] {
        *byte ^= 0x55;
    }
    let seen = findings(&image_of(1, &[part]));
    assert_eq!(seen.len(), 101);
    assert_eq!(seen[100], Finding::MoreBlocks { partition: 0, count: 99_900 });
}

#[test]
fn blocks_of_any_size_are_checked_at_their_edges() {
    for blocksize in [1, 7, 64, 4095, 4096, 4097, u32::MAX] {
        for len in [1, 63, 64, 65, 4095, 4096, 4097, 12288] {
            let bytes = image_of(1, &[partition(0x0011_0000, &noise(9, len), blocksize)]);
            let seen = check(&bytes).unwrap();
            assert_eq!(seen.findings, [], "{len} bytes in blocks of {blocksize}");
            assert_eq!(seen.blocks, (len as u64).div_ceil(u64::from(blocksize)));
        }
    }
}

#[test]
fn a_block_size_of_zero_is_refused() {
    let mut bytes = small();
    bytes[92 + 94..92 + 98].fill(0);
    let error = check(&bytes).unwrap().require_sound().unwrap_err();
    assert!(error.is(ErrorKind::FileCorrupt));
    assert!(codes(&bytes).contains(&"header-unusable"));
}

#[test]
fn a_damaged_mark_hides_no_partition() {
    for index in 0..5 {
        let mut bytes = small();
        let at = open(bytes.clone()).unwrap().partitions[index].header_offset as usize;
        bytes[at] ^= 1;
        assert_eq!(open(bytes.clone()).unwrap().partitions.len(), 5);
        assert!(codes(&bytes).contains(&"header-mark"));
    }
}

#[test]
fn a_wiped_header_hides_no_partition_behind_it() {
    let mut first = noise(1, 100);
    first.resize(200, 0);
    let mut bytes = image_of(
        1,
        &[
            partition(0x0001_0000, &first, 512),
            partition(0x0011_0000, &noise(2, 333), 64),
            partition(0x0025_0000, &noise(3, 50), 64),
        ],
    );
    let at = open(bytes.clone()).unwrap().partitions[1].header_offset as usize;
    bytes[at..at + 98].fill(0);
    let error = check(&bytes).unwrap().require_sound().unwrap_err();
    assert!(error.is(ErrorKind::ImageIncomplete), "{error:?}");
    assert_eq!(error.fact("finding"), Some("elsewhere"));
}

#[test]
fn more_partitions_than_the_original_can_hold() {
    let parts: Vec<_> = (0..150).map(|i| partition(i << 16, &noise(u64::from(i), 50), 4096)).collect();
    let image = open(image_of(1, &parts)).unwrap();
    assert_eq!(image.partitions.len(), 150);
    assert_eq!(findings(&image_of(1, &parts)), []);
}

#[test]
fn a_file_made_of_headers_is_refused_in_reasonable_time() {
    let one = partition(0x0011_0000, &[], 4096);
    let mut flood = vec![0; 92];
    for _ in 0..20_000 {
        flood.extend(&one);
        flood.extend([0, 0]);
    }
    assert!(open(flood.clone()).is_err_and(|e| e.is(ErrorKind::FileTooLarge)));
    // The same where it has to be searched for: every header is a candidate.
    flood.splice(0..0, b"MZ not the start of an image".iter().copied());
    assert!(open(flood).is_err_and(|e| e.is(ErrorKind::FileTooLarge)));
}

#[test]
fn an_updater_with_stray_marks_at_any_offset() {
    for shift in 0..8 {
        let mut bytes = b"MZ".to_vec();
        bytes.extend(noise(4, 1022 + shift));
        // Aligned, unaligned, and where a plain image would begin.
        for at in [92, 200, 511] {
            bytes[at..at + 4].copy_from_slice(b"\x55\xaa\x5a\xa5");
        }
        let stub = bytes.len() as u64;
        bytes.extend(small());
        let image = open(bytes.clone()).unwrap();
        assert_eq!((image.form, image.start(), image.partitions.len()), (Form::Embedded, stub, 5));
        let seen = check(&bytes).unwrap();
        seen.require_sound().unwrap();
        assert!(seen.findings.contains(&Finding::StrayMagic { offset: 92, count: 3 }), "{:?}", seen.findings);
        let unaligned = seen.findings.contains(&Finding::Unaligned { offset: stub });
        assert_eq!(unaligned, shift % 4 != 0);
    }
}

#[test]
fn the_longest_chain_wins_and_the_other_is_named() {
    let mut bytes = b"MZ".to_vec();
    bytes.resize(300, 0);
    bytes.extend(partition(0x0055_0000, b"an old version text", 64));
    bytes.resize(bytes.len().next_multiple_of(4) + 40, 0);
    let start = bytes.len() as u64;
    bytes.extend(small());
    let image = open(bytes.clone()).unwrap();
    assert_eq!((image.start(), image.partitions.len()), (start, 5));
    assert_eq!(image.findings, [Finding::Elsewhere { offset: 300, count: 1 }]);
}

#[test]
fn single_partitions_in_both_forms() {
    let fw = partition(0x0011_0000, &noise(2, 333), 64);
    let mut image = open(fw.clone()).unwrap();
    assert_eq!((image.form, image.kind()), (Form::Split, None));
    assert!(image.form.words(image.partitions.len()).starts_with("single partition without"));
    let two = image_of(0, &[fw.clone(), partition(0x0020_0000, &noise(3, 333), 64)]);
    let several = open(two[92..].to_vec()).unwrap();
    assert_eq!((several.form, several.partitions.len()), (Form::Split, 2));
    assert_eq!(several.form.words(2), "several partitions without a file header");
    assert_eq!(payload(&mut image, 0), noise(2, 333));
    assert_eq!(findings(&fw), []);
    let stored = image_of(0x0d, &[fw]);
    assert_eq!(open(stored.clone()).unwrap().form, Form::Store);
    assert_eq!(findings(&stored), []);
}

#[test]
fn oddities_of_the_whole() {
    let plain = |kind| image_of(kind, &[partition(0x0011_0000, b"x", 64)]);
    assert_eq!(codes(&plain(0x10)), ["kind-invalid"]);
    assert_eq!(codes(&plain(9)), ["signed-bit"]);
    let mut unsaid = small();
    unsaid[0] = 1;
    assert_eq!(codes(&unsaid), ["signed-bit"]);
    let mut longer = small();
    longer.extend(b"a certificate, say");
    assert_eq!(codes(&longer), ["trailing"]);
    let mut other = partition(0x0059_0000, b"y", 64);
    other[12..20].copy_from_slice(b"HWEW99.9");
    other[92..94].fill(0);
    let sum = crc::x25(&other[..98]);
    other[92..94].copy_from_slice(&sum.to_le_bytes());
    assert_eq!(codes(&image_of(1, &[partition(0x0011_0000, b"x", 64), other])), ["hardware-differs"]);
    assert_eq!(codes(&image_of(1, &[partition(0x0011_0000, b"", 64)])), ["payload-empty"]);
    assert_eq!(codes(&plain(4)), ["other-content"]);
    let of_codes = |codes: &[u32]| {
        image_of(1, &codes.iter().map(|code| partition(code << 16, b"x", 64)).collect::<Vec<_>>())
    };
    assert_eq!(codes(&of_codes(&[0x11, 1, 9, 1, 1])), ["partition-repeated"]);
    assert_eq!(codes(&of_codes(&[0x11, 1, 9, 9, 1])), ["partition-repeated", "partition-repeated"]);
    assert_eq!(codes(&of_codes(&[0x11, 1, 9])), [""; 0]);
}

#[test]
fn a_signature_may_stand_in_a_compressed_partition() {
    let mut second = noise(1, 70_000);
    second.extend(signature::trailer(&KEY, signature::trailer_length(2)));
    let bytes =
        image_of(9, &[partition(0x0001_0000, b"x", 64), partition(0x0011_0000, &zlib(&second), 4096)]);
    let image = open(bytes.clone()).unwrap();
    assert_eq!(image.signature.unwrap().partition, 1);
    assert_eq!(findings(&bytes), []);
}

#[test]
fn damaged_streams_are_findings_and_errors() {
    let mut zipped = zlib(&noise(3, 4000));
    let middle = zipped.len() / 2;
    zipped[middle] ^= 0xff;
    let cut_zip = &zlib(&noise(3, 4000))[..2000];
    let mut lzma = LZMA.to_vec();
    lzma[20] ^= 0xff;
    let cut_lzma = &LZMA[..30];
    let headless = &LZMA[..13];
    let mut huge_dictionary = LZMA.to_vec();
    huge_dictionary[1..5].copy_from_slice(&u32::MAX.to_le_bytes());
    for (name, stored) in [
        ("zlib", zipped.as_slice()),
        ("cut zlib", cut_zip),
        ("zlib mark alone", &[0x78, 0xda]),
        ("lzma", &lzma),
        ("cut lzma", cut_lzma),
        ("lzma header alone", headless),
        ("lzma with a dictionary of 4 GiB", &huge_dictionary),
    ] {
        // The checksums are right: only unpacking shows it.
        let bytes = image_of(1, &[partition(0x0011_0000, b"x", 64), partition(0x0059_0000, stored, 4096)]);
        assert_eq!(codes(&bytes), ["inflate"], "{name}");
        let mut image = open(bytes).unwrap();
        assert!(image.inflated_size(1).is_err_and(|e| e.is(ErrorKind::FileCorrupt)), "{name}");
    }
}

#[test]
fn lzma_inside_zlib_is_unpacked_twice() {
    let bytes = image_of(1, &[partition(0x0059_0000, &zlib(LZMA), 4096)]);
    let mut image = open(bytes).unwrap();
    assert_eq!(image.partitions[0].compression, Compression::ZlibLzma);
    assert_eq!(payload(&mut image, 0), b"Hello, world!");
}

#[test]
fn other_zlib_levels_and_sized_lzma_stay_as_they_are() {
    let mut fast = Vec::new();
    flate2::read::ZlibEncoder::new(&b"plain"[..], flate2::Compression::fast())
        .read_to_end(&mut fast)
        .unwrap();
    let mut sized = LZMA.to_vec();
    sized[5..13].copy_from_slice(&13u64.to_le_bytes());
    for stored in [fast, sized] {
        let mut image = open(image_of(1, &[partition(0x0059_0000, &stored, 4096)])).unwrap();
        assert_eq!(image.partitions[0].compression, Compression::None);
        assert_eq!(payload(&mut image, 0), stored);
    }
}

#[test]
fn files_that_are_no_firmware() {
    for bytes in [vec![], vec![0], noise(1, 95), noise(1, 100_000), vec![0; 5000], b"MZ".to_vec()] {
        assert!(open(bytes).is_err_and(|e| e.is(ErrorKind::WrongFileKind)));
    }
    let mut headless = vec![0; 92];
    headless.extend(b"\x55\xaa\x5a\xa5");
    assert!(open(headless).is_err_and(|e| e.is(ErrorKind::FileTruncated)));
}

#[test]
fn folders_of_raw_partitions() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
    let open = || Image::open_directory(folder.path());
    assert!(open().is_err_and(|e| e.is(ErrorKind::WrongFileKind)));
    put("README", b"not a partition");
    put("00-00110000-Fastboot.bin", &noise(1, 300));
    put("01-005A0000-APP.bin", b"x");
    put("02-00590000-System.bin", &zlib(&noise(2, 5000)));
    let mut image = open().unwrap();
    assert_eq!((image.form, image.partitions.len()), (Form::Directory, 3));
    assert_eq!(image.partitions[1].header.code, 0x005a_0000);
    assert_eq!(payload(&mut image, 0), noise(1, 300));
    assert_eq!(payload(&mut image, 1), b"x");
    // Compression is not undone in a folder.
    assert_eq!(payload(&mut image, 2), zlib(&noise(2, 5000)));
    verify(&mut image, &mut Session::quiet()).unwrap().require_sound().unwrap();
    put("04-00250000-Nvdload.bin", b"y");
    assert!(open().is_err_and(|e| e.is(ErrorKind::Usage) && e.fact("number") == Some("03")));
    put("03-00250000-Nvdload.fw", &partition(0x0025_0000, b"y", 64));
    assert!(open().is_err_and(|e| e.is(ErrorKind::WrongFileKind)));
    put("03-00250000-Nvdload.bin", b"z");
    assert!(open().is_err_and(|e| e.is(ErrorKind::Usage)));
}

#[test]
fn a_list_names_its_files_with_code_and_size() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
    put("01.bin", b"boot");
    put("02 web.bin", &[7; 17]);
    let open = |list: &str| {
        put("set.hmf", list.as_bytes());
        Image::open_path(&folder.path().join("set.hmf"))
    };
    let mut image = open("01.bin 00020000 4\r\n\r\n02 web.bin, 0x005b0000, 11\r\n").unwrap();
    let codes: Vec<u32> = image.partitions.iter().map(|p| p.header.code).collect();
    assert_eq!(codes, [0x0002_0000, 0x005b_0000]);
    assert_eq!((image.inflated_size(0).unwrap(), image.inflated_size(1).unwrap()), (4, 17));
    assert!(open("01.bin 00020000 5").is_err_and(|e| e.is(ErrorKind::FileTruncated)));
    assert!(open("03.bin 00020000 5").is_err_and(|e| e.is(ErrorKind::FileNotFound)));
    // Under another name, a text of that form is a list where its files are.
    let under_another_name = |list: &str| {
        put("set.txt", list.as_bytes());
        Image::open_path(&folder.path().join("set.txt"))
    };
    assert!(under_another_name("Huawei E3372, 2016").is_err_and(|e| e.is(ErrorKind::WrongFileKind)));
    assert_eq!(under_another_name("01.bin 00020000 4").unwrap().partitions.len(), 1);
    assert!(
        under_another_name("01.bin 00020000 4\n03.bin 00020000 5")
            .is_err_and(|e| e.is(ErrorKind::FileNotFound))
    );
    for none in ["", "../01.bin 00020000 4", "01.bin 00020000", "some text of another kind"] {
        assert!(open(none).is_err_and(|e| e.is(ErrorKind::WrongFileKind)), "{none:?}");
    }
}
