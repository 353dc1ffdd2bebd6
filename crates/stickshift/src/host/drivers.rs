//! Which drivers Linux has: loaded, built in, or on disk to be loaded.

use std::fs;
use std::path::{Path, PathBuf};

/// The drivers of the running kernel.
#[derive(Clone, Debug)]
pub struct KernelDrivers {
    loaded: PathBuf,
    /// Where each driver that is ready to bind has a folder, also one that is built in: `/sys/bus/usb/drivers` and that of usb-serial.
    bound: [PathBuf; 3],
    on_disk: PathBuf,
    /// Texts of `modules.builtin` and `modules.dep`, a file in each line.
    lists: [String; 2],
}

impl KernelDrivers {
    /// Looks below `root`, which is `/` but in tests.
    pub fn below(root: &Path) -> KernelDrivers {
        let release = fs::read_to_string(root.join("proc/sys/kernel/osrelease")).unwrap_or_default();
        let on_disk = root.join("lib/modules").join(release.trim());
        let list = |name: &str| fs::read_to_string(on_disk.join(name)).unwrap_or_default();
        let lists = [list("modules.builtin"), list("modules.dep")];
        let bound =
            ["usb", "usb-serial", "platform"].map(|bus| root.join("sys/bus").join(bus).join("drivers"));
        KernelDrivers { loaded: root.join("sys/module"), bound, on_disk, lists }
    }

    /// Whether there is one of that name, as the kernel writes it: with underscores.
    pub fn has(&self, name: &str) -> bool {
        let names = [name.to_owned(), name.replace('_', "-")];
        let is_listed = |list: &String| {
            list.lines().any(|line| {
                let path = line.split(':').next().unwrap_or_default();
                let file = path.rsplit('/').next().unwrap_or_default();
                names.iter().any(|n| file.split(".ko").next() == Some(n))
            })
        };
        // OpenWrt keeps no lists.
        let is_file = |n: &String| self.on_disk.join(format!("{n}.ko")).is_file();
        // A driver that is built in and has no parameters has no folder among the modules.
        let is_bound =
            |n: &String| self.bound.iter().any(|b| b.join(n).is_dir() || b.join(format!("{n}1")).is_dir());
        let core = name == "usbserial" && self.bound[1].is_dir();
        let bound = core || names.iter().any(is_bound);
        bound
            || self.loaded.join(name).is_dir()
            || self.lists.iter().any(is_listed)
            || names.iter().any(is_file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drivers_are_found_loaded_built_in_or_on_disk() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        assert!(!KernelDrivers::below(root.path()).has("option"));
        write("proc/sys/kernel/osrelease", "6.1.0\n");
        fs::create_dir_all(root.path().join("sys/module/option")).unwrap();
        write("lib/modules/6.1.0/modules.builtin", "kernel/drivers/usb/class/cdc-acm.ko\n");
        write("lib/modules/6.1.0/modules.dep", "a/usb-storage.ko.zst:\nkernel/cdc_mbim.ko: a/cdc_ncm.ko\n");
        write("lib/modules/6.1.0/qmi_wwan.ko", "");
        let drivers = KernelDrivers::below(root.path());
        for name in ["option", "cdc_acm", "usb_storage", "cdc_mbim", "qmi_wwan"] {
            assert!(drivers.has(name), "{name}");
        }
        for name in ["cdc_ncm", "mbim", "optio", "usbserial", "cdc_ether", "vhci_hcd"] {
            assert!(!drivers.has(name), "{name}");
        }
        // Built in: no folder among the modules, and no list on a router.
        for path in ["usb/drivers/cdc_ether", "usb-serial/drivers/option1", "platform/drivers/vhci_hcd"] {
            fs::create_dir_all(root.path().join("sys/bus").join(path)).unwrap();
        }
        fs::remove_dir_all(root.path().join("sys/module")).unwrap();
        for name in ["cdc_ether", "option", "usbserial", "vhci_hcd"] {
            assert!(KernelDrivers::below(root.path()).has(name), "{name}");
        }
    }
}
