//! The owner's settings: /etc/stickshift/config.toml for the computer, ~/.config/stickshift/config.toml for a user.
//!
//! ```toml
//! output = "json"            # as with --json
//! stick = "1-1.2"            # which one is meant where several are plugged in
//! apn = "internet"           # of `stickshift online up`, where --apn does not name another
//!
//! [host.rack2]               # what `--host rack2` means
//! address = "https://rack2.lan:8321"
//! password-file = "/etc/stickshift/rack2.password"
//! ca = "/etc/stickshift/rack2.pem"
//!
//! [names]                    # what sticks are called, by IMEI, serial number or place
//! "860000000000001" = "north mast"
//!
//! [[stick]]                  # what `stickshift watch` makes of a stick, whenever it is plugged in
//! id = "12d1:1f01"           # or place, or serial; or several of them
//! to = "serial"              # modem, hilink, serial, or leave
//! ```

mod settings;
#[cfg(feature = "config")]
mod text;

use std::io;
use std::path::{Path, PathBuf};

use stickshift::error::{Detail, Error, ErrorKind, Result, Verdict};

pub(crate) use settings::Config;
#[cfg(feature = "host")]
pub(crate) use settings::Host;

/// A file of settings is never this large.
#[cfg(feature = "config")]
const LARGEST: u64 = 256 * 1024;

/// The settings of this user on this computer; `root` stands for `/`.
///
/// # Errors
/// `Usage`, with the file and the line of what does not make sense.
pub(crate) fn load(root: &Path) -> Result<Config> {
    let mut config = Config::default();
    for file in files(root) {
        let metadata = match file.metadata() {
            Ok(metadata) => metadata,
            Err(e) if is_none(&file, &e) => continue,
            Err(e) => return Err(bad(&file, None, &e.to_string())),
        };
        if !metadata.is_file() {
            return Err(bad(&file, None, "this is no regular file"));
        }
        let one = read(&file, metadata.len())?;
        config.stick = config.stick.or(one.stick);
        config.apn = config.apn.or(one.apn);
        config.json |= one.json;
        #[cfg(feature = "host")]
        for (name, host) in one.hosts {
            config.hosts.entry(name).or_insert(host);
        }
        config.names.add(one.names);
        config.rules.0.extend(one.rules.0);
        config.files.push(file);
    }
    Ok(config)
}

/// Whether there are no settings, or none for this user. A link that leads nowhere was to be some.
fn is_none(file: &Path, error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    let kinds = [Kind::NotFound, Kind::NotADirectory, Kind::PermissionDenied];
    kinds.contains(&error.kind()) && !file.is_symlink()
}

#[cfg(feature = "config")]
fn read(file: &Path, length: u64) -> Result<Config> {
    if length > LARGEST {
        return Err(bad(file, None, "the file is too large for settings"));
    }
    let text = std::fs::read_to_string(file).map_err(|e| bad(file, None, &e.to_string()))?;
    text::parse(&text).map_err(|(line, what)| bad(file, line, &what))
}

/// Settings that are not followed are said, not passed over.
#[cfg(not(feature = "config"))]
fn read(file: &Path, _: u64) -> Result<Config> {
    Err(bad(
        file,
        None,
        "this build of stickshift reads no settings: remove the file, and name what you want on the command line",
    ))
}

/// The user's file, then the computer's.
fn files(root: &Path) -> Vec<PathBuf> {
    let below = |path: PathBuf| root.join(path.strip_prefix("/").unwrap_or(&path));
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let user = folder("XDG_CONFIG_HOME").or_else(|| Some(folder("HOME")?.join(".config")));
    let user = user.map(|folder| below(folder.join("stickshift/config.toml")));
    user.into_iter().chain([root.join("etc/stickshift/config.toml")]).collect()
}

/// The same failure once more.
pub(crate) fn again(error: &Error) -> Error {
    let again = Error::new(error.kind(), error.what()).with_verdict(Verdict::Untouched);
    match error.line() {
        Some(line) => again.detail(Detail::Line(line)),
        None => again,
    }
}

fn bad(file: &Path, line: Option<usize>, what: &str) -> Error {
    let at = line.map(|line| format!(", line {line}")).unwrap_or_default();
    let error = Error::new(ErrorKind::Usage, format!("{}{at}: {what}", file.display()));
    let error = match line {
        Some(line) => error.detail(Detail::Line(line)),
        None => error,
    };
    error.with_verdict(Verdict::Untouched)
}

#[cfg(all(test, feature = "config"))]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_computers_file_is_read_below_its_root() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("etc/stickshift/config.toml");
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, "[[stick]]\nserial = \"A\"\nto = \"leave\"\n").unwrap();
        let config = load(root.path()).unwrap();
        assert_eq!((config.rules.0.len(), config.files), (1, vec![file.clone()]));
        fs::write(&file, "[[stick]]\nserial = \"A\"\n").unwrap();
        let error = load(root.path()).unwrap_err();
        assert!(error.is(ErrorKind::Usage) && error.what().contains("config.toml, line 1"), "{error}");
    }

    #[test]
    #[cfg(unix)]
    fn what_never_ends_is_not_read() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("etc/stickshift/config.toml");
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &file).unwrap();
        let error = load(root.path()).unwrap_err();
        assert!(error.what().contains("no regular file"), "{error}");
    }

    #[test]
    #[cfg(unix)]
    fn a_link_that_leads_nowhere_is_said() {
        for target in ["config.toml", "gone.toml"] {
            let root = tempfile::tempdir().unwrap();
            let file = root.path().join("etc/stickshift/config.toml");
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            assert!(load(root.path()).is_ok());
            std::os::unix::fs::symlink(target, &file).unwrap();
            let error = load(root.path()).unwrap_err();
            assert!(error.is(ErrorKind::Usage) && error.what().contains("config.toml"), "{target}: {error}");
        }
    }
}
