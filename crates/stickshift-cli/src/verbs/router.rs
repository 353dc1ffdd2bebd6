//! `stickshift router`: what a router's firmware image holds, and which sticks it knows.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;
use stickshift::error::{Error, ErrorKind, Result, counted};
use stickshift::hex;
use stickshift::profile::formats::Refused;
use stickshift::profile::{Entry, Key, Method, Qualifier, builtin};
use stickshift::router::tables::{self, Table, Tables};
use stickshift::router::{Container, FileKind, FileSystem, Image, is_image};
use stickshift::stick::UsbId;

use crate::context::Context;
use crate::files::{self, OutputFile};
use crate::output::Report;
use crate::verbs::profile;

/// The largest file that is taken out of an image.
const EXTRACT_LIMIT: u64 = 256 << 20;

/// Inspect a router firmware image: its files, and which sticks it supports.
#[derive(Args, Debug)]
pub(crate) struct RouterArgs {
    #[command(subcommand)]
    verb: RouterVerb,
}

#[derive(Debug, Subcommand)]
enum RouterVerb {
    /// List the files of the image
    List {
        /// Firmware image of a router
        #[arg(value_name = "IMAGE")]
        image: PathBuf,
    },
    /// Extract one file
    Extract {
        /// Firmware image of a router
        #[arg(value_name = "IMAGE")]
        image: PathBuf,

        /// Path in the image
        #[arg(value_name = "NAME")]
        name: String,

        /// Output file (default: its own name, in the current directory)
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Show whether the firmware supports a stick, and what it would send
    Knows {
        /// Firmware image of a router
        #[arg(value_name = "IMAGE")]
        image: PathBuf,

        /// USB ids before the switch, for example 12d1:1526
        #[arg(value_name = "IDS")]
        id: String,
    },
}

pub(crate) fn run(context: &mut Context, args: RouterArgs) -> Result<()> {
    match args.verb {
        RouterVerb::List { image } => list(context, &image),
        RouterVerb::Extract { image, name, output } => extract(context, &image, &name, output),
        RouterVerb::Knows { image, id } => knows(context, &image, &id),
    }
}

fn open(path: &Path) -> Result<Image> {
    Image::parse(files::read_router_image(path)?).map_err(|e| e.with("file", path.display()))
}

/// The image's file systems, opened; fails when none of them opens.
fn file_systems(image: &Image) -> Result<Vec<FileSystem<'_>>> {
    let mut opened = Vec::new();
    let mut first_error = None;
    for at in &image.file_systems {
        match FileSystem::open(image.bytes_of(at), at) {
            Ok(file_system) => opened.push(file_system),
            Err(e) => {
                first_error.get_or_insert(e);
            }
        }
    }
    match first_error {
        Some(error) if opened.is_empty() => Err(error),
        _ => Ok(opened),
    }
}

/// Paths that stand more than once in the image: in one file system, or in several of them, which may all have the same folders.
fn repeated(file_systems: &[FileSystem<'_>]) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let mut repeated: BTreeSet<String> = BTreeSet::new();
    for file_system in file_systems {
        repeated.extend(file_system.repeated().iter().cloned());
        let files = file_system.files().filter(|file| file.kind != FileKind::Folder);
        repeated.extend(files.filter_map(|file| seen.replace(file.path)));
    }
    repeated
}

fn say_repeated(context: &Context, paths: &BTreeSet<String>) {
    if paths.is_empty() {
        return;
    }
    let shown: Vec<String> = paths.iter().take(5).map(|path| path.escape_debug().to_string()).collect();
    let more = match paths.len() - shown.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    context.session().warn(
        "path-repeated",
        format!("the image holds more than one of {}{more}; the first one is read", shown.join(", ")),
    );
}

fn list(context: &Context, path: &Path) -> Result<()> {
    let image = open(path)?;
    let file_systems = file_systems(&image)?;
    say_repeated(context, &repeated(&file_systems));
    let files: Vec<FileRow> = file_systems.iter().flat_map(|f| f.files().map(FileRow::of)).collect();
    context.output.finish(&Listing { files });
    Ok(())
}

fn extract(context: &Context, path: &Path, name: &str, output: Option<PathBuf>) -> Result<()> {
    let image = open(path)?;
    // Only the last part of a name from the image is taken: nothing is written outside this folder.
    let own = name.rsplit('/').next().filter(|n| !n.is_empty() && *n != ".." && *n != "-").unwrap_or("file");
    let output = output.unwrap_or_else(|| PathBuf::from(own));
    context.output.leave_room(&output)?;
    let mut missing = None;
    let file_systems = file_systems(&image)?;
    let mut paths = repeated(&file_systems);
    paths.retain(|path| path.trim_start_matches('/') == name.trim_start_matches('/'));
    say_repeated(context, &paths);
    let mut file = OutputFile::create(&output, context.global.force, &[path])?;
    for file_system in file_systems {
        match file_system.copy(name, EXTRACT_LIMIT, &mut file) {
            Ok(bytes) => {
                file.commit()?;
                if !OutputFile::is_stdout(&output) {
                    context.output.finish(&Extracted { file: output, bytes });
                }
                return Ok(());
            }
            // Before anything was written.
            Err(e) if e.is(ErrorKind::FileNotFound) => missing = Some(e),
            Err(e) => return Err(e),
        }
    }
    Err(missing.unwrap_or_else(|| Error::new(ErrorKind::FileNotFound, "the image holds no files")))
}

fn knows(context: &Context, path: &Path, ids: &str) -> Result<()> {
    let (id, key) = profile::parse_key(ids)?;
    let is_meant = |entry: &&Entry| key.as_ref().is_none_or(|key| entry.key == *key);
    let image = open(path)?;
    let mut paths = repeated(&file_systems(&image)?);
    paths.retain(|path| tables::is_table(path));
    say_repeated(context, &paths);
    let found = all_tables(&image)?;
    let answers: Vec<Answer> = found
        .tables
        .iter()
        .flat_map(|table| table.about(id).filter(is_meant).map(|entry| Answer::of(table, entry)))
        .collect();
    let refused: Vec<RefusedAnswer> = found
        .tables
        .iter()
        .flat_map(|table| table.refused(id).map(|refused| RefusedAnswer::of(table, refused)))
        .collect();
    let ours = builtin::lookup(id).find(|entry| is_meant(&entry)).map(|e| e.parameters.summary());
    let known = !answers.is_empty();
    let report = Knowledge {
        id: key.as_ref().map_or_else(|| id.to_string(), Key::to_string),
        known,
        tables: found.tables.len(),
        answers,
        refused,
        ours,
        unread: found.unread,
    };
    context.output.finish(&report);
    Ok(())
}

fn all_tables(image: &Image) -> Result<Tables> {
    let mut all = Tables::default();
    for file_system in file_systems(image)? {
        let found = tables::find(&file_system)?;
        all.tables.extend(found.tables);
        all.unread.extend(found.unread);
    }
    Ok(all)
}

/// Shows an image at a glance. `false` when the file is none.
pub(crate) fn inspect(context: &Context, path: &Path) -> Result<bool> {
    let bytes = match files::read_router_image(path) {
        Err(e) if e.is(ErrorKind::FileTooLarge) => return Ok(false),
        other => other?,
    };
    let certain = is_image(&bytes);
    let image = match Image::parse(bytes) {
        Ok(image) => image,
        Err(e) if e.is(ErrorKind::WrongFileKind) || !certain => return Ok(false),
        Err(e) => return Err(e.with("file", path.display())),
    };
    let opened = all_tables(&image);
    if opened.is_err() && !certain {
        return Ok(false);
    }
    // Of a damaged file system it is not known what is in it, and what is not.
    let count = |at| FileSystem::open(image.bytes_of(at), at).ok().map(|f| f.files().count());
    let files: Vec<Option<usize>> = match opened {
        Ok(_) => image.file_systems.iter().map(count).collect(),
        Err(_) => Vec::new(),
    };
    let tables = opened.as_ref().map(|t| t.tables.iter().map(TableRow::of).collect()).unwrap_or_default();
    let unread = opened.as_ref().map(|t| t.unread.clone()).unwrap_or_default();
    context.output.finish(&Glance::of(path, &image, files, tables, unread));
    opened?;
    if let Some((wanted, true)) = image.cut() {
        let error = Error::new(ErrorKind::FileTruncated, "the file ends inside the firmware");
        return Err(error.with("size", image.size()).with("wanted", wanted));
    }
    Ok(true)
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct FileRow {
    path: String,
    kind: &'static str,
    size: Option<u64>,
    link: Option<String>,
    mode: String,
}

impl FileRow {
    fn of(file: stickshift::router::File) -> FileRow {
        let (kind, size, link) = match file.kind {
            FileKind::File(size) => ("file", Some(size), None),
            FileKind::Folder => ("folder", None, None),
            FileKind::Link(to) => ("link", None, Some(to)),
            FileKind::Special => ("special", None, None),
        };
        FileRow { path: file.path, kind, size, link, mode: format!("{:04o}", file.mode & 0o7777) }
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Listing {
    files: Vec<FileRow>,
}

impl Report for Listing {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        for file in &self.files {
            let size = file.size.map_or(String::new(), |n| n.to_string());
            // Names come from the image: nothing in them may reach the terminal as a command.
            let link = file.link.as_deref().map_or(String::new(), |to| format!(" -> {}", to.escape_debug()));
            writeln!(out, "{} {size:>9}  {}{link}", file.mode, file.path.escape_debug())?;
        }
        Ok(())
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Extracted {
    file: PathBuf,
    bytes: u64,
}

impl Report for Extracted {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "wrote {}, {} bytes", self.file.display(), self.bytes)
    }
}

/// One way in which the firmware would switch a stick.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Answer {
    table: String,
    method: String,
    /// What a stick with these ids must show besides.
    conditions: Vec<String>,
    messages: Vec<String>,
    becomes: Vec<String>,
}

impl Answer {
    fn of(table: &Table, entry: &Entry) -> Answer {
        let parameters = entry.parameters.clone().with_named_methods();
        let named = parameters.methods_on().filter_map(Method::message).map(|m| hex::encode(m));
        let raw = parameters.messages().map(hex::encode);
        Answer {
            table: table.path.clone(),
            method: parameters.summary(),
            conditions: entry.key.qualifiers.iter().map(Qualifier::to_string).collect(),
            messages: named.chain(raw).collect(),
            becomes: entry.targets().iter().map(UsbId::to_string).collect(),
        }
    }
}

/// An entry for the stick that is not used.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct RefusedAnswer {
    table: String,
    why: String,
    /// As it stands in the table.
    text: String,
}

impl RefusedAnswer {
    fn of(table: &Table, refused: &Refused) -> RefusedAnswer {
        RefusedAnswer { table: table.path.clone(), why: refused.why.clone(), text: refused.text.clone() }
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Knowledge {
    id: String,
    known: bool,
    tables: usize,
    answers: Vec<Answer>,
    refused: Vec<RefusedAnswer>,
    ours: Option<String>,
    unread: Vec<(String, String)>,
}

impl Report for Knowledge {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.known {
            writeln!(out, "{}: this firmware knows it", self.id)?;
        } else if !self.refused.is_empty() {
            writeln!(out, "{}: this firmware has an entry for it, which is refused here", self.id)?;
        } else if self.tables > 0 {
            writeln!(out, "{}: this firmware does not know it", self.id)?;
        } else if self.unread.is_empty() {
            writeln!(out, "{}: this firmware switches no stick: there is no table of modems in it", self.id)?;
        } else {
            writeln!(out, "{}: the table of modems in this firmware could not be read", self.id)?;
        }
        for (index, answer) in self.answers.iter().enumerate() {
            let conditions = match answer.conditions.is_empty() {
                true => String::new(),
                false => format!(", only where {}", answer.conditions.join(" and ").escape_debug()),
            };
            let table = answer.table.escape_debug();
            writeln!(out, "  {}. {} ({table}){conditions}", index + 1, answer.method)?;
            for message in &answer.messages {
                writeln!(out, "     sends {message}")?;
            }
            if !answer.becomes.is_empty() {
                writeln!(out, "     expects {}", answer.becomes.join(" or "))?;
            }
        }
        for refused in &self.refused {
            writeln!(out, "  refused: {}: {}", refused.table.escape_debug(), refused.why)?;
            writeln!(out, "    {}", refused.text.escape_debug())?;
        }
        if let Some(ours) = &self.ours {
            writeln!(out, "  the built-in profile says {ours}")?;
        }
        for (path, why) in &self.unread {
            writeln!(out, "  not read: {}: {why}", path.escape_debug())?;
        }
        Ok(())
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct TableRow {
    path: String,
    format: &'static str,
    entries: usize,
    sticks: usize,
}

impl TableRow {
    fn of(table: &Table) -> TableRow {
        let ids: BTreeSet<_> = table.import.entries.iter().filter_map(|e| e.key.id()).collect();
        TableRow {
            path: table.path.clone(),
            format: table.import.format.words(),
            entries: table.import.entries.len(),
            sticks: ids.len(),
        }
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Glance {
    file: PathBuf,
    kind: &'static str,
    container: &'static str,
    size: usize,
    router: Option<String>,
    version: Option<String>,
    checksum: Option<bool>,
    file_systems: Vec<String>,
    /// The size that the header tells, where the file has less.
    wanted: Option<u64>,
    /// None where a file system could not be read.
    files: Option<usize>,
    /// Of each file system.
    #[serde(skip)]
    files_of_each: Vec<Option<usize>>,
    tables: Vec<TableRow>,
    unread: Vec<(String, String)>,
}

impl Glance {
    fn of(
        path: &Path,
        image: &Image,
        files_of_each: Vec<Option<usize>>,
        tables: Vec<TableRow>,
        unread: Vec<(String, String)>,
    ) -> Glance {
        let header = match &image.container {
            Container::Tplink(header) => Some(header),
            _ => None,
        };
        Glance {
            file: path.to_owned(),
            kind: "router-image",
            container: image.container.words(),
            size: image.size(),
            router: header.map(|h| {
                let name = h.router().unwrap_or("a router whose hardware id is not known");
                format!("{name} (hardware {:#010x}, revision {})", h.hardware, h.revision)
            }),
            version: header.map(|h| h.shown_version()),
            checksum: header.and_then(|h| h.checksum),
            file_systems: image
                .file_systems
                .iter()
                .map(|f| {
                    let cut = if f.cut { ", cut" } else { "" };
                    format!("squashfs at {:#x}, {} bytes, {}{cut}", f.offset, f.length, f.compression_name())
                })
                .collect(),
            wanted: image.cut().map(|(wanted, _)| wanted),
            files: match files_of_each.is_empty() {
                true => None,
                false => Some(files_of_each.iter().flatten().sum()),
            },
            files_of_each,
            tables,
            unread,
        }
    }
}

impl Report for Glance {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}: {}, {} bytes", self.file.display(), self.container, self.size)?;
        let mut line = |name: &str, value: &str| writeln!(out, "  {name:<10} {value}");
        if let Some(router) = &self.router {
            line("router", router)?;
        }
        if let Some(version) = &self.version {
            line("version", version)?;
        }
        if let Some(right) = self.checksum {
            line("checksum", if right { "right" } else { "WRONG: the router will refuse it" })?;
        }
        if let Some(wanted) = self.wanted {
            let text = format!("{}, and the header says {wanted}: cut, or without its padding", self.size);
            line("size", &text)?;
        }
        for (number, file_system) in self.file_systems.iter().enumerate() {
            let files = self.files_of_each.get(number).copied().flatten();
            let files = files.map_or_else(|| "its files are not known".to_owned(), |n| counted(n, "file"));
            line("files", &format!("{file_system}, {files}"))?;
        }
        if self.files.is_some()
            && self.tables.is_empty()
            && self.unread.is_empty()
            && !self.file_systems.is_empty()
        {
            line("sticks", "none: this firmware has no table of modems and switches no stick")?;
        }
        for table in &self.tables {
            let text = format!(
                "{} for {}: {} ({})",
                table.entries,
                counted(table.sticks, "stick"),
                table.path.escape_debug(),
                table.format
            );
            line("profiles", &text)?;
        }
        for (path, why) in &self.unread {
            line("not read", &format!("{}: {why}", path.escape_debug()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
pub(crate) fn shapes(shapes: &mut crate::output::schema::Shapes) {
    shapes.result::<Listing>("router list");
    shapes.result::<Extracted>("router extract");
    shapes.result::<Knowledge>("router knows");
    shapes.result::<Glance>("inspect");
}

#[cfg(test)]
mod tests {
    use stickshift::profile::formats;

    use super::*;

    #[test]
    fn an_entry_that_is_refused_is_not_an_unknown_stick() {
        let table = "[start_12d1_1526_1]\nMessageContent=\"-H; reboot\"\n[end_12d1_1526_1]\n";
        let import = formats::import(table.as_bytes(), "mode_switch.conf").unwrap();
        let table = Table { path: "/etc/mode_switch.conf".to_owned(), import };
        let id = "12d1:1526".parse().unwrap();
        let refused = table.refused(id).map(|refused| RefusedAnswer::of(&table, refused)).collect();
        assert_eq!(table.about(id).count(), 0);
        let knowledge = Knowledge {
            id: "12d1:1526".to_owned(),
            known: false,
            tables: 1,
            answers: Vec::new(),
            refused,
            ours: None,
            unread: Vec::new(),
        };
        let mut out = Vec::new();
        knowledge.text(&mut out).unwrap();
        let said = String::from_utf8(out).unwrap();
        assert!(said.starts_with("12d1:1526: this firmware has an entry for it, which is refused"), "{said}");
        assert!(said.contains("an attack on the router") && said.contains("-H; reboot"), "{said}");
    }

    #[test]
    fn what_a_stick_must_show_besides_is_told() {
        let text = "TargetClass=ff\nStandardEject=1\n";
        let import = formats::import(text.as_bytes(), "0408:f000:uMa=Yota").unwrap();
        let table = Table { path: "/etc/usb_modeswitch.d".to_owned(), import };
        let answers = table.import.entries.iter().map(|entry| Answer::of(&table, entry)).collect();
        let knowledge = Knowledge {
            id: "0408:f000".to_owned(),
            known: true,
            tables: 1,
            answers,
            refused: Vec::new(),
            ours: None,
            unread: Vec::new(),
        };
        let mut out = Vec::new();
        knowledge.text(&mut out).unwrap();
        let said = String::from_utf8(out).unwrap();
        assert!(said.contains("1. StandardEject (/etc/usb_modeswitch.d), only where uMa=Yota\n"), "{said}");
    }

    #[test]
    fn of_a_file_system_that_cannot_be_read_nothing_is_claimed() {
        let text = |files| {
            let glance = Glance {
                file: PathBuf::from("x.img"),
                kind: "router-image",
                container: "squashfs file system",
                size: 273,
                router: None,
                version: None,
                checksum: None,
                file_systems: vec!["squashfs at 0x0, 273 bytes, gzip".to_owned()],
                wanted: None,
                files,
                files_of_each: vec![files],
                tables: Vec::new(),
                unread: Vec::new(),
            };
            let mut out = Vec::new();
            glance.text(&mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert!(text(Some(3)).contains("3 files\n  sticks     none"), "{}", text(Some(3)));
        assert!(text(None).ends_with("gzip, its files are not known\n"), "{}", text(None));
    }
}
