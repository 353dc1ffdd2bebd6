//! The journal: what a conversion has done to a stick, written and synced before it matters, so that a crash, a pulled stick or a
//! power cut can be taken up at the right partition.
//!
//! One small JSON file per place on the bus, or per port where no place is known, held against other runs as long as one works on it.
//! Identities are kept as hashes only, keyed with a secret that stays in the folder: there are few enough IMEIs to try them all.
//!
//! ```
//! use stickshift::convert::journal::{Fingerprint, Secret};
//!
//! let folder = std::env::temp_dir().join(format!("stickshift-secret-{}", std::process::id()));
//! std::fs::create_dir(&folder)?;
//! let secret = Secret::of(&folder)?;
//! let of = |imei: &str| Fingerprint { imei_hash: Some(secret.hash(imei)), ..Fingerprint::default() };
//! let (one, other) = (of("860000000000001"), of("860000000000002"));
//! assert!(one.is_surely(&one));
//! assert_eq!(one.contradiction(&other), Some("IMEI"));
//! std::fs::remove_dir_all(&folder)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use fs4::fs_std::FileExt;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::atomic_file::{self, Existing};
use crate::error::{Detail, Error, ErrorKind, Result};
use crate::stick::Place;
use crate::{hex, random};

/// The version of the file's form. A journal of another version is refused, never guessed at.
const VERSION: u32 = 3;
/// The version before, which is the same but for its hashes: they have no secret.
const WITHOUT_SECRET: u32 = 2;
/// A journal is a few kilobytes; a larger file is none.
const SIZE_LIMIT: u64 = 1024 * 1024;

/// How often, and how far apart, a lock is tried that another run holds.
const LOCK_ATTEMPTS: u32 = 10;
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// What has been done, as written to the disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    version: u32,
    /// Where the stick stands, `1-1.2`, or the path of its port.
    pub place: String,
    /// What the stick is, as far as it was seen.
    pub stick: Fingerprint,
    /// The files, in flashing order.
    pub files: Vec<FileRecord>,
    /// Whether firmware bytes may have reached the stick.
    pub touched: bool,
    /// What its identities are hashed with.
    #[serde(skip)]
    pub secret: Secret,
}

/// What identities are hashed with before they are written: the same for all journals of a folder.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(Option<Vec<u8>>);

impl Secret {
    /// The one of a folder, which is made where there is none.
    ///
    /// # Errors
    /// `FileUnwritable`, `FileUnreadable`.
    pub fn of(folder: &Path) -> Result<Secret> {
        if let Some(secret) = Secret::read(folder)? {
            return Ok(secret);
        }
        make_folder(folder)?;
        let mut made = [0; SECRET_BYTES];
        random::fill(&mut made);
        match atomic_file::write_for_owner(&secret_file(folder), &made, Existing::Keep) {
            // Another run was faster.
            Err(e) if e.is(ErrorKind::FileExists) => {
                Ok(Secret::read(folder)?.unwrap_or(Secret(Some(made.to_vec()))))
            }
            written => written.map(|()| Secret(Some(made.to_vec()))).map_err(|e| e.detail(Detail::InJournal)),
        }
    }

    /// One that is too short to be ours is removed.
    fn read(folder: &Path) -> Result<Option<Secret>> {
        let path = secret_file(folder);
        match fs::read(&path) {
            Ok(bytes) if bytes.len() == SECRET_BYTES => Ok(Some(Secret(Some(bytes)))),
            Ok(_) => {
                let _ = fs::remove_file(&path);
                Ok(None)
            }
            // Making the folder tells what stands in its way.
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
            Err(e) => {
                let what = format!("cannot read {}", path.display());
                Err(Error::new(ErrorKind::FileUnreadable, what).because(e).detail(Detail::InJournal))
            }
        }
    }

    /// The form in which an IMEI or serial number is remembered.
    pub fn hash(&self, identity: &str) -> String {
        let identity = identity.trim().as_bytes();
        let keyed = |key: &Vec<u8>| {
            let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
            mac.update(identity);
            Some(mac.finalize().into_bytes())
        };
        let hash = self.0.as_ref().and_then(keyed).unwrap_or_else(|| Sha256::digest(identity));
        hex::encode(&hash)[..16].to_owned()
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

const SECRET_BYTES: usize = 32;

fn secret_file(folder: &Path) -> PathBuf {
    folder.join("secret")
}

/// What a journal is kept under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// A place on the bus.
    Place(Place),
    /// A port of which no place is known, by its path with links followed.
    Port(PathBuf),
}

impl Key {
    /// For people and in the record.
    fn text(&self) -> String {
        match self {
            Key::Place(place) => place.to_string(),
            Key::Port(path) => path.display().to_string(),
        }
    }

    /// A name of a file, without its ending.
    fn file_name(&self) -> String {
        match self {
            Key::Place(place) => place.to_string(),
            Key::Port(path) => format!("port{}", plain(&path.display().to_string())),
        }
    }
}

/// A path as a name of a file on every system. What is replaced is doubled or numbered where it stands for itself.
fn plain(path: &str) -> String {
    let mut name = String::new();
    for c in path.chars() {
        match c {
            '-' => name.push_str("--"),
            '/' | '\\' => name.push('-'),
            // Windows has no files with them in their names.
            '<' | '>' | ':' | '"' | '|' | '?' | '*' | '=' => name.push_str(&format!("={:02x}", u32::from(c))),
            c => name.push(c),
        }
    }
    name
}

impl From<&Place> for Key {
    fn from(place: &Place) -> Self {
        Key::Place(place.clone())
    }
}

/// What tells one stick from another. Every part that both sides know must agree.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fingerprint {
    /// The product id that download mode reports, `E3372h_153`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// The hardware version, `CL2E3372HM`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hardware: Option<String>,
    /// The IMEI as [`Secret::hash`] has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub imei_hash: Option<String>,
    /// The USB serial number likewise. On many models it is the same on every stick: it tells some apart and
    /// proves none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial_hash: Option<String>,
    /// The firmware that was on it before the first partition. What was flashed since may have changed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub software: Option<String>,
}

impl Fingerprint {
    /// Whether both sides are the same stick beyond doubt.
    pub fn is_surely(&self, other: &Fingerprint) -> bool {
        self.imei_hash.is_some() && self.imei_hash == other.imei_hash && self.contradiction(other).is_none()
    }

    /// Whether both sides have told their IMEI, and not the same.
    pub fn has_another_imei(&self, other: &Fingerprint) -> bool {
        matches!((&self.imei_hash, &other.imei_hash), (Some(mine), Some(theirs)) if mine != theirs)
    }

    /// The first part in which both sides know something and differ.
    pub fn contradiction(&self, other: &Fingerprint) -> Option<&'static str> {
        let differ = |a: &Option<String>, b: &Option<String>| matches!((a, b), (Some(a), Some(b)) if a != b);
        if self.has_another_imei(other) {
            Some("IMEI")
        } else if differ(&self.serial_hash, &other.serial_hash) {
            Some("USB serial number")
        } else if differ(&self.software, &other.software) {
            Some("firmware version")
        } else if differ(&self.hardware, &other.hardware) {
            Some("hardware version")
        } else if differ(&self.product, &other.product) {
            Some("product id")
        } else {
            None
        }
    }

    /// Takes over what is known now and was not before.
    pub fn learn(&mut self, other: &Fingerprint) {
        let take = |mine: &mut Option<String>, theirs: &Option<String>| {
            if mine.is_none() {
                mine.clone_from(theirs);
            }
        };
        take(&mut self.product, &other.product);
        take(&mut self.hardware, &other.hardware);
        take(&mut self.imei_hash, &other.imei_hash);
        take(&mut self.serial_hash, &other.serial_hash);
        take(&mut self.software, &other.software);
    }
}

/// One firmware file and how far it got.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileRecord {
    /// The path it was read from, for people.
    pub path: String,
    /// SHA-256 of its partition headers.
    pub headers: String,
    /// How many partitions it has.
    pub partitions: usize,
    /// How many of them the stick acknowledged, in order.
    pub acknowledged: usize,
    /// SHA-256 of each of those as it was sent.
    pub hashes: Vec<String>,
    /// Whether bytes of the next one may have reached the stick.
    pub open: bool,
}

/// The journal of one place.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    /// What is on the disk.
    pub record: Record,
    /// Whether the stick is the one of the record: begun with it in this run, or shown to be the same.
    proven: bool,
    /// Why the disk knows less than was done, if it does.
    unwritten: Option<Error>,
    _lock: Lock,
}

impl Journal {
    /// Begins a journal and writes it. An older one of the same place is replaced; one that cannot be read is put aside, and may have been of this
    /// stick.
    ///
    /// # Errors
    /// `FileUnwritable`; `PortBusy` when another run works at this place.
    pub fn begin(
        folder: &Path,
        key: impl Into<Key>,
        stick: Fingerprint,
        files: Vec<FileRecord>,
    ) -> Result<Self> {
        let key = key.into();
        let lock = lock(folder, &key)?;
        let path = path_of(folder, &key);
        // A stick that says nothing of itself may be the one that an interrupted run left in the middle.
        let touched = match read(&path, &key) {
            Ok(older) => older.touched,
            Err(e) if e.is(ErrorKind::NoJournal) => false,
            Err(_) => {
                // It stays in place until the new one is there.
                let aside = path.with_extension("unreadable");
                let _ = fs::remove_file(&aside);
                let _ = fs::hard_link(&path, &aside).or_else(|_| fs::copy(&path, &aside).map(drop));
                true
            }
        } && stick == Fingerprint::default();
        let secret = Secret::of(folder)?;
        let record = Record { version: VERSION, place: key.text(), stick, files, touched, secret };
        let journal = Journal { path, record, proven: true, unwritten: None, _lock: lock };
        journal.save()?;
        Ok(journal)
    }

    /// Reads the journal of a place. Whether the stick there now is the one of the record is not known yet.
    ///
    /// # Errors
    /// `NoJournal` when there is none, `PortBusy` when another run works on it, `FileCorrupt`, `FileUnreadable`.
    pub fn load(folder: &Path, key: impl Into<Key>) -> Result<Self> {
        let key = key.into();
        let path = path_of(folder, &key);
        fs::metadata(&path).map_err(|e| unreadable(e, &path, &key))?;
        let lock = lock(folder, &key)?;
        let mut record = read(&path, &key)?;
        if record.version == VERSION {
            let kept = Secret::read(folder)?;
            if kept.is_none() {
                // What was hashed with a secret that is lost tells nothing any more.
                (record.stick.imei_hash, record.stick.serial_hash) = (None, None);
            }
            record.secret = kept.map_or_else(|| Secret::of(folder), Ok)?;
        }
        Ok(Journal { path, record, proven: false, unwritten: None, _lock: lock })
    }

    /// Writes the record, synced, before this returns.
    ///
    /// # Errors
    /// `FileUnwritable`.
    pub fn save(&self) -> Result<()> {
        let bytes = serde_json::to_vec_pretty(&self.record)
            .map_err(|e| Error::new(ErrorKind::FileUnwritable, "cannot encode the journal").because(e))?;
        atomic_file::write_for_owner(&self.path, &bytes, Existing::Replace)
            .map_err(|e| e.detail(Detail::InJournal))
    }

    /// Bytes of a partition of file `file` are about to go to the stick. Once something was sent, a disk that takes no more is no reason to
    /// stop, which would leave a stick that does not start: the record then says less than was done, never more, and
    /// [`unwritten`](Self::unwritten) tells why.
    ///
    /// # Errors
    /// `FileUnwritable` before anything was sent.
    pub fn partition_begins(&mut self, file: usize) -> Result<()> {
        let before = (self.record.touched, self.record.files[file].open);
        self.record.touched = true;
        self.record.files[file].open = true;
        match self.save() {
            Err(error) if !before.0 => {
                (self.record.touched, self.record.files[file].open) = before;
                Err(error)
            }
            saved => {
                self.unwritten = saved.err();
                Ok(())
            }
        }
    }

    /// The stick acknowledged partition `index` of file `file`, whose SHA-256 is `hash`. As for
    /// [`partition_begins`](Self::partition_begins), a disk that takes no more is no reason to stop.
    pub fn partition_done(&mut self, file: usize, index: usize, hash: String) {
        let record = &mut self.record.files[file];
        record.acknowledged = index + 1;
        record.hashes.resize(index, String::new());
        record.hashes.push(hash);
        record.open = false;
        self.unwritten = self.save().err();
    }

    /// Why the last change of the record is not on the disk.
    pub fn unwritten(&self) -> Option<&Error> {
        self.unwritten.as_ref()
    }

    /// Whether the stick is surely the one of the record, so that what it acknowledged need not be sent again.
    pub fn is_proven(&self) -> bool {
        self.proven
    }

    /// The stick may be another one than before.
    pub fn forget_proof(&mut self) {
        self.proven = false;
    }

    /// Forgets what was acknowledged: the stick cannot show that it is the one that did. It is from now on.
    ///
    /// # Errors
    /// `FileUnwritable`.
    pub fn start_over(&mut self) -> Result<()> {
        self.proven = true;
        for file in &mut self.record.files {
            file.acknowledged = 0;
            file.hashes.clear();
        }
        self.save()
    }

    /// Refuses to go on with other files than the work was begun with.
    ///
    /// # Errors
    /// `JournalMismatch`.
    pub fn check_files(&self, files: &[FileRecord]) -> Result<()> {
        let ours: Vec<&str> = self.record.files.iter().map(|f| f.headers.as_str()).collect();
        let theirs: Vec<&str> = files.iter().map(|f| f.headers.as_str()).collect();
        if ours == theirs {
            return Ok(());
        }
        Err(self.other_files())
    }

    fn other_files(&self) -> Error {
        let begun_with: Vec<&str> = self.record.files.iter().map(|f| f.path.as_str()).collect();
        Error::new(ErrorKind::JournalMismatch, "the interrupted run used other files")
            .with("begun-with", begun_with.join(" "))
    }

    /// Refuses to skip partitions of file `file` that are not what was sent of it: `hash` gives the SHA-256 of one.
    ///
    /// # Errors
    /// `JournalMismatch`, and what `hash` reports.
    pub fn check_skipped(&self, file: usize, mut hash: impl FnMut(usize) -> Result<String>) -> Result<()> {
        let record = &self.record.files[file];
        for index in 0..record.acknowledged {
            if record.hashes.get(index) != Some(&hash(index)?) {
                return Err(self.other_files());
            }
        }
        Ok(())
    }

    /// Refuses another stick than the work was begun with, and learns nothing of it.
    ///
    /// # Errors
    /// `JournalMismatch`.
    pub(super) fn refuse_another(&self, seen: &Fingerprint) -> Result<()> {
        match self.record.stick.contradiction(seen) {
            Some(part) => {
                Err(Error::new(ErrorKind::JournalMismatch, "the interrupted run was on another stick")
                    .with("differs-in", part))
            }
            None => Ok(()),
        }
    }

    /// Refuses to go on with another stick than the work was begun with, and remembers what is newly known of it.
    ///
    /// # Errors
    /// `JournalMismatch`, `FileUnwritable`.
    pub fn check_stick(&mut self, seen: &Fingerprint) -> Result<()> {
        // Once something was written, another version is what this work leads to.
        let seen =
            &Fingerprint { software: seen.software.clone().filter(|_| !self.record.touched), ..seen.clone() };
        self.refuse_another(seen)?;
        self.proven |= self.record.stick.is_surely(seen);
        let before = self.record.stick.clone();
        self.record.stick.learn(seen);
        if self.record.stick == before { Ok(()) } else { self.save() }
    }

    /// The work is over: nothing is left to resume. A record that somebody removed is no failure.
    ///
    /// # Errors
    /// `FileUnwritable`.
    pub fn finish(self) -> Result<()> {
        match fs::remove_file(&self.path) {
            Err(e) if !matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                let what = format!("cannot remove {}", self.path.display());
                Err(Error::new(ErrorKind::FileUnwritable, what).because(e))
            }
            _ => Ok(()),
        }
    }
}

fn unreadable(error: io::Error, path: &Path, key: &Key) -> Error {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            Error::new(ErrorKind::NoJournal, format!("no interrupted work is recorded for {}", key.text()))
        }
        _ => Error::new(ErrorKind::FileUnreadable, format!("cannot read {}", path.display())).because(error),
    }
}

const NO_JOURNAL: &str = "is damaged, or not a journal of this version";

/// What is on the disk.
fn read(path: &Path, key: &Key) -> Result<Record> {
    let corrupt = |what: &str| {
        Error::new(ErrorKind::FileCorrupt, format!("{} {what}", path.display()))
            .with("journal", path.display())
            .detail(Detail::InJournal)
    };
    if fs::metadata(path).map_err(|e| unreadable(e, path, key))?.len() > SIZE_LIMIT {
        return Err(corrupt(NO_JOURNAL));
    }
    let bytes = fs::read(path).map_err(|e| unreadable(e, path, key))?;
    let record: Record = serde_json::from_slice(&bytes).map_err(|e| {
        let what = match bytes.is_empty() {
            true => "is empty",
            false if e.is_eof() => "ends in the middle: it is cut",
            false => NO_JOURNAL,
        };
        corrupt(what).because(e)
    })?;
    let sane = record.files.iter().all(|f| f.acknowledged <= f.partitions);
    if !matches!(record.version, VERSION | WITHOUT_SECRET) || record.place != key.text() || !sane {
        return Err(corrupt(NO_JOURNAL));
    }
    Ok(record)
}

fn path_of(folder: &Path, key: &Key) -> PathBuf {
    folder.join(format!("{}.json", key.file_name()))
}

fn make_folder(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(|e| {
        Error::new(ErrorKind::FileUnwritable, format!("cannot make the folder {}", folder.display()))
            .because(e)
            .detail(Detail::InJournal)
    })
}

/// Keeps other runs out until it is dropped. Whose it was is forgotten then.
#[derive(Debug)]
struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = self.0.set_len(0);
    }
}

/// Whether another process that runs has written its number into the file; `false` where the system does not show that.
fn is_held_by_a_run(lock: &Path) -> bool {
    let number = fs::read_to_string(lock).ok().and_then(|text| text.parse::<u32>().ok());
    number.is_some_and(|number| {
        number != std::process::id() && Path::new("/proc").join(number.to_string()).exists()
    })
}

/// Keeps other runs from the same place, until the file is closed. It stays: to remove it would let two runs hold two locks.
fn lock(folder: &Path, key: &Key) -> Result<Lock> {
    let path = folder.join(format!("{}.lock", key.file_name()));
    let unwritable = |e: io::Error| {
        Error::new(ErrorKind::FileUnwritable, format!("cannot lock {}", path.display()))
            .because(e)
            .detail(Detail::InJournal)
    };
    make_folder(folder)?;
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(unwritable)?;
    // A process that is just being started holds what its parent had open for a moment. A run that lives is not waited for: its stick may be about to
    // restart when it lets go.
    for attempt in 0..LOCK_ATTEMPTS {
        if file.try_lock_exclusive().map_err(unwritable)? {
            // Who holds it is for others to know, and no reason to fail.
            let _ = file.set_len(0).and_then(|()| write!(&file, "{}", std::process::id()));
            return Ok(Lock(file));
        }
        if is_held_by_a_run(&path) {
            break;
        }
        if attempt + 1 < LOCK_ATTEMPTS {
            std::thread::sleep(LOCK_PAUSE);
        }
    }
    Err(Error::new(
        ErrorKind::PortBusy,
        format!("another run of this program works on the stick at {}", key.text()),
    )
    .detail(Detail::Holder("another run of stickshift".to_owned()))
    .detail(Detail::NextStep(
        "it may be writing firmware, and must not be stopped then: wait for its end, then look at `stickshift list`",
    )))
}

#[cfg(test)]
#[path = "journal_tests.rs"]
mod tests;
