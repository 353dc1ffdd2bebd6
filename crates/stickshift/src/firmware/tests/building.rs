//! What is taken apart goes together again.

use super::*;
use crate::atomic_file::Existing;

fn rebuilt(folder: &std::path::Path) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    Package::read(folder, &Header::new(0), &mut Session::quiet()).unwrap().write(&mut out).unwrap();
    out.into_inner()
}

#[test]
fn extract_and_build_give_the_same_bytes_back() {
    let options = Options { stored: true, surroundings: true, ..Options::default() };
    let mut updater = b"MZ".to_vec();
    updater.extend(noise(4, 1000));
    updater.extend(small());
    updater.extend(b"a certificate, say");
    let mut odd_padding = small();
    let padded = open(small()).unwrap().partitions[2].header_offset as usize - 1;
    odd_padding[padded] = 0xee;
    let unpadded = image_of(1, &[partition(0x0011_0000, b"x", 64)]);
    let mut odd_field = partition(0x0011_0000, b"x", 64);
    odd_field[60..92].fill(0xc3);
    odd_field[92..94].fill(0);
    let sum = crc::x25(&odd_field[..98]);
    odd_field[92..94].copy_from_slice(&sum.to_le_bytes());
    for (name, bytes) in [
        ("image", small()),
        ("updater, unaligned", updater),
        ("padding that is not zero", odd_padding),
        ("no padding at the end", unpadded[..unpadded.len() - 3].to_vec()),
        ("split", partition(0x0011_0000, b"xyz", 64)),
        ("fields that are no text", image_of(1, &[odd_field])),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut image = open(bytes.clone()).unwrap();
        extract(&mut image, folder.path(), &options, &mut Session::quiet()).unwrap();
        assert!(rebuilt(folder.path()) == bytes, "{name}");
    }
}

#[test]
fn cut_out_of_its_surroundings_an_image_is_sound() {
    for shift in 0..4 {
        let mut updater = b"MZ".to_vec();
        updater.extend(noise(4, 1000 + shift));
        updater.extend(small());
        let folder = tempfile::tempdir().unwrap();
        let mut image = open(updater).unwrap();
        let options = Options { stored: true, ..Options::default() };
        extract(&mut image, folder.path(), &options, &mut Session::quiet()).unwrap();
        assert!(rebuilt(folder.path()) == small());
    }
}

#[test]
fn an_edited_partition_is_what_is_built() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { stored: true, ..Options::default() };
    extract(&mut open(small()).unwrap(), folder.path(), &options, &mut Session::quiet()).unwrap();
    fs::write(folder.path().join("02-00090000-Kernel_R11.bin"), b"another kernel").unwrap();
    let bytes = rebuilt(folder.path());
    assert_eq!(findings(&bytes), []);
    let mut image = open(bytes).unwrap();
    assert_eq!(image.partitions[2].compression, Compression::Zlib);
    assert_eq!(payload(&mut image, 2), b"another kernel");
    assert_eq!(payload(&mut image, 3), b"Hello, world!");
}

#[test]
fn split_files_have_right_checksums_and_build_again() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { split: true, ..Options::default() };
    let written =
        extract(&mut open(small()).unwrap(), folder.path(), &options, &mut Session::quiet()).unwrap();
    assert_eq!(written[2].file_name().unwrap(), "02-00090000-Kernel_R11.fw");
    let plain = noise(3, 40).repeat(5);
    assert!(fs::read(&written[2]).unwrap() == partition(0x0009_0000, &plain, 64));
    for path in &written {
        assert_eq!(findings(&fs::read(path).unwrap()), []);
    }
    let mut package = Package::read(folder.path(), &Header::new(0), &mut Session::quiet()).unwrap();
    package.file_header = Some(build::file_header(9));
    let mut out = Cursor::new(Vec::new());
    package.write(&mut out).unwrap();
    let mut image = open(out.into_inner()).unwrap();
    assert_eq!(image.partitions.len(), 5);
    assert_eq!(payload(&mut image, 2), plain);
}

/// `small` in a folder, with what was found.
fn extracted(bytes: Vec<u8>) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut image = open(bytes).unwrap();
    let findings = verify(&mut image, &mut Session::quiet()).unwrap().findings;
    let options = Options { findings, ..Options::default() };
    extract(&mut image, folder.path(), &options, &mut Session::quiet()).unwrap();
    folder
}

fn package(folder: &std::path::Path) -> Result<Package, crate::error::Error> {
    Package::read(folder, &Header::new(0), &mut Session::quiet())
}

#[test]
fn a_folder_is_judged_by_its_manifest() {
    let folder = extracted(small());
    let kernel = folder.path().join("02-00090000-Kernel_R11.bin");
    let mut image = Image::open_path(folder.path()).unwrap();
    assert_eq!(image.version().unwrap().platform.as_deref(), Some("E3372h_153"));
    assert_eq!((image.kind().map(|kind| kind.0), image.start()), (Some(9), 0));
    let seen = verify(&mut image, &mut Session::quiet()).unwrap();
    assert_eq!((seen.findings.as_slice(), seen.blocks, seen.hashes), (&[][..], 0, 5));
    // A changed file is what a wrong checksum is in an image; building names it and goes on.
    let good = fs::read(&kernel).unwrap();
    fs::write(&kernel, b"garbage").unwrap();
    let seen = verify(&mut Image::open_path(folder.path()).unwrap(), &mut Session::quiet()).unwrap();
    let error = seen.require_sound().unwrap_err();
    assert!(error.is(ErrorKind::FileCorrupt) && error.fact("finding") == Some("file-changed"), "{error:?}");
    assert!(error.what().contains("02-00090000-Kernel_R11.bin"));
    assert_eq!(package(folder.path()).unwrap().changed, [kernel.as_path()]);
    fs::write(&kernel, good).unwrap();
    assert!(package(folder.path()).unwrap().changed.is_empty());
    // A file that the manifest does not name, and one that is gone.
    let other = folder.path().join("05-00590000-System.bin");
    fs::write(&other, b"one more").unwrap();
    assert!(Image::open_path(folder.path()).is_err_and(|e| e.is(ErrorKind::Usage)));
    assert!(package(folder.path()).is_err_and(|e| e.is(ErrorKind::Usage)));
    fs::remove_file(other).unwrap();
    fs::remove_file(kernel).unwrap();
    assert!(Image::open_path(folder.path()).is_err_and(|e| e.is(ErrorKind::FileNotFound)));
    assert!(package(folder.path()).is_err_and(|e| e.is(ErrorKind::FileNotFound)));
}

#[test]
fn a_folder_without_its_last_partition_is_incomplete() {
    let folder = extracted(small());
    fs::remove_file(folder.path().join(MANIFEST)).unwrap();
    fs::remove_file(folder.path().join("04-00250000-Nvdload_R11.bin")).unwrap();
    let seen = verify(&mut Image::open_path(folder.path()).unwrap(), &mut Session::quiet()).unwrap();
    assert_eq!((seen.blocks, seen.hashes), (0, 0));
    assert!(seen.require_sound().is_err_and(|e| e.is(ErrorKind::ImageIncomplete)));
}

#[test]
fn damage_is_known_after_extraction() {
    let mut bytes = small();
    let at = open(bytes.clone()).unwrap().partitions[1].payload_offset as usize;
    bytes[at] ^= 1;
    let image = Package::from_image(open(bytes.clone()).unwrap(), &mut Session::quiet()).unwrap();
    assert_eq!(image.damage.len(), 1, "an image is verified, for what is built of it has new checksums");
    let folder = extracted(bytes);
    let seen = verify(&mut Image::open_path(folder.path()).unwrap(), &mut Session::quiet()).unwrap();
    assert!(seen.require_sound().is_err_and(|e| e.is(ErrorKind::FileCorrupt)));
    assert!(package(folder.path()).unwrap().damage[0].starts_with("partition 2: block 0"));
    // The file is replaced by a sound one.
    fs::write(folder.path().join("01-00110000-Fastboot.bin"), noise(2, 333)).unwrap();
    let package = package(folder.path()).unwrap();
    assert_eq!((package.damage.len(), package.changed.len()), (0, 1));
}

#[test]
fn a_changed_stored_payload_is_not_built_from() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { stored: true, ..Options::default() };
    extract(&mut open(small()).unwrap(), folder.path(), &options, &mut Session::quiet()).unwrap();
    fs::write(folder.path().join("stored-03-00590000-System.bin"), b"garbage").unwrap();
    assert_eq!(package(folder.path()).unwrap().changed.len(), 1);
    assert_eq!(payload(&mut open(rebuilt(folder.path())).unwrap(), 3), b"Hello, world!");
}

#[test]
fn a_hostile_manifest_reaches_no_other_folder() {
    let folder = tempfile::tempdir().unwrap();
    extract(&mut open(small()).unwrap(), folder.path(), &Options::default(), &mut Session::quiet()).unwrap();
    let path = folder.path().join(MANIFEST);
    let manifest = fs::read_to_string(&path).unwrap();
    for name in ["../secret", "/etc/passwd", "..", ".", "", "a/b", "..\\\\secret"] {
        fs::write(&path, manifest.replace("01-00110000-Fastboot.bin", name)).unwrap();
        let error = Package::read(folder.path(), &Header::new(0), &mut Session::quiet()).err().unwrap();
        assert!(error.is(ErrorKind::FileCorrupt), "{name}: {error:?}");
        assert!(Image::open_path(folder.path()).is_err_and(|e| e.is(ErrorKind::FileCorrupt)), "{name}");
    }
    for (from, to) in [
        ("\"00010000\"", "\"no code\""),
        ("\"00010000\"", "65536"),
        ("\"HWEW11.1\"", "{\"hex\": \"00\"}"),
        ("\"HWEW11.1\"", "\"longer than its field\""),
        ("\"header_version\": 1", "\"header_version\": -1"),
        ("01-00110000-Fastboot.bin", "02-00090000-Kernel_R11.bin"),
        ("\"format\"", "\"another\""),
        ("stickshift-firmware-1", "stickshift-firmware-2"),
    ] {
        fs::write(&path, manifest.replace(from, to)).unwrap();
        assert!(Image::open_path(folder.path()).is_err_and(|e| e.is(ErrorKind::FileCorrupt)), "{to}");
        let error = Package::read(folder.path(), &Header::new(0), &mut Session::quiet()).err();
        assert!(error.is_some_and(|e| e.is(ErrorKind::FileCorrupt)), "{to}");
    }
    for odd in ["", "[]", "{}", "null", "{\"format\":\"stickshift-firmware-1\",\"partitions\":[]}", "\u{0}"] {
        fs::write(&path, odd).unwrap();
        assert!(Image::open_path(folder.path()).is_err_and(|e| e.is(ErrorKind::FileCorrupt)), "{odd}");
    }
    for end in 0..manifest.len() - 2 {
        fs::write(&path, &manifest[..end]).unwrap();
        assert!(Package::read(folder.path(), &Header::new(0), &mut Session::quiet()).is_err());
    }
}

#[test]
fn an_image_is_put_together_from_parts() {
    let template = Header {
        hardware: build::field("HWEW11.1").unwrap(),
        date: build::field("2015.03.03").unwrap(),
        time: build::field("11:42:10").unwrap(),
        version: build::field(":E3372h_153:21.180.01.00.00").unwrap(),
        ..Header::new(0x0011_0000)
    };
    let payload = noise(1, 9000);
    let mut out = Cursor::new(Vec::new());
    build::write(&mut out, Some(&build::file_header(1)), vec![Part::from_bytes(template, payload.clone())])
        .unwrap();
    assert!(out.into_inner() == image_of(1, &[partition(0x0011_0000, &payload, 4096)]));
    assert!(build::field::<8>("123456789").is_err() && build::field::<8>("\u{e9}").is_err());
    let zero = Header { blocksize: 0, ..template };
    let error = build::write(&mut Cursor::new(Vec::new()), None, vec![Part::from_bytes(zero, payload)]);
    assert!(error.is_err_and(|e| e.is(ErrorKind::Usage)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_built_is_sound_and_comes_back(
        parts in proptest::collection::vec(
            (any::<u32>(), proptest::collection::vec(any::<u8>(), 1..5000), 1u32..6000, 0usize..4), 1..8),
        kind in 0u8..8,
    ) {
        let all = [Compression::None, Compression::Zlib, Compression::Lzma, Compression::ZlibLzma];
        let made: Vec<Part> = parts
            .iter()
            .map(|(code, bytes, blocksize, how)| {
                let header = Header { blocksize: *blocksize, ..Header::new(*code) };
                Part::packed(header, &mut bytes.as_slice(), all[*how]).unwrap()
            })
            .collect();
        let mut out = Cursor::new(Vec::new());
        build::write(&mut out, Some(&build::file_header(kind)), made).unwrap();
        let bytes = out.into_inner();
        prop_assert_eq!(findings(&bytes), []);
        let mut image = open(bytes.clone()).unwrap();
        for (index, (_, plain, _, how)) in parts.iter().enumerate() {
            prop_assert_eq!(image.partitions[index].compression, all[*how]);
            prop_assert_eq!(&payload(&mut image, index), plain);
        }
        let folder = tempfile::tempdir().unwrap();
        let options = Options { stored: true, surroundings: true, ..Options::default() };
        extract(&mut image, folder.path(), &options, &mut Session::quiet()).unwrap();
        prop_assert!(rebuilt(folder.path()) == bytes);
    }

    #[test]
    fn any_bytes_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..3000)) {
        let _ = check(&bytes);
    }
}

/// Some partitions of one image among those of another could be taken for one whole image.
#[test]
fn a_run_that_fails_leaves_what_was_extracted_before() {
    let cut = |bytes: &[u8]| {
        let at = open(bytes).unwrap().partitions[4].payload_offset as usize;
        bytes[..at].to_vec()
    };
    let mut other = small();
    let first = open(small()).unwrap().partitions[0].payload_offset as usize;
    other[first] ^= 1;
    for split in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let options = Options { split, existing: Existing::Replace, ..Options::default() };
        let run = |bytes: Vec<u8>| {
            extract(&mut open(bytes).unwrap(), folder.path(), &options, &mut Session::quiet()).map(drop)
        };
        run(small()).unwrap();
        let files = || {
            let names = std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().path());
            let mut files: Vec<_> = names.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect();
            files.sort();
            files
        };
        let before = files();
        assert!(run(cut(&other)).is_err());
        assert!(files() == before, "split {split}");
        run(other.clone()).unwrap();
        assert!(files() != before, "split {split}");
    }
}
