//! `stickshift firmware ..`: checking images, taking them apart, putting them together.

use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use stickshift::atomic_file::Existing;
use stickshift::error::{Detail, Error, ErrorKind, Result};
use stickshift::event::Session;
use stickshift::firmware::build::{self, Part};
use stickshift::firmware::extract::{self, Options, Package};
use stickshift::firmware::{Finding, Header, Image, Kind, verify};

use crate::context::Context;
use crate::files::{self, OutputFile};

mod report;

use report::ExtractReport;
pub(crate) use report::ImageReport;
#[cfg(test)]
pub(crate) use report::shapes;

/// Verify, extract and build firmware images
#[derive(Args, Debug)]
pub(crate) struct FirmwareArgs {
    #[command(subcommand)]
    verb: FirmwareVerb,
}

#[derive(Debug, Subcommand)]
enum FirmwareVerb {
    /// Verify every checksum, and of an extracted folder every file
    Verify(VerifyArgs),
    /// Extract each partition to its own file, named as balong_flash does
    Extract(ExtractArgs),
    /// Build an image from extracted folders, other images and single partitions
    Build(BuildArgs),
}

#[derive(Args, Debug)]
struct VerifyArgs {
    /// Firmware image, updater .exe, .fw, or a folder of raw partitions
    file: PathBuf,

    /// Accept an image with missing partitions
    #[arg(long)]
    allow_partial: bool,
}

#[derive(Args, Debug)]
struct ExtractArgs {
    /// Firmware image, updater .exe, .fw, or a folder of raw partitions
    file: PathBuf,

    /// Output folder, created if missing [default: FILE.parts]
    #[arg(short, long, value_name = "FOLDER")]
    output: Option<PathBuf>,

    /// Write .fw files with header and checksums instead of raw images
    #[arg(long, conflicts_with = "exact")]
    split: bool,

    /// Also keep compressed payloads and the data around the image, so that build reproduces the file byte for byte
    #[arg(long)]
    exact: bool,

    /// Continue despite bad checksums or missing partitions; firmware.json records them. With --split, despite missing partitions only
    #[arg(long)]
    allow_damaged: bool,
}

#[derive(Args, Debug)]
struct BuildArgs {
    /// Inputs in flashing order: extracted folders, images, .fw files, or CODE=FILE for a raw partition (00110000=fastboot.bin)
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,

    /// The image to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,

    /// Content flags, 0x00 to 0x0f: sum of 1 firmware, 2 dashboard CD, 4 web UI, 8 signed [default: those of the first input]
    #[arg(long, value_parser = parse_kind)]
    kind: Option<u8>,

    /// Write a single partition without a file header (.fw)
    #[arg(long, conflicts_with = "kind")]
    split: bool,

    /// Build from damaged inputs too: the new checksums hide the damage
    #[arg(long)]
    allow_damaged: bool,

    #[command(flatten)]
    fields: Fields,
}

/// Header fields for raw partitions.
#[derive(Args, Debug)]
#[command(next_help_heading = "Header fields of raw partitions")]
struct Fields {
    /// Platform, as the stick names its product (E3372h_153)
    #[arg(long)]
    platform: Option<String>,

    /// Firmware version (21.180.01.00.00)
    #[arg(long, default_value = "", hide_default_value = true)]
    firmware_version: String,

    /// Hardware code, 8 characters at most (HWEW11.1)
    #[arg(long, default_value = "", hide_default_value = true)]
    hardware: String,

    /// Date (2015.03.03)
    #[arg(long, default_value = "", hide_default_value = true)]
    date: String,

    /// Time (11:42:10)
    #[arg(long, default_value = "", hide_default_value = true)]
    time: String,

    /// Bytes covered by one checksum
    #[arg(long, default_value_t = 4096)]
    block_size: u32,
}

fn parse_kind(text: &str) -> std::result::Result<u8, String> {
    let value = match text.strip_prefix("0x") {
        Some(digits) => u8::from_str_radix(digits, 16),
        None => text.parse(),
    };
    value.ok().filter(|kind| *kind <= 15).ok_or_else(|| "a kind is 0 to 15".to_owned())
}

pub(crate) fn run(context: &mut Context, args: FirmwareArgs) -> Result<()> {
    match args.verb {
        FirmwareVerb::Verify(args) => run_verify(context, &args),
        FirmwareVerb::Extract(args) => run_extract(context, &args),
        FirmwareVerb::Build(args) => run_build(context, args),
    }
}

/// Opens an image in any of its forms.
pub(crate) fn open(path: &Path) -> Result<Image> {
    Image::open_path(path)
}

fn run_verify(context: &Context, args: &VerifyArgs) -> Result<()> {
    let mut image = open(&args.file)?;
    let mut session = context.session();
    session.step("verify", format!("verifying {}", args.file.display()));
    let seen = verify(&mut image, &mut session)?;
    drop(session);
    context.output.finish(&ImageReport::new(&args.file, &mut image, &seen.findings).verified(&seen));
    accept(seen.require_sound(), args.allow_partial)
}

/// Lets an image pass that lacks partitions but has no fault, where that is allowed.
pub(crate) fn accept(sound: Result<()>, allow_partial: bool) -> Result<()> {
    match sound {
        Err(e) if allow_partial && e.is(ErrorKind::ImageIncomplete) => Ok(()),
        other => other,
    }
}

fn run_extract(context: &Context, args: &ExtractArgs) -> Result<()> {
    let mut image = open(&args.file)?;
    let mut session = context.session();
    session.step("verify", format!("verifying {}", args.file.display()));
    let seen = verify(&mut image, &mut session)?;
    // A .fw has new checksums and no place for what was wrong.
    if args.split {
        accept(seen.require_sound(), args.allow_damaged)?;
    } else if !args.allow_damaged {
        seen.require_sound()?;
    }
    let folder = args.output.clone().unwrap_or_else(|| {
        let mut name = args.file.clone().into_os_string();
        name.push(".parts");
        name.into()
    });
    let existing = if context.global.force { Existing::Replace } else { Existing::Keep };
    let findings = seen.findings;
    let options =
        Options { split: args.split, stored: args.exact, surroundings: args.exact, existing, findings };
    let files = extract::extract(&mut image, &folder, &options, &mut session)?;
    drop(session);
    context.output.finish(&ExtractReport { folder, files });
    Ok(())
}

fn run_build(context: &Context, args: BuildArgs) -> Result<()> {
    let template = template(&args.fields)?;
    let mut package: Option<Package> = None;
    let mut read = Vec::new();
    let mut is_changed = false;
    let mut session = context.session();
    for input in &args.inputs {
        let next = read_input(input, &template, &mut read, &mut session)?;
        look_at(input, &next, args.allow_damaged, &mut session)?;
        is_changed |= !next.changed.is_empty();
        match &mut package {
            None => package = Some(next),
            Some(package) => package.parts.extend(next.parts),
        }
    }
    let Some(mut package) = package else {
        return Err(Error::new(ErrorKind::Usage, "nothing to build from"));
    };
    if args.split {
        if package.parts.len() != 1 {
            return Err(Error::new(ErrorKind::Usage, "a .fw holds one partition")
                .with("partitions", package.parts.len()));
        }
        package.file_header = None;
    } else if let Some(kind) = args.kind {
        package.file_header.get_or_insert(build::file_header(kind))[0] = kind;
    } else if package.file_header.is_none() {
        return Err(Error::new(
            ErrorKind::Usage,
            "the inputs do not say what the image holds: name its kind",
        )
        .detail(Detail::NextStep(
            "add --kind 0x09 for signed main firmware, 0x01 for main firmware without a signature, 0x0c or 0x04 for a web UI; a .fw does not say which it is from",
        )));
    }
    if let Some([kind, ..]) = package.file_header.as_mut().filter(|_| is_changed)
        && Kind(*kind).signed()
    {
        let mark = match args.kind {
            Some(_) => "the image is marked as signed all the same",
            None => "the image is marked as not signed",
        };
        session.warn(
            "signature-outdated",
            format!(
                "the signature, if there is one, was made for what the changed files held before: {mark}"
            ),
        );
        if args.kind.is_none() {
            *kind = Kind(*kind).unsigned().0;
        }
    }
    context.output.leave_room(&args.output)?;
    session.step("build", format!("writing {}", args.output.display()));
    let repeated = Finding::repeated(package.parts.iter().map(|part| part.header.code));
    let inputs: Vec<&Path> = read.iter().map(PathBuf::as_path).collect();
    match OutputFile::create(&args.output, context.global.force, &inputs)? {
        OutputFile::File(mut file) => {
            package.write(&mut file).map_err(|e| e.with("file", args.output.display()))?;
            file.commit()?;
        }
        // Checksums are filled in afterwards, for which a pipe is no place.
        mut straight => {
            let mut image = Cursor::new(Vec::new());
            package.write(&mut image)?;
            straight.write_all(image.get_ref()).map_err(|e| files::unwritable(&args.output, e))?;
            straight.commit()?;
        }
    }
    // What went into a pipe cannot be read back.
    if !args.output.is_file() {
        for finding in repeated {
            session.warn(finding.code(), finding.to_string());
        }
        return Ok(());
    }

    let mut image = open(&args.output)?;
    session.step("verify", format!("verifying {}", args.output.display()));
    let seen = verify(&mut image, &mut session)?;
    drop(session);
    context.output.finish(&ImageReport::new(&args.output, &mut image, &seen.findings).verified(&seen));
    // A partial image is what its maker asked for.
    accept(seen.require_sound(), true)
}

/// Says which files of an input were changed, and refuses damage: what is built has checksums that are right.
fn look_at(input: &Path, package: &Package, allow_damaged: bool, session: &mut Session<'_>) -> Result<()> {
    for file in &package.changed {
        session.warn("file-changed", format!("{} was changed after it was extracted", file.display()));
    }
    match package.damage.first() {
        Some(what) if allow_damaged => {
            session.warn("damaged", format!("{} is damaged: {what}", input.display()));
            Ok(())
        }
        Some(what) => Err(Error::new(
            ErrorKind::FileCorrupt,
            format!("{} is damaged: {what}", input.display()),
        )
        .detail(Detail::NextStep(
            "get a sound one; --allow-damaged builds all the same, and the image does not show the damage",
        ))),
        None => Ok(()),
    }
}

fn template(fields: &Fields) -> Result<Header> {
    let version = match &fields.platform {
        Some(platform) => format!(":{platform}:{}", fields.firmware_version),
        None => fields.firmware_version.clone(),
    };
    Ok(Header {
        hardware: build::field(&fields.hardware)?,
        date: build::field(&fields.date)?,
        time: build::field(&fields.time)?,
        version: build::field(&version)?,
        blocksize: fields.block_size,
        ..Header::new(0)
    })
}

/// A raw partition: `CODE=FILE`.
fn with_code(input: &Path) -> Option<(u32, &Path)> {
    let (code, path) = input.to_str()?.split_once('=')?;
    let code = (code.len() == 8).then(|| u32::from_str_radix(code, 16).ok())??;
    Some((code, Path::new(path)))
}

/// Reads an input, and notes the files and folders that it is read from.
fn read_input(
    input: &Path,
    template: &Header,
    read: &mut Vec<PathBuf>,
    session: &mut Session<'_>,
) -> Result<Package> {
    read.push(input.to_owned());
    if input.is_dir() {
        return Package::read(input, template, session);
    }
    if let Some((code, path)) = with_code(input) {
        read.push(path.to_owned());
        let file = files::open(path)?;
        let metadata = file.metadata().map_err(|e| {
            Error::new(ErrorKind::FileUnreadable, format!("cannot read {}", path.display())).because(e)
        })?;
        return Ok(Package::new(None, vec![Part::new(Header { code, ..*template }, file, metadata.len())]));
    }
    let image = open(input)?;
    read.extend(image.files.iter().cloned());
    Package::from_image(image, session)
}
