//! Router images built by `mksquashfs` and a header of our own making, read back: files, tables, checksums, and what happens when they
//! are cut or changed. Skipped where there is no mksquashfs.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use md5::{Digest, Md5};
use stickshift::error::ErrorKind;
use stickshift::profile::builtin;
use stickshift::profile::formats::{Format, export, import};
use stickshift::router::{Container, FileKind, FileSystem, Image, is_image, tables};
use stickshift::stick::UsbId;

const K3772: UsbId = UsbId::new(0x12d1, 0x1526);

/// A file system of a folder, or nothing where the program is missing.
fn squashfs(folder: &Path, arguments: &[&str]) -> Option<Vec<u8>> {
    let out = folder.parent().expect("a parent").join("image.squashfs");
    let _ = fs::remove_file(&out);
    let made = Command::new("mksquashfs")
        .args([folder.as_os_str(), out.as_os_str()])
        .args(["-noappend", "-no-progress", "-no-xattrs", "-all-root"])
        .args(arguments)
        .stdout(Stdio::null())
        .status();
    match made {
        Ok(status) => assert!(status.success(), "mksquashfs {arguments:?}: {status}"),
        Err(_) => {
            test_support::skip("mksquashfs is not installed");
            return None;
        }
    }
    Some(fs::read(out).expect("the image"))
}

/// The files of a stock router: an encrypted table, a program, a link.
fn stock(root: &Path) {
    let folder = root.join("etc");
    fs::create_dir_all(&folder).expect("etc");
    let entries: Vec<_> = builtin::all().take(40).chain(builtin::lookup(K3772)).collect();
    let table = export(&entries, Format::TplinkTable).expect("a table").bytes;
    fs::write(folder.join("mode_switch.conf.bin"), table).expect("the table");
    fs::create_dir_all(root.join("usr/sbin")).expect("sbin");
    let program: Vec<u8> =
        (0..300_000u32).flat_map(|n| (n.wrapping_mul(2_654_435_761) >> 24).to_be_bytes()).collect();
    fs::write(root.join("usr/sbin/httpd"), program).expect("a program");
    fs::write(root.join("etc/empty"), b"").expect("an empty file");
    #[cfg(unix)]
    std::os::unix::fs::symlink("/tmp/resolv.conf", root.join("etc/resolv.conf")).expect("a link");
}

fn openwrt(root: &Path) {
    fs::create_dir_all(root.join("etc")).expect("etc");
    let entries: Vec<_> = builtin::lookup(K3772).collect();
    fs::write(root.join("etc/usb-mode.json"), export(&entries, Format::Openwrt).expect("json").bytes)
        .expect("the table");
    fs::create_dir_all(root.join("etc/usb_modeswitch.d")).expect("a folder");
    let text = "TargetVendor=0x12d1\nTargetProduct=0x1506\nHuaweiNewMode=1\n";
    fs::write(root.join("etc/usb_modeswitch.d/12d1:14fe"), text).expect("a profile");
    fs::write(root.join("etc/usb_modeswitch.d/12d1:1f01"), text).expect("a profile");
}

/// TP-Link's header before a kernel and a file system.
fn tplink(hardware: u32, file_system: &[u8]) -> Vec<u8> {
    let (kernel, rootfs) = (0x200u32, 0x1000u32);
    let length = rootfs as usize + file_system.len();
    let mut image = vec![0xff; length];
    image[..0x200].fill(0);
    let mut put = |at: usize, bytes: &[u8]| image[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &0x0100_0000u32.to_be_bytes());
    put(4, b"TP-LINK Technologies");
    put(0x1c, b"ver. 1.0");
    put(0x40, &hardware.to_be_bytes());
    put(0x44, &1u32.to_be_bytes());
    put(0x7c, &(length as u32).to_be_bytes());
    put(0x80, &kernel.to_be_bytes());
    put(0x84, &0xe00u32.to_be_bytes());
    put(0x88, &rootfs.to_be_bytes());
    put(0x8c, &(file_system.len() as u32).to_be_bytes());
    put(0x98, &[0, 3, 0, 14, 0, 2]);
    put(rootfs as usize, file_system);
    let salt =
        [0xdc, 0xd7, 0x3a, 0xa5, 0xc3, 0x95, 0x98, 0xfb, 0xdd, 0xf9, 0xe7, 0xf4, 0x0e, 0xae, 0x47, 0x38];
    image[0x4c..0x5c].copy_from_slice(&salt);
    let sum = Md5::digest(&image);
    image[0x4c..0x5c].copy_from_slice(&sum);
    image
}

/// Reads all of an image: what every verb together would.
fn read_all(bytes: Vec<u8>) -> stickshift::error::Result<usize> {
    let image = Image::parse(bytes)?;
    let mut read = 0;
    for at in &image.file_systems {
        let file_system = FileSystem::open(image.bytes_of(at), at)?;
        tables::find(&file_system)?;
        for file in file_system.files().filter(|f| matches!(f.kind, FileKind::File(_))) {
            read += file_system.read(&file.path, 64 << 20)?.len();
        }
    }
    Ok(read)
}

#[test]
fn a_stock_image_tells_what_it_would_send() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("root");
    stock(&root);
    for compression in ["lzma", "xz", "gzip"] {
        let Some(file_system) = squashfs(&root, &["-comp", compression]) else { return };
        let image = Image::parse(tplink(0x3020_0001, &file_system)).expect("an image");
        let Container::Tplink(header) = &image.container else { panic!("{:?}", image.container) };
        assert_eq!(header.router(), Some("TL-MR3020 v1"));
        assert_eq!(header.checksum, Some(true));
        assert_eq!(header.version, (3, 14, 2));
        let [at] = image.file_systems[..] else { panic!("{:?}", image.file_systems) };
        assert_eq!((at.offset, at.compression_name(), at.cut), (0x1000, compression, false));
        let files = FileSystem::open(image.bytes_of(&at), &at).expect("a file system");
        let httpd = files.read("usr/sbin/httpd", 64 << 20).expect("a file");
        assert_eq!(httpd, fs::read(root.join("usr/sbin/httpd")).expect("the same"));
        assert_eq!(files.read("/etc/empty", 10).expect("an empty file"), b"");
        assert_eq!(files.read("/usr/sbin/httpd", 10).expect_err("a limit").kind(), ErrorKind::FileTooLarge);
        assert_eq!(files.read("/etc", 10).expect_err("a folder").kind(), ErrorKind::FileNotFound);
        let link = files.files().find(|f| f.path == "/etc/resolv.conf").expect("the link");
        assert_eq!(link.kind, FileKind::Link("/tmp/resolv.conf".to_owned()));

        let found = tables::find(&files).expect("tables");
        let [table] = &found.tables[..] else { panic!("{found:?}") };
        assert_eq!(
            (table.path.as_str(), table.import.format),
            ("/etc/mode_switch.conf.bin", Format::TplinkTable)
        );
        let entries: Vec<_> = table.about(K3772).collect();
        let [entry] = entries[..] else { panic!("{entries:?}") };
        let ours = builtin::lookup(K3772).next().expect("a profile");
        assert_eq!(entry.parameters.clone().with_named_methods().summary(), ours.parameters.summary());
        assert!(table.about(UsbId::new(0xdead, 0xbeef)).next().is_none());
    }
}

#[test]
fn an_openwrt_image_has_its_tables_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("root");
    openwrt(&root);
    let Some(file_system) = squashfs(&root, &["-comp", "xz", "-b", "256K"]) else { return };
    // A sysupgrade image: something, the file system, padding, metadata.
    let image = [&[0x27, 0x05, 0x19, 0x56][..], &[7; 4092], &file_system, &[0; 5000], b"{}FWx0"].concat();
    assert!(is_image(&image));
    let image = Image::parse(image).expect("an image");
    assert_eq!(image.container, Container::Uimage);
    let at = image.file_systems[0];
    let found = tables::find(&FileSystem::open(image.bytes_of(&at), &at).expect("files")).expect("tables");
    let [json, folder] = &found.tables[..] else { panic!("{found:?}") };
    assert_eq!(json.path, "/etc/usb-mode.json");
    assert_eq!(json.about(K3772).count(), 1);
    assert_eq!((folder.path.as_str(), folder.import.entries.len()), ("/etc/usb_modeswitch.d", 2));
    assert_eq!(folder.about(UsbId::new(0x12d1, 0x14fe)).count(), 1);
}

#[test]
fn usb_modeswitch_is_asked_in_its_own_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("root");
    let entry = |name: &str, text: &str| import(text.as_bytes(), name).expect("a profile").entries.remove(0);
    let pack = [
        entry("12d1:1526", "HuaweiNewMode=1\n"),
        entry("12d1:1526:uPr=x", "HuaweiAltMode=1\n"),
        entry("12d1:#linux", "HuaweiMode=1\n"),
    ];
    fs::create_dir_all(root.join("etc/usb_modeswitch.d")).expect("a folder");
    fs::create_dir_all(root.join("usr/share/usb_modeswitch")).expect("a folder");
    fs::write(root.join("etc/usb_modeswitch.d/12d1:1526"), "StandardEject=1\n").expect("a profile");
    let packed = export(&pack, Format::Pack).expect("an archive").bytes;
    fs::write(root.join("usr/share/usb_modeswitch/configPack.tar.gz"), packed).expect("the archive");
    let Some(file_system) = squashfs(&root, &["-comp", "gzip"]) else { return };
    let image = Image::parse(file_system).expect("an image");
    let at = image.file_systems[0];
    let found = tables::find(&FileSystem::open(image.bytes_of(&at), &at).expect("files")).expect("tables");
    let order: Vec<String> = found
        .tables
        .iter()
        .flat_map(|table| table.about(K3772).map(|entry| entry.parameters.summary()))
        .collect();
    assert_eq!(order, ["StandardEject", "HuaweiAltMode", "HuaweiNewMode", "HuaweiMode"]);
}

#[test]
fn an_image_that_is_shorter_than_its_header_says_is_cut() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("root");
    openwrt(&root);
    let Some(file_system) = squashfs(&root, &["-comp", "gzip"]) else { return };
    let whole = tplink(0x3020_0001, &file_system);
    assert_eq!(Image::parse(whole.clone()).expect("an image").cut(), None);
    // What follows the data is padding of the file system.
    let cut = Image::parse(whole[..whole.len() - 100].to_vec()).expect("an image");
    assert_eq!(cut.cut(), Some((whole.len() as u64, true)));
}

#[test]
fn a_boot_loader_before_the_header_and_a_wrong_checksum_are_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("root");
    openwrt(&root);
    let Some(file_system) = squashfs(&root, &["-comp", "lzma"]) else { return };
    let whole = [vec![0xee; 0x20200], tplink(0x3420_0002, &file_system)].concat();
    let image = Image::parse(whole.clone()).expect("an image");
    let Container::Tplink(header) = &image.container else { panic!("{:?}", image.container) };
    assert_eq!(
        (header.offset, header.router(), header.checksum),
        (0x20200, Some("TL-MR3420 v2"), Some(true))
    );
    let mut changed = whole;
    *changed.last_mut().expect("a byte") ^= 1;
    let image = Image::parse(changed).expect("an image");
    let Container::Tplink(header) = &image.container else { panic!("{:?}", image.container) };
    assert_eq!(header.checksum, Some(false));
}

#[test]
fn every_cut_and_many_changes_end_in_an_answer() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("root");
    openwrt(&root);
    for compression in ["lzma", "xz"] {
        let Some(file_system) = squashfs(&root, &["-comp", compression, "-nopad"]) else { return };
        let whole = tplink(0x3020_0001, &file_system);
        assert!(read_all(whole.clone()).is_ok());
        let cuts = (0..whole.len()).step_by(7).filter(|n| *n < 0x300 || *n > 0xff0);
        for cut in cuts {
            assert!(read_all(whole[..cut].to_vec()).is_err(), "{compression}, cut to {cut}");
        }
        let mut random = 0x9e37_79b9_7f4a_7c15u64;
        let mut refused = 0;
        for _ in 0..3000 {
            let mut changed = whole.clone();
            for _ in 0..2 {
                random =
                    random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                // The superblock and the tables behind the data are what a reader trusts.
                let at = 0x1000 + (random >> 33) as usize % file_system.len();
                let at = if random & 1 == 0 { 0x1000 + (at & 0x5f) } else { at };
                changed[at] = (random >> 24) as u8;
            }
            refused += usize::from(read_all(changed).is_err());
        }
        assert!(refused > 100, "{refused} of 3000 changes were noticed");
    }
}

#[test]
fn what_is_no_image_is_refused() {
    for bytes in [&b""[..], b"hsqs", &[0; 600], b"TP-LINK Technologies", &[0xff; 70_000]] {
        assert!(!is_image(bytes));
        assert_eq!(Image::parse(bytes.to_vec()).expect_err("nothing").kind(), ErrorKind::WrongFileKind);
    }
}

#[test]
fn firmware_of_others_in_tp_links_header_is_named() {
    let header = |vendor: &str, version: &str, hardware: u32| {
        let mut image = tplink(hardware, &[0; 64]);
        image[4..0x40].fill(0);
        image[4..4 + vendor.len()].copy_from_slice(vendor.as_bytes());
        image[0x1c..0x1c + version.len()].copy_from_slice(version.as_bytes());
        image[0x98..0x9e].fill(0);
        Image::parse(image).expect_err("there is no file system").what().to_owned()
    };
    for (vendor, version, hardware, router, words) in [
        ("OpenWrt", "r40831", 0x3020_0001, "TL-MR3020 v1", "OpenWrt image for a TP-Link router"),
        ("OpenWrt", "r23497-6637af95aa", 0x0842_0001, "TL-WR842ND v1", "OpenWrt image for a TP-Link router"),
        ("LEDE", "17.01.4", 0x3040_0001, "TL-MR3040 v1", "firmware of others"),
        ("Somebody", "1", 0x3420_0002, "TL-MR3420 v2", "firmware of others"),
    ] {
        let what = header(vendor, version, hardware);
        for part in [vendor, version, router, words] {
            assert!(what.contains(part), "{part}: {what}");
        }
    }
    assert!(!header("\u{1}\u{2}\u{3}", "x", 0x3020_0001).contains("MR3020"), "no name");
}

#[test]
fn a_table_may_begin_with_a_comment() {
    let block = "[start_19d2_1216_1]\nMessageContent=\"1b5a01\"\n[end_19d2_1216_1]\n";
    for comment in ["# ZTE\n", "\n; made by hand\n", "## version 3\r\n\r\n#\n", "// sticks\n"] {
        let text = format!("{comment}{block}");
        let plain = stickshift::profile::formats::import(text.as_bytes(), "mode_switch.conf").expect("plain");
        let sealed = sealed(&text);
        let hidden =
            stickshift::profile::formats::import(&sealed, "mode_switch.conf.bin").expect("encrypted");
        for import in [plain, hidden] {
            assert_eq!((import.format, import.entries.len()), (Format::TplinkTable, 1), "{comment:?}");
        }
    }
}

/// A text as TP-Link's firmware holds it.
fn sealed(text: &str) -> Vec<u8> {
    use des::cipher::{BlockCipherEncrypt, KeyInit};
    let cipher = des::Des::new(&[0x47, 0x8d, 0xa5, 0x0b, 0xf9, 0xe3, 0xd2, 0xcf].into());
    let mut bytes = text.as_bytes().to_vec();
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    for block in bytes.chunks_mut(8) {
        let mut one: [u8; 8] = block.try_into().expect("eight bytes");
        cipher.encrypt_block((&mut one).into());
        block.copy_from_slice(&one);
    }
    bytes
}
