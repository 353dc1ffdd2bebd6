//! Flashing one or more files to a stick in download mode, with the journal kept.

use std::io::Read;
use std::time::Duration;

use crate::convert::firmware_file::FirmwareFile;
use crate::convert::journal::{Fingerprint, Journal};
use crate::convert::load::{find, say_what_shows, wait_for_download_mode};
use crate::error::{Error, ErrorKind, Result, Verdict};
use crate::event::Session;
use crate::firmware::Finding;
use crate::flash::{
    self, Finish, Handshake, Observer, Outcome, PartitionFacts, Payload, SignatureFacts, fit,
};
use crate::link::Bus;
use crate::plan::{Consent, Consents, Objection, Plan};
use crate::stick::{Mode, Place, Role};

/// How long a stick may take to come back after its partition table changed.
const TABLE_RESTART: Duration = Duration::from_secs(90);

/// A changed table makes the stick restart once; when its end was not answered it is sent again.
const TABLE_RESTARTS: u32 = 3;

/// What flashing these files would do to a stick of which `hardware` is known, adding to `plan`.
pub fn plan(files: &[FirmwareFile], plan: &mut Plan) {
    for file in files {
        let version = file.version();
        let name = file.path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        plan.step(
            "flash-file",
            format!("flash {name}: {} partitions, version {}", file.sizes.len(), version.version),
            Some(file.bytes()),
        );
        for (index, partition) in partitions(file).iter().enumerate() {
            plan.step(
                "flash-partition",
                format!(
                    "{} of {}: {}, {} bytes",
                    index + 1,
                    file.sizes.len(),
                    partition.name,
                    partition.size
                ),
                Some(partition.size),
            );
        }
        match &version.platform {
            Some(platform) => plan.evidence.push(format!(
                "{name} is for {platform}; compared with the stick's product id before the first partition"
            )),
            None => plan.evidence.push(format!("{name} does not say which stick it is for")),
        }
        plan.evidence.push(format!("{name}: every checksum is right"));
        if let Some(missing) = &file.incomplete {
            plan.objections.push(Objection { consent: Consent::Partial, text: format!("{name}: {missing}") });
        }
        for warning in &file.warnings {
            plan.dangers.push(format!("{name}: {warning}"));
        }
        let says_signed = |f: &Finding| matches!(f, Finding::SignedBit { stated: true, .. });
        if file.image.findings.iter().any(says_signed) {
            // Its maker signed it; without the signature a stick that checks stops in the middle of it.
            let text = format!("{name} says that it is signed, and its signature is missing");
            plan.objections.push(Objection { consent: Consent::Unsigned, text });
        } else if file.signature().is_none() {
            plan.dangers.push(format!(
                "{name} has no signature; a stick that wants one refuses it before anything is written"
            ));
        }
        if partitions(file).iter().any(|p| p.boot_chain) {
            plan.dangers.push(format!(
                "{name} begins with the boot loader: an interruption inside it leaves a stick that only the boot ROM can save"
            ));
        }
    }
    plan.step("flash-reset", "restart the stick", None);
}

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
    let outcome = run(bus, place, files, consents, journal, session);
    // What was written in an earlier run does not become untouched by failing before the first partition of this one. Another
    // stick than that one is untouched, though.
    outcome.map_err(|e| {
        let error = match e.verdict() {
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
    session: &mut Session<'_>,
) -> Result<Flashed> {
    let mut first_handshake = None;
    let mut bytes = 0;
    let mut table_restarts = 0;
    let last = files.len() - 1;
    for (number, file) in files.iter_mut().enumerate() {
        let mut first = journal.record.files[number].acknowledged;
        if first == file.sizes.len() && number != last {
            continue;
        }
        loop {
            let stick = find(bus, place)?;
            let port =
                stick.interface(Role::Flash).filter(|_| stick.mode == Mode::Download).ok_or_else(|| {
                    Error::new(
                        ErrorKind::NotInDownloadMode,
                        format!("the stick at {place} is not in download mode"),
                    )
                    .with("id", stick.id)
                    .with("mode", stick.mode.code())
                    .with_verdict(Verdict::Untouched)
                })?;
            let mut link = bus.open_port(place, port.number)?;
            let signature = signature_facts(file);
            let handshake = flash::handshake(&mut *link, signature.as_ref(), session)?;
            check_fit(file, &handshake, journal, consents, session)?;
            let mut payload = ImagePayload { facts: partitions(file), file: &mut *file };
            let finish = if number == last { Finish::Reset } else { Finish::Leave };
            let mut observer = JournalObserver { journal: &mut *journal, file: number };
            let outcome = flash::run(&mut *link, &mut payload, first, finish, &mut observer, session)
                .map_err(|e| e.with("file", file.path.display()))?;
            first_handshake.get_or_insert(handshake);
            match outcome {
                Outcome::Complete => {
                    bytes += file.sizes.iter().skip(first).sum::<u64>();
                    break;
                }
                Outcome::RestartedAfterTable { next } => {
                    drop(link);
                    table_restarts += 1;
                    if table_restarts > TABLE_RESTARTS {
                        return Err(Error::new(
                            ErrorKind::Disconnected,
                            "the stick leaves the bus at its partition table again and again",
                        )
                        .with_verdict(Verdict::Recoverable));
                    }
                    bytes += file.sizes[first..next].iter().sum::<u64>();
                    first = next;
                    session.step(
                        "wait-table-restart",
                        "the partition table changed: wait until the stick is back in download mode",
                    );
                    // Its old face may still be on the bus for a moment.
                    crate::waiting::wait_at(bus, place, Duration::from_secs(15), session, |s| {
                        s.is_none_or(|s| s.mode != Mode::Download)
                    })?;
                    wait_for_download_mode(bus, place, TABLE_RESTART, session)
                        .map_err(|e| e.with_verdict(Verdict::Recoverable))?;
                }
            }
        }
    }
    let handshake = first_handshake.ok_or_else(|| {
        Error::new(ErrorKind::Usage, "there is no file to flash").with_verdict(Verdict::Untouched)
    })?;
    Ok(Flashed { handshake, bytes })
}

fn check_fit(
    file: &FirmwareFile,
    handshake: &Handshake,
    journal: &mut Journal,
    consents: Consents,
    session: &mut Session<'_>,
) -> Result<()> {
    let platform = file.version().platform;
    let objections = fit::objections(platform.as_deref(), handshake.product.as_deref(), None, None);
    for objection in &objections {
        if !consents.has(Consent::Mismatch) {
            return Err(Error::new(ErrorKind::ImageMismatch, objection.clone())
                .with("image", platform.unwrap_or_default())
                .with("stick", handshake.product.as_deref().unwrap_or_default())
                .with_verdict(Verdict::Untouched));
        }
        session.warn("mismatch-allowed", objection.clone());
    }
    for line in fit::evidence(platform.as_deref(), handshake.product.as_deref()) {
        session.note("fit", line);
    }
    let seen = Fingerprint { product: handshake.product.clone(), ..Fingerprint::default() };
    journal.check_stick(&seen).map_err(|e| e.with_verdict(Verdict::Untouched))
}

fn signature_facts(file: &FirmwareFile) -> Option<SignatureFacts> {
    // Without a file header the original announces 7, "everything".
    let kind = file.image.kind().map_or(7, |kind| kind.content());
    file.signature().map(|s| SignatureFacts { kind, key: s.key_hex(), length: s.length })
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
}

impl Payload for ImagePayload<'_> {
    fn partitions(&self) -> &[PartitionFacts] {
        &self.facts
    }

    fn open(&mut self, index: usize) -> Result<Box<dyn Read + '_>> {
        Ok(Box::new(self.file.image.payload(index)?))
    }
}

struct JournalObserver<'j> {
    journal: &'j mut Journal,
    file: usize,
}

impl Observer for JournalObserver<'_> {
    fn begins(&mut self, _index: usize) -> Result<()> {
        self.journal.partition_begins(self.file)
    }

    fn acknowledged(&mut self, index: usize) -> Result<()> {
        self.journal.partition_done(self.file, index)
    }
}

#[cfg(test)]
#[path = "flash_tests.rs"]
mod tests;
