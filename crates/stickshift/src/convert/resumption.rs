//! What the record of an interrupted run is worth on the stick that is there now, and what resuming sends and leaves out.
//!
//! ```
//! use stickshift::convert::resumption::Worth;
//!
//! // Only a stick that is proven to be the one of the record is spared what it acknowledged.
//! let skips = |worth: &Worth| matches!(worth, Worth::Proven);
//! assert!(skips(&Worth::Proven) && !skips(&Worth::Unproven));
//! ```

use std::path::Path;

use crate::convert::FirmwareFile;
use crate::convert::flash::partitions;
use crate::convert::journal::{Fingerprint, Journal, Record, Secret};
use crate::convert::load::shows;
use crate::error::{Detail, Error, ErrorKind, Result, Verdict};
use crate::event::Session;
use crate::modem::identity::Identity;
use crate::plan::Plan;
use crate::stick::Mode;

/// What a record is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Worth {
    /// The stick is surely the one of the record: what it acknowledged is not sent again.
    Proven,
    /// Another stick of this model would say the same: all of it is sent.
    Unproven,
    /// The stick runs firmware that the record contradicts, for the reason given: all of it is sent.
    Stale(String),
}

/// What `record` is worth on a stick that says of itself what was `seen`.
pub fn worth(record: &Record, files: &[FirmwareFile], seen: Option<&Identity>) -> Worth {
    let Some(seen) = seen else { return Worth::Unproven };
    if let Some(why) = contradiction(record, files, seen) {
        return Worth::Stale(why);
    }
    if record.stick.is_surely(&fingerprint(seen, &record.secret)) { Worth::Proven } else { Worth::Unproven }
}

/// A stick that runs was not left in the middle of its main firmware, and one that runs another version has been flashed since.
fn contradiction(record: &Record, files: &[FirmwareFile], seen: &Identity) -> Option<String> {
    let runs = seen.firmware.as_deref()?;
    record.files.iter().zip(files).find_map(|(taken, file)| {
        let version = file.version().version;
        let is_what_runs = taken.acknowledged == taken.partitions && version == runs;
        (file.is_main() && taken.acknowledged > 0 && !is_what_runs).then(|| {
            format!(
                "the record of the interrupted run is older than the stick's state: {} of {} partitions of {} {version} were \
                 acknowledged, and the stick runs firmware {runs}",
                taken.acknowledged,
                taken.partitions,
                name(&file.path)
            )
        })
    })
}

/// What tells the stick from others, of what it says of itself.
pub(super) fn fingerprint(identity: &Identity, secret: &Secret) -> Fingerprint {
    Fingerprint {
        hardware: identity.hardware.clone(),
        imei_hash: identity.imei.as_deref().map(|imei| secret.hash(imei)),
        ..Fingerprint::default()
    }
}

/// The error of a run that sent nothing yet, on a stick in `mode` that an interrupted run may have written to: what that one began is not undone
/// by it. A stick that runs firmware is in the middle of nothing.
pub fn as_left(error: Error, mode: Mode, is_touched: bool) -> Error {
    let in_the_middle = is_touched && matches!(mode, Mode::BootRom | Mode::Download);
    match error.verdict() {
        Some(Verdict::Untouched) | None if in_the_middle && !error.is(ErrorKind::JournalMismatch) => error
            .with("place-shows", mode.code())
            .detail(Detail::PlaceShows(shows(Some(mode))))
            .with_verdict(Verdict::Recoverable),
        _ => error,
    }
}

/// Forgets a record that what was `seen` of the stick contradicts, and says so.
///
/// # Errors
/// `FileUnwritable`; the verdict is untouched.
pub(super) fn drop_stale(
    journal: &mut Journal,
    files: &[FirmwareFile],
    seen: Option<&Identity>,
    session: &mut Session<'_>,
) -> Result<bool> {
    let Worth::Stale(why) = worth(&journal.record, files, seen) else { return Ok(false) };
    session.warn("record-stale", format!("{why}; everything is sent, from partition 1 on"));
    journal.start_over().map_err(|e| e.verdict_if_unset(Verdict::Untouched))?;
    Ok(true)
}

/// Adds to the plan of a resumed run what is left out and what is left to send, by name.
pub fn plan(record: &Record, files: &[FirmwareFile], seen: Option<&Identity>, plan: &mut Plan) {
    let worth = worth(record, files, seen);
    let mut steps = plan.steps.iter_mut().filter(|step| step.code == "flash-partition");
    for (taken, file) in record.files.iter().zip(files) {
        let names: Vec<String> = partitions(file).into_iter().map(|p| p.name).collect();
        let (done, left) = names.split_at(taken.acknowledged.min(names.len()));
        let file_name = name(&file.path);
        let skipped = if worth == Worth::Proven { done.len() } else { 0 };
        for (index, step) in steps.by_ref().take(names.len()).enumerate() {
            if index < skipped {
                step.text.push_str(": skipped, the stick acknowledged it in the interrupted run");
                step.bytes = None;
            }
        }
        let all = |names: &[String]| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        plan.evidence.push(if worth == Worth::Proven {
            format!("{file_name}: skipped: {}; left to send: {}", all(done), all(left))
        } else {
            format!(
                "{file_name}: all {} partitions are sent; acknowledged before: {}",
                names.len(),
                all(done)
            )
        });
    }
    plan.evidence.push(match worth {
        Worth::Proven => "the IMEI shows that this is the stick of the interrupted run".to_owned(),
        Worth::Unproven => {
            "nothing proves that this is the stick of the interrupted run: nothing is skipped, the first partition is written again"
                .to_owned()
        }
        Worth::Stale(why) => why,
    });
}

/// Adds to the plan of a run that forgets an interrupted one what it begins with.
pub fn plan_anew(record: &Record, plan: &mut Plan) {
    if record.files.iter().all(|file| file.acknowledged == 0) {
        return;
    }
    let first = plan.steps.iter().find(|step| step.code == "flash-partition");
    let first = first.map_or_else(String::new, |step| format!(" ({})", step.text));
    plan.dangers.push(format!(
        "an interrupted run is recorded for this place: without --resume every partition is written again, from the first one on{first}"
    ));
}

/// Adds to the plan of a run that finds a record which it cannot read what that may mean.
pub fn plan_unreadable(why: &Error, plan: &mut Plan) {
    plan.dangers.push(format!(
        "an earlier run left a record for this place that cannot be read ({why}): the stick may hold a part of other firmware, and every partition is written"
    ));
}

fn name(path: &Path) -> String {
    path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::flash;
    use crate::convert::flash::tests::{main_firmware, web_ui};

    const IMEI: &str = "860000000000001";

    fn seen(firmware: &str) -> Identity {
        Identity { imei: Some(IMEI.into()), firmware: Some(firmware.into()), ..Identity::default() }
    }

    /// A record of two files, of which so many partitions were acknowledged.
    fn journal(folder: &Path, files: &[FirmwareFile], acknowledged: [usize; 2]) -> Journal {
        let records = files.iter().map(FirmwareFile::record).collect();
        let mut journal = Journal::begin(
            folder,
            &"1-1".parse::<crate::stick::Place>().unwrap(),
            fingerprint(&seen(""), &Secret::of(folder).unwrap()),
            records,
        )
        .unwrap();
        for (file, count) in acknowledged.into_iter().enumerate() {
            for index in 0..count {
                journal.partition_done(file, index, format!("h{index}"));
            }
        }
        journal
    }

    #[test]
    fn a_stick_that_runs_is_not_in_the_middle_of_its_main_firmware() {
        let files = [main_firmware("21.180", 10), web_ui(3)];
        for (acknowledged, runs, wanted) in [
            ([7, 0], Some("22.200"), "stale"),
            ([7, 0], Some("21.180"), "stale"),
            ([10, 1], Some("22.200"), "stale"),
            ([10, 1], Some("21.180"), "proven"),
            ([0, 2], Some("22.200"), "proven"),
            ([0, 0], Some("22.200"), "proven"),
            ([7, 0], None, "unproven"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let mut journal = journal(folder.path(), &files, acknowledged);
            let identity = runs.map(seen);
            let worth = worth(&journal.record, &files, identity.as_ref());
            let word = match &worth {
                Worth::Proven => "proven",
                Worth::Unproven => "unproven",
                Worth::Stale(why) => {
                    assert!(
                        why.contains(&format!("{} of 10", acknowledged[0])) && why.contains(runs.unwrap()),
                        "{why}"
                    );
                    "stale"
                }
            };
            assert_eq!(word, wanted, "{acknowledged:?} {runs:?}");
            let mut said = Vec::new();
            let mut session = Session::new(|e| said.push(format!("{e:?}")), Default::default());
            drop_stale(&mut journal, &files, identity.as_ref(), &mut session).unwrap();
            drop(session);
            let kept = wanted != "stale";
            assert_eq!(journal.record.files[0].acknowledged, if kept { acknowledged[0] } else { 0 });
            assert_eq!(said.iter().any(|e| e.contains("from partition 1")), !kept);
        }
    }

    #[test]
    fn a_record_of_another_stick_proves_nothing() {
        let files = [main_firmware("21.180", 10), web_ui(3)];
        let folder = tempfile::tempdir().unwrap();
        let journal = journal(folder.path(), &files, [10, 1]);
        let other = Identity { imei: Some("860000000000009".into()), ..seen("21.180") };
        assert_eq!(worth(&journal.record, &files, Some(&other)), Worth::Unproven);
    }

    #[test]
    fn a_run_that_sent_nothing_leaves_the_stick_as_the_one_before_did() {
        let declined = |mode, is_touched| {
            let error = Error::new(ErrorKind::ConsentNeeded, "x").with_verdict(Verdict::Untouched);
            as_left(error, mode, is_touched).verdict()
        };
        assert_eq!(declined(Mode::BootRom, false), Some(Verdict::Untouched));
        assert_eq!(declined(Mode::BootRom, true), Some(Verdict::Recoverable));
        assert_eq!(declined(Mode::Download, true), Some(Verdict::Recoverable));
        assert_eq!(declined(Mode::Hilink, true), Some(Verdict::Untouched));
    }

    #[test]
    fn the_plan_names_what_is_skipped_and_what_is_left() {
        let files = [main_firmware("21.180", 3), web_ui(3)];
        let folder = tempfile::tempdir().unwrap();
        let journal = journal(folder.path(), &files, [3, 1]);
        let planned = |identity: Option<Identity>| {
            let mut plan = Plan::new("");
            flash::plan(&files, &mut plan);
            super::plan(&journal.record, &files, identity.as_ref(), &mut plan);
            plan
        };
        let skipped = |plan: &Plan| plan.steps.iter().filter(|s| s.text.contains("skipped")).count();
        let proven = planned(Some(seen("21.180")));
        assert_eq!(skipped(&proven), 4);
        let lines = proven.evidence.join("\n");
        assert!(lines.contains("web.bin: skipped: Oeminfo; left to send: CDROMISO, WEBUI"), "{lines}");
        for (identity, word) in
            [(None, "nothing is skipped"), (Some(seen("22.200")), "older than the stick's state")]
        {
            let plan = planned(identity);
            assert_eq!(skipped(&plan), 0);
            assert!(plan.evidence.last().unwrap().contains(word), "{:?}", plan.evidence);
        }
    }
}
