//! Files that were uploaded: each in a folder of its own below a private temporary one, under a name without any path. They go with the server.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use fs4::fs_std::FileExt;
use serde_json::{Value, json};

use crate::access::secret;

/// Files that are kept; the oldest that no command names goes for the next.
const KEPT: usize = 32;

/// How the folder is called, before what nobody guesses.
const FOLDER: &str = "stickshift-web-";

/// A file in it, which its server holds locked.
const LOCK: &str = "lock";

/// It has its name once it is locked: nobody takes the folder for an abandoned one before.
fn lock(folder: &Path) -> io::Result<fs::File> {
    let new = folder.join("lock.new");
    let file = fs::File::create_new(&new)?;
    if !FileExt::try_lock_exclusive(&file)? {
        return Err(io::ErrorKind::WouldBlock.into());
    }
    fs::rename(new, folder.join(LOCK))?;
    Ok(file)
}

/// A folder without a lock is no young server's any more after this.
#[cfg(unix)]
const YOUNG: std::time::Duration = std::time::Duration::from_secs(3600);

/// Whether another process of this program runs here, which may be the server of a folder that no lock tells anything of.
#[cfg(target_os = "linux")]
fn another_runs() -> bool {
    let own = std::process::id().to_string();
    let Ok(processes) = fs::read_dir("/proc") else { return true };
    processes.flatten().map(|process| process.path()).any(|process| {
        let is_other = process.file_name().is_some_and(|id| id != own.as_str());
        is_other && fs::read_to_string(process.join("comm")).is_ok_and(|name| name.starts_with("stickshift"))
    })
}

#[cfg(all(unix, not(target_os = "linux")))]
fn another_runs() -> bool {
    true
}

/// Whether a folder without a lock was left behind: by an earlier version, which made none, or before it was locked.
#[cfg(unix)]
fn is_left(folder: &fs::Metadata, another_runs: &dyn Fn() -> bool) -> bool {
    let age = folder.modified().ok().and_then(|changed| changed.elapsed().ok());
    age.is_some_and(|age| age > YOUNG) && !another_runs()
}

/// Removes the folders of servers that were killed: those of the same user that nobody else may enter, and whose lock nobody holds.
#[cfg(unix)]
fn remove_abandoned(temporary: &Path, own: &Path, another_runs: &dyn Fn() -> bool) {
    use std::os::unix::fs::MetadataExt;
    let Ok(user) = fs::symlink_metadata(own).map(|own| own.uid()) else { return };
    for entry in fs::read_dir(temporary).into_iter().flatten().flatten() {
        let folder = entry.path();
        let is_named = entry.file_name().to_str().is_some_and(|name| name.starts_with(FOLDER));
        let Ok(metadata) = fs::symlink_metadata(&folder) else { continue };
        let is_ours = metadata.is_dir() && metadata.uid() == user && metadata.mode() & 0o077 == 0;
        if !is_named || !is_ours || folder == own {
            continue;
        }
        let lock = folder.join(LOCK);
        let has_none = fs::symlink_metadata(&lock).is_err_and(|e| e.kind() == io::ErrorKind::NotFound);
        if has_none && is_left(&metadata, another_runs) {
            let _ = fs::remove_dir_all(&folder);
            continue;
        }
        // No link and no pipe, which would wait for somebody.
        let is_file = fs::symlink_metadata(&lock).is_ok_and(|lock| lock.is_file());
        let Some(held) = is_file.then(|| fs::File::open(&lock).ok()).flatten() else { continue };
        if FileExt::try_lock_exclusive(&held).is_ok_and(|got| got) {
            let _ = fs::remove_dir_all(&folder);
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Upload {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) bytes: u64,
    pub(crate) path: PathBuf,
    /// Shared by all who hold the file.
    holders: Arc<()>,
}

impl Upload {
    pub(crate) fn json(&self) -> Value {
        json!({ "id": self.id, "name": self.name, "bytes": self.bytes })
    }
}

pub(crate) struct Uploads {
    folder: PathBuf,
    kept: Mutex<Vec<Upload>>,
    /// Held as long as the server runs.
    _lock: fs::File,
}

impl Uploads {
    /// Makes the folder, which nobody else may read.
    pub(crate) fn new() -> io::Result<Uploads> {
        Uploads::below(
            &std::env::temp_dir(),
            #[cfg(unix)]
            &another_runs,
        )
    }

    fn below(temporary: &Path, #[cfg(unix)] another_runs: &dyn Fn() -> bool) -> io::Result<Uploads> {
        let folder = temporary.join(format!("{FOLDER}{}", secret()));
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut fs::DirBuilder::new(), 0o700).create(&folder)?;
        #[cfg(not(unix))]
        fs::create_dir(&folder)?;
        let lock = lock(&folder)?;
        #[cfg(unix)]
        remove_abandoned(temporary, &folder, another_runs);
        Ok(Uploads { folder, kept: Mutex::default(), _lock: lock })
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
        Ok(Upload { path: folder.join(&name), id, name, bytes: 0, holders: Arc::default() })
    }

    /// Keeps a file that came whole.
    pub(crate) fn keep(&self, upload: Upload) {
        let mut kept = self.kept();
        let oldest = kept.iter().position(|upload| Arc::strong_count(&upload.holders) == 1);
        if let (true, Some(oldest)) = (kept.len() >= KEPT, oldest) {
            discard(&kept.remove(oldest));
        }
        kept.push(upload);
    }

    pub(crate) fn get(&self, id: &str) -> Option<Upload> {
        self.kept().iter().find(|upload| upload.id == id).cloned()
    }

    /// The files that the words of a command name. They stay as long as somebody has them.
    pub(crate) fn named(&self, words: &[String]) -> Vec<Upload> {
        let is_named = |upload: &&Upload| {
            let path = upload.path.to_str();
            path.is_some_and(|path| words.iter().any(|word| word.ends_with(path)))
        };
        self.kept().iter().filter(is_named).cloned().collect()
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

    /// Takes the path of the folder out of the texts of a line, and those of earlier servers: viewers know files by their names.
    pub(crate) fn hide(&self, value: &mut Value) {
        match value {
            Value::String(text) => {
                if let Some(shorter) = without_paths(text, &self.folder) {
                    *text = shorter;
                }
                if let Some(shorter) = without_earlier_paths(text) {
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

/// The text without the folders of servers that ran before. What surrounds them is not known: a path begins after a space or a quote.
fn without_earlier_paths(text: &str) -> Option<String> {
    let is_separator = std::path::is_separator;
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(FOLDER) {
        let (before, after) = (&rest[..at], &rest[at + FOLDER.len()..]);
        let secret = after.len() - after.trim_start_matches(|c: char| c.is_ascii_hexdigit()).len();
        let below = after[secret..].trim_start_matches(is_separator);
        let file = below.split_once(is_separator).map(|(_, file)| file);
        match file.filter(|_| secret > 0 && before.ends_with(is_separator)) {
            Some(file) => {
                let start = before.rfind(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '='));
                out.push_str(&before[..start.map_or(0, |at| at + 1)]);
                rest = file;
            }
            None => {
                out.push_str(&rest[..at + FOLDER.len()]);
                rest = after;
            }
        }
    }
    (rest.len() != text.len()).then(|| out + rest)
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

    #[cfg(unix)]
    #[test]
    fn the_next_server_removes_what_a_killed_one_left() {
        use std::os::unix::fs::{DirBuilderExt, symlink};
        let temporary = std::env::temp_dir().join(format!("uploads-{}", secret()));
        fs::create_dir(&temporary).unwrap();
        let made = |name: &str, mode: u32, has_lock: bool| {
            let folder = temporary.join(format!("{FOLDER}{name}"));
            fs::DirBuilder::new().mode(mode).create(&folder).unwrap();
            if has_lock {
                fs::write(folder.join(LOCK), "").unwrap();
            }
            folder
        };
        let (killed, open, young) =
            (made("0a", 0o700, true), made("0b", 0o755, true), made("0c", 0o700, false));
        let elsewhere = temporary.join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        fs::write(elsewhere.join(LOCK), "").unwrap();
        symlink(&elsewhere, temporary.join(format!("{FOLDER}0d"))).unwrap();
        // As earlier versions made them, with a file in it.
        let without_lock = made("0e", 0o700, false);
        fs::create_dir(without_lock.join("1f")).unwrap();
        fs::write(without_lock.join("1f/firmware.bin"), "half of it").unwrap();
        let long_ago = std::time::SystemTime::now() - 2 * YOUNG;
        fs::File::open(&without_lock).unwrap().set_modified(long_ago).unwrap();
        let first = Uploads::below(&temporary, &|| true).unwrap();
        assert!(without_lock.exists(), "its server may run");
        let second = Uploads::below(&temporary, &|| false).unwrap();
        let there =
            [&killed, &without_lock, &open, &young, &elsewhere.join(LOCK), &first.folder, &second.folder];
        assert_eq!(there.map(|path| path.exists()), [false, false, true, true, true, true, true]);
        drop((first, second));
        fs::remove_dir_all(&temporary).unwrap();
    }

    #[test]
    fn a_file_stays_as_long_as_a_command_names_it() {
        let uploads = Uploads::new().unwrap();
        let keep = || {
            let upload = uploads.begin("firmware.bin").unwrap();
            let (id, path) = (upload.id.clone(), upload.path.clone());
            fs::write(&path, b"x").unwrap();
            uploads.keep(upload);
            (id, path)
        };
        let (id, path) = keep();
        let (other, _) = keep();
        let held = uploads.named(&[format!("--firmware={}", path.display())]);
        assert_eq!(held.len(), 1);
        (0..KEPT).for_each(|_| drop(keep()));
        assert!(uploads.get(&id).is_some() && path.exists());
        assert!(uploads.get(&other).is_none());
        drop(held);
        keep();
        assert!(uploads.get(&id).is_none() && !path.exists());
    }

    #[test]
    fn paths_of_servers_that_ran_before_are_hidden() {
        let earlier = |text: &str| without_earlier_paths(text).unwrap_or_else(|| text.to_owned());
        for (text, shown) in [
            ("/tmp/stickshift-web-0a1b/8ac6/a.bin", "a.bin"),
            ("/tmp/stickshift-web-0a1b/8ac6/a.bin /var/tmp/stickshift-web-ff/00/b.bin", "a.bin b.bin"),
            ("begun with `--firmware=/tmp/stickshift-web-0a1b/8ac6/a.bin`", "begun with `--firmware=a.bin`"),
            // What only reads like one.
            ("see stickshift-web-0a1b/8ac6/a.bin", "see stickshift-web-0a1b/8ac6/a.bin"),
            ("/usr/lib/stickshift-web-page/x/y", "/usr/lib/stickshift-web-page/x/y"),
            ("/tmp/stickshift-web-0a1b", "/tmp/stickshift-web-0a1b"),
            ("", ""),
        ] {
            assert_eq!(earlier(text), shown);
        }
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
