use std::collections::VecDeque;
use std::time::Duration;

use super::{file, filler, hex};
use crate::boot::{Downloaded, Loader, Start, download};
use crate::error::{Detail, Error, ErrorKind, Result, Verdict};
use crate::event::{Cancel, Event, Session};
use crate::link::{ByteLink, Moment, Tape, TapeLink};
use crate::wire::crc;

mod losses;
mod others;
mod ports;

/// What goes wrong with one packet, by its number; the probe is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// It is lost on the way there.
    Lost,
    /// It is acted upon and the answer is lost.
    Mute,
    /// It is refused and not acted upon.
    Refused,
    /// It is refused, and so is every one after it.
    RefusedFromHereOn,
    /// It is acted upon and refused all the same.
    Lie,
    /// Another byte answers.
    Garbled,
    /// The answer comes twice.
    Twice,
    /// It is acted upon, refused and accepted.
    Both,
    /// The answer comes 5 s later.
    Late,
    /// The stick leaves before it.
    Unplug,
    /// The stick leaves after it, without an answer.
    Gone,
    /// It is taken, and nothing answers any more.
    Hang,
}

const FAULTS: [Fault; 11] = [
    Fault::Lost,
    Fault::Mute,
    Fault::Refused,
    Fault::RefusedFromHereOn,
    Fault::Lie,
    Fault::Garbled,
    Fault::Twice,
    Fault::Late,
    Fault::Unplug,
    Fault::Gone,
    Fault::Hang,
];

/// A boot ROM after docs/protocols/balong-boot.md section 3, on a clock of its own. Each write must be one packet.
#[derive(Default)]
struct Rom {
    fault: Option<(u32, Fault)>,
    now: Moment,
    answers: VecDeque<(Moment, u8)>,
    packets: u32,
    /// Size, next sequence number, and bytes of the block being received, with its mode and address.
    receiving: Option<(u8, u32, usize, u8, Vec<u8>)>,
    /// What was run, in order.
    run: Vec<(u8, u32, Vec<u8>)>,
    /// Data went to external memory that no raminit had set up.
    memory_was_dead: bool,
    gone: bool,
    hangs: bool,
    head_written: bool,
    /// What was started does not take the port away.
    keeps_port: bool,
    /// It starts no code of this mode, as with secure boot: the data is taken, the tail refused.
    starts_no: Option<u8>,
}

impl Rom {
    fn with(packet: u32, fault: Fault) -> Self {
        Rom { fault: Some((packet, fault)), ..Rom::default() }
    }

    fn act(&mut self, packet: &[u8]) -> bool {
        if !matches!(packet[0], 0xfe | 0xda | 0xed) || packet.len() < 5 || crc::xmodem(packet) != 0 {
            return false;
        }
        if packet[0] == 0xfe {
            let word = |at: usize| u32::from_be_bytes(packet[at..at + 4].try_into().unwrap());
            assert_eq!((packet.len(), packet[1], packet[2]), (14, 0x00, 0xff));
            if packet[3] == 2 && !self.run.iter().any(|r| r.0 == 1) {
                self.memory_was_dead = true;
            }
            self.receiving = Some((packet[3], word(8), word(4) as usize, 1, Vec::new()));
            return true;
        }
        let Some((mode, address, size, next, data)) = &mut self.receiving else { return false };
        if packet[1] != *next || packet[2] != !*next {
            return false;
        }
        let body = &packet[3..packet.len() - 2];
        if packet[0] == 0xda {
            assert!((1..=1024).contains(&body.len()));
            data.extend_from_slice(body);
            *next = next.wrapping_add(1);
            return data.len() <= *size;
        }
        if data.len() != *size || self.starts_no == Some(*mode) {
            return false;
        }
        self.run.push((*mode, *address, std::mem::take(data)));
        self.gone = *mode == 2 && !self.keeps_port;
        self.receiving = None;
        true
    }
}

impl ByteLink for Rom {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        if self.gone {
            return Err(Error::new(ErrorKind::Disconnected, "gone"));
        }
        let number = self.packets;
        self.packets += 1;
        self.head_written |= bytes[0] == 0xfe;
        if self.hangs {
            return Ok(());
        }
        let fault = self.fault.and_then(|(at, fault)| match fault {
            Fault::RefusedFromHereOn => (number >= at).then_some(fault),
            _ => (number == at).then_some(fault),
        });
        match fault {
            Some(Fault::Lost) => return Ok(()),
            Some(Fault::Refused | Fault::RefusedFromHereOn) => {
                self.answers.push_back((self.now, 0x55));
                return Ok(());
            }
            Some(Fault::Unplug) => {
                self.gone = true;
                return Ok(());
            }
            _ => {}
        }
        let good = if self.act(bytes) { 0xaa } else { 0x55 };
        match fault {
            Some(Fault::Mute) => {}
            Some(Fault::Gone) => self.gone = true,
            Some(Fault::Hang) => self.hangs = true,
            Some(Fault::Both) => self.answers.extend([(self.now, 0x55), (self.now, good)]),
            Some(Fault::Lie) => self.answers.push_back((self.now, 0x55)),
            Some(Fault::Garbled) => self.answers.push_back((self.now, 0x2a)),
            Some(Fault::Late) => self.answers.push_back((self.now + Duration::from_secs(5), good)),
            Some(Fault::Twice) => {
                let later = self.now + Duration::from_millis(1);
                self.answers.extend([(self.now, good), (later, good)]);
            }
            _ => self.answers.push_back((self.now, good)),
        }
        Ok(())
    }

    fn read(&mut self, buffer: &mut [u8], deadline: Moment) -> Result<usize> {
        match self.answers.front() {
            Some((when, byte)) if *when <= deadline.max(self.now) => {
                buffer[0] = *byte;
                self.now = self.now.max(*when);
                self.answers.pop_front();
                Ok(1)
            }
            _ if self.gone => Err(Error::new(ErrorKind::Disconnected, "gone")),
            _ => {
                self.now = self.now.max(deadline);
                Ok(0)
            }
        }
    }

    fn discard_input(&mut self) -> Result<()> {
        let now = self.now;
        self.answers.retain(|(when, _)| *when > now);
        if self.gone { Err(Error::new(ErrorKind::Disconnected, "gone")) } else { Ok(()) }
    }

    fn now(&self) -> Moment {
        self.now
    }

    fn sleep(&mut self, time: Duration) {
        self.now += time;
    }
}

/// Probe; head, one data packet, tail; head, three data packets, tail.
fn small() -> Loader {
    Loader::parse(file(&filler(300), &filler(2500))).unwrap()
}
const SMALL_PACKETS: u32 = 9;
const RAMINIT_TAIL: u32 = 3;
const LAST: u32 = SMALL_PACKETS - 1;

fn send(link: &mut dyn ByteLink) -> Result<Downloaded> {
    download(link, &small(), &mut Session::quiet())
}

#[test]
fn every_byte_on_the_wire() {
    let mut text = String::from("> 41\n< 55\n");
    let mut say = |packet: &[u8]| {
        let digits: String = packet.iter().map(|b| format!("{b:02x}")).collect();
        text.push_str(&format!("> {digits}\n< aa\n"));
    };
    let with_crc = |bytes: &[&[u8]]| {
        let mut packet = bytes.concat();
        packet.extend(crc::xmodem(&packet).to_be_bytes());
        packet
    };
    let (raminit, usbldr) = (filler(1024), filler(2048));
    // Section 6.5: heads and tails of `--size 2048 --raminit 1024`.
    say(&hex("fe00ff01000004002ffe4000a83e"));
    say(&with_crc(&[&[0xda, 1, 0xfe], &raminit]));
    say(&hex("ed02fdbab0"));
    say(&hex("fe00ff020000080030004000b983"));
    say(&with_crc(&[&[0xda, 1, 0xfe], &usbldr[..1024]]));
    say(&with_crc(&[&[0xda, 2, 0xfd], &usbldr[1024..]]));
    say(&hex("ed03fc99a0"));
    let mut link = TapeLink::new(Tape::parse(&text).unwrap());
    let loader = Loader::parse(file(&raminit, &usbldr)).unwrap();
    let done = download(&mut link, &loader, &mut Session::quiet()).unwrap();
    assert!(link.is_finished());
    let slowest = done.slowest;
    assert_eq!(done, Downloaded { packets: 8, bytes: 3072, repeated: 0, slowest, start: Start::Accepted });
}

#[test]
fn heads_of_real_loaders() {
    // Section 6.5: 8278, 327x and 5330bs; the blocks' bytes do not matter for a head.
    for (mode, size, address, head) in [
        (1u32, 0x36c, 0x2ffe_4000u32, "fe00ff010000036c2ffe4000f288"),
        (2, 0x1a40ec, 0x3000_4000, "fe00ff02001a40ec30004000aac3"),
        (2, 0x1ac18c, 0x3000_4000, "fe00ff02001ac18c30004000229f"),
        (1, 0x82c, 0xfffd_0000, "fe00ff010000082cfffd0000dcdd"),
    ] {
        let mut bytes = file(&vec![7; size], &[7]);
        bytes[36..40].copy_from_slice(&mode.to_le_bytes());
        bytes[44..48].copy_from_slice(&address.to_le_bytes());
        let tape = Tape::parse(&format!("> 41\n< 55\n> {head}\n")).unwrap();
        let mut link = TapeLink::new(tape);
        let error = download(&mut link, &Loader::parse(bytes).unwrap(), &mut Session::quiet());
        assert!(link.is_finished(), "{head}: {error:?}");
    }
}

#[test]
fn the_sequence_wraps_and_a_full_last_packet_is_the_last() {
    let usbldr = filler(260 * 1024);
    let loader = Loader::parse(file(&filler(1), &usbldr)).unwrap();
    let mut rom = Rom::default();
    let done = download(&mut rom, &loader, &mut Session::quiet()).unwrap();
    assert_eq!(rom.run[1].2, usbldr);
    assert_eq!((done.packets, rom.packets), (1 + 3 + 262, 1 + 3 + 262));
}

#[test]
fn stale_input_does_not_answer_the_probe() {
    let mut rom = Rom::default();
    rom.answers.push_back((Moment::ZERO, 0x55));
    // This one is still on its way when the port is opened.
    rom.answers.push_back((Duration::from_millis(20), 0x55));
    let done = send(&mut rom).unwrap();
    assert_eq!((done.packets, done.repeated), (SMALL_PACKETS, 0));
}

/// Whatever goes wrong at whichever packet: success only when both blocks arrived as they are, and failure with the
/// stick not started and the verdict that fits.
#[test]
fn every_fault_at_every_packet_ends_truthfully() {
    for fault in FAULTS {
        for packet in 0..SMALL_PACKETS {
            let case = format!("{fault:?} at packet {packet}");
            let mut rom = Rom::with(packet, fault);
            let result = send(&mut rom);
            assert!(!rom.memory_was_dead, "{case}");
            let started = rom.run.iter().any(|r| r.0 == 2);
            let whole = rom.run.iter().all(|r| r.2 == filler(if r.0 == 1 { 300 } else { 2500 }));
            assert!(whole, "{case}: something else was run");
            match &result {
                Ok(done) if done.start == Start::Accepted => assert!(started, "{case}"),
                // Lost or pulled: whether the last tail arrived cannot be seen from here.
                Ok(_) => {
                    assert_eq!(packet, LAST, "{case}");
                    assert!(rom.gone || rom.hangs, "{case}");
                }
                Err(error) => {
                    assert!(!started, "{case}: {error:?}");
                    let verdict = if rom.head_written { Verdict::Recoverable } else { Verdict::Untouched };
                    assert_eq!(error.verdict(), Some(verdict), "{case}: {error:?}");
                    if packet > 0 {
                        assert!(error.fact("packet").is_some() && error.fact("kind").is_some(), "{error:?}");
                    }
                }
            }
            // A fault that passes is overcome, wherever it hits.
            let passes =
                !matches!(fault, Fault::RefusedFromHereOn | Fault::Unplug | Fault::Gone | Fault::Hang);
            let another_port = packet == 0 && matches!(fault, Fault::Garbled);
            if passes && !another_port {
                assert!(result.is_ok(), "{case}: {result:?}");
            }
        }
    }
}

#[test]
fn a_refusal_that_stays_is_an_error_with_its_place() {
    for (packet, kind, block, offset) in [
        (1, "head", "raminit", "0x0"),
        (2, "data", "raminit", "0x0"),
        (3, "tail", "raminit", "0x12c"),
        (4, "head", "usbldr", "0x0"),
        (6, "data", "usbldr", "0x400"),
        (8, "tail", "usbldr", "0x9c4"),
    ] {
        let mut rom = Rom::with(packet, Fault::RefusedFromHereOn);
        let mut seen = Vec::new();
        let error =
            download(&mut rom, &small(), &mut Session::new(|e| seen.push(e), Cancel::new())).unwrap_err();
        assert!(error.is(ErrorKind::PacketRejected), "{error:?}");
        assert!(rom.packets <= packet + 60, "{}: it gives up", rom.packets);
        // Refused from its first sending on, the block does not get past its head any more.
        let first = seen.iter().find_map(|e| match e {
            Event::Warning { text, .. } => Some(text.clone()),
            _ => None,
        });
        assert!(first.unwrap().contains(&format!("packet {packet}")));
        assert_eq!(error.fact("block"), Some(block));
        if kind == "head" {
            assert_eq!((error.fact("kind"), error.fact("offset")), (Some(kind), Some(offset)));
        }
    }
}

#[test]
fn a_start_that_is_refused_each_time_is_no_fault_of_the_line() {
    for (mode, block) in [(1, "raminit"), (2, "usbldr")] {
        let mut rom = Rom { starts_no: Some(mode), ..Rom::default() };
        let error = send(&mut rom).unwrap_err();
        assert!(error.is(ErrorKind::PacketRejected) && error.has(&Detail::StartRefused), "{error:?}");
        assert_eq!((error.fact("kind"), error.fact("block")), (Some("tail"), Some(block)));
        assert_eq!(error.verdict(), Some(Verdict::Recoverable));
        assert!(rom.packets < 40, "{} packets for nothing", rom.packets);
    }
    // One damaged tail is.
    let mut rom = Rom::with(RAMINIT_TAIL, Fault::Refused);
    assert_eq!(send(&mut rom).unwrap().start, Start::Accepted);
}

#[test]
fn a_hanging_raminit_is_told_from_a_lost_answer() {
    let error = send(&mut Rom::with(RAMINIT_TAIL, Fault::Hang)).unwrap_err();
    assert!(error.is(ErrorKind::Timeout));
    assert_eq!((error.fact("packet"), error.fact("block")), (Some("3"), Some("raminit")));
    assert_eq!(error.verdict(), Some(Verdict::Recoverable));

    let mut rom = Rom::with(RAMINIT_TAIL, Fault::Mute);
    let done = send(&mut rom).unwrap();
    assert_eq!(rom.run.iter().map(|r| r.0).collect::<Vec<_>>(), [1, 1, 2], "raminit again, from its head");
    // The probe, and three packets of raminit.
    assert_eq!((done.repeated, done.start), (4, Start::Accepted));
}

#[test]
fn no_tail_is_ever_sent_twice_in_a_row() {
    for fault in FAULTS {
        for packet in [RAMINIT_TAIL, LAST] {
            let mut watched = Behind { rom: Rom::with(packet, fault), line: Watched(0) };
            let _ = send(&mut watched);
        }
    }
}

/// A boot ROM behind a line, through which all that is written to it goes.
struct Behind<L> {
    rom: Rom,
    line: L,
}

trait Line: Send {
    fn write(&mut self, rom: &mut Rom, bytes: &[u8]) -> Result<()>;
}

impl<L: Line> ByteLink for Behind<L> {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.line.write(&mut self.rom, bytes)
    }
    fn read(&mut self, buffer: &mut [u8], deadline: Moment) -> Result<usize> {
        self.rom.read(buffer, deadline)
    }
    fn discard_input(&mut self) -> Result<()> {
        self.rom.discard_input()
    }
    fn now(&self) -> Moment {
        self.rom.now()
    }
    fn sleep(&mut self, time: Duration) {
        self.rom.sleep(time);
    }
}

/// Remembers the first byte of the last packet.
struct Watched(u8);

impl Line for Watched {
    fn write(&mut self, rom: &mut Rom, bytes: &[u8]) -> Result<()> {
        assert!(!(bytes[0] == 0xed && matches!(self.0, 0xed | 0x41)), "a tail again");
        self.0 = bytes[0];
        rom.write(bytes)
    }
}

#[test]
fn a_port_that_closes_upon_the_last_tail_is_a_start() {
    for fault in [Fault::Mute, Fault::Garbled, Fault::Lie, Fault::Gone] {
        let done = send(&mut Rom::with(LAST, fault)).unwrap();
        assert_eq!(done.start, Start::HungUp, "{fault:?}");
    }
    // A tail that was lost started nothing: the boot ROM is still there, and gets the block again.
    let mut rom = Rom::with(LAST, Fault::Lost);
    assert_eq!(send(&mut rom).unwrap().start, Start::Accepted);
    assert_eq!(rom.run.iter().map(|r| r.0).collect::<Vec<_>>(), [1, 2]);
    // It hangs: neither is seen.
    let done = send(&mut Rom { keeps_port: true, ..Rom::with(LAST, Fault::Hang) }).unwrap();
    assert!(matches!(done.start, Start::NotConfirmed(_)), "{done:?}");
}

#[test]
fn a_block_without_bytes_is_not_sent() {
    let mut bytes = file(&filler(10), &filler(10));
    bytes[40..44].copy_from_slice(&0u32.to_le_bytes());
    let mut rom = Rom::default();
    let error = download(&mut rom, &Loader::parse(bytes).unwrap(), &mut Session::quiet()).unwrap_err();
    assert_eq!((error.kind(), error.verdict()), (ErrorKind::FileCorrupt, Some(Verdict::Untouched)));
    assert_eq!((error.fact("block"), rom.packets), (Some("raminit"), 0));
}

#[test]
fn progress_counts_the_bytes_of_each_block() {
    let mut seen = Vec::new();
    download(&mut Rom::default(), &small(), &mut Session::new(|e| seen.push(e), Cancel::new())).unwrap();
    let told: Vec<String> = seen
        .iter()
        .map(|e| match e {
            Event::Step { code, text } => format!("{code} {text}"),
            Event::Progress { done, total } => format!("{done}/{total}"),
            other => format!("{other:?}"),
        })
        .collect();
    assert_eq!(
        told,
        [
            "boot-probe asking whether the boot ROM is there",
            "load-block raminit: 300 bytes to 0x2ffe4000",
            "300/300",
            "load-block usbldr: 2500 bytes to 0x30004000",
            "1024/2500",
            "2048/2500",
            "2500/2500",
        ]
    );
}
