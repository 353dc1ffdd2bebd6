//! Files that were uploaded: each in a folder of its own below a private temporary one, under a name without any path. They go with the server.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use crate::access::secret;

/// Files that are kept; the oldest goes for the next.
const KEPT: usize = 32;

#[derive(Clone, Debug)]
pub(crate) struct Upload {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) bytes: u64,
    pub(crate) path: PathBuf,
}

impl Upload {
    pub(crate) fn json(&self) -> Value {
        json!({ "id": self.id, "name": self.name, "bytes": self.bytes })
    }
}

pub(crate) struct Uploads {
    folder: PathBuf,
    kept: Mutex<Vec<Upload>>,
}

impl Uploads {
    /// Makes the folder, which nobody else may read.
    pub(crate) fn new() -> io::Result<Uploads> {
        let folder = std::env::temp_dir().join(format!("stickshift-web-{}", secret()));
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut fs::DirBuilder::new(), 0o700).create(&folder)?;
        #[cfg(not(unix))]
        fs::create_dir(&folder)?;
        Ok(Uploads { folder, kept: Mutex::default() })
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Vec<Upload>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a new file: its id, its name and its path.
    pub(crate) fn begin(&self, name: &str) -> io::Result<Upload> {
        let id = secret()[..12].to_owned();
        let name = harmless(name);
        let folder = self.folder.join(&id);
        fs::create_dir(&folder)?;
        Ok(Upload { path: folder.join(&name), id, name, bytes: 0 })
    }

    /// Keeps a file that came whole.
    pub(crate) fn keep(&self, upload: Upload) {
        let mut kept = self.kept();
        if kept.len() >= KEPT {
            discard(&kept.remove(0));
        }
        kept.push(upload);
    }

    pub(crate) fn get(&self, id: &str) -> Option<Upload> {
        self.kept().iter().find(|upload| upload.id == id).cloned()
    }

    pub(crate) fn list(&self) -> Vec<Upload> {
        self.kept().clone()
    }

    pub(crate) fn remove(&self, id: &str) -> bool {
        let mut kept = self.kept();
        let Some(index) = kept.iter().position(|upload| upload.id == id) else { return false };
        discard(&kept.remove(index));
        true
    }

    /// Takes the path of the folder out of the texts of a line: viewers know files by their names.
    pub(crate) fn hide(&self, value: &mut Value) {
        match value {
            Value::String(text) => {
                if let Some(shorter) = without_paths(text, &self.folder) {
                    *text = shorter;
                }
            }
            Value::Array(values) => values.iter_mut().for_each(|value| self.hide(value)),
            Value::Object(fields) => fields.values_mut().for_each(|value| self.hide(value)),
            _ => {}
        }
    }
}

impl Drop for Uploads {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Removes a file that is not wanted.
pub(crate) fn discard(upload: &Upload) {
    if let Some(folder) = upload.path.parent() {
        let _ = fs::remove_dir_all(folder);
    }
}

/// The text without `folder`, the id below it and the separators.
fn without_paths(text: &str, folder: &Path) -> Option<String> {
    let folder = folder.to_str()?;
    let mut parts = text.split(folder);
    let mut out = parts.next()?.to_owned();
    if out.len() == text.len() {
        return None;
    }
    for part in parts {
        let below = part.trim_start_matches(std::path::is_separator);
        let name = below.split_once(std::path::is_separator).map_or(below, |(_, name)| name);
        out.push_str(name);
    }
    Some(out)
}

/// A file name that is one on every system, and no option: `12d1:1526` stays, as usb_modeswitch's files are called so.
fn harmless(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let may_stay = |c: char| c.is_ascii_alphanumeric() || "._-+()".contains(c) || (c == ':' && cfg!(unix));
    let name: String = last.chars().map(|c| if may_stay(c) { c } else { '_' }).take(80).collect();
    match name.trim_start_matches(['.', '-']) {
        "" => "file".to_owned(),
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_out_of_the_folder() {
        let uploads = Uploads::new().unwrap();
        for name in
            ["../../etc/passwd", "..\\..\\x", "/abs", "..", ".", "", "-rf", "--output=x", "a\0b", "x/../y"]
        {
            let upload = uploads.begin(name).unwrap();
            assert_eq!(upload.path.parent().unwrap().parent(), Some(uploads.folder.as_path()), "{name}");
            assert!(
                !upload.name.starts_with(['.', '-']) && !upload.name.is_empty(),
                "{name}: {}",
                upload.name
            );
        }
        assert_eq!(harmless("12d1:1526"), if cfg!(unix) { "12d1:1526" } else { "12d1_1526" });
        let folder = uploads.folder.clone();
        drop(uploads);
        assert!(!folder.exists());
    }

    #[test]
    fn paths_are_hidden() {
        let uploads = Uploads::new().unwrap();
        let upload = uploads.begin("firmware.bin").unwrap();
        let mut line = json!({ "text": [format!("checking {} now", upload.path.display())], "n": 1 });
        uploads.hide(&mut line);
        assert_eq!(line, json!({ "text": ["checking firmware.bin now"], "n": 1 }));
    }
}
