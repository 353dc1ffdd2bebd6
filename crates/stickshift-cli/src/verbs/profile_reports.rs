//! What `stickshift profile` shows of profiles and of the files they are in.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;
use stickshift::error::{Error, ErrorKind, counted};
use stickshift::hex;
use stickshift::profile::formats::{self, Export, Format, Import, usb_modeswitch};
use stickshift::profile::{Entry, Origin, Parameters, check};
use stickshift::stick::UsbId;

use crate::output::Report;

/// Of a file in a known format that tells of no stick.
pub(crate) const NO_ENTRY: &str = "there is no profile in this file";
/// Of a rule that leaves the rest to a catalogue.
pub(crate) const IDS_ALONE: &str =
    "a rule that names ids alone does not say what is sent: the catalogue does";

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ProfileReport {
    pub(crate) key: String,
    pub(crate) name: String,
    pub(crate) method: String,
    pub(crate) targets: Vec<String>,
    pub(crate) origin: &'static str,
    pub(crate) source: String,
    /// The parameters in usb_modeswitch's words.
    pub(crate) parameters: Vec<String>,
}

impl ProfileReport {
    pub(crate) fn of(origin: Origin, entry: &Entry) -> Self {
        let mut targets: Vec<String> = entry.targets().iter().map(UsbId::to_string).collect();
        targets.extend(entry.parameters.target_class.map(|class| format!("class {class:02x}")));
        ProfileReport {
            key: entry.key.to_string(),
            name: entry.name.clone(),
            method: entry.parameters.summary(),
            targets,
            origin: origin.code(),
            source: entry.source.clone(),
            parameters: usb_modeswitch::assignments(&entry.parameters).lines().map(str::to_owned).collect(),
        }
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct List {
    pub(crate) profiles: Vec<ProfileReport>,
}

impl Report for List {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        for p in &self.profiles {
            let own = if p.origin == "built-in" { String::new() } else { format!("  ({})", p.origin) };
            writeln!(out, "{:<24} {:<24} {}{own}", p.key, p.method, p.name)?;
        }
        writeln!(out, "{}", counted(self.profiles.len(), "profile"))
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Show {
    /// The ids, or the file.
    pub(crate) id: String,
    pub(crate) profiles: Vec<ProfileReport>,
    /// Profiles of other ids that lead to these.
    pub(crate) comes_from: Vec<ProfileReport>,
    #[serde(skip)]
    pub(crate) of_file: bool,
    /// What the ids stand for where that is no modem.
    #[serde(skip)]
    pub(crate) no_modem: Option<&'static str>,
}

impl Report for Show {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        for (index, p) in self.profiles.iter().enumerate() {
            if index > 0 {
                writeln!(out)?;
            }
            writeln!(out, "{}  {}", p.key, p.name)?;
            writeln!(out, "  method:  {}", p.method)?;
            if !p.targets.is_empty() {
                writeln!(out, "  becomes: {}", p.targets.join(", "))?;
            }
            writeln!(out, "  source:  {} ({})", p.source, p.origin)?;
            for line in &p.parameters {
                writeln!(out, "    {line}")?;
            }
        }
        if self.profiles.len() > 1 && !self.of_file {
            writeln!(out, "\nthe first one whose conditions hold is taken")?;
        }
        if self.profiles.is_empty() && !self.of_file {
            let what = match self.no_modem {
                Some(what) => format!("{what}, no modem,"),
                None => "a stick".to_owned(),
            };
            writeln!(out, "{}: {what} that is switched already; these profiles lead to it:", self.id)?;
        } else if !self.comes_from.is_empty() {
            writeln!(out, "\nthese profiles lead to {}:", self.id)?;
        }
        for p in &self.comes_from {
            writeln!(out, "  {:<24} {:<24} {}", p.key, p.method, p.name)?;
        }
        Ok(())
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Check {
    pub(crate) files: Vec<Checked>,
}

/// What came of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    /// It can be used; there may be warnings.
    Usable,
    /// Something in it cannot work.
    Unusable,
    /// It is no profile.
    Foreign,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Checked {
    pub(crate) file: String,
    pub(crate) state: State,
    pub(crate) format: Option<&'static str>,
    pub(crate) format_text: &'static str,
    pub(crate) entries: Vec<ProfileReport>,
    pub(crate) warnings: Vec<String>,
    /// What cannot work.
    pub(crate) faults: Vec<String>,
    pub(crate) refused: Vec<RefusedReport>,
    #[serde(skip)]
    pub(crate) error: Option<Error>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct RefusedReport {
    pub(crate) entry: String,
    pub(crate) why: String,
    pub(crate) text: String,
}

impl Checked {
    pub(crate) fn failed(path: &Path, error: Error) -> Self {
        let foreign = matches!(error.kind(), ErrorKind::WrongFileKind);
        let facts = error.facts().iter().filter(|(name, _)| matches!(*name, "line" | "character" | "entry"));
        let facts: Vec<String> = facts.map(|(name, value)| format!("{name} {value}: ")).collect();
        Checked {
            file: path.display().to_string(),
            state: if foreign { State::Foreign } else { State::Unusable },
            format: None,
            format_text: if foreign { "not a profile" } else { "cannot be read" },
            entries: Vec::new(),
            // What a file is that is no profile, where that is known.
            warnings: (foreign && error.next_step().is_some())
                .then(|| error.what().to_owned())
                .into_iter()
                .collect(),
            faults: if foreign { Vec::new() } else { vec![format!("{}{}", facts.concat(), error.what())] },
            refused: Vec::new(),
            error: Some(error),
        }
    }

    pub(crate) fn of(path: &Path, import: &Import) -> Self {
        let warning = |w: &formats::Warning| match w.line {
            0 => w.what.clone(),
            line => format!("line {line}: {}", w.what),
        };
        let named = |entry: &Entry, what: String| match import.entries.len() {
            1 => what,
            _ => format!("{}: {what}", entry.key),
        };
        let mut warnings: Vec<String> = import.warnings.iter().map(warning).collect();
        let mut faults = Vec::new();
        for entry in &import.entries {
            if !is_ids_alone(import.format, entry) {
                faults.extend(check::faults(&entry.parameters).into_iter().map(|what| named(entry, what)));
            }
            // Tables of many are not meant to be installed.
            if import.format == Format::UsbModeswitch {
                warnings.extend(check::shadows(entry).map(|what| named(entry, what)));
            }
        }
        // A router of TP-Link tries them one after another; the formats of a build without the others name ids once.
        if cfg!(feature = "formats") && import.format != Format::TplinkTable {
            let mut counts: BTreeMap<String, usize> = BTreeMap::new();
            import.entries.iter().for_each(|entry| *counts.entry(entry.key.to_string()).or_default() += 1);
            warnings.extend(counts.iter().filter(|(_, count)| **count > 1).map(|(key, count)| {
                format!("{count} profiles are for {key}: keep the one that works, not every program takes the same one")
            }));
        }
        if import.entries.iter().any(|entry| is_ids_alone(import.format, entry)) {
            warnings.push(IDS_ALONE.to_owned());
        }
        // A rule may be for every product of a vendor, which is no entry.
        if import.entries.is_empty() && import.refused.is_empty() && import.format != Format::Udev {
            faults.push(NO_ENTRY.to_owned());
        }
        let usable = faults.is_empty() && import.refused.is_empty();
        Checked {
            file: path.display().to_string(),
            state: if usable { State::Usable } else { State::Unusable },
            format: Some(import.format.code()),
            format_text: import.format.words(),
            entries: import.entries.iter().map(|e| ProfileReport::of(Origin::User, e)).collect(),
            warnings,
            faults,
            refused: import
                .refused
                .iter()
                .map(|r| RefusedReport { entry: r.entry.clone(), why: r.why.clone(), text: r.text.clone() })
                .collect(),
            error: None,
        }
    }
}

/// Whether this is a rule that says nothing of what is sent.
pub(crate) fn is_ids_alone(format: Format, entry: &Entry) -> bool {
    cfg!(feature = "formats") && format == Format::Udev && entry.parameters == Parameters::default()
}

impl Report for Check {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        for c in &self.files {
            match c.format {
                Some(_) => writeln!(out, "{}: {}, {}", c.file, c.format_text, entries(c.entries.len()))?,
                None => writeln!(out, "{}: {}", c.file, c.format_text)?,
            }
            if c.entries.len() <= 8 {
                for e in &c.entries {
                    writeln!(out, "  {}  {}  {}", e.key, e.method, e.name)?;
                }
            }
            for f in &c.faults {
                writeln!(out, "  cannot work: {f}")?;
            }
            for w in &c.warnings {
                writeln!(out, "  warning: {w}")?;
            }
            for r in &c.refused {
                writeln!(out, "  refused: {}: {}", r.entry, r.why)?;
                writeln!(out, "    {}", stickshift::clean::line(&r.text))?;
            }
        }
        Ok(())
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Converted {
    pub(crate) format: &'static str,
    /// How many were written.
    pub(crate) entries: usize,
    pub(crate) file: Option<String>,
    /// The file's text, where it is text and was not written to a file.
    pub(crate) text: Option<String>,
    /// The file's bytes in hex, where it is not text and was not written to a file.
    pub(crate) hex: Option<String>,
    pub(crate) suggested_name: Option<String>,
    pub(crate) losses: Vec<LossReport>,
    pub(crate) notes: Vec<String>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct LossReport {
    pub(crate) what: String,
    pub(crate) why: String,
    pub(crate) entries: Vec<String>,
}

impl Converted {
    pub(crate) fn of(format: Format, export: &Export, path: Option<&Path>) -> Self {
        let inline = path.is_none().then_some(&export.bytes);
        let text = inline.and_then(|bytes| std::str::from_utf8(bytes).ok()).map(str::to_owned);
        let hex = inline.filter(|_| text.is_none()).map(|b| hex::encode(b));
        let losses = grouped(export).into_iter().map(|((what, why), entries)| LossReport {
            what: what.to_owned(),
            why: why.to_owned(),
            entries: entries.into_iter().map(str::to_owned).collect(),
        });
        Converted {
            format: format.code(),
            entries: export.entries,
            file: path.map(|p| p.display().to_string()),
            text,
            hex,
            suggested_name: export.file_name.clone(),
            losses: losses.collect(),
            notes: export.notes.clone(),
        }
    }
}

impl Report for Converted {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let file = self.file.as_deref().unwrap_or("standard output");
        writeln!(out, "{file}: {} as {}", entries(self.entries), self.format)
    }
}

fn entries(count: usize) -> String {
    if count == 1 { "1 entry".to_owned() } else { format!("{count} entries") }
}

/// Losses by kind, each with its reason and how many entries it concerns.
pub(crate) fn grouped(export: &Export) -> BTreeMap<(&str, &str), Vec<&str>> {
    let mut groups: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for loss in &export.losses {
        groups.entry((loss.what.as_str(), loss.why.as_str())).or_default().push(&loss.entry);
    }
    groups
}
