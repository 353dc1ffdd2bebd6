use super::*;
use crate::sticks::switchable;

const READ: u8 = 0x81;
const WRITE: u8 = 0x01;

fn seconds(n: u64) -> Moment {
    Moment::from_secs(n)
}

fn plugged(name: &str, behaviour: Behaviour) -> ZeroCd {
    let mut stick = ZeroCd::new(ZeroCdOptions { behaviour, ..switchable::options(name).unwrap() });
    stick.power(Moment::ZERO, true);
    stick.tick(seconds(1));
    assert!(stick.appearance().is_some());
    stick
}

fn message(cdb: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 31];
    bytes[..8].copy_from_slice(b"USBC\x12\x34\x56\x78");
    bytes[15..15 + cdb.len()].copy_from_slice(cdb);
    bytes
}

const HUAWEI: &[u8] = &[0x11, 0x06, 0x20, 0, 0, 1, 1, 0, 1];

/// Ids after a while.
fn product(stick: &mut ZeroCd, at: u64) -> Option<u16> {
    stick.tick(seconds(at));
    stick.appearance().map(|appearance| appearance.id.product)
}

#[test]
fn the_message_decides_what_it_becomes() {
    for (cdb, becomes) in [(HUAWEI, 0x14cf), (&[0x11, 0x06, 0x00][..], 0x1c05), (&[0x11, 0x07], 0x1526)] {
        let mut stick = plugged("k3772", Behaviour::Switches);
        assert_eq!(stick.transfer_out(seconds(2), WRITE, &message(cdb)), UsbReply::Done(vec![]));
        let UsbReply::Done(status) = stick.transfer_in(seconds(2), READ, 13) else { panic!("no status") };
        assert_eq!(status[12], u8::from(becomes == 0x1526), "what it knows is well done");
        assert_eq!(product(&mut stick, 3), (becomes == 0x1526).then_some(0x1526));
        assert_eq!(product(&mut stick, 5), Some(becomes));
    }
}

#[test]
fn every_behaviour_is_as_it_says() {
    use Behaviour::*;
    for (behaviour, reply, status, at_3, at_5, again) in [
        (Switches, UsbReply::Done(vec![]), true, None, Some(0x14cf), 2),
        (Ignores, UsbReply::Done(vec![]), true, Some(0x1526), Some(0x1526), 1),
        (Stalls, UsbReply::Stall, false, Some(0x1526), Some(0x1526), 1),
        (NoStatus, UsbReply::Done(vec![]), false, None, Some(0x14cf), 2),
        (VanishesEarly, UsbReply::Gone, false, None, Some(0x14cf), 2),
        (ComesBackUnchanged, UsbReply::Done(vec![]), true, None, Some(0x1526), 2),
        (NeverComesBack, UsbReply::Done(vec![]), true, None, None, 1),
    ] {
        let mut stick = plugged("k3772", behaviour);
        assert_eq!(stick.transfer_out(seconds(2), WRITE, &message(HUAWEI)), reply, "{behaviour:?}");
        let answered = matches!(stick.transfer_in(seconds(2), READ, 13), UsbReply::Done(_));
        assert_eq!(answered, status, "{behaviour:?}");
        assert_eq!((product(&mut stick, 3), product(&mut stick, 5)), (at_3, at_5), "{behaviour:?}");
        assert_eq!(stick.enumeration(), again, "{behaviour:?}");
    }
}

#[test]
fn a_busy_drive_hangs_and_still_switches() {
    let mut stick = plugged("k3772", Behaviour::Busy(seconds(5)));
    stick.transfer_out(seconds(2), WRITE, &message(&[0x00]));
    assert_eq!(stick.transfer_in(seconds(2), READ, 13), UsbReply::Pending);
    assert!(stick.next_tick().is_some_and(|at| at > seconds(5)));
    assert!(matches!(stick.transfer_in(seconds(6), READ, 13), UsbReply::Done(_)));
    assert_eq!(stick.next_tick(), None, "nothing is due once the time is over");

    let mut stick = plugged("k3772", Behaviour::Busy(seconds(5)));
    stick.transfer_out(seconds(2), WRITE, &message(HUAWEI));
    assert!(matches!(stick.transfer_in(seconds(2), READ, 13), UsbReply::Done(_)));
    assert_eq!(product(&mut stick, 5), Some(0x14cf));
}

#[test]
fn several_steps_are_needed_in_their_order() {
    let zte = &[0x85, 0x01, 0x01, 0x01, 0x18][..];
    let mut stick = plugged("zte-2000", Behaviour::Switches);
    stick.transfer_out(seconds(2), WRITE, &message(zte));
    assert_eq!(product(&mut stick, 9), Some(0x2000));
    stick.transfer_out(seconds(9), WRITE, &message(&[0x1b, 0, 0, 0, 2]));
    stick.transfer_out(seconds(9), WRITE, &message(&[0x1e]));
    assert_eq!(product(&mut stick, 12), Some(0x2000));
    stick.transfer_out(seconds(12), WRITE, &message(zte));
    assert_eq!(product(&mut stick, 15), Some(0x0031));
}

#[test]
fn sony_may_be_asked_again_after_it_came_back() {
    let ask = ControlSetup { request_type: 0xc0, request: 0x11, value: 2, index: 0 };
    let mut stick = plugged("sony-md400", Behaviour::Switches);
    assert_eq!(stick.control(seconds(2), ask, &[], 3), UsbReply::Done(vec![0; 3]));
    assert_eq!(product(&mut stick, 3), None);
    assert_eq!(product(&mut stick, 5), Some(0xd0e1));
    assert_eq!(stick.appearance().unwrap().configurations.len(), 2);
    assert_eq!(stick.control(seconds(6), ask, &[], 3), UsbReply::Done(vec![0; 3]));
    assert_eq!(product(&mut stick, 7), Some(0xd0e1));
    let other = ControlSetup { request: 0x12, ..ask };
    assert_eq!(stick.control(seconds(7), other, &[], 3), UsbReply::Stall);
}

#[test]
fn ports_answer_at_commands() {
    let mut stick = plugged("k3772", Behaviour::Switches);
    stick.serial_write(seconds(1), 0, b"AT\r");
    assert_eq!(stick.serial_read(seconds(1), 0), b"", "a CD-ROM has no ports");
    stick.transfer_out(seconds(2), WRITE, &message(HUAWEI));
    stick.tick(seconds(5));
    stick.serial_write(seconds(6), 2, b"AT+CGMM\r");
    assert_eq!(stick.serial_read(seconds(6), 2), b"AT+CGMM\r\r\nK3772\r\n\r\nOK\r\n");
    assert_eq!(stick.serial_read(seconds(6), 1), b"");
}

#[test]
fn unplugged_it_shows_nothing_and_begins_anew() {
    let mut stick = plugged("k3772", Behaviour::Switches);
    stick.transfer_out(seconds(2), WRITE, &message(HUAWEI));
    stick.tick(seconds(5));
    stick.power(seconds(6), false);
    assert_eq!((product(&mut stick, 9), stick.next_tick()), (None, None));
    stick.power(seconds(10), true);
    assert_eq!(product(&mut stick, 12), Some(0x1526));
}
