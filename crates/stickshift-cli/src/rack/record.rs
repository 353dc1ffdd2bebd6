//! What a command for every stick has done, kept until all of it is: after an interruption the same command goes on with the rest.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use stickshift::atomic_file::{self, Existing};
use stickshift::convert::journal::Secret;
use stickshift::error::{Detail, Error, ErrorKind, Result, Verdict};

use super::row::{Row, Rows};
use crate::files;

#[derive(Serialize, Deserialize)]
struct Kept {
    #[serde(rename = "stickshift-all")]
    version: u32,
    rows: Vec<KeptRow>,
}

#[derive(Serialize, Deserialize)]
struct KeptRow {
    #[serde(flatten)]
    row: Row,
    key: Option<String>,
}

const VERSION: u32 = 2;
/// The version before. Its keys are hashes without a secret, which tell nothing here.
const WITHOUT_SECRET: u32 = 1;

pub(super) struct Record {
    path: PathBuf,
    pub(super) secret: Secret,
    /// The rows of earlier runs of the same command.
    pub(super) rows: Vec<Row>,
}

impl Record {
    /// The record of a command. One of another version, or one that is damaged, counts as none: sticks say themselves what they are.
    ///
    /// # Errors
    /// `FileUnwritable`.
    pub(super) fn open(folder: &Path, verb: &str, key: &str, anew: bool) -> Result<Record> {
        let path = folder.join(format!("all-{verb}-{}.json", files::digest(key)));
        fs::create_dir_all(folder).map_err(|e| {
            let what = format!("cannot make the folder {}", folder.display());
            Error::new(ErrorKind::FileUnwritable, what)
                .because(e)
                .detail(Detail::InJournal)
                .with_verdict(Verdict::Untouched)
        })?;
        let kept = files::read(&path).ok().filter(|_| !anew);
        let kept = kept.and_then(|bytes| serde_json::from_slice::<Kept>(&bytes).ok());
        let kept = kept.filter(|kept| matches!(kept.version, VERSION | WITHOUT_SECRET));
        let rows = kept.into_iter().flat_map(|kept| {
            let key = move |key: Option<String>| key.filter(|_| kept.version == VERSION);
            kept.rows.into_iter().map(move |kept| kept.row.with_key(key(kept.key)))
        });
        let rows = rows.collect();
        let secret = Secret::of(folder).map_err(|e| e.with_verdict(Verdict::Untouched))?;
        Ok(Record { path, secret, rows })
    }

    /// Keeps what was done so far.
    pub(super) fn keep<'a>(&self, rows: impl Iterator<Item = &'a Row>) -> Result<()> {
        let rows = rows.map(|row| KeptRow { key: row.key.clone(), row: row.clone() }).collect();
        let kept = Kept { version: VERSION, rows };
        let bytes = serde_json::to_vec_pretty(&kept)
            .map_err(|e| Error::new(ErrorKind::FileUnwritable, "cannot encode the record").because(e))?;
        atomic_file::write_for_owner(&self.path, &bytes, Existing::Replace)
            .map_err(|e| e.detail(Detail::InJournal))
    }

    /// Forgets it where nothing is left to do.
    pub(super) fn end(&self, rows: &Rows) -> Result<()> {
        if rows.known().all(Row::is_done) {
            let _ = fs::remove_file(&self.path);
            return Ok(());
        }
        self.keep(rows.known())
    }
}
