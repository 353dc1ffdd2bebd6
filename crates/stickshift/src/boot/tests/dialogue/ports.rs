//! Ports that close, people who stop, and what the port tells at the end.

use super::*;
use crate::boot::check_end;

/// A boot ROM whose port closes at one packet and comes back.
struct Closing {
    rom: Rom,
    closes_at: u32,
    closed: bool,
    comes_back: bool,
    /// Whether the packet still arrived.
    arrives: bool,
}

impl ByteLink for Closing {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        if self.closed {
            return Err(Error::new(ErrorKind::Disconnected, "closed"));
        }
        if self.rom.packets == self.closes_at {
            self.closed = true;
            self.closes_at = u32::MAX;
            if !self.arrives {
                return Ok(());
            }
        }
        self.rom.write(bytes)
    }
    fn read(&mut self, buffer: &mut [u8], deadline: Moment) -> Result<usize> {
        if self.closed {
            return Err(Error::new(ErrorKind::Disconnected, "closed"));
        }
        self.rom.read(buffer, deadline)
    }
    fn discard_input(&mut self) -> Result<()> {
        if self.closed {
            Err(Error::new(ErrorKind::Disconnected, "closed"))
        } else {
            self.rom.discard_input()
        }
    }
    fn now(&self) -> Moment {
        self.rom.now()
    }
    fn sleep(&mut self, time: Duration) {
        self.rom.sleep(time);
    }
    fn reopen(&mut self, limit: Duration) -> Result<bool> {
        let back = self.comes_back && !self.rom.gone;
        self.rom.now += if back { Duration::from_secs(1) } else { limit };
        self.rom.answers.clear();
        self.closed = !back;
        Ok(back)
    }
}

#[test]
fn a_port_that_closes_and_comes_back_is_gone_on_with() {
    for closes_at in 0..SMALL_PACKETS {
        for arrives in [false, true] {
            let case = format!("closes at packet {closes_at}, which arrives: {arrives}");
            let closing =
                |comes_back| Closing { rom: Rom::default(), closes_at, closed: false, comes_back, arrives };
            let mut link = closing(true);
            let done = send(&mut link).unwrap_or_else(|e| panic!("{case}: {e:?}"));
            let started = link.rom.run.iter().any(|r| r.0 == 2);
            assert!(started && !link.rom.memory_was_dead, "{case}: {done:?}");
            let mut link = closing(false);
            match send(&mut link) {
                Ok(done) => assert_eq!((closes_at, done.start), (LAST, Start::HungUp), "{case}"),
                Err(error) => assert!(error.is(ErrorKind::Disconnected), "{case}: {error:?}"),
            }
        }
    }
}

#[test]
fn it_stops_between_packets_when_asked_to() {
    for stop_after in 0..=SMALL_PACKETS {
        let cancel = Cancel::new();
        let mut link =
            Behind { rom: Rom::default(), line: Cancelling { cancel: cancel.clone(), stop_after } };
        if stop_after == 0 {
            cancel.cancel();
        }
        let result = download(&mut link, &small(), &mut Session::new(|_| {}, cancel));
        if stop_after == SMALL_PACKETS {
            result.unwrap();
            continue;
        }
        let error = result.unwrap_err();
        assert!(error.is(ErrorKind::Interrupted), "{error:?}");
        assert_eq!(link.rom.packets, stop_after, "nothing is written after the request");
        let verdict = if stop_after < 2 { Verdict::Untouched } else { Verdict::Recoverable };
        assert_eq!(error.verdict(), Some(verdict), "after {stop_after}");
    }
}

/// Whoever stops then may have started a loader that erases the flash.
#[test]
fn a_failure_after_the_last_tail_says_that_the_loader_may_run() {
    let mut failures = 0;
    for fault in FAULTS.into_iter().filter(|fault| *fault != Fault::Lie) {
        for at in 0..SMALL_PACKETS {
            for stop_after in 1..=SMALL_PACKETS + 2 {
                let cancel = Cancel::new();
                let rom = Rom { keeps_port: true, ..Rom::with(at, fault) };
                let mut link = Behind { rom, line: Cancelling { cancel: cancel.clone(), stop_after } };
                let Err(error) = download(&mut link, &small(), &mut Session::new(|_| {}, cancel)) else {
                    continue;
                };
                let runs = link.rom.run.iter().any(|run| run.0 == 2);
                let told = error.has(&Detail::StartUnseen);
                assert!(told || !runs, "{fault:?} at {at}, stopped after {stop_after}: {error:?}");
                // What was lost or refused started nothing; only the first of these is not seen.
                assert!(
                    runs || !told || at == LAST,
                    "{fault:?} at {at}, stopped after {stop_after}: {error:?}"
                );
                failures += u32::from(runs);
            }
        }
    }
    assert!(failures > 2, "{failures}");
}

/// Acceptance and refusal in one answer: either may be that of the tail.
#[test]
fn a_tail_that_was_accepted_and_refused_may_have_started_the_loader() {
    let rom = Rom { keeps_port: true, ..Rom::with(LAST, Fault::Both) };
    let cancel = Cancel::new();
    let mut link = Behind { rom, line: Cancelling { cancel: cancel.clone(), stop_after: SMALL_PACKETS } };
    let error = download(&mut link, &small(), &mut Session::new(|_| {}, cancel)).unwrap_err();
    assert!(error.is(ErrorKind::Interrupted) && error.has(&Detail::StartUnseen), "{error:?}");
}

/// Asks to stop as soon as so many packets were written.
struct Cancelling {
    cancel: Cancel,
    stop_after: u32,
}

impl Line for Cancelling {
    fn write(&mut self, rom: &mut Rom, bytes: &[u8]) -> Result<()> {
        rom.write(bytes)?;
        if rom.packets == self.stop_after {
            self.cancel.cancel();
        }
        Ok(())
    }
}

/// What a port says to one probe after the other, or `gone`.
fn end(dialogue: &str) -> Result<Start> {
    let sent = Downloaded {
        packets: 8,
        bytes: 3072,
        repeated: 0,
        slowest: Duration::from_millis(1),
        start: Start::Accepted,
    };
    let mut link = TapeLink::new(Tape::parse(dialogue).unwrap());
    let result = check_end(&mut link, &sent, &mut Session::quiet());
    assert!(link.is_finished(), "{dialogue:?}: {result:?}");
    assert!(link.now() < Duration::from_millis(100), "nobody waits for the port to close");
    result
}

#[test]
fn an_accepted_loader_runs_when_no_boot_rom_answers_any_more() {
    assert_eq!(end("> 41").unwrap(), Start::Accepted);
    // The last acceptance again, late.
    assert_eq!(end("> 41\n< aa").unwrap(), Start::Accepted);
    // A refusal of something earlier, late: the boot ROM would refuse the next probe, too.
    assert_eq!(end("> 41\n< 55\n> 41").unwrap(), Start::Accepted);
    let error = end("> 41\n< 55\n> 41\n< 55").unwrap_err();
    assert!(error.is(ErrorKind::LoaderNotStarted), "{error:?}");
    assert_eq!(error.verdict(), Some(Verdict::Recoverable));
}
