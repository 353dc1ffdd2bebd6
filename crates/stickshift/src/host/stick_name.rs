//! Words that people name a stick by.

use std::fs;

use crate::stick::{Place, UsbId};

/// Whether a word can be nothing but the name of a stick: a place on the bus, USB ids, or the path of a device. Files and folders may lie
/// below /dev, in /dev/shm, and name none.
pub fn is_stick_name(word: &str) -> bool {
    let has_device_path = || {
        let is_stored = |about: fs::Metadata| about.is_file() || about.is_dir();
        word.starts_with("/dev/") && !fs::metadata(word).is_ok_and(is_stored)
    };
    word.parse::<Place>().is_ok() || word.parse::<UsbId>().is_ok() || has_device_path()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_ids_and_devices_name_a_stick() {
        for name in ["1-1", "12-4.3", "12d1:1506", "/dev/ttyUSB0", "/dev/serial/by-id/nobody"] {
            assert!(is_stick_name(name), "{name}");
        }
        for other in ["", "firmware.bin", "ATI", "./1-1", "/dev"] {
            assert!(!is_stick_name(other), "{other}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn files_and_folders_below_dev_name_none() {
        let Ok(folder) = tempfile::tempdir_in("/dev/shm") else { return };
        let file = folder.path().join("firmware.bin");
        fs::write(&file, b"").unwrap();
        for path in [folder.path(), &file] {
            assert!(!is_stick_name(path.to_str().unwrap()), "{path:?}");
        }
    }
}
