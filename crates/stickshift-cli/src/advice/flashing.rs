//! Advice for loads and flashes, where more is known than the kind of the failure.

use stickshift::error::{Detail, Error, ErrorKind, RefusalFamily};
use stickshift::flash::nak;

/// What is known of a failure, its cause (empty where the usual one fits) and the next step.
const KNOWN: &[(Detail, &str, &str)] = &[
    (
        Detail::FileChanged,
        "something wrote to the file while it was in use: a download, a copy, an editor",
        "put back the file that was checked, then run the command again",
    ),
    (
        Detail::AnotherStick,
        "the stick was changed for another one after the plan was shown",
        "run the command again: the plan will be one for this stick",
    ),
    (
        Detail::AnotherImei,
        "it is another stick, or the stick lost its identity: no firmware image holds an IMEI",
        "compare `stickshift identify --unmasked` with the IMEI on the label; flashing again does not bring an IMEI back",
    ),
    (
        Detail::NoProduct,
        "in download mode this stick does not name its product, and it was not asked before",
        "compare its label with the image; if they agree, give --allow-mismatch",
    ),
    (
        Detail::NoVersion,
        "everything was sent, and the answers of the stick name no version to compare",
        "look at it with `stickshift identify` and try it online; flash again only if it does not work",
    ),
    (
        Detail::LoaderRuns,
        "a loader needs the boot ROM, and this stick is past it",
        "it takes firmware as it is: `stickshift flash FIRMWARE`; for another loader, enter boot mode again",
    ),
    (Detail::NoLoader, "", "get the loader for this model and give it with --loader: see docs/convert.md"),
    (
        Detail::RefusedEachTime,
        "this partition does not suit the stick (no stick takes an empty one), or its memory is worn out there",
        "take an image that is made for this model and has no empty partition",
    ),
    (
        Detail::MayHaveErased,
        "the loader that was sent erases the flash when it starts, or may",
        "enter boot mode again and send a loader that is made for this model",
    ),
    (
        Detail::StartRefused,
        "every byte arrived, and the boot ROM will not start it: most often secure boot, which starts signed loaders only",
        "another cable or port changes nothing; a stick with secure boot takes only a loader that its vendor signed for it",
    ),
];

/// Cause and next step.
pub(super) fn of(error: &Error) -> Option<(&'static str, &'static str)> {
    if let Some((_, cause, next)) = KNOWN.iter().find(|(detail, ..)| error.has(detail)) {
        return Some((cause, next));
    }
    let code = error.refusal_of(RefusalFamily::Download).and_then(|code| u8::try_from(code).ok())?;
    match error.kind() {
        ErrorKind::RequestRefused if nak::is_for_good(code) => Some((
            "the stick does not take this partition, and will refuse it again",
            "check that the image is for this model and its chip; a loader of a \"99\" kit takes that kit's firmware only",
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use stickshift::error::Refusal;

    use super::*;

    fn refused(kind: ErrorKind, code: i32) -> Error {
        Error::new(kind, "x").detail(Detail::Refusal(Refusal { family: RefusalFamily::Download, code }))
    }

    #[test]
    fn a_refusal_for_good_advises_no_resuming_and_another_one_does() {
        let (_, next) = of(&refused(ErrorKind::RequestRefused, 0x02)).unwrap();
        assert!(!next.contains("--resume") && next.contains("image is for this model"));
        assert_eq!(of(&refused(ErrorKind::RequestRefused, 0x07)), None);
    }

    #[test]
    fn what_is_known_of_a_failure_takes_the_place_of_the_usual_advice() {
        for (detail, cause, next) in KNOWN {
            let error = Error::new(ErrorKind::FileCorrupt, "x").detail(detail.clone());
            assert_eq!(of(&error), Some((*cause, *next)));
        }
        assert_eq!(of(&Error::new(ErrorKind::FileCorrupt, "x")), None);
    }

    #[test]
    fn a_running_loader_is_led_to_flashing() {
        let error = Error::new(ErrorKind::NotInBootMode, "x").detail(Detail::LoaderRuns);
        assert!(of(&error).unwrap().1.contains("stickshift flash"));
    }
}
