//! What the broker has not acknowledged yet: a file of JSON lines, appended and synced, so that neither an absent broker nor the end of this
//! program loses a message.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use fs4::fs_std::FileExt;
use serde::{Deserialize, Serialize};
use stickshift::atomic_file;
use stickshift::error::{Error, ErrorKind, Result, Verdict};

use super::commands::only_reads;
use crate::files;

/// As many entries are kept. What does not fit stays on the stick, and is taken when there is room.
const MOST: usize = 10_000;
/// As many bytes are read from a file that was there.
const LARGEST: u64 = 64 << 20;
/// Commands that are remembered, so that none is carried out twice: those that act, and those that only read. The many that read do not push
/// out one that sent a message.
const ACTS: usize = 50_000;
const READS: usize = 1_000;
/// The ids of the ends of commands begin with it: no stick holds them, and commands are remembered by their own ids.
pub(super) const RESULT: &str = "result-";
/// After so many lines that say nothing new, the file is written anew.
const STALE: usize = 2_000;

/// A message that waits for the broker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// Tells it from every other one, wherever it is delivered.
    pub(super) id: String,
    pub(super) topic: String,
    pub(super) payload: String,
}

/// A command that was begun, and has no result yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Begun {
    pub(super) id: String,
    pub(super) place: String,
    pub(super) name: String,
}

/// A line of the file.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Line {
    Put(Entry),
    /// The broker has it.
    Sent(String),
    /// The stick at a place holds these messages still: what is not among them need not be remembered.
    Holds(String, Vec<String>),
    /// A command that was begun, and has a result.
    Command(String),
    /// The same of one that only reads.
    Read(String),
    Begun(Begun),
}

/// The ids that came last.
struct Ids {
    most: usize,
    order: VecDeque<String>,
    all: HashSet<String>,
}

impl Ids {
    fn new(most: usize) -> Ids {
        Ids { most, order: VecDeque::new(), all: HashSet::new() }
    }

    fn push(&mut self, id: String) {
        if self.all.insert(id.clone()) {
            self.order.push_back(id);
        }
        if self.order.len() > self.most
            && let Some(oldest) = self.order.pop_front()
        {
            self.all.remove(&oldest);
        }
    }
}

pub(super) struct Outbox {
    path: PathBuf,
    file: File,
    waiting: VecDeque<Entry>,
    /// Messages that were put, by the stick that holds them still.
    seen: BTreeMap<String, HashSet<String>>,
    acts: Ids,
    reads: Ids,
    begun: Vec<Begun>,
    stale: usize,
    _lock: File,
}

fn unwritable(path: &Path, error: io::Error) -> Error {
    Error::new(ErrorKind::FileUnwritable, format!("cannot write {}", path.display()))
        .because(error)
        .with_verdict(Verdict::Untouched)
}

/// A file that holds anything but an outbox is not replaced by one. A power cut may have left half of its first line.
fn refuse_other_files(path: &Path) -> Result<()> {
    let mut start = Vec::new();
    files::refuse_irregular(path).map_err(|e| e.with_verdict(Verdict::Untouched))?;
    match File::open(path) {
        Ok(file) => file.take(LARGEST).read_to_end(&mut start).map_err(|e| unwritable(path, e))?,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(unwritable(path, e)),
    };
    let (first, is_whole) = match start.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&start[..end], true),
        None => (&start[..], false),
    };
    let is_ours = match is_whole {
        true => serde_json::from_slice::<Line>(first).is_ok(),
        false => first.is_empty() || first.starts_with(b"{\""),
    };
    if is_ours || start.iter().all(|byte| *byte == 0) {
        return Ok(());
    }
    let what = format!("{} is there already, and is no outbox", path.display());
    Err(Error::new(ErrorKind::FileExists, what).with_verdict(Verdict::Untouched))
}

impl Outbox {
    /// The outbox in a file, which is made where there is none. Half a line at its end is what a power cut left.
    ///
    /// # Errors
    /// `FileUnwritable`; `PortBusy` when another bridge uses it.
    pub(super) fn open(path: &Path) -> Result<Outbox> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(|e| unwritable(path, e))?;
        }
        refuse_other_files(path)?;
        let mut name = path.as_os_str().to_owned();
        name.push(".lock");
        let lock = private().open(&name).map_err(|e| unwritable(path, e))?;
        if !FileExt::try_lock_exclusive(&lock).map_err(|e| unwritable(path, e))? {
            let what = format!("another bridge uses the outbox {}", path.display());
            return Err(Error::new(ErrorKind::PortBusy, what).with_verdict(Verdict::Untouched));
        }
        let mut text = Vec::new();
        let file = private().open(path).map_err(|e| unwritable(path, e))?;
        (&file).take(LARGEST).read_to_end(&mut text).map_err(|e| unwritable(path, e))?;
        let mut outbox = Outbox {
            path: path.to_owned(),
            file,
            waiting: VecDeque::new(),
            seen: BTreeMap::new(),
            acts: Ids::new(ACTS),
            reads: Ids::new(READS),
            begun: Vec::new(),
            stale: 0,
            _lock: lock,
        };
        for line in text.split(|byte| *byte == b'\n') {
            if let Ok(line) = serde_json::from_slice(line) {
                outbox.apply(line);
            }
        }
        outbox.compact()?;
        Ok(outbox)
    }

    fn apply(&mut self, line: Line) {
        match line {
            Line::Put(entry) => {
                match entry.id.strip_prefix(RESULT) {
                    Some(id) => self.begun.retain(|begun| begun.id != id),
                    None => drop(self.seen.entry(String::new()).or_default().insert(entry.id.clone())),
                }
                self.waiting.push_back(entry);
            }
            Line::Sent(id) => self.waiting.retain(|entry| entry.id != id),
            Line::Holds(place, ids) => {
                self.seen.insert(place, ids.into_iter().collect());
            }
            Line::Command(id) => self.acts.push(id),
            Line::Read(id) => self.reads.push(id),
            Line::Begun(begun) => {
                let ids = if only_reads(&begun.name) { &mut self.reads } else { &mut self.acts };
                ids.push(begun.id.clone());
                self.begun.push(begun);
            }
        }
    }

    fn write(&mut self, lines: &[Line], synced: bool) -> Result<()> {
        let mut bytes = Vec::new();
        for line in lines {
            // Our own types of text: they always encode.
            serde_json::to_writer(&mut bytes, line).unwrap_or_default();
            bytes.push(b'\n');
        }
        self.file.write_all(&bytes).map_err(|e| unwritable(&self.path, e))?;
        if synced {
            self.file.sync_data().map_err(|e| unwritable(&self.path, e))?;
        }
        Ok(())
    }

    /// Whether a message was put before.
    pub(super) fn knows(&self, id: &str) -> bool {
        self.seen.values().any(|seen| seen.contains(id))
    }

    /// Whether there is room for one more: each command that runs will have an end, which has its place already.
    pub(super) fn has_room(&self) -> bool {
        self.has_room_for(1)
    }

    fn has_room_for(&self, entries: usize) -> bool {
        self.waiting.len() + self.begun.len() + entries <= MOST
    }

    /// Keeps messages until the broker has them. `false` when there is no room: they are to be put again later.
    ///
    /// # Errors
    /// `FileUnwritable`.
    pub(super) fn put(&mut self, entries: Vec<Entry>) -> Result<bool> {
        if entries.is_empty() {
            return Ok(true);
        }
        if !self.has_room_for(entries.len()) {
            return Ok(false);
        }
        self.keep(entries)?;
        Ok(true)
    }

    /// Keeps the ends of commands, for which there is always room.
    ///
    /// # Errors
    /// `FileUnwritable`.
    pub(super) fn keep(&mut self, entries: Vec<Entry>) -> Result<()> {
        let lines: Vec<Line> = entries.into_iter().map(Line::Put).collect();
        self.write(&lines, true)?;
        lines.into_iter().for_each(|line| self.apply(line));
        Ok(())
    }

    /// The stick at `place` holds these messages now: where that is the `whole`, others need not be remembered for it.
    ///
    /// # Errors
    /// `FileUnwritable`.
    pub(super) fn holds(&mut self, place: &str, ids: Vec<String>, whole: bool) -> Result<()> {
        let mut known: HashSet<String> = ids.into_iter().filter(|id| self.knows(id)).collect();
        if !whole {
            known.extend(self.seen.get(place).into_iter().flatten().cloned());
        }
        if self.seen.get(place) == Some(&known) {
            return Ok(());
        }
        let line = Line::Holds(place.to_owned(), known.iter().cloned().collect());
        self.write(std::slice::from_ref(&line), false)?;
        self.apply(line);
        if let Some(new) = self.seen.get_mut("") {
            new.retain(|id| !known.contains(id));
        }
        self.grow_old(1)
    }

    /// Begins a command. `false` when it was begun before.
    ///
    /// # Errors
    /// `FileUnwritable`.
    pub(super) fn command(&mut self, begun: Begun) -> Result<bool> {
        if self.acts.all.contains(&begun.id) || self.reads.all.contains(&begun.id) {
            return Ok(false);
        }
        let line = Line::Begun(begun);
        self.write(std::slice::from_ref(&line), true)?;
        self.apply(line);
        Ok(true)
    }

    /// Commands that were begun and have no result.
    pub(super) fn begun(&self) -> &[Begun] {
        &self.begun
    }

    /// The broker has it. Where that is forgotten, it is sent again with the same id.
    ///
    /// # Errors
    /// `FileUnwritable`.
    pub(super) fn sent(&mut self, id: &str) -> Result<()> {
        let line = Line::Sent(id.to_owned());
        self.write(std::slice::from_ref(&line), false)?;
        match self.waiting.iter().position(|entry| entry.id == id) {
            Some(at) => drop(self.waiting.remove(at)),
            None => return Ok(()),
        }
        self.grow_old(2)
    }

    /// What waits, the oldest first.
    pub(super) fn waiting(&self) -> impl Iterator<Item = &Entry> {
        self.waiting.iter()
    }

    fn grow_old(&mut self, lines: usize) -> Result<()> {
        self.stale += lines;
        if self.stale < STALE { Ok(()) } else { self.compact() }
    }

    /// Writes the file anew, without what is over.
    fn compact(&mut self) -> Result<()> {
        let mut bytes = Vec::new();
        let holds =
            self.seen.iter().map(|(place, ids)| Line::Holds(place.clone(), ids.iter().cloned().collect()));
        let waiting = self.waiting.iter().cloned().map(Line::Put);
        let over = |id: &&String| self.begun.iter().all(|begun| begun.id != **id);
        let acts = self.acts.order.iter().filter(over).cloned().map(Line::Command);
        let reads = self.reads.order.iter().filter(over).cloned().map(Line::Read);
        let begun = self.begun.iter().cloned().map(Line::Begun);
        for line in waiting.chain(holds).chain(acts).chain(reads).chain(begun) {
            serde_json::to_writer(&mut bytes, &line).unwrap_or_default();
            bytes.push(b'\n');
        }
        atomic_file::write(&self.path, &bytes)?;
        self.file = private().open(&self.path).map_err(|e| unwritable(&self.path, e))?;
        self.stale = 0;
        Ok(())
    }
}

/// Messages are their owner's.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: &str) -> Entry {
        Entry { id: id.into(), topic: "t".into(), payload: "{}".into() }
    }

    fn begun(id: &str) -> Begun {
        Begun { id: id.into(), place: "1-1".into(), name: "sms-send".into() }
    }

    fn ids(outbox: &Outbox) -> Vec<&str> {
        outbox.waiting().map(|entry| entry.id.as_str()).collect()
    }

    #[test]
    fn what_was_put_survives_until_it_was_sent() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("outbox");
        let mut outbox = Outbox::open(&path).unwrap();
        assert!(Outbox::open(&path).is_err(), "two bridges with one outbox");
        assert!(outbox.put(vec![entry("a"), entry("b")]).unwrap());
        outbox.sent("a").unwrap();
        assert!(outbox.command(begun("c1")).unwrap());
        drop(outbox);
        // Power failed in the middle of a line.
        let mut whole = std::fs::read(&path).unwrap();
        whole.extend_from_slice(b"{\"put\":{\"id\":\"x\",\"top");
        std::fs::write(&path, whole).unwrap();
        let mut outbox = Outbox::open(&path).unwrap();
        assert_eq!(ids(&outbox), ["b"]);
        assert!(outbox.knows("a") && outbox.knows("b") && !outbox.knows("x"));
        assert!(!outbox.command(begun("c1")).unwrap() && outbox.command(begun("c2")).unwrap());
        assert!(outbox.put(vec![entry("x")]).unwrap());
        drop(outbox);
        assert_eq!(ids(&Outbox::open(&path).unwrap()), ["b", "x"]);
        // In the first line of all.
        std::fs::write(&path, b"{\"put\":{\"id").unwrap();
        assert!(ids(&Outbox::open(&path).unwrap()).is_empty());
    }

    #[test]
    fn another_file_is_no_outbox() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes");
        for text in ["my notes", "my notes\n", "{\"a\": 1}\n", "\u{7f}ELF"] {
            std::fs::write(&path, text).unwrap();
            assert!(Outbox::open(&path).is_err_and(|e| e.is(ErrorKind::FileExists)), "{text}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_is_no_outbox_and_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        assert!(Outbox::open(&path).is_err_and(|e| e.is(ErrorKind::FileUnwritable)));
    }

    #[test]
    fn a_stick_that_holds_a_message_no_more_is_not_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("outbox");
        let mut outbox = Outbox::open(&path).unwrap();
        outbox.put(vec![entry("a"), entry("b")]).unwrap();
        outbox.holds("1-1", vec!["a".into(), "b".into()], true).unwrap();
        outbox.holds("1-1", vec!["b".into()], false).unwrap();
        assert!(outbox.knows("a"), "the store that has it was not read");
        outbox.holds("1-1", vec!["b".into(), "not put".into()], true).unwrap();
        assert!(!outbox.knows("a") && outbox.knows("b") && !outbox.knows("not put"));
        drop(outbox);
        let outbox = Outbox::open(&path).unwrap();
        // What waits is known until it was sent.
        assert!(outbox.knows("b") && !outbox.knows("not put"));
        assert_eq!(ids(&outbox), ["a", "b"]);
    }

    #[test]
    fn a_command_without_a_result_is_known_to_the_next_bridge() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("outbox");
        // An earlier version knew no more than the id.
        std::fs::write(&path, "{\"command\":\"old\"}\n").unwrap();
        let mut outbox = Outbox::open(&path).unwrap();
        for id in ["c1", "c2"] {
            assert!(outbox.command(begun(id)).unwrap());
        }
        outbox.put(vec![entry("result-c1")]).unwrap();
        // What is written anew each time says the same.
        for _ in 0..2 {
            drop(outbox);
            outbox = Outbox::open(&path).unwrap();
            assert_eq!(outbox.begun(), [begun("c2")]);
            for id in ["old", "c1", "c2"] {
                assert!(!outbox.command(begun(id)).unwrap(), "{id} is not run again");
            }
        }
    }

    #[test]
    fn commands_that_read_push_out_none_that_acts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("outbox");
        let many = |name: &str, count: usize| {
            let line = |number| Line::Begun(Begun { id: format!("{name}{number}"), ..begun("") });
            let mut text = Vec::new();
            for number in 0..count {
                let Line::Begun(mut begun) = line(number) else { unreachable!() };
                begun.name = name.to_owned();
                serde_json::to_writer(&mut text, &Line::Begun(begun)).unwrap();
                let end = Line::Put(entry(&format!("{RESULT}{name}{number}")));
                let sent = Line::Sent(format!("{RESULT}{name}{number}"));
                for line in [end, sent] {
                    text.push(b'\n');
                    serde_json::to_writer(&mut text, &line).unwrap();
                }
                text.push(b'\n');
            }
            text
        };
        let mut text = many("sms-send", 3_000);
        text.extend(many("signal", READS + 1));
        std::fs::write(&path, text).unwrap();
        // As it was read, and as it was written anew.
        for _ in 0..2 {
            let mut outbox = Outbox::open(&path).unwrap();
            assert!(!outbox.command(begun("sms-send0")).unwrap(), "the message is not sent again");
            assert!(!outbox.command(Begun { name: "signal".into(), ..begun("sms-send1") }).unwrap());
            assert!(!outbox.command(begun("signal1")).unwrap());
            assert!(!outbox.reads.all.contains("signal0") && outbox.reads.order.len() == READS);
        }
        let mut ids = Ids::new(2);
        ["a", "b", "a", "c"].into_iter().for_each(|id| ids.push(id.to_owned()));
        assert_eq!(ids.order, ["b", "c"]);
        assert_eq!(ids.all.len(), 2);
    }

    #[test]
    fn the_end_of_a_command_that_runs_has_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let mut outbox = Outbox::open(&folder.path().join("outbox")).unwrap();
        assert!(outbox.command(begun("c1")).unwrap());
        let many = (1..MOST).map(|number| entry(&number.to_string())).collect();
        assert!(outbox.put(many).unwrap());
        assert!(!outbox.has_room() && !outbox.put(vec![entry("one more")]).unwrap());
        outbox.keep(vec![entry("result-c1")]).unwrap();
        assert_eq!(outbox.waiting().count(), MOST);
        outbox.sent("1").unwrap();
        assert!(outbox.has_room());
    }

    #[test]
    fn ends_of_commands_are_not_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let mut outbox = Outbox::open(&folder.path().join("outbox")).unwrap();
        outbox.put(vec![entry("result-c1")]).unwrap();
        assert!(!outbox.knows("result-c1"));
        assert_eq!(ids(&outbox), ["result-c1"]);
    }

    #[test]
    fn a_full_outbox_takes_no_more_and_loses_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut outbox = Outbox::open(&folder.path().join("outbox")).unwrap();
        let many = (0..MOST).map(|number| entry(&number.to_string())).collect();
        assert!(outbox.put(many).unwrap());
        assert!(!outbox.put(vec![entry("one more")]).unwrap());
        assert!(!outbox.knows("one more"));
        outbox.sent("0").unwrap();
        assert!(outbox.put(vec![entry("one more")]).unwrap());
    }
}
