//! The owner's profiles over the built-in ones.

use std::fs;
use std::path::{Path, PathBuf};

use stickshift::profile::formats::{self, usb_modeswitch::MAX_TEXT};
use stickshift::profile::{Catalogue, Origin, Overlay, Problem};

/// Folders with files of usb_modeswitch's kind, in the order in which they are asked.
const FOLDERS: [(&str, Origin); 3] = [
    ("etc/stickshift/devices.d", Origin::User),
    ("etc/usb_modeswitch.d", Origin::User),
    ("usr/share/usb_modeswitch", Origin::Packaged),
];

/// The folder of the owner's profiles.
#[cfg(feature = "web")]
pub(crate) fn owners_folder() -> PathBuf {
    root().join(FOLDERS[0].0)
}

/// Names the folder that stands for `/`, for images of other systems and for tests.
const ROOT: &str = "STICKSHIFT_ROOT";

/// What stands for `/` when the system's files are looked at.
pub(crate) fn root() -> PathBuf {
    std::env::var_os(ROOT).filter(|root| !root.is_empty()).map_or_else(|| "/".into(), PathBuf::from)
}

/// The catalogue of this computer. Files that cannot be used are named and left out.
pub(crate) fn catalogue() -> (Catalogue, Vec<Problem>) {
    let mut unreadable = Vec::new();
    let root = root();
    let overlays = FOLDERS.map(|(folder, origin)| read(&root.join(folder), origin, &mut unreadable)).to_vec();
    let (catalogue, problems) = Catalogue::with_overlays(overlays);
    unreadable.extend(problems);
    (catalogue, unreadable)
}

fn read(folder: &Path, origin: Origin, problems: &mut Vec<Problem>) -> Overlay {
    let mut files = Vec::new();
    // No folder is the usual case, not a problem.
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(name) = entry.file_name().into_string() else { continue };
        let path = entry.path();
        if !path.is_file() || name.ends_with(".tar.gz") {
            continue;
        }
        let too_large = path.metadata().is_ok_and(|m| m.len() > MAX_TEXT as u64);
        let text = if too_large {
            Err("the file is too large for a profile".to_owned())
        } else {
            fs::read(&path).map_err(|e| e.to_string())
        };
        match text {
            Ok(bytes) => match formats::decode_text(&bytes) {
                Some(text) => files.push((name, text)),
                None => {
                    let what = "this is no text, and so no profile".to_owned();
                    problems.push(Problem { file: path.display().to_string(), line: None, what });
                }
            },
            Err(what) => problems.push(Problem { file: path.display().to_string(), line: None, what }),
        }
    }
    Overlay { origin, folder: folder.display().to_string(), files }
}
