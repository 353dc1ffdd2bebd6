//! Flashing one or more files to a stick in download mode, with the journal kept.
//!
//! ```
//! use stickshift::convert::flash;
//! use stickshift::error::{ErrorKind, Verdict};
//! use stickshift::stick::{Mode, Stick, UsbId};
//!
//! // Firmware goes to a stick in download mode only.
//! let stick = Stick { mode: Mode::Hilink, ..Stick::new("1-1".parse().unwrap(), UsbId::new(0x12d1, 0x14dc)) };
//! let refused = flash::check_mode(&stick).unwrap_err();
//! assert!(refused.is(ErrorKind::NotInDownloadMode));
//! assert_eq!(refused.verdict(), Some(Verdict::Untouched));
//! # Ok::<(), stickshift::error::Error>(())
//! ```

use std::cell::RefCell;
use std::io::{self, Read};
use std::rc::Rc;
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::convert::firmware_file::FirmwareFile;
pub use crate::convert::flash_plan::plan;
use crate::convert::journal::{Fingerprint, Journal};
use crate::convert::load::{find, say_what_shows, wait_for_download_mode};
use crate::convert::place_link::PlaceLink;
use crate::error::{Detail, Error, ErrorKind, RefusalFamily, Result, Verdict};
use crate::event::Session;
use crate::firmware::Version;
use crate::flash::facts::{self, OddStick};
use crate::flash::{
    self, Finish, Handshake, Observer, Outcome, PartitionFacts, Payload, SignatureFacts, fit,
};
use crate::hex;
use crate::link::{Bus, ByteLink};
use crate::plan::{Consent, Consents};
use crate::stick::{Mode, Place, Role, Stick};

/// How long a stick may take to come back after its partition table changed.
const TABLE_RESTART: Duration = Duration::from_secs(90);

/// How long a port that closed may take to come back ..
const BACK: Duration = Duration::from_secs(30);
/// .. and how often in a row that may happen without getting further.
const VAIN: u32 = 4;
/// A changed table makes the stick restart once; when its end was not answered it is sent again.
const TABLE_RESTARTS: u32 = 3;

/// What was flashed.
#[derive(Clone, Debug)]
pub struct Flashed {
    /// What the stick said before the first partition.
    pub handshake: Handshake,
    /// Bytes that were sent as partitions, this time.
    pub bytes: u64,
}

/// Flashes `files` in order, going on where the journal says, and restarts the stick after the last one.
///
/// # Errors
/// `NotInDownloadMode` when the stick shows no flash port; `ImageMismatch` (before the first partition); `JournalMismatch`; what [`flash::handshake`] and
/// [`flash::run`] report.
pub fn flash_files(
    bus: &mut dyn Bus,
    place: &Place,
    files: &mut [FirmwareFile],
    consents: Consents,
    journal: &mut Journal,
    session: &mut Session<'_>,
) -> Result<Flashed> {
    let touched_before = journal.record.touched;
    let mut began = false;
    let outcome = run(bus, place, files, consents, journal, &mut began, session);
    // What was written, to an earlier file or in an earlier run, does not become untouched by failing before the next partition. Another stick than that
    // of the earlier run is untouched, though.
    outcome.map_err(|e| {
        let error = match e.verdict() {
            Some(Verdict::Untouched) | None if began => e.with_verdict(Verdict::Recoverable),
            Some(Verdict::Untouched) if touched_before && !e.is(ErrorKind::JournalMismatch) => {
                e.with_verdict(Verdict::Recoverable)
            }
            _ => e,
        };
        say_what_shows(bus, place, error)
    })
}

fn run(
    bus: &mut dyn Bus,
    place: &Place,
    files: &mut [FirmwareFile],
    consents: Consents,
    journal: &mut Journal,
    began: &mut bool,
    session: &mut Session<'_>,
) -> Result<Flashed> {
    let mut first_handshake = None;
    let mut bytes = 0;
    let mut table_restarts = 0;
    let last = files.len().saturating_sub(1);
    while !files.is_empty() {
        let unfinished = journal.record.files.iter().position(|f| f.acknowledged < f.partitions);
        let number = unfinished.unwrap_or(last);
        let finish = if number == last { Finish::Reset } else { Finish::Leave };
        let stick = find(bus, place)?;
        check_mode(&stick)?;
        let mut link = PlaceLink::open(bus, &stick, Role::Flash, session.cancel().clone())?;
        let mut work = Work {
            files: &mut *files,
            number,
            stick: &stick,
            consents,
            journal: &mut *journal,
            began: &mut *began,
        };
        let (handshake, sent) = work.send(&mut link, finish, session)?;
        first_handshake.get_or_insert(handshake);
        let Some(Sent { first, outcome }) = sent else { continue };
        let sizes = &files[number].sizes;
        match outcome {
            Outcome::Complete => {
                bytes += sizes.iter().skip(first).sum::<u64>();
                if number == last {
                    break;
                }
            }
            Outcome::RestartedAfterTable { next } => {
                drop(link);
                table_restarts += 1;
                if table_restarts > TABLE_RESTARTS {
                    return Err(Error::new(
                        ErrorKind::Disconnected,
                        "the stick keeps disconnecting at its partition table",
                    )
                    .with_verdict(Verdict::Recoverable));
                }
                bytes += sizes[first..next].iter().sum::<u64>();
                wait_for_table_restart(bus, place, session)?;
            }
        }
    }
    let handshake = first_handshake.ok_or_else(|| {
        Error::new(ErrorKind::Usage, "there is no file to flash").with_verdict(Verdict::Untouched)
    })?;
    Ok(Flashed { handshake, bytes })
}

fn wait_for_table_restart(bus: &mut dyn Bus, place: &Place, session: &mut Session<'_>) -> Result<()> {
    session.step(
        "wait-table-restart",
        "the partition table changed: waiting until the stick is back in download mode",
    );
    // What it was may still be on the bus for a moment.
    crate::waiting::wait_at(bus, place, Duration::from_secs(15), session, |s| {
        s.is_none_or(|s| s.mode != Mode::Download)
    })?;
    wait_for_download_mode(bus, place, TABLE_RESTART, session)
        .map_err(|e| e.with_verdict(Verdict::Recoverable))?;
    Ok(())
}

/// Refuses a stick that is in another mode than download mode.
///
/// # Errors
/// `NotInDownloadMode` (facts `id`, `mode`), untouched.
pub fn check_mode(stick: &Stick) -> Result<()> {
    if stick.mode == Mode::Download {
        return Ok(());
    }
    let what = format!("the stick at {} is not in download mode: {}", stick.place, stick.mode_words());
    Err(Error::new(ErrorKind::NotInDownloadMode, what)
        .with("id", stick.id)
        .with("mode", stick.mode.code())
        .with_verdict(Verdict::Untouched))
}

/// One file on its way to one stick.
struct Work<'w> {
    files: &'w mut [FirmwareFile],
    number: usize,
    stick: &'w Stick,
    consents: Consents,
    journal: &'w mut Journal,
    /// Whether the stick let a partition begin, in this run.
    began: &'w mut bool,
}

/// Partitions of one file that were sent.
struct Sent {
    /// The first of them.
    first: usize,
    outcome: Outcome,
}

/// What is known of a stick whose port closed.
#[derive(Default)]
struct Lost {
    /// It closed since the stick was last shown to be the same.
    closed: bool,
    /// The partition that was open in the stick, and its last acknowledged block.
    open: Option<(usize, u32)>,
}

impl Work<'_> {
    /// Handshake and partitions. A port that closes and comes back is gone on with. Nothing was sent when an earlier file must come first.
    fn send(
        &mut self,
        link: &mut PlaceLink<'_>,
        finish: Finish,
        session: &mut Session<'_>,
    ) -> Result<(Handshake, Option<Sent>)> {
        let mut lost = Lost::default();
        let mut vain = 0;
        let mut furthest = (0, 0);
        let mut came_back = false;
        loop {
            let error = match self.try_send(link, &mut lost, finish, session) {
                Ok(done) => return Ok(done),
                Err(error) => error.with("file", self.files[self.number].path.display()),
            };
            let touched = self.journal.record.touched;
            let with_state = |e: Error| match e.verdict() {
                Some(Verdict::Untouched) | None if touched => e.with_verdict(Verdict::Recoverable),
                _ => e,
            };
            if !error.is(ErrorKind::Disconnected) {
                return Err(if came_back { with_state(error) } else { error });
            }
            lost.closed = true;
            came_back = true;
            let here = lost.open.unwrap_or((self.journal.record.files[self.number].acknowledged, 0));
            if here > furthest {
                (furthest, vain) = (here, 0);
            }
            vain += 1;
            if vain > VAIN {
                return Err(error);
            }
            let wait = format!("the port closed; waiting up to {} seconds for it", BACK.as_secs());
            session.step("wait-port", wait);
            if !link.reopen(BACK).map_err(with_state)? {
                return Err(error);
            }
            session.warn("port-again", format!("{error}; the port is back"));
        }
    }

    fn try_send(
        &mut self,
        link: &mut PlaceLink<'_>,
        lost: &mut Lost,
        finish: Finish,
        session: &mut Session<'_>,
    ) -> Result<(Handshake, Option<Sent>)> {
        let file = &mut self.files[self.number];
        let handshake = flash::handshake(link, signature_facts(file).as_ref(), session)?;
        check_fit(file, self.stick, &handshake, self.journal, self.consents, session)?;
        let odd = odd_stick(&handshake);
        if let Some(odd) = odd {
            session.warn("odd-stick", odd.what);
        }
        if lost.closed {
            // Only a stick that kept its power knows the partition that it was in.
            let kept = match lost.open {
                Some((_, block)) => flash::is_open(link, block)?,
                None => false,
            };
            if !kept {
                self.journal.forget_proof();
            }
            *lost = Lost::default();
        }
        if !self.journal.is_proven() {
            start_over(self.journal, self.files, session)?;
            if self.number > 0 {
                return Ok((handshake, None));
            }
        }
        let first = self.journal.record.files[self.number].acknowledged;
        let file = &mut self.files[self.number];
        self.journal.check_skipped(self.number, |index| file.hash(index))?;
        name_what_is_skipped(file, first, session);
        let hash = Rc::default();
        let mut payload = ImagePayload { facts: partitions(file), file, hash: Rc::clone(&hash) };
        let mut observer = JournalObserver {
            journal: self.journal,
            file: self.number,
            open: &mut lost.open,
            began: self.began,
            hash,
        };
        let outcome = flash::run(link, &mut payload, first, finish, &mut observer, session);
        let outcome = with_record(outcome, self.journal, session).map_err(|e| match odd {
            Some(odd) if e.refusal_of(RefusalFamily::Download).is_some() => {
                e.with("known", odd.what).detail(Detail::NextStep(odd.next))
            }
            _ => e,
        })?;
        Ok((handshake, Some(Sent { first, outcome })))
    }
}

/// Says so where the journal knows less than was sent: an interrupted run cannot be resumed then as its message would have it.
fn with_record<T>(outcome: Result<T>, journal: &Journal, session: &mut Session<'_>) -> Result<T> {
    let Some(unwritten) = journal.unwritten() else { return outcome };
    match outcome {
        Ok(outcome) => {
            session.warn("journal-unwritten", format!("the work went on without its journal: {unwritten}"));
            Ok(outcome)
        }
        Err(error) => Err(error.with("journal", unwritten).detail(Detail::Unrecorded)),
    }
}

/// What is known to be odd about the stick that answered.
fn odd_stick(handshake: &Handshake) -> Option<&'static OddStick> {
    let info = handshake.info.as_ref();
    let of_info = info.and_then(|info| info.product.as_deref());
    let product = handshake.product.as_deref().or(of_info)?;
    facts::odd_stick(product, info.and_then(|info| info.software.as_deref())?)
}

/// Begins with the first partition where the stick cannot show that it is the one of the interrupted run: another one of the same model
/// says the same.
fn start_over(journal: &mut Journal, files: &[FirmwareFile], session: &mut Session<'_>) -> Result<()> {
    let again: Vec<String> = journal
        .record
        .files
        .iter()
        .zip(files)
        .flat_map(|(record, file)| partitions(file).into_iter().take(record.acknowledged))
        .map(|partition| partition.name)
        .collect();
    if !again.is_empty() {
        session.warn(
            "resume-from-start",
            format!(
                "nothing proves that this is the stick of the interrupted run; partitions that it acknowledged are sent again ({})",
                again.join(", ")
            ),
        );
    }
    journal.start_over().map_err(|e| e.with_verdict(Verdict::Recoverable))
}

fn name_what_is_skipped(file: &FirmwareFile, first: usize, session: &mut Session<'_>) {
    if first > 0 {
        let names: Vec<String> = partitions(file).into_iter().take(first).map(|p| p.name).collect();
        session
            .note("partitions-skipped", format!("already acknowledged by this stick: {}", names.join(", ")));
    }
}

fn check_fit(
    file: &FirmwareFile,
    stick: &Stick,
    handshake: &Handshake,
    journal: &mut Journal,
    consents: Consents,
    session: &mut Session<'_>,
) -> Result<()> {
    let Version { platform, version } = file.version();
    let of_info = handshake.info.as_ref().and_then(|info| info.product.as_deref());
    let product = handshake.product.as_deref().or(of_info);
    // What was flashed already may be what it runs.
    let software = handshake.info.as_ref().and_then(|info| info.software.clone()).filter(|s| *s != version);
    let seen = Fingerprint {
        product: handshake.product.clone(),
        serial_hash: stick.serial.as_deref().map(|serial| journal.record.secret.hash(serial)),
        software,
        ..Fingerprint::default()
    };
    let told = handshake.info.as_ref().and_then(|info| info.software.as_deref());
    if !journal.record.touched && file.is_main() && told == Some(version.as_str()) {
        session.warn(
            "same-version",
            format!("the stick says that it has {version} already: it is written again"),
        );
    }
    if journal.record.touched {
        // Another stick is that first, whatever the image is for. What it runs is no sign once something was written.
        let seen = Fingerprint { software: None, ..seen.clone() };
        journal.refuse_another(&seen).map_err(|e| e.with_verdict(Verdict::Untouched))?;
    }
    // What it said of itself before it came into download mode.
    let known = &journal.record.stick;
    let asked_before = known.product.is_some() || known.hardware.is_some();
    let nothing_compares = platform.is_some() && product.is_none() && !asked_before;
    let objection = match nothing_compares {
        true => Some("the stick does not say what it is: nothing compares the image with it".to_owned()),
        false => fit::wrong_product(platform.as_deref(), product),
    };
    if let Some(objection) = objection {
        if !consents.has(Consent::Mismatch) {
            let mut error = Error::new(ErrorKind::ImageMismatch, objection)
                .with("image", platform.unwrap_or_default())
                .with_verdict(Verdict::Untouched);
            error = match product {
                Some(product) => error.with("stick", product),
                None => error.detail(Detail::NoProduct),
            };
            return Err(error);
        }
        session.warn("mismatch-allowed", objection);
    }
    for line in fit::evidence(platform.as_deref(), product) {
        session.note("fit", line);
    }
    journal.check_stick(&seen).map_err(|e| e.with_verdict(Verdict::Untouched))
}

fn signature_facts(file: &FirmwareFile) -> Option<SignatureFacts> {
    // Without a file header the original announces 7, "everything".
    let kind = file.image.kind().map_or(7, |kind| kind.content());
    file.signature().map(|s| SignatureFacts { kind, key: s.key_hex(), length: s.length })
}

/// Whether it brings a boot loader: an interruption while that is written leaves nothing that starts.
pub(super) fn holds_boot_loader(file: &FirmwareFile) -> bool {
    partitions(file).iter().any(|p| p.boot_chain)
}

/// The partitions of a file as they go to the stick.
pub fn partitions(file: &FirmwareFile) -> Vec<PartitionFacts> {
    let image = file.image.partitions.iter().zip(&file.sizes);
    image
        .map(|(p, size)| PartitionFacts {
            code: p.header.code,
            name: p.name.name.to_string(),
            size: *size,
            boot_chain: p.name.boot,
        })
        .collect()
}

/// A firmware file as the flash dialogue takes it.
pub struct ImagePayload<'f> {
    /// As [`partitions`] gives them.
    pub facts: Vec<PartitionFacts>,
    /// The file.
    pub file: &'f mut FirmwareFile,
    /// SHA-256 over what was read of the partition that was opened last. It is made while the stick works on the block before.
    pub hash: Rc<RefCell<Sha256>>,
}

/// Hashes what is read through it.
struct Hashed<R> {
    reader: R,
    hash: Rc<RefCell<Sha256>>,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.reader.read(buffer)?;
        self.hash.borrow_mut().update(&buffer[..n]);
        Ok(n)
    }
}

impl Payload for ImagePayload<'_> {
    fn partitions(&self) -> &[PartitionFacts] {
        &self.facts
    }

    fn open(&mut self, index: usize) -> Result<Box<dyn Read + '_>> {
        *self.hash.borrow_mut() = Sha256::new();
        Ok(Box::new(Hashed { reader: self.file.image.payload(index)?, hash: Rc::clone(&self.hash) }))
    }

    fn before_start(&mut self, index: usize) -> Result<()> {
        self.file.require_unchanged(index)
    }

    fn before_end(&mut self, index: usize) -> Result<()> {
        let read = self.hash.borrow().clone().finalize();
        self.file.require_hash(index, &hex::encode(&read))
    }
}

struct JournalObserver<'j> {
    journal: &'j mut Journal,
    file: usize,
    /// The partition that is open in the stick and its last acknowledged block.
    open: &'j mut Option<(usize, u32)>,
    began: &'j mut bool,
    hash: Rc<RefCell<Sha256>>,
}

impl Observer for JournalObserver<'_> {
    fn begins(&mut self, _index: usize) -> Result<()> {
        self.journal.partition_begins(self.file)
    }

    fn block_acknowledged(&mut self, index: usize, block: u32) {
        *self.began = true;
        *self.open = Some((index, block));
    }

    fn acknowledged(&mut self, index: usize) -> Result<()> {
        *self.open = None;
        let hash = hex::encode(&self.hash.borrow_mut().finalize_reset());
        self.journal.partition_done(self.file, index, hash);
        Ok(())
    }
}

#[cfg(test)]
#[path = "flash_tests.rs"]
pub(super) mod tests;
