//! The file of a trace. Writing it may fail in the middle of a flash, which goes on; that the trace is incomplete is said at the end.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use stickshift::atomic_file::AtomicFile;
use stickshift::error::Result;

use crate::files;

/// Whether a trace could be written.
#[derive(Clone, Debug, Default)]
pub(super) struct TraceState(Arc<Mutex<Option<String>>>);

impl TraceState {
    /// Why it could not.
    pub(super) fn problem(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Ends with the first write that fails: a trace with a hole in it would play back wrong.
pub(super) struct TraceFile {
    /// Until something is recorded, where there is an older trace that it replaces.
    waiting: Option<AtomicFile>,
    file: Option<File>,
    length: u64,
    state: TraceState,
}

impl TraceFile {
    /// # Errors
    /// As [`files::create_trace`].
    pub(super) fn create(path: &Path, force: bool, state: TraceState) -> Result<TraceFile> {
        let new = files::create_trace(path, force)?;
        let (waiting, file) = if path.exists() { (Some(new), None) } else { (None, Some(new.publish()?)) };
        Ok(TraceFile { waiting, file, length: 0, state })
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some(mut waiting) = self.waiting.take() {
            // On the disk before the older one goes.
            waiting.write_all(bytes)?;
            self.file = Some(waiting.publish().map_err(io::Error::other)?);
            self.length = bytes.len() as u64;
            return Ok(());
        }
        let Some(file) = &mut self.file else { return Ok(()) };
        let written = file.write_all(bytes);
        match written {
            Ok(()) => self.length += bytes.len() as u64,
            // What is there stays readable: it ends with a whole line.
            Err(_) => drop(file.set_len(self.length)),
        }
        written
    }
}

impl Write for TraceFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let state = self.state.clone();
        let mut problem = state.0.lock().unwrap_or_else(PoisonError::into_inner);
        if problem.is_none() {
            *problem = self.append(bytes).err().map(|error| error.to_string());
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
