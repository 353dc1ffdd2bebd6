//! Files that are read and written: errors that say which file and why, and no overwriting without --force.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use stickshift::atomic_file::{AtomicFile, Existing, is_same};
use stickshift::error::{Detail, Error, ErrorKind, Result};
#[cfg(any(feature = "mqtt", feature = "virtual", test))]
use stickshift::random;

/// Opens a file for reading.
///
/// # Errors
/// `FileNotFound`, `FileUnreadable` (also for folders, and for pipes and devices, which may have no end).
pub(crate) fn open(path: &Path) -> Result<File> {
    let unreadable = |e: io::Error| {
        let kind = match e.kind() {
            io::ErrorKind::NotFound => ErrorKind::FileNotFound,
            _ => ErrorKind::FileUnreadable,
        };
        Error::new(kind, format!("cannot read {}", path.display())).because(e)
    };
    // Asked before it is opened: opening a pipe waits for its writer.
    let metadata = path.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        let what = if metadata.is_dir() { "a folder" } else { "a pipe or a device, not a file" };
        return Err(Error::new(ErrorKind::FileUnreadable, format!("{} is {what}", path.display())));
    }
    File::open(path).map_err(unreadable)
}

/// Larger than any loader, partition table or profile.
const SMALL: u64 = 16 << 20;
/// Larger than the flash memory of any router whose firmware switches sticks.
const ROUTER_IMAGE: u64 = 64 << 20;

/// Reads a whole file that should be small.
///
/// # Errors
/// As [`open`]; `FileTooLarge`.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    read_whole(path, SMALL)
}

/// Reads standard input, up to one byte more than `limit`: whoever takes less says that it is too large.
///
/// # Errors
/// `FileUnreadable`.
pub(crate) fn read_stdin(limit: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = io::stdin().lock().take(limit + 1).read_to_end(&mut bytes);
    read.map_err(|e| Error::new(ErrorKind::FileUnreadable, "cannot read standard input").because(e))?;
    Ok(bytes)
}

/// Reads all of standard input.
///
/// # Errors
/// As [`read_stdin`]; `FileTooLarge`.
#[cfg(feature = "pasted")]
pub(crate) fn read_text_from_stdin() -> Result<Vec<u8>> {
    let bytes = read_stdin(SMALL)?;
    if bytes.len() as u64 > SMALL {
        return Err(Error::new(ErrorKind::FileTooLarge, "what stands on standard input is too large")
            .detail(Detail::NextStep("give only the part that is about the stick"))
            .with("limit", SMALL));
    }
    Ok(bytes)
}

/// A rack of virtual sticks, each with its flash in hex.
#[cfg(feature = "virtual")]
const VIRTUAL_STICKS: u64 = 2 << 30;

/// Reads a whole file of virtual sticks.
///
/// # Errors
/// As [`open`]; `FileTooLarge`.
#[cfg(feature = "virtual")]
pub(crate) fn read_virtual_sticks(path: &Path) -> Result<Vec<u8>> {
    read_whole(path, VIRTUAL_STICKS)
}

/// Reads a whole router image.
///
/// # Errors
/// As [`open`]; `FileTooLarge`.
pub(crate) fn read_router_image(path: &Path) -> Result<Vec<u8>> {
    read_whole(path, ROUTER_IMAGE)
}

fn read_whole(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let file = open(path)?;
    let unreadable =
        |e| Error::new(ErrorKind::FileUnreadable, format!("cannot read {}", path.display())).because(e);
    let length = file.metadata().map_err(unreadable)?.len();
    let mut bytes = Vec::new();
    // Not before its length was looked at: what is too large is not read, and what is not needs no room to grow.
    if length <= limit {
        bytes.reserve_exact(length as usize + 1);
        file.take(limit + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    }
    if length > limit || bytes.len() as u64 > limit {
        return Err(Error::new(ErrorKind::FileTooLarge, format!("{} is too large", path.display()))
            .with("limit", limit));
    }
    Ok(bytes)
}

/// Where journals are kept: the system's state folder for root, the user's own otherwise.
pub(crate) fn journal_folder() -> PathBuf {
    let set = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    if let Some(folder) = set("STICKSHIFT_STATE") {
        return folder;
    }
    if let Some(state) = set("XDG_STATE_HOME") {
        return state.join("stickshift");
    }
    match set("HOME").or_else(|| set("LOCALAPPDATA")) {
        Some(home) => home.join(".local/state/stickshift"),
        None => PathBuf::from("/var/lib/stickshift"),
    }
}

/// A file name that stands for the file at `path`, wherever it is named from.
#[cfg(feature = "virtual")]
pub(crate) fn name_for(path: &Path) -> String {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let whole = folder.join(path.file_name().unwrap_or_default());
    digest(whole.as_os_str().as_encoded_bytes())
}

/// A part of a file name that stands for `bytes`, the same in every build.
#[cfg(any(feature = "virtual", feature = "rack", feature = "mqtt"))]
pub(crate) fn digest(bytes: impl AsRef<[u8]>) -> String {
    // FNV-1a.
    let hash = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = bytes.as_ref().iter().fold(0xcbf2_9ce4_8422_2325, hash);
    format!("{hash:016x}")
}

/// What `-o` names. A regular file appears whole when it is committed, or not at all; `-`, a device or a pipe is written straight.
pub(crate) enum OutputFile {
    File(AtomicFile),
    Straight { path: PathBuf, to: Box<dyn Write> },
}

impl OutputFile {
    /// Begins to write `path`. A file that is there stays without `force`, and one of `inputs` stays in any case.
    ///
    /// # Errors
    /// `FileUnwritable`; `Usage` for an input.
    pub(crate) fn create(path: &Path, force: bool, inputs: &[&Path]) -> Result<OutputFile> {
        let straight =
            |path: &Path, to: Box<dyn Write>| Ok(OutputFile::Straight { path: path.to_owned(), to });
        let descriptor = descriptor(path);
        // Standard output is looked at by its name.
        let place = if path == Path::new("-") { Path::new("/dev/stdout") } else { path };
        refuse_inputs(place, inputs)?;
        if descriptor == Some(1) {
            return straight(path, Box::new(io::stdout()));
        }
        // Links are followed here: /dev/fd/63 leads to a pipe.
        if let Ok(old) = path.metadata() {
            if !old.is_file() && !old.is_dir() {
                if is_disk(&old) && !force {
                    return Err(Error::new(
                        ErrorKind::FileExists,
                        format!("{} is a disk, and all of it would be overwritten", path.display()),
                    ));
                }
                let device = OpenOptions::new().write(true).open(path).map_err(|e| unwritable(path, e))?;
                return straight(path, Box::new(device));
            }
            // A file that is open already has been chosen by who opened it.
            if descriptor.is_some() && old.is_file() {
                let open = OpenOptions::new().append(true).open(path).map_err(|e| unwritable(path, e))?;
                return straight(path, Box::new(open));
            }
        }
        Ok(OutputFile::File(AtomicFile::begin(path, existing(force))?))
    }

    /// Makes it complete.
    ///
    /// # Errors
    /// `FileUnwritable`.
    pub(crate) fn commit(self) -> Result<()> {
        match self {
            OutputFile::File(file) => file.commit(),
            OutputFile::Straight { path, mut to } => to.flush().map_err(|e| unwritable(&path, e)),
        }
    }

    /// Whether it goes where the report would go too.
    pub(crate) fn is_stdout(path: &Path) -> bool {
        descriptor(path) == Some(1)
    }
}

impl Write for OutputFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            OutputFile::File(file) => file.write(bytes),
            OutputFile::Straight { to, .. } => to.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            OutputFile::File(file) => file.flush(),
            OutputFile::Straight { to, .. } => to.flush(),
        }
    }
}

/// Refuses what would be read or written for ever, or not at all: a pipe has no end, and a link to /dev/null is how a rule is switched off.
///
/// # Errors
/// `FileUnwritable`.
pub(crate) fn refuse_irregular(path: &Path) -> Result<()> {
    if !path.metadata().is_ok_and(|there| !there.is_file() && !there.is_dir()) {
        return Ok(());
    }
    let what = format!("{} is no regular file", path.display());
    let cause = io::Error::other("it is a pipe, a socket, a device, or a link to one");
    let next = Detail::NextStep("look what it is for, and remove it");
    Err(Error::new(ErrorKind::FileUnwritable, what).because(cause).detail(next))
}

/// Refuses a file below `root` that a link on the way takes elsewhere: the folder of a package or of an image is to be changed, not this system.
///
/// # Errors
/// `FileUnwritable`.
pub(crate) fn refuse_outside(root: &Path, file: &Path) -> Result<()> {
    let nearest = file.ancestors().skip(1).find_map(|folder| Some((folder, folder.canonicalize().ok()?)));
    let (Some((folder, leads_to)), Ok(root)) = (nearest, root.canonicalize()) else { return Ok(()) };
    if leads_to.starts_with(&root) {
        return Ok(());
    }
    let what = format!("{} leads out of {}", folder.display(), root.display());
    let cause = io::Error::other(format!("a link on the way leads to {}", leads_to.display()));
    let next = Detail::NextStep("put a folder in the place of the link, or a link that stays inside");
    Err(Error::new(ErrorKind::FileUnwritable, what).because(cause).detail(next))
}

/// Makes a folder, and those above it.
///
/// # Errors
/// `FileUnwritable`.
pub(crate) fn make_folder(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(|e| {
        Error::new(ErrorKind::FileUnwritable, format!("cannot make the folder {}", folder.display()))
            .because(e)
    })
}

/// Writes `bytes` to what `-o` names.
///
/// # Errors
/// As [`OutputFile::create`].
pub(crate) fn write(path: &Path, bytes: &[u8], force: bool, inputs: &[&Path]) -> Result<()> {
    let mut file = OutputFile::create(path, force, inputs)?;
    file.write_all(bytes).map_err(|e| unwritable(path, e))?;
    file.commit()
}

/// Fails when something is at `path` that may not be replaced.
///
/// # Errors
/// As [`begin`], and `Usage` for an input.
pub(crate) fn check_free(path: &Path, force: bool) -> Result<()> {
    refuse_inputs(path, &[])?;
    begin(path, force).map(drop)
}

/// Begins a file that takes its name when it is committed, in the place of one that is there only with `force`.
///
/// # Errors
/// `FileUnwritable`, `FileExists`.
pub(crate) fn begin(path: &Path, force: bool) -> Result<AtomicFile> {
    AtomicFile::begin(path, existing(force))
}

fn existing(force: bool) -> Existing {
    if force { Existing::Replace } else { Existing::Keep }
}

/// Begins a trace: a new file that only its owner can read, or with `force` in the place of a regular file, which stays until the new one
/// is published. Never through a link, and never in the place of a file that the command line names for something else.
///
/// # Errors
/// `FileUnwritable`, `FileExists`; `Usage` for a file that is an input.
pub(crate) fn create_trace(path: &Path, force: bool) -> Result<AtomicFile> {
    let mut trace = AtomicFile::begin(path, existing(force))?;
    let named = named_on_the_command_line();
    refuse_inputs(path, &named.iter().map(PathBuf::as_path).collect::<Vec<_>>())?;
    if !path.exists() {
        trace.hide()?;
    }
    Ok(trace)
}

/// A folder that only this process knows, gone when it is dropped.
#[cfg(any(feature = "mqtt", feature = "virtual", test))]
pub(crate) struct TemporaryFolder {
    pub(crate) path: PathBuf,
}

#[cfg(any(feature = "mqtt", feature = "virtual", test))]
impl TemporaryFolder {
    /// # Errors
    /// `FileUnwritable`, also when its name was guessed.
    pub(crate) fn new() -> Result<TemporaryFolder> {
        let mut name = [0; 16];
        random::fill(&mut name);
        let name = stickshift::hex::encode(&name);
        let path = std::env::temp_dir().join(format!("stickshift-{name}"));
        #[cfg_attr(not(unix), allow(unused_mut))]
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&path).map_err(|e| unwritable(&path, e))?;
        Ok(TemporaryFolder { path })
    }
}

#[cfg(any(feature = "mqtt", feature = "virtual", test))]
impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

pub(crate) fn unremovable(path: &Path, error: io::Error) -> Error {
    Error::new(ErrorKind::FileUnwritable, format!("cannot remove {}", path.display())).because(error)
}

pub(crate) fn unwritable(path: &Path, error: io::Error) -> Error {
    Error::new(ErrorKind::FileUnwritable, format!("cannot write {}", path.display())).because(error)
}

#[cfg(unix)]
fn is_disk(metadata: &fs::Metadata) -> bool {
    std::os::unix::fs::FileTypeExt::is_block_device(&metadata.file_type())
}

#[cfg(not(unix))]
fn is_disk(_: &fs::Metadata) -> bool {
    false
}

/// The number of the open file that a name stands for.
fn descriptor(path: &Path) -> Option<u32> {
    match path.to_str()? {
        "-" | "/dev/stdout" => Some(1),
        "/dev/stderr" => Some(2),
        name => {
            let folders = ["/dev/fd/", "/proc/self/fd/", "/proc/thread-self/fd/"];
            folders.iter().find_map(|folder| name.strip_prefix(folder))?.parse().ok()
        }
    }
}

/// Fails when `output` leads to one of `inputs`, to a file in a folder that is one, to the file that standard input is, or to one that
/// the command line names for something else too, such as --virtual-state.
fn refuse_inputs(output: &Path, inputs: &[&Path]) -> Result<()> {
    if !output.is_file() {
        return Ok(());
    }
    let stdin = Path::new("/dev/stdin");
    let is_input = |input: &Path| {
        let within = || {
            let files = fs::read_dir(input).into_iter().flatten().flatten();
            input.is_dir() && files.map(|file| file.path()).any(|file| is_same(output, &file))
        };
        is_same(output, input) || within()
    };
    let has_such = cfg!(any(feature = "report", feature = "virtual"));
    let names = || named_on_the_command_line().into_iter().filter(|name| is_same(output, name)).count();
    if inputs.iter().copied().chain([stdin]).any(is_input) || has_such && names() > 1 {
        let what = match output == Path::new("/dev/stdout") {
            true => "standard output is the input: write it to another file".to_owned(),
            false => format!("{} is the input: name another file for the output", output.display()),
        };
        return Err(Error::new(ErrorKind::Usage, what));
    }
    Ok(())
}

/// The files and folders that the command line names, without the value of `--trace`.
fn named_on_the_command_line() -> Vec<PathBuf> {
    named_in(std::env::args_os().skip(1))
}

fn named_in(arguments: impl Iterator<Item = OsString>) -> Vec<PathBuf> {
    let mut names = Vec::new();
    let mut is_trace = false;
    for argument in arguments {
        let text = argument.to_string_lossy().into_owned();
        if std::mem::replace(&mut is_trace, text == "--trace") || text.starts_with("--trace=") {
            continue;
        }
        // --loader=FILE, 00090000=FILE and -oFILE
        names.extend(text.split_once('=').map(|(_, value)| value.into()));
        if let Some(value) =
            text.strip_prefix('-').filter(|short| !short.starts_with('-')).and_then(|s| s.get(1..))
        {
            names.push(value.into());
        }
        names.push(argument.into());
    }
    names
}

/// A word as a shell takes it.
pub(crate) fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '/' | '.' | '-' | '_' | '@');
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// A path as a word for a shell and the program behind it: what begins with - is taken for an option, and by scp what stands before a colon
/// for a computer.
pub(crate) fn path_word(path: &Path) -> String {
    let text = path.display().to_string();
    let is_mistaken = text.starts_with('-') || path.is_relative() && text.contains(':');
    shell_word(&if is_mistaken { format!("./{text}") } else { text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_word() {
        for (path, word) in [
            ("router/.", "router/."),
            ("my router", "'my router'"),
            ("--weird", "./--weird"),
            ("a:b", "./a:b"),
            ("/tmp/it's", r"'/tmp/it'\''s'"),
        ] {
            assert_eq!(path_word(Path::new(path)), word);
        }
    }

    #[test]
    fn an_input_is_never_overwritten_and_a_file_only_by_force() {
        let folder = tempfile::tempdir().unwrap();
        let (input, other) = (folder.path().join("input"), folder.path().join("other"));
        fs::write(&input, "input").unwrap();
        write(&other, b"one", false, &[&input]).unwrap();
        assert!(write(&other, b"two", false, &[&input]).unwrap_err().is(ErrorKind::FileExists));
        write(&other, b"two", true, &[&input]).unwrap();
        assert_eq!(fs::read(&other).unwrap(), b"two");
        assert!(write(&input, b"x", true, &[&input]).unwrap_err().is(ErrorKind::Usage));
        fs::hard_link(&input, folder.path().join("same")).unwrap();
        assert!(write(&folder.path().join("same"), b"x", true, &[&input]).unwrap_err().is(ErrorKind::Usage));
        assert_eq!(fs::read(&input).unwrap(), b"input");
        assert!(write(folder.path(), b"x", true, &[]).unwrap_err().is(ErrorKind::FileUnwritable));
    }

    #[cfg(unix)]
    #[test]
    fn devices_stay_devices() {
        use std::os::unix::fs::FileTypeExt;
        for force in [false, true] {
            write(Path::new("/dev/null"), b"x", force, &[]).unwrap();
            assert!(fs::symlink_metadata("/dev/null").unwrap().file_type().is_char_device());
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_trace_is_its_owners_and_goes_through_no_link() {
        use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let trace = folder.path().join("trace");
        let mode = || fs::metadata(&trace).unwrap().mode() & 0o777;
        create_trace(&trace, false).unwrap().publish().unwrap();
        assert_eq!(mode(), 0o600);
        assert!(create_trace(&trace, false).unwrap_err().is(ErrorKind::FileExists));
        // One that is there stays until the new one is published, and whoever could read it reads the new one.
        fs::write(&trace, "old").unwrap();
        fs::set_permissions(&trace, PermissionsExt::from_mode(0o640)).unwrap();
        let new = create_trace(&trace, true).unwrap();
        assert_eq!(fs::read(&trace).unwrap(), b"old");
        new.publish().unwrap().write_all(b"new").unwrap();
        assert_eq!((fs::read(&trace).unwrap(), mode()), (b"new".to_vec(), 0o640));
        let link = folder.path().join("link");
        symlink(&trace, &link).unwrap();
        for other in [&*link, folder.path(), Path::new("/dev/null")] {
            for force in [false, true] {
                assert!(create_trace(other, force).unwrap_err().is(ErrorKind::FileUnwritable), "{other:?}");
            }
        }
    }

    #[test]
    fn files_are_found_on_a_command_line_however_they_are_written() {
        let line = "flash a.bin --trace t --loader=b.bin -oc 00090000=d --trace=u";
        let named = named_in(line.split(' ').map(OsString::from));
        for (name, wanted) in
            [("a.bin", true), ("b.bin", true), ("c", true), ("d", true), ("t", false), ("u", false)]
        {
            assert_eq!(named.contains(&PathBuf::from(name)), wanted, "{name}");
        }
    }

    #[test]
    fn names_of_open_files() {
        for (name, number) in
            [("-", Some(1)), ("/dev/fd/2", Some(2)), ("/proc/self/fd/31", Some(31)), ("fd/1", None)]
        {
            assert_eq!(descriptor(Path::new(name)), number, "{name}");
        }
    }

    #[test]
    fn temporary_folders_are_never_the_same() {
        let (one, two) = (TemporaryFolder::new().unwrap(), TemporaryFolder::new().unwrap());
        assert!(one.path != two.path && one.path.is_dir());
        let path = one.path.clone();
        drop(one);
        assert!(!path.exists());
    }
}
