//! The journal: what a journey has done to a stick, written and synced before it matters, so that a crash, a pulled stick or a
//! power cut can be taken up at the right partition.
//!
//! One small JSON file per place on the bus. Identities are kept as hashes only.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::atomic_file;
use crate::error::{Detail, Error, ErrorKind, Result};
use crate::hex;
use crate::stick::Place;

/// The version of the file's form. A journal of another version is refused, never guessed at.
const VERSION: u32 = 1;
/// A journal is a few kilobytes; a larger file is none.
const SIZE_LIMIT: u64 = 1024 * 1024;

/// What has been done, as written to the disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    version: u32,
    /// Where the stick stands, `1-1.2`.
    pub place: String,
    /// What the stick is, as far as it was seen.
    pub stick: Fingerprint,
    /// The files, in flashing order.
    pub files: Vec<FileRecord>,
    /// Whether firmware bytes may have reached the stick.
    pub touched: bool,
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
    /// SHA-256 of the IMEI, shortened to 16 hex digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub imei_hash: Option<String>,
}

impl Fingerprint {
    /// The form in which an IMEI is remembered.
    pub fn hash_imei(imei: &str) -> String {
        hex::encode(&Sha256::digest(imei.trim().as_bytes()))[..16].to_owned()
    }

    /// The first part in which both sides know something and differ.
    pub fn contradiction(&self, other: &Fingerprint) -> Option<&'static str> {
        let differ = |a: &Option<String>, b: &Option<String>| matches!((a, b), (Some(a), Some(b)) if a != b);
        if differ(&self.imei_hash, &other.imei_hash) {
            Some("IMEI")
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
    }
}

/// One firmware file and how far it got.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileRecord {
    /// The path it was read from, for people.
    pub path: String,
    /// SHA-256 of the whole file.
    pub sha256: String,
    /// How many partitions it has.
    pub partitions: usize,
    /// How many of them the stick acknowledged, in order.
    pub acknowledged: usize,
    /// Whether bytes of the next one may have reached the stick.
    pub open: bool,
}

/// The journal of one place.
pub struct Journal {
    path: PathBuf,
    /// What is on the disk.
    pub record: Record,
}

impl Journal {
    /// Begins a journal and writes it. An older one of the same place is replaced.
    ///
    /// # Errors
    /// `FileUnwritable`.
    pub fn begin(folder: &Path, place: &Place, stick: Fingerprint, files: Vec<FileRecord>) -> Result<Self> {
        fs::create_dir_all(folder).map_err(|e| {
            Error::new(ErrorKind::FileUnwritable, format!("cannot make the folder {}", folder.display()))
                .because(e)
        })?;
        let record = Record { version: VERSION, place: place.to_string(), stick, files, touched: false };
        let journal = Journal { path: path_of(folder, place), record };
        journal.save()?;
        Ok(journal)
    }

    /// Reads the journal of a place.
    ///
    /// # Errors
    /// `NoJournal` when there is none, `FileCorrupt`, `FileUnreadable`.
    pub fn load(folder: &Path, place: &Place) -> Result<Self> {
        let path = path_of(folder, place);
        let unreadable = |e: io::Error| match e.kind() {
            io::ErrorKind::NotFound => Error::new(
                ErrorKind::NoJournal,
                format!("no interrupted journey is recorded for place {place}"),
            ),
            _ => Error::new(ErrorKind::FileUnreadable, format!("cannot read {}", path.display())).because(e),
        };
        let corrupt = || {
            Error::new(ErrorKind::FileCorrupt, format!("{} is no journal of this version", path.display()))
                .with("journal", path.display())
                .detail(Detail::InJournal)
        };
        if fs::metadata(&path).map_err(unreadable)?.len() > SIZE_LIMIT {
            return Err(corrupt());
        }
        let bytes = fs::read(&path).map_err(unreadable)?;
        let record: Record = serde_json::from_slice(&bytes).map_err(|e| corrupt().because(e))?;
        let sane = record.files.iter().all(|f| f.acknowledged <= f.partitions);
        if record.version != VERSION || record.place != place.as_str() || !sane {
            return Err(corrupt());
        }
        Ok(Journal { path, record })
    }

    /// Writes the record, synced, before this returns.
    ///
    /// # Errors
    /// `FileUnwritable`.
    pub fn save(&self) -> Result<()> {
        let bytes = serde_json::to_vec_pretty(&self.record)
            .map_err(|e| Error::new(ErrorKind::FileUnwritable, "cannot encode the journal").because(e))?;
        atomic_file::write(&self.path, &bytes)
    }

    /// Bytes of a partition of file `file` are about to go to the stick.
    ///
    /// # Errors
    /// `FileUnwritable`.
    pub fn partition_begins(&mut self, file: usize) -> Result<()> {
        self.record.touched = true;
        self.record.files[file].open = true;
        self.save()
    }

    /// The stick acknowledged partition `index` of file `file`.
    ///
    /// # Errors
    /// `FileUnwritable`.
    pub fn partition_done(&mut self, file: usize, index: usize) -> Result<()> {
        let record = &mut self.record.files[file];
        record.acknowledged = index + 1;
        record.open = false;
        self.save()
    }

    /// Refuses to go on with other files than the journey was begun with.
    ///
    /// # Errors
    /// `JournalMismatch`.
    pub fn check_files(&self, files: &[FileRecord]) -> Result<()> {
        let ours: Vec<&str> = self.record.files.iter().map(|f| f.sha256.as_str()).collect();
        let theirs: Vec<&str> = files.iter().map(|f| f.sha256.as_str()).collect();
        if ours == theirs {
            return Ok(());
        }
        let begun_with: Vec<&str> = self.record.files.iter().map(|f| f.path.as_str()).collect();
        Err(Error::new(ErrorKind::JournalMismatch, "the journey was begun with other files")
            .with("begun-with", begun_with.join(" ")))
    }

    /// Refuses to go on with another stick than the journey was begun with, and remembers what is newly known of it.
    ///
    /// # Errors
    /// `JournalMismatch`, `FileUnwritable`.
    pub fn check_stick(&mut self, seen: &Fingerprint) -> Result<()> {
        if let Some(part) = self.record.stick.contradiction(seen) {
            return Err(Error::new(ErrorKind::JournalMismatch, "the journey was begun with another stick")
                .with("differs-in", part));
        }
        let before = self.record.stick.clone();
        self.record.stick.learn(seen);
        if self.record.stick == before { Ok(()) } else { self.save() }
    }

    /// The journey is over: nothing is left to resume.
    ///
    /// # Errors
    /// `FileUnwritable`.
    pub fn finish(self) -> Result<()> {
        fs::remove_file(&self.path).map_err(|e| {
            Error::new(ErrorKind::FileUnwritable, format!("cannot remove {}", self.path.display())).because(e)
        })
    }
}

fn path_of(folder: &Path, place: &Place) -> PathBuf {
    folder.join(format!("{place}.json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(sha256: &str) -> FileRecord {
        FileRecord {
            path: "fw.bin".into(),
            sha256: sha256.into(),
            partitions: 3,
            acknowledged: 0,
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
        let read = Journal::load(dir.path(), &place()).unwrap().record;
        assert!(read.touched && read.files[0].open && read.files[0].acknowledged == 0);
        journal.partition_done(0, 1).unwrap();
        let read = Journal::load(dir.path(), &place()).unwrap();
        assert_eq!((read.record.files[0].acknowledged, read.record.files[0].open), (2, false));
        read.finish().unwrap();
        assert!(Journal::load(dir.path(), &place()).err().unwrap().is(ErrorKind::NoJournal));
    }

    #[test]
    fn another_stick_or_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let stick = Fingerprint { imei_hash: Some(Fingerprint::hash_imei("1")), ..Fingerprint::default() };
        let mut journal = Journal::begin(dir.path(), &place(), stick, vec![file("aa"), file("bb")]).unwrap();
        assert!(journal.check_files(&[file("aa"), file("bb")]).is_ok());
        assert!(journal.check_files(&[file("bb"), file("aa")]).unwrap_err().is(ErrorKind::JournalMismatch));
        assert!(journal.check_files(&[file("aa")]).unwrap_err().is(ErrorKind::JournalMismatch));
        let learned = Fingerprint { hardware: Some("CL2E3372HM".into()), ..Fingerprint::default() };
        journal.check_stick(&learned).unwrap();
        assert_eq!(
            Journal::load(dir.path(), &place()).unwrap().record.stick.hardware.as_deref(),
            Some("CL2E3372HM")
        );
        let other = Fingerprint { hardware: Some("CL1E3372SM".into()), ..Fingerprint::default() };
        assert_eq!(journal.check_stick(&other).unwrap_err().fact("differs-in"), Some("hardware version"));
    }

    #[test]
    fn a_damaged_journal_is_named_not_guessed_at() {
        let dir = tempfile::tempdir().unwrap();
        Journal::begin(dir.path(), &place(), Fingerprint::default(), vec![file("aa")]).unwrap();
        let path = dir.path().join("1-1.2.json");
        let whole = fs::read(&path).unwrap();
        for cut in 0..whole.len() {
            fs::write(&path, &whole[..cut]).unwrap();
            assert!(Journal::load(dir.path(), &place()).err().unwrap().is(ErrorKind::FileCorrupt), "{cut}");
        }
        let text = String::from_utf8(whole).unwrap();
        fs::write(&path, text.replace("\"acknowledged\": 0", "\"acknowledged\": 9")).unwrap();
        assert!(Journal::load(dir.path(), &place()).err().unwrap().is(ErrorKind::FileCorrupt));
    }

    #[test]
    fn no_identity_is_written_in_the_clear() {
        let hash = Fingerprint::hash_imei("860000000000001");
        assert_eq!(hash.len(), 16);
        assert!(!hash.contains("86000000"));
    }
}
