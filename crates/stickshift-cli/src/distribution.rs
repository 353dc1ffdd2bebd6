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
    /// None: the kernel that runs came from elsewhere (a container, WSL, a board's maker), and no package of the distribution is for it.
    #[cfg(feature = "desktop")]
    OtherKernel,
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

    /// The one whose packages are for the kernel that runs: of those that dpkg installs, it knows the package of that kernel.
    #[cfg(feature = "desktop")]
    pub(crate) fn of_kernel(self, root: &Path) -> Distribution {
        let release = fs::read_to_string(root.join("proc/sys/kernel/osrelease"));
        let (Distribution::Debian | Distribution::Ubuntu, Ok(release)) = (self, release) else { return self };
        let is_installed = |kind: &str| {
            root.join(format!("var/lib/dpkg/info/linux-image-{kind}{}.list", release.trim())).exists()
        };
        if ["", "unsigned-"].into_iter().any(is_installed) { self } else { Distribution::OtherKernel }
    }

    /// Whether the names of its packages were tried: installing them is not harmful, but a name may be another one by now.
    fn is_tried(self) -> bool {
        #[cfg(feature = "desktop")]
        if self == Distribution::OtherKernel {
            return true;
        }
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
            #[cfg(feature = "desktop")]
            Distribution::OtherKernel => {
                "this kernel (uname -r) is no package of the distribution: whoever made it has the driver, else boot the distribution's own kernel".into()
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
            #[cfg(feature = "desktop")]
            Distribution::OtherKernel => "install the package ppp",
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

    #[cfg(feature = "desktop")]
    #[test]
    fn a_kernel_from_elsewhere_has_no_package_of_the_distribution() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        assert_eq!(Distribution::Debian.of_kernel(root.path()), Distribution::Debian, "nothing tells");
        write("proc/sys/kernel/osrelease", "6.1.0-18-amd64\n");
        write("var/lib/dpkg/info/linux-image-6.1.0-17-amd64.list", "");
        let foreign = Distribution::Debian.of_kernel(root.path());
        assert_eq!(foreign, Distribution::OtherKernel);
        assert!(!foreign.driver("kmod-usb-acm").contains("apt"));
        assert_eq!(Distribution::Alpine.of_kernel(root.path()), Distribution::Alpine);
        write("var/lib/dpkg/info/linux-image-6.1.0-18-amd64.list", "");
        assert_eq!(Distribution::Debian.of_kernel(root.path()), Distribution::Debian);
    }
}
