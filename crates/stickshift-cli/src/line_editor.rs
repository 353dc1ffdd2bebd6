//! Lines of a conversation that are typed one after the other: with editing and a history, or as the terminal gives them.

use stickshift::error::{Error, ErrorKind, Result};

#[cfg(feature = "line-editor")]
pub(crate) struct LineEditor(rustyline::DefaultEditor);

#[cfg(feature = "line-editor")]
impl LineEditor {
    /// # Errors
    /// `Io`.
    pub(crate) fn new() -> Result<LineEditor> {
        rustyline::DefaultEditor::new().map(LineEditor).map_err(broken)
    }

    /// The next line; `None` at the end of the input, or when it is left by Ctrl-C.
    ///
    /// # Errors
    /// `Io`.
    pub(crate) fn line(&mut self, prompt: &str) -> Result<Option<String>> {
        use rustyline::error::ReadlineError;
        match self.0.readline(prompt) {
            Ok(line) => Ok(Some(line)),
            Err(ReadlineError::Eof | ReadlineError::Interrupted) => Ok(None),
            Err(e) => Err(broken(e)),
        }
    }

    /// Lets the line be typed again by an arrow key.
    pub(crate) fn remember(&mut self, line: &str) {
        let _ = self.0.add_history_entry(line);
    }
}

#[cfg(not(feature = "line-editor"))]
pub(crate) struct LineEditor;

#[cfg(not(feature = "line-editor"))]
impl LineEditor {
    pub(crate) fn new() -> Result<LineEditor> {
        Ok(LineEditor)
    }

    pub(crate) fn line(&mut self, prompt: &str) -> Result<Option<String>> {
        use std::io::{self, BufRead, IsTerminal, Write};
        if io::stdin().is_terminal() {
            let _ = write!(io::stderr(), "{prompt}");
        }
        let mut line = String::new();
        let read = io::stdin().lock().read_line(&mut line).map_err(broken)?;
        Ok((read > 0).then(|| line.trim_end_matches(['\r', '\n']).to_owned()))
    }

    pub(crate) fn remember(&mut self, _: &str) {}
}

fn broken(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::Io, "the terminal cannot be read").because(error)
}
