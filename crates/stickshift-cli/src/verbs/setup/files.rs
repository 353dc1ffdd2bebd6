//! The files of `setup`: where they go, and how they are taken away again.

use std::fs;
use std::io::{self, ErrorKind as Io, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use stickshift::error::{Detail, Error, ErrorKind, Result};

use crate::context::Context;
use crate::files;
use crate::output::Report;
use crate::overlays;

#[derive(Args, Debug)]
pub(super) struct WhereTo {
    /// Print the file instead of writing it
    #[arg(long)]
    pub(super) print: bool,

    /// Take the file away again, unless it was changed; with the options it was written with
    #[cfg(feature = "desktop")]
    #[arg(long, conflicts_with = "print")]
    pub(super) remove: bool,

    /// Write below DIR, for packages: the files then call /usr/bin/stickshift
    #[arg(long, value_name = "DIR", default_value = "/")]
    pub(super) root: PathBuf,
}

impl WhereTo {
    pub(super) fn is_package(&self) -> bool {
        self.root != Path::new("/")
    }

    /// Routers have no room for it: there the output says what `rm` takes.
    #[cfg(feature = "desktop")]
    pub(super) fn removes(&self) -> bool {
        self.remove
    }

    #[cfg(not(feature = "desktop"))]
    pub(super) fn removes(&self) -> bool {
        false
    }

    /// The folder in place of `/`.
    fn folder(&self) -> PathBuf {
        if self.is_package() { self.root.clone() } else { overlays::root() }
    }

    /// Where the program is on the system that the files are for.
    pub(super) fn program(&self) -> Result<PathBuf> {
        if self.is_package() { Ok(PathBuf::from("/usr/bin/stickshift")) } else { this_program() }
    }
}

fn this_program() -> Result<PathBuf> {
    std::env::current_exe().map_err(|e| {
        Error::new(ErrorKind::Unsupported, "the system does not say where this program is").because(e)
    })
}

pub(super) fn write(
    context: &Context,
    to: &WhereTo,
    path: &str,
    text: String,
    then: &'static str,
) -> Result<()> {
    write_as(context, to, path, text, 0o644, then)
}

/// The same with rights of its own.
pub(super) fn write_as(
    context: &Context,
    to: &WhereTo,
    path: &str,
    text: String,
    mode: u32,
    then: &'static str,
) -> Result<()> {
    let root = to.folder();
    let file = root.join(path);
    let is_this_system = root == Path::new("/");
    if to.removes() {
        let mut removed = Removed::default();
        match enabled(&root, path) {
            Some(first) => removed.leave(file, format!("it is enabled; first `{first}`")),
            None => removed.remove(&root, file, text.as_bytes())?,
        }
        if is_this_system && !removed.removed.is_empty() {
            removed.then = reload(path).map(str::to_owned);
        }
        return removed.finish(context);
    }
    let undo = undo(&file, path, is_this_system);
    let then = if is_this_system { then } else { NOT_HERE };
    if !to.print {
        put(context, &root, &file, text.as_bytes())?;
        if mode != 0o644 {
            set_mode(&file, mode)?;
        }
    }
    context.output.finish(&Written { path: file, text, written: !to.print, then, undo });
    Ok(())
}

/// What is next after files were written for another system.
const NOT_HERE: &str = "nothing on this computer: the file is for the system whose files these are";

/// Writes a file below `root`, and the folders on the way.
fn put(context: &Context, root: &Path, file: &Path, text: &[u8]) -> Result<()> {
    files::refuse_outside(root, file)?;
    if let Some(folder) = file.parent() {
        files::make_folder(folder)?;
    }
    files::refuse_irregular(file)?;
    // Written again by the same version it is the same.
    if fs::read(file).ok().as_deref() != Some(text) {
        files::write(file, text, context.global.force, &[])?;
    }
    Ok(())
}

/// What tells whoever reads files like the one at `path` that one came or went.
fn reload(path: &str) -> Option<&'static str> {
    match path.rsplit_once('/')?.0 {
        #[cfg(feature = "desktop")]
        "etc/udev/rules.d" => Some("udevadm control --reload"),
        #[cfg(feature = "desktop")]
        UNITS => Some("systemctl daemon-reload"),
        #[cfg(feature = "desktop")]
        "etc/NetworkManager/system-connections" => Some("nmcli connection reload"),
        #[cfg(feature = "desktop")]
        "etc/systemd/network" => Some("networkctl reload"),
        _ => None,
    }
}

#[cfg(feature = "desktop")]
const UNITS: &str = "etc/systemd/system";

/// How a file is taken back, and whoever reads it on this system is told.
fn undo(file: &Path, path: &str, is_this_system: bool) -> String {
    let remove = format!("rm {}", files::path_word(file));
    let Some(reload) = reload(path).filter(|_| is_this_system) else { return remove };
    #[cfg(feature = "desktop")]
    if let Some((UNITS, unit)) = path.rsplit_once('/') {
        // Of a template each instance is one.
        let unit = unit.replace("@.service", "@PLACE");
        return format!("systemctl disable --now {unit}; {remove} && {reload}");
    }
    format!("{remove} && {reload}")
}

/// The command without which a unit that is removed would leave a link to nothing.
#[cfg(feature = "desktop")]
fn enabled(root: &Path, path: &str) -> Option<String> {
    let (UNITS, unit) = path.rsplit_once('/')? else { return None };
    let template = unit.strip_suffix("@.service");
    let is_one = |name: &str| match template {
        Some(template) => name.strip_prefix(template).is_some_and(|rest| rest.starts_with('@')),
        None => name == unit,
    };
    let folders = fs::read_dir(root.join(UNITS)).ok()?.flatten().map(|entry| entry.path());
    let wanted = folders.filter(|folder| folder.extension().is_some_and(|e| e == "wants"));
    let links = wanted.filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten();
    let mut names = links.filter_map(|link| link.file_name().into_string().ok());
    let name = names.find(|name| is_one(name))?;
    Some(format!("systemctl disable --now {}", files::shell_word(&name)))
}

#[cfg(not(feature = "desktop"))]
fn enabled(_: &Path, _: &str) -> Option<String> {
    None
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;

    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(|e| {
        Error::new(ErrorKind::FileUnwritable, format!("cannot set the rights of {}", path.display()))
            .because(e)
    })
}

#[cfg(not(unix))]
fn set_mode(_: &Path, _: u32) -> Result<()> {
    Ok(())
}

/// A file and what to do after it was written.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Written {
    path: PathBuf,
    text: String,
    written: bool,
    then: &'static str,
    /// How it is taken back.
    undo: String,
}

impl Report for Written {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        if !self.written {
            return out.write_all(self.text.as_bytes());
        }
        writeln!(out, "wrote {}", self.path.display())?;
        writeln!(out, "next: {}", self.then)?;
        writeln!(out, "undo: {}", self.undo)
    }

    fn shows_whole_texts(&self) -> bool {
        true
    }
}

/// Files that `--remove` took away, and those that stay.
#[derive(Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Removed {
    removed: Vec<PathBuf>,
    left: Vec<Left>,
    /// Files that were not there.
    missing: Vec<PathBuf>,
    pub(super) then: Option<String>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Left {
    path: PathBuf,
    why: String,
}

/// Takes away the folders that `file` was alone in, below one that was made for such files.
pub(super) fn remove_empty_folders(root: &Path, file: &Path) {
    for folder in file.ancestors().skip(1).take_while(|folder| *folder != root) {
        // One that is not empty refuses.
        if fs::remove_dir(folder).is_err() {
            return;
        }
    }
}

impl Removed {
    /// Takes `file` away where its content is `text`, which is what this program writes.
    pub(super) fn remove(&mut self, root: &Path, file: PathBuf, text: &[u8]) -> Result<()> {
        files::refuse_outside(root, &file)?;
        match file.symlink_metadata() {
            Err(e) if matches!(e.kind(), Io::NotFound | Io::NotADirectory) => self.missing.push(file),
            Ok(there) if !there.is_file() => self.leave(file, "it is no regular file".to_owned()),
            _ if fs::read(&file).map_err(|e| files::unwritable(&file, e))? != text => {
                let why = "it differs from what would be written: it was changed, or written by another version or with other options";
                self.leave(file, why.to_owned());
            }
            _ => {
                fs::remove_file(&file).map_err(|e| files::unremovable(&file, e))?;
                self.removed.push(file);
            }
        }
        Ok(())
    }

    pub(super) fn leave(&mut self, path: PathBuf, why: String) {
        self.left.push(Left { path, why });
    }

    /// Whether anything was taken away.
    pub(super) fn is_something(&self) -> bool {
        !self.removed.is_empty()
    }

    /// Reports it; a file that stays is an error.
    pub(super) fn finish(self, context: &Context) -> Result<()> {
        let stays = self.left.len();
        context.output.finish(&self);
        if stays == 0 {
            return Ok(());
        }
        let next = Detail::NextStep("look at what is in it, and remove it by hand");
        let cause = io::Error::other("only what this program wrote, and nobody changed since, is removed");
        let error = Error::new(ErrorKind::FileExists, "not every file was removed").because(cause);
        Err(error.detail(next).with("files", stays))
    }
}

impl Report for Removed {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        for path in &self.removed {
            writeln!(out, "removed {}", path.display())?;
        }
        for Left { path, why } in &self.left {
            writeln!(out, "left {}: {why}", path.display())?;
        }
        if self.removed.is_empty() && self.left.is_empty() {
            for path in &self.missing {
                writeln!(out, "nothing to remove: {} is not there", path.display())?;
            }
        }
        self.then.iter().try_for_each(|then| writeln!(out, "next: {then}"))
    }
}

/// Manual pages that were written.
#[cfg(feature = "man")]
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Pages {
    folder: PathBuf,
    files: Vec<PathBuf>,
    /// How they are taken back.
    undo: String,
}

/// Writes manual pages into `folder`, or takes them away.
#[cfg(feature = "man")]
pub(super) fn pages(context: &Context, folder: PathBuf, remove: bool) -> Result<()> {
    let pages = crate::manual::pages((context.command_line)())?;
    if remove {
        let mut removed = Removed::default();
        for (name, text) in &pages {
            removed.remove(&folder, folder.join(name), text)?;
        }
        return removed.finish(context);
    }
    files::make_folder(&folder)?;
    for (name, _) in &pages {
        files::check_free(&folder.join(name), context.global.force)?;
    }
    for (name, text) in &pages {
        files::write(&folder.join(name), text, context.global.force, &[])?;
    }
    let files = pages.iter().map(|(name, _)| folder.join(name)).collect();
    let undo = format!("stickshift setup man --dir {} --remove", files::path_word(&folder));
    context.output.finish(&Pages { folder, files, undo });
    Ok(())
}

#[cfg(feature = "man")]
impl Report for Pages {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "wrote the manual pages into {}", self.folder.display())?;
        writeln!(out, "undo: {}", self.undo)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "desktop")]
    #[test]
    fn each_file_says_how_it_is_taken_back() {
        let here = |path: &str| undo(&Path::new("/").join(path), path, true);
        assert_eq!(
            here("etc/udev/rules.d/70-stickshift.rules"),
            "rm /etc/udev/rules.d/70-stickshift.rules && udevadm control --reload"
        );
        assert_eq!(
            here("etc/systemd/system/stickshift-online@.service"),
            "systemctl disable --now stickshift-online@PLACE; rm /etc/systemd/system/stickshift-online@.service && systemctl daemon-reload"
        );
        assert_eq!(here("lib/netifd/proto/stickshift.sh"), "rm /lib/netifd/proto/stickshift.sh");
        let unit = "etc/systemd/system/stickshift.service";
        assert_eq!(undo(&Path::new("image").join(unit), unit, false), format!("rm image/{unit}"));
    }

    #[test]
    fn files_of_a_package_call_the_program_where_it_will_be() {
        let to = |root: &str| WhereTo {
            print: true,
            #[cfg(feature = "desktop")]
            remove: false,
            root: root.into(),
        };
        assert_eq!(to("pkg").program().unwrap(), Path::new("/usr/bin/stickshift"));
        assert_eq!(to("/").program().unwrap(), this_program().unwrap());
    }
}
