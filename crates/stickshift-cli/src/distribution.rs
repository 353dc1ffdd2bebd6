//! Which distribution this is, and what it calls the packages that sticks need.

use std::fs;
use std::path::Path;

/// A distribution whose package names are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Distribution {
    Debian,
    Ubuntu,
    Fedora,
    Arch,
    Alpine,
    OpenWrt,
    Other,
}

impl Distribution {
    /// The one below `root`, by its `etc/os-release`.
    pub(crate) fn below(root: &Path) -> Distribution {
        let text = ["etc/os-release", "usr/lib/os-release"]
            .iter()
            .find_map(|f| fs::read_to_string(root.join(f)).ok());
        text.map_or(Distribution::Other, |text| Distribution::named(&text))
    }

    /// By the text of an os-release: what it is, else what it is like.
    fn named(text: &str) -> Distribution {
        let value = |key: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
            line.unwrap_or_default().trim_matches(['"', '\'']).to_owned()
        };
        let of_word = |word: &str| match word {
            "debian" | "raspbian" => Some(Distribution::Debian),
            "ubuntu" => Some(Distribution::Ubuntu),
            "fedora" | "rhel" | "centos" => Some(Distribution::Fedora),
            "arch" | "archarm" => Some(Distribution::Arch),
            "alpine" => Some(Distribution::Alpine),
            "openwrt" | "lede" => Some(Distribution::OpenWrt),
            _ => None,
        };
        let like = value("ID_LIKE");
        of_word(&value("ID")).or_else(|| like.split(' ').find_map(of_word)).unwrap_or(Distribution::Other)
    }

    /// Whether the names of its packages were tried: installing them is not harmful, but a name may be another one by now.
    fn is_tried(self) -> bool {
        matches!(self, Distribution::Debian | Distribution::Other)
    }

    fn marked(self, how: String) -> String {
        if self.is_tried() { how } else { format!("{how} (from its documentation; not tried there)") }
    }

    /// How the kernel driver comes here; `openwrt` is the name of its package there.
    pub(crate) fn driver(self, openwrt: &str) -> String {
        self.marked(match self {
            Distribution::Debian => {
                "its kernel package has it, but not the one for clouds: apt install linux-image-$(dpkg --print-architecture), and restart".into()
            }
            Distribution::Ubuntu => "apt install linux-modules-extra-$(uname -r)".into(),
            Distribution::Fedora => "dnf install kernel-modules kernel-modules-extra".into(),
            Distribution::Arch => {
                "the package linux has it; after its update the computer has to be restarted once".into()
            }
            Distribution::Alpine => "apk add linux-lts (linux-virt lacks it), and restart".into(),
            Distribution::OpenWrt => format!("opkg install {openwrt} (since OpenWrt 25.12: apk add {openwrt})"),
            Distribution::Other => {
                format!("install the package with the kernel's additional modules (OpenWrt: {openwrt})")
            }
        })
    }

    /// How pppd is installed here.
    pub(crate) fn pppd(self) -> String {
        let how = match self {
            Distribution::Debian | Distribution::Ubuntu => "apt install ppp",
            Distribution::Fedora => "dnf install ppp",
            Distribution::Arch => "pacman -S ppp",
            Distribution::Alpine => "apk add ppp",
            Distribution::OpenWrt => "opkg install ppp (since OpenWrt 25.12: apk add ppp)",
            Distribution::Other => "install the package ppp",
        };
        self.marked(how.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distribution_is_told_by_its_own_name_before_those_that_it_is_like() {
        for (text, wanted) in [
            ("PRETTY_NAME=\"Debian GNU/Linux 12\"\nID=debian\n", Distribution::Debian),
            ("ID=ubuntu\nID_LIKE=debian\n", Distribution::Ubuntu),
            ("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n", Distribution::Ubuntu),
            ("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n", Distribution::Fedora),
            ("ID=manjaro\nID_LIKE=arch\n", Distribution::Arch),
            ("ID=alpine\n", Distribution::Alpine),
            ("NAME=\"OpenWrt\"\nID=\"openwrt\"\nID_LIKE=\"lede openwrt\"\n", Distribution::OpenWrt),
            ("ID=nixos\n", Distribution::Other),
            ("", Distribution::Other),
        ] {
            assert_eq!(Distribution::named(text), wanted, "{text}");
        }
    }

    #[test]
    fn each_names_its_own_packages() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(Distribution::below(root.path()), Distribution::Other);
        fs::create_dir(root.path().join("etc")).unwrap();
        fs::write(root.path().join("etc/os-release"), "ID=openwrt\n").unwrap();
        let here = Distribution::below(root.path());
        assert!(here.driver("kmod-usb-acm").contains("kmod-usb-acm"));
        assert!(!Distribution::Ubuntu.driver("kmod-usb-acm").contains("kmod"));
        assert!(Distribution::Fedora.pppd().starts_with("dnf "));
        assert!(Distribution::Fedora.pppd().ends_with("not tried there)"));
        assert_eq!(Distribution::Debian.pppd(), "apt install ppp");
    }
}
