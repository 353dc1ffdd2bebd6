//! The files of a package before they are packed, in a folder of their own.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::run;

/// Programs, scripts and folders.
pub(super) const PROGRAM: u32 = 0o755;
/// Everything else.
pub(super) const FILE: u32 = 0o644;

/// A folder that stands for `/`.
pub(super) struct Tree {
    root: PathBuf,
}

impl Tree {
    /// An empty one; what stood there is removed.
    pub(super) fn new(root: PathBuf) -> Result<Tree, String> {
        match fs::remove_dir_all(&root) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                return Err(format!("{}: {e}", root.display()));
            }
            _ => {}
        }
        let tree = Tree { root };
        tree.folder(&tree.root)?;
        Ok(tree)
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// The folder and those above it, readable by everybody whatever the umask is.
    fn folder(&self, folder: &Path) -> Result<(), String> {
        let failed = |e: std::io::Error| format!("{}: {e}", folder.display());
        fs::create_dir_all(folder).map_err(failed)?;
        for folder in folder.ancestors().take_while(|f| f.starts_with(&self.root)) {
            fs::set_permissions(folder, fs::Permissions::from_mode(PROGRAM)).map_err(failed)?;
        }
        Ok(())
    }

    pub(super) fn put(&self, path: &str, bytes: impl AsRef<[u8]>, mode: u32) -> Result<(), String> {
        let target = self.path(path);
        let failed = |e: std::io::Error| format!("{}: {e}", target.display());
        self.folder(target.parent().unwrap_or(&self.root))?;
        fs::write(&target, bytes).map_err(failed)?;
        fs::set_permissions(&target, fs::Permissions::from_mode(mode)).map_err(failed)
    }

    pub(super) fn link(&self, path: &str, to: &str) -> Result<(), String> {
        let target = self.path(path);
        self.folder(target.parent().unwrap_or(&self.root))?;
        symlink(to, &target).map_err(|e| format!("{}: {e}", target.display()))
    }

    /// The same text compressed, with neither a name nor a time in it.
    pub(super) fn put_gzip(&self, path: &str, bytes: impl AsRef<[u8]>) -> Result<(), String> {
        self.put(path, bytes, FILE)?;
        let mut command = Command::new("gzip");
        command.args(["-9n"]).arg(self.path(path));
        run::status(command)
    }

    /// Every file and link with its length, sorted by path.
    pub(super) fn files(&self) -> Result<Vec<(String, u64)>, String> {
        let mut found = Vec::new();
        let mut folders = vec![self.root.clone()];
        while let Some(folder) = folders.pop() {
            let failed = |e: std::io::Error| format!("{}: {e}", folder.display());
            for entry in fs::read_dir(&folder).map_err(failed)? {
                let path = entry.map_err(failed)?.path();
                let about = fs::symlink_metadata(&path).map_err(failed)?;
                if about.is_dir() {
                    folders.push(path);
                    continue;
                }
                let name = path.strip_prefix(&self.root).map_err(|e| e.to_string())?;
                found.push((name.to_string_lossy().into_owned(), about.len()));
            }
        }
        found.sort();
        Ok(found)
    }

    /// A compressed archive of it: sorted, owned by root, every time the same, so that the same files are the same bytes.
    pub(super) fn tar_gz(&self, archive: &Path, epoch: &str) -> Result<(), String> {
        let mut tar = Command::new("tar");
        tar.args(["--create", "--format=gnu", "--sort=name", "--owner=root:0", "--group=root:0"]);
        tar.args(["--mode=u+rw,go-w", &format!("--mtime=@{epoch}"), "--directory"]).arg(&self.root).arg(".");
        gzipped(tar, archive)
    }
}

/// The output of `tar` as a compressed file without a name and a time.
pub(super) fn gzipped(mut tar: Command, archive: &Path) -> Result<(), String> {
    let out = fs::File::create(archive).map_err(|e| format!("{}: {e}", archive.display()))?;
    let mut packed = tar.stdout(Stdio::piped()).spawn().map_err(|e| format!("tar: {e}"))?;
    let from = packed.stdout.take().ok_or("tar has no output")?;
    let mut gzip = Command::new("gzip");
    gzip.args(["-9n"]).stdin(from).stdout(out);
    let ended = run::status(gzip);
    let tar = packed.wait().map_err(|e| format!("tar: {e}"))?;
    ended?;
    if tar.success() { Ok(()) } else { Err(format!("tar: {tar}")) }
}
