use std::io::Cursor;

use super::*;
use crate::boot::tests::{file as boot_file, filler, hex};
use crate::convert::FirmwareFile;
use crate::firmware::Header;
use crate::firmware::build::{self, Part, field};
use crate::plan::Consents;
use crate::stick::UsbId;

/// Main firmware for `platform` in `version`.
pub(in crate::convert) fn firmware(platform: &str, version: &str) -> FirmwareFile {
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

pub(in crate::convert) fn request(to: Target, file: FirmwareFile) -> ConvertRequest {
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
fn what_the_stick_runs_already_is_named() {
    let said = |kind, runs: &str, resume| {
        let seen = Identity { kind: Some(kind), firmware: Some(runs.into()), ..Identity::default() };
        let mut request = request(Target::Stick, firmware("E3372h_153", "21.180.01.00.00"));
        request.resume = resume;
        let mut plan = Plan::new("");
        plan_same(Some(&seen), &request, &mut plan);
        plan.dangers
    };
    assert_eq!(
        said("stick", "21.180.01.00.00", false),
        ["the stick runs Stick firmware 21.180.01.00.00 already: the same version is written again"]
    );
    assert_eq!(said("stick", "21.180.01.00.01", false), [""; 0]);
    assert_eq!(said("hilink", "21.180.01.00.00", false), [""; 0]);
    assert_eq!(said("stick", "21.180.01.00.00", true), [""; 0]);
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

/// A loader of which only the erase routine of its chip's family is known.
fn loader(erase_routine: &str) -> Loader {
    let mut usbldr = filler(4096);
    let bytes = hex(erase_routine);
    usbldr[0x100..0x100 + bytes.len()].copy_from_slice(&bytes);
    Loader::parse(boot_file(&filler(300), &usbldr)).unwrap()
}

/// Signatures of docs/protocols/balong-boot.md section 4.
const V7R1: &str = "3DE2E0E300E09EE55CC39FE50C005EE10000000A";
const V7R11: &str = "000050E37080BD080030A0E34E2604E3E03F44E3552244E34C019FE54EC604E348419FE50210A0E14CC444E35C2383E5\
                     00008FE040C383E5";

#[test]
fn a_loader_for_another_chip_than_the_images_is_objected_to_where_the_stick_says_nothing() {
    let said = |erase_routine, seen: Option<&Identity>| {
        let file = firmware("E3372h_153", "21.180.01.00.00");
        let request = ConvertRequest { loader: Some(loader(erase_routine)), ..request(Target::Stick, file) };
        let mut plan = Plan::new("");
        plan_loader(seen, &request, &mut plan);
        plan.objections
    };
    let objections = said(V7R1, None);
    assert_eq!(objections.len(), 1);
    assert_eq!(objections[0].consent, Consent::Mismatch);
    assert!(
        objections[0].text.contains("for V7R1") && objections[0].text.contains("V7R11"),
        "{objections:?}"
    );
    assert_eq!(said(V7R11, None), []);
    // A stick that says what it is was held against the loader itself.
    let seen = Identity { hardware: Some("CL2E3372HM".into()), ..Identity::default() };
    assert_eq!(said(V7R1, Some(&seen)), []);
}

#[test]
fn a_boot_loader_is_not_written_without_a_loader_at_hand_unless_the_owner_says_so() {
    let without = request(Target::Stick, boot_loader_image());
    let mut plan = Plan::new("");
    plan_no_loader(&without, &mut plan);
    assert_eq!(plan.unanswered(Consents::default()).map(|o| o.consent), Some(Consent::NoLoader));
    assert_eq!(plan.unanswered(Consents { no_loader: true, ..Consents::default() }), None);

    let with = ConvertRequest { loader: Some(loader(V7R11)), ..without };
    let mut plan = Plan::new("");
    plan_no_loader(&with, &mut plan);
    assert_eq!(plan.objections, []);
}

/// Main firmware that begins with Fastboot.
fn boot_loader_image() -> FirmwareFile {
    let file = firmware("E3372h_153", "21.180.01.00.00");
    assert!(flash::holds_boot_loader(&file));
    file
}

#[test]
fn a_stick_known_to_refuse_is_refused_without_a_loader_before_any_question() {
    let stick = |mode| {
        let mut stick = Stick::new("1-1".parse().unwrap(), UsbId::new(0x12d1, 0x14dc));
        stick.mode = mode;
        stick
    };
    let closed = Identity {
        model: Some("E3372".into()),
        hardware: Some("CL2E3372HM".into()),
        firmware: Some("22.328.62.00.00".into()),
        ..Identity::default()
    };
    assert_eq!(closed.gate(), Gate::Closed);
    let asked = |mode, loader| {
        let file = firmware("E3372h_153", "21.180.01.00.00");
        steps(&stick(mode), Some(&closed), &ConvertRequest { loader, ..request(Target::Stick, file) })
    };
    for mode in [Mode::Hilink, Mode::Modem, Mode::HilinkSerial] {
        let refused = asked(mode, None).unwrap_err();
        assert!(refused.is(ErrorKind::GateClosed), "{refused}");
        assert_eq!(asked(mode, Some(loader(V7R11))).unwrap()[..2], [Step::BootPin, Step::Load]);
    }
    // Past its gate it takes what comes.
    assert_eq!(asked(Mode::Download, None).unwrap(), [Step::Flash, Step::Verify]);
}

#[test]
fn sticks_of_other_makers_are_refused_and_unknown_ones_need_consent() {
    let named = |model: &str| Identity { product: Some(model.into()), ..Identity::default() };
    for (id, seen, refused, objects) in [
        ("12d1:1f01", None, false, false),
        ("3426:1f01", None, false, false),
        ("19d2:2000", None, true, false),
        ("19d2:1405", Some(named("MF823")), true, false),
        ("1410:5010", None, true, false),
        ("2001:a80b", None, true, false),
        // It says what it is, whatever its ids are.
        ("2001:a80b", Some(named("E3372h-153")), false, false),
        ("ffff:0001", None, false, true),
        ("ffff:0001", Some(named("E3372h-153")), false, false),
    ] {
        let stick = Stick { mode: Mode::Cdrom, ..Stick::new("1-1".parse().unwrap(), id.parse().unwrap()) };
        let result = refuse_not_flashable(Some(&stick), seen.as_ref());
        assert_eq!(result.is_err_and(|e| e.is(ErrorKind::NotFlashable)), refused, "{id}");
        let mut plan = Plan::new("");
        plan_maker(&stick, seen.as_ref(), &mut plan);
        assert_eq!(!plan.objections.is_empty() && !refused, objects, "{id}");
    }
}
