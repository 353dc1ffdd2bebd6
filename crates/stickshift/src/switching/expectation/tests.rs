use super::*;
use crate::stick::{HUAWEI, Interface};

const STORAGE: [u8; 3] = [0x08, 0x06, 0x50];
const PCUI: [u8; 3] = [0xff, 3, 0x12];

fn stick(product: u16, classes: &[[u8; 3]]) -> Stick {
    let interfaces = classes.iter().enumerate();
    let interfaces = interfaces.map(|(number, class)| Interface::new(number as u8, *class));
    let mut stick = Stick {
        interfaces: interfaces.collect(),
        ..Stick::new("1-1".parse().unwrap(), UsbId::new(HUAWEI, product))
    };
    stick.classify(&crate::stick::NoProfiles);
    stick
}

fn expectation(targets: &[u16]) -> Expectation {
    Expectation {
        place: "1-1".parse().unwrap(),
        goal: Goal::Usual,
        targets: targets.iter().map(|p| UsbId::new(HUAWEI, *p)).collect(),
        end: SUCCESS,
        limit: SUCCESS,
        before: stick(0x1526, &[STORAGE]),
        address: None,
        vendor: HUAWEI,
        only_detaches: false,
        left: false,
        unchanged_since: None,
        stranger_since: None,
    }
}

fn seconds(n: u64) -> Moment {
    Moment::from_secs(n)
}

fn failure(assessment: Assessment) -> Error {
    match assessment {
        Assessment::Failed(error) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn other_ids_are_success() {
    let mut e = expectation(&[0x14cf]);
    assert!(
        matches!(e.assess(Some(&e.before.clone()), seconds(0)), Assessment::Pending(until) if until == SUCCESS)
    );
    assert!(matches!(e.assess(None, seconds(1)), Assessment::Pending(_)));
    let Assessment::Switched(switched) = e.assess(Some(&stick(0x14cf, &[PCUI])), seconds(2)) else {
        panic!()
    };
    assert!(switched.expected);
    let Assessment::Switched(switched) = e.assess(Some(&stick(0x1c05, &[PCUI])), seconds(2)) else {
        panic!()
    };
    assert!(!switched.expected, "not one of those the profile names");
}

#[test]
fn other_interfaces_or_another_configuration_under_the_same_ids_are_success() {
    let mut e = expectation(&[]);
    assert!(
        matches!(e.assess(Some(&stick(0x1526, &[PCUI])), seconds(1)), Assessment::Switched(s) if s.expected)
    );
    let mut other = e.before.clone();
    other.configuration = 2;
    assert!(matches!(e.assess(Some(&other), seconds(1)), Assessment::Switched(_)));
}

#[test]
fn a_device_that_is_only_just_found_is_not_judged() {
    let mut e = expectation(&[0x14cf]);
    let mut fresh = stick(0x14cf, &[]);
    fresh.configuration = 0;
    assert!(matches!(e.assess(Some(&fresh), seconds(1)), Assessment::Pending(_)));
}

#[test]
fn a_stick_that_takes_no_notice_is_given_its_time() {
    let mut e = expectation(&[]);
    let before = e.before.clone();
    assert!(matches!(e.assess(Some(&before), seconds(19)), Assessment::Pending(_)));
    let error = failure(e.assess(Some(&before), seconds(20)));
    assert!(error.is(ErrorKind::NotSwitched) && error.what().contains("ignored"), "{error:?}");
    assert_eq!(error.verdict(), Some(Verdict::Recoverable));
}

#[test]
fn a_stick_that_comes_back_unchanged_is_soon_given_up() {
    let mut e = expectation(&[]);
    let before = e.before.clone();
    assert!(matches!(e.assess(None, seconds(1)), Assessment::Pending(_)));
    assert!(matches!(e.assess(Some(&before), seconds(2)), Assessment::Pending(until) if until == seconds(7)));
    let error = failure(e.assess(Some(&before), seconds(7)));
    assert!(error.what().contains("came back unchanged"), "{error:?}");
}

#[test]
fn a_number_that_is_newer_than_the_look_gives_the_stick_its_time() {
    let mut e = expectation(&[]);
    e.address = Some(7);
    let before = e.before.clone();
    assert!(matches!(e.assess(Some(&before), seconds(1)), Assessment::Pending(_)));
    e.see_address(Some(8));
    assert!(
        matches!(e.assess(Some(&before), seconds(12)), Assessment::Pending(until) if until == seconds(17)),
        "it may have come back while the bus was looked at"
    );
    assert!(matches!(e.assess(Some(&stick(0x1506, &[PCUI])), seconds(13)), Assessment::Switched(_)));
}

#[test]
fn a_stick_that_stays_away_is_in_a_state_that_nobody_saw() {
    let mut e = expectation(&[]);
    assert!(matches!(e.assess(None, seconds(19)), Assessment::Pending(_)));
    let error = failure(e.assess(None, seconds(20)));
    assert_eq!((error.kind(), error.verdict()), (ErrorKind::Disconnected, Some(Verdict::Unknown)));
}

#[test]
fn something_else_than_was_wanted_is_said() {
    let mut e = expectation(&[]);
    e.goal = Goal::Serial;
    let hilink = stick(0x14dc, &[[2, 6, 0], [0x0a, 6, 0]]);
    let error = e.check_goal(&Switched { stick: hilink, expected: true }).unwrap_err();
    assert!(error.is(ErrorKind::NotSwitched), "{error:?}");
    e.check_goal(&Switched { stick: stick(0x1001, &[PCUI]), expected: true }).unwrap();
}

#[test]
fn ports_are_complete_when_each_has_its_node() {
    let mut modem = stick(0x1506, &[PCUI, [0xff, 3, 0x16], STORAGE]);
    assert!(!ports_are_made(&modem));
    modem.interfaces[0].tty = Some("/dev/ttyUSB0".into());
    assert!(!ports_are_made(&modem));
    modem.interfaces[1].netdev = Some("wwan0".into());
    assert!(ports_are_made(&modem));
}
