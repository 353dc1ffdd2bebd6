//! `--report FILE` of a command for every stick: a file of this computer, written from the rows that the other one tells.

use std::path::PathBuf;

use serde_json::Value;
use stickshift::error::Result;
#[cfg(feature = "rack")]
use stickshift::error::{Detail, Error, ErrorKind, Verdict};

use super::Typed;
use crate::context::Context;

pub(super) struct Report(Option<PathBuf>);

const OPTION: &str = "--report=";

impl Report {
    pub(super) fn of(typed: &Typed) -> Report {
        let (options, _) = typed.parts();
        Report(options.iter().find_map(|word| word.strip_prefix(OPTION)).map(PathBuf::from))
    }

    /// What is sent: the file is no affair of the other computer.
    pub(super) fn without(&self, typed: &Typed) -> Typed {
        let (options, _) = typed.parts();
        let kept = |(index, word): (usize, &String)| {
            (index >= options.len() || !word.starts_with(OPTION)).then(|| word.clone())
        };
        let words = typed.words.iter().enumerate().filter_map(kept).collect();
        Typed { verb: typed.verb.clone(), words }
    }

    /// Before anything is sent.
    ///
    /// # Errors
    /// `FileExists`, `FileUnwritable`.
    #[cfg(feature = "rack")]
    pub(super) fn check(&self, context: &Context) -> Result<()> {
        self.0.as_deref().map_or(Ok(()), |path| crate::rack::check_report(path, context.global.force))
    }

    /// Writes it, where the last line has rows.
    ///
    /// # Errors
    /// `FileUnwritable`, with the verdict of the rows.
    #[cfg(feature = "rack")]
    pub(super) fn write(&self, last: &Value) -> Result<()> {
        let Some(path) = self.0.as_deref().filter(|_| last["result"]["rows"].is_array()) else {
            return Ok(());
        };
        let rows = serde_json::from_value::<crate::rack::Rows>(last["result"].clone());
        let rows = rows.map_err(|e| {
            let next = "check that the same version of stickshift runs there";
            let error = Error::new(ErrorKind::Io, "the rows from there are not those of this version");
            error.because(e).detail(Detail::NextStep(next)).with_verdict(Verdict::Unknown)
        })?;
        crate::rack::write_report(path, &rows).map_err(|e| e.with_verdict(rows.verdict()))
    }

    #[cfg(not(feature = "rack"))]
    pub(super) fn check(&self, _: &Context) -> Result<()> {
        let _ = &self.0;
        Ok(())
    }

    #[cfg(not(feature = "rack"))]
    pub(super) fn write(&self, _: &Value) -> Result<()> {
        Ok(())
    }
}
