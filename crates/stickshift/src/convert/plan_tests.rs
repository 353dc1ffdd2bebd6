use std::io::Cursor;

use super::*;
use crate::convert::FirmwareFile;
use crate::firmware::Header;
use crate::firmware::build::{self, Part, field};
use crate::plan::Consents;

/// Main firmware for `platform` in `version`.
fn firmware(platform: &str, version: &str) -> FirmwareFile {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image.bin");
    let mut header = Header::new(0x0011_0000);
    header.version = field(&format!(":{platform}:{version}")).unwrap();
    let mut out = Cursor::new(Vec::new());
    build::write(&mut out, Some(&build::file_header(1)), vec![Part::from_bytes(header, vec![7; 4096])])
        .unwrap();
    std::fs::write(&path, out.into_inner()).unwrap();
    FirmwareFile::open(&path, &mut Session::quiet()).unwrap()
}

fn request(to: Target, file: FirmwareFile) -> ConvertRequest {
    ConvertRequest {
        to,
        loader: None,
        files: vec![file],
        consents: Consents::default(),
        resume: false,
        login: None,
        no_updates: false,
    }
}

#[test]
fn firmware_of_the_other_kind_is_objected_to_by_the_rules_of_its_model() {
    use Target::{Hilink, Stick};
    for (platform, version, to, objects) in [
        ("E8372h_155", "21.328.62.00.1080", Stick, true),
        ("B310s_22", "21.311.06.03.55", Stick, true),
        ("E3372h_320", "10.0.3.1", Stick, true),
        ("E3372_325", "11.0.1.1", Stick, true),
        ("E3372h_153", "22.200.15.00.00", Stick, true),
        ("E3372h_153", "21.180.01.00.00", Stick, false),
        ("E3372h_153", "21.180.01.00.00", Hilink, true),
        ("E8372h_155", "21.328.62.00.1080", Hilink, false),
        ("E3372h_320", "10.0.3.1", Hilink, false),
        ("E5372s_32", "21.290.01.00.00", Stick, false),
    ] {
        let mut plan = Plan::new("");
        plan_fit(None, &request(to, firmware(platform, version)), &mut plan);
        let objection = plan.unanswered(Consents::default()).map(|o| o.consent);
        assert_eq!(objection, objects.then_some(Consent::Mismatch), "{platform} {version} to {to:?}");
    }
}

#[test]
fn an_image_that_names_no_model_is_judged_by_the_stick() {
    let seen = |model: &str| Identity { model: Some(model.into()), ..Identity::default() };
    let version = Version { platform: None, version: "21.328.62.00.1080".into() };
    let mut plan = Plan::new("");
    plan_kind(&version, Some(&seen("E8372")), Target::Stick, &mut plan);
    assert_eq!(plan.objections.len(), 1);
    let mut plan = Plan::new("");
    plan_kind(&version, None, Target::Stick, &mut plan);
    assert!(plan.objections.is_empty() && plan.dangers[0].contains("no rule determines"), "{plan:?}");
}

#[test]
fn files_are_held_against_what_their_owner_took_them_for() {
    use crate::convert::FileRole::{MainFirmware, WebUi};
    for (given_as, objects) in [(MainFirmware, false), (WebUi, true)] {
        let file = FirmwareFile { given_as: Some(given_as), ..firmware("E3372h_153", "21.180.01.00.00") };
        let mut plan = Plan::new("");
        plan_fit(None, &request(Target::Stick, file), &mut plan);
        assert_eq!(!plan.objections.is_empty(), objects, "{given_as:?}: {plan:?}");
    }
}

#[test]
fn a_stick_that_says_only_its_model_is_held_against_the_image() {
    let seen = |model: &str, hardware: Option<&str>| Identity {
        model: Some(model.into()),
        hardware: hardware.map(str::to_owned),
        ..Identity::default()
    };
    assert!(misfit(&seen("E303", None), Some("E3372h_153")).is_some());
    assert!(misfit(&seen("M150-2", Some("CL2E3372HM")), Some("E3372h_153")).is_none());
    assert!(misfit(&seen("E3372", None), Some("E3372h_153")).is_none());
}

#[test]
fn a_download_mode_that_is_reported_to_refuse_everything_is_said_before_it_is_entered() {
    let seen = |product: Option<&str>, hardware: Option<&str>, firmware: &str| Identity {
        product: product.map(str::to_owned),
        hardware: hardware.map(str::to_owned),
        firmware: Some(firmware.into()),
        ..Identity::default()
    };
    let said = |steps: &[Step], seen: &Identity| {
        let mut plan = Plan::new("");
        plan_oddity(steps, Some(seen), &mut plan);
        plan.dangers.concat()
    };
    let through = [Step::EnterDownload, Step::Flash];
    let of_product = seen(Some("E3372s-153"), None, "21.300.05.00.00");
    assert!(said(&through, &of_product).contains("03 00 02"), "{}", said(&through, &of_product));
    assert!(said(&through, &of_product).contains("boot pin"));
    assert!(!said(&through, &seen(None, Some("CL1E3372SM"), "21.300.05.00.00")).is_empty());
    // By the boot pin its download mode is not used; other versions and other sticks are not known for it.
    assert_eq!(said(&[Step::BootPin, Step::Load, Step::Flash], &of_product), "");
    assert_eq!(said(&through, &seen(Some("E3372s-153"), None, "21.200.07.00.00")), "");
    assert_eq!(said(&through, &seen(Some("E3372h-153"), Some("CL2E3372HM"), "21.300.05.00.00")), "");
}
