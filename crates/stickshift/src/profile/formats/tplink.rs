//! TP-Link's "3G modem bin file" and the table inside its firmware: DES over text (docs/protocols/mode-switch.md sections 6.1 and 6.3).
//!
//! ```
//! use stickshift::profile::formats::tplink;
//!
//! let text = "[TP-3G]\r\nindex=1\r\nvendor=Huawei\r\nmodel=E220\r\nvid=12d1\r\npid=1003\r\nmsg=-H\r\n";
//! let import = tplink::parse_bin(&tplink::seal_bin(text)?)?;
//! assert_eq!(import.entries[0].parameters.summary(), "HuaweiMode");
//! # Ok::<(), stickshift::error::Error>(())
//! ```

use std::fmt::Write as _;

use crate::error::{Detail, Error, ErrorKind, Result};
use crate::profile::formats::exchange::{Export, Format, Import, Loss, Refused, Warning, loss};
pub use crate::profile::formats::tplink_cipher::seal_bin;
use crate::profile::formats::tplink_cipher::{KEYS, decrypt, encrypt};
pub(super) use crate::profile::formats::tplink_cipher::{MAX_BIN, open_bin};
use crate::profile::formats::{decode_text, tplink_options, usb_modeswitch};
use crate::profile::parameters::parse_message;
use crate::profile::{Entry, Key, Parameters};
use crate::stick::UsbId;

/// The most entries that a router stores.
pub(super) const MAX_ENTRIES: usize = 4;
const MARK: &str = "[TP-3G]";

/// One record of the upload file, as it stands there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Record {
    /// At most 64 bytes.
    pub(super) vendor: String,
    /// At most 64 bytes.
    pub(super) model: String,
    /// idVendor and idProduct in CD-ROM mode.
    pub(super) id: Option<UsbId>,
    /// Options for usb_modeswitch 1.1.9, at most 255 bytes.
    pub(super) options: String,
}

/// Which of the two formats these bytes decrypt to, damaged or not.
pub(super) fn recognise(bytes: &[u8]) -> Option<Format> {
    if open_bin(bytes).is_ok() {
        return Some(Format::TplinkBin);
    }
    if open_table(bytes).is_some() {
        return Some(Format::TplinkTable);
    }
    has_words_of_bin(bytes).then_some(Format::TplinkBin)
}

/// Whether words of an upload file stand in these bytes: each block is encrypted by itself, so that damage spoils no other one.
fn has_words_of_bin(bytes: &[u8]) -> bool {
    /// More would be another file.
    const ENOUGH: usize = 2;
    let words = [MARK, "index=", "vendor=", "model=", "vid=", "pid=", "msg="];
    let start = &bytes[..bytes.len().min(MAX_BIN)];
    KEYS.iter().any(|key| {
        let plain = decrypt(key, start);
        let text = String::from_utf8_lossy(plain.get(16..).unwrap_or_default());
        words.iter().filter(|word| text.contains(**word)).count() >= ENOUGH
    })
}

/// Whether a text is the table in plain, as older firmware has it. Comments may stand before it.
pub(super) fn table_looks_like(text: &str) -> bool {
    let lines = text.lines().map(|line| line.trim_matches(|c: char| c.is_whitespace() || c == '\0'));
    lines
        .filter(|l| !l.is_empty() && !l.starts_with(['#', ';', '!', '/', '*']))
        .take(1)
        .any(|l| l.starts_with("[start_"))
}

/// The text of an encrypted table.
fn open_table(bytes: &[u8]) -> Option<String> {
    /// Blocks that tell whether a key is the right one.
    const GLANCE: usize = 64;
    let is_text =
        |plain: &[u8]| plain.iter().all(|b| (b' '..0x7f).contains(b) || matches!(b, 0 | 9..=13 | 0x80..));
    KEYS.iter().find_map(|key| {
        let first = decrypt(key, &bytes[..bytes.len().min(GLANCE)]);
        if first.is_empty() || !is_text(&first) {
            return None;
        }
        let text = String::from_utf8_lossy(&decrypt(key, bytes)).into_owned();
        table_looks_like(&text).then_some(text)
    })
}

/// The records of a text, found as the router finds them: by searching for words, so that a value that holds one of them spoils what
/// follows.
///
/// # Errors
/// `FileCorrupt` with the facts `entry` and `field`.
pub(super) fn parse_records(text: &str) -> Result<Vec<Record>> {
    let corrupt = |what| Error::new(ErrorKind::FileCorrupt, what);
    let body = text.split_once(MARK).map(|(_, body)| body);
    let body = body.ok_or_else(|| corrupt("the mark [TP-3G] is missing"))?;
    let mut records = Vec::new();
    // What stands before the first "index" is a count at most.
    for (number, part) in body.split("index").enumerate().skip(1) {
        let field = |name: &'static str, longest: usize| -> Result<&str> {
            let bad = |what| corrupt(what).with("entry", number).with("field", name);
            let at = part.find(name).ok_or_else(|| bad("a field is missing"))?;
            let (_, value) = part[at..].split_once('=').ok_or_else(|| bad("a field has no '='"))?;
            let (value, _) = value.split_once("\r\n").ok_or_else(|| bad("a line does not end with CR LF"))?;
            let value = value.trim_matches(' ');
            if value.is_empty() || value.len() > longest {
                return Err(bad("a value is empty or too long").with("length", value.len()));
            }
            Ok(value)
        };
        let (vendor, model) = (field("vendor", 64)?.to_owned(), field("model", 64)?.to_owned());
        let id = format!("{}:{}", field("vid", 4)?, field("pid", 4)?);
        let id =
            id.parse().map_err(|()| corrupt("the ids are not four hex digits each").with("entry", number))?;
        records.push(Record { vendor, model, id: Some(id), options: field("msg", 255)?.to_owned() });
    }
    if records.is_empty() {
        return Err(corrupt("there is no entry in this file"));
    }
    if records.len() > MAX_ENTRIES {
        let next = "write one with four of them at most: `stickshift profile convert 12d1:1f01 19d2:2000 --to tplink`";
        let error = corrupt("the router takes at most four entries").detail(Detail::NextStep(next));
        return Err(error.with("entries", records.len()));
    }
    Ok(records)
}

/// The text of records.
pub(super) fn emit_records(records: &[Record]) -> String {
    let mut text = format!("{MARK}\r\ncount={}\r\n", records.len());
    for (index, r) in records.iter().enumerate() {
        let id = r.id.unwrap_or(UsbId::new(0, 0));
        write!(
            text,
            "index={}\r\nvendor={}\r\nmodel={}\r\nvid={:04x}\r\npid={:04x}\r\nmsg={}\r\n",
            index + 1,
            r.vendor,
            r.model,
            id.vendor,
            id.product,
            r.options
        )
        .expect("a string takes all");
    }
    text
}

/// Reads an upload file. Options that would do something in the router's shell are an attack on it: such an entry is refused and
/// shown.
///
/// # Errors
/// As `open_bin` and `parse_records`.
pub fn parse_bin(bytes: &[u8]) -> Result<Import> {
    let mut import =
        Import { format: Format::TplinkBin, entries: Vec::new(), warnings: Vec::new(), refused: Vec::new() };
    let records = parse_records(&open_bin(bytes)?)?;
    for (number, record) in records.iter().enumerate() {
        let same = |other: &&Record| (&other.vendor, &other.model) == (&record.vendor, &record.model);
        if records[..number].iter().filter(same).any(|other| other != record) {
            let name = format!("{} {}", record.vendor, record.model);
            let what = format!(
                "{}: another entry of this file is called {name:?} too: the router refuses it (error 50003)",
                record.id.map_or_else(String::new, |id| id.to_string())
            );
            import.warnings.push(Warning { line: 0, what });
        }
    }
    for record in records {
        let Some(id) = record.id else { continue };
        import.warnings.extend(of_another(&record.options, id, 0));
        let name = format!("{} {}", record.vendor, record.model);
        let clean: String = name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        match options(&record.options) {
            Ok(parameters) => import.entries.push(Entry {
                key: Key::plain(id),
                name: clean,
                parameters,
                source: "TP-Link modem file".to_owned(),
            }),
            Err(why) => import.refused.push(Refused { entry: id.to_string(), why, text: record.options }),
        }
    }
    Ok(import)
}

/// Options that name another stick than the entry is for.
fn of_another(options: &str, id: UsbId, line: usize) -> Option<Warning> {
    let other = tplink_options::other_ids(options, id)?;
    let what = format!(
        "{id}: its options name {other}: the router runs them for {id}, and usb_modeswitch then looks for {other} and sends nothing to {id}"
    );
    Some(Warning { line, what })
}

fn options(text: &str) -> Result<Parameters, String> {
    if let Some(characters) = tplink_options::shell_characters(text) {
        return Err(format!(
            "an attack on the router: it would run this through its shell as root, and the characters {characters} mean something there"
        ));
    }
    tplink_options::parse(text)
}

/// Writes an upload file of at most four entries.
///
/// # Errors
/// `Usage` for more entries, or when none of them can be said in this format; `FileTooLarge`.
pub(super) fn emit_bin(entries: &[Entry]) -> Result<Export> {
    if entries.len() > MAX_ENTRIES {
        return Err(Error::new(ErrorKind::Usage, "a router stores at most four entries")
            .with("entries", entries.len()));
    }
    let mut losses = Vec::new();
    let mut records = Vec::new();
    let (mut unnamed, mut waiting) = (Vec::new(), Vec::new());
    for entry in entries {
        let Some((id, options)) = said(entry, &mut losses) else { continue };
        waiting.extend(is_made_to_wait(entry, &options).then(|| entry.key.to_string()));
        let name = safe_name(&entry.name);
        let (vendor, model) = name.split_once(' ').unwrap_or(("USB", name.as_str()));
        let (vendor, model) = (fitting(vendor, "USB"), fitting(model, "modem"));
        if entry.name.is_empty() {
            unnamed.push(entry.key.to_string());
        } else if format!("{vendor} {model}") != entry.name {
            losses.push(loss(
                entry,
                "name",
                "it is written with letters, digits, blanks and dashes, 64 at most",
            ));
        }
        if !entry.source.is_empty() {
            losses.push(loss(entry, "source", "the format has no field for it"));
        }
        let mut record = Record { vendor, model, id: Some(id), options };
        if make_unique(&mut record, &records) {
            losses.push(loss(
                entry,
                "name",
                "the router wants one of its own for each: the ids stand behind it",
            ));
        }
        records.push(record);
    }
    if records.is_empty() {
        let why = losses.first().map_or("there is no entry", |l| l.why.as_str()).to_owned();
        return Err(Error::new(ErrorKind::Usage, "none of the entries can be said in a TP-Link modem file")
            .with("why", why));
    }
    let bytes = seal_bin(&emit_records(&records))?;
    let mut notes = vec![
        "for routers with TP-Link's own firmware of the MR3020 v1 age (USB 3G/4G, Modem Settings); newer ones may use other software"
            .to_owned(),
        "a factory reset deletes it".to_owned(),
    ];
    if !unnamed.is_empty() {
        let which = unnamed.join(", ");
        notes.push(format!(
            "the file needs names, and the profile has none: \"USB modem\" stands for it ({which})"
        ));
    }
    notes.extend(added(&waiting));
    notes.extend(shared(records.iter().filter_map(|r| r.id)).map(|id| {
        format!("several profiles are for {id}: which of them the router uses is not known, so keep the one that works")
    }));
    let file_name = Some("modem.bin".to_owned());
    Ok(Export { bytes, entries: records.len(), file_name, losses, notes })
}

/// Ids that stand more than once, each once.
fn shared(ids: impl Iterator<Item = UsbId>) -> impl Iterator<Item = UsbId> {
    let (mut seen, mut twice) = (Vec::new(), Vec::new());
    for id in ids {
        let known = if seen.contains(&id) { &mut twice } else { &mut seen };
        if !known.contains(&id) {
            known.push(id);
        }
    }
    twice.into_iter()
}

/// Puts the ids behind a name that another record has, with other data. Says whether it did.
fn make_unique(record: &mut Record, others: &[Record]) -> bool {
    let name = record.model.clone();
    let ids = record.id.map_or_else(String::new, |id| format!("{:04x}-{:04x}", id.vendor, id.product));
    let clashes = |record: &Record| {
        let same = |other: &Record| other.vendor == record.vendor && other.model == record.model;
        others.iter().any(|other| same(other) && other != record)
    };
    for number in 1..=MAX_ENTRIES {
        if !clashes(record) {
            break;
        }
        let behind = if number == 1 { ids.clone() } else { format!("{ids}-{number}") };
        let room = 64 - 1 - behind.len();
        record.model = format!("{} {behind}", name.get(..room).unwrap_or(&name).trim_end());
    }
    record.model != name
}

fn said(entry: &Entry, losses: &mut Vec<Loss>) -> Option<(UsbId, String)> {
    let Some(id) = entry.key.id() else {
        losses.push(loss(entry, "entry", "the router knows single ids only"));
        return None;
    };
    let (options, lost) = tplink_options::emit(entry);
    losses.extend(lost);
    Some((id, options?))
}

/// Whether the options wait for answers, which the profile does not ask for.
fn is_made_to_wait(entry: &Entry, options: &str) -> bool {
    entry.parameters.need_response != Some(true) && options.split(' ').any(|word| word == "-n")
}

/// What is said of those.
fn added(waiting: &[String]) -> Option<String> {
    let which = match waiting {
        [] => return None,
        [one] => one.clone(),
        many => format!("{} entries", many.len()),
    };
    Some(format!(
        "NeedResponse is added ({which}): with several messages the router waits for answers only then"
    ))
}

/// Letters, digits, blanks and dashes, and none of the words that the router searches for.
fn safe_name(name: &str) -> String {
    let safe: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { ' ' }).collect();
    let mut safe = safe.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
    for word in ["vendor", "model", "index", "vid", "pid", "msg"] {
        while let Some(at) = safe.to_ascii_lowercase().find(word) {
            safe.insert(at + 1, '-');
        }
    }
    safe
}

fn fitting(text: &str, otherwise: &str) -> String {
    let cut = text.get(..64).unwrap_or(text).trim();
    if cut.is_empty() { otherwise.to_owned() } else { cut.to_owned() }
}

/// Reads the table inside a firmware, encrypted or in plain. Alternatives for the same ids stand one after the other.
///
/// # Errors
/// `WrongFileKind` when it is no such table.
pub fn parse_table(bytes: &[u8]) -> Result<Import> {
    let plain = decode_text(bytes).filter(|text| table_looks_like(text));
    let is_cut = plain.is_none() && !bytes.len().is_multiple_of(8);
    let text = plain.or_else(|| open_table(bytes));
    let text = text.ok_or_else(|| Error::new(ErrorKind::WrongFileKind, "not a TP-Link modem table"))?;
    let mut import = Import {
        format: Format::TplinkTable,
        entries: Vec::new(),
        warnings: Vec::new(),
        refused: Vec::new(),
    };
    let mut block: Option<(UsbId, usize, Vec<&str>)> = None;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_matches(|c: char| c.is_whitespace() || c == '\0');
        let number = index + 1;
        let mut warn = |what: &str| import.warnings.push(Warning { line: number, what: what.to_owned() });
        if let Some(head) = line.strip_prefix("[start_").and_then(|l| l.strip_suffix(']')) {
            if block.take().is_some() {
                warn("the block before this one has no end, it is left out");
            }
            match head.get(..9).map(|ids| ids.replace('_', ":").parse::<UsbId>()) {
                Some(Ok(id)) => block = Some((id, number, Vec::new())),
                _ => warn("a block does not name two ids, it is left out"),
            }
        } else if line.starts_with("[end_") {
            match block.take() {
                Some((id, first, lines)) => take_block(&mut import, id, first, &lines),
                None => warn("an end without a start"),
            }
        } else if let Some((_, _, lines)) = &mut block {
            lines.push(line);
        }
    }
    if block.is_some() {
        import
            .warnings
            .push(Warning { line: 0, what: "the last block has no end, it is left out".to_owned() });
    }
    if is_cut {
        let what = "the file is cut: it is not whole blocks of 8 bytes".to_owned();
        import.warnings.push(Warning { line: 0, what });
    }
    Ok(import)
}

fn take_block(import: &mut Import, id: UsbId, first: usize, lines: &[&str]) {
    let entry = id.to_string();
    // Two kinds of value are TP-Link's own; the rest is usb_modeswitch's.
    let mut own = Parameters::default();
    let mut rest = String::new();
    for line in lines {
        let (name, value) = line.split_once('=').unwrap_or((line, ""));
        let value = value.trim().trim_matches('"');
        match name.trim() {
            "CtrlmsgContent" => match parse_message(value).ok().and_then(|b| b.try_into().ok()) {
                Some(setup) => own.control_message = Some(tplink_options::as_sent(setup)),
                None => {
                    let why = "its control message is not eight bytes in hex".to_owned();
                    import.refused.push(Refused { entry, why, text: value.to_owned() });
                    return;
                }
            },
            "MessageContent" if value.starts_with('-') => match options(value) {
                Ok(parameters) => {
                    import.warnings.extend(of_another(value, id, first));
                    own = Parameters { control_message: own.control_message, ..parameters };
                }
                Err(why) => {
                    import.refused.push(Refused { entry, why, text: value.to_owned() });
                    return;
                }
            },
            _ => {
                rest.push_str(line);
                rest.push('\n');
            }
        }
    }
    match usb_modeswitch::parse(&rest) {
        Ok(parsed) => {
            for w in &parsed.warnings {
                import.warnings.push(Warning { line: first + w.line, what: format!("{entry}: {}", w.what) });
            }
            let mut taken = parsed.into_entry(Key::plain(id), "TP-Link firmware table");
            let p = &mut taken.parameters;
            own.methods_on().for_each(|method| p.turn_on(method));
            p.control_message = own.control_message;
            taken.parameters = std::mem::take(p).with_named_methods();
            import.entries.push(taken);
        }
        Err(error) => import.refused.push(Refused { entry, why: error.what().to_owned(), text: rest }),
    }
}

/// Writes a table as it stands inside a firmware, encrypted.
pub(super) fn emit_table(entries: &[Entry]) -> Export {
    let mut text = String::new();
    let mut losses = Vec::new();
    let mut counts: Vec<(UsbId, usize)> = Vec::new();
    let mut waiting = Vec::new();
    for entry in entries {
        let Some((id, options)) = said(entry, &mut losses) else { continue };
        waiting.extend(is_made_to_wait(entry, &options).then(|| entry.key.to_string()));
        // Unlike an option string, a block has lines for these.
        let has_lines = |what: &str| matches!(what, "Target" | "CheckSuccess" | "NoDriverLoading");
        losses.retain(|l| l.entry != entry.key.to_string() || !has_lines(&l.what));
        let number = match counts.iter_mut().find(|(known, _)| *known == id) {
            Some((_, count)) => {
                *count += 1;
                *count
            }
            None => {
                counts.push((id, 1));
                1
            }
        };
        let name = format!("{:04x}_{:04x}_{number}", id.vendor, id.product);
        let p = &entry.parameters;
        let lines = Parameters {
            target_vendor: p.target_vendor,
            target_product: p.target_product,
            target_products: p.target_products.clone(),
            target_class: p.target_class,
            check_success_s: p.check_success_s,
            no_driver_loading: p.no_driver_loading,
            ..Parameters::default()
        };
        let mut block = format!("[start_{name}]\n");
        block.push_str(&usb_modeswitch::assignments(&lines));
        let letters: Vec<&str> = options.split(' ').collect();
        let mut words = letters.iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().copied().unwrap_or_default();
            match *word {
                "-M" => block.push_str(&format!("MessageContent=\"{}\"\n", value())),
                "-2" => block.push_str(&format!("MessageContent2=\"{}\"\n", value())),
                "-3" => block.push_str(&format!("MessageContent3=\"{}\"\n", value())),
                "-X" => block.push_str(&format!("CtrlmsgContent=\"{}\"\n", value())),
                "-m" => block.push_str(&format!("MessageEndpoint=0x{}\n", value())),
                "-r" => block.push_str(&format!("ResponseEndpoint=0x{}\n", value())),
                "-i" => block.push_str(&format!("Interface=0x{}\n", value())),
                "-u" => block.push_str(&format!("Configuration={}\n", value())),
                "-a" => block.push_str(&format!("AltSetting=0x{}\n", value())),
                "-w" => block.push_str(&format!("ReleaseDelay={}\n", value())),
                "-n" => block.push_str("NeedResponse=1\n"),
                "-R" => block.push_str("ResetUSB=1\n"),
                mode => block.push_str(&format!("MessageContent=\"{mode}\"\n")),
            }
        }
        block.push_str(&format!("[end_{name}]\n"));
        text.push_str(&block);
        if !entry.name.is_empty() {
            losses.push(loss(entry, "name", "the format has no field for it"));
        }
        if !entry.source.is_empty() {
            losses.push(loss(entry, "source", "the format has no field for it"));
        }
    }
    let mut notes = vec!["this is a file inside a firmware image, not one for the upload page".to_owned()];
    notes.extend(added(&waiting));
    notes.extend(counts.iter().filter(|(_, count)| *count > 1).map(|(id, count)| {
        format!("{count} profiles are for {id}: the router tries them in the order in which they were named")
    }));
    Export {
        bytes: encrypt(text.as_bytes()),
        entries: counts.iter().map(|(_, count)| count).sum(),
        file_name: Some("mode_switch.conf.bin".to_owned()),
        losses,
        notes,
    }
}
