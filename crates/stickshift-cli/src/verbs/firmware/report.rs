//! What `stickshift firmware ..` prints of images.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use stickshift::error::counted;
use stickshift::firmware::{Finding, Image, Kind, Severity, Verification, text};
use stickshift::flash::facts::UPDATER_ERRORS;

use crate::output::Report;

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct ExtractReport {
    pub(super) folder: PathBuf,
    pub(super) files: Vec<PathBuf>,
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
    pub(super) fn verified(self, seen: &Verification) -> ImageReport {
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
