//! `stickshift firmware ..`: checking images, taking them apart, putting them together.

use std::io::{self, Cursor, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;
use stickshift::atomic_file::Existing;
use stickshift::error::{Detail, Error, ErrorKind, Result, counted};
use stickshift::event::Session;
use stickshift::firmware::build::{self, Part};
use stickshift::firmware::extract::{self, Options, Package};
use stickshift::firmware::{Finding, Header, Image, Kind, Severity, Verification, text, verify};
use stickshift::flash::facts::UPDATER_ERRORS;

use crate::context::Context;
use crate::files::{self, OutputFile};
use crate::output::Report;

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

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ExtractReport {
    folder: PathBuf,
    files: Vec<PathBuf>,
}

impl Report for ExtractReport {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        for file in &self.files {
            writeln!(out, "{}", file.display())?;
        }
        Ok(())
    }
}

/// An image for people and for scripts.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ImageReport {
    file: PathBuf,
    kind: &'static str,
    form: &'static str,
    #[serde(skip)]
    form_words: &'static str,
    size: u64,
    offset: u64,
    content: Option<ContentReport>,
    platform: Option<String>,
    version: Option<String>,
    hardware: Option<String>,
    date: Option<String>,
    time: Option<String>,
    signature: Option<SignatureReport>,
    partitions: Vec<PartitionReport>,
    findings: Vec<FindingReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blocks: Option<u64>,
    /// Files of an extracted folder that were compared with what was extracted.
    #[serde(skip_serializing_if = "Option::is_none")]
    hashes: Option<u64>,
    /// None where nothing was there to compare with.
    #[serde(skip_serializing_if = "Option::is_none")]
    sound: Option<bool>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ContentReport {
    id: u8,
    name: &'static str,
    words: &'static str,
    signed: bool,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct SignatureReport {
    partition: usize,
    length: u32,
    for_partitions: Option<usize>,
    key_hash: String,
    /// Images that were seen with this key.
    key_seen_on: Option<&'static str>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct PartitionReport {
    /// From 1, as everywhere where people see it.
    number: usize,
    code: String,
    name: String,
    meaning: Option<&'static str>,
    boot: bool,
    offset: u64,
    payload_offset: u64,
    stored: u64,
    /// What reaches the stick; none if it is cut or does not unpack.
    size: Option<u64>,
    compression: &'static str,
    block_size: u32,
    hardware: String,
    version: String,
    date: String,
    time: String,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct FindingReport {
    severity: &'static str,
    code: &'static str,
    text: String,
    partition: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    block: Option<u64>,
    offset: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Option<String>,
}

impl From<&Finding> for FindingReport {
    fn from(finding: &Finding) -> Self {
        let (expected, found) = finding.expected_found().unzip();
        let block = if let Finding::Block(bad) = finding { Some(bad.block) } else { None };
        FindingReport {
            severity: finding.severity().as_str(),
            code: finding.code(),
            text: finding.to_string(),
            partition: finding.partition().map(|index| index + 1),
            block,
            offset: finding.offset(),
            expected,
            found,
        }
    }
}

impl ImageReport {
    /// Unpacks compressed partitions once, to know the sizes that a stick will see.
    pub(crate) fn new(file: &Path, image: &mut Image, findings: &[Finding]) -> ImageReport {
        let partitions = (0..image.partitions.len())
            .map(|index| {
                let size = image.inflated_size(index).ok();
                let partition = &image.partitions[index];
                let header = &partition.header;
                PartitionReport {
                    number: index + 1,
                    code: format!("{:08x}", header.code),
                    name: partition.name.name.to_string(),
                    meaning: partition.name.meaning,
                    boot: partition.name.boot,
                    offset: partition.header_offset,
                    payload_offset: partition.payload_offset,
                    stored: partition.stored,
                    size,
                    compression: partition.compression.name(),
                    block_size: header.blocksize,
                    hardware: text(&header.hardware),
                    version: text(&header.version),
                    date: text(&header.date),
                    time: text(&header.time),
                }
            })
            .collect();
        let first = image.partitions.first().map(|p| p.header);
        let shown = |field: &[u8]| Some(text(field)).filter(|t| !t.is_empty());
        let version = image.version();
        ImageReport {
            file: file.to_owned(),
            kind: "firmware",
            form: image.form.code(),
            form_words: image.form.words(image.partitions.len()),
            size: image.size,
            offset: image.start(),
            content: image.kind().map(|kind| {
                let Kind(id) = kind;
                ContentReport { id, name: kind.name(), words: kind.words(), signed: kind.signed() }
            }),
            platform: version.as_ref().and_then(|v| v.platform.clone()),
            version: version.map(|v| v.version).filter(|v| !v.is_empty()),
            hardware: first.and_then(|h| shown(&h.hardware)),
            date: first.and_then(|h| shown(&h.date)),
            time: first.and_then(|h| shown(&h.time)),
            signature: image.signature.as_ref().map(|s| SignatureReport {
                partition: s.partition + 1,
                length: s.length,
                for_partitions: s.partitions(),
                key_hash: s.key_hex(),
                key_seen_on: s.known_key().map(|key| key.seen_on),
            }),
            partitions,
            findings: findings.iter().map(FindingReport::from).collect(),
            blocks: None,
            hashes: None,
            sound: None,
        }
    }

    /// With what reading everything has shown.
    fn verified(self, seen: &Verification) -> ImageReport {
        let sound = seen.severity() < Some(Severity::Incomplete);
        let checked = seen.blocks > 0 || seen.hashes > 0;
        ImageReport {
            blocks: Some(seen.blocks),
            hashes: (seen.hashes > 0).then_some(seen.hashes),
            sound: (checked || !sound).then_some(sound),
            ..self
        }
    }
}

impl Report for ImageReport {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}: {}, {} bytes", self.file.display(), self.form_words, self.size)?;
        let mut line = |name: &str, value: &str| writeln!(out, "  {name:<10} {value}");
        if self.form == "embedded" {
            line("begins at", &format!("{:#x}", self.offset))?;
        }
        if let Some(content) = &self.content {
            let signed = if content.signed { ", signed" } else { "" };
            line("content", &format!("{} ({:#04x}){signed}", content.words, content.id))?;
        }
        for (name, value) in
            [("version", &self.version), ("platform", &self.platform), ("hardware", &self.hardware)]
        {
            if let Some(value) = value {
                line(name, value)?;
            }
        }
        if let Some(date) = &self.date {
            line("date", &format!("{date} {}", self.time.as_deref().unwrap_or("")))?;
        }
        if let Some(signature) = &self.signature {
            let made_for = signature
                .for_partitions
                .map_or(String::new(), |n| format!(" for {}", counted(n, "partition")));
            line("signature", &format!("{} bytes{made_for}, key {}", signature.length, signature.key_hash))?;
            if let Some(seen_on) = signature.key_seen_on {
                line("", &format!("the key is known from {seen_on}"))?;
            }
        }
        if self.form == "embedded" {
            for (number, error) in UPDATER_ERRORS.iter().enumerate() {
                let name = if number == 0 { "updater" } else { "" };
                line(name, &format!("its error {}: {}; {}", error.code, error.words, error.next))?;
            }
        }
        writeln!(out, "\n  #  offset      code      name                 stored      image  packing")?;
        for p in &self.partitions {
            let size = p.size.map_or("-".to_owned(), |n| n.to_string());
            writeln!(
                out,
                " {:>2}  {:#010x}  {}  {:<16} {:>10} {size:>10}  {}",
                p.number, p.offset, p.code, p.name, p.stored, p.compression
            )?;
        }
        if !self.findings.is_empty() {
            writeln!(out)?;
        }
        for finding in &self.findings {
            writeln!(out, "{}: {}", finding.severity, finding.text)?;
        }
        let Some(blocks) = self.blocks else { return Ok(()) };
        let partitions = counted(self.partitions.len(), "partition");
        let checked = match self.hashes {
            Some(hashes) => format!("{} compared with firmware.json", counted(hashes, "file")),
            None => format!("{} verified", counted(blocks, "checksum")),
        };
        match self.sound {
            Some(true) => writeln!(out, "\nOK: {partitions}, {checked}"),
            Some(false) => {
                let is_only_incomplete = !self.findings.iter().any(|finding| finding.severity == "fault");
                let word = if is_only_incomplete { "INCOMPLETE" } else { "FAILED" };
                writeln!(out, "\n{word}: {partitions}, {checked}")
            }
            None => writeln!(out, "\nnot verified: {partitions} without checksums; damage does not show"),
        }
    }
}

#[cfg(test)]
pub(crate) fn shapes(shapes: &mut crate::output::schema::Shapes) {
    shapes.result::<ImageReport>("firmware verify");
    shapes.result::<ImageReport>("firmware build");
    shapes.result::<ImageReport>("inspect");
    shapes.no_result("firmware build");
    shapes.result::<ExtractReport>("firmware extract");
}
