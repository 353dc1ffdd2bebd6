//! The file of a trace. Writing it may fail in the middle of a flash, which goes on; that the trace is incomplete is said at the end.

use std::fs::File;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

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
    file: File,
    length: u64,
    state: TraceState,
}

impl TraceFile {
    pub(super) fn new(file: File, state: TraceState) -> TraceFile {
        TraceFile { file, length: 0, state }
    }
}

impl Write for TraceFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut problem = self.state.0.lock().unwrap_or_else(PoisonError::into_inner);
        if problem.is_none() {
            match self.file.write_all(bytes) {
                Ok(()) => self.length += bytes.len() as u64,
                Err(error) => {
                    // What is there stays readable: it ends with a whole line.
                    let _ = self.file.set_len(self.length);
                    *problem = Some(error.to_string());
                }
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
