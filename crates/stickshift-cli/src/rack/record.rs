//! What a command for every stick has done, kept until all of it is: after an interruption the same command goes on with the rest.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use stickshift::atomic_file;
use stickshift::error::{Error, ErrorKind, Result, Verdict};

use super::row::{Row, Rows};
use crate::files;

#[derive(Serialize, Deserialize)]
struct Kept {
    #[serde(rename = "stickshift-all")]
    version: u32,
    rows: Vec<Row>,
}

const VERSION: u32 = 1;

pub(super) struct Record {
    path: PathBuf,
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
            Error::new(ErrorKind::FileUnwritable, what).because(e).with_verdict(Verdict::Untouched)
        })?;
        let kept = files::read(&path).ok().filter(|_| !anew);
        let kept = kept.and_then(|bytes| serde_json::from_slice::<Kept>(&bytes).ok());
        let rows = kept.filter(|kept| kept.version == VERSION).map_or_else(Vec::new, |kept| kept.rows);
        Ok(Record { path, rows })
    }

    /// Keeps what was done so far.
    pub(super) fn keep<'a>(&self, rows: impl Iterator<Item = &'a Row>) -> Result<()> {
        let kept = Kept { version: VERSION, rows: rows.cloned().collect() };
        let bytes = serde_json::to_vec_pretty(&kept)
            .map_err(|e| Error::new(ErrorKind::FileUnwritable, "cannot encode the record").because(e))?;
        atomic_file::write(&self.path, &bytes)
    }

    /// Forgets it where nothing is left to do.
    pub(super) fn end(&self, rows: &Rows) -> Result<()> {
        if rows.all().all(Row::is_done) {
            let _ = fs::remove_file(&self.path);
            return Ok(());
        }
        self.keep(rows.all())
    }
}
