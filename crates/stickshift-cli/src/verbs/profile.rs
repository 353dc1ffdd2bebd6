//! `stickshift profile`: the switching profiles, and their file formats.

use std::fmt::Display;
use std::fs;
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand, ValueEnum};
use stickshift::clean;
use stickshift::error::{Detail, Error, ErrorKind, Result};
use stickshift::profile::formats::{self, Export, Format, Import, Refused, usb_modeswitch};
use stickshift::profile::{Candidate, Catalogue, Entry, Key, Origin, check, is_left_behind};
use stickshift::stick::{KnownIds, UsbId};

use crate::context::Context;
use crate::files::{self, OutputFile};
use crate::verbs::profile_reports::{
    Check, Checked, Converted, IDS_ALONE, List, NO_ENTRY, ProfileReport, Show, State, grouped, is_ids_alone,
};

/// List, check and convert switching profiles (usb_modeswitch, OpenWrt, TP-Link, udev).
#[derive(Args, Debug)]
pub(crate) struct ProfileArgs {
    #[command(subcommand)]
    verb: ProfileVerb,
}

#[derive(Debug, Subcommand)]
enum ProfileVerb {
    /// List the profiles, or those whose ids, name or method contain TEXT
    List {
        /// Part of ids, name or method
        #[arg(value_name = "TEXT")]
        text: Option<String>,
    },
    /// Show the profiles for USB ids, or those in a file
    Show {
        /// USB ids, vvvv:pppp, before or after the switch; a key as `list` prints it; or a profile file of any format
        #[arg(value_name = "IDS|FILE")]
        what: String,
    },
    /// Check profile files of any format: what is not read as it stands, and what cannot work
    Check {
        /// Profile files of any format, or folders of them; - for standard input
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
    },
    /// Write profiles in another format
    Convert {
        /// Profile files of any format, ids from the catalogue, - for standard input, or the text itself: a command line of usb_modeswitch, a piece
        /// of usb-mode.json
        #[arg(value_name = "FILE|IDS|TEXT", required = true)]
        from: Vec<String>,
        /// Output format
        #[arg(long, value_enum)]
        to: To,
        /// Output file (default: standard output)
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

/// The formats that can be written.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum To {
    /// One file of usb_modeswitch
    #[value(alias = "usb_modeswitch")]
    UsbModeswitch,
    /// usb_modeswitch's archive of many
    #[value(alias = "configpack")]
    UsbModeswitchPack,
    /// OpenWrt's usb-mode.json
    Openwrt,
    /// The file for TP-Link's Modem Settings page
    Tplink,
    /// The table inside TP-Link's firmware
    TplinkTable,
    /// udev rules
    Udev,
    /// stickshift's own
    #[value(alias = "native")]
    Stickshift,
}

impl To {
    pub(crate) fn format(self) -> Format {
        match self {
            To::UsbModeswitch => Format::UsbModeswitch,
            To::UsbModeswitchPack => Format::Pack,
            To::Openwrt => Format::Openwrt,
            To::Tplink => Format::TplinkBin,
            To::TplinkTable => Format::TplinkTable,
            To::Udev => Format::Udev,
            To::Stickshift => Format::Native,
        }
    }
}

pub(crate) fn run(context: &mut Context, args: ProfileArgs) -> Result<()> {
    match args.verb {
        ProfileVerb::List { text } => list(context, text.as_deref()),
        ProfileVerb::Show { what } => show(context, &what),
        ProfileVerb::Check { files } => check(context, &files),
        ProfileVerb::Convert { from, to, output } => convert(context, &from, to.format(), output.as_deref()),
    }
}

fn catalogue(context: &Context) -> Arc<Catalogue> {
    for p in context.opener.profile_problems() {
        let line = p.line.map_or(String::new(), |n| format!(":{n}"));
        context.output.say(&format!("warning: {}{line}: {}", p.file, p.what));
    }
    context.opener.catalogue()
}

fn list(context: &Context, text: Option<&str>) -> Result<()> {
    let wanted = text.unwrap_or_default().to_lowercase();
    let profiles: Vec<ProfileReport> = catalogue(context)
        .iter()
        .map(|(origin, entry)| ProfileReport::of(origin, &entry))
        .filter(|p| {
            [&p.key, &p.name, &p.method].iter().any(|t| t.to_lowercase().contains(&wanted))
                || p.targets.iter().any(|t| t.contains(&wanted))
        })
        .collect();
    context.output.finish(&List { profiles });
    Ok(())
}

fn show(context: &Context, what: &str) -> Result<()> {
    let id = match source(context, what)? {
        Source::Ids(id) => id,
        Source::Key(key) => {
            let one = named(&catalogue(context), &key)?;
            let profiles = vec![ProfileReport::of(one.origin, &one.entry)];
            let id = key.to_string();
            let show = Show { id, profiles, comes_from: Vec::new(), of_file: false, no_modem: None };
            context.output.finish(&show);
            return Ok(());
        }
        Source::Bytes(bytes, name) => {
            let imported = some_entries(context, &bytes, &name)?;
            for refused in &imported.refused {
                context.output.say(&format!("refused: {}: {}", refused.entry, refused.why));
            }
            let profiles = imported.entries.iter().map(|e| ProfileReport::of(Origin::User, e)).collect();
            let show = Show { id: name, profiles, comes_from: Vec::new(), of_file: true, no_modem: None };
            context.output.finish(&show);
            return Ok(());
        }
    };
    let catalogue = catalogue(context);
    let (found, leading) = (catalogue.candidates(id), catalogue.leading_to(id));
    if found.is_empty() && leading.is_empty() {
        return Err(unknown(&id));
    }
    let report = |c: &Candidate| ProfileReport::of(c.origin, &c.entry);
    let profiles = found.iter().map(report).collect();
    let comes_from = leading.iter().filter(|c| c.entry.key.id() != Some(id)).map(report).collect();
    let no_modem = catalogue.no_modem(id);
    context.output.finish(&Show { id: id.to_string(), profiles, comes_from, of_file: false, no_modem });
    Ok(())
}

const CORRECT: &str = "correct in an editor what is named, then check it again";

fn check(context: &Context, paths: &[PathBuf]) -> Result<()> {
    let mut checked = Vec::new();
    // What lies in a folder may be anything; who names a file means a profile.
    let mut named_foreign = 0;
    for path in paths {
        for file in files_of(path)? {
            let bytes = if file.as_os_str() == "-" { files::read_stdin(LIMIT) } else { read(&file) };
            let one = match bytes {
                Ok(bytes) => check_bytes(&file, &bytes),
                Err(error) => Checked::failed(&file, error),
            };
            named_foreign += usize::from(one.state == State::Foreign && file == *path);
            checked.push(one);
        }
    }
    let unusable = checked.iter().filter(|c| c.state == State::Unusable).count();
    let read = checked.iter().filter(|c| c.state != State::Foreign).count();
    // A file by itself is named as it always was; among others it is one line.
    let alone = (checked.len() == 1).then(|| checked[0].error.take()).flatten();
    if let Some(error) = alone {
        // The advice for texts names this verb.
        if error.has(&Detail::InText) && error.next_step().is_none() {
            return Err(error.detail(Detail::NextStep(CORRECT)));
        }
        return Err(error);
    }
    context.output.finish(&Check { files: checked });
    if unusable > 0 {
        let what = "not every profile can work as it stands";
        let error = Error::new(ErrorKind::FileCorrupt, what).detail(Detail::InText);
        return Err(error.detail(Detail::NextStep(CORRECT)).with("files", unusable));
    }
    if read == 0 {
        return Err(Error::new(
            ErrorKind::WrongFileKind,
            "none of these files is a profile in a known format",
        ));
    }
    if named_foreign > 0 {
        let what = "not every file that was named is a profile in a known format";
        return Err(Error::new(ErrorKind::WrongFileKind, what).with("files", named_foreign));
    }
    Ok(())
}

/// A file, or the files of a folder in the order of their names.
fn files_of(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let unreadable = |e: io::Error| {
        Error::new(ErrorKind::FileUnreadable, format!("cannot read the folder {}", path.display())).because(e)
    };
    let mut found = Vec::new();
    for entry in fs::read_dir(path).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_file() && !is_left_behind(&name) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Shows a profile file of any format. `false` when it is none.
pub(crate) fn inspect(context: &Context, path: &Path) -> Result<bool> {
    let Ok(bytes) = read(path) else { return Ok(false) };
    let mut checked = check_bytes(path, &bytes);
    match checked.error.take() {
        Some(e) if checked.state == State::Foreign && e.next_step().is_some() => Err(e),
        _ if checked.state == State::Foreign => Ok(false),
        Some(e) if e.is(ErrorKind::FileTooLarge) => Ok(false),
        Some(e) => Err(e),
        None => {
            context.output.finish(&Check { files: vec![checked] });
            Ok(true)
        }
    }
}

/// What an argument names.
enum Source {
    /// Ids in the catalogue.
    Ids(UsbId),
    /// One entry of the catalogue.
    Key(Key),
    /// The bytes of a file, of standard input or of the argument itself, and their name.
    Bytes(Vec<u8>, String),
}

/// Finds out what an argument names. A file that is there comes before ids of the same name.
fn source(context: &Context, text: &str) -> Result<Source> {
    if text == "-" {
        return Ok(Source::Bytes(files::read_stdin(LIMIT)?, "standard input".to_owned()));
    }
    let path = Path::new(text);
    let id = text.parse::<UsbId>();
    if path.is_file() {
        if id.is_ok() {
            context.output.say(&format!(
                "note: this is the file {text}; for the catalogue's profiles run this in another folder"
            ));
        }
        return Ok(Source::Bytes(read(path)?, path.display().to_string()));
    }
    if let Ok(id) = id {
        return Ok(Source::Ids(id));
    }
    if let Ok(key) = text.parse::<Key>() {
        return Ok(Source::Key(key));
    }
    // Ids that are mistyped, and no name of a file.
    if text.split_once(':').is_some_and(|(vendor, _)| vendor.len() == 4) && !path.exists() {
        parse_id(text)?;
    }
    let is_text = text.contains(char::is_whitespace) || text.trim_start().starts_with(['{', '"']);
    if is_text && !path.exists() && formats::recognise(text.as_bytes()).is_some() {
        return Ok(Source::Bytes(text.as_bytes().to_vec(), "the text".to_owned()));
    }
    Ok(Source::Bytes(read(path)?, path.display().to_string()))
}

fn convert(context: &Context, from: &[String], to: Format, output: Option<&Path>) -> Result<()> {
    let mut entries: Vec<Entry> = Vec::new();
    for text in from {
        match source(context, text)? {
            Source::Ids(id) => {
                let found = catalogue(context).candidates(id);
                if found.is_empty() {
                    return Err(unknown(&id));
                }
                // The owner's entries stand alone, as they do when a stick is switched.
                let first = found[0].origin;
                entries.extend(found.into_iter().filter(|c| c.origin == first).map(|c| c.entry));
            }
            Source::Key(key) => entries.push(named(&catalogue(context), &key)?.entry),
            Source::Bytes(bytes, name) => {
                let imported = some_entries(context, &bytes, &name)?;
                if let Some(refused) = imported.refused.first() {
                    return Err(refusal(refused));
                }
                if imported
                    .entries
                    .iter()
                    .any(|entry| to != Format::Udev && is_ids_alone(imported.format, entry))
                {
                    let next = "convert the ids themselves: `stickshift profile convert IDS --to FORMAT`";
                    let error = Error::new(ErrorKind::FileCorrupt, IDS_ALONE).detail(Detail::InText);
                    return Err(error.detail(Detail::NextStep(next)).with("file", name));
                }
                entries.extend(imported.entries);
            }
        }
    }
    for entry in &entries {
        let faults = check::faults(&entry.parameters);
        let idle = !entry.parameters.does_something() && !entry.parameters.is_leave_alone();
        // A rule of udev names ids and nothing else.
        if let Some(why) = faults.last().filter(|_| idle && to != Format::Udev) {
            let what = format!("the profile for {} cannot be converted: {why}", entry.key);
            return Err(Error::new(ErrorKind::FileCorrupt, what).detail(Detail::InText));
        }
        if to != Format::Udev {
            faults.iter().for_each(|fault| context.output.say(&format!("warning: {}: {fault}", entry.key)));
        }
    }
    let inputs: Vec<&Path> = from.iter().map(Path::new).collect();
    write(context, &entries, to, output, &inputs)
}

/// Writes profiles to a file or to standard output, and says what the format cannot carry. A usb_modeswitch file gets the
/// stick's ids into its text where its name does not tell them.
///
/// # Errors
/// What the format and writing report; `Usage` when a binary format would go to a terminal.
pub(crate) fn write(
    context: &Context,
    entries: &[Entry],
    to: Format,
    output: Option<&Path>,
    inputs: &[&Path],
) -> Result<()> {
    let mut exported = formats::export(entries, to)?;
    let name = output.and_then(Path::file_name).and_then(|n| n.to_str());
    let is_named = name.is_some() && name == exported.file_name.as_deref();
    if let (Format::UsbModeswitch, [entry], false, 1..) = (to, entries, is_named, exported.entries) {
        let (text, losses) = usb_modeswitch::emit(entry, true);
        (exported.bytes, exported.losses) = (text.into_bytes(), losses);
    }
    say_losses(context, &exported);
    let mut lost = exported.losses.iter().filter(|l| l.what == "entry");
    if let (Some(first), 0) = (lost.next(), exported.entries) {
        let what = format!("nothing of this can be said in this format: {}", first.why);
        return Err(Error::new(ErrorKind::Usage, what).with("format", to.code()));
    }
    match output {
        Some(path) => {
            context.output.leave_room(path)?;
            files::write(path, &exported.bytes, context.global.force, inputs)?;
            if OutputFile::is_stdout(path) {
                return Ok(());
            }
            context.output.finish(&Converted::of(to, &exported, Some(path)));
        }
        None if context.global.json => context.output.finish(&Converted::of(to, &exported, None)),
        None => {
            let binary = std::str::from_utf8(&exported.bytes).is_err();
            if binary && io::stdout().is_terminal() {
                return Err(Error::new(
                    ErrorKind::Usage,
                    "this format is binary and would spoil the terminal",
                ));
            }
            let mut out = io::stdout().lock();
            let text = String::from_utf8_lossy(&exported.bytes);
            let shown = if io::stdout().is_terminal() {
                clean::lines(&text).into_owned().into()
            } else {
                exported.bytes
            };
            out.write_all(&shown)
                .and_then(|()| out.flush())
                .map_err(|e| Error::new(ErrorKind::Io, "cannot write to standard output").because(e))?;
        }
    }
    Ok(())
}

pub(crate) fn parse_id(text: &str) -> Result<UsbId> {
    text.parse().map_err(|()| {
        Error::new(ErrorKind::Usage, format!("\"{text}\" is not a pair of USB ids such as 12d1:1f01"))
    })
}

/// The ids, and the whole key where that names one entry: `vvvv:pppp:uMa=Text`.
pub(crate) fn parse_key(text: &str) -> Result<(UsbId, Option<Key>)> {
    let key = text.parse::<Key>().ok().filter(|key| !key.qualifiers.is_empty());
    match key.as_ref().and_then(Key::id) {
        Some(id) => Ok((id, key)),
        None => Ok((parse_id(text)?, None)),
    }
}

/// The entry of this key.
pub(crate) fn named(catalogue: &Catalogue, key: &Key) -> Result<Candidate> {
    let found = catalogue.iter().find(|(_, entry)| entry.key == *key);
    found.map(|(origin, entry)| Candidate { origin, entry }).ok_or_else(|| unknown(key))
}

fn unknown(what: &dyn Display) -> Error {
    Error::new(ErrorKind::NoProfile, format!("no profile matches {what}"))
}

/// The largest file of profiles.
const LIMIT: u64 = formats::MAX_FILE as u64;

fn read(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    files::open(path)?.take(LIMIT + 1).read_to_end(&mut bytes).map_err(|e| {
        Error::new(ErrorKind::FileUnreadable, format!("cannot read {}", path.display())).because(e)
    })?;
    Ok(bytes)
}

/// Reads what a file of this path holds.
fn import(bytes: &[u8], path: &str) -> Result<Import> {
    let name = Path::new(path).file_name().unwrap_or_default().to_string_lossy();
    formats::import(bytes, &name).map_err(|e| e.with("file", path))
}

/// Reads a file that has to hold a profile, and says what was not taken as it stands.
fn some_entries(context: &Context, bytes: &[u8], path: &str) -> Result<Import> {
    let imported = import(bytes, path)?;
    warn_import(context, path, &imported);
    if imported.entries.is_empty() {
        let nothing = || Error::new(ErrorKind::FileCorrupt, NO_ENTRY).with("file", path);
        return Err(imported.refused.first().map_or_else(nothing, refusal));
    }
    Ok(imported)
}

fn refusal(refused: &Refused) -> Error {
    Error::new(ErrorKind::FileCorrupt, format!("a profile is refused: {}", refused.why))
        .detail(Detail::InText)
        .with("entry", &refused.entry)
        .with("text", clean::line(&refused.text))
}

fn check_bytes(path: &Path, bytes: &[u8]) -> Checked {
    match import(bytes, &path.display().to_string()) {
        Ok(import) => Checked::of(path, &import),
        Err(error) => Checked::failed(path, error),
    }
}

fn warn_import(context: &Context, path: &str, import: &Import) {
    for w in &import.warnings {
        let line = if w.line > 0 { format!(":{}", w.line) } else { String::new() };
        context.output.say(&format!("warning: {path}{line}: {}", w.what));
    }
}

fn say_losses(context: &Context, export: &Export) {
    for ((what, why), entries) in grouped(export) {
        if what == "entry" {
            context.output.say(&format!("left out: {}: {why}", entries.join(", ")));
            continue;
        }
        let who = match entries.as_slice() {
            [one] => (*one).to_owned(),
            many => format!("{} entries", many.len()),
        };
        context.output.say(&format!("lost in conversion: {what} ({who}): {why}"));
    }
    for note in &export.notes {
        context.output.say(&format!("note: {note}"));
    }
}

#[cfg(test)]
pub(crate) fn shapes(shapes: &mut crate::output::schema::Shapes) {
    shapes.result::<List>("profile list");
    shapes.result::<Show>("profile show");
    shapes.result::<Check>("profile check");
    shapes.result::<Check>("inspect");
    shapes.result::<Converted>("profile convert");
    shapes.result::<Converted>("learn");
    shapes.event::<Converted>("learn", "profile");
}
