//! What flashing files does, before anything is sent.

use std::collections::{BTreeMap, BTreeSet};

use crate::convert::firmware_file::{Compared, FirmwareFile};
use crate::convert::flash::{holds_boot_loader, partitions};
use crate::error::counted;
use crate::firmware::{Finding, Signature, Version};
use crate::plan::{Consent, Objection, Plan};
use crate::stick::identify::image_kind;

/// What flashing these files would do to a stick of which `hardware` is known, adding to `plan`.
pub fn plan(files: &[FirmwareFile], plan: &mut Plan) {
    for (number, file) in files.iter().enumerate() {
        let is_same = |other: &FirmwareFile| other.record().headers == file.record().headers;
        let again = if files[..number].iter().any(is_same) { ", the same contents once more" } else { "" };
        let version = file.version();
        let name = file.path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let stated = match version.version.as_str() {
            "" => "no version stated".to_owned(),
            stated => format!("version {stated}"),
        };
        plan.step(
            "flash-file",
            format!("flash {name}: {}, {stated}{again}", counted(file.sizes.len(), "partition")),
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
            None if file.is_nameless() => plan.objections.push(Objection {
                consent: Consent::Mismatch,
                text: format!(
                    "{name} does not name the stick that it is for: nothing compares it with a stick"
                ),
            }),
            None => plan.evidence.push(format!("{name} does not name the stick that it is for")),
        }
        match file.compared {
            Compared::Checksums => plan.evidence.push(format!("{name}: every checksum is right")),
            Compared::Hashes => plan.evidence.push(format!("{name}: every file is as it was extracted")),
            Compared::Nothing => plan.dangers.push(format!(
                "{name}: nothing was checked, for raw partitions have no checksums: damage does not show"
            )),
        }
        for empty in partitions(file).iter().filter(|partition| partition.size == 0) {
            plan.objections.push(Objection {
                consent: Consent::Partial,
                text: format!(
                    "{name}: {} is empty; sticks refuse that, and the flash stops there",
                    empty.name
                ),
            });
        }
        if let Some(text) = spliced(file) {
            plan.objections.push(Objection { consent: Consent::Mismatch, text: format!("{name} {text}") });
        }
        if let Some(alone) = alone(file) {
            plan.objections.push(Objection { consent: Consent::Partial, text: format!("{name} {alone}") });
        }
        if let Some(missing) = &file.incomplete {
            plan.objections.push(Objection { consent: Consent::Partial, text: format!("{name}: {missing}") });
        }
        for warning in &file.warnings {
            plan.dangers.push(format!("{name}: {warning}"));
        }
        let contradicted = file.image.findings.iter().find_map(|finding| match finding {
            Finding::SignedBit { stated, .. } => Some(*stated),
            _ => None,
        });
        if let Some(stated) = contradicted {
            // A stick that checks stops in the middle of it.
            let text = match stated {
                true => "says that it is signed, and its signature is missing",
                false => {
                    "says that it is not signed, and holds a signature: most likely its contents were changed after they were signed"
                }
            };
            plan.objections.push(Objection { consent: Consent::Unsigned, text: format!("{name} {text}") });
        } else if let Some(signature) = file.signature() {
            plan.evidence.push(match signature.known_key() {
                Some(key) => format!(
                    "{name} carries a signature by a key that is known from {}; whether it fits the contents, the stick alone tells",
                    key.seen_on
                ),
                None => format!(
                    "{name} carries a signature by a key that is in no public list: the stick alone tells whether it takes it"
                ),
            });
        } else {
            plan.dangers.push(format!(
                "{name} has no signature: a stick that wants one refuses it, at the start or on the way"
            ));
        }
        if holds_boot_loader(file) {
            plan.dangers.push(format!(
                "{name} holds the boot loader: an interruption there leaves a stick that only the boot ROM can recover"
            ));
        }
    }
    plan_repeated(files, plan);
    plan.step("flash-reset", "restart the stick", None);
}

/// Names the partitions that several files bring. Those of a file that is given twice are said to be the same contents.
fn plan_repeated(files: &[FirmwareFile], plan: &mut Plan) {
    let mut brought: BTreeMap<u32, &FirmwareFile> = BTreeMap::new();
    let name = |file: &FirmwareFile| {
        file.path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default()
    };
    for file in files {
        let mut of_file = BTreeSet::new();
        for partition in partitions(file) {
            let earlier = *brought.entry(partition.code).or_insert(file);
            if of_file.insert(partition.code) && earlier.record().headers != file.record().headers {
                plan.dangers.push(format!(
                    "{} holds {}, as {} does: both are sent, one over the other",
                    name(file),
                    partition.name,
                    name(earlier)
                ));
            }
        }
    }
}

/// That a file is one partition out of an image, which says neither what it belongs to nor that it is enough.
fn alone(file: &FirmwareFile) -> Option<String> {
    let [partition] = &partitions(file)[..] else { return None };
    if !file.image.form.is_single() {
        return None;
    }
    let made_for = file.signature().and_then(Signature::partitions).filter(|count| *count > 1);
    let signed = made_for.map(|count| format!("; its signature is made for {count} partitions"));
    Some(format!(
        "is {} alone, out of an image: a stick that gets no more may not start{}",
        partition.name,
        signed.unwrap_or_default()
    ))
}

/// That its partitions cannot all be for one stick: of several models, or of Stick and of HiLink firmware.
fn spliced(file: &FirmwareFile) -> Option<String> {
    let several = file.image.findings.iter().find_map(|finding| match finding {
        Finding::PlatformDiffers { first, found, .. } => {
            Some(format!("has partitions of several models: {first}, {found}"))
        }
        _ => None,
    });
    let of_file = file.version().platform;
    let mut kinds = file.image.partitions.iter().filter(|part| !part.name.pages).filter_map(|part| {
        let Version { platform, version } = part.header.version();
        let rule = image_kind(platform.as_ref().or(of_file.as_ref())?, &version)?;
        Some((rule.kind, version))
    });
    let mixed = || {
        let (kind, version) = kinds.next()?;
        let (other, found) = kinds.find(|(other, _)| *other != kind)?;
        let names = (kind.name(), other.name());
        Some(format!("has partitions of {} firmware {version} and of {} firmware {found}", names.0, names.1))
    };
    several.or_else(mixed)
}
