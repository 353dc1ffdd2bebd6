//! `stickshift setup`: installs system files.

mod files;
mod online;
pub(crate) mod openwrt;
#[cfg(feature = "desktop")]
mod serve;
#[cfg(feature = "desktop")]
mod systemd;
#[cfg(feature = "desktop")]
mod udev;

#[cfg(any(feature = "completions", feature = "man"))]
use std::io::{self, Write};
#[cfg(feature = "desktop")]
use std::path::Path;
#[cfg(feature = "man")]
use std::path::PathBuf;

use clap::{Args, Subcommand};
#[cfg(feature = "desktop")]
use stickshift::error::{Detail, Verdict};
use stickshift::error::{Error, ErrorKind, Result};

#[cfg(feature = "completions")]
use crate::completion;
use crate::context::Context;
#[cfg(feature = "man")]
use crate::manual;
#[cfg(any(feature = "completions", feature = "man"))]
use crate::output::Report;
#[cfg(feature = "desktop")]
use crate::overlays;
#[cfg(feature = "desktop")]
use files::write;
use files::{WhereTo, write_as};

/// Install system files: udev rules, systemd unit, completions, man pages; OpenWrt settings for a stick.
///
#[cfg_attr(
    feature = "desktop",
    doc = "Each says which file it wrote, what to do next, and how to take it back (\"undo\"). --remove takes away what was written and not changed since."
)]
#[cfg_attr(
    not(feature = "desktop"),
    doc = "Each says which file it wrote, what to do next, and how to take it back (\"undo\")."
)]
#[derive(Args, Debug)]
pub(crate) struct SetupArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    #[cfg(feature = "desktop")]
    /// udev rules that give users access to sticks and keep ModemManager off the boot ROM
    Udev {
        #[command(flatten)]
        where_to: WhereTo,

        /// Group with access to sticks (default: dialout or uucp, whichever exists)
        #[arg(long, value_name = "NAME")]
        group: Option<String>,

        /// Instead, write one rule per known stick that switches it when it appears, without the daemon
        #[arg(long, conflicts_with = "group")]
        switch: bool,

        /// Instead, write rules that name a stick's network interfaces by its USB port: stick1-1.2
        #[arg(long = "names", conflicts_with_all = ["group", "switch"])]
        of_interfaces: bool,
    },
    #[cfg(feature = "completions")]
    /// Shell completions, on standard output
    Completions {
        /// Shell
        shell: clap_complete::Shell,
    },
    #[cfg(feature = "man")]
    /// Man pages: all of them below DIR, or the program's own on standard output
    Man {
        /// Write all pages below DIR
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,

        /// Take them away again, but for those that were changed
        #[arg(long, requires = "dir")]
        remove: bool,
    },
    /// Packages, network settings and hotplug hooks for an OpenWrt router
    Openwrt(openwrt::OpenwrtArgs),
    #[cfg(feature = "desktop")]
    /// systemd unit for `stickshift watch`
    Systemd {
        #[command(flatten)]
        where_to: WhereTo,

        /// Instead, write the unit stickshift-online@PLACE, which stays online through the stick at PLACE
        #[arg(long)]
        online: bool,

        /// Instead, write the unit stickshift-serve: the web page, which switches sticks as well, without root
        #[arg(long, conflicts_with = "online")]
        serve: bool,

        /// Instead, write the socket that starts stickshift-serve when somebody asks for the page
        #[arg(long, conflicts_with_all = ["online", "serve"])]
        serve_socket: bool,
    },
    #[cfg(feature = "desktop")]
    /// NetworkManager connection for a stick's network card, which `online up` leaves to NetworkManager
    Networkmanager(OwnerArgs),
    #[cfg(feature = "desktop")]
    /// systemd-networkd file for a stick's network card, which `online up` leaves to networkd
    Networkd(OwnerArgs),
    /// OpenWrt protocol handler: `option proto 'stickshift'` in /etc/config/network
    Netifd {
        #[command(flatten)]
        where_to: WhereTo,
    },
}

impl What {
    /// Where a file of Linux goes; `None` for what belongs to every system.
    fn where_to(&self) -> Option<&WhereTo> {
        match self {
            What::Netifd { where_to } => Some(where_to),
            #[cfg(feature = "desktop")]
            What::Udev { where_to, .. } | What::Systemd { where_to, .. } => Some(where_to),
            #[cfg(feature = "desktop")]
            What::Networkmanager(owner) | What::Networkd(owner) => Some(&owner.where_to),
            What::Openwrt(_) => None,
            #[cfg(feature = "completions")]
            What::Completions { .. } => None,
            #[cfg(feature = "man")]
            What::Man { .. } => None,
        }
    }
}

#[cfg(feature = "desktop")]
#[derive(Args, Debug)]
struct OwnerArgs {
    #[command(flatten)]
    where_to: WhereTo,

    /// Network interface of the stick; `stickshift list` shows it
    #[arg(long, value_name = "NAME", default_value = "usb0", value_parser = interface_name)]
    interface: String,

    /// Metric of its default route: behind the cable (100) and Wi-Fi (600)
    #[arg(long, value_name = "NUMBER", default_value_t = 700, value_parser = clap::value_parser!(u32).range(1..))]
    metric: u32,
}

/// What the kernel takes for a name, and what stands in a file without quotes.
#[cfg(feature = "desktop")]
fn interface_name(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let fits = (1..=15).contains(&text.len()) && text.chars().all(plain) && !text.starts_with('.');
    if fits { Ok(text.to_owned()) } else { Err("not the name of a network interface".to_owned()) }
}

/// Refuses an interface of this computer that is no stick's: it would get other addresses than it has.
///
/// # Errors
/// `Usage`.
#[cfg(feature = "desktop")]
fn refuse_other_cards(where_to: &WhereTo, interface: &str) -> Result<()> {
    let known = overlays::root().join("sys/class/net").join(interface);
    let what = match interface {
        // What an earlier version wrote for it can be taken away.
        _ if where_to.removes() => None,
        "lo" => Some("the loopback interface"),
        _ if where_to.is_package() => None,
        _ => what_else(&known),
    };
    let Some(what) = what else { return Ok(()) };
    let what = format!("{interface} is {what} of this computer, and no stick's interface");
    let next = "`stickshift list` shows the stick's interface; name it with --interface";
    let error = Error::new(ErrorKind::Usage, what).detail(Detail::NextStep(next));
    Err(error.with_verdict(Verdict::Untouched))
}

/// What an interface is that no stick has, by its folder in sysfs.
#[cfg(feature = "desktop")]
fn what_else(interface: &Path) -> Option<&'static str> {
    let kinds =
        [("bridge", "a bridge"), ("bonding", "a bond"), ("tun_flags", "a tunnel"), ("wireless", "the Wi-Fi")];
    let kind = kinds.into_iter().find(|(name, _)| interface.join(name).exists()).map(|(_, what)| what);
    let leads_to = |link: std::path::PathBuf, part: &str| {
        let target = std::fs::read_link(link);
        target.is_ok_and(|target| target.components().any(|p| p.as_os_str() == part))
    };
    let bus = || interface.join("device/subsystem");
    let is_inside = || ["pci", "virtio"].iter().any(|inside| leads_to(bus(), inside));
    kind.or_else(|| leads_to(interface.to_owned(), "virtual").then_some("a virtual interface"))
        .or_else(|| is_inside().then_some("a card"))
}

pub(crate) fn run(context: &mut Context, args: SetupArgs) -> Result<()> {
    let where_to = args.what.where_to();
    if where_to.is_some_and(|to| !to.print && !to.is_package()) && !cfg!(target_os = "linux") {
        let what = "the file belongs to Linux, and this is another system: nothing was written";
        return Err(Error::new(ErrorKind::Unsupported, what));
    }
    match args.what {
        What::Openwrt(args) => openwrt::run(context, args),
        #[cfg(feature = "desktop")]
        What::Udev { where_to, switch: true, .. } => {
            let rules = udev::switching_rules(&where_to.program()?)?;
            let then = "udevadm control --reload, then plug the stick in again";
            write(context, &where_to, "etc/udev/rules.d/81-stickshift-switch.rules", rules, then)
        }
        #[cfg(feature = "desktop")]
        What::Udev { where_to, of_interfaces: true, .. } => {
            let then = "udevadm control --reload, then plug the sticks in again";
            let rules = udev::naming_rules();
            write(context, &where_to, "etc/udev/rules.d/79-stickshift-names.rules", rules, then)
        }
        #[cfg(feature = "desktop")]
        What::Udev { where_to, group, .. } => {
            let group = match group {
                Some(group) => udev::checked(group, where_to.is_package())?,
                None => udev::usual_group(),
            };
            let rules = udev::udev_rules(&group);
            let then = "udevadm control --reload && udevadm trigger, then plug the stick in again";
            write(context, &where_to, "etc/udev/rules.d/70-stickshift.rules", rules, then)
        }
        #[cfg(feature = "completions")]
        What::Completions { shell } => {
            context.output.finish(&Text::of(completion::script(shell)?));
            Ok(())
        }
        #[cfg(feature = "man")]
        What::Man { dir: None, .. } => {
            context.output.finish(&Text::of(manual::page((context.command_line)())?.1));
            Ok(())
        }
        #[cfg(feature = "man")]
        What::Man { dir: Some(dir), remove } => files::pages(context, dir, remove),
        #[cfg(feature = "desktop")]
        What::Networkmanager(OwnerArgs { where_to, interface, metric }) => {
            refuse_other_cards(&where_to, &interface)?;
            let path = format!("etc/NetworkManager/system-connections/stickshift-{interface}.nmconnection");
            let text = online::networkmanager(&interface, metric);
            // NetworkManager leaves out what others can read.
            write_as(context, &where_to, &path, text, 0o600, "nmcli connection reload")
        }
        #[cfg(feature = "desktop")]
        What::Networkd(OwnerArgs { where_to, interface, metric }) => {
            refuse_other_cards(&where_to, &interface)?;
            let path = format!("etc/systemd/network/60-stickshift-{interface}.network");
            let text = online::networkd(&interface, metric);
            write(context, &where_to, &path, text, "networkctl reload")
        }
        What::Netifd { where_to } => {
            let then = "set option proto 'stickshift' and option place in /etc/config/network; /etc/init.d/network restart";
            let text = online::protocol_handler();
            write_as(context, &where_to, "lib/netifd/proto/stickshift.sh", text, 0o755, then)
        }
        #[cfg(feature = "desktop")]
        What::Systemd { where_to, online: true, .. } => {
            let program = where_to.program()?;
            let unit = online::unit(&program);
            let then = "systemctl daemon-reload && systemctl enable --now stickshift-online@PLACE";
            write(context, &where_to, "etc/systemd/system/stickshift-online@.service", unit, then)
        }
        #[cfg(feature = "desktop")]
        What::Systemd { where_to, serve: true, .. } => {
            let program = where_to.program()?;
            refuse_hidden(context, &where_to, &program)?;
            let unit = serve::unit(&systemd::unit_word(&program), &udev::usual_group());
            let then = "stickshift setup udev; systemctl daemon-reload && systemctl enable --now stickshift-serve; journalctl -u stickshift-serve shows the link";
            write(context, &where_to, "etc/systemd/system/stickshift-serve.service", unit, then)
        }
        #[cfg(feature = "desktop")]
        What::Systemd { where_to, serve_socket: true, .. } => {
            let then = "stickshift setup systemd --serve; systemctl daemon-reload && systemctl enable --now stickshift-serve.socket";
            let unit = serve::socket();
            write(context, &where_to, "etc/systemd/system/stickshift-serve.socket", unit, then)
        }
        #[cfg(feature = "desktop")]
        What::Systemd { where_to, .. } => {
            let program = where_to.program()?;
            refuse_hidden(context, &where_to, &program)?;
            if let Some(path) = systemd::writable_by_others(&program) {
                let what = format!(
                    "others than root can write {}: the service would run it as root",
                    path.display()
                );
                context.session().warn("writable-program", what);
            }
            let unit = systemd::unit(&program);
            let then = "systemctl daemon-reload && systemctl enable --now stickshift";
            write(context, &where_to, "etc/systemd/system/stickshift.service", unit, then)
        }
    }
}

/// A text that is the whole result.
#[cfg(any(feature = "completions", feature = "man"))]
#[derive(serde::Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Text {
    text: String,
}

#[cfg(any(feature = "completions", feature = "man"))]
impl Text {
    fn of(bytes: Vec<u8>) -> Text {
        Text { text: String::from_utf8_lossy(&bytes).into_owned() }
    }
}

#[cfg(any(feature = "completions", feature = "man"))]
impl Report for Text {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(self.text.as_bytes())
    }

    fn shows_whole_texts(&self) -> bool {
        true
    }
}

/// Refuses to write a unit that could not start its program. To print one is no harm: it may be for another computer.
#[cfg(feature = "desktop")]
fn refuse_hidden(context: &Context, to: &WhereTo, program: &Path) -> Result<()> {
    match systemd::refuse_hidden(program) {
        Err(error) if to.print => context.output.warn("hidden-program", error.what().to_owned()),
        other => other?,
    }
    Ok(())
}

#[cfg(test)]
pub(crate) fn shapes(shapes: &mut crate::output::schema::Shapes) {
    use files::{Removed, Written};
    #[cfg(feature = "desktop")]
    for verb in ["setup udev", "setup systemd", "setup networkmanager", "setup networkd"] {
        shapes.result::<Written>(verb);
        shapes.result::<Removed>(verb);
    }
    shapes.result::<Written>("setup netifd");
    shapes.result::<Removed>("setup netifd");
    #[cfg(feature = "completions")]
    shapes.result::<Text>("setup completions");
    #[cfg(feature = "man")]
    {
        shapes.result::<Text>("setup man");
        shapes.result::<files::Pages>("setup man");
        shapes.result::<Removed>("setup man");
    }
    openwrt::shapes(shapes);
}

#[cfg(all(test, unix, feature = "desktop"))]
mod tests {
    use super::*;

    #[test]
    fn what_no_stick_has_is_told_by_sysfs() {
        use std::os::unix::fs::symlink;
        let net = tempfile::tempdir().unwrap();
        let made = |name: &str, below: &str, bus: &str| {
            let folder = net.path().join(below).join(name);
            std::fs::create_dir_all(folder.join("device")).unwrap();
            symlink(format!("../../../bus/{bus}"), folder.join("device/subsystem")).unwrap();
            symlink(&folder, net.path().join(name)).unwrap();
            net.path().join(name)
        };
        assert_eq!(what_else(&net.path().join("usb0")), None, "it is not plugged in");
        assert_eq!(what_else(&made("usb1", "devices/pci0000:00/usb1", "usb")), None);
        assert_eq!(what_else(&made("eth0", "devices/pci0000:00", "pci")), Some("a card"));
        assert_eq!(what_else(&made("dummy0", "devices/virtual/net", "none")), Some("a virtual interface"));
        let bridge = made("br0", "devices/virtual/net", "none");
        std::fs::create_dir(bridge.join("bridge")).unwrap();
        assert_eq!(what_else(&bridge), Some("a bridge"));
    }
}
