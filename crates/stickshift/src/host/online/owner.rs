//! Who else sets the addresses of an interface, by what the programs write below /run.

use std::fs;

use super::{Folders, read};
use crate::online::computer::{Card, Owner};

pub(super) fn of(folders: &Folders, card: &Card) -> Option<Owner> {
    // NetworkManager(8): a file for each device that it knows.
    let device = folders.run.join("NetworkManager/devices").join(card.index.to_string());
    if let Some(text) = read(&device)
        && is_running(folders, "NetworkManager")
        && text.lines().any(|line| line.trim() == "managed=true")
    {
        return Some(Owner::NetworkManager);
    }
    // networkctl(1) reads the same files.
    let link = folders.run.join("systemd/netif/links").join(card.index.to_string());
    if let Some(text) = read(&link)
        && let Some(state) = text.lines().find_map(|line| line.strip_prefix("ADMIN_STATE="))
        && !matches!(state, "unmanaged" | "linger" | "failed")
        && is_running(folders, "systemd-network")
    {
        return Some(Owner::Networkd);
    }
    // OpenWrt: a section of the owner's network file names the interface.
    let network = read(&folders.etc.join("config/network")).unwrap_or_default();
    let named = network.lines().any(|line| {
        let mut words = line.split_whitespace();
        let option = (words.next(), words.next());
        let value = words.next().unwrap_or_default().trim_matches(['\'', '"']);
        matches!(option, (Some("option"), Some("device" | "ifname"))) && value == card.name
    });
    (named && is_running(folders, "netifd")).then_some(Owner::Netifd)
}

/// Whether a program of this name, of which the kernel keeps 15 letters, runs.
fn is_running(folders: &Folders, name: &str) -> bool {
    let entries = fs::read_dir(&folders.proc).into_iter().flatten().flatten();
    entries
        .filter(|e| e.file_name().to_str().is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit())))
        .any(|e| read(&e.path().join("comm")).is_some_and(|comm| comm == name[..name.len().min(15)]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn each_owner_is_known_by_its_files() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        let folders = Folders {
            sys: at("sys"),
            proc: at("proc"),
            etc: at("etc"),
            run: at("run"),
            records: at("records"),
        };
        let write = |path: &Path, text: &str| {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let card = Card { name: "usb0".into(), index: 7 };
        assert_eq!(of(&folders, &card), None);
        write(&at("etc/config/network"), "config interface 'lte'\n\toption device 'usb0'\n");
        assert_eq!(of(&folders, &card), None, "it does not run");
        write(&at("proc/10/comm"), "netifd\n");
        assert_eq!(of(&folders, &card), Some(Owner::Netifd));
        write(&at("run/systemd/netif/links/7"), "ADMIN_STATE=configured\n");
        write(&at("proc/11/comm"), "systemd-network\n");
        assert_eq!(of(&folders, &card), Some(Owner::Networkd));
        write(&at("run/systemd/netif/links/7"), "ADMIN_STATE=unmanaged\n");
        assert_eq!(of(&folders, &card), Some(Owner::Netifd));
        write(&at("run/NetworkManager/devices/7"), "[device]\nmanaged=true\n");
        write(&at("proc/12/comm"), "NetworkManager\n");
        assert_eq!(of(&folders, &card), Some(Owner::NetworkManager));
        assert_eq!(of(&folders, &Card { name: "usb1".into(), index: 8 }), None);
    }
}
