use std::io::Cursor;
use std::path::PathBuf;

use super::*;
use crate::boot::PartitionTable;
use crate::convert::plan::difference;
use crate::firmware::Header;
use crate::firmware::build::{self, Part};
use crate::firmware::signature::{trailer, trailer_length};
use crate::plan::Plan;

/// A table of partitions by name, start and length.
fn table(partitions: &[(&str, u32, u32)]) -> Vec<u8> {
    let mut bytes = b"pTableHead\0\0\0\0\0\x80".to_vec();
    bytes.resize(48, 0);
    for (name, start, length) in partitions {
        let mut entry = name.as_bytes().to_vec();
        entry.resize(16, 0);
        for word in [*start, 0, *length, 0, 0, 0, 0, 0] {
            entry.extend(word.to_le_bytes());
        }
        bytes.extend(entry);
    }
    bytes.resize(PartitionTable::SIZE, 0);
    bytes
}

fn file(kind: u8, payload: Vec<u8>) -> FirmwareFile {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("image.bin");
    let mut out = Cursor::new(Vec::new());
    let code = if kind == 4 { 0x0056_0000 } else { 0x0001_0000 };
    let parts = vec![Part::from_bytes(Header::new(code), payload)];
    build::write(&mut out, Some(&build::file_header(kind)), parts).unwrap();
    std::fs::write(&path, out.into_inner()).unwrap();
    FirmwareFile::open(&path, &mut Session::quiet()).unwrap()
}

/// An image whose partitions are named by their codes, with this version.
fn image(name: &str, kind: u8, version: &str, codes: &[u32]) -> FirmwareFile {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    let header = |code| Header {
        version: build::field(&format!(":E3372h_153:{version}")).unwrap(),
        blocksize: 4096,
        ..Header::new(code)
    };
    let parts = codes.iter().map(|code| Part::from_bytes(header(*code), vec![7; 100])).collect();
    let mut out = Cursor::new(Vec::new());
    build::write(&mut out, Some(&build::file_header(kind)), parts).unwrap();
    std::fs::write(&path, out.into_inner()).unwrap();
    FirmwareFile::open(&path, &mut Session::quiet()).unwrap()
}

pub(in crate::convert) fn main_firmware(version: &str, partitions: usize) -> FirmwareFile {
    const CODES: [u32; 10] = [0x11, 0x20, 0x01, 0x09, 0x22, 0x23, 0x24, 0x25, 0x59, 0x5a];
    let codes: Vec<u32> = CODES.iter().take(partitions).map(|code| code << 16).collect();
    image("main.bin", 0x01, version, &codes)
}

pub(in crate::convert) fn web_ui(partitions: usize) -> FirmwareFile {
    let codes = [0x0055_0000, 0x000b_0000, 0x0056_0000];
    image("web.bin", 0x04, "17.100", &codes[..partitions])
}

#[test]
fn an_image_whose_signature_is_lost_or_of_no_use_needs_consent() {
    let signed = [vec![7; 4096], trailer(&[1; 32], trailer_length(1))].concat();
    for (kind, payload, asked, warned) in [
        (0x09, vec![7; 4096], true, false),
        (0x01, vec![7; 4096], false, true),
        (0x09, signed.clone(), false, false),
        // What was changed after it was signed is marked so.
        (0x01, signed, true, false),
    ] {
        let mut plan = Plan::new("");
        super::plan(&[file(kind, payload)], &mut plan);
        // These name no stick, too.
        let given = Consents { mismatch: true, ..Consents::default() };
        let objection = plan.unanswered(given).map(|o| o.consent);
        assert_eq!(objection, asked.then_some(Consent::Unsigned), "{kind:02x}");
        assert_eq!(plan.dangers.iter().any(|d| d.contains("has no signature")), warned, "{kind:02x}");
        assert_eq!(plan.unanswered(Consents { unsigned: true, ..given }), None);
    }
}

#[test]
fn tables_are_compared_partition_by_partition() {
    let read = |bytes: &[u8]| PartitionTable::parse(bytes).unwrap();
    let loader = table(&[("BootLoad", 0, 0x20000), ("VxWorks", 0x20000, 0x40000)]);
    assert_eq!(difference(&read(&loader), &read(&loader)), None);
    let moved = table(&[("BootLoad", 0, 0x20000), ("VxWorks", 0x40000, 0x40000)]);
    let said = difference(&read(&loader), &read(&moved)).unwrap();
    assert!(said.contains("VxWorks at 0x20000") && said.contains("VxWorks at 0x40000"), "{said}");
    let shorter = table(&[("BootLoad", 0, 0x20000)]);
    assert!(difference(&read(&loader), &read(&shorter)).unwrap().ends_with("image: nothing more"));
    assert_eq!(file(0x01, loader.clone()).table, Some(read(&loader)));
    assert_eq!(file(0x01, vec![7; 4096]).table, None);
}

#[test]
fn a_folder_that_does_not_name_its_stick_needs_consent() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("00-00110000-Fastboot.bin"), [7; 100]).unwrap();
    let file = FirmwareFile::open(folder.path(), &mut Session::quiet()).unwrap();
    let mut plan = Plan::new("");
    super::plan(&[file], &mut plan);
    assert_eq!(plan.unanswered(Consents::default()).map(|o| o.consent), Some(Consent::Mismatch));
    assert!(!plan.evidence.iter().any(|line| line.contains("checksum")), "{plan:?}");
    assert!(plan.dangers.iter().any(|line| line.contains("nothing was checked")), "{plan:?}");
}

#[test]
fn partitions_that_two_files_bring_are_named() {
    let said = |second: FirmwareFile| {
        let mut plan = Plan::new("");
        super::plan(&[main_firmware("21.180.01.00.00", 5), second], &mut plan);
        let both = |danger: &&String| danger.contains("one over the other");
        plan.dangers.iter().filter(both).cloned().collect::<Vec<_>>()
    };
    let overlapping = image("web.bin", 0x04, "17.100", &[0x0055_0000, 0x0009_0000]);
    assert_eq!(
        said(overlapping),
        ["web.bin holds Kernel_R11, as main.bin does: both are sent, one over the other"]
    );
    assert_eq!(said(web_ui(2)), [""; 0]);
    assert_eq!(said(main_firmware("21.180.01.00.00", 5)), [""; 0], "its step says that it is the same file");
    let twice = image("main.bin", 0x01, "21.180.01.00.00", &[0x0011_0000, 0x0011_0000]);
    assert_eq!(
        said(twice),
        [
            "main.bin: partition 2: it is Fastboot (00110000), as partition 1 is: both are sent, one over the other",
            "main.bin holds Fastboot, as main.bin does: both are sent, one over the other",
        ]
    );
}

/// What the stick refuses in the middle of a flash is said before it.
#[test]
fn an_empty_partition_needs_consent() {
    let empty = |payload: Vec<u8>| {
        let mut planned = Plan::new("");
        plan(&[file(4, payload)], &mut planned);
        planned.unanswered(Consents::default()).map(|objection| objection.consent)
    };
    assert_eq!((empty(vec![]), empty(vec![7])), (Some(Consent::Partial), None));
}

/// The fit to the stick, and the kind, are judged by the first partition alone.
#[test]
fn an_image_put_together_from_several_needs_consent() {
    let planned = |second: u32, field: &str| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image.bin");
        let part = |code, field: &str| {
            let version = build::field(field).unwrap();
            Part::from_bytes(Header { version, ..Header::new(code) }, vec![7; 100])
        };
        let parts = vec![part(0x0011_0000, ":E3372h_153:21.180.01.00.00"), part(second, field)];
        let mut out = Cursor::new(Vec::new());
        build::write(&mut out, Some(&build::file_header(1)), parts).unwrap();
        std::fs::write(&path, out.into_inner()).unwrap();
        let mut planned = Plan::new("");
        plan(&[FirmwareFile::open(&path, &mut Session::quiet()).unwrap()], &mut planned);
        let refused = planned.unanswered(Consents { unsigned: true, ..Consents::default() });
        let warned = planned.dangers.iter().any(|line| line.contains("an earlier one"));
        (refused.map(|o| (o.consent, o.text.clone())), warned)
    };
    let (kernel, pages) = (0x0009_0000, 0x0056_0000);
    for (code, field, text) in [
        (kernel, ":E3276s_150:21.180.01.00.00", "several models: E3372h_153, E3276s_150"),
        (pages, ":E3276s_150:17.100.18.05.1217", "several models"),
        (
            kernel,
            ":E3372h_153:22.200.15.00.00",
            "of Stick firmware 21.180.01.00.00 and of HiLink firmware 22.200.15.00.00",
        ),
        (kernel, "22.200.15.00.00", "of HiLink firmware"),
    ] {
        let (refused, warned) = planned(code, field);
        let (consent, said) = refused.unwrap();
        assert!(consent == Consent::Mismatch && said.contains(text) && warned, "{field}: {said}");
    }
    // Another version of the same kind is only worth a look, and pages and texts have versions of their own.
    assert_eq!(planned(kernel, ":E3372h_153:21.180.05.00.00"), (None, true));
    for (code, field) in [
        (kernel, ":E3372H-153:21.180.01.00.00"),
        (kernel, ""),
        (kernel, "BOOTROM_V01.02"),
        (pages, ":E3372h_153:17.100.18.05.1217"),
        (pages, ":E3372h_153:22.200.15.00.00"),
    ] {
        assert_eq!(planned(code, field), (None, false), "{field}");
    }
}

/// Its owner, or the header, calls it pages; what it holds decides.
#[test]
fn what_holds_a_part_of_main_firmware_is_no_web_ui() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image.bin");
    let role = |kind, code| {
        let version = build::field(":E3372h_153:21.180.01.00.00").unwrap();
        let part = Part::from_bytes(Header { version, ..Header::new(code) }, vec![7; 100]);
        let mut out = Cursor::new(Vec::new());
        build::write(&mut out, Some(&build::file_header(kind)), vec![part]).unwrap();
        std::fs::write(&path, out.into_inner()).unwrap();
        let file = FirmwareFile::open(&path, &mut Session::quiet()).unwrap();
        let said = file.warnings.iter().any(|line| line.contains("is a part of main firmware"));
        (file.is_main(), said)
    };
    let (fastboot, kernel, pages, unknown) = (0x0011_0000, 0x0009_0000, 0x0056_0000, 0x00ab_0000);
    assert_eq!((role(4, fastboot), role(6, kernel)), ((true, true), (true, true)));
    assert_eq!((role(4, pages), role(4, unknown)), ((false, false), (false, false)));
    assert_eq!(
        (role(1, fastboot), role(0, kernel), role(5, kernel)),
        ((true, false), (true, false), (true, false))
    );
}

/// As raw partitions without a name: nothing compares them with a stick, whatever they are packed in.
#[test]
fn main_firmware_that_names_no_stick_is_objected_to() {
    let objections = |file: FirmwareFile| {
        let mut planned = Plan::new("");
        plan(&[file], &mut planned);
        planned.objections.iter().filter(|o| o.consent == Consent::Mismatch).count()
    };
    assert_eq!(objections(file(1, vec![7; 100])), 1);
    assert_eq!(objections(file(4, vec![7; 100])), 0, "pages of the web server");
    assert_eq!(objections(main_firmware("21.180.01.00.00", 3)), 0);
}

/// The contents are those that were checked, before the first byte and before the stick is told that it has all.
#[test]
fn a_file_that_changes_after_its_check_is_not_flashed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image.bin");
    let parts = vec![Part::from_bytes(Header::new(0x0059_0000), vec![7; 10_000])];
    let mut out = Cursor::new(Vec::new());
    build::write(&mut out, Some(&build::file_header(1)), parts).unwrap();
    std::fs::write(&path, out.get_ref()).unwrap();
    let mut file = FirmwareFile::open(&path, &mut Session::quiet()).unwrap();
    let facts = partitions(&file);
    let mut payload = ImagePayload { facts, file: &mut file, hash: Rc::default() };
    let read = |payload: &mut ImagePayload<'_>| {
        io::copy(&mut payload.open(0).unwrap(), &mut io::sink()).unwrap();
        payload.before_end(0)
    };
    payload.before_start(0).unwrap();
    read(&mut payload).unwrap();
    // In place, as a copy over it does: the file that is open changes.
    let mut changed = out.into_inner();
    *changed.last_mut().unwrap() ^= 1;
    std::fs::write(&path, &changed).unwrap();
    assert!(payload.before_start(0).unwrap_err().is(ErrorKind::FileCorrupt));
    assert!(read(&mut payload).unwrap_err().is(ErrorKind::FileCorrupt));
}

/// A `.fw`, out of a signed image of ten partitions.
#[test]
fn a_single_partition_needs_consent() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("00-00110000-Fastboot.fw");
    let open = |payload: Vec<u8>| {
        let mut out = Cursor::new(Vec::new());
        let header = Header { blocksize: 4096, ..Header::new(0x0011_0000) };
        build::write(&mut out, None, vec![Part::from_bytes(header, payload)]).unwrap();
        std::fs::write(&path, out.into_inner()).unwrap();
        FirmwareFile::open(&path, &mut Session::quiet()).unwrap()
    };
    let signed = [vec![7; 4096], trailer(&[1; 32], trailer_length(10))].concat();
    for (payload, said) in [(vec![7; 4096], "may not start"), (signed, "made for 10 partitions")] {
        let mut plan = Plan::new("");
        super::plan(&[open(payload)], &mut plan);
        let given = Consents { mismatch: true, ..Consents::default() };
        let objection = plan.unanswered(given).unwrap();
        assert_eq!(objection.consent, Consent::Partial);
        assert!(objection.text.contains("Fastboot alone") && objection.text.contains(said), "{objection:?}");
        assert_eq!(plan.unanswered(Consents { partial: true, ..given }), None);
    }
}
