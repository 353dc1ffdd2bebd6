use super::*;
use crate::fault::{Fault, FaultPlan};
use crate::firmware::download::DownloadOptions;
use stickshift::wire::{crc, hdlc};

const ACK: [u8; 5] = [0x7e, 0x02, 0x6a, 0xd3, 0x7e];

/// A stick on its own, with its clock.
struct Rig {
    stick: HuaweiStick,
    now: Moment,
}

impl Rig {
    fn new(options: HuaweiOptions) -> Self {
        let mut rig = Rig { stick: HuaweiStick::new(options), now: Moment::ZERO };
        rig.stick.power(rig.now, true);
        rig.until_it_shows();
        rig
    }

    /// In download mode, with faults counted from the first request on.
    fn loader(faults: &str) -> Self {
        let faults = FaultPlan::parse(faults, 3).unwrap();
        let dload = DownloadOptions { require_signature: false, ..DownloadOptions::v7r11() };
        Rig::new(HuaweiOptions { plug_in: PlugIn::Loader, faults, dload, ..HuaweiOptions::hilink() })
    }

    fn needle(faults: &str) -> Self {
        let faults = FaultPlan::parse(faults, 3).unwrap();
        Rig::new(HuaweiOptions { plug_in: PlugIn::BootPin, faults, ..HuaweiOptions::hilink() })
    }

    fn until_it_shows(&mut self) {
        while self.stick.appearance().is_none() {
            self.now = self.stick.next_tick().expect("nothing will ever happen");
            self.stick.tick(self.now);
        }
    }

    fn pass(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        self.stick.tick(self.now);
    }

    fn id(&self) -> String {
        self.stick.appearance().map_or_else(|| "nothing".into(), |f| f.id.to_string())
    }

    /// What comes in answer to `bytes` by now.
    fn ask_at(&mut self, interface: u8, bytes: &[u8]) -> Vec<u8> {
        self.stick.serial_write(self.now, interface, bytes);
        self.stick.serial_read(self.now, interface)
    }

    fn ask(&mut self, bytes: &[u8]) -> Vec<u8> {
        let interface = if matches!(self.stick.running, Program::BootRom(_)) { 0 } else { 2 };
        self.ask_at(interface, bytes)
    }

    fn frame(&mut self, body: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        hdlc::encode(body, &mut bytes);
        self.ask(&bytes)
    }
}

fn nak(code: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    hdlc::encode(&[3, 0, code], &mut bytes);
    bytes
}

fn packet(body: &[u8]) -> Vec<u8> {
    [body, &crc::xmodem(body).to_be_bytes()].concat()
}

const DATAMODE: &[u8] = b"AT^DATAMODE\r";
const OK: &[u8] = b"\r\nOK\r\n";
/// 0009 0000, one byte.
const START: [u8; 12] = [0x41, 0, 9, 0, 0, 0, 0, 0, 1, 0, 0, 0];
const BLOCK: [u8; 8] = [0x42, 0, 0, 0, 1, 0, 1, 0x77];

#[test]
fn lost_requests_and_lost_answers_differ() {
    let mut rig = Rig::loader("drop@2,mute@4");
    assert_eq!(rig.ask(DATAMODE), OK);
    assert_eq!(rig.frame(&START), b"");
    assert_eq!(rig.stick.open_partition(), None, "the request never arrived");
    assert_eq!(rig.frame(&START), ACK);
    assert_eq!(rig.frame(&BLOCK), b"");
    assert_eq!(rig.stick.flash().partitions()[&0x0009_0000].bytes, [0x77], "only the answer was lost");
    assert_eq!(rig.frame(&BLOCK), ACK, "and a repeat is harmless");
    assert_eq!(rig.stick.flash().partitions()[&0x0009_0000].bytes, [0x77]);
    assert_eq!(rig.stick.steps(), 5);
}

#[test]
fn changed_bytes_are_noticed_by_whoever_reads_them() {
    let mut rig = Rig::loader("corrupt@2,garble@3");
    rig.ask(DATAMODE);
    assert_eq!(rig.frame(&START), nak(1));
    let garbled = rig.frame(&START);
    assert!(garbled.len() == 5 && garbled != ACK);
    let mut rig = Rig::needle("corrupt@2,garble@3");
    assert_eq!(rig.ask(b"A"), [0x55]);
    let head = packet(&[0xfe, 0, 0xff, 1, 0, 0, 0, 1, 0, 0, 0, 0]);
    assert_eq!(rig.ask(&head), [0x55]);
    let garbled = rig.ask(&head);
    assert!(garbled.len() == 1 && garbled != [0xaa]);
}

#[test]
fn late_double_and_stale_answers() {
    let mut rig = Rig::loader("delay@1:5s,duplicate@2,stale@3:aa55,stale:0102");
    assert_eq!(rig.stick.serial_read(rig.now, 2), [1, 2], "stale from the start");
    assert_eq!(rig.ask(DATAMODE), b"");
    rig.pass(4);
    assert_eq!(rig.ask(b""), b"");
    rig.pass(1);
    assert_eq!(rig.ask(b""), OK);
    assert_eq!(rig.frame(&START), [ACK, ACK].concat());
    assert_eq!(rig.frame(&BLOCK), [&[0xaa, 0x55], &ACK[..]].concat());
}

#[test]
fn refusals_on_request() {
    let mut rig = Rig::loader("nak=0c@2,nak@3");
    rig.ask(DATAMODE);
    assert_eq!(rig.frame(&START), nak(0x0c));
    assert_eq!(rig.frame(&START), nak(0x07));
    assert_eq!(rig.stick.open_partition(), None);
    let mut rig = Rig::needle("nak=0c@2");
    rig.ask(b"A");
    assert_eq!(rig.ask(&packet(&[0xfe, 0, 0xff, 1, 0, 0, 0, 1, 0, 0, 0, 0])), [0x55]);
}

#[test]
fn other_programs_and_unasked_lines() {
    let mut rig = Rig::needle("noise@2,urc@3");
    rig.ask(b"A");
    let head = packet(&[0xfe, 0, 0xff, 1, 0, 0, 0, 1, 0, 0, 0, 0]);
    let said = rig.ask(&head);
    assert!(said.len() > 3, "a 55 for each byte of AT text: {said:02x?}");
    assert!(said.ends_with(&[0x55, 0xaa]));
    let said = rig.ask(&head);
    assert!(said.starts_with(b"\r\n^") && said.ends_with(&[0xaa]));
    let mut rig = Rig::loader("noise@1");
    let said = rig.ask(b"AT^DLOADVER?\r");
    assert!(said.len() > 13 && said.ends_with(b"\r\n2.0\r\n\r\nOK\r\n"), "{said:02x?}");
}

#[test]
fn properties_of_the_stick() {
    let mut rig = Rig::loader("no-opening-flag,echo,wrong-device,deaf");
    assert_eq!(rig.ask(b"ATE0\r"), b"ATE0\r\r\nOK\r\n");
    rig.ask(DATAMODE);
    let id = rig.frame(&[0x45]);
    assert!(id.starts_with(b"\x45HUAWEI E3372s_153"), "{id:02x?}");
    assert_eq!(rig.ask(b"AT^DLOADVER?\r"), b"");
    let mut rig = Rig::loader("sign-required");
    assert_eq!(rig.ask(DATAMODE), b"\r\nERROR\r\n");
    let late = FaultPlan::parse("late-port", 0).unwrap();
    let mut rig = Rig::new(HuaweiOptions { faults: late, ..HuaweiOptions::stick() });
    assert_eq!(rig.ask_at(0, b"AT\r"), b"");
    rig.pass(1);
    assert_eq!(rig.ask_at(0, b"AT\r"), b"AT\r\r\nOK\r\n");
    let mute = FaultPlan::parse("mute-port", 0).unwrap();
    let mut rig = Rig::new(HuaweiOptions { faults: mute, ..HuaweiOptions::stick() });
    assert_eq!((rig.ask_at(0, b"AT\r"), rig.ask_at(2, b"AT\r")), (vec![], b"AT\r\r\nOK\r\n".to_vec()));
    let mut rig = Rig::loader("split");
    assert_eq!(rig.ask(DATAMODE), b"\r\nO");
    rig.pass(1);
    assert_eq!(rig.ask(b""), b"K\r\n");
}

#[test]
fn power_cuts_before_and_after_the_act() {
    for (spec, acted) in [("unplug@2:3s", false), ("powerloss@2", true)] {
        let mut rig = Rig::loader(spec);
        rig.ask(DATAMODE);
        assert_eq!(rig.frame(&START), b"");
        assert_eq!(rig.id(), "nothing");
        let torn = !rig.stick.flash().partitions()[&0x0009_0000].whole;
        assert_eq!(torn, acted);
        rig.until_it_shows();
        // Power comes back by itself; the loader was in memory and is gone.
        assert_eq!(rig.id(), if acted { "12d1:1443" } else { "12d1:14dc" }, "{spec}");
    }
    let mut rig = Rig::loader("unplug@1");
    rig.ask(DATAMODE);
    assert_eq!(rig.stick.next_tick(), None, "it stays out");
    rig.stick.power(rig.now, true);
    rig.until_it_shows();
    assert_eq!(rig.id(), "12d1:14dc");
}

#[test]
fn a_missed_needle_boots_and_the_next_one_may_hit() {
    let mut rig =
        Rig::new(HuaweiOptions { plug_in: PlugIn::BootPin, boot_pin_misses: 1, ..HuaweiOptions::stick() });
    assert_eq!(rig.id(), "12d1:1506");
    rig.stick.hold_boot_pin();
    rig.stick.power(rig.now, false);
    rig.stick.power(rig.now, true);
    rig.until_it_shows();
    assert_eq!(rig.id(), "12d1:1443");
    rig.stick.power(rig.now, false);
    rig.stick.power(rig.now, true);
    rig.until_it_shows();
    assert_eq!(rig.id(), "12d1:1506", "the needle was let go");
}

#[test]
fn a_dead_loader_never_shows() {
    let mut rig = Rig::needle("loader-dead");
    for (mode, payload) in [(1, [1, 2]), (2, [3, 4])] {
        rig.ask(&packet(&[0xfe, 0, 0xff, mode, 0, 0, 0, 2, 0, 0, 0, 0]));
        rig.ask(&packet(&[0xda, 1, 0xfe, payload[0], payload[1]]));
        rig.ask(&packet(&[0xed, 2, 0xfd]));
        rig.now += rig.stick.timing().raminit;
    }
    rig.pass(60);
    assert_eq!((rig.id().as_str(), rig.stick.next_tick()), ("nothing", None));
    assert_eq!(rig.stick.loaded().len(), 2);
}

#[test]
fn godload_takes_its_time_and_twice_is_too_much() {
    let mut rig = Rig::new(HuaweiOptions::stick());
    let before = rig.stick.enumeration();
    assert!(rig.ask_at(0, b"AT^GODLOAD\r").ends_with(OK));
    rig.pass(2);
    assert_eq!(rig.id(), "12d1:1506");
    rig.pass(1);
    assert_eq!(rig.id(), "nothing");
    rig.until_it_shows();
    assert_eq!((rig.id().as_str(), rig.stick.enumeration()), ("12d1:1c05", before + 1));
    let mut rig = Rig::new(HuaweiOptions::stick());
    rig.ask_at(0, b"AT^GODLOAD\r");
    rig.ask_at(0, b"AT^GODLOAD\r");
    rig.pass(60);
    assert_eq!(rig.ask_at(0, b"AT\r"), b"", "it hangs");
    assert_eq!(rig.id(), "12d1:1506");
}

#[test]
fn a_closed_gate_refuses() {
    let mut rig = Rig::new(HuaweiOptions::hilink_closed());
    rig.stick.start(Start::HilinkSerial(SwitchTo::Project), rig.now);
    assert!(rig.ask_at(2, b"AT^GODLOAD\r").ends_with(b"\r\nERROR\r\n"));
}

#[test]
fn an_aborted_run_leaves_the_binary_phase_behind() {
    let mut rig = Rig::loader("");
    rig.ask(DATAMODE);
    rig.frame(&START);
    assert_eq!(rig.ask(b"AT^DLOADVER?\r"), nak(6));
    assert_eq!(rig.frame(&[0x01]), ACK);
    assert_eq!(rig.ask(b"AT^DLOADVER?\r"), b"\r\n2.0\r\n\r\nOK\r\n");
}

#[test]
fn every_fault_at_every_step_leaves_a_stick_that_still_works() {
    for &kind in FaultKind::ALL {
        for step in 1..=4 {
            let faults = FaultPlan::new(vec![Fault::new(kind, Some(step))], 9);
            let dload = DownloadOptions { require_signature: false, ..DownloadOptions::v7r11() };
            let mut rig =
                Rig::new(HuaweiOptions { plug_in: PlugIn::Loader, faults, dload, ..HuaweiOptions::hilink() });
            rig.ask(DATAMODE);
            rig.frame(&START);
            rig.frame(&BLOCK);
            rig.frame(&[0x0a]);
            rig.pass(120);
            rig.stick.power(rig.now, false);
            rig.stick.power(rig.now, true);
            rig.until_it_shows();
            let starts = rig.stick.flash().firmware().is_ok();
            assert_eq!(rig.id() == "12d1:1443", !starts, "{kind}@{step}");
        }
    }
}
