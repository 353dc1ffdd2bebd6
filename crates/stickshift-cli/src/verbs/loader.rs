//! `stickshift loader ..`: what a loader file is, changing it, and its partition table.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;
use stickshift::boot::{Assessment, Block, Changes, Loader, Partition, PartitionTable, Safety, WOULD_LOSE};
use stickshift::error::{Error, ErrorKind, Result};
use stickshift::hex;

use crate::context::Context;
use crate::files::{self, OutputFile};
use crate::output::{ErasedReport, Report};

/// Inspect and patch boot ROM loaders (usbloader*.bin, usblsafe*.bin)
#[derive(Args, Debug)]
pub(crate) struct LoaderArgs {
    #[command(subcommand)]
    verb: LoaderVerb,
}

#[derive(Debug, Subcommand)]
enum LoaderVerb {
    /// Show the blocks, the erase verdict with its evidence, possible patches, and the partition table
    Info(InfoArgs),
    /// Patch out the erase call, cut to fastboot, replace the partition table; without -o, only report the changes
    Patch(PatchArgs),
    /// Show or extract the partition table of a loader or a table file
    Table(TableArgs),
}

#[derive(Args, Debug)]
struct InfoArgs {
    /// The loader
    #[arg(value_name = "LOADER")]
    file: PathBuf,
}

#[derive(Args, Debug)]
struct PatchArgs {
    /// The loader
    #[arg(value_name = "LOADER")]
    file: PathBuf,

    /// Write the patched loader to this file
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    changes: ChangeArgs,
}

#[derive(Args, Debug)]
struct TableArgs {
    /// Loader or partition table file
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Write the 2048-byte table to FILE (`loader patch --table FILE` inserts one)
    #[arg(short, long, value_name = "FILE")]
    extract: Option<PathBuf>,
}

/// What can be changed in a loader before it is sent or written.
#[derive(Args, Debug)]
pub(crate) struct ChangeArgs {
    /// Cut the loader so that it stops in fastboot
    #[arg(long)]
    fastboot: bool,

    /// Replace the loader's partition table with the one in FILE
    #[arg(long, value_name = "FILE")]
    table: Option<PathBuf>,

    /// Set the file flag of partition N (from 0, as `loader table` and other tools number them); may be repeated
    #[arg(long, value_name = "N")]
    file_flag: Vec<usize>,

    /// Also erase blocks marked bad; marks of really bad blocks are lost
    #[arg(long)]
    ignore_bad_blocks: bool,

    /// Do not patch out the erase call
    #[arg(long)]
    unchanged: bool,
}

impl ChangeArgs {
    /// Reads the table file, if one is named.
    pub(crate) fn changes(self) -> Result<Changes> {
        let table =
            self.table.as_deref().map(|path| PartitionTable::parse(&files::read(path)?)).transpose()?;
        Ok(Changes {
            fastboot: self.fastboot,
            table,
            file_flags: self.file_flag,
            ignore_bad_blocks: self.ignore_bad_blocks,
            keep_erase: self.unchanged,
        })
    }
}

pub(crate) fn run(context: &mut Context, args: LoaderArgs) -> Result<()> {
    match args.verb {
        LoaderVerb::Info(args) => {
            let loader = Loader::parse(files::read(&args.file)?)?;
            context.output.finish(&LoaderReport::new(&args.file, &loader));
            Ok(())
        }
        LoaderVerb::Patch(args) => run_patch(context, args),
        LoaderVerb::Table(args) => run_table(context, &args),
    }
}

fn run_patch(context: &Context, args: PatchArgs) -> Result<()> {
    let mut loader = Loader::parse(files::read(&args.file)?)?;
    let table_file = args.changes.table.clone();
    let changes = args.changes.changes()?;
    loader.change(&changes)?;
    let safety = loader.assess().safety;
    if safety == Safety::Unknown && !changes.keep_erase {
        return Err(Error::new(ErrorKind::PatchNotFound, "no known erase call was found in this loader")
            .with("patch", "erase-patch"));
    }
    if let Some(output) = &args.output {
        let mut inputs = vec![args.file.as_path()];
        inputs.extend(table_file.as_deref());
        context.output.leave_room(output)?;
        files::write(output, loader.as_bytes(), context.global.force, &inputs)?;
        if OutputFile::is_stdout(output) {
            return Ok(());
        }
    }
    let changes = loader
        .changes()
        .iter()
        .map(|c| ChangeReport {
            what: c.what,
            offset: c.offset,
            old: hex::encode(&c.old),
            new: hex::encode(&c.new),
        })
        .collect();
    context.output.finish(&PatchReport {
        file: args.file,
        output: args.output,
        safety: safety.code(),
        safety_words: safety.words(),
        changes,
    });
    Ok(())
}

fn run_table(context: &Context, args: &TableArgs) -> Result<()> {
    let bytes = files::read(&args.file)?;
    let (table, offset) = if Loader::recognises(&bytes) {
        let loader = Loader::parse(bytes)?;
        let (Some(table), Some(offset)) = (loader.table(), loader.table_offset()) else {
            return Err(Error::new(ErrorKind::NoPartitionTable, "the loader has no partition table"));
        };
        (table, loader.file_offset(offset))
    } else {
        (PartitionTable::parse(&bytes)?, 0)
    };
    if let Some(output) = &args.extract {
        context.output.leave_room(output)?;
        files::write(output, table.as_bytes(), context.global.force, &[&args.file])?;
        if OutputFile::is_stdout(output) {
            return Ok(());
        }
    }
    context.output.finish(&TableFileReport {
        file: args.file.clone(),
        kind: "partition-table",
        table: TableReport::new(&table, offset),
    });
    Ok(())
}

/// The report of a file that begins like a loader or a partition table; `None` for others.
pub(crate) fn inspect(path: &Path) -> Result<Option<Box<dyn ErasedReport>>> {
    let mut start = Vec::new();
    files::open(path)?.take(16).read_to_end(&mut start).map_err(|e| {
        Error::new(ErrorKind::FileUnreadable, format!("cannot read {}", path.display())).because(e)
    })?;
    if Loader::recognises(&start) {
        let loader = Loader::parse(files::read(path)?)?;
        return Ok(Some(Box::new(LoaderReport::new(path, &loader))));
    }
    if PartitionTable::recognises(&start) {
        let table = PartitionTable::parse(&files::read(path)?)?;
        return Ok(Some(Box::new(TableFileReport {
            file: path.to_owned(),
            kind: "partition-table",
            table: TableReport::new(&table, 0),
        })));
    }
    Ok(None)
}

/// A loader for people and for scripts.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct LoaderReport {
    file: PathBuf,
    kind: &'static str,
    size: usize,
    safety: SafetyReport,
    known: Option<KnownReport>,
    chip: Option<ChipReport>,
    blocks: Vec<BlockReport>,
    patches: Vec<PatchFits>,
    table: Option<TableReport>,
    oddities: Vec<OddityReport>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct SafetyReport {
    code: &'static str,
    words: &'static str,
    would_lose: Option<&'static str>,
    family: Option<&'static str>,
    evidence: Vec<EvidenceReport>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct EvidenceReport {
    text: String,
    offset: u64,
    bytes: String,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ChipReport {
    name: &'static str,
    models: &'static [&'static str],
}

/// A file that was seen before, by its hash.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct KnownReport {
    name: &'static str,
    about: &'static str,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct BlockReport {
    name: &'static str,
    mode: u32,
    size: u32,
    address: u32,
    offset: u32,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct PatchFits {
    name: &'static str,
    fits: bool,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct OddityReport {
    code: &'static str,
    text: String,
}

impl LoaderReport {
    fn new(path: &Path, loader: &Loader) -> LoaderReport {
        let Assessment { safety, family, evidence } = loader.assess();
        let erases = matches!(safety, Safety::Stock | Safety::Unknown);
        LoaderReport {
            file: path.to_owned(),
            kind: "loader",
            size: loader.as_bytes().len(),
            safety: SafetyReport {
                code: safety.code(),
                words: safety.words(),
                would_lose: erases.then_some(WOULD_LOSE),
                family: family.map(|f| f.name()),
                evidence: evidence
                    .into_iter()
                    .map(|e| EvidenceReport { text: e.text, offset: e.offset, bytes: hex::encode(&e.bytes) })
                    .collect(),
            },
            known: loader.known().map(|k| KnownReport { name: k.name, about: k.about }),
            chip: loader.chip().map(|c| ChipReport { name: c.name, models: c.models }),
            blocks: Block::ALL
                .iter()
                .map(|block| {
                    let d = loader.descriptor(*block);
                    BlockReport {
                        name: block.name(),
                        mode: d.mode,
                        size: d.size,
                        address: d.address,
                        offset: d.offset,
                    }
                })
                .collect(),
            patches: patches(loader, family.is_some()),
            table: loader.table().map(|table| {
                let offset = loader.table_offset().map_or(0, |at| loader.file_offset(at));
                TableReport::new(&table, offset)
            }),
            oddities: loader
                .oddities()
                .into_iter()
                .map(|o| OddityReport { code: o.code, text: o.text })
                .collect(),
        }
    }
}

/// Which of the changes can be made, by making them.
fn patches(loader: &Loader, erase: bool) -> Vec<PatchFits> {
    let fits = |changes: Changes| loader.clone().change(&changes).is_ok();
    let fastboot = Changes { fastboot: true, ..Changes::default() };
    let bad_blocks = Changes { ignore_bad_blocks: true, ..Changes::default() };
    vec![
        PatchFits { name: "erase", fits: erase },
        PatchFits { name: "fastboot", fits: fits(fastboot) },
        PatchFits { name: "ignore-bad-blocks", fits: fits(bad_blocks) },
        PatchFits { name: "table", fits: loader.table_offset().is_some() },
    ]
}

impl Report for LoaderReport {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}: boot ROM loader, {} bytes", self.file.display(), self.size)?;
        writeln!(out, "  safety     {}", self.safety.words)?;
        for e in &self.safety.evidence {
            writeln!(out, "             {:#x}: {} [{}]", e.offset, e.text, e.bytes)?;
        }
        if let Some(lost) = self.safety.would_lose {
            writeln!(out, "             an erasing loader destroys {lost}")?;
            let load = match self.safety.family {
                Some(_) => "`stickshift load` takes the erase call out before it sends this loader",
                None => "`stickshift load` refuses it without --allow-erase",
            };
            writeln!(out, "             {load}")?;
        }
        if let Some(known) = &self.known {
            writeln!(out, "  known as   {}: {}", known.name, known.about)?;
        }
        if let Some(chip) = &self.chip {
            writeln!(out, "  chip       {} ({})", chip.name, chip.models.join(", "))?;
        }
        let fitting: Vec<&str> = self.patches.iter().filter(|p| p.fits).map(|p| p.name).collect();
        let fitting = if fitting.is_empty() { "none".to_owned() } else { fitting.join(", ") };
        writeln!(out, "  patches    {fitting}")?;
        writeln!(out, "\n  block      offset         size  address     mode")?;
        for b in &self.blocks {
            writeln!(
                out,
                "  {:<9}  {:#010x} {:>8}  {:#010x}  {:#x}",
                b.name, b.offset, b.size, b.address, b.mode
            )?;
        }
        if let Some(table) = &self.table {
            writeln!(out)?;
            table.text(out)?;
        }
        if !self.oddities.is_empty() {
            writeln!(out)?;
        }
        for oddity in &self.oddities {
            writeln!(out, "warning: {}", oddity.text)?;
        }
        Ok(())
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct TableFileReport {
    file: PathBuf,
    kind: &'static str,
    table: TableReport,
}

impl Report for TableFileReport {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", self.file.display())?;
        self.table.text(out)
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct TableReport {
    offset: u64,
    version: String,
    product: String,
    partitions: Vec<PartitionReport>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct PartitionReport {
    index: usize,
    name: String,
    start: u32,
    length: u32,
    load_size: u32,
    load_address: u32,
    entry_point: u32,
    flags: u32,
    file_flag: bool,
    #[serde(rename = "type")]
    kind: u32,
    type_name: Option<&'static str>,
    count: u32,
}

impl TableReport {
    fn new(table: &PartitionTable, offset: u64) -> TableReport {
        TableReport {
            offset,
            version: table.version(),
            product: table.product(),
            partitions: table
                .partitions()
                .into_iter()
                .map(|p| {
                    let (file_flag, type_name) = (p.has_file_flag(), p.kind_name());
                    let Partition { index, name, start, load_size, length, load_address, .. } = p;
                    let Partition { entry_point, kind, flags, count, .. } = p;
                    PartitionReport {
                        index,
                        name,
                        start,
                        length,
                        load_size,
                        load_address,
                        entry_point,
                        flags,
                        file_flag,
                        kind,
                        type_name,
                        count,
                    }
                })
                .collect(),
        }
    }

    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self { offset, version, product, partitions } = self;
        writeln!(
            out,
            "  partition table at {offset:#x}: {version} {product}, partitions {}",
            partitions.len()
        )?;
        writeln!(out, "  places and lengths in erase blocks of {} bytes", Partition::ERASE_BLOCK)?;
        writeln!(
            out,
            "   #  name              start  length  load size   load addr  entry       flags  type  count"
        )?;
        for p in partitions {
            let line = format!(
                "  {:>2}  {:<16} {:>6} {:>7} {:>10}  {:#010x}  {:#010x} {:>6x}  {:>4x}  {:>5x}  {}",
                p.index,
                p.name,
                blocks(p.start),
                blocks(p.length),
                p.load_size,
                p.load_address,
                p.entry_point,
                p.flags,
                p.kind,
                p.count,
                p.type_name.unwrap_or("")
            );
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// A multiple of the erase block as a number of them, anything else in hex bytes.
fn blocks(bytes: u32) -> String {
    match bytes % Partition::ERASE_BLOCK {
        0 => (bytes / Partition::ERASE_BLOCK).to_string(),
        _ => format!("{bytes:#x}"),
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct PatchReport {
    file: PathBuf,
    output: Option<PathBuf>,
    safety: &'static str,
    #[serde(skip)]
    safety_words: &'static str,
    changes: Vec<ChangeReport>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ChangeReport {
    what: &'static str,
    offset: u64,
    old: String,
    new: String,
}

impl Report for PatchReport {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        /// Hex digits of a change that are shown.
        const SHOWN: usize = 16;
        let short = |hex: &str| match hex.get(..SHOWN) {
            Some(start) if hex.len() > SHOWN => format!("{start}.."),
            _ => hex.to_owned(),
        };
        writeln!(out, "{}: {}", self.file.display(), self.safety_words)?;
        for c in &self.changes {
            writeln!(out, "  {:#010x}  {:<16} {} -> {}", c.offset, c.what, short(&c.old), short(&c.new))?;
        }
        match &self.output {
            Some(output) => writeln!(out, "written to {}", output.display()),
            None if self.changes.is_empty() => writeln!(out, "nothing to change"),
            None => writeln!(out, "nothing was written: -o FILE writes it"),
        }
    }
}

#[cfg(test)]
pub(crate) fn shapes(shapes: &mut crate::output::schema::Shapes) {
    shapes.result::<LoaderReport>("loader info");
    shapes.result::<LoaderReport>("inspect");
    shapes.result::<PatchReport>("loader patch");
    shapes.result::<TableFileReport>("loader table");
    shapes.result::<TableFileReport>("inspect");
}
