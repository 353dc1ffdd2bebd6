//! `stickshift setup openwrt`: what a router with OpenWrt needs for a stick.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde::Serialize;
use stickshift::error::{Error, ErrorKind, Result};
use stickshift::profile::{Attributes, Catalogue, Entry};
use stickshift::router::openwrt::{self, Data, Dialler, Recipe, RouterFile, Wishes};
use stickshift::stick::{Mode, Stick, UsbId, classify};

use crate::context::Context;
use crate::distribution::Distribution;
use crate::files::{self, OutputFile};
use crate::output::Report;
use crate::overlays;
use crate::verbs::profile;
#[cfg(feature = "desktop")]
use crate::verbs::setup::files::{Removed, remove_empty_folders};
use crate::way_in::StickArgs;
use crate::wrong_mode::{self, Needs};

/// Configure a stick on OpenWrt: packages, network settings, hotplug hooks, and its usb-mode entry.
#[derive(Args, Debug)]
pub(crate) struct OpenwrtArgs {
    #[command(flatten)]
    stick: StickArgs,

    /// Ids before the switch, for a stick that is not connected
    #[arg(long, value_name = "IDS", conflicts_with_all = ["stick", "stick_after"])]
    ids: Option<String>,

    /// Data protocol, if you know it
    #[arg(long, value_enum, value_name = "KIND")]
    data: Option<Kind>,

    /// Access point name of the SIM's operator (default: internet; with --dialler stickshift, found by the SIM)
    #[arg(long, value_name = "NAME")]
    apn: Option<String>,

    /// Who dials: the router's own protocols, or stickshift, if it is on the router
    #[arg(long, value_enum, value_name = "WHO", default_value = "router")]
    dialler: Who,

    /// Name of the interface in OpenWrt's network settings
    #[arg(long, value_name = "NAME", default_value = "wwan")]
    interface: String,

    /// Write the files below DIR instead of printing them; copy them to the router's root
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Take those files below DIR away again, but for those that were changed; with the options they were written with
    #[cfg(feature = "desktop")]
    #[arg(long, requires = "out")]
    remove: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// PPP on a serial port
    Ppp,
    /// Huawei's NCM
    Ncm,
    /// The stick is a router itself
    Hilink,
    /// Qualcomm's QMI
    Qmi,
    /// MBIM
    Mbim,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Who {
    /// 3g, ncm, qmi, mbim or dhcp, each with its packages
    Router,
    /// The protocol stickshift, which the package stickshift brings; its files are written too
    Stickshift,
}

/// What the protocol needs on the router, where no package brings it.
const PROTOCOL: [(&str, &str, bool); 4] = [
    (
        "/lib/netifd/proto/stickshift.sh",
        include_str!("../../../openwrt/lib/netifd/proto/stickshift.sh"),
        true,
    ),
    ("/lib/netifd/stickshift-check", include_str!("../../../openwrt/lib/netifd/stickshift-check"), true),
    ("/etc/init.d/stickshift", include_str!("../../../openwrt/etc/init.d/stickshift"), true),
    (
        "/etc/hotplug.d/usb/30-stickshift",
        include_str!("../../../openwrt/etc/hotplug.d/usb/30-stickshift"),
        false,
    ),
];

impl Kind {
    fn data(self) -> Data {
        match self {
            Kind::Ppp => Data::Ppp,
            Kind::Ncm => Data::Ncm,
            Kind::Hilink => Data::Hilink,
            Kind::Qmi => Data::Qmi,
            Kind::Mbim => Data::Mbim,
        }
    }
}

pub(crate) fn run(context: &Context, args: OpenwrtArgs) -> Result<()> {
    let mut place = None;
    let ((id, key), stick) = match &args.ids {
        Some(ids) => (profile::parse_key(ids)?, None),
        None => {
            let mut bus = context.bus()?;
            let stick = context.stick(&mut *bus, args.stick.name())?;
            // Beside others the interface would not know which one is meant.
            let is_meant = context.names_a_stick(args.stick.name()) || bus.sticks()?.len() > 1;
            if is_meant || stick.mode != Mode::Cdrom {
                place = Some(stick.place.clone());
            }
            ((stick.id, None), Some(stick))
        }
    };
    let mode = stick.as_ref().map_or_else(|| classify(id, 0, &[]).mode, |stick| stick.mode);
    // Some modems have the ids of download mode: by ids alone they cannot be told apart.
    if matches!(mode, Mode::BootRom | Mode::Fastboot) || mode == Mode::Download && stick.is_some() {
        let what = format!("{id} is no modem: the mode of the stick is {mode}");
        return Err(wrong_mode::told(Error::new(ErrorKind::Usage, what), Needs::AtOrWeb, mode));
    }
    let catalogue = context.opener.catalogue();
    let (entry, others) = match key {
        Some(key) => (Some(profile::named(&catalogue, &key)?.entry), 0),
        None => entry_for(&catalogue, id, stick.as_ref()),
    };
    let seen = stick.as_ref().and_then(Data::of);
    // At the router's next start a stick that is switched already waits again.
    let leading =
        if entry.is_some() || mode == Mode::Cdrom { Vec::new() } else { leading_to(&catalogue, id) };
    let entries = if leading.is_empty() { entry.as_slice() } else { &leading };
    // Several sticks end as the same ids: one of them cannot be picked.
    let guess = if let [entry] = entries { Data::of_entry(entry)? } else { None };
    let by_id = if entry.is_none() { Data::of_id(id) } else { None };
    let data = args.data.map(Kind::data).or(seen).or(by_id).or(guess).ok_or_else(|| {
        Error::new(ErrorKind::NoProfile, format!("the data protocol of {id} is unknown; name it with --data"))
    })?;
    // What dials here speaks no QMI.
    let for_us = matches!(args.dialler, Who::Stickshift) && args.data.is_none() && data == Data::Qmi;
    let data = if for_us { Data::Ppp } else { data };
    // Where it waits to be switched, its ports are not those that it will have.
    let ready = stick.filter(|s| s.mode != Mode::Cdrom);
    let dialler = match args.dialler {
        Who::Router => Dialler::Router,
        Who::Stickshift => Dialler::Stickshift,
    };
    let target = entry.as_ref().map_or(Some(id), |entry| entry.targets().first().copied());
    let wishes = Wishes { interface: args.interface, apn: args.apn, dialler, place, target };
    let mut recipe = openwrt::recipe(data, entries, ready.as_ref(), &wishes)?;
    if leading.len() > 1 && dialler == Dialler::Router {
        recipe.notes.push(format!("{} profiles lead to {id}: all are in the table", leading.len()));
    }
    if let (Some(entry), true) = (&entry, others > 0) {
        recipe.notes.push(format!(
            "{} profiles have these ids, this is {}: with the stick connected, the one that fits it is taken",
            others + 1,
            entry.key
        ));
    }
    if args.data.is_none() && seen.is_none() {
        recipe.notes.push(format!("{} is a guess by ids: --data names another way", data.code()));
    }
    if entries.is_empty() && seen.is_none() && Data::of_id(id).is_none() {
        recipe.notes.push(format!("no profile switches {id}: `stickshift learn` makes one"));
    }
    if dialler == Dialler::Stickshift {
        let file = |(path, text, executable): (&str, &str, bool)| RouterFile {
            path: path.to_owned(),
            text: text.to_owned(),
            executable,
        };
        recipe.files.extend(PROTOCOL.map(file));
        if args.out.is_some() {
            let stays = "the protocol's files are of all interfaces and of the package: undo leaves them; without either, `/etc/init.d/stickshift disable` and rm take them";
            recipe.notes.push(stays.to_owned());
        }
    }
    #[cfg(feature = "desktop")]
    if let (Some(folder), true) = (&args.out, args.remove) {
        return remove(context, folder, &recipe, &wishes.interface);
    }
    let removed = match &args.out {
        Some(folder) => write(context, folder, &recipe, &wishes.interface)?,
        None => Vec::new(),
    };
    context.output.finish(&RecipeReport::of(&recipe, dialler, &wishes.interface, args.out, removed));
    Ok(())
}

/// Writes the files below `folder`, and removes those of an earlier recipe, which it returns.
fn write(context: &Context, folder: &Path, recipe: &Recipe, interface: &str) -> Result<Vec<PathBuf>> {
    let removed = stale(folder, recipe, interface);
    // A package that has it brought the same.
    let is_there =
        |file: &RouterFile, path: &Path| fs::read(path).ok().as_deref() == Some(file.text.as_bytes());
    // What is in the way is found before the first one is changed.
    for path in &removed {
        files::refuse_outside(folder, path)?;
        files::check_free(path, context.global.force)?;
    }
    for file in &recipe.files {
        let path = place_of(folder, file);
        files::refuse_outside(folder, &path)?;
        files::refuse_irregular(&path)?;
        if path.exists() && !is_there(file, &path) {
            files::check_free(&path, context.global.force)?;
        }
    }
    // Whole on the disk before the first one has its name: half of them would bring the interface up and not switch its stick.
    let mut begun = Vec::new();
    for file in &recipe.files {
        let path = place_of(folder, file);
        if let Some(parent) = path.parent() {
            files::make_folder(parent)?;
        }
        if !is_there(file, &path) {
            let mut output = OutputFile::create(&path, context.global.force, &[])?;
            let written = output.write_all(file.text.as_bytes()).and_then(|()| output.flush());
            written.map_err(|e| files::unwritable(&path, e))?;
            begun.push(output);
        }
    }
    for path in &removed {
        fs::remove_file(path).map_err(|e| files::unremovable(path, e))?;
    }
    begun.into_iter().try_for_each(OutputFile::commit)?;
    for file in &recipe.files {
        make_executable(&place_of(folder, file), file.executable)?;
    }
    Ok(removed)
}

fn place_of(folder: &Path, file: &RouterFile) -> PathBuf {
    folder.join(file.path.trim_start_matches('/'))
}

/// Takes away what [`write()`] wrote.
#[cfg(feature = "desktop")]
fn remove(context: &Context, folder: &Path, recipe: &Recipe, interface: &str) -> Result<()> {
    let mut removed = Removed::default();
    for path in stale(folder, recipe, interface) {
        removed.leave(path, "it is of another run for this interface, with other options".to_owned());
    }
    for file in recipe.files.iter().filter(|file| is_of_interface(file)) {
        let path = place_of(folder, file);
        removed.remove(folder, path.clone(), file.text.as_bytes())?;
        remove_empty_folders(folder, &path);
    }
    if removed.is_something() {
        removed.then = Some(format!("on the router: {}", openwrt::forget(interface)));
    }
    removed.finish(context)
}

/// Whether the file is of one interface. The protocol's are of all that stickshift dials, and often of its package.
fn is_of_interface(file: &RouterFile) -> bool {
    PROTOCOL.iter().all(|(path, ..)| file.path != *path)
}

/// Files of an earlier recipe for this interface that this one lacks: they would bring it up by another stick's port, or switch another stick.
fn stale(folder: &Path, recipe: &Recipe, interface: &str) -> Vec<PathBuf> {
    let ours = |path: &str| recipe.files.iter().any(|file| file.path == path);
    let paths = openwrt::files_of(interface).into_iter().filter(|path| !ours(path));
    let at = |path: &str| folder.join(path.trim_start_matches('/'));
    let mut stale: Vec<PathBuf> = paths.map(|path| at(&path)).filter(|path| path.is_file()).collect();
    // Those of builds that had one stick, where it was this interface's.
    let ifup = format!("ifup {interface}\n");
    let names_it = |path: &PathBuf| fs::read_to_string(path).is_ok_and(|text| text.ends_with(&ifup));
    let earlier = openwrt::FILES_OF_ONE_STICK.map(at).into_iter().filter(|path| path.is_file());
    let earlier: Vec<PathBuf> = earlier.collect();
    if earlier.iter().any(names_it) {
        stale.extend(earlier);
    }
    stale
}

/// How the stick is switched, and how many other profiles have its ids: by what it says of itself, else what usbmode would take of them.
fn entry_for(catalogue: &Catalogue, id: UsbId, stick: Option<&Stick>) -> (Option<Entry>, usize) {
    let found = catalogue.candidates(id);
    let Some(first) = found.first().map(|first| first.origin) else { return (None, 0) };
    let told = stick.map(|stick| Attributes {
        scsi: None,
        manufacturer: stick.manufacturer.clone(),
        product: stick.product.clone(),
        serial: stick.serial.clone(),
    });
    if let Some(chosen) = told.and_then(|told| catalogue.choose(id, &told).chosen) {
        return (Some(chosen.entry), 0);
    }
    let of_one: Vec<Entry> = found.into_iter().filter(|c| c.origin == first).map(|c| c.entry).collect();
    (openwrt::taken_by_usbmode(&of_one).cloned(), of_one.len() - 1)
}

/// How sticks are switched that end as `id`. The owner's profile stands in for another one of its key.
fn leading_to(catalogue: &Catalogue, id: UsbId) -> Vec<Entry> {
    let mut leading: Vec<Entry> = Vec::new();
    for entry in catalogue.leading_to(id).into_iter().map(|candidate| candidate.entry) {
        if entry.key.id().is_some() && leading.iter().all(|other| other.key != entry.key) {
            leading.push(entry);
        }
    }
    leading
}

#[cfg(unix)]
fn make_executable(path: &std::path::Path, executable: bool) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    if !executable {
        return Ok(());
    }
    // For whoever may read it.
    let set = |mode: u32| fs::set_permissions(path, fs::Permissions::from_mode(mode | (mode & 0o444) >> 2));
    path.metadata().and_then(|m| set(m.permissions().mode())).map_err(|e| {
        Error::new(ErrorKind::FileUnwritable, format!("cannot set the permissions of {}", path.display()))
            .because(e)
    })
}

#[cfg(not(unix))]
fn make_executable(_: &std::path::Path, _: bool) -> Result<()> {
    Ok(())
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct FileReport {
    path: String,
    text: String,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct RecipeReport {
    data: &'static str,
    packages: Vec<&'static str>,
    files: Vec<FileReport>,
    notes: Vec<String>,
    written_below: Option<PathBuf>,
    /// Files that an earlier run wrote for the interface with another stick.
    removed: Vec<PathBuf>,
    /// `opkg` or `apk`, where this is the router.
    package_manager: Option<&'static str>,
    /// The command by which the network takes the settings up.
    then: &'static str,
    /// How files and settings are taken back, where files were written.
    undo: Option<String>,
}

/// The package manager of the router that this is.
fn package_manager(root: &Path) -> Option<&'static str> {
    if Distribution::below(root) != Distribution::OpenWrt {
        return None;
    }
    let has =
        |name: &str| ["bin", "sbin", "usr/bin", "usr/sbin"].iter().any(|f| root.join(f).join(name).exists());
    ["apk", "opkg"].into_iter().find(|name| has(name))
}

impl RecipeReport {
    fn of(
        recipe: &Recipe,
        dialler: Dialler,
        interface: &str,
        written_below: Option<PathBuf>,
        removed: Vec<PathBuf>,
    ) -> RecipeReport {
        let ours = recipe.files.iter().filter(|file| is_of_interface(file));
        let paths: Vec<&str> = ours.map(|file| file.path.as_str()).collect();
        let undo = format!("rm {}; {}", paths.join(" "), openwrt::forget(interface));
        RecipeReport {
            data: recipe.data.code(),
            packages: recipe.packages.clone(),
            files: recipe
                .files
                .iter()
                .map(|f| FileReport { path: f.path.clone(), text: f.text.clone() })
                .collect(),
            notes: recipe.notes.clone(),
            undo: written_below.as_ref().map(|_| undo),
            written_below,
            removed,
            package_manager: package_manager(&overlays::root()),
            // netifd learns a new protocol when it starts.
            then: match dialler {
                Dialler::Router => "/etc/init.d/network reload",
                Dialler::Stickshift => {
                    "/etc/init.d/stickshift enable && /etc/init.d/stickshift start && /etc/init.d/network restart"
                }
            },
        }
    }
}

impl Report for RecipeReport {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "# on the router:")?;
        let packages = self.packages.join(" ");
        if self.package_manager != Some("apk") {
            writeln!(out, "opkg update && opkg install {packages}")?;
        }
        match self.package_manager {
            Some("apk") => writeln!(out, "apk update && apk add {packages}")?,
            Some(_) => {}
            None => writeln!(out, "# since OpenWrt 25.12: apk update && apk add {packages}")?,
        }
        let sizes = match self.package_manager {
            Some("apk") => "apk info -s",
            Some(_) => "opkg info",
            None => "opkg info, or apk info -s",
        };
        writeln!(out, "# their sizes: {sizes}; the room: df /overlay")?;
        if !self.removed.is_empty() {
            writeln!(out, "\n# removed, of an earlier run for this interface:")?;
            for path in &self.removed {
                writeln!(out, "{}", path.display())?;
            }
        }
        match &self.written_below {
            Some(folder) if folder == Path::new("/") => {
                writeln!(out, "\n# written:")?;
                for file in &self.files {
                    writeln!(out, "{}", file.path)?;
                }
                writeln!(out, "\n# then run:\nsh {} && {}", openwrt::SCRIPT, self.then)?;
            }
            Some(folder) => {
                writeln!(out, "\n# written below {}:", folder.display())?;
                for file in &self.files {
                    writeln!(out, "{}", file.path)?;
                }
                writeln!(out, "\n# copy them to the router's root, which has no SFTP server:")?;
                writeln!(out, "scp -O -r {} root@192.168.1.1:/", files::path_word(&folder.join(".")))?;
                writeln!(out, "# then run there:")?;
                writeln!(out, "sh {} && {}", openwrt::SCRIPT, self.then)?;
            }
            None => {
                for file in &self.files {
                    writeln!(out, "\n# ---- {}\n{}", file.path, file.text.trim_end())?;
                }
            }
        }
        if let Some(undo) = &self.undo {
            writeln!(out, "# undo, on the router:\n{undo}")?;
        }
        writeln!(out)?;
        for note in &self.notes {
            writeln!(out, "# note: {note}")?;
        }
        Ok(())
    }

    fn shows_whole_texts(&self) -> bool {
        true
    }
}

#[cfg(test)]
pub(crate) fn shapes(shapes: &mut crate::output::schema::Shapes) {
    shapes.result::<RecipeReport>("setup openwrt");
    #[cfg(feature = "desktop")]
    shapes.result::<Removed>("setup openwrt");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `profile convert --to openwrt` says which of them usbmode takes.
    #[test]
    fn of_several_profiles_the_one_is_taken_that_usbmode_takes() {
        let id = UsbId::new(0x05c6, 0x1000);
        let (entry, others) = entry_for(&Catalogue::builtin(), id, None);
        assert_eq!((entry.unwrap().key.to_string().as_str(), others), ("05c6:1000:sVe=GT", 11));
        let mut stick = Stick::new("1-1".parse().unwrap(), id);
        stick.manufacturer = Some("AnyDATA".to_owned());
        let (entry, others) = entry_for(&Catalogue::builtin(), id, Some(&stick));
        assert_eq!((entry.unwrap().key.to_string().as_str(), others), ("05c6:1000:uMa=AnyDATA", 0));
    }

    #[test]
    fn files_of_another_stick_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let wishes = |data| {
            let wishes = Wishes {
                interface: "wwan".to_owned(),
                apn: None,
                dialler: Dialler::Router,
                place: None,
                target: None,
            };
            openwrt::recipe(data, &[], None, &wishes).unwrap()
        };
        let (ppp, hilink) = (wishes(Data::Ppp), wishes(Data::Hilink));
        for file in &ppp.files {
            let path = folder.path().join(file.path.trim_start_matches('/'));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, &file.text).unwrap();
        }
        assert!(stale(folder.path(), &ppp, "wwan").is_empty());
        assert!(stale(folder.path(), &hilink, "second").is_empty());
        let hook = folder.path().join("etc/hotplug.d/tty/30-stickshift-wwan");
        assert_eq!(stale(folder.path(), &hilink, "wwan"), [hook]);
    }
}
