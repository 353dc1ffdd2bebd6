//! What `stickshift router` and `inspect` show of a router's firmware image.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use stickshift::error::counted;
use stickshift::hex;
use stickshift::profile::formats::Refused;
use stickshift::profile::{Entry, Method, Qualifier};
use stickshift::router::tables::Table;
use stickshift::router::{Container, File, FileKind, Image};
use stickshift::stick::UsbId;

use crate::output::Report;

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct FileRow {
    pub(crate) path: String,
    pub(crate) kind: &'static str,
    pub(crate) size: Option<u64>,
    pub(crate) link: Option<String>,
    pub(crate) mode: String,
}

impl FileRow {
    pub(crate) fn of(file: File) -> FileRow {
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
pub(crate) struct Listing {
    pub(crate) files: Vec<FileRow>,
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
pub(crate) struct Extracted {
    pub(crate) file: PathBuf,
    pub(crate) bytes: u64,
}

impl Report for Extracted {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "wrote {}, {} bytes", self.file.display(), self.bytes)
    }
}

/// One way in which the firmware would switch a stick.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Answer {
    pub(crate) table: String,
    pub(crate) method: String,
    /// What a stick with these ids must show besides.
    pub(crate) conditions: Vec<String>,
    pub(crate) messages: Vec<String>,
    pub(crate) becomes: Vec<String>,
}

impl Answer {
    pub(crate) fn of(table: &Table, entry: &Entry) -> Answer {
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
pub(crate) struct RefusedAnswer {
    pub(crate) table: String,
    pub(crate) why: String,
    /// As it stands in the table.
    pub(crate) text: String,
}

impl RefusedAnswer {
    pub(crate) fn of(table: &Table, refused: &Refused) -> RefusedAnswer {
        RefusedAnswer { table: table.path.clone(), why: refused.why.clone(), text: refused.text.clone() }
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Knowledge {
    pub(crate) id: String,
    /// Not known where something could not be read and nothing else tells.
    pub(crate) known: Option<bool>,
    pub(crate) tables: usize,
    pub(crate) answers: Vec<Answer>,
    pub(crate) refused: Vec<RefusedAnswer>,
    pub(crate) ours: Option<String>,
    pub(crate) unread: Vec<(String, String)>,
}

impl Report for Knowledge {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.known == Some(true) {
            writeln!(out, "{}: this firmware knows it", self.id)?;
        } else if !self.refused.is_empty() {
            writeln!(out, "{}: this firmware has an entry for it, which is refused here", self.id)?;
        } else if self.tables > 0 && !self.unread.is_empty() {
            writeln!(out, "{}: not certain whether this firmware knows it: not all could be read", self.id)?;
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
pub(crate) struct TableRow {
    pub(crate) path: String,
    pub(crate) format: &'static str,
    pub(crate) entries: usize,
    pub(crate) sticks: usize,
}

impl TableRow {
    pub(crate) fn of(table: &Table) -> TableRow {
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
pub(crate) struct Glance {
    pub(crate) file: PathBuf,
    pub(crate) kind: &'static str,
    pub(crate) container: &'static str,
    pub(crate) size: usize,
    pub(crate) router: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) checksum: Option<bool>,
    pub(crate) file_systems: Vec<String>,
    /// The size that the header tells, where the file has less.
    pub(crate) wanted: Option<u64>,
    /// None where a file system could not be read.
    pub(crate) files: Option<usize>,
    /// Of each file system.
    #[serde(skip)]
    pub(crate) files_of_each: Vec<Option<usize>>,
    pub(crate) tables: Vec<TableRow>,
    pub(crate) unread: Vec<(String, String)>,
}

impl Glance {
    pub(crate) fn of(
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
            known: None,
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
            known: Some(true),
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
