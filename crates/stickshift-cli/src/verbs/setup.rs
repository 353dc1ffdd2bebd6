//! `stickshift setup`: installs system files.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;
use stickshift::error::{Error, ErrorKind, Result};

use crate::completion;
use crate::context::Context;
use crate::files;
use crate::manual;
use crate::output::Report;
use crate::verbs::{openwrt, setup_online, setup_udev};

/// Install system files: udev rules, systemd unit, completions, man pages; OpenWrt settings for a stick.
#[derive(Args, Debug)]
pub(crate) struct SetupArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
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
    },
    /// Shell completions, on standard output
    Completions {
        /// Shell
        shell: clap_complete::Shell,
    },
    /// Man pages: all of them below DIR, or the program's own on standard output
    Man {
        /// Write all pages below DIR
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
    /// Packages, network settings and hotplug hooks for an OpenWrt router
    Openwrt(openwrt::OpenwrtArgs),
    /// systemd unit for `stickshift watch`
    Systemd {
        #[command(flatten)]
        where_to: WhereTo,

        /// Instead, write the unit stickshift-online@PLACE, which stays online through the stick at PLACE
        #[arg(long)]
        online: bool,
    },
    /// NetworkManager connection for a stick's network card, which `online up` leaves to NetworkManager
    Networkmanager(OwnerArgs),
    /// systemd-networkd file for a stick's network card, which `online up` leaves to networkd
    Networkd(OwnerArgs),
    /// OpenWrt protocol handler: `option proto 'stickshift'` in /etc/config/network
    Netifd {
        #[command(flatten)]
        where_to: WhereTo,
    },
}

#[derive(Args, Debug)]
struct OwnerArgs {
    #[command(flatten)]
    where_to: WhereTo,

    /// Network interface of the stick; `stickshift list` shows it
    #[arg(long, value_name = "NAME", default_value = "usb0", value_parser = interface_name)]
    interface: String,

    /// Metric of its default route: behind the cable (100) and Wi-Fi (600)
    #[arg(long, value_name = "NUMBER", default_value_t = 700)]
    metric: u32,
}

/// What the kernel takes for a name, and what stands in a file without quotes.
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

    /// Where the program is on the system that the files are for.
    fn program(&self) -> Result<PathBuf> {
        if self.is_package() { Ok(PathBuf::from("/usr/bin/stickshift")) } else { this_program() }
    }
}

pub(crate) fn run(context: &mut Context, args: SetupArgs) -> Result<()> {
    match args.what {
        What::Openwrt(args) => openwrt::run(context, args),
        What::Udev { where_to, switch: true, .. } => {
            let rules = setup_udev::switching_rules(&where_to.program()?)?;
            let then = "udevadm control --reload, then plug the stick in again";
            write(context, &where_to, "etc/udev/rules.d/81-stickshift-switch.rules", rules, then)
        }
        What::Udev { where_to, group, .. } => {
            let group = match group {
                Some(group) => setup_udev::checked(group, where_to.is_package())?,
                None => setup_udev::usual_group(),
            };
            let rules = setup_udev::udev_rules(&group);
            let then = "udevadm control --reload && udevadm trigger, then plug the stick in again";
            write(context, &where_to, "etc/udev/rules.d/70-stickshift.rules", rules, then)
        }
        What::Completions { shell } => {
            context.output.finish(&Text::of(completion::script(shell)?));
            Ok(())
        }
        What::Man { dir: None } => {
            context.output.finish(&Text::of(manual::page((context.command_line)())?.1));
            Ok(())
        }
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
        What::Networkmanager(OwnerArgs { where_to, interface, metric }) => {
            let path = format!("etc/NetworkManager/system-connections/stickshift-{interface}.nmconnection");
            let text = setup_online::networkmanager(&interface, metric);
            let then = "chmod 600 the file, then nmcli connection reload";
            write(context, &where_to, &path, text, then)
        }
        What::Networkd(OwnerArgs { where_to, interface, metric }) => {
            let path = format!("etc/systemd/network/60-stickshift-{interface}.network");
            let text = setup_online::networkd(&interface, metric);
            write(context, &where_to, &path, text, "networkctl reload")
        }
        What::Netifd { where_to } => {
            let then = "chmod 755 the file; set option proto 'stickshift' and option place in /etc/config/network; /etc/init.d/network restart";
            let text = setup_online::protocol_handler();
            write(context, &where_to, "lib/netifd/proto/stickshift.sh", text, then)
        }
        What::Systemd { where_to, online: true } => {
            let program = where_to.program()?;
            let unit = setup_online::unit(&program);
            let then = "systemctl daemon-reload && systemctl enable --now stickshift-online@PLACE";
            write(context, &where_to, "etc/systemd/system/stickshift-online@.service", unit, then)
        }
        What::Systemd { where_to, online: false } => {
            let program = where_to.program()?;
            refuse_hidden(&program)?;
            if let Some(path) = writable_by_others(&program) {
                let what = format!(
                    "others than root can write {}: the service would run it as root",
                    path.display()
                );
                context.session().warn("writable-program", what);
            }
            let unit = systemd_unit(&program);
            let then = "systemctl daemon-reload && systemctl enable --now stickshift";
            write(context, &where_to, "etc/systemd/system/stickshift.service", unit, then)
        }
    }
}

/// A text that is the whole result.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Text {
    text: String,
}

impl Text {
    fn of(bytes: Vec<u8>) -> Text {
        Text { text: String::from_utf8_lossy(&bytes).into_owned() }
    }
}

impl Report for Text {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(self.text.as_bytes())
    }

    fn shows_whole_texts(&self) -> bool {
        true
    }
}

/// Manual pages that were written.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Pages {
    folder: PathBuf,
    files: Vec<PathBuf>,
}

impl Report for Pages {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "wrote the manual pages into {}", self.folder.display())
    }
}

fn write(context: &Context, to: &WhereTo, path: &str, text: String, then: &'static str) -> Result<()> {
    let path = to.root.join(path);
    if !to.print {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|e| {
                Error::new(ErrorKind::FileUnwritable, format!("cannot make the folder {}", folder.display()))
                    .because(e)
            })?;
        }
        // Written again by the same version it is the same.
        if fs::read(&path).ok().as_deref() != Some(text.as_bytes()) {
            files::write(&path, text.as_bytes(), context.global.force, &[])?;
        }
    }
    context.output.finish(&Written { path, text, written: !to.print, then });
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
}

impl Report for Written {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        if !self.written {
            return out.write_all(self.text.as_bytes());
        }
        writeln!(out, "wrote {}", self.path.display())?;
        writeln!(out, "next: {}", self.then)
    }

    fn shows_whole_texts(&self) -> bool {
        true
    }
}

/// Folders that the unit hides from the service by ProtectHome and PrivateTmp.
const HIDDEN: [&str; 5] = ["/home", "/root", "/run/user", "/tmp", "/var/tmp"];

/// Refuses a unit that could not start its program.
fn refuse_hidden(program: &Path) -> Result<()> {
    let refused = |c: char| "$'\"\\".contains(c) || c.is_control();
    if program.display().to_string().contains(refused) {
        let what = "systemd starts no program with a quotation mark, a backslash, a dollar sign or a control character in its path: \
                    copy stickshift to /usr/local/bin and run it from there";
        return Err(Error::new(ErrorKind::Usage, what).with("program", program.display()));
    }
    let Some(folder) = HIDDEN.iter().find(|folder| program.starts_with(folder)) else { return Ok(()) };
    let what = format!(
        "the service cannot start a program below {folder}, which is hidden from it: \
         copy stickshift to /usr/local/bin and run it from there"
    );
    Err(Error::new(ErrorKind::Usage, what).with("program", program.display()))
}

fn this_program() -> Result<PathBuf> {
    std::env::current_exe().map_err(|e| {
        Error::new(ErrorKind::Unsupported, "the system does not say where this program is").because(e)
    })
}

fn systemd_unit(program: &Path) -> String {
    format!(
        "# Written by `stickshift setup systemd`.\n\
         [Unit]\n\
         Description=Switch USB modem sticks from CD-ROM to modem\n\
         After=systemd-udevd.service\n\n\
         [Service]\n\
         ExecStart={} watch\n\
         Restart=on-failure\n\
         # It needs device nodes, sysfs and the kernel's messages about devices; nothing else.\n\
         CapabilityBoundingSet=\n\
         DevicePolicy=closed\n\
         DeviceAllow=char-usb_device rw\n\
         DeviceAllow=char-ttyUSB rw\n\
         DeviceAllow=char-ttyACM rw\n\
         DeviceAllow=char-usbmisc rw\n\
         IPAddressDeny=any\n\
         KeyringMode=private\n\
         LockPersonality=yes\n\
         MemoryDenyWriteExecute=yes\n\
         MemoryMax=32M\n\
         NoNewPrivileges=yes\n\
         PrivateTmp=yes\n\
         ProtectClock=yes\n\
         ProtectControlGroups=yes\n\
         ProtectHome=yes\n\
         ProtectHostname=yes\n\
         ProtectKernelLogs=yes\n\
         ProtectKernelModules=yes\n\
         ProtectSystem=strict\n\
         RemoveIPC=yes\n\
         RestrictAddressFamilies=AF_NETLINK AF_UNIX\n\
         RestrictNamespaces=yes\n\
         RestrictRealtime=yes\n\
         RestrictSUIDSGID=yes\n\
         SystemCallArchitectures=native\n\
         SystemCallFilter=@system-service\n\
         SystemCallFilter=~@privileged @resources\n\
         UMask=0077\n\n\
         [Install]\n\
         WantedBy=multi-user.target\n",
        unit_word(program)
    )
}

/// The program, or a folder on the way to it, that others than root can change. What is not known is left out.
#[cfg(unix)]
fn writable_by_others(program: &Path) -> Option<&Path> {
    use std::os::unix::fs::MetadataExt;
    program.ancestors().find(|path| {
        // In a folder with the sticky bit nobody replaces what is root's.
        let open = |m: fs::Metadata| m.uid() != 0 || (m.mode() & 0o022 != 0 && m.mode() & 0o1000 == 0);
        fs::symlink_metadata(path).is_ok_and(|m| !m.is_symlink() && open(m))
    })
}

#[cfg(not(unix))]
fn writable_by_others(_: &Path) -> Option<&Path> {
    None
}

/// A path as one word of a unit: in quotes, and without what systemd would expand.
fn unit_word(path: &Path) -> String {
    let mut word = String::from("\"");
    for c in path.display().to_string().chars() {
        match c {
            '"' | '\\' => word.extend(['\\', c]),
            '%' | '$' => word.extend([c, c]),
            c if c.is_control() => word.push_str(&format!("\\x{:02x}", u32::from(c))),
            c => word.push(c),
        }
    }
    word + "\""
}

#[cfg(test)]
pub(crate) fn shapes(shapes: &mut crate::output::schema::Shapes) {
    shapes.result::<Written>("setup udev");
    shapes.result::<Written>("setup systemd");
    shapes.result::<Written>("setup networkmanager");
    shapes.result::<Written>("setup networkd");
    shapes.result::<Written>("setup netifd");
    shapes.result::<Text>("setup completions");
    shapes.result::<Text>("setup man");
    shapes.result::<Pages>("setup man");
    openwrt::shapes(shapes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn a_program_that_others_can_write_is_seen() {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(writable_by_others(Path::new("/usr/bin")), None);
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("stickshift");
        fs::write(&program, "").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o777)).unwrap();
        assert_eq!(writable_by_others(&program), Some(&*program));
    }

    #[test]
    fn a_program_that_the_unit_hides_from_itself_is_refused() {
        for hidden in [
            "/home/me/.cargo/bin/stickshift",
            "/root/stickshift",
            "/tmp/s",
            "/var/tmp/s",
            "/run/user/1/s",
            "/opt/$x/s",
            "/opt/\"/s",
        ] {
            let refused = refuse_hidden(Path::new(hidden)).unwrap_err();
            assert!(refused.is(ErrorKind::Usage) && refused.what().contains("/usr/local/bin"), "{refused}");
        }
        for seen in ["/usr/bin/stickshift", "/usr/local/bin/stickshift", "/opt/s", "/homes/s"] {
            refuse_hidden(Path::new(seen)).unwrap();
        }
        let to = |root: &str| WhereTo { print: true, root: root.into() };
        assert_eq!(to("pkg").program().unwrap(), Path::new("/usr/bin/stickshift"));
        assert_eq!(to("/").program().unwrap(), this_program().unwrap());
    }

    #[test]
    fn the_unit_runs_this_program() {
        assert!(
            systemd_unit(Path::new("/usr/bin/stickshift"))
                .contains("ExecStart=\"/usr/bin/stickshift\" watch\n")
        );
    }

    #[test]
    fn a_path_is_one_word_of_the_unit() {
        for (path, word) in [
            ("/a b/stickshift", "\"/a b/stickshift\""),
            ("/50%/$x/\"s\\", "\"/50%%/$$x/\\\"s\\\\\""),
            ("/a\nExecStartPre=x", "\"/a\\x0aExecStartPre=x\""),
        ] {
            assert_eq!(unit_word(Path::new(path)), word);
        }
    }
}
