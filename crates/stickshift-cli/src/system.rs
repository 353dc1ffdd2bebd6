//! What else on this computer deals with sticks.

use std::fs;
use std::path::{Path, PathBuf};

/// Where udev looks for rules, the first before the others: a file hides those of its name in later folders.
const RULES: [&str; 4] = ["etc/udev/rules.d", "run/udev/rules.d", "usr/lib/udev/rules.d", "lib/udev/rules.d"];

/// The rules file by which usb_modeswitch switches sticks here, if it does. `root` is `/`.
pub(crate) fn usb_modeswitch(root: &Path) -> Option<PathBuf> {
    let files = RULES.iter().map(|folder| root.join(folder).join("40-usb_modeswitch.rules"));
    // A link to /dev/null, an empty file, and one of our own that hides it are ways to turn it off.
    let rules = files.into_iter().find(|file| file.symlink_metadata().is_ok())?;
    let calls_it = fs::read_to_string(&rules).is_ok_and(|text| text.contains("usb_modeswitch '"));
    (calls_it && !is_disabled(root)).then_some(rules)
}

/// `DisableSwitching` in the first of its configuration files (docs/protocols/mode-switch.md section 3.3).
fn is_disabled(root: &Path) -> bool {
    let files = ["etc/usb_modeswitch.conf", "etc/sysconfig/usb_modeswitch", "etc/default/usb_modeswitch"];
    let text = files.iter().find_map(|file| fs::read_to_string(root.join(file)).ok()).unwrap_or_default();
    text.lines().any(|line| {
        let (name, value) = line.split_once('=').unwrap_or_default();
        let value = value.to_ascii_lowercase();
        name.trim() == "DisableSwitching" && ["1", "yes", "true"].iter().any(|on| value.contains(on))
    })
}

/// The process id of a running program, by the name that the kernel knows (its first 15 letters).
pub(crate) fn running(program: &str) -> Option<u32> {
    let name = &program[..program.len().min(15)];
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut pids = processes.filter_map(|e| e.file_name().to_str()?.parse::<u32>().ok());
    pids.find(|pid| fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm.trim_end() == name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usb_modeswitch_is_seen_unless_it_is_turned_off() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        assert_eq!(usb_modeswitch(root.path()), None);
        write("lib/udev/rules.d/40-usb_modeswitch.rules", "ATTR{x}, RUN+=\"usb_modeswitch '/%k'\"\n");
        let rules = root.path().join("lib/udev/rules.d/40-usb_modeswitch.rules");
        assert_eq!(usb_modeswitch(root.path()), Some(rules.clone()));
        write("etc/usb_modeswitch.conf", "# DisableSwitching=1\nDisableSwitching=0\n");
        assert_eq!(usb_modeswitch(root.path()), Some(rules));
        write("etc/usb_modeswitch.conf", "DisableSwitching = yes\n");
        assert_eq!(usb_modeswitch(root.path()), None);
        write("etc/usb_modeswitch.conf", "");
        write("etc/udev/rules.d/40-usb_modeswitch.rules", "");
        assert_eq!(usb_modeswitch(root.path()), None, "hidden by an empty file");
    }
}
