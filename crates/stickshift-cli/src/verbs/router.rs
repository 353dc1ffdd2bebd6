//! `stickshift router`: what a router's firmware image holds, and which sticks it knows.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use stickshift::error::{Error, ErrorKind, Result};
use stickshift::profile::{Entry, Key, builtin};
use stickshift::router::tables::{self, Tables};
use stickshift::router::{FileKind, FileSystem, Image, is_image};

use crate::context::Context;
use crate::files::{self, OutputFile};
use crate::verbs::profile;
use crate::verbs::router_reports::{
    Answer, Extracted, FileRow, Glance, Knowledge, Listing, RefusedAnswer, TableRow,
};

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

/// The file systems of an image, opened.
struct Opened<'a> {
    /// Each by its name, where there are several.
    file_systems: Vec<(Option<String>, FileSystem<'a>)>,
    /// Those that do not open: name and reason.
    closed: Vec<(String, String)>,
}

/// Opens the image's file systems; fails when none of them opens.
fn file_systems(image: &Image) -> Result<Opened<'_>> {
    let mut opened = Opened { file_systems: Vec::new(), closed: Vec::new() };
    let mut first_error = None;
    for at in &image.file_systems {
        let name = format!("the file system at {:#x}", at.offset);
        match FileSystem::open(image.bytes_of(at), at) {
            Ok(file_system) => {
                opened.file_systems.push(((image.file_systems.len() > 1).then_some(name), file_system));
            }
            Err(e) => {
                opened.closed.push((name, e.to_string()));
                first_error.get_or_insert(e);
            }
        }
    }
    match first_error {
        Some(error) if opened.file_systems.is_empty() => Err(error),
        _ => Ok(opened),
    }
}

fn say_closed(context: &Context, opened: &Opened<'_>) {
    for (name, why) in &opened.closed {
        context.session().warn("not-read", format!("{name} is not read: {why}"));
    }
}

/// Paths that stand more than once in the image: in one file system, or in several of them, which may all have the same folders.
fn repeated(opened: &Opened<'_>) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let mut repeated: BTreeSet<String> = BTreeSet::new();
    for (_, file_system) in &opened.file_systems {
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
    let opened = file_systems(&image)?;
    say_closed(context, &opened);
    say_repeated(context, &repeated(&opened));
    let files: Vec<FileRow> =
        opened.file_systems.iter().flat_map(|(_, f)| f.files().map(FileRow::of)).collect();
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
    let opened = file_systems(&image)?;
    say_closed(context, &opened);
    let mut paths = repeated(&opened);
    paths.retain(|path| path.trim_start_matches('/') == name.trim_start_matches('/'));
    say_repeated(context, &paths);
    let mut file = OutputFile::create(&output, context.global.force, &[path])?;
    for (_, file_system) in opened.file_systems {
        match file_system.copy(name, EXTRACT_LIMIT, &mut file) {
            Ok(bytes) => {
                file.commit()?;
                if !OutputFile::is_stdout(&output) {
                    context.output.finish(&Extracted { file: output, bytes });
                }
                return Ok(());
            }
            // Before anything was written.
            // The file system that has a link or a folder of this name says more than one that has nothing.
            Err(e) if e.is(ErrorKind::FileNotFound) => {
                if missing.is_none() || std::error::Error::source(&e).is_some() {
                    missing = Some(e);
                }
            }
            Err(e) => return Err(e),
        }
    }
    Err(missing.unwrap_or_else(|| Error::new(ErrorKind::FileNotFound, "the image holds no files")))
}

fn knows(context: &Context, path: &Path, ids: &str) -> Result<()> {
    let (id, key) = profile::parse_key(ids)?;
    let is_meant = |entry: &&Entry| key.as_ref().is_none_or(|key| entry.key == *key);
    let image = open(path)?;
    let opened = file_systems(&image)?;
    // Of one file system only the first of a path is read; of several, each.
    let within = opened.file_systems.iter().flat_map(|(_, file_system)| file_system.repeated());
    say_repeated(context, &within.filter(|path| tables::is_table(path)).cloned().collect());
    let found = all_tables(opened)?;
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
    let in_doubt = !refused.is_empty() || !found.unread.is_empty();
    let known = if answers.is_empty() && in_doubt { None } else { Some(!answers.is_empty()) };
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
    match known {
        Some(_) => Ok(()),
        None => Err(Error::new(
            ErrorKind::FileCorrupt,
            format!("whether this firmware knows {id} is not certain"),
        )
        .with("file", path.display())),
    }
}

/// The tables of every file system, each named so that no two are alike.
fn all_tables(opened: Opened<'_>) -> Result<Tables> {
    let mut all = Tables { unread: opened.closed, ..Tables::default() };
    for (name, file_system) in opened.file_systems {
        let mut found = tables::find(&file_system)?;
        if let Some(name) = name {
            found.tables.iter_mut().for_each(|table| table.path.push_str(&format!(", in {name}")));
            found.unread.iter_mut().for_each(|(path, _)| path.push_str(&format!(", in {name}")));
        }
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
    let opened = file_systems(&image).and_then(all_tables);
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
