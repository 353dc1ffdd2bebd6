use super::*;

fn file(headers: &str) -> FileRecord {
    FileRecord {
        path: "fw.bin".into(),
        headers: headers.into(),
        partitions: 3,
        acknowledged: 0,
        hashes: Vec::new(),
        open: false,
    }
}

fn place() -> Place {
    "1-1.2".parse().unwrap()
}

#[test]
fn what_was_written_is_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let stick = Fingerprint { product: Some("E3372h_153".into()), ..Fingerprint::default() };
    let mut journal = Journal::begin(dir.path(), &place(), stick, vec![file("aa")]).unwrap();
    journal.partition_begins(0).unwrap();
    let on_disk =
        || -> Record { serde_json::from_slice(&fs::read(dir.path().join("1-1.2.json")).unwrap()).unwrap() };
    let read = on_disk();
    assert!(read.touched && read.files[0].open && read.files[0].acknowledged == 0);
    journal.partition_done(0, 0, "h0".into());
    journal.partition_done(0, 1, "h1".into());
    // Nobody else may take it as long as it is held.
    let busy = Journal::load(dir.path(), &place()).unwrap_err();
    assert!(busy.is(ErrorKind::PortBusy), "{busy:?}");
    let begun = Journal::begin(dir.path(), &place(), Fingerprint::default(), vec![]);
    assert!(begun.unwrap_err().is(ErrorKind::PortBusy));
    drop(journal);
    let read = Journal::load(dir.path(), &place()).unwrap();
    assert_eq!((read.record.files[0].acknowledged, read.record.files[0].open), (2, false));
    read.finish().unwrap();
    assert!(Journal::load(dir.path(), &place()).unwrap_err().is(ErrorKind::NoJournal));
}

#[test]
fn a_run_from_the_start_does_not_forget_that_something_was_written() {
    let dir = tempfile::tempdir().unwrap();
    let begin = |stick| Journal::begin(dir.path(), &place(), stick, vec![file("aa")]).unwrap();
    let mut first = begin(Fingerprint::default());
    assert!(!first.record.touched);
    first.partition_begins(0).unwrap();
    drop(first);
    assert!(begin(Fingerprint::default()).record.touched);
    // A stick that says what it is runs firmware.
    let speaks = Fingerprint { imei_hash: Some("1".into()), ..Fingerprint::default() };
    assert!(!begin(speaks).record.touched);
}

#[test]
fn a_disk_that_takes_no_more_stops_the_work_only_before_it_began() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("journals");
    let begin = || Journal::begin(&folder, &place(), Fingerprint::default(), vec![file("aa")]).unwrap();
    let mut journal = begin();
    fs::remove_dir_all(&folder).unwrap();
    assert!(journal.partition_begins(0).unwrap_err().is(ErrorKind::FileUnwritable));
    assert!(!journal.record.touched && !journal.record.files[0].open);
    drop(journal);

    let mut journal = begin();
    journal.partition_begins(0).unwrap();
    assert!(journal.unwritten().is_none());
    fs::remove_dir_all(&folder).unwrap();
    journal.partition_done(0, 0, "h0".into());
    journal.partition_begins(0).unwrap();
    assert!(journal.unwritten().unwrap().is(ErrorKind::FileUnwritable));
    assert_eq!(journal.record.files[0].acknowledged, 1);
    fs::create_dir(&folder).unwrap();
    journal.partition_done(0, 1, "h1".into());
    assert!(journal.unwritten().is_none(), "the disk knows all again");
    fs::remove_dir_all(&folder).unwrap();
    journal.finish().unwrap();
}

#[test]
fn a_record_that_cannot_be_read_may_be_of_this_stick() {
    let dir = tempfile::tempdir().unwrap();
    let path = path_of(dir.path(), &Key::from(&place()));
    let begin = |stick: Fingerprint| Journal::begin(dir.path(), &place(), stick, vec![file("aa")]).unwrap();
    for text in ["", "{\"version\": 99}"] {
        fs::write(&path, text).unwrap();
        assert!(begin(Fingerprint::default()).record.touched, "{text:?}");
        assert_eq!(fs::read_to_string(path.with_extension("unreadable")).unwrap(), text);
        // A stick that says what it is runs firmware.
        fs::write(&path, text).unwrap();
        let told = Fingerprint { hardware: Some("CL2E3372HM".into()), ..Fingerprint::default() };
        assert!(!begin(told).record.touched);
    }
}

#[test]
fn another_stick_or_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let stick = Fingerprint { imei_hash: Some(Secret::default().hash("1")), ..Fingerprint::default() };
    let mut journal = Journal::begin(dir.path(), &place(), stick, vec![file("aa"), file("bb")]).unwrap();
    assert!(journal.check_files(&[file("aa"), file("bb")]).is_ok());
    assert!(journal.check_files(&[file("bb"), file("aa")]).unwrap_err().is(ErrorKind::JournalMismatch));
    assert!(journal.check_files(&[file("aa")]).unwrap_err().is(ErrorKind::JournalMismatch));
    let learned = Fingerprint { hardware: Some("CL2E3372HM".into()), ..Fingerprint::default() };
    journal.check_stick(&learned).unwrap();
    drop(journal);
    let mut journal = Journal::load(dir.path(), &place()).unwrap();
    assert_eq!(journal.record.stick.hardware.as_deref(), Some("CL2E3372HM"));
    let other = Fingerprint { hardware: Some("CL1E3372SM".into()), ..Fingerprint::default() };
    assert_eq!(journal.check_stick(&other).unwrap_err().fact("differs-in"), Some("hardware version"));
}

#[test]
fn only_an_imei_proves_a_stick_and_without_it_nothing_counts_as_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let like = |imei: Option<&str>| Fingerprint {
        product: Some("E3372h_153".into()),
        serial_hash: Some("0123".into()),
        imei_hash: imei.map(|imei| Secret::default().hash(imei)),
        ..Fingerprint::default()
    };
    let mut journal = Journal::begin(dir.path(), &place(), like(Some("1")), vec![file("aa")]).unwrap();
    assert!(journal.is_proven());
    journal.partition_done(0, 0, "h0".into());
    journal.partition_done(0, 1, "h1".into());
    drop(journal);
    let mut journal = Journal::load(dir.path(), &place()).unwrap();
    journal.check_stick(&like(None)).unwrap();
    assert!(!journal.is_proven(), "another stick of this model says the same");
    assert!(journal.check_stick(&like(Some("2"))).is_err());
    let mut other = like(None);
    other.serial_hash = Some("4567".into());
    assert_eq!(journal.check_stick(&other).unwrap_err().fact("differs-in"), Some("USB serial number"));
    journal.check_stick(&like(Some("1"))).unwrap();
    assert!(journal.is_proven());
    assert_eq!(journal.record.files[0].acknowledged, 2);
    // What is skipped must be what was sent.
    journal.check_skipped(0, |index| Ok(format!("h{index}"))).unwrap();
    let other = journal.check_skipped(0, |_| Ok("h0".into())).unwrap_err();
    assert!(other.is(ErrorKind::JournalMismatch), "{other:?}");
    journal.start_over().unwrap();
    assert_eq!(journal.record.files[0].acknowledged, 0);
}

#[test]
fn ports_have_journals_of_their_own() {
    let dir = tempfile::tempdir().unwrap();
    let keys = ["/dev/pts/3", "/dev/pts/33", "/dev/pts-3", "/dev/ttyUSB0"].map(|p| Key::Port(p.into()));
    let held: Vec<Journal> = keys
        .iter()
        .map(|key| Journal::begin(dir.path(), key.clone(), Fingerprint::default(), vec![]).unwrap())
        .collect();
    for (journal, key) in held.into_iter().zip(&keys) {
        let same = Journal::load(dir.path(), key.clone()).unwrap_err();
        assert!(same.is(ErrorKind::PortBusy));
        journal.finish().unwrap();
        assert!(Journal::load(dir.path(), key.clone()).unwrap_err().is(ErrorKind::NoJournal));
    }
}

#[test]
fn every_system_has_files_of_these_names() {
    let names = [r"\\?\Z:\dev\pts\16", "COM7", "/dev/a=3f", "/dev/a?", "<>\"|*"].map(plain);
    for name in &names {
        assert!(!name.contains(['<', '>', ':', '"', '/', '\\', '|', '?', '*']), "{name}");
    }
    assert_eq!(names[1], "COM7");
    assert_ne!(names[2], names[3]);
}

#[test]
fn a_damaged_journal_is_named_not_guessed_at() {
    let dir = tempfile::tempdir().unwrap();
    Journal::begin(dir.path(), &place(), Fingerprint::default(), vec![file("aa")]).unwrap();
    let path = dir.path().join("1-1.2.json");
    let whole = fs::read(&path).unwrap();
    for cut in 0..whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        let error = Journal::load(dir.path(), &place()).unwrap_err();
        let words = if cut == 0 { "is empty" } else { "it is cut" };
        assert!(error.is(ErrorKind::FileCorrupt) && error.what().ends_with(words), "{cut}: {error}");
    }
    let text = String::from_utf8(whole).unwrap();
    fs::write(&path, text.replace("\"acknowledged\": 0", "\"acknowledged\": 9")).unwrap();
    let error = Journal::load(dir.path(), &place()).unwrap_err();
    assert!(error.is(ErrorKind::FileCorrupt) && error.what().contains("damaged, or not"), "{error}");
}

#[test]
fn no_identity_is_written_in_the_clear() {
    let imei = "860000000000001";
    let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let [here, there] = folders.each_ref().map(|folder| Secret::of(folder.path()).unwrap().hash(imei));
    assert!(here.len() == 16 && here != there, "{here} {there}");
    assert_eq!(here, Secret::of(folders[0].path()).unwrap().hash(imei), "the secret stays");
    // An IMEI can be tried, so its plain hash tells it.
    assert_ne!(here, Secret::default().hash(imei));
    assert_eq!(format!("{:?}", Secret::of(folders[0].path()).unwrap()), "Secret");
}

#[cfg(unix)]
#[test]
fn what_is_kept_is_its_owners() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let begin = || Journal::begin(dir.path(), &place(), Fingerprint::default(), vec![file("aa")]).unwrap();
    drop(begin());
    let mode = |name: &str| fs::metadata(dir.path().join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("secret"), mode("1-1.2.json")), (0o600, 0o600));
    // Also one that an earlier version left open.
    fs::set_permissions(dir.path().join("1-1.2.json"), fs::Permissions::from_mode(0o644)).unwrap();
    drop(begin());
    assert_eq!(mode("1-1.2.json"), 0o600);
}

#[test]
fn a_journal_of_the_version_before_is_gone_on_with() {
    let dir = tempfile::tempdir().unwrap();
    let told = |secret: &Secret| Fingerprint { imei_hash: Some(secret.hash("1")), ..Fingerprint::default() };
    let stick = told(&Secret::of(dir.path()).unwrap());
    drop(Journal::begin(dir.path(), &place(), stick.clone(), vec![file("aa")]).unwrap());
    let path = dir.path().join("1-1.2.json");
    let text = fs::read_to_string(&path).unwrap();
    let plain = told(&Secret::default());
    let (new, old) = (stick.imei_hash.unwrap(), plain.imei_hash.unwrap());
    fs::write(&path, text.replace(&new, &old).replace("\"version\": 3", "\"version\": 2")).unwrap();
    let mut journal = Journal::load(dir.path(), &place()).unwrap();
    let seen = told(&journal.record.secret);
    journal.check_stick(&seen).unwrap();
    assert!(journal.is_proven());
    drop(journal);
    // With another secret nothing is proven, and nothing contradicts.
    fs::write(&path, text).unwrap();
    fs::remove_file(dir.path().join("secret")).unwrap();
    let mut journal = Journal::load(dir.path(), &place()).unwrap();
    let seen = told(&journal.record.secret);
    journal.check_stick(&seen).unwrap();
    assert!(!journal.is_proven());
}

#[cfg(target_os = "linux")]
#[test]
fn another_run_that_lives_is_told_by_its_lock() {
    let dir = tempfile::tempdir().unwrap();
    let lock = dir.path().join("1-1.lock");
    assert!(!is_held_by_a_run(&lock));
    // A number above any process, the first process, this one.
    for (text, held) in [
        ("", false),
        ("x", false),
        ("4294967295", false),
        ("1", true),
        (&std::process::id().to_string(), false),
    ] {
        fs::write(&lock, text).unwrap();
        assert_eq!(is_held_by_a_run(&lock), held, "{text:?}");
    }
    fs::write(&lock, "a longer text than a number").unwrap();
    let _held = super::lock(dir.path(), &Key::Place("1-1".parse().unwrap())).unwrap();
    assert_eq!(fs::read_to_string(&lock).unwrap(), std::process::id().to_string());
}
