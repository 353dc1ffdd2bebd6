//! Images made by an independent builder (tests/peers/make_firmware.py), read, taken apart and built again.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest, Sha256};
use stickshift::event::Session;
use stickshift::firmware::extract::{Options, Package, extract};
use stickshift::firmware::{Compression, Finding, Form, Header, Image, verify};

/// Runs the builder; `None` where there is no python3.
fn peer(folder: &Path, name: &str, arguments: &[&str]) -> Option<(PathBuf, serde_json::Value)> {
    if !test_support::python_is_here() {
        return None;
    }
    let out = folder.join(name);
    let mut script = Command::new("python3");
    let run = script.arg(test_support::peer("make_firmware.py")).arg(&out).args(arguments).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let facts = fs::read(folder.join(format!("{name}.json"))).unwrap();
    Some((out, serde_json::from_slice(&facts).unwrap()))
}

fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

fn compare(path: &Path, facts: &serde_json::Value, form: Form) {
    let mut image = Image::open_file(path).unwrap();
    assert_eq!(image.form, form);
    assert_eq!(image.kind().unwrap().0, facts["dload"].as_u64().unwrap() as u8);
    assert_eq!(image.signature.is_some(), facts["signed"].as_bool().unwrap());
    let parts = facts["parts"].as_array().unwrap();
    assert_eq!(image.partitions.len(), parts.len());
    for (index, fact) in parts.iter().enumerate() {
        let partition = image.partitions[index].clone();
        assert_eq!(format!("{:08x}", partition.header.code), fact["code"].as_str().unwrap());
        assert_eq!(partition.header_offset, fact["offset"].as_u64().unwrap());
        assert_eq!(u64::from(partition.header.psize), fact["stored"].as_u64().unwrap());
        assert_eq!(format!("{:04x}", partition.header.crc), fact["header_crc"].as_str().unwrap());
        let compression = fact["compression"].as_str().unwrap_or("plain");
        assert_eq!(partition.compression.name(), compression);
        assert_eq!(image.inflated_size(index).unwrap(), fact["plain"].as_u64().unwrap());
        let mut plain = Vec::new();
        std::io::Read::read_to_end(&mut image.payload(index).unwrap(), &mut plain).unwrap();
        assert_eq!(hash(&plain), fact["sha256"].as_str().unwrap());
    }
    let seen = verify(&mut image, &mut Session::quiet()).unwrap();
    seen.require_sound().unwrap();
    assert!(seen.findings.iter().all(|f| matches!(f, Finding::StrayMagic { .. })), "{:?}", seen.findings);
}

#[test]
fn everything_the_peer_makes_is_read_right() {
    let folder = tempfile::tempdir().unwrap();
    for (name, arguments, form) in [
        ("a.bin", &[][..], Form::Image),
        ("b.bin", &["--no-sign", "--no-compress"], Form::Image),
        ("c.exe", &["--exe"], Form::Embedded),
        ("d.bin", &["--block", "512", "--seed", "7"], Form::Image),
        ("e.bin", &["--block", "100000"], Form::Image),
        ("f.bin", &["--big", "3"], Form::Image),
    ] {
        let Some((path, facts)) = peer(folder.path(), name, arguments) else { return };
        compare(&path, &facts, form);
    }
}

#[test]
fn the_peers_version_platform_and_key_are_shown() {
    let folder = tempfile::tempdir().unwrap();
    let Some((path, _)) = peer(folder.path(), "a.bin", &[]) else { return };
    let image = Image::open_file(&path).unwrap();
    let version = image.version().unwrap();
    assert_eq!(
        (version.platform.as_deref(), version.version.as_str()),
        (Some("E3372h_153"), "21.180.01.00.00")
    );
    let signature = image.signature.unwrap();
    assert_eq!((signature.length, signature.partitions()), (2430, Some(8)));
    assert_eq!(signature.key_hex(), "778A8D175E602B7B779D9E05C330B5279B0661BF2EED99A20445B366D63DD697");
    assert_eq!(image.partitions[3].compression, Compression::Zlib);
    assert_eq!(image.partitions[4].compression, Compression::Lzma);
}

#[test]
fn extract_then_build_gives_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    for (name, arguments) in [("a.bin", &[][..]), ("c.exe", &["--exe"]), ("d.bin", &["--block", "512"])] {
        let Some((path, _)) = peer(folder.path(), name, arguments) else { return };
        let parts = folder.path().join(format!("{name}.d"));
        let options = Options { stored: true, surroundings: true, ..Options::default() };
        let mut image = Image::open_file(&path).unwrap();
        extract(&mut image, &parts, &options, &mut Session::quiet()).unwrap();
        let built = folder.path().join(format!("{name}.again"));
        let mut out = File::create(&built).unwrap();
        Package::read(&parts, &Header::new(0), &mut Session::quiet()).unwrap().write(&mut out).unwrap();
        assert!(fs::read(&path).unwrap() == fs::read(&built).unwrap(), "{name} differs");
    }
}

/// Where the original is at hand (BALONG_FLASH=/path/to/balong_flash), it must list and unpack what we build.
#[test]
fn the_original_takes_what_we_build() {
    let Some(original) = std::env::var_os("BALONG_FLASH") else {
        test_support::skip("BALONG_FLASH does not name the original program");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let Some((path, _)) = peer(folder.path(), "a.bin", &[]) else { return };
    let parts = folder.path().join("parts");
    let mut image = Image::open_file(&path).unwrap();
    extract(&mut image, &parts, &Options::default(), &mut Session::quiet()).unwrap();
    // Without the stored payloads: compressed anew by us.
    let built = folder.path().join("built.bin");
    let mut out = File::create(&built).unwrap();
    Package::read(&parts, &Header::new(0), &mut Session::quiet()).unwrap().write(&mut out).unwrap();
    let theirs = folder.path().join("theirs");
    fs::create_dir(&theirs).unwrap();
    let run = Command::new(original).arg("-e").arg(&built).current_dir(&theirs).output().unwrap();
    assert!(run.status.success());
    for entry in fs::read_dir(&theirs).unwrap() {
        let name = entry.unwrap().file_name();
        assert!(
            fs::read(theirs.join(&name)).unwrap() == fs::read(parts.join(&name)).unwrap(),
            "{name:?} differs"
        );
    }
    assert_eq!(fs::read_dir(&theirs).unwrap().count(), 8);
}
