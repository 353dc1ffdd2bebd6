//! `stickshift setup`: installs system files.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;
use stickshift::error::{Error, ErrorKind, Result};

#[cfg(feature = "completions")]
use crate::completion;
use crate::context::Context;
use crate::files;
#[cfg(feature = "man")]
use crate::manual;
use crate::output::Report;
use crate::overlays;
use crate::verbs::{openwrt, setup_online};
#[cfg(feature = "desktop")]
use crate::verbs::{setup_serve, setup_systemd, setup_udev};

/// Install system files: udev rules, systemd unit, completions, man pages; OpenWrt settings for a stick.
///
/// Each says which file it wrote, what to do next, and how to take it back ("undo").
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

#[derive(Args, Debug)]
struct WhereTo {
    /// Print the file instead of writing it
    #[arg(long)]
    print: bool,

    /// Write below DIR, for packages: the files then call /usr/bin/stickshift
    #[arg(long, value_name = "DIR", default_value = "/")]
    root: PathBuf,
}

impl WhereTo {
    fn is_package(&self) -> bool {
        self.root != Path::new("/")
    }

    /// The folder in place of `/`.
    fn folder(&self) -> PathBuf {
        if self.is_package() { self.root.clone() } else { overlays::root() }
    }

    /// Where the program is on the system that the files are for.
    fn program(&self) -> Result<PathBuf> {
        if self.is_package() { Ok(PathBuf::from("/usr/bin/stickshift")) } else { this_program() }
    }
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
            let rules = setup_udev::switching_rules(&where_to.program()?)?;
            let then = "udevadm control --reload, then plug the stick in again";
            write(context, &where_to, "etc/udev/rules.d/81-stickshift-switch.rules", rules, then)
        }
        #[cfg(feature = "desktop")]
        What::Udev { where_to, of_interfaces: true, .. } => {
            let then = "udevadm control --reload, then plug the sticks in again";
            let rules = setup_udev::naming_rules();
            write(context, &where_to, "etc/udev/rules.d/79-stickshift-names.rules", rules, then)
        }
        #[cfg(feature = "desktop")]
        What::Udev { where_to, group, .. } => {
            let group = match group {
                Some(group) => setup_udev::checked(group, where_to.is_package())?,
                None => setup_udev::usual_group(),
            };
            let rules = setup_udev::udev_rules(&group);
            let then = "udevadm control --reload && udevadm trigger, then plug the stick in again";
            write(context, &where_to, "etc/udev/rules.d/70-stickshift.rules", rules, then)
        }
        #[cfg(feature = "completions")]
        What::Completions { shell } => {
            context.output.finish(&Text::of(completion::script(shell)?));
            Ok(())
        }
        #[cfg(feature = "man")]
        What::Man { dir: None } => {
            context.output.finish(&Text::of(manual::page((context.command_line)())?.1));
            Ok(())
        }
        #[cfg(feature = "man")]
        What::Man { dir: Some(dir) } => {
            fs::create_dir_all(&dir).map_err(|e| {
                Error::new(ErrorKind::FileUnwritable, format!("cannot make the folder {}", dir.display()))
                    .because(e)
            })?;
            let pages = manual::pages((context.command_line)())?;
            for (name, _) in &pages {
                files::check_free(&dir.join(name), context.global.force)?;
            }
            for (name, text) in &pages {
                files::write(&dir.join(name), text, context.global.force, &[])?;
            }
            let files = pages.iter().map(|(name, _)| dir.join(name)).collect();
            context.output.finish(&Pages { folder: dir, files });
            Ok(())
        }
        #[cfg(feature = "desktop")]
        What::Networkmanager(OwnerArgs { where_to, interface, metric }) => {
            let path = format!("etc/NetworkManager/system-connections/stickshift-{interface}.nmconnection");
            let text = setup_online::networkmanager(&interface, metric);
            // NetworkManager leaves out what others can read.
            write_as(context, &where_to, &path, text, 0o600, "nmcli connection reload")
        }
        #[cfg(feature = "desktop")]
        What::Networkd(OwnerArgs { where_to, interface, metric }) => {
            let path = format!("etc/systemd/network/60-stickshift-{interface}.network");
            let text = setup_online::networkd(&interface, metric);
            write(context, &where_to, &path, text, "networkctl reload")
        }
        What::Netifd { where_to } => {
            let then = "set option proto 'stickshift' and option place in /etc/config/network; /etc/init.d/network restart";
            let text = setup_online::protocol_handler();
            write_as(context, &where_to, "lib/netifd/proto/stickshift.sh", text, 0o755, then)
        }
        #[cfg(feature = "desktop")]
        What::Systemd { where_to, online: true, .. } => {
            let program = where_to.program()?;
            let unit = setup_online::unit(&program);
            let then = "systemctl daemon-reload && systemctl enable --now stickshift-online@PLACE";
            write(context, &where_to, "etc/systemd/system/stickshift-online@.service", unit, then)
        }
        #[cfg(feature = "desktop")]
        What::Systemd { where_to, serve: true, .. } => {
            let program = where_to.program()?;
            refuse_hidden(context, &where_to, &program)?;
            let unit = setup_serve::unit(&setup_systemd::unit_word(&program), &setup_udev::usual_group());
            let then = "stickshift setup udev; systemctl daemon-reload && systemctl enable --now stickshift-serve; journalctl -u stickshift-serve shows the link";
            write(context, &where_to, "etc/systemd/system/stickshift-serve.service", unit, then)
        }
        #[cfg(feature = "desktop")]
        What::Systemd { where_to, serve_socket: true, .. } => {
            let then = "stickshift setup systemd --serve; systemctl daemon-reload && systemctl enable --now stickshift-serve.socket";
            let unit = setup_serve::socket();
            write(context, &where_to, "etc/systemd/system/stickshift-serve.socket", unit, then)
        }
        #[cfg(feature = "desktop")]
        What::Systemd { where_to, .. } => {
            let program = where_to.program()?;
            refuse_hidden(context, &where_to, &program)?;
            if let Some(path) = setup_systemd::writable_by_others(&program) {
                let what = format!(
                    "others than root can write {}: the service would run it as root",
                    path.display()
                );
                context.session().warn("writable-program", what);
            }
            let unit = setup_systemd::unit(&program);
            let then = "systemctl daemon-reload && systemctl enable --now stickshift";
            write(context, &where_to, "etc/systemd/system/stickshift.service", unit, then)
        }
    }
}

/// A text that is the whole result.
#[cfg(any(feature = "completions", feature = "man"))]
#[derive(Serialize)]
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

/// Manual pages that were written.
#[cfg(feature = "man")]
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Pages {
    folder: PathBuf,
    files: Vec<PathBuf>,
}

#[cfg(feature = "man")]
impl Report for Pages {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "wrote the manual pages into {}", self.folder.display())
    }
}

/// Refuses to write a unit that could not start its program. To print one is no harm: it may be for another computer.
#[cfg(feature = "desktop")]
fn refuse_hidden(context: &Context, to: &WhereTo, program: &Path) -> Result<()> {
    match setup_systemd::refuse_hidden(program) {
        Err(error) if to.print => context.output.warn("hidden-program", error.what().to_owned()),
        other => other?,
    }
    Ok(())
}

fn write(context: &Context, to: &WhereTo, path: &str, text: String, then: &'static str) -> Result<()> {
    write_as(context, to, path, text, 0o644, then)
}

/// The same with rights of its own.
fn write_as(
    context: &Context,
    to: &WhereTo,
    path: &str,
    text: String,
    mode: u32,
    then: &'static str,
) -> Result<()> {
    let undo = undo(&to.folder().join(path), path);
    let path = to.folder().join(path);
    if !to.print {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|e| {
                Error::new(ErrorKind::FileUnwritable, format!("cannot make the folder {}", folder.display()))
                    .because(e)
            })?;
        }
        files::refuse_irregular(&path)?;
        // Written again by the same version it is the same.
        if fs::read(&path).ok().as_deref() != Some(text.as_bytes()) {
            files::write(&path, text.as_bytes(), context.global.force, &[])?;
        }
        if mode != 0o644 {
            set_mode(&path, mode)?;
        }
    }
    context.output.finish(&Written { path, text, written: !to.print, then, undo });
    Ok(())
}

/// How a file of the system is taken back, and whoever reads it is told.
fn undo(file: &Path, path: &str) -> String {
    let remove = format!("rm {}", files::path_word(file));
    match path.rsplit_once('/') {
        #[cfg(feature = "desktop")]
        Some(("etc/udev/rules.d", _)) => format!("{remove} && udevadm control --reload"),
        #[cfg(feature = "desktop")]
        Some(("etc/systemd/system", unit)) => {
            // Of a template each instance is one.
            let unit = unit.replace("@.service", "@PLACE");
            format!("systemctl disable --now {unit}; {remove} && systemctl daemon-reload")
        }
        #[cfg(feature = "desktop")]
        Some(("etc/NetworkManager/system-connections", _)) => format!("{remove} && nmcli connection reload"),
        #[cfg(feature = "desktop")]
        Some(("etc/systemd/network", _)) => format!("{remove} && networkctl reload"),
        _ => remove,
    }
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;

    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(|e| {
        Error::new(ErrorKind::FileUnwritable, format!("cannot set the rights of {}", path.display()))
            .because(e)
    })
}

#[cfg(not(unix))]
fn set_mode(_: &Path, _: u32) -> Result<()> {
    Ok(())
}

/// A file and what to do after it was written.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Written {
    path: PathBuf,
    text: String,
    written: bool,
    then: &'static str,
    /// How it is taken back.
    undo: String,
}

impl Report for Written {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        if !self.written {
            return out.write_all(self.text.as_bytes());
        }
        writeln!(out, "wrote {}", self.path.display())?;
        writeln!(out, "next: {}", self.then)?;
        writeln!(out, "undo: {}", self.undo)
    }

    fn shows_whole_texts(&self) -> bool {
        true
    }
}

fn this_program() -> Result<PathBuf> {
    std::env::current_exe().map_err(|e| {
        Error::new(ErrorKind::Unsupported, "the system does not say where this program is").because(e)
    })
}

#[cfg(test)]
pub(crate) fn shapes(shapes: &mut crate::output::schema::Shapes) {
    if cfg!(feature = "desktop") {
        shapes.result::<Written>("setup udev");
        shapes.result::<Written>("setup systemd");
        shapes.result::<Written>("setup networkmanager");
        shapes.result::<Written>("setup networkd");
    }
    shapes.result::<Written>("setup netifd");
    #[cfg(feature = "completions")]
    shapes.result::<Text>("setup completions");
    #[cfg(feature = "man")]
    shapes.result::<Text>("setup man");
    #[cfg(feature = "man")]
    shapes.result::<Pages>("setup man");
    openwrt::shapes(shapes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "desktop")]
    #[test]
    fn each_file_says_how_it_is_taken_back() {
        let undo = |path: &str| undo(&Path::new("/").join(path), path);
        assert_eq!(
            undo("etc/udev/rules.d/70-stickshift.rules"),
            "rm /etc/udev/rules.d/70-stickshift.rules && udevadm control --reload"
        );
        assert_eq!(
            undo("etc/systemd/system/stickshift-online@.service"),
            "systemctl disable --now stickshift-online@PLACE; rm /etc/systemd/system/stickshift-online@.service && systemctl daemon-reload"
        );
        assert_eq!(undo("lib/netifd/proto/stickshift.sh"), "rm /lib/netifd/proto/stickshift.sh");
    }

    #[test]
    fn files_of_a_package_call_the_program_where_it_will_be() {
        let to = |root: &str| WhereTo { print: true, root: root.into() };
        assert_eq!(to("pkg").program().unwrap(), Path::new("/usr/bin/stickshift"));
        assert_eq!(to("/").program().unwrap(), this_program().unwrap());
    }
}
